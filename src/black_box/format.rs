//! The black box's bytes: headers and entries, written and read without touching a file.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::source::process::{Name, Process};
use crate::units::Bytes;

/// Whose black box it is, and of which boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    pub owner: String,
    pub boot_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, and one more each.
    pub sequence: u64,
    pub taken: Moment,
    pub reason: Reason,
    /// The largest first.
    pub processes: Vec<Process>,
}

/// Why the processes were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Pressure,
    OomKill,
}

/// What a whole file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub heading: Heading,
    /// In the order of their sequence.
    pub entries: Vec<Entry>,
    /// Slots that hold something, but no entry that stands in its place.
    pub damaged: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("it isn't a black box of cwmem: it doesn't begin with \"cwmemPRC\"")]
    Other,
    #[error("it has format {0}, this version of cwmem reads format {VERSION}")]
    Newer(u32),
    #[error("its header is damaged")]
    Damaged,
}

impl Reason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Pressure => "pressure",
            Reason::OomKill => "oom_kill",
        }
    }

    const fn code(self) -> u16 {
        match self {
            Reason::Pressure => 1,
            Reason::OomKill => 2,
        }
    }

    const fn of(code: u16) -> Option<Reason> {
        match code {
            1 => Some(Reason::Pressure),
            2 => Some(Reason::OomKill),
            _ => None,
        }
    }
}

/// The header of a file with `ENTRIES` entries. Texts beyond its room are cut.
pub fn header(heading: &Heading) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let owner = heading.owner.as_bytes();
    let owner = &owner[..owner.len().min(ROOM / 2)];
    let boot_id = heading.boot_id.as_bytes();
    let boot_id = &boot_id[..boot_id.len().min(ROOM / 2)];
    let mut rest = &mut bytes[..];
    put(&mut rest, MAGIC);
    put(&mut rest, &VERSION.to_le_bytes());
    put(&mut rest, &[0; 4]);
    put(&mut rest, &(ENTRY as u32).to_le_bytes());
    put(&mut rest, &(ENTRIES as u32).to_le_bytes());
    put(&mut rest, &(owner.len() as u16).to_le_bytes());
    put(&mut rest, &(boot_id.len() as u16).to_le_bytes());
    put(&mut rest, owner);
    put(&mut rest, boot_id);
    seal(&mut bytes, HEADER_CHECK);
    bytes
}

/// The entry as it stands in its slot.
pub fn entry(entry: &Entry) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    let processes = &entry.processes[..entry.processes.len().min(MOST_PROCESSES)];
    let mut rest = &mut bytes[..];
    put(&mut rest, &entry.sequence.to_le_bytes());
    put(&mut rest, &entry.taken.wall.0.to_le_bytes());
    put(&mut rest, &entry.taken.boot.0.to_le_bytes());
    put(&mut rest, &entry.reason.code().to_le_bytes());
    put(&mut rest, &(processes.len() as u16).to_le_bytes());
    put(&mut rest, &[0; 4]);
    for process in processes {
        put(&mut rest, &process.pid.to_le_bytes());
        put(&mut rest, process.name.bytes());
        put(&mut rest, &process.resident.0.to_le_bytes());
        put(&mut rest, &process.swap.map_or(ABSENT, |swap| swap.0).to_le_bytes());
    }
    seal(&mut bytes, ENTRY_CHECK);
    bytes
}

/// Where in the file the entry of this sequence is.
pub const fn offset(sequence: u64) -> u64 {
    HEADER as u64 + sequence % ENTRIES as u64 * ENTRY as u64
}

/// Reads a file, or what is left of it: an entry that is damaged or cut off is only counted.
pub fn parse(bytes: &[u8]) -> Result<Contents, FormatError> {
    let heading = parse_header(bytes)?;
    let mut contents = Contents { heading, entries: Vec::new(), damaged: 0 };
    let slots = bytes.get(HEADER..).unwrap_or_default().chunks(ENTRY).take(ENTRIES);
    for (place, slot) in (0..).zip(slots) {
        match parse_entry(slot) {
            Some(entry) if entry.sequence % ENTRIES as u64 == place => contents.entries.push(entry),
            _ if slot.iter().all(|&byte| byte == 0) => {}
            _ => contents.damaged += 1,
        }
    }
    contents.entries.sort_by_key(|entry| entry.sequence);
    Ok(contents)
}

fn parse_header(bytes: &[u8]) -> Result<Heading, FormatError> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(FormatError::Other)?;
    let version = u32::from_le_bytes(take(&mut rest).ok_or(FormatError::Damaged)?);
    // The version comes before the check: what a later format checks isn't known here.
    if version > VERSION {
        return Err(FormatError::Newer(version));
    }
    let header = bytes.get(..HEADER).filter(|header| is_sealed(header, HEADER_CHECK));
    let heading = header.and_then(|_| {
        let _: [u8; 4] = take(&mut rest)?;
        let sizes = (u32::from_le_bytes(take(&mut rest)?), u32::from_le_bytes(take(&mut rest)?));
        let owner = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let boot_id = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let (owner, rest) = rest.split_at_checked(owner)?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let heading = Heading { owner: text(owner), boot_id: text(rest.get(..boot_id)?) };
        (version == VERSION && sizes == (ENTRY as u32, ENTRIES as u32)).then_some(heading)
    });
    heading.ok_or(FormatError::Damaged)
}

fn parse_entry(slot: &[u8]) -> Option<Entry> {
    if slot.len() != ENTRY || !is_sealed(slot, ENTRY_CHECK) {
        return None;
    }
    let mut rest = slot;
    let sequence = u64::from_le_bytes(take(&mut rest)?);
    let wall = Timestamp(i64::from_le_bytes(take(&mut rest)?));
    let boot = Boottime(u64::from_le_bytes(take(&mut rest)?));
    let reason = Reason::of(u16::from_le_bytes(take(&mut rest)?))?;
    let count = usize::from(u16::from_le_bytes(take(&mut rest)?));
    let _: [u8; 4] = take(&mut rest)?;
    if sequence == 0 || count > MOST_PROCESSES {
        return None;
    }
    let mut processes = Vec::with_capacity(count);
    for _ in 0..count {
        let pid = u32::from_le_bytes(take(&mut rest)?);
        let name = Name::new(&take::<{ Name::LENGTH }>(&mut rest)?);
        let resident = Bytes(u64::from_le_bytes(take(&mut rest)?));
        let swap = Some(u64::from_le_bytes(take(&mut rest)?)).filter(|&swap| swap != ABSENT);
        processes.push(Process { pid, name, resident, swap: swap.map(Bytes) });
    }
    Some(Entry { sequence, taken: Moment { wall, boot }, reason, processes })
}

/// Moves `bytes` to the front of `rest`, which has the room.
fn put(rest: &mut &mut [u8], bytes: &[u8]) {
    if let Some((head, tail)) = std::mem::take(rest).split_at_mut_checked(bytes.len()) {
        head.copy_from_slice(bytes);
        *rest = tail;
    }
}

fn take<const LENGTH: usize>(rest: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

/// Writes the check of `bytes` to its place in them.
fn seal(bytes: &mut [u8], place: usize) {
    let check = check(bytes, place).to_le_bytes();
    bytes[place..place + check.len()].copy_from_slice(&check);
}

fn is_sealed(bytes: &[u8], place: usize) -> bool {
    bytes[place..]
        .first_chunk()
        .is_some_and(|found| u32::from_le_bytes(*found) == check(bytes, place))
}

fn check(bytes: &[u8], place: usize) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..place]);
    hasher.update(&[0; 4]);
    hasher.update(&bytes[place + 4..]);
    hasher.finalize()
}

/// An hour of them at one each 10 seconds.
pub const ENTRIES: usize = 360;
pub const MOST_PROCESSES: usize = 10;
pub const HEADER: usize = 512;
pub const ENTRY: usize = 32 + MOST_PROCESSES * PROCESS;
pub const VERSION: u32 = 1;
const MAGIC: &[u8] = b"cwmemPRC";
const PROCESS: usize = 4 + Name::LENGTH + 8 + 8;
const HEADER_CHECK: usize = 12;
const ENTRY_CHECK: usize = 28;
/// What is left of the header for texts.
const ROOM: usize = HEADER - 28;
const ABSENT: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heading() -> Heading {
        Heading { owner: "i-0123 machine-id:ab".into(), boot_id: "0b7c".into() }
    }

    fn any_process() -> impl Strategy<Value = Process> {
        (any::<u32>(), any::<[u8; 15]>(), any::<u64>(), proptest::option::of(0..u64::MAX)).prop_map(
            |(pid, name, resident, swap)| Process {
                pid,
                name: Name::new(&name),
                resident: Bytes(resident),
                swap: swap.map(Bytes),
            },
        )
    }

    fn any_entry() -> impl Strategy<Value = Entry> {
        let processes = proptest::collection::vec(any_process(), 0..=MOST_PROCESSES);
        (any::<i64>(), any::<u64>(), any::<bool>(), processes).prop_map(
            |(wall, boot, killed, processes)| Entry {
                sequence: 0,
                taken: Moment { wall: Timestamp(wall), boot: Boottime(boot) },
                reason: if killed { Reason::OomKill } else { Reason::Pressure },
                processes,
            },
        )
    }

    /// Entries with the sequences from `first` on.
    fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
        (1..1_000_u64, proptest::collection::vec(any_entry(), 0..8)).prop_map(
            |(first, mut entries)| {
                entries
                    .iter_mut()
                    .zip(first..)
                    .for_each(|(entry, sequence)| entry.sequence = sequence);
                entries
            },
        )
    }

    fn file(entries: &[Entry]) -> Vec<u8> {
        let mut bytes = header(&heading()).to_vec();
        bytes.resize(HEADER + ENTRIES * ENTRY, 0);
        for one in entries {
            let place = offset(one.sequence) as usize;
            bytes[place..place + ENTRY].copy_from_slice(&entry(one));
        }
        bytes
    }

    #[test]
    fn the_sizes_are_those_of_the_description() {
        assert_eq!((ENTRY, PROCESS, HEADER + ENTRIES * ENTRY), (392, 36, 141_632));
        assert_eq!(offset(1), 904);
        assert_eq!(offset(ENTRIES as u64), HEADER as u64);
    }

    #[test]
    fn other_files_are_told_apart() {
        assert_eq!(parse(b""), Err(FormatError::Other));
        assert_eq!(parse(b"cwmemPRC"), Err(FormatError::Damaged));
        assert_eq!(parse(b"cwmemPRC\x02\0\0\0"), Err(FormatError::Newer(2)));
        assert_eq!(parse(&file(&[])[..HEADER - 1]), Err(FormatError::Damaged));
        let empty = Contents { heading: heading(), entries: vec![], damaged: 0 };
        assert_eq!(parse(&file(&[])), Ok(empty.clone()));
        assert_eq!(parse(&file(&[])[..HEADER]), Ok(empty));
    }

    #[test]
    fn long_texts_are_cut() {
        let long = Heading { owner: "o".repeat(1_000), boot_id: "b".repeat(1_000) };
        let read = parse(&header(&long)).unwrap().heading;
        assert_eq!((read.owner.len(), read.boot_id.len()), (ROOM / 2, ROOM / 2));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(entries in any_entries()) {
            let expected = Contents { heading: heading(), entries: entries.clone(), damaged: 0 };
            prop_assert_eq!(parse(&file(&entries)), Ok(expected));
        }

        #[test]
        fn a_damaged_byte_loses_one_entry(entries in any_entries(), place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
            let mut bytes = file(&entries);
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            match parse(&bytes) {
                Err(_) => prop_assert!(place < HEADER),
                Ok(contents) => {
                    prop_assert!(place >= HEADER);
                    prop_assert!(contents.entries.iter().all(|entry| entries.contains(entry)));
                    prop_assert!(contents.entries.len() + 1 >= entries.len());
                    prop_assert_eq!(contents.damaged, 1);
                }
            }
        }

        #[test]
        fn a_cut_loses_what_is_cut_off(entries in any_entries(), end in any::<prop::sample::Index>()) {
            let bytes = file(&entries);
            let end = end.index(bytes.len());
            if let Ok(contents) = parse(&bytes[..end]) {
                let whole = |entry: &&Entry| offset(entry.sequence) as usize + ENTRY <= end;
                prop_assert_eq!(contents.entries.len(), entries.iter().filter(whole).count());
                prop_assert!(contents.damaged <= 1);
            }
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = parse(&bytes);
            let _ = parse(&[&header(&heading())[..], &bytes].concat());
        }
    }
}
