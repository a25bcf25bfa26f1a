//! The publisher: gives closed parts their dimensions, keeps them, and sends them as the delivery
//! policy decides. It alone owns the spool and the sink.

mod sending;

use crate::batch::MAX_DATUMS;
use crate::clock::{Alarm, Boottime, Clock, Timestamp};
use crate::datum::{Datum, Resolution};
use crate::delivery::{Delivery, Step};
use crate::dimension::{Dimension, DimensionSet};
use crate::health::{Cause, Health};
use crate::identity::Identity;
use crate::identity::dress::{complete, dress};
use crate::identity::sets::resolve;
use crate::notify;
use crate::sampler::{Message, Part};
use crate::sink::Sink;
use crate::spool::{Content, Entry, Spool};
use sending::Sent;
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
                Step::SendLive => {
                    self.spool.take_live(now.boot.plus(TOGETHER), self.may_go(now.wall))
                }
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

/// What is due so soon goes along: due times come from two clocks read a moment apart.
const TOGETHER: Duration = Duration::from_millis(50);
/// Room for undelivered datums: several days of the default metrics, a host's worth of memory not.
const MEMORY_MAX_BYTES: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
