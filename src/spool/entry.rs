//! A part that waits: its place, its content, and whether the disk has it.

use crate::batch::datum_bytes;
use crate::clock::{Boottime, Moment, Timestamp};
use crate::distribution::Statistics;
use crate::identity::dress::Pending;
use crate::spool::Disk;
use crate::spool::once::Once;
use crate::spool::text::Content;
use crate::window::Figure;
use std::fmt;
use std::time::Duration;

/// A part's place: by period, then in the order of the samples. Packed: an outage of two weeks leaves
/// tens of thousands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(Rust, packed(2))]
pub struct Key {
    /// The period's start.
    pub period: Timestamp,
    /// The sequence of the last sample in it.
    pub through: u64,
    /// Tells parts apart that have no sample of their own.
    pub extra: u16,
}

/// A part that is in memory, and perhaps on the disk too.
#[derive(Debug)]
pub struct Entry {
    pub key: Key,
    /// The last sequence of the part that was closed before it.
    pub(super) after: u64,
    /// Not sent before.
    pub due: Boottime,
    /// Live until then, backlog after.
    pub stale: Boottime,
    pub closed: Moment,
    pub content: Content,
    pub(super) filing: Filing,
    /// Its file says more than is left, and couldn't be written anew.
    pub(super) behind: bool,
    /// Read back to be sent, not kept since it was closed.
    pub(super) loaded: bool,
    /// How many of its datums, the first ones, are part of the request under way.
    pub(super) sending: usize,
    /// Where it may be sent once at most.
    pub(super) once: Option<Once>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filing {
    /// Only in memory.
    Waits,
    /// `changed`: the content is another by now.
    Writing {
        changed: bool,
    },
    Filed {
        kib: u32,
    },
}

/// A part that is only on the disk. There may be tens of thousands: small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filed {
    pub key: Key,
    /// Allocated on the disk.
    pub kib: u32,
    /// Nothing of it can be sent before the host's InstanceId is known.
    pub pending: bool,
}

impl Entry {
    pub fn new(
        key: Key,
        due: Boottime,
        stale: Boottime,
        closed: Moment,
        content: Content,
    ) -> Entry {
        let filing = Filing::Waits;
        Entry {
            key,
            after: 0,
            due,
            stale,
            closed,
            content,
            filing,
            behind: false,
            loaded: false,
            sending: 0,
            once: None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let datums: usize = self.content.datums.iter().map(datum_bytes).sum();
        let figures = self.content.pending.iter().flat_map(Pending::figures);
        datums + figures.map(figure_bytes).sum::<usize>()
    }

    /// To be sent now: due, and safe on the disk if that takes no longer than `PATIENCE`. What is
    /// said once waits for the disk whatever that takes.
    pub(super) fn is_due(&self, now: Boottime, disk: Disk) -> bool {
        let safe = self.once.map_or_else(|| self.is_safe(now, disk), Once::may_be_picked);
        !self.is_sending() && !self.content.datums.is_empty() && self.due <= now && safe
    }

    fn is_safe(&self, now: Boottime, disk: Disk) -> bool {
        matches!(self.filing, Filing::Filed { .. })
            || matches!(disk, Disk::Fails { .. } | Disk::Retries { .. })
            || now >= self.due.max(self.closed.boot).plus(PATIENCE)
    }

    pub(super) fn is_sending(&self) -> bool {
        self.sending > 0
    }

    pub(super) fn is_live(&self, now: Boottime) -> bool {
        now < self.stale
    }

    /// It needn't be in memory: its file stands for it, under the name it is read back by.
    pub(super) fn may_leave(&self) -> bool {
        !self.is_sending() && !self.is_marked() && self.filed().is_some()
    }

    /// Its file, if that may stand for it.
    pub(super) fn filed(&self) -> Option<Filed> {
        match self.filing {
            Filing::Filed { kib } if !self.behind => {
                Some(Filed { key: self.key, kib, pending: self.content.waits() })
            }
            _ => None,
        }
    }
}

/// The name of the part's file, without its ending: sorts like the key for times that can be.
impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { period, through, extra } = *self;
        write!(formatter, "{:010}-{through:012}", period.seconds())?;
        if extra > 0 { write!(formatter, "-{extra}") } else { Ok(()) }
    }
}

impl Key {
    /// What `Display` wrote.
    pub fn parse(text: &str) -> Option<Key> {
        // The first sign may be a negative number's.
        let middle = text.char_indices().skip(1).find(|(_, character)| *character == '-')?.0;
        let (period, rest) = (&text[..middle], &text[middle + 1..]);
        let (through, extra) = match rest.split_once('-') {
            Some((through, extra)) => (through, extra.parse().ok()?),
            None => (rest, 0),
        };
        let period = Timestamp(period.parse::<i64>().ok()?.checked_mul(1_000)?);
        Some(Key { period, through: through.parse().ok()?, extra })
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
/// How long what is due waits for the disk.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
