//! Periods that leave in parts, alone or many together.

use crate::support::cloudwatch::{Request, Seen};
use crate::world::{PERIOD, Simulation, aligned, counts, on_host, second_of};
use std::time::Duration;

/// Every 20 s, but each period while the host is under pressure, and one part of it at once.
#[test]
fn under_pressure_the_host_looks_closer_and_speaks_at_once() {
    let world = Simulation::new(20.45, 5);
    let agent = world.start("publish = { period = \"10s\", every = \"20s\", spread = \"2s\" }");
    for tenth in 240..330u32 {
        world.at(f64::from(tenth) / 10.0);
        // It lets up for a second: that makes no second urgent part.
        let calm = (280..290).contains(&tenth);
        let little = 20_000 + tenth * 37 % 100 * 1_000;
        world.proc.change(|kernel| kernel.available = if calm { CALM } else { little });
    }
    world.proc.change(|kernel| kernel.available = CALM);
    let seen = world.until(|seen| seen.accepted.len() >= 5);
    agent.stop();
    // The first point, the urgent part, the rest of its period, the next; then two at once.
    let sent: Vec<_> = seen.accepted.iter().map(starts).collect();
    assert_eq!(sent, [vec![20], vec![20], vec![20], vec![30], vec![40, 50]], "{:?}", times(&seen));
    let urgent = second_of(seen.accepted[1].at);
    assert!((24.0..30.0).contains(&urgent), "the urgent part came at {urgent} s");
    let used = on_host("MemoryUsedPercent");
    let counts = counts(&seen, &used);
    for start in [20, 30, 40, 50] {
        // A machine that is busy with other tests may miss some of ten ticks a second.
        assert!((60.0..=110.0).contains(&counts[&start]), "{counts:?}");
    }
    let start = seen.accepted[0].datums[0].timestamp;
    let distribution = seen.statistics(&used, start, PERIOD).unwrap().distribution();
    assert!(distribution.len() > 20, "seen ten times a second: {distribution:?}");
    assert!(distribution.iter().any(|(_, count)| count % 10.0 != 0.0));
}

#[test]
fn sparse_metrics_add_up_over_parts_and_all_zeros_are_silent() {
    let world = Simulation::new(0.45, 5);
    let agent = world.start("publish.period = \"10s\"");
    world.at(4.9);
    world.proc.change(|kernel| kernel.swap_free = 50_000);
    world.at(6.9);
    world.proc.change(|kernel| kernel.swap_free = 100_000);
    for (second, kills) in [(13.9, 2), (17.9, 5), (24.9, 6)] {
        world.at(second);
        world.proc.change(|kernel| kernel.oom_kills = kills);
    }
    let oom_kills = on_host("OomKills");
    let last = |seen: &Seen| seen.accepted.iter().any(|request| second_of(request.at) > 30.5);
    let seen = world.until(last);
    agent.stop();
    let (first, _) = seen.accepted.split_first().unwrap();
    assert!(first.datums.iter().all(|datum| datum.name == "MemoryUsedPercent"), "{first:?}");
    let swap = seen.periods(&on_host("SwapUsedPercent"), PERIOD);
    assert_eq!(swap.len(), 1, "only the period in which something was swapped");
    let swap = swap.values().next().unwrap();
    // The zeros that the first point withheld came with the rest.
    assert_eq!((swap.minimum, swap.maximum), (0.0, 50.0));
    assert!((90.0..=110.0).contains(&swap.sample_count), "{swap:?}");
    assert!((900.0..=1_100.0).contains(&swap.sum), "{swap:?}");
    let kills = seen.periods(&oom_kills, PERIOD);
    let sums: Vec<_> = kills
        .iter()
        .map(|(start, it)| (second_of(*start) as i64, it.sum, it.sample_count))
        .collect();
    assert_eq!(sums, [(10, 5.0, 2.0), (20, 1.0, 1.0)], "one value a part");
    let stalled = seen.periods(&on_host("MemoryStallPercent"), PERIOD);
    let stalled: Vec<_> = stalled.keys().map(|start| second_of(*start) as i64).collect();
    assert_eq!(stalled, [10, 20], "nothing stalled, nothing said");
}

#[test]
fn many_periods_travel_in_one_request() {
    let world = Simulation::new(0.11, 30);
    let agent =
        world.start("publish = { period = \"10s\", every = \"60s\" }\nsample.interval = \"2s\"");
    let seen = world.until(|seen| seen.accepted.len() == 3);
    agent.stop();
    let sent: Vec<_> = seen.accepted.iter().map(starts).collect();
    let minute = |start: i64| (start..start + 60).step_by(10).collect::<Vec<_>>();
    assert_eq!(sent, [vec![0], minute(0), minute(60)]);
    // Half of the spread, which is ten seconds, after each minute.
    for (request, due) in seen.accepted[1..].iter().zip([65.0, 125.0]) {
        let at = second_of(request.at);
        assert!((due..due + 8.0).contains(&at), "{at} instead of {due}");
    }
    assert!(aligned(&seen) && seen.refused.is_empty());
    let used = on_host("MemoryUsedPercent");
    let minute = seen.periods(&used, Duration::from_secs(60));
    for minute in minute.values() {
        assert!((450.0..=640.0).contains(&minute.sample_count), "{minute:?}");
    }
}

/// The periods of a request, in seconds, each once.
fn starts(request: &Request) -> Vec<i64> {
    let mut starts: Vec<_> =
        request.datums.iter().map(|datum| second_of(datum.timestamp) as i64).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

fn times(seen: &Seen) -> Vec<f64> {
    seen.accepted.iter().map(|request| second_of(request.at)).collect()
}

/// kB available: 60 %.
const CALM: u32 = 600_000;
