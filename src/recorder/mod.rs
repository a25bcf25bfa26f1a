//! The flight recorder: every sample, before anything else becomes of it.
//!
//! A ring of checksummed records (`header`, `layout`: the format) in a file that is mapped into
//! memory: it costs no system call a sample and outlives the process. What the process didn't bring
//! to safety before it ended is folded back from it (`replay`). The file lies in the runtime
//! directory, which a reboot empties; a copy of it (`copy`) in the state directory is brought up to
//! date now and then. Any of them can be read (`recording`) while it is written, or from the disk of
//! a host that is gone.

pub mod copy;
pub mod file;
#[cfg(test)]
mod fixture;
pub mod header;
pub mod layout;
pub mod recording;
pub mod replay;

use crate::clock::Moment;
use crate::recorder::layout::Ring;
use crate::sample::Sample;
use memmap2::MmapMut;

/// The ring that is being written. Without a file it keeps nothing and does no harm.
#[derive(Default)]
pub struct Recorder {
    ring: Option<Ring<MmapMut>>,
    last: u64,
    /// The lowest sequence in the ring when it was opened.
    first: u64,
}

impl Recorder {
    /// One without a file.
    pub fn none() -> Recorder {
        Recorder::default()
    }

    /// One that goes on after the sample with the sequence `last`.
    fn new(ring: Option<Ring<MmapMut>>, last: u64) -> Recorder {
        let first = ring.as_ref().and_then(|ring| ring.contents().oldest());
        Recorder { ring, last, first: first.unwrap_or(last + 1) }
    }

    /// Keeps a sample whose sequence is above all others'; neither allocates nor asks the kernel.
    pub fn append(&mut self, sample: &Sample) {
        self.last = self.last.max(sample.sequence);
        if let Some(ring) = &mut self.ring {
            ring.append(sample);
        }
    }

    /// Notes that everything through this sequence is kept elsewhere; it never falls.
    pub fn set_taken_through(&mut self, through: u64) {
        self.last = self.last.max(through);
        if let Some(ring) = &mut self.ring {
            ring.set_taken_through(through);
        }
    }

    /// Goes on above `last`, which nothing is said of.
    pub fn go_on_after(&mut self, last: u64) {
        self.last = self.last.max(last);
    }

    /// The highest sequence that was ever given, as far as is known: the next sample's is above it.
    pub fn last_sequence(&self) -> u64 {
        self.last
    }

    /// When the oldest sample that is kept was taken; as cheap as `append`.
    pub fn oldest(&self) -> Option<Moment> {
        let ring = self.ring.as_ref()?;
        let capacity = u64::from(ring.heading().capacity);
        ring.taken(self.first.max((self.last + 1).saturating_sub(capacity)))
    }

    /// Whether there is a file.
    pub fn keeps(&self) -> bool {
        self.ring.is_some()
    }
}

/// The live ring in the runtime directory, its copy in the state directory.
pub const RING: &str = "ring";
/// The one before it, with other columns, another size, or of the boot before.
pub const BEFORE: &str = "ring.before";
