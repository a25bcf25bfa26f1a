//! The copy of the live ring in the state directory: only what is new is written to it.

use crate::recorder::BEFORE;
use crate::recorder::file::write_whole;
use crate::recorder::header::{HEADER, Heading, MARKS};
use crate::recorder::layout::{place_of, sequence_of, start_of};
use crate::recorder::recording::Recording;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Brings `kept` up to date with `live`, of which all records through `from` were copied before (0
/// where that isn't known), and says through which it is now. A ring of another heading that lies
/// there becomes `ring.before`. Nothing is flushed: a copy that a crash tears loses those records
/// only.
pub fn copy(live: &Path, kept: &Path, from: u64) -> io::Result<u64> {
    // What goes wrong on the short way goes wrong again on the long one, which says what.
    if from > 0
        && let Ok(Some(newest)) = follow(live, kept, from)
    {
        return Ok(newest);
    }
    let recording = Recording::open(live).map_err(io::Error::other)?;
    let newest = recording.contents().newest().unwrap_or(0);
    match open_same(&recording.bytes()[..HEADER], recording.bytes().len() as u64, kept)? {
        Some(file) => write_new(&recording, &file, from)?,
        None => write_whole(kept, recording.bytes())?,
    }
    Ok(newest)
}

/// Copies the records that come straight after `from`, and reads no others: an hour of records to
/// look through for each new minute is most of what an idle agent would do. `None` where there is
/// none, or they lie elsewhere.
fn follow(live: &Path, kept: &Path, from: u64) -> io::Result<Option<u64>> {
    let live = File::open(live)?;
    let mut page = vec![0; HEADER];
    live.read_exact_at(&mut page, 0)?;
    let Ok((heading, seed)) = Heading::decode(&page, &[]) else { return Ok(None) };
    let Some(kept) = open_same(&page, heading.ring_size(), kept)? else { return Ok(None) };
    let size = heading.record_size();
    let mut records = vec![0; AT_ONCE as usize * size];
    let mut newest = from;
    loop {
        let place = place_of(newest + 1, heading.capacity);
        let count = AT_ONCE.min(heading.capacity - place) as usize;
        let Some(start) = start_of(place, size) else { return Ok(None) };
        let slots = &mut records[..count * size];
        live.read_exact_at(slots, start as u64)?;
        let following = slots.chunks_exact(size).zip(newest + 1..);
        let following = following.take_while(|(record, at)| sequence_of(seed, record) == Some(*at));
        let whole = following.count();
        kept.write_all_at(&slots[..whole * size], start as u64)?;
        newest += whole as u64;
        if whole < count {
            break;
        }
    }
    kept.write_all_at(&page[MARKS..], MARKS as u64)?;
    Ok((newest > from).then_some(newest))
}

/// The copy, if it is one of the ring with this header and length; another ring is moved out of the
/// way.
fn open_same(header: &[u8], length: u64, kept: &Path) -> io::Result<Option<File>> {
    let mut file = match OpenOptions::new().read(true).write(true).open(kept) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut page = Vec::with_capacity(HEADER);
    file.by_ref().take(HEADER as u64).read_to_end(&mut page)?;
    let same_header = page.len() == HEADER && page[..MARKS] == header[..MARKS];
    if same_header && file.metadata()?.len() == length {
        return Ok(Some(file));
    }
    if !same_header && Heading::decode(&page, &[]).is_ok() {
        fs::rename(kept, kept.with_file_name(BEFORE))?;
    }
    Ok(None)
}

/// One run of slots, or two where it passes the ring's end; then the mark.
fn write_new(recording: &Recording, file: &File, from: u64) -> io::Result<()> {
    let bytes = recording.bytes();
    let capacity = u64::from(recording.heading().capacity);
    let contents = recording.contents();
    if let (Some(first), Some(newest)) = (contents.next_after(from), contents.newest()) {
        let (start, end) = (first % capacity, newest % capacity + 1);
        let runs = if newest - first >= capacity {
            [0..capacity, 0..0]
        } else if start < end {
            [start..end, 0..0]
        } else {
            [start..capacity, 0..end]
        };
        let size = recording.heading().record_size();
        let offset = |place: u64| start_of(u32::try_from(place).unwrap_or(u32::MAX), size);
        for run in runs.into_iter().filter(|run| !run.is_empty()) {
            let range = offset(run.start).zip(offset(run.end));
            let slots = range.and_then(|(start, end)| Some((start, bytes.get(start..end)?)));
            if let Some((start, slots)) = slots {
                file.write_all_at(slots, start as u64)?;
            }
        }
    }
    file.write_all_at(&bytes[MARKS..HEADER], MARKS as u64)
}

/// Records read in one call.
const AT_ONCE: u32 = 64;
