//! `cwmem check`: what it finds, what it advises, and that it leaves nothing behind.

use crate::support::agent::{Output, Setup, publishing};
use crate::support::cloudwatch::{Behaviour, Clock, Double, Fault};
use crate::{LOCAL, kernel_in, run};
use std::time::Duration;

#[test]
fn a_good_configuration_offline() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = kernel_in(folder.path());
    let arguments = ["check", "--offline", "--proc-root", kernel.to_str().unwrap()];
    let output = run(&arguments, LOCAL);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    let states: Vec<_> =
        output.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(states[..3], ["STATE", "ok", "ok"], "{output:?}");
    for word in ["configuration", "meminfo", "pressure", "vmstat", "{Host}: Host=test"] {
        assert!(output.stdout.contains(word), "{output:?}");
    }
    assert!(!output.stdout.contains("CloudWatch"), "{output:?}");
    let shipped = [&arguments[..], &["--config", "config/cwmem.toml"]].concat();
    assert_eq!(run(&shipped, LOCAL).code, Some(0));
}

#[test]
fn a_bad_configuration_tells_everything_at_once() {
    let config = r#"
[sample]
interval = "50ms"
[metrics]
enabled = ["MemoryUsedPercnt"]
namspace = "x"
[publish]
period = "7s"
[log]
level = "loud"
[cloudwatch]
proxy = "socks://user:hunter2@proxy"
"#;
    for arguments in [&["check", "--offline"][..], &["check"], &["run"], &["once", "--dry-run"]] {
        let setup = Setup::new(config).arguments(arguments);
        let path = setup.folder().join("cwmem.toml");
        let output = setup.output();
        assert_eq!((output.code, output.stdout.as_str()), (Some(78), ""), "{output:?}");
        let said = output.stderr.replace(path.to_str().unwrap(), "FILE");
        let expected = [
            "FILE:3: sample.interval: ",
            "FILE:5: metrics.enabled: ",
            "FILE:6: metrics.namspace: unknown key; did you mean metrics.namespace?",
            "FILE:8: publish.period: ",
            "FILE:10: log.level: ",
            "FILE:12: cloudwatch.proxy: ",
        ];
        assert_eq!(said.lines().count(), expected.len(), "{said}");
        for (line, expected) in said.lines().zip(expected) {
            assert!(line.starts_with(expected), "{line}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_missing_file_is_named() {
    for arguments in [&["check", "--offline"][..], &["once", "--dry-run"], &["run"], &["explain"]] {
        let output = run(&[arguments, &["--config", "/nonexistent/x.toml"]].concat(), "");
        assert_eq!(output.code, Some(78), "{output:?}");
        let expected =
            "/nonexistent/x.toml: cannot be read: No such file or directory (os error 2)\n";
        assert_eq!(output.stderr, expected);
    }
}

#[test]
fn the_way_to_cloudwatch_is_tried_and_nothing_is_stored() {
    let double = Double::start();
    let output = check(&double);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    let line = output.stdout.lines().find(|line| line.contains("CloudWatch")).unwrap();
    assert!(line.starts_with("ok ") && line.contains("answers"), "{output:?}");
    let seen = double.seen();
    // One for the namespace, one for another: neither has a datum.
    assert_eq!((seen.requests, seen.accepted.len()), (2, 0), "{seen:?}");
    assert!(seen.refused.iter().all(|refused| refused.request.as_ref().unwrap().datums.is_empty()));
}

/// What goes wrong is a finding with its cause and its remedy.
#[test]
fn each_obstacle_is_found() {
    let double = Double::start();
    let table: &[(Behaviour, &str, &str, &str)] = &[
        (Fault::access_denied().into(), "permission", "is denied", STATEMENT),
        (Fault::expired_token().into(), "credentials", "from", "see that they are renewed"),
        (Fault::invalid_client_token_id().into(), "credentials", "from", "doesn't know their key"),
        (Fault::signature_does_not_match().into(), "credentials", "from", "check the secret key"),
        (
            Fault::throttled("ThrottlingException").into(),
            "CloudWatch",
            "throttled",
            "Rate exceeded",
        ),
        (Fault::unavailable().into(), "CloudWatch", "service", "503"),
        (Behaviour::captive_proxy(), "CloudWatch", "foreign answer", "captive or filtering proxy"),
        (Behaviour::Cut, "CloudWatch", "network", "lost before the answer"),
    ];
    for (behaviour, what, cause, remedy) in table {
        double.next(behaviour.clone());
        let output = check(&double);
        // What may pass by itself is told from what has to be mended.
        let passes = ["throttled", "service", "network"].contains(cause);
        let (state, code) = if passes { ("unavailable", 69) } else { ("finding", 1) };
        assert_eq!(output.code, Some(code), "{behaviour:?}: {output:?}");
        let finding = output.stdout.lines().find(|line| line.starts_with(state)).unwrap();
        assert!(finding.contains(what) && finding.contains(cause), "{output:?}");
        let last = output.stdout.lines().last().unwrap();
        assert!(last.starts_with(&format!("{what}: ")) && last.contains(remedy), "{output:?}");
    }
    assert!(double.seen().accepted.is_empty());
}

#[test]
fn nobody_at_the_endpoint() {
    let mut double = Double::start();
    double.stop();
    let output = check(&double);
    assert_eq!(output.code, Some(69), "{output:?}");
    assert!(output.stdout.contains("no connection to CloudWatch at http"), "{output:?}");
    let place = format!("network in eu-central-1, at {}", double.url());
    assert!(output.stdout.contains(&place), "{output:?}");
}

#[test]
fn a_wrong_clock_is_found() {
    // Refused for its signature's time, or answered with another time.
    for (ahead, check_skew, expected) in [
        (600, true, " s behind the service's"),
        (-600, true, " s ahead of the service's"),
        (60, false, " s"),
    ] {
        let clock = Clock::offset(ahead);
        let double = Double::builder().clock(clock).check_skew(check_skew).start().unwrap();
        let output = check(&double);
        assert_eq!(output.code, Some(1), "{output:?}");
        // Seconds may pass between the two readings of the time, and the header has no fractions.
        let seconds = ahead.unsigned_abs() - 3..=ahead.unsigned_abs() + 3;
        let said = |seconds| output.stdout.contains(&format!("{seconds}{expected}"));
        assert!(seconds.into_iter().any(said), "{ahead}: {output:?}");
        assert!(output.stdout.contains("clock"), "{output:?}");
    }
    let double = Double::builder().check_skew(true).start().unwrap();
    assert_eq!(check(&double).code, Some(0));
}

/// Of the statement, all that a policy needs can be copied from the output.
#[test]
fn the_missing_statement_is_whole() {
    let double = Double::start();
    double.next(Fault::access_denied());
    let config =
        format!("{}metrics.namespace = \"Team \\\"A\\\"/Memory\"", publishing(&double.url()));
    let output = run(&["check"], &config);
    let start = output.stdout.find("{\"Effect\"").unwrap();
    let mut statements = serde_json::Deserializer::from_str(&output.stdout[start..]).into_iter();
    let statement: serde_json::Value = statements.next().unwrap().unwrap();
    assert_eq!(statement["Action"], "cloudwatch:PutMetricData");
    let namespace = &statement["Condition"]["StringEquals"]["cloudwatch:namespace"];
    assert_eq!(namespace, "Team \"A\"/Memory");
}

/// On EC2 by DMI, with a metadata service that nobody is: found within its patience.
#[test]
fn missing_metadata_is_a_finding_with_its_remedy() {
    let config = "identity.ec2 = true\nmetrics.dimensions = [[\"InstanceId\"], [\"Host\"]]";
    let started = std::time::Instant::now();
    let output = run(&["check"], config);
    assert_eq!((output.code, output.stderr.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stdout.contains("{InstanceId}: not known yet"), "{output:?}");
    assert!(output.stdout.contains("modify-instance-metadata-options"), "{output:?}");
    assert!(started.elapsed() < Duration::from_secs(30), "{output:?}");
    // Offline, what wasn't asked for is no finding.
    let setup = Setup::new(config);
    let kernel = kernel_in(setup.folder());
    let arguments = ["check", "--offline", "--proc-root", kernel.to_str().unwrap()];
    let output = setup.arguments(&arguments).output();
    assert_eq!(output.code, Some(0), "{output:?}");
}

/// On a host whose kernel has all that the defaults need.
fn check(double: &Double) -> Output {
    let setup = Setup::publishing(&double.url(), "");
    let kernel = kernel_in(setup.folder());
    setup.arguments(&["check", "--proc-root", kernel.to_str().unwrap()]).output()
}

const STATEMENT: &str = r#"{"Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*","Condition":{"StringEquals":{"cloudwatch:namespace":"EC2/Memory"}}}"#;
