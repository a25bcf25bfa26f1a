//! What to do about a name that is missing, for `check` and the log.

use crate::dimension::{DimensionName, DimensionSet};
use crate::identity::imds::Failure;
use crate::identity::sets::{Resolution, resolve};
use crate::identity::{Identity, Metadata, Tags};

/// A dimension set, what it comes to, and what would complete it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub set: DimensionSet,
    pub resolution: Resolution,
    /// One for each name that is missing.
    pub remedies: Vec<String>,
}

pub fn describe(identity: &Identity, sets: &[DimensionSet]) -> Vec<Described> {
    let described = sets.iter().zip(resolve(identity, sets)).map(|(set, resolution)| {
        let remedies = match &resolution {
            Resolution::Complete(_) => Vec::new(),
            Resolution::Waiting(names) => {
                names.iter().map(|name| for_unknown(identity, name)).collect()
            }
            Resolution::Impossible(names) => {
                names.iter().map(|name| for_absent(identity, name)).collect()
            }
            Resolution::Repeated => vec!["it comes to the same as an earlier set".to_owned()],
            Resolution::Empty => vec!["this host has none of its optional names".to_owned()],
        };
        Described { set: set.clone(), resolution, remedies }
    });
    described.collect()
}

fn for_unknown(identity: &Identity, name: &DimensionName) -> String {
    let by_tag = matches!(name, DimensionName::Tag(_) | DimensionName::AutoScalingGroupName);
    let or = otherwise(name);
    match (identity.metadata(), identity.tags()) {
        (Metadata::Fails(failure), _) => {
            format!("{name}: {failure}; {}{or}", reach_metadata(identity, failure))
        }
        (_, Tags::Off { group_member }) if by_tag => {
            let member = match name {
                DimensionName::AutoScalingGroupName if group_member => {
                    " (the instance is in an Auto Scaling group)"
                }
                _ => "",
            };
            let command = modify(identity, "--instance-metadata-tags enabled");
            format!(
                "{name}: instance tags in metadata are off{member}; turn them on: `{command}`{or}"
            )
        }
        _ => format!("{name}: instance metadata hasn't been asked yet"),
    }
}

fn for_absent(identity: &Identity, name: &DimensionName) -> String {
    let or = otherwise(name);
    if let Some(reason) = identity.refused(name) {
        return format!("{name}: {reason}{or}");
    }
    match name {
        DimensionName::Host | DimensionName::LowerHost => {
            format!("{name}: the kernel has no node name; set identity.host")
        }
        DimensionName::Static(name) => format!("{name}: add it to [dimensions]"),
        _ if !identity.is_on_ec2() => {
            format!("{name}: this host isn't on EC2 (if it is, set identity.ec2 = true){or}")
        }
        _ if !identity.may_learn() => {
            format!("{name}: identity.imds is false; set it to true{or}")
        }
        DimensionName::AutoScalingGroupName => {
            "AutoScalingGroupName: this instance is in no Auto Scaling group; make it optional (`AutoScalingGroupName?`)".to_owned()
        }
        _ => format!("{name}: this instance has no such tag; add it and restart, or make it optional (`{name}?`)"),
    }
}

/// What can be configured instead of asking.
fn otherwise(name: &DimensionName) -> String {
    let key = match name {
        DimensionName::InstanceId => "identity.instance_id",
        DimensionName::InstanceType => "identity.instance_type",
        DimensionName::ImageId => "identity.image_id",
        DimensionName::AvailabilityZone => "identity.availability_zone",
        DimensionName::AutoScalingGroupName => "identity.auto_scaling_group",
        DimensionName::Region => "cloudwatch.region",
        DimensionName::Host | DimensionName::LowerHost => "identity.host",
        DimensionName::Tag(_) => return ", or use a fixed pair of [dimensions]".to_owned(),
        DimensionName::Static(_) | DimensionName::Fixed(..) => return String::new(),
    };
    format!(", or set {key}")
}

/// How to make instance metadata answer that fails in this way.
pub fn reach_metadata(identity: &Identity, failure: &Failure) -> String {
    match failure {
        Failure::NoAnswer(_) => {
            let options = "--http-endpoint enabled --http-put-response-hop-limit 2";
            let command = modify(identity, options);
            format!("turn it on (the hop limit matters in a container): `{command}`")
        }
        Failure::Mute(_) => {
            let command = modify(identity, "--http-put-response-hop-limit 2");
            format!(
                "in a container the hop limit is too small: `{command}`; else a firewall keeps its answers back"
            )
        }
        Failure::NoToken(_) => {
            let command = modify(identity, "--http-endpoint enabled");
            format!("it is turned off for this instance, or refuses a proxy's request: `{command}`")
        }
        Failure::Status { .. } | Failure::Foreign { .. } => {
            "something else answers in its place, or it fails for a while: ask again".to_owned()
        }
    }
}

fn modify(identity: &Identity, options: &str) -> String {
    let id = identity.known(&DimensionName::InstanceId).unwrap_or("INSTANCE_ID");
    format!("aws ec2 modify-instance-metadata-options --instance-id {id} {options}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fixture::{Given, laptop, nitro, set, xen};
    use expect_test::{Expect, expect};

    fn check(identity: &Identity, names: &str, expected: Expect) {
        let described = describe(identity, &[set(names)]).remove(0);
        expected.assert_eq(&described.remedies.join("\n"));
    }

    #[test]
    fn nothing_is_missing() {
        check(&Given::default().on(&nitro()), "InstanceId Host Environment", expect![[""]]);
    }

    #[test]
    fn imds_is_out_of_reach() {
        let mut identity = Given::default().on(&xen());
        check(
            &identity,
            "InstanceId",
            expect!["InstanceId: instance metadata hasn't been asked yet"],
        );
        identity.note(Metadata::Fails(Failure::NoAnswer("Connection refused".to_owned())));
        check(
            &identity,
            "InstanceId tag:Role Region",
            expect![[r#"
            InstanceId: no answer from instance metadata: Connection refused; turn it on (the hop limit matters in a container): `aws ec2 modify-instance-metadata-options --instance-id INSTANCE_ID --http-endpoint enabled --http-put-response-hop-limit 2`, or set identity.instance_id
            tag:Role: no answer from instance metadata: Connection refused; turn it on (the hop limit matters in a container): `aws ec2 modify-instance-metadata-options --instance-id INSTANCE_ID --http-endpoint enabled --http-put-response-hop-limit 2`, or use a fixed pair of [dimensions]
            Region: no answer from instance metadata: Connection refused; turn it on (the hop limit matters in a container): `aws ec2 modify-instance-metadata-options --instance-id INSTANCE_ID --http-endpoint enabled --http-put-response-hop-limit 2`, or set cloudwatch.region"#]],
        );
    }

    #[test]
    fn tags_are_off() {
        let mut identity = Given::default().on(&nitro());
        identity.note(Metadata::Answers);
        identity.learn_tags_off(true);
        check(
            &identity,
            "tag:Role AutoScalingGroupName?",
            expect![[r#"
            tag:Role: instance tags in metadata are off; turn them on: `aws ec2 modify-instance-metadata-options --instance-id i-0123456789abcdef0 --instance-metadata-tags enabled`, or use a fixed pair of [dimensions]
            AutoScalingGroupName: instance tags in metadata are off (the instance is in an Auto Scaling group); turn them on: `aws ec2 modify-instance-metadata-options --instance-id i-0123456789abcdef0 --instance-metadata-tags enabled`, or set identity.auto_scaling_group"#]],
        );
    }

    #[test]
    fn this_instance_has_no_such_name() {
        let mut identity = Given::default().on(&nitro());
        identity.learn_no_group();
        identity.learn_tag("Role", None);
        identity.learn_tag("Tier", Some("grün"));
        check(
            &identity,
            "tag:Role tag:Tier AutoScalingGroupName Stage",
            expect![[r#"
            tag:Role: this instance has no such tag; add it and restart, or make it optional (`tag:Role?`)
            tag:Tier: its value "grün" cannot be a dimension's: must be ASCII without control characters, or use a fixed pair of [dimensions]
            AutoScalingGroupName: this instance is in no Auto Scaling group; make it optional (`AutoScalingGroupName?`)
            Stage: add it to [dimensions]"#]],
        );
        check(&identity, "tag:Role?", expect!["this host has none of its optional names"]);
    }

    #[test]
    fn imds_may_not_be_asked_or_is_not_there() {
        let mut given = Given::default();
        given.identity.imds = false;
        check(
            &given.on(&nitro()),
            "ImageId tag:Role",
            expect![[r#"
            ImageId: identity.imds is false; set it to true, or set identity.image_id
            tag:Role: identity.imds is false; set it to true, or use a fixed pair of [dimensions]"#]],
        );
        let mut local = laptop();
        local.node_name = String::new();
        check(
            &given.on(&local),
            "Host AvailabilityZone AutoScalingGroupName",
            expect![[r#"
            Host: its value "" cannot be a dimension's: must have 1 to 1024 characters, has 0, or set identity.host
            AvailabilityZone: this host isn't on EC2 (if it is, set identity.ec2 = true), or set identity.availability_zone
            AutoScalingGroupName: this host isn't on EC2 (if it is, set identity.ec2 = true), or set identity.auto_scaling_group"#]],
        );
    }
}
