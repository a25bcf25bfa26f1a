//! What the agent lost and why: every loss is counted, and the count leaves the host.

use std::borrow::Cow;

use crate::clock::{Boottime, Timestamp};
use crate::dimension::Dimension;
use crate::distribution::Statistics;
use crate::metric::NATIVELY;
use crate::units::Unit;
use crate::window::Figure;

/// Why datums were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There was no more room on the disk.
    SpoolFull,
    /// Older than the service accepts, by the service's own clock.
    TooOld,
    /// Stamped by a clock that was over two weeks off, as the service's clock proved later.
    Clock,
    /// The service refused the datum itself.
    Rejected,
    /// Its file was damaged.
    Damaged,
    /// It was another host's: a copied disk's or image's.
    Foreign,
    /// There was no more room in memory, and the disk took nothing.
    MemoryFull,
    /// Samples that the flight recorder could not give back.
    Recorder,
    /// A cluster's summary that came too late, or may have arrived: it is said once or not at all.
    Summary,
    /// More cgroups and processes than the configuration allows series for.
    MaxSeries,
}

impl Cause {
    /// In the order of their declaration.
    pub const ALL: [Cause; 10] = [
        Cause::SpoolFull,
        Cause::TooOld,
        Cause::Clock,
        Cause::Rejected,
        Cause::Damaged,
        Cause::Foreign,
        Cause::MemoryFull,
        Cause::Recorder,
        Cause::Summary,
        Cause::MaxSeries,
    ];

    /// The value of the dimension `Cause`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::SpoolFull => "spool_full",
            Cause::TooOld => "too_old",
            Cause::Clock => "clock",
            Cause::Rejected => "rejected",
            Cause::Damaged => "damaged",
            Cause::Foreign => "foreign",
            Cause::MemoryFull => "memory_full",
            Cause::Recorder => "recorder",
            Cause::Summary => "summary",
            Cause::MaxSeries => "max_series",
        }
    }
}

impl Cause {
    /// For people: what happened.
    pub const fn words(self) -> &'static str {
        match self {
            Cause::SpoolFull => {
                "no more room for undelivered data (spool.max_bytes, or the disk): the oldest went"
            }
            Cause::TooOld => "older than CloudWatch accepts, or than spool.max_age",
            Cause::Clock => "stamped by a clock that was weeks off",
            Cause::Rejected => "CloudWatch refuses it",
            Cause::Damaged => "its file is damaged and set aside",
            Cause::Foreign => "it was another host's, and is set aside",
            Cause::MemoryFull => {
                "the disk takes nothing, and there is no more room in memory: the oldest went"
            }
            Cause::Recorder => "the flight recorder could not give these samples back",
            Cause::Summary => {
                "a cluster's summary that wasn't on the disk in time, or may have arrived: it isn't sent again"
            }
            Cause::MaxSeries => {
                "more cgroups and processes than metrics.max_series has room for: raise it, or narrow cgroups.paths"
            }
        }
    }
}

/// Counters since the start, and how much of them has been told.
#[derive(Debug, Clone, Default)]
pub struct Health {
    dropped: [u64; Cause::ALL.len()],
    last: [Option<Boottime>; Cause::ALL.len()],
    told: [u64; Cause::ALL.len()],
}

impl Health {
    pub fn dropped(&mut self, cause: Cause, datums: usize) {
        self.dropped[cause as usize] += datums as u64;
    }

    /// Notes when something was last given up.
    pub fn note(&mut self, cause: Cause, now: Boottime) {
        self.last[cause as usize] = Some(now);
    }

    pub fn last(&self, cause: Cause) -> Option<Boottime> {
        self.last[cause as usize]
    }

    /// All datums given up since the start.
    pub fn total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    pub fn count(&self, cause: Cause) -> u64 {
        self.dropped[cause as usize]
    }

    /// AgentSpoolBytes, where something waits longer than its turn.
    pub fn spool_bytes(timestamp: Timestamp, bytes: u64) -> Option<Figure> {
        let statistics = Statistics::Values { values: [bytes as f64].into(), counts: [1].into() };
        let name = Cow::Borrowed("AgentSpoolBytes");
        (bytes > 0).then_some(Figure {
            name,
            publication: NATIVELY,
            unit: Unit::Bytes,
            timestamp,
            statistics,
            beside: None,
        })
    }

    /// AgentDropped for what was given up since the last call, stamped `timestamp`, with `Cause` as
    /// one more dimension.
    pub fn figures(&mut self, timestamp: Timestamp) -> Vec<Figure> {
        let mut figures = Vec::new();
        for cause in Cause::ALL {
            let place = cause as usize;
            let new =
                self.dropped[place] - std::mem::replace(&mut self.told[place], self.dropped[place]);
            if new > 0 {
                let statistics =
                    Statistics::Values { values: [new as f64].into(), counts: [1].into() };
                let name = Cow::Borrowed("AgentDropped");
                let value = cause.as_str().to_owned();
                let beside = Some(Dimension { name: "Cause".to_owned(), value });
                let (publication, unit) = (NATIVELY, Unit::Count);
                figures.push(Figure { name, publication, unit, timestamp, statistics, beside });
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
            health.figures(Timestamp(0)).into_iter().map(|it| it.beside.unwrap().value).collect();
        assert_eq!(told, ["rejected", "memory_full"]);
        assert_eq!(Health::spool_bytes(Timestamp(0), 0), None);
        assert!(health.figures(Timestamp(0)).is_empty());
        health.dropped(Cause::Rejected, 1);
        assert_eq!(health.figures(Timestamp(60_000)).len(), 1);
        assert_eq!((health.total(), health.count(Cause::Rejected)), (8, 3));
    }
}
