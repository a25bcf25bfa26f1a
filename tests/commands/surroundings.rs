//! `cwmem check` in broken surroundings: each is named with its remedy, and where all is well there is
//! nothing to do. The real binary, the doubles, and MariaDB servers of the test's own.

use crate::kernel_in;
use crate::support::agent::{Output, Setup};
use crate::support::cloudwatch::{Clock, Double, Fault, MadeUpAlarm, Rights};
use crate::support::imds::{Contents, ImdsDouble, Mode, Reply, Tags};
use crate::support::mariadb::{PASSWORD, Server};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A host on EC2 where all is well; a case breaks what it is about.
struct Host {
    double: Double,
    imds: ImdsDouble,
    setup: Setup,
    config: String,
    arguments: Vec<&'static str>,
}

impl Host {
    fn new(database: &str) -> Host {
        let double = Double::start();
        double.allow(Rights::publish(&["EC2/Memory"]).alarms());
        let imds = ImdsDouble::start();
        let setup = Setup::new("").variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url());
        let proc_root = kernel_in(setup.folder());
        for folder in [setup.state(), setup.runtime()] {
            fs::create_dir(folder).unwrap();
        }
        let config = format!(
            "identity.ec2 = true\ncloudwatch.endpoint_url = {:?}\nsample.proc_root = {proc_root:?}\n\
             metrics.dimensions = [[\"InstanceId\"], [\"AutoScalingGroupName?\", \"ImageId\"]]\n{database}",
            double.url()
        );
        Host { double, imds, setup, config, arguments: vec!["check", "--json"] }
    }

    fn proc(&self, name: &str) -> std::path::PathBuf {
        self.setup.folder().join("proc").join(name)
    }

    /// A key before all sections.
    fn with(mut self, key: &str) -> Host {
        self.config = format!("{key}\n{}", self.config);
        self
    }

    /// Instead of a key that is there.
    fn instead(mut self, key: &str, other: &str) -> Host {
        let line = self.config.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        self.config = self.config.replace(&line, other);
        self
    }

    fn set_up(mut self, change: impl FnOnce(Setup) -> Setup) -> Host {
        self.setup = change(self.setup);
        self
    }

    /// The other surroundings, changed.
    fn where_(self, change: impl FnOnce(&Host)) -> Host {
        change(&self);
        self
    }

    fn check(self) -> (Vec<Line>, Output) {
        let setup = self.setup.arguments(&self.arguments);
        setup.configure(&self.config);
        let output = setup.output();
        assert_eq!(output.stderr, "", "{output:?}");
        let lines = output.stdout.lines().map(Line::read).collect();
        assert!(self.double.seen().accepted.is_empty(), "nothing is ever stored");
        for secret in ["secret-example", PASSWORD, "hunter2"] {
            assert!(!output.stdout.contains(secret), "{output:?}");
        }
        (lines, output)
    }
}

/// A line of what `--json` prints.
#[derive(Debug)]
struct Line {
    check: String,
    state: String,
    evidence: String,
    remedy: String,
}

impl Line {
    fn read(line: &str) -> Line {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let [check, state] = ["check", "state"].map(text);
        Line { check, state, evidence: text("evidence"), remedy: text("remedy") }
    }
}

/// What a case breaks, which line has to say so (check, state, in its evidence, in its remedy), and
/// the exit code.
struct Case {
    name: &'static str,
    host: Host,
    expected: [&'static str; 4],
    code: i32,
}

fn case(name: &'static str, host: Host, expected: [&'static str; 4], code: i32) -> Case {
    Case { name, host, expected, code }
}

/// All at once: some wait for somebody who never answers.
fn check_all(cases: Vec<Case>) {
    std::thread::scope(|scope| {
        for Case { name, host, expected, code } in cases {
            scope.spawn(move || {
                let (lines, output) = host.check();
                let [check, state, evidence, remedy] = expected;
                let is = |line: &&Line| {
                    line.check == check
                        && line.state == state
                        && line.evidence.contains(evidence)
                        && line.remedy.contains(remedy)
                };
                assert!(lines.iter().any(|line| is(&line)), "{name}: {expected:?} in {lines:#?}");
                assert_eq!(output.code, Some(code), "{name}: {lines:#?}");
                // A finding that says nothing of what to do is half a finding.
                for line in lines.iter().filter(|line| !["ok", "note"].contains(&&*line.state)) {
                    assert!(!line.remedy.is_empty(), "{name}: {line:?}");
                }
            });
        }
    });
}

#[test]
fn where_all_is_well_there_is_nothing_to_do() {
    let server = Server::start();
    make_tables(&server, "cwmem");
    let start = Instant::now();
    let host = Host::new(&server.config());
    let double_url = host.double.url();
    let (lines, output) = host.check();
    assert_eq!(output.code, Some(0), "{lines:#?}");
    let found: Vec<String> =
        lines.iter().map(|line| format!("{} {}", line.check, line.state)).collect();
    assert_eq!(
        found,
        [
            "configuration ok",
            "meminfo ok",
            "pressure ok",
            "vmstat ok",
            "spool ok",
            // The test's runtime directory is on a disk.
            "recorder note",
            "metadata ok",
            "dimensions ok",
            "dimensions ok",
            "CloudWatch ok",
            "credentials ok",
            "clock ok",
            "permission ok",
            "database ok",
            "writer ok",
            "schema ok",
            "grants ok",
        ],
        "{lines:#?}"
    );
    let said = |check: &str| &lines.iter().find(|line| line.check == check).unwrap().evidence;
    assert!(said("CloudWatch").contains("eu-central-1"), "{lines:#?}");
    assert!(said("CloudWatch").contains(&double_url), "{lines:#?}");
    assert!(said("credentials").contains("AWS_ACCESS_KEY_ID"), "{lines:#?}");
    assert!(said("clock").contains("agrees"), "{lines:#?}");
    assert!(said("permission").contains("denied for another namespace"), "{lines:#?}");
    assert!(said("database").contains("MariaDB") && said("database").contains("clear text"));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    // The tables are as empty as before.
    let rows = "SELECT (SELECT COUNT(*) FROM cwmem.cwmem_member) + (SELECT COUNT(*) FROM cwmem.cwmem_cluster)";
    assert_eq!(server.say(rows), "0");
}

#[test]
fn broken_instance_metadata() {
    let host = || Host::new("");
    let modify = "modify-instance-metadata-options --instance-id INSTANCE_ID";
    check_all(vec![
        case(
            "no IMDS",
            host().where_(|host| host.imds.set(Mode::Absent)),
            ["metadata", "finding", "no answer", "--http-endpoint enabled"],
            1,
        ),
        case(
            "a hop limit of one",
            host().where_(|host| host.imds.set(Mode::Mute)),
            ["metadata", "finding", "read timeout", "hop limit is too small"],
            1,
        ),
        case(
            "IMDS turned off",
            host().where_(|host| host.imds.set(Mode::Everything(Reply::status(403)))),
            ["metadata", "finding", "gives no token: HTTP 403", modify],
            1,
        ),
        case(
            "IMDS denies what it is asked",
            host().where_(|host| host.imds.set(Mode::BehindToken(Reply::status(403)))),
            ["metadata", "finding", "HTTP 403", "something else answers in its place"],
            1,
        ),
        case(
            "tags off",
            host()
                .where_(|host| host.imds.edit(|contents: &mut Contents| contents.tags = Tags::Off))
                .instead("metrics.dimensions", "metrics.dimensions = [[\"tag:Role\"]]"),
            ["dimensions", "finding", "not known yet", "--instance-metadata-tags enabled"],
            1,
        ),
    ]);
}

#[test]
fn broken_surroundings_of_the_host() {
    let host = || Host::new("");
    check_all(vec![
        case(
            "PSI off",
            host().where_(|host| {
                // Like a kernel with psi=0: it is there, opens, and can't be read.
                fs::remove_file(host.proc("pressure/memory")).unwrap();
                fs::create_dir(host.proc("pressure/memory")).unwrap();
            }),
            ["pressure", "finding", "off (", "psi=1 on the kernel's command line"],
            1,
        ),
        case(
            "no PSI, and nothing needs it",
            host()
                .where_(|host| fs::remove_dir_all(host.proc("pressure")).unwrap())
                .with("metrics.enabled = [\"MemoryUsedPercent\"]"),
            ["pressure", "note", "this kernel has no stall information", "CONFIG_PSI"],
            0,
        ),
        case(
            "an old kernel",
            host().where_(|host| {
                let old = "tests/captures/meminfo/embedded-27m-no-memavailable";
                fs::copy(old, host.proc("meminfo")).unwrap();
            }),
            ["meminfo", "finding", "absent for it: MemoryUsedPercent", "Linux 3.14"],
            1,
        ),
        case(
            "no meminfo",
            host().where_(|host| fs::remove_file(host.proc("meminfo")).unwrap()),
            ["meminfo", "finding", "No such file", "nothing to publish"],
            1,
        ),
        case(
            "a file in the state directory's place",
            host().where_(|host| {
                fs::remove_dir(host.setup.state()).unwrap();
                fs::write(host.setup.state(), "").unwrap();
            }),
            ["spool", "finding", "not a directory", "move it away"],
            1,
        ),
        case(
            "bursts",
            host().with("publish.every = \"5m\""),
            ["patience", "note", "newest 5 periods", "on silence"],
            0,
        ),
        case(
            "too dear",
            host().with("cost.max_monthly_cost = 0.5"),
            ["cost", "finding", "$0.50 allowed", "cwmem cost"],
            1,
        ),
    ]);
}

#[test]
fn what_is_known_of_the_right_to_publish() {
    let host = || Host::new("");
    check_all(vec![
        case(
            "denied",
            host().where_(|host| host.double.allow(Rights::publish(&["Other"]))),
            [
                "permission",
                "finding",
                "PutMetricData to EC2/Memory is denied",
                "\"cloudwatch:namespace\":\"EC2/Memory\"",
            ],
            1,
        ),
        case(
            "a preset's namespace denied",
            host().with("metrics.presets = [\"ec2-memory\", \"cwagent\"]"),
            [
                "permission",
                "finding",
                "to CWAgent is denied",
                "\"cloudwatch:namespace\":\"CWAgent\"",
            ],
            1,
        ),
        case(
            "denied, but the service looks at content first: nothing is known",
            host().where_(|host| host.double.allow(Rights::publish(&["Other"]).content_first())),
            ["permission", "note", "isn't known", "`cwmem once` publishes one sample"],
            0,
        ),
        case(
            "allowed, and so is everything: nothing is known",
            host().where_(|host| host.double.allow(Rights::publish(&[]).content_first())),
            ["permission", "note", "isn't known", "the policy allows every namespace"],
            0,
        ),
    ]);
}

#[test]
fn broken_surroundings_at_cloudwatch() {
    let host = || Host::new("");
    let mut stopped = host();
    stopped.double.stop();
    check_all(vec![
        case(
            "expired credentials",
            host().where_(|host| host.double.always(Fault::expired_token())),
            ["credentials", "finding", "AWS_ACCESS_KEY_ID", "have expired"],
            1,
        ),
        case(
            "no credentials",
            host()
                .set_up(|setup| setup.without("AWS_ACCESS_KEY_ID"))
                .where_(|host| host.imds.edit(|contents: &mut Contents| contents.role = None)),
            ["credentials", "finding", "none that could be used", "attach a role to the instance"],
            1,
        ),
        case(
            "no region",
            host()
                .set_up(|setup| setup.without("AWS_REGION"))
                .instead("identity.ec2", "identity.ec2 = false")
                .instead("metrics.dimensions", ""),
            ["CloudWatch", "finding", "setup", "set [cloudwatch] region or AWS_REGION"],
            1,
        ),
        case(
            "a wrong clock",
            host().where_(|host| host.double.set_clock(Clock::offset(-600))),
            ["clock", "finding", "s ahead of CloudWatch's Date", "chrony"],
            1,
        ),
        case(
            "a clock so wrong that signatures are refused",
            host().where_(|host| {
                host.double.check_skew(true);
                host.double.set_clock(Clock::offset(1_200));
            }),
            ["clock", "finding", "refuses its time", "s behind the service's"],
            1,
        ),
        case(
            "throttled",
            host().where_(|host| host.double.always(Fault::throttled("Throttling"))),
            ["CloudWatch", "unavailable", "throttled", "Rate exceeded"],
            69,
        ),
        case(
            "nobody at the endpoint",
            stopped,
            ["CloudWatch", "unavailable", "network", "no connection to CloudWatch"],
            69,
        ),
    ]);
}

/// What an agent published is known to be allowed.
#[test]
fn the_running_agent_shows_what_is_allowed() {
    let host = Host::new("");
    host.double.allow(Rights::publish(&["EC2/Memory"]).content_first());
    let Host { double, imds, setup, config, .. } = host;
    setup.configure(&config);
    let agent = setup.start();
    double.wait_for(Duration::from_secs(20), |seen| !seen.accepted.is_empty()).unwrap();
    // The answer has to reach the agent before it can tell of it.
    let published = |output: &Output| output.stdout.contains("the running agent published to");
    let start = Instant::now();
    let setup = setup.arguments(&["check", "--json"]);
    loop {
        let output = setup.output();
        if published(&output) {
            assert_eq!(output.code, Some(0), "{output:?}");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{output:?}");
    }
    drop((agent, imds));
}

#[test]
fn a_database_that_cannot_be_reached_or_lets_nobody_in() {
    let server = Server::start();
    let config = server.config();
    let host = || Host::new(&config);
    let bad_password = server_file(&server, "bad-password", "hunter2\n");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let on_port = |port: u16| format!("database = \"mysql://cwmem@127.0.0.1:{port}/cwmem\"");
    check_all(vec![
        case(
            "a bad password",
            host().instead("password_file", &format!("password_file = {bad_password:?}")),
            ["database", "finding", "refuses the user or the password", "password_file"],
            1,
        ),
        case(
            "no file of the password",
            host().instead("password_file", "password_file = \"/nonexistent/password\""),
            ["database", "finding", "/nonexistent/password", "who may read it"],
            1,
        ),
        case(
            "nobody at the port",
            host().instead("database =", &on_port(nobody)),
            ["database", "unavailable", "lost", "security groups"],
            69,
        ),
        case(
            "a server that is frozen",
            host().instead("database =", &on_port(mute.local_addr().unwrap().port())),
            ["database", "unavailable", "no answer from the database", "that the server runs"],
            69,
        ),
        case(
            "a server without TLS",
            host().instead("tls =", "tls = \"encrypt\""),
            ["database", "finding", "can't be as secure as asked", "check tls"],
            1,
        ),
    ]);
    drop(mute);
}

#[test]
fn a_database_in_which_no_member_can_work() {
    let server = Server::start();
    make_tables(&server, "cwmem");
    break_schemas(&server);
    let config = server.config();
    let at = |user: &str, schema: &str| {
        let url = format!("mysql://{user}@127.0.0.1:{}/{schema}", server.port());
        Host::new(&config).instead("database =", &format!("database = {url:?}"))
    };
    check_all(vec![
        case(
            "missing grants",
            at("poor", "cwmem"),
            [
                "grants",
                "finding",
                "poor lacks UPDATE, DELETE on cwmem.cwmem_member",
                "GRANT SELECT, INSERT, UPDATE, DELETE ON `cwmem`.`cwmem_member` TO 'poor'@'%'",
            ],
            1,
        ),
        case(
            "no right in the schema",
            at("none", "cwmem"),
            ["grants", "finding", "(1044)", "GRANT SELECT"],
            1,
        ),
        case(
            "no tables",
            at("cwmem", "empty"),
            [
                "schema",
                "finding",
                "not in empty: cwmem_member, cwmem_cluster",
                "cwmem cluster init",
            ],
            1,
        ),
        case(
            "no schema",
            at("cwmem", "nowhere"),
            ["schema", "finding", "nowhere", "CREATE DATABASE `nowhere`"],
            1,
        ),
        case(
            "tables of something else",
            at("cwmem", "other"),
            ["schema", "finding", "isn't as this version makes it", "cwmem cluster init"],
            1,
        ),
        case(
            "a cluster of another period",
            at("cwmem", "slow"),
            ["cluster", "finding", "periods of 30 s, this configuration of 60 s", "publish.period"],
            1,
        ),
    ]);
}

#[test]
fn a_reader_s_endpoint() {
    let reader = Server::start();
    make_tables(&reader, "cwmem");
    reader.say("SET GLOBAL read_only=1");
    check_all(vec![case(
        "a reader's endpoint",
        Host::new(&reader.config()),
        ["writer", "finding", "read-only", "the writer's endpoint"],
        1,
    )]);
}

/// Schemas that lack something, and users who do.
fn break_schemas(server: &Server) {
    for schema in ["empty", "other", "slow"] {
        let grant = format!("CREATE DATABASE {schema}; GRANT ALL ON {schema}.* TO cwmem@'%'");
        server.say(&grant);
    }
    make_tables(server, "slow");
    server.say("INSERT INTO slow.cwmem_cluster (cluster, period_length) VALUES ('web', 30)");
    for table in ["cwmem_member", "cwmem_cluster"] {
        server.say(&format!("CREATE TABLE other.{table} (cluster INT)"));
    }
    server.say("GRANT ALL ON nowhere.* TO cwmem@'%'");
    server.say(&format!(
        "CREATE USER poor@'%' IDENTIFIED BY '{PASSWORD}'; \
         GRANT SELECT, INSERT ON cwmem.* TO poor@'%'; \
         CREATE USER none@'%' IDENTIFIED BY '{PASSWORD}'"
    ));
}

/// Where this machine lets the test mount a file system of its own, in a namespace that nobody else
/// sees; else it says that it didn't run.
#[test]
fn a_disk_that_is_full_or_read_only() {
    let may = Command::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("NOT RUN: a full disk: this machine allows no mount namespace");
        return;
    }
    let mounted = |size: &str, then: &str| {
        let host = Host::new("");
        let state = host.setup.state();
        let shown = state.display().to_string();
        let script = format!(
            "mount -t tmpfs -o size={size} tmpfs {shown} && {} && exec \"$@\"",
            then.replace("STATE", &shown)
        );
        host.set_up(|setup| setup.behind(&["unshare", "--mount", "sh", "-c", &script, "sh"]))
    };
    let full = "{ head -c 2M /dev/zero >STATE/other 2>/dev/null || true; }";
    check_all(vec![
        case(
            "full",
            mounted("1m", full),
            ["spool", "finding", "No space left on device", "the disk is full: make room"],
            1,
        ),
        case(
            "too small",
            mounted("1m", "true"),
            ["spool", "finding", "1.0 MiB free", "spool.max_bytes (64.0 MiB)"],
            1,
        ),
        case(
            "read-only",
            mounted("1m", "mount -o remount,ro STATE"),
            ["spool", "finding", "Read-only file system", "mount it writable"],
            1,
        ),
        case(
            "small, and not more is asked for",
            mounted("8m", "true").with("spool.max_bytes = \"1MiB\"\nrecorder.duration = \"1m\""),
            ["spool", "ok", "8.0 MiB free", ""],
            0,
        ),
    ]);
}

#[test]
fn alarms_that_almost_fit_are_named() {
    let mut host = Host::new("").with("publish.every = \"5m\"");
    host.arguments = vec!["check", "--alarms", "--json"];
    host.double.set_alarms(alarms());
    let (lines, output) = host.check();
    assert_eq!(output.code, Some(1), "{lines:#?}");
    let said = |name: &str| {
        let quoted = format!("{name:?}: ");
        let found = lines.iter().filter(|line| line.evidence.starts_with(&quoted));
        let said = found.map(|line| format!("{} {} | {}", line.state, line.evidence, line.remedy));
        said.collect::<Vec<_>>().join("\n")
    };
    for (name, expected) in ALMOST {
        let said = said(name);
        assert!(expected.iter().all(|part| said.contains(part)), "{name}: {said}");
    }
    for name in ["right", "another host's", "other-0"] {
        assert_eq!(said(name), "", "{lines:#?}");
    }
    let summary = lines.iter().find(|line| line.check == "alarms").unwrap();
    // Right, and those that only have the wrong unit, period or patience; 151 look elsewhere.
    assert!(summary.evidence.starts_with("4 on what this host publishes; 151"), "{summary:?}");
}

fn alarms() -> Vec<MadeUpAlarm> {
    let id = [("InstanceId", "i-0123456789abcdef0")];
    let used = "MemoryUsedPercent";
    // More than a page of others'.
    let mut alarms: Vec<MadeUpAlarm> = (0..150)
        .map(|place| MadeUpAlarm::new(&format!("other-{place}"), "AWS/EC2", "CPUUtilization", &id))
        .collect();
    alarms.extend([
        MadeUpAlarm::new("right", "EC2/Memory", used, &id),
        MadeUpAlarm::new("another host's", "EC2/Memory", used, &[("InstanceId", "i-1")]),
        MadeUpAlarm::new("another case", "ec2/memory", used, &id),
        MadeUpAlarm::new(
            "another set",
            "EC2/Memory",
            used,
            &[id[0], ("InstanceType", "m7i.large")],
        ),
        MadeUpAlarm::new("perhaps", "EC2/Memory", used, &[]),
        MadeUpAlarm::new("unit", "EC2/Memory", used, &id).text("Unit", "Bytes"),
        MadeUpAlarm::new("too fast", "EC2/Memory", used, &id).number("Period", 10),
        MadeUpAlarm::new("impatient", "EC2/Memory", used, &id)
            .text("TreatMissingData", "breaching"),
        MadeUpAlarm::new("not on", "EC2/Memory", "SwapUsed", &id),
        MadeUpAlarm::expression("expression", "EC2/Memory", "MemoryUsedPercnt", &id),
    ]);
    alarms
}

/// Each alarm that almost fits, and what is to be said of it.
const ALMOST: [(&str, [&str; 3]); 8] = [
    ("another case", ["finding", "published is MemoryUsedPercent in \"EC2/Memory\"", "give it"]),
    ("another set", ["finding", "published is {InstanceId=i-0123456789abcdef0}", "give it"]),
    ("perhaps", ["note", "its dimensions are {}", "unless another host publishes that"]),
    ("unit", ["finding", "its unit is Bytes", "leave its unit out"]),
    ("too fast", ["finding", "its period is 10 s", "60 s or more"]),
    ("impatient", ["finding", "goes off for nothing", "300 s or more"]),
    ("not on", ["finding", "SwapUsed isn't published", "metrics.enabled"]),
    ("expression", ["finding", "its metric is MemoryUsedPercnt", "MemoryUsedPercent"]),
];

#[test]
fn alarms_that_cannot_be_listed_and_none_at_all() {
    let asking = || {
        let mut host = Host::new("");
        host.arguments = vec!["check", "--alarms", "--json"];
        host
    };
    let denied = asking().where_(|host| host.double.allow(Rights::publish(&["EC2/Memory"])));
    check_all(vec![
        case(
            "alarms denied",
            denied,
            [
                "alarms",
                "finding",
                "they can't be listed",
                "\"Action\":\"cloudwatch:DescribeAlarms\"",
            ],
            1,
        ),
        case("no alarm", asking(), ["alarms", "note", "none looks at", "alarms to begin with"], 0),
    ]);
}

fn make_tables(server: &Server, schema: &str) {
    for table in cwmem::cluster::schema::TABLES {
        server.say(&format!("USE {schema}; {table}"));
    }
}

/// A file that lives as long as the server.
fn server_file(server: &Server, name: &str, text: &str) -> std::path::PathBuf {
    let password = server.config();
    let line = password.lines().find(|line| line.starts_with("password_file")).unwrap().to_owned();
    let path = line.split('"').nth(1).unwrap();
    let path = Path::new(path).with_file_name(name);
    fs::write(&path, text).unwrap();
    path
}
