//! `cwmem import` on files of the shapes that other agents' configurations have: its report and
//! what it writes, which `cwmem check` takes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

use expect_test::expect_file;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// In the captures' folder, so that reports name files alike everywhere.
fn cwmem(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cwmem"));
    command.args(arguments).current_dir(CAPTURES).env_clear();
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Compares exit code, report and configuration with the file of that name; the configuration has to
/// be one.
fn check(name: &str, arguments: &[&str]) {
    let output = cwmem(&[&["import"], arguments].concat()).output().unwrap();
    let toml = text(&output.stdout);
    let shown =
        format!("exit code {}\n\n{}\n{toml}", output.status.code().unwrap(), text(&output.stderr));
    expect_file![format!("{}/{CAPTURES}/expected/{name}.txt", env!("CARGO_MANIFEST_DIR"))]
        .assert_eq(&shown);
    if output.status.code() != Some(65) {
        accepted(toml);
    }
}

/// `cwmem check` finds no fault in it: dimension sets may lack values on this host.
fn accepted(toml: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cwmem.toml");
    fs::write(&path, toml).unwrap();
    let check =
        cwmem(&["check", "--offline", "--config", path.to_str().unwrap()]).output().unwrap();
    let code = check.status.code().unwrap();
    assert!([0, 1].contains(&code), "{code}: {}{toml}", text(&check.stderr));
}

#[test]
fn agents_configurations() {
    let mut expected = BTreeSet::new();
    for name in [
        "basic",
        "standard",
        "advanced",
        "complete",
        "trap",
        "trap-mixed",
        "renamed",
        "clashing",
        "dropped",
        "section-dimensions",
        "section-values",
        "host",
        "nameless",
        "unknown-keys",
        "logs-only",
        "broken",
    ] {
        check(name, &[&format!("{name}.json")]);
        expected.insert(format!("{name}.json"));
    }
    let there = fs::read_dir(CAPTURES).unwrap().map(|entry| entry.unwrap().file_name());
    let there = there.map(|name| name.into_string().unwrap());
    let there: BTreeSet<String> = there.filter(|name| name.ends_with(".json")).collect();
    assert_eq!(there, expected, "each file is tried");
}

#[test]
fn several_files_are_merged_as_the_agent_merges_them() {
    check("merged", &["merged"]);
    check("conflict", &["conflict/b.json", "conflict/a.json"]);
    let one = cwmem(&["import", "merged/amazon-cloudwatch-agent.d"]).output().unwrap();
    assert!(
        text(&one.stdout).contains("import from merged/amazon-cloudwatch-agent.d/file_swap.json")
    );
    assert!(!text(&one.stdout).contains("tmp"));
}

#[test]
fn crontabs() {
    for name in ["mon-scripts", "mon-scripts-all", "mon-scripts-only", "cloudwatchmon", "no-agent"]
    {
        check(name, &["--crontab", &format!("{name}.cron")]);
    }
}

#[test]
fn no_secret_is_shown() {
    for arguments in [["nameless.json", "--json"], ["--crontab", "mon-scripts-only.cron"]] {
        let output = cwmem(&[&["import"], &arguments[..]].concat()).output().unwrap();
        assert!(
            fs::read_to_string(format!(
                "{CAPTURES}/{}",
                arguments.iter().find(|word| !word.starts_with("--")).unwrap()
            ))
            .unwrap()
            .contains("hunter2")
        );
        for bytes in [&output.stdout, &output.stderr] {
            assert!(!text(bytes).contains("hunter2"), "{}", text(bytes));
        }
    }
}

#[test]
fn the_report_as_json() {
    check("standard-json", &["--json", "standard.json"]);
    let output = cwmem(&["import", "--json", "basic.json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(report["all_kept"], true);
    assert_eq!(report["series"][0]["state"], "kept");
}

#[test]
fn standard_input_is_read() {
    let piped = |arguments: &[&str], text: &str| -> Output {
        let mut command = cwmem(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let crontab = fs::read_to_string(format!("{CAPTURES}/mon-scripts.cron")).unwrap();
    let output = piped(&["import", "--crontab", "-"], &crontab);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    accepted(text(&output.stdout));
    let output = piped(&["import", "-"], "[]");
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(text(&output.stderr), "cwmem: -: expected a JSON object, found a list\n");
}

#[test]
fn what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.json");
    fs::write(&large, vec![b' '; (1 << 20) + 1]).unwrap();
    let bytes = folder.path().join("bytes.json");
    fs::write(&bytes, b"{\"a\": \"\xff\"}").unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let [large, bytes, empty] = [&large, &bytes, &empty].map(|path| path.to_str().unwrap());
    for (arguments, code, said) in [
        (vec![large, bytes], 65, "is larger than 1048576 bytes"),
        (vec![large, bytes], 65, "expected UTF-8 text"),
        (vec![empty], 65, "the folder has no file to read"),
        (vec!["absent.json"], 65, "absent.json: cannot be read: No such file"),
        (vec!["--crontab", "absent"], 65, "absent: cannot be read: No such file"),
        (vec![], 64, "required"),
    ] {
        let output = cwmem(&[&["import"], &arguments[..]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
    assert!(Path::new(CAPTURES).is_dir());
}

const CAPTURES: &str = "tests/captures/import";
