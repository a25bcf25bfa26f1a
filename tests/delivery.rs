//! What was measured arrives, whatever happens to the process, the disk or the service: the real
//! binary, killed, starved of space, frozen and started again, against the double.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

mod support;

#[path = "delivery/backlog.rs"]
mod backlog;
#[path = "delivery/cost.rs"]
mod cost;
#[path = "delivery/disk.rs"]
mod disk;
#[path = "delivery/host.rs"]
mod host;
#[path = "delivery/kills.rs"]
mod kills;
#[path = "delivery/ledger.rs"]
mod ledger;
#[path = "delivery/mounts.rs"]
mod mounts;
#[path = "delivery/starts.rs"]
mod starts;

use std::time::Duration;
use support::agent::INSTANCE;
use support::cloudwatch::Series;

/// The metric that always has a value, of an agent that publishes.
fn used() -> Series {
    Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", INSTANCE)
}

/// What the agent says it gave up for `cause`.
fn dropped(cause: &str) -> Series {
    let dropped = Series::new("EC2/Memory", "AgentDropped").dimension("InstanceId", INSTANCE);
    dropped.dimension("Cause", cause)
}

/// A period a second, each sent at once, of ten samples each.
const EACH_SECOND: &str =
    "publish.period = \"1s\"\npublish.every = \"1s\"\nsample.interval = \"100ms\"\n";
const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything that is waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
