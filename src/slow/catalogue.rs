//! The slow metrics: each name's one formula, pinned for ever.

use crate::metric::{self, Formula, Metric, row};
use crate::source::cgroup::{Limit, Usage};
use crate::units::Unit;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    CgroupUsedPercent,
    CgroupStallPercent,
    CgroupOomKills,
    CgroupMemoryUsed,
    ProcessResidentMemory,
    ProcessCount,
    NumaNodeAvailablePercent,
    MinutesToExhaustion,
}

impl Signal {
    pub const ALL: [Signal; 8] = [
        Signal::CgroupUsedPercent,
        Signal::CgroupStallPercent,
        Signal::CgroupOomKills,
        Signal::CgroupMemoryUsed,
        Signal::ProcessResidentMemory,
        Signal::ProcessCount,
        Signal::NumaNodeAvailablePercent,
        Signal::MinutesToExhaustion,
    ];
    pub const CGROUP: [Signal; 4] = [
        Signal::CgroupUsedPercent,
        Signal::CgroupStallPercent,
        Signal::CgroupOomKills,
        Signal::CgroupMemoryUsed,
    ];
    pub const CGROUP_DEFAULT: [Signal; 3] =
        [Signal::CgroupUsedPercent, Signal::CgroupStallPercent, Signal::CgroupOomKills];
    pub const PROCESS: [Signal; 2] = [Signal::ProcessResidentMemory, Signal::ProcessCount];

    pub fn metric(self) -> &'static Metric {
        let host = match self {
            Signal::NumaNodeAvailablePercent => metric::NUMA_NODE_AVAILABLE_PERCENT,
            Signal::MinutesToExhaustion => metric::MINUTES_TO_EXHAUSTION,
            of_scope => return &CATALOGUE[of_scope as usize],
        };
        // The host's are in the catalogue of its metrics, which a test holds.
        metric::native(host).unwrap_or(&CATALOGUE[0])
    }

    /// The dimension that its datums have beside the host's; the host's own have none.
    pub const fn dimension(self) -> Option<&'static str> {
        match self {
            Signal::CgroupUsedPercent
            | Signal::CgroupStallPercent
            | Signal::CgroupOomKills
            | Signal::CgroupMemoryUsed => Some(CGROUP),
            Signal::ProcessResidentMemory | Signal::ProcessCount => Some(PROCESS),
            Signal::NumaNodeAvailablePercent | Signal::MinutesToExhaustion => None,
        }
    }
}

/// 100·used/limit; may be more than 100, as memory.high only slows a group down.
pub(super) fn used_percent(usage: &Usage) -> Option<f64> {
    match usage.limit {
        Limit::Bytes(limit) if limit > 0 => Some(100.0 * usage.used? as f64 / limit as f64),
        _ => None,
    }
}

/// Those with a dimension of their own, in the order of `Signal`.
pub static CATALOGUE: [Metric; 6] = [
    row(
        "CgroupUsedPercent",
        Unit::Percent,
        false,
        Formula::Slow,
        &[],
        "100·(memory.current − inactive_file)/min(memory.max, memory.high up the tree)",
    ),
    row(
        "CgroupStallPercent",
        Unit::Percent,
        true,
        Formula::Slow,
        &[],
        "100·Δ(memory.pressure some total)/elapsed",
    ),
    row("CgroupOomKills", Unit::Count, true, Formula::Slow, &[], "Δ(memory.events oom_kill)"),
    row(
        "CgroupMemoryUsed",
        Unit::Bytes,
        false,
        Formula::Slow,
        &[],
        "memory.current − inactive_file",
    ),
    row(
        "ProcessResidentMemory",
        Unit::Bytes,
        false,
        Formula::Slow,
        &[],
        "Σ(statm resident) × page size",
    ),
    row("ProcessCount", Unit::Count, false, Formula::Slow, &[], "number of processes"),
];

pub(super) const CGROUP: &str = "Cgroup";
pub(super) const PROCESS: &str = "Process";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_its_metric() {
        for (place, signal) in Signal::ALL.into_iter().enumerate() {
            assert_eq!(signal as usize, place);
            assert_eq!(signal.metric().name, format!("{signal:?}"));
            assert_eq!(signal.dimension().is_some(), place < CATALOGUE.len());
        }
    }

    #[test]
    fn a_limit_is_needed_for_a_share() {
        let usage = |used, limit| Usage { inode: 0, used, limit, stalled: None, kills: None };
        assert_eq!(used_percent(&usage(Some(150), Limit::Bytes(600))), Some(25.0));
        assert_eq!(used_percent(&usage(Some(900), Limit::Bytes(600))), Some(150.0));
        for limit in [Limit::Bytes(0), Limit::Unlimited, Limit::Unknown] {
            assert_eq!(used_percent(&usage(Some(1), limit)), None);
        }
        assert_eq!(used_percent(&usage(None, Limit::Bytes(1))), None);
    }
}
