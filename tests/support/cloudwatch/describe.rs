//! DescribeAlarms, of alarms that a test made up: in pages, as the service gives them.

use ciborium::Value;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::http::request::Parts;

use super::fault::Fault;
use super::shared::Shared;
use super::wire;

/// An alarm on a metric, each member as the API names it.
#[derive(Clone, Debug)]
pub struct MadeUpAlarm(Vec<(Value, Value)>);

impl MadeUpAlarm {
    /// On the average of a minute, 3 of 5.
    pub fn new(name: &str, namespace: &str, metric: &str, dimensions: &[(&str, &str)]) -> Self {
        let alarm = Self(Vec::new()).text("AlarmName", name).text("TreatMissingData", "missing");
        let alarm = alarm.number("Period", 60).number("EvaluationPeriods", 5);
        let alarm = alarm.number("DatapointsToAlarm", 3).text("Statistic", "Average");
        let alarm = alarm.text("Namespace", namespace).text("MetricName", metric);
        alarm.with("Dimensions", pairs(dimensions))
    }

    /// On an expression with one metric in it.
    pub fn expression(
        name: &str,
        namespace: &str,
        metric: &str,
        dimensions: &[(&str, &str)],
    ) -> Self {
        let metric = map(vec![
            ("Namespace", Value::from(namespace)),
            ("MetricName", Value::from(metric)),
            ("Dimensions", pairs(dimensions)),
        ]);
        let stat = map(vec![
            ("Metric", metric),
            ("Period", Value::from(60)),
            ("Stat", Value::from("Maximum")),
        ]);
        let queries = vec![
            map(vec![("Id", Value::from("m")), ("MetricStat", stat)]),
            map(vec![("Id", Value::from("e")), ("Expression", Value::from("m - 1"))]),
        ];
        let alarm = Self(Vec::new()).text("AlarmName", name).number("EvaluationPeriods", 5);
        alarm.with("Metrics", Value::Array(queries))
    }

    pub fn text(self, name: &str, value: &str) -> Self {
        self.with(name, Value::from(value))
    }

    pub fn number(self, name: &str, value: i64) -> Self {
        self.with(name, Value::from(value))
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        let name = Value::from(name);
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, value));
        self
    }
}

/// Whether it is this operation's.
pub fn is_for(head: &Parts) -> bool {
    head.uri.path() == PATH
}

pub fn answer(shared: &Shared, head: &Parts, body: &[u8], id: &str) -> Response<Full<Bytes>> {
    let (now, page) = shared.with(|state| {
        let page = wire::check_call(head).and_then(|()| {
            state.rights.as_ref().map_or(Ok(()), |rights| rights.check_alarms())?;
            page(&state.alarms, body)
        });
        (state.clock.now(), page)
    });
    match page {
        Ok(page) => wire::answered(&page, id, now),
        Err(fault) => wire::failure(&fault, id, now),
    }
}

fn page(alarms: &[MadeUpAlarm], body: &[u8]) -> Result<Value, Fault> {
    let input: Value = ciborium::from_reader(body)
        .map_err(|error| Fault::serialization(format!("not CBOR: {error}")))?;
    let entries = input.as_map().ok_or_else(|| Fault::serialization("not a structure"))?;
    let field = |name: &str| {
        entries.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
    };
    let most = field("MaxRecords").and_then(Value::as_integer).map_or(50, i128::from);
    if !(1..=100).contains(&most) {
        return Err(Fault::invalid_value("MaxRecords must be 1 to 100."));
    }
    let from = match field("NextToken").and_then(Value::as_text) {
        Some(token) => token.parse::<usize>().map_err(|_| {
            Fault::new(400, "InvalidNextToken", "InvalidNextToken", "The token is unknown.")
        })?,
        None => 0,
    };
    let most = usize::try_from(most).expect("at most 100");
    let shown = alarms.iter().skip(from).take(most).map(|alarm| Value::Map(alarm.0.clone()));
    let mut members = vec![("MetricAlarms", Value::Array(shown.collect()))];
    if from + most < alarms.len() {
        members.push(("NextToken", Value::from((from + most).to_string())));
    }
    Ok(map(members))
}

fn pairs(dimensions: &[(&str, &str)]) -> Value {
    let pair = |&(name, value): &(&str, &str)| {
        map(vec![("Name", Value::from(name)), ("Value", Value::from(value))])
    };
    Value::Array(dimensions.iter().map(pair).collect())
}

fn map(members: Vec<(&str, Value)>) -> Value {
    Value::Map(members.into_iter().map(|(name, value)| (Value::from(name), value)).collect())
}

const PATH: &str = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
