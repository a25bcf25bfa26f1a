//! Every documented limit of PutMetricData, as strictly as the documents put it.
//!
//! Sources: the CloudWatch API reference (PutMetricData, MetricDatum, Dimension, StatisticSet) and
//! the service model `monitoring-2010-08-01`. Where the real service is known to be laxer or is
//! silent, the double is strict: what passes here passes there. All of a request's problems are
//! found and reported together, as the service does; the first one's code is the answer's.

use std::time::SystemTime;

use super::clock::since_epoch;
use super::decode::{RawDatum, RawDimension, RawPut, RawSet};
use super::fault::Fault;
use super::limits::{
    MAX_AGE, MAX_AHEAD, MAX_DATUMS, MAX_DIMENSION_VALUE, MAX_DIMENSIONS, MAX_NAME, MAX_VALUE,
    MAX_VALUES, UNITS,
};

/// Judges a whole request at `now`: one bad datum and nothing of it may be stored.
pub fn validate(put: &RawPut, now: SystemTime) -> Result<(), Fault> {
    let mut problems = Problems::default();
    match put.namespace.as_deref() {
        None => problems.missing("Namespace"),
        Some(namespace) => check_namespace(namespace, &mut problems),
    }
    match put.metric_data.as_deref() {
        None | Some([]) => problems.missing("MetricData"),
        Some(datums) if datums.len() > MAX_DATUMS => problems.too_many("MetricData", MAX_DATUMS),
        Some(datums) => {
            for (index, datum) in datums.iter().enumerate() {
                let at = format!("MetricData.member.{}", index + 1);
                check_datum(&at, datum, now, &mut problems);
            }
        }
    }
    problems.answer()
}

/// "You can use ASCII characters for the namespace, except for control characters", pattern
/// `[^:].*`, and `AWS/` belongs to Amazon's own services.
fn check_namespace(namespace: &str, problems: &mut Problems) {
    check_text("Namespace", namespace, MAX_NAME, problems);
    if namespace.starts_with(':') || namespace.starts_with("AWS/") {
        problems.value(format!("The value {namespace} for parameter Namespace is invalid."));
    }
}

fn check_datum(at: &str, datum: &RawDatum, now: SystemTime, problems: &mut Problems) {
    match datum.metric_name.as_deref() {
        None => problems.missing(&format!("{at}.MetricName")),
        Some(name) => check_text(&format!("{at}.MetricName"), name, MAX_NAME, problems),
    }
    check_dimensions(at, datum.dimensions.as_deref().unwrap_or_default(), problems);
    check_figures(at, datum, problems);
    if let Some(seconds) = datum.timestamp {
        check_timestamp(at, seconds, now, problems);
    }
    if let Some(unit) = datum.unit.as_deref().filter(|unit| !UNITS.contains(unit)) {
        let set = UNITS.join(", ");
        problems.value(format!(
            "The parameter {at}.Unit must be a value in the set [ {set} ], not {unit:?}."
        ));
    }
    if let Some(resolution) = datum.storage_resolution.filter(|it| ![1, 60].contains(it)) {
        problems.value(format!(
            "The parameter {at}.StorageResolution must be 1 or 60, not {resolution}."
        ));
    }
}

fn check_dimensions(at: &str, dimensions: &[RawDimension], problems: &mut Problems) {
    let at = format!("{at}.Dimensions");
    if dimensions.len() > MAX_DIMENSIONS {
        problems.too_many(&at, MAX_DIMENSIONS);
    }
    for (index, dimension) in dimensions.iter().enumerate() {
        let at = format!("{at}.member.{}", index + 1);
        match dimension.name.as_deref() {
            None => problems.missing(&format!("{at}.Name")),
            Some(name) => {
                check_text(&format!("{at}.Name"), name, MAX_NAME, problems);
                if name.starts_with(':') {
                    problems.value(format!("The parameter {at}.Name must not start with a colon."));
                }
                if dimensions[..index].iter().any(|it| it.name.as_deref() == Some(name)) {
                    problems.value(format!("The parameter {at}.Name repeats {name}."));
                }
            }
        }
        match dimension.value.as_deref() {
            None => problems.missing(&format!("{at}.Value")),
            Some(value) => {
                check_text(&format!("{at}.Value"), value, MAX_DIMENSION_VALUE, problems);
            }
        }
    }
}

fn check_figures(at: &str, datum: &RawDatum, problems: &mut Problems) {
    let given = [
        ("Value", datum.value.is_some()),
        ("StatisticValues", datum.statistic_values.is_some()),
        ("Values", datum.values.is_some()),
    ];
    let given: Vec<_> = given.into_iter().filter(|(_, given)| *given).collect();
    match given[..] {
        [] => problems.missing(&format!("{at}.Value")),
        [_] => {}
        [(one, _), (other, _), ..] => problems.combination(format!(
            "The parameters {at}.{one} and {at}.{other} are mutually exclusive and you have \
             specified both."
        )),
    }
    if let Some(value) = datum.value {
        check_number(&format!("{at}.Value"), value, problems);
    }
    if let Some(set) = &datum.statistic_values {
        check_set(&format!("{at}.StatisticValues"), set, problems);
    }
    match (&datum.values, &datum.counts) {
        (Some(values), counts) => check_values(at, values, counts.as_deref(), problems),
        (None, Some(_)) => problems
            .combination(format!("The parameter {at}.Counts needs the parameter {at}.Values.")),
        (None, None) => {}
    }
}

fn check_values(at: &str, values: &[f64], counts: Option<&[f64]>, problems: &mut Problems) {
    if values.is_empty() {
        problems.value(format!("The collection {at}.Values must not be empty."));
    }
    if values.len() > MAX_VALUES {
        problems.too_many(&format!("{at}.Values"), MAX_VALUES);
    }
    for (index, value) in values.iter().enumerate() {
        check_number(&format!("{at}.Values.member.{}", index + 1), *value, problems);
    }
    let Some(counts) = counts else { return };
    if counts.len() != values.len() {
        problems
            .value(format!("The parameters {at}.Values and {at}.Counts must be of the same size."));
    }
    for (index, count) in counts.iter().enumerate() {
        check_positive(&format!("{at}.Counts.member.{}", index + 1), *count, problems);
    }
}

fn check_set(at: &str, set: &RawSet, problems: &mut Problems) {
    let members = [
        ("SampleCount", set.sample_count),
        ("Sum", set.sum),
        ("Minimum", set.minimum),
        ("Maximum", set.maximum),
    ];
    for (name, member) in members {
        match member {
            None => problems.missing(&format!("{at}.{name}")),
            Some(member) => check_number(&format!("{at}.{name}"), member, problems),
        }
    }
    let [Some(count), Some(sum), Some(minimum), Some(maximum)] = members.map(|(_, it)| it) else {
        return;
    };
    if count <= 0.0 {
        check_positive(&format!("{at}.SampleCount"), count, problems);
    }
    if minimum > maximum {
        problems.value(format!("The parameter {at}.Minimum must not be greater than Maximum."));
    }
    // The sender adds in another order than count * minimum does.
    let slack = 1e-9 * (count * minimum).abs().max((count * maximum).abs());
    if sum < count * minimum - slack || sum > count * maximum + slack {
        problems.value(format!(
            "The parameter {at}.Sum must lie between Minimum and Maximum times SampleCount."
        ));
    }
}

fn check_number(at: &str, value: f64, problems: &mut Problems) {
    if !value.is_finite() || value.abs() > MAX_VALUE {
        problems.value(format!("The value {value} for parameter {at} is invalid."));
    }
}

fn check_positive(at: &str, value: f64, problems: &mut Problems) {
    check_number(at, value, problems);
    if value <= 0.0 {
        problems.value(format!("The parameter {at} must be greater than 0, not {value}."));
    }
}

fn check_timestamp(at: &str, seconds: f64, now: SystemTime, problems: &mut Problems) {
    let now = since_epoch(now).as_secs_f64();
    if !seconds.is_finite() || seconds < now - MAX_AGE {
        problems.value(format!(
            "The parameter {at}.Timestamp must specify a time within the past two weeks."
        ));
    } else if seconds > now + MAX_AHEAD {
        problems.value(format!(
            "The parameter {at}.Timestamp must specify a time no more than two hours in the \
             future."
        ));
    }
}

/// Length in characters, ASCII, no control characters, not blank. The reference says so of
/// namespaces and dimensions; of metric names it gives the length only, and the double holds them
/// to the same.
fn check_text(at: &str, text: &str, max: usize, problems: &mut Problems) {
    if text.is_empty() || text.chars().count() > max {
        problems.value(format!("The parameter {at} must be 1 to {max} characters long."));
    } else if !text.is_ascii() || text.bytes().any(|byte| byte.is_ascii_control()) {
        problems.value(format!("The parameter {at} must be ASCII without control characters."));
    } else if text.trim().is_empty() {
        problems.value(format!("The parameter {at} must not be blank."));
    }
}

/// What was found wrong, in order.
#[derive(Default)]
struct Problems(Vec<Fault>);

impl Problems {
    fn missing(&mut self, at: &str) {
        self.0.push(Fault::missing(format!("The parameter {at} is required.")));
    }

    fn too_many(&mut self, at: &str, max: usize) {
        self.value(format!("The collection {at} must not have a size greater than {max}."));
    }

    fn value(&mut self, message: String) {
        self.0.push(Fault::invalid_value(message));
    }

    fn combination(&mut self, message: String) {
        self.0.push(Fault::invalid_combination(message));
    }

    fn answer(self) -> Result<(), Fault> {
        let Some(first) = self.0.first().cloned() else { return Ok(()) };
        let same_code = self.0.into_iter().filter(|problem| problem.code == first.code);
        let messages: Vec<_> = same_code.map(|problem| problem.message).take(MAX_TOLD).collect();
        Err(Fault { message: messages.join("\n"), ..first })
    }
}

/// A thousand bad datums need not be told one by one.
const MAX_TOLD: usize = 20;
