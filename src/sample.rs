//! A sample: all enabled signals at one instant, and the sources it is read from.

mod memory;

use crate::clock::{Boottime, Moment};
use crate::source::kept::{AVAILABLE, Report, Source};
use crate::source::meminfo::{Extras, MemInfo};
use crate::source::pressure::{self, Pressure};
use crate::source::vmstat::{self, VmStat};
use crate::source::zfs;
use crate::source::zoneinfo::Watermarks;
use crate::units::{Bytes, Tenths};
use memory::MemInfoReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Raw readings, as the kernel gave them: formulas come later, so that what is kept of a sample
/// can be folded again.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Grows by one a sample, never falls.
    pub sequence: u64,
    pub taken: Moment,
    /// The sampling interval in force: the time that this sample stands for.
    pub covered: Tenths,
    pub meminfo: Option<MemInfo>,
    /// One value for each of the configured extra fields of /proc/meminfo.
    pub extras: Vec<Option<u64>>,
    pub pressure: Option<Pressure>,
    /// Read at most once a second, and less often where nothing can have happened.
    pub vmstat: Option<VmStat>,
}

/// Which kernel files the enabled metrics need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    pub pressure: bool,
    pub vmstat: VmStatNeed,
    /// Only ever looked at where MemAvailable is missing.
    pub zoneinfo: bool,
    pub extras: Vec<String>,
    /// What ZFS's cache would give back counts as available, from the reading on.
    pub zfs: bool,
}

/// How often /proc/vmstat has to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum VmStatNeed {
    #[default]
    None,
    /// For OOM kills only. The kernel kills where reclaim didn't help, and tasks stall in reclaim
    /// (mm/vmscan.c, psi_memstall_enter): while nothing stalled, a look now and then is enough.
    Kills,
    /// For rates: every second.
    Rates,
}

/// The kernel files of one host, kept open. A file that fails is reported once, leaves its part of
/// the sample empty and is tried again; it never stops the others.
pub struct Sources {
    proc_root: PathBuf,
    extras: Extras,
    meminfo: Source<MemInfoReader>,
    pressure: Option<Source<pressure::Reader>>,
    vmstat: Option<Source<vmstat::Reader>>,
    zfs: Option<Source<zfs::Reader>>,
    vmstat_need: VmStatNeed,
    vmstat_read: Option<VmStatRead>,
    watermarks: Watermarks,
    /// What the first /proc/meminfo lacked is said.
    lacks_said: bool,
    reports: Vec<Report>,
}

/// The last reading of /proc/vmstat.
#[derive(Debug, Clone, Copy)]
struct VmStatRead {
    at: Boottime,
    /// The stalled time by then; `None` where the kernel doesn't tell it.
    stalled: Option<u64>,
}

impl Sample {
    /// An empty sample with room for `extras` extra fields: read into again and again.
    pub fn new(now: Moment, extras: usize) -> Sample {
        Sample {
            sequence: 0,
            taken: now,
            covered: Tenths(0),
            meminfo: None,
            extras: vec![None; extras],
            pressure: None,
            vmstat: None,
        }
    }
}

impl Sources {
    /// Opens what is there; what is missing is reported and tried again later.
    pub fn open(proc_root: &Path, needs: &Needs, now: Boottime) -> Sources {
        let mut reports = Vec::new();
        let meminfo = Source::open("meminfo", MemInfoReader::open(proc_root), now, &mut reports);
        let pressure = needs.pressure.then(|| {
            let opened = pressure::Reader::probe(proc_root);
            Source::open("pressure/memory", opened, now, &mut reports)
        });
        let vmstat = (needs.vmstat != VmStatNeed::None)
            .then(|| Source::open("vmstat", vmstat::Reader::open(proc_root), now, &mut reports));
        let zfs = needs
            .zfs
            .then(|| Source::open("zfs/arcstats", zfs::Reader::open(proc_root), now, &mut reports));
        Sources {
            proc_root: proc_root.to_owned(),
            extras: Extras::new(needs.extras.clone()),
            meminfo,
            pressure,
            vmstat,
            zfs,
            vmstat_need: needs.vmstat,
            vmstat_read: None,
            watermarks: Watermarks::new(needs.zoneinfo),
            lacks_said: false,
            reports,
        }
    }

    /// Fills `sample` with what the kernel says now; allocates nothing while all files answer.
    pub fn read(&mut self, sample: &mut Sample, now: Moment) {
        sample.taken = now;
        let root = &self.proc_root;
        let reports = &mut self.reports;
        let (extras, values) = (&self.extras, &mut sample.extras);
        sample.meminfo = self.meminfo.read(
            now.boot,
            reports,
            || MemInfoReader::open(root),
            |reader| reader.read(extras, values),
        );
        if let Some(info) = &mut sample.meminfo
            && info.available.is_none()
        {
            info.low_watermark = self.watermarks.low(root, now.boot);
        }
        if let (Some(source), Some(info)) = (&mut self.zfs, &mut sample.meminfo) {
            let open = || zfs::Reader::open(root);
            let cache = source.read(now.boot, reports, open, zfs::Reader::read);
            info.available = info.available.zip(cache).map(|(available, cache)| {
                Bytes(available.0.saturating_add(cache.0).min(info.total.0))
            });
        }
        match &sample.meminfo {
            None => sample.extras.fill(None),
            Some(_) if self.lacks_said => {}
            Some(info) => {
                self.lacks_said = true;
                let lacks = self.extras.names().iter().zip(&sample.extras);
                let lacks =
                    lacks.filter(|(_, value)| value.is_none()).map(|(name, _)| name.clone());
                let available = info.available.is_none().then(|| AVAILABLE.to_owned());
                reports.extend(
                    available.into_iter().chain(lacks).map(|field| Report::Lacks { field }),
                );
            }
        }
        sample.pressure = self.pressure.as_mut().and_then(|source| {
            source.read(now.boot, reports, || pressure::Reader::probe(root), pressure::Reader::read)
        });
        sample.vmstat = None;
        let stalled = sample.pressure.map(|pressure| pressure.some);
        let due =
            self.vmstat_read.is_none_or(|last| last.is_over(self.vmstat_need, stalled, now.boot));
        if let (true, Some(source)) = (due, self.vmstat.as_mut()) {
            self.vmstat_read = Some(VmStatRead { at: now.boot, stalled });
            let open = || vmstat::Reader::open(root);
            sample.vmstat = source.read(now.boot, reports, open, vmstat::Reader::read);
        }
    }

    /// What came or went since the last call.
    pub fn reports(&mut self) -> impl Iterator<Item = Report> + '_ {
        self.reports.drain(..)
    }
}

impl VmStatRead {
    /// Whether the next reading is due, so much time having been stalled by `now`.
    fn is_over(self, need: VmStatNeed, stalled: Option<u64>, now: Boottime) -> bool {
        let passed = now.since(self.at);
        let quiet = need == VmStatNeed::Kills && stalled.is_some() && stalled == self.stalled;
        passed >= if quiet { VMSTAT_QUIET_INTERVAL } else { VMSTAT_INTERVAL }
    }
}

/// Counters of two readings and what lies between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference<T> {
    pub before: T,
    pub after: T,
    pub elapsed: Duration,
    /// The covered time of the samples since the reading before.
    pub covered: Tenths,
}

/// Remembers the counters of earlier samples, so that rates can be taken.
#[derive(Debug, Clone, Default)]
pub struct Differences {
    pressure: Counter<Pressure>,
    vmstat: Counter<VmStat>,
}

/// The differences that one sample completes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    pub pressure: Option<Difference<Pressure>>,
    pub vmstat: Option<Difference<VmStat>>,
}

impl Differences {
    pub fn take(&mut self, sample: &Sample) -> Rates {
        let (at, covered) = (sample.taken.boot, sample.covered);
        Rates {
            pressure: self.pressure.take(sample.pressure, at, covered),
            vmstat: self.vmstat.take(sample.vmstat, at, covered),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Counter<T> {
    last: Option<(Boottime, T)>,
    covered: Tenths,
}

impl<T: Copy> Counter<T> {
    fn take(&mut self, now: Option<T>, at: Boottime, covered: Tenths) -> Option<Difference<T>> {
        self.covered += covered;
        let after = now?;
        let covered = std::mem::take(&mut self.covered);
        let (earlier, before) = self.last.replace((at, after))?;
        let elapsed = at.since(earlier);
        // A gap this long is a suspended host or a stopped process: its rate would be no rate of
        // any moment, and suspended time would dilute it.
        let gap = elapsed > covered.duration() * 2 + LONGEST_GAP;
        (!elapsed.is_zero() && !gap).then_some(Difference { before, after, elapsed, covered })
    }
}

/// Rendering vmstat costs the kernel five times as much as meminfo.
const VMSTAT_INTERVAL: Duration = Duration::from_millis(950);
/// Kills that nothing stalled before: by hand (sysrq), or so soon that the stall was under 1 µs.
const VMSTAT_QUIET_INTERVAL: Duration = Duration::from_millis(4_950);
const LONGEST_GAP: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use std::fs;

    fn moment(millis: u64) -> Moment {
        Moment { wall: Timestamp(millis as i64), boot: Boottime(millis * 1_000) }
    }

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("pressure")).unwrap();
        fs::write(root.path().join("meminfo"), "MemTotal: 10 kB\nMemAvailable: 4 kB\nSlab: 3 kB\n")
            .unwrap();
        fs::write(root.path().join("pressure/memory"), "some total=5\nfull total=1\n").unwrap();
        fs::write(root.path().join("vmstat"), "oom_kill 2\n").unwrap();
        root
    }

    fn needs() -> Needs {
        Needs {
            pressure: true,
            vmstat: VmStatNeed::Rates,
            extras: vec!["Slab".into()],
            ..Needs::default()
        }
    }

    #[test]
    fn all_sources_are_read_and_vmstat_once_a_second() {
        let root = tree();
        let mut sources = Sources::open(root.path(), &needs(), Boottime(0));
        let mut sample = Sample::new(moment(0), 1);
        sources.read(&mut sample, moment(0));
        assert_eq!(sample.meminfo.unwrap().total.0, 10 * 1024);
        assert_eq!(sample.extras, [Some(3 * 1024)]);
        assert_eq!(sample.pressure.unwrap().full, Some(1));
        assert_eq!(sample.vmstat.unwrap().oom_kill, Some(2));
        sources.read(&mut sample, moment(100));
        assert!(sample.vmstat.is_none());
        sources.read(&mut sample, moment(1_000));
        assert!(sample.vmstat.is_some());
        assert_eq!(sources.reports().count(), 0);
    }

    /// The seconds at which /proc/vmstat is read, with a stall in second 7 and 8.
    fn read_at(need: VmStatNeed, pressure: bool) -> Vec<u64> {
        let root = tree();
        let needs = Needs { pressure, vmstat: need, ..Needs::default() };
        let mut sources = Sources::open(root.path(), &needs, Boottime(0));
        let mut sample = Sample::new(moment(0), 0);
        let mut read = Vec::new();
        for second in 0..20 {
            let stalled = 5 + u64::clamp(second, 6, 8);
            fs::write(root.path().join("pressure/memory"), format!("some total={stalled}\n"))
                .unwrap();
            sources.read(&mut sample, moment(second * 1_000));
            read.extend(sample.vmstat.map(|_| second));
        }
        read
    }

    #[test]
    fn kills_are_looked_for_where_something_stalled() {
        assert_eq!(read_at(VmStatNeed::Kills, true), [0, 5, 7, 8, 13, 18]);
        let all: Vec<_> = (0..20).collect();
        assert_eq!(read_at(VmStatNeed::Rates, true), all);
        assert_eq!(read_at(VmStatNeed::Kills, false), all, "without PSI, nothing is known");
        assert!(read_at(VmStatNeed::None, true).is_empty());
    }

    #[test]
    fn one_failing_file_is_said_once_and_comes_back() {
        let root = tree();
        fs::remove_file(root.path().join("pressure/memory")).unwrap();
        let mut sources = Sources::open(root.path(), &needs(), Boottime(0));
        let mut sample = Sample::new(moment(0), 1);
        for second in 0..50 {
            sources.read(&mut sample, moment(second * 1_000));
            assert!(sample.pressure.is_none() && sample.meminfo.is_some());
        }
        let reports: Vec<_> = sources.reports().collect();
        assert!(
            matches!(&reports[..], [Report::Lost { source: "pressure/memory", reason }] if reason.contains("psi=1"))
        );
        fs::write(root.path().join("pressure/memory"), "some total=5\n").unwrap();
        sources.read(&mut sample, moment(61_000));
        assert!(sample.pressure.is_some());
        assert_eq!(
            sources.reports().collect::<Vec<_>>(),
            [Report::Back { source: "pressure/memory" }]
        );
    }

    #[test]
    fn a_damaged_meminfo_leaves_the_rest() {
        let root = tree();
        let mut sources = Sources::open(root.path(), &needs(), Boottime(0));
        let mut sample = Sample::new(moment(0), 1);
        sources.read(&mut sample, moment(0));
        fs::write(root.path().join("meminfo"), "MemTotal: x\n").unwrap();
        sources.read(&mut sample, moment(1_000));
        assert!(sample.meminfo.is_none() && sample.pressure.is_some());
        assert_eq!(sample.extras, [None]);
    }

    #[test]
    fn what_this_kernel_lacks_is_said_once() {
        let root = tree();
        fs::write(root.path().join("meminfo"), "MemTotal: 10 kB\n").unwrap();
        let mut sources = Sources::open(root.path(), &needs(), Boottime(0));
        let mut sample = Sample::new(moment(0), 1);
        for second in 0..3 {
            sources.read(&mut sample, moment(second * 1_000));
        }
        let lacks = ["MemAvailable", "Slab"].map(|field| Report::Lacks { field: field.into() });
        assert_eq!(sources.reports().collect::<Vec<_>>(), lacks);
    }

    #[test]
    fn rates_span_the_samples_between_two_readings() {
        let mut differences = Differences::default();
        let mut sample = Sample::new(moment(0), 0);
        sample.covered = Tenths(1);
        sample.vmstat = Some(VmStat { oom_kill: Some(1), ..VmStat::default() });
        assert!(differences.take(&sample).vmstat.is_none());
        sample.vmstat = None;
        for tenth in 1..10 {
            sample.taken = moment(tenth * 100);
            assert!(differences.take(&sample).vmstat.is_none());
        }
        sample.taken = moment(1_000);
        sample.vmstat = Some(VmStat { oom_kill: Some(4), ..VmStat::default() });
        let difference = differences.take(&sample).vmstat.unwrap();
        assert_eq!(difference.elapsed, Duration::from_secs(1));
        assert_eq!(difference.covered, Tenths(10));
        sample.taken = moment(3_600_000);
        assert!(differences.take(&sample).vmstat.is_none(), "no rate over a suspended hour");
    }
}
