//! Memory cgroups, version 2 and 1 (Documentation/admin-guide/cgroup-v2.rst and
//! cgroup-v1/memory.rst): what one group uses, how much it may, how long it stalled, how often the
//! kernel killed in it.
//!
//! Files are opened for each reading: groups come and go, and readings are seldom.

mod parse;
mod pattern;

pub use parse::{Limit, ParseError, field, limit, number};
pub use pattern::{Listing, Pattern};

use crate::source::pressure;
use crate::source::proc_file::beginning;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the memory controller's groups are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    pub version: Version,
    pub root: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    One,
    Two,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no memory cgroups: neither {0}/cgroup.controllers (version 2) nor {0}/memory (version 1) is there"
)]
pub struct Missing(String);

/// One group's memory at one moment. What the kernel doesn't give is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The folder's inode: a group that is made again under the same name is another one.
    pub inode: u64,
    /// In bytes, without what the kernel would drop first: files that weren't used lately.
    pub used: Option<u64>,
    /// The smallest limit of the group and of those it is in.
    pub limit: Limit,
    /// Microseconds in which some task of it waited for memory. Version 2 only.
    pub stalled: Option<u64>,
    /// Processes that the kernel's OOM killer took: version 2 counts those of groups within it too.
    pub kills: Option<u64>,
}

/// Reads groups of one hierarchy; each limit up the tree is read once.
pub struct Reader<'a> {
    hierarchy: &'a Hierarchy,
    limits: BTreeMap<PathBuf, Limit>,
}

impl Hierarchy {
    /// What is mounted below `sys_root`; a version 2 without the memory controller beside a version
    /// 1 that has it ("hybrid") is passed over.
    pub fn find(sys_root: &Path) -> Result<Hierarchy, Missing> {
        let root = sys_root.join("fs/cgroup");
        if root.join("cgroup.controllers").exists() {
            return Ok(Hierarchy { version: Version::Two, root });
        }
        let memory = root.join("memory");
        if memory.is_dir() {
            return Ok(Hierarchy { version: Version::One, root: memory });
        }
        Err(Missing(root.display().to_string()))
    }

    /// The folder of the group `name`: its path below the root, `/` for the root itself.
    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name.trim_start_matches('/'))
    }
}

impl<'a> Reader<'a> {
    pub fn new(hierarchy: &'a Hierarchy) -> Reader<'a> {
        Reader { hierarchy, limits: BTreeMap::new() }
    }

    /// `None` where there is no such group any more.
    pub fn read(&mut self, name: &str) -> Option<Usage> {
        let folder = self.hierarchy.folder(name);
        let metadata = fs::metadata(&folder).ok().filter(fs::Metadata::is_dir)?;
        let usage = match self.hierarchy.version {
            Version::Two => self.version_two(&folder),
            Version::One => version_one(&folder),
        };
        Some(Usage { inode: metadata.ino(), ..usage })
    }

    fn version_two(&mut self, folder: &Path) -> Usage {
        let current = content(&folder.join("memory.current")).and_then(|text| number(&text).ok());
        let stat = content(&folder.join("memory.stat"));
        let inactive = stat.and_then(|text| field(&text, "inactive_file").ok());
        let stalled = content(&folder.join("memory.pressure"));
        let events = content(&folder.join("memory.events"));
        Usage {
            inode: 0,
            used: used(current, inactive),
            limit: self.limit_up(folder),
            stalled: stalled
                .and_then(|text| pressure::parse(&text).ok())
                .map(|pressure| pressure.some),
            kills: events.and_then(|text| field(&text, "oom_kill").ok()),
        }
    }

    /// The smallest limit from `folder` up to the root.
    fn limit_up(&mut self, folder: &Path) -> Limit {
        if let Some(known) = self.limits.get(folder) {
            return *known;
        }
        let own = ["memory.max", "memory.high"].map(|file| limit_in(&folder.join(file)));
        let above = match folder.parent() {
            Some(parent) if folder != self.hierarchy.root => self.limit_up(parent),
            _ => Limit::Unlimited,
        };
        let limit = own.into_iter().fold(above, Limit::and);
        self.limits.insert(folder.to_owned(), limit);
        limit
    }
}

fn version_one(folder: &Path) -> Usage {
    let usage = content(&folder.join("memory.usage_in_bytes"));
    let usage = usage.and_then(|text| number(&text).ok());
    let stat = content(&folder.join("memory.stat"));
    let of_stat = |name| stat.as_deref().and_then(|text| field(text, name).ok());
    let control = content(&folder.join("memory.oom_control"));
    Usage {
        inode: 0,
        used: used(usage, of_stat("total_inactive_file")),
        // The kernel has looked up the tree already.
        limit: of_stat("hierarchical_memory_limit").map_or(Limit::Unknown, Limit::of_version_one),
        stalled: None,
        kills: control.and_then(|text| field(&text, "oom_kill").ok()),
    }
}

/// The two are read one after the other, so the part may be larger than the whole for a moment.
fn used(current: Option<u64>, inactive_file: Option<u64>) -> Option<u64> {
    Some(current?.saturating_sub(inactive_file?))
}

/// A file that isn't there limits nothing: the root has none, nor has a group without the memory
/// controller. One that can't be understood may say anything.
fn limit_in(path: &Path) -> Limit {
    match beginning(path) {
        Ok(text) => limit(&text).unwrap_or(Limit::Unknown),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Limit::Unlimited,
        Err(_) => Limit::Unknown,
    }
}

fn content(path: &Path) -> Option<Vec<u8>> {
    beginning(path).ok()
}

#[cfg(test)]
mod tests;
