//! Agents of one cluster, each on a host of its own making, and what they say in common.

use crate::support::agent::{Agent, Setup};
use crate::support::cloudwatch::{Double, Seen, Series, Statistics};
use crate::support::mariadb::Server;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A host whose memory never changes, with an agent on it.
pub struct Host {
    pub name: String,
    /// In kB.
    pub total: u64,
    pub available: u64,
    pub setup: Setup,
    pub agent: Agent,
    _proc: TempDir,
}

/// So many hosts, no two alike.
pub fn hosts(count: u64, server: &Server, double: &Double, more: &str) -> Vec<Host> {
    (1..=count).map(|number| host(number, server, double, more)).collect()
}

fn host(number: u64, server: &Server, double: &Double, more: &str) -> Host {
    let (total, available) = (4_000_000 * number, 1_500_000 * number + 100_000 * number * number);
    let huge = 100_000;
    let proc = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(proc.path().join(name), text).unwrap();
    fs::create_dir(proc.path().join("pressure")).unwrap();
    write("pressure/memory", "some avg10=0 total=0\nfull avg10=0 total=0\n");
    write("vmstat", "oom_kill 0\n");
    write(
        "meminfo",
        &format!(
            "MemTotal: {} kB\nMemFree: 1 kB\nMemAvailable: {available} kB\nHugetlb: {huge} kB\n",
            total + huge
        ),
    );
    let name = format!("i-{number:017x}");
    let config = format!(
        "cloudwatch.endpoint_url = {:?}\nidentity.instance_id = {name:?}\nidentity.imds = false\n\
         sample.interval = \"500ms\"\nsample.proc_root = {:?}\npublish.period = \"6s\"\n\
         publish.every = \"6s\"\npressure.available_below = \"0%\"\n{more}{}",
        double.url(),
        proc.path(),
        server.config()
    );
    let setup = Setup::new(&config).variable("AWS_ACCESS_KEY_ID", &key(&name));
    let agent = setup.start();
    Host { name, total, available, setup, agent, _proc: proc }
}

impl Host {
    /// In percent of what can be used.
    pub fn used(&self) -> f64 {
        100.0 * (1.0 - self.available as f64 / self.total as f64)
    }

    pub fn series(&self) -> Series {
        Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", &self.name)
    }

    /// What `cwmem cluster status --json` says here.
    pub fn overview(&self) -> serde_json::Value {
        let output = self.command(&["cluster", "status", "--json"]);
        serde_json::from_str(&output).unwrap()
    }

    /// What the command prints; it has to succeed.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = self.setup.command_with(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}{error}");
        text
    }
}

pub fn summary(name: &str) -> Series {
    Series::new("EC2/Memory", name).dimension("Cluster", "web")
}

pub fn periods(seen: &Seen, name: &str) -> BTreeMap<SystemTime, Statistics> {
    seen.periods(&summary(name), PERIOD)
}

/// The hosts that spoke for each period.
pub fn speakers(seen: &Seen) -> BTreeMap<SystemTime, BTreeSet<String>> {
    let mut speakers: BTreeMap<SystemTime, BTreeSet<String>> = BTreeMap::new();
    for request in &seen.accepted {
        let said = request.datums.iter().filter(|datum| datum.name.starts_with("Cluster"));
        for datum in said {
            speakers.entry(datum.timestamp).or_default().insert(request.access_key_id.clone());
        }
    }
    speakers
}

/// No period was spoken for twice, by two members or by one.
pub fn check_once(seen: &Seen) {
    for (period, speakers) in speakers(seen) {
        assert_eq!(speakers.len(), 1, "{period:?}: {speakers:?}");
    }
    for (period, said) in periods(seen, "ClusterMembers") {
        assert_eq!(said.sample_count, 1.0, "{period:?}: {said:?}");
    }
}

/// The access key by which the double knows a host.
pub fn key(name: &str) -> String {
    format!("AKID{}", name.to_uppercase())
}

pub const PERIOD: Duration = Duration::from_secs(6);
