//! The only place that asks what time it is, and the only one that sleeps.
//!
//! Everything else takes `now` as an argument. A simulated clock runs faster than the real one and
//! its wall clock can be stepped, so that tests put minutes into seconds and sleep for nothing.

use std::cell::Cell;
use std::fmt;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
#[cfg(target_os = "linux")]
use tokio::io::unix::AsyncFd;

/// A wall-clock instant in milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// An instant of the clock that never steps and counts suspended time (Linux: CLOCK_BOOTTIME), in
/// microseconds since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boottime(pub u64);

/// Both clocks read at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub wall: Timestamp,
    pub boot: Boottime,
}

#[derive(Debug, Clone, Default)]
pub enum Clock {
    #[default]
    System,
    Simulated(Rc<Simulated>),
}

/// Wakes its owner at set times, again and again.
///
/// On Linux a timer file descriptor of its own: the runtime's timers wake a sleeper of a second
/// twice, once to look at the deadline more closely, and they stand still while the host is
/// suspended. Deadlines that follow each other at the same distance need no new setting.
#[derive(Debug)]
pub struct Alarm {
    clock: Clock,
    #[cfg(target_os = "linux")]
    timer: Option<Timer>,
}

#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Timer {
    descriptor: AsyncFd<OwnedFd>,
    /// When it expires next, and then again and again at this distance; zero: only once.
    set: Option<(Boottime, Duration)>,
}

/// Time that starts at a given wall-clock instant and runs `speed` times as fast as real time.
#[derive(Debug)]
pub struct Simulated {
    start: Moment,
    started: Boottime,
    speed: u32,
    step: Cell<i64>,
}

impl Timestamp {
    /// The start of the `period` that holds this instant; periods are aligned to the epoch.
    pub fn floor(self, period: Duration) -> Timestamp {
        let period = millis(period);
        Timestamp(self.0.div_euclid(period) * period)
    }

    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// `self - earlier` in milliseconds, negative where `earlier` is later.
    pub fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    pub fn plus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(millis(duration)))
    }

    pub fn system_time(self) -> SystemTime {
        let distance = Duration::from_millis(self.0.unsigned_abs());
        let time = if self.0 < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        time.unwrap_or(UNIX_EPOCH)
    }

    pub fn from_system_time(time: SystemTime) -> Timestamp {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp(millis(since)),
            Err(before) => Timestamp(-millis(before.duration())),
        }
    }
}

/// RFC 3339, whole seconds, UTC: the API's own way to write a timestamp.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = Timestamp(self.seconds().saturating_mul(1_000)).system_time();
        humantime::format_rfc3339_seconds(whole).fmt(formatter)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}ms", self.0)
    }
}

impl Boottime {
    pub fn since(self, earlier: Boottime) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    pub fn plus(self, duration: Duration) -> Boottime {
        Boottime(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Clock {
    /// A clock for tests: starts at `start` now and runs `speed` times as fast.
    pub fn simulated(start: Timestamp, speed: u32) -> Clock {
        let started = system_boottime();
        let start = Moment { wall: start, boot: started };
        Clock::Simulated(Rc::new(Simulated { start, started, speed, step: Cell::new(0) }))
    }

    pub fn now(&self) -> Moment {
        match self {
            Clock::System => Moment { wall: system_wall(), boot: system_boottime() },
            Clock::Simulated(simulated) => simulated.now(),
        }
    }

    pub fn alarm(&self) -> Alarm {
        Alarm {
            clock: self.clone(),
            #[cfg(target_os = "linux")]
            timer: match self {
                Clock::System => timer().ok(),
                Clock::Simulated(_) => None,
            },
        }
    }

    pub async fn sleep(&self, duration: Duration) {
        let speed = match self {
            Clock::System => 1,
            Clock::Simulated(simulated) => simulated.speed,
        };
        sleep(duration / speed).await;
    }
}

impl Alarm {
    /// Resolves at `deadline`, at once where it has passed; a later call takes its place.
    pub async fn until(&mut self, deadline: Boottime) {
        self.until_and_again(deadline, Duration::ZERO).await;
    }

    /// The same, where the next deadline is likely to be `again` after this one.
    pub async fn until_and_again(&mut self, deadline: Boottime, again: Duration) {
        #[cfg(target_os = "linux")]
        if let Some(timer) = &mut self.timer
            && timer.expire(deadline, again).await.is_ok()
        {
            return;
        }
        self.clock.sleep(deadline.since(self.clock.now().boot)).await;
    }
}

impl Simulated {
    /// Moves the wall clock by `millis` against the clock that never steps.
    pub fn step(&self, millis: i64) {
        self.step.set(self.step.get() + millis);
    }

    fn now(&self) -> Moment {
        let passed = system_boottime().since(self.started) * self.speed;
        Moment {
            wall: Timestamp(self.start.wall.plus(passed).0 + self.step.get()),
            boot: self.start.boot.plus(passed),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
fn system_wall() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that sleeps")]
async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the runtime takes a descriptor on no other terms")]
fn timer() -> std::io::Result<Timer> {
    use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
    // SAFETY: an OwnedFd names one descriptor and keeps it open for as long as it lives, and
    // nothing takes it out of the AsyncFd.
    let descriptor =
        unsafe { AsyncFd::register_with_interest(timer, tokio::io::Interest::READABLE) }?;
    Ok(Timer { descriptor, set: None })
}

#[cfg(target_os = "linux")]
impl Timer {
    /// Waits for one expiry at `deadline`; timerfd_create(2).
    async fn expire(&mut self, deadline: Boottime, again: Duration) -> std::io::Result<()> {
        // Zero would disarm it.
        let deadline = Boottime(deadline.0.max(1));
        if self.set.is_none_or(|(next, _)| next != deadline) {
            self.set(deadline, again)?;
        }
        loop {
            let mut ready = self.descriptor.readable().await?;
            let mut expiries = [0; 8];
            // An expiry of an earlier deadline that was never read wakes once for nothing.
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut expiries)?));
            if let Ok(read) = read {
                // There is nothing more to read until it expires again.
                ready.clear_ready();
                self.set = self.set.filter(|(_, again)| !again.is_zero()).map(|(next, again)| {
                    let passed = u32::try_from(u64::from_ne_bytes(expiries)).unwrap_or(u32::MAX);
                    (next.plus(again.saturating_mul(passed)), again)
                });
                return read.map(drop);
            }
        }
    }

    fn set(&mut self, deadline: Boottime, again: Duration) -> std::io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, timerfd_settime};
        let when = Itimerspec {
            it_interval: timespec(again),
            it_value: timespec(Duration::from_micros(deadline.0)),
        };
        self.set = None;
        timerfd_settime(self.descriptor.get_ref(), TimerfdTimerFlags::ABSTIME, &when)?;
        self.set = Some((deadline, again));
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn timespec(duration: Duration) -> rustix::time::Timespec {
    rustix::time::Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

#[cfg(target_os = "linux")]
fn system_boottime() -> Boottime {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Boottime(seconds * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000)
}

/// Elsewhere the monotonic clock stands in: it may stop while the machine is suspended.
#[cfg(not(target_os = "linux"))]
fn system_boottime() -> Boottime {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Boottime(seconds * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_aligned_to_the_epoch() {
        let minute = Duration::from_secs(60);
        assert_eq!(Timestamp(119_999).floor(minute), Timestamp(60_000));
        assert_eq!(Timestamp(120_000).floor(minute), Timestamp(120_000));
        assert_eq!(Timestamp(-1).floor(minute), Timestamp(-60_000));
    }

    #[test]
    fn timestamps_print_as_the_api_writes_them() {
        assert_eq!(Timestamp(1_795_443_660_999).to_string(), "2026-11-23T14:21:00Z");
    }

    /// The one test of real time: an alarm that was set and set again comes once, in time.
    #[test]
    fn an_alarm_can_be_set_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let clock = Clock::System;
            let mut alarm = clock.alarm();
            let start = clock.now().boot;
            let millis = |count| start.plus(Duration::from_millis(count));
            tokio::select! {
                biased;
                () = alarm.until(millis(3_600_000)) => unreachable!("an hour"),
                () = std::future::ready(()) => {}
            }
            alarm.until(millis(30)).await;
            assert!(clock.now().boot >= millis(30));
            alarm.until(Boottime(0)).await;
            assert!(clock.now().boot < millis(60_000));
            // Set once, it goes on by itself until another deadline is asked for.
            let start = clock.now().boot;
            let millis = |count| start.plus(Duration::from_millis(count));
            for count in [20, 40, 60, 75, 95] {
                alarm.until_and_again(millis(count), Duration::from_millis(20)).await;
                assert!(clock.now().boot >= millis(count), "{count}");
            }
            assert!(clock.now().boot < millis(60_000));
        });
    }

    #[test]
    fn a_simulated_clock_steps_its_wall_clock_only() {
        let clock = Clock::simulated(Timestamp(1_000_000), 1_000);
        let before = clock.now();
        let Clock::Simulated(simulated) = &clock else { unreachable!() };
        simulated.step(-3_600_000);
        let after = clock.now();
        assert!(after.wall < before.wall);
        assert!(after.boot >= before.boot);
    }
}
