//! The agent's sections `mem` and `swap`: each measurement under each dimension set.

use crate::import::Place;
use crate::import::cloudwatch_agent::{self, Globals};
use crate::import::json::Json;
use crate::import::merge::Entry;
use crate::import::series::{Dimension, Formula, Found, Series};

/// A section's metrics as the agent names them.
pub struct Section {
    /// Begins each name; may be left out in the file.
    prefix: &'static str,
    /// Names and units.
    pub metrics: &'static [(&'static str, &'static str)],
}

/// A metric that is asked for.
struct Measurement {
    name: &'static str,
    unit: &'static str,
    rename: Option<String>,
    relabel: Option<String>,
    place: Place,
}

/// A section without measurements is off, whatever else it says.
pub fn read(entry: &Entry, section: &Section, globals: &Globals, found: &mut Found) {
    if !entry.value.is_object() {
        let text = format!("expected an object, found {}", entry.value.kind());
        return found.remark(&entry.place, true, text);
    }
    let mut interval = globals.interval;
    let mut measurements = Vec::new();
    let mut own: Option<Vec<Dimension>> = None;
    let mut dropped: Vec<&str> = Vec::new();
    for (key, value) in entry.value.entries() {
        let place = entry.place.below(key);
        match key {
            "measurement" => measurements = asked(value, &place, section, found),
            "metrics_collection_interval" => {
                interval = cloudwatch_agent::seconds(value, &place, found).unwrap_or(interval);
            }
            "append_dimensions" => own = Some(dimensions(value, &place, found)),
            "drop_original_metrics" => {
                dropped = value.list().unwrap_or_default().iter().filter_map(Json::text).collect();
                tell_without_effect(&dropped, &place, section, found);
            }
            _ => found.unknown(&place),
        }
    }
    let whole = together(&globals.base, own.unwrap_or_default());
    for measurement in measurements {
        let is_dropped =
            dropped.iter().any(|name| *name == "*" || section.is(name, measurement.name));
        let mut sets = vec![whole.clone()];
        sets.retain(|_| !is_dropped);
        sets.extend(globals.aggregations.iter().filter_map(|names| part(&whole, names)));
        for dimensions in sets {
            found.series.push(measurement.series(dimensions, interval, globals));
        }
    }
}

impl Section {
    /// Whether `text` names the metric, with the prefix or without it.
    fn is(&self, text: &str, metric: &str) -> bool {
        text == metric || Some(text) == metric.strip_prefix(self.prefix)
    }

    fn metric(&self, text: &str) -> Option<(&'static str, &'static str)> {
        self.metrics.iter().find(|(name, _)| self.is(text, name)).copied()
    }
}

impl Measurement {
    fn series(&self, dimensions: Vec<Dimension>, interval: u32, globals: &Globals) -> Series {
        let Measurement { name, unit, rename, relabel, place } = self;
        Series {
            namespace: globals.namespace.clone(),
            name: rename.clone().unwrap_or_else(|| (*name).to_owned()),
            unit: relabel.clone().unwrap_or_else(|| (*unit).to_owned()),
            dimensions,
            formula: Formula { preset: PRESET, name, unit },
            interval,
            place: place.clone(),
        }
    }
}

/// The measurements of the list, each once: of several with one name the last `rename` and the last
/// `unit` count.
fn asked(value: &Json, place: &Place, section: &Section, found: &mut Found) -> Vec<Measurement> {
    let mut asked: Vec<Measurement> = Vec::new();
    let Some(items) = value.list() else {
        let text = format!("expected a list of measurements, found {}", value.kind());
        found.remark(place, true, text);
        return asked;
    };
    for (number, item) in items.iter().enumerate() {
        let place = place.below(&number.to_string());
        let Some(text) = item.text().or_else(|| item.get("name").and_then(Json::text)) else {
            let text = format!("expected a measurement's name, found {}", item.kind());
            found.remark(&place, true, text);
            continue;
        };
        let Some((name, unit)) = section.metric(text) else {
            found.foreign(&place, "no metric that the agent has here", vec![text.to_owned()]);
            continue;
        };
        for (key, _) in item.entries().filter(|(key, _)| !["name", "rename", "unit"].contains(key))
        {
            found.unknown(&place.below(key));
        }
        let given = |key| item.get(key).and_then(Json::text).filter(|text| !text.is_empty());
        let (rename, relabel) = (given("rename"), given("unit"));
        match asked.iter_mut().find(|earlier| earlier.name == name) {
            Some(earlier) => {
                found.remark(&place, false, "stands in the list already");
                earlier.rename = rename.map(str::to_owned).or(earlier.rename.take());
                earlier.relabel = relabel.map(str::to_owned).or(earlier.relabel.take());
            }
            None => asked.push(Measurement {
                name,
                unit,
                rename: rename.map(str::to_owned),
                relabel: relabel.map(str::to_owned),
                place,
            }),
        }
    }
    asked
}

fn dimensions(value: &Json, place: &Place, found: &mut Found) -> Vec<Dimension> {
    if !value.is_object() {
        found.remark(place, true, format!("expected an object, found {}", value.kind()));
    }
    let mut dimensions = Vec::new();
    for (key, value) in value.entries() {
        match value.text() {
            Some(text) => dimensions.push(Dimension {
                name: key.to_owned(),
                value: cloudwatch_agent::value(text),
                optional: false,
            }),
            None => {
                let text =
                    format!("expected a dimension's value as a text, found {}", value.kind());
                found.remark(&place.below(key), true, text);
            }
        }
    }
    dimensions
}

/// The section's own dimensions win over those that all metrics have.
fn together(base: &[Dimension], own: Vec<Dimension>) -> Vec<Dimension> {
    let mut all = own;
    for dimension in base {
        if !all.iter().any(|other| other.name == dimension.name) {
            all.push(dimension.clone());
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// The dimensions with these names, where they are fewer than all and none is missing: else the agent
/// publishes nothing under the set.
fn part(whole: &[Dimension], names: &[String]) -> Option<Vec<Dimension>> {
    let part: Vec<Dimension> = whole
        .iter()
        .filter(|dimension| names.contains(&dimension.name))
        // A set is published with all of its names or not at all.
        .map(|dimension| Dimension { optional: false, ..dimension.clone() })
        .collect();
    (part.len() == names.len() && part.len() < whole.len()).then_some(part)
}

/// A name that matches no metric: most likely a renamed one's new name.
fn tell_without_effect(dropped: &[&str], place: &Place, section: &Section, found: &mut Found) {
    for (number, name) in dropped.iter().enumerate() {
        if *name != "*" && section.metric(name).is_none() {
            let text = "has no effect: the agent compares with the original names only";
            found.remark(&place.below(&number.to_string()), false, text);
        }
    }
}

const PRESET: &str = "cwagent";

pub static MEMORY: Section = Section {
    prefix: "mem_",
    metrics: &[
        ("mem_active", "Bytes"),
        ("mem_available", "Bytes"),
        ("mem_available_percent", "Percent"),
        ("mem_buffered", "Bytes"),
        ("mem_cached", "Bytes"),
        ("mem_free", "Bytes"),
        ("mem_inactive", "Bytes"),
        ("mem_shared", "Bytes"),
        ("mem_total", "Bytes"),
        ("mem_used", "Bytes"),
        ("mem_used_percent", "Percent"),
    ],
};

pub static SWAP: Section = Section {
    prefix: "swap_",
    metrics: &[("swap_free", "Bytes"), ("swap_used", "Bytes"), ("swap_used_percent", "Percent")],
};
