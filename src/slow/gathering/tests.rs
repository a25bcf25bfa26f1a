//! Readings folded: what leaves, under which names, and how many series there may be.

use super::*;
use crate::clock::Moment;
use crate::slow::Groups;
use crate::source::cgroup::{Limit, Usage};
use crate::source::selector::Selected;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;

const PERIOD: Duration = Duration::from_secs(60);

fn gathering(max_series: usize) -> Gathering {
    Gathering::new(&Settings {
        proc_root: PathBuf::new(),
        sys_root: PathBuf::new(),
        period: PERIOD,
        form: Form::Values,
        cgroups: Vec::new(),
        processes: Vec::new(),
        signals: Signal::ALL.into(),
        max_series,
    })
}

fn group(name: &str, used: u64) -> Group {
    let limit = Limit::Bytes(1_000);
    let usage = Usage { inode: 7, used: Some(used), limit, stalled: Some(0), kills: Some(0) };
    Group { place: 0, name: name.into(), usage }
}

fn reading(second: u64, read: Vec<Group>) -> Reading {
    let wall = Timestamp(i64::try_from(second * 1_000).unwrap());
    Reading {
        taken: Moment { wall, boot: Boottime(second * 1_000_000) },
        groups: Some(Groups { read, unread: 0 }),
        processes: Vec::new(),
        numa_available_percent: None,
        took: Duration::ZERO,
        problems: Vec::new(),
    }
}

/// `CgroupUsedPercent{Cgroup=a}: 25x100 30x100`.
fn shown(figures: &[Figure]) -> Vec<String> {
    let shown = |figure: &Figure| {
        let beside = figure.beside.iter().map(|pair| format!("{{{}={}}}", pair.name, pair.value));
        let Statistics::Values { values, counts } = &figure.statistics else { unreachable!() };
        let values = values.iter().zip(&**counts).map(|(value, count)| format!(" {value}x{count}"));
        format!("{}{}:{}", figure.name, beside.collect::<String>(), values.collect::<String>())
    };
    figures.iter().map(shown).collect()
}

const COVERED: Tenths = Tenths(100);
const NONE: [&str; 0] = [];

#[test]
fn each_group_and_selector_is_a_series() {
    let mut gathering = gathering(50);
    for (second, used) in [(5, 250), (15, 300)] {
        let mut reading = reading(second, vec![group("a", used)]);
        let selected = |count, resident| Selected { count, resident };
        reading.processes =
            vec![("web".into(), selected(2, 4_096)), ("none".into(), selected(0, 0))];
        let host = HostValues { numa_available_percent: Some(40.0), minutes_to_exhaustion: None };
        gathering.record(&reading, host, COVERED);
    }
    let (figures, left_out) = gathering.close(Timestamp(0), End::Period);
    let expected = [
        "NumaNodeAvailablePercent: 40x200",
        "ProcessResidentMemory{Process=web}: 4096x200",
        "ProcessCount{Process=web}: 2x200",
        "ProcessCount{Process=none}: 0x200",
        "CgroupUsedPercent{Cgroup=a}: 25x100 30x100",
        "CgroupMemoryUsed{Cgroup=a}: 250x100 300x100",
    ];
    assert_eq!(shown(&figures), expected);
    assert_eq!(left_out, 0);
    assert_eq!(gathering.close(Timestamp(60_000), End::Period), (vec![], 0));
}

fn with(stalled: u64, kills: u64, inode: u64) -> Group {
    let group = group("a", 0);
    let usage =
        Usage { stalled: Some(stalled), kills: Some(kills), inode, used: None, ..group.usage };
    Group { usage, ..group }
}

#[test]
fn counters_are_taken_against_the_last_reading_of_the_same_group() {
    let mut gathering = gathering(50);
    let mut record = |second, groups| {
        gathering.record(&reading(second, groups), HostValues::default(), COVERED);
        shown(&gathering.close(Timestamp(0), End::Part).0)
    };
    // What there was at the first reading isn't known to be new.
    assert_eq!(record(5, vec![with(5_000_000, 3, 1)]), NONE);
    assert_eq!(
        record(15, vec![with(7_500_000, 5, 1)]),
        ["CgroupStallPercent{Cgroup=a}: 25x100", "CgroupOomKills{Cgroup=a}: 2x1"]
    );
    // Another group of the same name: its kills are its own, all of them.
    assert_eq!(record(25, vec![with(9_000_000, 1, 2)]), ["CgroupOomKills{Cgroup=a}: 1x1"]);
    assert_eq!(record(35, vec![]), NONE);
    assert_eq!(record(45, vec![with(0, 4, 3)]), ["CgroupOomKills{Cgroup=a}: 4x1"]);
    // A counter that fell has no increase.
    assert_eq!(record(55, vec![with(0, 2, 3)]), ["CgroupStallPercent{Cgroup=a}: 0x100"]);
}

#[test]
fn a_group_that_had_no_place_before_is_not_new() {
    let mut gathering = gathering(50);
    let mut first = reading(5, vec![]);
    first.groups = Some(Groups { read: vec![], unread: 1 });
    gathering.record(&first, HostValues::default(), COVERED);
    gathering.record(&reading(15, vec![with(0, 9, 1)]), HostValues::default(), COVERED);
    // The one that wasn't read is counted with the period.
    assert_eq!(gathering.close(Timestamp(0), End::Part), (vec![], 0));
    assert_eq!(gathering.close(Timestamp(0), End::Period), (vec![], 1));
}

#[test]
fn withheld_zeros_go_with_the_next_part() {
    let mut gathering = gathering(50);
    let mut record = |second, stalled| {
        let reading = reading(second, vec![with(stalled, 0, 1)]);
        gathering.record(&reading, HostValues::default(), COVERED);
        shown(&gathering.close(Timestamp(0), End::Part).0)
    };
    for second in [5, 15, 25] {
        assert_eq!(record(second, 0), NONE);
    }
    assert_eq!(record(35, 1_000_000), ["CgroupStallPercent{Cgroup=a}: 0x200 10x100"]);
}

#[test]
fn a_reload_keeps_counters_places_and_what_is_withheld() {
    let mut old = gathering(1);
    old.record(&reading(5, vec![group("a", 100)]), HostValues::default(), COVERED);
    assert_eq!(old.close(Timestamp(0), End::Part).0.len(), 1);
    let mut new = gathering(1);
    new.continue_from(old);
    let mut killed = group("a", 100);
    killed.usage.kills = Some(1);
    let late = group("b", 100);
    new.record(&reading(15, vec![killed, late]), HostValues::default(), COVERED);
    let (figures, left_out) = new.close(Timestamp(0), End::Period);
    // Of `a` its used bytes and kills have no room any more, nor has anything of `b`.
    assert_eq!(shown(&figures), ["CgroupUsedPercent{Cgroup=a}: 10x100"]);
    assert_eq!(left_out, 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes and goes, within any hour there are no more series than allowed, a series
    /// once begun goes on, and everything is sent or counted.
    #[test]
    fn series_are_bounded(
        max in 1_usize..8,
        minutes in proptest::collection::vec(proptest::collection::btree_set(0_u8..20, 0..8), 1..200),
    ) {
        let mut gathering = gathering(max);
        gathering.signals = vec![Signal::CgroupUsedPercent];
        let mut sent: Vec<(i64, String)> = Vec::new();
        for (minute, names) in minutes.iter().enumerate() {
            let groups = names.iter().map(|name| group(&name.to_string(), 1)).collect();
            let start = minute as u64 * 60;
            gathering.record(&reading(start + 5, groups), HostValues::default(), COVERED);
            let now = i64::try_from(start * 1_000).unwrap();
            let within_the_hour = |sent: &[(i64, String)]| {
                let recent = sent.iter().filter(|(at, _)| now - at < 3_600_000);
                recent.map(|(_, name)| name.clone()).collect::<BTreeSet<_>>()
            };
            let (figures, left_out) = gathering.close(Timestamp(now), End::Period);
            prop_assert_eq!(figures.len() + left_out, names.len());
            let named: Vec<String> =
                figures.into_iter().map(|figure| figure.beside.unwrap().value).collect();
            let before = within_the_hour(&sent);
            for name in names.iter().map(u8::to_string).filter(|name| before.contains(name)) {
                prop_assert!(named.contains(&name));
            }
            sent.extend(named.into_iter().map(|name| (now, name)));
            prop_assert!(within_the_hour(&sent).len() <= max);
        }
    }
}
