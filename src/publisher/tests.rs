//! The publisher against a service that fails, refuses and tells the time as told.

use super::*;
use crate::batch::Batch;
use crate::config;
use crate::distribution::Statistics;
use crate::identity::Local;
use crate::sink::RetryCause;
use crate::sink::{Answer, Outcome};
use crate::units::Unit;
use crate::window::Figure;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::collections::VecDeque;

/// A service that fails as told, refuses poison and what lies ahead, and keeps the rest.
#[derive(Default)]
struct Service {
    fails: VecDeque<bool>,
    poison: BTreeSet<String>,
    time: Option<Timestamp>,
    stored: Rc<RefCell<Vec<String>>>,
}

impl Sink for Service {
    async fn put(&mut self, batch: &Batch) -> Answer {
        let refused = |datum: &Datum| {
            let ahead = self.time.is_some_and(|time| Delivery::is_ahead(datum.timestamp, time));
            ahead || self.poison.contains(&*datum.name)
        };
        let outcome = if self.fails.pop_front().unwrap_or(false) {
            let (cause, reason) = (RetryCause::Service, String::new());
            Outcome::Retry { cause, after: None, reason, ambiguous: false }
        } else if batch.datums.iter().any(refused) {
            Outcome::Rejected { reason: "poison".to_owned() }
        } else {
            let names = batch.datums.iter().map(|datum| datum.name.to_string());
            self.stored.borrow_mut().extend(names);
            Outcome::Accepted
        };
        Answer { outcome, service_time: self.time }
    }
}

fn publisher(sink: Service) -> Publisher<Service> {
    let clock = Clock::simulated(NOW, 1_000);
    let local = Local { node_name: "web-1".to_owned(), ..Local::default() };
    let identity = Identity::new(&config::Identity::default(), None, &[], &local);
    let settings = Settings {
        namespace: "EC2/Memory".into(),
        sets: identity.sets(None),
        resolution: Resolution::Standard,
        every: Duration::from_secs(60),
        health: true,
        max_requests_per_second: 5,
    };
    let behind = Behind { settings, sink, identity: watch::channel(identity).1 };
    let random = fastrand::Rng::with_seed(7);
    Publisher::new(clock, behind, watch::channel(None).1, random)
}

impl Publisher<Service> {
    /// A part whose metrics are named by number.
    fn part(&mut self, period: Timestamp, ends: bool, names: impl Iterator<Item = usize>) {
        let figure = |name| Figure {
            name: format!("Metric{name}").into(),
            unit: Unit::Percent,
            timestamp: period,
            statistics: Statistics::Values { values: vec![1.0], counts: vec![10] },
        };
        let figures = names.map(figure).collect();
        self.keep(&Part { period, due: self.clock.now().boot, ends, figures });
    }

    /// Sends the oldest until nothing may go any more, and says how often that took.
    fn drain(&mut self) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut sent = 0;
        loop {
            let now = self.clock.now();
            let entries = self.spool.take_oldest(now.boot, self.may_go(now.wall));
            if entries.is_empty() {
                return sent;
            }
            runtime.block_on(self.send(entries));
            sent += 1;
            assert!(sent < 1_000, "it goes round in circles");
        }
    }

    fn stored(&self) -> Vec<String> {
        let mut stored = self.sink.stored.borrow().clone();
        stored.sort();
        stored
    }
}

fn metrics(names: impl Iterator<Item = usize>) -> Vec<String> {
    let mut names: Vec<_> = names.map(|name| format!("Metric{name}")).collect();
    names.sort();
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is refused and whenever the service fails: all but the poison is stored, once,
    /// and the poison is counted, once.
    #[test]
    fn all_but_the_poison_arrives_once(
        parts in prop::collection::vec(1usize..150, 1..12),
        poison in prop::collection::btree_set(0usize..800, 0..6),
        fails in prop::collection::vec(any::<bool>(), 0..60),
    ) {
        let named = |names: &BTreeSet<usize>| names.iter().map(|name| format!("Metric{name}")).collect();
        let service = Service { fails: fails.into(), poison: named(&poison), ..Service::default() };
        let mut publisher = publisher(service);
        let mut first = 0;
        for (place, part) in parts.iter().enumerate() {
            let period = Timestamp(NOW.0 - 60_000 * place as i64);
            publisher.part(period, false, first..first + part);
            first += part;
        }
        publisher.drain();
        let good = metrics((0..first).filter(|name| !poison.contains(name)));
        prop_assert_eq!(publisher.delivered as usize, good.len());
        prop_assert_eq!(publisher.stored(), good);
        let rejected = poison.iter().filter(|name| **name < first).count();
        prop_assert_eq!(publisher.health.count(Cause::Rejected), rejected as u64);
        prop_assert!(publisher.spool.is_empty());
    }
}

#[test]
fn losses_are_told_once_with_the_periods_end() {
    let poison = BTreeSet::from(["Metric1".to_owned()]);
    let mut publisher = publisher(Service { poison, ..Service::default() });
    publisher.part(NOW, false, 0..2);
    publisher.drain();
    publisher.part(NOW, false, 2..3);
    publisher.drain();
    assert_eq!(publisher.stored(), ["Metric0", "Metric2"]);
    for _ in 0..2 {
        publisher.part(NOW, true, 3..4);
        publisher.drain();
    }
    assert_eq!(publisher.stored()[0], "AgentDropped");
    assert_eq!(publisher.stored()[1], "Metric0");
    publisher.settings.health = false;
    publisher.health.dropped(Cause::Rejected, 1);
    publisher.part(NOW, true, 4..5);
    publisher.drain();
    assert_eq!(publisher.stored().iter().filter(|name| *name == "AgentDropped").count(), 1);
}

/// In the spool, what is told could itself be given up while nothing is taken.
#[test]
fn losses_are_told_once_the_service_answers_again() {
    let fails = VecDeque::from([true]);
    let mut publisher = publisher(Service { fails, ..Service::default() });
    publisher.health.dropped(Cause::MemoryFull, 7);
    publisher.part(NOW, false, 0..1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let newest = publisher.spool.take_newest(publisher.clock.now().boot, |_| true);
    assert_eq!(runtime.block_on(publisher.send(newest)), Sent::Failed);
    publisher.part(NOW, true, 1..2);
    publisher.drain();
    assert_eq!(publisher.stored(), metrics(0..2));
    publisher.part(NOW, true, 2..3);
    publisher.drain();
    assert_eq!(publisher.stored()[0], "AgentDropped");
}

#[test]
fn what_the_services_clock_explains_is_no_poison() {
    let hours = |count: i64| Timestamp(NOW.0 + count * 3_600_000);
    // The host's clock is right, but some data were taken while it was three hours ahead.
    let mut publisher = publisher(Service { time: Some(NOW), ..Service::default() });
    publisher.part(NOW, false, 0..10);
    publisher.part(hours(3), false, 10..20);
    publisher.part(hours(1), false, 20..30);
    assert!(publisher.drain() <= 3);
    assert_eq!(publisher.stored(), metrics((0..10).chain(20..30)));
    assert_eq!((publisher.spool.datums(), publisher.health.total()), (10, 0));
    publisher.sink.time = Some(hours(2));
    publisher.part(NOW, false, 30..31);
    publisher.drain();
    assert_eq!(publisher.stored(), metrics(0..31));
}

#[test]
fn only_what_the_service_no_longer_takes_is_given_up() {
    let days = |count: i64| Timestamp(NOW.0 - count * 24 * 3_600_000);
    let mut publisher = publisher(Service { time: Some(NOW), ..Service::default() });
    publisher.part(days(15), false, 0..3);
    publisher.give_up_old();
    assert_eq!(publisher.health.total(), 0, "nobody has told the time yet");
    publisher.part(NOW, false, 3..4);
    let newest = publisher.spool.take_newest(publisher.clock.now().boot, |_| true);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(publisher.send(newest)), Sent::Done);
    publisher.part(days(13), false, 4..5);
    publisher.give_up_old();
    assert_eq!(publisher.health.count(Cause::TooOld), 3);
    publisher.drain();
    assert_eq!(publisher.stored(), metrics(3..5));
}

const NOW: Timestamp = Timestamp(1_795_443_600_000);
