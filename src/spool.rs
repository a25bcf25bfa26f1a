//! What is closed and not yet delivered, in the order of its periods.
//!
//! Kept in memory and bounded: where there is no more room, the oldest goes, and is counted.

use crate::batch::{MAX_BYTES, MAX_DATUMS, datum_bytes};
use crate::clock::{Boottime, Timestamp};
use crate::datum::Datum;
use crate::delivery::Waiting;
use crate::distribution::Statistics;
use crate::identity::dress::Pending;
use crate::window::Figure;
use std::collections::VecDeque;

/// One publish: what a part of a period has to say, or several parts that travel together.
#[derive(Debug)]
pub struct Entry {
    /// The start of its period.
    pub period: Timestamp,
    /// Not sent before.
    pub due: Boottime,
    /// Live until then, backlog after.
    pub stale: Boottime,
    pub content: Content,
}

#[derive(Debug)]
pub enum Content {
    Ready(Vec<Datum>),
    /// Waits for the host's InstanceId.
    Pending(Pending),
}

#[derive(Debug)]
pub struct Spool {
    /// By period; equal periods in the order of their arrival.
    entries: VecDeque<Entry>,
    bytes: usize,
    max_bytes: usize,
}

impl Entry {
    fn bytes(&self) -> usize {
        match &self.content {
            Content::Ready(datums) => datums.iter().map(datum_bytes).sum(),
            Content::Pending(pending) => pending.figures().iter().map(figure_bytes).sum(),
        }
    }

    /// How many datums are lost with it.
    fn datums(&self) -> usize {
        match &self.content {
            Content::Ready(datums) => datums.len(),
            Content::Pending(pending) => pending.figures().len() * pending.sets().len(),
        }
    }

    fn is_due(&self, now: Boottime) -> bool {
        matches!(self.content, Content::Ready(_)) && self.due <= now
    }

    fn is_live(&self, now: Boottime) -> bool {
        self.is_due(now) && now < self.stale
    }
}

impl Spool {
    pub fn new(max_bytes: usize) -> Spool {
        Spool { entries: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// Publishes that wait, pending ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the entries take in requests, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn datums(&self) -> usize {
        self.entries.iter().map(Entry::datums).sum()
    }

    /// Adds an entry; says how many datums of the oldest entries had to go for it.
    #[must_use]
    pub fn push(&mut self, entry: Entry) -> usize {
        self.bytes += entry.bytes();
        let after = |other: &Entry| other.period <= entry.period;
        let place = self.entries.iter().rposition(after).map_or(0, |place| place + 1);
        self.entries.insert(place, entry);
        let mut dropped = 0;
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.bytes();
            dropped += oldest.datums();
        }
        dropped
    }

    /// What the delivery policy needs to know; `ready` says which periods may be sent now.
    pub fn waiting(&self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Waiting {
        let mut waiting = Waiting::default();
        for entry in &self.entries {
            if matches!(entry.content, Content::Pending(_)) || !ready(entry.period) {
                continue;
            }
            if entry.is_live(now) {
                waiting.live = true;
            } else if entry.is_due(now) {
                waiting.backlog = true;
            } else {
                let due = waiting.next_due.map_or(entry.due, |due| due.min(entry.due));
                waiting.next_due = Some(due);
            }
        }
        waiting
    }

    /// Takes everything live.
    pub fn take_live(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Vec<Entry> {
        self.take(|entry| entry.is_live(now) && ready(entry.period))
    }

    /// Takes the newest that is due: all parts of one period.
    pub fn take_newest(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Vec<Entry> {
        let newest =
            self.entries.iter().rev().find(|entry| entry.is_due(now) && ready(entry.period));
        let Some(period) = newest.map(|entry| entry.period) else { return Vec::new() };
        self.take(|entry| entry.is_due(now) && entry.period == period)
    }

    /// Takes the oldest that is due, as many entries as one request holds, at least one.
    pub fn take_oldest(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Vec<Entry> {
        let (mut datums, mut bytes, mut full) = (0, REQUEST_FRAME, false);
        self.take(|entry| {
            if full || !entry.is_due(now) || !ready(entry.period) {
                return false;
            }
            datums += entry.datums();
            bytes += entry.bytes();
            full = datums > MAX_DATUMS || bytes > MAX_BYTES;
            !full || datums == entry.datums()
        })
    }

    /// Takes what `condemned` says can no longer be delivered.
    pub fn take_condemned(&mut self, condemned: impl Fn(Timestamp) -> bool) -> Vec<Entry> {
        self.take(|entry| condemned(entry.period))
    }

    /// Makes everything due now: there will be no later.
    pub fn hurry(&mut self, now: Boottime) {
        for entry in &mut self.entries {
            entry.due = entry.due.min(now);
        }
    }

    /// Completes pending entries for which `complete` knows the identity now.
    pub fn complete(&mut self, complete: impl Fn(&Pending) -> Option<Vec<Datum>>) -> usize {
        let mut completed = 0;
        for entry in &mut self.entries {
            if let Content::Pending(pending) = &entry.content
                && let Some(datums) = complete(pending)
            {
                let before = entry.bytes();
                entry.content = Content::Ready(datums);
                self.bytes = self.bytes - before + entry.bytes();
                completed += 1;
            }
        }
        self.entries.retain(|entry| entry.datums() > 0);
        completed
    }

    fn take(&mut self, mut wanted: impl FnMut(&Entry) -> bool) -> Vec<Entry> {
        let (mut taken, mut kept) = (Vec::new(), VecDeque::with_capacity(self.entries.len()));
        for entry in self.entries.drain(..) {
            if wanted(&entry) {
                self.bytes -= entry.bytes();
                taken.push(entry);
            } else {
                kept.push_back(entry);
            }
        }
        self.entries = kept;
        taken
    }
}

/// What a figure without dimensions takes, about as a datum's bytes are counted.
fn figure_bytes(figure: &Figure) -> usize {
    let values = match &figure.statistics {
        Statistics::Values { values, .. } => values.len(),
        Statistics::Set { .. } => 2,
    };
    FIGURE_FRAME + values * VALUE_AND_COUNT
}

const FIGURE_FRAME: usize = 150;
const VALUE_AND_COUNT: usize = 18;
/// More than a request has beside its datums: the longest namespace and the names of the fields.
const REQUEST_FRAME: usize = 300;
