//! What passes between a member's role and its driver: steps, how they went, and what to tell people.

use crate::clock::{Boottime, Moment};
use crate::cluster::role::millis;
use crate::cluster::timing::Timing;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing before then, unless something else happens.
    Wait(Boottime),
    /// Connect, report `period` (its start in Unix seconds; the member's own figures of it) and
    /// look at the cluster's row. If the next step isn't `TryLock`, the connection is closed.
    Visit { period: i64, by: Boottime },
    /// Ask for the lock, without waiting for it, on the visit's connection.
    TryLock { by: Boottime },
    /// On the leader's session, as everything that follows.
    Heartbeat { by: Boottime },
    /// Claim the period that starts at this Unix second.
    Claim { period: i64, by: Boottime },
    /// Fetch the rows, fold them and hand the summary to the spool. Where its file isn't written by
    /// `spool_by`, it is dropped and never sent.
    Fold { period: i64, by: Boottime, spool_by: Boottime },
    /// Report the leader's own figures, as a visit would.
    Report { period: i64, by: Boottime },
    /// Note that the service has the summary of this period.
    Note { period: i64, by: Boottime },
    /// Close the session without a word: the lock isn't ours any more, or may not be.
    Close,
    /// Release the lock and close the session.
    Release { by: Boottime },
    /// Connect and delete the member's row.
    Deregister { by: Boottime },
    /// There is nothing more to do, ever; what is still open is closed.
    Ended,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Visited(Cluster),
    /// Whether the lock was free and is ours.
    Locked(bool),
    Beat(Beat),
    /// Whether exactly one row changed.
    Claimed(bool),
    /// Folded, reported, noted, released or deregistered.
    Done,
    /// An error, or no answer in time.
    Failed,
}

/// What a visitor saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// Of the cluster's periods, in seconds.
    pub period_length: u32,
    /// Since the last claim, by the database's clock; nothing where there was none.
    pub claim_age_millis: Option<i64>,
    pub read_only: bool,
    /// The database's time in Unix milliseconds.
    pub database_millis: i64,
}

/// A heartbeat's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// The lock is this session's.
    pub held: bool,
    pub read_only: bool,
    pub database_millis: i64,
}

/// What a member is at the moment, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Follower,
    Trying,
    Leader,
    /// It led without fruit.
    Abstaining {
        until: Boottime,
    },
    Stopping,
    Stopped,
}

/// Why a follower doesn't try where nobody seems to lead, or a leader doesn't claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The other members' periods have another length.
    PeriodLength {
        found: u32,
    },
    /// This host's clock and the database's are too far apart, by so many milliseconds.
    Clock {
        apart: i64,
    },
    ReadOnly,
}

impl Step {
    /// When it has to be over.
    pub fn by(&self) -> Boottime {
        match *self {
            Step::Wait(by)
            | Step::Visit { by, .. }
            | Step::TryLock { by }
            | Step::Heartbeat { by }
            | Step::Claim { by, .. }
            | Step::Fold { by, .. }
            | Step::Report { by, .. }
            | Step::Note { by, .. }
            | Step::Release { by }
            | Step::Deregister { by } => by,
            Step::Close | Step::Ended => Boottime(0),
        }
    }
}

impl Obstacle {
    /// A leader's clock and its database's have to agree: the one stamps what the other claims.
    pub fn of_clocks(database_millis: i64, now: Moment, timing: &Timing) -> Option<Obstacle> {
        let apart = database_millis.saturating_sub(now.wall.0);
        let wrong = apart.unsigned_abs() > millis(timing.clock_tolerance()).unsigned_abs();
        wrong.then_some(Obstacle::Clock { apart })
    }
}
