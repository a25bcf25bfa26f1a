//! The state directory: the spool's files and what is set aside of them, one thin operation each.
//!
//! A file is whole or absent: written under another name, flushed, renamed, and the folder flushed.
//! The file of the newest delivered part stays under the name `taken.SEQUENCE` until a later one
//! takes its place: its name keeps `taken_through` for the price of a rename, without a flush.

use crate::clock::Moment;
use crate::clock::Timestamp;
use crate::owner::Owner;
use crate::spool::inventory::{Found, Name};
use crate::spool::text::{self, Content, Damage, Head};
use crate::spool::{Filed, Key};
use rustix::fs::FlockOperation;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The state directory, locked.
#[derive(Debug)]
pub struct Folder {
    pub(super) root: PathBuf,
    owner: String,
    pub(super) boot_id: String,
    pub(super) taken: u64,
    _lock: File,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{}: another cwmem runs with this state directory", path.display())]
    Locked { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// What a file was that can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum Unsent {
    #[error("{0}")]
    Damage(#[from] Damage),
    #[error("it is another host's: {0}")]
    Foreign(String),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Folder {
    /// Takes the lock and looks what is there.
    pub fn open(root: &Path, owner: &Owner, boot_id: &str) -> Result<(Folder, Found), OpenError> {
        let io = |source| OpenError::Io { path: root.to_owned(), source };
        make_folder(&root.join(SPOOL)).map_err(io)?;
        let lock = lock(root)?;
        let mut folder = Folder {
            root: root.to_owned(),
            owner: owner.to_string(),
            boot_id: boot_id.to_owned(),
            taken: 0,
            _lock: lock,
        };
        let found = folder.look(owner).map_err(io)?;
        Ok((folder, found))
    }

    /// Notes what is known of the owner by now.
    pub fn own(&mut self, owner: &Owner) -> io::Result<()> {
        self.owner = owner.to_string();
        let path = self.root.join(OWNER);
        if fs::read_to_string(&path).is_ok_and(|text| text.trim() == self.owner) {
            return Ok(());
        }
        whole(&path, format!("{}\n", self.owner).as_bytes(), true)
    }

    /// Writes a part; says how many KiB of the disk it takes.
    pub fn write(&mut self, key: Key, closed: Moment, content: &Content) -> io::Result<u32> {
        let head = Head::new(&self.owner, &self.boot_id, key.through, closed);
        let path = self.path(key, content.waits());
        let written = whole(&path, &text::write(&head, content), true);
        let written = written.or_else(|error| match error.kind() {
            // Somebody removed the directory: it is made anew, once.
            io::ErrorKind::NotFound => {
                make_folder(&self.root.join(SPOOL))?;
                let owner = format!("{}\n", self.owner);
                whole(&self.root.join(OWNER), owner.as_bytes(), true)?;
                whole(&path, &text::write(&head, content), true)
            }
            _ => Err(error),
        });
        let written = written.and_then(|()| Ok(kib(&fs::metadata(&path)?)));
        if written.is_err() {
            // What isn't known to be there must not be found by the next start.
            let _ = fs::remove_file(&path);
        }
        written
    }

    /// Writes what is left of a part in its file's place. Not flushed: the file of before says more
    /// than is left to be sent, never less.
    pub fn replace(&mut self, key: Key, closed: Moment, content: &Content) -> io::Result<()> {
        let head = Head::new(&self.owner, &self.boot_id, key.through, closed);
        let [_, _, marked] = self.paths(key);
        let path = if marked.exists() { marked } else { self.path(key, content.waits()) };
        whole(&path, &text::write(&head, content), false)?;
        absent(fs::remove_file(self.path(key, !content.waits())))
    }

    /// The part is delivered.
    pub fn remove(&mut self, key: Key) -> io::Result<()> {
        let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let paths = self.paths(key);
        if key.through <= self.taken {
            return paths.iter().try_for_each(|path| absent(fs::remove_file(path)));
        }
        let place = self.taken_path(key.through);
        let mut renames = paths.iter().map(|path| fs::rename(path, &place));
        match renames.find(|renamed| !renamed.as_ref().is_err_and(gone)) {
            // Somebody removed it, and the mark with it.
            None => return Ok(()),
            Some(renamed) => renamed?,
        }
        let before = std::mem::replace(&mut self.taken, key.through);
        if before > 0 {
            absent(fs::remove_file(self.taken_path(before)))?;
        }
        Ok(())
    }

    /// The part is given up: when it was closed, in which boot, and how many datums it held; at
    /// least one, whatever is left of it.
    pub fn drop(&mut self, file: Filed) -> io::Result<(Option<(Moment, String)>, usize)> {
        let bytes = self.read(file).map(|(_, bytes)| bytes).unwrap_or_default();
        let lost = text::datums(&bytes).max(1);
        let head = text::read(&bytes).ok().map(|(head, _)| (head.closed(), head.boot_id));
        self.remove(file.key)?;
        Ok((head, lost))
    }

    /// Reads a part back. What can't be sent is set aside; how many datums that may have been.
    pub fn load(&mut self, file: Filed) -> Result<(Head, Content), (Unsent, usize)> {
        let (path, bytes) = self.read(file).map_err(|error| {
            // What can't be read now may be read by the next start; what isn't there won't.
            let gone = error.kind() == io::ErrorKind::NotFound;
            (error.into(), usize::from(gone))
        })?;
        let (reason, aside) = match text::read(&bytes) {
            Ok((head, content)) => {
                // No two hosts share a boot, whatever is known of their names.
                let same_boot = !self.boot_id.is_empty() && head.boot_id == self.boot_id;
                if same_boot || Owner::parse(&self.owner).is_same(&Owner::parse(&head.owner)) {
                    return Ok((head, content));
                }
                (Unsent::Foreign(head.owner), "foreign")
            }
            Err(damage @ Damage::Newer { .. }) => (damage.into(), "newer"),
            Err(damage) => (damage.into(), "damaged"),
        };
        let lost = text::datums(&bytes).max(1);
        // Where it can't be set aside it is passed over all the same, until the next start.
        let _ = self.set_aside(&path, aside);
        Err((reason, lost))
    }

    /// Keeps a line that the service refused, with why.
    pub fn quarantine(&self, datum: &str, reason: &str, when: Timestamp) -> io::Result<()> {
        let folder = self.root.join(QUARANTINE);
        make_folder(&folder)?;
        let path = folder.join("rejected.jsonl");
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > REJECTED_BYTES) {
            fs::rename(&path, folder.join("rejected.before.jsonl"))?;
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        let reason = serde_json::to_string(reason).unwrap_or_default();
        file.write_all(
            format!("{{\"When\":\"{when}\",\"Reason\":{reason},\"Datum\":{datum}}}\n").as_bytes(),
        )
    }

    /// Under another name where what is left of it, or that it isn't offered, couldn't be noted.
    fn read(&self, file: Filed) -> io::Result<(PathBuf, Vec<u8>)> {
        let [plain, pending, marked] = self.paths(file.key);
        let [first, second] = if file.pending { [pending, plain] } else { [plain, pending] };
        let path = [first.clone(), second, marked].into_iter().find(|path| path.exists());
        let path = path.unwrap_or(first);
        fs::read(&path).map(|bytes| (path, bytes))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, key: Key, pending: bool) -> PathBuf {
        self.root.join(SPOOL).join(Name::Part(key, pending).to_string())
    }

    pub(super) fn taken_path(&self, through: u64) -> PathBuf {
        self.root.join(SPOOL).join(Name::Taken(through).to_string())
    }

    /// Bounded: the oldest by name goes for what is new.
    fn set_aside(&self, path: &Path, kind: &str) -> io::Result<()> {
        let folder = self.root.join(QUARANTINE);
        make_folder(&folder)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        fs::rename(path, folder.join(format!("{kind}.{name}")))?;
        let prefix = format!("{kind}.");
        let mut names: Vec<_> = fs::read_dir(&folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(&prefix))
            .collect();
        names.sort();
        let surplus = names.len().saturating_sub(SET_ASIDE_FILES);
        names.iter().take(surplus).try_for_each(|name| fs::remove_file(folder.join(name)))
    }
}

/// Only one daemon at a time; the lock goes with the process.
pub(super) fn lock(root: &Path) -> Result<File, OpenError> {
    let path = root.join(LOCK);
    let io = |source| OpenError::Io { path: path.clone(), source };
    let mut options = OpenOptions::new();
    let file =
        options.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(io)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked { path: root.to_owned() }),
        Err(error) => Err(io(error.into())),
    }
}

/// What is measured on a host is not for everyone to read.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(super) fn whole(path: &Path, bytes: &[u8], flushed: bool) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    let partial = path.with_file_name(name);
    let result = write_and_rename(&partial, path, bytes, flushed);
    if result.is_err() {
        // Where there is no room, it takes some.
        let _ = fs::remove_file(&partial);
    }
    result
}

fn write_and_rename(partial: &Path, path: &Path, bytes: &[u8], flushed: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(partial)?;
    file.write_all(bytes)?;
    if flushed {
        file.sync_all()?;
    }
    drop(file);
    fs::rename(partial, path)?;
    match path.parent() {
        Some(parent) if flushed => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// What isn't there needn't be removed.
pub(super) fn absent(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

/// st_blocks counts 512 bytes each (stat(2)).
pub(super) fn kib(metadata: &fs::Metadata) -> u32 {
    u32::try_from(metadata.blocks().div_ceil(2)).unwrap_or(u32::MAX)
}

pub(super) const SPOOL: &str = "spool";
pub(super) const QUARANTINE: &str = "quarantine";
pub(super) const OWNER: &str = "owner";
const LOCK: &str = "lock";
pub(super) const TAKEN: &str = "taken.";
pub(super) const PENDING: &str = ".pending";
pub(super) const ENDING: &str = ".jsonl";
pub(super) const OFFERED: &str = ".offered";
pub(super) const PARTIAL: &str = ".partial";
const REJECTED_BYTES: u64 = 1024 * 1024;
const SET_ASIDE_FILES: usize = 100;

#[cfg(test)]
mod tests;
