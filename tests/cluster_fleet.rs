//! The load generator of `examples/fleet.rs`, for a few seconds with a few hundred members: that it
//! works, and that a cluster of that size is told as it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

#[path = "support/load/mod.rs"]
mod load;
#[path = "support/mariadb.rs"]
#[allow(dead_code, reason = "it needs a part of it")]
mod mariadb;

use load::{Kind, Plan, run};
use mariadb::{PASSWORD, Server};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn two_hundred_members_share_a_handful_of_connections() {
    let server = Server::start();
    let plan = Plan {
        url: format!("{}/cwmem", server.url()),
        password: Some(PASSWORD.to_owned()),
        members: 200,
        period: Duration::from_secs(4),
        periods: 3,
        seed: 1,
    };
    let outcome = run(&plan).unwrap();
    let tally = &outcome.tally;
    println!("{tally}{}", outcome.server);
    // Once a period each, but for those that were cut off at the end.
    let upserts = tally.count(Kind::Upsert);
    assert!((500..=800).contains(&upserts), "{upserts}");
    assert!(tally.most_open() <= 50, "{} connections at a time", tally.most_open());
    assert!(tally.failures.values().sum::<u64>() <= 10, "{:?}", tally.failures);
    assert!(!tally.summaries.is_empty());
    for (period, summary) in &tally.summaries {
        assert_eq!((summary.times, summary.rows), (1, 200), "{period}");
        // A busy machine may delay a visit beyond the fold.
        assert!(summary.reported >= 190, "{period}: {summary:?}");
    }
    let resident = outcome.server.resident;
    assert!(resident.is_none_or(|resident| resident > 10_000), "{resident:?} kB");
}

/// `make demo-cluster`, with this build's binary.
#[test]
fn the_demo_shows_a_leader_killed_and_one_frozen() {
    let binary = Path::new(env!("CARGO_BIN_EXE_cwmem"));
    let double = binary.with_file_name("examples").join("cloudwatch-double");
    assert!(double.exists(), "run `cargo build --example cloudwatch-double`, as `cargo test` does");
    let mut demo = Command::new("tests/demo-cluster.sh");
    let output = demo.env("CWMEM", binary).env("DOUBLE", double).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (_, table) = said.split_once("PERIOD ").unwrap();
    let rows: Vec<Vec<&str>> =
        table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    // All three, then one of them missing; each period was spoken for once.
    assert!(rows.iter().any(|row| row[1..4] == ["3", "0", "3"]), "{table}");
    assert!(rows.iter().any(|row| row[2] == "1"), "{table}");
    assert!(rows.iter().all(|row| row[6] == "1"), "{table}");
}
