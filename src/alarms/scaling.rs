//! Target tracking: an Auto Scaling group that grows with the memory that its instances use.

use crate::alarms::place::Place;
use crate::alarms::slot::Slots;
use crate::config::Config;
use crate::dimension::{Dimension, DimensionName};
use crate::series::{By, Whose, series};
use crate::units::Unit;

/// A target tracking policy of EC2 Auto Scaling, on the average that a group publishes in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    pub name: String,
    /// The group's name.
    pub group: String,
    pub namespace: String,
    pub metric: String,
    pub dimensions: Vec<Dimension>,
    pub unit: Unit,
    /// In percent.
    pub target: f64,
    pub scale_in: bool,
}

/// `None` where the configuration asks for none, or the host is in no group.
pub fn scaling(config: &Config, place: Place<'_>, slots: &mut Slots) -> Option<Scaling> {
    let target = config.alarms.target_used?;
    let group = DimensionName::AutoScalingGroupName;
    let all = series(config, place.identity().is_on_ec2());
    let mut of_group = all.iter().filter(|one| {
        matches!(one.by, By::Cwmem)
            && one.metric == "MemoryUsedPercent"
            && one.whose == Whose::Shared
            && one.set.0.iter().any(|member| member.name == group)
    });
    of_group.find_map(|series| {
        let dimensions = place.dimensions(&series.set, slots).ok()?;
        let name = dimensions.iter().find(|pair| pair.name == group.as_str())?;
        Some(Scaling {
            name: format!("{}memory", config.alarms.prefix),
            group: name.value.clone(),
            namespace: series.namespace.to_owned(),
            metric: series.metric.clone().into_owned(),
            unit: series.unit,
            target,
            scale_in: config.alarms.scale_in,
            dimensions,
        })
    })
}

/// What whoever scales by memory should know: comments of every template.
pub const CAVEATS: [&str; 7] = [
    "The group grows when its instances use more memory than the target on average. Mind:",
    "- Memory often doesn't fall as capacity rises: caches and heaps keep what they have, and a new",
    "  instance takes none off the others. Then the group grows to its maximum and stays there.",
    "- So instances aren't taken away by this policy unless alarms.scale_in says so.",
    "- The metric's dimensions are exactly those that are published. An instance that doesn't publish",
    "  isn't in the average; with none that does, nothing is scaled.",
    "- Target tracking makes alarms of its own, and looks at whole minutes: publish.period = \"60s\".",
];
