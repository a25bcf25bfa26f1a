//! A state directory that is full, read-only, frozen or gone: the agent goes on, from bounded memory.

use crate::host::Host;
use crate::kills::await_empty;
use crate::ledger::Ledger;
use crate::mounts::{Frozen, as_root, inside, on_ext4, on_tmpfs};
use crate::support::agent::{Agent, Setup};
use crate::support::cloudwatch::{Double, Fault, Seen};
use crate::{EACH_SECOND, PATIENCE, SECOND, dropped, used};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// One metric, so that a part is one datum.
fn config(host: &Host) -> String {
    format!(
        "{EACH_SECOND}publish.grace = \"20s\"\nrecorder.duration = \"2m\"\n\
         metrics.enabled = [\"MemoryUsedPercent\"]\n{}",
        host.config()
    )
}

fn accepted(double: &Double, agent: &Agent, more: usize) -> Seen {
    let before = double.seen().accepted.len();
    let enough = |seen: &Seen| seen.accepted.len() >= before + more;
    double.wait_for(PATIENCE, enough).unwrap_or_else(|error| panic!("{error}{}", agent.said()))
}

/// The service takes everything again; a reload has that tried at once.
fn heal(double: &Double, agent: &Agent) {
    double.heal();
    agent.signal("HUP");
}

fn stop(agent: &mut Agent) {
    agent.signal("TERM");
    let (status, _) = agent.wait(PATIENCE);
    assert!(status.success(), "{}", agent.said());
}

/// Sampling goes on through whatever it is: between its first and its last period, each is there
/// with all of its tenths. On a busy machine a sample may be taken late, and what it covers is then
/// the next period's: what one lacks the next has to have, to the tenth.
fn assert_no_second_missed(seen: &Seen) {
    let mut periods = seen.periods(&used(), SECOND);
    periods.pop_first();
    periods.pop_last();
    let counts: Vec<f64> = periods.values().map(|it| it.sample_count).collect();
    let (first, last) = (periods.keys().next().unwrap(), periods.keys().next_back().unwrap());
    let span = last.duration_since(*first).unwrap().as_secs() as usize + 1;
    assert_eq!(counts.len(), span, "{periods:?}");
    // What the first got of its forerunner and what the last owes to its successor isn't seen here.
    let is_whole = |count: &f64| *count == 10.0;
    let first = counts.iter().position(is_whole).unwrap();
    let last = counts.iter().rposition(is_whole).unwrap();
    assert!(first <= 1 && last + 2 >= counts.len(), "{periods:?}");
    let mut owed = 0.0;
    for count in &counts[first..=last] {
        owed += 10.0 - count;
        assert!((0.0..=5.0).contains(&owed), "{owed} tenths: {periods:?}");
    }
    assert_eq!(owed, 0.0, "{periods:?}");
}

#[test]
fn a_full_disk_costs_the_oldest_and_is_counted() {
    as_root("disk::a_full_disk_costs_the_oldest_and_is_counted", || {
        let (double, host) = (Double::start(), Host::start());
        let setup = on_tmpfs(Setup::publishing(&double.url(), &config(&host)).nice());
        let state = setup.state().display().to_string();
        let mut agent = setup.start();
        accepted(&double, &agent, 2);
        // There is nothing that could go: data waits in memory, and is sent from there.
        fill(&agent, &state, "the state directory can't be written");
        accepted(&double, &agent, 3);
        inside(&agent, &format!("rm {state}/filler"));
        agent.wait_for_line("the state directory can be written again", PATIENCE);
        double.always(Fault::unavailable());
        std::thread::sleep(SECOND * 4);
        fill(&agent, &state, "no more room for undelivered data");
        std::thread::sleep(SECOND * 4);
        inside(&agent, &format!("rm {state}/filler"));
        heal(&double, &agent);
        let told = |seen: &Seen| total(seen, "spool_full") + total(seen, "memory_full") > 0.0;
        double.wait_for(PATIENCE, told).unwrap_or_else(|error| panic!("{error}{}", agent.said()));
        accepted(&double, &agent, 2);
        stop(&mut agent);
        let mut ledger = Ledger::new(1);
        ledger.gather(&setup.runtime());
        let seen = double.seen();
        let lost = ledger.missing(&seen);
        let counted = total(&seen, "spool_full") + total(&seen, "memory_full");
        println!("{counted} datums are counted as lost, {} periods are missing", lost.len());
        // One metric under one set, and what the backlog takes: a part is one datum or two.
        let possible = lost.len() as f64..=2.0 * lost.len() as f64;
        assert!(possible.contains(&counted), "{lost:?}: {}", agent.said());
        assert!((1..10).contains(&lost.len()), "{lost:?}: {}", agent.said());
        for text in ["the state directory can't be written", "can be written again"] {
            assert_eq!(agent.count_lines(text), 1, "{text}: {}", agent.said());
        }
    });
}

/// Takes all room, again and again until the agent notices: a file of its own that goes just then
/// makes room for its next one.
fn fill(agent: &Agent, state: &str, notices: &str) {
    let end = Instant::now() + PATIENCE;
    while agent.count_lines(notices) == 0 {
        assert!(Instant::now() < end, "{notices:?}: {}", agent.said());
        inside(agent, &format!("cat /dev/zero >> {state}/filler 2>/dev/null; true"));
        std::thread::sleep(SECOND / 10);
    }
}

fn total(seen: &Seen, cause: &str) -> f64 {
    seen.periods(&dropped(cause), SECOND).values().map(|statistics| statistics.sum).sum()
}

#[test]
fn a_read_only_disk_costs_nothing() {
    as_root("disk::a_read_only_disk_costs_nothing", || {
        let (double, host) = (Double::start(), Host::start());
        let setup = on_tmpfs(Setup::publishing(&double.url(), &config(&host)).nice());
        let state = setup.state().display().to_string();
        let mut agent = setup.start();
        accepted(&double, &agent, 2);
        double.always(Fault::unavailable());
        std::thread::sleep(SECOND * 4);
        // The mount below can't be made read-only: the lock's file is open for writing.
        inside(&agent, &format!("mount --bind {state} {state}"));
        inside(&agent, &format!("mount -o remount,bind,ro {state}"));
        agent.wait_for_line("the state directory can't be written", PATIENCE);
        std::thread::sleep(SECOND * 4);
        heal(&double, &agent);
        // What is on the disk is read and delivered, though it can't be removed.
        accepted(&double, &agent, 6);
        inside(&agent, &format!("umount {state}"));
        double.always(Fault::unavailable());
        agent.wait_for_line("the state directory can be written again", PATIENCE);
        heal(&double, &agent);
        accepted(&double, &agent, 2);
        await_none(&agent, &format!("{state}/spool"));
        stop(&mut agent);
        let mut ledger = Ledger::new(1);
        ledger.gather(&setup.runtime());
        let seen = double.seen();
        assert_eq!(ledger.compare(&seen, &BTreeMap::new()), 0);
        assert_no_second_missed(&seen);
        assert!(!seen.series().iter().any(|series| series.metric == "AgentDropped"));
        assert_eq!(agent.count_lines("can't be written"), 1, "{}", agent.said());
    });
}

/// Until nothing but what is live waits on a disk that only the agent sees.
fn await_none(agent: &Agent, folder: &str) {
    let list = || -> Vec<String> {
        let listed = inside(agent, &format!("ls {folder}"));
        listed.lines().filter(|name| name.ends_with(".jsonl")).map(str::to_owned).collect()
    };
    let (there, end) = (list(), Instant::now() + PATIENCE);
    while list().iter().any(|name| there.contains(name)) {
        assert!(Instant::now() < end, "{:?} of {there:?}: {}", list(), agent.said());
        std::thread::sleep(SECOND / 4);
    }
}

/// For twenty seconds; CWMEM_FROZEN says otherwise.
#[test]
fn a_frozen_disk_stops_nothing() {
    let seconds: u64 = std::env::var("CWMEM_FROZEN").map_or(20, |text| text.parse().unwrap());
    as_root("disk::a_frozen_disk_stops_nothing", || {
        let (double, host) = (Double::start(), Host::start());
        let config =
            format!("{}recorder.duration = \"5m\"\n", config(&host).replace("recorder", "#"));
        let setup = on_ext4(Setup::publishing(&double.url(), &config).nice());
        let state = setup.state();
        let mut agent = setup.start();
        accepted(&double, &agent, 2);
        let (before, during) = {
            let _frozen = Frozen::freeze(&agent, &state);
            let before = double.seen().accepted.len();
            std::thread::sleep(Duration::from_secs(seconds));
            (before, double.seen())
        };
        println!("{} requests in {seconds} s while it was frozen", during.accepted.len() - before);
        assert!(during.accepted.len() - before >= seconds as usize / 2, "{}", agent.said());
        for request in &during.accepted[before..] {
            let oldest = request.datums.iter().map(|datum| datum.timestamp).min().unwrap();
            let age = request.at.duration_since(oldest).unwrap();
            assert!(age < SECOND * 6, "live data waits for the disk: {age:?}");
        }
        accepted(&double, &agent, 3);
        await_none(&agent, &format!("{}/spool", state.display()));
        stop(&mut agent);
        let mut ledger = Ledger::new(1);
        ledger.gather(&setup.runtime());
        let seen = double.seen();
        assert_eq!(ledger.compare(&seen, &BTreeMap::new()), 0);
        assert_no_second_missed(&seen);
    });
}

/// Somebody tidies up: the directory is made anew, and nothing is lost.
#[test]
fn a_directory_that_is_removed_comes_back() {
    let (double, host) = (Double::start(), Host::start());
    let setup = Setup::publishing(&double.url(), &config(&host)).nice();
    let mut agent = setup.start();
    accepted(&double, &agent, 2);
    // The agent may just be writing into it.
    while fs::remove_dir_all(setup.state()).is_err() {}
    accepted(&double, &agent, 3);
    double.always(Fault::unavailable());
    let end = Instant::now() + PATIENCE;
    while !fs::read_dir(setup.state().join("spool")).is_ok_and(|files| files.count() > 2) {
        assert!(Instant::now() < end, "{}", agent.said());
        std::thread::sleep(SECOND / 10);
    }
    heal(&double, &agent);
    await_empty(&setup.state(), PATIENCE);
    stop(&mut agent);
    let mut ledger = Ledger::new(1);
    ledger.gather(&setup.runtime());
    assert_eq!(ledger.compare(&double.seen(), &BTreeMap::new()), 0);
}
