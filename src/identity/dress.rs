//! Figures become datums: each under every dimension set that is complete.

use crate::datum::{Datum, Resolution as StorageResolution};
use crate::dimension::{Dimension, DimensionName, DimensionSet};
use crate::identity::sets::{Resolution, resolve, resolve_beside};
use crate::identity::{Identity, Name};
use crate::window::Figure;
use std::sync::Arc;

/// Closed figures in what may be sent now, and what has to wait for the InstanceId.
#[derive(Debug, Clone, PartialEq)]
pub struct Dressed {
    pub datums: Vec<Datum>,
    pub pending: Option<Pending>,
}

/// A period's figures whose InstanceId isn't known yet, with the sets that are still to come.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    pub namespace: Arc<str>,
    pub resolution: StorageResolution,
    pub figures: Vec<Figure>,
    pub sets: Vec<DimensionSet>,
    /// What the period was published under at once.
    pub spoken: Vec<Arc<[Dimension]>>,
}

/// A set that waits for another name than the InstanceId goes without this period.
pub fn dress(
    figures: &[Figure],
    identity: &Identity,
    sets: &[DimensionSet],
    namespace: Arc<str>,
    resolution: StorageResolution,
) -> Dressed {
    let resolutions = resolve(identity, sets);
    let spoken = complete(&resolutions);
    let datums = datums(figures, &spoken, &namespace, resolution);
    let waits = |resolution: &Resolution| matches!(resolution, Resolution::Waiting(_));
    let waits_for_instance = |resolution: &Resolution| match resolution {
        Resolution::Waiting(names) => names.contains(&DimensionName::InstanceId),
        _ => false,
    };
    if figures.is_empty() || !resolutions.iter().any(waits_for_instance) {
        return Dressed { datums, pending: None };
    }
    let waiting = sets.iter().zip(&resolutions).filter(|(_, resolution)| waits(resolution));
    let pending = Pending {
        namespace,
        resolution,
        figures: figures.to_vec(),
        sets: waiting.map(|(set, _)| set.clone()).collect(),
        spoken,
    };
    Dressed { datums, pending: Some(pending) }
}

impl Pending {
    /// What is to be sent now that the InstanceId is settled; `None` while it isn't. Once this has
    /// given something, the period is done: sets that wait for other names aren't back-filled.
    pub fn complete(&self, identity: &Identity) -> Option<Vec<Datum>> {
        if *identity.state(&DimensionName::InstanceId) == Name::Unknown {
            return None;
        }
        let dimensions = complete(&resolve_beside(identity, &self.sets, &self.spoken));
        Some(datums(&self.figures, &dimensions, &self.namespace, self.resolution))
    }

    /// How many datums are lost with it, at most.
    pub fn len(&self) -> usize {
        self.figures.len() * self.sets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The dimensions under which something can be published.
pub fn complete(resolutions: &[Resolution]) -> Vec<Arc<[Dimension]>> {
    let dimensions = resolutions.iter().filter_map(|resolution| match resolution {
        Resolution::Complete(dimensions) => Some(dimensions.clone()),
        _ => None,
    });
    dimensions.collect()
}

/// Each figure under each of these dimensions, with its own one beside them.
pub fn datums(
    figures: &[Figure],
    dimensions: &[Arc<[Dimension]>],
    namespace: &Arc<str>,
    resolution: StorageResolution,
) -> Vec<Datum> {
    let datums = dimensions.iter().flat_map(|dimensions| {
        figures.iter().map(|figure| {
            let dimensions = match &figure.beside {
                None => dimensions.clone(),
                Some(own) => dimensions.iter().chain([own]).cloned().collect(),
            };
            Datum::new(namespace.clone(), dimensions, resolution, figure)
        })
    });
    datums.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::distribution::Statistics;
    use crate::identity::fixture::{Given, document, nitro, set, xen};
    use crate::units::Unit;

    fn figures() -> Vec<Figure> {
        let figure = |name: &'static str| Figure {
            name: name.into(),
            unit: Unit::Percent,
            timestamp: Timestamp(60_000),
            statistics: Statistics::Values { values: [40.0].into(), counts: [600].into() },
            beside: None,
        };
        vec![figure("MemoryUsedPercent"), figure("SwapUsedPercent")]
    }

    fn dressed(identity: &Identity, sets: &[&str]) -> Dressed {
        let sets: Vec<_> = sets.iter().map(|names| set(names)).collect();
        dress(&figures(), identity, &sets, "EC2/Memory".into(), StorageResolution::Standard)
    }

    /// `MemoryUsedPercent{InstanceId,Host}` each.
    fn shapes(datums: &[Datum]) -> Vec<String> {
        let shape = |datum: &Datum| {
            let names: Vec<_> = datum.dimensions.iter().map(|pair| pair.name.as_str()).collect();
            format!("{}{{{}}}", datum.name, names.join(","))
        };
        datums.iter().map(shape).collect()
    }

    #[test]
    fn every_figure_under_every_complete_set() {
        let identity = Given::default().on(&nitro());
        let dressed = dressed(&identity, &["InstanceId", "Host Environment", "ImageId"]);
        assert_eq!(
            shapes(&dressed.datums),
            [
                "MemoryUsedPercent{InstanceId}",
                "SwapUsedPercent{InstanceId}",
                "MemoryUsedPercent{Host,Environment}",
                "SwapUsedPercent{Host,Environment}",
            ]
        );
        assert!(Arc::ptr_eq(&dressed.datums[0].dimensions, &dressed.datums[1].dimensions));
        assert_eq!(dressed.datums[0].timestamp, Timestamp(60_000));
        // {ImageId} waits, but isn't back-filled where the InstanceId is known.
        assert_eq!(dressed.pending, None);
    }

    #[test]
    fn a_period_without_its_instance_id_is_completed_once_it_is_known() {
        let mut identity = Given::default().on(&xen());
        let sets = ["InstanceId", "Host", "InstanceId tag:Role", "InstanceType"];
        let dressed = dressed(&identity, &sets);
        assert_eq!(shapes(&dressed.datums), ["MemoryUsedPercent{Host}", "SwapUsedPercent{Host}"]);
        let pending = dressed.pending.unwrap();
        assert_eq!(pending.figures[0].timestamp, Timestamp(60_000));
        assert_eq!(pending.complete(&identity), None);
        identity.learn_document(&document());
        assert_eq!(
            shapes(&pending.complete(&identity).unwrap()),
            [
                "MemoryUsedPercent{InstanceId}",
                "SwapUsedPercent{InstanceId}",
                "MemoryUsedPercent{InstanceType}",
                "SwapUsedPercent{InstanceType}",
            ]
        );
    }

    #[test]
    fn a_figure_brings_its_own_dimension() {
        let mut figures = figures();
        let own = Dimension { name: "Cgroup".into(), value: "a".into() };
        figures[0].beside = Some(own);
        let identity = Given::default().on(&xen());
        let sets = ["Host", "InstanceId", ""].map(set);
        let dressed = dress(&figures, &identity, &sets, "N".into(), StorageResolution::Standard);
        let expected = [
            "MemoryUsedPercent{Host,Cgroup}",
            "SwapUsedPercent{Host}",
            "MemoryUsedPercent{Cgroup}",
            "SwapUsedPercent{}",
        ];
        assert_eq!(shapes(&dressed.datums), expected);
        // It waits with its figure.
        let mut identity = identity;
        identity.learn_document(&document());
        let later = dressed.pending.unwrap().complete(&identity).unwrap();
        assert_eq!(
            shapes(&later),
            ["MemoryUsedPercent{InstanceId,Cgroup}", "SwapUsedPercent{InstanceId}"]
        );
    }

    #[test]
    fn what_was_published_at_once_is_not_repeated() {
        let mut identity = Given::default().on(&xen());
        let dressed = dressed(&identity, &["Host", "Host AutoScalingGroupName?", "InstanceId"]);
        let pending = dressed.pending.unwrap();
        identity.learn_document(&document());
        identity.learn_tags_off(false);
        identity.learn_no_group();
        let datums = pending.complete(&identity).unwrap();
        assert_eq!(
            shapes(&datums),
            ["MemoryUsedPercent{InstanceId}", "SwapUsedPercent{InstanceId}"]
        );
    }

    #[test]
    fn nothing_is_kept_for_sets_that_have_no_instance_id() {
        let identity = Given::default().on(&xen());
        assert_eq!(dressed(&identity, &["ImageId"]), Dressed { datums: vec![], pending: None });
        let sets = [set("InstanceId")];
        let none = dress(&[], &identity, &sets, "N".into(), StorageResolution::High);
        assert_eq!(none, Dressed { datums: vec![], pending: None });
    }
}
