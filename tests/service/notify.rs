//! What the service manager is told (sd_notify(3)).

use crate::support::agent::Setup;
use crate::support::cloudwatch::Double;
use crate::{EACH_SECOND, PATIENCE, SECOND};
use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, Instant};

/// As long as the first sample hangs in the kernel, the service isn't ready.
#[test]
fn ready_comes_after_the_first_sample() {
    let double = Double::start();
    let setup = Setup::publishing(&double.url(), EACH_SECOND).notified();
    let root = setup.folder().join("proc");
    fs::create_dir(&root).unwrap();
    // Opening a named pipe for reading waits until someone writes.
    let meminfo = root.join("meminfo");
    assert!(Command::new("mkfifo").arg(&meminfo).status().unwrap().success());
    let agent = setup.arguments(&["run", "--proc-root", root.to_str().unwrap()]).start();
    agent.wait_for_line("sampling begins", PATIENCE);
    std::thread::sleep(Duration::from_millis(500));
    assert!(agent.notifications().is_empty(), "{:?}", agent.notifications());
    let writer = File::options().write(true).open(&meminfo).unwrap();
    // What can be read again and again takes its place.
    fs::write(root.join("plain"), "MemTotal: 100 kB\nMemAvailable: 40 kB\n").unwrap();
    fs::rename(root.join("plain"), &meminfo).unwrap();
    drop(writer);
    let (place, ..) = agent.wait_for_notification(0, "READY=1", PATIENCE);
    assert_eq!(place, 0, "{:?}", agent.notifications());
    // A pipe isn't a file of the kernel's: said, and over once a file is there.
    agent.wait_for_line("a kernel file can be read again", PATIENCE);
}

#[test]
fn a_whole_life_is_told() {
    let double = Double::start();
    let setup = Setup::publishing(&double.url(), EACH_SECOND).notified();
    let mut agent = setup.start();
    let (ready, at, _) = agent.wait_for_notification(0, "READY=1", PATIENCE);
    assert_eq!(ready, 0);
    let (status, _, text) = agent.wait_for_notification(ready, "STATUS=", PATIENCE);
    assert!(text.starts_with("STATUS=published at 20"), "{text}");
    assert!(at.elapsed() > Duration::ZERO && text.contains("0 datums dropped"), "{text}");

    agent.signal("HUP");
    let (reloading, _, text) = agent.wait_for_notification(status, "RELOADING=1", PATIENCE);
    let stamp = text.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(stamp.parse::<u64>().unwrap() > 0, "{text}");
    let (ready, ..) = agent.wait_for_notification(reloading, "READY=1", PATIENCE);

    double.always(crate::support::cloudwatch::Fault::throttled("Throttling"));
    let (failing, _, text) = agent.wait_for_notification(ready, "takes nothing", PATIENCE);
    assert!(
        text.starts_with("STATUS=") && text.contains("; throttled: Throttling (400)"),
        "{text}"
    );
    double.heal();
    agent.wait_for_notification(failing, "STATUS=published at", PATIENCE);

    agent.signal("TERM");
    agent.wait_for_notification(failing, "STOPPING=1", PATIENCE);
    assert!(agent.wait(SECOND * 5).0.success());
    // No watchdog was asked for.
    let fed = agent.notifications().iter().filter(|(_, text)| text.contains("WATCHDOG")).count();
    assert_eq!(fed, 0, "{:?}", agent.notifications());
}

/// The sampler feeds it, also where it samples more seldom; a stopped process feeds none.
#[test]
fn the_watchdog_is_fed_by_the_sampler() {
    for interval in ["1s", "60s"] {
        let limit = SECOND * 2;
        // Nobody listens: a network that hangs or refuses is no reason to be restarted.
        let config = format!("sample.interval = {interval:?}\n");
        let setup = Setup::publishing("http://127.0.0.1:9", &config).notified().nice();
        let usec = limit.as_micros().to_string();
        let agent = setup.variable("WATCHDOG_USEC", &usec).start();
        let (mut place, mut last, _) = agent.wait_for_notification(0, "READY=1", PATIENCE);
        for _ in 0..4 {
            let (next, at, text) = agent.wait_for_notification(place + 1, "WATCHDOG=1", limit);
            assert_eq!(text.trim(), "WATCHDOG=1");
            assert!(at - last < limit, "{interval}: {:?}", at - last);
            (place, last) = (next, at);
        }
        agent.signal("STOP");
        let stopped = Instant::now();
        // Longer than the limit: the service manager would have acted.
        std::thread::sleep(limit + SECOND / 2);
        let fed = agent.notifications();
        let since = fed.iter().filter(|(at, _)| *at > stopped + SECOND / 4).count();
        assert_eq!(since, 0, "{interval}: {fed:?}");
        agent.signal("CONT");
        agent.wait_for_notification(fed.len(), "WATCHDOG=1", limit);
    }
}
