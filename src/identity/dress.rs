//! Figures become datums: each under every dimension set of its publication that is complete.

use crate::config::Config;
use crate::datum::{Datum, Resolution as StorageResolution};
use crate::dimension::{Dimension, DimensionName, DimensionSet};
use crate::identity::remedy::{Described, describe};
use crate::identity::sets::{Resolution, resolve, resolve_beside};
use crate::identity::{Identity, Name};
use crate::window::Figure;
use std::sync::Arc;

/// Where a publication's figures go.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    pub namespace: Arc<str>,
    pub sets: Vec<DimensionSet>,
}

/// The publication of cwmem's own metrics, and those of the presets in the configuration's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Publications {
    pub native: Publication,
    pub presets: Vec<Publication>,
}

/// Closed figures in what may be sent now, and what has to wait for the InstanceId.
#[derive(Debug, Clone, PartialEq)]
pub struct Dressed {
    pub datums: Vec<Datum>,
    pub pending: Option<Pending>,
}

/// A period's figures whose InstanceId isn't known yet, one group for each publication, never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending(pub Vec<Group>);

/// A publication's figures, with the sets that are still to come.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub namespace: Arc<str>,
    pub resolution: StorageResolution,
    pub figures: Vec<Figure>,
    pub sets: Vec<DimensionSet>,
    /// What the period was published under at once.
    pub spoken: Vec<Arc<[Dimension]>>,
}

impl Publications {
    /// Without presets.
    pub fn native(namespace: Arc<str>, sets: Vec<DimensionSet>) -> Publications {
        Publications { native: Publication { namespace, sets }, presets: Vec::new() }
    }

    pub fn of(config: &Config, identity: &Identity) -> Publications {
        let metrics = &config.metrics;
        let presets = metrics.presets.iter().map(|preset| Publication {
            namespace: preset.namespace.as_str().into(),
            sets: preset.sets(identity.is_on_ec2()).to_vec(),
        });
        Publications {
            native: Publication {
                namespace: metrics.namespace.as_str().into(),
                sets: identity.sets(metrics.dimensions.as_deref()),
            },
            presets: presets.collect(),
        }
    }

    /// In the order of the numbers that metrics have of them.
    pub fn iter(&self) -> impl Iterator<Item = &Publication> {
        std::iter::once(&self.native).chain(&self.presets)
    }

    /// Every set of every publication with what it comes to in its own, the same once.
    pub fn describe(&self, identity: &Identity) -> Vec<Described> {
        let mut all: Vec<Described> = Vec::new();
        for described in self.iter().flat_map(|one| describe(identity, &one.sets)) {
            if !all.contains(&described) {
                all.push(described);
            }
        }
        all
    }

    /// Every set of every publication, each once.
    pub fn sets(&self) -> Vec<DimensionSet> {
        let mut sets: Vec<DimensionSet> = Vec::new();
        for set in self.iter().flat_map(|publication| &publication.sets) {
            if !sets.contains(set) {
                sets.push(set.clone());
            }
        }
        sets
    }
}

/// A set that waits for another name than the InstanceId goes without this period.
pub fn dress(
    figures: &[Figure],
    identity: &Identity,
    publications: &Publications,
    resolution: StorageResolution,
) -> Dressed {
    let mut dressed = Dressed { datums: Vec::new(), pending: None };
    for (number, publication) in publications.iter().enumerate() {
        let is_of = |figure: &&Figure| usize::from(figure.publication) == number;
        let figures: Vec<Figure> = figures.iter().filter(is_of).cloned().collect();
        let (datums, waits) = dress_one(figures, identity, publication, resolution);
        dressed.datums.extend(datums);
        if let Some(group) = waits {
            dressed.pending.get_or_insert(Pending(Vec::new())).0.push(group);
        }
    }
    dressed
}

fn dress_one(
    figures: Vec<Figure>,
    identity: &Identity,
    Publication { namespace, sets }: &Publication,
    resolution: StorageResolution,
) -> (Vec<Datum>, Option<Group>) {
    let resolutions = resolve(identity, sets);
    let spoken = complete(&resolutions);
    let datums = datums(&figures, &spoken, namespace, resolution);
    let waits = |resolution: &Resolution| matches!(resolution, Resolution::Waiting(_));
    let waits_for_instance = |resolution: &Resolution| match resolution {
        Resolution::Waiting(names) => names.contains(&DimensionName::InstanceId),
        _ => false,
    };
    if figures.is_empty() || !resolutions.iter().any(waits_for_instance) {
        return (datums, None);
    }
    let waiting = sets.iter().zip(&resolutions).filter(|(_, resolution)| waits(resolution));
    let sets = waiting.map(|(set, _)| set.clone()).collect();
    (datums, Some(Group { namespace: namespace.clone(), resolution, figures, sets, spoken }))
}

impl Pending {
    /// What is to be sent now that the InstanceId is settled; `None` while it isn't. Once this has
    /// given something, the period is done: sets that wait for other names aren't back-filled.
    pub fn complete(&self, identity: &Identity) -> Option<Vec<Datum>> {
        if *identity.state(&DimensionName::InstanceId) == Name::Unknown {
            return None;
        }
        Some(self.0.iter().flat_map(|group| group.complete(identity)).collect())
    }

    /// How many datums are lost with it, at most.
    pub fn len(&self) -> usize {
        self.0.iter().map(|group| group.figures.len() * group.sets.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.0.iter().flat_map(|group| &group.figures)
    }
}

impl Group {
    fn complete(&self, identity: &Identity) -> Vec<Datum> {
        let dimensions = complete(&resolve_beside(identity, &self.sets, &self.spoken));
        datums(&self.figures, &dimensions, &self.namespace, self.resolution)
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
    use crate::metric::NATIVELY;
    use crate::units::Unit;

    fn figures() -> Vec<Figure> {
        let figure = |name: &'static str| Figure {
            name: name.into(),
            publication: NATIVELY,
            unit: Unit::Percent,
            timestamp: Timestamp(60_000),
            statistics: Statistics::Values { values: [40.0].into(), counts: [600].into() },
            beside: None,
        };
        vec![figure("MemoryUsedPercent"), figure("SwapUsedPercent")]
    }

    fn dressed(identity: &Identity, sets: &[&str]) -> Dressed {
        let sets: Vec<_> = sets.iter().map(|names| set(names)).collect();
        let publications = Publications::native("EC2/Memory".into(), sets);
        dress(&figures(), identity, &publications, StorageResolution::Standard)
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
        assert_eq!(pending.0[0].figures[0].timestamp, Timestamp(60_000));
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
        let publications = Publications::native("N".into(), sets.to_vec());
        let dressed = dress(&figures, &identity, &publications, StorageResolution::Standard);
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
        let publications = Publications::native("N".into(), vec![set("InstanceId")]);
        let none = dress(&[], &identity, &publications, StorageResolution::High);
        assert_eq!(none, Dressed { datums: vec![], pending: None });
    }

    #[test]
    fn what_a_set_comes_to_is_its_publication_s_own_matter() {
        let mut identity = Given::default().on(&xen());
        identity.learn_document(&document());
        identity.learn_no_group();
        let mut publications = Publications::native("N".into(), vec![set("InstanceId")]);
        let sets = vec![set("InstanceId AutoScalingGroupName?"), set("InstanceId")];
        publications.presets.push(Publication { namespace: "CWAgent".into(), sets });
        let described = publications.describe(&identity);
        let remedies: Vec<_> = described.iter().map(|set| set.remedies.len()).collect();
        assert_eq!(remedies, [0, 0, 1], "said twice in the same publication only");
    }

    #[test]
    fn each_figure_goes_where_its_publication_does() {
        let mut identity = Given::default().on(&xen());
        let mut publications = Publications::native("N".into(), vec![set("Host")]);
        for (namespace, sets) in [("CWAgent", "InstanceId ImageId"), ("Other", "InstanceId")] {
            let sets = vec![set(sets), set("host")];
            publications.presets.push(Publication { namespace: namespace.into(), sets });
        }
        let mut figures = figures();
        figures[1].publication = 1;
        let shapes = |datums: &[Datum]| -> Vec<String> {
            let namespaced = datums.iter().zip(shapes(datums));
            namespaced.map(|(datum, shape)| format!("{} {shape}", datum.namespace)).collect()
        };
        let dressed = dress(&figures, &identity, &publications, StorageResolution::Standard);
        assert_eq!(
            shapes(&dressed.datums),
            ["N MemoryUsedPercent{Host}", "CWAgent SwapUsedPercent{host}"]
        );
        let pending = dressed.pending.unwrap();
        assert_eq!((pending.0.len(), pending.len()), (1, 1), "nothing waits where nothing is");
        identity.learn_document(&document());
        let completed = pending.complete(&identity).unwrap();
        assert_eq!(shapes(&completed), ["CWAgent SwapUsedPercent{InstanceId,ImageId}"]);
    }
}
