//! One synthetic hour and what becomes of it: points, pictures and lines.

use crate::black_box::format::{Entry, Reason};
use crate::clock::{Boottime, Moment, Timestamp};
use crate::history::chart::{Canvas, chart};
use crate::history::picture::Picture;
use crate::history::points::{Point, points};
use crate::history::span::{At, Extent, Span};
use crate::history::{lines, svg};
use crate::sample::Sample;
use crate::source::meminfo::MemInfo;
use crate::source::pressure::Pressure;
use crate::source::process::{Name, Process};
use crate::source::vmstat::VmStat;
use crate::units::{Bytes, Tenths};
use expect_test::{expect, expect_file};
use proptest::prelude::*;

/// 2026-11-23T14:00:00Z.
const START: i64 = 1_795_442_400;

/// A host that is sampled: its clocks and counters.
#[derive(Clone)]
struct Host {
    millis: i64,
    boot: u64,
    stalled: u64,
    kills: u64,
    sequence: u64,
}

impl Host {
    fn new() -> Host {
        Host { millis: START * 1_000, boot: 5_000_000, stalled: 0, kills: 0, sequence: 0 }
    }

    /// Time passes, of which so many milliseconds were stalled; then a sample is taken.
    fn sample(&mut self, millis: i64, used: f64, stalled: u64) -> Sample {
        self.millis += millis;
        self.boot += millis as u64 * 1_000;
        self.stalled += stalled * 1_000;
        self.sequence += 1;
        let taken = Moment { wall: Timestamp(self.millis), boot: Boottime(self.boot) };
        let mut sample = Sample::new(taken, 0);
        sample.sequence = self.sequence;
        sample.covered = Tenths((millis / 100).clamp(1, 10) as u32);
        let total = 1_000_000_000.0;
        let available = Some(Bytes((total * (1.0 - used / 100.0)) as u64));
        sample.meminfo =
            Some(MemInfo { total: Bytes(total as u64), available, ..MemInfo::default() });
        sample.pressure = Some(Pressure { some: self.stalled, full: None });
        sample.vmstat = Some(VmStat { oom_kill: Some(self.kills), ..VmStat::default() });
        sample
    }
}

/// An hour of a host between 38 and 42 %, with 12 seconds at 97 % between two full minutes, in
/// which the kernel kills a process.
fn spike() -> Vec<Sample> {
    let mut host = Host::new();
    host.millis -= 1_000;
    let mut samples = Vec::new();
    for second in 0..3_600 {
        let calm = 40.0 + 2.0 * (f64::from(second) / 300.0).sin();
        let (used, stalled) = match second {
            2_140..2_152 => (97.0 - f64::from(second - 2_140) * 0.1, 350),
            2_152..2_156 => (70.0, 20),
            _ => (calm, 0),
        };
        host.kills += u64::from(second == 2_151);
        samples.push(host.sample(1_000, used, stalled));
    }
    samples
}

fn process(pid: u32, name: &str, mib: u64, swap: u64) -> Process {
    let bytes = |mib| Bytes(mib << 20);
    Process { pid, name: Name::new(name.as_bytes()), resident: bytes(mib), swap: Some(bytes(swap)) }
}

fn entry(second: i64, reason: Reason, processes: Vec<Process>) -> Entry {
    let taken = Moment { wall: Timestamp((START + second) * 1_000), boot: Boottime(0) };
    Entry { sequence: 1, taken, reason, processes }
}

fn looks() -> Vec<Entry> {
    let all = || {
        vec![
            process(4_711, "java", 11_300, 0),
            process(812, "mysqld", 2_100, 512),
            process(9_204, "report-gen", 380, 0),
            process(401, "systemd-journal", 64, 3),
            process(1, "systemd", 12, 1),
            process(455, "sshd", 8, 0),
        ]
    };
    let after = all().into_iter().skip(1).collect();
    vec![entry(2_141, Reason::Pressure, all()), entry(2_151, Reason::OomKill, after)]
}

fn folded(samples: Vec<Sample>) -> Vec<Point> {
    points(samples.into_iter().map(|sample| (1, sample))).collect()
}

fn picture_of(points: Vec<Point>, entries: &[Entry]) -> Picture {
    let extent = Extent::of(points.iter().map(|point| point.second)).unwrap();
    let span = Span::asked(extent, None, None).unwrap();
    Picture::new("i-0123456789abcdef0".into(), span, points, entries)
}

const CANVAS: Canvas = Canvas { width: 100, height: 8, ascii: false };

#[test]
fn a_spike_between_the_minutes_is_seen() {
    let picture = picture_of(folded(spike()), &looks());
    expect![[r#"
        Memory of i-0123456789abcdef0, 2026-11-23 14:00:00 to 14:59:59 UTC

        used %  (█ lowest, ▒ highest of 39 s a column)
          100 ┼                                                       ▒
              │                                                       ▒
           75 ┼                                                       ▒
              │                                                       ▒
           50 ┼▂▂▂▂▂▂▃▃▃▃▃▃▃▃▃▃▃▃▃▂▂▂▂▂▂▁▁▁▁▁▁▁▁       ▁▁▁▁▁▁▁▁▂▂▂▂▂▂▃▒▃▃▃▃▃▃▃▃▃▃▃▂▂▂▂▂▂▂▁▁▁▁▁▁▁▁       ▁▁▁▁
              │█████████████████████████████████████████████████████████████████████████████████████████████
           25 ┼█████████████████████████████████████████████████████████████████████████████████████████████
              │█████████████████████████████████████████████████████████████████████████████████████████████
        kills │                                                       1
            0 ┼┴──────────────┴───────────────┴──────────────┴───────────────┴──────────────┴───────────────
             14:00          14:10           14:20          14:30           14:40          14:50

        stalled %: time in which some task waited for memory
           50 ┼
              │                                                       ▒
           25 ┼                                                       ▒
              │                                                       ▒
            0 ┼┴──────────────┴───────────────┴──────────────┴───────────────┴──────────────┴───────────────
             14:00          14:10           14:20          14:30           14:40          14:50

        PEAK                  USED %  STALLED %  OOM KILLS  PROCESS          PID   RESIDENT   SWAP
        2026-11-23T14:35:40Z    97.0       35.0          1  java             4711  11.0 GiB   0
                                                            mysqld           812   2.1 GiB    512.0 MiB
                                                            report-gen       9204  380.0 MiB  0
                                                            systemd-journal  401   64.0 MiB   3.0 MiB
                                                            systemd          1     12.0 MiB   1.0 MiB

        Highest: 97.0 % at 14:35:40. One reading a minute, at each full minute, would have shown at most 42.0 %.
        Observed: 3600 of 3600 seconds.
    "#]].assert_eq(&chart(&picture, CANVAS));
    let drawn = svg::svg(&picture);
    expect_file!["../../tests/captures/history/spike.svg"].assert_eq(&drawn);
    assert!(picture.minutes.len() == 60 && picture.minutes.iter().all(|one| one.value < 43.0));
}
