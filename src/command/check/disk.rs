//! What `cwmem check` finds of the directories in which the agent keeps what has to outlive it: room,
//! and whether it may write there. It writes into files without a name, so nothing is left behind.

use crate::clock::Clock;
use crate::command::check::line::{Line, finding, note, ok};
use crate::config::Config;
use crate::recorder::RING;
use crate::state::ring_size;
use crate::status::view::bytes;
use rustix::fs::{Access, OFlags};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// A disk that is frozen answers nobody: it is waited for on a thread of its own, and not for long.
pub(super) async fn lines(config: &Config, clock: &Clock) -> Vec<Line> {
    let settings = config.clone();
    let looking = tokio::task::spawn_blocking(move || vec![spool(&settings), recorder(&settings)]);
    tokio::select! {
        Ok(lines) = looking => lines,
        () = clock.sleep(PATIENCE) => {
            let root = config.state.directory.display();
            let evidence = format!("{root}: no answer within {} s", PATIENCE.as_secs());
            let remedy = "the disk is frozen or gone: `dmesg` says more; \
                          until it answers data waits in memory only";
            vec![finding("spool", evidence, remedy)]
        }
        else => Vec::new(),
    }
}

fn spool(config: &Config) -> Line {
    let (root, most) = (&config.state.directory, config.spool.max_bytes);
    let key = "state.directory";
    let used = allocated(&root.join("spool"));
    let needed = most.saturating_sub(used) + missing(&root.join(RING), ring_size(config));
    match look(root) {
        Ok(place) if place.free < needed => finding(
            "spool",
            format!("{}: {} free", root.display(), bytes(place.free)),
            format!(
                "spool.max_bytes ({}) and the recorder's copy need {} more: make room, lower \
                 spool.max_bytes, or name another {key}",
                bytes(most),
                bytes(needed)
            ),
        ),
        Ok(place) => {
            let evidence = format!(
                "{}: {} free, {} of {} used",
                root.display(),
                bytes(place.free),
                bytes(used),
                bytes(most)
            );
            match place.exists {
                true => ok("spool", evidence),
                false => note("spool", evidence + ", to be made", MADE_AT_START),
            }
        }
        Err(error) => unusable("spool", root, key, &error),
    }
}

fn recorder(config: &Config) -> Line {
    let (root, size) = (&config.state.runtime_directory, ring_size(config));
    let key = "state.runtime_directory";
    match look(root) {
        Ok(place) if place.free < missing(&root.join(RING), size) => finding(
            "recorder",
            format!("{}: {} free", root.display(), bytes(place.free)),
            format!(
                "the flight recorder needs {}: make room, shorten recorder.duration, or name \
                 another {key}",
                bytes(size)
            ),
        ),
        Ok(place) => {
            let evidence =
                format!("{}: {} free, {} needed", root.display(), bytes(place.free), bytes(size));
            match (place.exists, place.in_memory) {
                (true, false) => note(
                    "recorder",
                    evidence + ", on a disk",
                    format!("in a tmpfs, as /run is, a sample costs no write: see {key}"),
                ),
                (true, true) => ok("recorder", evidence),
                (false, _) => note("recorder", evidence + ", to be made", MADE_AT_START),
            }
        }
        Err(error) => unusable("recorder", root, key, &error),
    }
}

struct Place {
    exists: bool,
    /// Bytes, for who isn't root.
    free: u64,
    in_memory: bool,
}

/// A directory that isn't there yet has its parent's room.
fn look(path: &Path) -> io::Result<Place> {
    let mut there = path;
    let exists = loop {
        match fs::metadata(there) {
            Ok(found) if !found.is_dir() => return Err(ErrorKind::NotADirectory.into()),
            Ok(_) => break there == path,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                there = there.parent().ok_or(error)?;
            }
            Err(error) => return Err(error),
        }
    };
    let room = rustix::fs::statvfs(there)?;
    if exists {
        write_into(there)?;
    }
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    Ok(Place { exists, free, in_memory: is_in_memory(there) })
}

/// A block, in a file that has no name and is gone when this returns; where the file system knows no
/// such files, what the directory's rights say has to do.
fn write_into(folder: &Path) -> io::Result<()> {
    let flags = i32::try_from(UNNAMED.bits()).unwrap_or_default();
    match OpenOptions::new().write(true).mode(0o600).custom_flags(flags).open(folder) {
        Ok(mut file) => file.write_all(&[0; BLOCK]),
        Err(error) if UNKNOWN.iter().any(|code| error.raw_os_error() == Some(*code)) => {
            Ok(rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
        }
        Err(error) => Err(error),
    }
}

fn unusable(check: &'static str, root: &Path, key: &str, error: &io::Error) -> Line {
    let evidence = format!("{}: {error}", root.display());
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full: make room; until then data waits in memory only, and a restart loses \
             what waits"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: `dmesg` says why if it wasn't always; mount it writable"
        }
        ErrorKind::PermissionDenied if !is_ours(root) => {
            let remedy = "it belongs to another user, as the service's does: ask with sudo";
            return note(check, evidence, remedy);
        }
        ErrorKind::PermissionDenied => "the agent's user has to be allowed to write there",
        ErrorKind::NotADirectory => "a file is where the directory should be: move it away",
        _ => "see why it can't be written",
    };
    finding(check, evidence, format!("{remedy}; or name another {key}"))
}

/// Whether the directory, or what stands in the way to it, belongs to the user who asks.
fn is_ours(path: &Path) -> bool {
    let owner = path.ancestors().find_map(|place| Some(fs::metadata(place).ok()?.uid()));
    owner == Some(rustix::process::geteuid().as_raw())
}

/// What the files of a folder take of the disk, in bytes.
fn allocated(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.blocks() * 512)).sum()
}

/// What a file of that size takes beyond what is there of it.
fn missing(path: &Path, size: u64) -> u64 {
    size.saturating_sub(fs::metadata(path).map_or(0, |found| found.blocks() * 512))
}

#[cfg(target_os = "linux")]
fn is_in_memory(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type == TMPFS)
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &Path) -> bool {
    false
}

#[cfg(target_os = "linux")]
const UNNAMED: OFlags = OFlags::TMPFILE;
#[cfg(not(target_os = "linux"))]
const UNNAMED: OFlags = OFlags::DIRECTORY;
/// open(2): EOPNOTSUPP is the file system's, EISDIR an old kernel's, EINVAL another system's.
const UNKNOWN: [i32; 3] = [
    rustix::io::Errno::OPNOTSUPP.raw_os_error(),
    rustix::io::Errno::ISDIR.raw_os_error(),
    rustix::io::Errno::INVAL.raw_os_error(),
];
/// statfs(2).
#[cfg(target_os = "linux")]
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
const BLOCK: usize = 4_096;
const MADE_AT_START: &str = "systemd makes it for the service; by hand, whoever starts the agent \
                             has to be allowed to";
const PATIENCE: Duration = Duration::from_secs(5);
