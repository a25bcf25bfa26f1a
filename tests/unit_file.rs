//! The systemd unit: nothing in it that systemd-analyze would remark on, and no more exposed than is
//! said.
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

/// `systemd-analyze security` gives tenths; the drop-ins are those that are shipped as examples.
#[test]
fn the_unit_is_no_more_exposed_than_is_said() {
    let cases: [(&[&str], u32); 4] = [
        (&[], 12),
        (&["environment"], 12),
        (&["hide-processes"], 11),
        (&["hide-processes", "vpc-endpoint"], 10),
    ];
    for (drop_ins, most) in cases {
        let folder = tempfile::tempdir().unwrap();
        let unit = folder.path().join("cwmem.service");
        fs::copy("systemd/cwmem.service", &unit).unwrap();
        let beside = folder.path().join("cwmem.service.d");
        fs::create_dir(&beside).unwrap();
        for name in drop_ins.iter().map(|name| format!("{name}.conf")) {
            fs::copy(Path::new("systemd/drop-ins").join(&name), beside.join(&name)).unwrap();
        }
        let output = Command::new("systemd-analyze")
            .args(["security", "--no-pager", "--offline=true"])
            .arg(format!("--threshold={most}"))
            .arg(&unit)
            .output()
            .unwrap();
        let table = String::from_utf8_lossy(&output.stdout);
        let sum = table.lines().rfind(|line| line.contains("exposure level"));
        assert!(output.status.success(), "{drop_ins:?}: more than {most}: {sum:?}");
    }
}

/// What the agent promises holds only if the unit asks for it.
#[test]
fn the_unit_asks_for_what_the_agent_gives() {
    let unit = fs::read_to_string("systemd/cwmem.service").unwrap();
    for line in [
        "Type=notify",
        "NotifyAccess=main",
        "ExecStart=/usr/bin/cwmem run",
        "ExecReload=/usr/bin/cwmem check --config-only",
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
