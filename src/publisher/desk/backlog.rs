//! What there is to tell of what was kept, in `cwmem status` and elsewhere.

use crate::clock::{Boottime, Moment};
use crate::health::Cause;
use crate::sink::RetryCause;

/// What there is to tell of what was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    pub publishes: usize,
    pub bytes: u64,
    pub failing: Option<(RetryCause, Boottime)>,
    pub disk_fails_since: Option<Boottime>,
    pub last_delivery: Option<Moment>,
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
