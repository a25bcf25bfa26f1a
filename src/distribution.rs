//! Distinct values with counts: what a period's samples of one metric become.
//!
//! Values are rounded to their grain and counted by the time they stand for. Minimum, maximum and
//! sum stay exact. Where there are more distinct values than a datum holds, neighbouring bins are
//! joined two by two until they fit: the result depends on the values, not on their order.

use crate::units::Grain;
use std::sync::Arc;

/// API reference, `MetricDatum.Values`: at most 150 distinct values a datum.
pub const MAX_VALUES: usize = 150;

/// A folded set of values. Adding one allocates nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    grain: Grain,
    /// How often bins were joined two by two.
    level: u32,
    /// Sorted by index.
    bins: Vec<Bin>,
    minimum: Extreme,
    maximum: Extreme,
    sum: f64,
    count: u64,
}

/// What a datum carries of a distribution, in the API's terms.
#[derive(Debug, Clone, PartialEq)]
pub enum Statistics {
    /// Distinct values, rising, and the count of each. Shared: a datum that waits is also being
    /// written to the disk and sent.
    Values {
        values: Arc<[f64]>,
        counts: Arc<[u64]>,
    },
    Set {
        sample_count: u64,
        sum: f64,
        minimum: f64,
        maximum: f64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bin {
    index: i64,
    count: u64,
}

/// An exact value and how much of the count it has.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Extreme {
    value: f64,
    count: u64,
}

impl Distribution {
    pub fn new(grain: Grain) -> Distribution {
        Distribution {
            grain,
            level: 0,
            bins: Vec::with_capacity(MAX_BINS + 1),
            minimum: Extreme::default(),
            maximum: Extreme::default(),
            sum: 0.0,
            count: 0,
        }
    }

    /// Adds a finite `value` that stands for `count`; anything else changes nothing.
    pub fn add(&mut self, value: f64, count: u32) {
        if !value.is_finite() || count == 0 {
            return;
        }
        let count = u64::from(count);
        // Negative zero is zero; as a value of its own it would only look odd.
        let value = value + 0.0;
        if self.count == 0 {
            self.minimum = Extreme { value, count: 0 };
            self.maximum = self.minimum;
        }
        self.minimum.meet(value, count, value < self.minimum.value);
        self.maximum.meet(value, count, value > self.maximum.value);
        self.sum += value * count as f64;
        self.count += count;
        self.put(self.grain.index(value) >> self.level, count);
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether anything but zero was added.
    pub fn is_zero(&self) -> bool {
        self.minimum.value == 0.0 && self.maximum.value == 0.0
    }

    /// The sum of all counts.
    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn clear(&mut self) {
        self.bins.clear();
        self.level = 0;
        self.count = 0;
        self.sum = 0.0;
        self.minimum = Extreme::default();
        self.maximum = Extreme::default();
    }

    /// Distinct values and counts: the exact minimum and maximum, between them what was rounded.
    pub fn values(&self) -> Statistics {
        let (mut values, mut counts) = (Vec::new(), Vec::new());
        let mut push = |value: f64, count: u64| match values.last() {
            _ if count == 0 => {}
            Some(&last) if last == value => *counts.last_mut().unwrap_or(&mut 0) += count,
            _ => {
                values.push(value);
                counts.push(count);
            }
        };
        let (low, high) = (self.minimum.value, self.maximum.value);
        if low == high {
            push(low, self.count);
            return Statistics::Values { values: values.into(), counts: counts.into() };
        }
        push(low, self.minimum.count);
        for bin in &self.bins {
            let value = self.grain.value(bin.index, self.level).clamp(low, high);
            push(value, bin.count - self.extremes_in(bin.index));
        }
        push(high, self.maximum.count);
        Statistics::Values { values: values.into(), counts: counts.into() }
    }

    /// The four figures of a StatisticSet, all exact.
    pub fn set(&self) -> Statistics {
        Statistics::Set {
            sample_count: self.count,
            sum: self.sum,
            minimum: self.minimum.value,
            maximum: self.maximum.value,
        }
    }

    /// How much of a bin's count is sent as the exact minimum or maximum instead.
    fn extremes_in(&self, index: i64) -> u64 {
        let of = |extreme: &Extreme| {
            let same = self.grain.index(extreme.value) >> self.level == index;
            if same { extreme.count } else { 0 }
        };
        of(&self.minimum) + of(&self.maximum)
    }

    fn put(&mut self, index: i64, count: u64) {
        match self.bins.binary_search_by_key(&index, |bin| bin.index) {
            Ok(place) => self.bins[place].count += count,
            Err(place) => self.bins.insert(place, Bin { index, count }),
        }
        while self.bins.len() > MAX_BINS {
            self.join();
        }
    }

    fn join(&mut self) {
        self.level += 1;
        for bin in &mut self.bins {
            bin.index >>= 1;
        }
        self.bins.dedup_by(|next, kept| {
            let same = next.index == kept.index;
            if same {
                kept.count += next.count;
            }
            same
        });
    }
}

impl Extreme {
    fn meet(&mut self, value: f64, count: u64, beyond: bool) {
        if beyond {
            *self = Extreme { value, count };
        } else if value == self.value {
            self.count += count;
        }
    }
}

impl Grain {
    /// The place of `value` on the grain's grid: rising with the value, neighbours differ by one.
    fn index(self, value: f64) -> i64 {
        match self {
            // A cast from f64 saturates, so no value leaves the grid.
            Grain::Tenth => (value * 10.0).round() as i64,
            Grain::ThreeDigits => {
                let magnitude = three_digits(value.abs());
                if value < 0.0 { -magnitude } else { magnitude }
            }
        }
    }

    /// The value in the middle of the bin `index` after joining `level` times.
    fn value(self, index: i64, level: u32) -> f64 {
        let half = if level == 0 { 0 } else { 1i64.checked_shl(level - 1).unwrap_or(0) };
        let place = index.checked_mul(1i64.checked_shl(level).unwrap_or(i64::MAX)).unwrap_or(index);
        let place = place.saturating_add(half);
        match self {
            Grain::Tenth => place as f64 / 10.0,
            Grain::ThreeDigits => {
                let value = from_three_digits(place.unsigned_abs());
                if place < 0 { -value } else { value }
            }
        }
    }
}

/// 0 for what is smaller than the grid; else 900 places a decade, 100..=999 times a power of ten.
fn three_digits(value: f64) -> i64 {
    if value < SMALLEST {
        return 0;
    }
    let mut exponent = value.log10().floor() as i64 - 2;
    let mut digits = scale(value, -exponent).round() as i64;
    // log10 may be off by one next to a power of ten, and rounding may carry into the next decade.
    if digits < 100 {
        exponent -= 1;
        digits = scale(value, -exponent).round() as i64;
    }
    if digits > 999 {
        exponent += 1;
        digits = scale(value, -exponent).round() as i64;
    }
    (exponent + EXPONENT_OFFSET) * 900 + (digits.clamp(100, 999) - 100) + 1
}

fn from_three_digits(place: u64) -> f64 {
    let Some(place) = place.checked_sub(1) else { return 0.0 };
    let exponent = i64::try_from(place / 900).unwrap_or(i64::MAX).saturating_sub(EXPONENT_OFFSET);
    scale((place % 900 + 100) as f64, exponent)
}

/// value · 10^exponent; dividing by a power of ten keeps decimal fractions as they are written.
fn scale(value: f64, exponent: i64) -> f64 {
    let power = i32::try_from(exponent.unsigned_abs()).unwrap_or(i32::MAX);
    if exponent < 0 { value / 10f64.powi(power) } else { value * 10f64.powi(power) }
}

/// The exact minimum and maximum may each take a place of their own.
const MAX_BINS: usize = MAX_VALUES - 2;
/// Anything smaller counts as zero: no metric of ours has such values.
const SMALLEST: f64 = 1e-9;
const EXPONENT_OFFSET: i64 = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(grain: Grain, samples: &[(f64, u32)]) -> Distribution {
        let mut distribution = Distribution::new(grain);
        for &(value, count) in samples {
            distribution.add(value, count);
        }
        distribution
    }

    fn pairs(distribution: &Distribution) -> Vec<(f64, u64)> {
        let Statistics::Values { values, counts } = distribution.values() else { unreachable!() };
        values.iter().copied().zip(counts.iter().copied()).collect()
    }

    #[test]
    fn percents_round_to_tenths_between_exact_extremes() {
        let samples = [(10.04, 10), (10.12, 10), (10.26, 10), (10.14, 5), (10.04, 1)];
        let expected = [(10.04, 11), (10.1, 15), (10.26, 10)];
        assert_eq!(pairs(&folded(Grain::Tenth, &samples)), expected);
    }

    #[test]
    fn bytes_keep_three_digits() {
        let samples = [(1_234_567.0, 1), (5_555_555.0, 1), (5_550_001.0, 1), (98_765_432.0, 1)];
        let expected = [(1_234_567.0, 1), (5_550_000.0, 1), (5_560_000.0, 1), (98_765_432.0, 1)];
        assert_eq!(pairs(&folded(Grain::ThreeDigits, &samples)), expected);
    }

    #[test]
    fn one_value_is_itself() {
        assert_eq!(pairs(&folded(Grain::Tenth, &[(0.04, 7), (0.04, 3)])), [(0.04, 10)]);
        assert!(folded(Grain::Tenth, &[(0.0, 7)]).is_zero());
        assert!(folded(Grain::Tenth, &[(f64::NAN, 7), (f64::INFINITY, 1), (1.0, 0)]).is_empty());
    }

    #[test]
    fn grids_are_their_own_rounding() {
        for value in [0.0, 0.1, 0.3, 99.9, 100.0, -12.5] {
            assert_eq!(Grain::Tenth.value(Grain::Tenth.index(value), 0), value);
        }
        for value in [0.0, 1.0, 9.99, 10.0, 999.0, 1000.0, 1.23e15, -456.0, 0.001] {
            assert_eq!(Grain::ThreeDigits.value(Grain::ThreeDigits.index(value), 0), value);
        }
    }

    fn any_samples(largest: f64) -> impl Strategy<Value = Vec<(f64, u32)>> {
        proptest::collection::vec((0.0..=largest, 1u32..3_000), 1..600)
    }

    proptest! {
        #[test]
        fn counts_add_up_and_extremes_are_exact(samples in any_samples(100.0)) {
            let pairs = pairs(&folded(Grain::Tenth, &samples));
            let total: u64 = samples.iter().map(|sample| u64::from(sample.1)).sum();
            prop_assert_eq!(pairs.iter().map(|pair| pair.1).sum::<u64>(), total);
            let low = samples.iter().map(|sample| sample.0).fold(f64::MAX, f64::min);
            let high = samples.iter().map(|sample| sample.0).fold(0.0, f64::max);
            prop_assert_eq!(pairs[0].0, low);
            prop_assert_eq!(pairs[pairs.len() - 1].0, high);
            prop_assert!(pairs.len() <= MAX_VALUES);
            prop_assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0));
        }

        #[test]
        fn the_weighted_mean_is_the_time_average(samples in any_samples(100.0)) {
            let distribution = folded(Grain::Tenth, &samples);
            let pairs = pairs(&distribution);
            let total: f64 = pairs.iter().map(|pair| pair.1 as f64).sum();
            let mean = pairs.iter().map(|pair| pair.0 * pair.1 as f64).sum::<f64>() / total;
            let exact = samples.iter().map(|sample| sample.0 * f64::from(sample.1)).sum::<f64>() / total;
            let grain = 0.1 * f64::from(1 << distribution.level);
            prop_assert!((mean - exact).abs() <= grain, "{mean} is not {exact} to {grain}");
            let Statistics::Set { sum, .. } = distribution.set() else { unreachable!() };
            prop_assert!((sum / total - exact).abs() < 1e-6);
        }

        #[test]
        fn rounded_bytes_stay_within_their_digits(samples in any_samples(1e12)) {
            let distribution = folded(Grain::ThreeDigits, &samples);
            let pairs = pairs(&distribution);
            prop_assert!(pairs.len() <= MAX_VALUES);
            let total: f64 = pairs.iter().map(|pair| pair.1 as f64).sum();
            let mean = pairs.iter().map(|pair| pair.0 * pair.1 as f64).sum::<f64>() / total;
            let exact = samples.iter().map(|sample| sample.0 * f64::from(sample.1)).sum::<f64>() / total;
            // One place of the grid is at most a hundredth, joined bins so many times more.
            let grain = 10f64.powf(f64::from(1u32 << distribution.level) / 200.0) - 1.0;
            prop_assert!((mean - exact).abs() <= exact * grain.max(0.005) + 1e-9, "{mean} is not {exact}");
        }

        #[test]
        fn any_values_fit(samples in proptest::collection::vec((any::<f64>(), 1u32..9), 0..900)) {
            for grain in [Grain::Tenth, Grain::ThreeDigits] {
                let distribution = folded(grain, &samples);
                let pairs = pairs(&distribution);
                prop_assert!(pairs.len() <= MAX_VALUES);
                prop_assert_eq!(pairs.iter().map(|pair| pair.1).sum::<u64>(), distribution.count());
            }
        }

        #[test]
        fn order_changes_nothing(mut samples in any_samples(100.0)) {
            let one = pairs(&folded(Grain::Tenth, &samples));
            samples.reverse();
            prop_assert_eq!(one, pairs(&folded(Grain::Tenth, &samples)));
        }
    }
}
