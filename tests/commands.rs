//! The real binary, command by command: what it prints, where, and how it exits.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

mod support;

#[path = "commands/check.rs"]
mod check;
#[path = "commands/history.rs"]
mod history;
#[path = "commands/hostile.rs"]
mod hostile;
#[path = "commands/once.rs"]
mod once;
#[path = "commands/pages.rs"]
mod pages;
#[path = "commands/replay.rs"]
mod replay;
#[path = "commands/spool.rs"]
mod spool;
#[path = "commands/surroundings.rs"]
mod surroundings;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use support::agent::{Output, Setup};
use support::cloudwatch::Double;

/// Runs `cwmem` with these arguments and this configuration.
fn run(arguments: &[&str], config: &str) -> Output {
    Setup::new(config).arguments(arguments).output()
}

/// Every metric that there is, and some fields.
const EVERYTHING: &str = r#"
metrics.enabled = ["MemoryUsedPercent", "SwapUsedPercent", "MemoryStallPercent", "OomKills",
    "MemoryAvailable", "MemoryUsed", "SwapUsed", "SwapInPages", "SwapOutPages", "MajorFaults",
    "DirectReclaimStalls", "MemoryFullStallPercent", "CommittedPercent", "HugePagesFreePercent"]
metrics.meminfo = ["Slab", "Active(file)", "HugePages_Total"]
identity.ec2 = false
identity.host = "test"
"#;

/// Off EC2: asks nobody who the host is.
const LOCAL: &str = "identity.ec2 = false\nidentity.host = \"test\"\n";

/// A tree of kernel files that has all that the defaults need, whatever this machine's kernel has.
fn kernel_in(folder: &Path) -> PathBuf {
    let root = folder.join("proc");
    fs::create_dir_all(root.join("pressure")).unwrap();
    let meminfo = "tests/captures/meminfo/coreos-8g-kernel4.14-noswap";
    fs::copy(meminfo, root.join("meminfo")).unwrap();
    let stalls = "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
    fs::write(root.join("pressure/memory"), stalls).unwrap();
    fs::write(root.join("vmstat"), "oom_kill 0\n").unwrap();
    root
}

/// Where no agent has ever run.
const NOWHERE: &str =
    "state.directory = \"/nonexistent\"\nstate.runtime_directory = \"/nonexistent\"\n";

#[test]
fn exit_codes() {
    let double = Double::start();
    let publishing = support::agent::publishing(&double.url());
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let absent = absent.to_str().unwrap();
    let kernel = kernel_in(folder.path());
    let kernel = kernel.to_str().unwrap();
    let table: &[(&[&str], &str, i32)] = &[
        (&["--version"], "", 0),
        (&["-V"], "", 0),
        (&["--help"], "", 0),
        (&["-h"], "", 0),
        (&["help"], "", 0),
        (&["help", "once"], "", 0),
        (&["once", "--help"], "", 0),
        (&["completions", "bash"], "", 0),
        (&["man"], "", 0),
        (&["explain"], "", 0),
        (&["check", "--offline", "--proc-root", kernel], LOCAL, 0),
        (&["check", "--proc-root", kernel], &publishing, 0),
        (&["once", "--dry-run"], LOCAL, 0),
        (&["once"], &publishing, 0),
        (&["once", "--dry-run", "--proc-root", absent], LOCAL, 1),
        (&["check", "--offline", "--proc-root", absent], LOCAL, 1),
        // A kernel without a default metric's file makes no configuration wrong.
        (&["check", "--config-only", "--proc-root", absent], LOCAL, 0),
        (&["explain", "--proc-root", absent], LOCAL, 1),
        (&[], "", 64),
        (&["unknown"], "", 64),
        (&["run", "--unknown"], "", 64),
        (&["once", "--json"], "", 64),
        (&["completions"], "", 64),
        (&["completions", "cmd.exe"], "", 64),
        (&["run", "--log", "loud"], "", 64),
        (&["run", "--config"], "", 64),
        (&["check", "--offline", "--alarms"], LOCAL, 64),
        (&["check", "--config-only", "--alarms"], LOCAL, 64),
        (
            &["once"],
            "cloudwatch.region = \"eu-central-1\"\ncloudwatch.endpoint_url = \"http://127.0.0.1:9\"\nidentity.ec2 = false",
            69,
        ),
        (&["man", "--dir", "/proc/nowhere"], "", 69),
        (&["run"], "unknown = 1", 78),
        (&["once", "--dry-run"], "unknown = 1", 78),
        (&["check"], "unknown = 1", 78),
        (&["check", "--offline"], "unknown = 1", 78),
        (&["check", "--config-only"], "unknown = 1", 78),
        (&["explain"], "unknown = 1", 78),
        (&["run", "--config", absent], "", 78),
        (&["once", "--config", absent], "", 78),
        (&["check", "--offline", "--config", absent], "", 78),
    ];
    check_exit_codes(table);
}

#[test]
fn exit_codes_of_status_and_spool() {
    check_exit_codes(&[
        (&["spool"], "", 64),
        (&["spool", "quarantine"], "", 64),
        (&["spool", "list"], NOWHERE, 65),
        (&["spool", "adopt"], NOWHERE, 65),
        (&["status"], NOWHERE, 69),
        (&["status", "--json", "--check"], NOWHERE, 69),
        (&["spool", "list"], "unknown = 1", 78),
    ]);
}

fn check_exit_codes(table: &[(&[&str], &str, i32)]) {
    for (arguments, config, code) in table {
        let output = run(arguments, config);
        assert_eq!(output.code, Some(*code), "{arguments:?}: {output:?}");
        // What was asked for is on standard output, what is amiss on standard error.
        match code {
            0 => assert!(!output.stdout.is_empty(), "{arguments:?}: {output:?}"),
            1 => {}
            _ => {
                assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
                assert!(output.stderr.len() > 20, "{arguments:?}: {output:?}");
                assert!(output.stderr.ends_with('\n'), "{arguments:?}: {output:?}");
            }
        }
    }
}

#[test]
fn the_version_names_the_commit() {
    let output = run(&["--version"], "");
    let (version, commit) = output.stdout.trim_end().split_once(" (commit ").unwrap();
    assert_eq!(version, concat!("cwmem ", env!("CARGO_PKG_VERSION")));
    let commit = commit.strip_suffix(')').unwrap();
    let commit = commit.strip_suffix("-dirty").unwrap_or(commit);
    let is_commit = commit.len() >= 12 && commit.chars().all(|letter| letter.is_ascii_hexdigit());
    // Built from an archive, there is none.
    assert!(is_commit || commit == "unknown", "{output:?}");
    assert_eq!(output.stderr, "");
}

#[test]
fn a_level_and_a_file_come_from_the_environment_too() {
    let setup = Setup::new("unknown = 1").arguments(&["check", "--offline"]);
    let bad = setup.folder().join("cwmem.toml");
    let output = setup.variable("CWMEM_LOG", "loud").output();
    assert_eq!(output.code, Some(64), "{output:?}");
    assert!(output.stderr.contains("loud") && output.stderr.contains("debug"), "{output:?}");
    // The flag wins over the environment.
    let flagged = Setup::new(LOCAL);
    let good = flagged.folder().join("cwmem.toml");
    let arguments = ["check", "--offline", "--config", good.to_str().unwrap()];
    let output =
        flagged.arguments(&arguments).variable("CWMEM_CONFIG", bad.to_str().unwrap()).output();
    assert_eq!(output.code, Some(0), "{output:?}");
}

/// Every command that prints, with a reader who is gone, and with a full disk.
#[test]
fn a_closed_standard_output_is_a_quiet_end() {
    let commands: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["once", "--dry-run"],
        &["once", "--dry-run", "--json"],
        &["check", "--offline"],
        &["explain", "--proc-root", "tests/captures"],
        &["completions", "bash"],
        &["man"],
    ];
    for arguments in commands {
        let setup = Setup::new(EVERYTHING).arguments(arguments);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = setup.command().stdout(writer).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let expected = if arguments[0] == "explain" { 1 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("standard output"), "{arguments:?}: {stderr}");
        if arguments[0].starts_with("--") {
            continue;
        }
        let full = File::options().write(true).open("/dev/full").unwrap();
        let child = setup.command().stdout(full).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(69), "{arguments:?}: {stderr}");
        assert!(stderr.contains("standard output: No space left"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_closed_standard_error_harms_nothing() {
    for (arguments, config, code) in [
        (&["check", "--offline"][..], "unknown = 1", 78),
        (&["once", "--dry-run", "--proc-root", "/nonexistent"], LOCAL, 1),
        (&["nonsense"], "", 64),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let setup = Setup::new(config).arguments(arguments);
        let status = setup.command().stdout(Stdio::null()).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

/// The captured files of /proc/meminfo, by their names.
fn captures() -> Vec<(String, Vec<u8>)> {
    let mut captures = Vec::new();
    for entry in fs::read_dir("tests/captures/meminfo").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        captures.push((name, fs::read(path).unwrap()));
    }
    captures.sort();
    assert!(captures.len() >= 4, "{captures:?}");
    captures
}

/// `once --dry-run --json` on a tree in `folder` whose meminfo is `meminfo`.
fn dry_run(folder: &Path, meminfo: &[u8], config: &str) -> Output {
    fs::write(folder.join("meminfo"), meminfo).unwrap();
    run(&["once", "--dry-run", "--json", "--proc-root", folder.to_str().unwrap()], config)
}
