//! A member: its clocks, its process with the role machine, and its spool.

use super::server::Time;
use cwmem::clock::{Boottime, Moment, Timestamp};
use cwmem::cluster::role::{Role, Step};
use cwmem::cluster::timing::Timing;

pub struct Member {
    place: f64,
    /// What its clocks gain, in parts per million.
    drift: i64,
    /// What its wall clock was set ahead, in milliseconds.
    pub ahead: i64,
    /// The wall clock is disciplined once it is off by so many milliseconds.
    disciplined: i64,
    pub process: Option<Process>,
    /// Grows with each start.
    pub incarnation: u64,
    pub frozen_until: Time,
    pub cut_until: Time,
    pub mute_until: Time,
    pub slow_disk_until: Time,
    /// It was told to stop.
    pub stopping: bool,
}

pub struct Process {
    pub role: Role,
    /// The step that is being done, under a number of its own.
    pub pending: Option<(u64, Step)>,
    /// Server and session.
    pub session: Option<(usize, u64)>,
    /// When it wakes by itself.
    pub wake: Time,
}

impl Member {
    pub fn new(place: f64, drift: i64, timing: &Timing) -> Member {
        let disciplined = i64::try_from(timing.period().as_millis() / 20).unwrap_or(1);
        Member {
            place,
            drift,
            ahead: 0,
            disciplined,
            process: None,
            incarnation: 0,
            frozen_until: 0,
            cut_until: 0,
            mute_until: 0,
            slow_disk_until: 0,
            stopping: false,
        }
    }

    pub fn start(&mut self, timing: Timing) {
        self.incarnation += 1;
        self.stopping = false;
        self.process = Some(Process {
            role: Role::new(timing, self.place),
            pending: None,
            session: None,
            wake: 0,
        });
    }

    pub fn moment(&self, now: Time) -> Moment {
        let passed = i64::try_from(now).unwrap_or(i64::MAX);
        let gained = passed.saturating_mul(self.drift) / 1_000_000;
        let off = gained / 1_000 % self.disciplined.max(1);
        Moment {
            wall: Timestamp(super::world::unix_millis(now) + self.ahead + off),
            boot: Boottime((BOOTED + passed + gained).unsigned_abs()),
        }
    }

    /// The true time at which this member's clock shows `boot`, or just after.
    pub fn time_of(&self, boot: Boottime, now: Time) -> Time {
        let ahead = boot.since(self.moment(now).boot);
        let micros = Time::try_from(ahead.as_micros()).unwrap_or(Time::MAX / 4);
        // The clock may gain or lose a thousandth.
        now + micros + micros / 1_000 + 1
    }
}

/// Its clock counts from an earlier instant than the simulation's.
const BOOTED: i64 = 1_000_000_000;
