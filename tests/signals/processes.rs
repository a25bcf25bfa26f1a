//! Selectors of real processes: they follow restarts, and arguments go nowhere.

use crate::support::agent::Setup;
use crate::support::cloudwatch::Double;
use crate::{EACH_SECOND, PATIENCE, SECOND, last};
use std::fs;
use std::process::{Child, Command};

const SECRET: &str = "hunter2";

fn stop(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_selector_follows_restarts() {
    let folder = tempfile::tempdir().unwrap();
    // A shell under a name that nothing else on this machine has.
    let name = format!("cwm{}", std::process::id() % 1_000_000);
    let program = folder.path().join(&name);
    assert!(Command::new("cp").arg("/bin/sh").arg(&program).status().unwrap().success());
    let pid_file = folder.path().join("pid");
    let script = folder.path().join("script");
    fs::write(&script, "while :; do sleep 0.2; done\n").unwrap();
    let run = || {
        let child = Command::new(&program).arg(&script).arg(SECRET).spawn().unwrap();
        fs::write(&pid_file, format!("{}\n", child.id())).unwrap();
        child
    };
    let config = format!(
        "{EACH_SECOND}log.level = \"debug\"\n[processes]\nby-exe = {{ exe = {program:?} }}\nby-name = {{ name = \"{name}\" }}\n\
         by-arguments = {{ cmdline = \"*{name} * {SECRET}\" }}\nby-file = {{ pid_file = {pid_file:?} }}\n\
         by-unit = {{ unit = \"no-such-unit.service\" }}\n"
    );
    let double = Double::start();
    let mut agent = Setup::publishing(&double.url(), &config).start();
    let counts = |count: f64| {
        move |seen: &crate::support::cloudwatch::Seen| {
            ["by-exe", "by-name", "by-arguments", "by-file"]
                .iter()
                .all(|name| last(seen, "ProcessCount", ("Process", name)) == Some(count))
        }
    };
    double.wait_for(PATIENCE, counts(0.0)).unwrap();
    for _ in 0..2 {
        let child = run();
        let seen = double.wait_for(PATIENCE, counts(1.0)).unwrap();
        let resident = last(&seen, "ProcessResidentMemory", ("Process", "by-exe")).unwrap();
        assert!((50_000.0..50e6).contains(&resident), "{resident}");
        stop(child);
        double.wait_for(PATIENCE, counts(0.0)).unwrap();
    }
    let one = [run(), run()];
    double
        .wait_for(PATIENCE, |seen| {
            last(seen, "ProcessCount", ("Process", "by-exe")) == Some(2.0)
                && last(seen, "ProcessCount", ("Process", "by-file")) == Some(1.0)
        })
        .unwrap();
    one.into_iter().for_each(stop);
    agent.signal("TERM");
    assert!(agent.wait(SECOND * 10).0.success(), "{}", agent.said());
    let seen = double.seen();
    assert_eq!(last(&seen, "ProcessCount", ("Process", "by-unit")), Some(0.0));
    assert!(!format!("{seen:?}").contains(SECRET) && !agent.said().contains(SECRET));
    assert!(seen.refused.is_empty());
}

#[test]
fn check_counts_what_is_selected() {
    let config = "identity.ec2 = false\nidentity.host = \"test\"\n[processes]\n\
                  all = { cmdline = \"*\" }\nnone = { name = \"no-such-name\" }\n";
    let output = Setup::new(config).arguments(&["check", "--offline"]).output();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("none: 0 with 0.0 MiB (name \"no-such-name\")"), "{output:?}");
    assert!(output.stdout.contains("processes: correct processes.none, if one runs"), "{output:?}");
}
