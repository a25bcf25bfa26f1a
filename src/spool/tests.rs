//! The spool's index: order, bounds and bookkeeping.

use super::*;
use crate::batch::datum_bytes;
use crate::clock::Timestamp;
use crate::datum::{Datum, Resolution};
use crate::delivery::Waiting;
use crate::distribution::Statistics;
use crate::health::Cause;
use crate::identity::dress::{Pending, Publications, dress};
use crate::identity::fixture::{Given, document, set, xen};
use crate::spool::picking::BACKLOG_DATUMS;
use crate::units::Unit;
use crate::window::Figure;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

impl Spool {
    /// What has to hold at any time: order, sums, and that no unsafe part is said to be taken.
    pub(crate) fn check(&self) {
        assert!(self.entries.is_sorted_by(|one, other| one.key < other.key), "{self:?}");
        assert!(self.filed.iter().is_sorted_by(|one, other| one.key < other.key), "{self:?}");
        assert!(self.entries.iter().all(|entry| !self.is_filed(entry.key)), "{self:?}");
        let bytes: usize = self.entries.iter().map(Entry::bytes).sum();
        assert_eq!(bytes, self.bytes, "bytes");
        let filed = self.filed.iter().copied().chain(self.entries.iter().filter_map(Entry::filed));
        assert_eq!(filed.map(|file| u64::from(file.kib)).sum::<u64>(), self.kib, "kib");
        let taken = self.taken_through();
        for entry in self.only_in_memory() {
            assert!(entry.key.through > taken || entry.key.extra > 0, "{taken}: {entry:?}");
        }
        for entry in &self.entries {
            assert!(!entry.content.is_empty(), "{entry:?}");
            assert!(entry.sending <= entry.content.datums.len(), "{entry:?}");
        }
    }

    /// What is in memory, and whether the disk has it.
    pub(crate) fn in_memory(&self) -> impl Iterator<Item = (Key, &Content, bool)> {
        self.entries.iter().map(|entry| (entry.key, &entry.content, entry.filed().is_some()))
    }

    pub(crate) fn on_disk(&self) -> impl Iterator<Item = Filed> {
        self.filed.iter().copied()
    }

    /// The bytes of what could leave the memory now.
    pub(crate) fn idle_bytes(&self) -> usize {
        let idle = self.entries.iter().filter(|entry| !entry.is_sending());
        idle.filter(|entry| !entry.loaded).map(Entry::bytes).sum()
    }

    pub(crate) fn kib(&self) -> u64 {
        self.kib
    }
}

fn datum(name: usize, period: i64) -> Datum {
    Datum {
        namespace: "EC2/Memory".into(),
        name: format!("Metric{name}").into(),
        dimensions: [].into(),
        timestamp: Timestamp(period),
        unit: Unit::Percent,
        resolution: Resolution::Standard,
        statistics: Statistics::Values { values: [1.0].into(), counts: [1].into() },
    }
}

fn key(period: i64, through: u64) -> Key {
    Key { period: Timestamp(period * 60_000), through, extra: 0 }
}

fn at(seconds: u64) -> Boottime {
    Boottime(seconds * 1_000_000)
}

fn entry(key: Key, datums: std::ops::Range<usize>, due: u64) -> Entry {
    let closed = Moment { wall: key.period, boot: at(due) };
    let datums = datums.map(|name| datum(name, key.period.0)).collect();
    let content = Content { datums, pending: None };
    Entry::new(key, at(due), at(due + 60), closed, content)
}

fn spool(memory_bytes: usize, disk_kib: u64) -> Spool {
    let mut spool = Spool::new(Limits { memory_bytes, disk_bytes: disk_kib * 1_024 }, at(0));
    spool.found(Vec::new(), 0);
    spool
}

fn filed(period: i64, through: u64) -> Filed {
    Filed { key: key(period, through), kib: 4, pending: false }
}

fn periods(picked: Picked) -> Vec<i64> {
    match picked {
        Picked::Ready(entries) => entries.iter().map(|(key, _)| key.period.0 / 60_000).collect(),
        Picked::Loading => panic!("the disk was asked"),
    }
}

fn all(_: Timestamp) -> bool {
    true
}

/// Writes everything that waits, one after the other.
fn write_all(spool: &mut Spool, now: Boottime) {
    loop {
        spool.work(now);
        let jobs = spool.jobs();
        let written = jobs.iter().find_map(|job| match job {
            Job::Write { key, .. } => Some(*key),
            _ => None,
        });
        let Some(key) = written else { return };
        let _ = spool.written(key, 4);
        spool.check();
    }
}

#[test]
fn parts_are_written_in_the_order_of_their_samples() {
    let mut spool = spool(usize::MAX, 1_000);
    // The clock was set back: the later part has the earlier period.
    for (period, through) in [(9, 10), (3, 20), (5, 30)] {
        assert_eq!(spool.keep(entry(key(period, through), 0..1, 0)), 0);
    }
    for (period, through) in [(9, 10), (3, 20), (5, 30)] {
        spool.work(at(0));
        spool.work(at(0));
        let jobs = spool.jobs();
        let [Job::Write { key: written, .. }] = &jobs[..] else { panic!("{jobs:?}") };
        assert_eq!(*written, key(period, through));
        assert_eq!(spool.taken_through(), through - 10);
        assert_eq!(spool.written(*written, 4), None);
        assert_eq!(spool.taken_through(), through);
    }
}

#[test]
fn parts_without_a_sample_of_their_own_have_a_place_of_their_own() {
    let mut spool = spool(usize::MAX, 1_000);
    spool.found(vec![filed(1, 10)], 10);
    for extra in 1..4 {
        let _ = spool.keep(entry(key(1, 10), 0..1, 0));
        assert!(spool.in_memory().any(|(key, ..)| key.extra == extra));
        spool.check();
    }
    let all_of_it = match spool.pick_due(at(2), all) {
        Picked::Ready(entries) => entries,
        Picked::Loading => Vec::new(),
    };
    assert_eq!(all_of_it.len(), 3);
}

#[test]
fn the_oldest_goes_where_there_is_no_room_in_memory() {
    let one: usize = (0..100).map(|name| datum_bytes(&datum(name, 0))).sum();
    let mut spool = spool(one * 10 + 500, 1_000);
    let mut dropped = 0;
    for place in 0..30i64 {
        dropped += spool.keep(entry(key(place * 7 % 30, place as u64 + 1), 0..100, 0));
        spool.check();
        assert!(spool.bytes <= one * 10 + 500);
    }
    assert_eq!(dropped, 2_000);
    assert_eq!(periods(spool.pick_due(at(2), all)), (20..30).collect::<Vec<_>>());
    assert_eq!(spool.keep(entry(key(40, 99), 0..1_200, 0)), 1_200, "alone too much");
}

#[test]
fn what_the_disk_has_leaves_the_memory_first_and_is_not_lost() {
    let one: usize = (0..100).map(|name| datum_bytes(&datum(name, 0))).sum();
    let mut spool = spool(one * 5 + 500, 1_000);
    for place in 0..4 {
        assert_eq!(spool.keep(entry(key(place, place as u64 + 1), 0..100, 0)), 0);
    }
    write_all(&mut spool, at(0));
    for place in 4..9 {
        assert_eq!(spool.keep(entry(key(place, place as u64 + 1), 0..100, 0)), 0);
    }
    assert_eq!((spool.on_disk().count(), spool.len()), (4, 9));
    spool.check();
}

#[test]
fn the_oldest_file_goes_where_there_is_no_room_on_the_disk() {
    let mut spool = spool(usize::MAX, 20);
    spool.found((0..3).map(|place| filed(place, place as u64 + 1)).collect(), 3);
    for place in 3..8 {
        let _ = spool.keep(entry(key(place, place as u64 + 1), 0..1, 0));
    }
    let mut dropped = Vec::new();
    loop {
        spool.work(at(0));
        let jobs = spool.jobs();
        if jobs.is_empty() {
            break;
        }
        for job in jobs {
            match job {
                Job::Write { key, .. } => assert_eq!(spool.written(key, 4), None),
                Job::Drop { file, cause: Cause::SpoolFull } => dropped.push(file.key),
                other => panic!("{other:?}"),
            }
            spool.check();
        }
    }
    assert_eq!(dropped, (0..3).map(|place| key(place, place as u64 + 1)).collect::<Vec<_>>());
    assert_eq!(spool.kib(), 20);
}

#[test]
fn a_full_disk_lets_the_oldest_go_at_once_and_another_fault_waits() {
    let mut spool = spool(usize::MAX, 1_000);
    spool.found(vec![filed(0, 1), filed(1, 2)], 2);
    let _ = spool.keep(entry(key(5, 3), 0..1, 0));
    spool.work(at(0));
    let _ = spool.jobs();
    let news = spool.not_written(key(5, 3), true, "no space".to_owned(), at(0));
    assert_eq!(news, None, "a disk that takes new parts for old ones works");
    let jobs = spool.jobs();
    assert!(matches!(&jobs[..], [Job::Drop { file, .. }] if file.key == key(0, 1)), "{jobs:?}");
    spool.work(at(0));
    assert!(matches!(&spool.jobs()[..], [Job::Write { .. }]), "it is tried again at once");
    let news = spool.not_written(key(5, 3), false, "read-only".to_owned(), at(0));
    assert!(matches!(news, Some(News::Failing { .. })));
    spool.work(at(4));
    assert_eq!((spool.jobs(), spool.retry_at()), (Vec::new(), Some(at(5))));
    spool.work(at(5));
    assert!(matches!(&spool.jobs()[..], [Job::Write { .. }]));
    assert_eq!(spool.written(key(5, 3), 4), Some(News::Recovered { since: at(0) }));
    spool.check();
}

/// Otherwise the publisher would go round without a pause.
#[test]
fn a_disk_that_failed_wakes_nobody_where_nothing_waits_for_it() {
    let mut spool = spool(usize::MAX, 1_000);
    let _ = spool.keep(entry(key(5, 3), 0..1, 0));
    spool.work(at(0));
    let _ = spool.not_written(key(5, 3), false, "read-only".to_owned(), at(0));
    assert_eq!(periods(spool.pick_live(at(0), all)), [5], "the disk isn't waited for");
    assert_eq!(spool.retry_at(), Some(at(5)));
    spool.delivered(key(5, 3));
    assert_eq!((spool.retry_at(), spool.taken_through()), (None, 3));
}

#[test]
fn what_is_delivered_while_it_is_written_is_removed_then() {
    let mut spool = spool(usize::MAX, 1_000);
    let _ = spool.keep(entry(key(5, 3), 0..1, 0));
    spool.work(at(0));
    let _ = spool.jobs();
    assert_eq!(periods(spool.pick_live(at(1), all)), [5], "patience is over");
    spool.delivered(key(5, 3));
    assert_eq!((spool.taken_through(), spool.jobs().len()), (3, 0));
    assert_eq!(spool.written(key(5, 3), 4), None);
    assert_eq!(spool.jobs(), [Job::Remove { key: key(5, 3) }]);
    assert_eq!((spool.kib(), spool.len()), (0, 0));
}

#[test]
fn what_changes_while_it_is_written_is_written_again() {
    let mut spool = spool(usize::MAX, 1_000);
    let _ = spool.keep(entry(key(5, 3), 0..2, 0));
    spool.work(at(0));
    let _ = spool.jobs();
    let _ = spool.pick_live(at(1), all);
    spool.left(key(5, 3), vec![datum(1, 0)]);
    spool.put_back(key(5, 3));
    let _ = spool.written(key(5, 3), 4);
    let jobs = spool.jobs();
    let [Job::Replace { content, .. }] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(content.datums, [datum(1, 0)]);
    spool.check();
}

#[test]
fn the_newest_alone_is_a_probe_and_the_oldest_is_read_back_first() {
    let mut spool = spool(usize::MAX, 1_000);
    spool.found(vec![filed(1, 1), filed(2, 2)], 2);
    let _ = spool.keep(entry(key(7, 8), 0..1, 0));
    let _ = spool.keep(entry(key(7, 9), 0..1, 0));
    let _ = spool.keep(entry(key(6, 7), 0..1, 0));
    assert_eq!(periods(spool.pick_newest(at(100), all)), [7, 7]);
    for through in [8, 9] {
        spool.put_back(key(7, through));
    }
    assert!(matches!(spool.pick_oldest(at(100), all), Picked::Loading));
    let jobs = spool.jobs();
    let [Job::Load { files }] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(files.len(), 2);
    let moment = Moment { wall: Timestamp(0), boot: at(0) };
    let content = |name| Content { datums: vec![datum(name, 0)], pending: None };
    let loaded =
        files.iter().zip(0..).map(|(file, name)| (*file, Some((moment, content(name))))).collect();
    spool.loaded(loaded, at(100));
    spool.check();
    assert_eq!(periods(spool.pick_oldest(at(100), all)), [1, 2, 6, 7, 7]);
    for through in [(1, 1), (2, 2), (6, 7), (7, 8), (7, 9)] {
        spool.delivered(key(through.0, through.1));
    }
    assert!(spool.is_empty());
    spool.check();
}

/// While the service fails and nothing is in memory, the newest file knocks.
#[test]
fn a_probe_reads_the_newest_file_alone() {
    let mut spool = spool(usize::MAX, 1_000);
    spool.found((0..9).map(|place| filed(place, place as u64 + 1)).collect(), 9);
    assert!(matches!(spool.pick_newest(at(0), all), Picked::Loading));
    assert_eq!(spool.jobs(), [Job::Load { files: vec![filed(8, 9)] }]);
    assert!(!spool.waiting(at(0), all).backlog, "what is being read isn't asked for again");
}

#[test]
fn what_may_not_go_yet_is_left_and_wakes_nobody() {
    let mut spool = spool(usize::MAX, 1_000);
    let early = |period: Timestamp| period.0 < 20 * 60_000;
    for (period, through) in [(10, 1), (20, 2)] {
        let _ = spool.keep(entry(key(period, through), 0..1, 0));
    }
    write_all(&mut spool, at(0));
    assert_eq!(periods(spool.pick_newest(at(0), early)), [10]);
    spool.delivered(key(10, 1));
    assert_eq!(spool.waiting(at(0), early), Waiting::default());
    assert!(periods(spool.pick_oldest(at(0), early)).is_empty());
    assert!(periods(spool.pick_live(at(0), early)).is_empty());
    assert_eq!(periods(spool.pick_live(at(9), all)), [20]);
}

/// Live is what isn't stale; what is due waits for the disk, but not for long.
#[test]
fn what_is_due_waits_a_second_for_the_disk() {
    let mut spool = spool(usize::MAX, 1_000);
    let _ = spool.keep(entry(key(1, 1), 0..1, 10));
    spool.work(at(10));
    assert_eq!(spool.waiting(at(9), all).next_due, Some(at(10)));
    let waiting = spool.waiting(at(10), all);
    assert_eq!((waiting.live, waiting.next_due), (false, Some(at(11))));
    assert!(spool.waiting(at(11), all).live);
    let _ = spool.written(key(1, 1), 4);
    assert!(spool.waiting(at(10), all).live);
    let waiting = spool.waiting(at(70), all);
    assert_eq!((waiting.live, waiting.backlog), (false, true));
    spool.evict(at(69), false);
    assert_eq!(spool.on_disk().count(), 0);
    spool.evict(at(70), false);
    assert_eq!(spool.on_disk().count(), 1);
    spool.check();
}

/// Small, so that tens of thousands of them cost next to nothing.
#[test]
fn a_file_costs_little_memory() {
    assert!(size_of::<Filed>() <= 32, "{}", size_of::<Filed>());
}

fn pending(count: usize) -> Pending {
    let figure = |name| Figure {
        name: format!("Metric{name}").into(),
        publication: 0,
        unit: Unit::Percent,
        timestamp: Timestamp(0),
        statistics: Statistics::Values { values: [1.0].into(), counts: [1].into() },
        beside: None,
    };
    let figures: Vec<_> = (0..count).map(figure).collect();
    let sets = [set("InstanceId"), set("InstanceId ImageId")];
    let identity = Given::default().on(&xen());
    let publications = Publications::native("EC2/Memory".into(), sets.to_vec());
    dress(&figures, &identity, &publications, Resolution::Standard).pending.unwrap()
}

#[test]
fn completing_keeps_the_bound() {
    let mut spool = spool(3_000, 0);
    let mut identity = Given::default().on(&xen());
    for period in 0..10 {
        let mut entry = entry(key(period, period as u64 + 1), 0..0, 0);
        entry.content.pending = Some(pending(1));
        assert_eq!(spool.keep(entry), 0);
    }
    assert_eq!((spool.len(), spool.waiting(at(9), all)), (10, Waiting::default()));
    assert_eq!(spool.complete(|pending| pending.complete(&identity), false), (0, 0));
    identity.learn_document(&document());
    let (completed, dropped) = spool.complete(|pending| pending.complete(&identity), true);
    assert_eq!(completed, 10);
    assert!(dropped > 0 && dropped + spool.datums_in_memory() == 20, "{dropped}");
    assert!(spool.bytes <= 3_000);
    spool.check();
}

/// Between two requests of one entry, the InstanceId becomes known.
#[test]
fn what_is_completed_while_the_rest_is_sent_is_sent_next() {
    let mut identity = Given::default().on(&xen());
    identity.learn_document(&document());
    for settled in [true, false] {
        let mut spool = spool(usize::MAX, 1_000);
        let mut entry = entry(key(1, 1), 0..3, 0);
        entry.content.pending = Some(pending(1));
        let _ = spool.keep(entry);
        write_all(&mut spool, at(0));
        assert_eq!(periods(spool.pick_live(at(0), all)), [1]);
        spool.left(key(1, 1), vec![datum(2, 0)]);
        assert_eq!(spool.complete(|pending| pending.complete(&identity), true), (1, 0));
        spool.check();
        if settled {
            spool.delivered(key(1, 1));
        } else {
            spool.put_back(key(1, 1));
        }
        spool.check();
        assert_eq!(spool.datums_in_memory(), if settled { 2 } else { 3 });
        assert!(spool.waiting(at(0), all).live);
    }
}

#[test]
fn a_pending_part_that_is_given_up_leaves_nothing_behind() {
    let mut spool = spool(usize::MAX, 1_000);
    let mut entry = entry(key(1, 1), 0..3, 0);
    entry.content.pending = Some(pending(2));
    let _ = spool.keep(entry);
    assert_eq!(spool.give_up(key(1, 1)), 7);
    assert_eq!((spool.bytes, spool.len(), spool.taken_through()), (0, 0, 1));
}

/// An unreadable file is out of the index; one that was given up meanwhile is passed over.
#[test]
fn what_cannot_be_read_back_is_in_nobodys_way() {
    let mut spool = spool(usize::MAX, 1_000);
    spool.found(vec![filed(1, 1), filed(2, 2)], 2);
    assert!(matches!(spool.pick_oldest(at(0), all), Picked::Loading));
    let condemned = spool.condemn(|period| period.0 == 60_000);
    assert!(condemned.is_empty());
    spool.loaded(vec![(filed(1, 1), None), (filed(2, 2), None)], at(0));
    spool.check();
    assert_eq!((spool.kib(), spool.len()), (0, 0));
}

/// Where a file is found twice (a late start of the disk, a decision), it is one.
#[test]
fn what_is_found_twice_is_there_once() {
    let mut spool = spool(usize::MAX, 1_000);
    for _ in 0..2 {
        spool.found(vec![filed(1, 1), filed(2, 2), filed(1, 1)], 2);
        spool.check();
    }
    assert_eq!((spool.kib(), spool.len(), spool.taken_through()), (8, 2, 2));
}

#[derive(Debug, Clone)]
enum Act {
    Keep { datums: usize, period: i64, due: u64 },
    Live,
    Newest,
    Oldest,
    Condemned(i64),
    Settle(bool),
    Hurry,
    Evict(bool),
    Disk(u8),
    Pass(u64),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (1usize..700, 0i64..20, 0u64..40)
            .prop_map(|(datums, period, due)| Act::Keep { datums, period, due }),
        1 => Just(Act::Live),
        1 => Just(Act::Newest),
        2 => Just(Act::Oldest),
        1 => (0i64..5).prop_map(Act::Condemned),
        3 => any::<bool>().prop_map(Act::Settle),
        1 => Just(Act::Hurry),
        2 => any::<bool>().prop_map(Act::Evict),
        8 => (0u8..10).prop_map(Act::Disk),
        2 => (0u64..20).prop_map(Act::Pass),
    ]
}

/// Beside the spool: what the disk holds, what is being sent, and how much was lost.
struct Play {
    spool: Spool,
    now: u64,
    sequence: u64,
    kept: usize,
    delivered: usize,
    dropped: usize,
    sent: Vec<(Key, usize)>,
    jobs: VecDeque<Job>,
    files: BTreeMap<Key, (Moment, Content)>,
}

impl Play {
    fn act(&mut self, act: Act) {
        let now = at(self.now);
        let waiting = self.spool.waiting(now, all);
        match act {
            Act::Keep { datums, period, due } => {
                self.sequence += 10;
                let key = key(period, self.sequence);
                self.kept += datums;
                self.dropped += self.spool.keep(entry(key, 0..datums, self.now + due));
                assert!(self.spool.idle_bytes() <= self.spool.limits.memory_bytes);
            }
            Act::Live if self.sent.is_empty() => {
                let Picked::Ready(live) = self.spool.pick_live(now, all) else { unreachable!() };
                assert!(!live.is_empty() || !waiting.live);
                for (key, _) in &live {
                    let entry = self.spool.entry(*key).unwrap();
                    assert!(entry.due <= now && now < entry.stale);
                }
                self.send(live);
            }
            Act::Newest if self.sent.is_empty() => self.newest(now),
            Act::Oldest if self.sent.is_empty() => {
                if let Picked::Ready(oldest) = self.spool.pick_oldest(now, all) {
                    assert!(!oldest.is_empty() || !(waiting.live || waiting.backlog));
                    self.check_oldest(&oldest);
                    self.send(oldest);
                }
            }
            Act::Live | Act::Newest | Act::Oldest => {}
            Act::Condemned(before) => {
                self.condemn(before * 60_000);
            }
            Act::Settle(taken) => {
                for (key, datums) in std::mem::take(&mut self.sent) {
                    if taken {
                        self.spool.delivered(key);
                        self.delivered += datums;
                    } else {
                        self.spool.put_back(key);
                    }
                }
            }
            Act::Hurry => {
                self.spool.hurry(now);
                let next = self.spool.waiting(now, all).next_due;
                assert!(next.is_none_or(|next| next <= now.plus(Duration::from_secs(1))));
            }
            Act::Evict(all) => self.spool.evict(now, all),
            Act::Disk(choice) => self.disk(choice),
            Act::Pass(seconds) => self.now += seconds,
        }
        self.spool.work(at(self.now));
        self.jobs.extend(self.spool.jobs());
        self.spool.check();
    }

    fn newest(&mut self, now: Boottime) {
        let disk = self.spool.disk;
        let due = self.spool.entries.iter().any(|entry| entry.is_due(now, disk));
        if let Picked::Ready(newest) = self.spool.pick_newest(now, all) {
            assert_eq!(!newest.is_empty(), due);
            let period = newest.first().map(|(key, _)| key.period);
            assert!(newest.iter().all(|(key, _)| Some(key.period) == period));
            self.send(newest);
        }
    }

    fn condemn(&mut self, before: i64) {
        let condemned = self.spool.condemn(|period| period.0 < before);
        self.dropped += condemned.iter().map(|(_, _, datums)| datums).sum::<usize>();
        let left = self.spool.in_memory().map(|(key, ..)| key);
        let left = left.filter(|key| self.sent.iter().all(|(sent, _)| sent != key));
        let mut left = left.chain(self.spool.on_disk().map(|file| file.key));
        assert!(left.all(|key| key.period.0 >= before));
    }

    fn send(&mut self, picked: Vec<(Key, Vec<Datum>)>) {
        self.sent = picked.into_iter().map(|(key, datums)| (key, datums.len())).collect();
    }

    /// In order, as much as a request holds, and nothing that is due is older.
    fn check_oldest(&self, oldest: &[(Key, Vec<Datum>)]) {
        let datums: usize = oldest.iter().map(|(_, datums)| datums.len()).sum();
        assert!(oldest.len() <= 1 || datums <= BACKLOG_DATUMS);
        assert!(oldest.is_sorted_by_key(|(key, _)| *key));
        let (now, disk) = (at(self.now), self.spool.disk);
        let mut left = self.spool.entries.iter().filter(|entry| entry.is_due(now, disk));
        if let (Some((last, _)), Some(next)) = (oldest.last(), left.next()) {
            assert!(next.key > *last);
            assert!(datums + next.content.datums.len() > BACKLOG_DATUMS, "it would have fit");
        }
    }

    /// The disk does one job: it works, is full, or fails.
    fn disk(&mut self, choice: u8) {
        let now = at(self.now);
        match self.jobs.pop_front() {
            Some(Job::Write { key, .. }) if choice < 2 => {
                let _ = self.spool.not_written(key, choice == 0, "full".to_owned(), now);
            }
            Some(Job::Write { key, closed, content }) => {
                let kib = content.len().div_ceil(20) as u32 * 4;
                self.files.insert(key, (closed, content));
                let _ = self.spool.written(key, kib);
                let newest = u64::from(kib) * 1_024;
                let sending = self.sent.len() as u64 * 140 * 1_024;
                assert!(
                    self.spool.kib() * 1_024 <= self.spool.limits.disk_bytes + newest + sending
                );
            }
            Some(Job::Mark { .. }) => {}
            Some(Job::Replace { key, closed, content }) => {
                self.files.insert(key, (closed, content)).expect("it was there");
            }
            Some(Job::Remove { key }) => drop(self.files.remove(&key).expect("it was there")),
            Some(Job::Drop { file, .. }) => {
                self.dropped += self.files.remove(&file.key).expect("it was there").1.len();
            }
            Some(Job::Load { files }) => {
                let read = |file: &Filed| (*file, self.files.get(&file.key).cloned());
                let loaded: Vec<_> = files.iter().map(read).collect();
                assert!(loaded.iter().all(|(_, content)| content.is_some()));
                self.spool.loaded(loaded, now);
            }
            None => {}
        }
    }

    /// Each datum is delivered, waits in one place, or is counted as dropped.
    fn check(&mut self) {
        self.act(Act::Settle(true));
        while !self.jobs.is_empty() {
            self.act(Act::Disk(9));
        }
        let memory: usize = self.spool.in_memory().map(|(_, content, _)| content.len()).sum();
        let disk: usize = self.spool.on_disk().map(|file| self.files[&file.key].1.len()).sum();
        assert_eq!(self.delivered + self.dropped + memory + disk, self.kept);
        let filed = self.spool.in_memory().filter(|(.., filed)| *filed).count();
        assert_eq!(filed + self.spool.on_disk().count(), self.files.len(), "no file too many");
        assert!(self.spool.kib() * 1_024 <= self.spool.limits.disk_bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_is_lost_uncounted_or_there_twice(
        acts in prop::collection::vec(any_act(), 1..80), memory in 1usize..40, disk in 1u64..300,
    ) {
        let mut play = Play {
            spool: spool(memory * 20_000, disk * 4),
            now: 100,
            sequence: 0,
            kept: 0,
            delivered: 0,
            dropped: 0,
            sent: Vec::new(),
            jobs: VecDeque::new(),
            files: BTreeMap::new(),
        };
        let mut taken = 0;
        for act in acts {
            play.act(act);
            let now = play.spool.taken_through();
            prop_assert!(now >= taken, "it fell from {} to {}", taken, now);
            taken = now;
        }
        play.check();
    }

    #[test]
    fn a_files_name_is_read_back(
        seconds in -100_000i64..10_000_000_000, through in any::<u64>(), extra in any::<u16>(),
    ) {
        let key = Key { period: Timestamp(seconds * 1_000), through, extra };
        prop_assert_eq!(Key::parse(&key.to_string()), Some(key));
    }

    #[test]
    fn a_strange_name_is_no_part(name in "[-0-9a-z]{0,40}") {
        if let Some(key) = Key::parse(&name) {
            prop_assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
    }
}
