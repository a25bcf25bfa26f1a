//! What the agent lost and why: every loss is counted, and the count leaves the host.

use std::borrow::Cow;

use crate::clock::Timestamp;
use crate::distribution::Statistics;
use crate::units::Unit;
use crate::window::Figure;

/// Why datums were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The service refused the datum itself.
    Rejected,
    /// Older than the service accepts, by the service's own clock.
    TooOld,
    /// There was no more room in memory.
    MemoryFull,
}

impl Cause {
    pub const ALL: [Cause; 3] = [Cause::Rejected, Cause::TooOld, Cause::MemoryFull];

    /// The value of the dimension `Cause`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Rejected => "rejected",
            Cause::TooOld => "too_old",
            Cause::MemoryFull => "memory_full",
        }
    }
}

/// Counters since the start, and how much of them has been told.
#[derive(Debug, Clone, Default)]
pub struct Health {
    dropped: [u64; Cause::ALL.len()],
    told: [u64; Cause::ALL.len()],
}

impl Health {
    pub fn dropped(&mut self, cause: Cause, datums: usize) {
        self.dropped[cause as usize] += datums as u64;
    }

    /// All datums given up since the start.
    pub fn total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    pub fn count(&self, cause: Cause) -> u64 {
        self.dropped[cause as usize]
    }

    /// AgentDropped for what was given up since the last call, stamped `timestamp`; its dimension
    /// sets get `Cause` as one more dimension.
    pub fn figures(&mut self, timestamp: Timestamp) -> Vec<(Cause, Figure)> {
        let mut figures = Vec::new();
        for cause in Cause::ALL {
            let place = cause as usize;
            let new =
                self.dropped[place] - std::mem::replace(&mut self.told[place], self.dropped[place]);
            if new > 0 {
                let statistics = Statistics::Values { values: vec![new as f64], counts: vec![1] };
                let name = Cow::Borrowed("AgentDropped");
                figures.push((cause, Figure { name, unit: Unit::Count, timestamp, statistics }));
            }
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loss_is_told_once() {
        let mut health = Health::default();
        assert!(health.figures(Timestamp(0)).is_empty());
        health.dropped(Cause::Rejected, 2);
        health.dropped(Cause::MemoryFull, 5);
        let told: Vec<_> =
            health.figures(Timestamp(0)).into_iter().map(|(cause, _)| cause).collect();
        assert_eq!(told, [Cause::Rejected, Cause::MemoryFull]);
        assert!(health.figures(Timestamp(0)).is_empty());
        health.dropped(Cause::Rejected, 1);
        assert_eq!(health.figures(Timestamp(60_000)).len(), 1);
        assert_eq!((health.total(), health.count(Cause::Rejected)), (8, 3));
    }
}
