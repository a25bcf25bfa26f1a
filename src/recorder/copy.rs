//! The copy of the live ring in the state directory: only what is new is written to it.

use crate::recorder::BEFORE;
use crate::recorder::file::write_whole;
use crate::recorder::header::{HEADER, Heading, MARKS};
use crate::recorder::layout::start_of;
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
    let recording = Recording::open(live).map_err(io::Error::other)?;
    let newest = recording.contents().newest().unwrap_or(0);
    match open_same(&recording, kept)? {
        Some(file) => write_new(&recording, &file, from)?,
        None => write_whole(kept, recording.bytes())?,
    }
    Ok(newest)
}

/// The copy, if it is one of the same ring; another ring is moved out of the way.
fn open_same(recording: &Recording, kept: &Path) -> io::Result<Option<File>> {
    let mut file = match OpenOptions::new().read(true).write(true).open(kept) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut page = Vec::with_capacity(HEADER);
    file.by_ref().take(HEADER as u64).read_to_end(&mut page)?;
    let same_header = page.len() == HEADER && page[..MARKS] == recording.bytes()[..MARKS];
    let same_length = file.metadata()?.len() == recording.bytes().len() as u64;
    if same_header && same_length {
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
