//! The catalogue of native metrics: each name's one formula, pinned for ever.
//!
//! T MemTotal, A MemAvailable, H the huge page pool, ST SwapTotal, SF SwapFree. A formula whose
//! fields the kernel doesn't give has no value; it never becomes zero.

mod memory;
mod needs;

pub use memory::{available_share, memory_used_percent, usable};
pub use needs::needs;

use crate::formula::Combination;
use crate::sample::{Difference, Rates, Sample};
use crate::source::meminfo::MemInfo;
use crate::source::pressure::Pressure;
use crate::source::vmstat::VmStat;
use crate::units::{Grain, Unit};
use memory::{
    committed_percent, huge_pages_free_percent, memory_used, swap_used, swap_used_percent,
};
use std::borrow::Cow;

#[derive(Debug, Clone)]
pub struct Metric {
    /// CloudWatch's MetricName.
    pub name: Cow<'static, str>,
    pub unit: Unit,
    pub grain: Grain,
    /// Sent only for periods in which some value isn't zero.
    pub sparse: bool,
    pub formula: Formula,
    /// The columns that the formula uses; an extra field's is its own.
    pub columns: Cow<'static, [&'static str]>,
    /// The formula in the kernel's field names, for people.
    pub words: Cow<'static, str>,
    /// Whose namespace and dimension sets it is published under: cwmem's own, or a preset's by its
    /// place in the configuration.
    pub publication: u16,
}

/// How a value comes out of a sample.
#[derive(Debug, Clone, Copy)]
pub enum Formula {
    MemInfo(fn(&MemInfo) -> Option<f64>),
    /// The same as data, in units of so many bytes.
    Fields(&'static Combination, f64),
    /// The extra field of /proc/meminfo at this place of the configuration's list.
    Extra(usize),
    /// Stalled microseconds since boot: the share of the elapsed time, in percent.
    Stall(fn(&Pressure) -> Option<u64>),
    /// Events since boot: how many a second.
    Rate(fn(&VmStat) -> Option<u64>),
    /// Events since boot: how many in a part, as one value.
    Events(fn(&VmStat) -> Option<u64>),
    /// Not of a sample: read, or worked out, a few times a period (`slow`).
    Slow,
}

/// One value and how many tenths of a second it stands for; `Events` add up over a part instead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    Weighted(f64, u32),
    Events(f64),
}

impl Metric {
    /// The value that `sample` gives, `rates` being what it completes.
    pub fn value(&self, sample: &Sample, rates: &Rates) -> Option<Value> {
        let covered = sample.covered.0;
        match self.formula {
            Formula::MemInfo(formula) => {
                Some(Value::Weighted(formula(sample.meminfo.as_ref()?)?, covered))
            }
            Formula::Fields(fields, unit) => {
                let value = fields.value(sample.meminfo.as_ref()?)? / unit;
                Some(Value::Weighted(value, covered))
            }
            Formula::Extra(place) => {
                Some(Value::Weighted((*sample.extras.get(place)?)? as f64, covered))
            }
            Formula::Stall(total) => {
                let difference = rates.pressure?;
                let stalled = increase(&difference, total)? as f64;
                let percent = 100.0 * stalled / (difference.elapsed.as_secs_f64() * 1e6);
                Some(Value::Weighted(percent.clamp(0.0, 100.0), difference.covered.0))
            }
            Formula::Rate(count) => {
                let difference = rates.vmstat?;
                let rate = increase(&difference, count)? as f64 / difference.elapsed.as_secs_f64();
                Some(Value::Weighted(rate, difference.covered.0))
            }
            Formula::Events(count) => Some(Value::Events(increase(&rates.vmstat?, count)? as f64)),
            Formula::Slow => None,
        }
    }

    /// A field of /proc/meminfo under its kernel name; HugePages_* are counts, the others bytes.
    pub fn extra(name: &str, place: usize) -> Metric {
        let unit = if name.starts_with("HugePages_") { Unit::Count } else { Unit::Bytes };
        Metric {
            name: Cow::Owned(name.to_owned()),
            unit,
            grain: Grain::ThreeDigits,
            sparse: false,
            formula: Formula::Extra(place),
            columns: Cow::Borrowed(&[]),
            words: Cow::Owned(name.to_owned()),
            publication: NATIVELY,
        }
    }
}

/// Two metrics are the same if they publish under the same name in the same publication, which
/// holds each once.
impl PartialEq for Metric {
    fn eq(&self, other: &Metric) -> bool {
        self.name == other.name && self.publication == other.publication
    }
}

/// The metric of the catalogue with this name, to the letter.
pub fn native(name: &str) -> Option<&'static Metric> {
    NATIVE.iter().find(|metric| metric.name == name)
}

/// A counter that fell began anew with a new boot; its increase isn't known.
fn increase<T>(difference: &Difference<T>, counter: fn(&T) -> Option<u64>) -> Option<u64> {
    counter(&difference.after)?.checked_sub(counter(&difference.before)?)
}

pub(crate) const fn row(
    name: &'static str,
    unit: Unit,
    sparse: bool,
    formula: Formula,
    columns: &'static [&'static str],
    words: &'static str,
) -> Metric {
    let grain = if matches!(unit, Unit::Percent) { Grain::Tenth } else { Grain::ThreeDigits };
    let (name, columns, words) =
        (Cow::Borrowed(name), Cow::Borrowed(columns), Cow::Borrowed(words));
    Metric { name, unit, grain, sparse, formula, columns, words, publication: NATIVELY }
}

/// Every metric of the host that cwmem knows, the ones on by default first.
pub static NATIVE: [Metric; 16] = [
    row(
        "MemoryUsedPercent",
        Unit::Percent,
        false,
        Formula::MemInfo(memory_used_percent),
        &USABLE,
        "100·(1 − MemAvailable/(MemTotal − Hugetlb))",
    ),
    row(
        "SwapUsedPercent",
        Unit::Percent,
        true,
        Formula::MemInfo(swap_used_percent),
        &SWAP,
        "100·(SwapTotal − SwapFree)/SwapTotal",
    ),
    row(
        "MemoryStallPercent",
        Unit::Percent,
        true,
        Formula::Stall(|pressure| Some(pressure.some)),
        &["pressure:some"],
        "100·Δ(pressure some total)/elapsed",
    ),
    row(
        "OomKills",
        Unit::Count,
        true,
        Formula::Events(|vmstat| vmstat.oom_kill),
        &["vmstat:oom_kill"],
        "Δ(vmstat oom_kill)",
    ),
    row(
        "MemoryAvailable",
        Unit::Bytes,
        false,
        Formula::MemInfo(|info| info.available.map(|bytes| bytes.as_f64())),
        &["meminfo:MemAvailable"],
        "MemAvailable",
    ),
    row(
        "MemoryUsed",
        Unit::Bytes,
        false,
        Formula::MemInfo(memory_used),
        &USABLE,
        "MemTotal − Hugetlb − MemAvailable",
    ),
    row("SwapUsed", Unit::Bytes, false, Formula::MemInfo(swap_used), &SWAP, "SwapTotal − SwapFree"),
    row(
        "SwapInPages",
        Unit::CountPerSecond,
        false,
        Formula::Rate(|vmstat| vmstat.swap_in_pages),
        &["vmstat:pswpin"],
        "Δ(vmstat pswpin)/elapsed",
    ),
    row(
        "SwapOutPages",
        Unit::CountPerSecond,
        false,
        Formula::Rate(|vmstat| vmstat.swap_out_pages),
        &["vmstat:pswpout"],
        "Δ(vmstat pswpout)/elapsed",
    ),
    row(
        "MajorFaults",
        Unit::CountPerSecond,
        false,
        Formula::Rate(|vmstat| vmstat.major_faults),
        &["vmstat:pgmajfault"],
        "Δ(vmstat pgmajfault)/elapsed",
    ),
    row(
        "DirectReclaimStalls",
        Unit::CountPerSecond,
        false,
        Formula::Rate(|vmstat| vmstat.direct_reclaim_stalls),
        &["vmstat:allocstall"],
        "Δ(vmstat allocstall_*)/elapsed",
    ),
    row(
        "MemoryFullStallPercent",
        Unit::Percent,
        false,
        Formula::Stall(|pressure| pressure.full),
        &["pressure:full"],
        "100·Δ(pressure full total)/elapsed",
    ),
    row(
        "CommittedPercent",
        Unit::Percent,
        false,
        Formula::MemInfo(committed_percent),
        &["meminfo:Committed_AS", "meminfo:CommitLimit"],
        "100·Committed_AS/CommitLimit",
    ),
    row(
        "HugePagesFreePercent",
        Unit::Percent,
        false,
        Formula::MemInfo(huge_pages_free_percent),
        &["meminfo:HugePages_Free", "meminfo:HugePages_Total"],
        "100·HugePages_Free/HugePages_Total",
    ),
    row(
        NUMA_NODE_AVAILABLE_PERCENT,
        Unit::Percent,
        false,
        Formula::Slow,
        &[],
        "100·min over nodes((MemFree + Inactive(file) + SReclaimable)/(MemTotal − huge pages))",
    ),
    row(
        MINUTES_TO_EXHAUSTION,
        Unit::None,
        false,
        Formula::Slow,
        &["meminfo:MemAvailable"],
        "MemAvailable/(its fall a minute)",
    ),
];

/// T, A and H, H as older kernels give it too.
const USABLE: [&str; 5] = [
    "meminfo:MemTotal",
    "meminfo:MemAvailable",
    "meminfo:Hugetlb",
    "meminfo:HugePages_Total",
    "meminfo:Hugepagesize",
];
const SWAP: [&str; 2] = ["meminfo:SwapTotal", "meminfo:SwapFree"];

/// The publication of cwmem's own metrics.
pub const NATIVELY: u16 = 0;
pub(crate) const NUMA_NODE_AVAILABLE_PERCENT: &str = "NumaNodeAvailablePercent";
pub(crate) const MINUTES_TO_EXHAUSTION: &str = "MinutesToExhaustion";

/// The names that are on where the configuration says nothing.
pub const DEFAULT: [&str; 4] =
    ["MemoryUsedPercent", "SwapUsedPercent", "MemoryStallPercent", "OomKills"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Boottime, Moment, Timestamp};
    use crate::source::meminfo::{Extras, parse};
    use crate::units::{Bytes, Tenths};
    use proptest::prelude::*;
    use std::time::Duration;

    fn sample(meminfo: &str) -> Sample {
        let mut sample = Sample::new(Moment { wall: Timestamp(0), boot: Boottime(0) }, 0);
        sample.covered = Tenths(10);
        sample.meminfo = parse(meminfo.as_bytes(), &Extras::default(), &mut []).ok();
        sample
    }

    fn value(name: &str, sample: &Sample, rates: &Rates) -> Option<f64> {
        match native(name).unwrap().value(sample, rates)? {
            Value::Weighted(value, _) | Value::Events(value) => Some(value),
        }
    }

    /// The expected figures were computed apart from this program, from the same files.
    fn check(meminfo: &str, expected: &[(&str, Option<f64>)]) {
        let sample = sample(meminfo);
        for &(name, expected) in expected {
            let found = value(name, &sample, &Rates::default());
            let same = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected.abs(),
                (found, expected) => found == expected,
            };
            assert!(same, "{name}: expected {expected:?}, found {found:?}");
        }
    }

    #[test]
    fn captures_give_their_figures() {
        check(
            include_str!("../tests/captures/meminfo/coreos-8g-kernel4.14-noswap"),
            &[
                ("MemoryUsedPercent", Some(76.115_273_007_152_38)),
                ("SwapUsedPercent", None),
                ("MemoryAvailable", Some(1_996_881_920.0)),
                ("MemoryUsed", Some(6_363_615_232.0)),
                ("SwapUsed", None),
                ("CommittedPercent", Some(39.100_481_300_609_076)),
                ("HugePagesFreePercent", None),
            ],
        );
        check(
            include_str!("../tests/captures/meminfo/desktop-32g-kernel5-swap"),
            &[
                ("MemoryUsedPercent", Some(31.051_558_993_761_21)),
                ("SwapUsedPercent", Some(0.0)),
                ("MemoryUsed", Some(10_109_259_776.0)),
            ],
        );
        for old in [
            include_str!("../tests/captures/meminfo/embedded-27m-no-memavailable"),
            include_str!("../tests/captures/meminfo/server-16g-kernel3-swap-no-memavailable"),
        ] {
            check(
                old,
                &[("MemoryUsedPercent", None), ("MemoryAvailable", None), ("MemoryUsed", None)],
            );
        }
    }

    #[test]
    fn huge_pages_are_no_memory_to_be_had() {
        let lines = "MemTotal: 1000 kB\nMemAvailable: 100 kB\nHugePages_Total: 2\nHugePages_Free: 1\nHugetlb: 500 kB\n";
        check(
            lines,
            &[
                ("MemoryUsedPercent", Some(80.0)),
                ("MemoryUsed", Some(409_600.0)),
                ("HugePagesFreePercent", Some(50.0)),
            ],
        );
        let absurd = "MemTotal: 1000 kB\nMemAvailable: 100 kB\nHugetlb: 1000 kB\n";
        check(absurd, &[("MemoryUsedPercent", None), ("MemoryUsed", None)]);
        let more = "MemTotal: 1000 kB\nMemAvailable: 2000 kB\n";
        check(more, &[("MemoryUsedPercent", Some(0.0)), ("MemoryUsed", Some(0.0))]);
        check("MemTotal: 1000 kB\nMemAvailable: 0 kB\n", &[("MemoryUsedPercent", Some(100.0))]);
    }

    #[test]
    fn rates_divide_by_the_time_that_passed() {
        let difference = |before, after| Difference {
            before,
            after,
            elapsed: Duration::from_secs(2),
            covered: Tenths(20),
        };
        let stat = |count| VmStat {
            oom_kill: Some(count),
            major_faults: Some(count * 10),
            ..VmStat::default()
        };
        let rates = Rates {
            pressure: Some(Difference {
                before: Pressure { some: 1_000_000, full: Some(0) },
                after: Pressure { some: 1_500_000, full: None },
                elapsed: Duration::from_secs(2),
                covered: Tenths(20),
            }),
            vmstat: Some(difference(stat(3), stat(5))),
        };
        let sample = sample("MemTotal: 1 kB\n");
        assert_eq!(value("MemoryStallPercent", &sample, &rates), Some(25.0));
        assert_eq!(value("MemoryFullStallPercent", &sample, &rates), None);
        assert_eq!(value("OomKills", &sample, &rates), Some(2.0));
        assert_eq!(value("MajorFaults", &sample, &rates), Some(10.0));
        let weighted = native("MemoryStallPercent").unwrap().value(&sample, &rates);
        assert_eq!(weighted, Some(Value::Weighted(25.0, 20)));
        let rates = Rates { vmstat: Some(difference(stat(5), stat(3))), ..Rates::default() };
        assert_eq!(value("OomKills", &sample, &rates), None, "a counter that fell began anew");
    }

    #[test]
    fn names_are_unique_and_the_defaults_are_there() {
        for (place, metric) in NATIVE.iter().enumerate() {
            assert!(NATIVE[..place].iter().all(|other| other.name != metric.name));
        }
        assert!(DEFAULT.iter().all(|name| native(name).is_some()));
        assert_eq!(Metric::extra("HugePages_Total", 0).unit, Unit::Count);
        assert_eq!(Metric::extra("Slab", 0).unit, Unit::Bytes);
    }

    proptest! {
        #[test]
        fn percents_stay_percents(total in any::<u64>(), available in any::<u64>(), huge in any::<u64>(), swap in any::<u64>()) {
            let mut sample = sample("MemTotal: 1 kB\n");
            sample.meminfo = Some(MemInfo {
                total: Bytes(total),
                available: Some(Bytes(available)),
                hugetlb: Some(Bytes(huge)),
                swap_total: Some(Bytes(swap)),
                swap_free: Some(Bytes(available)),
                huge_pages_total: Some(huge),
                huge_pages_free: Some(swap),
                ..MemInfo::default()
            });
            for name in ["MemoryUsedPercent", "SwapUsedPercent", "HugePagesFreePercent"] {
                if let Some(percent) = value(name, &sample, &Rates::default()) {
                    prop_assert!((0.0..=100.0).contains(&percent), "{name} {percent}");
                }
            }
        }
    }
}
