//! Which parts a period leaves in: at its end, at a first point soon after a start, under pressure,
//! where the wall clock is stepped, at a reload and at a stop.
//!
//! The sampler's mind. It reads nothing and reads no clock: samples and `now` come from outside.

use crate::average::Average;
use crate::clock::{Boottime, Moment, Timestamp};
use crate::delivery::Schedule;
use crate::recorder::replay::{Past, Piece, replay};
use crate::sample::Sample;
use crate::ticks::Ticks;
use crate::units::Tenths;
use crate::window::{End, Figure, Window};
use std::time::Duration;

/// A piece of a period, closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The period's start.
    pub period: Timestamp,
    /// When it is to be sent.
    pub due: Boottime,
    /// The period is over: nothing more of it is to come.
    pub ends: bool,
    pub figures: Vec<Figure>,
    /// The sequence of the last sample in it.
    pub through: u64,
}

pub struct Periods {
    schedule: Schedule,
    window: Window,
    ticks: Ticks,
    /// The first samples after the start leave then, unless something left before.
    first: Option<Boottime>,
    /// The period of the last urgent part: one a period is enough.
    urgent: Option<Timestamp>,
    /// The period that ended last, until it is asked for.
    ended: Option<Average>,
}

impl Periods {
    pub fn new(now: Moment, interval: Tenths, schedule: Schedule, window: Window) -> Periods {
        Periods {
            window,
            ticks: Ticks::new(now, interval),
            first: Some(now.boot.plus(schedule.first_delay())),
            urgent: None,
            ended: None,
            schedule,
        }
    }

    /// Folds what an earlier run sampled and didn't bring to safety; gives the periods that are
    /// over.
    pub fn take_up<'a>(
        &mut self,
        past: impl IntoIterator<Item = Past<'a>>,
        taken_through: u64,
        boot_id: &str,
        now: Moment,
    ) -> Vec<Part> {
        let pieces = replay(past, taken_through, &mut self.window, now.wall, boot_id);
        let part = |Piece { period, figures, through }| Part {
            period,
            due: now.boot,
            ends: true,
            figures,
            through,
        };
        pieces.into_iter().map(part).collect()
    }

    /// When there is something to do next.
    pub fn next_wake(&self, now: Moment) -> Boottime {
        let end = self.window.start().map(|start| {
            let left = start.plus(self.schedule.period).millis_since(now.wall);
            now.boot.plus(millis(left))
        });
        [end, self.first].into_iter().flatten().fold(self.ticks.next(), Boottime::min)
    }

    /// Whether the wall clock was stepped since the last tick. What was sampled before that stays
    /// where it was: it is to be cut off (`stepped`).
    pub fn notice_step(&mut self, now: Moment) -> bool {
        self.ticks.notice_step(now)
    }

    pub fn stepped(&mut self, now: Moment) -> Option<Part> {
        let same = !self.window.is_over(now.wall);
        self.cut(if same { End::Part } else { End::Period }, now.boot)
    }

    /// The period that is over.
    pub fn close_over(&mut self, now: Moment, under_pressure: bool) -> Option<Part> {
        if !self.window.is_over(now.wall) {
            return None;
        }
        let wait = self.wait(now, under_pressure)?;
        let due = now.boot.plus(wait.min(self.schedule.every * 2));
        self.cut(End::Period, due)
    }

    /// What the sample that is due now stands for; `None` where none is.
    pub fn tick(&mut self, now: Moment) -> Option<Tenths> {
        (now.boot >= self.ticks.next()).then(|| self.ticks.take(now))
    }

    pub fn record(&mut self, sample: &Sample) {
        self.window.record(sample);
    }

    /// Aims at the next tick, `interval` being in force from now on.
    pub fn aim(&mut self, now: Moment, interval: Tenths) {
        self.ticks.aim(now, interval);
    }

    /// The first samples after the start, once it is time.
    pub fn first_point(&mut self, now: Moment) -> Option<Part> {
        self.first.take_if(|first| now.boot >= *first)?;
        self.cut(End::Part, now.boot)
    }

    /// What there is when pressure begins; not all hosts of a fleet speak at once.
    pub fn urgent(&mut self, now: Moment) -> Option<Part> {
        let period = self.window.start()?;
        if self.urgent.replace(period) == Some(period) {
            return None;
        }
        self.cut(End::Part, now.boot.plus(self.schedule.urgent_delay()))
    }

    /// What there is before a new configuration is in force, which comes with a new window.
    pub fn reload(
        &mut self,
        now: Moment,
        under_pressure: bool,
        schedule: Schedule,
        window: Window,
    ) -> Option<Part> {
        let part = if self.window.is_over(now.wall) {
            self.close_over(now, under_pressure)
        } else {
            let wait = self.wait(now, under_pressure).unwrap_or_default();
            self.cut(End::Part, now.boot.plus(wait))
        };
        let earlier = std::mem::replace(&mut self.window, window);
        self.window.continue_from(earlier);
        self.schedule = schedule;
        part
    }

    /// What is open at a stop.
    pub fn stop(&mut self, now: Moment) -> Option<Part> {
        self.cut(End::Part, now.boot)
    }

    /// The averages of a period that has ended since they were asked for.
    pub fn take_ended(&mut self) -> Option<Average> {
        self.ended.take()
    }

    /// How long the open period's data waits for its turn.
    fn wait(&self, now: Moment, urgent: bool) -> Option<Duration> {
        let due = self.schedule.due(self.window.start()?, urgent);
        Some(millis(due.millis_since(now.wall)))
    }

    fn cut(&mut self, end: End, due: Boottime) -> Option<Part> {
        let period = self.window.start()?;
        let through = self.window.through();
        if end == End::Period {
            self.ended = self.window.average();
        }
        let figures = self.window.close(end);
        let ends = end == End::Period;
        if figures.is_empty() && !ends {
            return None;
        }
        let first = if figures.is_empty() { None } else { self.first.take() };
        let due = first.map_or(due, |first| due.min(first));
        Some(Part { period, due, ends, figures, through })
    }
}

/// Nothing, where it is negative.
fn millis(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}
