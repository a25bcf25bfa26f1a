//! What is said once at most, a cluster's summary: it is on the disk in time or not at all, and its
//! file says that the service may have it before the service is asked.

use crate::clock::{Boottime, Timestamp};
use crate::datum::Datum;
use crate::spool::text::Content;
use crate::spool::{Entry, Job, Key, Spool};

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Once {
    /// Its file has to be written by then, else it is given up.
    Until(Boottime),
    /// Its file is written, and the service certainly doesn't have it.
    Kept,
    /// The disk was asked to mark its file.
    Marking,
    /// Its file says that the service may have it.
    Marked,
    /// The same, and the service has some of it.
    Begun,
}

impl Once {
    /// Of what was read back from a file that isn't marked.
    pub fn of(content: &Content) -> Option<Once> {
        content.datums.iter().any(Datum::is_summary).then_some(Once::Kept)
    }

    pub fn may_be_picked(self) -> bool {
        matches!(self, Once::Kept | Once::Marked | Once::Begun)
    }
}

impl Entry {
    /// It is said once at most, and its file has to be written by then.
    pub fn once(self, until: Boottime) -> Entry {
        Entry { once: Some(Once::Until(until)), ..self }
    }

    /// Its file's name isn't what it would be read back by.
    pub(super) fn is_marked(&self) -> bool {
        matches!(self.once, Some(Once::Marking | Once::Marked | Once::Begun))
    }
}

impl Spool {
    /// Gives up what should be on the disk by now and isn't, as far as the disk has told: of which
    /// periods, and how many datums.
    pub fn late(&mut self, now: Boottime) -> Vec<(Timestamp, usize)> {
        let is_late =
            |entry: &&Entry| matches!(entry.once, Some(Once::Until(until)) if until < now);
        let late: Vec<Key> = self.entries.iter().filter(is_late).map(|entry| entry.key).collect();
        late.into_iter().map(|key| (key.period, self.give_up(key))).collect()
    }

    /// The disk has marked a file, and it may be sent. Where the disk could not it never may, which
    /// loses so many datums.
    pub fn marked(&mut self, key: Key, is_marked: bool) -> usize {
        match self.entry(key) {
            Some(entry) if entry.once == Some(Once::Marking) && is_marked => {
                entry.once = Some(Once::Marked);
                0
            }
            Some(entry) if entry.once == Some(Once::Marking) => self.give_up(key),
            _ => 0,
        }
    }

    /// The disk is still to say that something may be sent.
    pub fn is_marking(&self) -> bool {
        self.entries.iter().any(|entry| entry.once == Some(Once::Marking))
    }

    /// It was picked, and waits for the disk instead.
    pub(super) fn mark(&mut self, keys: Vec<Key>) {
        for key in keys {
            if let Some(entry) = self.entry(key) {
                entry.once = Some(Once::Marking);
            }
            self.jobs.push(Job::Mark { key, offered: true });
        }
    }

    /// It was offered, or might have been, and the service certainly doesn't have it.
    pub(super) fn take_mark_back(&mut self, key: Key) {
        if let Some(entry) = self.entry(key)
            && entry.once == Some(Once::Marked)
        {
            entry.once = Some(Once::Kept);
            self.jobs.push(Job::Mark { key, offered: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::datum::Resolution;
    use crate::dimension::Dimension;
    use crate::distribution::Statistics;
    use crate::metric::NATIVELY;
    use crate::spool::{Limits, News, Picked};
    use crate::units::Unit;
    use crate::window::Figure;
    use std::time::Duration;

    const KEY: Key = Key { period: Timestamp(60_000), through: 0, extra: 0 };

    fn at(seconds: u64) -> Boottime {
        Boottime(0).plus(Duration::from_secs(seconds))
    }

    /// With a summary that has to be written by the second 5, and is being.
    fn spool() -> Spool {
        let mut spool = Spool::new(Limits { memory_bytes: 1 << 20, disk_bytes: 1 << 20 }, at(0));
        spool.found(Vec::new(), 0);
        let statistics = Statistics::Values { values: [3.0].into(), counts: [1].into() };
        let figure = |name: &'static str| Figure {
            name: name.into(),
            publication: NATIVELY,
            unit: Unit::Count,
            timestamp: KEY.period,
            statistics: statistics.clone(),
            beside: None,
        };
        let of = [Dimension { name: Datum::CLUSTER.to_owned(), value: "web".to_owned() }];
        let datum =
            |name| Datum::new("N".into(), of.clone().into(), Resolution::Standard, &figure(name));
        let datums = vec![datum("ClusterMembers"), datum("ClusterAvailable")];
        let closed = Moment { wall: KEY.period, boot: at(0) };
        let entry = Entry::new(KEY, at(0), at(60), closed, Content { datums, pending: None });
        assert_eq!(spool.keep(entry.once(at(5))), 0);
        spool.work(at(0));
        assert!(matches!(spool.jobs()[..], [Job::Write { .. }]));
        spool
    }

    fn kept() -> Spool {
        let mut spool = spool();
        assert_eq!(spool.written(KEY, 4), None::<News>);
        spool
    }

    fn pick(spool: &mut Spool, now: Boottime) -> Option<usize> {
        let picked = spool.pick_live(now, |_| true);
        spool.check();
        match picked {
            Picked::Ready(entries) => {
                Some(entries.into_iter().map(|(_, datums)| datums.len()).sum())
            }
            Picked::Loading => None,
        }
    }

    /// Marked and picked.
    fn sent() -> Spool {
        let mut spool = kept();
        assert_eq!(pick(&mut spool, at(1)), None);
        spool.jobs();
        assert_eq!((spool.marked(KEY, true), pick(&mut spool, at(1))), (0, Some(2)));
        spool
    }

    #[test]
    fn what_the_disk_has_too_late_is_given_up() {
        let mut spool = spool();
        // Not from memory either, however long the disk takes.
        assert!(!spool.waiting(at(4), |_| true).live);
        assert!(matches!(spool.pick_live(at(4), |_| true), Picked::Ready(none) if none.is_empty()));
        assert!(spool.late(at(5)).is_empty());
        assert_eq!(spool.late(at(6)), [(KEY.period, 2)]);
        spool.written(KEY, 4);
        assert_eq!(spool.jobs(), [Job::Remove { key: KEY }]);
        assert!(spool.is_empty());
    }

    #[test]
    fn it_is_offered_only_once_its_file_says_so() {
        let mut spool = kept();
        assert!(spool.late(at(60)).is_empty(), "it was in time");
        assert!(spool.waiting(at(1), |_| true).live);
        assert_eq!(pick(&mut spool, at(1)), None);
        assert_eq!(spool.jobs(), [Job::Mark { key: KEY, offered: true }]);
        assert!(spool.is_marking() && !spool.waiting(at(1), |_| true).live);
        // It isn't left to the disk, where it has another name now.
        spool.evict(at(99), true);
        assert_eq!(spool.len(), 1);
        assert_eq!((spool.marked(KEY, true), pick(&mut spool, at(2))), (0, Some(2)));
        spool.delivered(KEY);
        assert_eq!(spool.jobs(), [Job::Remove { key: KEY }]);
    }

    #[test]
    fn a_mark_that_the_disk_refuses_loses_it() {
        let mut spool = kept();
        assert_eq!(pick(&mut spool, at(1)), None);
        spool.jobs();
        assert_eq!(spool.marked(KEY, false), 2);
        assert!(spool.is_empty());
        assert_eq!(spool.jobs(), [Job::Remove { key: KEY }]);
        assert_eq!(spool.marked(KEY, true), 0, "it is over");
    }

    #[test]
    fn what_the_service_certainly_lacks_may_be_offered_again() {
        let mut spool = sent();
        spool.put_back(KEY);
        assert_eq!(spool.jobs(), [Job::Mark { key: KEY, offered: false }]);
        spool.evict(at(1), true);
        assert!(spool.is_filed(KEY), "it waits under its own name");
        let file = spool.filed[0];
        let content = kept().entries[0].content.clone();
        let closed = Moment { wall: KEY.period, boot: at(0) };
        spool.loaded(vec![(file, Some((closed, content)))], at(70));
        assert!(matches!(spool.pick_oldest(at(70), |_| true), Picked::Loading));
        assert_eq!(spool.jobs(), [Job::Mark { key: KEY, offered: true }]);
    }

    #[test]
    fn what_the_service_has_some_of_stays_marked() {
        let mut spool = sent();
        let rest = spool.entries[0].content.datums[1..].to_vec();
        spool.left(KEY, rest);
        spool.jobs();
        spool.put_back(KEY);
        assert!(spool.jobs().is_empty());
        assert_eq!(pick(&mut spool, at(3)), Some(1));
        assert_eq!(spool.give_up(KEY), 1);
        assert_eq!(spool.jobs(), [Job::Remove { key: KEY }]);
    }
}
