//! A cluster: real agents with memory of their own, a MariaDB server of the test's own, and the
//! double of CloudWatch.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

mod support;

#[path = "cluster/fleet.rs"]
mod fleet;

use fleet::{Host, PERIOD, check_once, hosts, key, periods, speakers, summary};
use std::time::{Duration, SystemTime};
use support::cloudwatch::{Double, Seen};
use support::mariadb::Server;

/// From one claim to the next where the leader was killed: `Timing::claim_again`, and what a busy
/// machine adds.
const FOLLOWED: Duration = Duration::from_secs(30 + 10);
const SECOND: Duration = Duration::from_secs(1);

/// A period that these members' summary says they were all there in.
fn with_members(seen: &Seen, members: f64, missing: f64) -> Option<SystemTime> {
    let missing_ones = periods(seen, "ClusterMembersMissing");
    let used = periods(seen, "ClusterMemoryUsedPercent");
    let mut all = periods(seen, "ClusterMembers").into_iter().filter(|(period, said)| {
        said.maximum == members
            && missing_ones.get(period).is_some_and(|said| said.maximum == missing)
            && used.get(period).is_some_and(|said| said.sample_count == members)
    });
    all.next_back().map(|(period, _)| period)
}

#[test]
fn one_speaks_for_all_is_followed_when_killed_and_the_dead_are_missing() {
    let (server, double) = (Server::start(), Double::start());
    let mut hosts = hosts(3, &server, &double, "");
    let said = hosts[0].command(&["cluster", "init"]);
    assert!(said.contains("cwmem_member"), "{said}");
    let all = |seen: &Seen| with_members(seen, 3.0, 0.0).is_some();
    let seen = double
        .wait_for(SECOND * 60, all)
        .unwrap_or_else(|error| panic!("{error:?} {}", hosts[0].agent.said()));
    check_figures(&seen, with_members(&seen, 3.0, 0.0).unwrap(), &hosts);

    let overview = hosts[0].overview();
    let leader = overview["leader"]["member"].as_str().unwrap().to_owned();
    assert_eq!(overview["members"].as_array().unwrap().len(), 3, "{overview}");
    let place = hosts.iter().position(|host| host.name == leader).unwrap();
    let status = hosts[place].command(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["role"], "leader", "{status}");
    let mut killed = hosts.remove(place);
    killed.agent.kill();
    let before = *speakers(&double.seen()).last_key_value().unwrap().0;
    let missed = |seen: &Seen| with_members(seen, 2.0, 1.0).is_some_and(|period| period > before);
    let seen = double.wait_for(FOLLOWED, missed).unwrap();
    let spoke = &speakers(&seen)[&with_members(&seen, 2.0, 1.0).unwrap()];
    assert!(!spoke.contains(&key(&killed.name)), "{spoke:?}");
    let periods: Vec<SystemTime> = speakers(&seen).into_keys().collect();
    let gaps = periods.windows(2).map(|pair| pair[1].duration_since(pair[0]).unwrap());
    println!("longest gap with a killed leader: {:?}", gaps.max().unwrap());

    // One that stops says good-bye: it isn't missing.
    let mut stopped = hosts.remove(0);
    stopped.agent.signal("TERM");
    assert!(stopped.agent.wait(SECOND * 10).0.success(), "{}", stopped.agent.said());
    let gone = |seen: &Seen| with_members(seen, 1.0, 1.0).is_some();
    let seen = double.wait_for(FOLLOWED, gone).unwrap();
    check_once(&seen);
    let left = with_members(&seen, 1.0, 1.0).unwrap();
    assert!(seen.statistics(&summary("ClusterHeadroomAfterLossPercent"), left, PERIOD).is_none());
    for host in hosts.iter().chain([&killed, &stopped]) {
        assert!(!host.agent.said().contains("secret-word"), "{}", host.agent.said());
    }
}

/// Computed apart from the program.
fn check_figures(seen: &Seen, period: SystemTime, hosts: &[Host]) {
    let said = |name: &str| seen.statistics(&summary(name), period, PERIOD).unwrap();
    let near = |one: f64, other: f64| assert!((one - other).abs() < 0.06, "{one} {other}");
    let used: Vec<f64> = hosts.iter().map(Host::used).collect();
    let figures = said("ClusterMemoryUsedPercent");
    near(figures.maximum, used.iter().copied().fold(f64::MIN, f64::max));
    near(figures.minimum, used.iter().copied().fold(f64::MAX, f64::min));
    near(figures.sum / figures.sample_count, used.iter().sum::<f64>() / used.len() as f64);
    let available: u64 = hosts.iter().map(|host| host.available * 1_024).sum();
    assert_eq!(said("ClusterAvailable").maximum, available as f64);
    assert_eq!(said("ClusterMembersUnderPressure").maximum, 0.0);
    let largest = hosts.iter().max_by_key(|host| host.total - host.available).unwrap();
    let others = || hosts.iter().filter(|host| host.name != largest.name);
    let left = others().map(|host| host.available).sum::<u64>() as f64
        - (largest.total - largest.available) as f64;
    let headroom = 100.0 * left / others().map(|host| host.total).sum::<u64>() as f64;
    near(said("ClusterHeadroomAfterLossPercent").maximum, headroom);
}

#[test]
fn a_frozen_server_costs_a_host_nothing() {
    let (server, double) = (Server::start(), Double::start());
    let hosts = hosts(3, &server, &double, "");
    hosts[0].command(&["cluster", "init"]);
    double.wait_for(SECOND * 60, |seen| with_members(seen, 3.0, 0.0).is_some()).unwrap();
    server.signal("STOP");
    let frozen = SystemTime::now();
    let memory = hosts.iter().map(|host| anonymous(host.agent.id())).collect::<Vec<_>>();
    let ends = frozen + PERIOD * 6;
    let whole = |seen: &Seen, host: &Host| {
        let mut periods = seen.periods(&host.series(), PERIOD);
        periods.retain(|period, _| *period > frozen && *period + PERIOD < ends);
        periods
    };
    let all = |seen: &Seen| hosts.iter().all(|host| whole(seen, host).len() == 4);
    let seen = double.wait_for(PERIOD * 8, all);
    server.signal("CONT");
    let seen = seen.unwrap();
    for (host, before) in hosts.iter().zip(memory) {
        for (period, figures) in whole(&seen, host) {
            assert_eq!(figures.sample_count, 60.0, "{period:?}: a tick was missed");
        }
        let now = anonymous(host.agent.id());
        assert!(now < before + 1_024, "{before} kB, then {now} kB");
        let said = host.agent.said();
        assert!(host.agent.count_lines("the cluster's database:") <= 6, "{said}");
    }
    // And they come back.
    let again =
        |seen: &Seen| with_members(seen, 3.0, 0.0).is_some_and(|period| period > ends - PERIOD);
    let seen = double.wait_for(FOLLOWED, again).unwrap();
    check_once(&seen);
}

/// In kB, without the program's own pages, of which the first error brings in new ones.
fn anonymous(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
