//! An alarm as PutMetricAlarm's input has it, in JSON: the properties' names are CloudFormation's too.

use crate::alarms::alarm::{Alarm, Comparison, LowSamples, MissingData, Statistic};
use serde_json::{Map, Value, json};

impl Statistic {
    /// The API's spelling: of `Statistic`, or of `ExtendedStatistic` for a percentile.
    pub fn words(self) -> String {
        match self {
            Statistic::Average => "Average".to_owned(),
            Statistic::Minimum => "Minimum".to_owned(),
            Statistic::Maximum => "Maximum".to_owned(),
            Statistic::Sum => "Sum".to_owned(),
            Statistic::SampleCount => "SampleCount".to_owned(),
            Statistic::Percentile(percent) => format!("p{percent}"),
        }
    }
}

impl Comparison {
    pub const fn as_str(self) -> &'static str {
        match self {
            Comparison::Greater => "GreaterThanThreshold",
            Comparison::GreaterOrEqual => "GreaterThanOrEqualToThreshold",
            Comparison::Less => "LessThanThreshold",
            Comparison::LessOrEqual => "LessThanOrEqualToThreshold",
        }
    }

    /// For people.
    pub const fn sign(self) -> &'static str {
        match self {
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => "≥",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "≤",
        }
    }
}

impl MissingData {
    pub const fn as_str(self) -> &'static str {
        match self {
            MissingData::Missing => "missing",
            MissingData::NotBreaching => "notBreaching",
            MissingData::Breaching => "breaching",
            MissingData::Ignore => "ignore",
        }
    }
}

impl LowSamples {
    pub const fn as_str(self) -> &'static str {
        match self {
            LowSamples::Evaluate => "evaluate",
            LowSamples::Ignore => "ignore",
        }
    }
}

/// Everything but name and actions.
pub fn properties(alarm: &Alarm) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
    put("AlarmDescription", alarm.description.as_str().into());
    put("Namespace", alarm.namespace.as_str().into());
    put("MetricName", alarm.metric.as_str().into());
    let dimensions = alarm.dimensions.iter();
    let dimensions = dimensions.map(|pair| json!({"Name": pair.name, "Value": pair.value}));
    put("Dimensions", dimensions.collect());
    put("Unit", alarm.unit.as_str().into());
    match alarm.statistic {
        Statistic::Percentile(_) => {
            put("ExtendedStatistic", alarm.statistic.words().into());
            put("EvaluateLowSampleCountPercentile", alarm.low_samples.as_str().into());
        }
        _ => {
            put("Statistic", alarm.statistic.words().into());
        }
    }
    put("Period", alarm.period.as_secs().into());
    put("EvaluationPeriods", alarm.evaluation_periods.into());
    put("DatapointsToAlarm", alarm.datapoints_to_alarm.into());
    put("ComparisonOperator", alarm.comparison.as_str().into());
    put("Threshold", number(alarm.threshold));
    put("TreatMissingData", alarm.missing_data.as_str().into());
    map
}

/// Whole numbers without a point, as templates have them.
pub fn number(value: f64) -> Value {
    let whole = value as i64;
    if whole as f64 == value { Value::from(whole) } else { Value::from(value) }
}
