//! Stand-ins for what cwmem talks to, and cwmem itself as a child process.

#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "each test binary uses its own part, in real time, and may stop where it cannot go on"
)]

pub mod agent;
pub mod api;
pub mod cloudwatch;
pub mod http;
pub mod imds;
pub mod mariadb;
pub mod moto;
pub mod proxy;
pub mod relay;
