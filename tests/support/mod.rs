//! Stand-ins for what cwmem talks to.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod cloudwatch;
pub mod imds;
