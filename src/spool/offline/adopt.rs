//! Another owner's data becomes this host's to send, its dimensions unchanged.

use crate::owner::Owner;
use crate::spool::Key;
use crate::spool::folder::{ENDING, OWNER, PENDING, QUARANTINE, SPOOL, absent, make_folder, whole};
use crate::spool::inventory::{Name, UNDECIDED};
use crate::spool::offline::{FOREIGN, Offline, OfflineError, part};
use crate::spool::text::{self, Content, Head};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What was taken over, and what wasn't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adopted {
    pub files: usize,
    pub datums: usize,
    /// Whose they were.
    pub owners: Vec<String>,
    /// They have no InstanceId and can't get one from this host: they stay set aside.
    pub pending: usize,
    /// Damaged, or of a newer format: they stay where they are.
    pub unreadable: usize,
    /// Another host's recordings: they stay, for `cwmem history --file`.
    pub recordings: Vec<PathBuf>,
}

impl Adopted {
    fn count(&mut self, head: &Head, datums: usize) {
        self.files += 1;
        self.datums += datums;
        if !self.owners.contains(&head.owner) {
            self.owners.push(head.owner.clone());
        }
    }
}

impl Offline {
    /// Takes over what was set aside as another host's, and what waits until it is known whose it is.
    pub fn adopt(&self) -> Result<Adopted, OfflineError> {
        let failed = |source| OfflineError::of(&self.root, source);
        let mut adopted = Adopted::default();
        let spool = self.root.join(SPOOL);
        make_folder(&spool).and_then(|()| self.give(&spool)).map_err(failed)?;
        // What the state's samples were taken through stands in these names: they are kept.
        for folder in [SPOOL, UNDECIDED] {
            for file in self.files(Path::new(folder))? {
                self.take_over(&file, Place::Kept, &mut adopted)?;
            }
        }
        absent_or_full(fs::remove_dir(self.root.join(UNDECIDED))).map_err(failed)?;
        let quarantine = Path::new(QUARANTINE);
        let is_foreign = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(FOREIGN))
        };
        for file in self.files(quarantine)?.into_iter().filter(is_foreign) {
            self.take_over(&file, Place::SetAside, &mut adopted)?;
        }
        for folder in self.folders(quarantine)?.into_iter().filter(is_foreign) {
            for file in self.files(&folder)? {
                self.take_over(&file, Place::SetAside, &mut adopted)?;
            }
            absent_or_full(fs::remove_dir(self.root.join(&folder))).map_err(failed)?;
        }
        self.sign().map_err(failed)?;
        let recordings = RECORDINGS.iter().map(|name| self.root.join(name));
        adopted.recordings = recordings.filter(|path| path.exists()).collect();
        Ok(adopted)
    }

    fn take_over(
        &self,
        file: &Path,
        place: Place,
        adopted: &mut Adopted,
    ) -> Result<(), OfflineError> {
        let path = self.root.join(file);
        self.try_to_take_over(file, &path, place, adopted)
            .map_err(|source| OfflineError::of(&path, source))
    }

    fn try_to_take_over(
        &self,
        file: &Path,
        path: &Path,
        place: Place,
        adopted: &mut Adopted,
    ) -> io::Result<()> {
        let here = file.starts_with(SPOOL);
        let Some((key, pending)) = part(file) else {
            return match (Name::parse(file), place) {
                (Some(Name::Taken(_)), Place::Kept) if !here => {
                    let name = file.file_name().unwrap_or_default();
                    fs::rename(path, self.root.join(SPOOL).join(name))
                }
                // Another ring's.
                (Some(Name::Taken(_) | Name::Partial), Place::SetAside) => fs::remove_file(path),
                _ => Ok(()),
            };
        };
        let Ok((head, content)) = text::read(&fs::read(path)?) else {
            adopted.unreadable += 1;
            return Ok(());
        };
        // While this host doesn't know its instance, what names one may turn out to be another's.
        let open = self.own.undecided(&Owner::parse(&head.owner));
        if self.is_own(&head.owner) && !open {
            if here {
                return Ok(());
            }
            adopted.count(&head, content.datums.len());
            return fs::rename(path, self.path(self.free(key, place), pending));
        }
        self.rewrite(path, (key, place), (head, content), adopted)
    }

    /// Whole at its new place before it goes from the old one: cut short, it is there twice.
    fn rewrite(
        &self,
        path: &Path,
        (key, place): (Key, Place),
        (head, content): (Head, Content),
        adopted: &mut Adopted,
    ) -> io::Result<()> {
        let Content { datums, pending } = content;
        // What this boot wrote is completed when the InstanceId is known.
        let (kept, pending) =
            if self.is_of_boot(&head) { (pending, None) } else { (None, pending) };
        let own = self.own.to_string();
        let stays = path.parent() == Some(&self.root.join(SPOOL)) && pending.is_none();
        if !datums.is_empty() || kept.is_some() {
            let key = if stays { key } else { self.free(key, place) };
            adopted.count(&head, datums.len());
            let content = Content { datums, pending: kept };
            let target = self.path(key, content.waits());
            let adopted = Head::new(&own, &head.boot_id, key.through, head.closed());
            let text = text::write(&adopted, &content);
            whole(&target, &text, true)?;
            self.give(&target)?;
            if stays {
                return Ok(());
            }
        }
        if let Some(pending) = pending {
            adopted.pending += pending.len();
            let folder = self.root.join(QUARANTINE);
            make_folder(&folder)?;
            self.give(&folder)?;
            let name = |key| folder.join(format!("{FOREIGN}{key}{PENDING}{ENDING}"));
            let mut key = key;
            while name(key) != path && name(key).exists() {
                key.extra += 1;
            }
            let rest = name(key);
            let content = Content { datums: Vec::new(), pending: Some(pending) };
            whole(&rest, &text::write(&head, &content), true)?;
            self.give(&rest)?;
            if rest == path {
                return Ok(());
            }
        }
        fs::remove_file(path)
    }

    /// A place in the spool that is free. Sequences of another host's ring mean nothing in this one.
    fn free(&self, key: Key, place: Place) -> Key {
        let mut key = match place {
            Place::Kept => key,
            Place::SetAside => Key { through: 0, extra: 0, ..key },
        };
        while self.path(key, false).exists() || self.path(key, true).exists() {
            key.extra += 1;
        }
        key
    }

    fn path(&self, key: Key, pending: bool) -> PathBuf {
        let mark = if pending { PENDING } else { "" };
        self.root.join(SPOOL).join(format!("{key}{mark}{ENDING}"))
    }

    /// The state is this host's from now on, or the daemon would set it aside again.
    fn sign(&self) -> io::Result<()> {
        let path = self.root.join(OWNER);
        let stored = fs::read_to_string(&path).map(|text| Owner::parse(&text)).ok();
        let fine = |stored: &Owner| self.own.is_same(stored) && !self.own.undecided(stored);
        if stored.as_ref().is_some_and(fine) {
            return Ok(());
        }
        whole(&path, format!("{}\n", self.own).as_bytes(), true)?;
        self.give(&path)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Beside the ring whose sequences it counts.
    Kept,
    SetAside,
}

fn absent_or_full(result: io::Result<()>) -> io::Result<()> {
    absent(result).or_else(|error| match error.kind() {
        io::ErrorKind::DirectoryNotEmpty => Ok(()),
        _ => Err(error),
    })
}

/// Where the daemon puts a recording of another host's.
const RECORDINGS: [&str; 2] = ["ring.foreign", "processes.foreign"];
