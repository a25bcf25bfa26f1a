//! Until when a lock is known to be held, by this host's own clock; pure.
//!
//! The server ends a session that is silent for `SESSION_TIMEOUT`, and with it the lock. It heard
//! of the session no earlier than a question was sent that it answered, so until `LEASE` after that
//! nobody else can have had the lock, unless the session was killed or the server restarted.

use crate::clock::Boottime;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub until: Boottime,
}

impl Lease {
    /// By an answer to a question that was sent at `sent`.
    pub fn answered(sent: Boottime) -> Lease {
        Lease { until: sent.plus(LEASE) }
    }

    pub fn has_expired(self, now: Boottime) -> bool {
        now >= self.until
    }

    /// When what was told at `now` to end is killed.
    pub fn kill_at(self, now: Boottime) -> Boottime {
        now.plus(KILL_AFTER).min(self.until)
    }
}

/// The server ends a session that is silent for so long. This and the times below are those
/// measured for a period P of 60 s: P/3, P/12, P/20, and P/3 − P/12.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(20);
/// From one question to the next.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
/// For the answer to a question.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// From a question that was answered to the instant at which all of the command must be dead.
pub const LEASE: Duration = Duration::from_secs(15);
/// Between SIGTERM and SIGKILL, where the lease leaves so much.
pub const KILL_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_missed_answer_leaves_time_to_end() {
        assert!(HEARTBEAT + ANSWER_WITHIN + KILL_AFTER <= LEASE);
        assert!(LEASE < SESSION_TIMEOUT);
    }

    proptest! {
        #[test]
        fn nothing_lives_beyond_the_lease(sent in 0..u64::MAX / 2, later in 0_u64..60_000_000) {
            let (sent, now) = (Boottime(sent), Boottime(sent + later));
            let lease = Lease::answered(sent);
            prop_assert_eq!(lease.has_expired(now), now.since(sent) >= LEASE);
            let kill_at = lease.kill_at(now);
            prop_assert!(kill_at <= lease.until);
            prop_assert!(kill_at <= now.plus(KILL_AFTER));
            prop_assert!(kill_at == lease.until || kill_at.since(now) == KILL_AFTER);
        }
    }
}
