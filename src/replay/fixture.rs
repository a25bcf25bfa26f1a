//! Alarms for the tests of the replay.

use crate::alarms::alarm::{Alarm, Comparison, LowSamples, MissingData, Statistic};
use crate::units::Unit;
use std::time::Duration;

/// On the average of MemoryUsedPercent, 3 of 3 periods of a minute: "> 90", "<= 5".
pub fn alarm(condition: &str) -> Alarm {
    let (sign, threshold) = condition.split_once(' ').unwrap();
    Alarm {
        name: "alarm".into(),
        description: String::new(),
        namespace: "EC2/Memory".into(),
        metric: "MemoryUsedPercent".into(),
        dimensions: Vec::new(),
        unit: Unit::Percent,
        statistic: Statistic::Average,
        period: Duration::from_secs(60),
        evaluation_periods: 3,
        datapoints_to_alarm: 3,
        comparison: match sign {
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            "<" => Comparison::Less,
            _ => Comparison::LessOrEqual,
        },
        threshold: threshold.parse().unwrap(),
        missing_data: MissingData::Missing,
        low_samples: LowSamples::Evaluate,
    }
}
