//! What earlier runs left in the state directory, and whose it is.

use crate::owner::Owner;
use crate::spool::folder::{
    ENDING, Folder, OWNER, PARTIAL, PENDING, QUARANTINE, SPOOL, TAKEN, absent, kib, make_folder,
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
    /// Whose files wait until it is known which instance this host is.
    pub undecided: Option<Owner>,
}

impl Folder {
    /// What was found before this host knew its instance is its own, or another host's.
    pub fn decide(&mut self, foreign: bool) -> io::Result<Found> {
        let undecided = self.root.join(UNDECIDED);
        if foreign {
            return Ok(Found { foreign: self.disown(UNDECIDED)?, ..Found::default() });
        }
        let mut found = Found::default();
        for entry in fs::read_dir(&undecided)? {
            let entry = entry?;
            let place = self.root.join(SPOOL).join(entry.file_name());
            if let Some(Name::Part(key, pending)) = Name::parse(&place) {
                fs::rename(entry.path(), &place)?;
                found.files.push(Filed { key, kib: kib(&fs::metadata(&place)?), pending });
            }
        }
        fs::remove_dir_all(undecided)?;
        Ok(found)
    }

    pub(super) fn look(&mut self, owner: &Owner) -> io::Result<Found> {
        let stored = fs::read_to_string(self.root.join(OWNER)).map(|text| Owner::parse(&text));
        let mut found = Found::default();
        if let Ok(stored) = &stored {
            let spool = self.root.join(SPOOL);
            if owner.undecided(stored) {
                found.undecided = Some(stored.clone());
                move_all(&spool, &self.root.join(UNDECIDED))?;
            } else if !owner.is_same(stored) {
                found.foreign = self.disown(SPOOL)?;
                make_folder(&spool)?;
            }
        }
        if found.undecided.is_none() {
            self.own(owner)?;
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(SPOOL))? {
            let entry = entry?;
            match Name::parse(&entry.path()) {
                Some(Name::Partial) => absent(fs::remove_file(entry.path()))?,
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
        Ok(found)
    }

    /// Sets all files of a folder aside, as another host's; says how many datums they hold.
    fn disown(&self, folder: &str) -> io::Result<usize> {
        let folder = self.root.join(folder);
        let mut datums = 0;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if let Some(Name::Part(..)) = Name::parse(&path) {
                datums += fs::read(&path).map_or(0, |bytes| text::datums(&bytes));
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
                Name::Partial => {}
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
    /// Left by a crash: never whole.
    Partial,
}

impl Name {
    /// Samples through this sequence are safe where there is such a file.
    fn through(&self) -> Option<u64> {
        match self {
            Name::Part(key, _) => Some(key.through),
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
            Name::Partial => formatter.write_str(PARTIAL),
        }
    }
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
const UNDECIDED: &str = "undecided";
const FOREIGN_FOLDERS: u32 = 4;
