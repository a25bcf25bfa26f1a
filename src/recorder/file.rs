//! The recorder's files when the daemon starts: which ring is gone on with, what earlier ones left
//! to be folded, and what must be set aside. Nothing that lies there can stop the agent.

use crate::owner::Owner;
use crate::recorder::header::{HeaderError, Heading, HeadingError};
use crate::recorder::layout::{self, Ring};
use crate::recorder::recording::{Recording, RecordingError};
use crate::recorder::{BEFORE, RING, Recorder};
use memmap2::MmapMut;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What was found, and what became of it.
pub struct Opened {
    pub recorder: Recorder,
    /// This host's recordings that have samples, the oldest first. A ring and its copy hold the same
    /// samples, as far as the copy goes.
    pub inherited: Vec<Recording>,
    pub set_aside: Vec<SetAside>,
    pub problems: Vec<Problem>,
}

/// A file that isn't this host's or can't be read, out of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("it is the recording of another host, {owner:?}")]
    Foreign { owner: String },
    #[error("{0}")]
    Unreadable(String),
    #[error("{0}")]
    Newer(String),
}

/// What doesn't stop the agent and must be said.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("no flight recorder, samples are lost where the agent is killed: {}: {source}", path.display())]
    NoFile { path: PathBuf, source: io::Error },
    #[error("no flight recorder, samples are lost where the agent is killed: {0}")]
    Heading(#[from] HeadingError),
    #[error(transparent)]
    Unread(#[from] RecordingError),
    #[error("cannot set {} aside: {source}", path.display())]
    Stuck { path: PathBuf, source: io::Error },
}

/// Opens the live ring in `runtime`, or makes one, and gathers what earlier runs left there and in
/// `state`. `extras` are the configuration's extra fields, in its order.
pub fn open(runtime: &Path, state: Option<&Path>, heading: &Heading, extras: &[String]) -> Opened {
    let mut found = Found { owner: Owner::parse(&heading.owner), ..Found::default() };
    for folder in state.into_iter().chain([runtime]) {
        for name in [BEFORE, RING] {
            found.look_at(&folder.join(name), extras);
        }
    }
    let Found { mut recordings, set_aside, mut problems, .. } = found;
    let ring = live(runtime, heading, extras, &recordings);
    let ring = ring.map_err(|problem| problems.push(problem)).ok();
    recordings.retain(|recording| !recording.contents().is_empty());
    recordings.sort_by_key(|recording| recording.contents().oldest());
    let last = recordings.iter().filter_map(|recording| recording.contents().newest()).max();
    let taken = recordings.iter().map(Recording::taken_through).max();
    let last = last.max(taken).unwrap_or(0);
    let recorder = Recorder::new(ring, last);
    Opened { recorder, inherited: recordings, set_aside, problems }
}

#[derive(Default)]
struct Found {
    owner: Owner,
    recordings: Vec<Recording>,
    set_aside: Vec<SetAside>,
    problems: Vec<Problem>,
}

impl Found {
    fn look_at(&mut self, path: &Path, extras: &[String]) {
        match Recording::open(path) {
            Ok(mut recording) => {
                let owner = &recording.heading().owner;
                if self.owner.is_same(&Owner::parse(owner)) {
                    recording.set_extras(extras);
                    self.recordings.push(recording);
                } else {
                    let reason = Reason::Foreign { owner: owner.clone() };
                    self.put_aside(path, reason);
                }
            }
            Err(error) if error.is_not_found() => {}
            Err(RecordingError::Header { source: error @ HeaderError::Newer { .. }, .. }) => {
                self.put_aside(path, Reason::Newer(error.to_string()));
            }
            Err(RecordingError::Header { source, .. }) => {
                self.put_aside(path, Reason::Unreadable(source.to_string()));
            }
            Err(error @ RecordingError::TooLong { .. }) => {
                self.put_aside(path, Reason::Unreadable(error.to_string()));
            }
            Err(error) => self.problems.push(error.into()),
        }
    }

    /// One of each kind is kept, the newest.
    fn put_aside(&mut self, path: &Path, reason: Reason) {
        let name = match reason {
            Reason::Foreign { .. } => "ring.foreign",
            Reason::Unreadable(_) => "ring.damaged",
            Reason::Newer(_) => "ring.newer",
        };
        let aside = path.with_file_name(name);
        match fs::rename(path, &aside) {
            Ok(()) => self.set_aside.push(SetAside { path: aside, reason }),
            Err(source) => self.problems.push(Problem::Stuck { path: path.to_owned(), source }),
        }
    }
}

/// The ring to write: the one that is there if it is the same, else its copy, else a new one.
fn live(
    runtime: &Path,
    heading: &Heading,
    extras: &[String],
    recordings: &[Recording],
) -> Result<Ring<MmapMut>, Problem> {
    let path = runtime.join(RING);
    let no_file = |source| Problem::NoFile { path: path.clone(), source };
    let same = |recording: &&Recording| recording.heading() == heading && recording.is_whole();
    let there = recordings.iter().find(|recording| recording.path() == path);
    if there.filter(same).is_none() {
        make_folder(runtime).map_err(no_file)?;
        let copy = match there {
            Some(_) => None,
            None => recordings.iter().rev().find(same).map(Recording::bytes),
        };
        let new = if copy.is_none() { layout::create(heading)? } else { Vec::new() };
        if there.is_some() {
            fs::rename(&path, runtime.join(BEFORE)).map_err(no_file)?;
        }
        write_whole(&path, copy.unwrap_or(&new)).map_err(no_file)?;
    }
    map(&path, heading, extras).map_err(no_file)
}

/// Everyone may enter: the status socket in it is for everyone, the other files are not.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

/// Writes a file that is whole or absent, with all its blocks: writing to the mapping later finds
/// room. What a host's memory does is not for everyone to read.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    fs::rename(&partial, path)
}

#[expect(unsafe_code, reason = "a file is mapped on no other terms")]
fn map(path: &Path, heading: &Heading, extras: &[String]) -> io::Result<Ring<MmapMut>> {
    let file: File = OpenOptions::new().read(true).write(true).open(path)?;
    if file.metadata()?.len() != heading.ring_size() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it changed its length just now"));
    }
    // SAFETY: the file is this process's own: it lies in a directory that only the service's user
    // may write to, the state directory's lock keeps a second daemon away, and nothing of ours
    // shortens it or writes to it but through this mapping. Others only read it.
    let mapping = unsafe { MmapMut::map_mut(&file) }?;
    Ring::open(mapping, extras).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
