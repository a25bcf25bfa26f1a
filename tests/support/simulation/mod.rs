//! A seeded simulation: days of an agent's life in milliseconds, with everything that can go wrong.
//!
//! A virtual clock drives the real pure core (`periods` with its window and ticks, the recorder's
//! ring and replay, the publisher's desk with spool, delivery and health) against models of what
//! is around it: the service (`service`), the disk and its thread (`disk`), the process (`process`)
//! and the host with its clocks (`world`). `weather` draws from a seed what happens to them.
//! `ledger` knows of every sample what became of it and holds the core to its promises.

mod bug;
mod disk;
mod ledger;
mod process;
mod recorder;
mod service;
mod start;
mod time;
mod weather;
mod world;

pub use bug::Bug;
pub use ledger::Tally;

use world::World;

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub hours: u32,
    pub bug: Option<Bug>,
    pub verbose: bool,
}

/// A promise that wasn't kept.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    /// When, in simulated time, and what.
    pub what: String,
}

/// The whole life that `seed` draws; what it added up to, or the first promise that was broken.
pub fn run(seed: u64, options: &Options) -> Result<Tally, Failure> {
    World::new(seed, options).run().map_err(|what| Failure { seed, what })
}
