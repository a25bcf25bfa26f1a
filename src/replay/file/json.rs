//! What `aws cloudwatch get-metric-data` and `get-metric-statistics` print: one answer, or several
//! one after the other.

use crate::replay::file::{Mistake, Value, instant, label, mistake, statistic};
use serde::de::{Deserialize, Deserializer, Error as _};
use std::collections::BTreeMap;

pub fn parse(text: &str) -> Result<Vec<Value>, Mistake> {
    let mut values = Vec::new();
    for (number, answer) in (1..).zip(serde_json::Deserializer::from_str(text).into_iter()) {
        let answer: Answer = answer.map_err(|error| misread(&error))?;
        let place = if number == 1 { String::new() } else { format!("answer {number}, ") };
        if answer.next_token.is_some() {
            let what =
                "expected the last page of an answer or all of them, found that more follows";
            return Err(mistake(&format!("{place}NextToken"), what));
        }
        match (answer.metric_data_results, answer.datapoints) {
            (Some(results), None) => {
                for (number, result) in results.into_iter().enumerate() {
                    of_result(&mut values, result, &format!("{place}MetricDataResults[{number}]"))?;
                }
            }
            (None, Some(datapoints)) => {
                let named = answer.label.filter(|label| !label.trim().is_empty());
                let named = named.ok_or_else(|| {
                    mistake(
                        &format!("{place}Label"),
                        "expected the metric's name beside Datapoints, found nothing",
                    )
                })?;
                for (number, datapoint) in datapoints.into_iter().enumerate() {
                    of_datapoint(
                        &mut values,
                        datapoint,
                        &named,
                        &format!("{place}Datapoints[{number}]"),
                    )?;
                }
            }
            _ => {
                let place = if number == 1 { "the object" } else { place.trim_end_matches(", ") };
                let what = "expected either MetricDataResults or Datapoints, as `aws cloudwatch get-metric-data` and `get-metric-statistics` print them";
                return Err(mistake(place, what));
            }
        }
    }
    Ok(values)
}

/// As far as it is needed.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    metric_data_results: Option<Vec<Outcome>>,
    label: Option<String>,
    datapoints: Option<Vec<Datapoint>>,
    next_token: Option<serde::de::IgnoredAny>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    id: Option<String>,
    label: Option<String>,
    timestamps: Vec<Instant>,
    values: Vec<f64>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datapoint {
    timestamp: Instant,
    average: Option<f64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    sum: Option<f64>,
    sample_count: Option<f64>,
    extended_statistics: Option<BTreeMap<String, f64>>,
}

struct Instant(i64);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        // Some tools print a number.
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(f64),
        }
        let text = match Written::deserialize(deserializer) {
            Ok(Written::Text(text)) => text,
            Ok(Written::Number(number)) => number.to_string(),
            Err(_) => return Err(D::Error::custom("expected a time, as a text or in seconds")),
        };
        let instant = instant::parse(&text).map(Instant);
        let expected =
            || format!("expected a time such as \"2026-11-23T14:21:00Z\", found {text:?}");
        instant.ok_or_else(|| D::Error::custom(expected()))
    }
}

fn of_result(values: &mut Vec<Value>, result: Outcome, place: &str) -> Result<(), Mistake> {
    let id = result.id.unwrap_or_default();
    let place = if id.is_empty() { place.to_owned() } else { format!("{place} ({id})") };
    let (times, numbers) = (result.timestamps.len(), result.values.len());
    if times != numbers {
        let what = format!("expected as many Values as Timestamps, found {numbers} and {times}");
        return Err(mistake(&place, what));
    }
    let named = result.label.filter(|label| !label.trim().is_empty()).unwrap_or(id);
    let (metric, statistic) = label(&named);
    if metric.is_empty() {
        return Err(mistake(&place, "expected a Label with the metric's name, found none"));
    }
    let pairs = result.timestamps.into_iter().zip(result.values).enumerate();
    values.extend(pairs.map(|(number, (Instant(start), value))| {
        let (metric, place) = (metric.clone(), format!("{place}, Timestamps[{number}]"));
        Value { metric, statistic, start, value, place }
    }));
    Ok(())
}

fn of_datapoint(
    values: &mut Vec<Value>,
    datapoint: Datapoint,
    named: &str,
    place: &str,
) -> Result<(), Mistake> {
    let Instant(start) = datapoint.timestamp;
    let mut figures: Vec<(String, f64)> = Vec::new();
    for (name, value) in [
        ("Average", datapoint.average),
        ("Minimum", datapoint.minimum),
        ("Maximum", datapoint.maximum),
        ("Sum", datapoint.sum),
        ("SampleCount", datapoint.sample_count),
    ] {
        figures.extend(value.map(|value| (name.to_owned(), value)));
    }
    figures.extend(datapoint.extended_statistics.into_iter().flatten());
    if figures.is_empty() {
        return Err(mistake(place, "expected a statistic such as Average, found none"));
    }
    for (name, value) in figures {
        // Trimmed means and their like can't be alarmed on here.
        let Some(statistic) = statistic(&name) else { continue };
        let (metric, place) = (named.trim().to_owned(), format!("{place}.{name}"));
        values.push(Value { metric, statistic: Some(statistic), start, value, place });
    }
    Ok(())
}

/// Without its place, which stands before it.
fn misread(error: &serde_json::Error) -> Mistake {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    mistake(&format!("line {}, column {}", error.line(), error.column()), what)
}
