//! The presets' tables.

use crate::formula::Term::{Minus, Plus};
use crate::formula::{
    ACTIVE, AVAILABLE, BUFFERS, CACHED, Combination, ESTIMATED, FREE, Field, INACTIVE, RECLAIMABLE,
    SHARED, SWAP_CACHED, SWAP_FREE, SWAP_TOTAL, TOTAL, Term, UNRECLAIMABLE,
};
use crate::preset::{Preset, Row};
use crate::units::Unit;

/// The rows of the CloudWatch agent, but for what it counts as used.
macro_rules! agent_rows {
    ($used:expr) => {
        &[
            row("mem_used_percent", PERCENT, share($used, &TOTAL)).by_default(),
            row("mem_available_percent", PERCENT, share(&[Plus(&ESTIMATED)], &TOTAL)),
            row("mem_used", BYTES, sum($used)),
            row("mem_total", BYTES, sum(&[Plus(&TOTAL)])),
            row("mem_free", BYTES, sum(&[Plus(&FREE)])),
            row("mem_available", BYTES, sum(&[Plus(&ESTIMATED)])),
            row("mem_buffered", BYTES, sum(&[Plus(&BUFFERS)])),
            row("mem_cached", BYTES, sum(&[Plus(&CACHED), Plus(&RECLAIMABLE)])),
            row("mem_active", BYTES, sum(&[Plus(&ACTIVE)])),
            row("mem_inactive", BYTES, sum(&[Plus(&INACTIVE)])),
            row("mem_shared", BYTES, sum(&[Plus(&SHARED)])),
            row("swap_used_percent", PERCENT, swap_share(SWAP_USED)),
            row("swap_used", BYTES, sum(SWAP_USED)),
            row("swap_free", BYTES, sum(&[Plus(&SWAP_FREE)])),
        ]
    };
}

pub static PRESETS: [Preset; 10] = [
    Preset {
        name: "cwagent",
        tool: "CloudWatch agent",
        namespace: "CWAgent",
        rows: agent_rows!(AGENT_USED),
        on_ec2: AGENT_SETS,
        elsewhere: HOST,
        note: "the agent's unsigned arithmetic wraps where free, buffers and cache exceed the total; here used is 0 then, and available at most 100 %",
    },
    Preset {
        name: "cwagent-available",
        tool: "CloudWatch agent's names, used by MemAvailable",
        namespace: "CWAgent",
        rows: agent_rows!(UNAVAILABLE),
        on_ec2: AGENT_SETS,
        elsewhere: HOST,
        note: "the CloudWatch agent's names with the formula of telegraf 1.36 and later",
    },
    scripts("mon-scripts", "EC2 monitoring scripts (Perl)", &EXCLUSIVE_ROWS),
    scripts(
        "mon-scripts-incl-cache",
        "EC2 monitoring scripts, --mem-used-incl-cache-buff",
        &INCLUSIVE_ROWS,
    ),
    scripts("cloudwatchmon", "cloudwatchmon (Python)", &EXCLUSIVE_ROWS),
    scripts(
        "cloudwatchmon-incl-cache",
        "cloudwatchmon, --mem-used-incl-cache-buff",
        &INCLUSIVE_ROWS,
    ),
    Preset {
        name: "telegraf",
        tool: "telegraf 1.36 and later",
        namespace: "InfluxData/Telegraf",
        rows: &[
            row("mem_used_percent", NONE, share(UNAVAILABLE, &TOTAL)).by_default(),
            row("mem_available_percent", NONE, share(&[Plus(&ESTIMATED)], &TOTAL)).by_default(),
            row("mem_used", NONE, sum(UNAVAILABLE)),
            row("mem_total", NONE, sum(&[Plus(&TOTAL)])),
            row("mem_free", NONE, sum(&[Plus(&FREE)])),
            row("mem_available", NONE, sum(&[Plus(&ESTIMATED)])),
            row("mem_buffered", NONE, sum(&[Plus(&BUFFERS)])),
            row("mem_cached", NONE, sum(&[Plus(&CACHED), Plus(&RECLAIMABLE)])),
            row("mem_active", NONE, sum(&[Plus(&ACTIVE)])),
            row("mem_inactive", NONE, sum(&[Plus(&INACTIVE)])),
            row("mem_shared", NONE, sum(&[Plus(&SHARED)])),
            row("mem_sreclaimable", NONE, sum(&[Plus(&RECLAIMABLE)])),
            row("mem_sunreclaim", NONE, sum(&[Plus(&UNRECLAIMABLE)])),
            row("mem_swap_cached", NONE, sum(&[Plus(&SWAP_CACHED)])),
            row("swap_used_percent", NONE, swap_share(SWAP_USED)).by_default(),
            row("swap_used", NONE, sum(SWAP_USED)),
            row("swap_free", NONE, sum(&[Plus(&SWAP_FREE)])),
            row("swap_total", NONE, sum(&[Plus(&SWAP_TOTAL)])),
        ],
        on_ec2: HOST,
        elsewhere: HOST,
        note: "telegraf has the namespace that its configuration names: give yours; before 1.36 its formulas are cwagent's, still without a unit",
    },
    Preset {
        name: "vector",
        tool: "vector (host_metrics)",
        namespace: "host",
        rows: &[
            row("memory_used_bytes", NONE, sum(SCRIPTS)).by_default(),
            row("memory_available_bytes", NONE, sum(&[Plus(&AVAILABLE)])).by_default(),
            row("memory_total_bytes", NONE, sum(&[Plus(&TOTAL)])).by_default(),
            row("memory_free_bytes", NONE, sum(&[Plus(&FREE)])),
            row("memory_buffers_bytes", NONE, sum(&[Plus(&BUFFERS)])),
            row("memory_cached_bytes", NONE, sum(&[Plus(&CACHED)])),
            row("memory_shared_bytes", NONE, sum(&[Plus(&SHARED)])),
            row("memory_active_bytes", NONE, sum(&[Plus(&ACTIVE)])),
            row("memory_inactive_bytes", NONE, sum(&[Plus(&INACTIVE)])),
            row("memory_swap_used_bytes", NONE, sum(SWAP_USED)),
            row("memory_swap_free_bytes", NONE, sum(&[Plus(&SWAP_FREE)])),
            row("memory_swap_total_bytes", NONE, sum(&[Plus(&SWAP_TOTAL)])),
        ],
        on_ec2: VECTOR_SETS,
        elsewhere: VECTOR_SETS,
        note: "vector takes the kernel's kB as 1000 bytes, so its figures are 2.34 % too low; these are right",
    },
    Preset {
        name: "collectd",
        tool: "collectd (memory and swap in percent)",
        namespace: "collectd",
        rows: &[
            row(
                "memory.percent.used",
                NONE,
                Combination { at_least: None, ..share(COLLECTD_USED, &TOTAL) },
            )
            .by_default(),
            row(
                "swap.percent.used",
                NONE,
                Combination { at_least: None, ..share(SWAP_USED_UNCACHED, &SWAP_TOTAL) },
            )
            .by_default(),
        ],
        on_ec2: COLLECTD_SETS,
        elsewhere: COLLECTD_SETS,
        note: "like collectd, no value where free, buffers, cache and slab exceed the total, and none of swap without swap",
    },
    Preset {
        name: "ec2-memory",
        tool: "the script of many gists",
        namespace: "EC2/Memory",
        rows: &[
            row("MemUsage", PERCENT, share(SCRIPTS, &TOTAL)).by_default(),
            row("SwapUsage", PERCENT, swap_share(SWAP_USED_UNCACHED)).by_default(),
        ],
        on_ec2: INSTANCE,
        elsewhere: INSTANCE,
        note: "",
    },
];

const fn scripts(name: &'static str, tool: &'static str, rows: &'static [Row]) -> Preset {
    Preset {
        name,
        tool,
        namespace: "System/Linux",
        rows,
        on_ec2: INSTANCE,
        elsewhere: INSTANCE,
        note: "the scripts count in one of several units (--memory-units): `units` says which",
    }
}

static EXCLUSIVE_ROWS: [Row; 5] =
    script_rows(SCRIPTS, &[Plus(&FREE), Plus(&BUFFERS), Plus(&CACHED)]);
static INCLUSIVE_ROWS: [Row; 5] = script_rows(INCLUSIVE, &[Plus(&FREE)]);

const fn script_rows(used: &'static [Term], available: &'static [Term]) -> [Row; 5] {
    [
        row("MemoryUtilization", PERCENT, share(used, &TOTAL)).by_default(),
        row("MemoryUsed", MEGABYTES, sum(used)).by_default(),
        row("MemoryAvailable", MEGABYTES, sum(available)).by_default(),
        row("SwapUtilization", PERCENT, swap_share(SWAP_USED)).by_default(),
        row("SwapUsed", MEGABYTES, sum(SWAP_USED)).by_default(),
    ]
}

const fn row(name: &'static str, unit: Unit, formula: Combination) -> Row {
    Row { name, unit, formula, default: false }
}

impl Row {
    const fn by_default(self) -> Row {
        Row { default: true, ..self }
    }
}

const fn sum(terms: &'static [Term]) -> Combination {
    Combination { terms, of: None, of_nothing: None, at_least: Some(0.0) }
}

const fn share(terms: &'static [Term], of: &'static Field) -> Combination {
    Combination { of: Some(of), ..sum(terms) }
}

/// Of swap; 0 without swap.
const fn swap_share(terms: &'static [Term]) -> Combination {
    Combination { of_nothing: Some(0.0), ..share(terms, &SWAP_TOTAL) }
}

const AGENT_USED: &[Term] =
    &[Plus(&TOTAL), Minus(&FREE), Minus(&BUFFERS), Minus(&CACHED), Minus(&RECLAIMABLE)];
const UNAVAILABLE: &[Term] = &[Plus(&TOTAL), Minus(&ESTIMATED)];
const SCRIPTS: &[Term] = &[Plus(&TOTAL), Minus(&FREE), Minus(&BUFFERS), Minus(&CACHED)];
const INCLUSIVE: &[Term] = &[Plus(&TOTAL), Minus(&FREE)];
const COLLECTD_USED: &[Term] = &[
    Plus(&TOTAL),
    Minus(&FREE),
    Minus(&BUFFERS),
    Minus(&CACHED),
    Minus(&RECLAIMABLE),
    Minus(&UNRECLAIMABLE),
];
const SWAP_USED: &[Term] = &[Plus(&SWAP_TOTAL), Minus(&SWAP_FREE)];
const SWAP_USED_UNCACHED: &[Term] = &[Plus(&SWAP_TOTAL), Minus(&SWAP_FREE), Minus(&SWAP_CACHED)];

/// What the agent's shipped configuration appends on EC2.
const AGENT_SETS: &[&[&str]] =
    &[&["ImageId", "InstanceId", "InstanceType", "AutoScalingGroupName?"]];
const HOST: &[&[&str]] = &[&["host"]];
const INSTANCE: &[&[&str]] = &[&["InstanceId"]];
const COLLECTD_SETS: &[&[&str]] = &[&["Host", "PluginInstance=NONE"]];
const VECTOR_SETS: &[&[&str]] = &[&["collector=memory", "host"]];

const PERCENT: Unit = Unit::Percent;
const BYTES: Unit = Unit::Bytes;
const MEGABYTES: Unit = Unit::Megabytes;
const NONE: Unit = Unit::None;
