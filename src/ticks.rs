//! The instants of sampling: a grid laid through the first tick on the wall clock, so that each
//! period holds the same number of them and none falls on a period's edge.
//!
//! A tick stands for the time between the instants at which it and the one before it were due, so
//! that one that comes late takes nothing from the next.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::units::Tenths;
use std::time::Duration;

#[derive(Debug)]
pub struct Ticks {
    /// A point of the grid.
    anchor: Timestamp,
    /// The point of the grid that is aimed at.
    target: Timestamp,
    next: Boottime,
    /// The longest interval in force since the last tick.
    interval: Tenths,
    last: Option<Last>,
}

/// The last tick.
#[derive(Debug)]
struct Last {
    target: Timestamp,
    /// The latest instant, not after the tick, at which one was due.
    due: Boottime,
    taken: Moment,
}

impl Ticks {
    pub fn new(now: Moment, interval: Tenths) -> Ticks {
        let anchor = Timestamp(now.wall.0.div_euclid(TENTH) * TENTH + TENTH / 2);
        let anchor = if anchor < now.wall { anchor.plus(Tenths::LENGTH) } else { anchor };
        Ticks { anchor, target: anchor, next: at(anchor, now), interval, last: None }
    }

    /// When the next tick is due.
    pub fn next(&self) -> Boottime {
        self.next
    }

    /// Takes the tick that is due, and says what it stands for: the time since the last one, at
    /// most an interval. What lies further back was missed and must show as missing.
    pub fn take(&mut self, now: Moment) -> Tenths {
        let covered = self.last.as_ref().map_or(self.interval, |last| {
            let passed = self.next.since(last.due) + Tenths::LENGTH / 2;
            let tenths = u32::try_from(passed.as_millis() / 100).unwrap_or(u32::MAX);
            Tenths(tenths.clamp(1, self.interval.0))
        });
        let interval = self.interval.duration();
        let missed = now.boot.since(self.next).as_micros() / interval.as_micros().max(1);
        let missed = interval.saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX));
        let due = self.next.plus(missed);
        self.last = Some(Last { target: self.target, due, taken: now });
        covered
    }

    /// Aims at the next point of the grid, `interval` being in force from now on.
    pub fn aim(&mut self, now: Moment, interval: Tenths) {
        let just_taken = self.last.as_ref().is_some_and(|last| last.taken == now);
        self.interval = if just_taken { interval } else { self.interval.max(interval) };
        let interval = millis(interval.duration());
        // Where the wall clock is being slowed, a tick comes a little before its point, which must
        // not be aimed at twice.
        let early =
            |target: &Timestamp| (0..=interval / 4).contains(&target.millis_since(now.wall));
        let passed = self.last.as_ref().map(|last| last.target).filter(early).unwrap_or(now.wall);
        let wait = interval - passed.millis_since(self.anchor).rem_euclid(interval);
        self.target = Timestamp(passed.0.saturating_add(wait));
        let next = at(self.target, now);
        // The wall clock is read in whole milliseconds. Where no more than that lies between it and
        // a steady beat, the beat is kept: a timer that is set needs no setting again.
        let steady = self.next.plus(Duration::from_millis(u64::try_from(interval).unwrap_or(0)));
        self.next = if steady.0.abs_diff(next.0) <= STEADY_MICROS { steady } else { next };
    }

    /// Whether the wall clock moved by more than a second against the one that never steps since
    /// the last tick.
    pub fn notice_step(&mut self, now: Moment) -> bool {
        let Some(last) = &mut self.last else { return false };
        let passed = millis(now.boot.since(last.taken.boot));
        let step = now.wall.millis_since(last.taken.wall).saturating_sub(passed);
        let stepped = step.abs() > STEP;
        if stepped {
            last.taken.wall = Timestamp(last.taken.wall.0.saturating_add(step));
        }
        stepped
    }
}

/// When the wall clock will show `target`, as far as `now` tells.
fn at(target: Timestamp, now: Moment) -> Boottime {
    now.boot.plus(Duration::from_millis(u64::try_from(target.millis_since(now.wall)).unwrap_or(0)))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A tenth of a second, in milliseconds.
const TENTH: i64 = 100;
/// A larger jump of the wall clock is a step; a smaller one is how it is kept right.
const STEP: i64 = 1_000;
/// A beat this close to the grid is on it.
const STEADY_MICROS: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A wall clock that runs so many parts in a million too fast, beside the true one.
    struct Host {
        start: i64,
        slew: i64,
        /// Microseconds since the start.
        passed: u64,
        step: i64,
    }

    impl Host {
        fn new(start: i64, slew: i64) -> Host {
            Host { start, slew, passed: 0, step: 0 }
        }

        fn now(&self) -> Moment {
            let passed = i64::try_from(self.passed).unwrap();
            let wall = passed
                + passed / 1_000_000 * self.slew
                + passed % 1_000_000 * self.slew / 1_000_000;
            let wall = Timestamp(self.start + self.step + wall.div_euclid(1_000));
            Moment { wall, boot: Boottime(BOOT + self.passed) }
        }

        fn wait(&mut self, until: Boottime, late: u64) {
            self.passed = self.passed.max(until.0 - BOOT) + late;
        }
    }

    const BOOT: u64 = 77_000_000;
    const START: i64 = 1_795_443_600_000;

    /// Ticks for `seconds`, each late by the next of `late` microseconds; the interval in force
    /// after each tick is `interval`'s. Each tick's wall clock and what it covers.
    fn run(
        host: &mut Host,
        ticks: &mut Ticks,
        seconds: u64,
        late: &[u64],
        mut interval: impl FnMut(Moment) -> Tenths,
    ) -> Vec<(Timestamp, u32)> {
        let end = host.passed + seconds * 1_000_000;
        let mut late = late.iter().cycle();
        let mut taken = Vec::new();
        while ticks.next().0 - BOOT < end {
            host.wait(ticks.next(), *late.next().unwrap());
            let now = host.now();
            assert!(!ticks.notice_step(now));
            taken.push((now.wall, ticks.take(now).0));
            ticks.aim(now, interval(now));
        }
        taken
    }

    fn coverage(taken: &[(Timestamp, u32)], period: Duration) -> BTreeMap<Timestamp, (u32, u32)> {
        let mut periods = BTreeMap::new();
        for (wall, covered) in taken {
            let (ticks, tenths) = periods.entry(wall.floor(period)).or_insert((0, 0));
            *ticks += 1;
            *tenths += covered;
        }
        periods
    }

    fn total(taken: &[(Timestamp, u32)]) -> u32 {
        taken.iter().map(|(_, covered)| covered).sum()
    }

    proptest! {
        /// Intervals that divide the period, ticks up to 5 ms late, clocks slewed as NTP does.
        #[test]
        fn each_full_period_has_all_its_ticks(
            start in 0i64..600_000,
            (interval, period) in prop::sample::select(vec![
                (1u32, 1u64), (1, 10), (2, 10), (5, 60), (10, 10), (10, 60), (20, 60), (50, 60), (300, 60), (600, 60),
            ]),
            late in prop::collection::vec(0u64..5_000, 1..50),
            slew in -500i64..=500,
        ) {
            let mut host = Host::new(START + start, slew);
            let mut ticks = Ticks::new(host.now(), Tenths(interval));
            let taken = run(&mut host, &mut ticks, period * 4, &late, |_| Tenths(interval));
            let tenths = u32::try_from(period * 10).unwrap();
            let periods = coverage(&taken, Duration::from_secs(period));
            let full: Vec<_> = periods.values().skip(1).take(2).copied().collect();
            prop_assert_eq!(&full, &[(tenths / interval, tenths); 2]);
        }

        /// However late ticks are: as long as none is missed, what they cover adds up.
        #[test]
        fn late_ticks_take_nothing_from_the_next(
            start in 0i64..100_000,
            interval in 1u32..100,
            late in prop::collection::vec(0u64..95, 1..50),
        ) {
            let late: Vec<u64> = late.iter().map(|part| u64::from(interval) * 1_000 * part).collect();
            let mut host = Host::new(START + start, 0);
            let mut ticks = Ticks::new(host.now(), Tenths(interval));
            let taken = run(&mut host, &mut ticks, 60, &late, |_| Tenths(interval));
            prop_assert!(taken.iter().all(|(_, covered)| *covered == interval));
            prop_assert!(taken.len() as u32 >= 600 / interval);
        }

        /// Changes of the interval, under pressure or by a reload, add up too.
        #[test]
        fn changing_intervals_add_up(
            start in 0i64..100_000,
            fast in prop::collection::vec(any::<bool>(), 1..30),
            slow in prop::sample::select(vec![5u32, 10, 20, 50]),
        ) {
            let mut host = Host::new(START + start, 0);
            let mut ticks = Ticks::new(host.now(), Tenths(slow));
            let mut fast = fast.into_iter().cycle();
            let taken = run(&mut host, &mut ticks, 120, &[2_000], |_| {
                if fast.next().unwrap() { Tenths(1) } else { Tenths(slow) }
            });
            let spanned = taken.last().unwrap().0.millis_since(taken[0].0) as f64 / 100.0;
            // The first stands for an interval before it.
            prop_assert_eq!(total(&taken[1..]), spanned.round() as u32);
        }

        /// A reload between two ticks, to any interval, neither loses time nor counts it twice.
        #[test]
        fn a_reload_loses_no_time(
            start in 0i64..10_000,
            before in prop::sample::select(vec![1u32, 10, 600, 3_000]),
            after in prop::sample::select(vec![1u32, 10, 600, 3_000]),
            passed in 0u64..3_000_000,
        ) {
            let mut host = Host::new(START + start, 0);
            let mut ticks = Ticks::new(host.now(), Tenths(before));
            let mut taken = run(&mut host, &mut ticks, 700, &[1_000], |_| Tenths(before));
            let reload = ticks.next().0 - 1 - passed % (u64::from(before) * 100_000 - 2_000);
            host.wait(Boottime(reload), 0);
            ticks.aim(host.now(), Tenths(after));
            taken.extend(run(&mut host, &mut ticks, 700, &[1_000], |_| Tenths(after)));
            let spanned = taken.last().unwrap().0.millis_since(taken[0].0) as f64 / 100.0;
            prop_assert_eq!(total(&taken[1..]), spanned.round() as u32);
        }
    }

    #[test]
    fn missed_ticks_show_as_missing() {
        let mut host = Host::new(START, 0);
        let mut ticks = Ticks::new(host.now(), Tenths(10));
        let taken = run(&mut host, &mut ticks, 20, &[0, 0, 3_300_000, 0], |_| Tenths(10));
        // One in four comes 3.3 s late, so that three are missed.
        let walls: Vec<_> = taken.iter().map(|(wall, _)| wall.millis_since(taken[0].0)).collect();
        assert_eq!(walls[..6], [0, 1_000, 5_300, 6_000, 7_000, 8_000]);
        assert!(taken.iter().all(|(_, covered)| *covered == 10));
    }

    #[test]
    fn a_clock_that_is_slowed_hard_still_ticks_once_a_point() {
        // chrony's fastest: a twelfth.
        for slew in [-83_333, 83_333] {
            let mut host = Host::new(START, slew);
            let mut ticks = Ticks::new(host.now(), Tenths(10));
            let taken = run(&mut host, &mut ticks, 60, &[500], |_| Tenths(10));
            // Covered time is true time, to the tenth.
            assert!(taken.iter().all(|(_, covered)| (9..=10).contains(covered)), "{slew}");
            let points = taken.iter().map(|(wall, _)| (wall.0 - START + 200).div_euclid(1_000));
            let expected = 0..i64::try_from(taken.len()).unwrap();
            assert_eq!(points.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{slew}");
        }
    }

    #[test]
    fn a_step_is_noticed_once_and_the_grid_follows_the_wall_clock() {
        for step in [7_200_000, -7_200_000, 3_333, -1_234] {
            let mut host = Host::new(START, 0);
            let mut ticks = Ticks::new(host.now(), Tenths(10));
            run(&mut host, &mut ticks, 5, &[1_000], |_| Tenths(10));
            host.wait(ticks.next(), 0);
            host.step = step;
            assert!(ticks.notice_step(host.now()), "{step}");
            assert!(!ticks.notice_step(host.now()), "{step}");
            let taken = run(&mut host, &mut ticks, 20, &[1_000], |_| Tenths(10));
            let phase = |place: usize| taken[place].0.0.rem_euclid(1_000);
            assert!(taken.iter().all(|(_, covered)| *covered <= 10));
            assert_eq!((phase(5), phase(10)), (51, 51), "{step}");
            assert!((190..=210).contains(&total(&taken)), "{step}");
        }
        let mut host = Host::new(START, 0);
        let mut ticks = Ticks::new(host.now(), Tenths(10));
        run(&mut host, &mut ticks, 5, &[1_000], |_| Tenths(10));
        host.step = 900;
        assert!(!ticks.notice_step(host.now()), "a clock that is kept right isn't stepped");
    }
}
