//! What is closed and not yet delivered: in memory while it is fresh, on the disk until it is
//! delivered, in the order of its periods.
//!
//! This is the index, which does no I/O: it says what the disk is to do (`Job`) and hears how that
//! went (`disk`). Parts are written one after the other in the order of their samples, so that all
//! samples through `taken_through` are safe whatever happens to the process. Where the disk doesn't
//! take them, they wait in memory, bounded. Where there is no more room, the oldest goes and is
//! counted.

mod catching_up;
pub mod disk;
mod entry;
mod filing;
pub mod folder;
pub mod inventory;
mod job;
mod offered;
pub mod offline;
mod once;
pub mod order;
mod picking;
mod room;
mod settling;
pub mod text;

pub use entry::{Entry, Filed, Key};
pub use job::{Job, News, Picked};

use crate::clock::{Boottime, Moment};
use entry::Filing;
use job::Disk;
use once::Once;
use std::collections::VecDeque;
use text::Content;

#[derive(Debug)]
pub struct Spool {
    limits: Limits,
    /// In the order of their keys.
    entries: Vec<Entry>,
    /// In the order of their keys, none of which is in `entries`.
    filed: VecDeque<Filed>,
    /// The last sequence of the newest part.
    newest: u64,
    /// The sum over `filed` and the entries that are on the disk.
    kib: u64,
    /// The sum of the entries' contents.
    bytes: usize,
    disk: Disk,
    loading: bool,
    /// Files given up since the disk took something last.
    made_room: u32,
    /// Couldn't be removed or read: tried again when the disk takes something.
    undone: Vec<Job>,
    unread: Vec<Filed>,
    /// Kept before the disk said what it has: parts of an earlier run may be among them that it has
    /// too.
    unseen: Vec<Key>,
    seen: bool,
    /// Delivered or given up while being written: removed once that is done.
    orphans: Vec<Key>,
    /// Whether what waits for the InstanceId can be completed.
    completes: bool,
    jobs: Vec<Job>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub memory_bytes: usize,
    pub disk_bytes: u64,
}

impl Spool {
    pub fn new(limits: Limits, now: Boottime) -> Spool {
        Spool {
            limits,
            entries: Vec::new(),
            filed: VecDeque::new(),
            newest: 0,
            kib: 0,
            bytes: 0,
            disk: Disk::Absent { since: now },
            loading: false,
            undone: Vec::new(),
            made_room: 0,
            unread: Vec::new(),
            unseen: Vec::new(),
            seen: false,
            orphans: Vec::new(),
            completes: false,
            jobs: Vec::new(),
        }
    }

    /// The disk is there, with what earlier runs left on it.
    pub fn found(&mut self, mut files: Vec<Filed>, taken_through: u64) {
        self.newest = self.newest.max(taken_through);
        self.seen = true;
        let unseen = std::mem::take(&mut self.unseen);
        for file in files.extract_if(.., |file| unseen.contains(&file.key)) {
            self.know_again(file);
        }
        files.retain(|file| self.entries.iter().all(|entry| entry.key != file.key));
        let before = self.filed.iter().map(|file| u64::from(file.kib)).sum::<u64>();
        files.extend(self.filed.drain(..));
        // In place: there may be tens of thousands, and what sorting takes beside them stays taken.
        files.sort_unstable_by_key(|file| file.key);
        files.dedup_by_key(|file| file.key);
        self.kib = self.kib + files.iter().map(|file| u64::from(file.kib)).sum::<u64>() - before;
        self.filed = files.into();
        if matches!(self.disk, Disk::Absent { .. }) {
            self.disk = Disk::Works;
        }
    }

    /// Only on the disk.
    pub fn is_filed(&self, key: Key) -> bool {
        self.filed.binary_search_by_key(&key, |file| file.key).is_ok()
    }

    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Publishes that wait, wherever they are.
    pub fn len(&self) -> usize {
        self.entries.len() + self.filed.len() + self.unread.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Publishes that would be lost with the process.
    pub fn only_in_memory(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !matches!(entry.filing, Filing::Filed { .. }))
    }

    pub fn datums_in_memory(&self) -> usize {
        self.entries.iter().map(|entry| entry.content.datums.len()).sum()
    }

    /// When a part of this run was closed: of one that was read back, the clock may be another boot's.
    pub fn closed(&self, key: Key) -> Option<Moment> {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.filter(|entry| !entry.loaded).map(|entry| entry.closed)
    }

    /// What the backlog takes, on the disk and in memory: what is live isn't counted.
    pub fn backlog_bytes(&self, now: Boottime) -> u64 {
        let filed = self.filed.iter().chain(&self.unread);
        let filed: u64 = filed.map(|file| u64::from(file.kib)).sum();
        let entries = self.entries.iter().filter(|entry| !entry.is_live(now));
        filed * 1_024 + entries.map(|entry| entry.bytes() as u64).sum::<u64>()
    }

    /// All samples through this sequence are on the disk, delivered, or given up and counted.
    pub fn taken_through(&self) -> u64 {
        let waits = |entry: &&Entry| !matches!(entry.filing, Filing::Filed { .. });
        let unsafe_after = self.entries.iter().filter(waits).map(|entry| entry.after).min();
        unsafe_after.unwrap_or(self.newest)
    }

    /// Takes a part in; says how many datums of older ones had to go for it.
    #[must_use]
    pub fn keep(&mut self, mut entry: Entry) -> usize {
        entry.after = self.newest;
        while self.entries.iter().any(|other| other.key == entry.key)
            || self.unread.iter().any(|file| file.key == entry.key)
            || self.is_filed(entry.key)
        {
            entry.key.extra += 1;
        }
        self.newest = self.newest.max(entry.key.through);
        if entry.content.is_empty() {
            return 0;
        }
        if !self.seen && self.unseen.len() < MOST_UNSEEN {
            self.unseen.push(entry.key);
        }
        self.insert(entry);
        self.make_room_in_memory()
    }

    /// What was asked for came from the disk; `None` where it could not be read. A file is pending
    /// here where anything in it was.
    pub fn loaded(&mut self, contents: Vec<(Filed, Option<(Moment, Content)>)>, now: Boottime) {
        self.loading = false;
        for (file, content) in contents {
            let Ok(place) = self.filed.binary_search_by_key(&file.key, |file| file.key) else {
                continue;
            };
            self.filed.remove(place);
            // What a long outage took is given back as it leaves.
            if self.filed.len() < self.filed.capacity() / 4 {
                self.filed.shrink_to(self.filed.capacity() / 2);
            }
            let Some((closed, content)) = content else {
                self.kib -= u64::from(file.kib);
                continue;
            };
            let (filing, once) = (Filing::Filed { kib: file.kib }, Once::of(&content));
            // Of what a file holds nothing may be left: then it goes.
            let completed = content.is_empty() || (file.pending && content.pending.is_none());
            self.insert(Entry {
                filing,
                loaded: true,
                once,
                ..Entry::new(file.key, now, now, closed, content)
            });
            if completed {
                self.changed(file.key);
            }
        }
    }

    fn entry(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == key)
    }

    fn insert(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        let place = self.entries.partition_point(|other| other.key <= entry.key);
        self.entries.insert(place, entry);
    }

    fn take_out(&mut self, place: usize) {
        let entry = self.entries.remove(place);
        self.bytes -= entry.bytes();
    }
}

/// What is folded again comes first, and a ring doesn't hold more periods.
const MOST_UNSEEN: usize = 10_000;

#[cfg(test)]
mod tests;
