//! The ring's bytes: a header page and slots of one size, each the record of one sample.
//!
//! All numbers are little-endian. Offsets in bytes:
//!
//! | Header (4096) | |
//! |---|---|
//! | 0 | `cwmemrng` |
//! | 8 | u32: format, 1 |
//! | 12 | u32: CRC-32 (IEEE) of bytes 0..12 and 16..3968 |
//! | 16 | u32: size of a record, 32 + 8 × columns |
//! | 20 | u32: capacity in records |
//! | 24 | u32: columns |
//! | 28 | u32: length of the text |
//! | 32 | text, UTF-8, a line each: owner, boot_id, the columns' names |
//! | 3968, 4032 | `taken_through`, twice: u64, then u32 its check |
//!
//! | Record at 4096 + (sequence mod capacity) × size | |
//! |---|---|
//! | 0 | u64: sequence, never 0 |
//! | 8 | i64: wall clock, milliseconds since the epoch |
//! | 16 | u64: microseconds since boot (CLOCK_BOOTTIME) |
//! | 24 | u32: covered time, tenths of a second |
//! | 28 | u32: its check |
//! | 32 | u64 for each column, as the kernel gave it; 2⁶⁴−1 is an absent value |
//!
//! A check is the CRC-32 of the value or the record (but for the check itself), continued from the
//! header's checksum as if that had gone before: a record of a ring with another header never
//! passes. A slot of zeros was never written.
//!
//! A record that was cut short, torn or damaged fails its check and is passed over, so that the
//! ring can be read while it is being written and after any crash. The higher of the two copies of
//! `taken_through` counts.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::column::Column;
use crate::recorder::header::{
    HEADER, HeaderError, Heading, HeadingError, RECORD_HEAD, check, put, read_mark, u32_at, u64_at,
    write_mark,
};
use crate::sample::Sample;
use crate::units::Tenths;

/// A ring in memory, or in a file that is mapped into it.
pub struct Ring<B> {
    bytes: B,
    heading: Heading,
    seed: u32,
    extras: usize,
}

/// What a look through all slots found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Sequences and their slots, rising.
    records: Vec<(u64, u32)>,
    /// Slots whose record is lost.
    pub damaged: u64,
}

enum Slot {
    Empty,
    Damaged,
    /// The file ends before it does.
    CutOff,
    Record(u64),
}

/// The bytes of an empty ring.
pub fn create(heading: &Heading) -> Result<Vec<u8>, HeadingError> {
    let mut bytes = heading.encode()?;
    bytes.resize(usize::try_from(heading.ring_size()).unwrap_or(HEADER), 0);
    Ok(bytes)
}

impl<B: AsRef<[u8]>> Ring<B> {
    /// Takes bytes whose header is whole. Samples that are read have these extra fields.
    pub fn open(bytes: B, extras: &[String]) -> Result<Ring<B>, HeaderError> {
        let (heading, seed) = Heading::decode(bytes.as_ref(), extras)?;
        Ok(Ring { bytes, heading, seed, extras: extras.len() })
    }

    pub fn heading(&self) -> &Heading {
        &self.heading
    }

    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// Reads samples with these extra fields from now on.
    pub fn set_extras(&mut self, extras: &[String]) {
        self.extras = extras.len();
        for column in &mut self.heading.columns {
            *column = Column::named(column.name(), extras);
        }
    }

    /// The highest sequence of a part that is kept elsewhere; 0 where there is none.
    pub fn taken_through(&self) -> u64 {
        read_mark(self.bytes.as_ref(), self.seed)
    }

    /// Looks through all slots.
    pub fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        let mut empty = Vec::new();
        for place in 0..self.heading.capacity {
            match self.slot(place) {
                Slot::Record(sequence) => contents.records.push((sequence, place)),
                Slot::Empty => empty.push(place),
                Slot::Damaged | Slot::CutOff => contents.damaged += 1,
            }
        }
        contents.records.sort_unstable();
        if let (Some(oldest), Some(newest)) = (contents.oldest(), contents.newest()) {
            let lost = |place: &u32| self.last_of(*place, newest).is_some_and(|last| last > oldest);
            contents.damaged += empty.iter().filter(|place| lost(place)).count() as u64;
        }
        contents
    }

    /// The sample of this sequence, if its record is there and whole.
    pub fn get(&self, sequence: u64) -> Option<Sample> {
        self.read(sequence, self.place(sequence))
    }

    /// When the sample of this sequence was taken.
    pub fn taken(&self, sequence: u64) -> Option<Moment> {
        let place = self.place(sequence);
        self.whole(sequence, place).map(taken)
    }

    /// The samples of `contents` in the order of their sequence, each read when it is asked for.
    pub fn samples<'a>(&'a self, contents: &'a Contents) -> impl Iterator<Item = Sample> + 'a {
        let records = contents.records.iter();
        records.filter_map(|&(sequence, place)| self.read(sequence, place))
    }

    fn read(&self, sequence: u64, place: u32) -> Option<Sample> {
        let record = self.whole(sequence, place)?;
        let mut sample = Sample::new(taken(record), self.extras);
        sample.sequence = sequence;
        sample.covered = Tenths(u32_at(record, 24));
        for (column, place) in self.heading.columns.iter().zip((RECORD_HEAD..).step_by(8)) {
            match u64_at(record, place) {
                ABSENT => {}
                value => column.set(&mut sample, value),
            }
        }
        Some(sample)
    }

    /// The record of this sequence.
    fn whole(&self, sequence: u64, place: u32) -> Option<&[u8]> {
        match self.slot(place) {
            Slot::Record(found) if found == sequence => self.record(place),
            _ => None,
        }
    }

    fn slot(&self, place: u32) -> Slot {
        let Some(record) = self.record(place) else { return Slot::CutOff };
        match sequence_of(self.seed, record) {
            Some(sequence) if self.place(sequence) == place => Slot::Record(sequence),
            _ if record.iter().all(|&byte| byte == 0) => Slot::Empty,
            _ => Slot::Damaged,
        }
    }

    fn record(&self, place: u32) -> Option<&[u8]> {
        let size = self.heading.record_size();
        let start = start_of(place, size)?;
        self.bytes.as_ref().get(start..start.checked_add(size)?)
    }

    fn place(&self, sequence: u64) -> u32 {
        place_of(sequence, self.heading.capacity)
    }

    /// The last sequence up to `newest` that goes into this slot.
    fn last_of(&self, place: u32, newest: u64) -> Option<u64> {
        let capacity = u64::from(self.heading.capacity);
        let behind = (newest % capacity + capacity - u64::from(place)) % capacity;
        newest.checked_sub(behind)
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Ring<B> {
    /// Writes the sample's record over the oldest one; allocates nothing.
    pub fn append(&mut self, sample: &Sample) {
        let size = self.heading.record_size();
        let place = self.place(sample.sequence);
        let record = start_of(place, size)
            .and_then(|start| self.bytes.as_mut().get_mut(start..start.checked_add(size)?));
        let Some(record) = record.filter(|_| sample.sequence > 0) else { return };
        put(record, 0, &sample.sequence.to_le_bytes());
        put(record, 8, &sample.taken.wall.0.to_le_bytes());
        put(record, 16, &sample.taken.boot.0.to_le_bytes());
        put(record, 24, &sample.covered.0.to_le_bytes());
        for (column, place) in self.heading.columns.iter().zip((RECORD_HEAD..).step_by(8)) {
            put(record, place, &column.get(sample).unwrap_or(ABSENT).to_le_bytes());
        }
        let check = record_check(self.seed, record);
        put(record, CHECK, &check.to_le_bytes());
    }

    /// Notes that everything through this sequence is kept elsewhere. It never falls.
    pub fn set_taken_through(&mut self, through: u64) {
        write_mark(self.bytes.as_mut(), self.seed, through);
    }
}

impl Contents {
    pub fn oldest(&self) -> Option<u64> {
        self.records.first().map(|record| record.0)
    }

    pub fn newest(&self) -> Option<u64> {
        self.records.last().map(|record| record.0)
    }

    /// Rising.
    pub fn sequences(&self) -> impl Iterator<Item = u64> + '_ {
        self.records.iter().map(|record| record.0)
    }

    /// The lowest sequence above this one.
    pub fn next_after(&self, sequence: u64) -> Option<u64> {
        let place = self.records.partition_point(|record| record.0 <= sequence);
        self.records.get(place).map(|record| record.0)
    }

    /// How many records are whole.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// The sequence of a record that is whole, in a ring whose header has the checksum `seed`.
pub fn sequence_of(seed: u32, record: &[u8]) -> Option<u64> {
    let sequence = u64_at(record, 0);
    (sequence > 0 && u32_at(record, CHECK) == record_check(seed, record)).then_some(sequence)
}

/// Which slot the record of this sequence has.
pub fn place_of(sequence: u64, capacity: u32) -> u32 {
    // Below the capacity, which is a u32.
    u32::try_from(sequence % u64::from(capacity)).unwrap_or(0)
}

/// Where the slot at `place` begins, in a ring whose records have `size` bytes.
pub fn start_of(place: u32, size: usize) -> Option<usize> {
    usize::try_from(place).ok()?.checked_mul(size)?.checked_add(HEADER)
}

fn taken(record: &[u8]) -> Moment {
    let wall = Timestamp(u64_at(record, 8).cast_signed());
    Moment { wall, boot: Boottime(u64_at(record, 16)) }
}

fn record_check(seed: u32, record: &[u8]) -> u32 {
    let (head, rest) = record.split_at(CHECK.min(record.len()));
    check(seed, &[head, rest.get(4..).unwrap_or_default()])
}

const CHECK: usize = 28;
const ABSENT: u64 = u64::MAX;

#[cfg(test)]
mod tests;
