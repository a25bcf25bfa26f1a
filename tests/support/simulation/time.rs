//! The world's time: microseconds since the simulation began, and the host's clocks in it.

use cwmem::clock::{Boottime, Moment, Timestamp};

/// Microseconds of true time since the simulation began.
pub type Time = u64;

pub const SECOND: Time = 1_000_000;
pub const MINUTE: Time = 60 * SECOND;
pub const HOUR: Time = 60 * MINUTE;
pub const DAY: Time = 24 * HOUR;
pub const NEVER: Time = Time::MAX;

/// A host's two clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// What the wall clock is ahead of true time, in milliseconds.
    pub ahead: i64,
    pub booted: Time,
    pub boot: u32,
}

impl Clocks {
    pub fn now(&self, time: Time) -> Moment {
        Moment {
            wall: Timestamp(true_time(time).0 + self.ahead),
            boot: Boottime(time - self.booted + UP_BEFORE),
        }
    }

    pub fn time_of(&self, boot: Boottime) -> Time {
        boot.0.saturating_sub(UP_BEFORE).saturating_add(self.booted)
    }

    pub fn boot_id(&self) -> String {
        format!("boot-{}", self.boot)
    }
}

/// What the service's clock shows.
pub fn true_time(time: Time) -> Timestamp {
    Timestamp(START + i64::try_from(time / 1_000).unwrap_or(i64::MAX))
}

/// `3 07:15:02.123`: day, hour, minute and second.
pub fn words(time: Time) -> String {
    let part = |unit: Time, of: Time| time / unit % of;
    format!(
        "{} {:02}:{:02}:{:02}.{:03}",
        time / DAY,
        part(HOUR, 24),
        part(MINUTE, 60),
        part(SECOND, 60),
        part(1_000, 1_000)
    )
}

/// 2026-11-23T14:20:17Z: not a period's start.
const START: i64 = 1_795_443_617_000;
/// The agent starts after the kernel.
const UP_BEFORE: u64 = 20 * SECOND;
