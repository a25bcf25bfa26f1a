//! The first page of a ring: what it is, whose, of which boot, what its records hold, and how far
//! they were taken. Its bytes are described in `layout`.

use crate::column::Column;
use crc32fast::Hasher;

/// What a ring is made for: another heading is another ring.
#[derive(Debug, Clone, PartialEq)]
pub struct Heading {
    /// `Owner`'s text.
    pub owner: String,
    /// The kernel's boot_id; empty where there is none.
    pub boot_id: String,
    pub columns: Vec<Column>,
    /// How many records it holds.
    pub capacity: u32,
}

/// Why these bytes are no ring that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error(
        "expected a ring of cwmem's flight recorder, which begins with {MAGIC:?}; found {found:?}"
    )]
    NotARing { found: String },
    #[error(
        "expected format {FORMAT}, found format {format}, which a newer cwmem wrote; read it with that version"
    )]
    Newer { format: u32 },
    #[error("expected a header of {HEADER} bytes, found {length}; the file was cut off")]
    Truncated { length: usize },
    #[error("the header's checksum doesn't match; the file is damaged, or wasn't made by cwmem")]
    Damaged,
}

/// Why no ring can be made for a heading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadingError {
    #[error(
        "the names of the owner, the boot and the columns take {length} bytes, of which a ring's header has {TEXT_ROOM}; name fewer fields in metrics.meminfo"
    )]
    TooLong { length: usize },
    #[error("{text:?} in a ring's header must be one line")]
    LineBreak { text: String },
    #[error(
        "a ring of {capacity} records would take {length} bytes; expected 1 record or more and at most {MOST} bytes: shorten recorder.duration"
    )]
    Capacity { capacity: u32, length: u64 },
}

/// Whether these bytes begin as a ring does.
pub fn is_ring(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC.as_bytes())
}

impl Heading {
    /// Bytes of one record.
    pub fn record_size(&self) -> usize {
        RECORD_HEAD + 8 * self.columns.len()
    }

    /// Bytes of the whole ring.
    pub fn ring_size(&self) -> u64 {
        let record = u64::try_from(self.record_size()).unwrap_or(u64::MAX);
        (HEADER as u64).saturating_add(record.saturating_mul(u64::from(self.capacity)))
    }

    /// The header page of a new ring, with nothing taken.
    pub fn encode(&self) -> Result<Vec<u8>, HeadingError> {
        let mut text = String::new();
        let names = self.columns.iter().map(Column::name);
        for line in [&*self.owner, &*self.boot_id].into_iter().chain(names) {
            if line.contains('\n') {
                return Err(HeadingError::LineBreak { text: line.to_owned() });
            }
            text.push_str(line);
            text.push('\n');
        }
        if text.len() > TEXT_ROOM {
            return Err(HeadingError::TooLong { length: text.len() });
        }
        let length = self.ring_size();
        if self.capacity == 0 || length > MOST {
            return Err(HeadingError::Capacity { capacity: self.capacity, length });
        }
        // All are below the bounds just checked.
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        let mut page = Vec::with_capacity(HEADER);
        page.extend(MAGIC.as_bytes());
        page.extend(FORMAT.to_le_bytes());
        page.extend([0; 4]);
        page.extend(number(self.record_size()));
        page.extend(self.capacity.to_le_bytes());
        page.extend(number(self.columns.len()));
        page.extend(number(text.len()));
        page.extend(text.as_bytes());
        page.resize(HEADER, 0);
        let check = page_check(&page);
        put(&mut page, CHECK, &check.to_le_bytes());
        Ok(page)
    }

    /// Reads a header page, and the checksum that the checks of its records begin with.
    pub fn decode(page: &[u8], extras: &[String]) -> Result<(Heading, u32), HeaderError> {
        let length = page.len();
        if length >= MAGIC.len() && !page.starts_with(MAGIC.as_bytes()) {
            let found = String::from_utf8_lossy(&page[..MAGIC.len()]).into_owned();
            return Err(HeaderError::NotARing { found });
        }
        let page = page.get(..HEADER).ok_or(HeaderError::Truncated { length })?;
        let format = u32_at(page, 8);
        if format > FORMAT {
            return Err(HeaderError::Newer { format });
        }
        let check = page_check(page);
        if u32_at(page, CHECK) != check || format != FORMAT {
            return Err(HeaderError::Damaged);
        }
        let heading = decode_body(page, extras).ok_or(HeaderError::Damaged)?;
        Ok((heading, check))
    }
}

/// What the checksum holds may still not fit together, where another program wrote it.
fn decode_body(page: &[u8], extras: &[String]) -> Option<Heading> {
    let length = usize::try_from(u32_at(page, 28)).ok()?;
    let text = page.get(TEXT..MARKS)?.get(..length)?;
    let mut lines = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.split('\n');
    let heading = Heading {
        owner: lines.next()?.to_owned(),
        boot_id: lines.next()?.to_owned(),
        columns: lines.map(|name| Column::named(name, extras)).collect(),
        capacity: u32_at(page, 20),
    };
    let record = usize::try_from(u32_at(page, 16)).ok()?;
    let columns = usize::try_from(u32_at(page, 24)).ok()?;
    let fits = record == heading.record_size()
        && columns == heading.columns.len()
        && heading.capacity > 0
        && heading.ring_size() <= MOST;
    fits.then_some(heading)
}

/// The mark `taken_through`: the higher of the copies that are whole. A copy that was torn while
/// it was written leaves the other one, which is older.
pub fn read_mark(page: &[u8], seed: u32) -> u64 {
    let copies = COPIES.iter().filter_map(|&place| read_copy(page, place, seed));
    copies.max().unwrap_or(0)
}

/// Raises the mark by writing over the copy that is worth less.
pub fn write_mark(page: &mut [u8], seed: u32, through: u64) {
    let copies = COPIES.map(|place| (read_copy(page, place, seed), place));
    let least = copies.iter().min().copied();
    if let Some((_, place)) = least.filter(|_| through > read_mark(page, seed)) {
        let value = through.to_le_bytes();
        put(page, place, &value);
        put(page, place + 8, &check(seed, &[&value]).to_le_bytes());
    }
}

fn read_copy(page: &[u8], place: usize, seed: u32) -> Option<u64> {
    let value = page.get(place..place + 8)?;
    let whole = page.len() >= place + 12 && u32_at(page, place + 8) == check(seed, &[value]);
    whole.then(|| u64_at(page, place))
}

/// A checksum that also depends on `seed`.
pub fn check(seed: u32, pieces: &[&[u8]]) -> u32 {
    let mut hasher = Hasher::new_with_initial(seed);
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finalize()
}

/// All of the page before the marks, but for the place of the checksum itself.
fn page_check(page: &[u8]) -> u32 {
    let body = page.get(TEXT_START..MARKS).unwrap_or_default();
    check(0, &[page.get(..CHECK).unwrap_or_default(), body])
}

/// The number at `place`; 0 beyond the end.
pub fn u32_at(bytes: &[u8], place: usize) -> u32 {
    bytes
        .get(place..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |four| u32::from_le_bytes(*four))
}

/// The number at `place`; 0 beyond the end.
pub fn u64_at(bytes: &[u8], place: usize) -> u64 {
    bytes
        .get(place..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |eight| u64::from_le_bytes(*eight))
}

/// Writes `piece` at `place`; nothing where it would pass the end.
pub fn put(bytes: &mut [u8], place: usize, piece: &[u8]) {
    if let Some(target) = bytes.get_mut(place..place + piece.len()) {
        target.copy_from_slice(piece);
    }
}

/// One page of memory.
pub const HEADER: usize = 4096;
/// What a record has before its columns.
pub const RECORD_HEAD: usize = 32;
/// Where the marks begin, outside the header's checksum.
pub const MARKS: usize = HEADER - 128;
/// A longer file is no ring of ours: of the default columns, an hour at one a second takes 370 kB
/// and a week 63 MB.
pub const MOST: u64 = 64 * 1024 * 1024;
const MAGIC: &str = "cwmemrng";
const FORMAT: u32 = 1;
const CHECK: usize = 12;
const TEXT_START: usize = CHECK + 4;
const TEXT: usize = 32;
const TEXT_ROOM: usize = MARKS - TEXT;
/// In cache lines of their own.
const COPIES: [usize; 2] = [MARKS, MARKS + 64];
