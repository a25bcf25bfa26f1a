//! CloudWatch takes nothing for a while: nothing is lost, and nobody knocks too often.

use crate::support::cloudwatch::{Behaviour, Fault, Request, Seen};
use crate::world::{
    PERIOD, Simulation, aligned, all_at_once, assert_complete, counts, many, on_host, second_of,
};
use std::time::Duration;

/// Every spelling of a throttle that AWS documents, for two minutes each.
#[test]
fn throttled_for_two_minutes() {
    let cases = [
        ("Throttling", 400),
        ("ThrottlingException", 429),
        ("ThrottledException", 400),
        ("RequestThrottled", 400),
        ("RequestThrottledException", 400),
        ("TooManyRequestsException", 429),
        ("RequestLimitExceeded", 503),
        ("BandwidthLimitExceeded", 509),
        ("LimitExceeded", 400),
        ("PriorRequestNotComplete", 400),
        ("SlowDown", 503),
    ];
    all_at_once(&cases, |(code, status)| {
        let world = Simulation::new(0.11, SPEED);
        let agent = world.start(CONFIG);
        world.until(|seen| seen.accepted.len() == 2);
        let outage = world.time().seconds();
        world.double.for_time(world.real(120.0), Fault::throttled(code).status(*status));
        let seen = world.until(|seen| delivered(seen, outage + 120.0));
        check(&seen, outage, 120.0);
        let codes = seen.refused.iter().all(|refusal| refusal.code == *code);
        assert!(codes, "{:?}", seen.refused);
        assert_eq!(agent.stop().dropped, 0);
    });
}

/// From the start on nobody answers, or not the right one.
#[test]
fn down_at_the_start() {
    let cases = [
        ("refused", None),
        ("500", Some(Behaviour::from(Fault::internal()))),
        ("503", Some(Behaviour::from(Fault::unavailable()))),
        ("proxy", Some(Behaviour::captive_proxy())),
        ("hang", Some(Behaviour::Hang)),
        ("cut", Some(Behaviour::Cut)),
    ];
    all_at_once(&cases, |(_, behaviour)| {
        let mut world = Simulation::with(0.11, SPEED, |builder| match behaviour {
            None => builder.reserve().unwrap(),
            Some(_) => builder.start().unwrap(),
        });
        if *behaviour == Some(Behaviour::Hang) {
            world = world.read_timeout(Duration::from_secs(1));
        }
        if let Some(behaviour) = behaviour {
            world.double.for_time(world.real(50.0), behaviour.clone());
        }
        let agent = world.start(CONFIG);
        world.at(50.11);
        world.double.start_again();
        let seen = world.until(|seen| delivered(seen, 50.0));
        check(&seen, 0.0, 50.0);
        assert_eq!(agent.stop().dropped, 0);
    });
}

/// A backlog of several requests' size leaves no faster than it may.
#[test]
fn a_backlog_is_sent_at_its_rate() {
    let world = Simulation::new(0.11, 10);
    world.double.for_time(world.real(45.0), Fault::unavailable());
    let config = format!(
        "publish.period = \"10s\"\nsample.interval = \"2s\"\n\
         spool.max_requests_per_second = 1\n{}",
        many(26, 1)
    );
    let agent = world.start(&config);
    let seen = world.until(|seen| delivered(seen, 45.0));
    assert_eq!(agent.stop().dropped, 0);
    assert_complete(&seen, &on_host("MemoryUsedPercent"));
    // 520 datums a period: one period a request, each of them whole.
    let newest = starts(&seen.accepted[0])[0];
    let backlog: Vec<_> =
        seen.accepted.iter().filter(|request| starts(request)[0] < newest).collect();
    assert!(backlog.len() >= 3, "{}", backlog.len());
    assert!(backlog.is_sorted_by_key(|request| starts(request)[0]));
    // One a second; the first may have taken long to write.
    let [first, .., last] = &backlog[..] else { unreachable!("at least three") };
    let took = second_of(last.at) - second_of(first.at);
    assert!(took > backlog.len() as f64 - 2.0, "{} requests in {took} s", backlog.len());
}

/// More than there is room for: the oldest is given up, and how much that was is told.
/// On the disk, and in memory where there is none: the oldest goes, and that is told.
#[test]
fn room_is_bounded_and_its_losses_are_told() {
    all_at_once(&["spool_full", "memory_full"], |cause| {
        let mut world = Simulation::with(0.11, 20, |builder| builder.reserve().unwrap());
        if *cause == "memory_full" {
            world = world.without_disk();
        }
        // 520 datums a period, 1.3 kB each: six periods fill the 4 MiB there are.
        let metrics = many(26, 1_000);
        let agent = world.start(&format!(
            "publish.period = \"10s\"\nsample.interval = \"2s\"\nspool.max_bytes = \"4MiB\"\n{metrics}"
        ));
        world.at(105.0);
        world.double.start_again();
        let told = on_host("AgentDropped").dimension("Cause", cause);
        let told = |seen: &Seen| seen.periods(&told, PERIOD).values().map(|it| it.sum).sum::<f64>();
        let lost = |seen: &Seen| {
            let arrived = seen.datums().filter(|datum| !datum.name.starts_with("Agent")).count();
            // And the first point, beside its period's rest.
            let parts = newest(seen) / 10 + 2;
            parts as f64 * 520.0 - arrived as f64
        };
        // What was lost has the agent's own datum of each period too, one under each set.
        let own = |told: f64, lost: f64| {
            told >= lost && (told - lost) % 26.0 == 0.0 && told <= lost * 1.05
        };
        let all = |seen: &Seen| told(seen) > 0.0 && own(told(seen), lost(seen));
        let seen = world.until(|seen| !seen.accepted.is_empty() && all(seen));
        let dropped = agent.stop().dropped;
        assert_eq!(dropped as f64, told(&seen));
        let there: Vec<_> = counts(&seen, &on_host("MemoryUsedPercent")).into_keys().collect();
        assert!(there[0] >= 30, "the oldest had to go: {there:?}");
        let expected = (there[0]..=newest(&seen)).step_by(10);
        assert_eq!(there, expected.collect::<Vec<_>>(), "and nothing else");
    });
}

fn newest(seen: &Seen) -> i64 {
    seen.accepted.iter().flat_map(starts).max().unwrap()
}

/// Whether every period up to the newest is there, and that one began at that second or later.
fn delivered(seen: &Seen, second: f64) -> bool {
    let counts = counts(seen, &on_host("MemoryUsedPercent"));
    let newest = counts.keys().next_back().copied().unwrap_or_default();
    newest as f64 > second - 10.0 && (0..=newest).step_by(10).eq(counts.into_keys())
}

fn check(seen: &Seen, outage: f64, length: f64) {
    assert!(aligned(seen));
    assert_complete(seen, &on_host("MemoryUsedPercent"));
    let knocks = seen.refused.len();
    assert!(knocks <= KNOCKS, "{knocks} requests in {length} s");
    let after: Vec<_> =
        seen.accepted.iter().filter(|request| second_of(request.at) > outage + length).collect();
    let (newest, rest) = after.split_first().unwrap();
    let newest = starts(newest);
    assert_eq!(newest.len(), 1, "the first to be heard is the newest alone: {newest:?}");
    let age = second_of(after[0].at) - newest[0] as f64;
    assert!((10.0..25.0).contains(&age), "what is heard first is {age} s old");
    // Then the backlog, oldest first, in one request: it holds two weeks of hours.
    let backlog = rest.iter().map(|request| starts(request));
    // The period before may still be live, and then goes before the backlog too.
    let backlog: Vec<_> = backlog.filter(|starts| starts[0] < newest[0] - 10).collect();
    assert_eq!(backlog.len(), 1, "{backlog:?} beside {newest:?}");
    let backlog = &backlog[0];
    assert!(backlog.is_sorted(), "{backlog:?}");
    assert_eq!(backlog[0], (outage / 10.0) as i64 * 10);
}

/// The periods of a request's datums, in seconds, each once.
fn starts(request: &Request) -> Vec<i64> {
    let mut starts: Vec<_> =
        request.datums.iter().map(|datum| second_of(datum.timestamp) as i64).collect();
    starts.dedup();
    starts
}

const SPEED: u32 = 30;
const CONFIG: &str = "publish.period = \"10s\"\nsample.interval = \"2s\"";
/// Two minutes hold eight waits on average (bounds of 2, 4, ... 60 s with full jitter, so a mean of
/// half of each); thrice that is beyond bad luck.
const KNOCKS: usize = 24;
