//! What an answer means for the datums of a request.

use crate::batch::Parcel;
use crate::clock::{Boottime, Moment};
use crate::delivery::{Age, Change};
use crate::health::Cause;
use crate::publisher::desk::Desk;
use crate::sink::{Answer, Outcome};
use crate::spool::Key;
use crate::spool::disk::Order;
use std::collections::BTreeMap;

impl Desk {
    /// Hears what became of the batch that `next` gave; `random` is uniform in 0..1.
    pub fn answered(&mut self, answer: &Answer, now: Moment, random: f64) {
        self.learn(answer, now, random);
        let Some(parcel) = self.sending.as_mut().and_then(|sending| sending.parcels.pop_front())
        else {
            return;
        };
        match &answer.outcome {
            Outcome::Accepted => {
                if self.delivered == 0 {
                    tracing::info!(namespace = %parcel.batch.namespace, "the first datums are delivered");
                }
                let datums = parcel.batch.datums.len();
                self.delivered += datums as u64;
                self.last_delivery = Some(now);
                self.note_summaries(&parcel.batch.datums);
                tracing::debug!(datums, namespace = %parcel.batch.namespace, "delivered");
                self.settle(&parcel.origins);
            }
            Outcome::Rejected { reason } => self.divide(parcel, reason, now),
            Outcome::Retry { ambiguous, .. } => {
                if *ambiguous {
                    self.forget_summaries(&parcel, now.boot);
                }
                self.fail();
                self.spool.evict(now.boot, true);
            }
        }
        if self.sending.as_ref().is_some_and(|sending| sending.parcels.is_empty()) {
            self.sending = None;
        }
    }

    /// The batch that `next` gave was cut off: nobody will hear what became of it.
    pub fn unanswered(&mut self, now: Boottime) {
        let parcel = self.sending.as_mut().and_then(|sending| sending.parcels.pop_front());
        if let Some(parcel) = parcel {
            self.forget_summaries(&parcel, now);
        }
        self.fail();
    }

    /// What isn't settled waits again.
    fn fail(&mut self) {
        if let Some(failed) = &mut self.stopping {
            *failed = true;
        }
        self.put_back();
    }

    /// What isn't settled of the entries that were picked waits to be picked again.
    pub(super) fn put_back(&mut self) {
        let left = self.sending.take().map(|sending| sending.left).unwrap_or_default();
        for key in left.into_keys() {
            self.spool.put_back(key);
        }
    }

    /// These datums need nothing more to be done: delivered, or counted as lost.
    fn settle(&mut self, origins: &[Key]) {
        let mut counts: BTreeMap<Key, usize> = BTreeMap::new();
        for key in origins {
            *counts.entry(*key).or_default() += 1;
        }
        let Some(sending) = &mut self.sending else { return };
        for (key, count) in counts {
            let left = sending.left.remove(&key).unwrap_or_default().saturating_sub(count);
            if left == 0 {
                self.spool.delivered(key);
                continue;
            }
            sending.left.insert(key, left);
            let of_key = |parcel: &Parcel<Key>| {
                let datums = parcel.batch.datums.iter().zip(&parcel.origins);
                let datums = datums.filter(|(_, origin)| **origin == key);
                datums.map(|(datum, _)| datum.clone()).collect::<Vec<_>>()
            };
            self.spool.left(key, sending.parcels.iter().flat_map(of_key).collect());
        }
    }

    /// What of a refused batch may still be sent: what the service's clock explains is taken out,
    /// the rest is halved until the poison stands alone and is counted.
    fn divide(&mut self, parcel: Parcel<Key>, reason: &str, now: Moment) {
        let before = parcel.batch.datums.len();
        let fresh = self.take_out_untimely(parcel, now);
        if fresh.batch.datums.is_empty() {
            return;
        }
        let rest = if fresh.batch.datums.len() < before {
            vec![fresh]
        } else {
            match fresh.clone().halves() {
                Some((first, second)) => vec![first, second],
                None => {
                    self.reject(&fresh, reason, now);
                    return;
                }
            }
        };
        if let Some(sending) = &mut self.sending {
            for parcel in rest.into_iter().rev() {
                sending.parcels.push_front(parcel);
            }
        }
    }

    /// All datums of an entry have one timestamp: it is untimely as a whole.
    fn take_out_untimely(&mut self, parcel: Parcel<Key>, now: Moment) -> Parcel<Key> {
        let Parcel { mut batch, origins } = parcel;
        let mut untimely: Vec<(Key, Age)> = Vec::new();
        for key in &origins {
            let age = self.delivery.age(key.period, now);
            if age != Age::Fresh && !untimely.iter().any(|(other, _)| other == key) {
                untimely.push((*key, age));
            }
        }
        let is_fresh = |key: &Key| !untimely.iter().any(|(other, _)| other == key);
        let mut keep = origins.iter().map(is_fresh);
        batch.datums.retain(|_| keep.next().unwrap_or(true));
        let kept = origins.iter().copied().filter(is_fresh).collect();
        for (key, age) in untimely {
            self.let_go(key);
            if age == Age::TooOld {
                let closed = self.spool.closed(key);
                let lost = self.spool.give_up(key);
                self.lose(self.cause_of_age(closed, now.boot), lost, now.boot);
            }
        }
        Parcel { batch, origins: kept }
    }

    /// An entry is no part of what is being sent any more.
    pub(super) fn let_go(&mut self, key: Key) {
        self.spool.put_back(key);
        let Some(sending) = &mut self.sending else { return };
        sending.left.remove(&key);
        for parcel in &mut sending.parcels {
            let mut keep = parcel.origins.iter().map(|origin| *origin != key);
            parcel.batch.datums.retain(|_| keep.next().unwrap_or(true));
            parcel.origins.retain(|origin| *origin != key);
        }
        sending.parcels.retain(|parcel| !parcel.origins.is_empty());
    }

    fn reject(&mut self, parcel: &Parcel<Key>, reason: &str, now: Moment) {
        for datum in &parcel.batch.datums {
            self.health.dropped(Cause::Rejected, 1);
            self.health.note(Cause::Rejected, now.boot);
            let text = serde_json::to_string(datum).unwrap_or_default();
            tracing::error!(
                datum = text,
                reason,
                total = self.health.count(Cause::Rejected),
                "CloudWatch refuses this datum: it is set aside and counted"
            );
            let reason = reason.to_owned();
            self.orders.push(Order::Quarantine { datum: text, reason, when: now.wall });
        }
        self.settle(&parcel.origins);
    }

    fn learn(&mut self, answer: &Answer, now: Moment, random: f64) {
        match self.delivery.learn(answer, now, random) {
            Change::None => {}
            Change::Failing { cause, reason, since } => {
                let seconds = now.boot.since(since).as_secs();
                tracing::warn!(%cause, reason, seconds, "CloudWatch takes nothing: data waits");
            }
            Change::Recovered { cause, since } => {
                let seconds = now.boot.since(since).as_secs();
                tracing::info!(%cause, seconds, waiting = self.spool.len(), "CloudWatch answers again");
            }
        }
    }
}
