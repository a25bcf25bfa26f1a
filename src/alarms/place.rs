//! Dimension sets as alarms and dashboards need them: with this host's values, or with parameters in
//! their place.

use crate::alarms::slot::Slots;
use crate::config::{self, Config, OnEc2};
use crate::dimension::{Dimension, DimensionName, DimensionSet};
use crate::identity::{Identity, Local, Name};

/// Whose dimensions are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// This host's.
    Here(&'a Identity),
    /// Those of any host with the configuration: what differs between hosts is a parameter, which
    /// has this host's value as its default where that is known.
    Template(&'a Identity),
}

/// Why a set has no dimensions here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// These names aren't known.
    Unknown(Vec<DimensionName>),
    /// The host hasn't them, so that nothing is published under the set.
    Absent,
}

impl Place<'_> {
    pub fn identity(&self) -> &Identity {
        match self {
            Place::Here(identity) | Place::Template(identity) => identity,
        }
    }

    /// In the set's own order, as `identity::sets` has them.
    pub fn dimensions(
        &self,
        set: &DimensionSet,
        slots: &mut Slots,
    ) -> Result<Vec<Dimension>, Unresolved> {
        let mut dimensions = Vec::new();
        let mut unknown = Vec::new();
        let mut absent = false;
        for member in &set.0 {
            let name = &member.name;
            let value = match (self, name, self.identity().state(name)) {
                (_, DimensionName::Fixed(_, value), _) => value.clone(),
                (_, DimensionName::Static(_), Name::Known(value))
                | (Place::Here(_), _, Name::Known(value)) => value.clone(),
                (Place::Template(_), _, Name::Known(value)) => slots.mark(name, Some(value)),
                (Place::Template(_), _, Name::Unknown) if member.optional => continue,
                (Place::Template(_), _, Name::Unknown)
                // Another host has a name of its own.
                | (Place::Template(_), DimensionName::Host | DimensionName::LowerHost, Name::Absent) => {
                    slots.mark(name, None)
                }
                (Place::Here(_), _, Name::Unknown) => {
                    unknown.push(name.clone());
                    continue;
                }
                (_, _, Name::Absent) => {
                    absent |= !member.optional;
                    continue;
                }
            };
            dimensions.push(Dimension { name: name.as_str().to_owned(), value });
        }
        let is_empty = dimensions.is_empty() && !set.0.is_empty();
        if absent || (is_empty && unknown.is_empty()) {
            Err(Unresolved::Absent)
        } else if !unknown.is_empty() {
            Err(Unresolved::Unknown(unknown))
        } else {
            Ok(dimensions)
        }
    }

    /// Whether the host is known to come and go with an Auto Scaling group.
    pub fn is_in_group(&self) -> bool {
        matches!(self.identity().state(&DimensionName::AutoScalingGroupName), Name::Known(_))
    }
}

/// A host with this configuration of which nothing else is known, nor what is one host's alone.
pub fn any_host(config: &Config, on_ec2: bool) -> Identity {
    let ec2 = if on_ec2 { OnEc2::Yes } else { OnEc2::No };
    let own = config.identity.clone();
    let fixed = config::Identity { ec2, imds: true, instance_id: None, host: None, ..own };
    let region = config.cloudwatch.region.as_deref();
    Identity::new(&fixed, region, &config.dimensions, &Local::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fixture::{Given, nitro, set};

    fn told(place: &Place<'_>, names: &str, slots: &mut Slots) -> String {
        match place.dimensions(&set(names), slots) {
            Ok(dimensions) => {
                let pairs = dimensions.iter().map(|pair| format!("{}={}", pair.name, pair.value));
                pairs.collect::<Vec<_>>().join(" ")
            }
            Err(unresolved) => format!("{unresolved:?}"),
        }
    }

    #[test]
    fn here_as_it_is_published_and_in_templates_by_parameters() {
        let identity = Given::default().on(&nitro());
        let (here, template) = (Place::Here(&identity), Place::Template(&identity));
        let mut slots = Slots::default();
        assert_eq!(told(&here, "InstanceId", &mut slots), "InstanceId=i-0123456789abcdef0");
        assert_eq!(told(&here, "InstanceId ImageId", &mut slots), "Unknown([ImageId])");
        assert!(slots.is_empty());
        assert_eq!(
            told(&template, "InstanceId ImageId Environment", &mut slots),
            "InstanceId=\u{2}0\u{3} ImageId=\u{2}1\u{3} Environment=production"
        );
        let defaults: Vec<_> = slots.iter().map(|slot| slot.default.as_deref()).collect();
        assert_eq!(defaults, [Some("i-0123456789abcdef0"), None]);
        assert_eq!(
            told(&template, "InstanceId AutoScalingGroupName?", &mut slots),
            "InstanceId=\u{2}0\u{3}"
        );
        assert!(!here.is_in_group());
    }

    #[test]
    fn a_set_without_what_the_host_has_is_none() {
        let mut given = Given::default();
        given.identity.imds = false;
        let identity = given.on(&nitro());
        let place = Place::Here(&identity);
        let mut slots = Slots::default();
        assert_eq!(told(&place, "AutoScalingGroupName", &mut slots), "Absent");
        assert_eq!(told(&place, "AutoScalingGroupName?", &mut slots), "Absent");
        assert_eq!(told(&place, "", &mut slots), "");
    }
}
