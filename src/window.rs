//! The open period: samples in, figures out.
//!
//! A period may leave in parts, each with its own samples; CloudWatch adds them up. A sparse
//! metric's zeros wait for a part of the same period that isn't zero and go with the period
//! otherwise.

use crate::average::{Average, Averages};
use crate::clock::Timestamp;
use crate::dimension::Dimension;
use crate::distribution::{Distribution, Statistics};
use crate::metric::{Metric, Value};
use crate::sample::{Differences, Sample};
use crate::units::Unit;
use std::borrow::Cow;
use std::time::Duration;

pub struct Window {
    period: Duration,
    form: Form,
    start: Option<Timestamp>,
    series: Vec<Series>,
    differences: Differences,
    averages: Averages,
    /// The sequence of the last sample.
    through: u64,
}

/// How a distribution is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// Values and Counts: percentiles can be asked for.
    #[default]
    Values,
    /// A StatisticSet: smaller, no percentiles.
    Set,
}

/// What a window is closed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The period is over.
    Period,
    /// More of the period may follow.
    Part,
}

/// One metric's figures of a part of a period, without dimensions yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub name: Cow<'static, str>,
    /// Its metric's.
    pub publication: u16,
    pub unit: Unit,
    /// The period's start.
    pub timestamp: Timestamp,
    pub statistics: Statistics,
    /// One more dimension than the host's: which cgroup, which processes.
    pub beside: Option<Dimension>,
}

struct Series {
    metric: Metric,
    distribution: Distribution,
    events: Option<f64>,
    /// A part of this period with something other than zero has left.
    spoken: bool,
}

impl Window {
    pub fn new(metrics: Vec<Metric>, period: Duration, form: Form) -> Window {
        let series = metrics.into_iter().map(Series::new).collect();
        Window {
            period,
            form,
            start: None,
            series,
            differences: Differences::default(),
            averages: Averages::default(),
            through: 0,
        }
    }

    /// The start of the open period; nothing before the first sample.
    pub fn start(&self) -> Option<Timestamp> {
        self.start
    }

    /// Whether a sample taken at `wall` belongs to another period than the open one.
    pub fn is_over(&self, wall: Timestamp) -> bool {
        self.start.is_some_and(|start| start != wall.floor(self.period))
    }

    /// The sequence of the last sample that was folded in; 0 before the first.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Folds a sample in; ends an earlier period that wasn't closed, so close it first.
    pub fn record(&mut self, sample: &Sample) {
        let start = sample.taken.wall.floor(self.period);
        if self.start != Some(start) {
            self.begin(start);
        }
        self.through = sample.sequence;
        let rates = self.differences.take(sample);
        self.averages.add(sample, &rates);
        for series in &mut self.series {
            match series.metric.value(sample, &rates) {
                Some(Value::Weighted(value, covered)) => series.distribution.add(value, covered),
                Some(Value::Events(events)) => *series.events.get_or_insert(0.0) += events,
                None => {}
            }
        }
    }

    /// The open period so far, whatever parts of it have left.
    pub fn average(&self) -> Option<Average> {
        self.averages.of(self.start?)
    }

    /// Takes what may leave now; samples that come later make further parts or the next period.
    pub fn close(&mut self, end: End) -> Vec<Figure> {
        let Some(timestamp) = self.start else { return Vec::new() };
        let form = self.form;
        let figures = self.series.iter_mut().filter_map(|series| {
            Some(Figure {
                statistics: series.take(form)?,
                name: series.metric.name.clone(),
                publication: series.metric.publication,
                unit: series.metric.unit,
                timestamp,
                beside: None,
            })
        });
        let figures = figures.collect();
        if end == End::Period {
            self.start = None;
        }
        figures
    }

    /// Forgets the counters that rates are taken against: a new boot begins them anew.
    pub fn forget_counters(&mut self) {
        self.differences = Differences::default();
    }

    /// Carries over what an earlier window of the same period still holds: withheld zeros, and the
    /// counters that rates are taken against. For a reload, after the earlier window was closed.
    pub fn continue_from(&mut self, earlier: Window) {
        self.differences = earlier.differences;
        self.through = earlier.through;
        if earlier.period != self.period {
            return;
        }
        self.start = earlier.start;
        self.averages = earlier.averages;
        for series in &mut self.series {
            let same = earlier.series.iter().find(|other| other.metric == series.metric);
            if let Some(other) = same {
                series.distribution = other.distribution.clone();
                series.spoken = other.spoken;
            }
        }
    }

    fn begin(&mut self, start: Timestamp) {
        self.start = Some(start);
        self.averages = Averages::default();
        for series in &mut self.series {
            series.distribution.clear();
            series.events = None;
            series.spoken = false;
        }
    }
}

impl Series {
    fn new(metric: Metric) -> Series {
        let distribution = Distribution::new(metric.grain);
        Series { metric, distribution, events: None, spoken: false }
    }

    fn take(&mut self, form: Form) -> Option<Statistics> {
        if let Some(events) = self.events.take() {
            self.distribution.add(events, ONE_PART);
        }
        let silent = self.metric.sparse && !self.spoken && self.distribution.is_zero();
        if silent || self.distribution.is_empty() {
            return None;
        }
        self.spoken = true;
        let statistics = match form {
            Form::Values => self.distribution.values(),
            Form::Set => self.distribution.set(),
        };
        self.distribution.clear();
        Some(statistics)
    }
}

/// Events count one a part, so that their Sum adds up.
const ONE_PART: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Boottime, Moment};
    use crate::metric;
    use crate::source::meminfo::MemInfo;
    use crate::source::vmstat::VmStat;
    use crate::units::{Bytes, Tenths};
    use proptest::prelude::*;

    const PERIOD: Duration = Duration::from_secs(60);

    fn window(names: &[&str]) -> Window {
        let metrics = names.iter().map(|name| metric::native(name).unwrap().clone()).collect();
        Window::new(metrics, PERIOD, Form::Values)
    }

    /// A host of 1000 kB with so much of it used, in percent, and so many OOM kills since boot.
    fn sample(tenth: u64, covered: u32, used: u64, kills: u64) -> Sample {
        let wall = Timestamp(i64::try_from(tenth * 100).unwrap());
        let mut sample = Sample::new(Moment { wall, boot: Boottime(tenth * 100_000) }, 0);
        sample.covered = Tenths(covered);
        sample.meminfo = Some(MemInfo {
            total: Bytes(1_000_000),
            available: Some(Bytes(1_000_000 - used * 10_000)),
            swap_total: Some(Bytes(100)),
            swap_free: Some(Bytes(100 - used.saturating_sub(50))),
            ..MemInfo::default()
        });
        sample.vmstat = Some(VmStat { oom_kill: Some(kills), ..VmStat::default() });
        sample
    }

    fn pairs(figure: &Figure) -> Vec<(f64, u64)> {
        let Statistics::Values { values, counts } = &figure.statistics else { unreachable!() };
        values.iter().copied().zip(counts.iter().copied()).collect()
    }

    #[test]
    fn a_period_is_stamped_with_its_start_and_covers_itself() {
        let mut window = window(&["MemoryUsedPercent"]);
        for second in 60..120 {
            window.record(&sample(second * 10 + 5, 10, 40, 0));
        }
        assert!(!window.is_over(Timestamp(119_999)) && window.is_over(Timestamp(120_000)));
        let figures = window.close(End::Period);
        assert_eq!(figures.len(), 1);
        assert_eq!(figures[0].timestamp, Timestamp(60_000));
        assert_eq!(pairs(&figures[0]), [(40.0, 600)]);
        assert!(window.close(End::Period).is_empty());
    }

    #[test]
    fn withheld_zeros_travel_with_the_next_part_or_go_with_the_period() {
        let mut window = window(&["SwapUsedPercent"]);
        window.record(&sample(600, 10, 0, 0));
        assert!(window.close(End::Part).is_empty());
        window.record(&sample(610, 10, 60, 0));
        assert_eq!(pairs(&window.close(End::Part)[0]), [(0.0, 10), (10.0, 10)]);
        window.record(&sample(620, 10, 0, 0));
        assert_eq!(pairs(&window.close(End::Period)[0]), [(0.0, 10)]);
        window.record(&sample(1_200, 10, 0, 0));
        assert!(window.close(End::Period).is_empty());
        window.record(&sample(1_800, 10, 60, 0));
        assert_eq!(pairs(&window.close(End::Period)[0]), [(10.0, 10)]);
    }

    #[test]
    fn oom_kills_add_up_over_parts() {
        let mut window = window(&["OomKills"]);
        for (tenth, kills) in [(600, 3), (610, 3), (620, 5)] {
            window.record(&sample(tenth, 10, 0, kills));
        }
        assert_eq!(pairs(&window.close(End::Part)[0]), [(2.0, 1)]);
        window.record(&sample(630, 10, 0, 6));
        assert_eq!(pairs(&window.close(End::Period)[0]), [(1.0, 1)]);
        window.record(&sample(1_200, 10, 0, 1));
        assert!(window.close(End::Period).is_empty(), "a counter that fell has no increase");
    }

    #[test]
    fn a_reload_keeps_what_was_withheld() {
        let mut old = window(&["SwapUsedPercent", "OomKills"]);
        old.record(&sample(600, 10, 0, 1));
        assert!(old.close(End::Part).is_empty());
        let mut new = window(&["OomKills", "SwapUsedPercent"]);
        new.continue_from(old);
        new.record(&sample(610, 10, 60, 2));
        let figures = new.close(End::Period);
        assert_eq!(pairs(&figures[0]), [(1.0, 1)]);
        assert_eq!(pairs(&figures[1]), [(0.0, 10), (10.0, 10)]);
    }

    proptest! {
        /// However a period is cut, and however its interval changes, the parts add up to it.
        #[test]
        fn parts_add_up(cuts in proptest::collection::vec(any::<bool>(), 600), fast in 0usize..600) {
            let mut whole = window(&["MemoryUsedPercent", "SwapUsedPercent", "OomKills"]);
            let mut parted = window(&["MemoryUsedPercent", "SwapUsedPercent", "OomKills"]);
            let mut parts = Vec::new();
            let mut tenth = 0;
            while tenth < 600 {
                let covered = if tenth >= fast { 1 } else { 10.min(600 - tenth) };
                let used = (tenth as u64 * 7) % 90;
                let sample = sample(600 + tenth as u64, covered as u32, used, tenth as u64 / 100);
                whole.record(&sample);
                parted.record(&sample);
                if cuts[tenth] && tenth % 5 == 0 {
                    parts.extend(parted.close(End::Part));
                }
                tenth += covered;
            }
            parts.extend(parted.close(End::Period));
            for figure in whole.close(End::Period) {
                let of_metric = || parts.iter().filter(|part| part.name == figure.name).flat_map(pairs);
                let sum = |pairs: Vec<(f64, u64)>| pairs.iter().map(|pair| pair.0 * pair.1 as f64).sum::<f64>();
                let expected = pairs(&figure);
                prop_assert!((sum(of_metric().collect()) - sum(expected.clone())).abs() < 1e-6);
                if figure.name != "OomKills" {
                    let count = |pairs: Vec<(f64, u64)>| pairs.iter().map(|pair| pair.1).sum::<u64>();
                    prop_assert_eq!(count(of_metric().collect()), count(expected));
                }
                prop_assert!(parts.iter().all(|part| part.timestamp == figure.timestamp));
            }
        }
    }
}
