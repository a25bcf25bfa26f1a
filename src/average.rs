//! A host's period in a few averages over time: what its cluster is told of it.

use crate::clock::Timestamp;
use crate::metric::{self, Value};
use crate::sample::{Rates, Sample};
use crate::units::Bytes;

/// One period as a whole, whatever parts it left in. A restart begins it anew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    /// The period's start.
    pub period: Timestamp,
    /// MemAvailable.
    pub available: Bytes,
    /// MemTotal less the huge page pool.
    pub usable: Bytes,
    pub used_percent: f64,
    /// `None` where the kernel doesn't tell.
    pub stall_percent: Option<f64>,
    /// At any time of the period.
    pub under_pressure: bool,
}

/// What is on its way to being one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Averages {
    available: Mean,
    usable: Mean,
    used_percent: Mean,
    stall_percent: Mean,
}

impl Averages {
    pub fn add(&mut self, sample: &Sample, rates: &Rates) {
        let covered = sample.covered.0;
        if let Some((used, info)) = sample
            .meminfo
            .as_ref()
            .and_then(|info| Some((metric::memory_used_percent(info)?, info)))
        {
            let usable = info.total.0.saturating_sub(info.huge_pool().0);
            self.available.add(info.available.unwrap_or_default().as_f64(), covered);
            self.usable.add(Bytes(usable).as_f64(), covered);
            self.used_percent.add(used, covered);
        }
        let stall = metric::native("MemoryStallPercent");
        if let Some(Value::Weighted(stall, covered)) =
            stall.and_then(|stall| stall.value(sample, rates))
        {
            self.stall_percent.add(stall, covered);
        }
    }

    /// `None` where no sample told what is available.
    pub fn of(&self, period: Timestamp) -> Option<Average> {
        Some(Average {
            period,
            available: self.available.bytes()?,
            usable: self.usable.bytes()?,
            used_percent: self.used_percent.value()?,
            stall_percent: self.stall_percent.value(),
            under_pressure: false,
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    weight: u64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: u32) {
        self.sum += value * f64::from(weight);
        self.weight += u64::from(weight);
    }

    fn value(self) -> Option<f64> {
        (self.weight > 0).then(|| self.sum / self.weight as f64)
    }

    fn bytes(self) -> Option<Bytes> {
        self.value().map(|value| Bytes(value.round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Boottime, Moment};
    use crate::sample::Differences;
    use crate::source::meminfo::MemInfo;
    use crate::source::pressure::Pressure;
    use crate::units::Tenths;

    #[test]
    fn averages_are_over_time() {
        let mut averages = Averages::default();
        let mut differences = Differences::default();
        assert_eq!(averages.of(Timestamp(0)), None);
        for (second, covered, available, stalled) in
            [(0, 10, 500, 0), (1, 10, 300, 500_000), (2, 30, 100, 500_000)]
        {
            let moment = Moment {
                wall: Timestamp(second * 1_000),
                boot: Boottime(second as u64 * 1_000_000),
            };
            let mut sample = Sample::new(moment, 0);
            sample.covered = Tenths(covered);
            sample.meminfo = Some(MemInfo {
                total: Bytes(1_200),
                hugetlb: Some(Bytes(200)),
                available: Some(Bytes(available)),
                ..MemInfo::default()
            });
            sample.pressure = Some(Pressure { some: stalled, ..Pressure::default() });
            let rates = differences.take(&sample);
            averages.add(&sample, &rates);
        }
        let average = averages.of(Timestamp(60_000)).unwrap();
        assert_eq!(average.period, Timestamp(60_000));
        assert_eq!((average.available, average.usable), (Bytes(220), Bytes(1_000)));
        assert!((average.used_percent - 78.0).abs() < 1e-9);
        let stall = average.stall_percent.unwrap();
        assert!((stall - 50.0 * 10.0 / 40.0).abs() < 1e-9, "{stall}");
    }

    #[test]
    fn a_kernel_that_doesnt_tell_has_no_average() {
        let mut averages = Averages::default();
        let mut sample = Sample::new(Moment { wall: Timestamp(0), boot: Boottime(0) }, 0);
        sample.covered = Tenths(10);
        sample.meminfo = Some(MemInfo { total: Bytes(1_000), ..MemInfo::default() });
        averages.add(&sample, &Rates::default());
        assert_eq!(averages.of(Timestamp(0)), None);
    }
}
