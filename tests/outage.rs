//! The pipeline from the kernel's files to CloudWatch's endpoint, through everything that can go
//! wrong on the way, in simulated time.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, and they bend time themselves"
)]

mod support;

#[path = "outage/clock.rs"]
mod clock;
#[path = "outage/failing.rs"]
mod failing;
#[path = "outage/identity.rs"]
mod identity;
#[path = "outage/parts.rs"]
mod parts;
#[path = "outage/poison.rs"]
mod poison;
#[path = "outage/reload.rs"]
mod reload;
#[path = "outage/shutdown.rs"]
mod shutdown;
#[path = "outage/steady.rs"]
mod steady;
#[path = "outage/steps.rs"]
mod steps;
#[path = "outage/world.rs"]
mod world;
