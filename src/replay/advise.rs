//! Which other threshold would have done better: more warning, or fewer alarms.
//!
//! Round thresholds over the range of what was measured are tried, each through the whole
//! evaluation. What they come to holds for what was replayed and nothing else.

use crate::alarms::alarm::{Alarm, Statistic};
use crate::replay::evaluate::Evaluations;
use crate::replay::outcome::Tally;
use crate::replay::source::{KILLS, Kill};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Advice {
    /// Would have warned earlier, or of more kills, without more needless alarms.
    pub earlier: Option<Trial>,
    /// Would have alarmed less often, and yet warned of the same kills.
    pub quieter: Option<Trial>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    pub threshold: f64,
    pub tally: Tally,
}

pub fn advise(alarm: &Alarm, evaluations: &Evaluations, kills: &[Kill]) -> Advice {
    // What counts kills can't warn of them, and silence has no degrees.
    if alarm.metric == KILLS || alarm.statistic == Statistic::SampleCount {
        return Advice::default();
    }
    let tally = |threshold| {
        let changed = Alarm { threshold, ..alarm.clone() };
        Tally::of(&evaluations.changes(&changed), kills, evaluations.last())
    };
    let now = tally(alarm.threshold);
    let tried = thresholds(evaluations.readings().map(|(_, value)| value));
    let trials: Vec<Trial> =
        tried.into_iter().map(|threshold| Trial { threshold, tally: tally(threshold) }).collect();
    let distance = |trial: &Trial| (trial.threshold - alarm.threshold).abs();
    // Of equals the nearest to what it is.
    let nearer = |one: &&Trial, other: &&Trial| distance(one).total_cmp(&distance(other));
    let longest = evaluations.length() / 2;
    let earlier = trials.iter().filter(|trial| is_earlier(&trial.tally, &now, longest));
    let earlier = earlier.max_by(|one, other| {
        let merit = |trial: &Trial| (trial.tally.warned(), capped(&trial.tally));
        merit(one).cmp(&merit(other)).then_with(|| nearer(other, one))
    });
    let quieter = trials.iter().filter(|trial| is_quieter(&trial.tally, &now));
    let quieter = quieter.min_by(|one, other| {
        let noise = |trial: &Trial| (trial.tally.without_kill, trial.tally.alarms);
        noise(one).cmp(&noise(other)).then_with(|| nearer(one, other))
    });
    Advice { earlier: earlier.cloned(), quieter: quieter.cloned() }
}

/// One that is on most of the time says nothing.
fn is_earlier(tally: &Tally, now: &Tally, longest: i64) -> bool {
    let more = tally.warned() > now.warned();
    let sooner = capped(tally) >= capped(now).map(|least| least + WORTH);
    tally.warned() > 0
        && (more || tally.warned() == now.warned() && sooner)
        && tally.without_kill <= now.without_kill
        && tally.length <= longest
}

fn is_quieter(tally: &Tally, now: &Tally) -> bool {
    let least = now.least().map(|least| least.min(ENOUGH));
    let warns = tally.warned() >= now.warned() && tally.least() >= least;
    let quieter = (tally.without_kill, tally.alarms) < (now.without_kill, now.alarms);
    // Fewer alarms on the kills themselves are no gain.
    warns
        && quieter
        && (tally.without_kill < now.without_kill || tally.alarms >= now.warned().max(1))
}

/// More than long enough is no better.
fn capped(tally: &Tally) -> Option<i64> {
    tally.least().map(|least| least.min(LONG_ENOUGH))
}

/// At most so many round values from below the least reading to above the greatest.
fn thresholds(readings: impl Iterator<Item = f64>) -> Vec<f64> {
    let range = readings.fold(None, |range: Option<(f64, f64)>, value| match range {
        None => Some((value, value)),
        Some((least, most)) => Some((least.min(value), most.max(value))),
    });
    let Some((least, most)) = range.filter(|(least, most)| (most - least).is_finite()) else {
        return Vec::new();
    };
    let step = round_step((most - least).max(most.abs() * 1e-6).max(1e-6) / MOST);
    let (first, last) = ((least / step).floor(), (most / step).ceil());
    let count = (last - first + 1.0).clamp(0.0, 2.0 * MOST) as u32;
    // Divided where the step is a part of one: 0.1 has no exact value, 1/10 is the nearest to it.
    let value = |place: f64| if step < 1.0 { place / (1.0 / step).round() } else { place * step };
    (0..count).map(|place| value(first + f64::from(place))).collect()
}

/// 1, 2 or 5 of a power of ten: the least that isn't below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|digit| digit * power);
    steps.into_iter().find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// About how many thresholds are tried.
const MOST: f64 = 40.0;
/// Seconds of warning that are worth another threshold.
const WORTH: i64 = 60;
/// Seconds of warning that a quieter threshold has to leave.
const ENOUGH: i64 = 300;
/// Seconds of warning in which people can act; for more, alarms would come too early too often.
const LONG_ENOUGH: i64 = 900;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::span::Span;
    use crate::replay::fixture::alarm;
    use crate::replay::outcome::Warning;
    use crate::replay::track::{Content, Slice, Track};
    use proptest::prelude::*;

    fn advice(alarm: &Alarm, minutes: &[f64], kills: &[i64]) -> (Advice, Tally) {
        let slices = (0..).zip(minutes).map(|(place, value)| Slice {
            start: place * 60,
            known: place * 60 + 70,
            content: Content::Values(vec![(*value, 600)]),
        });
        let track = Track::new(60, slices.collect());
        let span = Span { from: 0, to: minutes.len() as i64 * 60 - 1 };
        let kills: Vec<Kill> =
            kills.iter().map(|second| Kill { second: *second, count: 1 }).collect();
        let evaluations = Evaluations::new(alarm, &track, span, 10);
        let tally = Tally::of(&evaluations.changes(alarm), &kills, evaluations.last());
        (advise(alarm, &evaluations, &kills), tally)
    }

    #[test]
    fn a_leak_could_have_been_seen_earlier() {
        let leak: Vec<f64> = (0..60).map(|minute| 40.0 + f64::from(minute)).collect();
        let (advice, now) = advice(&alarm("> 90"), &leak, &[3_590]);
        // 91, 92 and 93 are there at 54 minutes and ten seconds.
        assert_eq!(now.warnings, [Warning::Before(3_590 - 54 * 60 - 10)]);
        let earlier = advice.earlier.unwrap();
        assert_eq!((earlier.threshold, earlier.tally.without_kill), (80.0, 0));
        assert_eq!(earlier.tally.warnings, [Warning::Before(3_590 - 44 * 60 - 10)]);
        assert_eq!(advice.quieter, None);
    }

    #[test]
    fn flapping_could_have_been_spared() {
        let flapping: Vec<f64> =
            (0..60).map(|minute| if minute % 10 < 4 { 93.0 } else { 60.0 }).collect();
        let (advice, now) = advice(&alarm("> 90"), &flapping, &[]);
        assert_eq!((now.alarms, now.without_kill, now.length), (6, 6, 720));
        let quieter = advice.quieter.unwrap();
        assert_eq!((quieter.threshold, quieter.tally.alarms), (93.0, 0));
        assert_eq!(advice.earlier, None);
    }

    #[test]
    fn what_warns_well_stays_as_it_is() {
        let calm = [50.0; 30];
        assert_eq!(advice(&alarm("> 90"), &calm, &[]).0, Advice::default());
        let kills = Alarm { metric: KILLS.into(), ..alarm("> 90") };
        let (of_kills, _) = advice(&kills, &[0.0, 0.0, 95.0, 95.0, 95.0, 95.0], &[190]);
        assert_eq!(of_kills, Advice::default());
        assert_eq!(advice(&alarm("> 90"), &[], &[]).0, Advice::default());
    }

    #[test]
    fn thresholds_are_round() {
        let of = |readings: &[f64]| thresholds(readings.iter().copied());
        assert_eq!(of(&[]), [0.0; 0]);
        let percents = of(&[38.3, 97.1]);
        assert_eq!((percents.first(), percents.last()), (Some(&38.0), Some(&98.0)));
        assert_eq!(percents.len(), 31);
        assert_eq!(of(&[0.0, 0.35])[..4], [0.0, 0.01, 0.02, 0.03]);
        assert_eq!(of(&[2e9, 8e9])[..2], [2e9, 2.2e9]);
    }

    proptest! {
        /// Advice is never worse than what there is.
        #[test]
        fn advice_is_no_worse(minutes in prop::collection::vec(0_u8..100, 1..80), kills in prop::collection::btree_set(0_i64..4_800, 0..3), threshold in 1_u8..100) {
            let minutes: Vec<f64> = minutes.into_iter().map(f64::from).collect();
            let kills: Vec<i64> = kills.into_iter().collect();
            let (advice, now) = advice(&alarm(&format!("> {threshold}")), &minutes, &kills);
            if let Some(Trial { tally, .. }) = advice.earlier {
                prop_assert!(tally.without_kill <= now.without_kill);
                prop_assert!((tally.warned(), tally.least()) > (now.warned(), now.least()));
            }
            if let Some(Trial { tally, .. }) = advice.quieter {
                prop_assert!(tally.warned() >= now.warned());
                prop_assert!((tally.without_kill, tally.alarms) < (now.without_kill, now.alarms));
            }
        }
    }
}
