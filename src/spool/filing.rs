//! What the disk is asked to write, and how that goes.

use crate::clock::Boottime;
use crate::spool::entry::{Filing, PATIENCE};
use crate::spool::once::Once;
use crate::spool::{Disk, Entry, Job, Key, News, Spool};
use std::time::Duration;

impl Spool {
    /// The disk isn't there: it is asked again now and then.
    pub fn refused(&mut self, now: Boottime) {
        self.disk = Disk::Fails { since: now, retry_at: now.plus(RETRY) };
    }

    /// Starts what the disk can do now.
    pub fn work(&mut self, now: Boottime) {
        let ready = match self.disk {
            Disk::Works => true,
            Disk::Fails { retry_at, .. } => retry_at <= now,
            Disk::Absent { .. } | Disk::Writes { .. } | Disk::Retries { .. } => false,
        };
        let waits = |entry: &&mut Entry| entry.filing == Filing::Waits;
        let first = self.entries.iter_mut().filter(waits).min_by_key(|entry| entry.key.through);
        if let (true, Some(entry)) = (ready, first) {
            let (key, closed, content) = (entry.key, entry.closed, entry.content.clone());
            entry.filing = Filing::Writing { changed: false };
            self.disk = match self.disk {
                Disk::Fails { since, .. } => Disk::Retries { key, since },
                _ => Disk::Writes { key, since: now },
            };
            self.jobs.push(Job::Write { key, closed, content });
        }
    }

    /// The jobs that came up since the last call.
    pub fn jobs(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.jobs)
    }

    /// A part is on the disk. How many datums of the oldest had to go for it is told by `Drop`.
    pub fn written(&mut self, key: Key, kib: u32) -> Option<News> {
        let news = match self.disk {
            Disk::Retries { since, .. } => Some(News::Recovered { since }),
            _ => None,
        };
        self.disk = Disk::Works;
        self.made_room = 0;
        self.kib += u64::from(kib);
        if let Some(place) = self.orphans.iter().position(|orphan| *orphan == key) {
            self.orphans.swap_remove(place);
            self.remove(key, kib);
        } else if let Some(entry) = self.entry(key) {
            let changed = entry.filing == Filing::Writing { changed: true };
            entry.filing = Filing::Filed { kib };
            entry.once = entry.once.map(|_| Once::Kept);
            if changed {
                self.replace(key);
            }
        }
        self.catch_up();
        self.make_room_on_disk();
        news
    }

    /// A part couldn't be written; `full`: for want of space.
    pub fn not_written(
        &mut self,
        key: Key,
        full: bool,
        reason: String,
        now: Boottime,
    ) -> Option<News> {
        self.orphans.retain(|orphan| *orphan != key);
        if let Some(entry) = self.entry(key) {
            entry.filing = Filing::Waits;
        }
        let made_room = full && self.made_room < MOST_DROPPED && self.drop_oldest();
        self.made_room += u32::from(made_room);
        let again = if made_room { now } else { now.plus(RETRY) };
        let (since, news) = match self.disk {
            Disk::Retries { since, .. } => (since, None),
            // The loss is told; as long as it makes room, the disk works.
            _ if made_room => {
                self.disk = Disk::Works;
                return None;
            }
            _ => (now, Some(News::Failing { reason })),
        };
        self.disk = Disk::Fails { since, retry_at: again };
        news
    }

    /// When the disk is to be tried again, where there is something to try it with.
    pub fn retry_at(&self) -> Option<Boottime> {
        let waits = self.entries.iter().any(|entry| entry.filing == Filing::Waits);
        match self.disk {
            Disk::Fails { retry_at, .. } if waits => Some(retry_at),
            _ => None,
        }
    }

    /// Since when the disk takes nothing.
    pub fn disk_fails_since(&self, now: Boottime) -> Option<Boottime> {
        match self.disk {
            Disk::Works => None,
            Disk::Absent { since } | Disk::Fails { since, .. } | Disk::Retries { since, .. } => {
                Some(since)
            }
            Disk::Writes { since, .. } => (now >= since.plus(PATIENCE)).then_some(since),
        }
    }

    pub(super) fn remove(&mut self, key: Key, kib: u32) {
        self.kib -= u64::from(kib);
        self.jobs.push(Job::Remove { key });
    }

    pub(super) fn replace(&mut self, key: Key) {
        if let Some(entry) = self.entry(key) {
            let (closed, content) = (entry.closed, entry.content.clone());
            self.jobs.push(Job::Replace { key, closed, content });
        }
    }
}

/// A disk that takes nothing is tried again after this long.
const RETRY: Duration = Duration::from_secs(5);
/// Where so many files less made no room for one, others take it: the rest is kept.
const MOST_DROPPED: u32 = 8;
