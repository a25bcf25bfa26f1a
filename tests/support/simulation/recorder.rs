//! The recorder's files in memory: what `recorder::file` and `recorder::copy` do, on the same bytes.

use cwmem::column::columns;
use cwmem::metric::{self, Metric};
use cwmem::recorder::header::Heading;
use cwmem::recorder::layout::{self, Ring};
use cwmem::recorder::recording::Recording;
use std::path::Path;

/// What lies in the runtime directory: gone with the host's memory.
#[derive(Default)]
pub struct Rings {
    pub live: Option<Ring<Vec<u8>>>,
    pub before: Option<Vec<u8>>,
}

/// What lies in the state directory.
#[derive(Default, Clone)]
pub struct Copies {
    pub ring: Option<Vec<u8>>,
    pub before: Option<Vec<u8>>,
}

pub struct Opened {
    pub inherited: Vec<Recording>,
    pub last: u64,
}

impl Rings {
    /// As `recorder::file::open`.
    pub fn open(&mut self, copies: Option<&Copies>, heading: &Heading) -> Result<Opened, String> {
        let read = |bytes: Vec<u8>| Recording::read(Path::new("ring"), bytes);
        let kept = copies.into_iter().flat_map(|copies| [&copies.before, &copies.ring]);
        let live = self.live.as_ref().map(|ring| ring.bytes().to_vec());
        let all = kept.flatten().cloned().chain(self.before.clone()).chain(live);
        let recordings: Result<Vec<_>, _> = all.map(read).collect();
        let mut recordings = recordings.map_err(|error| error.to_string())?;
        let same = self.live.as_ref().is_some_and(|ring| ring.heading() == heading);
        if !same {
            let of_heading = |recording: &&Recording| recording.heading() == heading;
            let copy = match self.live {
                Some(_) => None,
                None => recordings.iter().rev().find(of_heading).map(Recording::bytes),
            };
            let bytes = match copy {
                Some(copy) => copy.to_vec(),
                None => layout::create(heading).map_err(|error| error.to_string())?,
            };
            if let Some(ring) = self.live.take() {
                self.before = Some(ring.bytes().to_vec());
            }
            self.live = Some(Ring::open(bytes, &[]).map_err(|error| error.to_string())?);
        }
        recordings.retain(|recording| !recording.contents().is_empty());
        recordings.sort_by_key(|recording| recording.contents().oldest());
        let last = recordings.iter().filter_map(|recording| recording.contents().newest()).max();
        let taken = recordings.iter().map(Recording::taken_through).max();
        Ok(Opened { inherited: recordings, last: last.max(taken).unwrap_or(0) })
    }
}

impl Copies {
    /// As `recorder::copy::copy`.
    pub fn update(&mut self, live: &Ring<Vec<u8>>) {
        let same = |kept: &Vec<u8>| {
            let head = cwmem::recorder::header::MARKS;
            kept.len() == live.bytes().len() && kept[..head] == live.bytes()[..head]
        };
        match &mut self.ring {
            Some(kept) if same(kept) => kept.copy_from_slice(live.bytes()),
            other => {
                self.before = other.take().or(self.before.take());
                *other = Some(live.bytes().to_vec());
            }
        }
    }
}

pub fn metrics() -> Vec<Metric> {
    metric::DEFAULT.iter().filter_map(|name| metric::native(name)).cloned().collect()
}

pub fn heading(owner: String, boot_id: String) -> Heading {
    Heading { owner, boot_id, columns: columns(&metrics(), &[]), capacity: CAPACITY }
}

/// An hour at ten seconds.
pub const CAPACITY: u32 = 360;
