//! `metrics.presets` and the table of each preset: what is published under other agents' names.

use crate::config::kind;
use crate::config::problem::{Fault, Place};
use crate::config::reader::{Field, Section};
use crate::config::sets::{self, Pair};
use crate::config::tree::{Table, dotted};
use crate::dimension::{self, DimensionSet};
use crate::metric::Metric;
use crate::preset::{Manner, PRESETS, Preset, Row, preset};
use crate::units::Unit;
use std::collections::BTreeSet;

/// Where a preset's metrics go. A preset may be published several times, under different sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pub preset: &'static str,
    pub namespace: String,
    on_ec2: Vec<DimensionSet>,
    elsewhere: Vec<DimensionSet>,
}

/// All presets that are published, with their metrics: each of them knows the place, from 1, of
/// what it belongs to.
#[derive(Default)]
pub struct Presets {
    pub published: Vec<Published>,
    pub metrics: Vec<Metric>,
    /// Where each of `published` stands, and under which key.
    pub places: Vec<(Option<Place>, String)>,
    pub is_refused: bool,
}

/// One table.
#[derive(Default)]
struct Choice {
    namespace: Option<String>,
    metrics: Option<Vec<Chosen>>,
    dimensions: Option<Vec<DimensionSet>>,
    units: Option<Unit>,
}

struct Chosen {
    row: &'static Row,
    name: Option<String>,
    label: Option<Unit>,
}

impl Published {
    pub fn sets(&self, on_ec2: bool) -> &[DimensionSet] {
        if on_ec2 { &self.on_ec2 } else { &self.elsewhere }
    }
}

pub fn read(section: &mut Section<'_>, pairs: &[Pair]) -> Presets {
    let all_is_read = section.all_is_read();
    let names = section.value("presets", Vec::new(), names);
    let mut presets = Presets { is_refused: names.is_refused(), ..Presets::default() };
    for preset in &PRESETS {
        let tables = section.optional(preset.name, |field| {
            field.tables("a table, or a list of tables", |field, table| {
                choice(field, table, preset, pairs, all_is_read)
            })
        });
        presets.is_refused |= tables.is_refused();
        let key = dotted("metrics", preset.name);
        match (names.value.contains(&preset.name), tables.place()) {
            (false, Some(place)) if !names.is_refused() => {
                section.report(place.clone(), &key, Fault::Unnamed);
            }
            (true, place) => {
                let place = match place {
                    Some(place) => (Some(place.clone()), key),
                    None => (names.place().cloned(), dotted("metrics", "presets")),
                };
                for choice in tables.value.unwrap_or_else(|| vec![Choice::default()]) {
                    presets.add(preset, choice, place.clone());
                }
            }
            (false, _) => {}
        }
    }
    presets
}

impl Presets {
    fn add(&mut self, preset: &'static Preset, choice: Choice, place: (Option<Place>, String)) {
        let [on_ec2, elsewhere] = match choice.dimensions {
            Some(sets) => [sets.clone(), sets],
            None => preset.sets(),
        };
        let namespace = choice.namespace.unwrap_or_else(|| preset.namespace.to_owned());
        self.published.push(Published { preset: preset.name, namespace, on_ec2, elsewhere });
        self.places.push(place);
        // More than so many tables no file has: it would be longer than files may be.
        let publication = u16::try_from(self.published.len()).unwrap_or(u16::MAX);
        let plain = |row| Chosen { row, name: None, label: None };
        let chosen = choice.metrics.unwrap_or_else(|| preset.defaults().map(plain).collect());
        self.metrics.extend(chosen.iter().map(|chosen| {
            chosen.row.metric(Manner {
                publication,
                amounts: choice.units,
                name: chosen.name.as_deref(),
                label: chosen.label,
            })
        }));
    }
}

fn names(field: &mut Field<'_>) -> Option<Vec<&'static str>> {
    let mut seen = BTreeSet::new();
    field.list("a list of presets", |field| {
        let expected = "the name of a preset";
        let text = field.text(expected)?;
        let Some(preset) = preset(text) else {
            return field.refuse_near(expected, PRESETS.iter().map(|preset| preset.name));
        };
        if !seen.insert(preset.name) {
            return field.refuse("each name once");
        }
        Some(preset.name)
    })
}

fn choice(
    field: &mut Field<'_>,
    table: &Table,
    preset: &'static Preset,
    pairs: &[Pair],
    all_is_read: bool,
) -> Option<Choice> {
    let mut choice = Choice::default();
    field.entries(table, |field, name| {
        match name {
            "namespace" => choice.namespace = Some(kind::namespace(field)?),
            "metrics" => choice.metrics = Some(metrics(field, preset)?),
            "dimensions" => choice.dimensions = Some(sets::list(field, pairs, all_is_read)?),
            "units" if preset.has_units() => choice.units = Some(kind::choice(field, &AMOUNTS)?),
            "units" => return field.refuse_key(name, &KEYS[..3]),
            _ => return field.refuse_key(name, &KEYS),
        }
        Some(())
    })?;
    Some(choice)
}

fn metrics(field: &mut Field<'_>, preset: &'static Preset) -> Option<Vec<Chosen>> {
    let expected = format!("a list of metrics of {}", preset.name);
    let chosen = field.list(expected.as_str(), |field| {
        if !field.node.value.is_section() {
            return Some(Chosen { row: row(field, preset)?, name: None, label: None });
        }
        let chosen = field.tables("a metric", |field, table| renamed(field, table, preset))?;
        chosen.into_iter().next()
    })?;
    if chosen.is_empty() { field.refuse(expected) } else { Some(chosen) }
}

/// `{ metric = "mem_used", name = "Used", unit = "Gigabytes" }`.
fn renamed(field: &mut Field<'_>, table: &Table, preset: &'static Preset) -> Option<Chosen> {
    let (mut chosen, mut name, mut label) = (None, None, None);
    field.entries(table, |field, key| {
        match key {
            "metric" => chosen = Some(row(field, preset)?),
            "name" => name = Some(metric_name(field)?),
            "unit" => label = Some(kind::choice(field, &LABELS)?),
            _ => return field.refuse_key(key, &["metric", "name", "unit"]),
        }
        Some(())
    })?;
    match chosen {
        Some(row) => Some(Chosen { row, name, label }),
        None => field.refuse("a table with the key metric"),
    }
}

fn row(field: &mut Field<'_>, preset: &'static Preset) -> Option<&'static Row> {
    let expected = format!("the name of a metric of {}", preset.name);
    let text = field.text(expected.as_str())?;
    match preset.row(text) {
        Some(row) => Some(row),
        None => field.refuse_near(expected, preset.rows.iter().map(|row| row.name)),
    }
}

/// API reference, `MetricDatum.MetricName`: what a dimension's name may be, too.
fn metric_name(field: &mut Field<'_>) -> Option<String> {
    let expected = "a metric's name: 1 to 255 ASCII characters, not beginning with \":\"";
    let text = field.text(expected)?;
    match dimension::check_name(text) {
        Ok(()) => Some(text.to_owned()),
        Err(_) => field.refuse(expected),
    }
}

/// The words of `units`, as --memory-units has them.
const AMOUNTS: [(&str, Unit); 4] = [
    ("bytes", Unit::Bytes),
    ("kilobytes", Unit::Kilobytes),
    ("megabytes", Unit::Megabytes),
    ("gigabytes", Unit::Gigabytes),
];
/// CloudWatch's own words.
const LABELS: [(&str, Unit); 8] = [
    ("Percent", Unit::Percent),
    ("Bytes", Unit::Bytes),
    ("Kilobytes", Unit::Kilobytes),
    ("Megabytes", Unit::Megabytes),
    ("Gigabytes", Unit::Gigabytes),
    ("Count", Unit::Count),
    ("Count/Second", Unit::CountPerSecond),
    ("None", Unit::None),
];
const KEYS: [&str; 4] = ["namespace", "metrics", "dimensions", "units"];
