//! How long the available memory lasts if it goes on falling as it did: MinutesToExhaustion.
//!
//! Programs that collect their garbage now and then take memory and give it back, so what counts is
//! what is available at best: the maximum of each bucket of five minutes, with its time. Over the
//! buckets of the last two hours, at least one hour, the slope is the median of the slopes between
//! any two of them (Theil and Sen), which neither a sawtooth nor a few outliers move. There is a
//! forecast only where that fall is no chance (Kendall's S at four times its standard deviation)
//! and amounts to a hundredth of the usable memory; the line is then followed down to zero.
//!
//! A sawtooth is told from a leak once its period fits into what was seen about twice.

use crate::clock::Boottime;
use std::collections::VecDeque;

/// Recent maxima of the available memory. Adding a sample allocates nothing.
#[derive(Debug)]
pub struct Forecast {
    /// The complete buckets, oldest first.
    peaks: VecDeque<Peak>,
    open: Option<(u64, Peak)>,
    usable: f64,
    /// What the complete buckets say.
    line: Option<Line>,
    /// Room for the slopes of all pairs.
    slopes: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Peak {
    /// Seconds since boot.
    at: f64,
    /// Bytes.
    available: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    /// Bytes a second; falling.
    slope: f64,
    /// At the second 0 of the boot.
    start: f64,
}

impl Default for Forecast {
    fn default() -> Forecast {
        Forecast {
            peaks: VecDeque::with_capacity(BUCKETS + 1),
            open: None,
            usable: 0.0,
            line: None,
            slopes: Vec::with_capacity(BUCKETS * (BUCKETS - 1) / 2),
        }
    }
}

impl Forecast {
    /// Takes a sample in: `available` of `usable` bytes.
    pub fn observe(&mut self, at: Boottime, available: f64, usable: f64) {
        let peak = Peak { at: at.0 as f64 / 1e6, available };
        let bucket = at.0 / (BUCKET * 1_000_000);
        self.usable = usable;
        match &mut self.open {
            Some((open, best)) if *open == bucket => {
                if available > best.available {
                    *best = peak;
                }
            }
            _ => {
                let complete = self.open.replace((bucket, peak));
                self.peaks.extend(complete.map(|(_, peak)| peak));
                let oldest = peak.at - (BUCKETS as u64 * BUCKET) as f64 - BUCKET as f64;
                while self.peaks.front().is_some_and(|peak| peak.at < oldest)
                    || self.peaks.len() > BUCKETS
                {
                    self.peaks.pop_front();
                }
                self.line = self.fit();
            }
        }
    }

    /// Minutes from `now` until nothing is available; `None` where it doesn't fall.
    pub fn minutes(&self, now: Boottime) -> Option<f64> {
        let Line { slope, start } = self.line?;
        let left = start + slope * (now.0 as f64 / 1e6);
        Some((left / -slope / 60.0).max(0.0))
    }

    fn fit(&mut self) -> Option<Line> {
        let count = self.peaks.len();
        if count < FEWEST {
            return None;
        }
        self.slopes.clear();
        let mut surplus = 0_i64;
        for (place, one) in self.peaks.iter().enumerate() {
            for other in self.peaks.range(place + 1..) {
                let slope = (other.available - one.available) / (other.at - one.at);
                surplus += i64::from(slope < 0.0) - i64::from(slope > 0.0);
                self.slopes.push(slope);
            }
        }
        let slope = median(&mut self.slopes)?;
        let span = self.peaks.back()?.at - self.peaks.front()?.at;
        let is_chance = (surplus as f64) < SURE * deviation(count);
        if is_chance || -slope * span < LEAST_FALL * self.usable {
            return None;
        }
        self.slopes.clear();
        self.slopes.extend(self.peaks.iter().map(|peak| peak.available - slope * peak.at));
        let start = median(&mut self.slopes)?;
        Some(Line { slope, start })
    }
}

/// The standard deviation of Kendall's S over so many values without a trend.
fn deviation(count: usize) -> f64 {
    let count = count as f64;
    (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt()
}

/// The middle one, the lower of two.
fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}

/// In seconds.
const BUCKET: u64 = 5 * 60;
/// Two hours.
const BUCKETS: usize = 24;
/// An hour.
const FEWEST: usize = 12;
/// In standard deviations: a chance of one in thirty thousand.
const SURE: f64 = 4.0;
/// A share of the usable memory.
const LEAST_FALL: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USABLE: f64 = 16e9;

    /// Ten seconds apart, from `begin` seconds after boot on; gives the last forecast.
    fn follow(begin: u64, seconds: u64, available: impl Fn(f64) -> f64) -> Option<f64> {
        let mut forecast = Forecast::default();
        let mut minutes = None;
        for second in (0..=seconds).step_by(10) {
            let at = Boottime((begin + second) * 1_000_000);
            forecast.observe(at, available(second as f64).clamp(0.0, USABLE), USABLE);
            minutes = forecast.minutes(at);
        }
        minutes
    }

    /// Drawn from -1 to 1, always the same for the same seed and time.
    fn noise(seed: u64, second: f64) -> f64 {
        fastrand::Rng::with_seed(seed ^ (second as u64).wrapping_mul(0x9e37_79b9)).f64() * 2.0 - 1.0
    }

    const HOUR: u64 = 3_600;

    #[test]
    fn nothing_is_said_before_an_hour_was_seen() {
        let leak = |second| 8e9 - 1e6 * second;
        assert_eq!(follow(0, 3_590, leak), None);
        let minutes = follow(0, 3_610, leak).unwrap();
        assert!((minutes - (8e9 / 1e6 - 3_610.0) / 60.0).abs() < 0.01, "{minutes}");
    }

    #[test]
    fn what_stands_still_or_grows_has_no_end() {
        assert_eq!(follow(0, 3 * HOUR, |_| 8e9), None);
        assert_eq!(follow(0, 3 * HOUR, |second| 4e9 + 1e5 * second), None);
        // Half a percent in two hours is nothing to wake anyone for.
        assert_eq!(follow(0, 3 * HOUR, |second| 8e9 - 0.005 * USABLE * second / 7_200.0), None);
    }

    #[test]
    fn a_leak_that_ends_is_forgotten() {
        let leak = |until: f64| move |second: f64| 15e9 - 1e6 * second.min(until);
        assert!(follow(0, 2 * HOUR, leak(7_200.0)).is_some());
        assert_eq!(follow(0, 6 * HOUR, leak(7_200.0)), None);
    }

    #[test]
    fn a_gap_counts_as_time() {
        let mut forecast = Forecast::default();
        let leak = |second: u64| 10e9 - 1e5 * second as f64;
        for second in (0..HOUR).chain(HOUR + 1_500..2 * HOUR) {
            forecast.observe(Boottime(second * 1_000_000), leak(second), USABLE);
        }
        let minutes = forecast.minutes(Boottime(2 * HOUR * 1_000_000)).unwrap();
        assert!((minutes - leak(2 * HOUR) / 1e5 / 60.0).abs() < 1.0, "{minutes}");
        // A host that slept for hours begins anew.
        forecast.observe(Boottime(9 * HOUR * 1_000_000), 1e9, USABLE);
        assert_eq!(forecast.minutes(Boottime(9 * HOUR * 1_000_000)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A steady leak, with noise on it and a sawtooth too, gives the right minutes.
        #[test]
        fn a_leak_gives_its_minutes(
            begin in 0_u64..100_000, hours in 3_u64..5, rate in 2e5_f64..5e5,
            seed in any::<u64>(), noisy in 0.0_f64..1e8, tooth in 0.0_f64..1e9, cycle in 20_u64..300,
        ) {
            let saw = |second: f64| tooth * ((second / cycle as f64) % 1.0);
            let leak = |second: f64| 15e9 - rate * second - saw(second) + noisy * noise(seed, second);
            let minutes = follow(begin, hours * HOUR, leak);
            let expected = (15e9 - rate * (hours * HOUR) as f64) / rate / 60.0;
            let minutes = minutes.ok_or_else(|| TestCaseError::fail("no forecast"))?;
            prop_assert!((minutes / expected - 1.0).abs() < 0.15, "{minutes} instead of {expected}");
        }

        /// Garbage that is collected is no leak, whatever the size and period of the teeth.
        #[test]
        fn a_sawtooth_has_no_end(
            begin in 0_u64..100_000, hours in 2_u64..6, phase in 0.0_f64..1.0,
            tooth in 1e8_f64..8e9, cycle in 10_u64..3_600,
        ) {
            let saw = |second: f64| 12e9 - tooth * ((second / cycle as f64 + phase) % 1.0);
            prop_assert_eq!(follow(begin, hours * HOUR, saw), None);
        }

        #[test]
        fn noise_has_no_end(begin in 0_u64..100_000, seed in any::<u64>(), size in 1e6_f64..7e9) {
            prop_assert_eq!(follow(begin, 3 * HOUR, |second| 8e9 + size * noise(seed, second)), None);
        }

        /// Nothing is an infinity or no number, whatever is put in.
        #[test]
        fn a_forecast_is_a_number(values in proptest::collection::vec((0_u64..u64::MAX / 2, any::<u64>()), 0..200)) {
            let mut forecast = Forecast::default();
            for (at, available) in values {
                forecast.observe(Boottime(at), available as f64, USABLE);
                if let Some(minutes) = forecast.minutes(Boottime(at)) {
                    prop_assert!(minutes.is_finite() && minutes >= 0.0);
                }
            }
        }
    }
}
