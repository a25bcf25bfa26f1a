//! The state directory while no daemon runs: what `cwmem spool` looks at and changes. Each file is
//! read when its turn comes, so that a long backlog takes no more memory than a short one.

mod adopt;
mod aside;

#[cfg(test)]
mod tests;

pub use adopt::Adopted;
pub use aside::{Aside, AsideError};

use crate::owner::Owner;
use crate::spool::Key;
use crate::spool::folder::{OWNER, OpenError, QUARANTINE, SPOOL, lock};
use crate::spool::inventory::{Name, UNDECIDED};
use crate::spool::text::{self, Damage};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

/// The state directory, held against a daemon that wants to start.
#[derive(Debug)]
pub struct Offline {
    root: PathBuf,
    /// This host, as far as it is known without asking anyone.
    own: Owner,
    boot_id: String,
    /// None on a file system that can't be written: no daemon uses that.
    _lock: Option<File>,
}

#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("{}: there is no such directory: cwmem run makes it; state.directory names another", .0.display())]
    Missing(PathBuf),
    #[error("{}: the agent runs with this state directory: stop it first (systemctl stop cwmem), or use cwmem status", .0.display())]
    Running(PathBuf),
    #[error("{}: only the state directory's owner and root may do that: run as root (sudo) or as the service's user", .0.display())]
    Denied(PathBuf),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// A file, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// From the state directory.
    pub file: String,
    /// `None` where its name isn't that of a part.
    pub key: Option<Key>,
    pub datums: usize,
    /// Allocated on the disk.
    pub bytes: u64,
    pub state: State,
    /// Will be sent once the daemon runs and nothing stands against it.
    pub waits: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Ready,
    /// Some of it waits for the host's InstanceId.
    Pending,
    Foreign {
        owner: String,
    },
    Damaged {
        reason: String,
    },
    Newer {
        reason: String,
    },
    /// Of a cluster, and may have arrived: it isn't sent again.
    Offered,
    /// Datums that CloudWatch refused, each with why.
    Rejected,
    /// Nothing of ours.
    Unknown,
}

impl Offline {
    pub fn open(root: &Path, own: Owner, boot_id: &str) -> Result<Offline, OfflineError> {
        if let Err(source) = fs::read_dir(root) {
            return Err(OfflineError::of(root, source));
        }
        let lock = match lock(root) {
            Ok(lock) => Some(lock),
            Err(OpenError::Io { source, .. })
                if source.kind() == io::ErrorKind::ReadOnlyFilesystem =>
            {
                None
            }
            Err(OpenError::Locked { path }) => return Err(OfflineError::Running(path)),
            Err(OpenError::Io { path, source }) => return Err(OfflineError::of(&path, source)),
        };
        let offline =
            Offline { root: root.to_owned(), own, boot_id: boot_id.to_owned(), _lock: lock };
        offline.give(&root.join(LOCK)).map_err(|source| OfflineError::of(root, source))?;
        Ok(offline)
    }

    /// Every file, those to be sent first, each folder in the order of its names. Only the names are
    /// gathered; each file is read when it is asked for.
    pub fn list(&self) -> Result<impl Iterator<Item = Result<Listed, OfflineError>>, OfflineError> {
        let quarantine = Path::new(QUARANTINE);
        let mut files = Vec::new();
        for folder in [Path::new(SPOOL), Path::new(UNDECIDED), quarantine] {
            files.extend(self.files(folder)?);
        }
        for folder in self.folders(quarantine)? {
            files.extend(self.files(&folder)?);
        }
        Ok(files.into_iter().filter_map(|file| self.look(file).transpose()))
    }

    /// What isn't there any more, or says nothing to be sent, isn't listed.
    fn look(&self, file: PathBuf) -> Result<Option<Listed>, OfflineError> {
        let key = match part(&file) {
            Some((key, _)) => Some(key),
            None if let Some(Name::Offered(key)) = Name::parse(&file) => Some(key),
            None if matches!(Name::parse(&file), Some(Name::Taken(_) | Name::Partial)) => {
                return Ok(None);
            }
            None => None,
        };
        let path = self.root.join(&file);
        let read =
            fs::metadata(&path).and_then(|found| Ok((found.blocks() * 512, fs::read(&path)?)));
        let (bytes, text) = match read {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OfflineError::of(&path, error)),
        };
        let quarantined = file.starts_with(QUARANTINE);
        let state = match key {
            Some(_) if part(&file).is_none() => State::Offered,
            Some(_) => self.state(&text, quarantined),
            None if file.to_string_lossy().contains("/rejected.") => State::Rejected,
            None => State::Unknown,
        };
        let datums = match state {
            State::Rejected => {
                text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count()
            }
            State::Unknown => 0,
            _ => text::datums(&text),
        };
        let waits = !quarantined && matches!(state, State::Ready | State::Pending);
        Ok(Some(Listed { file: file.display().to_string(), key, datums, bytes, state, waits }))
    }

    fn state(&self, text: &[u8], quarantined: bool) -> State {
        match text::read(text) {
            Ok((head, content)) => {
                if !self.is_own(&head.owner) && (quarantined || !self.will_load(&head)) {
                    State::Foreign { owner: head.owner }
                } else if content.pending.is_some() {
                    State::Pending
                } else {
                    State::Ready
                }
            }
            Err(damage @ Damage::Newer { .. }) => State::Newer { reason: damage.to_string() },
            Err(damage) => State::Damaged { reason: damage.to_string() },
        }
    }

    fn is_own(&self, owner: &str) -> bool {
        self.own.is_same(&Owner::parse(owner))
    }

    fn is_of_boot(&self, head: &text::Head) -> bool {
        !self.boot_id.is_empty() && head.boot_id == self.boot_id
    }

    /// Whether the daemon takes it for this host's whatever name it bears: in one boot there is one
    /// host, but all of another host's directory is another host's.
    fn will_load(&self, head: &text::Head) -> bool {
        let stored = fs::read_to_string(self.root.join(OWNER));
        self.is_of_boot(head) && stored.is_ok_and(|stored| self.is_own(&stored))
    }

    /// The files in a folder, from the state directory; none where there is no folder.
    fn files(&self, folder: &Path) -> Result<Vec<PathBuf>, OfflineError> {
        self.entries(folder, fs::FileType::is_file)
    }

    fn folders(&self, folder: &Path) -> Result<Vec<PathBuf>, OfflineError> {
        self.entries(folder, fs::FileType::is_dir)
    }

    fn entries(
        &self,
        folder: &Path,
        wanted: impl Fn(&fs::FileType) -> bool,
    ) -> Result<Vec<PathBuf>, OfflineError> {
        let path = self.root.join(folder);
        let failed = |source| OfflineError::of(&path, source);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if wanted(&entry.file_type().map_err(failed)?) {
                found.push(folder.join(entry.file_name()));
            }
        }
        found.sort_by_cached_key(|path| (part(path), path.clone()));
        Ok(found)
    }

    /// Whoever runs this, files stay the daemon's: it has to remove them.
    fn give(&self, path: &Path) -> io::Result<()> {
        let (owner, file) = (fs::metadata(&self.root)?, fs::metadata(path));
        match file {
            Ok(file) if (file.uid(), file.gid()) == (owner.uid(), owner.gid()) => Ok(()),
            Ok(_) => chown(path, Some(owner.uid()), Some(owner.gid())),
            Err(_) => Ok(()),
        }
    }
}

impl Listed {
    /// It waits until this host knows its instance.
    pub fn is_undecided(&self) -> bool {
        Path::new(&self.file).starts_with(UNDECIDED)
    }
}

impl OfflineError {
    fn of(path: &Path, source: io::Error) -> OfflineError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => OfflineError::Missing(path),
            io::ErrorKind::PermissionDenied => OfflineError::Denied(path),
            _ => OfflineError::Io { path, source },
        }
    }
}

/// The part that a file's name tells, whether it is where it was written or set aside one by one.
fn part(file: &Path) -> Option<(Key, bool)> {
    let name = file.file_name()?.to_str()?;
    let name = SET_ASIDE.iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or(name);
    match Name::parse(Path::new(name))? {
        Name::Part(key, pending) => Some((key, pending)),
        Name::Taken(_) | Name::Offered(_) | Name::Partial => None,
    }
}

const LOCK: &str = "lock";
/// What the daemon puts before the name of a file that it sets aside.
const SET_ASIDE: [&str; 3] = ["damaged.", FOREIGN, "newer."];
const FOREIGN: &str = "foreign.";
