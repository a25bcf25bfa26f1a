//! What another agent publishes, as far as a configuration tells it: series, settings, and what isn't
//! cwmem's business.

use crate::import::Place;
use std::fmt;

/// What a configuration says.
#[derive(Debug, Default)]
pub struct Found {
    pub series: Vec<Series>,
    pub foreign: Vec<Foreign>,
    pub remarks: Vec<Remark>,
    pub settings: Settings,
}

/// One series of CloudWatch: namespace, name, unit and dimensions as they were published.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub namespace: String,
    pub name: String,
    pub unit: String,
    /// In the order of their names.
    pub dimensions: Vec<Dimension>,
    pub formula: Formula,
    /// Seconds from one point to the next.
    pub interval: u32,
    pub place: Place,
}

/// The preset that computes the metric, and its name and unit there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Formula {
    pub preset: &'static str,
    pub name: &'static str,
    pub unit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    pub name: String,
    pub value: Value,
    /// Left out by hosts that haven't got it.
    pub optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The host's name.
    Host,
    /// What the instance's metadata tell under this name.
    Instance(&'static str),
    Fixed(String),
    /// As it is written, and why its value can't be known here.
    Unknown(String, &'static str),
}

/// Something that cwmem doesn't measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    pub place: Place,
    pub what: String,
    /// Its metrics, where they are named.
    pub names: Vec<String>,
}

/// Something to know about a key or a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    pub place: Place,
    pub text: String,
    /// Whether it makes a difference to what is published.
    pub matters: bool,
}

/// What is not a metric's own.
#[derive(Debug, Default)]
pub struct Settings {
    pub region: Option<Setting>,
    pub endpoint: Option<Setting>,
    pub role: Option<Setting>,
    pub host: Option<Setting>,
    /// Seconds from one request to the next.
    pub flush: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub value: String,
    pub place: Place,
}

impl Found {
    pub fn remark(&mut self, place: &Place, matters: bool, text: impl Into<String>) {
        self.remarks.push(Remark { place: place.clone(), text: text.into(), matters });
    }

    pub fn foreign(&mut self, place: &Place, what: impl Into<String>, names: Vec<String>) {
        self.foreign.push(Foreign { place: place.clone(), what: what.into(), names });
    }

    /// A key that nobody here knows.
    pub fn unknown(&mut self, place: &Place) {
        self.remark(place, true, "unknown key: cwmem doesn't know what it does");
    }
}

impl Dimension {
    pub fn of_instance(name: &'static str) -> Dimension {
        Dimension { name: name.to_owned(), value: Value::Instance(name), optional: false }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dimension { name, value, optional } = self;
        match value {
            Value::Instance(of) if of == name => formatter.write_str(name)?,
            Value::Instance(of) => write!(formatter, "{name}=${{aws:{of}}}")?,
            Value::Host => formatter.write_str(name)?,
            Value::Fixed(value) | Value::Unknown(value, _) => write!(formatter, "{name}={value}")?,
        }
        formatter.write_str(if *optional { "?" } else { "" })
    }
}

/// `{ImageId, InstanceId}`
pub fn shown(dimensions: &[Dimension]) -> String {
    let shown: Vec<String> = dimensions.iter().map(Dimension::to_string).collect();
    format!("{{{}}}", shown.join(", "))
}
