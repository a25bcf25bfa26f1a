//! Why the tools' figures differ, with this host's own.

use crate::metric;
use crate::preset::{PRESETS, Preset, preset};
use crate::source::meminfo::MemInfo;
use crate::source::zfs::{self, Arc};
use crate::units::Bytes;
use std::path::Path;

/// `None` where no ZFS is loaded.
pub fn arc(proc_root: &Path) -> Option<Arc> {
    zfs::parse(&std::fs::read(proc_root.join(zfs::FILE)).ok()?).ok()
}

/// A note for each thing that this host has and that the tools see differently.
pub fn differences(info: &MemInfo, arc: Option<Arc>) -> Vec<String> {
    let notes = [
        Some(spread(info)),
        available(info),
        shared(info),
        slab(info),
        huge_pages(info),
        arc.map(|arc| of_arc(arc, info)),
        swap(info),
    ];
    notes.into_iter().flatten().collect()
}

/// What there is to know of single presets, and what this host makes of it.
pub fn of_tools(info: &MemInfo) -> Vec<String> {
    let mut notes: Vec<(String, &str)> = Vec::new();
    for preset in PRESETS.iter().filter(|preset| !preset.note.is_empty()) {
        match notes.iter_mut().find(|(_, note)| *note == preset.note) {
            Some((names, _)) => *names += &format!(", {}", preset.name),
            None => notes.push((preset.name.to_owned(), preset.note)),
        }
    }
    let notes = notes.into_iter().map(|(names, note)| match value(&names, VECTOR_USED, info) {
        Some(used) => {
            let theirs = mib(used / 1024.0 * 1000.0);
            format!("{names}: {note} ({VECTOR_USED} {}, theirs {theirs})", mib(used))
        }
        None => format!("{names}: {note}"),
    });
    notes.collect()
}

/// Every tool's share of memory in use, the least first.
fn spread(info: &MemInfo) -> String {
    let mut shares: Vec<(f64, String)> = Vec::new();
    let native = metric::memory_used_percent(info);
    shares.extend(native.map(|share| (share, "cwmem".to_owned())));
    for (tool, _) in tools() {
        let name = tool.split(',').next().unwrap_or_default();
        let bytes = || Some(100.0 * value(name, VECTOR_USED, info)? / info.total.as_f64());
        let share = USED.iter().find_map(|metric| value(name, metric, info)).or_else(bytes);
        shares.extend(share.map(|share| (share, tool)));
    }
    shares.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let shares = shares.iter().map(|(share, tool)| format!("{share:.2} ({tool})"));
    let shares = shares.collect::<Vec<_>>().join(", ");
    format!("memory used, in percent, from the least to the most: {shares}")
}

fn available(info: &MemInfo) -> Option<String> {
    let Some(available) = info.available else {
        return Some(
            "this kernel doesn't give MemAvailable: cwmem's MemoryUsedPercent is absent; cwagent and telegraf estimate it"
                .to_owned(),
        );
    };
    let free = info.free?.0 + info.buffers?.0 + info.cached?.0;
    let free = Bytes(free.saturating_add(info.slab_reclaimable.unwrap_or_default().0));
    let (more, less) = (free.0.saturating_sub(available.0), available.0.saturating_sub(free.0));
    let difference = match (more, less) {
        (0, less) => format!("{} more", amount(Bytes(less), info)),
        (more, _) => format!("{} less", amount(Bytes(more), info)),
    };
    Some(format!(
        "MemAvailable, which cwmem, telegraf and cwagent-available go by, is {difference} than MemFree + Buffers + Cached + SReclaimable, which cwagent takes for free: the kernel leaves out what it can't give away (tmpfs, pages in use, a reserve)"
    ))
}

fn shared(info: &MemInfo) -> Option<String> {
    let shared = info.shmem.filter(|shared| shared.0 > 0)?;
    Some(format!(
        "Shmem, which is tmpfs and shared memory, has {}: it lies in Cached, but can't be dropped; cwmem, telegraf and cwagent-available count it as used, cwagent, mon-scripts, cloudwatchmon, vector, collectd and ec2-memory as free cache, and the -incl-cache presets count all cache as used",
        amount(shared, info)
    ))
}

fn slab(info: &MemInfo) -> Option<String> {
    let reclaimable = info.slab_reclaimable.filter(|slab| slab.0 > 0)?;
    let rest = info.slab_unreclaimable.unwrap_or_default();
    Some(format!(
        "the kernel's own caches: SReclaimable, {}, is free to cwagent and collectd, and used to mon-scripts, cloudwatchmon, vector and ec2-memory; SUnreclaim, {}, is used to all but collectd",
        amount(reclaimable, info),
        amount(rest, info)
    ))
}

fn huge_pages(info: &MemInfo) -> Option<String> {
    let pool = info.huge_pool();
    if pool.0 == 0 {
        return None;
    }
    let theirs = value("cwagent-available", "mem_used_percent", info);
    let figures = match (metric::memory_used_percent(info), theirs) {
        (Some(ours), Some(theirs)) => format!(" ({ours:.2} % against {theirs:.2} %)"),
        _ => String::new(),
    };
    Some(format!(
        "the pool of static huge pages, {}, can be put to no other use: cwmem takes it out of used memory and of the total, all others count it as used{figures}",
        amount(pool, info)
    ))
}

fn of_arc(arc: Arc, info: &MemInfo) -> String {
    format!(
        "the ZFS cache (ARC) holds {}, of which it would give back {}: the kernel's fields, and so all formulas here, count it as used, unless metrics.zfs_arc says that it is reclaimable",
        amount(arc.size, info),
        amount(arc.reclaimable(), info)
    )
}

fn swap(info: &MemInfo) -> Option<String> {
    if info.swap_total?.0 == 0 {
        return Some(
            "this host has no swap: cwagent, mon-scripts, cloudwatchmon, telegraf and ec2-memory publish 0 for it; cwmem and collectd publish nothing"
                .to_owned(),
        );
    }
    let cached = info.swap_cached.filter(|cached| cached.0 > 0)?;
    let (with, without) =
        (value("cwagent", "swap_used_percent", info)?, value("ec2-memory", "SwapUsage", info)?);
    Some(format!(
        "SwapCached {} lies in swap and in memory at once: collectd and ec2-memory don't count it as used swap ({without:.2} %), the others do ({with:.2} %)",
        mib(cached.as_f64())
    ))
}

/// The presets, those that have the same rows as one, under all their names.
fn tools() -> Vec<(String, &'static Preset)> {
    let mut tools: Vec<(String, &Preset)> = Vec::new();
    for preset in &PRESETS {
        let same = tools.iter_mut().find(|(_, known)| std::ptr::eq(known.rows, preset.rows));
        match same {
            Some((names, _)) => *names += &format!(", {}", preset.name),
            None => tools.push((preset.name.to_owned(), preset)),
        }
    }
    tools
}

fn value(name: &str, metric: &str, info: &MemInfo) -> Option<f64> {
    preset(name)?.row(metric)?.formula.value(info)
}

/// With its share of the host's memory.
fn amount(bytes: Bytes, info: &MemInfo) -> String {
    let share = 100.0 * bytes.as_f64() / info.total.as_f64().max(1.0);
    format!("{} ({share:.1} % of MemTotal)", mib(bytes.as_f64()))
}

fn mib(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

const VECTOR_USED: &str = "memory_used_bytes";
/// The presets' names for memory in use, as a percentage.
const USED: [&str; 4] =
    ["mem_used_percent", "MemoryUtilization", "memory.percent.used", "MemUsage"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::meminfo::{Extras, parse};
    use expect_test::{Expect, expect};

    fn check(meminfo: &str, arc: Option<Arc>, expected: Expect) {
        let info = parse(meminfo.as_bytes(), &Extras::default(), &mut []).unwrap();
        expected.assert_eq(&differences(&info, arc).join("\n"));
    }

    #[test]
    fn notes_have_the_host_s_figures() {
        let meminfo = "MemTotal: 4096000 kB\nMemFree: 409600 kB\nMemAvailable: 1024000 kB\nBuffers: 102400 kB\nCached: 1228800 kB\nShmem: 524288 kB\nSReclaimable: 204800 kB\nSUnreclaim: 102400 kB\nSwapTotal: 1024000 kB\nSwapFree: 512000 kB\nSwapCached: 102400 kB\nHugetlb: 1048576 kB\n";
        let arc = Arc { size: Bytes(1 << 30), least: Bytes(1 << 28) };
        check(
            meminfo,
            Some(arc),
            expect![[r#"
            memory used, in percent, from the least to the most: 50.00 (collectd), 52.50 (cwagent), 57.50 (mon-scripts, cloudwatchmon), 57.50 (vector), 57.50 (ec2-memory), 66.40 (cwmem), 75.00 (cwagent-available), 75.00 (telegraf), 90.00 (mon-scripts-incl-cache, cloudwatchmon-incl-cache)
            MemAvailable, which cwmem, telegraf and cwagent-available go by, is 900.0 MiB (22.5 % of MemTotal) less than MemFree + Buffers + Cached + SReclaimable, which cwagent takes for free: the kernel leaves out what it can't give away (tmpfs, pages in use, a reserve)
            Shmem, which is tmpfs and shared memory, has 512.0 MiB (12.8 % of MemTotal): it lies in Cached, but can't be dropped; cwmem, telegraf and cwagent-available count it as used, cwagent, mon-scripts, cloudwatchmon, vector, collectd and ec2-memory as free cache, and the -incl-cache presets count all cache as used
            the kernel's own caches: SReclaimable, 200.0 MiB (5.0 % of MemTotal), is free to cwagent and collectd, and used to mon-scripts, cloudwatchmon, vector and ec2-memory; SUnreclaim, 100.0 MiB (2.5 % of MemTotal), is used to all but collectd
            the pool of static huge pages, 1024.0 MiB (25.6 % of MemTotal), can be put to no other use: cwmem takes it out of used memory and of the total, all others count it as used (66.40 % against 75.00 %)
            the ZFS cache (ARC) holds 1024.0 MiB (25.6 % of MemTotal), of which it would give back 768.0 MiB (19.2 % of MemTotal): the kernel's fields, and so all formulas here, count it as used, unless metrics.zfs_arc says that it is reclaimable
            SwapCached 100.0 MiB lies in swap and in memory at once: collectd and ec2-memory don't count it as used swap (40.00 %), the others do (50.00 %)"#]],
        );
    }

    #[test]
    fn what_a_host_lacks_is_said() {
        let meminfo = "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 10 kB\nCached: 300 kB\nShmem: 0 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
        check(
            meminfo,
            None,
            expect![[r#"
            memory used, in percent, from the least to the most: 59.00 (cwagent), 59.00 (mon-scripts, cloudwatchmon), 59.00 (vector), 59.00 (collectd), 59.00 (ec2-memory), 60.00 (cwagent-available), 60.00 (telegraf), 90.00 (mon-scripts-incl-cache, cloudwatchmon-incl-cache)
            this kernel doesn't give MemAvailable: cwmem's MemoryUsedPercent is absent; cwagent and telegraf estimate it
            this host has no swap: cwagent, mon-scripts, cloudwatchmon, telegraf and ec2-memory publish 0 for it; cwmem and collectd publish nothing"#]],
        );
    }

    #[test]
    fn every_tool_s_share_is_found() {
        let used =
            |name: &str| USED.iter().any(|metric| preset(name).unwrap().row(metric).is_some());
        let without: Vec<_> = PRESETS.iter().filter(|preset| !used(preset.name)).collect();
        assert!(matches!(without[..], [only] if only.name == "vector"), "it publishes bytes only");
    }
}
