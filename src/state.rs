//! What outlives the process, opened at the start: the state directory's disk, the flight recorder
//! and what earlier runs left in either. None of it can stop the agent, but for another agent that
//! has it.

use crate::black_box::{self, BlackBox};
use crate::clock::Clock;
use crate::column::columns;
use crate::config::Config;
use crate::identity::Identity;
use crate::identity::offset::machine_id;
use crate::owner::Owner;
use crate::publisher::Whose;
use crate::recorder::Recorder;
use crate::recorder::file::{self, Opened};
use crate::recorder::header::Heading;
use crate::recorder::recording::Recording;
use crate::spool::disk::{Disk, Done, Place};
use crate::spool::folder::OpenError;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Kept {
    pub whose: Whose,
    pub disk: Option<Disk>,
    /// The disk's first word, where it came in time.
    pub found: Option<Done>,
    pub recorder: Recorder,
    pub black_box: Option<BlackBox>,
    pub inherited: Vec<Recording>,
}

/// Another agent runs with the same state directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("another cwmem already runs with the state directory {}: stop it, or set state.directory", .0.display())]
pub struct AlreadyRunning(pub PathBuf);

impl Kept {
    /// All samples through this sequence are safe, as far as the disk says.
    pub fn taken_through(&self) -> u64 {
        match &self.found {
            Some(Done::Opened(Ok(found))) => found.taken_through,
            _ => 0,
        }
    }
}

/// Opens what there is. A disk that doesn't answer within two seconds is gone without: it may come
/// back later.
pub async fn open(
    config: &Config,
    identity: &Identity,
    machine: &Path,
    clock: &Clock,
) -> Result<Kept, AlreadyRunning> {
    let whose = whose(config, identity, machine);
    let place = Place {
        root: config.state.directory.clone(),
        runtime: config.state.runtime_directory.clone(),
        owner: whose.owner.clone(),
        boot_id: whose.boot_id.clone(),
    };
    let mut disk = match Disk::start(place) {
        Ok(disk) => Some(disk),
        Err(error) => {
            tracing::error!(%error, "the disk's thread can't be started: data waits in memory");
            None
        }
    };
    let found = match &mut disk {
        Some(disk) => tokio::select! {
            found = disk.done.recv() => found,
            () = clock.sleep(PATIENCE) => None,
        },
        None => None,
    };
    if let Some(Done::Opened(Err(OpenError::Locked { path }))) = found {
        return Err(AlreadyRunning(path));
    }
    let responds = found.is_some();
    let Opened { mut recorder, mut inherited, set_aside, problems } =
        open_recorder(config, &whose, responds, clock).await;
    for file in set_aside {
        tracing::warn!(path = %file.path.display(), reason = %file.reason, "a recording is set aside");
    }
    for problem in problems {
        tracing::error!("{problem}");
    }
    if found.is_none() && recorder.last_sequence() == 0 {
        // Neither the ring nor the disk says how far earlier runs counted. The time in tenths of a
        // second is beyond what any of them can have reached.
        let tenths = clock.now().wall.0 / 100;
        recorder.go_on_after(u64::try_from(tenths).unwrap_or(0));
    }
    inherited.retain(|recording| is_decided(recording, &whose));
    let black_box = open_black_box(config, &whose);
    Ok(Kept { whose, disk, found, recorder, black_box, inherited })
}

/// The recorder for a configuration that a reload brings, where it needs another one.
pub fn reopen(before: &Config, after: &Config, whose: &Whose) -> Option<Recorder> {
    let heading = heading(after, whose);
    if heading == self::heading(before, whose) {
        return None;
    }
    let opened = file::open(&after.state.runtime_directory, None, &heading, &after.metrics.meminfo);
    for problem in opened.problems {
        tracing::error!("{problem}");
    }
    Some(opened.recorder)
}

/// Who this host is by what it tells at once.
pub fn whose(config: &Config, identity: &Identity, machine: &Path) -> Whose {
    let owner = Owner {
        instance_id: identity.instance_id_at_once().map(str::to_owned),
        machine_id: machine_id(machine),
    };
    let boot_id = fs::read_to_string(config.sample.proc_root.join(BOOT_ID)).unwrap_or_default();
    Whose { owner, boot_id: boot_id.trim().to_owned() }
}

/// What the recorder's ring takes, in bytes.
pub fn ring_size(config: &Config) -> u64 {
    heading_of(config, String::new(), String::new()).ring_size()
}

fn heading(config: &Config, whose: &Whose) -> Heading {
    heading_of(config, whose.owner.to_string(), whose.boot_id.clone())
}

fn heading_of(config: &Config, owner: String, boot_id: String) -> Heading {
    let samples =
        config.recorder.duration.as_millis() / config.sample.interval.duration().as_millis().max(1);
    Heading {
        owner,
        boot_id,
        columns: columns(&config.metrics.enabled, &config.metrics.meminfo),
        capacity: u32::try_from(samples).unwrap_or(u32::MAX).max(LEAST_SAMPLES),
    }
}

/// Reading what lies in the state directory may hang with its disk: then it is gone without.
async fn open_recorder(config: &Config, whose: &Whose, responds: bool, clock: &Clock) -> Opened {
    let heading = heading(config, whose);
    let runtime = config.state.runtime_directory.clone();
    let extras = config.metrics.meminfo.clone();
    if responds {
        let (runtime, state) = (runtime.clone(), config.state.directory.clone());
        let (heading, extras) = (heading.clone(), extras.clone());
        let opening = tokio::task::spawn_blocking(move || {
            file::open(&runtime, Some(&state), &heading, &extras)
        });
        tokio::select! {
            Ok(opened) = opening => return opened,
            () = clock.sleep(PATIENCE) => {}
            else => {}
        }
    }
    file::open(&runtime, None, &heading, &extras)
}

fn open_black_box(config: &Config, whose: &Whose) -> Option<BlackBox> {
    let heading = black_box::format::Heading {
        owner: whose.owner.to_string(),
        boot_id: whose.boot_id.clone(),
    };
    match BlackBox::open(&config.state.runtime_directory, &heading) {
        Ok((black_box, set_aside)) => {
            if let Some(file) = set_aside {
                tracing::warn!(path = %file.path.display(), reason = %file.reason, "a black box is set aside");
            }
            Some(black_box)
        }
        Err(error) => {
            tracing::error!(%error, "no black box: which processes hold the memory isn't recorded");
            None
        }
    }
}

/// A recording of an earlier boot that names an instance isn't folded while this host doesn't know
/// its own: it may have come with a copied disk. One of this boot is this host's.
fn is_decided(recording: &Recording, whose: &Whose) -> bool {
    let heading = recording.heading();
    let decided =
        heading.boot_id == whose.boot_id || !whose.owner.undecided(&Owner::parse(&heading.owner));
    if !decided {
        tracing::warn!(path = %recording.path().display(),
            "a recording of an earlier boot isn't folded in: this host's InstanceId isn't known yet");
    }
    decided
}

const BOOT_ID: &str = "sys/kernel/random/boot_id";
const PATIENCE: Duration = Duration::from_secs(2);
const LEAST_SAMPLES: u32 = 64;
