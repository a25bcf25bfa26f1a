//! When slow signals are read: at most six times a period and every ten seconds, in the middle of
//! equal pieces of the period, so that no reading falls on its edge; and never for more than a
//! hundredth of the time.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::units::Tenths;
use std::time::Duration;

#[derive(Debug)]
pub struct Pace {
    grain: Duration,
    /// The piece of the last reading, shifted by half of one.
    slot: Option<Timestamp>,
    /// Up to here the readings stand for all time.
    covered: Option<Boottime>,
    not_before: Boottime,
}

impl Pace {
    pub fn new(period: Duration) -> Pace {
        let pieces = (period.as_secs() / SHORTEST.as_secs()).clamp(1, MOST);
        let grain = period / u32::try_from(pieces).unwrap_or(1);
        Pace { grain, slot: None, covered: None, not_before: Boottime(0) }
    }

    /// What the reading that is due now stands for; `None` where none is. The first one stands for
    /// `first`.
    pub fn due(&mut self, now: Moment, first: Tenths) -> Option<Tenths> {
        let slot = now.wall.plus(self.grain / 2).floor(self.grain);
        if self.slot == Some(slot) || now.boot < self.not_before {
            return None;
        }
        self.slot = Some(slot);
        let elapsed = self.covered.map(|covered| now.boot.since(covered));
        match elapsed {
            // What is missed isn't covered.
            Some(elapsed) if elapsed > self.grain * 3 / 2 => {
                self.covered = Some(now.boot);
                Tenths::from_duration(self.grain)
            }
            Some(elapsed) => {
                // Rounded, and what rounding takes or gives comes with the next.
                let tenths = u32::try_from((elapsed.as_millis() + 50) / 100).unwrap_or(0);
                let covered = Tenths(tenths);
                self.covered = self.covered.map(|before| before.plus(covered.duration()));
                Some(covered).filter(|covered| covered.0 > 0)
            }
            None => {
                self.covered = Some(now.boot);
                Some(first)
            }
        }
    }

    /// A reading was finished, which took so long.
    pub fn took(&mut self, took: Duration, now: Boottime) {
        self.not_before = now.plus(took * SHARE);
    }
}

const SHORTEST: Duration = Duration::from_secs(10);
/// Readings a period.
const MOST: u64 = 6;
/// The time that passes after a reading, in multiples of what it took.
const SHARE: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Moment {
        let wall = Timestamp(i64::try_from(millis).unwrap());
        Moment { wall, boot: Boottime(millis * 1_000) }
    }

    /// The seconds of a minute at which something is read, and what it stands for.
    fn readings(period: u64, from: u64, until: u64) -> Vec<(u64, u32)> {
        let mut pace = Pace::new(Duration::from_secs(period));
        let due = |second| Some((second, pace.due(at(second * 1_000), Tenths(10))?.0));
        (from..until).filter_map(due).collect()
    }

    #[test]
    fn six_times_a_minute_in_the_middle_of_its_pieces() {
        let expected =
            [(3, 10), (5, 20), (15, 100), (25, 100), (35, 100), (45, 100), (55, 100), (65, 100)];
        assert_eq!(readings(60, 3, 70), expected);
        assert_eq!(readings(300, 0, 120), [(0, 10), (25, 250), (75, 500)]);
        assert_eq!(readings(1, 0, 3), [(0, 10), (1, 10), (2, 10)]);
        assert_eq!(readings(15, 0, 40), [(0, 10), (8, 80), (23, 150), (38, 150)]);
        for period in [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 300] {
            let grain = Pace::new(Duration::from_secs(period)).grain;
            assert!((Duration::from_secs(period).as_millis()).is_multiple_of(grain.as_millis()));
            assert!(Tenths::from_duration(grain).is_some());
        }
    }

    #[test]
    fn what_takes_long_is_read_more_seldom() {
        let mut pace = Pace::new(Duration::from_secs(60));
        pace.due(at(0), Tenths(10)).unwrap();
        pace.took(Duration::from_millis(300), at(1_000).boot);
        assert_eq!(pace.due(at(5_000), Tenths(10)), None);
        assert_eq!(pace.due(at(30_000), Tenths(10)), None);
        // Thirty seconds were missed; ten are covered.
        assert_eq!(pace.due(at(31_000), Tenths(10)), Some(Tenths(100)));
    }

    proptest! {
        /// Whatever the jitter, what the readings stand for adds up to the time that passed.
        #[test]
        fn nothing_is_covered_twice(jitter in proptest::collection::vec(0_u64..400, 600)) {
            let mut pace = Pace::new(Duration::from_secs(60));
            let (mut sum, mut last) = (0, 0);
            for (second, jitter) in jitter.iter().enumerate() {
                let now = second as u64 * 1_000 + jitter;
                if let Some(covered) = pace.due(at(now), Tenths(0)) {
                    sum += u64::from(covered.0);
                    last = now;
                }
            }
            prop_assert!((sum * 100).abs_diff(last - jitter[0]) <= 50, "{sum} {last}");
        }
    }
}
