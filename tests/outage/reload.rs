//! A new configuration in the middle of a period.

use crate::support::cloudwatch::Series;
use crate::world::{HOST, PERIOD, Simulation, counts};

const OLD: &str = r#"
publish.period = "10s"
metrics.namespace = "Old"
metrics.enabled = ["MemoryUsedPercent", "SwapUsedPercent"]
"#;
const NEW: &str = r#"
publish.period = "10s"
metrics.namespace = "New"
metrics.enabled = ["SwapUsedPercent", "MemoryAvailable", "MemoryUsedPercent"]
metrics.dimensions = [["Host", "Environment"]]
dimensions.Environment = "test"
"#;

#[test]
fn what_came_before_is_the_old_ones_and_what_comes_after_the_new_ones() {
    let world = Simulation::new(0.45, 5);
    let agent = world.start(OLD);
    world.at(5.0);
    agent.reload(Ok(world.config(NEW)));
    world.at(6.9);
    world.proc.change(|kernel| kernel.swap_free = 50_000);
    world.at(13.0);
    agent.reload(Err("line 1: expected something else".to_owned()));
    let available = new("MemoryAvailable");
    let seen = world.until(|seen| counts(seen, &available).contains_key(&10));
    assert_eq!(agent.stop().dropped, 0);
    assert!(seen.refused.is_empty());
    let within = |count: f64, expected: f64| (count - expected).abs() <= 10.0;
    let before = counts(&seen, &old("MemoryUsedPercent"));
    assert!(before.len() == 1 && within(before[&0], 50.0), "{before:?}");
    for metric in ["MemoryAvailable", "MemoryUsedPercent"] {
        let after = counts(&seen, &new(metric));
        assert!(within(after[&0], 50.0) && within(after[&10], 100.0), "{metric} {after:?}");
    }
    let used = counts(&seen, &new("MemoryUsedPercent"));
    assert!(within(before[&0] + used[&0], 100.0), "{before:?} {used:?}");
    // Nothing was swapped under the old one, so it said nothing; its zeros came with the new one's.
    assert!(counts(&seen, &old("SwapUsedPercent")).is_empty());
    let swap = seen.periods(&new("SwapUsedPercent"), PERIOD);
    let (_, first) = swap.first_key_value().unwrap();
    assert!(within(first.sample_count, 100.0), "{first:?}");
    assert_eq!((first.minimum, first.maximum), (0.0, 50.0));
}

fn old(metric: &str) -> Series {
    Series::new("Old", metric).dimension("Host", HOST)
}

fn new(metric: &str) -> Series {
    Series::new("New", metric).dimension("Host", HOST).dimension("Environment", "test")
}
