//! What there is to tell of what was kept, in `cwmem status` and elsewhere.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::health::Cause;
use crate::sink::RetryCause;

/// What there is to tell of what was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    pub publishes: usize,
    pub bytes: u64,
    pub failing: Option<(RetryCause, Boottime)>,
    /// What was heard of that.
    pub reason: Option<String>,
    pub disk_fails_since: Option<Boottime>,
    pub last_delivery: Option<Moment>,
    /// The newest period of the cluster that the service took from this host.
    pub last_summary: Option<Timestamp>,
    pub delivered: u64,
    pub dropped: [(Cause, u64); Cause::ALL.len()],
    /// When each cause last took something.
    pub last_drops: [Option<Boottime>; Cause::ALL.len()],
}

impl Backlog {
    /// All datums given up since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }
}
