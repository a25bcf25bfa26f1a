//! How long an alarm waits: the counts of datapoints that mean the same time at any period.

use crate::config::Publish;
use std::time::Duration;

/// What the counts of a recipe for periods of a minute stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// So many minutes of so many.
    Minutes(u32, u32),
    /// At once: a single datapoint.
    Event,
    /// So many minutes without any: what is late mustn't look like silence.
    Silence(u32),
    /// So many periods of so many, though a minute each at least: what takes its time by the period.
    Periods(u32, u32),
}

/// How a configuration publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    pub period: Duration,
    pub every: Duration,
    pub spread: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub datapoints_to_alarm: u32,
    pub evaluation_periods: u32,
}

impl Rhythm {
    pub fn of(publish: &Publish) -> Rhythm {
        Rhythm { period: publish.period, every: publish.every, spread: publish.spread }
    }

    /// The shortest period that an alarm can have and that is made of whole periods: 10, 20 or 30 s
    /// or whole minutes (API reference, PutMetricAlarm, `Period`).
    pub fn alarm_period(&self) -> Duration {
        let short = [10, 20, 30].map(Duration::from_secs).into_iter();
        let minutes = (1..=60).map(|minutes| Duration::from_secs(60 * minutes));
        let mut all = short.chain(minutes);
        let fits =
            |alarm: &Duration| alarm.as_nanos().checked_rem(self.period.as_nanos()) == Some(0);
        all.find(fits).unwrap_or(Duration::from_secs(60))
    }

    /// By how much data come later than those of a period that is sent as soon as it ends.
    fn lateness(&self) -> Duration {
        match self.every > self.period {
            true => self.every - self.period + self.spread,
            false => Duration::ZERO,
        }
    }

    /// The counts that have this patience: what comes late finds room in the periods looked at.
    pub fn counts(&self, patience: Patience) -> Counts {
        let period = self.alarm_period();
        let of = |minutes: u32| periods(Duration::from_secs(60) * minutes, period).max(1);
        let late = periods(self.lateness(), period);
        let (least, most) = match patience {
            Patience::Minutes(least, most) => (of(least), of(most) + late),
            Patience::Event => (1, 1 + late),
            Patience::Silence(minutes) => {
                let silent = of(minutes).max(SHORTEST_SILENCE) + late;
                (silent, silent)
            }
            Patience::Periods(least, most) => {
                let least = of(least).max(least);
                (least, of(most).max(most).max(least))
            }
        };
        Counts { datapoints_to_alarm: least, evaluation_periods: most.max(least) }
    }
}

fn periods(time: Duration, period: Duration) -> u32 {
    let count = time.as_nanos().div_ceil(period.as_nanos().max(1));
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The last period has just ended, and its datum is on its way.
const SHORTEST_SILENCE: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(period: u64, every: u64) -> Rhythm {
        let second = Duration::from_secs(1);
        let spread = (second * u32::try_from(every).unwrap() / 6).min(second * 10);
        Rhythm {
            period: second * u32::try_from(period).unwrap(),
            every: Duration::from_secs(every),
            spread,
        }
    }

    #[track_caller]
    fn check(period: u64, every: u64, alarm: u64, expected: [&str; 5]) {
        let rhythm = rhythm(period, every);
        assert_eq!(rhythm.alarm_period(), Duration::from_secs(alarm));
        let counts = [
            Patience::Minutes(10, 15),
            Patience::Minutes(2, 3),
            Patience::Event,
            Patience::Silence(5),
            Patience::Periods(3, 5),
        ]
        .map(|patience| {
            let Counts { datapoints_to_alarm, evaluation_periods } = rhythm.counts(patience);
            format!("{datapoints_to_alarm} of {evaluation_periods}")
        });
        assert_eq!(counts, expected);
    }

    #[test]
    fn at_a_minute_the_recipes_are_what_they_are() {
        check(60, 60, 60, ["10 of 15", "2 of 3", "1 of 1", "5 of 5", "3 of 5"]);
    }

    #[test]
    fn shorter_periods_have_more_datapoints() {
        check(10, 10, 10, ["60 of 90", "12 of 18", "1 of 1", "30 of 30", "18 of 30"]);
        check(30, 30, 30, ["20 of 30", "4 of 6", "1 of 1", "10 of 10", "6 of 10"]);
    }

    #[test]
    fn longer_periods_have_fewer_but_never_one_for_silence() {
        check(120, 120, 120, ["5 of 8", "1 of 2", "1 of 1", "3 of 3", "3 of 5"]);
        check(300, 300, 300, ["2 of 3", "1 of 1", "1 of 1", "2 of 2", "3 of 5"]);
    }

    #[test]
    fn bursts_are_waited_for() {
        check(60, 300, 60, ["10 of 20", "2 of 8", "1 of 6", "10 of 10", "3 of 5"]);
        check(10, 60, 10, ["60 of 96", "12 of 24", "1 of 7", "36 of 36", "18 of 30"]);
    }

    #[test]
    fn periods_that_alarms_cannot_have_are_looked_at_in_longer_ones() {
        let period = |seconds| rhythm(seconds, seconds.max(10)).alarm_period().as_secs();
        let all = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 300].map(period);
        assert_eq!(all, [10, 10, 30, 20, 10, 30, 10, 60, 30, 20, 30, 60, 120, 180, 240, 300]);
    }

    /// Whether an alarm may look at so many periods at once (API reference, PutMetricAlarm,
    /// `EvaluationPeriods`): a day in all, or a week where they are of an hour and more.
    fn is_allowed(period: Duration, evaluation_periods: u32) -> bool {
        let hour = Duration::from_secs(3_600);
        let longest = if period < hour { hour * 24 } else { hour * 24 * 7 };
        period.checked_mul(evaluation_periods).is_some_and(|range| range <= longest)
    }

    /// Whatever can be configured.
    #[test]
    fn the_service_takes_every_count() {
        for period in [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 300] {
            for every in (1..=3_600 / period).map(|times| times * period) {
                let rhythm = Rhythm {
                    period: Duration::from_secs(period),
                    every: Duration::from_secs(every),
                    spread: Duration::from_secs(every) / 6,
                };
                for patience in [Patience::Minutes(10, 15), Patience::Silence(5), Patience::Event] {
                    let counts = rhythm.counts(patience);
                    assert!(counts.datapoints_to_alarm <= counts.evaluation_periods);
                    assert!(is_allowed(rhythm.alarm_period(), counts.evaluation_periods));
                }
            }
        }
        assert!(!is_allowed(Duration::from_secs(60), 1_441));
        assert!(is_allowed(Duration::from_secs(3_600), 168));
        assert!(!is_allowed(Duration::from_secs(3_600), 169));
    }
}
