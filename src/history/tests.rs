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

        used % (█ lowest, ▒ highest reading of each 39 s)
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

        stall % (time in which some task waited for memory)
           50 ┼
              │                                                       ▒
           25 ┼                                                       ▒
              │                                                       ▒
            0 ┼┴──────────────┴───────────────┴──────────────┴───────────────┴──────────────┴───────────────
             14:00          14:10           14:20          14:30           14:40          14:50

        PEAK      USED %  STALL %  KILLS  PROCESS          PID   RESIDENT   SWAP
        14:35:40    97.0     35.0      1  java             4711  11.0 GiB   0
                                          mysqld           812   2.1 GiB    512.0 MiB
                                          report-gen       9204  380.0 MiB  0
                                          systemd-journal  401   64.0 MiB   3.0 MiB
                                          systemd          1     12.0 MiB   1.0 MiB

        Highest: 97.0 % used at 14:35:40.
        One reading at each full minute would have shown at most 42.0 %.
        Observed: 3600 of 3600 seconds.
    "#]].assert_eq(&chart(&picture, CANVAS));
    let drawn = svg::svg(&picture);
    expect_file!["../../tests/captures/history/spike.svg"].assert_eq(&drawn);
    assert!(picture.minutes.len() == 60 && picture.minutes.iter().all(|one| one.value < 43.0));
}

#[test]
fn the_axes_fit_any_terminal() {
    let picture = picture_of(folded(spike()), &looks());
    let narrow = Canvas { width: 48, height: 4, ascii: true };
    expect![[r#"
        Memory of i-0123456789abcdef0, 2026-11-23 14:00:00 to 14:59:59 UTC

        used % (# lowest, | highest reading of each 88 s)
          100 +                        |
              |                        |
           50 +::::::::::::::::::::::::|::::::::::::::::
              |#########################################
        kills |                        1
            0 ++-------------------+--------------------
             14:00               14:30

        stall % (time in which some task waited for memory)
           50 +                        |
           25 +                        |
            0 ++-------------------+--------------------
             14:00               14:30

        PEAK      USED %  STALL %  KILLS  PROCESS          PID   RESIDENT   SWAP
        14:35:40    97.0     35.0      1  java             4711  11.0 GiB   0
                                          mysqld           812   2.1 GiB    512.0 MiB
                                          report-gen       9204  380.0 MiB  0
                                          systemd-journal  401   64.0 MiB   3.0 MiB
                                          systemd          1     12.0 MiB   1.0 MiB

        Highest: 97.0 % used at 14:35:40.
        One reading at each full minute would have shown at most 42.0 %.
        Observed: 3600 of 3600 seconds.
    "#]]
    .assert_eq(&chart(&picture, narrow));
    for width in [0, 1, 40, 79, 200, 100_000] {
        for height in [0, 1, 5, 8, 1_000] {
            let text = chart(&picture, Canvas { width, height, ascii: false });
            let plot = text.lines().take_while(|line| !line.starts_with("PEAK"));
            let longest = plot.map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= width.clamp(80, 400), "{width}: {longest}");
            assert!(text.contains("97.0"));
        }
    }
}

/// Ten samples a second around the peak, one of them at 99 %.
#[test]
fn a_tenth_of_a_second_is_not_lost() {
    let mut host = Host::new();
    let samples = (0..100).map(|tenth| host.sample(100, if tenth == 44 { 99.0 } else { 50.0 }, 0));
    let points = folded(samples.collect());
    let high = points.iter().find(|point| point.used.unwrap().max > 90.0).unwrap();
    assert!((high.used.unwrap().min - 50.0).abs() < 0.01 && high.covered == Tenths(10));
    assert_eq!(points.len(), 11);
    let picture = picture_of(points, &[]);
    assert_eq!(
        picture.columns(5).iter().filter(|column| column.used.unwrap().max > 90.0).count(),
        1
    );
}

#[test]
fn one_sample_and_none() {
    assert_eq!(Extent::of([].into_iter()), None);
    assert_eq!(folded(Vec::new()), []);
    let picture = picture_of(folded(vec![Host::new().sample(0, 30.0, 0)]), &[]);
    expect![[r#"
        Memory of i-0123456789abcdef0, 2026-11-23 14:00:00 to 14:00:00 UTC

        used %
          100 ┼
              │
           75 ┼
              │
           50 ┼
              │▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃
           25 ┼█████████████████████████████████████████████████████
              │█████████████████████████████████████████████████████
            0 ┼┴────────────────────────────────────────────────────
           14:00:00

        stall %: not recorded

        PEAK      USED %  STALL %  KILLS  PROCESS        PID  RESIDENT  SWAP
        14:00:00    30.0        -      0  none recorded

        Highest: 30.0 % used at 14:00:00.
        One reading at each full minute would have shown at most 30.0 %.
        Observed: 1 of 1 seconds.
    "#]]
    .assert_eq(&chart(&picture, Canvas { width: 60, ..CANVAS }));
    assert!(svg::svg(&picture).contains("30.0"));
}

/// A minute without samples, then a suspended hour: neither is drawn, and no rate is taken over it.
#[test]
fn gaps_stay_gaps() {
    let mut host = Host::new();
    let mut samples: Vec<Sample> = (0..120).map(|_| host.sample(1_000, 60.0, 0)).collect();
    host.kills += 5;
    samples.push(host.sample(3_600_000, 60.0, 3_000_000));
    samples.extend((0..300).map(|_| host.sample(1_000, 70.0, 100)));
    samples.push(host.sample(61_000, 70.0, 0));
    samples.extend((0..300).map(|_| host.sample(1_000, 65.0, 0)));
    let picture = picture_of(folded(samples), &[]);
    assert_eq!((picture.kills, picture.gaps.len()), (0, 2));
    expect![[r#"
        Memory of i-0123456789abcdef0, 2026-11-23 14:00:01 to 15:13:01 UTC

        used % (█ lowest, ▒ highest reading of each 47 s)
          100 ┼
              │
           75 ┼                                                                              ▒▅▅▅▅▅▅▅▅▂▂▂▂▂▂
              │▆▆▆                                                                           ▒██████████████
           50 ┼███                                                                           ███████████████
              │███                                                                           ███████████████
           25 ┼███                                                                           ███████████████
              │███                                                                           ███████████████
            0 ┼───                ┴                  ┴                  ┴                  ┴ ───────────────
                                14:15              14:30              14:45              15:00

        stall % (time in which some task waited for memory)
           10 ┼                                                                              ████████
              │                                                                              ████████
            5 ┼                                                                              ████████
              │                                                                              ████████
            0 ┼───                ┴                  ┴                  ┴                  ┴ ───────────────
                                14:15              14:30              14:45              15:00

        PEAK      USED %  STALL %  KILLS  PROCESS        PID  RESIDENT  SWAP
        15:02:01    70.0     10.0      0  none recorded

        Highest: 70.0 % used at 15:02:01.
        One reading at each full minute would have shown at most 70.0 %.
        Observed: 722 of 4381 seconds; longest gap from 14:02:01 to 15:01:59 (59 min 59 s).
    "#]].assert_eq(&chart(&picture, CANVAS));
    expect_file!["../../tests/captures/history/gaps.svg"].assert_eq(&svg::svg(&picture));
}

/// Counters of another boot are higher by chance: they aren't compared.
#[test]
fn a_reboot_is_no_rate() {
    let mut host = Host::new();
    let mut samples = vec![(1, host.sample(1_000, 50.0, 0)), (1, host.sample(1_000, 50.0, 0))];
    (host.boot, host.stalled, host.kills) = (host.boot + 1, 70_000_000, 9);
    samples.extend([(2, host.sample(20_000, 50.0, 0)), (2, host.sample(1_000, 50.0, 500))]);
    let points: Vec<_> = points(samples.into_iter()).collect();
    let stalls: Vec<_> = points.iter().map(|point| point.stall.map(|stall| stall.max)).collect();
    assert_eq!(stalls, [None, Some(0.0), None, Some(50.0)]);
    assert!(points.iter().all(|point| point.kills == 0));
}

/// Intervals of five seconds leave no gaps, and each reading stands for its five seconds.
#[test]
fn long_intervals_are_no_gaps() {
    let mut host = Host::new();
    let samples = (0..24).map(|_| Sample { covered: Tenths(50), ..host.sample(5_000, 50.0, 0) });
    let picture = picture_of(folded(samples.collect()), &[]);
    assert_eq!(picture.gaps, []);
    assert!(picture.columns(100).iter().all(|column| column.seen));
    assert_eq!(picture.minutes.len(), 2);
}

#[test]
fn hostile_names_are_only_shown() {
    let hostile = ["</text><svg>", "\u{1b}]0;owned\u{7}", "a&b\"'", "\u{202e}live\n", "日本語"];
    let processes = hostile.into_iter().zip(1..).map(|(name, pid)| process(pid, name, 100, 0));
    let looks = [entry(2_141, Reason::Pressure, processes.collect())];
    let mut picture = picture_of(folded(spike()), &looks);
    picture.owner = "<script>&".into();
    let text = chart(&picture, CANVAS);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n') && !text.contains('\u{202e}'));
    let drawn = svg::svg(&picture);
    for tag in ["</text><svg>", "<script", "owned\u{7}", "\u{202e}", "a&b"] {
        assert!(!drawn.contains(tag), "{tag:?}");
    }
    assert!(drawn.contains("&lt;/text&gt;&lt;svg") && drawn.contains("日本語"));
    let json = lines::entry_json(&looks[0]);
    assert_eq!(json.lines().count(), 1);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["processes"][2]["name"], "a&b\"'");
    let ascii = chart(&picture, Canvas { ascii: true, ..CANVAS });
    assert!(ascii.is_ascii());
}

#[test]
fn lines_for_programs() {
    let points = folded(spike());
    let mut bare = points[2_151];
    (bare.used, bare.stall) = (None, None);
    let csv: String = [points[0], points[2_151], bare].iter().map(lines::csv).collect();
    expect![[r#"
        time,used_percent_min,used_percent_max,stall_percent_min,stall_percent_max,oom_kills,covered_seconds␍
        2026-11-23T14:00:00Z,40.000,40.000,,,0,1.0␍
        2026-11-23T14:35:51Z,95.900,95.900,35.000,35.000,1,1.0␍
        2026-11-23T14:35:51Z,,,,,1,1.0␍
    "#]].assert_eq(&(lines::CSV_HEADER.to_owned() + &csv).replace('\r', "␍"));
    let json = [points[2_151], bare].iter().map(lines::point_json).collect::<String>();
    expect![[r#"
        {"type":"second","time":"2026-11-23T14:35:51Z","used_percent_min":95.9,"used_percent_max":95.9,"stall_percent_min":35.0,"stall_percent_max":35.0,"oom_kills":1,"covered_seconds":1.0}
        {"type":"second","time":"2026-11-23T14:35:51Z","oom_kills":1,"covered_seconds":1.0}
        {"type":"processes","time":"2026-11-23T14:35:51Z","reason":"oom_kill","processes":[{"pid":812,"name":"mysqld","resident_bytes":2202009600,"swap_bytes":536870912},{"pid":9204,"name":"report-gen","resident_bytes":398458880,"swap_bytes":0},{"pid":401,"name":"systemd-journal","resident_bytes":67108864,"swap_bytes":3145728},{"pid":1,"name":"systemd","resident_bytes":12582912,"swap_bytes":1048576},{"pid":455,"name":"sshd","resident_bytes":8388608,"swap_bytes":0}]}
    "#]].assert_eq(&(json + &lines::entry_json(&looks()[1])));
}

#[test]
fn spans_and_times() {
    let extent = Extent { oldest: START, newest: START + 3_599, connected: START + 600 };
    let minutes = |count: u64| Some(std::time::Duration::from_secs(count * 60));
    let asked = |since, at: Option<&str>| {
        let at = at.map(|text| text.parse::<At>().unwrap());
        let span = Span::asked(extent, since, at);
        span.map(|span| (span.from - START, span.to - START))
    };
    assert_eq!(asked(None, None), Some((600, 3_599)));
    assert_eq!(asked(minutes(1), None), Some((3_540, 3_599)));
    assert_eq!(asked(minutes(600), None), Some((0, 3_599)));
    assert_eq!(asked(None, Some("14:21")), Some((960, 1_559)));
    assert_eq!(asked(minutes(2), Some("14:21:30")), Some((1_230, 1_349)));
    assert_eq!(asked(None, Some("2026-11-23T14:59:00Z")), Some((3_240, 3_599)));
    assert_eq!(asked(None, Some("15:00")), None, "that was yesterday");
    assert_eq!(asked(None, Some("2026-11-23T14:00:00Z")), Some((0, 299)));
    for text in
        ["", "14", "24:00", "14:60", "14:21:60", "1:02", "+1:02", "14:21:", "14:21:05:1", "now"]
    {
        assert!(text.parse::<At>().is_err(), "{text}");
    }
    let jumps = [0, 1, 2, 1_795_442_400, 1_795_442_401, 1_795_442_399];
    let extent = Extent::of(jumps.into_iter()).unwrap();
    assert_eq!((extent.oldest, extent.connected - START, extent.newest - START), (0, -1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No column count and no order of samples hides the highest reading or an OOM kill.
    #[test]
    fn nothing_is_averaged_away(
        steps in proptest::collection::vec((prop_oneof![8 => 100..2_000_i64, 1 => -5_000..5_000_000_i64], 0.0..100.0, 0..3_u64), 1..200),
        count in 1..500_usize,
    ) {
        let mut host = Host::new();
        let samples = steps.into_iter().map(|(step, used, kills)| {
            host.kills += kills;
            host.sample(step.max(1), used, 0)
        });
        let points = folded(samples.collect());
        let picture = picture_of(points, &looks());
        let columns = picture.columns(count);
        let highest = columns.iter().filter_map(|column| column.used).map(|used| used.max).max_by(f64::total_cmp);
        let shown: Vec<&Point> = picture.points.iter().filter(|point| picture.span.contains(point.second)).collect();
        let expected = shown.iter().filter_map(|point| point.used).map(|used| used.max).max_by(f64::total_cmp);
        prop_assert_eq!(highest, expected);
        let kills: u64 = columns.iter().map(|column| column.kills).sum();
        prop_assert_eq!(kills, shown.iter().map(|point| point.kills).sum::<u64>());
        prop_assert!(picture.peaks.len() <= 5);
        prop_assert!(svg::svg(&picture).ends_with("</svg>\n"));
        prop_assert!(chart(&picture, CANVAS).contains("Observed: "));
    }
}
