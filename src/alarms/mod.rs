//! CloudWatch alarms on what a configuration publishes: what each is, in the service's own terms.

pub mod alarm;
pub mod near_miss;
