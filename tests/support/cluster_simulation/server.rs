//! The database as the protocol needs it: sessions, one named lock, and the cluster's row.

use super::Bug;
use std::collections::BTreeMap;

/// Microseconds of true time since the simulation began.
pub type Time = u64;

#[derive(Debug, Clone)]
pub struct Server {
    pub clock_ahead: i64,
    pub read_only: bool,
    pub frozen_until: Time,
    pub down_until: Time,
    pub row: Row,
    wait_timeout: Time,
    sessions: BTreeMap<u64, Session>,
    lock: Option<u64>,
    /// What the row was, and since when: what a replica may have received.
    history: Vec<(Time, Row)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub period: i64,
    pub length: u32,
    /// In Unix milliseconds by the database's clock.
    pub claimed_at: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    member: usize,
    active: Time,
}

#[derive(Debug, Clone, Copy)]
pub enum Request {
    /// Connect, upsert, look.
    Visit,
    TryLock,
    Heartbeat,
    Claim {
        period: i64,
        length: u32,
    },
    /// What changes nothing here.
    Other,
    Release,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Looked {
        row: Row,
        read_only: bool,
        millis: i64,
    },
    Locked(bool),
    Beat {
        held: bool,
        read_only: bool,
        millis: i64,
    },
    Claimed(bool),
    Done,
    /// An error, or a connection that isn't there.
    Error,
}

impl Server {
    pub fn new(row: Row, wait_timeout: Time) -> Server {
        Server {
            clock_ahead: 0,
            read_only: false,
            frozen_until: 0,
            down_until: 0,
            row,
            wait_timeout,
            sessions: BTreeMap::new(),
            lock: None,
            history: vec![(0, row)],
        }
    }

    /// A replica that received what was written `lag` ago is promoted. What it never heard of is
    /// returned too: periods that were claimed here.
    pub fn promote(&self, now: Time, lag: Time) -> (Server, Vec<i64>) {
        let received = self.history.iter().rposition(|(at, _)| at + lag <= now).unwrap_or(0);
        let mut replica = Server::new(self.history[received].1, self.wait_timeout);
        replica.history = self.history[..=received].to_vec();
        let lost = self.history[received + 1..].iter().map(|(_, row)| row.period).collect();
        (replica, lost)
    }

    /// Unix milliseconds by the database's clock.
    pub fn millis(&self, now: Time) -> i64 {
        super::world::unix_millis(now) + self.clock_ahead
    }

    pub fn holder(&self) -> Option<(u64, usize)> {
        let id = self.lock?;
        Some((id, self.sessions.get(&id)?.member))
    }

    pub fn end(&mut self, session: u64) {
        self.sessions.remove(&session);
        if self.lock == Some(session) {
            self.lock = None;
        }
    }

    pub fn end_all(&mut self) {
        self.sessions.clear();
        self.lock = None;
    }

    /// Ends the holder's session if it was idle for too long; says which, whose, and since when.
    pub fn end_idle(&mut self, now: Time) -> Option<(u64, usize, Time)> {
        let (id, member) = self.holder()?;
        let at = self.sessions.get(&id)?.active + self.wait_timeout;
        (at <= now).then(|| self.end(id))?;
        Some((id, member, at))
    }

    pub fn answer(
        &mut self,
        id: u64,
        member: usize,
        request: Request,
        now: Time,
        bug: Option<Bug>,
    ) -> Reply {
        if matches!(request, Request::Visit) {
            self.sessions.insert(id, Session { member, active: now });
        }
        let Some(session) = self.sessions.get_mut(&id) else { return Reply::Error };
        session.active = now;
        let (read_only, millis) = (self.read_only, self.millis(now));
        match request {
            // The upsert comes first.
            Request::Visit if read_only => Reply::Error,
            Request::Visit => Reply::Looked { row: self.row, read_only, millis },
            Request::TryLock => {
                let free = self.lock.is_none_or(|holder| holder == id);
                if free {
                    self.lock = Some(id);
                }
                Reply::Locked(free)
            }
            Request::Heartbeat => Reply::Beat { held: self.lock == Some(id), read_only, millis },
            Request::Claim { .. } if read_only => Reply::Error,
            Request::Claim { .. } if bug == Some(Bug::NoClaim) => Reply::Claimed(true),
            Request::Claim { period, length } => Reply::Claimed(self.claim(period, length, now)),
            Request::Other => Reply::Done,
            Request::Release => {
                self.end(id);
                Reply::Done
            }
        }
    }

    /// `statements::claim`, word for word.
    fn claim(&mut self, period: i64, length: u32, now: Time) -> bool {
        let millis = self.millis(now);
        let seconds = millis.div_euclid(1_000);
        let span = i64::from(length);
        let row = &mut self.row;
        let ours = row.length == length
            && (row.period < period || row.period > seconds)
            && period % span == 0
            && (seconds - 2 * span..=seconds - span).contains(&period);
        if ours {
            *row = Row { period, claimed_at: Some(millis), ..*row };
            self.history.push((now, *row));
        }
        ours
    }
}
