//! Whole periods: every sample arrives, once, at the price of one request a period.

use crate::support::agent::Setup;
use crate::support::cloudwatch::{Double, Seen};
use crate::{SECOND, series};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PERIOD: Duration = Duration::from_secs(10);

#[test]
fn three_periods_of_ten_seconds() {
    let double = Double::start();
    let setup = Setup::publishing(&double.url(), "publish.period = \"10s\"");
    let (started, start) = (Instant::now(), SystemTime::now());
    let mut agent = setup.nice().start();
    let metric = series("EC2/Memory", "MemoryUsedPercent");
    let first = double.wait_for(SECOND * 10, |seen| !seen.accepted.is_empty()).unwrap();
    let delay = first.accepted[0].instant - started;
    assert!(delay < SECOND * 5, "the first point took {delay:?}");
    // The first period is under way when the agent starts: three whole ones come after it.
    let whole = |seen: &Seen| {
        let mut periods = seen.periods(&metric, PERIOD);
        periods.retain(|period, _| *period > start);
        periods
    };
    let seen = double.wait_for(SECOND * 50, |seen| whole(seen).len() == 3).unwrap();
    for (period, statistics) in whole(&seen) {
        assert_eq!(statistics.sample_count, 100.0, "{period:?}: {seen:?}");
        assert!((0.0..=100.0).contains(&statistics.minimum), "{statistics:?}");
        assert!((0.0..=100.0).contains(&statistics.maximum), "{statistics:?}");
        let requests = requests_of(&seen, period);
        assert_eq!(requests.len(), 1, "{period:?}: {seen:?}");
        // At the host's place in the spread: a sixth of ten seconds.
        let age = requests[0].duration_since(period + PERIOD).unwrap();
        assert!(age < SECOND * 3, "{period:?} was sent {age:?} after its end");
    }
    // The first period: its first part, and its rest.
    assert!((4..=5).contains(&seen.accepted.len()), "{seen:?}");
    assert!(seen.refused.is_empty() && seen.connections <= 2, "{seen:?}");
    for datum in seen.datums() {
        let since = datum.timestamp.duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(since.as_millis() % PERIOD.as_millis(), 0, "{datum:?}");
        assert_eq!(datum.resolution, 1, "{datum:?}");
    }
    agent.signal("TERM");
    assert!(agent.wait(SECOND * 5).0.success(), "{}", agent.said());
    // From start to end nothing is missing: at most the tenths at both edges.
    let all: f64 = double.seen().periods(&metric, PERIOD).values().map(|it| it.sample_count).sum();
    let ran = started.elapsed().as_secs_f64() * 10.0;
    assert!((ran - 15.0..=ran + 10.0).contains(&all), "{all} tenths of {ran}");
    assert_eq!(agent.count_lines("WARN") + agent.count_lines("ERROR"), 0, "{}", agent.said());
}

fn requests_of(seen: &Seen, period: SystemTime) -> Vec<SystemTime> {
    let holds = seen
        .accepted
        .iter()
        .filter(|request| request.datums.iter().any(|datum| datum.timestamp == period));
    holds.map(|request| request.at).collect()
}
