//! What the disk didn't do is asked for again.

use crate::clock::{Boottime, Moment};
use crate::spool::entry::Filing;
use crate::spool::once::Once;
use crate::spool::text::Content;
use crate::spool::{Entry, Filed, Job, Key, Spool};

impl Spool {
    /// A file whose samples were folded again because the disk said nothing in time: the part that
    /// was kept stands for both.
    pub(super) fn know_again(&mut self, file: Filed) {
        let (key, kib) = (file.key, file.kib);
        match self.entry(key) {
            Some(entry) if entry.filing == Filing::Waits => {
                entry.filing = Filing::Filed { kib };
                self.kib += u64::from(kib);
            }
            // It is being written over.
            Some(_) => {}
            None => self.jobs.push(Job::Remove { key }),
        }
    }

    /// What a file says couldn't be changed, or it couldn't be removed: it is tried again once the
    /// disk takes something. `true` for the first.
    pub fn not_done(&mut self, job: Job, now: Boottime) -> bool {
        let first = self.undone.is_empty() && !self.entries.iter().any(|entry| entry.behind);
        match job {
            Job::Replace { key, closed, content } => match self.entry(key) {
                Some(entry) => entry.behind = true,
                None => self.take_back(key, closed, content, now),
            },
            job => self.undone.push(job),
        }
        first
    }

    /// An entry was left to its file, which says more than is left: it comes back.
    fn take_back(&mut self, key: Key, closed: Moment, content: Content, now: Boottime) {
        if let Ok(place) = self.filed.binary_search_by_key(&key, |file| file.key)
            && let Some(Filed { kib, .. }) = self.filed.remove(place)
        {
            let filing = Filing::Filed { kib };
            let once = Once::of(&content);
            let entry = Entry::new(key, now, now, closed, content);
            self.insert(Entry { filing, behind: true, loaded: true, once, ..entry });
        }
    }

    /// A file couldn't be read, and is there.
    pub fn unread(&mut self, file: Filed) {
        if let Ok(place) = self.filed.binary_search_by_key(&file.key, |file| file.key) {
            self.filed.remove(place);
            self.unread.push(file);
        }
    }

    /// The disk works: what it didn't do before is asked for again.
    pub(super) fn catch_up(&mut self) {
        self.jobs.append(&mut self.undone);
        for file in std::mem::take(&mut self.unread) {
            let place = self.filed.partition_point(|other| other.key < file.key);
            self.filed.insert(place, file);
        }
        let behind = self.entries.iter_mut().filter(|entry| entry.behind);
        let keys: Vec<Key> = behind.map(|entry| (entry.behind = false, entry.key).1).collect();
        keys.into_iter().for_each(|key| self.replace(key));
    }
}
