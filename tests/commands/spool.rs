//! `cwmem spool`: what waits, shown and changed while the agent is stopped.

use crate::support::agent::{INSTANCE, Output, Setup};
use crate::support::cloudwatch::{Double, Fault, Seen, Series};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A host whose state outlives its agents.
struct Host {
    folder: TempDir,
    double: Double,
}

impl Host {
    fn new() -> Host {
        Host { folder: tempfile::tempdir().unwrap(), double: Double::start() }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn setup(&self, instance: &str) -> Setup {
        let runtime = self.folder.path().join("run");
        let url = self.double.url();
        let proc_root = self.proc_root(instance);
        Setup::new(&format!(
            "state.directory = {:?}\nstate.runtime_directory = {runtime:?}\nsample.proc_root = {proc_root:?}\n\
             cloudwatch.endpoint_url = {url:?}\nidentity.instance_id = {instance:?}\nidentity.imds = false\n\
             metrics.enabled = [\"MemoryUsedPercent\"]\npublish.period = \"1s\"\npublish.every = \"1s\"\n",
            self.state(),
        ))
    }

    /// Two instances are two machines, of which each has booted by itself.
    fn proc_root(&self, instance: &str) -> PathBuf {
        let root = self.folder.path().join(instance);
        fs::create_dir_all(root.join("sys/kernel/random")).unwrap();
        fs::write(root.join("sys/kernel/random/boot_id"), instance).unwrap();
        for name in ["meminfo", "vmstat"] {
            fs::copy(Path::new("/proc").join(name), root.join(name)).unwrap();
        }
        root
    }

    fn spool(&self, instance: &str, arguments: &[&str]) -> Output {
        let arguments: Vec<&str> = ["spool"].iter().chain(arguments).copied().collect();
        self.setup(instance).arguments(&arguments).output()
    }

    /// Runs an agent of `instance` that is throttled until it has some publishes on the disk.
    fn backlog(&self, instance: &str) {
        self.double.always(Fault::throttled("ThrottlingException"));
        let mut agent = self.setup(instance).start();
        let end = std::time::Instant::now() + PATIENCE;
        while files(&self.state().join("spool")) < 3 {
            assert!(std::time::Instant::now() < end, "{}", agent.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        let running = self.spool(instance, &["list"]);
        assert_eq!(running.code, Some(75), "{running:?}");
        assert!(
            running.stderr.contains("stop it first") && running.stderr.contains("cwmem status")
        );
        agent.signal("TERM");
        assert!(agent.wait(PATIENCE).0.success());
        self.double.heal();
    }

    fn lines(&self, instance: &str) -> Vec<Value> {
        let output = self.spool(instance, &["list", "--json"]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
        output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn files(folder: &Path) -> usize {
    let names = fs::read_dir(folder).into_iter().flatten();
    names
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|it| it == "jsonl"))
        .count()
}

#[test]
fn what_waits_is_listed() {
    let host = Host::new();
    host.backlog(INSTANCE);
    let lines = host.lines(INSTANCE);
    assert!(lines.len() >= 3, "{lines:#?}");
    let mut periods = Vec::new();
    for line in &lines {
        assert_eq!((&line["state"], &line["waits"]), (&"ready".into(), &true.into()), "{line}");
        assert!(line["file"].as_str().unwrap().starts_with("spool/"), "{line}");
        assert!(line["bytes"].as_u64() > Some(0) && line["datums"].as_u64() > Some(0), "{line}");
        assert!((0.0..600.0).contains(&line["age_seconds"].as_f64().unwrap()), "{line}");
        periods.push(line["period"].as_str().unwrap().to_owned());
    }
    assert!(periods.is_sorted(), "the oldest first: {periods:?}");
    let output = host.spool(INSTANCE, &["list"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let total = format!("\n{} files wait to be sent: ", lines.len());
    assert!(output.stdout.starts_with("PERIOD") && output.stdout.contains(&total), "{output:?}");
}

/// An image of a host with data in it becomes another host.
#[test]
fn another_host_s_is_taken_over_and_sent_under_its_own_name() {
    let host = Host::new();
    host.backlog("i-0aaaaaaaaaaaaaaaa");
    let waiting = host.lines("i-0aaaaaaaaaaaaaaaa").len();
    // As another host they are foreign before it has run, and set aside when it has.
    assert!(host.lines(INSTANCE).iter().all(|line| line["state"] == "foreign"));
    let mut agent = host.setup(INSTANCE).start();
    agent.wait_for_line("the first datums are delivered", PATIENCE);
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success());
    let others = Series::new("EC2/Memory", "MemoryUsedPercent")
        .dimension("InstanceId", "i-0aaaaaaaaaaaaaaaa");
    let second = Duration::from_secs(1);
    assert!(
        host.double.seen().periods(&others, second).is_empty(),
        "nothing of it is sent unasked"
    );
    let adopted = host.spool(INSTANCE, &["adopt"]);
    assert_eq!((adopted.code, adopted.stderr.as_str()), (Some(0), ""), "{adopted:?}");
    assert!(adopted.stdout.contains(&format!("{waiting} files with ")), "{adopted:?}");
    assert!(adopted.stdout.contains("i-0aaaaaaaaaaaaaaaa"), "{adopted:?}");
    assert!(adopted.stdout.contains("ring.foreign stays"), "{adopted:?}");
    let _agent = host.setup(INSTANCE).start();
    let all = |seen: &Seen| {
        let periods = seen.periods(&others, Duration::from_millis(1));
        periods.len() >= 3
    };
    host.double.wait_for(PATIENCE, all).unwrap();
}

#[test]
fn what_is_set_aside_is_never_sent() {
    let host = Host::new();
    host.backlog(INSTANCE);
    let lines = host.lines(INSTANCE);
    let unknown = host.spool(INSTANCE, &["quarantine", "nonsense"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(65), ""), "{unknown:?}");
    assert!(unknown.stderr.contains("nonsense"), "{unknown:?}");
    let first = lines[0]["file"].as_str().unwrap();
    let one = host.spool(INSTANCE, &["quarantine", first]);
    assert_eq!(one.code, Some(0), "{one:?}");
    assert!(one.stdout.contains("1 files") && one.stdout.contains("by-hand"), "{one:?}");
    assert_eq!(
        host.lines(INSTANCE).iter().filter(|line| line["waits"] == true).count(),
        lines.len() - 1
    );
    assert_eq!(host.spool(INSTANCE, &["quarantine", "--all"]).code, Some(0));
    assert!(host.lines(INSTANCE).iter().all(|line| line["waits"] == false));
    let last = lines.iter().map(|line| line["period"].as_str().unwrap()).max().unwrap();
    // So that no period has samples of both.
    std::thread::sleep(Duration::from_secs(1));
    let mut agent = host.setup(INSTANCE).start();
    agent.wait_for_line("the first datums are delivered", PATIENCE);
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success());
    // Nor are they folded from the recorder.
    let seen = host.double.seen();
    assert!(seen.datums().all(|datum| text(datum.timestamp).as_str() > last), "{last}: {seen:?}");
    assert_eq!(host.spool(INSTANCE, &["quarantine"]).code, Some(64));
    assert_eq!(host.spool(INSTANCE, &["quarantine", "--all", first]).code, Some(64));
}

#[test]
fn no_directory_and_no_right_are_said() {
    let host = Host::new();
    for action in [&["list"][..], &["adopt"], &["quarantine", "--all"]] {
        let output = host.spool(INSTANCE, action);
        assert_eq!((output.code, output.stdout.as_str()), (Some(65), ""), "{output:?}");
        assert!(output.stderr.contains("no such directory"), "{output:?}");
        assert!(!host.state().exists());
    }
    fs::create_dir(host.state()).unwrap();
    fs::set_permissions(host.state(), Permissions::from_mode(0o700)).unwrap();
    if !is_root(host.folder.path()) {
        return;
    }
    // Anyone else, who can read the configuration.
    let setup = host.setup(INSTANCE).arguments(&["spool", "list"]);
    for folder in [host.folder.path(), setup.folder()] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
    let output = setup.command().uid(65_534).gid(65_534).output();
    let Ok(output) = output else { return };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{stderr}");
    assert!(stderr.contains("run as root (sudo) or as the service's user"), "{stderr}");
    // What root makes stays the service's.
    chown(host.state(), Some(65_534), Some(65_534)).unwrap();
    assert_eq!(host.spool(INSTANCE, &["adopt"]).code, Some(0));
    for name in ["lock", "spool", "owner"] {
        assert_eq!(fs::metadata(host.state().join(name)).unwrap().uid(), 65_534, "{name}");
    }
}

fn is_root(own: &Path) -> bool {
    fs::metadata(own).unwrap().uid() == 0
}

fn text(time: std::time::SystemTime) -> String {
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap();
    cwmem::clock::Timestamp(i64::try_from(since.as_millis()).unwrap()).to_string()
}

const PATIENCE: Duration = Duration::from_secs(30);
