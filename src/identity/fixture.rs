//! Hosts, configurations and sets for tests.

use crate::config;
use crate::dimension::{DimensionSet, Member};
use crate::identity::dmi::Dmi;
use crate::identity::document::{Document, parse};
use crate::identity::{Identity, Local};

/// `InstanceId tag:Role? Environment`, as the configuration would have them.
pub fn set(names: &str) -> DimensionSet {
    DimensionSet(names.split_whitespace().map(Member::parse).collect())
}

pub fn nitro() -> Local {
    Local {
        dmi: Dmi {
            sys_vendor: Some("Amazon EC2".to_owned()),
            board_asset_tag: Some("i-0123456789abcdef0".to_owned()),
            hypervisor_uuid: None,
        },
        node_name: "ip-10-0-0-10".to_owned(),
        region: Some("us-east-1".to_owned()),
    }
}

pub fn xen() -> Local {
    let mut local = nitro();
    local.dmi = Dmi { hypervisor_uuid: Some("ec2e1916".to_owned()), ..Dmi::default() };
    local
}

pub fn laptop() -> Local {
    Local { dmi: Dmi::default(), ..nitro() }
}

/// A configuration's part in an identity; by default a static pair and nothing else.
pub struct Given {
    pub identity: config::Identity,
    pub region: Option<String>,
    pub pairs: Vec<(String, String)>,
}

impl Default for Given {
    fn default() -> Given {
        Given {
            identity: config::Identity { imds: true, ..config::Identity::default() },
            region: None,
            pairs: vec![("Environment".to_owned(), "production".to_owned())],
        }
    }
}

impl Given {
    pub fn on(&self, local: &Local) -> Identity {
        Identity::new(&self.identity, self.region.as_deref(), &self.pairs, local)
    }
}

pub fn document() -> Document {
    parse(
        r#"{"instanceId":"i-0aaaaaaaaaaaaaaa0","instanceType":"m7i.large","imageId":"ami-1","availabilityZone":"eu-central-1a","region":"eu-central-1"}"#,
    )
    .unwrap()
}
