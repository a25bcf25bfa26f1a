//! What a policy allows, and when the service looks at it.
//!
//! The service's documents don't say whether it looks at rights before it looks at a request's
//! content, so the double plays both.

use super::decode::RawPut;
use super::fault::Fault;

#[derive(Clone, Debug)]
pub struct Rights {
    namespaces: Vec<String>,
    alarms: bool,
    pub order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    RightsFirst,
    ContentFirst,
}

impl Rights {
    /// To publish in these namespaces and to do nothing else; looked at first.
    pub fn publish(namespaces: &[&str]) -> Self {
        let namespaces = namespaces.iter().map(|&name| name.to_owned()).collect();
        Self { namespaces, alarms: false, order: Order::RightsFirst }
    }

    pub fn content_first(self) -> Self {
        Self { order: Order::ContentFirst, ..self }
    }

    /// And to list alarms.
    pub fn alarms(self) -> Self {
        Self { alarms: true, ..self }
    }

    pub fn check(&self, put: &RawPut) -> Result<(), Fault> {
        let namespace = put.namespace.as_deref().unwrap_or_default();
        match self.namespaces.iter().any(|allowed| allowed == namespace) {
            true => Ok(()),
            false => Err(Fault::access_denied()),
        }
    }

    pub fn check_alarms(&self) -> Result<(), Fault> {
        match self.alarms {
            true => Ok(()),
            false => Err(Fault::access_denied_to("cloudwatch:DescribeAlarms")),
        }
    }
}
