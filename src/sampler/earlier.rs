//! What an earlier run sampled and didn't bring to safety.

use crate::clock::Moment;
use crate::health::Cause;
use crate::recorder::recording::Recording;
use crate::recorder::replay::{past, unreadable};
use crate::sampler::{Message, Sampler};

impl<C> Sampler<C> {
    /// Folds what an earlier run sampled and didn't bring to safety.
    pub(super) fn take_up(
        &mut self,
        inherited: &[Recording],
        taken: u64,
        boot_id: &str,
        now: Moment,
    ) {
        let marks = inherited.iter().map(Recording::taken_through);
        let taken = marks.fold(taken, u64::max);
        let newest = inherited.iter().filter_map(|recording| recording.contents().newest()).max();
        let gaps = unreadable(inherited, taken);
        let unreadable: u64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
        if unreadable > 0 {
            let samples = usize::try_from(unreadable).unwrap_or(usize::MAX);
            self.send(Message::Lost(Cause::Recorder, samples));
        }
        let parts = self.periods.take_up(past(inherited), taken, boot_id, now);
        let again = newest.unwrap_or(0).saturating_sub(taken);
        if again > 0 {
            tracing::info!(samples = again, "samples of an earlier run are folded in");
        }
        let of_boot = inherited.iter().rfind(|recording| recording.heading().boot_id == boot_id);
        if let Some(last) = of_boot.and_then(|recording| recording.samples().last()) {
            tell_step(last.taken, now);
        }
        for part in parts {
            self.send(Message::Part(part));
        }
    }
}

/// The wall clock against the one that never steps, since the last sample of an earlier run.
fn tell_step(last: Moment, now: Moment) {
    let passed = i64::try_from(now.boot.since(last.boot).as_millis()).unwrap_or(i64::MAX);
    let step = now.wall.millis_since(last.wall).saturating_sub(passed);
    if now.boot >= last.boot && step.abs() > STEP_MILLIS {
        tracing::warn!(
            seconds = step / 1_000,
            "the wall clock was stepped while the agent was away"
        );
    }
}

/// Less is how a clock is kept right.
const STEP_MILLIS: i64 = 1_000;
