//! What was seen last, for whoever asks: noted without an allocation, and without anyone being woken.

use crate::average::Average;
use crate::clock::{Boottime, Moment};
use crate::metric;
use crate::sampler::Sampler;
use std::cell::Cell;
use std::rc::Rc;
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seen {
    pub sampled: Option<Moment>,
    /// MemoryUsedPercent then.
    pub used_percent: Option<f64>,
    pub pressure_since: Option<Boottime>,
    /// Whether the flight recorder has a file.
    pub recorder_keeps: bool,
    /// The oldest sample in it.
    pub recorded_since: Option<Moment>,
}

impl<C> Sampler<C> {
    /// Where it is noted.
    pub fn seen(&self) -> Rc<Cell<Seen>> {
        self.seen.clone()
    }

    /// Has each period's averages sent to `averages` when it ends.
    pub fn tell(&mut self, averages: watch::Sender<Option<Average>>) {
        self.averages = Some(averages);
    }

    pub(super) fn tell_averages(&mut self) {
        let Some(average) = self.periods.take_ended() else { return };
        // What is sampled in this wake-up is of the next period already.
        let under_pressure = std::mem::replace(&mut self.pressed, self.watch.is_under());
        if let Some(averages) = &self.averages {
            averages.send_replace(Some(Average { under_pressure, ..average }));
        }
    }

    pub(super) fn note(&self, now: Moment) {
        let before = self.seen.get();
        // Looking for it costs as much as recording a sample: now and then is enough.
        let kept = before.recorded_since.filter(|_| !self.sample.sequence.is_multiple_of(64));
        self.seen.set(Seen {
            sampled: Some(now),
            used_percent: self.sample.meminfo.as_ref().and_then(metric::memory_used_percent),
            pressure_since: self
                .watch
                .is_under()
                .then(|| before.pressure_since.unwrap_or(now.boot)),
            recorder_keeps: self.recorder.keeps(),
            recorded_since: kept.or_else(|| self.recorder.oldest()),
        });
    }
}
