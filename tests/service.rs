//! `cwmem run` as a service: the real binary with its signals, its notifications and its log.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

mod support;

#[path = "service/log.rs"]
mod log;
#[path = "service/network.rs"]
mod network;
#[path = "service/notify.rs"]
mod notify;
#[path = "service/periods.rs"]
mod periods;
#[path = "service/reload.rs"]
mod reload;
#[path = "service/stop.rs"]
mod stop;

use std::time::Duration;
use support::agent::INSTANCE;
use support::cloudwatch::{Seen, Series};

/// The series of `metric` that a publishing agent writes.
fn series(namespace: &str, metric: &str) -> Series {
    Series::new(namespace, metric).dimension("InstanceId", INSTANCE)
}

/// Tenths of a second that arrived of the metric that always has a value.
fn tenths(seen: &Seen) -> f64 {
    let periods = seen.periods(&series("EC2/Memory", "MemoryUsedPercent"), Duration::from_secs(1));
    periods.values().map(|statistics| statistics.sample_count).sum()
}

/// A period a second, each sent at once: many requests in little time.
const EACH_SECOND: &str = "publish.period = \"1s\"\npublish.every = \"1s\"\n";
const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything that is waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
