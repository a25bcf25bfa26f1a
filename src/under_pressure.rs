//! Whether the host is under memory pressure: the time to look closer and to speak at once.
//!
//! A host that has lived at its limit for a while without getting worse is calm again until it
//! worsens: a database that keeps 90 % of its memory busy is not an emergency.

use crate::clock::Boottime;
use crate::metric::available_share;
use crate::sample::Sample;
use std::time::Duration;

/// Levels at which pressure begins; 0 available or 1 stalled never does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Available memory as a share of the usable, 0..1.
    pub available_below: f64,
    /// The share of the last ten seconds in which some task was stalled, 0..1.
    pub stall_above: f64,
}

/// Follows the samples and says when pressure begins and ends.
#[derive(Debug)]
pub struct UnderPressure {
    levels: Levels,
    /// How long after an OOM kill the host counts as under pressure: one whole period.
    after_kill: Duration,
    stalls: Stalls,
    kills: Option<u64>,
    last_kill: Option<Boottime>,
    state: State,
}

/// What a sample changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Began(Reason),
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    LittleAvailable,
    Stalled,
    OomKill,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Calm,
    Under {
        worst: Worst,
        worsened: Boottime,
    },
    /// Pressed for long without getting worse.
    Settled {
        worst: Worst,
    },
}

/// The worst seen since pressure began.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Worst {
    available: f64,
    stall: f64,
}

impl UnderPressure {
    pub fn new(levels: Levels, period: Duration) -> UnderPressure {
        UnderPressure {
            levels,
            after_kill: period,
            stalls: Stalls::default(),
            kills: None,
            last_kill: None,
            state: State::Calm,
        }
    }

    pub fn is_under(&self) -> bool {
        matches!(self.state, State::Under { .. })
    }

    pub fn last_kill(&self) -> Option<Boottime> {
        self.last_kill
    }

    /// Takes the next sample's figures; what the kernel doesn't give speaks for neither side.
    pub fn observe(&mut self, sample: &Sample) -> Option<Change> {
        let now = sample.taken.boot;
        let seen = Worst {
            available: sample.meminfo.as_ref().and_then(available_share).unwrap_or(1.0),
            stall: self.stalls.observe(now, sample.pressure.map(|pressure| pressure.some)),
        };
        let killed = self.count_kills(sample);
        if killed {
            self.last_kill = Some(now);
        }
        let before = self.is_under();
        let reason = self.reason(seen, killed);
        self.state = self.next(seen, reason.is_some(), killed, now);
        match (before, self.is_under()) {
            (false, true) => Some(Change::Began(reason.unwrap_or(Reason::LittleAvailable))),
            (true, false) => Some(Change::Ended),
            _ => None,
        }
    }

    /// Takes over new levels, as a reload brings them, keeping what was seen.
    pub fn adjust(&mut self, levels: Levels, period: Duration) {
        self.levels = levels;
        self.after_kill = period;
    }

    fn next(&self, seen: Worst, pressed: bool, killed: bool, now: Boottime) -> State {
        let recent_kill = self.last_kill.is_some_and(|kill| now.since(kill) < self.after_kill);
        let over = self.has_recovered(seen) && !recent_kill;
        match self.state {
            State::Calm if pressed => State::Under { worst: seen, worsened: now },
            State::Calm => State::Calm,
            State::Under { .. } | State::Settled { .. } if over => State::Calm,
            State::Under { worst, .. } | State::Settled { worst }
                if killed || worst.is_worse(seen) =>
            {
                State::Under { worst: worst.with(seen), worsened: now }
            }
            State::Under { worst, worsened }
                if now.since(worsened) >= SETTLES_AFTER && !recent_kill =>
            {
                State::Settled { worst }
            }
            same => same,
        }
    }

    fn reason(&self, seen: Worst, killed: bool) -> Option<Reason> {
        if killed {
            Some(Reason::OomKill)
        } else if seen.available < self.levels.available_below {
            Some(Reason::LittleAvailable)
        } else if self.levels.stall_above > 0.0 && seen.stall > self.levels.stall_above {
            Some(Reason::Stalled)
        } else {
            None
        }
    }

    /// Pressure ends well beyond the level at which it began, so that it doesn't flutter.
    fn has_recovered(&self, seen: Worst) -> bool {
        let stall_off = self.levels.stall_above == 0.0;
        seen.available >= self.levels.available_below * HYSTERESIS
            && (stall_off || seen.stall <= self.levels.stall_above / HYSTERESIS)
    }

    fn count_kills(&mut self, sample: &Sample) -> bool {
        let Some(kills) = sample.vmstat.and_then(|vmstat| vmstat.oom_kill) else { return false };
        self.kills.replace(kills).is_some_and(|before| kills > before)
    }
}

impl Worst {
    /// Beyond what is noise around the worst so far.
    fn is_worse(self, seen: Worst) -> bool {
        seen.available < self.available - WORSE_AVAILABLE || seen.stall > self.stall + WORSE_STALL
    }

    fn with(self, seen: Worst) -> Worst {
        Worst { available: self.available.min(seen.available), stall: self.stall.max(seen.stall) }
    }
}

/// The stall totals of the last ten seconds, one a second.
#[derive(Debug, Default)]
struct Stalls {
    ring: [Option<(Boottime, u64)>; 11],
    newest: usize,
}

impl Stalls {
    /// The share of the last ten seconds that was stalled; 0 until it is known.
    fn observe(&mut self, now: Boottime, total: Option<u64>) -> f64 {
        let Some(total) = total else { return 0.0 };
        let fresh = self.ring[self.newest].is_none_or(|(at, _)| now.since(at) >= STALL_STEP);
        if fresh {
            self.newest = (self.newest + 1) % self.ring.len();
            self.ring[self.newest] = Some((now, total));
        }
        let within = |at: &Boottime| now.since(*at) <= STALL_SPAN;
        let oldest =
            self.ring.iter().flatten().filter(|(at, _)| within(at)).min_by_key(|(at, _)| *at);
        let Some(&(at, before)) = oldest else { return 0.0 };
        // Over the span even where less of it was seen: a short history must not exaggerate.
        let stalled = total.saturating_sub(before) as f64 / 1e6;
        (stalled / now.since(at).max(STALL_SPAN).as_secs_f64()).clamp(0.0, 1.0)
    }
}

const HYSTERESIS: f64 = 1.2;
const SETTLES_AFTER: Duration = Duration::from_secs(600);
const WORSE_AVAILABLE: f64 = 0.005;
const WORSE_STALL: f64 = 0.01;
const STALL_SPAN: Duration = Duration::from_secs(10);
/// Just under a second, so that a tick that comes a little early still counts.
const STALL_STEP: Duration = Duration::from_millis(950);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Moment, Timestamp};
    use crate::source::meminfo::MemInfo;
    use crate::source::pressure::Pressure;
    use crate::source::vmstat::VmStat;
    use crate::units::Bytes;

    struct Host {
        watch: UnderPressure,
        second: u64,
        stalled: u64,
    }

    impl Host {
        fn new() -> Host {
            let levels = Levels { available_below: 0.15, stall_above: 0.05 };
            Host {
                watch: UnderPressure::new(levels, Duration::from_secs(60)),
                second: 100,
                stalled: 0,
            }
        }

        /// One second later, with so much available in percent, so many milliseconds stalled.
        fn second(&mut self, available: f64, stalled: u64, kills: u64) -> Option<Change> {
            self.second += 1;
            self.stalled += stalled * 1_000;
            let boot = Boottime(self.second * 1_000_000);
            let mut sample = Sample::new(Moment { wall: Timestamp(0), boot }, 0);
            let available = Some(Bytes((available * 1e6) as u64));
            sample.meminfo =
                Some(MemInfo { total: Bytes(100_000_000), available, ..MemInfo::default() });
            sample.pressure = Some(Pressure { some: self.stalled, full: None });
            sample.vmstat = Some(VmStat { oom_kill: Some(kills), ..VmStat::default() });
            self.watch.observe(&sample)
        }

        fn seconds(&mut self, count: u32, available: f64) -> Vec<Change> {
            (0..count).filter_map(|_| self.second(available, 0, 0)).collect()
        }
    }

    #[test]
    fn little_memory_begins_it_and_a_fifth_more_ends_it() {
        let mut host = Host::new();
        assert_eq!(host.second(15.0, 0, 0), None);
        assert_eq!(host.second(14.9, 0, 0), Some(Change::Began(Reason::LittleAvailable)));
        assert_eq!(host.second(17.9, 0, 0), None);
        assert_eq!(host.second(18.1, 0, 0), Some(Change::Ended));
    }

    #[test]
    fn a_stall_is_taken_over_ten_seconds() {
        let mut host = Host::new();
        host.seconds(20, 50.0);
        assert_eq!(host.second(50.0, 400, 0), None, "4 % of ten seconds");
        assert_eq!(host.second(50.0, 200, 0), Some(Change::Began(Reason::Stalled)));
        assert_eq!(host.seconds(12, 50.0), [Change::Ended]);
    }

    #[test]
    fn an_oom_kill_counts_for_a_whole_period() {
        let mut host = Host::new();
        host.second(50.0, 0, 3);
        assert_eq!(host.second(50.0, 0, 4), Some(Change::Began(Reason::OomKill)));
        for _ in 0..59 {
            assert_eq!(host.second(50.0, 0, 4), None);
        }
        assert_eq!(host.second(50.0, 0, 4), Some(Change::Ended));
    }

    #[test]
    fn a_full_host_settles_until_it_worsens() {
        let mut host = Host::new();
        assert_eq!(host.seconds(1, 10.0), [Change::Began(Reason::LittleAvailable)]);
        assert_eq!(host.seconds(600, 10.2), [Change::Ended]);
        assert_eq!(host.seconds(3_600, 9.8), []);
        assert_eq!(host.seconds(1, 9.0), [Change::Began(Reason::LittleAvailable)]);
        assert_eq!(host.seconds(1, 30.0), [Change::Ended]);
        assert_eq!(host.seconds(1, 10.0), [Change::Began(Reason::LittleAvailable)]);
    }

    #[test]
    fn what_is_not_known_is_no_pressure() {
        let mut host = Host::new();
        let sample = Sample::new(Moment { wall: Timestamp(0), boot: Boottime(0) }, 0);
        assert_eq!(host.watch.observe(&sample), None);
    }
}
