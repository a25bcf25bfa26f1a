//! What `cwmem policy` has for operators: their rights, and user data that installs the agent.

use crate::support::agent::Setup;
use crate::{alarms, host, run};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use tempfile::TempDir;

#[test]
fn an_operator_s_policy_is_of_the_partition_and_not_the_daemon_s() {
    let actions = |setup: &Setup, words: &str| -> Vec<String> {
        let policy: Value = serde_json::from_str(&alarms(setup, words)).unwrap();
        let statements = policy["Statement"].as_array().unwrap().iter();
        let told = |statement: &Value| format!("{} {}", statement["Action"], statement["Resource"]);
        statements.map(told).collect()
    };
    let setup = Setup::new(&host("cloudwatch.region = \"us-gov-west-1\"\n"));
    assert_eq!(
        actions(&setup, "policy --operator"),
        [
            r#"["cloudwatch:DescribeAlarms"] "arn:aws-us-gov:cloudwatch:*:*:alarm:*""#,
            r#"["cloudwatch:PutMetricAlarm"] "arn:aws-us-gov:cloudwatch:*:*:alarm:cwmem-*""#,
            r#"["cloudwatch:GetDashboard","cloudwatch:PutDashboard"] "arn:aws-us-gov:cloudwatch::*:dashboard/cwmem-memory""#,
        ]
    );
    assert_eq!(actions(&setup, "policy"), [r#""cloudwatch:PutMetricData" "*""#]);
}

/// A machine on which everything is a stand-in but the shell and sha256sum.
fn start(script: &str, package: &str) -> (Output, String) {
    let folder = TempDir::new().unwrap();
    let tool = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("package"), package).unwrap();
    tool("aws", &format!("[ \"$4\" = s3://bucket/cwmem.deb ] && cp {} \"$5\"", path("package")));
    let note = format!("echo \"${{0##*/}} $*\" >>{}", path("notes"));
    tool("apt-get", &note);
    tool("systemctl", &note);
    fs::write(path("user-data"), script).unwrap();
    let mut start = Command::new("sh");
    start.arg(path("user-data")).env_clear();
    start.env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()));
    let output = start.env("TMPDIR", folder.path()).output().unwrap();
    let notes = fs::read_to_string(path("notes")).unwrap_or_default();
    let left =
        fs::read_dir(folder.path()).unwrap().filter(|it| it.as_ref().unwrap().path().is_dir());
    assert_eq!(left.count(), 0, "it cleans up behind itself");
    (output, notes)
}

#[test]
fn user_data_installs_what_has_the_checksum_and_nothing_else() {
    let setup = Setup::new(&host(""));
    let sum = sum_of("package");
    let words = "policy --format user-data --package s3://bucket/cwmem.deb --sha256";
    let script = alarms(&setup, &format!("{words} {sum}"));
    let (output, notes) = start(&script, "package");
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<&str> = notes.lines().collect();
    assert!(lines[0].starts_with("apt-get install --yes /"), "{notes}");
    assert_eq!(lines[1..], ["systemctl enable --now cwmem"]);
    let (output, notes) = start(&script, "another package");
    assert!(!output.status.success());
    assert_eq!(notes, "");
    assert_eq!(run(&setup, "policy --format user-data").code, Some(64));
    assert_eq!(run(&setup, &format!("{words} abc")).code, Some(64));
}

fn sum_of(text: &str) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, text).unwrap();
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.split(' ').next().unwrap().to_owned()
}
