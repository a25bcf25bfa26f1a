//! The publisher: hands closed parts to its desk, and does what the desk decides: the disk's thread
//! keeps, the sink sends. It alone uses either.

pub mod desk;
mod told;
mod waits;

pub use desk::{Backlog, Whose};
pub use told::Told;

use crate::allocator;
use crate::batch::Batch;
use crate::clock::{Alarm, Boottime, Clock};
use crate::datum::Resolution;
use crate::identity::Identity;
use crate::identity::dress::Publications;
use crate::notify;
use crate::sampler::Message;
use crate::sink::{Answer, Sink};
use crate::spool::disk::{Disk, Done, Order};
use desk::{Act, Desk};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use told::hand_over;
use waits::{answer, changed, past, reach};

/// What the publisher needs of the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    pub publications: Publications,
    pub resolution: Resolution,
    /// Data is live until the next is due.
    pub every: Duration,
    pub health: bool,
    pub max_requests_per_second: u32,
    pub max_bytes: u64,
    pub max_age: Duration,
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
    desk: Desk,
    disk: Option<Disk>,
    sink: S,
    identity: watch::Receiver<Identity>,
    told: Told,
    /// By when everything has to be over; `None` until a shutdown begins.
    deadline: watch::Receiver<Option<Boottime>>,
    random: fastrand::Rng,
    /// What came while a request was under way and has to wait for its end.
    later: VecDeque<Message<Box<Behind<S>>>>,
    /// The first answer has come: the start is over.
    has_answer: bool,
}

/// What was there when the publisher ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub delivered: u64,
    pub dropped: u64,
    /// Publishes that wait on the disk for the next start.
    pub waiting: usize,
    /// Datums that were only in memory: with the process, they are gone.
    pub undelivered: usize,
}

type Messages<S> = mpsc::UnboundedReceiver<Message<Box<Behind<S>>>>;

impl<S: Sink> Publisher<S> {
    /// `found`: the disk's first word. Without a disk everything is kept in memory.
    pub fn new(
        clock: Clock,
        behind: Behind<S>,
        whose: Whose,
        (disk, found): (Option<Disk>, Option<Done>),
        told: Told,
        deadline: watch::Receiver<Option<Boottime>>,
        random: fastrand::Rng,
    ) -> Publisher<S> {
        let Behind { settings, sink, identity } = behind;
        let known = identity.borrow().clone();
        let mut desk = Desk::new(settings, known.clone(), whose, clock.now());
        desk.know(&known, clock.now().boot);
        if let Some(found) = found {
            desk.disk(found, clock.now());
        }
        Publisher {
            alarm: clock.alarm(),
            desk,
            disk,
            clock,
            sink,
            identity,
            told,
            deadline,
            random,
            later: VecDeque::new(),
            has_answer: false,
        }
    }

    /// Publishes until every producer is gone, then sends what is left within the deadline.
    pub async fn run(mut self, mut parts: Messages<S>) -> Summary {
        loop {
            while let Some(message) = self.later.pop_front() {
                self.take(message);
            }
            loop {
                match parts.try_recv() {
                    Ok(message) => self.take(message),
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    Err(mpsc::error::TryRecvError::Disconnected) => {
                        self.desk.stop(self.clock.now().boot);
                        break;
                    }
                }
            }
            match self.next() {
                Act::Put(batch) => self.put(batch, &mut parts).await,
                Act::Wait(until) => self.wait(&mut parts, until).await,
                Act::End => return self.finish().await,
            }
            if parts.is_closed() && parts.is_empty() && self.is_over() {
                return self.finish().await;
            }
        }
    }

    /// What the desk says, the disk having been told its part.
    fn next(&mut self) -> Act {
        let now = self.clock.now();
        let act = self.desk.next(now);
        hand_over(&mut self.desk, &self.disk, &self.told, now.boot);
        act
    }

    /// Until something is to be done: a part arrives, the disk answers, the identity changes, or
    /// `until`.
    async fn wait(&mut self, parts: &mut Messages<S>, until: Option<Boottime>) {
        let deadline = *self.deadline.borrow();
        let until = until.into_iter().chain(deadline).min();
        let open = !(parts.is_closed() && parts.is_empty());
        tokio::select! {
            // That there is no more to come is what `run` has to know at once.
            message = parts.recv(), if open => if let Some(message) = message {
                self.take(message);
            },
            done = answer(&mut self.disk) => self.desk.disk(done, self.clock.now()),
            () = changed(&mut self.identity) => {
                let identity = self.identity.borrow_and_update().clone();
                self.desk.know(&identity, self.clock.now().boot);
            }
            () = reach(&mut self.alarm, until) => {}
            _ = self.deadline.changed(), if deadline.is_none() => {}
        }
    }

    /// Sends; what closes meanwhile is kept at once.
    async fn put(&mut self, batch: Batch, parts: &mut Messages<S>) {
        let answered = self.put_and_keep(&batch, parts).await;
        drop(batch); // Before memory is given back.
        match answered {
            Some(answered) => {
                let random = self.random.f64();
                let now = self.clock.now();
                self.desk.answered(&answered, now, random);
                if std::mem::replace(&mut self.has_answer, true) {
                    allocator::give_back();
                } else {
                    allocator::give_back_start();
                }
            }
            None => self.desk.unanswered(self.clock.now().boot),
        }
        self.tell();
    }

    /// `None` where the deadline came first.
    async fn put_and_keep(&mut self, batch: &Batch, parts: &mut Messages<S>) -> Option<Answer> {
        let Publisher { clock, alarm, desk, disk, sink, told, deadline, later, .. } = self;
        let mut put = std::pin::pin!(sink.put(batch));
        loop {
            tokio::select! {
                biased;
                answered = &mut put => return Some(answered),
                () = past(deadline, alarm) => return None,
                Some(message) = parts.recv(), if later.is_empty() => match message {
                    Message::Part(part) => desk.keep(&part, clock.now()),
                    Message::ClusterSummary(summary) => desk.speak(&summary, clock.now()),
                    other => later.push_back(other),
                },
                done = answer(disk) => desk.disk(done, clock.now()),
            }
            let now = clock.now();
            desk.keep_on(now);
            hand_over(desk, disk, told, now.boot);
        }
    }

    fn take(&mut self, message: Message<Box<Behind<S>>>) {
        let now = self.clock.now();
        match message {
            Message::Part(part) => {
                self.desk.keep(&part, now);
                self.copy_recorder();
            }
            Message::ClusterSummary(summary) => self.desk.speak(&summary, now),
            Message::CopyRecorder => self.copy_recorder(),
            Message::Lost(cause, count) => self.desk.lost(cause, count, now.boot),
            Message::ClockStepped => self.desk.clock_stepped(),
            Message::Reload(behind) => {
                let Behind { settings, sink, identity } = *behind;
                (self.sink, self.identity) = (sink, identity);
                let known = self.identity.borrow().clone();
                self.desk.adjust(settings, &known, now.boot);
            }
        }
    }

    fn copy_recorder(&self) {
        if let Some(disk) = &self.disk {
            disk.order(Order::CopyRecorder);
        }
    }

    fn tell(&self) {
        let now = self.clock.now();
        let backlog = self.desk.backlog(now.boot);
        let waiting = backlog.publishes;
        notify::status(&match backlog.failing {
            Some((cause, since)) => format!(
                "CloudWatch takes nothing for {} s; {waiting} publishes wait; {cause}: {}",
                now.boot.since(since).as_secs(),
                backlog.reason.as_deref().unwrap_or("no reason is known")
            ),
            None => {
                let dropped = backlog.dropped();
                format!(
                    "published at {}; {waiting} publishes wait; {dropped} datums dropped",
                    now.wall
                )
            }
        });
    }

    fn is_over(&self) -> bool {
        self.deadline.borrow().is_some_and(|deadline| self.clock.now().boot >= deadline)
    }

    /// The disk does what it was asked for, within the deadline.
    async fn finish(mut self) -> Summary {
        // What the last answer settled is the disk's to know.
        hand_over(&mut self.desk, &self.disk, &self.told, self.clock.now().boot);
        self.copy_recorder();
        if let Some(disk) = &self.disk {
            let (tell, told) = oneshot::channel::<()>();
            disk.order(Order::Run(Box::new(move || drop(tell))));
            tokio::select! {
                _ = told => {}
                () = past(&mut self.deadline, &mut self.alarm) => {}
            }
        }
        let backlog = self.desk.backlog(self.clock.now().boot);
        let (undelivered, in_memory) = self.desk.only_in_memory();
        Summary {
            delivered: backlog.delivered,
            dropped: backlog.dropped(),
            waiting: backlog.publishes - in_memory,
            undelivered,
        }
    }
}

#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod tests;
