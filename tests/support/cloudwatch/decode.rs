//! From CBOR bytes to a PutMetricData request as it was written, right or wrong.
//!
//! Decoded with `ciborium`, so that the SDK's encoder isn't judged by its own decoder. Absent
//! fields stay absent; a field that the API doesn't know, a repeated field and a value of another
//! type are refused here, every other rule is `validate`'s.

use ciborium::Value;

use super::fault::Fault;

/// PutMetricData's input, as sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawPut {
    pub namespace: Option<String>,
    pub metric_data: Option<Vec<RawDatum>>,
}

/// MetricDatum, as sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawDatum {
    pub metric_name: Option<String>,
    pub dimensions: Option<Vec<RawDimension>>,
    /// Seconds since the epoch.
    pub timestamp: Option<f64>,
    pub value: Option<f64>,
    pub statistic_values: Option<RawSet>,
    pub values: Option<Vec<f64>>,
    pub counts: Option<Vec<f64>>,
    pub unit: Option<String>,
    pub storage_resolution: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawDimension {
    pub name: Option<String>,
    pub value: Option<String>,
}

/// StatisticSet, as sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawSet {
    pub sample_count: Option<f64>,
    pub sum: Option<f64>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
}

pub fn decode(body: &[u8]) -> Result<RawPut, Fault> {
    let mut rest = body;
    let value: Value = ciborium::from_reader(&mut rest)
        .map_err(|error| Fault::serialization(format!("not CBOR: {error}")))?;
    if !rest.is_empty() {
        let extra = rest.len();
        return Err(Fault::serialization(format!("{extra} bytes after the input's end")));
    }
    put(value)
}

fn put(value: Value) -> Result<RawPut, Fault> {
    let mut put = RawPut::default();
    for (field, value) in fields("the input", value)? {
        match field.as_str() {
            "Namespace" => put.namespace = Some(text("Namespace", value)?),
            "MetricData" => put.metric_data = Some(list("MetricData", value, datum)?),
            _ => return Err(unknown("the input", &field)),
        }
    }
    Ok(put)
}

fn datum(at: &str, value: Value) -> Result<RawDatum, Fault> {
    let mut datum = RawDatum::default();
    for (field, value) in fields(at, value)? {
        let name = format!("{at}.{field}");
        match field.as_str() {
            "MetricName" => datum.metric_name = Some(text(&name, value)?),
            "Dimensions" => datum.dimensions = Some(list(&name, value, dimension)?),
            "Timestamp" => datum.timestamp = Some(timestamp(&name, value)?),
            "Value" => datum.value = Some(number(&name, value)?),
            "StatisticValues" => datum.statistic_values = Some(set(&name, value)?),
            "Values" => datum.values = Some(list(&name, value, number)?),
            "Counts" => datum.counts = Some(list(&name, value, number)?),
            "Unit" => datum.unit = Some(text(&name, value)?),
            "StorageResolution" => datum.storage_resolution = Some(integer(&name, value)?),
            _ => return Err(unknown(at, &field)),
        }
    }
    Ok(datum)
}

fn dimension(at: &str, value: Value) -> Result<RawDimension, Fault> {
    let mut dimension = RawDimension::default();
    for (field, value) in fields(at, value)? {
        let name = format!("{at}.{field}");
        match field.as_str() {
            "Name" => dimension.name = Some(text(&name, value)?),
            "Value" => dimension.value = Some(text(&name, value)?),
            _ => return Err(unknown(at, &field)),
        }
    }
    Ok(dimension)
}

fn set(at: &str, value: Value) -> Result<RawSet, Fault> {
    let mut set = RawSet::default();
    for (field, value) in fields(at, value)? {
        let value = number(&format!("{at}.{field}"), value)?;
        match field.as_str() {
            "SampleCount" => set.sample_count = Some(value),
            "Sum" => set.sum = Some(value),
            "Minimum" => set.minimum = Some(value),
            "Maximum" => set.maximum = Some(value),
            _ => return Err(unknown(at, &field)),
        }
    }
    Ok(set)
}

fn fields(at: &str, value: Value) -> Result<Vec<(String, Value)>, Fault> {
    let Value::Map(entries) = value else { return Err(expected(at, "a structure", &value)) };
    let mut fields: Vec<(String, Value)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key = text(&format!("a field of {at}"), key)?;
        if fields.iter().any(|(seen, _)| *seen == key) {
            return Err(Fault::serialization(format!("{at} has the field {key} twice")));
        }
        fields.push((key, value));
    }
    Ok(fields)
}

/// Members are numbered from 1, as the service's messages number them.
fn list<T>(
    at: &str,
    value: Value,
    member: impl Fn(&str, Value) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let Value::Array(members) = value else { return Err(expected(at, "a list", &value)) };
    let numbered = members.into_iter().enumerate();
    numbered.map(|(index, value)| member(&format!("{at}.member.{}", index + 1), value)).collect()
}

fn text(at: &str, value: Value) -> Result<String, Fault> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(expected(at, "a string", &other)),
    }
}

fn number(at: &str, value: Value) -> Result<f64, Fault> {
    match value {
        Value::Float(number) => Ok(number),
        Value::Integer(number) => Ok(i128::from(number) as f64),
        other => Err(expected(at, "a number", &other)),
    }
}

fn integer(at: &str, value: Value) -> Result<i64, Fault> {
    match value {
        Value::Integer(number) => {
            i64::try_from(number).map_err(|_| expected(at, "an integer", &value))
        }
        other => Err(expected(at, "an integer", &other)),
    }
}

/// Smithy RPC v2 CBOR: a timestamp is tag 1 round epoch seconds.
fn timestamp(at: &str, value: Value) -> Result<f64, Fault> {
    match value {
        Value::Tag(1, seconds) => number(at, *seconds),
        other => Err(expected(at, "a timestamp (tag 1)", &other)),
    }
}

fn unknown(at: &str, field: &str) -> Fault {
    Fault::validation(format!("{at} has a field this API doesn't know: {field}"))
}

fn expected(at: &str, kind: &str, found: &Value) -> Fault {
    Fault::serialization(format!("{at} must be {kind}, found {found:?}"))
}
