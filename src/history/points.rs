//! Samples to points: what each second of the wall clock saw.

use crate::metric::{self, Metric, Value};
use crate::sample::{Differences, Sample};
use crate::units::Tenths;

/// One second of the wall clock, under whatever number of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Since the Unix epoch.
    pub second: i64,
    /// MemoryUsedPercent.
    pub used: Option<Spread>,
    /// MemoryStallPercent.
    pub stall: Option<Spread>,
    /// OomKills.
    pub kills: u64,
    /// The time that the samples stand for, up to the last of them.
    pub covered: Tenths,
}

/// The readings within a span of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub first: f64,
    pub min: f64,
    pub max: f64,
}

impl Point {
    /// The first of the seconds that this point stands for, where samples are further apart.
    pub fn since(&self) -> i64 {
        let seconds = i64::from(self.covered.0.div_ceil(10).max(1));
        self.second.saturating_sub(seconds - 1)
    }
}

impl Spread {
    pub fn of(value: f64) -> Spread {
        Spread { first: value, min: value, max: value }
    }

    /// The spread over both, `earlier` being first.
    pub fn join(earlier: Option<Spread>, later: Option<Spread>) -> Option<Spread> {
        let (Some(earlier), Some(later)) = (earlier, later) else { return earlier.or(later) };
        let (min, max) = (earlier.min.min(later.min), earlier.max.max(later.max));
        Some(Spread { first: earlier.first, min, max })
    }
}

/// Folds samples as they come, each with the number of its boot: counters of one boot say nothing
/// about another.
pub fn points<I: Iterator<Item = (u32, Sample)>>(samples: I) -> Points<I> {
    let metrics = ["MemoryUsedPercent", "MemoryStallPercent", "OomKills"].map(metric::native);
    Points { samples, metrics, differences: Differences::default(), boot: 0, open: None }
}

pub struct Points<I> {
    samples: I,
    metrics: [Option<&'static Metric>; 3],
    differences: Differences,
    boot: u32,
    open: Option<Point>,
}

impl<I: Iterator<Item = (u32, Sample)>> Iterator for Points<I> {
    type Item = Point;

    fn next(&mut self) -> Option<Point> {
        loop {
            let Some((boot, sample)) = self.samples.next() else { return self.open.take() };
            if std::mem::replace(&mut self.boot, boot) != boot {
                self.differences = Differences::default();
            }
            let point = self.point(&sample);
            match self.open.as_mut() {
                Some(open) if open.second == point.second => {
                    open.used = Spread::join(open.used, point.used);
                    open.stall = Spread::join(open.stall, point.stall);
                    open.kills = open.kills.saturating_add(point.kills);
                    open.covered += point.covered;
                }
                _ => {
                    if let Some(closed) = self.open.replace(point) {
                        return Some(closed);
                    }
                }
            }
        }
    }
}

impl<I> Points<I> {
    fn point(&mut self, sample: &Sample) -> Point {
        let rates = self.differences.take(sample);
        let [used, stall, kills] = self.metrics.map(|metric| {
            match metric.and_then(|metric| metric.value(sample, &rates)) {
                Some(Value::Weighted(value, _) | Value::Events(value)) => Some(value),
                None => None,
            }
        });
        Point {
            second: sample.taken.wall.seconds(),
            used: used.map(Spread::of),
            stall: stall.map(Spread::of),
            kills: kills.map_or(0, |kills| kills as u64),
            covered: sample.covered,
        }
    }
}
