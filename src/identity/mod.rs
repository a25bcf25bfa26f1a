//! Who this host is: the names that dimension sets use, and what is known of each.
//!
//! Configured values win over DMI, DMI over the instance metadata service (IMDS). A name that is
//! known, or known to be absent, stays so: on EC2 a set never changes its shape.

pub mod dmi;
pub mod document;
pub mod imds;
pub mod offset;

pub mod sets;

pub mod remedy;

pub mod news;

pub mod discover;

pub mod dress;

#[cfg(test)]
pub(crate) mod fixture;

use crate::config::{self, OnEc2};
use crate::dimension::{self, DimensionName, DimensionSet};
use dmi::Dmi;
use document::Document;
use imds::Failure;
use std::collections::BTreeMap;

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    Known(String),
    /// This host has no such name.
    Absent,
    /// It may have one: whatever is to carry it waits.
    Unknown,
}

/// What this host tells of itself without being asked over a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Local {
    pub dmi: Dmi,
    /// The kernel's node name.
    pub node_name: String,
    /// The environment's AWS_REGION, else its AWS_DEFAULT_REGION.
    pub region: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    ec2: bool,
    /// Whether IMDS may be asked for what isn't given.
    asks: bool,
    /// From the configuration, DMI and the kernel; never changes.
    given: BTreeMap<DimensionName, Name>,
    /// From IMDS.
    learned: BTreeMap<DimensionName, Name>,
    /// Values that were found but cannot be a dimension's, and why.
    refused: BTreeMap<DimensionName, String>,
    metadata: Metadata,
    tags: Tags,
}

/// How IMDS did when it was last asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Metadata {
    Unasked,
    Answers,
    Fails(Failure),
}

/// Whether IMDS serves the instance's tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags {
    Unasked,
    Served,
    /// Switched off, as they are by default; `group_member`: IMDS shows by other means that the
    /// instance belongs to an Auto Scaling group.
    Off {
        group_member: bool,
    },
}

impl Local {
    pub fn read(sys_root: &std::path::Path, region: Option<String>) -> Local {
        let node_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Local { dmi: Dmi::read(sys_root), node_name, region }
    }
}

impl Identity {
    /// `region` and `pairs` are the configuration's `cloudwatch.region` and `[dimensions]`.
    pub fn new(
        fixed: &config::Identity,
        region: Option<&str>,
        pairs: &[(String, String)],
        local: &Local,
    ) -> Identity {
        let ec2 = on_ec2(fixed, local);
        let mut identity = Identity {
            ec2,
            asks: ec2 && fixed.imds,
            given: BTreeMap::new(),
            learned: BTreeMap::new(),
            refused: BTreeMap::new(),
            metadata: Metadata::Unasked,
            tags: Tags::Unasked,
        };
        let by_dmi = local.dmi.instance_id().filter(|_| ec2);
        // The environment's region says where this process talks to; IMDS says where the host is.
        let environment = local.region.as_deref().filter(|_| !identity.asks);
        let host = fixed.host.as_deref().unwrap_or(&local.node_name);
        for (name, value) in [
            (DimensionName::InstanceId, fixed.instance_id.as_deref().or(by_dmi)),
            (DimensionName::InstanceType, fixed.instance_type.as_deref()),
            (DimensionName::ImageId, fixed.image_id.as_deref()),
            (DimensionName::AvailabilityZone, fixed.availability_zone.as_deref()),
            (DimensionName::AutoScalingGroupName, fixed.auto_scaling_group.as_deref()),
            (DimensionName::Region, region.or(environment)),
            (DimensionName::Host, Some(host)),
        ] {
            identity.give(name, value);
        }
        for (name, value) in pairs {
            identity.give(DimensionName::Static(name.clone()), Some(value));
            if name == DimensionName::HOST {
                identity.give(DimensionName::LowerHost, Some(value));
            }
        }
        identity
    }

    pub fn is_on_ec2(&self) -> bool {
        self.ec2
    }

    /// Whether names that aren't known yet may still become known.
    pub fn may_learn(&self) -> bool {
        self.asks
    }

    pub fn state(&self, name: &DimensionName) -> &Name {
        let asked_for = !matches!(
            name,
            DimensionName::Host
                | DimensionName::LowerHost
                | DimensionName::Static(_)
                | DimensionName::Fixed(..)
        );
        let spelt = if *name == DimensionName::LowerHost { &DimensionName::Host } else { name };
        let given = self.given.get(name).or_else(|| self.given.get(spelt));
        match given.or_else(|| self.learned.get(name)) {
            Some(state) => state,
            None if self.asks && asked_for => &Name::Unknown,
            None => &Name::Absent,
        }
    }

    pub fn known(&self, name: &DimensionName) -> Option<&str> {
        match self.state(name) {
            Name::Known(value) => Some(value),
            Name::Absent | Name::Unknown => None,
        }
    }

    /// The InstanceId where DMI or the configuration tells it, without IMDS.
    pub fn instance_id_at_once(&self) -> Option<&str> {
        match self.given.get(&DimensionName::InstanceId) {
            Some(Name::Known(id)) => Some(id),
            _ => None,
        }
    }

    /// Why a value that was found for `name` isn't used.
    pub fn refused(&self, name: &DimensionName) -> Option<&str> {
        self.refused.get(name).map(String::as_str)
    }

    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub fn tags(&self) -> Tags {
        self.tags
    }

    /// The sets that are published: those configured, else {InstanceId} on EC2 and {Host} elsewhere.
    pub fn sets(&self, configured: Option<&[DimensionSet]>) -> Vec<DimensionSet> {
        config::sets_of(configured, self.ec2)
    }

    /// Takes over what an earlier identity of this host learned, after a reload.
    pub fn continue_from(&mut self, earlier: &Identity) {
        if self.asks {
            self.learned.clone_from(&earlier.learned);
            self.metadata = earlier.metadata.clone();
            self.tags = earlier.tags;
            let learned =
                earlier.refused.iter().filter(|(name, _)| !self.given.contains_key(*name));
            self.refused.extend(learned.map(|(name, reason)| (name.clone(), reason.clone())));
        }
    }

    pub fn learn_document(&mut self, document: &Document) {
        for (name, value) in document.names() {
            if let Some(value) = value {
                self.learn(name, Some(value));
            }
        }
    }

    /// Tags are served, and this is what the one under `key` says.
    pub fn learn_tag(&mut self, key: &str, value: Option<&str>) {
        self.tags = Tags::Served;
        if key == GROUP_TAG {
            self.learn(DimensionName::AutoScalingGroupName, value);
        }
        self.learn(DimensionName::Tag(key.to_owned()), value);
    }

    /// Tags aren't served, so that what they say stays unknown; but an instance outside every Auto
    /// Scaling group has no group's name.
    pub fn learn_tags_off(&mut self, group_member: bool) {
        self.tags = Tags::Off { group_member };
    }

    /// IMDS knows of no life cycle: the instance is in no Auto Scaling group.
    pub fn learn_no_group(&mut self) {
        self.learn(DimensionName::AutoScalingGroupName, None);
    }

    pub fn note(&mut self, metadata: Metadata) {
        self.metadata = metadata;
    }

    fn give(&mut self, name: DimensionName, value: Option<&str>) {
        if let Some(value) = value {
            let state = self.checked(&name, value);
            self.given.insert(name, state);
        }
    }

    fn learn(&mut self, name: DimensionName, value: Option<&str>) {
        if *self.state(&name) == Name::Unknown {
            let state = value.map_or(Name::Absent, |value| self.checked(&name, value));
            self.learned.insert(name, state);
        }
    }

    fn checked(&mut self, name: &DimensionName, value: &str) -> Name {
        match dimension::check_value(value) {
            Ok(()) => Name::Known(value.to_owned()),
            Err(invalid) => {
                let reason = format!("its value {value:?} cannot be a dimension's: {invalid}");
                self.refused.insert(name.clone(), reason);
                Name::Absent
            }
        }
    }
}

fn on_ec2(fixed: &config::Identity, local: &Local) -> bool {
    match fixed.ec2 {
        OnEc2::Yes => true,
        OnEc2::No => false,
        OnEc2::Auto => fixed.instance_id.is_some() || local.dmi.is_ec2(),
    }
}

/// The tag that EC2 Auto Scaling puts on its instances.
pub const GROUP_TAG: &str = "aws:autoscaling:groupName";
