//! CloudWatch's rules for one evaluation of one alarm: which state its last datapoints come to.
//!
//! They are those of the CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch
//! alarms treat missing data"; the tests have its tables. More datapoints are looked at than are
//! evaluated, so that what is missing can be made up for by what is older: the evaluation range.
//! How many more, the guide shows by example only (`BEYOND`).

use crate::alarms::alarm::{Alarm, Comparison, LowSamples, MissingData, Statistic};
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ok,
    Alarm,
    InsufficientData,
}

/// A period's statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    pub value: f64,
    /// SampleCount; `None` where it isn't known.
    pub samples: Option<f64>,
}

/// What there is of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Datapoint {
    There(Reading),
    Missing,
    /// Before the recording or the history begins.
    Unknown,
}

/// How many datapoints an evaluation looks at.
pub fn range(alarm: &Alarm) -> u32 {
    alarm.evaluation_periods.saturating_add(BEYOND)
}

pub fn is_breaching(alarm: &Alarm, value: f64) -> bool {
    match alarm.comparison {
        Comparison::Greater => value > alarm.threshold,
        Comparison::GreaterOrEqual => value >= alarm.threshold,
        Comparison::Less => value < alarm.threshold,
        Comparison::LessOrEqual => value <= alarm.threshold,
    }
}

/// The state that the evaluation range comes to, its oldest datapoint first; `None`: it stays what
/// it is.
pub fn decide(alarm: &Alarm, range: &[Datapoint]) -> Option<State> {
    let (n, m) = (alarm.evaluation_periods as usize, alarm.datapoints_to_alarm as usize);
    let there = range.iter().rev().filter_map(|datapoint| match datapoint {
        Datapoint::There(reading) => Some(*reading),
        Datapoint::Missing | Datapoint::Unknown => None,
    });
    let evaluated: Vec<Reading> = there.take(n).collect();
    if evaluated.iter().any(|reading| tells_too_little(alarm, reading)) {
        return None;
    }
    let breaching = evaluated.iter().filter(|reading| is_breaching(alarm, reading.value)).count();
    let settled = |alarming: bool| Some(if alarming { State::Alarm } else { State::Ok });
    if evaluated.len() >= n {
        return settled(breaching >= m);
    }
    let missing = range.iter().filter(|datapoint| **datapoint == Datapoint::Missing).count();
    let filled = (n - evaluated.len()).min(missing);
    // Nothing is there, and not all of it is known to be missing.
    if evaluated.is_empty() && filled < n {
        return None;
    }
    let all_breach = breaching == evaluated.len();
    match alarm.missing_data {
        MissingData::Breaching => settled(breaching + filled >= m),
        MissingData::NotBreaching => settled(breaching >= m),
        MissingData::Missing if evaluated.is_empty() => Some(State::InsufficientData),
        MissingData::Ignore if evaluated.is_empty() => None,
        MissingData::Missing | MissingData::Ignore if !all_breach || breaching >= m => {
            settled(breaching >= m)
        }
        // Nothing but breaching datapoints, too few of them: the next one may be different, unless
        // the oldest has stood uncontradicted for long enough.
        MissingData::Missing => is_old(alarm, range, m).then_some(State::Alarm),
        MissingData::Ignore => None,
    }
}

/// Whether the oldest breaching datapoint lies at least `periods` back, the newest one being one
/// period back.
fn is_old(alarm: &Alarm, range: &[Datapoint], periods: usize) -> bool {
    let breaches = |datapoint: &Datapoint| matches!(datapoint, Datapoint::There(reading) if is_breaching(alarm, reading.value));
    range.iter().position(breaches).is_some_and(|place| range.len() - place >= periods)
}

/// A percentile of too few samples, where those are to be ignored ("Percentile-based alarms and low
/// data samples").
fn tells_too_little(alarm: &Alarm, reading: &Reading) -> bool {
    let (LowSamples::Ignore, Statistic::Percentile(percentile), Some(samples)) =
        (alarm.low_samples, alarm.statistic, reading.samples)
    else {
        return false;
    };
    let share = percentile / 100.0;
    // The hundredth percentile is the maximum, of however many.
    let beyond = if share >= 0.5 { 1.0 - share } else { share };
    // 10/(1 − 0.99) is 1,000 and a rounding error.
    beyond > 0.0 && samples + 1e-6 < 10.0 / beyond
}

/// PutMetricAlarm's own words.
impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            State::Ok => "OK",
            State::Alarm => "ALARM",
            State::InsufficientData => "INSUFFICIENT_DATA",
        })
    }
}

/// The guide's examples evaluate three datapoints of five. Elsewhere it says only that the range
/// depends on the period and the metric's resolution.
pub const BEYOND: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::fixture::alarm;
    use proptest::prelude::*;

    /// The sections of the CloudWatch User Guide, Amazon CloudWatch, that the cases come from.
    const TABLE_1: &str = "missing data, first table (3 of 3)";
    const TABLE_2: &str = "missing data, second table (2 of 3)";
    const FOLLOWS: &str = "missing data, text below the first table";
    const PREMATURE: &str = "avoiding premature transitions to alarm state";
    const RANGE: &str = "missing data, the three rules of the evaluation range";
    const EVALUATING: &str = "alarm evaluation, M out of N";

    /// Datapoints as the guide writes them, oldest first, `?` being unknown; M of N; what it comes
    /// to where missing data is missing, ignored, breaching, not breaching: `A`LARM, `O`K,
    /// `I`NSUFFICIENT_DATA or `=`, the state before.
    const CASES: &[(&str, u32, u32, &str, &str)] = &[
        ("0 - X - X", 3, 3, "OOOO", TABLE_1),
        ("0 - - - -", 3, 3, "OOOO", TABLE_1),
        ("- - - - -", 3, 3, "I=AO", TABLE_1),
        ("0 X X - X", 3, 3, "AAAA", TABLE_1),
        ("- - X - -", 3, 3, "A=AO", TABLE_1),
        ("0 - X - X", 2, 3, "AAAA", TABLE_2),
        ("0 0 X 0 X", 2, 3, "AAAA", TABLE_2),
        ("0 - X - -", 2, 3, "OOAO", TABLE_2),
        ("- - - - 0", 2, 3, "OOAO", TABLE_2),
        ("- - - X -", 2, 3, "A=AO", TABLE_2),
        // The datapoint that wasn't breaching has left the range.
        ("- - - - -", 3, 3, "I=AO", FOLLOWS),
        // Not at once, as the next one may be 0 ...
        ("- - - - X", 3, 3, "==AO", PREMATURE),
        ("- - - X -", 3, 3, "==AO", PREMATURE),
        // ... and then is.
        ("- - - X 0", 3, 3, "OOOO", PREMATURE),
        ("- - X - 0", 3, 3, "OOOO", PREMATURE),
        ("- - X - -", 3, 3, "A=AO", PREMATURE),
        // The rule for M of N: old enough, and nothing later contradicts it.
        ("- - - - X", 2, 3, "==AO", PREMATURE),
        ("- - X - -", 2, 3, "A=AO", PREMATURE),
        ("- X - - -", 2, 3, "A=AO", PREMATURE),
        ("- - - X X", 2, 3, "AAAA", EVALUATING),
        // Nothing is missing: what is older than N isn't needed.
        ("X X 0 0 0", 3, 3, "OOOO", RANGE),
        ("0 0 X X X", 3, 3, "AAAA", RANGE),
        ("X X X 0 0", 3, 3, "OOOO", RANGE),
        ("X X 0 X X", 3, 3, "OOOO", RANGE),
        ("X X 0 X X", 2, 3, "AAAA", RANGE),
        // As many as N are there: they are evaluated, whatever is missing between them.
        ("X X X - -", 3, 3, "AAAA", RANGE),
        ("0 X X - -", 3, 3, "OOOO", RANGE),
        ("X - X - X", 3, 3, "AAAA", RANGE),
        ("X 0 - - 0", 3, 3, "OOOO", RANGE),
        // One too few: as little as possible is filled in.
        ("- X X - -", 3, 3, "A=AO", RANGE),
        ("- 0 X - -", 3, 3, "OOOO", RANGE),
        ("0 - - X -", 1, 3, "AAAA", RANGE),
        ("- - - - 0", 1, 3, "OOAO", RANGE),
        // One of one looks at three.
        ("X - -", 1, 1, "AAAA", RANGE),
        ("0 - -", 1, 1, "OOOO", RANGE),
        ("- - -", 1, 1, "I=AO", RANGE),
        ("X X 0", 1, 1, "OOOO", RANGE),
        ("0 0 X", 1, 1, "AAAA", RANGE),
        // The alarm on silence: five of five, SampleCount below 1.
        ("0 0 - - - - -", 5, 5, "OOOO", RANGE),
        ("- 0 - - - - -", 5, 5, "OOOO", RANGE),
        ("- - - - - - -", 5, 5, "I=AO", RANGE),
        // Recovery.
        ("X X X X 0", 3, 3, "OOOO", EVALUATING),
        ("X X X X 0", 2, 3, "AAAA", EVALUATING),
        ("X X X 0 0", 2, 3, "OOOO", EVALUATING),
        ("X X - - 0", 3, 3, "OOOO", EVALUATING),
        // What came before the first datapoint isn't known to be missing: nothing is made of it.
        ("? ? ? ? ?", 3, 3, "====", "ours"),
        ("? ? ? ? 0", 2, 3, "OOOO", "ours"),
        ("? ? ? ? X", 3, 3, "==OO", "ours"),
        ("? ? X X X", 3, 3, "AAAA", "ours"),
        ("? ? ? X X", 2, 3, "AAAA", "ours"),
        ("? ? ? 0 -", 2, 3, "OOOO", "ours"),
        ("? ? ? - -", 2, 3, "====", "ours"),
        ("? ? - - -", 2, 3, "I=AO", "ours"),
    ];

    fn datapoints(text: &str) -> Vec<Datapoint> {
        let datapoint = |sign| match sign {
            "0" => Datapoint::There(Reading { value: 50.0, samples: None }),
            "X" => Datapoint::There(Reading { value: 95.0, samples: None }),
            "-" => Datapoint::Missing,
            _ => Datapoint::Unknown,
        };
        text.split(' ').map(datapoint).collect()
    }

    const TREATMENTS: [MissingData; 4] = [
        MissingData::Missing,
        MissingData::Ignore,
        MissingData::Breaching,
        MissingData::NotBreaching,
    ];

    #[test]
    fn each_case_of_the_guide() {
        for &(text, m, n, expected, source) in CASES {
            for (missing_data, expected) in TREATMENTS.into_iter().zip(expected.chars()) {
                let alarm = Alarm {
                    datapoints_to_alarm: m,
                    evaluation_periods: n,
                    missing_data,
                    ..alarm("> 90")
                };
                let found = match decide(&alarm, &datapoints(text)) {
                    Some(State::Alarm) => 'A',
                    Some(State::Ok) => 'O',
                    Some(State::InsufficientData) => 'I',
                    None => '=',
                };
                assert_eq!(found, expected, "{text}, {m} of {n}, {missing_data:?}: {source}");
            }
        }
    }

    #[test]
    fn each_comparison_at_its_threshold() {
        let told = |words| [89.0, 90.0, 91.0].map(|value| is_breaching(&alarm(words), value));
        assert_eq!(told("> 90"), [false, false, true]);
        assert_eq!(told(">= 90"), [false, true, true]);
        assert_eq!(told("< 90"), [true, false, false]);
        assert_eq!(told("<= 90"), [true, true, false]);
    }

    /// The samples from which on the guide's formula evaluates: 10/(1 − p), or 10/p below a half.
    #[test]
    fn percentiles_of_few_samples_are_ignored_where_asked_for() {
        let cases = [(99.0, 1_000.0), (50.0, 20.0), (90.0, 100.0), (99.9, 10_000.0), (10.0, 100.0)];
        for (percentile, enough) in cases {
            let decided = |low_samples, samples| {
                let statistic = Statistic::Percentile(percentile);
                let alarm = Alarm { statistic, low_samples, ..alarm("> 90") };
                decide(&alarm, &[Datapoint::There(Reading { value: 95.0, samples }); 3])
            };
            let alarms = Some(State::Alarm);
            assert_eq!(decided(LowSamples::Ignore, Some(enough)), alarms, "p{percentile}");
            assert_eq!(decided(LowSamples::Ignore, Some(enough - 1.0)), None, "p{percentile}");
            assert_eq!(decided(LowSamples::Evaluate, Some(1.0)), alarms, "p{percentile}");
            // Nobody knows.
            assert_eq!(decided(LowSamples::Ignore, None), alarms, "p{percentile}");
        }
        let always = Alarm {
            statistic: Statistic::Percentile(100.0),
            low_samples: LowSamples::Ignore,
            ..alarm("> 90")
        };
        let reading = Reading { value: 95.0, samples: Some(1.0) };
        assert_eq!(decide(&always, &[Datapoint::There(reading); 3]), Some(State::Alarm));
        let average = Alarm { statistic: Statistic::Average, ..always };
        assert_eq!(decide(&average, &[Datapoint::There(reading); 3]), Some(State::Alarm));
    }

    fn any_range() -> impl Strategy<Value = Vec<Datapoint>> {
        let sign = prop::sample::select(vec!["0", "X", "-", "?"]);
        prop::collection::vec(sign, 1..12).prop_map(|signs| datapoints(&signs.join(" ")))
    }

    proptest! {
        #[test]
        fn treatments_are_ordered(range in any_range(), n in 1_u32..10, m in 1_u32..10) {
            let decided = |missing_data| {
                let m = m.min(n);
                let all = Alarm { evaluation_periods: n, datapoints_to_alarm: m, missing_data, ..alarm("> 90") };
                decide(&all, &range)
            };
            let [missing, ignore, breaching, lenient] = TREATMENTS.map(decided);
            // Who alarms although missing data is fine alarms in any case.
            if lenient == Some(State::Alarm) {
                prop_assert_eq!([missing, ignore, breaching], [lenient; 3]);
            }
            // Who is content although missing data breaches is content in any case.
            if breaching == Some(State::Ok) && lenient.is_some() {
                prop_assert_eq!(lenient, Some(State::Ok));
                prop_assert_ne!(ignore, Some(State::Alarm));
            }
            // Only where nothing is there the data can be insufficient.
            let there = range.iter().any(|datapoint| matches!(datapoint, Datapoint::There(_)));
            prop_assert!(!there || missing != Some(State::InsufficientData));
            prop_assert!([ignore, breaching, lenient].iter().all(|state| *state != Some(State::InsufficientData)));
        }
    }
}
