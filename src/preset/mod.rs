//! Presets: other agents' names, units and formulas, each a table of data, so that the alarms and
//! dashboards made for them go on working.

mod tables;

pub use tables::PRESETS;

use crate::dimension::{DimensionSet, Member};
use crate::formula::Combination;
use crate::metric::{Formula, Metric};
use crate::units::{Grain, Unit};
use std::borrow::Cow;

/// What one agent publishes of memory.
#[derive(Debug)]
pub struct Preset {
    pub name: &'static str,
    /// For people.
    pub tool: &'static str,
    pub namespace: &'static str,
    pub rows: &'static [Row],
    /// Its dimension sets, as the configuration writes them.
    pub on_ec2: &'static [&'static [&'static str]],
    pub elsewhere: &'static [&'static [&'static str]],
    /// What is otherwise than the agent does it, or depends on its version.
    pub note: &'static str,
}

#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    pub unit: Unit,
    pub formula: Combination,
    /// Published where the configuration chooses nothing.
    pub default: bool,
}

/// How a row is to be published.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner<'a> {
    /// The place of its namespace and dimension sets.
    pub publication: u16,
    /// In which amounts of memory are converted, where the agent can be told one.
    pub amounts: Option<Unit>,
    /// Another name than the row's.
    pub name: Option<&'a str>,
    /// Another label than the unit; nothing is converted.
    pub label: Option<Unit>,
}

/// The preset of this name, to the letter.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The name itself, where some preset has a metric of this name.
pub fn known(name: &str) -> Option<&'static str> {
    PRESETS.iter().find_map(|preset| preset.row(name)).map(|row| row.name)
}

impl Preset {
    pub fn row(&self, name: &str) -> Option<&'static Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    pub fn defaults(&self) -> impl Iterator<Item = &'static Row> + use<> {
        self.rows.iter().filter(|row| row.default)
    }

    /// Whether the agent can be told the unit of amounts.
    pub fn has_units(&self) -> bool {
        self.rows.iter().any(Row::is_amount)
    }

    /// Its sets on EC2, and elsewhere.
    pub fn sets(&self) -> [Vec<DimensionSet>; 2] {
        let set = |names: &&[&str]| {
            DimensionSet(names.iter().map(|name| Member::parse(name)).collect::<Vec<_>>())
        };
        [self.on_ec2, self.elsewhere].map(|sets| sets.iter().map(set).collect())
    }
}

impl Row {
    /// An amount of memory in other units than bytes.
    fn is_amount(&self) -> bool {
        self.unit.bytes() > 1.0
    }

    pub fn metric(&'static self, manner: Manner<'_>) -> Metric {
        let amounts = manner.amounts.filter(|_| self.is_amount()).unwrap_or(self.unit);
        let percent = self.formula.of.is_some();
        let size = if self.is_amount() { amounts.bytes() } else { 1.0 };
        let name = manner.name.map(|name| Cow::Owned(name.to_owned()));
        Metric {
            name: name.unwrap_or(Cow::Borrowed(self.name)),
            unit: manner.label.unwrap_or(amounts),
            grain: if percent { Grain::Tenth } else { Grain::ThreeDigits },
            // The agents send their zeros, and alarms may count on them.
            sparse: false,
            formula: Formula::Fields(&self.formula, size),
            columns: Cow::Owned(self.formula.columns()),
            words: Cow::Owned(self.words(amounts)),
            publication: manner.publication,
        }
    }

    fn words(&self, unit: Unit) -> String {
        let mut words = self.formula.to_string();
        let amount = if self.is_amount() { unit.bytes() } else { 1.0 };
        if amount > 1.0 {
            let is_sum = self.formula.terms.len() > 1;
            let (open, close) = if is_sum { ("(", ")") } else { ("", "") };
            words = format!("{open}{words}{close}/2^{}", amount.log2());
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dimension;

    #[test]
    fn names_are_unique_and_the_service_s() {
        for (place, preset) in PRESETS.iter().enumerate() {
            assert!(PRESETS[..place].iter().all(|other| other.name != preset.name));
            assert!(preset.defaults().next().is_some(), "{}", preset.name);
            assert_eq!(dimension::check_name(preset.namespace), Ok(()));
            for (place, row) in preset.rows.iter().enumerate() {
                let earlier = &preset.rows[..place];
                assert!(earlier.iter().all(|other| other.name != row.name), "{}", row.name);
                assert_eq!(dimension::check_name(row.name), Ok(()));
                let metric = row.metric(Manner::default());
                assert!(metric.unit != Unit::Percent || metric.words.starts_with("100·"));
            }
        }
    }

    #[test]
    fn sets_are_read_as_the_configuration_writes_them() {
        let shown =
            |sets: &[DimensionSet]| sets.iter().map(ToString::to_string).collect::<String>();
        let [on_ec2, elsewhere] = preset("cwagent").unwrap().sets();
        assert_eq!(shown(&on_ec2), "{ImageId, InstanceId, InstanceType, AutoScalingGroupName?}");
        assert_eq!(shown(&elsewhere), "{host}");
        let [on_ec2, elsewhere] = preset("collectd").unwrap().sets();
        assert_eq!(shown(&on_ec2), "{Host, PluginInstance=NONE}");
        assert_eq!(on_ec2, elsewhere);
    }

    #[test]
    fn amounts_are_converted_and_labels_are_not() {
        let row = preset("mon-scripts").unwrap().row("MemoryUsed").unwrap();
        let of = |metric: &Metric| match metric.formula {
            Formula::Fields(_, size) => size,
            _ => 0.0,
        };
        let metric = row.metric(Manner::default());
        assert_eq!((metric.unit, of(&metric)), (Unit::Megabytes, 1_048_576.0));
        assert_eq!(metric.words, "(MemTotal − MemFree − Buffers − Cached)/2^20");
        let metric = row.metric(Manner { amounts: Some(Unit::Bytes), ..Manner::default() });
        assert_eq!((metric.unit, of(&metric)), (Unit::Bytes, 1.0));
        let row = preset("cwagent").unwrap().row("mem_used").unwrap();
        let label = Some(Unit::Gigabytes);
        let manner = Manner { amounts: label, label, name: Some("Used"), publication: 3 };
        let metric = row.metric(manner);
        assert_eq!((&*metric.name, metric.unit, of(&metric)), ("Used", Unit::Gigabytes, 1.0));
        assert_eq!(metric.publication, 3);
    }
}
