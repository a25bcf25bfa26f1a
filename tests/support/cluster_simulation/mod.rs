//! A seeded simulation of a cluster: an hour of its members' lives in milliseconds, with everything
//! that can go wrong between them, their database and the service.
//!
//! The real role machine (`cwmem::cluster::role`) of each member (`member`) is driven against a
//! model of the database (`server`): sessions, the named lock, `wait_timeout`, the claim. Requests
//! and answers are delayed and lost; `weather` draws from a seed what else happens; `world` lets it
//! happen; `ledger` knows which summaries reached the service and holds the cluster to its promises.

mod ledger;
mod member;
mod server;
mod weather;
mod world;

use world::World;

#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub bug: Option<Bug>,
    pub verbose: bool,
}

/// What is taken away, to see that it is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Every claim is granted, and none is written down.
    NoClaim,
    /// The server never ends an idle session.
    NoWaitTimeout,
    /// The server ends idle sessions sooner than it was told.
    Impatient,
}

/// A promise that wasn't kept.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub what: String,
}

/// What a life, or many, added up to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub periods: u64,
    pub summaries: u64,
    pub faults: u64,
    pub leaderships: u64,
    pub claims: u64,
    pub refused_claims: u64,
    /// Claimed, and then too late for the spool.
    pub skipped: u64,
    pub promotions: u64,
    /// Second summaries of periods whose claim a promoted replica had not received.
    pub excused: u64,
    pub abstentions: u64,
    /// Leaders whose session the server ended for being idle.
    pub timed_out: u64,
    /// The longest way from the last fault to a summary, in hundredths of a period: where nobody
    /// had to abstain, and where somebody did.
    pub longest_calm: u64,
    pub longest_calm_after_abstention: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.periods += other.periods;
        self.summaries += other.summaries;
        self.faults += other.faults;
        self.leaderships += other.leaderships;
        self.claims += other.claims;
        self.refused_claims += other.refused_claims;
        self.skipped += other.skipped;
        self.promotions += other.promotions;
        self.excused += other.excused;
        self.abstentions += other.abstentions;
        self.timed_out += other.timed_out;
        self.longest_calm = self.longest_calm.max(other.longest_calm);
        self.longest_calm_after_abstention =
            self.longest_calm_after_abstention.max(other.longest_calm_after_abstention);
    }
}

/// The whole life that `seed` draws; what it added up to, or the first promise that was broken.
pub fn run(seed: u64, options: &Options) -> Result<Tally, Failure> {
    World::new(seed, options).run().map_err(|what| Failure { seed, what })
}
