//! What is given up: counted by cause, told in the log, and published.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::datum::Datum;
use crate::delivery::Age;
use crate::health::{Cause, Health};
use crate::identity::dress::complete;
use crate::identity::dress::datums;
use crate::identity::sets::resolve;
use crate::publisher::desk::Desk;
use std::time::Duration;

impl Desk {
    /// The losses since the last call, and what waits, under each dimension set.
    pub(super) fn health_datums(&mut self, period: Timestamp, now: Boottime) -> Vec<Datum> {
        let native = &self.settings.publications.native;
        let sets = complete(&resolve(&self.identity, &native.sets));
        if sets.is_empty() {
            return Vec::new();
        }
        // While nothing is taken, the counts stay here: in the spool they could be given up.
        let losses = match self.delivery.is_failing() {
            None => self.health.figures(period),
            Some(_) => Vec::new(),
        };
        let mut figures = losses;
        figures.extend(Health::spool_bytes(period, self.spool.backlog_bytes(now)));
        datums(&figures, &sets, &native.namespace, self.settings.resolution)
    }

    pub(super) fn give_up_old(&mut self, now: Moment) {
        let delivery = &self.delivery;
        let old = self.spool.condemn(|period| delivery.age(period, now) == Age::TooOld);
        for (key, closed, datums) in old {
            tracing::debug!(period = %{ key.period }, datums, "older than CloudWatch accepts: given up");
            self.lose(self.cause_of_age(closed, now.boot), datums, now.boot);
        }
        self.skip_late(now.boot);
    }

    /// Whether data is too old because it waited, or because the clock that stamped it was wrong:
    /// `closed` is when by the clocks of this boot.
    pub(super) fn cause_of_age(&self, closed: Option<Moment>, now: Boottime) -> Cause {
        match closed {
            Some(closed) if now.since(closed.boot) < self.settings.max_age => Cause::Clock,
            _ => Cause::TooOld,
        }
    }

    /// Counts a loss, and says so where that cause wasn't told lately.
    pub(super) fn lose(&mut self, cause: Cause, datums: usize, now: Boottime) {
        if datums == 0 {
            return;
        }
        self.health.dropped(cause, datums);
        self.health.note(cause, now);
        let silent = self.said.get(cause.as_str()).is_some_and(|said| now.since(*said) < SAY_AGAIN);
        if !silent {
            self.said.insert(cause.as_str(), now);
            let total = self.health.count(cause);
            tracing::warn!(cause = cause.as_str(), datums, total, "given up: {}", cause.words());
        }
    }
}

const SAY_AGAIN: Duration = Duration::from_secs(3_600);
