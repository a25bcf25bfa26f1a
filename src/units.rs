//! The quantities that everything else is counted in: bytes, covered time, CloudWatch's units.

use std::fmt;
use std::ops::{Add, AddAssign};
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes. `/proc` prints "kB" and means 1024 bytes (proc_meminfo(5)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// `None` where the product leaves 64 bits.
    pub const fn from_kib(kib: u64) -> Option<Bytes> {
        match kib.checked_mul(1024) {
            Some(bytes) => Some(Bytes(bytes)),
            None => None,
        }
    }

    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

/// Covered time in tenths of a second: the unit in which a distribution counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenths(pub u32);

impl Tenths {
    /// One tenth of a second.
    pub const LENGTH: Duration = Duration::from_millis(100);

    /// `None` unless `duration` is a whole, positive number of tenths.
    pub fn from_duration(duration: Duration) -> Option<Tenths> {
        let whole = duration.subsec_nanos().is_multiple_of(100_000_000) && !duration.is_zero();
        let tenths = u32::try_from(duration.as_millis() / 100).ok()?;
        whole.then_some(Tenths(tenths))
    }

    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 100)
    }
}

impl Add for Tenths {
    type Output = Tenths;

    fn add(self, other: Tenths) -> Tenths {
        Tenths(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Tenths {
    fn add_assign(&mut self, other: Tenths) {
        *self = *self + other;
    }
}

/// CloudWatch's `StandardUnit`, as far as cwmem's metrics need it (API reference, `MetricDatum`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    Percent,
    Bytes,
    Kilobytes,
    Megabytes,
    Gigabytes,
    Count,
    CountPerSecond,
    None,
}

impl Unit {
    pub const ALL: [Unit; 8] = [
        Unit::Percent,
        Unit::Bytes,
        Unit::Kilobytes,
        Unit::Megabytes,
        Unit::Gigabytes,
        Unit::Count,
        Unit::CountPerSecond,
        Unit::None,
    ];

    /// How many bytes it holds, by 1024 as all agents of EC2 hosts count; 1 for what isn't of bytes.
    pub const fn bytes(self) -> f64 {
        match self {
            Unit::Kilobytes => 1024.0,
            Unit::Megabytes => 1_048_576.0,
            Unit::Gigabytes => 1_073_741_824.0,
            Unit::Percent | Unit::Bytes | Unit::Count | Unit::CountPerSecond | Unit::None => 1.0,
        }
    }

    /// The API's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Unit::Percent => "Percent",
            Unit::Bytes => "Bytes",
            Unit::Kilobytes => "Kilobytes",
            Unit::Megabytes => "Megabytes",
            Unit::Gigabytes => "Gigabytes",
            Unit::Count => "Count",
            Unit::CountPerSecond => "Count/Second",
            Unit::None => "None",
        }
    }
}

impl FromStr for Unit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<Unit, UnknownUnit> {
        let unit = Unit::ALL.into_iter().find(|unit| unit.as_str() == text);
        unit.ok_or_else(|| UnknownUnit(text.to_owned()))
    }
}

/// A unit that isn't one of those that are published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no unit that is published")]
pub struct UnknownUnit(String);

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How finely a metric's values are told apart before they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// Steps of 0.1: percents.
    Tenth,
    /// Three significant decimal digits: bytes, rates and counts.
    ThreeDigits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_whole_and_positive() {
        let tenths = |millis| Tenths::from_duration(Duration::from_millis(millis));
        assert_eq!(tenths(100), Some(Tenths(1)));
        assert_eq!(tenths(1_000), Some(Tenths(10)));
        assert_eq!(tenths(300_000), Some(Tenths(3_000)));
        assert_eq!(tenths(0), None);
        assert_eq!(tenths(150), None);
        assert_eq!(Tenths::from_duration(Duration::from_micros(100_001)), None);
    }
}
