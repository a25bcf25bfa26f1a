//! Recordings and looks at the processes as they lie on a disk, for the commands that show them.

use crate::black_box::file as black_box;
use crate::black_box::format::Entry;
use crate::command::output::complain;
use crate::owner::Owner;
use crate::recorder::recording::{Recording, RecordingError};
use crate::recorder::replay::{Past, past};
use crate::recorder::{BEFORE, RING};
use crate::sample::Sample;
use crate::source::process::harmless;
use std::path::{Path, PathBuf};

/// The recordings of one host, the oldest first, and its looks at the processes.
pub struct Kept {
    recordings: Vec<Recording>,
    pub entries: Vec<Entry>,
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error("there is no recording in {0}: the agent (cwmem run) makes one")]
    None(String),
}

impl Kept {
    /// What lies at the place that was named, or at this host's: its samples are in the runtime
    /// directory, and after a reboot in the state directory.
    pub fn find(folders: &[PathBuf], named: Option<&Path>) -> Result<Kept, NotKept> {
        let folders = match named {
            Some(path) if !path.is_dir() => {
                let recordings = vec![Recording::open(path)?];
                return Ok(Kept::of(recordings, &[path.parent().unwrap_or(path).to_owned()]));
            }
            Some(path) => vec![path.to_owned()],
            None => folders.to_vec(),
        };
        let mut recordings = Vec::new();
        let mut unread = Vec::new();
        for path in folders.iter().flat_map(|folder| [folder.join(BEFORE), folder.join(RING)]) {
            match Recording::open(&path) {
                Ok(recording) => recordings.push(recording),
                Err(error) if error.is_not_found() => {}
                Err(error) => unread.push(error),
            }
        }
        if recordings.is_empty() {
            let names = folders.iter().map(|folder| folder.display().to_string());
            let none = || NotKept::None(names.collect::<Vec<_>>().join(" or "));
            return Err(unread.into_iter().next().map_or_else(none, NotKept::from));
        }
        // One that is damaged leaves the others.
        unread.iter().for_each(complain);
        Ok(Kept::of(recordings, &folders))
    }

    fn of(mut recordings: Vec<Recording>, folders: &[PathBuf]) -> Kept {
        recordings.sort_by_key(|recording| recording.contents().newest());
        // What lies beside it may be of another host: a volume that was restored.
        let owner = |recording: &Recording| Owner::parse(&recording.heading().owner);
        if let Some(newest) = recordings.last().map(owner) {
            recordings.retain(|recording| owner(recording).is_same(&newest));
        }
        for recording in recordings.iter().filter(|recording| recording.damaged() > 0) {
            let (path, damaged) = (recording.path().display(), recording.damaged());
            complain(format_args!("{path}: damaged records, left out: {damaged}"));
        }
        Kept { recordings, entries: entries(folders) }
    }

    /// All samples in the order of their sequence, each once, with the number of their boot.
    pub fn samples(&self) -> impl Iterator<Item = (u32, Sample)> + '_ {
        let (mut boot, mut boot_id, mut last) = (0, None, 0);
        past(&self.recordings).filter_map(move |Past { boot_id: own, sample }| {
            // A ring and its copy have most of their samples in common.
            (sample.sequence > last).then_some(())?;
            last = sample.sequence;
            boot += u32::from(boot_id.replace(own) != Some(own));
            Some((boot, sample))
        })
    }

    /// Its samples have these extra fields from now on.
    pub fn set_extras(&mut self, extras: &[String]) {
        self.recordings.iter_mut().for_each(|recording| recording.set_extras(extras));
    }

    /// The names of the columns that all of them have.
    pub fn columns(&self) -> Vec<String> {
        let Some((newest, older)) = self.recordings.split_last() else { return Vec::new() };
        let names = newest.heading().columns.iter().map(|column| column.name().to_owned());
        let has = |recording: &Recording, name: &String| {
            recording.heading().columns.iter().any(|column| column.name() == name)
        };
        names.filter(|name| older.iter().all(|recording| has(recording, name))).collect()
    }

    /// The host's own name for itself.
    pub fn owner(&self) -> String {
        let owner =
            self.recordings.last().map(|recording| Owner::parse(&recording.heading().owner));
        let owner = owner.unwrap_or_default();
        let name = owner.instance_id.or(owner.machine_id.map(|id| format!("machine {id}")));
        harmless(&name.unwrap_or_else(|| "this host".to_owned()))
    }
}

/// The looks at the processes in these folders, in the order of time, each once.
fn entries(folders: &[PathBuf]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let names = [format!("{}.before", black_box::NAME), black_box::NAME.to_owned()];
    for path in folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))) {
        match black_box::read(&path) {
            Ok(contents) => entries.extend(contents.entries),
            Err(error) if error.is_not_found() => {}
            Err(error) => complain(format_args!("{error}; the picture is without its processes")),
        }
    }
    entries.sort_by_key(|entry| (entry.taken.wall, entry.sequence));
    entries.dedup();
    entries
}
