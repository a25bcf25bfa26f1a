//! Twenty members with the memory of captured hosts: what is said of all against what each says of
//! itself, and who is missing.

use crate::fleet::{Host, PERIOD, Plan, check_once, key, periods, speakers, summary, world};
use crate::support::cloudwatch::{Double, Seen};
use crate::support::mariadb::PASSWORD;
use crate::{FOLLOWED, SECOND, with_members};
use std::time::{Duration, Instant, SystemTime};

/// A member's memory in one period.
struct Had {
    /// In bytes.
    total: f64,
    available: f64,
}

#[test]
fn a_summary_is_its_members_figures_and_only_the_dead_are_missing() {
    let (server, double) = world();
    let mut hosts = Plan::new(&server, &double).hosts(1..=MEMBERS);
    let said = hosts[0].command(&["cluster", "init"]);
    assert!(said.contains("cwmem_member"), "{said}");
    let all = |seen: &Seen| with_members(seen, MEMBERS as f64, 0.0).is_some();
    let seen = double
        .wait_for(SECOND * 60, all)
        .unwrap_or_else(|error| panic!("{error:?} {}", hosts[0].agent.said()));
    let first = with_members(&seen, MEMBERS as f64, 0.0).unwrap();
    let had: Vec<Had> = hosts.iter().map(had).collect();
    check(&seen, first, &had, 0.0);
    moving(&hosts, &double);

    let leader = hosts[0].overview()["leader"]["member"].as_str().unwrap().to_owned();
    let place = hosts.iter().position(|host| host.name == leader).unwrap();
    assert!(hosts[place].is_leader(), "{}", hosts[place].agent.said());
    let mut killed = hosts.remove(place);
    killed.agent.kill();
    let before = *speakers(&double.seen()).last_key_value().unwrap().0;
    let (there, missing) = (MEMBERS as f64 - 1.0, 1.0);
    let missed =
        |seen: &Seen| with_members(seen, there, missing).is_some_and(|period| period > before);
    let seen = double.wait_for(FOLLOWED, missed).unwrap();
    let spoke = &speakers(&seen)[&with_members(&seen, there, missing).unwrap()];
    assert!(!spoke.contains(&key(&killed.name)), "{spoke:?}");

    // One that stops says good-bye: it isn't missing.
    let mut stopped = hosts.remove(0);
    stopped.agent.signal("TERM");
    assert!(stopped.agent.wait(SECOND * 10).0.success(), "{}", stopped.agent.said());
    let gone = |seen: &Seen| with_members(seen, there - 1.0, missing).is_some();
    let seen = double.wait_for(FOLLOWED, gone).unwrap();
    let period = with_members(&seen, there - 1.0, missing).unwrap();
    let seen = double.wait_for(PERIOD * 3, is_past(period)).unwrap();
    check_once(&seen);
    check_what_they_said(&seen, period, &hosts);
    for host in hosts.iter().chain([&killed, &stopped]) {
        assert!(!host.agent.said().contains(PASSWORD), "{}", host.agent.said());
    }
}

/// While memory changes within periods, a summary is of their averages.
fn moving(hosts: &[Host], double: &Double) {
    let start = Instant::now();
    let began = SystemTime::now();
    let mut checked = 0;
    for turn in 1.. {
        for (place, host) in hosts.iter().enumerate().take(hosts.len() / 2) {
            let less = (turn * 7 + place as u64 * 3) % 11 * 80_000;
            host.change(host.available - less.min(host.available / 2));
        }
        std::thread::sleep(STEP);
        let seen = double.seen();
        let mut whole = periods(&seen, "ClusterMembers");
        whole.retain(|period, _| *period > began && is_past(*period)(&seen));
        for period in whole.into_keys().skip(checked) {
            check_what_they_said(&seen, period, hosts);
            checked += 1;
        }
        if checked >= 2 {
            break;
        }
        assert!(start.elapsed() < FOLLOWED, "{checked} periods: {}", hosts[0].agent.said());
    }
    hosts.iter().for_each(|host| host.change(host.available));
}

fn had(host: &Host) -> Had {
    Had { total: 1_024.0 * host.total as f64, available: 1_024.0 * host.available as f64 }
}

/// The period after it was spoken for: by then every host has published its own figures of it.
fn is_past(period: SystemTime) -> impl Fn(&Seen) -> bool {
    move |seen| periods(seen, "ClusterMembers").into_keys().any(|later| later > period)
}

/// Against what the hosts themselves published of that period.
fn check_what_they_said(seen: &Seen, period: SystemTime, hosts: &[Host]) {
    let had = hosts.iter().map(|host| {
        let said = seen.statistics(&host.series(), period, PERIOD).unwrap();
        let total = 1_024.0 * host.total as f64;
        Had { total, available: total * (1.0 - said.sum / said.sample_count / 100.0) }
    });
    check(seen, period, &had.collect::<Vec<_>>(), ROUNDED);
}

/// Computed apart from the program; `off` is what the host's own figures were rounded by, in
/// percent of its memory.
fn check(seen: &Seen, period: SystemTime, had: &[Had], off: f64) {
    let said = |name: &str| seen.statistics(&summary(name), period, PERIOD).unwrap();
    let near = |one: f64, other: f64, off: f64| {
        assert!((one - other).abs() <= off, "{period:?}: {one}, and {other} expected within {off}");
    };
    // A summary's own values are rounded to a tenth of a percent.
    let tenth = 0.05 + off;
    let used: Vec<f64> = had.iter().map(|had| 100.0 * (1.0 - had.available / had.total)).collect();
    let figures = said("ClusterMemoryUsedPercent");
    assert_eq!(figures.sample_count, had.len() as f64);
    near(figures.maximum, used.iter().copied().fold(f64::MIN, f64::max), tenth);
    near(figures.minimum, used.iter().copied().fold(f64::MAX, f64::min), tenth);
    near(figures.sum / figures.sample_count, used.iter().sum::<f64>() / used.len() as f64, tenth);
    let total: f64 = had.iter().map(|had| had.total).sum();
    let available: f64 = had.iter().map(|had| had.available).sum();
    near(said("ClusterAvailable").maximum, available, total * off / 100.0);
    near(said("ClusterMembersUnderPressure").maximum, 0.0, 0.0);
    let use_of = |had: &Had| had.total - had.available;
    let largest = had.iter().map(use_of).enumerate().max_by(|one, other| one.1.total_cmp(&other.1));
    let (largest, lost) = largest.unwrap();
    let headroom =
        100.0 * (available - had[largest].available - lost) / (total - had[largest].total);
    near(said("ClusterHeadroomAfterLossPercent").maximum, headroom, 0.001 + 2.0 * off);
}

const MEMBERS: u64 = 20;
/// Not that of the samples.
const STEP: Duration = Duration::from_millis(700);
/// A host's own values are rounded to a tenth of a percent.
const ROUNDED: f64 = 0.05;
