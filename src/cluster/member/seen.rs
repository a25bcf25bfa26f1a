//! What a member tells: each change once in the log, the rest to whoever asks.

use crate::clock::{Boottime, Moment};
use crate::cluster::member::link::Failure;
use crate::cluster::role::{Obstacle, Standing};

/// What there is to tell of a member at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    pub standing: Option<Standing>,
    pub obstacle: Option<Obstacle>,
    /// When the database did last what it was asked for.
    pub heard: Option<Moment>,
    /// Since when it doesn't.
    pub failing: Option<Boottime>,
}

/// What was said, so that it isn't said again.
#[derive(Debug, Default)]
pub(super) struct News {
    delivered: Option<i64>,
    leads: bool,
    abstains: bool,
    obstacle: Option<Obstacle>,
    failing: Option<(Boottime, String)>,
    heard: Option<Moment>,
}

impl News {
    /// Whether that is new.
    pub fn delivered(&mut self, period: i64) -> bool {
        self.delivered.replace(period) != Some(period)
    }

    pub fn standing(&mut self, standing: Standing, obstacle: Option<Obstacle>, cluster: &str) {
        let leads = standing == Standing::Leader;
        if std::mem::replace(&mut self.leads, leads) != leads {
            match leads {
                true => tracing::info!(cluster, "this host leads its cluster"),
                false => tracing::info!(cluster, "this host doesn't lead its cluster any more"),
            }
        }
        let abstains = matches!(standing, Standing::Abstaining { .. });
        if abstains && !self.abstains {
            tracing::warn!(
                cluster,
                "it led without a summary reaching the service: it leaves that to the others for a while"
            );
        }
        self.abstains = abstains;
        if same(self.obstacle, obstacle) {
            return;
        }
        self.obstacle = obstacle;
        match obstacle {
            Some(obstacle) => {
                tracing::warn!(cluster, "this host can't lead its cluster: {}", words(obstacle))
            }
            None => tracing::info!(cluster, "this host could lead its cluster again"),
        }
    }

    pub fn failed(&mut self, failure: &Failure, now: Boottime) {
        let Failure::Database(reason) = failure else { return };
        let since = self.failing.as_ref().map_or(now, |(since, _)| *since);
        let said = self.failing.as_ref().is_some_and(|(_, said)| said == reason);
        if !said {
            tracing::warn!(reason, "the cluster's database: this host's own data isn't affected");
            self.failing = Some((since, reason.clone()));
        }
    }

    pub fn went_well(&mut self, now: Moment) {
        self.heard = Some(now);
        if let Some((since, _)) = self.failing.take() {
            let seconds = now.boot.since(since).as_secs();
            tracing::info!(seconds, "the cluster's database answers again");
        }
    }

    pub fn seen(&self, standing: Standing, obstacle: Option<Obstacle>) -> Seen {
        Seen {
            standing: Some(standing),
            obstacle,
            heard: self.heard,
            failing: self.failing.as_ref().map(|(since, _)| *since),
        }
    }
}

/// A clock's difference varies from visit to visit.
fn same(one: Option<Obstacle>, other: Option<Obstacle>) -> bool {
    matches!((one, other), (Some(Obstacle::Clock { .. }), Some(Obstacle::Clock { .. })))
        || one == other
}

/// For the log and for `cwmem status`.
pub fn words(obstacle: Obstacle) -> String {
    match obstacle {
        Obstacle::PeriodLength { found } => format!(
            "the cluster's period is {found} s, and this host's publish.period another: all members need the same"
        ),
        Obstacle::Clock { apart } => format!(
            "its clock and the database's are {:.1} s apart: one of the two is wrong",
            apart.unsigned_abs() as f64 / 1_000.0
        ),
        Obstacle::ReadOnly => {
            "the database is read-only, a replica: cluster.database has to name the writer"
                .to_owned()
        }
    }
}
