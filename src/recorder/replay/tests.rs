//! Tests of the replay: an interruption changes nothing in what is sent.

use super::*;
use crate::clock::Moment;
use crate::distribution::Statistics;
use crate::metric::{self, Metric};
use crate::source::meminfo::MemInfo;
use crate::source::pressure::Pressure;
use crate::source::vmstat::VmStat;
use crate::units::{Bytes, Tenths};
use crate::window::Form;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const PERIOD: Duration = Duration::from_secs(10);
const BOOT: &str = "boot";

fn window() -> Window {
    let metrics = ["MemoryUsedPercent", "SwapUsedPercent", "MemoryStallPercent", "OomKills"];
    let native = metrics.iter().map(|name| metric::native(name).unwrap().clone());
    let metrics: Vec<Metric> = native.chain([Metric::extra("Slab", 0)]).collect();
    Window::new(metrics, PERIOD, Form::Set)
}

/// One second, or one tenth of it; what it holds, small numbers often being zero.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let signals = (0u64..4, 0u64..3, prop::bool::weighted(0.05), any::<bool>(), 0i64..40);
    prop::collection::vec(signals, 2..60).prop_map(|signals| {
        let (mut tenth, mut stalled, mut kills, mut wall) = (50, 7, 3, 0);
        let mut samples = Vec::new();
        for (sequence, (swap, stall, kill, fast, step)) in (1..).zip(signals) {
            let covered = if fast { 1 } else { 10 };
            tenth += u64::from(covered);
            // Now and then the wall clock is stepped, forwards or back.
            wall += if step > 36 { (step - 38) * 7_000 } else { 0 };
            stalled += stall.saturating_sub(1) * 1_000;
            kills += u64::from(kill);
            let at = Timestamp(1_000_000 + tenth.cast_signed() * 100 + wall);
            let mut sample = Sample::new(Moment { wall: at, boot: Boottime(tenth * 100_000) }, 1);
            sample.sequence = sequence;
            sample.covered = Tenths(covered);
            sample.extras[0] = (swap > 0).then_some(swap);
            sample.meminfo = Some(MemInfo {
                total: Bytes(1_000),
                available: Some(Bytes(500 - swap)),
                swap_total: Some(Bytes(100)),
                swap_free: Some(Bytes(100 - swap.saturating_sub(2))),
                ..MemInfo::default()
            });
            sample.pressure = Some(Pressure { some: stalled, full: None });
            sample.vmstat = (tenth % 10 == 0 || !fast)
                .then_some(VmStat { oom_kill: Some(kills), ..VmStat::default() });
            samples.push(sample);
        }
        samples
    })
}

/// Per period and metric: count, sum, minimum, maximum.
type Totals = BTreeMap<(Timestamp, String), (u64, f64, f64, f64)>;

fn add(totals: &mut Totals, figures: &[Figure]) {
    for figure in figures {
        let Statistics::Set { sample_count, sum, minimum, maximum } = figure.statistics else {
            unreachable!()
        };
        let key = (figure.timestamp, figure.name.to_string());
        let total = totals.entry(key).or_insert((0, 0.0, f64::INFINITY, f64::NEG_INFINITY));
        // Events count one a part and only their sum adds up.
        if figure.name != "OomKills" {
            total.0 += sample_count;
            total.2 = total.2.min(minimum);
            total.3 = total.3.max(maximum);
        }
        total.1 += sum;
    }
}

/// What the sampler does with a sample: closes what is over, folds, and cuts a part where told.
/// The parts that leave, each with the last sequence in it.
fn fold(window: &mut Window, sample: &Sample, cut: bool) -> Vec<(Vec<Figure>, u64)> {
    let mut parts = Vec::new();
    if window.is_over(sample.taken.wall) {
        let through = window.through();
        parts.push((window.close(End::Period), through));
    }
    window.record(sample);
    if cut {
        let figures = window.close(End::Part);
        if !figures.is_empty() {
            parts.push((figures, window.through()));
        }
    }
    parts
}

fn past(samples: &[Sample]) -> impl Iterator<Item = Past<'static>> + '_ {
    samples.iter().map(|sample| Past { boot_id: BOOT, sample: sample.clone() })
}

fn assert_same(found: &Totals, expected: &Totals) -> Result<(), TestCaseError> {
    let keys = |totals: &Totals| totals.keys().cloned().collect::<Vec<_>>();
    prop_assert_eq!(keys(found), keys(expected));
    for (key, (count, sum, minimum, maximum)) in expected {
        let found = found[key];
        prop_assert_eq!((found.0, found.2, found.3), (*count, *minimum, *maximum), "{:?}", key);
        prop_assert!((found.1 - sum).abs() < 1e-6, "{key:?} {} {sum}", found.1);
    }
    Ok(())
}

proptest! {
    /// Killed after any sample, any of the parts so far having been brought to safety: what was
    /// safe, what is folded again and what comes after it add up to what a run without an
    /// interruption sends.
    #[test]
    fn nothing_is_lost_and_nothing_counts_twice(
        samples in samples(),
        cuts in prop::collection::vec(prop::bool::weighted(0.2), 60),
        kill in any::<prop::sample::Index>(),
        taken in any::<prop::sample::Index>(),
        late in any::<bool>(),
    ) {
        let kill = kill.index(samples.len()) + 1;
        let mut whole = window();
        let mut expected = Totals::new();
        let mut parts = Vec::new();
        for (place, (sample, cut)) in samples.iter().zip(&cuts).enumerate() {
            let left = fold(&mut whole, sample, *cut);
            left.iter().for_each(|(figures, _)| add(&mut expected, figures));
            if place < kill {
                parts.extend(left);
            }
        }
        add(&mut expected, &whole.close(End::Period));

        parts.truncate(taken.index(parts.len() + 1));
        let mut found = Totals::new();
        parts.iter().for_each(|(figures, _)| add(&mut found, figures));
        let through = parts.last().map_or(0, |(_, through)| *through);
        let next = samples.get(kill);
        let last = samples[kill - 1].taken.wall;
        let now = if late { last.plus(PERIOD * 3) } else { next.map_or(last, |next| next.taken.wall) };
        let mut again = window();
        let pieces = replay(past(&samples[..kill]), through, &mut again, now, BOOT);
        prop_assert!(pieces.iter().all(|piece| piece.through > through));
        prop_assert!(pieces.is_sorted_by_key(|piece| piece.through));
        prop_assert!(pieces.iter().all(|piece| piece.figures.iter().all(|figure| figure.timestamp == piece.period)));
        pieces.iter().for_each(|piece| add(&mut found, &piece.figures));
        if late {
            prop_assert_eq!(again.start(), None);
            // The host was away for long: nothing follows that the periods could still get.
            let mut whole = window();
            let mut expected = Totals::new();
            for (sample, cut) in samples.iter().zip(&cuts).take(kill) {
                fold(&mut whole, sample, *cut).iter().for_each(|(figures, _)| add(&mut expected, figures));
            }
            add(&mut expected, &whole.close(End::Period));
            assert_same(&found, &expected)?;
        } else {
            for (sample, cut) in samples.iter().zip(&cuts).skip(kill) {
                fold(&mut again, sample, *cut).iter().for_each(|(figures, _)| add(&mut found, figures));
            }
            add(&mut found, &again.close(End::Period));
            assert_same(&found, &expected)?;
        }
    }

    /// The same samples, come from two recordings that overlap.
    #[test]
    fn a_sample_that_comes_twice_counts_once(samples in samples(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(samples.len());
        let now = Timestamp(i64::MAX / 2);
        let (mut once, mut twice) = (window(), window());
        let expected = replay(past(&samples), 0, &mut once, now, BOOT);
        let overlapping = past(&samples[..cut + 1]).chain(past(&samples[cut / 2..]));
        prop_assert_eq!(replay(overlapping, 0, &mut twice, now, BOOT), expected);
    }
}

fn kills(sequence: u64, tenth: u64, kills: u64) -> Sample {
    let wall = Timestamp((tenth * 100).cast_signed());
    let mut sample = Sample::new(Moment { wall, boot: Boottime(tenth * 100_000) }, 1);
    sample.sequence = sequence;
    sample.covered = Tenths(10);
    sample.vmstat = Some(VmStat { oom_kill: Some(kills), ..VmStat::default() });
    sample
}

fn sums(figures: &[Figure]) -> Vec<f64> {
    let sum = |figure: &Figure| match figure.statistics {
        Statistics::Set { sum, .. } => sum,
        Statistics::Values { .. } => unreachable!(),
    };
    figures.iter().filter(|figure| figure.name == "OomKills").map(sum).collect()
}

#[test]
fn a_kill_while_the_agent_was_dead_is_counted_within_a_boot_only() {
    for (boots, expected) in [(["a", "a"], vec![4.0]), (["a", "b"], vec![])] {
        let mut window = window();
        let items = [kills(1, 10, 1), kills(2, 20, 5)];
        let past = items.into_iter().zip(boots).map(|(sample, boot_id)| Past { boot_id, sample });
        let pieces = replay(past, 0, &mut window, Timestamp(3_000), boots[1]);
        assert!(pieces.is_empty());
        assert_eq!(sums(&window.close(End::Part)), expected);
    }
    for (now, expected) in [("a", vec![4.0]), ("b", vec![])] {
        let mut window = window();
        let past = [Past { boot_id: "a", sample: kills(1, 10, 1) }];
        let _ = replay(past, 1, &mut window, Timestamp(2_000), now);
        window.record(&kills(2, 20, 5));
        assert_eq!(sums(&window.close(End::Part)), expected);
    }
}

#[test]
fn a_period_that_was_taken_whole_leaves_nothing() {
    let mut window = window();
    let past = [Past { boot_id: "a", sample: kills(1, 10, 1) }];
    assert_eq!(replay(past, 1, &mut window, Timestamp(60_000), "a"), []);
    assert_eq!((window.start(), window.through()), (None, 1));
}
