//! What a member does next: a follower that visits once a period, one that tries to lead, the
//! leader, or one that abstains. Decided without doing it.
//!
//! The driver asks `next` right before it acts, does one step at a time, and says how it went with
//! `heard`. It drops its connection to the database wherever a step fails or takes longer than its
//! `by`; a visit's connection lives on only for `TryLock`, and then as the leader's session. What a
//! summary becomes after `Fold` is told by `delivered`.
//!
//! Two things have to hold before a period is spoken for. The lock makes one member the steady
//! leader; a lease on the clock that never steps ends its belief before the server can give the
//! lock to another. The claim, a conditional update in the database, gives each period to one
//! claimer at most, whatever anybody believes.

use crate::clock::{Boottime, Moment};
use crate::cluster::timing::{FRUITLESS_PERIODS, Timing};
use std::time::Duration;

mod leading;
mod step;

pub use step::{Beat, Cluster, Heard, Obstacle, Standing, Step};

use leading::Leading;

#[derive(Debug)]
pub struct Role {
    timing: Timing,
    /// This member's place among its cluster, 0..1, the same for ever.
    place: f64,
    state: State,
    /// When it was first asked for a step.
    began: Option<Boottime>,
    /// The last period that was reported, and when that began.
    reported: Option<(i64, Boottime)>,
    abstains_until: Option<Boottime>,
    obstacle: Option<Obstacle>,
    /// Stop by then.
    stop: Option<Boottime>,
    /// When the step began that is being done.
    sent: Boottime,
}

#[derive(Debug)]
enum State {
    Follower,
    Visiting,
    Trying {
        asked: bool,
    },
    Leading(Leading),
    /// The session is to be closed without a word.
    Leaving,
    Releasing {
        asked: bool,
    },
    Deregistering {
        asked: bool,
    },
    Ended,
}

impl Role {
    pub fn new(timing: Timing, place: f64) -> Role {
        Role {
            timing,
            place: place.clamp(0.0, 1.0),
            state: State::Follower,
            began: None,
            reported: None,
            abstains_until: None,
            obstacle: None,
            stop: None,
            sent: Boottime(0),
        }
    }

    pub fn standing(&self, now: Boottime) -> Standing {
        match (&self.state, self.abstains_until) {
            (State::Ended, _) => Standing::Stopped,
            _ if self.stop.is_some() => Standing::Stopping,
            (State::Leading(_), _) => Standing::Leader,
            (State::Trying { .. }, _) => Standing::Trying,
            (_, Some(until)) if now < until => Standing::Abstaining { until },
            _ => Standing::Follower,
        }
    }

    /// What stands in the way of leading, as far as it is known.
    pub fn obstacle(&self) -> Option<Obstacle> {
        self.obstacle
    }

    /// Until when this member may believe that it leads.
    pub fn lease(&self) -> Option<Boottime> {
        match &self.state {
            State::Leading(leading) => Some(leading.lease()),
            _ => None,
        }
    }

    /// Stops in order: a step that is being done is finished, or reported as failed, first.
    pub fn stop(&mut self, by: Boottime) {
        self.stop = Some(by);
    }

    /// The service has the summary of `period`.
    pub fn delivered(&mut self, period: i64) {
        if let State::Leading(leading) = &mut self.state {
            leading.delivered(period);
        }
    }

    /// What to do now. Not to be asked again before the step was heard of, `Wait`, `Close` and
    /// `Ended` apart.
    pub fn next(&mut self, now: Moment) -> Step {
        self.sent = now.boot;
        self.began.get_or_insert(now.boot);
        if let Some(stop) = self.stop {
            self.begin_to_stop(stop, now.boot);
        }
        let statement = now.boot.plus(self.timing.statement_deadline());
        match &mut self.state {
            State::Follower => self.follow(now),
            State::Visiting => {
                // Asked again: the visit's connection went without a word.
                self.state = State::Follower;
                self.follow(now)
            }
            State::Trying { asked } => {
                *asked = true;
                Step::TryLock { by: statement }
            }
            State::Leading(_) => self.lead(now),
            State::Leaving => {
                self.state = State::Follower;
                Step::Close
            }
            State::Releasing { asked } => {
                *asked = true;
                Step::Release { by: statement.min(self.stop.unwrap_or(statement)) }
            }
            State::Deregistering { asked } => {
                *asked = true;
                let by = now.boot.plus(self.timing.visit_deadline());
                Step::Deregister { by: by.min(self.stop.unwrap_or(by)) }
            }
            State::Ended => Step::Ended,
        }
    }

    /// How the last step went; what doesn't answer it changes nothing.
    pub fn heard(&mut self, heard: Heard, now: Moment) {
        self.state = match (std::mem::replace(&mut self.state, State::Follower), heard) {
            (State::Visiting, Heard::Visited(cluster)) => self.visited(&cluster, now),
            (State::Visiting | State::Trying { asked: true }, Heard::Failed) => State::Follower,
            (State::Trying { asked: true }, Heard::Locked(true)) => {
                State::Leading(Leading::new(self.sent, &self.timing))
            }
            (State::Trying { asked: true }, Heard::Locked(false)) => State::Follower,
            // The driver has dropped the session.
            (State::Leading(_), Heard::Failed) => State::Follower,
            (State::Leading(mut leading), heard) => {
                if leading.heard(heard, self.sent, &self.timing) {
                    State::Leading(leading)
                } else {
                    if matches!(heard, Heard::Beat(Beat { read_only: true, .. })) {
                        self.obstacle = Some(Obstacle::ReadOnly);
                    }
                    State::Leaving
                }
            }
            (State::Releasing { asked: true }, Heard::Done | Heard::Failed) => State::Follower,
            (State::Deregistering { asked: true }, Heard::Done | Heard::Failed) => State::Ended,
            (state, _) => state,
        };
    }

    fn follow(&mut self, now: Moment) -> Step {
        let (period, at) = match self.report_due(now) {
            Ok(period) => (period, now.boot),
            Err(at) => return Step::Wait(at),
        };
        self.reported = Some((period, at));
        self.state = State::Visiting;
        Step::Visit { period, by: now.boot.plus(self.timing.visit_deadline()) }
    }

    /// The period to report, or when there will be one.
    ///
    /// The wall clock may have stepped: any other period than the last is news, but two reports
    /// never follow each other closely.
    fn report_due(&self, now: Moment) -> Result<i64, Boottime> {
        let period = self.timing.period();
        let place = self.timing.visit_spread().mul_f64(self.place);
        let shifted = now.wall.0.saturating_sub(millis(place));
        let current = shifted.div_euclid(millis(period));
        let last = current.saturating_sub(1).saturating_mul(i64::from(self.timing.seconds()));
        let rest = Duration::from_millis(shifted.rem_euclid(millis(period)).unsigned_abs());
        let next = now.boot.plus(period - rest);
        let Some((reported, at)) = self.reported else {
            // Members that all start at once don't all visit at once.
            let due = self.began.map_or(now.boot, |began| began.plus(place));
            return if now.boot < due { Err(due) } else { Ok(last) };
        };
        if reported == last {
            return Err(next);
        }
        let earliest = at.plus(period / SHORTEST_REPORTS);
        if now.boot < earliest { Err(earliest.min(next)) } else { Ok(last) }
    }

    fn visited(&mut self, cluster: &Cluster, now: Moment) -> State {
        self.obstacle = if cluster.period_length != self.timing.seconds() {
            Some(Obstacle::PeriodLength { found: cluster.period_length })
        } else if cluster.read_only {
            Some(Obstacle::ReadOnly)
        } else {
            Obstacle::of_clocks(cluster.database_millis, now, &self.timing)
        };
        let abstains = self.abstains_until.is_some_and(|until| now.boot < until);
        let stale = millis(self.timing.stale_claim(self.place));
        // A claim of the future was made before the database's clock went back.
        let led = cluster.claim_age_millis.is_some_and(|age| age.abs() <= stale);
        if led || abstains || self.obstacle.is_some() || self.stop.is_some() {
            return State::Follower;
        }
        self.abstains_until = None;
        State::Trying { asked: false }
    }

    fn lead(&mut self, now: Moment) -> Step {
        let report = self.report_due(now);
        let State::Leading(leading) = &mut self.state else { return Step::Wait(now.boot) };
        if leading.lease() <= now.boot {
            self.state = State::Follower;
            return Step::Close;
        }
        if let Some(step) = leading.next(now.boot, &self.timing) {
            return step;
        }
        let by = leading.by(now.boot, &self.timing);
        let due = match leading.claim_due(now.boot, &self.timing) {
            Ok(period) => {
                if leading.begin(period) >= FRUITLESS_PERIODS {
                    self.abstains_until = Some(now.boot.plus(self.timing.abstention()));
                    self.state = State::Releasing { asked: true };
                    return Step::Release { by };
                }
                let database = leading.database(now.boot);
                self.obstacle =
                    database.and_then(|time| Obstacle::of_clocks(time, now, &self.timing));
                if self.obstacle.is_none() {
                    return self.claim(period, now.boot, by);
                }
                now.boot
            }
            Err(due) => due,
        };
        match report {
            Ok(period) => {
                self.reported = Some((period, now.boot));
                Step::Report { period, by }
            }
            Err(report) => {
                let State::Leading(leading) = &self.state else { return Step::Wait(now.boot) };
                Step::Wait(leading.wakes().min(due.max(now.boot)).min(report))
            }
        }
    }

    fn claim(&mut self, period: i64, now: Boottime, by: Boottime) -> Step {
        if let State::Leading(leading) = &mut self.state {
            leading.claims(period, now.plus(self.timing.spool_deadline()));
        }
        Step::Claim { period, by }
    }

    fn begin_to_stop(&mut self, stop: Boottime, now: Boottime) {
        let over = stop <= now;
        self.state = match std::mem::replace(&mut self.state, State::Ended) {
            State::Leading(_) if !over => State::Releasing { asked: false },
            State::Follower | State::Visiting | State::Trying { .. } if !over => {
                State::Deregistering { asked: false }
            }
            // Closing is enough, where there is no time for more.
            State::Leading(_) | State::Leaving => State::Leaving,
            state @ (State::Releasing { .. } | State::Deregistering { .. }) if !over => state,
            _ => State::Ended,
        };
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// At most so many reports a period, however the wall clock steps.
const SHORTEST_REPORTS: u32 = 4;

#[cfg(test)]
mod tests;
