//! What the double has seen: requests accepted and refused, and questions about them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use super::clock::from_epoch_seconds;
use super::decode::RawDatum;
use super::fault::Fault;
use super::statistics::Statistics;
use super::wire::Arrival;

/// Everything so far; a copy is a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Requests stored, in order.
    pub accepted: Vec<Request>,
    /// Requests not stored: refused, scripted away, cut or left hanging, in order.
    pub refused: Vec<Refusal>,
    /// TCP connections accepted.
    pub connections: usize,
    /// TLS handshakes that failed.
    pub failed_handshakes: usize,
    /// Requests whose head arrived, whatever became of them.
    pub requests: usize,
}

impl Seen {
    pub fn datums(&self) -> impl Iterator<Item = &Datum> {
        self.accepted.iter().flat_map(|request| &request.datums)
    }

    /// Every identity stored, with its unit.
    pub fn series(&self) -> BTreeSet<Series> {
        self.rows().map(|(request, datum)| Series::of(&request.namespace, datum)).collect()
    }

    /// What GetMetricStatistics would give for the period of this length that starts at `start`.
    pub fn statistics(
        &self,
        series: &Series,
        start: SystemTime,
        period: Duration,
    ) -> Option<Statistics> {
        let period = start..start + period;
        let inside = self.figures_of(series).filter(|(at, _)| period.contains(at));
        Statistics::of(inside.map(|(_, figures)| figures))
    }

    /// The same for every period that has data, by its start (periods count from the epoch).
    pub fn periods(&self, series: &Series, period: Duration) -> BTreeMap<SystemTime, Statistics> {
        let mut periods: BTreeMap<SystemTime, Vec<&Figures>> = BTreeMap::new();
        for (at, figures) in self.figures_of(series) {
            periods.entry(floor(at, period)).or_default().push(figures);
        }
        let folded = periods.into_iter();
        folded.filter_map(|(start, figures)| Some((start, Statistics::of(figures)?))).collect()
    }

    fn figures_of(&self, series: &Series) -> impl Iterator<Item = (SystemTime, &Figures)> {
        self.rows()
            .filter(|(request, datum)| series.matches(&request.namespace, datum))
            .map(|(_, datum)| (datum.timestamp, &datum.figures))
    }

    fn rows(&self) -> impl Iterator<Item = (&Request, &Datum)> {
        self.accepted.iter().flat_map(|request| request.datums.iter().map(move |it| (request, it)))
    }
}

/// One PutMetricData.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// When it arrived, by the double's clock.
    pub at: SystemTime,
    /// When it arrived, by a clock that no test bends.
    pub instant: Instant,
    pub id: String,
    pub namespace: String,
    pub datums: Vec<Datum>,
    /// The body's size as sent.
    pub bytes_on_wire: usize,
    /// The body's size unpacked.
    pub bytes: usize,
    pub gzip: bool,
    pub user_agent: String,
    pub access_key_id: String,
    pub region: String,
    /// Stored, but the sender was not told.
    pub answer_withheld: bool,
}

impl Request {
    /// Lenient, so that a refused request's content can be told too: a missing text is empty, a
    /// missing number NaN.
    pub fn of(arrival: &Arrival, id: &str, at: SystemTime, instant: Instant) -> Option<Self> {
        let put = arrival.put.as_ref().ok()?;
        Some(Self {
            at,
            instant,
            id: id.to_owned(),
            namespace: put.namespace.clone().unwrap_or_default(),
            datums: put.metric_data.iter().flatten().map(|it| Datum::of(it, at)).collect(),
            bytes_on_wire: arrival.bytes_on_wire,
            bytes: arrival.bytes,
            gzip: arrival.gzip,
            user_agent: arrival.user_agent.clone(),
            access_key_id: arrival.access_key_id.clone(),
            region: arrival.region.clone(),
            answer_withheld: false,
        })
    }
}

/// A request that was not stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub at: SystemTime,
    pub instant: Instant,
    /// The HTTP status answered; `None` where nothing was.
    pub status: Option<u16>,
    /// The fault's code; `Page`, `Hang` or `Cut` where the double behaved so instead.
    pub code: String,
    pub message: String,
    /// By the script, rather than for what the request was.
    pub scripted: bool,
    /// What it carried, where that could be read.
    pub request: Option<Request>,
}

impl Refusal {
    pub fn fault(&mut self, fault: &Fault) {
        self.status = Some(fault.status);
        self.code.clone_from(&fault.code);
        self.message.clone_from(&fault.message);
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    pub name: String,
    /// Sorted: their order is no part of a metric's identity.
    pub dimensions: Vec<(String, String)>,
    /// The time of arrival where none was sent.
    pub timestamp: SystemTime,
    /// As sent; to CloudWatch an absent unit is `None`, the word.
    pub unit: Option<String>,
    pub resolution: i64,
    pub figures: Figures,
}

impl Datum {
    fn of(raw: &RawDatum, now: SystemTime) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut dimensions: Vec<_> =
            raw.dimensions.iter().flatten().map(|it| (text(&it.name), text(&it.value))).collect();
        dimensions.sort();
        Self {
            name: text(&raw.metric_name),
            dimensions,
            timestamp: raw.timestamp.map_or(now, from_epoch_seconds),
            unit: raw.unit.clone(),
            resolution: raw.storage_resolution.unwrap_or(60),
            figures: Figures::of(raw),
        }
    }

    pub fn dimension(&self, name: &str) -> Option<&str> {
        let mut dimensions = self.dimensions.iter();
        dimensions.find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Figures {
    Value(f64),
    /// Values with their counts, as sent.
    Values(Vec<(f64, f64)>),
    Set {
        sample_count: f64,
        sum: f64,
        minimum: f64,
        maximum: f64,
    },
}

impl Figures {
    fn of(raw: &RawDatum) -> Self {
        if let Some(set) = &raw.statistic_values {
            return Self::Set {
                sample_count: set.sample_count.unwrap_or(f64::NAN),
                sum: set.sum.unwrap_or(f64::NAN),
                minimum: set.minimum.unwrap_or(f64::NAN),
                maximum: set.maximum.unwrap_or(f64::NAN),
            };
        }
        let Some(values) = &raw.values else {
            return Self::Value(raw.value.unwrap_or(f64::NAN));
        };
        let counts = raw.counts.as_deref().unwrap_or_default();
        let count = |index| counts.get(index).copied().unwrap_or(1.0);
        Self::Values(values.iter().enumerate().map(|(index, it)| (*it, count(index))).collect())
    }
}

/// What identifies a metric. Without a unit it stands for all units.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    pub namespace: String,
    pub metric: String,
    pub dimensions: Vec<(String, String)>,
    pub unit: Option<String>,
}

impl Series {
    pub fn new(namespace: &str, metric: &str) -> Self {
        let (namespace, metric) = (namespace.to_owned(), metric.to_owned());
        Self { namespace, metric, dimensions: Vec::new(), unit: None }
    }

    pub fn dimension(mut self, name: &str, value: &str) -> Self {
        self.dimensions.push((name.to_owned(), value.to_owned()));
        self.dimensions.sort();
        self
    }

    pub fn unit(self, unit: &str) -> Self {
        Self { unit: Some(unit.to_owned()), ..self }
    }

    /// What `datum` is of.
    pub fn of(namespace: &str, datum: &Datum) -> Self {
        let dimensions = datum.dimensions.clone();
        Self { dimensions, ..Self::new(namespace, &datum.name) }.unit(unit(datum))
    }

    fn matches(&self, namespace: &str, datum: &Datum) -> bool {
        self.namespace == namespace
            && self.metric == datum.name
            && self.dimensions == datum.dimensions
            && self.unit.as_deref().is_none_or(|wanted| wanted == unit(datum))
    }
}

fn unit(datum: &Datum) -> &str {
    datum.unit.as_deref().unwrap_or("None")
}

fn floor(at: SystemTime, period: Duration) -> SystemTime {
    let since = super::clock::since_epoch(at).as_millis();
    let into = since % period.as_millis().max(1);
    at - Duration::from_millis(u64::try_from(into).unwrap_or_default())
}
