//! The account's alarms on metrics, as DescribeAlarms tells them.

use crate::cloudwatch::CloudWatch;
use crate::cloudwatch::action::Action;
use crate::cloudwatch::observe::Observer;
use crate::sink::Outcome;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, Dimension, MetricAlarm, StandardUnit, Statistic};

/// What an alarm looks at. One with an expression comes once for each metric in it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenAlarm {
    pub name: String,
    pub namespace: String,
    pub metric: String,
    /// Names and values.
    pub dimensions: Vec<(String, String)>,
    pub unit: Option<String>,
    /// Such as `Average` or `p99`.
    pub statistic: String,
    /// Seconds.
    pub period: u32,
    pub datapoints_to_alarm: u32,
    /// Such as `notBreaching`; where an alarm says nothing it is `missing`.
    pub missing_data: String,
}

impl CloudWatch {
    /// All of them, a hundred at a time. What isn't accepted says why there is no list.
    pub async fn alarms(&mut self) -> Result<Vec<SeenAlarm>, Outcome> {
        let mut seen = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let from = token.take();
            let send = |client: Client, observer: Observer| {
                let page = client.describe_alarms().alarm_types(AlarmType::MetricAlarm);
                let page = page.max_records(PAGE).set_next_token(from);
                page.customize().interceptor(observer).send()
            };
            let (page, answer) = self.exchange(Action::DescribeAlarms, send).await;
            let Some(page) = page.filter(|_| answer.outcome == Outcome::Accepted) else {
                return Err(answer.outcome);
            };
            seen.extend(page.metric_alarms().iter().flat_map(looks_at));
            match page.next_token {
                Some(next) if seen.len() < MOST => token = Some(next),
                _ => return Ok(seen),
            }
        }
    }
}

fn looks_at(alarm: &MetricAlarm) -> Vec<SeenAlarm> {
    let of = |metric: &Option<String>| metric.clone().unwrap_or_default();
    let evaluated = alarm.evaluation_periods.unwrap_or(1);
    let seen = SeenAlarm {
        name: of(&alarm.alarm_name),
        namespace: of(&alarm.namespace),
        metric: of(&alarm.metric_name),
        dimensions: pairs(alarm.dimensions()),
        unit: alarm.unit.as_ref().map(|unit| StandardUnit::as_str(unit).to_owned()),
        statistic: match &alarm.extended_statistic {
            Some(extended) => extended.clone(),
            None => alarm.statistic.as_ref().map(Statistic::as_str).unwrap_or_default().to_owned(),
        },
        period: seconds(alarm.period),
        datapoints_to_alarm: seconds(alarm.datapoints_to_alarm.or(Some(evaluated))),
        missing_data: alarm.treat_missing_data.clone().unwrap_or_else(|| "missing".to_owned()),
    };
    if alarm.metrics().is_empty() {
        return vec![seen];
    }
    let used = alarm.metrics().iter().filter_map(|query| query.metric_stat.as_ref());
    let used = used.filter_map(|used| {
        let metric = used.metric.as_ref()?;
        Some(SeenAlarm {
            namespace: of(&metric.namespace),
            metric: of(&metric.metric_name),
            dimensions: pairs(metric.dimensions()),
            unit: used.unit.as_ref().map(|unit| StandardUnit::as_str(unit).to_owned()),
            statistic: of(&used.stat),
            period: seconds(used.period),
            ..seen.clone()
        })
    });
    used.collect()
}

fn pairs(dimensions: &[Dimension]) -> Vec<(String, String)> {
    let pair = |one: &Dimension| {
        (one.name.clone().unwrap_or_default(), one.value.clone().unwrap_or_default())
    };
    dimensions.iter().map(pair).collect()
}

fn seconds(number: Option<i32>) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

/// API reference, DescribeAlarms, `MaxRecords`: 1 to 100.
const PAGE: i32 = 100;
/// An account's quota is 5,000 alarms unless it was raised; there has to be an end.
const MOST: usize = 100_000;
