//! One metric's data as it is had, and the statistic that CloudWatch would make of any span of it.

use crate::alarms::alarm::Statistic;
use crate::replay::rules::Reading;

/// In the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// The seconds that a slice covers.
    pub grain: i64,
    slices: Vec<Slice>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// The second it begins, since the epoch.
    pub start: i64,
    /// From when on the service has it.
    pub known: i64,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Distinct values, rising, and how often each: what was published.
    Values(Vec<(f64, u64)>),
    /// What a history says of it.
    Figures(Figures),
}

/// The statistics of a period, those that are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    pub average: Option<f64>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub sum: Option<f64>,
    pub sample_count: Option<f64>,
    /// Percentiles with their values.
    pub percentiles: Vec<(f64, f64)>,
    /// The value of a statistic that isn't named.
    pub unnamed: Option<f64>,
}

/// Where a statistic comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    Exactly,
    /// The mean of averages that aren't weighted, as the samples of each aren't known.
    Unweighted,
    /// The history doesn't say of which statistic its values are.
    Unnamed,
    Not,
}

impl Track {
    pub fn new(grain: i64, mut slices: Vec<Slice>) -> Track {
        slices.sort_by_key(|slice| slice.start);
        Track { grain: grain.max(1), slices }
    }

    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// The statistic over the seconds from `from` to before `to`, of what is known by `now`. A slice
    /// that lies in them in part only isn't of them.
    pub fn reading(&self, statistic: Statistic, from: i64, to: i64, now: i64) -> Option<Reading> {
        let first = self.slices.partition_point(|slice| slice.start < from);
        let within = self.slices.get(first..)?.iter();
        let within = within.take_while(|slice| slice.start.saturating_add(self.grain) <= to);
        let slices: Vec<&Content> =
            within.filter(|slice| slice.known <= now).map(|slice| &slice.content).collect();
        let samples = total(&slices, Content::sample_count);
        Some(Reading { value: value(statistic, &slices, samples)?, samples })
    }

    /// From when on everything between `from` and before `to` is known.
    pub fn complete(&self, from: i64, to: i64) -> i64 {
        let first = self.slices.partition_point(|slice| slice.start < from);
        let within = self.slices.iter().skip(first);
        let within = within.take_while(|slice| slice.start.saturating_add(self.grain) <= to);
        within.map(|slice| slice.known).max().unwrap_or(i64::MIN)
    }

    /// Whether the statistic over `period` seconds can be had of this track at all.
    pub fn gives(&self, statistic: Statistic, period: i64) -> Given {
        let figures = self.slices.iter().filter_map(|slice| match &slice.content {
            Content::Figures(figures) => Some(figures),
            Content::Values(_) => None,
        });
        let figures: Vec<&Figures> = figures.collect();
        if figures.is_empty() {
            return Given::Exactly;
        }
        let alone = period <= self.grain;
        let has = |get: fn(&Figures) -> Option<f64>| figures.iter().any(|one| get(one).is_some());
        let weighted = || figures.iter().all(|one| one.total().is_some());
        let named = match statistic {
            Statistic::Average if weighted() => Given::Exactly,
            Statistic::Average if has(|one| one.average) => {
                if alone {
                    Given::Exactly
                } else {
                    Given::Unweighted
                }
            }
            Statistic::Minimum if has(|one| one.minimum) => Given::Exactly,
            Statistic::Maximum if has(|one| one.maximum) => Given::Exactly,
            Statistic::Sum if has(Figures::sum) => Given::Exactly,
            Statistic::SampleCount if has(|one| one.sample_count) => Given::Exactly,
            Statistic::Percentile(percentile)
                if alone && figures.iter().any(|one| one.percentile(percentile).is_some()) =>
            {
                Given::Exactly
            }
            _ => Given::Not,
        };
        // A count of samples is nothing that a metric is looked at for.
        let guessed = statistic != Statistic::SampleCount && has(|one| one.unnamed);
        let guessed = guessed && (alone || !matches!(statistic, Statistic::Percentile(_)));
        if named == Given::Not && guessed { Given::Unnamed } else { named }
    }
}

impl Content {
    fn sample_count(&self) -> Option<f64> {
        match self {
            Content::Values(values) => Some(values.iter().map(|(_, count)| *count as f64).sum()),
            Content::Figures(figures) => figures.sample_count,
        }
    }

    fn sum(&self) -> Option<f64> {
        match self {
            Content::Values(values) => {
                Some(values.iter().map(|(value, count)| value * *count as f64).sum())
            }
            Content::Figures(figures) => figures.sum().or(figures.unnamed),
        }
    }

    fn average(&self) -> Option<f64> {
        match self {
            Content::Values(_) => Some(self.sum()? / self.sample_count()?),
            Content::Figures(figures) => {
                let total = figures.total().map(|(sum, samples)| sum / samples);
                figures.average.or(total).or(figures.unnamed)
            }
        }
    }

    fn minimum(&self) -> Option<f64> {
        match self {
            Content::Values(values) => values.first().map(|(value, _)| *value),
            Content::Figures(figures) => figures.minimum.or(figures.unnamed),
        }
    }

    fn maximum(&self) -> Option<f64> {
        match self {
            Content::Values(values) => values.last().map(|(value, _)| *value),
            Content::Figures(figures) => figures.maximum.or(figures.unnamed),
        }
    }
}

impl Figures {
    fn sum(&self) -> Option<f64> {
        self.sum.or_else(|| Some(self.average? * self.sample_count?))
    }

    /// Sum and SampleCount.
    fn total(&self) -> Option<(f64, f64)> {
        let samples = self.sample_count.filter(|samples| *samples > 0.0)?;
        Some((self.sum()?, samples))
    }

    fn percentile(&self, percentile: f64) -> Option<f64> {
        let same = |(known, _): &&(f64, f64)| (known - percentile).abs() < 1e-9;
        self.percentiles.iter().find(same).map(|(_, value)| *value)
    }
}

fn value(statistic: Statistic, slices: &[&Content], samples: Option<f64>) -> Option<f64> {
    let all = |get: fn(&Content) -> Option<f64>| slices.iter().filter_map(move |one| get(one));
    match statistic {
        Statistic::SampleCount => samples.filter(|samples| *samples > 0.0),
        Statistic::Sum => total(slices, Content::sum),
        Statistic::Minimum => all(Content::minimum).reduce(f64::min),
        Statistic::Maximum => all(Content::maximum).reduce(f64::max),
        Statistic::Average => {
            let sums = slices.iter().map(|one| match one {
                Content::Figures(Figures { sum: None, unnamed: Some(_), .. }) => None,
                other => other.sum(),
            });
            let sum = sums.collect::<Option<Vec<f64>>>().map(|sums| sums.iter().sum::<f64>());
            match (sum, samples) {
                (Some(sum), Some(samples)) if samples > 0.0 => Some(sum / samples),
                _ => {
                    let count = all(Content::average).count();
                    (count > 0).then(|| all(Content::average).sum::<f64>() / count as f64)
                }
            }
        }
        Statistic::Percentile(percentile) => percentile_of(percentile, slices),
    }
}

/// `None` where nothing is there, or where it isn't known of one of them.
fn total(slices: &[&Content], get: fn(&Content) -> Option<f64>) -> Option<f64> {
    let each: Option<Vec<f64>> = slices.iter().map(|one| get(one)).collect();
    each.filter(|each| !each.is_empty()).map(|each| each.iter().sum())
}

/// The lowest value that at least so many percent of the samples don't exceed.
fn percentile_of(percentile: f64, slices: &[&Content]) -> Option<f64> {
    let mut values: Vec<(f64, u64)> = Vec::new();
    for content in slices {
        match content {
            Content::Values(pairs) => values.extend(pairs),
            // Percentiles of several periods don't add up.
            Content::Figures(figures) if slices.len() == 1 => {
                return figures.percentile(percentile).or(figures.unnamed);
            }
            Content::Figures(_) => return None,
        }
    }
    values.sort_by(|one, other| one.0.total_cmp(&other.0));
    let samples: u64 = values.iter().map(|(_, count)| count).sum();
    let wanted = percentile / 100.0 * samples as f64;
    let mut passed = 0;
    let reached = values.iter().find(|(_, count)| {
        passed += count;
        passed as f64 + 1e-9 >= wanted
    });
    reached.map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Statistic; 7] = [
        Statistic::Average,
        Statistic::Minimum,
        Statistic::Maximum,
        Statistic::Sum,
        Statistic::SampleCount,
        Statistic::Percentile(50.0),
        Statistic::Percentile(99.0),
    ];

    fn slice(start: i64, content: Content) -> Slice {
        Slice { start, known: start + 70, content }
    }

    fn told(track: &Track, from: i64, to: i64) -> Vec<Option<f64>> {
        let value = |statistic| track.reading(statistic, from, to, i64::MAX);
        ALL.iter().map(|statistic| value(*statistic).map(|reading| reading.value)).collect()
    }

    #[test]
    fn distributions_give_every_statistic_of_one_period_and_of_several() {
        let values = |pairs: &[(f64, u64)]| Content::Values(pairs.to_vec());
        let track = Track::new(
            60,
            vec![slice(60, values(&[(90.0, 10)])), slice(0, values(&[(40.0, 590), (80.0, 10)]))],
        );
        let some = |values: [f64; 7]| values.map(Some).to_vec();
        let first = [24_400.0 / 600.0, 40.0, 80.0, 24_400.0, 600.0, 40.0, 80.0];
        assert_eq!(told(&track, 0, 60), some(first));
        let both = [25_300.0 / 610.0, 40.0, 90.0, 25_300.0, 610.0, 40.0, 90.0];
        assert_eq!(told(&track, 0, 120), some(both));
        assert_eq!(told(&track, 120, 180), [None; 7]);
        // Not one of them as a whole.
        assert_eq!(told(&track, 30, 90), [None; 7]);
        assert_eq!(track.gives(Statistic::Percentile(99.0), 300), Given::Exactly);
    }

    #[test]
    fn what_isn_t_known_yet_isn_t_counted() {
        let values = |value| Content::Values(vec![(value, 600)]);
        let track = Track::new(60, vec![slice(0, values(40.0)), slice(60, values(90.0))]);
        let at = |now| track.reading(Statistic::Maximum, 0, 120, now).map(|one| one.value);
        assert_eq!([at(69), at(70), at(129), at(130)], [None, Some(40.0), Some(40.0), Some(90.0)]);
        assert_eq!([track.complete(0, 120), track.complete(0, 60)], [130, 70]);
        assert_eq!(track.complete(120, 180), i64::MIN);
    }

    #[test]
    fn a_history_gives_what_it_has() {
        let figures = |figures| Track::new(60, vec![slice(0, Content::Figures(figures))]);
        let average = figures(Figures { average: Some(40.0), ..Figures::default() });
        assert_eq!(average.gives(Statistic::Average, 60), Given::Exactly);
        assert_eq!(average.gives(Statistic::Average, 300), Given::Unweighted);
        assert_eq!(average.gives(Statistic::Maximum, 60), Given::Not);
        assert_eq!(told(&average, 0, 60)[..2], [Some(40.0), None]);
        let counted =
            Figures { average: Some(40.0), sample_count: Some(600.0), ..Figures::default() };
        let counted = figures(counted);
        assert_eq!(counted.gives(Statistic::Average, 300), Given::Exactly);
        assert_eq!(counted.gives(Statistic::Sum, 300), Given::Exactly);
        assert_eq!(told(&counted, 0, 60)[3], Some(24_000.0));
        let unnamed = figures(Figures { unnamed: Some(7.0), ..Figures::default() });
        assert_eq!(unnamed.gives(Statistic::Maximum, 300), Given::Unnamed);
        assert_eq!(unnamed.gives(Statistic::SampleCount, 60), Given::Not);
        assert_eq!(unnamed.gives(Statistic::Percentile(99.0), 300), Given::Not);
        let told = told(&unnamed, 0, 60);
        assert_eq!(told[..4], [Some(7.0); 4]);
        assert_eq!(told[4..], [None, Some(7.0), Some(7.0)]);
        let percentile = figures(Figures { percentiles: vec![(99.0, 5.0)], ..Figures::default() });
        assert_eq!(percentile.gives(Statistic::Percentile(99.0), 60), Given::Exactly);
        assert_eq!(percentile.gives(Statistic::Percentile(99.0), 120), Given::Not);
        assert_eq!(percentile.gives(Statistic::Percentile(95.0), 60), Given::Not);
    }

    proptest! {
        /// Statistics of a span are those of all its samples, however they are sliced.
        #[test]
        fn slices_add_up(samples in prop::collection::vec((0_i64..10, 0_u8..100, 1_u64..20), 1..40)) {
            let mut slices = std::collections::BTreeMap::<i64, Vec<(f64, u64)>>::new();
            let mut all = Vec::new();
            for (place, value, count) in samples {
                slices.entry(place * 60).or_default().push((f64::from(value), count));
                all.extend(std::iter::repeat_n(f64::from(value), count as usize));
            }
            all.sort_by(f64::total_cmp);
            let slices = slices.into_iter().map(|(start, mut values)| {
                values.sort_by(|one, other| one.0.total_cmp(&other.0));
                slice(start, Content::Values(values))
            });
            let track = Track::new(60, slices.collect());
            let (count, sum) = (all.len() as f64, all.iter().sum::<f64>());
            let rank = |percent: usize| all[(percent * all.len()).div_ceil(100) - 1];
            let expected = [sum / count, all[0], all[all.len() - 1], sum, count, rank(50), rank(99)];
            for (found, expected) in told(&track, 0, 600).into_iter().zip(expected) {
                prop_assert!((found.unwrap() - expected).abs() < 1e-6, "{found:?} {expected}");
            }
        }
    }
}
