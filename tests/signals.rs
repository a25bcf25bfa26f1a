//! Signals beside the samples, through the real binary: cgroups and processes as they come and go.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

mod support;

#[path = "signals/cgroups.rs"]
mod cgroups;
#[path = "signals/host.rs"]
mod host;
#[path = "signals/processes.rs"]
mod processes;

use std::time::Duration;
use support::agent::INSTANCE;
use support::cloudwatch::{Seen, Series, Statistics};

/// The series of `metric` under the instance and one dimension more.
fn series(metric: &str, beside: (&str, &str)) -> Series {
    let series = Series::new("EC2/Memory", metric).dimension("InstanceId", INSTANCE);
    series.dimension(beside.0, beside.1)
}

/// Its periods, in their order.
fn periods(seen: &Seen, metric: &str, beside: (&str, &str)) -> Vec<Statistics> {
    let periods = seen.periods(&series(metric, beside), SECOND);
    periods.into_values().collect()
}

/// The newest maximum; `None` where nothing of it came.
fn last(seen: &Seen, metric: &str, beside: (&str, &str)) -> Option<f64> {
    periods(seen, metric, beside).last().map(|statistics| statistics.maximum)
}

/// Over all periods.
fn sum(seen: &Seen, metric: &str, beside: (&str, &str)) -> f64 {
    periods(seen, metric, beside).iter().map(|statistics| statistics.sum).sum()
}

/// A reading and a request a second.
const EACH_SECOND: &str = "publish.period = \"1s\"\npublish.every = \"1s\"\n";
const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything that is waited for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
