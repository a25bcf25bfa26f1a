//! The formulas of cwmem's own metrics over /proc/meminfo.

use crate::source::meminfo::MemInfo;

/// A/(T−H): the share of memory that is still to be had, 0..1.
pub fn available_share(info: &MemInfo) -> Option<f64> {
    let usable = usable(info)?;
    Some((info.available?.as_f64() / usable).clamp(0.0, 1.0))
}

/// T−H, or nothing where the huge pages leave nothing.
pub fn usable(info: &MemInfo) -> Option<f64> {
    let usable = info.total.0.checked_sub(info.huge_pool().0)?;
    (usable > 0).then_some(usable as f64)
}

/// The formula of MemoryUsedPercent.
pub fn memory_used_percent(info: &MemInfo) -> Option<f64> {
    Some(100.0 * (1.0 - available_share(info)?))
}

pub(super) fn swap_used_percent(info: &MemInfo) -> Option<f64> {
    let total = info.swap_total?.as_f64();
    (total > 0.0).then_some(())?;
    Some((100.0 * swap_used(info)? / total).clamp(0.0, 100.0))
}

pub(super) fn swap_used(info: &MemInfo) -> Option<f64> {
    let total = info.swap_total?.0;
    (total > 0).then(|| Some(total.saturating_sub(info.swap_free?.0) as f64))?
}

pub(super) fn memory_used(info: &MemInfo) -> Option<f64> {
    Some((usable(info)? - info.available?.as_f64()).max(0.0))
}

pub(super) fn committed_percent(info: &MemInfo) -> Option<f64> {
    let limit = info.commit_limit?.as_f64();
    (limit > 0.0).then_some(100.0 * info.committed?.as_f64() / limit)
}

pub(super) fn huge_pages_free_percent(info: &MemInfo) -> Option<f64> {
    let pool = info.huge_pages_total?;
    (pool > 0).then_some(())?;
    Some((100.0 * info.huge_pages_free? as f64 / pool as f64).clamp(0.0, 100.0))
}
