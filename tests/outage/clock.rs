//! Wall clocks that are wrong, or put right.

use crate::support::cloudwatch::Clock;
use crate::world::{Simulation, aligned, counts, on_host, parts};
use std::time::Duration;

/// Two hours forward at 14 s, back at 29 s: each sample stays where the clock was when it was
/// taken, and none is lost or counted twice.
#[test]
fn steps_close_parts_and_move_nothing() {
    let world = Simulation::new(0.45, 10);
    let agent = world.start("publish.period = \"10s\"");
    for (second, step) in [(14.0, TWO_HOURS), (29.0, -TWO_HOURS)] {
        world.at(second);
        agent.step_clock(step * 1_000);
    }
    let used = on_host("MemoryUsedPercent");
    let seen = world.until(|seen| counts(seen, &used).contains_key(&40));
    let summary = agent.stop();
    assert_eq!((summary.dropped, summary.undelivered), (0, 0));
    assert!(aligned(&seen));
    // The start of each period, its parts, and the tenths of a second that it has: the first point
    // is a part of its own, and each step closes one.
    let expected = [
        (0, 2, 100.0),
        (10, 1, 40.0),
        (20, 1, 10.0),
        (30, 1, 100.0),
        (40, 1, 100.0),
        (TWO_HOURS + 10, 1, 60.0),
        (TWO_HOURS + 20, 1, 90.0),
    ];
    assert_eq!(parts(&seen, &used), expected.map(|(start, parts, _)| (start, parts)).into());
    let counts = counts(&seen, &used);
    for (start, _, expected) in expected {
        // A busy machine may cost the simulation some ticks.
        let count = counts[&start];
        assert!((expected / 2.0..=expected + 20.0).contains(&count), "{start}: {counts:?}");
    }
    let total = counts.values().sum::<f64>();
    assert!((400.0..=520.0).contains(&total), "{total}: {counts:?}");
}

/// Three hours ahead, the service refuses signatures or timestamps: one answer is enough. What it
/// refuses for its time waits for that time, and what comes after the clock is put right doesn't.
#[test]
fn what_lies_ahead_waits_and_is_not_dropped() {
    let cases = [(true, "InvalidSignatureException"), (false, "InvalidParameterValue")];
    std::thread::scope(|scope| {
        for (check_skew, code) in cases {
            scope.spawn(move || ahead(check_skew, code));
        }
    });
}

fn ahead(check_skew: bool, code: &str) {
    let world = Simulation::new(0.45, 10).ahead(3 * 3_600);
    world.double.check_skew(check_skew);
    let agent = world.start("publish.period = \"10s\"");
    world.at(32.0);
    let seen = world.double.seen();
    assert!(seen.accepted.is_empty());
    let codes: Vec<_> = seen.refused.iter().map(|refusal| refusal.code.as_str()).collect();
    assert_eq!(codes, [code]);
    agent.step_clock(-3 * 3_600_000);
    let used = on_host("MemoryUsedPercent");
    let seen = world.until(|seen| counts(seen, &used).contains_key(&40));
    let right = counts(&seen, &used);
    assert_eq!(right.keys().copied().collect::<Vec<_>>(), [30, 40], "{right:?}");
    assert!((40.0..=90.0).contains(&right[&30]), "{right:?}");
    // The service's time comes near: what was ahead is welcome now.
    let time = world.time();
    world.double.set_clock(Clock::from_fn(move || time.now() + Duration::from_secs(2 * 3_600)));
    let ahead = [(0, 100.0), (10, 100.0), (20, 100.0), (30, 20.0)];
    let ahead = ahead.map(|(start, expected)| (start + 3 * 3_600, expected));
    let seen = world.until(|seen| {
        let counts = counts(seen, &used);
        ahead.iter().all(|(start, _)| counts.contains_key(start))
    });
    assert_eq!(agent.stop().dropped, 0);
    let counts = counts(&seen, &used);
    for (start, expected) in ahead {
        let count = counts[&start];
        assert!((expected / 2.0..=expected + 20.0).contains(&count), "{start}: {counts:?}");
    }
    assert_eq!(parts(&seen, &used)[&ahead[1].0], 1, "none twice");
    assert!(aligned(&seen));
}

const TWO_HOURS: i64 = 7_200;
