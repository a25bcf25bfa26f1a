//! `cwmem status`: what the running agent tells of itself over its socket.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

mod support;

use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::agent::{Agent, INSTANCE, Output, Setup};
use support::cloudwatch::{Double, Fault, Poison};
use support::imds::{ImdsDouble, Mode};
use tempfile::TempDir;

/// An agent with directories of its own, and whoever asks it.
struct Host {
    folder: TempDir,
    config: String,
}

impl Host {
    fn new(config: &str) -> Host {
        let folder = tempfile::tempdir().unwrap();
        let (state, runtime) = (folder.path().join("state"), folder.path().join("run"));
        let config =
            format!("state.directory = {state:?}\nstate.runtime_directory = {runtime:?}\n{config}");
        Host { folder, config }
    }

    fn publishing(double: &Double, config: &str) -> Host {
        Host::new(&format!("{}{config}", support::agent::publishing(&double.url())))
    }

    fn start(&self) -> Agent {
        let agent = Setup::new(&self.config).start();
        agent.wait_for_line("sampling begins", PATIENCE);
        wait("there is no socket", || self.socket().exists().then_some(()));
        agent
    }

    fn runtime(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn socket(&self) -> PathBuf {
        self.runtime().join("status.sock")
    }

    fn status(&self, flags: &[&str]) -> Output {
        let arguments: Vec<&str> = ["status"].iter().chain(flags).copied().collect();
        Setup::new(&self.config).arguments(&arguments).output()
    }

    /// What a client gets who says nothing.
    fn report(&self) -> Value {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The first report of which `wanted` is true.
    fn report_that(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        wait("no report is as it should be", || Some(self.report()).filter(&wanted))
    }
}

fn wait<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_socket_is_for_everyone_and_goes_with_the_agent() {
    let host = Host::publishing(&Double::start(), "");
    fs::create_dir(host.runtime()).unwrap();
    fs::set_permissions(host.runtime(), Permissions::from_mode(0o755)).unwrap();
    // What an agent that was killed left behind.
    drop(UnixListener::bind(host.socket()).unwrap());
    let mut agent = Setup::new(&host.config).start();
    wait("the socket isn't listened to", || UnixStream::connect(host.socket()).ok());
    assert!(fs::symlink_metadata(host.socket()).unwrap().file_type().is_socket());
    wait("not for everyone", || (mode(&host.socket()) == 0o666).then_some(()));
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success());
    assert!(!host.socket().exists());
    let output = host.status(&[]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(69), ""), "{output:?}");
    for advice in ["status.sock", "cwmem check", "journalctl -u cwmem"] {
        assert!(output.stderr.contains(advice), "{output:?}");
    }
}

#[test]
fn a_directory_that_the_agent_makes_is_open_whatever_the_umask() {
    let host = Host::publishing(&Double::start(), "");
    let setup = Setup::new(&host.config);
    let command = setup.command();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "umask 077; exec \"$0\" run"]).arg(command.get_program()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = shell.stderr(std::process::Stdio::null()).spawn().unwrap();
    wait("the socket isn't listened to", || UnixStream::connect(host.socket()).ok());
    wait("not for everyone", || (mode(&host.socket()) == 0o666).then_some(()));
    assert_eq!(mode(&host.runtime()), 0o755);
    // What is measured is not.
    assert_eq!(mode(&host.runtime().join("ring")), 0o600);
    assert_eq!(mode(&host.folder.path().join("state")), 0o700);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// On EC2 before Nitro only the instance metadata tell the InstanceId. No dimension set needs it here.
#[test]
fn a_cluster_s_member_waits_for_its_name() {
    let (double, imds) = (Double::start(), ImdsDouble::start_in(Mode::Absent));
    let host = Host::new(&format!(
        "cloudwatch = {{ endpoint_url = {:?}, region = \"eu-central-1\" }}\nidentity.ec2 = true\n\
         metrics.dimensions = [[\"Host\"]]\n[cluster]\nname = \"web\"\ntls = \"off\"\n\
         database = \"mysql://cwmem@127.0.0.1:9/cwmem\"\n",
        double.url()
    ));
    let setup = Setup::new(&host.config).variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url());
    let mut agent = setup.start();
    agent.wait_for_line("waits for its InstanceId", PATIENCE);
    wait("there is no socket", || host.socket().exists().then_some(()));
    assert_eq!(host.report()["cluster"]["member"], "");
    assert!(host.status(&[]).stdout.contains("web: waits for this host's InstanceId"));
    // One that is stopped meanwhile ends.
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success());

    let agent = setup.start();
    imds.set(Mode::Normal);
    let line = agent.wait_for_line("this host is a member of a cluster", PATIENCE);
    assert!(line.contains(INSTANCE), "{line}");
    host.report_that(|report| report["cluster"]["member"] == INSTANCE);
}

#[test]
fn what_the_agent_does_is_told() {
    let double = Double::start();
    let host = Host::publishing(
        &double,
        "sample.interval = \"100ms\"\npublish.period = \"1s\"\npublish.every = \"1s\"\nmetrics.dimensions = [[\"InstanceId\"], [\"Host\", \"AutoScalingGroupName?\"]]\nidentity.host = \"test\"\n",
    );
    let agent = host.start();
    let report = host.report_that(|report| report["delivery"]["delivered"].as_u64() > Some(1));
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert!(report["commit"].as_str().is_some_and(|commit| commit.len() > 6), "{report}");
    assert_eq!(report["pid"], agent.id());
    assert_eq!(report["role"], "none");
    let config = &report["config"];
    assert_eq!(config["namespace"], "EC2/Memory");
    let numbers = ["interval_seconds", "period_seconds", "every_seconds", "recorder_seconds"];
    assert_eq!(numbers.map(|key| config[key].as_f64().unwrap()), [0.1, 1.0, 1.0, 3_600.0]);
    assert_eq!(config["runtime_directory"], host.runtime().to_str().unwrap());
    assert_eq!(config["dimensions"][1][1], "AutoScalingGroupName?");
    let identity = &report["identity"];
    assert!(identity["owner"].as_str().unwrap().starts_with(INSTANCE), "{report}");
    assert_eq!((&identity["ec2"], &identity["region"]), (&true.into(), &"eu-central-1".into()));
    assert_eq!(identity["names"]["InstanceId"]["state"], "known");
    assert_eq!(identity["names"]["AutoScalingGroupName"]["state"], "absent");
    assert_eq!(identity["sets"][0]["dimensions"][0][1], INSTANCE);
    assert!(report["sample"]["last"]["seconds_ago"].as_f64() < Some(2.0), "{report}");
    let used = report["sample"]["used_percent"].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&used), "{report}");
    assert_eq!(report["recorder"]["keeps"], true);
    assert!(report["recorder"]["since"]["seconds_ago"].as_f64() < Some(30.0), "{report}");
    assert!(report["delivery"]["last"]["seconds_ago"].as_f64() < Some(10.0), "{report}");
    assert!(report["delivery"].get("failing").is_none(), "{report}");
    assert!(report["disk"].get("failing").is_none(), "{report}");
    assert_eq!(report["dropped"]["rejected"]["datums"], 0);
    let output = host.status(&[]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    for text in ["sampled", "% used", "keeps the last", "answers", INSTANCE, "EC2/Memory"] {
        assert!(output.stdout.contains(text), "{text}: {output:?}");
    }
    let output = host.status(&["--json"]);
    let told: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((output.code, &told["pid"]), (Some(0), &report["pid"]), "{output:?}");
    let output = host.status(&["--check"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "ok\n"), "{output:?}");
    // Nobody's right is needed: the socket says no secret, and everyone may ask.
    agent.signal("STOP");
    let output = host.status(&[]);
    agent.signal("CONT");
    assert_eq!(output.code, Some(69), "{output:?}");
    assert!(output.stderr.contains("gives no answer"), "{output:?}");
}

#[test]
fn what_is_amiss_is_found() {
    let double = Double::start();
    let host = Host::publishing(
        &double,
        "sample.interval = \"100ms\"\npublish.period = \"1s\"\npublish.every = \"1s\"\n",
    );
    let agent = host.start();
    host.report_that(|report| report["delivery"]["delivered"].as_u64() > Some(0));
    double.always(Fault::throttled("ThrottlingException"));
    let report = host.report_that(|report| {
        report["delivery"]["failing"]["since"]["seconds_ago"].as_f64() > Some(3.4)
    });
    assert_eq!(report["delivery"]["failing"]["cause"], "throttled");
    // Told as it grows, while nothing is sent.
    let waiting = report["delivery"]["waiting"].as_u64().unwrap();
    host.report_that(|report| report["delivery"]["waiting"].as_u64() > Some(waiting + 1));
    host.report_that(|report| report["delivery"]["backlog_bytes"].as_u64() > Some(0));
    let output = host.status(&["--check"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stdout.contains("nothing was published for"), "{output:?}");
    assert!(output.stdout.contains("CloudWatch takes nothing for"), "{output:?}");
    let both = host.status(&["--check", "--json"]);
    assert_eq!(both.code, Some(1), "{both:?}");
    assert!(serde_json::from_str::<Value>(&both.stdout).is_ok(), "{both:?}");
    assert!(both.stderr.contains("CloudWatch takes nothing for"), "{both:?}");
    drop(agent);
    // Killed, it left its socket behind.
    assert!(host.socket().exists());
    assert_eq!(host.status(&["--check"]).code, Some(69));
}

#[test]
fn a_loss_is_found() {
    let double = Double::start();
    double.poison(Poison::metric("MemoryUsedPercent"));
    let host = Host::publishing(
        &double,
        "metrics.enabled = [\"MemoryUsedPercent\"]\npublish.period = \"1s\"\npublish.every = \"1s\"\n",
    );
    let _agent = host.start();
    let report =
        host.report_that(|report| report["dropped"]["rejected"]["datums"].as_u64() > Some(0));
    assert!(report["dropped"]["rejected"]["last"]["seconds_ago"].as_f64() < Some(30.0), "{report}");
    let output = host.status(&["--check"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stdout.contains("(rejected)"), "{output:?}");
}

#[test]
fn clients_that_are_slow_or_many_hold_nobody_up() {
    let double = Double::start();
    let host = Host::publishing(&double, "publish.period = \"1s\"\npublish.every = \"1s\"\n");
    let _agent = host.start();
    let connect = || UnixStream::connect(host.socket()).unwrap();
    // They read nothing, say nothing and stay.
    let silent: Vec<UnixStream> = (0..40).map(|_| connect()).collect();
    let begun = Instant::now();
    for _ in 0..50 {
        host.report();
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    // Some talk, and some are gone before they are answered.
    for _ in 0..20 {
        use std::io::Write;
        let mut stream = connect();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        assert!(text.is_empty() || text.starts_with('{'), "{text}");
        drop(connect());
    }
    drop(silent);
    let before = host.report()["delivery"]["delivered"].as_u64();
    host.report_that(|report| report["delivery"]["delivered"].as_u64() > before);
}

#[test]
fn no_secret_is_told() {
    let host = Host::new(
        "identity.instance_id = \"i-0abc\"\nidentity.imds = false\ncloudwatch.region = \"eu-central-1\"\ncloudwatch.proxy = \"http://user:hunter2@127.0.0.1:9\"\ncloudwatch.endpoint_url = \"http://127.0.0.1:9/hunter2\"\npublish.period = \"1s\"\npublish.every = \"1s\"\n",
    );
    let _agent = host.start();
    host.report_that(|report| report["delivery"].get("failing").is_some());
    for flags in [&["--json"][..], &[], &["--check"]] {
        let output = host.status(flags);
        for secret in ["hunter2", "secret-example", "AKIDEXAMPLE", "user:"] {
            assert!(!output.stdout.contains(secret), "{secret}: {output:?}");
            assert!(!output.stderr.contains(secret), "{secret}: {output:?}");
        }
    }
}

#[test]
fn a_socket_that_cannot_be_made_is_said_once_and_stops_nothing() {
    let double = Double::start();
    let host = Host::publishing(&double, "publish.period = \"1s\"\npublish.every = \"1s\"\n");
    fs::create_dir(host.runtime()).unwrap();
    fs::write(host.socket(), "not a socket").unwrap();
    let mut agent = Setup::new(&host.config).start();
    agent.wait_for_line("no status socket", PATIENCE);
    agent.wait_for_line("the first datums are delivered", PATIENCE);
    assert_eq!(agent.count_lines("no status socket"), 1);
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success());
    assert_eq!(fs::read_to_string(host.socket()).unwrap(), "not a socket");
    // Nor is another agent's taken away.
    fs::remove_file(host.socket()).unwrap();
    let _other = UnixListener::bind(host.socket()).unwrap();
    let agent = Setup::new(&host.config).start();
    agent.wait_for_line("another agent answers", PATIENCE);
    assert!(UnixStream::connect(host.socket()).is_ok());
}

#[test]
fn a_reload_is_told_and_a_broken_configuration_is_no_hindrance() {
    let double = Double::start();
    let host = Host::publishing(&double, "");
    let agent = host.start();
    assert_eq!(host.report()["config"]["namespace"], "EC2/Memory");
    fs::write(agent.config(), format!("{}metrics.namespace = \"Other\"\n", host.config)).unwrap();
    agent.signal("HUP");
    host.report_that(|report| report["config"]["namespace"] == "Other");
    let setup =
        Setup::new("nonsense = 1").variable("RUNTIME_DIRECTORY", host.runtime().to_str().unwrap());
    let output = setup.arguments(&["status"]).output();
    assert_eq!(output.code, Some(0), "{output:?}");
}

/// Longer than anything that is waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
