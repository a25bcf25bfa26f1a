//! What becomes of an entry that is in memory: delivered, given up, or completed.

use crate::datum::Datum;
use crate::identity::dress::Pending;
use crate::spool::entry::Filing;
use crate::spool::once::Once;
use crate::spool::text::Content;
use crate::spool::{Key, Spool};

impl Spool {
    /// All of an entry is delivered.
    pub fn delivered(&mut self, key: Key) {
        self.left(key, Vec::new());
    }

    /// So much of what is being sent of an entry is left to be sent. What was completed meanwhile
    /// isn't part of that, and stays.
    pub fn left(&mut self, key: Key, mut datums: Vec<Datum>) {
        let Some(entry) = self.entry(key) else { return };
        let before = entry.bytes();
        let sent = std::mem::replace(&mut entry.sending, datums.len());
        datums.extend(entry.content.datums.drain(..).skip(sent));
        entry.content.datums = datums;
        entry.once = entry.once.map(|_| Once::Begun);
        let after = entry.bytes();
        self.bytes = self.bytes + after - before;
        self.changed(key);
    }

    /// An entry isn't being sent any more, and what is left of it still waits.
    pub fn put_back(&mut self, key: Key) {
        if let Some(entry) = self.entry(key) {
            entry.sending = 0;
        }
        self.take_mark_back(key);
        // While it was being sent it could not be what makes room.
        self.make_room_on_disk();
    }

    /// Nothing of an entry can be delivered any more: how much that was.
    pub fn give_up(&mut self, key: Key) -> usize {
        let Some(entry) = self.entry(key) else { return 0 };
        let (lost, bytes) = (entry.content.len(), entry.bytes());
        (entry.content, entry.sending) = (Content::default(), 0);
        self.bytes -= bytes;
        self.changed(key);
        lost
    }

    /// The InstanceId is settled: completes what waits for it, now and when it is read back.
    ///
    /// Completed parts take more room than before: says how many were completed, and how many
    /// datums had to go for that.
    #[must_use]
    pub fn complete(
        &mut self,
        complete: impl Fn(&Pending) -> Option<Vec<Datum>>,
        completes: bool,
    ) -> (usize, usize) {
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
        (completed.len(), self.make_room_in_memory())
    }

    /// An entry's content is another: the disk follows, or nothing is left of it.
    pub(super) fn changed(&mut self, key: Key) {
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
}
