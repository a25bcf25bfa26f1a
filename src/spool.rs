//! What is closed and not yet delivered, in the order of its periods.
//!
//! Kept in memory and bounded: where there is no more room, the oldest goes, and is counted.

use crate::batch::{MAX_BYTES, MAX_DATUMS, datum_bytes};
use crate::clock::{Boottime, Timestamp};
use crate::datum::Datum;
use crate::delivery::Waiting;
use crate::distribution::Statistics;
use crate::identity::dress::Pending;
use crate::window::Figure;
use std::collections::VecDeque;

/// One publish: what a part of a period has to say, or several parts that travel together.
#[derive(Debug)]
pub struct Entry {
    /// The start of its period.
    pub period: Timestamp,
    /// Not sent before.
    pub due: Boottime,
    /// Live until then, backlog after.
    pub stale: Boottime,
    pub content: Content,
}

#[derive(Debug)]
pub enum Content {
    Ready(Vec<Datum>),
    /// Waits for the host's InstanceId.
    Pending(Pending),
}

#[derive(Debug)]
pub struct Spool {
    /// By period; equal periods in the order of their arrival.
    entries: VecDeque<Entry>,
    bytes: usize,
    max_bytes: usize,
}

impl Entry {
    fn bytes(&self) -> usize {
        match &self.content {
            Content::Ready(datums) => datums.iter().map(datum_bytes).sum(),
            Content::Pending(pending) => pending.figures().iter().map(figure_bytes).sum(),
        }
    }

    /// How many datums are lost with it.
    fn datums(&self) -> usize {
        match &self.content {
            Content::Ready(datums) => datums.len(),
            Content::Pending(pending) => pending.figures().len() * pending.sets().len(),
        }
    }

    fn is_due(&self, now: Boottime) -> bool {
        matches!(self.content, Content::Ready(_)) && self.due <= now
    }

    fn is_live(&self, now: Boottime) -> bool {
        self.is_due(now) && now < self.stale
    }
}

impl Spool {
    pub fn new(max_bytes: usize) -> Spool {
        Spool { entries: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// Publishes that wait, pending ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the entries take in requests, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn datums(&self) -> usize {
        self.entries.iter().map(Entry::datums).sum()
    }

    /// Adds an entry; says how many datums of the oldest entries had to go for it.
    #[must_use]
    pub fn push(&mut self, entry: Entry) -> usize {
        self.bytes += entry.bytes();
        let after = |other: &Entry| other.period <= entry.period;
        let place = self.entries.iter().rposition(after).map_or(0, |place| place + 1);
        self.entries.insert(place, entry);
        self.make_room()
    }

    /// What the delivery policy needs to know; `ready` says which periods may be sent now.
    pub fn waiting(&self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Waiting {
        let mut waiting = Waiting::default();
        for entry in &self.entries {
            if matches!(entry.content, Content::Pending(_)) || !ready(entry.period) {
                continue;
            }
            if entry.is_live(now) {
                waiting.live = true;
            } else if entry.is_due(now) {
                waiting.backlog = true;
            } else {
                let due = waiting.next_due.map_or(entry.due, |due| due.min(entry.due));
                waiting.next_due = Some(due);
            }
        }
        waiting
    }

    /// Takes everything live.
    pub fn take_live(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Vec<Entry> {
        self.take(|entry| entry.is_live(now) && ready(entry.period))
    }

    /// Takes the newest that is due: all parts of one period.
    pub fn take_newest(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Vec<Entry> {
        let newest =
            self.entries.iter().rev().find(|entry| entry.is_due(now) && ready(entry.period));
        let Some(period) = newest.map(|entry| entry.period) else { return Vec::new() };
        self.take(|entry| entry.is_due(now) && entry.period == period)
    }

    /// Takes the oldest that is due, as many entries as one request holds, at least one.
    pub fn take_oldest(&mut self, now: Boottime, ready: impl Fn(Timestamp) -> bool) -> Vec<Entry> {
        let (mut datums, mut bytes, mut full) = (0, REQUEST_FRAME, false);
        self.take(|entry| {
            if full || !entry.is_due(now) || !ready(entry.period) {
                return false;
            }
            datums += entry.datums();
            bytes += entry.bytes();
            full = datums > MAX_DATUMS || bytes > MAX_BYTES;
            !full || datums == entry.datums()
        })
    }

    /// Takes what `condemned` says can no longer be delivered.
    pub fn take_condemned(&mut self, condemned: impl Fn(Timestamp) -> bool) -> Vec<Entry> {
        self.take(|entry| condemned(entry.period))
    }

    /// Makes everything due now: there will be no later.
    pub fn hurry(&mut self, now: Boottime) {
        for entry in &mut self.entries {
            entry.due = entry.due.min(now);
        }
    }

    /// Completes pending entries for which `complete` knows the identity now. They take more room
    /// than before: says how many were completed, and how many datums had to go for that.
    pub fn complete(
        &mut self,
        complete: impl Fn(&Pending) -> Option<Vec<Datum>>,
    ) -> (usize, usize) {
        let mut completed = 0;
        for entry in &mut self.entries {
            if let Content::Pending(pending) = &entry.content
                && let Some(datums) = complete(pending)
            {
                let before = entry.bytes();
                entry.content = Content::Ready(datums);
                self.bytes = self.bytes - before + entry.bytes();
                completed += 1;
            }
        }
        self.entries.retain(|entry| entry.datums() > 0);
        (completed, self.make_room())
    }

    /// Lets the oldest go until the rest has room; says how many datums went.
    fn make_room(&mut self) -> usize {
        let mut dropped = 0;
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.bytes();
            dropped += oldest.datums();
        }
        dropped
    }

    fn take(&mut self, mut wanted: impl FnMut(&Entry) -> bool) -> Vec<Entry> {
        let (mut taken, mut kept) = (Vec::new(), VecDeque::with_capacity(self.entries.len()));
        for entry in self.entries.drain(..) {
            if wanted(&entry) {
                self.bytes -= entry.bytes();
                taken.push(entry);
            } else {
                kept.push_back(entry);
            }
        }
        self.entries = kept;
        taken
    }
}

/// What a figure without dimensions takes, about as a datum's bytes are counted.
fn figure_bytes(figure: &Figure) -> usize {
    let values = match &figure.statistics {
        Statistics::Values { values, .. } => values.len(),
        Statistics::Set { .. } => 2,
    };
    FIGURE_FRAME + values * VALUE_AND_COUNT
}

const FIGURE_FRAME: usize = 150;
const VALUE_AND_COUNT: usize = 18;
/// More than a request has beside its datums: the longest namespace and the names of the fields.
const REQUEST_FRAME: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::datum::Resolution;
    use crate::dimension::{DimensionName, DimensionSet, Member};
    use crate::identity::document;
    use crate::identity::dress::dress;
    use crate::identity::{Identity, Local};
    use crate::units::Unit;
    use proptest::prelude::*;
    use std::rc::Rc;

    /// A datum of about `bytes` bytes with a name of its own.
    fn datum(name: usize, period: i64, bytes: usize) -> Datum {
        let values = vec![1.0; bytes.div_ceil(VALUE_AND_COUNT).max(1)];
        Datum {
            namespace: "EC2/Memory".into(),
            name: format!("Metric{name}").into(),
            dimensions: Rc::new([]),
            timestamp: Timestamp(period),
            unit: Unit::Percent,
            resolution: Resolution::Standard,
            statistics: Statistics::Values { counts: vec![1; values.len()], values },
        }
    }

    fn entry(first: usize, datums: usize, period: i64, due: u64) -> Entry {
        let content =
            Content::Ready((first..first + datums).map(|name| datum(name, period, 1)).collect());
        Entry { period: Timestamp(period), due: Boottime(due), stale: Boottime(due + 10), content }
    }

    /// Where each datum is said to be, or was lost.
    fn names(entries: &[Entry]) -> Vec<String> {
        let datums = entries.iter().flat_map(|entry| match &entry.content {
            Content::Ready(datums) => &datums[..],
            Content::Pending(_) => &[],
        });
        datums.map(|datum| datum.name.to_string()).collect()
    }

    fn periods(entries: &[Entry]) -> Vec<i64> {
        entries.iter().map(|entry| entry.period.0).collect()
    }

    #[derive(Debug, Clone)]
    enum Act {
        Push { datums: usize, period: i64, due: u64 },
        Live,
        Newest,
        Oldest,
        Condemned(i64),
        PutBack,
        Hurry,
        Pass(u64),
    }

    fn any_act() -> impl Strategy<Value = Act> {
        prop_oneof![
            6 => (1usize..700, 0i64..20, 0u64..40)
                .prop_map(|(datums, period, due)| Act::Push { datums, period, due }),
            1 => Just(Act::Live),
            1 => Just(Act::Newest),
            2 => Just(Act::Oldest),
            1 => (0i64..5).prop_map(Act::Condemned),
            2 => Just(Act::PutBack),
            1 => Just(Act::Hurry),
            2 => (0u64..20).prop_map(Act::Pass),
        ]
    }

    /// Beside the spool: what was taken from it, and how many datums it has lost.
    struct Play {
        spool: Spool,
        now: u64,
        pushed: usize,
        dropped: usize,
        taken: Vec<Entry>,
    }

    impl Play {
        fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
            let now = Boottime(self.now);
            let waiting = self.spool.waiting(now, |_| true);
            match act {
                Act::Push { datums, period, due } => {
                    let entry = entry(self.pushed, datums, period, self.now + due);
                    self.pushed += datums;
                    self.dropped += self.spool.push(entry);
                }
                Act::Live => {
                    let live = self.spool.take_live(now, |_| true);
                    prop_assert_eq!(!live.is_empty(), waiting.live);
                    prop_assert!(live.iter().all(|it| it.due <= now && now < it.stale));
                    self.taken.extend(live);
                }
                Act::Newest => {
                    let newest = self.spool.take_newest(now, |_| true);
                    prop_assert_eq!(!newest.is_empty(), waiting.live || waiting.backlog);
                    self.check_newest(&newest)?;
                    self.taken.extend(newest);
                }
                Act::Oldest => {
                    let oldest = self.spool.take_oldest(now, |_| true);
                    prop_assert_eq!(!oldest.is_empty(), waiting.live || waiting.backlog);
                    self.check_oldest(&oldest)?;
                    self.taken.extend(oldest);
                }
                Act::Condemned(before) => {
                    let condemned = self.spool.take_condemned(|period| period.0 < before);
                    prop_assert!(condemned.iter().all(|it| it.period.0 < before));
                    self.taken.extend(condemned);
                }
                Act::PutBack => {
                    for entry in std::mem::take(&mut self.taken) {
                        self.dropped += self.spool.push(entry);
                    }
                }
                Act::Hurry => {
                    self.spool.hurry(now);
                    prop_assert_eq!(self.spool.waiting(now, |_| true).next_due, None);
                }
                Act::Pass(time) => self.now += time,
            }
            Ok(())
        }

        /// All of one period, and nothing that is due is newer.
        fn check_newest(&self, newest: &[Entry]) -> Result<(), TestCaseError> {
            let now = Boottime(self.now);
            let Some(period) = newest.first().map(|entry| entry.period) else { return Ok(()) };
            prop_assert!(newest.iter().all(|it| it.period == period && it.due <= now));
            let left = self.spool.entries.iter().filter(|it| it.is_due(now));
            prop_assert!(left.into_iter().all(|it| it.period < period));
            Ok(())
        }

        /// As much as a request holds, in order, and nothing that is due is older.
        fn check_oldest(&self, oldest: &[Entry]) -> Result<(), TestCaseError> {
            let datums: usize = oldest.iter().map(Entry::datums).sum();
            prop_assert!(oldest.len() == 1 || datums <= MAX_DATUMS);
            prop_assert!(periods(oldest).is_sorted());
            let mut left = self.spool.entries.iter().filter(|it| it.is_due(Boottime(self.now)));
            if let (Some(last), Some(next)) = (oldest.last(), left.next()) {
                prop_assert!(next.period >= last.period);
                prop_assert!(datums + next.datums() > MAX_DATUMS, "it would have fit");
            }
            Ok(())
        }

        /// Each datum is in the spool, taken, or counted as dropped; and the spool keeps its order
        /// and its bound.
        fn check(&self) -> Result<(), TestCaseError> {
            let mut all = self.taken.iter().map(Entry::datums).sum::<usize>() + self.dropped;
            all += self.spool.datums();
            prop_assert_eq!(all, self.pushed);
            let entries: Vec<_> = self.spool.entries.iter().collect();
            prop_assert!(entries.is_sorted_by_key(|entry| entry.period));
            let bytes: usize = entries.iter().map(|entry| entry.bytes()).sum();
            prop_assert_eq!(bytes, self.spool.bytes());
            prop_assert!(bytes <= self.spool.max_bytes);
            Ok(())
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_is_lost_uncounted_or_there_twice(acts in prop::collection::vec(any_act(), 1..60), room in 1usize..40) {
            let spool = Spool::new(room * 20_000);
            let mut play = Play { spool, now: 100, pushed: 0, dropped: 0, taken: Vec::new() };
            for act in acts {
                play.act(act)?;
                play.check()?;
            }
            let mut left = names(&play.taken);
            left.extend(names(play.spool.entries.make_contiguous()));
            let all = left.len();
            left.sort_unstable();
            left.dedup();
            prop_assert_eq!(left.len(), all, "no datum is there twice");
        }
    }

    #[test]
    fn the_oldest_goes_where_there_is_no_room() {
        let one = entry(0, 100, 0, 0).bytes();
        let mut spool = Spool::new(one * 10);
        let mut dropped = 0;
        // Arriving in whatever order, as parts that were put back do.
        for place in 0..30i64 {
            dropped += spool.push(entry(0, 100, place * 7 % 30, 0));
            assert!(spool.bytes() <= one * 10);
        }
        assert_eq!(dropped, 2_000);
        let left = spool.take_condemned(|_| true);
        assert_eq!(periods(&left), (20..30).collect::<Vec<_>>());
        assert_eq!((spool.bytes(), spool.is_empty()), (0, true));
        assert_eq!(spool.push(entry(0, 1_100, 0, 0)), 1_100, "what alone is too much goes itself");
    }

    #[test]
    fn parts_of_a_period_keep_their_order() {
        let mut spool = Spool::new(usize::MAX);
        for (first, period) in [(0, 10), (1, 20), (2, 10), (3, 0), (4, 10)] {
            assert_eq!(spool.push(entry(first, 1, period, 0)), 0);
        }
        let all = spool.take_oldest(Boottime(0), |_| true);
        assert_eq!(names(&all), ["Metric3", "Metric0", "Metric2", "Metric4", "Metric1"]);
    }

    #[test]
    fn what_may_not_go_yet_is_left_and_wakes_nobody() {
        let mut spool = Spool::new(usize::MAX);
        let _ = spool.push(entry(0, 1, 10, 0));
        let _ = spool.push(entry(1, 1, 20, 0));
        let early = |period: Timestamp| period.0 < 20;
        assert_eq!(periods(&spool.take_newest(Boottime(0), early)), [10]);
        assert_eq!(spool.waiting(Boottime(0), early), Waiting::default());
        assert!(spool.take_oldest(Boottime(0), early).is_empty());
        assert!(spool.take_live(Boottime(0), early).is_empty());
        assert_eq!(periods(&spool.take_live(Boottime(9), |_| true)), [20]);
    }

    /// Pending entries wait, count as what they will become, and are completed within the bound.
    #[test]
    fn completing_keeps_the_bound() {
        let member = |name| Member { name, optional: false };
        let both = vec![member(DimensionName::InstanceId), member(DimensionName::ImageId)];
        let sets = [DimensionSet(both), DimensionSet(vec![member(DimensionName::InstanceId)])];
        let settings =
            config::Identity { ec2: config::OnEc2::Yes, imds: true, ..config::Identity::default() };
        let mut identity = Identity::new(&settings, None, &[], &Local::default());
        let mut spool = Spool::new(3_000);
        for period in 0..10 {
            let figure = Figure {
                name: "MemoryUsedPercent".into(),
                unit: Unit::Percent,
                timestamp: Timestamp(period),
                statistics: Statistics::Values { values: vec![1.0], counts: vec![1] },
            };
            let resolution = Resolution::Standard;
            let dressed = dress(&[figure], &identity, &sets, "EC2/Memory".into(), resolution);
            let content = Content::Pending(dressed.pending.unwrap());
            let due = Boottime(0);
            let entry = Entry { period: Timestamp(period), due, stale: due, content };
            assert_eq!(spool.push(entry), 0);
        }
        assert_eq!((spool.len(), spool.datums()), (10, 20));
        assert_eq!(spool.waiting(Boottime(0), |_| true), Waiting::default());
        assert_eq!(spool.complete(|pending| pending.complete(&identity)), (0, 0));
        let text = r#"{"instanceId":"i-0aaaaaaaaaaaaaaa0","instanceType":"m7i.large","imageId":"ami-1","availabilityZone":"eu-central-1a","region":"eu-central-1"}"#;
        identity.learn_document(&document::parse(text).unwrap());
        let (completed, dropped) = spool.complete(|pending| pending.complete(&identity));
        assert_eq!(completed, 10);
        assert!(dropped > 0 && dropped + spool.datums() == 20, "{dropped}");
        assert!(spool.bytes() <= 3_000);
        assert!(spool.waiting(Boottime(0), |_| true).backlog);
    }
}
