//! Each alarm is on a series that arrives at the double of CloudWatch from the agent itself, with the
//! same configuration.

use crate::support::agent::{Agent, INSTANCE, Setup, publishing};
use crate::support::cloudwatch::{Double, Seen};
use crate::support::mariadb::Server;
use crate::{alarms, inputs};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The kernel files of a host on which memory is waited for, and processes are killed for it.
struct Host {
    proc: TempDir,
    ends: Arc<AtomicBool>,
}

impl Host {
    fn new() -> Host {
        let proc = tempfile::tempdir().unwrap();
        let capture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/captures/meminfo/desktop-32g-kernel5-swap");
        let capture = fs::read_to_string(capture).unwrap();
        let lines = capture.lines().map(|line| match line.starts_with("SwapFree:") {
            // Or a metric of swap wouldn't be sent.
            true => "SwapFree: 1000000 kB\n".to_owned(),
            false => format!("{line}\n"),
        });
        fs::write(proc.path().join("meminfo"), lines.collect::<String>()).unwrap();
        fs::create_dir(proc.path().join("pressure")).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let (folder, end) = (proc.path().to_owned(), ends.clone());
        suffer(&folder, 0);
        std::thread::spawn(move || {
            for turn in 1.. {
                std::thread::sleep(Duration::from_millis(200));
                if end.load(Ordering::Relaxed) {
                    return;
                }
                suffer(&folder, turn);
            }
        });
        Host { proc, ends }
    }

    fn config(&self, double: &Double, instance: &str) -> String {
        let config = publishing(&double.url()).replace(INSTANCE, instance);
        format!("{config}sample.proc_root = {:?}\n", self.proc.path())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

/// In place and of the same length each time: the agent keeps the files open.
fn suffer(folder: &Path, turn: u64) {
    let total = turn * 50_000;
    let pressure = format!("some avg10=0 total={total:012}\nfull avg10=0 total={total:012}\n");
    let vmstat = format!("oom_kill {turn:012}\n");
    for (name, text) in [("pressure/memory", pressure), ("vmstat", vmstat)] {
        let file = File::options().create(true).truncate(false).write(true).open(folder.join(name));
        file.unwrap().write_all_at(text.as_bytes(), 0).unwrap();
    }
}

/// What identifies a series for an alarm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    namespace: String,
    metric: String,
    dimensions: Vec<(String, String)>,
    unit: String,
}

fn wanted(input: &Value) -> Identity {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs = input["Dimensions"].as_array().unwrap().iter();
    let mut dimensions: Vec<_> =
        pairs.map(|pair| (text(&pair["Name"]), text(&pair["Value"]))).collect();
    dimensions.sort();
    Identity {
        namespace: text(&input["Namespace"]),
        metric: text(&input["MetricName"]),
        dimensions,
        unit: text(&input["Unit"]),
    }
}

/// With the resolution of each.
fn seen(seen: &Seen) -> BTreeSet<(Identity, i64)> {
    let datums = seen.accepted.iter().flat_map(|request| {
        request.datums.iter().map(|datum| {
            let identity = Identity {
                namespace: request.namespace.clone(),
                metric: datum.name.clone(),
                dimensions: datum.dimensions.clone(),
                unit: datum.unit.clone().unwrap_or_else(|| "None".to_owned()),
            };
            (identity, datum.resolution)
        })
    });
    datums.collect()
}

/// Waits until each alarm's series has arrived. How many alarms there are.
fn check(setup: &Setup, agent: &Agent, double: &Double, period: u64) -> usize {
    let inputs = inputs(setup);
    let resolution = if period < 60 { 1 } else { 60 };
    let missing = |found: &Seen| {
        let found = seen(found);
        let wanted = inputs.iter().map(wanted);
        wanted.filter(|it| !found.contains(&(it.clone(), resolution))).collect::<Vec<_>>()
    };
    let result = double.wait_for(PATIENCE, |found| missing(found).is_empty());
    if result.is_err() {
        let found = double.seen();
        panic!("{:#?} isn't in {:#?}: {}", missing(&found), seen(&found), agent.said());
    }
    for input in &inputs {
        let alarm = input["Period"].as_u64().unwrap();
        assert!(alarm >= period && alarm.is_multiple_of(period), "{input}");
        assert!(matches!(alarm, 10 | 20 | 30) || alarm.is_multiple_of(60), "{input}");
    }
    check_dashboard(setup, double);
    inputs.len()
}

/// All that is drawn arrives.
fn check_dashboard(setup: &Setup, double: &Double) {
    let body: Value = serde_json::from_str(&alarms(setup, "dashboard")).unwrap();
    let widgets = body["widgets"].as_array().unwrap().iter();
    let rows = widgets.flat_map(|widget| widget["properties"]["metrics"].as_array());
    let drawn = rows.flatten().map(|row| {
        let words: Vec<&str> = row.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let pairs = words[2..].chunks(2);
        let mut pairs: Vec<_> = pairs.map(|it| (it[0].to_owned(), it[1].to_owned())).collect();
        pairs.sort();
        (words[0].to_owned(), words[1].to_owned(), pairs)
    });
    let drawn: Vec<_> = drawn.collect();
    assert!(!drawn.is_empty());
    let missing = |found: &Seen| {
        let found: BTreeSet<_> = seen(found).into_iter().map(|(one, _)| unitless(one)).collect();
        drawn.iter().filter(|one| !found.contains(*one)).cloned().collect::<Vec<_>>()
    };
    let result = double.wait_for(PATIENCE, |found| missing(found).is_empty());
    assert!(result.is_ok(), "{:#?} doesn't arrive", missing(&double.seen()));
}

fn unitless(identity: Identity) -> (String, String, Vec<(String, String)>) {
    (identity.namespace, identity.metric, identity.dimensions)
}

/// The agent, and its alarms.
fn check_host(more: &str, period: u64) -> usize {
    let (double, host) = (Double::start(), Host::new());
    let setup = Setup::new(&format!("{}{more}", host.config(&double, INSTANCE)));
    let agent = setup.start();
    check(&setup, &agent, &double, period)
}

#[test]
fn native() {
    assert_eq!(check_host("", 60), 6);
    let more = "publish.period = \"2s\"\nmetrics.namespace = \"Other\"\nmetrics.dimensions = [[\"InstanceId\", \"Environment\"], []]\ndimensions.Environment = \"it's \\\"one\\\"\"\n";
    assert_eq!(check_host(more, 2), 6 + 5);
}

#[test]
fn presets() {
    let more = r#"identity.image_id = "ami-1"
identity.instance_type = "m7g.large"
identity.host = "web-1"
[metrics]
presets = ["cwagent", "telegraf", "mon-scripts", "collectd", "ec2-memory"]
enabled = []
[[metrics.cwagent]]
[[metrics.cwagent]]
metrics = [{ metric = "mem_used_percent", name = "Used", unit = "Count" }]
dimensions = [["InstanceId"]]
"#;
    // A ticket and a page of each of six, and one of silence.
    assert_eq!(check_host(more, 60), 6 * 2 + 1);
}

#[test]
fn groups() {
    let more = "identity.auto_scaling_group = \"web\"\nmetrics.dimensions = [[\"InstanceId\", \"AutoScalingGroupName?\"], [\"AutoScalingGroupName\"]]\n";
    assert_eq!(check_host(more, 60), 5 + 5);
}

/// What is said of all needs two members.
#[test]
fn clusters() {
    let (double, server) = (Double::start(), Server::start());
    let hosts = [Host::new(), Host::new()];
    let setups = [0, 1].map(|number| {
        let config = hosts[number].config(&double, &format!("i-0000000000000000{number}"));
        let more = "publish.period = \"10s\"\n";
        Setup::new(&format!("{config}{more}{}", server.config()))
    });
    let agents = [0, 1].map(|number| setups[number].start());
    let made = setups[0].command_with(&["cluster", "init"]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    assert_eq!(check(&setups[0], &agents[0], &double, 10), 6 + 2);
}

/// A period, and the time until it is spoken for.
const PATIENCE: Duration = Duration::from_secs(80);
