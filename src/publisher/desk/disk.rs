//! What the disk says, and whose the files on it are.

use crate::clock::{Boottime, Moment};
use crate::dimension::DimensionName;
use crate::health::Cause;
use crate::identity::Name;
use crate::publisher::desk::Desk;
use crate::spool::disk::{Done, Loaded, Order};
use crate::spool::folder::OpenError;
use crate::spool::inventory::Found;
use crate::spool::text::{Content, Head};
use crate::spool::{Key, News};

impl Desk {
    /// Hears what became of an order.
    pub fn disk(&mut self, done: Done, now: Moment) {
        match done {
            Done::Opened(Ok(found)) => self.found(found, now.boot),
            Done::Opened(Err(error)) => {
                // Another daemon's is for whoever started this one to tell.
                if !matches!(error, OpenError::Locked { .. }) {
                    tracing::error!(%error, "the state directory can't be used: data waits in memory");
                }
                self.spool.refused(now.boot);
            }
            Done::Written { key, kib } => {
                self.skip_late(now.boot);
                let news = self.spool.written(key, kib);
                self.tell(news, now.boot);
            }
            Done::NotWritten { key, full, reason } => {
                let news = self.spool.not_written(key, full, reason, now.boot);
                self.tell(news, now.boot);
            }
            Done::Marked { key, result } => self.marked(key, result, now.boot),
            Done::Loaded(files) => self.loaded(files, now),
            Done::Dropped { cause, closed, datums } => {
                let closed = closed.filter(|(_, boot_id)| *boot_id == self.whose.boot_id);
                let cause = match cause {
                    Cause::TooOld => self.cause_of_age(closed.map(|(closed, _)| closed), now.boot),
                    cause => cause,
                };
                self.lose(cause, datums, now.boot);
            }
            Done::NotDone { job, reason } => {
                if self.spool.not_done(job, now.boot) {
                    tracing::warn!(
                        reason,
                        "the state directory: what is delivered can't be removed; that is tried again"
                    );
                }
            }
            Done::Failed { what, reason } => {
                tracing::warn!(reason, "the state directory: cannot {what}");
            }
        }
    }

    /// Once this host knows its instance, or that it has none, it can be told whether the files that were found are its
    /// own.
    pub(super) fn decide(&mut self) {
        let owner = self.whose.owner.clone();
        let undecided = self.undecided.take().map(|stored| !owner.is_same(&stored));
        self.orders.push(Order::Own { owner, undecided });
    }

    fn found(&mut self, found: Found, now: Boottime) {
        if !found.files.is_empty() {
            tracing::info!(
                publishes = found.files.len(),
                "undelivered data of earlier runs is found"
            );
        }
        if found.offered > 0 {
            tracing::warn!(
                datums = found.offered,
                "summaries of the cluster that an earlier run was sending may have arrived, and aren't sent again"
            );
        }
        self.lose(Cause::Summary, found.offered, now);
        self.lose(Cause::Foreign, found.foreign, now);
        self.spool.found(found.files, found.taken_through);
        if found.undecided.is_some() {
            self.undecided = found.undecided;
            if *self.identity.state(&DimensionName::InstanceId) != Name::Unknown {
                self.decide();
            }
        }
    }

    /// What was picked may go now.
    fn marked(&mut self, key: Key, result: Result<(), String>, now: Boottime) {
        if let Err(reason) = &result {
            tracing::error!(
                reason,
                "the state directory: a cluster's summary can't be marked as sent, so it isn't"
            );
        }
        let lost = self.spool.marked(key, result.is_ok());
        self.lose(Cause::Summary, lost, now);
        self.loaded = self.awaited.take().or(self.loaded.take());
    }

    fn loaded(&mut self, files: Vec<Loaded>, now: Moment) {
        let mut contents = Vec::new();
        // What was given up meanwhile is counted by that.
        let asked = files.into_iter().filter(|loaded| self.spool.is_filed(loaded.file.key));
        for Loaded { mut file, content } in asked.collect::<Vec<_>>() {
            let content = match content {
                Ok((head, content)) => {
                    file.pending = content.pending.is_some();
                    Some((head.closed(), self.completed(&head, content, now)))
                }
                Err(lost) if lost.later => {
                    tracing::warn!(lost.reason, "a file of the spool can't be read now");
                    self.spool.unread(file);
                    continue;
                }
                Err(lost) => {
                    tracing::warn!(
                        lost.reason,
                        "a file of the spool can't be sent: it is set aside"
                    );
                    if let Some(cause) = lost.cause {
                        self.lose(cause, lost.datums, now.boot);
                    }
                    None
                }
            };
            contents.push((file, content));
        }
        self.spool.loaded(contents, now.boot);
        self.loaded = self.awaited.take();
    }

    /// What waited for the InstanceId is completed by the boot that wrote it only.
    fn completed(&mut self, head: &Head, mut content: Content, now: Moment) -> Content {
        if let Some(pending) = content.pending.take() {
            if head.boot_id != self.whose.boot_id {
                self.lose(Cause::Foreign, pending.len(), now.boot);
            } else if let Some(datums) = pending.complete(&self.identity) {
                content.datums.extend(datums);
            } else {
                content.pending = Some(pending);
            }
        }
        content
    }

    fn tell(&self, news: Option<News>, now: Boottime) {
        match news {
            None => {}
            Some(News::Failing { reason }) => {
                tracing::error!(
                    reason,
                    "the state directory can't be written: data waits in memory"
                );
            }
            Some(News::Recovered { since }) => {
                let seconds = now.since(since).as_secs();
                tracing::info!(seconds, "the state directory can be written again");
            }
        }
    }
}
