//! What has to go: from memory to the disk, or for good.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::health::Cause;
use crate::spool::{Entry, Job, Key, Spool};

impl Spool {
    /// Gives up what `condemned` says can no longer be delivered: entries at once, with how much
    /// that was; of files the disk will tell.
    pub fn condemn(
        &mut self,
        condemned: impl Fn(Timestamp) -> bool,
    ) -> Vec<(Key, Option<Moment>, usize)> {
        while let Some(file) = self.filed.front().copied().filter(|file| condemned(file.key.period))
        {
            self.filed.pop_front();
            self.kib -= u64::from(file.kib);
            self.jobs.push(Job::Drop { file, cause: Cause::TooOld });
        }
        let old =
            self.entries.iter().filter(|entry| !entry.is_sending() && condemned(entry.key.period));
        let old: Vec<_> = old.map(|entry| entry.key).collect();
        old.into_iter().map(|key| (key, self.closed(key), self.give_up(key))).collect()
    }

    /// Lets go of what is safe on the disk and needn't be in memory: all that is due where `all`,
    /// else what isn't live any more.
    pub fn evict(&mut self, now: Boottime, all: bool) {
        let mut place = 0;
        while let Some(entry) = self.entries.get(place) {
            let idle = !entry.loaded || entry.content.waits();
            let over = entry.due <= now && (all || (!entry.is_live(now) && idle));
            if over && entry.may_leave() {
                self.leave_to_disk(place);
            } else {
                place += 1;
            }
        }
    }

    /// Lets the oldest entries go until the rest has room; says how many datums went.
    pub fn make_room_in_memory(&mut self) -> usize {
        let mut dropped = 0;
        while self.bytes > self.limits.memory_bytes {
            let idle = |entry: &Entry| !entry.is_sending();
            if let Some(place) = self.entries.iter().position(Entry::may_leave) {
                self.leave_to_disk(place);
            } else if let Some(place) = self.entries.iter().position(idle) {
                let key = self.entries[place].key;
                dropped += self.give_up(key);
            } else {
                break;
            }
        }
        dropped
    }

    pub(super) fn make_room_on_disk(&mut self) {
        while self.kib * 1_024 > self.limits.disk_bytes && self.drop_oldest() {}
    }

    /// Gives up the oldest file; `false` where there is none that may go.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let entry = self.entries.iter().position(Entry::may_leave);
        let oldest = entry.map(|place| (self.entries[place].key, place));
        let file = match (self.filed.front(), oldest) {
            (Some(file), Some((key, _))) if file.key < key => self.filed.pop_front(),
            (_, Some((_, place))) => {
                let file = self.entries[place].filed();
                self.take_out(place);
                file
            }
            (_, None) => self.filed.pop_front(),
        };
        let Some(file) = file else { return false };
        self.kib -= u64::from(file.kib);
        self.jobs.push(Job::Drop { file, cause: Cause::SpoolFull });
        true
    }

    /// Lets an entry go that the disk has.
    fn leave_to_disk(&mut self, place: usize) {
        let file = self.entries[place].filed();
        self.take_out(place);
        if let Some(file) = file {
            self.grow();
            let at = self.filed.partition_point(|other| other.key < file.key);
            self.filed.insert(at, file);
        }
    }

    /// Room for more files, little by little: doubling a long list would cost as much again.
    fn grow(&mut self) {
        if self.filed.len() == self.filed.capacity() {
            self.filed.reserve_exact(self.filed.len() / 16 + 64);
        }
    }
}
