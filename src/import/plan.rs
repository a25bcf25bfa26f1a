//! What cwmem is to publish in another agent's place, and what that changes, series by series.
//!
//! The configuration itself is the judge of what it can express: each part is tried on it.

use crate::config;
use crate::import::report::{Report, Row, State};
use crate::import::series::{
    Dimension, Formula, Found, Remark, Series, Setting, Settings, Value, shown,
};
use crate::import::{File, Import, toml};
use crate::preset::preset;
use humantime::format_duration;
use std::collections::HashMap;
use std::time::Duration;

/// A configuration to be.
#[derive(Debug, Default, Clone)]
pub struct Plan {
    pub tables: Vec<Table>,
    /// Keys and values of sections, all of them texts.
    pub publish: Vec<(&'static str, String)>,
    pub cloudwatch: Vec<(&'static str, String)>,
    pub identity: Vec<(&'static str, String)>,
}

/// A preset's metrics that have their namespace and dimension sets in common.
#[derive(Debug, Clone)]
pub struct Table {
    pub preset: &'static str,
    pub namespace: String,
    /// Of metrics in amounts of memory, where the preset leaves it open.
    pub units: Option<&'static str>,
    pub metrics: Vec<Metric>,
    pub sets: Vec<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub rename: Option<String>,
    pub label: Option<String>,
}

/// A metric as it is published, with all of its dimension sets.
struct Group<'a> {
    first: &'a Series,
    /// The places of its series and their sets.
    sets: Vec<(usize, Vec<String>)>,
}

/// What was found, as cwmem's configuration and a report.
pub fn import(found: Found, files: &[File]) -> Import {
    let Found { series, foreign, mut remarks, settings } = found;
    let series = once(series, &mut remarks);
    let mut rows: Vec<Row> = series.iter().map(Row::of).collect();
    let mut plan = Plan::default();
    for group in groups(&series, &mut rows) {
        let changes = plan.take(&group);
        for (place, _) in &group.sets {
            rows[*place].changes.extend(changes.iter().cloned());
        }
    }
    if let Some(period) = period(&series) {
        for (row, series) in rows.iter_mut().zip(&series) {
            row.changes.extend(other_interval(period, series.interval));
        }
        plan.settle(period, &settings, &mut remarks);
    }
    for row in rows.iter_mut().filter(|row| !row.changes.is_empty()) {
        row.state = State::Changed;
    }
    let names: Vec<&str> = files.iter().map(|(file, _)| &**file).collect();
    Import { toml: toml::write(&plan, &names), report: Report { rows, foreign, remarks } }
}

/// Each series once: another agent's files may ask for one twice, cwmem publishes it once.
fn once(all: Vec<Series>, remarks: &mut Vec<Remark>) -> Vec<Series> {
    let mut places: HashMap<(String, String, String), usize> = HashMap::new();
    let mut once: Vec<Series> = Vec::new();
    for series in all {
        let dimensions = shown(&series.dimensions);
        let identity = (series.namespace.clone(), series.name.clone(), dimensions);
        let Some(earlier) = places.get(&identity).and_then(|place| once.get_mut(*place)) else {
            places.insert(identity, once.len());
            once.push(series);
            continue;
        };
        let differs = earlier.formula != series.formula || earlier.unit != series.unit;
        let (namespace, name, dimensions) = identity;
        let how = if differs { ", as something else: only that one is kept" } else { "" };
        let text = format!(
            "{namespace} {name} {dimensions} is published by {} already{how}",
            earlier.place
        );
        earlier.interval = earlier.interval.min(series.interval);
        remarks.push(Remark { place: series.place, text, matters: differs });
    }
    once
}

/// Series of one metric in one group, less those whose sets cwmem can't have.
fn groups<'a>(series: &'a [Series], rows: &mut [Row]) -> Vec<Group<'a>> {
    type Key<'a> = (&'a str, &'a str, &'a str, Formula);
    let mut places: HashMap<Key<'a>, usize> = HashMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (place, series) in series.iter().enumerate() {
        let set = match set(&series.dimensions, series.formula.preset) {
            Ok(set) => set,
            Err(reason) => {
                rows[place].changes.push(format!("isn't published any more: {reason}"));
                continue;
            }
        };
        let key = (&*series.namespace, &*series.name, &*series.unit, series.formula);
        let group = *places.entry(key).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Group { first: series, sets: Vec::new() });
        }
        groups[group].sets.push((place, set));
    }
    groups
}

/// The longest of cwmem's periods that misses no point of what was published.
fn period(series: &[Series]) -> Option<u32> {
    let shortest = series.iter().map(|series| series.interval).min()?;
    PERIODS.into_iter().rev().find(|period| *period <= shortest)
}

fn other_interval(now: u32, before: u32) -> Option<String> {
    let high = if now < 60 && before >= 60 { ", in high resolution" } else { "" };
    (now != before)
        .then(|| format!("a point every {} instead of every {}{high}", words(now), words(before)))
}

impl Plan {
    /// Takes the group up as it was published or else as nearly as the configuration allows, and
    /// says what becomes different.
    fn take(&mut self, group: &Group<'_>) -> Vec<String> {
        let Series { namespace, name, unit, formula, .. } = group.first;
        let mut changes = Vec::new();
        let preset_s = preset(formula.preset).map_or("", |preset| preset.namespace);
        let line = format!(
            "metrics.presets = [{preset:?}]\nmetrics.{preset}.namespace = {}",
            toml::string(namespace),
            preset = formula.preset
        );
        let namespace = match refusal(&line) {
            None => namespace,
            Some(refusal) => {
                changes.push(format!("namespace {preset_s}: {refusal}"));
                preset_s
            }
        };
        let rename = Some(name.clone()).filter(|name| *name != formula.name);
        let label = Some(unit.clone()).filter(|unit| *unit != formula.unit);
        let mut refused = String::new();
        for (rename, label) in
            [(&rename, &label), (&rename, &None), (&None, &label), (&None, &None)]
        {
            let (rename, label) = (rename.clone(), label.clone());
            let kept =
                (rename.is_some() || name == formula.name, label.is_some() || unit == formula.unit);
            let metric = Metric { name: formula.name, rename, label };
            let mut candidate = self.clone();
            candidate.add(namespace, *formula, metric, group);
            match refusal(&toml::write(&candidate, &[])) {
                None => {
                    *self = candidate;
                    if !kept.0 {
                        changes.push(format!("published as {}: {refused}", formula.name));
                    }
                    if !kept.1 {
                        changes.push(format!("unit {}: {refused}", formula.unit));
                    }
                    return changes;
                }
                Some(refusal) => refused = refusal,
            }
        }
        vec![format!("isn't published any more: {refused}")]
    }

    /// Into the table that has the same in common, or a new one.
    fn add(&mut self, namespace: &str, formula: Formula, metric: Metric, group: &Group<'_>) {
        let sets: Vec<Vec<String>> = group.sets.iter().map(|(_, set)| set.clone()).collect();
        let open = preset(formula.preset).is_some_and(|preset| preset.has_units());
        let units = Some(formula.unit).filter(|unit| open && *unit != "Percent");
        let table = self.tables.iter_mut().find(|table| {
            (table.preset, &*table.namespace, &table.sets) == (formula.preset, namespace, &sets)
                && (table.units.is_none() || units.is_none() || table.units == units)
        });
        match table {
            Some(table) => {
                table.units = table.units.or(units);
                table.metrics.push(metric);
            }
            None => self.tables.push(Table {
                preset: formula.preset,
                namespace: namespace.to_owned(),
                units,
                metrics: vec![metric],
                sets,
            }),
        }
    }

    /// What isn't a metric's own: when to publish, where to, as whom.
    fn settle(&mut self, period: u32, settings: &Settings, remarks: &mut Vec<Remark>) {
        if period != DEFAULT_PERIOD {
            self.publish.push(("period", words(period)));
        }
        let flush = settings.flush.or((period < DEFAULT_PERIOD).then_some(DEFAULT_FLUSH));
        if let Some(flush) = flush {
            let every = flush.min(LONGEST_EVERY) / period * period;
            if every > period {
                self.publish.push(("every", words(every)));
            }
        }
        for (section, key, setting) in [
            ("cloudwatch", "region", &settings.region),
            ("cloudwatch", "endpoint_url", &settings.endpoint),
            ("cloudwatch", "assume_role", &settings.role),
            ("identity", "host", &settings.host),
        ] {
            let Some(Setting { value, place }) = setting else { continue };
            match refusal(&format!("{section}.{key} = {}", toml::string(value))) {
                Some(refusal) => {
                    let text = format!("left out: {section}.{key}: {refusal}");
                    remarks.push(Remark { place: place.clone(), text, matters: true });
                }
                None if section == "identity" => self.identity.push((key, value.clone())),
                None => self.cloudwatch.push((key, value.clone())),
            }
        }
    }
}

/// The set as the configuration writes it, or why it can't.
fn set(dimensions: &[Dimension], preset: &str) -> Result<Vec<String>, String> {
    let set = dimensions.iter().map(member).collect::<Result<Vec<String>, String>>()?;
    let line = format!(
        "metrics.presets = [{preset:?}]\nmetrics.{preset}.dimensions = [{}]",
        toml::strings(&set)
    );
    refusal(&line).map_or(Ok(set), Err)
}

fn member(Dimension { name, value, optional }: &Dimension) -> Result<String, String> {
    match value {
        Value::Host => Ok(name.clone()),
        Value::Instance(of) if of == name => {
            Ok(format!("{name}{}", if *optional { "?" } else { "" }))
        }
        Value::Instance(of) => Err(format!("cwmem sends {of} under that name only, not as {name}")),
        Value::Unknown(_, why) => Err(format!("{name}: {why}")),
        // In the configuration, these would be another name's.
        Value::Fixed(_) if name.contains('=') || name.starts_with("tag:") => {
            Err(format!("cwmem can't have a dimension {name}"))
        }
        Value::Fixed(value) => Ok(format!("{name}={value}")),
    }
}

/// Why the configuration refuses a text.
fn refusal(text: &str) -> Option<String> {
    let problems = config::parse_str("import", text).err()?;
    problems.iter().next().map(|problem| problem.fault.to_string())
}

fn words(seconds: u32) -> String {
    format_duration(Duration::from_secs(seconds.into())).to_string()
}

/// What `publish.period` may be, in seconds.
const PERIODS: [u32; 16] = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 300];
const DEFAULT_PERIOD: u32 = 60;
/// The agent's `force_flush_interval` where nothing is said.
const DEFAULT_FLUSH: u32 = 60;
/// The longest `publish.every`.
const LONGEST_EVERY: u32 = 3_600;
