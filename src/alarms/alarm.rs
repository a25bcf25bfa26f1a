//! One alarm on one metric, as CloudWatch's PutMetricAlarm has it.

use crate::dimension::Dimension;
use crate::units::Unit;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub name: String,
    pub description: String,
    pub namespace: String,
    pub metric: String,
    pub dimensions: Vec<Dimension>,
    pub unit: Unit,
    pub statistic: Statistic,
    pub period: Duration,
    /// Both are counted in periods, and the second isn't greater: "M of N" is M datapoints of N.
    pub evaluation_periods: u32,
    pub datapoints_to_alarm: u32,
    pub comparison: Comparison,
    pub threshold: f64,
    pub missing_data: MissingData,
    /// Of percentiles only: whether periods with too few samples to tell are evaluated.
    pub low_samples: LowSamples,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    Average,
    Minimum,
    Maximum,
    Sum,
    SampleCount,
    /// ExtendedStatistic: above 0, up to 100.
    Percentile(f64),
}

/// Of the statistic with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// TreatMissingData.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingData {
    Missing,
    NotBreaching,
    Breaching,
    Ignore,
}

/// EvaluateLowSampleCountPercentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowSamples {
    Evaluate,
    Ignore,
}
