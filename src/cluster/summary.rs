//! What the leader publishes: the rows of a period folded into six figures with dimension Cluster.
//!
//! A member *reports* if its row is of the period; it is *there* if it was seen lately, and *missing*
//! if it wasn't, without having deregistered. After a while a missing member is forgotten. So a
//! member with a wrong clock is there, but its figures are in no summary.

use crate::clock::Timestamp;
use crate::cluster::timing::{FORGET_AFTER, Timing};
use crate::datum::{Datum, Resolution};
use crate::dimension::Dimension;
use crate::distribution::{Distribution, Statistics};
use crate::metric::NATIVELY;
use crate::units::{Grain, Unit};
use crate::window::Figure;
use std::sync::Arc;
use std::time::Duration;

/// A member's row, as `statements::members` reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub member: String,
    /// In Unix seconds.
    pub period: i64,
    /// Since the member was seen, by the database's clock.
    pub age_millis: i64,
    /// T−H, the period's average, in bytes.
    pub usable: u64,
    /// A, the period's average, in bytes.
    pub available: u64,
    pub used_percent: f64,
    pub stall_percent: Option<f64>,
    pub under_pressure: bool,
}

/// When a silent member is missing, and when it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub missing_after: Duration,
    pub forget_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    There,
    Missing,
    Forgotten,
}

impl Patience {
    /// What holds unless it is configured.
    pub fn of(timing: &Timing) -> Patience {
        let missing_after = timing.missing_after();
        Patience { missing_after, forget_after: FORGET_AFTER.max(missing_after * 2) }
    }

    /// A row of the future is of a database whose clock went back: its member is there.
    pub fn presence(&self, age_millis: i64) -> Presence {
        let age = Duration::from_millis(u64::try_from(age_millis).unwrap_or(0));
        if age > self.forget_after {
            Presence::Forgotten
        } else if age > self.missing_after {
            Presence::Missing
        } else {
            Presence::There
        }
    }
}

/// A period's rows, folded one after the other: many take no more memory than few.
#[derive(Debug, Clone)]
pub struct Folding {
    /// Its start, in Unix seconds.
    period: i64,
    patience: Patience,
    rows: u64,
    there: u64,
    missing: u64,
    forgotten: u64,
    /// Of the members that report.
    used: Distribution,
    pressed: u64,
    total: Memory,
    /// That of the member with the largest use.
    largest: Option<Memory>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Memory {
    members: u64,
    usable: u128,
    available: u128,
}

impl Folding {
    pub fn new(period: i64, patience: Patience) -> Folding {
        Folding {
            period,
            patience,
            rows: 0,
            there: 0,
            missing: 0,
            forgotten: 0,
            used: Distribution::new(Grain::Tenth),
            pressed: 0,
            total: Memory::default(),
            largest: None,
        }
    }

    pub fn add(&mut self, row: &Row) {
        self.rows += 1;
        *match self.patience.presence(row.age_millis) {
            Presence::There => &mut self.there,
            Presence::Missing => &mut self.missing,
            Presence::Forgotten => &mut self.forgotten,
        } += 1;
        if row.period != self.period {
            return;
        }
        self.used.add(row.used_percent, 1);
        self.pressed += u64::from(row.under_pressure);
        let memory =
            Memory { members: 1, usable: row.usable.into(), available: row.available.into() };
        self.total = self.total.and(memory);
        if self.largest.is_none_or(|largest| largest.used() <= memory.used()) {
            self.largest = Some(memory);
        }
    }

    /// Of all members that are known, whether they report or not.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Members whose rows can go.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Stamped with the period's start. What has no value without a reporting member, or with a
    /// single one, is absent.
    pub fn figures(&self) -> Vec<Figure> {
        let any = self.total.members > 0;
        let timestamp = Timestamp(self.period.saturating_mul(1_000));
        let statistics = [
            (!self.used.is_empty()).then(|| self.used.values()),
            Some(one(self.there as f64)),
            Some(one(self.missing as f64)),
            any.then(|| one(self.pressed as f64)),
            any.then(|| one(self.total.available as f64)),
            self.headroom().map(one),
        ];
        let named = SUMMARIES.into_iter().zip(statistics);
        named
            .filter_map(|((name, unit), statistics)| {
                Some(Figure {
                    name: name.into(),
                    publication: NATIVELY,
                    unit,
                    timestamp,
                    statistics: statistics?,
                    beside: None,
                })
            })
            .collect()
    }

    /// How much of the others' memory is left once they carry what the largest member used: in
    /// percent, below zero where they can't. Absent with fewer than two members.
    fn headroom(&self) -> Option<f64> {
        let lost = self.largest.filter(|_| self.total.members > 1)?;
        let usable = self.total.usable - lost.usable;
        let left = (self.total.available - lost.available) as f64 - lost.used() as f64;
        (usable > 0).then(|| 100.0 * left / usable as f64)
    }
}

impl Memory {
    fn and(self, other: Memory) -> Memory {
        Memory {
            members: self.members + other.members,
            usable: self.usable + other.usable,
            available: self.available + other.available,
        }
    }

    fn used(self) -> u128 {
        self.usable.saturating_sub(self.available)
    }
}

/// The figures of rows that are all at hand.
pub fn figures(rows: &[Row], period: i64, patience: &Patience) -> Vec<Figure> {
    let mut folding = Folding::new(period, *patience);
    rows.iter().for_each(|row| folding.add(row));
    folding.figures()
}

/// The figures as they are sent.
pub fn datums(
    figures: &[Figure],
    namespace: &Arc<str>,
    cluster: &str,
    timing: &Timing,
) -> Vec<Datum> {
    let dimension = Dimension { name: DIMENSION.to_owned(), value: cluster.to_owned() };
    let dimensions: Arc<[Dimension]> = Arc::new([dimension]);
    let resolution = Resolution::of(timing.period());
    let dress = |figure| Datum::new(namespace.clone(), dimensions.clone(), resolution, figure);
    figures.iter().map(dress).collect()
}

/// A single value that counts once.
fn one(value: f64) -> Statistics {
    Statistics::Values { values: Arc::new([value]), counts: Arc::new([1]) }
}

/// Every name with its unit, in the order in which they are published.
pub const SUMMARIES: [(&str, Unit); 6] = [
    (USED, Unit::Percent),
    (MEMBERS, Unit::Count),
    (MISSING, Unit::Count),
    (PRESSED, Unit::Count),
    (AVAILABLE, Unit::Bytes),
    (HEADROOM, Unit::Percent),
];
pub const DIMENSION: &str = "Cluster";
/// One value a member that reports: SampleCount says how many.
pub const USED: &str = "ClusterMemoryUsedPercent";
pub const MEMBERS: &str = "ClusterMembers";
pub const MISSING: &str = "ClusterMembersMissing";
pub const PRESSED: &str = "ClusterMembersUnderPressure";
pub const AVAILABLE: &str = "ClusterAvailable";
pub const HEADROOM: &str = "ClusterHeadroomAfterLossPercent";

#[cfg(test)]
mod tests;
