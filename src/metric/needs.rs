//! Which kernel files metrics are read from.

use crate::metric::{Formula, Metric};
use crate::sample::{Needs, VmStatNeed};

/// The kernel files that these metrics need. Pressure stall information is read in any case where
/// `watch_pressure` says that the host's state is to be watched.
pub fn needs(metrics: &[Metric], extras: &[String], watch_pressure: bool) -> Needs {
    let any = |wanted: fn(&Formula) -> bool| metrics.iter().any(|metric| wanted(&metric.formula));
    Needs {
        zoneinfo: metrics.iter().any(|metric| metric.columns.contains(&ZONES)),
        pressure: watch_pressure || any(|formula| matches!(formula, Formula::Stall(_))),
        vmstat: match watch_pressure || any(|formula| matches!(formula, Formula::Events(_))) {
            _ if any(|formula| matches!(formula, Formula::Rate(_))) => VmStatNeed::Rates,
            true => VmStatNeed::Kills,
            false => VmStatNeed::None,
        },
        extras: extras.to_vec(),
        zfs: false,
    }
}

/// Only formulas that stand in for MemAvailable use it.
const ZONES: &str = "zoneinfo:low";
