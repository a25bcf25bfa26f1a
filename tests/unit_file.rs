//! The systemd unit: nothing in it that systemd-analyze would remark on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop where it cannot go on"
)]

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

/// A copy whose programs are there: the package installs the binary, the tests don't.
fn copy(folder: &Path) -> std::path::PathBuf {
    let unit = fs::read_to_string("systemd/cwmem.service").unwrap();
    assert!(unit.contains("=/usr/bin/cwmem "), "the binary is where packages put it");
    let unit = unit.replace("=/usr/bin/cwmem ", &format!("={} ", env!("CARGO_BIN_EXE_cwmem")));
    let path = folder.join("cwmem.service");
    fs::write(&path, unit).unwrap();
    path
}

#[test]
fn systemd_has_no_remarks() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=no"]).arg(copy(folder.path()));
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("systemd-analyze is missing: `make test` installs it (tests/apt.txt)")
        }
        Err(error) => panic!("systemd-analyze: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// What the agent promises holds only if the unit asks for it.
#[test]
fn the_unit_asks_for_what_the_agent_gives() {
    let unit = fs::read_to_string("systemd/cwmem.service").unwrap();
    for line in [
        "Type=notify",
        "NotifyAccess=main",
        "ExecStart=/usr/bin/cwmem run",
        "ExecReload=/usr/bin/cwmem check --offline",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "RestartPreventExitStatus=78",
        "DynamicUser=yes",
        "StateDirectory=cwmem",
        "StateDirectoryMode=0700",
        "RuntimeDirectory=cwmem",
        "RuntimeDirectoryMode=0755",
        "RuntimeDirectoryPreserve=yes",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim_start_matches('=').to_owned()
    };
    assert!(value("WatchdogSec").ends_with('s'));
    assert!(value("OOMScoreAdjust").parse::<i32>().unwrap() < 0);
    // A stop may take as long as the longest grace time would; the default must fit.
    let stop: u64 = value("TimeoutStopSec").trim_end_matches('s').parse().unwrap();
    assert!(stop > 5, "{stop}");
}
