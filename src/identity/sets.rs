//! Dimension sets resolved: which can be published under, which wait, which never will be.

use crate::dimension::{Dimension, DimensionName, DimensionSet};
use crate::identity::{Identity, Name};
use std::sync::Arc;

/// What a dimension set comes to on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// In the set's own order.
    Complete(Arc<[Dimension]>),
    /// These names aren't known yet.
    Waiting(Vec<DimensionName>),
    /// This host hasn't these required names: nothing is published under the set.
    Impossible(Vec<DimensionName>),
    /// The optional names fell away and left what an earlier set says already.
    Repeated,
    /// The optional names fell away and left nothing: that isn't the set that was asked for.
    Empty,
}

/// One resolution for each set. Equal dimensions come once: sent twice they would count twice.
pub fn resolve(identity: &Identity, sets: &[DimensionSet]) -> Vec<Resolution> {
    resolve_beside(identity, sets, &[])
}

/// Like `resolve`, with `spoken` published already.
pub fn resolve_beside(
    identity: &Identity,
    sets: &[DimensionSet],
    spoken: &[Arc<[Dimension]>],
) -> Vec<Resolution> {
    let mut spoken = spoken.to_vec();
    let resolutions = sets.iter().map(|set| match resolve_one(identity, set) {
        Resolution::Complete(dimensions) => {
            if spoken.iter().any(|earlier| same(earlier, &dimensions)) {
                return Resolution::Repeated;
            }
            spoken.push(dimensions.clone());
            Resolution::Complete(dimensions)
        }
        other => other,
    });
    resolutions.collect()
}

fn resolve_one(identity: &Identity, set: &DimensionSet) -> Resolution {
    let mut dimensions = Vec::with_capacity(set.0.len());
    let mut unknown = Vec::new();
    let mut absent = Vec::new();
    for member in &set.0 {
        let name = &member.name;
        if let DimensionName::Fixed(name, value) = name {
            dimensions.push(Dimension { name: name.clone(), value: value.clone() });
            continue;
        }
        match identity.state(name) {
            Name::Known(value) => {
                dimensions.push(Dimension { name: name.as_str().to_owned(), value: value.clone() })
            }
            Name::Unknown => unknown.push(name.clone()),
            Name::Absent if member.optional => {}
            Name::Absent => absent.push(name.clone()),
        }
    }
    if !absent.is_empty() {
        Resolution::Impossible(absent)
    } else if !unknown.is_empty() {
        Resolution::Waiting(unknown)
    } else if dimensions.is_empty() && !set.0.is_empty() {
        Resolution::Empty
    } else {
        Resolution::Complete(dimensions.into())
    }
}

/// A metric's identity doesn't depend on the order of its dimensions.
fn same(one: &[Dimension], other: &[Dimension]) -> bool {
    one.len() == other.len() && one.iter().all(|dimension| other.contains(dimension))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OnEc2;
    use crate::identity::fixture::{Given, document, laptop, nitro, set, xen};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn check(identity: &Identity, sets: &[&str], expected: Expect) {
        let sets: Vec<_> = sets.iter().map(|names| set(names)).collect();
        let lines = sets.iter().zip(resolve(identity, &sets)).map(|(set, resolution)| {
            let text = match resolution {
                Resolution::Complete(dimensions) => {
                    let pairs =
                        dimensions.iter().map(|pair| format!("{}={}", pair.name, pair.value));
                    format!("complete {}", pairs.collect::<Vec<_>>().join(" "))
                }
                other => format!("{other:?}"),
            };
            format!("{set} {text}\n")
        });
        expected.assert_eq(&lines.collect::<String>());
    }

    const EVERYTHING: [&str; 7] = [
        "InstanceId",
        "InstanceId InstanceType? ImageId AvailabilityZone",
        "Host Environment",
        "AutoScalingGroupName",
        "InstanceId AutoScalingGroupName?",
        "tag:Role? Region",
        "AutoScalingGroupName?",
    ];

    #[test]
    fn nitro_before_imds() {
        check(
            &Given::default().on(&nitro()),
            &EVERYTHING,
            expect![[r#"
            {InstanceId} complete InstanceId=i-0123456789abcdef0
            {InstanceId, InstanceType?, ImageId, AvailabilityZone} Waiting([InstanceType, ImageId, AvailabilityZone])
            {Host, Environment} complete Host=ip-10-0-0-10 Environment=production
            {AutoScalingGroupName} Waiting([AutoScalingGroupName])
            {InstanceId, AutoScalingGroupName?} Waiting([AutoScalingGroupName])
            {tag:Role?, Region} Waiting([Tag("Role"), Region])
            {AutoScalingGroupName?} Waiting([AutoScalingGroupName])
        "#]],
        );
    }

    #[test]
    fn xen_before_imds() {
        check(
            &Given::default().on(&xen()),
            &EVERYTHING[..2],
            expect![[r#"
            {InstanceId} Waiting([InstanceId])
            {InstanceId, InstanceType?, ImageId, AvailabilityZone} Waiting([InstanceId, InstanceType, ImageId, AvailabilityZone])
        "#]],
        );
    }

    #[test]
    fn on_ec2_with_everything_told() {
        let mut identity = Given::default().on(&nitro());
        identity.learn_document(&document());
        identity.learn_tag("aws:autoscaling:groupName", Some("web"));
        identity.learn_tag("Role", None);
        check(
            &identity,
            &EVERYTHING,
            expect![[r#"
            {InstanceId} complete InstanceId=i-0123456789abcdef0
            {InstanceId, InstanceType?, ImageId, AvailabilityZone} complete InstanceId=i-0123456789abcdef0 InstanceType=m7i.large ImageId=ami-1 AvailabilityZone=eu-central-1a
            {Host, Environment} complete Host=ip-10-0-0-10 Environment=production
            {AutoScalingGroupName} complete AutoScalingGroupName=web
            {InstanceId, AutoScalingGroupName?} complete InstanceId=i-0123456789abcdef0 AutoScalingGroupName=web
            {tag:Role?, Region} complete Region=eu-central-1
            {AutoScalingGroupName?} Repeated
        "#]],
        );
    }

    #[test]
    fn on_ec2_outside_every_group() {
        let mut identity = Given::default().on(&xen());
        identity.learn_document(&document());
        identity.learn_tags_off(false);
        identity.learn_no_group();
        check(
            &identity,
            &EVERYTHING,
            expect![[r#"
            {InstanceId} complete InstanceId=i-0aaaaaaaaaaaaaaa0
            {InstanceId, InstanceType?, ImageId, AvailabilityZone} complete InstanceId=i-0aaaaaaaaaaaaaaa0 InstanceType=m7i.large ImageId=ami-1 AvailabilityZone=eu-central-1a
            {Host, Environment} complete Host=ip-10-0-0-10 Environment=production
            {AutoScalingGroupName} Impossible([AutoScalingGroupName])
            {InstanceId, AutoScalingGroupName?} Repeated
            {tag:Role?, Region} Waiting([Tag("Role")])
            {AutoScalingGroupName?} Empty
        "#]],
        );
    }

    #[test]
    fn without_imds_what_is_not_configured_is_absent() {
        let mut given = Given::default();
        given.identity.imds = false;
        given.identity.image_id = Some("ami-7".to_owned());
        let mut identity = given.on(&nitro());
        identity.learn_document(&document());
        check(
            &identity,
            &EVERYTHING,
            expect![[r#"
            {InstanceId} complete InstanceId=i-0123456789abcdef0
            {InstanceId, InstanceType?, ImageId, AvailabilityZone} Impossible([AvailabilityZone])
            {Host, Environment} complete Host=ip-10-0-0-10 Environment=production
            {AutoScalingGroupName} Impossible([AutoScalingGroupName])
            {InstanceId, AutoScalingGroupName?} Repeated
            {tag:Role?, Region} complete Region=us-east-1
            {AutoScalingGroupName?} Empty
        "#]],
        );
    }

    #[test]
    fn off_ec2() {
        let mut given = Given::default();
        given.identity.availability_zone = Some("rack-7".to_owned());
        check(
            &given.on(&laptop()),
            &EVERYTHING,
            expect![[r#"
            {InstanceId} Impossible([InstanceId])
            {InstanceId, InstanceType?, ImageId, AvailabilityZone} Impossible([InstanceId, ImageId])
            {Host, Environment} complete Host=ip-10-0-0-10 Environment=production
            {AutoScalingGroupName} Impossible([AutoScalingGroupName])
            {InstanceId, AutoScalingGroupName?} Impossible([InstanceId])
            {tag:Role?, Region} complete Region=us-east-1
            {AutoScalingGroupName?} Empty
        "#]],
        );
    }

    #[test]
    fn configured_values_win_over_dmi_and_dmi_over_imds() {
        let mut identity = Given::default().on(&nitro());
        identity.learn_document(&document());
        assert_eq!(identity.known(&DimensionName::InstanceId), Some("i-0123456789abcdef0"));
        let mut given = Given::default();
        given.identity.instance_id = Some("i-0ccccccccccccccc0".to_owned());
        given.identity.instance_type = Some("mine".to_owned());
        given.region = Some("eu-north-1".to_owned());
        let mut identity = given.on(&nitro());
        identity.learn_document(&document());
        assert_eq!(identity.known(&DimensionName::InstanceId), Some("i-0ccccccccccccccc0"));
        assert_eq!(identity.known(&DimensionName::InstanceType), Some("mine"));
        assert_eq!(identity.known(&DimensionName::Region), Some("eu-north-1"));
    }

    #[test]
    fn the_configuration_decides_where_this_is() {
        let mut given = Given::default();
        for (ec2, instance_id, local, expected) in [
            (OnEc2::Auto, None, nitro(), true),
            (OnEc2::Auto, None, laptop(), false),
            (OnEc2::Auto, Some("i-01234567"), laptop(), true),
            (OnEc2::Yes, None, laptop(), true),
            (OnEc2::No, Some("i-01234567"), nitro(), false),
        ] {
            given.identity.ec2 = ec2;
            given.identity.instance_id = instance_id.map(str::to_owned);
            let identity = given.on(&local);
            assert_eq!(identity.is_on_ec2(), expected);
            let default = if expected { "InstanceId" } else { "Host" };
            assert_eq!(identity.sets(None), [set(default)]);
        }
        assert_eq!(given.on(&nitro()).sets(Some(&[])), []);
    }

    #[test]
    fn what_is_settled_stays() {
        let mut identity = Given::default().on(&nitro());
        identity.learn_tag("Role", None);
        identity.learn_tag("Role", Some("late"));
        assert_eq!(identity.state(&DimensionName::Tag("Role".to_owned())), &Name::Absent);
        identity.learn_tag("Tier", Some("grün"));
        let tier = DimensionName::Tag("Tier".to_owned());
        assert_eq!(identity.state(&tier), &Name::Absent);
        assert!(identity.refused(&tier).unwrap().contains("ASCII"));
    }

    #[test]
    fn a_reload_keeps_what_was_learned_but_not_what_was_configured() {
        let mut old = Given::default();
        old.identity.image_id = Some("mine".to_owned());
        let mut earlier = old.on(&nitro());
        earlier.learn_tag("Role", Some("web"));
        let mut identity = Given::default().on(&nitro());
        identity.continue_from(&earlier);
        assert_eq!(identity.known(&DimensionName::Tag("Role".to_owned())), Some("web"));
        assert_eq!(identity.state(&DimensionName::ImageId), &Name::Unknown);
        let mut alone = Given::default();
        alone.identity.imds = false;
        let mut identity = alone.on(&nitro());
        identity.continue_from(&earlier);
        assert_eq!(identity.state(&DimensionName::Tag("Role".to_owned())), &Name::Absent);
    }

    proptest! {
        /// A set is published under exactly the names it has, less optional ones.
        #[test]
        fn never_another_set(steps in proptest::collection::vec(0usize..5, 0..5), which in 0usize..7) {
            let mut identity = Given::default().on(&xen());
            let set = set(EVERYTHING[which]);
            let mut complete = None;
            for step in steps {
                match step {
                    0 => identity.learn_document(&document()),
                    1 => identity.learn_tags_off(true),
                    2 => identity.learn_no_group(),
                    3 => identity.learn_tag("aws:autoscaling:groupName", Some("web")),
                    _ => identity.learn_tag("Role", Some("r")),
                }
                let now = resolve(&identity, std::slice::from_ref(&set)).remove(0);
                if let Some(before) = &complete {
                    prop_assert_eq!(before, &now);
                }
                if let Resolution::Complete(dimensions) = &now {
                    let required = set.0.iter().filter(|member| !member.optional);
                    prop_assert!(required.clone().all(|member| dimensions.iter().any(|pair| pair.name == member.name.as_str())));
                    prop_assert!(dimensions.iter().all(|pair| set.0.iter().any(|member| pair.name == member.name.as_str())));
                    complete = Some(now);
                }
            }
        }
    }
}
