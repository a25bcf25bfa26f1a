//! What earlier runs left in the state directory, and whose it is.

use crate::owner::Owner;
use crate::spool::folder::{
    ENDING, Folder, OFFERED, OWNER, PARTIAL, PENDING, QUARANTINE, SPOOL, TAKEN, absent, kib,
    make_folder,
};
use crate::spool::text;
use crate::spool::{Filed, Key};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// What a daemon finds when it starts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub files: Vec<Filed>,
    pub taken_through: u64,
    /// Datums of another host's, in quarantine now.
    pub foreign: usize,
    /// Datums that an earlier run may have sent and that may be sent once only.
    pub offered: usize,
    /// Whose files wait until it is known which instance this host is.
    pub undecided: Option<Owner>,
}

impl Folder {
    /// What was found before this host knew its instance is its own, or another host's.
    pub fn decide(&mut self, owner: &Owner, foreign: bool) -> io::Result<Found> {
        let undecided = self.root.join(UNDECIDED);
        if foreign && !vouched(&undecided, owner) {
            let files = self.take_back()?;
            return Ok(Found { files, foreign: self.disown(UNDECIDED)?, ..Found::default() });
        }
        let mut found = Found::default();
        for entry in fs::read_dir(&undecided)? {
            let entry = entry?;
            let place = self.root.join(SPOOL).join(entry.file_name());
            match Name::parse(&place) {
                Some(Name::Part(key, pending)) => {
                    fs::rename(entry.path(), &place)?;
                    found.files.push(Filed { key, kib: kib(&fs::metadata(&place)?), pending });
                }
                // What was taken stays taken after the next start too.
                Some(Name::Taken(through)) if through > self.taken => {
                    fs::rename(entry.path(), &place)?;
                    let before = std::mem::replace(&mut self.taken, through);
                    absent(fs::remove_file(self.taken_path(before)))?;
                }
                _ => {}
            }
        }
        fs::remove_dir_all(undecided)?;
        Ok(found)
    }

    /// An earlier run of this boot may have waited for the instance too: what it wrote lies with the
    /// rest, and is this host's.
    fn take_back(&self) -> io::Result<Vec<Filed>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.root.join(UNDECIDED))? {
            let path = entry?.path();
            let place = self.root.join(SPOOL).join(path.file_name().unwrap_or_default());
            let Some(Name::Part(key, pending)) = Name::parse(&path) else { continue };
            let Ok((head, _)) = text::read(&fs::read(&path)?) else { continue };
            if !self.boot_id.is_empty() && head.boot_id == self.boot_id {
                fs::rename(&path, &place)?;
                files.push(Filed { key, kib: kib(&fs::metadata(&place)?), pending });
            }
        }
        Ok(files)
    }

    pub(super) fn look(&mut self, owner: &Owner) -> io::Result<Found> {
        let offered = self.drop_offered()?;
        let mut found = Found { offered, ..self.sort_out(owner)? };
        if found.undecided.is_none() {
            self.own(owner)?;
        }
        // Counted first: a list that grows to tens of thousands leaves holes as large as itself.
        let count = fs::read_dir(self.root.join(SPOOL))?.count();
        let mut names = Vec::with_capacity(count);
        for entry in fs::read_dir(self.root.join(SPOOL))? {
            let entry = entry?;
            match Name::parse(&entry.path()) {
                // One that can't be removed is in nobody's way.
                Some(Name::Partial) => drop(fs::remove_file(entry.path())),
                Some(name) => names.push((name, kib(&entry.metadata()?))),
                None => {}
            }
        }
        let undecided = fs::read_dir(self.root.join(UNDECIDED)).into_iter().flatten();
        let undecided = undecided.filter_map(|entry| Name::parse(&entry.ok()?.path()));
        let listing = Listing::of(names, undecided);
        self.taken = listing.taken;
        for older in listing.older {
            absent(fs::remove_file(self.taken_path(older)))?;
        }
        (found.files, found.taken_through) = (listing.files, listing.taken_through);
        self.drop_completed(&mut found.files)?;
        Ok(found)
    }

    /// A crash may have left a part under both names. What waits was first sent beside other data,
    /// then waited alone, then was completed: the older file is the one that is of no use.
    fn drop_completed(&self, files: &mut Vec<Filed>) -> io::Result<()> {
        files.sort_by_key(|file| (file.key, file.pending));
        let doubled: Vec<_> = files.windows(2).filter(|two| two[0].key == two[1].key).collect();
        let doubled: Vec<_> = doubled.into_iter().map(|two| two[0].key).collect();
        for key in doubled {
            let bytes = fs::read(self.path(key, false))?;
            let completed = text::read(&bytes).is_ok_and(|(_, content)| content.pending.is_none());
            absent(fs::remove_file(self.path(key, completed)))?;
            files.retain(|file| file.key != key || file.pending != completed);
        }
        Ok(())
    }

    /// Whose the files are: what isn't this host's, or may not be, is moved out of the way.
    fn sort_out(&self, owner: &Owner) -> io::Result<Found> {
        let (spool, parked) = (self.root.join(SPOOL), self.root.join(UNDECIDED));
        let stored = fs::read_to_string(self.root.join(OWNER)).map(|text| Owner::parse(&text));
        // Without the folder's owner (a power cut may leave the file empty), the files tell theirs.
        let stored = stored.ok().filter(|stored| *stored != Owner::default());
        let stored = stored.or_else(|| owners(&spool).max_by_key(|it| it.instance_id.is_some()));
        let mut found = Found::default();
        match stored {
            Some(stored) if owner.undecided(&stored) => {
                found.undecided = Some(stored);
                move_all(&spool, &parked)?;
            }
            Some(stored) if !owner.is_same(&stored) && !vouched(&spool, owner) => {
                move_all(&spool, &parked)?;
                self.take_back()?;
                found.foreign = self.disown(UNDECIDED)?;
            }
            // Left by a run that ended before it knew.
            _ if parked.exists() => {
                move_all(&parked, &spool)?;
                fs::remove_dir_all(&parked)?;
            }
            _ => {}
        }
        Ok(found)
    }

    /// Sets all files of a folder aside, as another host's; says how many datums they hold.
    fn disown(&self, folder: &str) -> io::Result<usize> {
        let folder = self.root.join(folder);
        let mut datums = 0;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if let Some(Name::Part(..)) = Name::parse(&path) {
                datums += fs::read(&path).map_or(1, |bytes| text::datums(&bytes).max(1));
            }
        }
        let quarantine = self.root.join(QUARANTINE);
        make_folder(&quarantine)?;
        let mut places =
            (0..FOREIGN_FOLDERS).map(|number| quarantine.join(format!("foreign.{number}")));
        let place = places.find(|path| !path.exists());
        let place = place.unwrap_or_else(|| quarantine.join("foreign.0"));
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::rename(folder, place)?;
        Ok(datums)
    }
}

/// What the names in the spool's folder add up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub files: Vec<Filed>,
    /// The newest delivered part.
    pub taken: u64,
    /// Marks of delivered parts that a later one makes needless.
    pub older: Vec<u64>,
    pub taken_through: u64,
}

impl Listing {
    /// Of names with what their files take in KiB; `undecided` waits elsewhere.
    pub fn of(
        names: impl IntoIterator<Item = (Name, u32)>,
        undecided: impl IntoIterator<Item = Name>,
    ) -> Listing {
        let mut listing = Listing::default();
        for (name, kib) in names {
            match name {
                Name::Part(key, pending) => listing.files.push(Filed { key, kib, pending }),
                Name::Taken(through) => listing.older.push(through),
                Name::Offered(_) | Name::Partial => {}
            }
        }
        listing.taken = listing.older.iter().copied().max().unwrap_or(0);
        listing.older.retain(|through| *through < listing.taken);
        let newest = listing.files.iter().map(|file| file.key.through);
        let undecided = undecided.into_iter().filter_map(|name| name.through());
        listing.taken_through = newest.chain(undecided).fold(listing.taken, u64::max);
        listing
    }
}

/// What a name in the spool's folder says.
#[derive(Debug, PartialEq, Eq)]
pub enum Name {
    Part(Key, bool),
    Taken(u64),
    /// The service may have it: it isn't sent again.
    Offered(Key),
    /// Left by a crash: never whole.
    Partial,
}

impl Name {
    /// Samples through this sequence are safe where there is such a file.
    fn through(&self) -> Option<u64> {
        match self {
            Name::Part(key, _) | Name::Offered(key) => Some(key.through),
            Name::Taken(through) => Some(*through),
            Name::Partial => None,
        }
    }

    pub fn parse(path: &Path) -> Option<Name> {
        let name = path.file_name()?.to_str()?;
        if name.ends_with(PARTIAL) {
            return Some(Name::Partial);
        }
        if let Some(through) = name.strip_prefix(TAKEN) {
            return through.parse().ok().map(Name::Taken);
        }
        let name = name.strip_suffix(ENDING)?;
        if let Some(name) = name.strip_suffix(OFFERED) {
            return Key::parse(name).map(Name::Offered);
        }
        let (name, pending) = match name.strip_suffix(PENDING) {
            Some(name) => (name, true),
            None => (name, false),
        };
        Some(Name::Part(Key::parse(name)?, pending))
    }
}

/// What `parse` reads.
impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Part(key, pending) => {
                let mark = if *pending { PENDING } else { "" };
                write!(formatter, "{key}{mark}{ENDING}")
            }
            Name::Taken(through) => write!(formatter, "{TAKEN}{through}"),
            Name::Offered(key) => write!(formatter, "{key}{OFFERED}{ENDING}"),
            Name::Partial => formatter.write_str(PARTIAL),
        }
    }
}

/// Whether a whole file says that it is this very host's, whatever the folder's owner is said to be:
/// then that is damaged. Only a name as complete as this host's own counts.
fn vouched(folder: &Path, owner: &Owner) -> bool {
    owners(folder).any(|theirs| theirs.instance_id == owner.instance_id && owner.is_same(&theirs))
}

/// Who wrote the files of a folder, as far as they are whole.
fn owners(folder: &Path) -> impl Iterator<Item = Owner> {
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let parts = paths.filter(|path| matches!(Name::parse(path), Some(Name::Part(..))));
    parts.filter_map(|path| {
        let (head, _) = text::read(&fs::read(path).ok()?).ok()?;
        Some(Owner::parse(&head.owner))
    })
}

/// Moves the files of a folder into another, which may have some already.
fn move_all(from: &Path, to: &Path) -> io::Result<()> {
    make_folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::rename(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Files of an owner who may or may not be this host.
pub(super) const UNDECIDED: &str = "undecided";
const FOREIGN_FOLDERS: u32 = 4;
