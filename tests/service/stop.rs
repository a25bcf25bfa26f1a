//! SIGTERM and SIGINT: the open window leaves within the grace time, whatever the endpoint does.

use crate::support::agent::{Agent, Setup};
use crate::support::cloudwatch::{Behaviour, Double};
use crate::{PATIENCE, SECOND, tenths};
use std::time::{Duration, Instant};

/// In the middle of a period of a minute, after its first part has left.
fn in_mid_period(double: &Double, config: &str) -> Agent {
    let config = format!("sample.interval = \"100ms\"\n{config}");
    let agent = Setup::publishing(&double.url(), &config).nice().start();
    double.wait_for(PATIENCE, |seen| !seen.accepted.is_empty()).unwrap();
    std::thread::sleep(SECOND);
    agent
}

#[test]
fn the_open_window_arrives() {
    for signal in ["TERM", "INT"] {
        let double = Double::start();
        let started = Instant::now();
        let mut agent = in_mid_period(&double, "");
        let before = tenths(&double.seen());
        agent.signal(signal);
        let (status, took) = agent.wait(PATIENCE);
        let ran = started.elapsed().as_secs_f64() * 10.0;
        assert!(status.success() && took < SECOND * 2, "{signal}: {status} after {took:?}");
        let seen = double.seen();
        let all = tenths(&seen);
        assert!(all >= before + 9.0, "{signal}: {all} tenths, {before} before the signal");
        assert!((ran - 6.0..=ran + 1.0).contains(&all), "{signal}: {all} tenths of {ran}");
        assert!(seen.refused.is_empty(), "{seen:?}");
        let last = agent.wait_for_line("stopped; everything is delivered", PATIENCE);
        assert!(last.contains("dropped=0"), "{last}");
    }
}

/// Nobody answers: gone when the grace time is over, and what is left waits for the next start.
#[test]
fn an_endpoint_that_does_not_answer_costs_the_grace_time() {
    type Break = fn(&mut Double);
    let table: &[(&str, Break, Duration)] = &[
        ("hangs", |double| double.always(Behaviour::Hang), SECOND * 9 / 10),
        ("refuses", Double::stop, Duration::ZERO),
        ("cuts", |double| double.always(Behaviour::Cut), Duration::ZERO),
    ];
    for (name, make, at_least) in table {
        let mut double = Double::start();
        let mut agent = in_mid_period(&double, "publish.grace = \"1s\"");
        make(&mut double);
        agent.signal("TERM");
        let (status, took) = agent.wait(PATIENCE);
        assert!(status.success(), "{name}: {status}");
        assert!(took >= *at_least && took < SECOND * 2, "{name}: {took:?}");
        let line = agent.wait_for_line("what could not be delivered", PATIENCE);
        assert!(line.contains("waits in the state directory"), "{name}: {line}");
        assert!(line.contains("waiting=") && !line.contains("waiting=0"), "{name}: {line}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second, code) in [("TERM", "TERM", 143), ("TERM", "INT", 130), ("INT", "TERM", 143)]
    {
        let double = Double::start();
        let mut agent = in_mid_period(&double, "publish.grace = \"60s\"");
        double.always(Behaviour::Hang);
        agent.signal(first);
        // Its last words hang.
        double.wait_for(PATIENCE, |seen| !seen.refused.is_empty()).unwrap();
        agent.signal(second);
        let (status, took) = agent.wait(PATIENCE);
        assert_eq!(status.code(), Some(code), "{first}, {second}");
        assert!(took < SECOND, "{took:?}");
    }
}

/// Told to stop before it has anything: it stops.
#[test]
fn a_stop_right_after_the_start() {
    let double = Double::start();
    let mut agent = Setup::publishing(&double.url(), "").notified().start();
    agent.wait_for_notification(0, "READY=1", PATIENCE);
    agent.signal("TERM");
    let (status, took) = agent.wait(PATIENCE);
    assert!(status.success() && took < SECOND * 2, "{status} after {took:?}");
    // The only sample had no time to be sent before, and is sent now.
    assert!(tenths(&double.seen()) >= 10.0, "{}", agent.said());
}
