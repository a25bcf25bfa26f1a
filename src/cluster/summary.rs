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

/// The figures of the period that starts at `period`, in Unix seconds, stamped with its start. What
/// has no value without a reporting member, or with a single one, is absent.
pub fn figures(rows: &[Row], period: i64, patience: &Patience) -> Vec<Figure> {
    let reporting: Vec<&Row> = rows.iter().filter(|row| row.period == period).collect();
    let present = |wanted| {
        rows.iter().filter(|row| patience.presence(row.age_millis) == wanted).count() as f64
    };
    let mut used = Distribution::new(Grain::Tenth);
    for row in &reporting {
        used.add(row.used_percent, 1);
    }
    let pressed = reporting.iter().filter(|row| row.under_pressure).count() as f64;
    let any = !reporting.is_empty();
    let timestamp = Timestamp(period.saturating_mul(1_000));
    [
        (USED, Unit::Percent, (!used.is_empty()).then(|| used.values())),
        (MEMBERS, Unit::Count, Some(one(present(Presence::There)))),
        (MISSING, Unit::Count, Some(one(present(Presence::Missing)))),
        (PRESSED, Unit::Count, any.then(|| one(pressed))),
        (AVAILABLE, Unit::Bytes, any.then(|| one(available(&reporting) as f64))),
        (HEADROOM, Unit::Percent, headroom(&reporting).map(one)),
    ]
    .into_iter()
    .filter_map(|(name, unit, statistics)| {
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

/// How much of the others' memory is left once they carry what the largest member used: in percent,
/// below zero where they can't. Absent with fewer than two members.
fn headroom(reporting: &[&Row]) -> Option<f64> {
    (reporting.len() > 1).then_some(())?;
    let use_of = |row: &Row| row.usable.saturating_sub(row.available);
    let lost = reporting.iter().enumerate().max_by_key(|(_, row)| use_of(row))?;
    let others = || reporting.iter().enumerate().filter(|(place, _)| *place != lost.0);
    let available: i128 = others().map(|(_, row)| i128::from(row.available)).sum();
    let usable: i128 = others().map(|(_, row)| i128::from(row.usable)).sum();
    let left = available - i128::from(use_of(lost.1));
    (usable > 0).then(|| 100.0 * left as f64 / usable as f64)
}

fn available(reporting: &[&Row]) -> u128 {
    reporting.iter().map(|row| u128::from(row.available)).sum()
}

/// A single value that counts once.
fn one(value: f64) -> Statistics {
    Statistics::Values { values: Arc::new([value]), counts: Arc::new([1]) }
}

const DIMENSION: &str = "Cluster";
/// One value a member that reports: SampleCount says how many.
pub const USED: &str = "ClusterMemoryUsedPercent";
pub const MEMBERS: &str = "ClusterMembers";
pub const MISSING: &str = "ClusterMembersMissing";
pub const PRESSED: &str = "ClusterMembersUnderPressure";
pub const AVAILABLE: &str = "ClusterAvailable";
pub const HEADROOM: &str = "ClusterHeadroomAfterLossPercent";

#[cfg(test)]
mod tests;
