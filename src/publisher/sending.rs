//! Sending: one request at a time, and what an answer means for the datums in it.

use super::{Publisher, past};
use crate::batch::{Batch, batches};
use crate::clock::Timestamp;
use crate::delivery::{Age, Change, Delivery};
use crate::health::Cause;
use crate::sink::{Answer, Outcome, Sink};
use crate::spool::{Content, Entry};
use std::collections::VecDeque;

/// Whether everything that was taken from the spool is settled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Done,
    Failed,
}

impl<S: Sink> Publisher<S> {
    /// Sends entries that were taken from the spool; what isn't delivered goes back.
    pub(super) async fn send(&mut self, entries: Vec<Entry>) -> Sent {
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
                    if self.delivered == 0 {
                        tracing::info!(namespace = %batch.namespace, "the first datums are delivered");
                    }
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

    pub(super) fn give_up_old(&mut self) {
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

    pub(super) fn may_go(&self, now: Timestamp) -> impl Fn(Timestamp) -> bool + use<S> {
        let service = self.delivery.service_time(now);
        move |period| service.is_none_or(|service| !Delivery::is_ahead(period, service))
    }
}
