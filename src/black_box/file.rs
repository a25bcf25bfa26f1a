//! The black box's file: opened, continued, copied and read; what doesn't fit is set aside.

use crate::black_box::format::{
    self, Contents, ENTRIES, ENTRY, Entry, FormatError, HEADER, Heading, Reason,
};
use crate::clock::Moment;
use crate::owner::Owner;
use crate::source::process::{ListError, Process};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Appends to one file; several threads may.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    last: AtomicU64,
}

pub struct Opened {
    pub writer: Writer,
    pub set_aside: Option<SetAside>,
}

/// A file that stood in the way, and where it is now.
#[derive(Debug, PartialEq, Eq)]
pub struct SetAside {
    pub path: PathBuf,
    /// For people.
    pub reason: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    List(#[from] ListError),
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Format { path: PathBuf, source: FormatError },
}

impl Writer {
    pub fn open(directory: &Path, heading: &Heading) -> Result<Opened, Error> {
        let path = directory.join(NAME);
        fs::create_dir_all(directory).map_err(|source| io_error("make", directory, source))?;
        let set_aside = match read(&path) {
            Ok(found) if !is_same_owner(&found.heading, heading) => {
                Some(set_foreign_aside(&path, &found.heading)?)
            }
            Ok(found) if found.heading.boot_id == heading.boot_id => {
                let last = found.entries.last().map_or(0, |entry| entry.sequence);
                return Ok(Opened { writer: Writer::of(path, last)?, set_aside: None });
            }
            Ok(_) => {
                set_aside(&path, "before", String::new())?;
                None
            }
            Err(error) if error.is_not_found() => None,
            Err(Error::Format { source, .. }) => Some(set_unreadable_aside(&path, source)?),
            Err(error) => return Err(error),
        };
        write_whole(&path, &format::header(heading))?;
        Ok(Opened { writer: Writer::of(path, 0)?, set_aside })
    }

    /// Writes one entry in one call.
    pub fn append(
        &self,
        taken: Moment,
        reason: Reason,
        processes: Vec<Process>,
    ) -> Result<(), Error> {
        let sequence = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let entry = Entry { sequence, taken, reason, processes };
        let written = self.file.write_all_at(&format::entry(&entry), format::offset(sequence));
        written.map_err(|source| io_error("write", &self.path, source))
    }

    fn of(path: PathBuf, last: u64) -> Result<Writer, Error> {
        let file = OpenOptions::new().write(true).open(&path);
        let file = file.map_err(|source| io_error("open", &path, source))?;
        Ok(Writer { path, file, last: AtomicU64::new(last) })
    }
}

impl Error {
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::Io { source, .. } if source.kind() == ErrorKind::NotFound)
    }
}

/// Reads a black box: the live one, a copy, or a dead host's.
pub fn read(path: &Path) -> Result<Contents, Error> {
    let bytes = read_bytes(path)?;
    format::parse(&bytes).map_err(|source| Error::Format { path: path.to_owned(), source })
}

/// Brings the copy in `to` up to the live file in `from`: writes the entries after `copied` (`None`
/// where that isn't known), or the whole file where it is another one. Says up to which sequence it
/// is copied now, and what stood in the way.
pub fn copy(from: &Path, to: &Path, copied: Option<u64>) -> Result<(u64, Option<SetAside>), Error> {
    let (live, target) = (from.join(NAME), to.join(NAME));
    // While all is well nothing comes: an hour of empty slots need not be looked through for it.
    if let Some(copied) = copied.filter(|_| target.is_file())
        && !follows(&live, copied).map_err(|source| io_error("read", &live, source))?
    {
        return Ok((copied, None));
    }
    let bytes = read_bytes(&live)?;
    let contents = format::parse(&bytes);
    let contents = contents.map_err(|source| Error::Format { path: live, source })?;
    let newest = contents.entries.last().map_or(0, |entry| entry.sequence);
    let set_aside = match read(&target) {
        Ok(found) if found.heading == contents.heading => {
            let file = OpenOptions::new().write(true).open(&target);
            let file = file.map_err(|source| io_error("open", &target, source))?;
            for entry in contents.entries.iter().filter(|entry| Some(entry.sequence) > copied) {
                let written =
                    file.write_all_at(&format::entry(entry), format::offset(entry.sequence));
                written.map_err(|source| io_error("write", &target, source))?;
            }
            return Ok((newest, None));
        }
        // Who holds the memory before a boot is what is asked after it.
        Ok(found) if is_same_owner(&found.heading, &contents.heading) => {
            if !found.entries.is_empty() {
                set_aside(&target, "before", String::new())?;
            }
            None
        }
        Ok(found) => Some(set_foreign_aside(&target, &found.heading)?),
        Err(Error::Format { source, .. }) => Some(set_unreadable_aside(&target, source)?),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    write_whole(&target, &bytes)?;
    Ok((newest, set_aside))
}

/// Whether the slot of the next entry holds more than what was there an hour before.
fn follows(live: &Path, copied: u64) -> io::Result<bool> {
    let mut sequence = [0; 8];
    // The file may end before its last slots.
    let length = File::open(live)?.read_at(&mut sequence, format::offset(copied + 1))?;
    Ok(length == sequence.len() && u64::from_le_bytes(sequence) > copied)
}

fn is_same_owner(one: &Heading, other: &Heading) -> bool {
    Owner::parse(&one.owner).is_same(&Owner::parse(&other.owner))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let error = |source| io_error("read", path, source);
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(error)?.is_file() {
        return Err(error(io::Error::new(ErrorKind::InvalidInput, "it isn't a regular file")));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(error)?.take(LONGEST as u64);
    file.read_to_end(&mut bytes).map_err(error)?;
    Ok(bytes)
}

fn set_foreign_aside(path: &Path, heading: &Heading) -> Result<SetAside, Error> {
    set_aside(path, "foreign", format!("it is of another host, {:?}", heading.owner))
}

fn set_unreadable_aside(path: &Path, error: FormatError) -> Result<SetAside, Error> {
    let suffix = match error {
        FormatError::Newer(_) => "newer",
        FormatError::Other | FormatError::Damaged => "damaged",
    };
    set_aside(path, suffix, error.to_string())
}

/// Renames the file; one that was set aside for the same reason before gives way.
fn set_aside(path: &Path, suffix: &str, reason: String) -> Result<SetAside, Error> {
    let aside = path.with_extension(suffix);
    fs::rename(path, &aside).map_err(|source| io_error("set aside", path, source))?;
    Ok(SetAside { path: aside, reason })
}

/// The file is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let partial = path.with_extension("partial");
    let mut options = OpenOptions::new();
    // For its owner and root: it names what runs on the host.
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        // Zeros that nobody has to write: room is taken as entries come.
        file.set_len(LONGEST as u64)
    });
    written.map_err(|source| io_error("write", &partial, source))?;
    fs::rename(&partial, path).map_err(|source| io_error("put in place", path, source))
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { what, path: path.to_owned(), source }
}

/// The file's name beside the recorder's ring; that of an earlier boot has `.before` after it.
pub const NAME: &str = "processes";
const LONGEST: usize = HEADER + ENTRIES * ENTRY;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Boottime, Timestamp};

    fn heading(owner: &str, boot_id: &str) -> Heading {
        Heading { owner: owner.into(), boot_id: boot_id.into() }
    }

    fn open(directory: &Path, owner: &str, boot_id: &str) -> (Writer, Option<SetAside>) {
        let opened = Writer::open(directory, &heading(owner, boot_id));
        let Opened { writer, set_aside } = opened.unwrap();
        (writer, set_aside)
    }

    fn append(writer: &Writer, second: i64) {
        let taken = Moment { wall: Timestamp(second * 1_000), boot: Boottime(0) };
        writer.append(taken, Reason::OomKill, Vec::new()).unwrap();
    }

    fn seconds(path: &Path) -> Vec<i64> {
        read(path).unwrap().entries.iter().map(|entry| entry.taken.wall.0 / 1_000).collect()
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_continued_and_wraps() {
        let folder = tempfile::tempdir().unwrap();
        append(&open(folder.path(), "a", "1").0, 0);
        let (writer, set_aside) = open(folder.path(), "a", "1");
        assert_eq!(set_aside, None);
        (1..400).for_each(|second| append(&writer, second));
        let path = folder.path().join(NAME);
        assert_eq!(seconds(&path), (40..400).collect::<Vec<_>>());
        assert_eq!(fs::metadata(&path).unwrap().len(), LONGEST as u64);
        assert_eq!(names(folder.path()), ["processes"]);
    }

    #[test]
    fn what_does_not_fit_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        append(&open(folder.path(), "a", "1").0, 1);
        let (writer, set_aside) = open(folder.path(), "a", "2");
        assert_eq!(set_aside, None, "an earlier boot's is nothing to worry about");
        append(&writer, 2);
        let (_, set_aside) = open(folder.path(), "b", "2");
        let foreign = folder.path().join("processes.foreign");
        let reason = "it is of another host, \"a\"".to_owned();
        assert_eq!(set_aside, Some(SetAside { path: foreign.clone(), reason }));
        assert_eq!(seconds(&foreign), [2]);
        assert_eq!(seconds(&folder.path().join("processes.before")), [1]);
        fs::write(folder.path().join(NAME), "nonsense").unwrap();
        assert!(open(folder.path(), "b", "2").1.unwrap().reason.contains("isn't a black box"));
        fs::write(folder.path().join(NAME), b"cwmemPRC\x07\0\0\0").unwrap();
        assert!(open(folder.path(), "b", "2").1.unwrap().reason.contains("format 7"));
        let all = ["", ".before", ".damaged", ".foreign", ".newer"];
        assert_eq!(names(folder.path()), all.map(|suffix| format!("processes{suffix}")));
    }

    #[test]
    fn a_copy_takes_what_is_new() {
        let (live, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let copied = |from| copy(live.path(), copies.path(), from).unwrap().0;
        let target = copies.path().join(NAME);
        let (writer, _) = open(live.path(), "a", "1");
        assert_eq!(copied(None), 0);
        append(&writer, 1);
        append(&writer, 2);
        assert_eq!(copied(Some(0)), 2);
        assert_eq!(copied(Some(2)), 2, "nothing is new");
        append(&writer, 3);
        assert_eq!(copied(Some(2)), 3);
        assert_eq!(seconds(&target), [1, 2, 3]);
        let (writer, _) = open(live.path(), "a", "2");
        append(&writer, 9);
        assert_eq!(copied(None), 1, "as a start does");
        assert_eq!(seconds(&target), [9]);
        assert_eq!(seconds(&copies.path().join("processes.before")), [1, 2, 3]);
        fs::write(&target, "nonsense").unwrap();
        assert_eq!(copied(None), 1);
        assert_eq!(seconds(&target), [9]);
        assert_eq!(names(copies.path()), ["processes", "processes.before", "processes.damaged"]);
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let path = Path::new("/proc/run");
        let error = Writer::open(path, &heading("a", "1")).err().unwrap().to_string();
        assert!(error.starts_with("cannot make /proc/run: "), "{error}");
    }
}
