//! Stand-ins for what cwmem talks to.

pub mod imds;
