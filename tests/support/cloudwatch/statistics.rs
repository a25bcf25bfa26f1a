//! What CloudWatch would answer about stored figures: its statistics of one metric and period.

use super::store::Figures;

/// Minimum, maximum, sum and count of everything added, and percentiles where raw values allow.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    pub minimum: f64,
    pub maximum: f64,
    pub sum: f64,
    pub sample_count: f64,
    /// Values with their counts, ascending; `None` once a figure without raw values was added.
    points: Option<Vec<(f64, f64)>>,
}

impl Statistics {
    /// `None` where there is nothing to sum up.
    pub fn of<'a>(figures: impl IntoIterator<Item = &'a Figures>) -> Option<Self> {
        let mut statistics = Self {
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            sum: 0.0,
            sample_count: 0.0,
            points: Some(Vec::new()),
        };
        for figures in figures {
            statistics.add(figures);
        }
        if let Some(points) = &mut statistics.points {
            points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        }
        (statistics.sample_count > 0.0).then_some(statistics)
    }

    pub fn average(&self) -> f64 {
        self.sum / self.sample_count
    }

    /// By nearest rank: the smallest value such that at least `p` percent of the weight (counts)
    /// is at or below it; `percentile(0)` is the minimum. CloudWatch itself doesn't document its
    /// interpolation, so tests should leave room for a neighbouring value.
    ///
    /// `None` where CloudWatch has none either: where a value is negative, or where a statistic
    /// set that isn't a repetition of one value is among the figures.
    pub fn percentile(&self, p: f64) -> Option<f64> {
        let points = self.points.as_ref()?;
        if self.minimum < 0.0 {
            return None;
        }
        let rank = p / 100.0 * self.sample_count;
        let mut weight = 0.0;
        for (value, count) in points {
            weight += count;
            if weight >= rank {
                return Some(*value);
            }
        }
        points.last().map(|(value, _)| *value)
    }

    /// Each distinct value with the sum of its counts; empty where raw values are missing.
    pub fn distribution(&self) -> Vec<(f64, f64)> {
        let mut distinct: Vec<(f64, f64)> = Vec::new();
        for (value, count) in self.points.iter().flatten() {
            match distinct.last_mut() {
                Some((last, sum)) if last == value => *sum += count,
                _ => distinct.push((*value, *count)),
            }
        }
        distinct
    }

    fn add(&mut self, figures: &Figures) {
        match figures {
            Figures::Value(value) => self.add_points(&[(*value, 1.0)]),
            Figures::Values(points) => self.add_points(points),
            Figures::Set { sample_count, sum, minimum, maximum } => {
                // PutMetricData: percentiles only "if Min and Max are equal, and Sum is equal to
                // Min multiplied by SampleCount".
                if minimum == maximum && *sum == minimum * sample_count {
                    self.add_points(&[(*minimum, *sample_count)]);
                    return;
                }
                self.points = None;
                self.sum += sum;
                self.sample_count += sample_count;
                self.widen(*minimum, *maximum);
            }
        }
    }

    fn add_points(&mut self, added: &[(f64, f64)]) {
        for (value, count) in added {
            self.sum += value * count;
            self.sample_count += count;
            self.widen(*value, *value);
        }
        if let Some(points) = &mut self.points {
            points.extend_from_slice(added);
        }
    }

    fn widen(&mut self, minimum: f64, maximum: f64) {
        self.minimum = self.minimum.min(minimum);
        self.maximum = self.maximum.max(maximum);
    }
}
