//! CloudWatch alarms on what a configuration publishes: what each is, in the service's own terms,
//! and in the forms in which people keep them.

pub mod alarm;

pub mod near_miss;

pub mod slot;

pub mod place;

pub mod patience;

pub mod recipe;

pub mod scaling;

pub mod properties;

pub mod template;

pub mod difference;
