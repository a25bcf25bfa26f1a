//! The presets' figures, names, units and dimension sets, against what the agents' documents and
//! runs of them say: figures are recomputed by `presets/expected.py`, which has tables of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

mod support;

use cwmem::clock::{Boottime, Moment, Timestamp};
use cwmem::column::columns;
use cwmem::metric::Value;
use cwmem::preset::{Manner, PRESETS};
use cwmem::sample::{Rates, Sample};
use cwmem::source::meminfo::{Extras, parse};
use cwmem::units::{Bytes, Tenths};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::agent::{INSTANCE, Setup, publishing};
use support::cloudwatch::{Double, Seen, Series, Statistics};
use tempfile::TempDir;

/// Every captured host, the worked example, and a host whose fields add up to more than its memory.
fn hosts() -> Vec<PathBuf> {
    let captures = fs::read_dir("tests/captures/meminfo").unwrap();
    let mut hosts: Vec<PathBuf> = captures.map(|entry| entry.unwrap().path()).collect();
    hosts.extend([WORKED_EXAMPLE, "tests/presets/more-than-there-is"].map(PathBuf::from));
    hosts
}

/// {preset: {metric: [unit, value]}}, computed apart from the code under test.
fn expected(
    meminfo: &Path,
    low: Option<u64>,
) -> BTreeMap<String, BTreeMap<String, (String, Json)>> {
    let mut python = Command::new("python3");
    python.arg("tests/presets/expected.py").arg(meminfo);
    let output = python.args(low.map(|low| low.to_string())).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn same(found: Option<f64>, expected: &Json) -> bool {
    match (found, expected.as_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected.abs(),
        (found, expected) => found == expected,
    }
}

fn check(meminfo: &Path, low: Option<u64>) {
    let mut sample = Sample::new(Moment { wall: Timestamp(0), boot: Boottime(0) }, 0);
    sample.covered = Tenths(10);
    let mut info = parse(&fs::read(meminfo).unwrap(), &Extras::default(), &mut []).unwrap();
    info.low_watermark = low.map(Bytes);
    sample.meminfo = Some(info);
    let expected = expected(meminfo, low);
    let names: BTreeSet<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    assert_eq!(names, expected.keys().map(String::as_str).collect());
    for preset in &PRESETS {
        let expected = &expected[preset.name];
        let names: BTreeSet<&str> = preset.rows.iter().map(|row| row.name).collect();
        assert_eq!(names, expected.keys().map(String::as_str).collect(), "{}", preset.name);
        for row in preset.rows {
            let metric = row.metric(Manner::default());
            let found = metric.value(&sample, &Rates::default()).map(|value| match value {
                Value::Weighted(value, _) | Value::Events(value) => value,
            });
            let mut kept = Sample::new(sample.taken, 0);
            kept.covered = sample.covered;
            for column in columns(std::slice::from_ref(&metric), &[]) {
                if let Some(value) = column.get(&sample) {
                    column.set(&mut kept, value);
                }
            }
            let again = metric.value(&kept, &Rates::default());
            assert_eq!(again, metric.value(&sample, &Rates::default()), "{}", row.name);
            let (unit, value) = &expected[row.name];
            let place = format!("{}: {} {}", meminfo.display(), preset.name, row.name);
            assert_eq!(metric.unit.as_str(), unit, "{place}");
            assert!(same(found, value), "{place}: expected {value}, found {found:?}");
        }
    }
}

#[test]
fn every_preset_on_every_host() {
    let hosts = hosts();
    assert!(hosts.len() >= 6);
    for host in &hosts {
        check(host, None);
        check(host, Some(45_056 * 1_024));
        check(host, Some(512 * 1_024));
    }
}

/// As the agents' documents have it, to their digits. The example is that of telegraf's document.
#[test]
fn the_worked_example_has_the_documented_figures() {
    let expected = expected(Path::new(WORKED_EXAMPLE), None);
    for (preset, metric, figure) in [
        ("cwagent", "mem_used_percent", "15.95"),
        ("cwagent", "mem_used", "3335778304"),
        ("cwagent", "swap_used_percent", "0.2057"),
        ("cwagent-available", "mem_used_percent", "19.58"),
        ("cwagent-available", "swap_used_percent", "0.2057"),
        ("telegraf", "mem_used_percent", "19.58"),
        ("telegraf", "swap_used_percent", "0.2057"),
        ("mon-scripts", "MemoryUtilization", "25.147"),
        ("mon-scripts", "SwapUtilization", "0.2057"),
        ("cloudwatchmon", "MemoryUtilization", "25.147"),
        ("mon-scripts-incl-cache", "MemoryUtilization", "91.022"),
        ("cloudwatchmon-incl-cache", "MemoryUtilization", "91.022"),
        ("collectd", "memory.percent.used", "15.196"),
        ("collectd", "swap.percent.used", "0.1754"),
        ("ec2-memory", "MemUsage", "25.15"),
        ("ec2-memory", "SwapUsage", "0.1754"),
    ] {
        let digits = figure.split_once('.').map_or(0, |(_, digits)| digits.len());
        let value = expected[preset][metric].1.as_f64().unwrap();
        assert_eq!(format!("{value:.digits$}"), figure, "{preset} {metric}");
    }
}

/// A captured host as a tree to be read.
fn tree(meminfo: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(meminfo, folder.path().join("meminfo")).unwrap();
    folder
}

/// What arrived, as `NAMESPACE NAME UNIT {NAME=VALUE,…}` with its values.
fn arrived(double: &Double, enough: usize) -> BTreeMap<String, Vec<f64>> {
    let all = |seen: &Seen| seen.series().len() >= enough;
    let seen = double.wait_for(PATIENCE, all).unwrap();
    let mut arrived: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for request in &seen.accepted {
        for datum in &request.datums {
            let pairs = datum.dimensions.iter().map(|(name, value)| format!("{name}={value}"));
            let pairs = pairs.collect::<Vec<_>>().join(",");
            let unit = datum.unit.as_deref().unwrap_or("None");
            let key = format!("{} {} {unit} {{{pairs}}}", request.namespace, datum.name);
            let statistics = Statistics::of([&datum.figures]).unwrap();
            let values = statistics.distribution().into_iter().map(|(value, _)| value);
            arrived.entry(key).or_default().extend(values);
        }
    }
    arrived
}

/// Runs the agent on a captured host until every expected series arrived, and compares them all:
/// names, units, dimension sets and values.
fn check_run(meminfo: &str, config: &str, expected: &[(String, &Json)]) {
    let double = Double::start();
    let tree = tree(Path::new(meminfo));
    let config = format!(
        "{}sample.proc_root = {:?}\npublish.period = \"1s\"\npublish.every = \"1s\"\n{config}",
        publishing(&double.url()),
        tree.path()
    );
    let mut agent = Setup::new(&config).start();
    let arrived = arrived(&double, expected.len());
    agent.signal("TERM");
    agent.wait(PATIENCE);
    let series: Vec<&String> = arrived.keys().collect();
    let mut wanted: Vec<&String> = expected.iter().map(|(series, _)| series).collect();
    wanted.sort();
    assert_eq!(series, wanted);
    for (series, value) in expected {
        for found in &arrived[series] {
            assert!(same(Some(*found), value), "{series}: expected {value}, found {found}");
        }
    }
}

/// On EC2, in no Auto Scaling group.
const INSTANCE_CONFIG: &str = "identity.image_id = \"ami-0123456789abcdef0\"\nidentity.instance_type = \"m7i.large\"\nmetrics.enabled = []\nmetrics.health = false\n";

#[test]
fn the_cloudwatch_agent_s_datums() {
    for host in [WORKED_EXAMPLE, "tests/captures/meminfo/coreos-8g-kernel4.14-noswap"] {
        let figures = &expected(Path::new(host), None)["cwagent"];
        let shipped = format!(
            "{{ImageId=ami-0123456789abcdef0,InstanceId={INSTANCE},InstanceType=m7i.large}}"
        );
        let series = |name: &str, set: &str| {
            let (unit, value) = &figures[name];
            (format!("CWAgent {name} {unit} {set}"), value)
        };
        let config = format!("{INSTANCE_CONFIG}metrics.presets = [\"cwagent\"]\n");
        check_run(host, &config, &[series("mem_used_percent", &shipped)]);
        // What the agent adds in a group, and aggregates.
        let in_group = format!(
            "{{AutoScalingGroupName=web,ImageId=ami-0123456789abcdef0,InstanceId={INSTANCE},InstanceType=m7i.large}}"
        );
        let names: Vec<&str> = figures.keys().map(String::as_str).collect();
        let config = format!(
            "{config}identity.auto_scaling_group = \"web\"\n[metrics.cwagent]\nmetrics = {names:?}\ndimensions = [[\"ImageId\", \"InstanceId\", \"InstanceType\", \"AutoScalingGroupName?\"], [\"AutoScalingGroupName\"], []]\n"
        );
        let sets = [in_group.as_str(), "{AutoScalingGroupName=web}", "{}"];
        let all: Vec<_> = names.iter().flat_map(|name| sets.map(|set| series(name, set))).collect();
        check_run(host, &config, &all);
    }
}

#[test]
fn the_monitoring_scripts_datums() {
    for host in [WORKED_EXAMPLE, "tests/captures/meminfo/server-16g-kernel3-swap-no-memavailable"] {
        let all = expected(Path::new(host), None);
        let series = |preset: &str, namespace: &str| -> Vec<_> {
            let figures = all[preset].iter().map(|(name, (unit, value))| {
                (format!("{namespace} {name} {unit} {{InstanceId={INSTANCE}}}"), value)
            });
            figures.collect()
        };
        let config = format!("{INSTANCE_CONFIG}metrics.presets = [\"mon-scripts\"]\n");
        check_run(host, &config, &series("mon-scripts", "System/Linux"));
        // Both at once, the second one elsewhere.
        let config = format!(
            "{INSTANCE_CONFIG}metrics.presets = [\"mon-scripts\", \"mon-scripts-incl-cache\"]\n[metrics.mon-scripts-incl-cache]\nnamespace = \"InclCache\"\n"
        );
        let mut both = series("mon-scripts", "System/Linux");
        both.extend(series("mon-scripts-incl-cache", "InclCache"));
        check_run(host, &config, &both);
    }
}

#[test]
fn off_ec2_the_agents_say_which_host() {
    let all = expected(Path::new(WORKED_EXAMPLE), None);
    let collectd = |name: &str| {
        let (unit, value) = &all["collectd"][name];
        (format!("collectd {name} {unit} {{Host=web,PluginInstance=NONE}}"), value)
    };
    let (unit, value) = &all["cwagent"]["mem_used_percent"];
    let agent = (format!("CWAgent mem_used_percent {unit} {{host=web}}"), value);
    let double = Double::start();
    let tree = tree(Path::new(WORKED_EXAMPLE));
    let config = format!(
        "cloudwatch.endpoint_url = {:?}\nidentity.ec2 = false\nidentity.host = \"web\"\nsample.proc_root = {:?}\nmetrics.enabled = []\nmetrics.presets = [\"cwagent\", \"collectd\"]\n",
        double.url(),
        tree.path()
    );
    let output = Setup::new(&config).arguments(&["once"]).output();
    assert_eq!(output.code, Some(0), "{output:?}");
    let arrived = arrived(&double, 3);
    let expected = [agent, collectd("memory.percent.used"), collectd("swap.percent.used")].map(
        |(series, value)| {
            assert!(same(Some(arrived[&series][0]), value), "{series}");
            series
        },
    );
    assert_eq!(arrived.keys().collect::<BTreeSet<_>>(), expected.iter().collect());
}

/// What was sampled before a `kill -9` comes from the recording: every preset's metrics are in it.
#[test]
fn a_killed_agent_loses_nothing_of_a_preset() {
    let double = Double::start();
    let tree = tree(Path::new(WORKED_EXAMPLE));
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    let config = format!(
        "{}sample.proc_root = {:?}\nsample.interval = \"100ms\"\nmetrics.health = false\nmetrics.presets = {names:?}\n[metrics.cwagent-available]\nnamespace = \"A\"\n[metrics.mon-scripts-incl-cache]\nnamespace = \"B\"\n[metrics.cloudwatchmon]\nnamespace = \"C\"\n[metrics.cloudwatchmon-incl-cache]\nnamespace = \"D\"\n",
        publishing(&double.url()),
        tree.path()
    );
    let setup = Setup::new(&config);
    let recorded = || {
        let history = setup.command_with(&["history", "--json"]).output().unwrap();
        history.stdout.iter().filter(|byte| **byte == b'\n').count()
    };
    let mut agent = setup.start();
    agent.wait_for_line("the first datums are delivered", PATIENCE);
    let sent = recorded();
    let deadline = Instant::now() + PATIENCE;
    while recorded() < sent + 5 {
        assert!(Instant::now() < deadline);
    }
    agent.kill();
    let mut agent = setup.start();
    agent.wait_for_line("samples of an earlier run are folded in", PATIENCE);
    agent.signal("TERM");
    agent.wait(PATIENCE);
    let seen = double.seen();
    let count = |series: &Series| -> f64 {
        let periods = seen.periods(series, Duration::from_secs(60));
        periods.values().map(|statistics| statistics.sample_count).sum()
    };
    let native = Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", INSTANCE);
    let whole = count(&native);
    assert!(whole > 5.0);
    let series = seen.series();
    let of_presets: Vec<_> = series.iter().filter(|series| count(series) == whole).collect();
    assert!(of_presets.len() > 25, "{series:?}");
    for one in &series {
        assert_eq!(count(one), whole, "{one:?}");
    }
}

/// Each sample is published under the presets of its time, and under no other.
#[test]
fn a_reload_changes_presets_and_loses_nothing() {
    let double = Double::start();
    let tree = tree(Path::new(WORKED_EXAMPLE));
    let config = |presets: &str| {
        format!(
            "{}sample.proc_root = {:?}\npublish.period = \"1s\"\npublish.every = \"1s\"\nmetrics.enabled = [\"MemoryUsedPercent\"]\nmetrics.presets = {presets}\n",
            publishing(&double.url()),
            tree.path()
        )
    };
    let setup = Setup::new(&config("[\"ec2-memory\", \"mon-scripts\"]"));
    let mut agent = setup.start();
    let series = |namespace: &str, metric: &str| {
        Series::new(namespace, metric).dimension("InstanceId", INSTANCE)
    };
    let scripts = series("System/Linux", "MemoryUtilization");
    let ours = series("EC2/Memory", "MemoryUsedPercent");
    let agents = Series::new("CWAgent", "mem_used").dimension("InstanceId", INSTANCE);
    double.wait_for(PATIENCE, |seen| !seen.periods(&scripts, SECOND).is_empty()).unwrap();
    let table = "[metrics.cwagent]\nmetrics = [\"mem_used\"]\ndimensions = [[\"InstanceId\"]]\n";
    setup.configure(&format!("{}{table}", config("[\"cwagent\"]")));
    agent.signal("HUP");
    double.wait_for(PATIENCE, |seen| !seen.periods(&agents, SECOND).is_empty()).unwrap();
    agent.signal("TERM");
    agent.wait(PATIENCE);
    let seen = double.seen();
    let count = |series: &Series| -> f64 {
        let periods = seen.periods(series, SECOND);
        periods.values().map(|statistics| statistics.sample_count).sum()
    };
    assert!(count(&scripts) > 0.0 && count(&agents) > 0.0);
    assert_eq!(count(&scripts) + count(&agents), count(&ours));
}

#[test]
fn explain_has_every_formula_of_every_tool() {
    for host in hosts() {
        let tree = tree(&host);
        let output = Setup::new("")
            .arguments(&["explain", "--proc-root", tree.path().to_str().unwrap()])
            .output();
        assert_eq!(output.code, Some(0), "{output:?}");
        for preset in &PRESETS {
            for row in preset.rows {
                let metric = row.metric(Manner::default());
                let is_row = |line: &str| {
                    let tool = line.split("  ").next().unwrap();
                    let of_tool = tool.split(", ").any(|name| name == preset.name);
                    of_tool && line.contains(&format!(" {} ", row.name))
                };
                let line = output.stdout.lines().find(|line| is_row(line));
                let line = line.unwrap_or_else(|| panic!("{} {}", preset.name, row.name));
                assert!(line.contains(&*metric.words), "{line}");
            }
        }
        assert!(output.stdout.contains("Why they differ on this host:"), "{output:?}");
    }
}

const SECOND: Duration = Duration::from_secs(1);
const WORKED_EXAMPLE: &str = "tests/presets/worked-example";
/// Longer than anything that is waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
