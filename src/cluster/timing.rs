//! The times of a cluster, each derived from its period P.
//!
//! One number is configured; the others follow, so that no two members can disagree about them and
//! their relations hold for every P.

use std::time::Duration;

/// The times that follow from a period of whole seconds, at least two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    period: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cluster's period must be a whole number of seconds, at least 2 s, not {0:?}")]
pub struct BadPeriod(pub Duration);

impl Timing {
    pub fn new(period: Duration) -> Result<Timing, BadPeriod> {
        let fine = period >= SHORTEST_PERIOD && period <= LONGEST_PERIOD;
        let fine = fine && period.subsec_nanos() == 0;
        fine.then_some(Timing { period }).ok_or(BadPeriod(period))
    }

    pub fn period(&self) -> Duration {
        self.period
    }

    /// The period as the database has it.
    pub fn seconds(&self) -> u32 {
        u32::try_from(self.period.as_secs()).unwrap_or(u32::MAX)
    }

    /// How often the leader asks whether the lock is still its own.
    pub fn heartbeat_every(&self) -> Duration {
        self.period / 12
    }

    /// How long an answer to one statement of the leader may take.
    pub fn statement_deadline(&self) -> Duration {
        (self.period / 20).max(Duration::from_millis(500))
    }

    /// The lock session's `wait_timeout`, which the server counts in whole seconds: an idle session
    /// is ended after it, and its lock with it, whatever became of its owner.
    pub fn wait_timeout(&self) -> Duration {
        Duration::from_secs(self.period.as_secs() / 3).max(Duration::from_secs(2))
    }

    /// How long after a heartbeat was sent its sender may believe that it leads: shorter than the
    /// server's patience, which began no earlier.
    pub fn lease(&self) -> Duration {
        self.wait_timeout() - self.heartbeat_every().max(Duration::from_millis(500))
    }

    /// How long it may take from sending a claim to having the summary's file on the disk.
    pub fn spool_deadline(&self) -> Duration {
        (self.period / 12).max(Duration::from_secs(1))
    }

    /// How long after a period's end its rows are folded: all members have spoken by then.
    pub fn fold_delay(&self) -> Duration {
        self.visit_spread() + self.period / 12
    }

    /// When in a period a member speaks of the last one: at its place in this much of it.
    pub fn visit_spread(&self) -> Duration {
        self.period / 2
    }

    /// How long a visit may take, with its connection and all of its statements.
    pub fn visit_deadline(&self) -> Duration {
        (self.period / 12).max(Duration::from_secs(1))
    }

    /// A claim older than this means that nobody leads; `place` in 0..1 spreads who notices first.
    pub fn stale_claim(&self, place: f64) -> Duration {
        self.period * 3 / 2 + (self.period / 6).mul_f64(place.clamp(0.0, 1.0))
    }

    /// How long a period can be claimed after its end; the claim's statement holds it too.
    pub fn claim_window(&self) -> Duration {
        self.period
    }

    /// How far a member's clock may be from the database's for it to lead.
    ///
    /// A period claimed at the database's time t began before t − 19 P/12. To open it to another
    /// claim, the database's clock would have to go back by more than that between two claims, of
    /// which each agrees with a member's clock to within half a period.
    pub fn clock_tolerance(&self) -> Duration {
        self.period / 2
    }

    /// How long a leader without fruit abstains.
    pub fn abstention(&self) -> Duration {
        self.period * ABSTAINED_PERIODS
    }

    /// A member that wasn't seen for longer than this is missing, unless it is configured.
    pub fn missing_after(&self) -> Duration {
        self.period * 5 / 2
    }

    /// How long there may be no leader once nothing stands in the way: a claim made just before is
    /// stale for whoever notices last, who visits once a period.
    pub fn leader_again(&self) -> Duration {
        self.stale_claim(1.0) + self.period + self.visit_deadline()
    }

    /// The same to the next period claimed.
    pub fn claim_again(&self) -> Duration {
        self.leader_again() + self.period
    }
}

/// Periods in a row without a delivered summary after which a leader gives up.
pub const FRUITLESS_PERIODS: u32 = 2;
const ABSTAINED_PERIODS: u32 = 10;
/// A heartbeat's deadline of half a second and a `wait_timeout` of two leave room for no less.
const SHORTEST_PERIOD: Duration = Duration::from_secs(2);
const LONGEST_PERIOD: Duration = Duration::from_secs(86_400);
/// When a missing member is forgotten, unless it is configured.
pub const FORGET_AFTER: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(seconds: u64) -> Timing {
        Timing::new(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn a_minute_has_the_times_that_were_measured() {
        let minute = of(60);
        let seconds = |duration: Duration| duration.as_secs_f64();
        assert_eq!(seconds(minute.heartbeat_every()), 5.0);
        assert_eq!(seconds(minute.statement_deadline()), 3.0);
        assert_eq!(seconds(minute.wait_timeout()), 20.0);
        assert_eq!(seconds(minute.lease()), 15.0);
        assert_eq!(seconds(minute.spool_deadline()), 5.0);
        assert_eq!(seconds(minute.fold_delay()), 35.0);
        assert_eq!(seconds(minute.stale_claim(0.0)), 90.0);
        assert_eq!(seconds(minute.stale_claim(1.0)), 100.0);
        assert_eq!(seconds(minute.missing_after()), 150.0);
        assert_eq!(seconds(minute.abstention()), 600.0);
        assert_eq!(seconds(minute.leader_again()), 165.0);
        assert_eq!(of(6).wait_timeout(), Duration::from_secs(2));
        assert_eq!(of(20).wait_timeout(), Duration::from_secs(6));
        assert_eq!(of(2).lease(), Duration::from_millis(1_500));
    }

    #[test]
    fn a_period_is_whole_seconds_and_at_least_two() {
        for millis in [0, 1_000, 1_999, 2_500, 86_401_000] {
            let period = Duration::from_millis(millis);
            assert_eq!(Timing::new(period), Err(BadPeriod(period)));
        }
        let said = BadPeriod(Duration::from_millis(2_500)).to_string();
        assert_eq!(
            said,
            "a cluster's period must be a whole number of seconds, at least 2 s, not 2.5s"
        );
    }

    proptest! {
        #[test]
        fn relations_hold_for_every_period(seconds in 2u64..=86_400, place in 0.0..1.0f64) {
            let timing = of(seconds);
            // A leader stops believing before the server may give the lock to another.
            prop_assert!(timing.lease() < timing.wait_timeout());
            // One heartbeat may fail to be sent, and the next still renew the lease in time.
            prop_assert!(timing.heartbeat_every() + timing.statement_deadline() <= timing.lease());
            prop_assert_eq!(timing.wait_timeout().subsec_nanos(), 0);
            // All of a summary's time lies within the window of its claim.
            prop_assert!(timing.fold_delay() < timing.claim_window());
            // A ghost's lock is gone before anybody looks for it after a claim.
            prop_assert!(timing.wait_timeout() < timing.stale_claim(place));
            // A leader that claims every period is never taken for gone.
            prop_assert!(timing.stale_claim(place) >= timing.period() * 3 / 2);
            // A period once claimed can't open again; see `clock_tolerance`.
            prop_assert!(timing.clock_tolerance() * 2 < timing.period() + timing.fold_delay());
            // A member that misses one visit isn't missing when the next period is folded.
            prop_assert!(timing.missing_after() > timing.period() + timing.fold_delay());
        }
    }
}
