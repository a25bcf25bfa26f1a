//! What exists against what should: which alarms to create, which to change, which are as they
//! should be, and which no longer belong.

use crate::alarms::alarm::Alarm;
use crate::alarms::properties::properties;
use crate::alarms::recipe::{Plan, Planned, same_dimensions};
use crate::dimension::{Dimension, DimensionName, DimensionSet, Member};
use crate::identity::{Identity, Name};
use serde_json::{Map, Value};

/// An alarm as the service describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Existing {
    pub name: String,
    pub dimensions: Vec<Dimension>,
    /// As `properties` has them, and the lists of actions.
    pub properties: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Difference<'a> {
    Create(&'a Planned),
    Change(&'a Planned, Vec<Change>),
    Unchanged(&'a Planned),
    /// Ours by its name, and about this host, but nothing that should be.
    Orphan(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub property: String,
    pub from: Value,
    pub to: Value,
}

/// `existing`: all alarms whose names begin with the configuration's prefix. Those about other hosts
/// are theirs to judge.
pub fn differences<'a>(
    plan: &'a Plan,
    existing: &[Existing],
    is_ours: impl Fn(&Existing) -> bool,
) -> Vec<Difference<'a>> {
    let mut differences: Vec<Difference<'_>> = Vec::new();
    for planned in &plan.alarms {
        let found = existing.iter().find(|existing| existing.name == planned.alarm.name);
        differences.push(match found.map(|existing| changes(planned, existing)) {
            None => Difference::Create(planned),
            Some(changes) if changes.is_empty() => Difference::Unchanged(planned),
            Some(changes) => Difference::Change(planned, changes),
        });
    }
    let planned = |existing: &&Existing| {
        plan.alarms.iter().any(|planned| planned.alarm.name == existing.name)
    };
    let orphans = existing.iter().filter(|existing| !planned(existing) && is_ours(existing));
    differences.extend(orphans.map(|orphan| Difference::Orphan(orphan.name.clone())));
    differences
}

/// Whether an alarm is about this host, or about what it publishes in common with others: what its
/// dimensions say is true of this host. One without a metric, made of an expression, is somebody's own.
pub fn is_about(identity: &Identity, cluster: Option<&str>, existing: &Existing) -> bool {
    let is_true = |pair: &Dimension| {
        if pair.name == CLUSTER {
            return cluster == Some(pair.value.as_str());
        }
        let Member { name, .. } = Member::parse(&pair.name);
        match (identity.state(&name), identity.state(&DimensionName::Tag(pair.name.clone()))) {
            (Name::Known(value), _) | (_, Name::Known(value)) => *value == pair.value,
            _ => false,
        }
    };
    // What names this very host is about it, whatever else it names.
    let names_host = existing.dimensions.iter().any(|pair| {
        let member = Member::parse(&pair.name);
        let is_host = DimensionSet(vec![member]).is_of_one_host();
        is_host && is_true(pair)
    });
    let has_metric = existing.properties.contains_key("MetricName");
    has_metric && (names_host || existing.dimensions.iter().all(is_true))
}

/// The same form as `Existing::properties`.
pub fn wanted(planned: &Planned) -> Map<String, Value> {
    let mut wanted = properties(&planned.alarm);
    wanted.insert(ACTIONS.to_owned(), planned.actions.clone().into());
    wanted.insert(OK_ACTIONS.to_owned(), planned.ok_actions.clone().into());
    wanted
}

fn changes(planned: &Planned, existing: &Existing) -> Vec<Change> {
    let wanted = wanted(planned);
    let Alarm { dimensions, .. } = &planned.alarm;
    let mut names: Vec<&String> = wanted.keys().collect();
    names.extend(existing.properties.keys().filter(|name| !wanted.contains_key(*name)));
    let value = |map: &Map<String, Value>, name: &str| map.get(name).cloned().unwrap_or_default();
    let changed = names.into_iter().filter_map(|name| {
        let (from, to) = (value(&existing.properties, name), value(&wanted, name));
        let same = match name.as_str() {
            // Their order means nothing.
            "Dimensions" => same_dimensions(dimensions, &existing.dimensions),
            ACTIONS | OK_ACTIONS => sorted(&from) == sorted(&to),
            _ => from == to,
        };
        (!same).then(|| Change { property: name.clone(), from, to })
    });
    changed.collect()
}

fn sorted(list: &Value) -> Vec<String> {
    let mut all: Vec<String> =
        list.as_array().into_iter().flatten().map(ToString::to_string).collect();
    all.sort();
    all
}

pub const ACTIONS: &str = "AlarmActions";
pub const OK_ACTIONS: &str = "OKActions";
const CLUSTER: &str = crate::cluster::summary::DIMENSION;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fixture::{Given, nitro};

    #[test]
    fn alarms_are_about_a_host_by_what_their_dimensions_say() {
        let identity = Given::default().on(&nitro());
        let about = |pairs: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| Dimension {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            };
            let mut existing = Existing {
                name: "cwmem-x".to_owned(),
                dimensions: pairs.iter().map(pair).collect(),
                properties: Map::new(),
            };
            assert!(!is_about(&identity, Some("web"), &existing), "it has no metric");
            existing.properties.insert("MetricName".to_owned(), "MemoryUsedPercent".into());
            is_about(&identity, Some("web"), &existing)
        };
        let this = ("InstanceId", "i-0123456789abcdef0");
        assert!(about(&[]) && about(&[this]) && about(&[("Cluster", "web")]));
        assert!(about(&[this, ("ImageId", "ami-of-an-earlier-start")]));
        assert!(about(&[("Environment", "production")]));
        assert!(!about(&[("InstanceId", "i-00000000000000001")]));
        assert!(!about(&[("Cluster", "db")]) && !about(&[("Environment", "test")]));
        assert!(!about(&[("AutoScalingGroupName", "web")]), "which group isn't known");
    }
}
