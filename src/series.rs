//! The series that a configuration publishes: what CloudWatch bills, draws and raises alarms on.

use crate::cluster::summary;
use crate::config::{Config, sets_of};
use crate::dimension::DimensionSet;
use crate::metric::{Metric, NATIVELY};
use crate::units::Unit;
use std::borrow::Cow;

/// A metric under one dimension set.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    pub namespace: &'a str,
    pub metric: Cow<'a, str>,
    pub unit: Unit,
    /// Empty for a cluster's: theirs is the dimension Cluster.
    pub set: DimensionSet,
    /// Sent only for periods in which some value isn't zero.
    pub sparse: bool,
    pub whose: Whose,
    pub by: By<'a>,
}

/// By whose names and formulas.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    Cwmem,
    /// With the metric as it is published.
    Preset(&'a Metric),
    /// Said by a cluster's leader, of all members.
    Leader,
}

/// For how many series it stands in a group of hosts with the same configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Each host has its own.
    Host,
    /// The set names nothing of a single host: all of them publish into one.
    Shared,
}

/// Every series, cwmem's own first, then the presets', then the cluster's. The metrics of the
/// agent's health aren't among them: they are sent only when something was given up.
pub fn series(config: &Config, on_ec2: bool) -> Vec<Series<'_>> {
    let metrics = &config.metrics;
    let mut all = Vec::new();
    for metric in &metrics.enabled {
        let (namespace, sets, by) = match metric.publication {
            NATIVELY => {
                (&metrics.namespace, sets_of(metrics.dimensions.as_deref(), on_ec2), By::Cwmem)
            }
            number => match metrics.presets.get(usize::from(number) - 1) {
                Some(preset) => {
                    (&preset.namespace, preset.sets(on_ec2).to_vec(), By::Preset(metric))
                }
                None => continue,
            },
        };
        all.extend(sets.into_iter().map(|set| Series {
            namespace,
            metric: Cow::Borrowed(&*metric.name),
            unit: metric.unit,
            by,
            whose: whose(&set),
            set,
            sparse: metric.sparse,
        }));
    }
    let summaries = config.cluster.iter().flat_map(|_| summary::SUMMARIES);
    all.extend(summaries.map(|(name, unit)| Series {
        namespace: &metrics.namespace,
        metric: Cow::Borrowed(name),
        unit,
        by: By::Leader,
        set: DimensionSet::default(),
        sparse: false,
        whose: Whose::Shared,
    }));
    all
}

fn whose(set: &DimensionSet) -> Whose {
    if set.is_of_one_host() { Whose::Host } else { Whose::Shared }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_str;

    fn told(text: &str) -> Vec<String> {
        let config = parse_str("test", text).unwrap();
        let all = series(&config, true);
        all.iter().map(|one| format!("{} {} {:?}", one.namespace, one.metric, one.whose)).collect()
    }

    #[test]
    fn each_set_makes_a_series_of_each_metric() {
        let text = "[metrics]\nenabled = [\"OomKills\"]\ndimensions = [[\"InstanceId\"], [\"AutoScalingGroupName\"], []]\n";
        assert_eq!(
            told(text),
            [
                "EC2/Memory OomKills Host",
                "EC2/Memory OomKills Shared",
                "EC2/Memory OomKills Shared"
            ]
        );
    }

    #[test]
    fn presets_have_their_own_namespaces_and_a_cluster_its_summaries() {
        let all = told(
            "[metrics]\nenabled = []\npresets = [\"ec2-memory\"]\n[cluster]\nname = \"web\"\ndatabase = \"mysql://cwmem@db/cwmem\"\n",
        );
        assert!(all.iter().any(|one| one.contains("MemUsage")), "{all:?}");
        assert!(all.contains(&"EC2/Memory ClusterMembers Shared".to_owned()), "{all:?}");
    }
}
