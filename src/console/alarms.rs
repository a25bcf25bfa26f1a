//! DescribeAlarms and PutMetricAlarm.

use super::{Console, said};
use crate::alarms::alarm::{Alarm, Statistic};
use crate::alarms::difference::{ACTIONS, Existing, OK_ACTIONS};
use crate::alarms::properties::number;
use crate::alarms::recipe::Planned;
use crate::dimension::Dimension;
use aws_sdk_cloudwatch::types::{self, AlarmType, ComparisonOperator, MetricAlarm, StandardUnit};
use serde_json::{Map, Value, json};

impl Console {
    /// All alarms whose names begin with `prefix`. The error is for people.
    pub async fn alarms(&self, prefix: &str) -> Result<Vec<Existing>, String> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = self.client.describe_alarms();
            let page = page.alarm_name_prefix(prefix).alarm_types(AlarmType::MetricAlarm);
            let page = page.set_next_token(token).max_records(PAGE).send().await;
            let page = page.map_err(|error| said("DescribeAlarms", &error))?;
            found.extend(page.metric_alarms().iter().map(existing));
            token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Creates the alarm, or makes the one of its name what it should be; its state and history stay.
    pub async fn put_alarm(&self, planned: &Planned) -> Result<(), String> {
        let Planned { alarm, actions, ok_actions, .. } = planned;
        let put = self
            .client
            .put_metric_alarm()
            .alarm_name(&alarm.name)
            .alarm_description(&alarm.description)
            .namespace(&alarm.namespace)
            .metric_name(&alarm.metric)
            .set_dimensions(Some(alarm.dimensions.iter().map(dimension).collect()))
            .unit(StandardUnit::from(alarm.unit.as_str()))
            .period(count(alarm.period.as_secs()))
            .evaluation_periods(count(alarm.evaluation_periods.into()))
            .datapoints_to_alarm(count(alarm.datapoints_to_alarm.into()))
            .comparison_operator(ComparisonOperator::from(alarm.comparison.as_str()))
            .threshold(alarm.threshold)
            .treat_missing_data(alarm.missing_data.as_str())
            .set_alarm_actions(Some(actions.clone()))
            .set_ok_actions(Some(ok_actions.clone()));
        let words = alarm.statistic.words();
        let put = match alarm.statistic {
            Statistic::Percentile(_) => put
                .extended_statistic(words)
                .evaluate_low_sample_count_percentile(alarm.low_samples.as_str()),
            _ => put.statistic(types::Statistic::from(words.as_str())),
        };
        put.send().await.map(drop).map_err(|error| said(&what(alarm), &error))
    }
}

fn what(alarm: &Alarm) -> String {
    format!("PutMetricAlarm {}", alarm.name)
}

fn existing(alarm: &MetricAlarm) -> Existing {
    let mut properties = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            properties.insert(name.to_owned(), value);
        }
    };
    let text = |text: Option<&str>| text.map(Value::from);
    put("AlarmDescription", text(alarm.alarm_description()));
    put("Namespace", text(alarm.namespace()));
    put("MetricName", text(alarm.metric_name()));
    let dimensions: Vec<Dimension> = alarm.dimensions().iter().map(pair).collect();
    let pairs = dimensions.iter().map(|pair| json!({"Name": pair.name, "Value": pair.value}));
    put("Dimensions", Some(pairs.collect()));
    put("Unit", text(alarm.unit().map(StandardUnit::as_str)));
    put("Statistic", text(alarm.statistic().map(types::Statistic::as_str)));
    put("ExtendedStatistic", text(alarm.extended_statistic()));
    put("EvaluateLowSampleCountPercentile", text(alarm.evaluate_low_sample_count_percentile()));
    put("Period", alarm.period().map(Value::from));
    put("EvaluationPeriods", alarm.evaluation_periods().map(Value::from));
    put("DatapointsToAlarm", alarm.datapoints_to_alarm().map(Value::from));
    let comparison = alarm.comparison_operator().map(ComparisonOperator::as_str);
    put("ComparisonOperator", text(comparison));
    put("Threshold", alarm.threshold().map(number));
    put("TreatMissingData", text(alarm.treat_missing_data()));
    put(ACTIONS, Some(alarm.alarm_actions().into()));
    put(OK_ACTIONS, Some(alarm.ok_actions().into()));
    // Switched off by hand it tells nobody, though all else is as it should be.
    put("ActionsEnabled", alarm.actions_enabled().filter(|enabled| !enabled).map(Value::from));
    Existing { name: alarm.alarm_name().unwrap_or_default().to_owned(), dimensions, properties }
}

fn dimension(pair: &Dimension) -> types::Dimension {
    types::Dimension::builder().name(&pair.name).value(&pair.value).build()
}

fn pair(dimension: &types::Dimension) -> Dimension {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Dimension { name: text(dimension.name()), value: text(dimension.value()) }
}

fn count(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// API reference, DescribeAlarms, `MaxRecords`.
const PAGE: i32 = 100;
