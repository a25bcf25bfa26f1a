//! Agents of one cluster, each on a host of its own making, and what they say in common.

use crate::support::agent::{Agent, Setup};
use crate::support::cloudwatch::{Double, Seen, Series, Statistics};
use crate::support::mariadb::Server;
use crate::support::relay::Relay;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// What members of one cluster have in common.
#[derive(Clone)]
pub struct Plan<'a> {
    pub server: &'a Server,
    /// Asked for once: that writes the password's file, which members read.
    pub of_server: String,
    /// Of the service.
    pub endpoint: String,
    pub cluster: &'a str,
    pub schema: &'a str,
    pub user: &'a str,
    /// In seconds.
    pub period: u64,
}

/// A host with an agent on it, and a way of its own to the database.
pub struct Host {
    pub name: String,
    /// What can be used, in kB.
    pub total: u64,
    pub available: u64,
    pub setup: Setup,
    pub agent: Agent,
    pub relay: Relay,
    proc: TempDir,
}

impl<'a> Plan<'a> {
    pub fn new(server: &'a Server, double: &Double) -> Plan<'a> {
        Plan {
            server,
            of_server: server.config(),
            endpoint: double.url(),
            cluster: "web",
            schema: "cwmem",
            user: "cwmem",
            period: PERIOD.as_secs(),
        }
    }

    /// No two alike.
    pub fn hosts(&self, numbers: RangeInclusive<u64>) -> Vec<Host> {
        numbers.map(|number| self.host(number)).collect()
    }

    pub fn host(&self, number: u64) -> Host {
        self.host_with(number, |setup| setup)
    }

    pub fn host_with(&self, number: u64, more: impl FnOnce(Setup) -> Setup) -> Host {
        let proc = tempfile::tempdir().unwrap();
        let (total, available) = fill(&proc, number);
        let relay = Relay::start(self.server.url().rsplit(':').next().unwrap().parse().unwrap());
        let name = format!("i-{number:017x}");
        let setup = Setup::new(&self.config(&name, &proc, relay.port()));
        let setup = more(setup.variable("AWS_ACCESS_KEY_ID", &key(&name)));
        let agent = setup.start();
        Host { name, total, available, setup, agent, relay, proc }
    }

    fn config(&self, name: &str, proc: &TempDir, port: u16) -> String {
        let Plan { endpoint, cluster, schema, user, period, of_server, .. } = self;
        let database = format!("database = \"mysql://{user}@127.0.0.1:{port}/{schema}\"");
        let of_server = of_server.lines().map(|line| match line.split(' ').next() {
            Some("database") => database.clone(),
            Some("name") => format!("name = {cluster:?}"),
            _ => line.to_owned(),
        });
        let of_server = of_server.collect::<Vec<_>>().join("\n");
        format!(
            "cloudwatch.endpoint_url = {endpoint:?}\nidentity.instance_id = {name:?}\n\
             identity.imds = false\nsample.interval = \"500ms\"\nsample.proc_root = {:?}\n\
             publish.period = \"{period}s\"\npublish.every = \"{period}s\"\n\
             pressure.available_below = \"0%\"\n{of_server}",
            proc.path(),
        )
    }
}

/// The kernel files of a captured host, less memory being available on each than on the one before:
/// what can be used and what is available, in kB.
fn fill(proc: &TempDir, number: u64) -> (u64, u64) {
    let write = |name: &str, text: &str| fs::write(proc.path().join(name), text).unwrap();
    fs::create_dir(proc.path().join("pressure")).unwrap();
    write("pressure/memory", "some avg10=0 total=0\nfull avg10=0 total=0\n");
    write("vmstat", "oom_kill 0\n");
    let capture = CAPTURES[usize::try_from(number).unwrap() % CAPTURES.len()];
    let kib = |name| field(capture, name);
    let available = kib("MemAvailable:") - number * 50_000;
    // Every third has a pool of huge pages, which nobody else can use.
    let huge = if number.is_multiple_of(3) { 102_400 } else { 0 };
    let lines = capture.lines().map(|line| match line.split(':').next() {
        Some("MemAvailable") => line_of_available(available),
        Some("Hugetlb") => format!("Hugetlb: {huge} kB\n"),
        _ => format!("{line}\n"),
    });
    write("meminfo", &lines.collect::<String>());
    (kib("MemTotal:") - huge, available)
}

/// Always as long.
fn line_of_available(kib: u64) -> String {
    format!("MemAvailable: {kib:>10} kB\n")
}

fn field(meminfo: &str, name: &str) -> u64 {
    let line = meminfo.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

impl Host {
    /// Another amount of available memory, in one write.
    pub fn change(&self, available: u64) {
        let path = self.proc.path().join("meminfo");
        let place = fs::read_to_string(&path).unwrap().find("MemAvailable:").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(line_of_available(available).as_bytes(), place as u64).unwrap();
    }

    pub fn series(&self) -> Series {
        Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", &self.name)
    }

    /// SIGSTOP; all of it stands still when this returns.
    pub fn freeze(&self) {
        freeze(self.agent.id());
    }

    pub fn thaw(&self) {
        self.agent.signal("CONT");
    }

    pub fn is_leader(&self) -> bool {
        let output = self.setup.command_with(&["status", "--json"]).output().unwrap();
        let status: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
        status.is_some_and(|status| status["role"] == "leader")
    }

    /// What `cwmem status --json` says of its part in the cluster.
    pub fn part(&self) -> serde_json::Value {
        let status: serde_json::Value =
            serde_json::from_str(&self.command(&["status", "--json"])).unwrap();
        status["cluster"].clone()
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

/// A server and a double for the calling test, which goes before other processes with all that it
/// starts, where its user may ask for that: a cluster's deadlines are short where its periods are.
pub fn world() -> (Server, Double) {
    let _ = rustix::process::setpriority_process(None, -15);
    (Server::start(), Double::start())
}

/// SIGSTOP; every thread stands still when this returns.
pub fn freeze(process: u32) {
    let kill = ["-c", "kill -s STOP \"$1\"", "sh", &process.to_string()];
    assert!(std::process::Command::new("sh").args(kill).status().unwrap().success());
    let runs = |task: std::io::Result<fs::DirEntry>| {
        let stat = fs::read_to_string(task.unwrap().path().join("stat"));
        stat.is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('T'))
    };
    let tasks = format!("/proc/{process}/task");
    wait_until("the process to stand still", Duration::from_secs(10), || {
        !fs::read_dir(&tasks).unwrap().any(runs)
    });
}

/// How long that took.
pub fn wait_until(what: &str, patience: Duration, mut happened: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < patience, "{patience:?} are not enough for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}

pub fn summary_of(cluster: &str, name: &str) -> Series {
    Series::new("EC2/Memory", name).dimension("Cluster", cluster)
}

pub fn summary(name: &str) -> Series {
    summary_of("web", name)
}

pub fn periods(seen: &Seen, name: &str) -> BTreeMap<SystemTime, Statistics> {
    seen.periods(&summary(name), PERIOD)
}

/// The hosts that spoke for each period of a cluster, by their keys.
pub fn speakers_of(seen: &Seen, cluster: &str) -> BTreeMap<SystemTime, BTreeSet<String>> {
    let mut speakers: BTreeMap<SystemTime, BTreeSet<String>> = BTreeMap::new();
    let pair = ("Cluster".to_owned(), cluster.to_owned());
    for request in &seen.accepted {
        let said = request.datums.iter().filter(|datum| datum.dimensions.contains(&pair));
        for datum in said {
            speakers.entry(datum.timestamp).or_default().insert(request.access_key_id.clone());
        }
    }
    speakers
}

pub fn speakers(seen: &Seen) -> BTreeMap<SystemTime, BTreeSet<String>> {
    speakers_of(seen, "web")
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
/// Those of `tests/captures/meminfo` whose kernels tell what is available.
const CAPTURES: [&str; 2] = [
    include_str!("../captures/meminfo/coreos-8g-kernel4.14-noswap"),
    include_str!("../captures/meminfo/desktop-32g-kernel5-swap"),
];
