//! The last words.

use crate::support::cloudwatch::Behaviour;
use crate::world::{Simulation, all_at_once, counts, on_host, second_of};

#[test]
fn the_open_window_is_sent_at_once() {
    let world = Simulation::new(0.45, 5);
    let agent = world.start("publish.period = \"10s\"");
    world.at(16.0);
    let summary = agent.stop();
    assert!(world.time().seconds() < 20.0, "sent before its period is over");
    assert_eq!((summary.dropped, summary.undelivered), (0, 0));
    let seen = world.double.seen();
    assert_eq!(summary.delivered as usize, seen.datums().count());
    let counts = counts(&seen, &on_host("MemoryUsedPercent"));
    assert_eq!(counts.len(), 2);
    assert!(
        (90.0..=110.0).contains(&counts[&0]) && (50.0..=70.0).contains(&counts[&10]),
        "{counts:?}"
    );
}

/// Nobody answers: it is over within the grace time, and what is left waits on the disk, or is lost
/// where there is none, and that is said.
#[test]
fn it_ends_within_the_grace_time() {
    let cases =
        [("hang", Some(Behaviour::Hang), true), ("refused", None, true), ("no disk", None, false)];
    all_at_once(&cases, |(name, behaviour, disk)| {
        // Requests wait for an answer for longer than the grace time.
        let mut world = Simulation::new(0.45, 5);
        if !disk {
            world = world.without_disk();
        }
        match behaviour {
            Some(behaviour) => world.double.always(behaviour.clone()),
            None => world.double.stop(),
        }
        let agent = world.start("publish = { period = \"10s\", grace = \"3s\" }");
        world.at(6.0);
        let before = world.time().seconds();
        let summary = agent.stop();
        let took = world.time().seconds() - before;
        assert!(took < 6.0, "{name}: {took} s of 3 s");
        assert_eq!((summary.delivered, summary.dropped), (0, 0), "{name}");
        // MemoryUsedPercent of the first point, and of the rest.
        let left = if *disk { (2, 0) } else { (0, 2) };
        assert_eq!((summary.waiting, summary.undelivered), left, "{name}");
        let seen = world.double.seen();
        assert!(seen.accepted.is_empty());
        assert!(seen.refused.iter().all(|refusal| second_of(refusal.at) < before + 6.0));
    });
}
