//! Nothing goes wrong.

use crate::world::{MINUTE_ZERO, Simulation, aligned, counts, on_host, second_of};
use std::time::Duration;

#[test]
fn every_sample_arrives_at_one_request_a_period() {
    // Early in a second, so that a tick may be late by most of one and stays in its period.
    let world = Simulation::new(0.11, 5);
    let agent = world.start("publish.period = \"10s\"");
    let seen = world.until(|seen| seen.accepted.len() == 4);
    assert!(agent.stop().undelivered == 0);
    let first = second_of(seen.accepted[0].at);
    assert!(first < 5.11, "the first point came {first} s into the minute");
    let used = on_host("MemoryUsedPercent");
    let counts = counts(&seen, &used);
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(0, 100.0), (10, 100.0), (20, 100.0)]);
    assert!(aligned(&seen));
    assert_eq!(seen.refused.len(), 0);
    // At its place, half of the spread after the end of each period.
    for (request, expected) in seen.accepted[1..].iter().zip([10.8, 20.8, 30.8]) {
        let at = second_of(request.at);
        assert!((expected..expected + 3.0).contains(&at), "{at} instead of {expected}");
    }
    let minute =
        seen.statistics(&used, MINUTE_ZERO.system_time(), Duration::from_secs(60)).unwrap();
    assert_eq!((minute.minimum, minute.maximum), (40.0, 40.0));
}
