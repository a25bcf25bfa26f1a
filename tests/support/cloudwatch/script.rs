//! What the double does with the requests to come.
//!
//! Looked up once a request, in this order: the queue of single behaviours, a behaviour with an
//! end, the standing one. Poison rules hold beside all of them, for whatever is served.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::decode::{RawDatum, RawPut};
use super::fault::Fault;

#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    /// Judge the request by the documented limits; store it and say so, or refuse it.
    Serve,
    /// Serve, but let the answer wait.
    Slow(Duration),
    /// Answer with this error, store nothing.
    Fail(Fault),
    /// Answer with something that isn't the service's: a captive proxy's page, a load balancer's.
    Page { status: u16, content_type: String, body: String },
    /// Read the request, never answer, store nothing.
    Hang,
    /// Serve, but never answer: the sender can't know.
    HangAfterStoring,
    /// Read the request and close the connection, store nothing.
    Cut,
    /// Serve, but close the connection instead of answering: the sender can't know.
    CutAfterStoring,
}

impl Behaviour {
    /// A captive proxy's page, which says "200 OK" to everything.
    pub fn captive_proxy() -> Self {
        Self::html(200, "<html><body>Please sign in to use this network.</body></html>")
    }

    pub fn html(status: u16, body: &str) -> Self {
        let content_type = "text/html; charset=utf-8".to_owned();
        Self::Page { status, content_type, body: body.to_owned() }
    }

    /// Whether the sender never hears what became of its request.
    pub fn withholds_answer(&self) -> bool {
        matches!(self, Self::HangAfterStoring | Self::CutAfterStoring)
    }
}

impl From<Fault> for Behaviour {
    fn from(fault: Fault) -> Self {
        Self::Fail(fault)
    }
}

/// Refuses any request that holds a datum it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poison {
    Metric(String),
    DimensionValue(String),
    /// The metric of one series.
    Datum {
        metric: String,
        value: String,
    },
}

impl Poison {
    pub fn metric(name: &str) -> Self {
        Self::Metric(name.to_owned())
    }

    pub fn dimension_value(value: &str) -> Self {
        Self::DimensionValue(value.to_owned())
    }

    /// The metric under a dimension with this value.
    pub fn datum(metric: &str, value: &str) -> Self {
        Self::Datum { metric: metric.to_owned(), value: value.to_owned() }
    }

    fn matches(&self, datum: &RawDatum) -> bool {
        let has_name = |name| datum.metric_name.as_ref() == Some(name);
        let has_value = |value| {
            let mut dimensions = datum.dimensions.iter().flatten();
            dimensions.any(|dimension| dimension.value.as_ref() == Some(value))
        };
        match self {
            Self::Metric(name) => has_name(name),
            Self::DimensionValue(value) => has_value(value),
            Self::Datum { metric, value } => has_name(metric) && has_value(value),
        }
    }
}

#[derive(Debug)]
pub struct Script {
    queue: VecDeque<Behaviour>,
    until: Option<(Instant, Behaviour)>,
    standing: Behaviour,
    poison: Vec<Poison>,
}

impl Default for Script {
    fn default() -> Self {
        let (queue, poison) = (VecDeque::new(), Vec::new());
        Self { queue, until: None, standing: Behaviour::Serve, poison }
    }
}

impl Script {
    pub fn push(&mut self, behaviour: Behaviour) {
        self.queue.push_back(behaviour);
    }

    pub fn stand(&mut self, behaviour: Behaviour) {
        self.standing = behaviour;
    }

    pub fn hold(&mut self, end: Instant, behaviour: Behaviour) {
        self.until = Some((end, behaviour));
    }

    pub fn poison(&mut self, poison: Poison) {
        self.poison.push(poison);
    }

    pub fn next(&mut self, now: Instant) -> Behaviour {
        if let Some(behaviour) = self.queue.pop_front() {
            return behaviour;
        }
        match &self.until {
            Some((end, behaviour)) if now < *end => behaviour.clone(),
            _ => {
                self.until = None;
                self.standing.clone()
            }
        }
    }

    /// The service's refusal of a request with a poisoned datum.
    pub fn poisoned(&self, put: &RawPut) -> Result<(), Fault> {
        for (index, datum) in put.metric_data.iter().flatten().enumerate() {
            if let Some(poison) = self.poison.iter().find(|poison| poison.matches(datum)) {
                let (field, value) = match poison {
                    Poison::Metric(name) => ("MetricName", name),
                    Poison::DimensionValue(value) | Poison::Datum { value, .. } => {
                        ("Dimensions", value)
                    }
                };
                let at = format!("MetricData.member.{}.{field}", index + 1);
                return Err(Fault::invalid_value(format!(
                    "The value {value} for parameter {at} is invalid."
                )));
            }
        }
        Ok(())
    }
}
