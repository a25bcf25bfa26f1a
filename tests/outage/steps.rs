//! Wall clocks that jump while data waits: what was stamped rightly arrives where it belongs, what a
//! wrong clock stamped arrives there or is counted, and the service isn't asked again and again.

use crate::support::cloudwatch::{Fault, Seen, Series};
use crate::world::{HOST, MINUTE_ZERO, Simulation, aligned, all_at_once, counts, on_host, parts};
use std::collections::BTreeMap;

const CONFIG: &str = "publish.period = \"10s\"";
const HOUR: i64 = 3_600;
const THREE_WEEKS: i64 = 21 * 24 * HOUR;
/// A host without a clock of its own begins at the epoch, or a little after it.
const BEFORE_NTP: i64 = MINUTE_ZERO.0 / 1_000 - 600;

/// A refusal that the service made of itself.
fn refusals(seen: &Seen) -> Vec<&str> {
    let own = seen.refused.iter().filter(|refusal| !refusal.scripted);
    own.map(|refusal| refusal.code.as_str()).collect()
}

fn dropped(seen: &Seen) -> BTreeMap<String, f64> {
    let causes = ["spool_full", "too_old", "clock", "rejected", "damaged", "foreign"];
    let causes = causes.map(|cause| {
        let series = Series::new("EC2/Memory", "AgentDropped").dimension("Host", HOST);
        let told = seen.periods(&series.dimension("Cause", cause), crate::world::PERIOD);
        (cause.to_owned(), told.values().map(|it| it.sum).sum::<f64>())
    });
    causes.into_iter().filter(|(_, sum)| *sum > 0.0).collect()
}

/// Each of these seconds is the start of a period that has so many tenths; a busy machine may cost
/// the simulation some ticks.
fn assert_counts(counts: &BTreeMap<i64, f64>, expected: &[(i64, f64)]) {
    for (start, expected) in expected {
        let count = counts.get(start).copied().unwrap_or_default();
        assert!((expected / 2.0..=expected + 20.0).contains(&count), "{start}: {counts:?}");
    }
}

/// The clock is wrong from the start and put right at 32 s, amid an outage from 15 s to 45 s.
#[test]
fn put_right_while_data_waits() {
    let cases = [("-1 h", -HOUR), ("+1 h", HOUR), ("+3 weeks", THREE_WEEKS), ("1970", BEFORE_NTP)];
    all_at_once(&cases, |(_, step)| put_right(*step));
}

fn put_right(step: i64) {
    let world = Simulation::new(0.45, 10).ahead(-step);
    let agent = world.start(CONFIG);
    world.at(15.0);
    world.double.for_time(world.real(30.0), Fault::unavailable());
    world.at(32.0);
    agent.step_clock(step * 1_000);
    let used = on_host("MemoryUsedPercent");
    let seen = world.until(|seen| {
        [30, 40, 50, 60, 70].iter().all(|start| counts(seen, &used).contains_key(start))
    });
    let right = [(30, 80.0), (40, 100.0), (50, 100.0), (60, 100.0)];
    let wrong = [(0, 100.0), (10, 100.0), (20, 100.0), (30, 20.0)].map(|(at, n)| (at - step, n));
    let found = counts(&seen, &used);
    assert_counts(&found, &right);
    assert!(aligned(&seen));
    assert!(right.iter().all(|(start, _)| parts(&seen, &used)[start] == 1), "none twice: {seen:?}");
    let arrives = step.abs() <= HOUR;
    let starts = if arrives {
        [right.map(|it| it.0), wrong.map(|it| it.0)].concat()
    } else {
        right.map(|it| it.0).to_vec()
    };
    assert!(found.keys().all(|start| starts.contains(start) || *start == 70), "{found:?}");
    let summary = agent.stop();
    assert_eq!(summary.undelivered, 0);
    let lost = dropped(&seen);
    if arrives {
        assert_counts(&found, &wrong);
        assert_eq!((refusals(&seen), summary.dropped, lost.len()), (Vec::new(), 0, 0), "{lost:?}");
    } else {
        // What the wrong clock stamped is too old for ever. One answer tells, not one a datum.
        assert!(refusals(&seen).len() <= 2, "{:?}", refusals(&seen));
        assert!(summary.dropped > 0 && lost.keys().all(|cause| cause == "clock"), "{lost:?}");
        assert_eq!(lost.values().sum::<f64>(), summary.dropped as f64);
    }
}

/// The clock is right, jumps at 32 s amid an outage from 15 s to 45 s, and is put right at 62 s.
#[test]
fn the_backlog_outlives_a_jump_and_its_end() {
    let cases = [("-1 h", -HOUR), ("+1 h", HOUR), ("+3 weeks", THREE_WEEKS)];
    all_at_once(&cases, |(_, step)| jump_and_end(*step));
}

fn jump_and_end(step: i64) {
    let world = Simulation::new(0.45, 10);
    let agent = world.start(CONFIG);
    world.at(15.0);
    world.double.for_time(world.real(30.0), Fault::unavailable());
    world.at(32.0);
    agent.step_clock(step * 1_000);
    world.at(62.0);
    agent.step_clock(-step * 1_000);
    let used = on_host("MemoryUsedPercent");
    let expected = [(0, 100.0), (10, 100.0), (20, 100.0), (30, 20.0), (60, 80.0), (70, 100.0)];
    let seen = world.until(|seen| {
        let counts = counts(seen, &used);
        expected.iter().all(|(start, _)| counts.contains_key(start)) && counts.contains_key(&80)
    });
    let found = counts(&seen, &used);
    assert_counts(&found, &expected);
    assert!(aligned(&seen));
    let wrong = [(30, 80.0), (40, 100.0), (50, 100.0), (60, 20.0)].map(|(at, n)| (at + step, n));
    if step.abs() <= HOUR {
        assert_counts(&found, &wrong);
        assert_eq!(refusals(&seen), Vec::<&str>::new());
    }
    let starts = [expected.map(|it| it.0).to_vec(), wrong.map(|it| it.0).to_vec()].concat();
    assert!(found.keys().all(|start| starts.contains(start) || *start >= 80), "{found:?}");
    for (start, _) in expected {
        let count = parts(&seen, &used)[&start];
        assert_eq!(count, if start == 0 { 2 } else { 1 }, "{start}: none twice");
    }
    // What lies weeks ahead waits: the service may take it when its time has come.
    let summary = agent.stop();
    assert_eq!((summary.dropped, summary.undelivered), (0, 0), "{:?}", dropped(&seen));
    assert_eq!(summary.waiting > 0, step.abs() > HOUR, "{summary:?}");
    assert!(refusals(&seen).len() <= 2, "{:?}", refusals(&seen));
}
