//! What is sent next, and what has to be read back for it.

use crate::clock::{Boottime, Timestamp};
use crate::delivery::Waiting;
use crate::spool::entry::PATIENCE;
use crate::spool::once::Once;
use crate::spool::{Entry, Filed, Job, Key, Picked, Spool};
use std::time::Duration;

impl Spool {
    /// Makes everything due now: there will be no later.
    pub fn hurry(&mut self, now: Boottime) {
        for entry in &mut self.entries {
            entry.due = entry.due.min(now);
        }
    }

    /// What the delivery policy needs to know; `ready` says which periods may be sent now.
    pub fn waiting(&self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Waiting {
        let mut waiting = Waiting {
            backlog: !self.loading && self.oldest_file(&ready).is_some(),
            ..Waiting::default()
        };
        let mut disk_is_busy = false;
        for entry in self.entries.iter().filter(|entry| ready(entry.key.period)) {
            let soon = entry.due <= now.plus(TOGETHER);
            if entry.is_due(now, self.disk) {
                waiting.live |= entry.is_live(now);
                waiting.backlog |= !entry.is_live(now);
            } else if !entry.is_sending()
                && !entry.content.datums.is_empty()
                && entry.once.is_none()
            {
                disk_is_busy |= soon;
                let due = entry.due.max(entry.closed.boot.min(now));
                // What is due waits for the disk, but not for long.
                let due = if entry.due <= now { due.plus(PATIENCE) } else { entry.due };
                waiting.next_due = Some(waiting.next_due.map_or(due, |next| next.min(due)));
            }
        }
        // What is due together travels together: the rest waits for the disk too.
        waiting.live &= !disk_is_busy;
        waiting
    }

    /// Everything live.
    pub fn pick_live(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Picked {
        let (disk, now) = (self.disk, now.plus(TOGETHER));
        self.pick(|entry| entry.is_due(now, disk) && entry.is_live(now) && ready(entry.key.period))
    }

    /// Everything that is due and in memory.
    pub fn pick_due(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Picked {
        let disk = self.disk;
        self.pick(|entry| entry.is_due(now, disk) && ready(entry.key.period))
    }

    /// The newest that is due: all parts of one period.
    pub fn pick_newest(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Picked {
        let disk = self.disk;
        let due = |entry: &&Entry| entry.is_due(now, disk) && ready(entry.key.period);
        let newest = self.entries.iter().rev().find(due).map(|entry| entry.key.period);
        let file = self.files(&ready).next_back().copied();
        match (newest, file) {
            (Some(period), _) => {
                self.pick(|entry| { entry.key.period } == period && entry.is_due(now, disk))
            }
            (None, Some(file)) => self.load(vec![file]),
            (None, None) => Picked::Ready(Vec::new()),
        }
    }

    /// The oldest that is due, as much as one request holds.
    pub fn pick_oldest(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Picked {
        let disk = self.disk;
        if let Some(file) = self.oldest_file(&ready)
            && !self.is_full_before(file.key, now)
        {
            let (mut files, mut kib) = (Vec::new(), 0);
            for file in self.files(&ready) {
                kib += file.kib;
                if !files.is_empty() && (kib > LOAD_KIB || files.len() == LOAD_FILES) {
                    break;
                }
                files.push(*file);
            }
            return self.load(files);
        }
        let (mut datums, mut bytes, mut full) = (0, REQUEST_FRAME, false);
        self.pick(|entry| {
            if full || !entry.is_due(now, disk) || !ready(entry.key.period) {
                return false;
            }
            let count = entry.content.datums.len();
            datums += count;
            bytes += entry.bytes();
            full = datums > BACKLOG_DATUMS || bytes > BACKLOG_BYTES;
            !full || datums == count
        })
    }

    /// The files that may be sent.
    fn files<'a>(
        &'a self,
        ready: &'a impl Fn(Timestamp) -> bool,
    ) -> impl DoubleEndedIterator<Item = &'a Filed> {
        let may = |file: &&Filed| (self.completes || !file.pending) && ready(file.key.period);
        self.filed.iter().filter(may)
    }

    fn oldest_file(&self, ready: &impl Fn(Timestamp) -> bool) -> Option<Filed> {
        self.files(ready).next().copied()
    }

    /// Whether what is in memory and older than a file fills a request without it.
    fn is_full_before(&self, key: Key, now: Boottime) -> bool {
        let older = self.entries.iter().take_while(|entry| entry.key < key);
        let due = older.filter(|entry| entry.is_due(now, self.disk));
        let (datums, bytes) = due.fold((0, 0), |(datums, bytes), entry| {
            (datums + entry.content.datums.len(), bytes + entry.bytes())
        });
        datums >= BACKLOG_DATUMS || bytes >= BACKLOG_BYTES
    }

    fn load(&mut self, files: Vec<Filed>) -> Picked {
        if !std::mem::replace(&mut self.loading, true) {
            self.jobs.push(Job::Load { files });
        }
        Picked::Loading
    }

    fn pick(&mut self, mut wanted: impl FnMut(&Entry) -> bool) -> Picked {
        let (mut picked, mut unmarked) = (Vec::new(), Vec::new());
        for entry in &mut self.entries {
            if !wanted(entry) {
                continue;
            }
            if entry.once == Some(Once::Kept) {
                unmarked.push(entry.key);
            } else {
                entry.sending = entry.content.datums.len();
                picked.push((entry.key, entry.content.datums.clone()));
            }
        }
        let waits = picked.is_empty() && !unmarked.is_empty();
        self.mark(unmarked);
        if waits { Picked::Loading } else { Picked::Ready(picked) }
    }
}

/// What is due so soon goes along: due times come from two clocks read a moment apart.
const TOGETHER: Duration = Duration::from_millis(50);
/// More than a request has beside its datums: the longest namespace and the names of the fields.
const REQUEST_FRAME: usize = 300;
/// An eighth of what a request may hold: a backlog of tens of thousands of files has to leave without
/// a mebibyte of memory, and a day of the default metrics takes four dozen requests then.
pub(super) const BACKLOG_DATUMS: usize = 128;
const BACKLOG_BYTES: usize = 128 * 1_024;
/// About as much: a datum takes as much text as it takes bytes in a request.
const LOAD_KIB: u32 = 128;
const LOAD_FILES: usize = 32;
