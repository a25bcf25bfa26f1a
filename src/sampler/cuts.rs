//! Where periods end, and where parts are cut off before that.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::sampler::{Message, Part, Sampler};
use crate::window::End;
use std::time::Duration;

/// When parts are cut off before their period's end.
#[derive(Debug)]
pub(super) struct Cuts {
    /// The first samples after the start leave then, unless something left before.
    pub(super) first: Option<Boottime>,
    /// The period of the last urgent part: one a period is enough.
    pub(super) urgent: Option<Timestamp>,
}

impl<C> Sampler<C> {
    pub(super) fn close_period(&mut self, now: Moment) {
        let Some(period) = self.window.start() else { return };
        let due = self.settings.schedule.due(period, self.watch.is_under());
        let wait = Duration::from_millis(u64::try_from(due.millis_since(now.wall)).unwrap_or(0));
        let due = now.boot.plus(wait.min(self.settings.schedule.every * 2));
        self.cut(End::Period, due);
    }

    /// A step of the wall clock: what was sampled before it stays where it was.
    pub(super) fn step(&mut self, now: Moment) {
        tracing::warn!(wall = %now.wall, "the wall clock was stepped: the open period is closed as a part");
        let same = !self.window.is_over(now.wall);
        self.cut(if same { End::Part } else { End::Period }, now.boot);
        self.send(Message::ClockStepped);
    }

    pub(super) fn cut(&mut self, end: End, due: Boottime) {
        let Some(period) = self.window.start() else { return };
        let through = self.window.through();
        let figures = self.window.close(end);
        let ends = end == End::Period;
        if figures.is_empty() && !ends {
            return;
        }
        let first = if figures.is_empty() { None } else { self.cuts.first.take() };
        let due = first.map_or(due, |first| due.min(first));
        self.send(Message::Part(Part { period, due, ends, figures, through }));
    }
}
