//! One datum that the service refuses, among a hundred.

use crate::support::cloudwatch::{Poison, Series};
use crate::world::{PERIOD, Simulation, counts, many, on_host, second_of};

#[test]
fn the_others_arrive_and_it_is_counted() {
    let world = Simulation::new(0.45, 8);
    // The last of a request, in one set of five.
    world.double.poison(Poison::datum("Extra15", "b"));
    let agent = world.start(&format!("publish.period = \"10s\"\n{}", many(5, 1)));
    let seen = world.until(|seen| counts(seen, &dropped()).len() == 2);
    agent.stop();
    for start in [0, 10] {
        let of_period = seen.datums().filter(|datum| {
            second_of(datum.timestamp) as i64 == start && datum.name != "AgentDropped"
        });
        let mut series: Vec<_> = of_period.map(|datum| (&datum.name, &datum.dimensions)).collect();
        series.sort();
        series.dedup();
        assert_eq!(series.len(), 99, "of the period at {start} s");
        // Its neighbours too, and the same metric under another set.
        let [whole, neighbour] = ["Extra15", "Extra14"].map(|name| counts(&seen, &on_host(name)));
        assert_eq!(whole[&start], neighbour[&start]);
        assert!(whole[&start] >= 70.0, "{whole:?}");
    }
    // The first point's is told with the first period's end, that one's and so on with the next.
    let told = counts(&seen, &dropped());
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), [0, 10]);
    let sum: f64 = seen.periods(&dropped(), PERIOD).values().map(|it| it.sum).sum();
    assert_eq!(sum, 2.0, "one a publish: the first point, then the period's end");
    // Halving a hundred takes less than two requests a level.
    let refused = seen.refused.len();
    assert!((7..=3 * 14).contains(&refused), "{refused} refused for three publishes");
    for request in &seen.accepted {
        let late = second_of(request.at) - due(second_of(request.datums[0].timestamp));
        assert!(late < 6.0, "delayed by {late} s");
    }
}

/// The latest second at which anything of the period that starts at `start` is due.
fn due(start: f64) -> f64 {
    start + 10.0 + 0.9
}

fn dropped() -> Series {
    on_host("AgentDropped").dimension("Cause", "rejected")
}
