//! What is closed and not yet delivered: in memory while it is fresh, on the disk until it is
//! delivered, in the order of its periods.
//!
//! This is the index, which does no I/O: it says what the disk is to do (`Job`) and hears how that
//! went (`disk`). Parts are written one after the other in the order of their samples, so that all
//! samples through `taken_through` are safe whatever happens to the process. Where the disk doesn't
//! take them, they wait in memory, bounded. Where there is no more room, the oldest goes and is
//! counted.

pub mod disk;
mod entry;
mod filing;
pub mod folder;
pub mod inventory;
mod picking;
mod room;
pub mod text;

pub use entry::{Entry, Filed, Key};

use crate::clock::{Boottime, Moment};
use crate::datum::Datum;
use crate::health::Cause;
use crate::identity::dress::Pending;
use entry::Filing;
use std::collections::VecDeque;
use text::Content;

/// What the disk is to do, in this order.
#[derive(Debug, PartialEq)]
pub enum Job {
    Write {
        key: Key,
        closed: Moment,
        content: Content,
    },
    /// The same part with less to be sent.
    Replace {
        key: Key,
        closed: Moment,
        content: Content,
    },
    /// It is delivered.
    Remove {
        key: Key,
    },
    /// It is given up: say how much that was.
    Drop {
        file: Filed,
        cause: Cause,
    },
    Load {
        files: Vec<Filed>,
    },
}

/// What is picked to be sent next.
#[derive(Debug)]
pub enum Picked {
    /// These, now.
    Ready(Vec<(Key, Vec<Datum>)>),
    /// The disk has been asked for it.
    Loading,
}

/// How the disk does, for the log: said when it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Failing { reason: String },
    Recovered { since: Boottime },
}

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// Not there yet: nothing is written.
    Absent {
        since: Boottime,
    },
    Works,
    Writes {
        key: Key,
        since: Boottime,
    },
    Fails {
        since: Boottime,
        retry_at: Boottime,
    },
    /// Failed before, and tries again.
    Retries {
        key: Key,
        since: Boottime,
    },
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
        files.sort_by_key(|file| file.key);
        self.kib += files.iter().map(|file| u64::from(file.kib)).sum::<u64>();
        self.newest = self.newest.max(taken_through);
        let unseen = std::mem::take(&mut self.unseen);
        self.seen = true;
        for file in files.extract_if(.., |file| unseen.contains(&file.key)) {
            self.know_again(file);
        }
        let own: Vec<Filed> = self.filed.drain(..).collect();
        files.extend(own);
        files.sort_by_key(|file| file.key);
        files.dedup_by_key(|file| file.key);
        self.filed = files.into();
        if matches!(self.disk, Disk::Absent { .. }) {
            self.disk = Disk::Works;
        }
    }

    /// A file whose samples were folded again because the disk said nothing in time: the part that
    /// was kept stands for both.
    fn know_again(&mut self, file: Filed) {
        let (key, kib) = (file.key, file.kib);
        match self.entry(key) {
            Some(entry) if entry.filing == Filing::Waits => entry.filing = Filing::Filed { kib },
            // It is being written over, and counted then.
            Some(_) => self.kib -= u64::from(kib),
            None => self.remove(key, kib),
        }
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

    /// When a part that is in memory was closed.
    pub fn closed(&self, key: Key) -> Option<Moment> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.closed)
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
            || self.filed.binary_search_by_key(&entry.key, |file| file.key).is_ok()
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

    /// What was asked for came from the disk; `None` where it could not be read.
    pub fn loaded(&mut self, contents: Vec<(Filed, Option<(Moment, Content)>)>, now: Boottime) {
        self.loading = false;
        for (file, content) in contents {
            let Ok(place) = self.filed.binary_search_by_key(&file.key, |file| file.key) else {
                continue;
            };
            self.filed.remove(place);
            let Some((closed, content)) = content else {
                self.kib -= u64::from(file.kib);
                continue;
            };
            let filing = Filing::Filed { kib: file.kib };
            let completed = file.pending && content.pending.is_none();
            self.insert(Entry {
                filing,
                loaded: true,
                ..Entry::new(file.key, now, now, closed, content)
            });
            if completed {
                self.changed(file.key);
            }
        }
    }

    /// All of an entry is delivered.
    pub fn delivered(&mut self, key: Key) {
        self.left(key, Vec::new());
        if let Some(entry) = self.entry(key) {
            entry.sending = false;
        }
    }

    /// So much of an entry that is being sent is left to be sent.
    pub fn left(&mut self, key: Key, datums: Vec<Datum>) {
        let Some(entry) = self.entry(key) else { return };
        let before = entry.bytes();
        entry.content.datums = datums;
        let after = entry.bytes();
        self.bytes = self.bytes + after - before;
        self.changed(key);
    }

    /// An entry isn't being sent any more, and what is left of it still waits.
    pub fn put_back(&mut self, key: Key) {
        if let Some(entry) = self.entry(key) {
            entry.sending = false;
        }
    }

    /// Nothing of an entry can be delivered any more: how much that was.
    pub fn give_up(&mut self, key: Key) -> usize {
        let Some(entry) = self.entry(key) else { return 0 };
        let lost = entry.content.len();
        entry.content.pending = None;
        self.delivered(key);
        lost
    }

    /// The InstanceId is settled: completes what waits for it, now and when it is read back.
    pub fn complete(
        &mut self,
        complete: impl Fn(&Pending) -> Option<Vec<Datum>>,
        completes: bool,
    ) -> usize {
        self.completes = completes;
        let mut completed = Vec::new();
        for entry in &mut self.entries {
            if let Some(pending) = &entry.content.pending
                && let Some(datums) = complete(pending)
            {
                let before = entry.bytes();
                entry.content.datums.extend(datums);
                entry.content.pending = None;
                let after = entry.bytes();
                self.bytes = self.bytes + after - before;
                completed.push(entry.key);
            }
        }
        for key in &completed {
            self.changed(*key);
        }
        completed.len()
    }

    /// An entry's content is another: the disk follows, or nothing is left of it.
    fn changed(&mut self, key: Key) {
        let Some(place) = self.entries.iter().position(|entry| entry.key == key) else { return };
        let entry = &mut self.entries[place];
        if !entry.content.is_empty() {
            match &mut entry.filing {
                Filing::Waits => {}
                Filing::Writing { changed } => *changed = true,
                Filing::Filed { .. } => {
                    entry.behind = false;
                    self.replace(key);
                }
            }
            return;
        }
        match entry.filing {
            Filing::Waits => {}
            Filing::Writing { .. } => self.orphans.push(key),
            Filing::Filed { kib } => self.remove(key, kib),
        }
        self.take_out(place);
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
