//! The leader's own affairs: its lease, the database's time, and the period it claims next.

use crate::clock::Boottime;
use crate::cluster::role::Beat;
use crate::cluster::role::Heard;
use crate::cluster::role::Step;
use crate::cluster::role::millis;
use crate::cluster::timing::Timing;
use std::time::Duration;

#[derive(Debug)]
pub struct Leading {
    lease: Boottime,
    beat_due: Boottime,
    /// The database's time in Unix milliseconds by the last heartbeat, and when that was sent.
    database: Option<(i64, Boottime)>,
    /// The last period whose turn came, whatever became of it.
    attempted: Option<i64>,
    /// Something was delivered since.
    fruitful: bool,
    /// Periods in a row before it without fruit.
    fruitless: u32,
    /// Asked for, or ours and to be folded: until when its file has to be written.
    claiming: Option<(i64, Boottime)>,
    claimed: Option<(i64, Boottime)>,
    /// Delivered and not noted yet.
    note: Option<i64>,
}

impl Leading {
    /// The lock was asked for at `sent`.
    pub fn new(sent: Boottime, timing: &Timing) -> Leading {
        Leading {
            lease: sent.plus(timing.lease()),
            beat_due: sent,
            database: None,
            attempted: None,
            fruitful: false,
            fruitless: 0,
            claiming: None,
            claimed: None,
            note: None,
        }
    }

    pub fn lease(&self) -> Boottime {
        self.lease
    }

    /// When it has to act, whatever else there is.
    pub fn wakes(&self) -> Boottime {
        self.beat_due.min(self.lease)
    }

    /// No statement is waited for longer than the lease lasts.
    pub fn by(&self, now: Boottime, timing: &Timing) -> Boottime {
        now.plus(timing.statement_deadline()).min(self.lease)
    }

    /// The database's time in Unix milliseconds.
    pub fn database(&self, now: Boottime) -> Option<i64> {
        let (time, sent) = self.database?;
        Some(time.saturating_add(millis(now.since(sent))))
    }

    /// What comes before any new period.
    pub fn next(&mut self, now: Boottime, timing: &Timing) -> Option<Step> {
        let by = self.by(now, timing);
        if self.beat_due <= now {
            return Some(Step::Heartbeat { by });
        }
        // A claim whose time for the spool is over is of no use: nobody speaks for that period.
        let claimed = self.claimed.take().filter(|(_, spool_by)| now < *spool_by);
        if let Some((period, spool_by)) = claimed {
            return Some(Step::Fold { period, by: by.min(spool_by), spool_by });
        }
        self.note.take().map(|period| Step::Note { period, by })
    }

    /// How the step that began at `sent` went; whether this member may still lead.
    pub fn heard(&mut self, heard: Heard, sent: Boottime, timing: &Timing) -> bool {
        match heard {
            Heard::Beat(Beat { held, read_only, database_millis }) => {
                self.lease = sent.plus(timing.lease());
                self.beat_due = sent.plus(timing.heartbeat_every());
                self.database = Some((database_millis, sent));
                held && !read_only
            }
            Heard::Claimed(ours) => {
                self.claimed = self.claiming.take().filter(|_| ours);
                true
            }
            Heard::Visited(_) | Heard::Locked(_) | Heard::Done => true,
            Heard::Failed => false,
        }
    }

    /// The period whose turn it is, or when to look again: the last one whose members have all
    /// spoken, once, as long as the claim would be accepted.
    pub fn claim_due(&self, now: Boottime, timing: &Timing) -> Result<i64, Boottime> {
        let Some(database) = self.database(now) else { return Err(self.beat_due) };
        let length = millis(timing.period());
        let fold = millis(timing.fold_delay());
        let start = (database - fold).div_euclid(length).saturating_sub(1).saturating_mul(length);
        let closes = start + length + millis(timing.claim_window());
        // What was attempted ahead of the database's time doesn't count, as in the claim itself.
        let fresh = self.attempted.is_none_or(|last| {
            let last = last.saturating_mul(1_000);
            start > last || last > database
        });
        if fresh && database < closes {
            return Ok(start / 1_000);
        }
        let next = start + 2 * length + fold - database;
        Err(now.plus(Duration::from_millis(next.unsigned_abs())))
    }

    /// The turn of `period` has come: how many before it, in a row, bore no fruit.
    pub fn begin(&mut self, period: i64) -> u32 {
        if self.attempted.is_some() {
            self.fruitless = if self.fruitful { 0 } else { self.fruitless + 1 };
        }
        self.attempted = Some(period);
        self.fruitful = false;
        self.fruitless
    }

    /// The period is being asked for.
    pub fn claims(&mut self, period: i64, spool_by: Boottime) {
        self.claiming = Some((period, spool_by));
    }

    pub fn delivered(&mut self, period: i64) {
        self.fruitful = true;
        self.fruitless = 0;
        self.note = Some(period);
    }
}
