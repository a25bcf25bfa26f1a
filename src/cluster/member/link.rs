//! The way to the database: one step of the role at a time, on the connection that it is for.

use crate::average::Average;
use crate::clock::{Boottime, Clock, Timestamp};
use crate::cluster::database::{Connection, DatabaseError};
use crate::cluster::fold::fold;
use crate::cluster::member::{Ends, Settings};
use crate::cluster::named_lock::{LockError, NamedLock};
use crate::cluster::role::{Beat, Cluster, Heard, Step};
use crate::cluster::statements::{self, Report, Statement};
use crate::cluster::talk::{self, TalkError};
use crate::rehearsal;
use crate::sampler::{ClusterSummary, Message};
use crate::window::Figure;
use std::time::Duration;

/// The connection there is: a visit's, or the leader's with the lock.
#[derive(Default)]
pub(super) enum Link {
    #[default]
    None,
    Visit(Connection),
    Lock(NamedLock<Connection>),
}

/// Why a step wasn't done.
#[derive(Debug)]
pub(super) enum Failure {
    /// For people: what the database did, or didn't.
    Database(String),
    /// A stop came first.
    Stopped,
}

impl Failure {
    pub fn late(step: &Step) -> Failure {
        let what = match step {
            Step::Visit { .. } => "for a connection and a row",
            Step::TryLock { .. } => "for the lock",
            Step::Heartbeat { .. } => "to a heartbeat",
            Step::Release { .. } => "to the lock's release",
            Step::Deregister { .. } => "for taking the row back",
            _ => "to a statement",
        };
        Failure::Database(format!("no answer in time {what}"))
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Failure {
        Failure::Database(error.to_string())
    }
}

impl From<TalkError> for Failure {
    fn from(error: TalkError) -> Failure {
        Failure::Database(error.to_string())
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Failure {
        Failure::Database(error.to_string())
    }
}

impl Link {
    /// Ends a visit's connection, if there is one.
    pub async fn end_visit(&mut self) {
        match std::mem::take(self) {
            Link::Visit(connection) => connection.end().await,
            other => *self = other,
        }
    }

    /// Without a word to the server: that ends the session there, and with it the lock.
    pub fn close(&mut self) {
        *self = Link::None;
    }

    pub async fn act<C>(
        &mut self,
        step: Step,
        settings: &Settings,
        ends: &mut Ends<C>,
        clock: &Clock,
    ) -> Result<Heard, Failure> {
        let Settings { cluster, member, timing, .. } = settings;
        match step {
            Step::Visit { period, by } => {
                let time = by.since(clock.now().boot);
                return self.visit(period, time, settings, ends, clock).await;
            }
            Step::TryLock { .. } => return self.try_lock(settings).await,
            Step::Heartbeat { .. } => return self.beat(settings).await,
            Step::Claim { .. } if rehearsal::grants_claims() => return Ok(Heard::Claimed(true)),
            Step::Claim { period, .. } => {
                let claim = statements::claim(cluster, member, period, timing);
                return Ok(Heard::Claimed(talk::change(self.session()?, &claim).await? == 1));
            }
            Step::Fold { period, spool_by, .. } => {
                let folded = fold(self.session()?, cluster, period, &settings.patience).await?;
                speak(cluster, period, folded.figures(), spool_by, ends);
                // The statement locks every row that it looks at.
                if folded.forgotten() > 0 {
                    let forget = settings.patience.forget_after.as_secs();
                    self.tidy(&statements::forget(cluster, forget)).await?;
                }
            }
            Step::Report { period, .. } => {
                if let Some(report) = report(period, ends, Duration::ZERO, clock).await {
                    let upsert = statements::upsert(cluster, member, &report);
                    talk::change(self.session()?, &upsert).await?;
                }
            }
            Step::Note { period, .. } => {
                self.tidy(&statements::published(cluster, member, period)).await?;
            }
            Step::Release { .. } => {
                if let Link::Lock(lock) = std::mem::take(self) {
                    lock.release().await?.end().await;
                }
            }
            Step::Deregister { by } => {
                let time = by.since(clock.now().boot);
                let mut connection = settings.database.connect(time).await?;
                talk::change(&mut connection, &statements::deregister(cluster, member)).await?;
                connection.end().await;
            }
            Step::Wait(_) | Step::Close | Step::Ended => {}
        }
        Ok(Heard::Done)
    }

    /// What a row that is locked, or a deadlock, may cost nothing but itself.
    async fn tidy(&mut self, statement: &Statement) -> Result<(), Failure> {
        match talk::change(self.session()?, statement).await {
            Ok(_) | Err(TalkError::Database(DatabaseError::Server { .. })) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn beat(&mut self, settings: &Settings) -> Result<Heard, Failure> {
        let row =
            talk::row(self.session()?, &statements::heartbeat(settings.lock.as_str())).await?;
        Ok(Heard::Beat(Beat {
            held: row.integer(0) == Some(1),
            read_only: row.integer(1) == Some(1),
            database_millis: row.needed(2)?,
        }))
    }

    async fn visit<C>(
        &mut self,
        period: i64,
        time: Duration,
        settings: &Settings,
        ends: &mut Ends<C>,
        clock: &Clock,
    ) -> Result<Heard, Failure> {
        let Settings { cluster, member, timing, .. } = settings;
        // The period may have ended this very moment: its figures are on their way.
        let report = report(period, ends, time / 4, clock).await;
        let mut connection = settings.database.connect(time).await?;
        if let Some(report) = report {
            talk::change(&mut connection, &statements::upsert(cluster, member, &report)).await?;
        }
        let look = statements::look(cluster);
        let mut row = talk::row(&mut connection, &look).await?;
        let amend = match row.integer(0) {
            None => Some(statements::register(cluster, timing)),
            Some(length) if length != i64::from(timing.seconds()) => {
                Some(statements::change_length(cluster, timing))
            }
            Some(_) => None,
        };
        if let Some(amend) = amend
            && talk::change(&mut connection, &amend).await? > 0
        {
            row = talk::row(&mut connection, &look).await?;
        }
        let seen = Cluster {
            period_length: u32::try_from(row.needed(0)?).unwrap_or(0),
            claim_age_millis: row.integer(1),
            read_only: row.integer(2) == Some(1),
            database_millis: row.needed(3)?,
        };
        *self = Link::Visit(connection);
        Ok(Heard::Visited(seen))
    }

    async fn try_lock(&mut self, settings: &Settings) -> Result<Heard, Failure> {
        let Link::Visit(connection) = std::mem::take(self) else { return Err(no_session()) };
        match NamedLock::try_acquire(connection, &settings.lock).await {
            Ok(lock) => {
                *self = Link::Lock(lock);
                Ok(Heard::Locked(true))
            }
            Err(LockError::Held { .. }) => Ok(Heard::Locked(false)),
            Err(error) => Err(error.into()),
        }
    }

    fn session(&mut self) -> Result<&mut Connection, Failure> {
        match self {
            Link::Lock(lock) => Ok(lock.session()),
            Link::Visit(_) | Link::None => Err(no_session()),
        }
    }
}

/// This host's own figures of a period, waited for where they are due now.
async fn report<C>(
    period: i64,
    ends: &mut Ends<C>,
    patience: Duration,
    clock: &Clock,
) -> Option<Report> {
    let of_period = |average: &Option<Average>| {
        average.as_ref().is_none_or(|average| average.period.seconds() >= period)
    };
    let average = tokio::select! {
        biased;
        Ok(average) = ends.averages.wait_for(of_period) => *average,
        () = clock.sleep(patience) => None,
    };
    let average = average.filter(|average| average.period.seconds() == period)?;
    Some(Report {
        period,
        usable: average.usable.0,
        available: average.available.0,
        used_percent: average.used_percent,
        stall_percent: average.stall_percent,
        under_pressure: average.under_pressure,
    })
}

/// Nobody there means that the process is ending: the period is skipped.
fn speak<C>(cluster: &str, period: i64, figures: Vec<Figure>, until: Boottime, ends: &Ends<C>) {
    if let Some(out) = ends.out.upgrade()
        && !figures.is_empty()
    {
        let period = Timestamp(period.saturating_mul(1_000));
        let summary = ClusterSummary { cluster: cluster.to_owned(), period, figures, until };
        let _ = out.send(Message::ClusterSummary(Box::new(summary)));
    }
}

fn no_session() -> Failure {
    Failure::Database("the connection is gone".to_owned())
}
