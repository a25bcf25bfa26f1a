//! The shape of a datum as the API reference has it, read apart from the program that wrote it.

use super::cloudwatch::UNITS;
use serde_json::{Map, Value};

/// A line of `--dry-run --json`: less its Namespace, it must do as input of
/// `aws cloudwatch put-metric-data --metric-data`.
pub fn check_line(line: &str) -> Map<String, Value> {
    let Ok(Value::Object(mut datum)) = serde_json::from_str(line) else {
        panic!("not an object: {line}")
    };
    let namespace = datum.remove("Namespace").unwrap();
    let namespace = text(&namespace, 255);
    assert!(!namespace.starts_with(':') && !namespace.starts_with("AWS/"), "{line}");
    for (key, value) in &datum {
        match key.as_str() {
            "MetricName" => assert!(!text(value, 255).is_empty()),
            "Dimensions" => check_dimensions(value),
            "Timestamp" => check_timestamp(value),
            "Unit" => assert!(UNITS.contains(&value.as_str().unwrap()), "{line}"),
            "StorageResolution" => assert!([1, 60].contains(&value.as_u64().unwrap()), "{line}"),
            "Value" => assert!(number(value).is_finite()),
            "Values" => check_values(&datum),
            "Counts" => assert!(datum.contains_key("Values"), "{line}"),
            "StatisticValues" => check_set(value),
            other => panic!("{other} is no member of MetricDatum: {line}"),
        }
    }
    assert!(datum.contains_key("MetricName") && datum.contains_key("Timestamp"), "{line}");
    let figures = ["Value", "Values", "StatisticValues"];
    assert_eq!(figures.iter().filter(|key| datum.contains_key(**key)).count(), 1, "{line}");
    datum.insert("Namespace".into(), namespace.into());
    datum
}

/// All lines of an output.
pub fn check_lines(output: &str) -> Vec<Map<String, Value>> {
    output.lines().map(check_line).collect()
}

/// The only value of the metric `name`, which stands for one sample.
pub fn only_value(datums: &[Map<String, Value>], name: &str) -> Option<f64> {
    let datum = datums.iter().find(|datum| datum["MetricName"] == name)?;
    let values = datum["Values"].as_array().unwrap();
    assert_eq!(values.len(), 1, "{datum:?}");
    Some(number(&values[0]))
}

fn text(value: &Value, longest: usize) -> String {
    let text = value.as_str().unwrap();
    assert!((1..=longest).contains(&text.len()), "{text:?}");
    assert!(text.chars().all(|letter| matches!(letter, ' '..='~')), "{text:?}");
    assert!(!text.trim().is_empty());
    text.to_owned()
}

fn number(value: &Value) -> f64 {
    let number = value.as_f64().unwrap();
    assert!(number.is_finite() && number.abs() <= 2f64.powi(360), "{number}");
    number
}

fn check_dimensions(value: &Value) {
    let dimensions = value.as_array().unwrap();
    assert!(dimensions.len() <= 30, "{value}");
    for dimension in dimensions {
        let dimension = dimension.as_object().unwrap();
        assert!(!text(&dimension["Name"], 255).starts_with(':'), "{value}");
        text(&dimension["Value"], 1_024);
        assert_eq!(dimension.len(), 2, "{value}");
    }
}

fn check_timestamp(value: &Value) {
    let text = value.as_str().unwrap();
    assert!(text.len() == "2026-11-23T14:21:00Z".len() && text.ends_with('Z'), "{text}");
    humantime::parse_rfc3339(text).unwrap();
}

fn check_values(datum: &Map<String, Value>) {
    let values = datum["Values"].as_array().unwrap();
    assert!((1..=150).contains(&values.len()), "{datum:?}");
    assert!(values.iter().all(|value| number(value).is_finite()), "{datum:?}");
    if let Some(counts) = datum.get("Counts") {
        let counts = counts.as_array().unwrap();
        assert_eq!(counts.len(), values.len(), "{datum:?}");
        assert!(counts.iter().all(|count| number(count) > 0.0), "{datum:?}");
    }
}

fn check_set(value: &Value) {
    let set = value.as_object().unwrap();
    assert_eq!(set.len(), 4, "{value}");
    let [count, _, minimum, maximum] =
        ["SampleCount", "Sum", "Minimum", "Maximum"].map(|key| number(&set[key]));
    assert!(count > 0.0 && minimum <= maximum, "{value}");
}
