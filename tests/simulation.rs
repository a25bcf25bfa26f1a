//! The core under a simulated clock: thousands of days with everything that can go wrong, and bugs
//! that are planted to be found. The simulation itself is `examples/simulation.rs`, optimised.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::path::Path;
use std::process::{Command, Output};

const SIMULATION: &str = "target/simulation/examples/simulation";

fn simulation(arguments: &[&str]) -> Output {
    assert!(
        Path::new(SIMULATION).exists(),
        "there is no {SIMULATION}: run `make test`, which builds it"
    );
    Command::new(SIMULATION).args(arguments).output().unwrap()
}

#[test]
fn two_thousand_days_keep_every_promise() {
    let output = simulation(&["--seeds", "0..2000", "--hours", "24"]);
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}");
    assert!(said.starts_with("2000 seeds of 24 hours each"), "{said}");
}

#[test]
fn planted_bugs_are_found_within_a_thousand_days() {
    for bug in [
        "skip-taken",
        "no-replay",
        "early-taken",
        "phantom-write",
        "lost-at-step",
        "eager-retry",
        "blind-to-marks",
    ] {
        let output = simulation(&["--seeds", "0..1000", "--hours", "24", "--bug", bug]);
        let said = String::from_utf8_lossy(&output.stdout);
        println!("{bug}: {said}");
        assert_eq!(output.status.code(), Some(1), "{bug} isn't found: {said}");
        let command = said.lines().find_map(|line| line.strip_prefix("replay it: ")).unwrap();
        let mut words = command.split(' ');
        let replay = Command::new(words.next().unwrap()).args(words).output().unwrap();
        let trace = String::from_utf8_lossy(&replay.stdout);
        let what = said.lines().next().unwrap();
        assert!(trace.contains(what), "{bug}: `{command}` doesn't show {what:?}");
    }
}
