//! After an interruption: the samples that the recorder kept and nobody else are folded again, so
//! that the open period goes on as if nothing had happened.

use crate::clock::{Boottime, Timestamp};
use crate::recorder::recording::Recording;
use crate::sample::Sample;
use crate::window::{End, Figure, Window};
use std::ops::Range;

/// A sample of an earlier run.
#[derive(Debug, Clone, PartialEq)]
pub struct Past<'a> {
    /// The boot it was taken in: counters begin anew with each.
    pub boot_id: &'a str,
    pub sample: Sample,
}

/// A period that is over, as far as it was lost.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    pub period: Timestamp,
    /// May be empty: then there is nothing to send, but `through` is to be noted all the same.
    pub figures: Vec<Figure>,
    /// The sequence of the last sample in it.
    pub through: u64,
}

/// The samples of these recordings in the order of their sequence; one that is in two recordings
/// comes twice.
pub fn past(recordings: &[Recording]) -> impl Iterator<Item = Past<'_>> {
    let samples = recordings.iter().map(|recording| {
        let boot_id = &*recording.heading().boot_id;
        recording.samples().map(move |sample| Past { boot_id, sample }).peekable()
    });
    let mut samples: Vec<_> = samples.collect();
    std::iter::from_fn(move || {
        let ahead = samples.iter_mut().filter_map(|samples| {
            let sequence = samples.peek()?.sample.sequence;
            Some((sequence, samples))
        });
        ahead.min_by_key(|(sequence, _)| *sequence)?.1.next()
    })
}

/// The samples after `taken_through` that these recordings can't give back: damaged ones, and those
/// that were written over while nothing else could keep them. Their sequences, rising.
pub fn unreadable(recordings: &[Recording], taken_through: u64) -> Vec<Range<u64>> {
    let sequences = recordings.iter().flat_map(|recording| recording.contents().sequences());
    let mut sequences: Vec<u64> = sequences.filter(|sequence| *sequence > taken_through).collect();
    sequences.sort_unstable();
    // Where nothing was ever taken, what came before the oldest isn't known to have been.
    let unknown = sequences.first().map_or(1, |oldest| *oldest);
    let mut next = if taken_through > 0 { taken_through.saturating_add(1) } else { unknown };
    let mut gaps = Vec::new();
    for sequence in sequences {
        // More than that weren't sampled: the count went on from the time (`state`).
        if sequence > next && sequence - next < MOST_MISSING {
            gaps.push(next..sequence);
        }
        next = next.max(sequence.saturating_add(1));
    }
    gaps
}

/// Folds what comes after `taken_through` into the new `window` and closes the periods that are
/// over at `now`; the period that isn't stays open. `boot_id` is the present boot.
///
/// Samples up to `taken_through` are folded too and their figures thrown away: this restores the
/// zeros that were withheld, and the counters that rates are taken against. A sample that comes a
/// second time, or out of its turn, is passed over.
pub fn replay<'a>(
    past: impl IntoIterator<Item = Past<'a>>,
    taken_through: u64,
    window: &mut Window,
    now: Timestamp,
    boot_id: &str,
) -> Vec<Piece> {
    let mut replay = Replay { window, last: None, lost: false, pieces: Vec::new() };
    let mut past = past.into_iter();
    let mut first_lost = None;
    for item in past.by_ref() {
        if item.sample.sequence > taken_through {
            first_lost = Some(item);
            break;
        }
        replay.fold(&item);
    }
    let _ = replay.window.close(End::Part);
    for item in first_lost.into_iter().chain(past) {
        replay.fold_lost(&item, taken_through);
    }
    if replay.window.is_over(now) {
        replay.close();
    }
    if replay.last.as_ref().is_some_and(|last| last.boot_id != boot_id) {
        replay.window.forget_counters();
    }
    replay.pieces
}

struct Replay<'w, 'a> {
    window: &'w mut Window,
    last: Option<Last<'a>>,
    /// The open period has samples that were lost.
    lost: bool,
    pieces: Vec<Piece>,
}

struct Last<'a> {
    boot_id: &'a str,
    boot: Boottime,
    sequence: u64,
}

impl<'a> Replay<'_, 'a> {
    fn fold_lost(&mut self, item: &Past<'a>, taken_through: u64) {
        if item.sample.sequence > taken_through && self.fold(item) {
            self.lost = true;
        }
    }

    /// `false` where the sample isn't a new one.
    fn fold(&mut self, item: &Past<'a>) -> bool {
        let (boot_id, sample) = (item.boot_id, &item.sample);
        let (sequence, boot) = (sample.sequence, sample.taken.boot);
        if let Some(last) = &self.last {
            if sequence <= last.sequence {
                return false;
            }
            if last.boot_id != boot_id || boot < last.boot {
                self.window.forget_counters();
            }
        }
        self.last = Some(Last { boot_id, boot, sequence });
        if self.window.is_over(sample.taken.wall) {
            self.close();
        }
        self.window.record(sample);
        true
    }

    fn close(&mut self) {
        let Some(period) = self.window.start() else { return };
        let through = self.window.through();
        let figures = self.window.close(End::Period);
        if std::mem::take(&mut self.lost) {
            self.pieces.push(Piece { period, figures, through });
        }
    }
}

/// Three years, at ten a second.
const MOST_MISSING: u64 = 1 << 30;

#[cfg(test)]
mod tests;
