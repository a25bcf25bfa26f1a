//! The publisher: gives closed parts their dimensions, keeps them, and sends them as the delivery
//! policy decides. It alone owns the spool and the sink.

use crate::batch::{Batch, MAX_DATUMS, batches};
use crate::clock::{Alarm, Boottime, Clock, Timestamp};
use crate::datum::{Datum, Resolution};
use crate::delivery::{Age, Change, Delivery, Step};
use crate::dimension::{Dimension, DimensionSet};
use crate::health::{Cause, Health};
use crate::identity::Identity;
use crate::identity::dress::{complete, dress};
use crate::identity::sets::resolve;
use crate::notify;
use crate::sampler::{Message, Part};
use crate::sink::{Answer, Outcome, Sink};
use crate::spool::{Content, Entry, Spool};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What the publisher needs of the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    pub namespace: Rc<str>,
    pub sets: Vec<DimensionSet>,
    pub resolution: Resolution,
    /// Data is live until the next is due.
    pub every: Duration,
    pub health: bool,
    pub max_requests_per_second: u32,
}

/// What comes with a configuration: settings, the sink that they need, and the host's identity.
#[derive(Debug)]
pub struct Behind<S> {
    pub settings: Settings,
    pub sink: S,
    pub identity: watch::Receiver<Identity>,
}

pub struct Publisher<S> {
    clock: Clock,
    alarm: Alarm,
    settings: Settings,
    spool: Spool,
    delivery: Delivery,
    health: Health,
    sink: S,
    identity: watch::Receiver<Identity>,
    /// By when everything has to be over; `None` until a shutdown begins.
    deadline: watch::Receiver<Option<Boottime>>,
    random: fastrand::Rng,
    delivered: u64,
}

/// What was there when the publisher ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub delivered: u64,
    pub dropped: u64,
    /// Datums that were still waiting: with the process, they are gone.
    pub undelivered: usize,
}

impl<S: Sink> Publisher<S> {
    pub fn new(
        clock: Clock,
        behind: Behind<S>,
        deadline: watch::Receiver<Option<Boottime>>,
        random: fastrand::Rng,
    ) -> Publisher<S> {
        let now = clock.now();
        let Behind { settings, sink, identity } = behind;
        Publisher {
            delivery: Delivery::new(settings.max_requests_per_second, now.boot),
            spool: Spool::new(MEMORY_MAX_BYTES),
            health: Health::default(),
            alarm: clock.alarm(),
            clock,
            settings,
            sink,
            identity,
            deadline,
            random,
            delivered: 0,
        }
    }

    /// Publishes until every producer is gone, then sends what is left within the deadline.
    pub async fn run(mut self, mut parts: mpsc::UnboundedReceiver<Message<Behind<S>>>) -> Summary {
        loop {
            loop {
                match parts.try_recv() {
                    Ok(message) => self.take(message),
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    Err(mpsc::error::TryRecvError::Disconnected) => return self.finish().await,
                }
            }
            self.give_up_old();
            let now = self.clock.now();
            let waiting = self.spool.waiting(now.boot, self.may_go(now.wall));
            let entries = match self.delivery.next(waiting, now.boot) {
                Step::SendLive => self.spool.take_live(now.boot, self.may_go(now.wall)),
                Step::SendBacklog => self.spool.take_oldest(now.boot, self.may_go(now.wall)),
                Step::Probe => self.spool.take_newest(now.boot, self.may_go(now.wall)),
                Step::Wait(until) => {
                    self.wait(&mut parts, until).await;
                    continue;
                }
            };
            self.send(entries).await;
        }
    }

    /// Until something is to be done: a part arrives, the identity changes, or `until`.
    async fn wait(
        &mut self,
        parts: &mut mpsc::UnboundedReceiver<Message<Behind<S>>>,
        until: Option<Boottime>,
    ) {
        let message = tokio::select! {
            message = parts.recv() => message,
            () = changed(&mut self.identity) => {
                self.complete();
                None
            }
            () = reach(&mut self.alarm, until) => None,
        };
        if let Some(message) = message {
            self.take(message);
        }
    }

    fn take(&mut self, message: Message<Behind<S>>) {
        match message {
            Message::Part(part) => self.keep(&part),
            Message::ClockStepped => self.delivery.clock_stepped(),
            Message::Reload(Behind { settings, sink, identity }) => {
                self.delivery.adjust(settings.max_requests_per_second, self.clock.now().boot);
                (self.settings, self.sink, self.identity) = (settings, sink, identity);
                self.complete();
            }
        }
    }

    /// Gives a part its dimensions and keeps it until it is delivered.
    fn keep(&mut self, part: &Part) {
        let settings = &self.settings;
        let dressed = dress(
            &part.figures,
            &self.identity.borrow(),
            &settings.sets,
            settings.namespace.clone(),
            settings.resolution,
        );
        let mut datums = dressed.datums;
        // While nothing is taken, the counts stay here: in the spool they could be given up.
        if part.ends && settings.health && self.delivery.is_failing().is_none() {
            datums.extend(self.health_datums(part.period));
        }
        let ready = (!datums.is_empty()).then_some(Content::Ready(datums));
        let pending = dressed.pending.map(Content::Pending);
        for content in ready.into_iter().chain(pending) {
            self.push(part.period, part.due, content);
        }
    }

    fn push(&mut self, period: Timestamp, due: Boottime, content: Content) {
        let stale = due.plus(self.settings.every);
        self.push_entry(Entry { period, due, stale, content });
    }

    fn push_entry(&mut self, entry: Entry) {
        let dropped = self.spool.push(entry);
        if dropped > 0 {
            self.had_no_room(dropped);
        }
    }

    fn had_no_room(&mut self, dropped: usize) {
        self.health.dropped(Cause::MemoryFull, dropped);
        tracing::warn!(
            dropped,
            total = self.health.count(Cause::MemoryFull),
            "no more room for undelivered datums in memory: the oldest were given up"
        );
    }

    fn complete(&mut self) {
        let identity = self.identity.borrow_and_update().clone();
        let (completed, dropped) = self.spool.complete(|pending| pending.complete(&identity));
        if dropped > 0 {
            self.had_no_room(dropped);
        }
        if completed > 0 {
            tracing::info!(
                periods = completed,
                "the host's InstanceId is known: waiting periods are completed"
            );
        }
    }

    /// The losses since the last call, under each dimension set and their cause.
    fn health_datums(&mut self, period: Timestamp) -> Vec<Datum> {
        let identity = self.identity.borrow();
        let sets = complete(&resolve(&identity, &self.settings.sets));
        if sets.is_empty() {
            return Vec::new();
        }
        let figures = self.health.figures(period);
        let mut datums = Vec::new();
        for (cause, figure) in &figures {
            for set in &sets {
                let cause = Dimension { name: "Cause".into(), value: cause.as_str().into() };
                let dimensions: Rc<[Dimension]> = set.iter().cloned().chain([cause]).collect();
                let (namespace, resolution) =
                    (self.settings.namespace.clone(), self.settings.resolution);
                datums.push(Datum::new(namespace, dimensions, resolution, figure));
            }
        }
        datums
    }

    /// Sends entries that were taken from the spool; what isn't delivered goes back.
    async fn send(&mut self, entries: Vec<Entry>) -> Sent {
        let datums = entries.iter().flat_map(|entry| match &entry.content {
            Content::Ready(datums) => &datums[..],
            Content::Pending(_) => &[],
        });
        let mut rest = VecDeque::from(batches(datums.cloned()));
        let mut whole = true;
        while let Some(batch) = rest.pop_front() {
            let Some(answer) = self.put(&batch).await else {
                rest.push_front(batch);
                self.put_back(entries, whole, rest);
                return Sent::Failed;
            };
            self.learn(&answer);
            match answer.outcome {
                Outcome::Accepted => {
                    whole = false;
                    self.delivered += batch.datums.len() as u64;
                    tracing::debug!(datums = batch.datums.len(), namespace = %batch.namespace, "delivered");
                }
                Outcome::Rejected { reason } => {
                    whole = false;
                    for batch in self.divide(batch, &reason).into_iter().rev() {
                        rest.push_front(batch);
                    }
                }
                Outcome::Retry { .. } => {
                    rest.push_front(batch);
                    self.put_back(entries, whole, rest);
                    self.tell_status();
                    return Sent::Failed;
                }
            }
        }
        self.tell_status();
        Sent::Done
    }

    /// `None` where the deadline came first.
    async fn put(&mut self, batch: &Batch) -> Option<Answer> {
        tokio::select! {
            biased;
            answer = self.sink.put(batch) => Some(answer),
            () = past(&mut self.deadline, &mut self.alarm) => None,
        }
    }

    /// What of a refused batch may still be sent: what the service's clock explains is taken out,
    /// the rest is halved until the poison stands alone and is counted.
    fn divide(&mut self, mut batch: Batch, reason: &str) -> Vec<Batch> {
        let now = self.clock.now();
        let before = batch.datums.len();
        let namespace = batch.namespace.clone();
        let mut fresh = Vec::new();
        for datum in std::mem::take(&mut batch.datums) {
            match self.delivery.age(datum.timestamp, now.wall) {
                Age::Fresh => fresh.push(datum),
                Age::Ahead => self.push(datum.timestamp, now.boot, Content::Ready(vec![datum])),
                Age::TooOld => self.health.dropped(Cause::TooOld, 1),
            }
        }
        let batch = Batch { namespace, datums: fresh };
        if batch.datums.is_empty() {
            return Vec::new();
        }
        if batch.datums.len() < before {
            return vec![batch];
        }
        match batch.clone().halves() {
            Some((first, second)) => vec![first, second],
            None => {
                self.reject(&batch, reason);
                Vec::new()
            }
        }
    }

    fn reject(&mut self, batch: &Batch, reason: &str) {
        for datum in &batch.datums {
            self.health.dropped(Cause::Rejected, 1);
            let text = serde_json::to_string(datum).unwrap_or_default();
            tracing::error!(
                datum = text,
                reason,
                total = self.health.count(Cause::Rejected),
                "CloudWatch refuses this datum: it is set aside and counted"
            );
        }
    }

    fn put_back(&mut self, entries: Vec<Entry>, whole: bool, rest: VecDeque<Batch>) {
        if whole {
            for entry in entries {
                self.push_entry(entry);
            }
            return;
        }
        // Some of it was delivered: only what wasn't may be sent again.
        let stale = entries.iter().map(|entry| entry.stale).max();
        let due = self.clock.now().boot;
        for batch in rest {
            let Some(period) = batch.datums.first().map(|datum| datum.timestamp) else { continue };
            let content = Content::Ready(batch.datums);
            self.push_entry(Entry { period, due, stale: stale.unwrap_or(due), content });
        }
    }

    fn learn(&mut self, answer: &Answer) {
        let now = self.clock.now();
        let random = self.random.f64();
        match self.delivery.learn(answer, now, random) {
            Change::None => {}
            Change::Failing { cause, reason, since } => {
                let seconds = now.boot.since(since).as_secs();
                tracing::warn!(%cause, reason, seconds, "CloudWatch takes nothing: data waits in memory");
            }
            Change::Recovered { cause, since } => {
                let seconds = now.boot.since(since).as_secs();
                tracing::info!(%cause, seconds, waiting = self.spool.len(), "CloudWatch answers again");
            }
        }
    }

    fn give_up_old(&mut self) {
        let now = self.clock.now().wall;
        let delivery = &self.delivery;
        let old = self.spool.take_condemned(|period| delivery.age(period, now) == Age::TooOld);
        for entry in old {
            if let Content::Ready(datums) = entry.content {
                self.health.dropped(Cause::TooOld, datums.len());
                tracing::warn!(period = %entry.period, datums = datums.len(),
                    "older than CloudWatch accepts: given up");
            }
        }
    }

    fn may_go(&self, now: Timestamp) -> impl Fn(Timestamp) -> bool + use<S> {
        let service = self.delivery.service_time(now);
        move |period| service.is_none_or(|service| !Delivery::is_ahead(period, service))
    }

    fn tell_status(&self) {
        let now = self.clock.now();
        let waiting = self.spool.len();
        let text = match self.delivery.is_failing() {
            Some((cause, since)) => {
                let seconds = now.boot.since(since).as_secs();
                format!(
                    "CloudWatch takes nothing for {seconds} s ({cause}); {waiting} publishes wait in memory"
                )
            }
            None => format!(
                "published at {}; {waiting} publishes wait; {} datums dropped",
                now.wall,
                self.health.total()
            ),
        };
        notify::status(&text);
    }

    /// The last words: all in one request where it holds them, else the newest first, then the
    /// rest, oldest first, until one fails or the deadline comes.
    async fn finish(mut self) -> Summary {
        self.complete();
        let now = self.clock.now().boot;
        self.spool.hurry(now);
        let mut entries = match self.spool.datums() {
            0..=MAX_DATUMS => self.spool.take_oldest(now, |_| true),
            _ => self.spool.take_newest(now, |_| true),
        };
        while !entries.is_empty() {
            if self.send(entries).await == Sent::Failed {
                break;
            }
            entries = self.spool.take_oldest(now, |_| true);
        }
        Summary {
            delivered: self.delivered,
            dropped: self.health.total(),
            undelivered: self.spool.datums(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Done,
    Failed,
}

async fn reach(alarm: &mut Alarm, until: Option<Boottime>) {
    match until {
        Some(until) => alarm.until(until).await,
        None => std::future::pending().await,
    }
}

/// Resolves at the next change; never where no more can come.
async fn changed(identity: &mut watch::Receiver<Identity>) {
    if identity.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Resolves when the deadline has come; never while no shutdown began.
async fn past(deadline: &mut watch::Receiver<Option<Boottime>>, alarm: &mut Alarm) {
    let deadline = match deadline.wait_for(Option::is_some).await {
        Ok(deadline) => *deadline,
        Err(_) => None,
    };
    reach(alarm, deadline).await;
}

/// Room for undelivered datums: several days of the default metrics, a host's worth of memory not.
const MEMORY_MAX_BYTES: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::distribution::Statistics;
    use crate::identity::Local;
    use crate::sink::RetryCause;
    use crate::units::Unit;
    use crate::window::Figure;
    use proptest::prelude::*;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

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
}
