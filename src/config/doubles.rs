//! Series that two publications would both publish: CloudWatch would count them twice.

use crate::config::presets::{Presets, Published};
use crate::config::problem::Fault;
use crate::config::reader::Section;
use crate::dimension::{DimensionName, DimensionSet, Member};
use crate::metric::{Metric, NATIVELY};

/// Cwmem's own metrics and where they go.
pub struct Native<'a> {
    pub namespace: &'a str,
    pub metrics: &'a [Metric],
    /// On EC2, and elsewhere.
    pub sets: [Vec<DimensionSet>; 2],
}

/// Reports the first series that comes from two places, at the later one.
pub fn refuse(section: &mut Section<'_>, native: &Native<'_>, presets: &Presets) {
    let all: Vec<&Metric> = native.metrics.iter().chain(&presets.metrics).collect();
    for (place, later) in all.iter().enumerate() {
        let earlier = all[..place].iter().filter(|earlier| earlier.name == later.name);
        for earlier in earlier {
            let (one, other) = (source(earlier, native, presets), source(later, native, presets));
            let Some(set) = one.meets(&other) else { continue };
            let Some((Some(place), key)) = published(later, &presets.places) else { return };
            let fault = Fault::Double {
                series: format!("{} {} under {set}", other.namespace, later.name),
                one: one.name.to_owned(),
                other: if one.name == other.name { "another table of it" } else { other.name }
                    .to_owned(),
            };
            section.report(place.clone(), key, fault);
            return;
        }
    }
}

struct Source<'a> {
    name: &'a str,
    namespace: &'a str,
    sets: [&'a [DimensionSet]; 2],
}

impl Source<'_> {
    /// A set of this one that one of the other may come to, too.
    fn meets(&self, other: &Source<'_>) -> Option<&DimensionSet> {
        let places = self.sets.iter().zip(other.sets);
        let same_namespace = self.namespace == other.namespace;
        let mut met = places.filter(|_| same_namespace).flat_map(|(sets, others)| {
            sets.iter().filter(move |set| others.iter().any(|other| may_meet(set, other)))
        });
        met.next()
    }
}

fn source<'a>(metric: &Metric, native: &'a Native<'_>, presets: &'a Presets) -> Source<'a> {
    match published(metric, &presets.published) {
        Some(Published { preset, namespace, .. }) => {
            let of = published(metric, &presets.published);
            let sets = |on_ec2| of.map(|of| of.sets(on_ec2)).unwrap_or_default();
            Source { name: preset, namespace, sets: [sets(true), sets(false)] }
        }
        None => Source {
            name: "cwmem's own metrics",
            namespace: native.namespace,
            sets: [&native.sets[0], &native.sets[1]],
        },
    }
}

fn published<'a, T>(metric: &Metric, published: &'a [T]) -> Option<&'a T> {
    let place = usize::from(metric.publication.checked_sub(NATIVELY + 1)?);
    published.get(place)
}

/// Whether two sets can come to the same dimensions, optional ones falling away where they are
/// absent.
fn may_meet(one: &DimensionSet, other: &DimensionSet) -> bool {
    covers(one, other) && covers(other, one)
}

/// Whether `other` has what `one` has at the least. Names count as they are sent.
fn covers(one: &DimensionSet, other: &DimensionSet) -> bool {
    let required = one.0.iter().filter(|member| !member.optional);
    required.into_iter().all(|member| other.0.iter().any(|known| is_same(known, member)))
}

fn is_same(one: &Member, other: &Member) -> bool {
    match (&one.name, &other.name) {
        (DimensionName::Fixed(..), DimensionName::Fixed(..)) => one.name == other.name,
        // A fixed value may be the one that the host has.
        (one, other) => one.as_str() == other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_meet_where_optional_names_can_make_them_the_same() {
        let set = |text: &str| DimensionSet(text.split(' ').map(Member::parse).collect());
        for (one, other, expected) in [
            ("InstanceId", "InstanceId", true),
            ("InstanceId ImageId", "ImageId InstanceId", true),
            ("InstanceId", "InstanceId AutoScalingGroupName?", true),
            ("InstanceId Region?", "InstanceId AutoScalingGroupName?", true),
            ("InstanceId", "InstanceId AutoScalingGroupName", false),
            ("InstanceId", "InstanceType", false),
            ("InstanceId", "instanceid", false),
            ("host env=a", "host env=b", false),
            ("host env=a", "host env=a", true),
            ("host env=a", "host env", true),
        ] {
            assert_eq!(may_meet(&set(one), &set(other)), expected, "{one}, {other}");
            assert_eq!(may_meet(&set(other), &set(one)), expected, "{one}, {other}");
        }
    }
}
