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
    field.keys_of(table, |field, name| {
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
    field.keys_of(table, |field, key| {
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

#[cfg(test)]
mod tests {
    use crate::config::{Config, parse_str};
    use expect_test::{Expect, expect};

    fn accepted(text: &str) -> Config {
        parse_str("f", text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
    }

    fn refused(text: &str, expected: Expect) {
        expected.assert_eq(&parse_str("f", text).unwrap_err().to_string());
    }

    /// `1 CWAgent mem_used Gigabytes {InstanceId} {host}`: a line each.
    fn check(text: &str, expected: Expect) {
        let metrics = accepted(text).metrics;
        let lines = metrics.enabled.iter().filter(|metric| metric.publication > 0).map(|metric| {
            let number = metric.publication;
            let published = &metrics.presets[usize::from(number) - 1];
            let sets = [true, false].map(|on_ec2| {
                let sets = published.sets(on_ec2).iter().map(ToString::to_string);
                sets.collect::<String>()
            });
            let (namespace, name, unit) = (&published.namespace, &metric.name, metric.unit);
            format!("{number} {namespace} {name} {unit} {} {}\n", sets[0], sets[1])
        });
        expected.assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn a_name_is_enough() {
        check(
            "metrics.presets = [\"cwagent\", \"mon-scripts\"]",
            expect![[r#"
            1 CWAgent mem_used_percent Percent {ImageId, InstanceId, InstanceType, AutoScalingGroupName?} {host}
            2 System/Linux MemoryUtilization Percent {InstanceId} {InstanceId}
            2 System/Linux MemoryUsed Megabytes {InstanceId} {InstanceId}
            2 System/Linux MemoryAvailable Megabytes {InstanceId} {InstanceId}
            2 System/Linux SwapUtilization Percent {InstanceId} {InstanceId}
            2 System/Linux SwapUsed Megabytes {InstanceId} {InstanceId}
        "#]],
        );
    }

    #[test]
    fn a_table_chooses() {
        check(
            r#"
[metrics]
enabled = []
presets = ["cwagent", "mon-scripts"]
[metrics.mon-scripts]
metrics = ["MemoryUsed"]
units = "gigabytes"
namespace = "Team/Linux"
[[metrics.cwagent]]
metrics = ["mem_used_percent", { metric = "mem_used", name = "Used", unit = "Gigabytes" }]
dimensions = [["InstanceId", "env=prod"], ["AutoScalingGroupName?"]]
[[metrics.cwagent]]
metrics = ["swap_used_percent"]
dimensions = [["host"]]
"#,
            expect![[r#"
                1 CWAgent mem_used_percent Percent {InstanceId, env=prod}{AutoScalingGroupName?} {InstanceId, env=prod}{AutoScalingGroupName?}
                1 CWAgent Used Gigabytes {InstanceId, env=prod}{AutoScalingGroupName?} {InstanceId, env=prod}{AutoScalingGroupName?}
                2 CWAgent swap_used_percent Percent {host} {host}
                3 Team/Linux MemoryUsed Gigabytes {InstanceId} {InstanceId}
            "#]],
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        refused(
            r#"
[metrics]
presets = ["cwagnt", "telegraf", "telegraf"]
collectd = { metrics = [] }
cwagent = { metric = ["mem_used"] }
mon-scripts = { metrics = ["MemUsed", 3, { name = "x" }, { metric = "SwapUsed", unit = "MB" }], units = "MB" }
telegraf = { units = "bytes", dimensions = [["hosts"], ["a=", "b=x"]], namespace = "AWS/x" }
vector = 3
ec2-memory = [{}, 3]
"#,
            expect![[r#"
                f:3: metrics.presets: expected the name of a preset, found "cwagnt"; did you mean "cwagent"?
                f:3: metrics.presets: expected each name once, found "telegraf"
                f:4: metrics.collectd.metrics: expected a list of metrics of collectd, found an empty list
                f:5: metrics.cwagent.metric: unknown key; did you mean metrics.cwagent.metrics?
                f:6: metrics.mon-scripts.metrics: expected the name of a metric of mon-scripts, found "MemUsed"; did you mean "MemoryUsed"?
                f:6: metrics.mon-scripts.metrics: expected the name of a metric of mon-scripts, found 3
                f:6: metrics.mon-scripts.metrics: expected a table with the key metric, found a table
                f:6: metrics.mon-scripts.metrics.unit: expected "Percent", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Count", "Count/Second" or "None", found "MB"
                f:6: metrics.mon-scripts.units: expected "bytes", "kilobytes", "megabytes" or "gigabytes", found "MB"
                f:7: metrics.telegraf.units: unknown key
                f:7: metrics.telegraf.dimensions: expected a name that cwmem knows, "tag:KEY" or a key of [dimensions], found "hosts"; did you mean "Host"?
                f:7: metrics.telegraf.dimensions: expected NAME=VALUE, each of which must have 1 to 1024 characters, has 0, found "a="
                f:7: metrics.telegraf.namespace: expected a namespace: 1 to 255 ASCII characters, not beginning with ":" or "AWS/", found "AWS/x"
                f:8: metrics.vector: expected a table, or a list of tables, found 3
                f:9: metrics.ec2-memory: expected a table, or a list of tables, found 3"#]],
        );
    }

    #[test]
    fn a_table_needs_its_name() {
        refused(
            "[metrics.cwagent]\nmetrics = [\"mem_used\"]",
            expect![
                "f:1: metrics.cwagent: metrics.presets doesn't name it: add it there or remove this"
            ],
        );
        refused(
            "metrics.enabled = []",
            expect![
                "f:1: metrics.enabled: expected at least one metric here, one field in metrics.meminfo or one of metrics.presets, found an empty list"
            ],
        );
        accepted("metrics.enabled = []\nmetrics.presets = [\"vector\"]");
    }

    #[test]
    fn a_series_comes_from_one_place() {
        for (text, expected) in [
            (
                "metrics.presets = [\"cwagent\", \"cwagent-available\"]",
                expect![
                    "f:1: metrics.presets: CWAgent mem_used_percent under {ImageId, InstanceId, InstanceType, AutoScalingGroupName?} comes from cwagent and from cwagent-available, and would count twice: give one of them another namespace, other metrics, other names or other dimensions"
                ],
            ),
            (
                "metrics.presets = [\"mon-scripts\"]\nmetrics.namespace = \"System/Linux\"\nmetrics.enabled = [\"MemoryUsed\"]\nmetrics.dimensions = [[\"InstanceId\", \"AutoScalingGroupName?\"]]",
                expect![
                    "f:1: metrics.presets: System/Linux MemoryUsed under {InstanceId, AutoScalingGroupName?} comes from cwmem's own metrics and from mon-scripts, and would count twice: give one of them another namespace, other metrics, other names or other dimensions"
                ],
            ),
            (
                "[metrics]\npresets = [\"cwagent\"]\n[[metrics.cwagent]]\n[[metrics.cwagent]]\nmetrics = [\"mem_free\", { metric = \"mem_used\", name = \"mem_used_percent\" }]",
                expect![
                    "f:3: metrics.cwagent: CWAgent mem_used_percent under {ImageId, InstanceId, InstanceType, AutoScalingGroupName?} comes from cwagent and from another table of it, and would count twice: give one of them another namespace, other metrics, other names or other dimensions"
                ],
            ),
        ] {
            refused(text, expected);
        }
        accepted(
            "[metrics]\npresets = [\"cwagent\", \"cwagent-available\"]\n[metrics.cwagent]\ndimensions = [[\"InstanceId\"]]",
        );
    }

    #[test]
    fn pairs_are_used_by_presets_too() {
        let text = "[metrics]\npresets = [\"cwagent\"]\n[metrics.cwagent]\ndimensions = [[\"host\", \"Team\"]]\n[dimensions]\nTeam = \"a\"\nhost = \"web-1\"\n";
        assert_eq!(accepted(text).dimensions.len(), 2);
    }
}
