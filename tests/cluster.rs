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

#[path = "cluster/faults.rs"]
mod faults;
#[path = "cluster/figures.rs"]
mod figures;
#[path = "cluster/fleet.rs"]
mod fleet;
#[path = "cluster/mishaps.rs"]
mod mishaps;

use fleet::{PERIOD, Plan, check_once, periods, world};
use std::time::{Duration, SystemTime};
use support::cloudwatch::Seen;

/// From one claim to the next where the leader was killed: `Timing::claim_again`, and what a busy
/// machine adds.
const FOLLOWED: Duration = Duration::from_secs(30 + 10);
const SECOND: Duration = Duration::from_secs(1);

/// The last period of which the summary counts so many members there and missing, all of those there
/// reporting.
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
fn a_frozen_server_costs_a_host_nothing() {
    let (server, double) = world();
    let hosts = Plan::new(&server, &double).hosts(1..=3);
    hosts[0].command(&["cluster", "init"]);
    double.wait_for(SECOND * 60, |seen| with_members(seen, 3.0, 0.0).is_some()).unwrap();
    server.signal("STOP");
    let frozen = SystemTime::now();
    let memory = hosts.iter().map(|host| anonymous(host.agent.id())).collect::<Vec<_>>();
    let ends = frozen + PERIOD * 6;
    let whole = |seen: &Seen, host: &fleet::Host| {
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
