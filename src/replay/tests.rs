//! Recordings and histories replayed: what the usual alarms do, and how it is shown.

use crate::alarms::alarm::{Alarm, LowSamples, MissingData, Statistic};
use crate::clock::{Boottime, Moment, Timestamp};
use crate::config::{Config, parse_str};
use crate::history::chart::Canvas;
use crate::history::span::Span;
use crate::replay::chart::chart;
use crate::replay::fixture::alarm;
use crate::replay::outcome::{Replay, Warning};
use crate::replay::recorded::{Recorded, recorded};
use crate::replay::source::{Kill, Source};
use crate::replay::{file, lines, svg};
use crate::sample::Sample;
use crate::source::meminfo::MemInfo;
use crate::source::pressure::Pressure;
use crate::source::vmstat::VmStat;
use crate::units::{Bytes, Tenths, Unit};
use expect_test::expect;
use std::time::Duration;

/// 2026-11-23T14:00:00Z.
const START: i64 = 1_795_442_400;
const CANVAS: Canvas = Canvas { width: 100, height: 8, ascii: false };

/// The alarms for a host that the README recommends.
fn usual() -> Vec<Alarm> {
    let of = |name: &str, metric: &str, condition: &str, m, n| Alarm {
        name: name.into(),
        metric: metric.into(),
        datapoints_to_alarm: m,
        evaluation_periods: n,
        missing_data: MissingData::NotBreaching,
        ..alarm(condition)
    };
    let count = |alarm: Alarm, statistic| Alarm { statistic, unit: Unit::Count, ..alarm };
    let stall = "MemoryStallPercent";
    let silent = of("silent", "MemoryUsedPercent", "< 1", 5, 5);
    vec![
        Alarm {
            missing_data: MissingData::Missing,
            ..of("ticket", "MemoryUsedPercent", "> 90", 10, 15)
        },
        Alarm {
            statistic: Statistic::Maximum,
            missing_data: MissingData::Missing,
            ..of("page", "MemoryUsedPercent", ">= 95", 3, 5)
        },
        of("stall-warning", stall, ">= 10", 3, 5),
        of("stall-critical", stall, ">= 40", 2, 3),
        count(of("oom-kill", "OomKills", ">= 1", 1, 1), Statistic::Sum),
        Alarm { missing_data: MissingData::Breaching, ..count(silent, Statistic::SampleCount) },
    ]
}

/// A second of a host: used in percent, stalled milliseconds, kills since boot; `None` isn't sampled.
type Second = Option<(f64, u64, u64)>;

fn samples(seconds: &[Second]) -> Vec<(u32, Sample)> {
    let mut stalled = 0;
    let mut samples = Vec::new();
    for (place, second) in (0_i64..).zip(seconds) {
        let Some((used, stall, kills)) = *second else { continue };
        stalled += stall * 1_000;
        let boot = Boottime(5_000_000 + place as u64 * 1_000_000);
        let taken = Moment { wall: Timestamp((START + place) * 1_000), boot };
        let mut sample = Sample::new(taken, 0);
        sample.sequence = place as u64 + 1;
        sample.covered = Tenths(10);
        let available = Some(Bytes((1e9 * (1.0 - used / 100.0)) as u64));
        sample.meminfo =
            Some(MemInfo { total: Bytes(1_000_000_000), available, ..MemInfo::default() });
        sample.pressure = Some(Pressure { some: stalled, full: None });
        sample.vmstat = Some(VmStat { oom_kill: Some(kills), ..VmStat::default() });
        samples.push((1, sample));
    }
    samples
}

fn source(config: &str, seconds: &[Second]) -> Source {
    let config: Config = parse_str("test", config).unwrap();
    let columns = crate::column::columns(&config.metrics.enabled, &[]);
    let columns: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
    let span = Span { from: START, to: START + seconds.len() as i64 - 1 };
    let samples = samples(seconds);
    let heading = Recorded { owner: "i-0123456789abcdef0", span, columns: &columns };
    recorded(&config, heading, || samples.iter().cloned())
}

/// An hour in which memory leaks, ever more slowly, until a process is killed at 14:56:30.
fn leak() -> Vec<Second> {
    let second = |second: i32| {
        let along = |from: i32, to: i32| f64::from(second - from) / f64::from(to - from);
        Some(match second {
            ..300 => (55.0, 0, 0),
            300..1_500 => (55.0 + 36.0 * along(300, 1_500), 0, 0),
            1_500..2_940 => (91.0 + 5.5 * along(1_500, 2_940), 0, 0),
            2_940..3_390 => (96.5 + 2.0 * along(2_940, 3_390), 450, 0),
            _ => (35.0, 0, 1),
        })
    };
    (0..3_600).map(second).collect()
}

fn replayed(seconds: &[Second]) -> Replay {
    Replay::new(&usual(), &source("", seconds))
}

#[test]
fn a_leak_is_warned_of() {
    let replay = replayed(&leak());
    assert_eq!(replay.kills, [Kill { second: START + 3_390, count: 1 }]);
    expect![[r#"
        Alarms on i-0123456789abcdef0, 2026-11-23 14:00:00 to 15:00:10 UTC

        OOM kills      │                                                                              1
        ticket         │░░─────────────────────────────────────────────█████████████████████████████████████
        page           │░░─────────────────────────────────────────────────────────────█████████████████████
        stall-warning  │░░░░░░░░────────────────────────────────────────────────────────────────████████████
        stall-critical │░░░░░──────────────────────────────────────────────────────────────────█████████████
        oom-kill       │░░─────────────────────────────────────────────────────────────────────────────█████
        silent         │░░──────────────────────────────────────────────────────────────────────────────────
                       ┼┴────────────┴─────────────┴─────────────┴─────────────┴─────────────┴─────────────┴
                      14:00        14:10         14:20         14:30         14:40         14:50       15:00
        █ ALARM  ─ OK  ░ INSUFFICIENT_DATA

        ALARM           CONDITION                                          ALARMS  IN ALARM  BEFORE 14:56:30
        ticket          MemoryUsedPercent Average > 90, 10 of 15 × 1 min        1    26 min           22 min
        page            MemoryUsedPercent Maximum ≥ 95, 3 of 5 × 1 min          1    15 min           11 min
        stall-warning   MemoryStallPercent Average ≥ 10, 3 of 5 × 1 min         1     8 min            4 min
        stall-critical  MemoryStallPercent Average ≥ 40, 2 of 3 × 1 min         1     9 min            5 min
        oom-kill        OomKills Sum ≥ 1, 1 of 1 × 1 min                        1     3 min       after 40 s
        silent          MemoryUsedPercent SampleCount < 1, 5 of 5 × 1 min       0         0             none

        page: ≥ 94 would have warned 15 min before the OOM kill instead of 11 min, alarming once.

        CloudWatch looks once a minute: a change may come up to a minute later than shown. What another
        threshold would have done holds for these data alone.
    "#]].assert_eq(&chart(&replay, CANVAS));
    let ascii = chart(&replay, Canvas { ascii: true, width: 60, ..CANVAS });
    assert!(
        ascii.is_ascii() && ascii.contains("####") && ascii.contains(" >= 95, 3 of 5 x"),
        "{ascii}"
    );
    let svg = svg::svg(&replay);
    assert!(svg.starts_with("<svg ") && svg.contains("OOM kills: 1, at 14:56:30"), "{svg}");
    assert_eq!(svg.matches("<title>ALARM from ").count(), 5, "{svg}");
    let object = lines::object(&replay);
    assert_eq!(object["oom_kills"][0]["time"], "2026-11-23T14:56:30Z");
    let page = &object["alarms"][1];
    assert_eq!(page["name"], "page");
    assert_eq!(page["came_to"]["warnings"][0]["oom_kill"], "2026-11-23T14:56:30Z");
    let Warning::Before(seconds) = replay.outcomes[1].course.as_ref().unwrap().tally.warnings[0]
    else {
        panic!("{replay:?}")
    };
    assert_eq!(page["came_to"]["warnings"][0]["seconds_before"], seconds);
    assert_eq!(page["changes"][1]["state"], "OK");
}

/// The agent doesn't run for eight minutes.
#[test]
fn a_silence_is_noticed_and_ends() {
    let mut seconds = vec![Some((40.0, 0, 0)); 1_800];
    seconds[600..1_080].fill(None);
    let replay = replayed(&seconds);
    let silent = replay.outcomes[5].course.as_ref().unwrap();
    let told: Vec<_> = silent
        .changes
        .iter()
        .map(|change| (change.second - START, change.state.to_string()))
        .collect();
    // The last datapoint, of minute 9, has left the range of seven at the end of minute 16.
    let expected = [(0, "INSUFFICIENT_DATA"), (70, "OK"), (1_030, "ALARM"), (1_150, "OK")];
    assert_eq!(told, expected.map(|(second, state)| (second, state.to_owned())));
}

#[test]
fn what_is_published_less_often_is_known_later() {
    let told = |config: &str| {
        let source = source(config, &leak());
        let page = Alarm { threshold: 96.0, ..usual()[1].clone() };
        let replay = Replay::new(&[page], &source);
        replay.outcomes[0].course.as_ref().unwrap().tally.warnings[0]
    };
    let (each, fifth) = (told(""), told("publish.every = \"5m\"\n"));
    let (Warning::Before(each), Warning::Before(fifth)) = (each, fifth) else {
        panic!("{each:?} {fifth:?}")
    };
    assert!(fifth < each && each - fifth <= 300, "{each} {fifth}");
}

/// What a StatisticSet doesn't hold, and what isn't recorded.
#[test]
fn what_can_t_be_replayed_is_said() {
    let source = source("metrics.statistics = \"set\"\n", &leak());
    let percentile = Alarm {
        statistic: Statistic::Percentile(99.0),
        low_samples: LowSamples::Ignore,
        ..alarm("> 90")
    };
    let other = Alarm { metric: "ClusterMembersMissing".into(), ..alarm("> 0") };
    let replay = Replay::new(&[percentile, other], &source);
    let why: Vec<_> = replay.outcomes.iter().map(|one| one.course.clone().unwrap_err()).collect();
    assert_eq!(
        why,
        [
            "there is no p99 of MemoryUsedPercent over 60 s",
            "ClusterMembersMissing isn't recorded; a history of it can be replayed"
        ]
    );
    let text = chart(&replay, CANVAS);
    assert!(text.contains("alarm: not replayed: there is no p99"), "{text}");
}

/// Six hundred tenths of a second a minute are too few for a 99th percentile, for a 90th they aren't.
#[test]
fn percentiles_of_a_minute_may_be_of_too_few_samples() {
    let changes = |percentile, low_samples| {
        let alarm =
            Alarm { statistic: Statistic::Percentile(percentile), low_samples, ..alarm("> 90") };
        let replay = Replay::new(&[alarm], &source("", &leak()));
        replay.outcomes[0].course.as_ref().unwrap().changes.len()
    };
    assert_eq!(changes(99.0, LowSamples::Ignore), 1);
    assert_eq!(changes(99.0, LowSamples::Evaluate), 4);
    assert_eq!(changes(90.0, LowSamples::Ignore), 4);
}

#[test]
fn a_history_is_replayed_with_what_it_has() {
    let rows: String = (0..60)
        .map(|minute| {
            let used = if (20..32).contains(&minute) { 96 } else { 50 };
            let kills = if minute == 31 { "2" } else { "" };
            format!("2026-11-23 14:{minute:02},{used},{kills}\n")
        })
        .collect();
    let tracks = file::parse(&format!("time,MemoryUsedPercent,OomKills Sum\n{rows}")).unwrap();
    let source = Source::of_history("used.csv".into(), tracks, Duration::from_secs(10));
    let replay = Replay::new(&usual(), &source);
    expect![[r#"
        Alarms on used.csv, 2026-11-23 14:00:00 to 15:00:10 UTC

        OOM kills      │                                2
        ticket         │░░──────────────────────────────█████████───────────────────────
        page           │░░──────────────────────██████████████──────────────────────────
        oom-kill       │░░────────────────────────────────████──────────────────────────
                       ┼┴──────────────┴───────────────┴───────────────┴───────────────┴
                      14:00          14:15           14:30           14:45         15:00
        █ ALARM  ─ OK  ░ INSUFFICIENT_DATA

        ALARM           CONDITION                                          ALARMS  IN ALARM  BEFORE 14:31:00
        ticket          MemoryUsedPercent Average > 90, 10 of 15 × 1 min        1     8 min             50 s
        page            MemoryUsedPercent Maximum ≥ 95, 3 of 5 × 1 min          1    12 min            7 min
        stall-warning   MemoryStallPercent Average ≥ 10, 3 of 5 × 1 min         -         -
        stall-critical  MemoryStallPercent Average ≥ 40, 2 of 3 × 1 min         -         -
        oom-kill        OomKills Sum ≥ 1, 1 of 1 × 1 min                        1     3 min      after 1 min
        silent          MemoryUsedPercent SampleCount < 1, 5 of 5 × 1 min       -         -

        ticket: the label doesn't say of which statistic the values are: taken as Average.
        page: the label doesn't say of which statistic the values are: taken as Maximum.
        stall-warning: not replayed: there is no MemoryStallPercent, only MemoryUsedPercent, OomKills.
        stall-critical: not replayed: there is no MemoryStallPercent, only MemoryUsedPercent, OomKills.
        silent: not replayed: there is no SampleCount of MemoryUsedPercent over 60 s.

        CloudWatch looks once a minute: a change may come up to a minute later than shown.
    "#]].assert_eq(&chart(&replay, Canvas { width: 80, ..CANVAS }));
}

#[test]
fn a_replay_of_many_kills_counts_them() {
    let mut seconds = vec![Some((40.0, 0, 0)); 3_600];
    for (place, second) in seconds.iter_mut().enumerate() {
        let used = if place % 600 >= 240 { 97.0 } else { 40.0 };
        *second = Some((used, 0, (place as u64 + 10) / 600));
    }
    let replay = replayed(&seconds);
    assert_eq!(replay.kills.len(), 6);
    let text = chart(&replay, CANVAS);
    assert!(text.contains("KILLS WARNED OF  LEAST WARNING"), "{text}");
    assert!(text.contains("6 of 6"), "{text}");
}
