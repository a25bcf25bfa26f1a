//! An alarm through time: evaluated again and again, as CloudWatch does, on what was known by then.
//!
//! An alarm is evaluated every minute; every ten seconds where its period is shorter than a minute;
//! every hour where what it looks at is longer than a day ("Alarm evaluation"). Each evaluation ends
//! at such a full minute and is made as soon as what was measured until then can be there. The
//! service's own second within the minute isn't known: a change may come up to a minute later.

use crate::alarms::alarm::Alarm;
use crate::history::span::Span;
use crate::replay::rules::{Datapoint, State, decide, range};
use crate::replay::track::Track;

/// The alarm's state from `second` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub second: i64,
    pub state: State,
}

/// What every evaluation sees, whatever the threshold: the datapoints don't depend on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluations {
    /// The alarm's period, or the track's grain where that is longer.
    pub period: i64,
    /// The second before which nothing is known.
    start: i64,
    /// Between two evaluations, in seconds.
    step: i64,
    /// How long after its end a period is evaluated.
    delay: i64,
    /// The end of the last one's range.
    last: i64,
    /// Between two windows: each evaluation looks back in whole periods.
    stride: i64,
    /// The first ends a stride after the start.
    windows: Vec<Window>,
    late: Vec<Late>,
}

/// One period, once all of it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    datapoint: Datapoint,
    complete: i64,
}

/// What an evaluation sees of a window that isn't complete by then.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Late {
    evaluated: i64,
    end: i64,
    datapoint: Datapoint,
}

impl Evaluations {
    /// Of `track` over `span`; before that nothing is known. What isn't late is known `delay` seconds
    /// after its period's end.
    pub fn new(alarm: &Alarm, track: &Track, span: Span, delay: i64) -> Evaluations {
        let period = seconds(alarm).max(track.grain);
        let step = step(alarm).max(track.grain);
        // A history's periods may begin anywhere.
        let origin = track.slices().first().map_or(0, |slice| slice.start.rem_euclid(track.grain));
        let grid = |second: i64| (second - origin).div_euclid(step) * step + origin;
        let mut all = Evaluations {
            period,
            start: grid(span.from),
            step,
            delay,
            last: grid(span.to.saturating_add(1)),
            stride: greatest_divisor(step, period),
            windows: Vec::new(),
            late: Vec::new(),
        };
        let mut end = all.start + all.stride;
        while end <= all.last {
            let from = end - period;
            let reading = track.reading(alarm.statistic, from, end, i64::MAX);
            let datapoint = match reading {
                _ if from < all.start => Datapoint::Unknown,
                Some(reading) => Datapoint::There(reading),
                None => Datapoint::Missing,
            };
            all.windows.push(Window { datapoint, complete: track.complete(from, end) });
            end += all.stride;
        }
        all.find_late(alarm, track);
        all
    }

    /// The second that the first one looks back to.
    pub fn first(&self) -> i64 {
        self.start
    }

    /// When the last one is made.
    pub fn last(&self) -> i64 {
        self.last.saturating_add(self.delay)
    }

    /// From the first second to the last evaluation.
    pub fn length(&self) -> i64 {
        self.last().saturating_sub(self.start)
    }

    /// The values of whole periods that follow each other, each with its end.
    pub fn readings(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let first = self.start + self.period;
        let ends = (0..).map(move |place: i64| first + place * self.period);
        ends.take_while(|end| *end <= self.last).filter_map(|end| match self.datapoint(end) {
            Datapoint::There(reading) => Some((end, reading.value)),
            Datapoint::Missing | Datapoint::Unknown => None,
        })
    }

    /// The states that `alarm` goes through, whose threshold alone may differ from the one that this
    /// was made for. It begins without data.
    pub fn changes(&self, alarm: &Alarm) -> Vec<Change> {
        let mut state = State::InsufficientData;
        let mut changes = vec![Change { second: self.start, state }];
        let mut late = self.late.iter().peekable();
        let mut seen = Vec::new();
        let mut end = self.start + self.step;
        while end <= self.last {
            seen.clear();
            let ends = (0..i64::from(range(alarm))).rev().map(|back| end - back * self.period);
            seen.extend(ends.map(|end| self.datapoint(end)));
            while let Some(late) = late.next_if(|late| late.evaluated == end) {
                let back = usize::try_from((end - late.end) / self.period).unwrap_or(usize::MAX);
                let place = seen.len().checked_sub(back.saturating_add(1));
                if let Some(datapoint) = place.and_then(|place| seen.get_mut(place)) {
                    *datapoint = late.datapoint;
                }
            }
            if let Some(next) = decide(alarm, &seen).filter(|next| *next != state) {
                state = next;
                changes.push(Change { second: end + self.delay, state });
            }
            end += self.step;
        }
        changes
    }

    fn datapoint(&self, end: i64) -> Datapoint {
        let place = usize::try_from((end - self.start) / self.stride - 1);
        let window = place.ok().and_then(|place| self.windows.get(place));
        window.map_or(Datapoint::Unknown, |window| window.datapoint)
    }

    /// For windows that are complete only after their first evaluation, what each evaluation until
    /// then sees of them.
    fn find_late(&mut self, alarm: &Alarm, track: &Track) {
        let mut late = Vec::new();
        for (place, window) in (1..).zip(&self.windows) {
            let end = self.start + place * self.stride;
            if window.datapoint == Datapoint::Unknown || end + self.delay >= window.complete {
                continue;
            }
            for back in 0..i64::from(range(alarm)) {
                let evaluated = end + back * self.period;
                let now = evaluated + self.delay;
                if evaluated > self.last || now >= window.complete {
                    break;
                }
                let reading = track.reading(alarm.statistic, end - self.period, end, now);
                let datapoint = reading.map_or(Datapoint::Missing, Datapoint::There);
                late.push(Late { evaluated, end, datapoint });
            }
        }
        // Those of moments at which nothing is evaluated are never asked for.
        late.retain(|late| (late.evaluated - self.start) % self.step == 0);
        late.sort_by_key(|late| (late.evaluated, late.end));
        self.late = late;
    }
}

/// The alarm's period in seconds; at least one.
pub fn seconds(alarm: &Alarm) -> i64 {
    i64::try_from(alarm.period.as_secs()).unwrap_or(i64::MAX).max(1)
}

fn step(alarm: &Alarm) -> i64 {
    let period = seconds(alarm);
    match period.saturating_mul(i64::from(alarm.evaluation_periods)) {
        _ if period < 60 => 10,
        long if long > 86_400 => 3_600,
        _ => 60,
    }
}

fn greatest_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { greatest_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::alarm::{MissingData, Statistic};
    use crate::replay::fixture::alarm;
    use crate::replay::track::{Content, Slice};
    use std::time::Duration;

    const DELAY: i64 = 10;

    /// A minute each: `0` is 50, `X` is 95, `-` isn't there, a digit after it is how many minutes it
    /// is late: "X2".
    fn track(minutes: &str) -> (Track, Span) {
        let minutes: Vec<&str> = minutes.split(' ').collect();
        let slices = (0..).zip(&minutes).filter_map(|(place, minute)| {
            let value = match minute.get(..1)? {
                "X" => 95.0,
                "0" => 50.0,
                _ => return None,
            };
            let late: i64 = minute[1..].parse().unwrap_or(0);
            let start = place * 60;
            let known = start + 60 + DELAY + late * 60;
            Some(Slice { start, known, content: Content::Values(vec![(value, 600)]) })
        });
        let track = Track::new(60, slices.collect());
        (track, Span { from: 0, to: minutes.len() as i64 * 60 - 1 })
    }

    /// The state after each evaluation: `A`, `O`, `I`.
    fn states(alarm: &Alarm, minutes: &str) -> String {
        let (track, span) = track(minutes);
        let evaluations = Evaluations::new(alarm, &track, span, DELAY);
        let changes = evaluations.changes(alarm);
        let ends =
            (1..).map(|place| place * evaluations.step).take_while(|end| *end <= span.to + 1);
        let state = |end: i64| {
            let before = changes.iter().take_while(|change| change.second <= end + DELAY);
            match before.last().unwrap().state {
                State::Alarm => 'A',
                State::Ok => 'O',
                State::InsufficientData => 'I',
            }
        };
        ends.map(state).collect()
    }

    /// M of N and what missing data is, over minutes.
    fn of(m: u32, n: u32, missing_data: MissingData) -> Alarm {
        let (datapoints_to_alarm, evaluation_periods) = (m, n);
        Alarm { datapoints_to_alarm, evaluation_periods, missing_data, ..alarm("> 90") }
    }

    #[test]
    fn alarms_follow_their_datapoints() {
        use MissingData::{Breaching, Ignore, Missing, NotBreaching};
        // M, N, missing data, minutes, the state after each.
        let cases = [
            // The figure of "Alarm evaluation": three in a row alarm, one that isn't ends it, a single
            // one later does nothing.
            (3, 3, Missing, "0 0 X X X 0 0 0 X 0", "OOOOAOOOOO"),
            (2, 3, Missing, "0 X 0 X 0 0 X X 0 0", "OOOAOOOAAO"),
            (1, 1, Missing, "0 X 0 X X 0", "OAOAAO"),
            // Recovery where nothing more is sent, as of a sparse metric: the last datapoint counts
            // until it leaves the range.
            (1, 1, NotBreaching, "0 X - - - -", "OAAAOO"),
            (1, 1, Missing, "0 X - - - -", "OAAAII"),
            (1, 1, Ignore, "0 X - - - -", "OAAAAA"),
            (1, 1, Breaching, "0 X 0 - - - -", "OAOOOAA"),
            // A host that falls silent and comes back.
            (3, 3, Breaching, "0 0 0 - - - - - 0 0", "OOOOOOOAOO"),
            (3, 3, NotBreaching, "X X X - - - - - 0", "OOAAAOOOO"),
            (3, 3, Missing, "X X X - - - - - 0", "IIAAAAAIO"),
            (3, 3, Ignore, "X X X - - - - - 0", "IIAAAAAAO"),
            // Late by a minute, and by three: then the datapoint counts as if it had always been there.
            (3, 3, Missing, "0 X X X1 0", "OOOOO"),
            (3, 3, Missing, "0 X X X1 X X", "OOOOAA"),
            (1, 1, NotBreaching, "0 X1 - - -", "OOAAO"),
            (1, 1, NotBreaching, "0 X3 - - -", "OOOOO"),
            (2, 5, Missing, "0 0 X3 X 0 0 0", "OOOOOAA"),
            // The newest minute is always missing when it is looked at.
            (3, 3, Breaching, "01 01 01 01 X1 X1 X1 X1", "IOOOOOOA"),
        ];
        for (m, n, missing_data, minutes, expected) in cases {
            let found = states(&of(m, n, missing_data), minutes);
            assert_eq!(found, expected, "{minutes}, {m} of {n}, {missing_data:?}");
        }
    }

    /// "At the end of minute 5 the alarm evaluates data of minutes 1 to 5, then 2 to 6."
    #[test]
    fn long_periods_are_evaluated_every_minute() {
        let maximum = Alarm {
            period: Duration::from_secs(300),
            statistic: Statistic::Maximum,
            ..of(1, 1, MissingData::Missing)
        };
        assert_eq!(states(&maximum, "0 0 0 0 0 0 X 0 0 0 0 0 0"), "IIIIOOAAAAAOO");
        let average = Alarm { statistic: Statistic::Average, ..maximum };
        assert_eq!(states(&average, "0 0 X X X X X X 0 0"), "IIIIOOAAOO");
        let (track, span) = track("0 0 0 0 0 0 X 0 0 0");
        let evaluations = Evaluations::new(&average, &track, span, DELAY);
        assert_eq!(evaluations.readings().collect::<Vec<_>>(), [(300, 50.0), (600, 59.0)]);
    }

    #[test]
    fn short_and_very_long_periods_have_their_own_pace() {
        let of = |period, evaluation_periods| {
            step(&Alarm {
                period: Duration::from_secs(period),
                evaluation_periods,
                ..alarm("> 90")
            })
        };
        assert_eq!([of(10, 3), of(30, 3), of(60, 1_440), of(3_600, 25)], [10, 10, 60, 3_600]);
        // Of five minutes each, a history can't be looked at every minute.
        let slices = (0..4).map(|place| Slice {
            start: place * 300 + 120,
            known: place * 300 + 430,
            content: Content::Values(vec![(95.0, 600)]),
        });
        let track = Track::new(300, slices.collect());
        let alarm = alarm("> 90");
        let span = Span { from: 120, to: 1_319 };
        let evaluations = Evaluations::new(&alarm, &track, span, DELAY);
        let changes = evaluations.changes(&alarm);
        assert_eq!((evaluations.period, evaluations.last()), (300, 1_330));
        let alarmed = Change { second: 1_030, state: State::Alarm };
        assert_eq!(changes, [Change { second: 120, state: State::InsufficientData }, alarmed]);
    }

    #[test]
    fn without_an_evaluation_nothing_changes() {
        let (track, _) = track("X");
        let alarm = alarm("> 90");
        let evaluations = Evaluations::new(&alarm, &track, Span { from: 0, to: 30 }, DELAY);
        assert_eq!(evaluations.changes(&alarm).len(), 1);
        assert_eq!(evaluations.readings().count(), 0);
    }
}
