//! A recording that is there to be read: the live ring, its copy, or one from another host's disk.

use crate::column::Column;
use crate::recorder::header::{HeaderError, Heading, MOST};
use crate::recorder::layout::{Contents, Ring};
use crate::sample::Sample;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// As it was when it was read; what was being written just then is passed over.
pub struct Recording {
    path: PathBuf,
    ring: Ring<Vec<u8>>,
    contents: Contents,
}

/// Why a file isn't a recording that can be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("cannot read {}: {source}{}", path.display(), advice(source))]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: expected a recording of at most {MOST} bytes, found a longer file", path.display())]
    TooLong { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Header { path: PathBuf, source: HeaderError },
}

impl Recording {
    /// Reads the whole file. Its samples have the extra fields that were recorded, in its order.
    pub fn open(path: &Path) -> Result<Recording, RecordingError> {
        let read = |source| RecordingError::Read { path: path.to_owned(), source };
        let bytes = read_bounded(path).map_err(read)?;
        let bytes = bytes.ok_or_else(|| RecordingError::TooLong { path: path.to_owned() })?;
        Recording::read(path, bytes)
    }

    /// What was read from `path`.
    pub fn read(path: &Path, bytes: Vec<u8>) -> Result<Recording, RecordingError> {
        let header = |source| RecordingError::Header { path: path.to_owned(), source };
        let mut ring = Ring::open(bytes, &[]).map_err(header)?;
        let own = ring.heading().columns.iter().filter_map(Column::own_extra);
        let own: Vec<String> = own.map(str::to_owned).collect();
        ring.set_extras(&own);
        let contents = ring.contents();
        Ok(Recording { path: path.to_owned(), ring, contents })
    }

    /// Its samples have these extra fields from now on.
    pub fn set_extras(&mut self, extras: &[String]) {
        self.ring.set_extras(extras);
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn heading(&self) -> &Heading {
        self.ring.heading()
    }

    pub fn bytes(&self) -> &[u8] {
        self.ring.bytes()
    }

    /// Whether the file is as long as its header says.
    pub fn is_whole(&self) -> bool {
        u64::try_from(self.bytes().len()).is_ok_and(|length| length == self.heading().ring_size())
    }

    /// In the order of their sequence, each read when it is asked for.
    pub fn samples(&self) -> impl Iterator<Item = Sample> + '_ {
        self.ring.samples(&self.contents)
    }

    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// How many records are lost between the oldest and the newest, or with the file's end.
    pub fn damaged(&self) -> u64 {
        self.contents.damaged
    }

    pub fn taken_through(&self) -> u64 {
        self.ring.taken_through()
    }
}

impl RecordingError {
    pub fn is_not_found(&self) -> bool {
        matches!(self, RecordingError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// `None` where the file is too long.
fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it isn't a regular file"));
    }
    if metadata.len() > MOST {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MOST).then_some(bytes))
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "; run as root (sudo) or as the service's user",
        _ => "",
    }
}
