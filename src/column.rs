//! Columns: the raw signals of a sample, one number each, under names that don't change.
//!
//! What keeps samples keeps columns: `meminfo:Slab` is a field of /proc/meminfo by its kernel name,
//! `pressure:some` a total of /proc/pressure/memory, `vmstat:oom_kill` a counter of /proc/vmstat.

use crate::metric::{self, Metric};
use crate::sample::Sample;
use crate::source::pressure::Pressure;
use crate::source::vmstat::VmStat;
use crate::units::Bytes;
use std::collections::BTreeSet;

/// One signal: a field that a formula names, a field that the configuration names, or both.
#[derive(Debug, Clone)]
pub struct Column {
    name: String,
    field: Option<&'static Field>,
    /// Its place among the configuration's extra fields.
    extra: Option<usize>,
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    get: fn(&Sample) -> Option<u64>,
    set: fn(&mut Sample, u64),
}

impl Column {
    /// The column of this name, for samples with these extra fields. One that neither knows is a
    /// column all the same, of which nothing comes.
    pub fn named(name: &str, extras: &[String]) -> Column {
        let own = name.strip_prefix(MEMINFO);
        Column {
            name: name.to_owned(),
            field: FIELDS.iter().find(|field| field.name == name),
            extra: own.and_then(|own| extras.iter().position(|extra| extra == own)),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `sample` holds of it; allocates nothing.
    pub fn get(&self, sample: &Sample) -> Option<u64> {
        match (self.field, self.extra) {
            (Some(field), _) => (field.get)(sample),
            (None, Some(place)) => *sample.extras.get(place)?,
            (None, None) => None,
        }
    }

    /// Puts `value` in its place. Of a file's columns the one without which the kernel prints
    /// nothing must be set first: `meminfo:MemTotal`, `pressure:some`.
    pub fn set(&self, sample: &mut Sample, value: u64) {
        if let Some(field) = self.field {
            (field.set)(sample, value);
        }
        if let Some(slot) = self.extra.and_then(|place| sample.extras.get_mut(place)) {
            *slot = Some(value);
        }
    }

    /// The name that this is an extra field by, where no formula knows it.
    pub fn own_extra(&self) -> Option<&str> {
        self.name.strip_prefix(MEMINFO).filter(|_| self.field.is_none())
    }
}

/// Two columns are the same if they have the same name.
impl PartialEq for Column {
    fn eq(&self, other: &Column) -> bool {
        self.name == other.name
    }
}

/// What a sample must hold so that these metrics can be folded from it again, each column once and
/// in an order that doesn't depend on the configuration's. The use of memory, the stall and OOM
/// kills are always among them: a recording shows them whatever is published.
pub fn columns(metrics: &[Metric], extras: &[String]) -> Vec<Column> {
    let always = ALWAYS.iter().filter_map(|name| metric::native(name));
    let used = metrics.iter().chain(always).flat_map(|metric| &*metric.columns);
    let used = used.map(|name| (*name).to_owned());
    let own = extras.iter().map(|name| format!("{MEMINFO}{name}"));
    let mut wanted: BTreeSet<String> = used.chain(own).collect();
    let known: Vec<&str> =
        FIELDS.iter().map(|field| field.name).filter(|name| wanted.remove(*name)).collect();
    let names = known.into_iter().map(str::to_owned).chain(wanted);
    names.map(|name| Column::named(&name, extras)).collect()
}

macro_rules! meminfo {
    ($name:literal, $field:ident, $of:expr, $into:expr) => {
        Field {
            name: concat!("meminfo:", $name),
            get: |sample| sample.meminfo.as_ref()?.$field.map($of),
            set: |sample, value| {
                if let Some(info) = &mut sample.meminfo {
                    info.$field = Some($into(value));
                }
            },
        }
    };
    ($name:literal, $field:ident) => {
        meminfo!($name, $field, |bytes| bytes.0, Bytes)
    };
}

macro_rules! vmstat {
    ($name:literal, $field:ident) => {
        Field {
            name: concat!("vmstat:", $name),
            get: |sample| sample.vmstat.as_ref()?.$field,
            set: |sample, value| {
                sample.vmstat.get_or_insert_with(VmStat::default).$field = Some(value);
            },
        }
    };
}

/// Their order is that of a recording's columns: a change makes the agent begin a new one.
static FIELDS: [Field; 29] = [
    Field {
        name: "meminfo:MemTotal",
        get: |sample| Some(sample.meminfo.as_ref()?.total.0),
        set: |sample, value| sample.meminfo.get_or_insert_default().total = Bytes(value),
    },
    meminfo!("MemFree", free),
    meminfo!("MemAvailable", available),
    meminfo!("Buffers", buffers),
    meminfo!("Cached", cached),
    meminfo!("SwapCached", swap_cached),
    meminfo!("Active", active),
    meminfo!("Inactive", inactive),
    meminfo!("Active(file)", active_file),
    meminfo!("Inactive(file)", inactive_file),
    meminfo!("SwapTotal", swap_total),
    meminfo!("SwapFree", swap_free),
    meminfo!("Shmem", shmem),
    meminfo!("SReclaimable", slab_reclaimable),
    meminfo!("SUnreclaim", slab_unreclaimable),
    meminfo!("CommitLimit", commit_limit),
    meminfo!("Committed_AS", committed),
    meminfo!("HugePages_Total", huge_pages_total, |count| count, u64::from),
    meminfo!("HugePages_Free", huge_pages_free, |count| count, u64::from),
    meminfo!("Hugepagesize", huge_page_size),
    meminfo!("Hugetlb", hugetlb),
    // It stands with the fields that it is used with.
    Field {
        name: "zoneinfo:low",
        get: |sample| Some(sample.meminfo.as_ref()?.low_watermark?.0),
        set: |sample, value| {
            if let Some(info) = &mut sample.meminfo {
                info.low_watermark = Some(Bytes(value));
            }
        },
    },
    Field {
        name: "pressure:some",
        get: |sample| Some(sample.pressure.as_ref()?.some),
        set: |sample, value| sample.pressure.get_or_insert_with(Pressure::default).some = value,
    },
    Field {
        name: "pressure:full",
        get: |sample| sample.pressure.as_ref()?.full,
        set: |sample, value| {
            if let Some(pressure) = &mut sample.pressure {
                pressure.full = Some(value);
            }
        },
    },
    vmstat!("oom_kill", oom_kill),
    vmstat!("pswpin", swap_in_pages),
    vmstat!("pswpout", swap_out_pages),
    vmstat!("pgmajfault", major_faults),
    // The sum over zones.
    vmstat!("allocstall", direct_reclaim_stalls),
];

const MEMINFO: &str = "meminfo:";
const ALWAYS: [&str; 3] = ["MemoryUsedPercent", "MemoryStallPercent", "OomKills"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Boottime, Moment, Timestamp};
    use crate::metric::NATIVE;
    use crate::sample::Differences;
    use crate::source::meminfo::{Extras, parse};
    use crate::units::Tenths;

    fn names(metrics: &[&str], extras: &[&str]) -> Vec<String> {
        let metrics: Vec<Metric> =
            metrics.iter().map(|name| metric::native(name).unwrap().clone()).collect();
        let extras: Vec<String> = extras.iter().map(|name| (*name).to_owned()).collect();
        columns(&metrics, &extras).iter().map(|column| column.name().to_owned()).collect()
    }

    /// A sample whose every signal differs from all others and from the next sample's.
    fn full(second: u64, extras: &Extras, text: &str) -> Sample {
        let now = Moment {
            wall: Timestamp(i64::try_from(second * 1_000).unwrap()),
            boot: Boottime(second * 1_000_000),
        };
        let mut sample = Sample::new(now, extras.len());
        sample.covered = Tenths(10);
        sample.meminfo = Some(parse(text.as_bytes(), extras, &mut sample.extras).unwrap());
        sample.pressure = Some(Pressure { some: second * 1_000, full: Some(second * 500) });
        sample.vmstat = Some(VmStat {
            oom_kill: Some(second),
            swap_in_pages: Some(second * 2),
            swap_out_pages: Some(second * 3),
            major_faults: Some(second * 5),
            direct_reclaim_stalls: Some(second * 7),
        });
        sample
    }

    #[test]
    fn each_once_in_an_order_that_the_configuration_doesnt_change() {
        let always = [
            "meminfo:MemTotal",
            "meminfo:MemAvailable",
            "meminfo:HugePages_Total",
            "meminfo:Hugepagesize",
            "meminfo:Hugetlb",
            "pressure:some",
            "vmstat:oom_kill",
        ];
        assert_eq!(names(&[], &[]), always);
        assert_eq!(names(&["MemoryUsed", "OomKills", "MemoryAvailable"], &["MemTotal"]), always);
        let more = names(&["MajorFaults"], &["Slab", "MemFree", "Mlocked"]);
        assert_eq!(more, names(&["MajorFaults"], &["Mlocked", "MemFree", "Slab"]));
        assert_eq!(more[1], "meminfo:MemFree");
        assert_eq!(more[9..], ["meminfo:Mlocked", "meminfo:Slab"]);
    }

    #[test]
    fn a_field_of_both_kinds_is_kept_once_and_comes_back_as_both() {
        let extras = Extras::new(vec!["MemFree".into(), "Slab".into()]);
        let columns = columns(&[], extras.names());
        let whole = full(1, &extras, "MemTotal: 9 kB\nMemFree: 2 kB\nSlab: 1 kB\n");
        let mut kept = Sample::new(whole.taken, extras.len());
        for column in &columns {
            if let Some(value) = column.get(&whole) {
                column.set(&mut kept, value);
            }
        }
        assert_eq!(kept.extras, whole.extras);
        assert_eq!(kept.meminfo.unwrap().free, whole.meminfo.unwrap().free);
        let unknown = Column::named("cgroup:a", extras.names());
        unknown.set(&mut kept, 1);
        assert_eq!(unknown.get(&kept), None);
    }

    #[test]
    fn every_name_is_known_and_stands_there_once() {
        for metric in &NATIVE {
            for name in &*metric.columns {
                assert!(FIELDS.iter().any(|field| field.name == *name), "{name}");
            }
        }
        for (place, field) in FIELDS.iter().enumerate() {
            assert!(FIELDS[..place].iter().all(|other| other.name != field.name));
        }
    }

    /// Each metric alone, on the newest kernel's text and on one from before `Hugetlb`.
    #[test]
    fn a_metric_is_the_same_from_its_columns() {
        let newest = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 300 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\nCommitLimit: 900 kB\nCommitted_AS: 450 kB\nHugePages_Total: 4\nHugePages_Free: 1\nHugepagesize: 64 kB\nHugetlb: 200 kB\nSlab: 7 kB\n";
        let older = newest.replace("Hugetlb: 200 kB\n", "");
        let none = "MemTotal: 1000 kB\n";
        let extras = Extras::new(vec!["Slab".into()]);
        for text in [newest, &older, none] {
            for metric in NATIVE.iter().cloned().chain([Metric::extra("Slab", 0)]) {
                let columns = columns(std::slice::from_ref(&metric), extras.names());
                let (mut whole, mut kept) = (Differences::default(), Differences::default());
                for second in [10, 11] {
                    let sample = full(second, &extras, text);
                    let mut thin = Sample::new(sample.taken, extras.len());
                    thin.covered = sample.covered;
                    for column in &columns {
                        if let Some(value) = column.get(&sample) {
                            column.set(&mut thin, value);
                        }
                    }
                    let expected = metric.value(&sample, &whole.take(&sample));
                    assert_eq!(metric.value(&thin, &kept.take(&thin)), expected, "{}", metric.name);
                    let slow = matches!(metric.formula, metric::Formula::Slow);
                    let there = text == newest && second == 11 && !slow;
                    assert!(expected.is_some() || !there, "{}", metric.name);
                }
            }
        }
    }
}
