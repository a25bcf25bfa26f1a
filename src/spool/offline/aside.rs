//! Files are set aside so that they are never sent.

use crate::spool::folder::{ENDING, PENDING, QUARANTINE, SPOOL, absent, make_folder, whole};
use crate::spool::inventory::{Name, UNDECIDED};
use crate::spool::offline::{Offline, OfflineError, part};
use crate::spool::{Key, folder};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What was set aside, and where it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    pub files: usize,
    pub folder: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum AsideError {
    #[error("{0}: there is no such file in the spool: `cwmem spool list` shows what is there")]
    Unknown(String),
    #[error(transparent)]
    Offline(#[from] OfflineError),
}

impl Offline {
    /// These, by their names in the list with or without folder and ending; `None`: all that waits.
    /// Nothing is touched where one of them isn't there.
    pub fn set_aside(&self, names: Option<&[String]>) -> Result<Aside, AsideError> {
        let mut waiting = Vec::new();
        for folder in [SPOOL, UNDECIDED] {
            let files = self.files(Path::new(folder))?.into_iter();
            waiting.extend(files.filter_map(|file| Some((part(&file)?.0, file))));
        }
        let chosen = match names {
            None => waiting,
            Some(names) => {
                for name in names {
                    if !waiting.iter().any(|(_, file)| is_meant(file, name)) {
                        return Err(AsideError::Unknown(name.clone()));
                    }
                }
                let meant = |file: &Path| names.iter().any(|name| is_meant(file, name));
                waiting.into_iter().filter(|(_, file)| meant(file)).collect()
            }
        };
        let place = self.root.join(QUARANTINE).join(BY_HAND);
        self.move_to(&place, &chosen).map_err(|source| OfflineError::of(&place, source))?;
        Ok(Aside { files: chosen.len(), folder: place })
    }

    fn move_to(&self, place: &Path, chosen: &[(Key, PathBuf)]) -> io::Result<()> {
        if chosen.is_empty() {
            return Ok(());
        }
        for folder in [&self.root.join(QUARANTINE), place] {
            make_folder(folder)?;
            self.give(folder)?;
        }
        for folder in [SPOOL, UNDECIDED] {
            let of_folder = chosen.iter().filter(|(_, file)| file.starts_with(folder));
            if let Some(through) = of_folder.map(|(key, _)| key.through).max() {
                self.remember(&self.root.join(folder), through)?;
            }
        }
        for (_, file) in chosen {
            fs::rename(self.root.join(file), place.join(file.file_name().unwrap_or_default()))?;
        }
        Ok(())
    }

    /// The samples in a file that goes are taken all the same: the recorder must not give them back.
    fn remember(&self, folder: &Path, through: u64) -> io::Result<()> {
        let mut before = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if let Some(Name::Taken(taken)) = Name::parse(&path) {
                if taken >= through {
                    return Ok(());
                }
                before.push(path);
            }
        }
        let mark = folder.join(format!("{}{through}", folder::TAKEN));
        whole(&mark, b"", true)?;
        self.give(&mark)?;
        before.into_iter().try_for_each(|path| absent(fs::remove_file(path)))
    }
}

fn is_meant(file: &Path, name: &str) -> bool {
    let Some(own) = file.file_name().and_then(|own| own.to_str()) else { return false };
    let stem = own.strip_suffix(ENDING).unwrap_or(own);
    let stem = stem.strip_suffix(PENDING).unwrap_or(stem);
    [own, stem].contains(&name) || file.to_str() == Some(name)
}

/// Apart from what the daemon sets aside: it removes none of it.
const BY_HAND: &str = "by-hand";
