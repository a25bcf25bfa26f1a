//! The publisher's mind: what is kept, what is sent next, and what an answer means for it. It does
//! no I/O and reads no clock: `next` says what to do, `answered` and `disk` hear how it went.

mod answers;
mod backlog;
mod disk;
mod losses;
mod summaries;

pub use backlog::Backlog;

use crate::batch::{Batch, MAX_DATUMS, Parcel, parcels};
use crate::clock::{Boottime, Moment, Timestamp};
use crate::datum::Datum;
use crate::delivery::{Delivery, Step};
use crate::dimension::DimensionName;
use crate::health::{Cause, Health};
use crate::identity::dress::dress;
use crate::identity::{Identity, Name};
use crate::owner::Owner;
use crate::publisher::Settings;
use crate::sampler::Part;
use crate::spool::disk::Order;
use crate::spool::text::Content;
use crate::spool::{Entry, Key, Limits, Picked, Spool};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Whose data this is: the host, and its boot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whose {
    pub owner: Owner,
    pub boot_id: String,
}

pub struct Desk {
    settings: Settings,
    identity: Identity,
    whose: Whose,
    /// The owner of files that were found and wait until it is known who this host is.
    undecided: Option<Owner>,
    spool: Spool,
    delivery: Delivery,
    health: Health,
    sending: Option<Sending>,
    /// What the disk was asked for, and what has come from it.
    awaited: Option<Step>,
    loaded: Option<Step>,
    /// When each cause of loss was last told in the log.
    said: BTreeMap<&'static str, Boottime>,
    orders: Vec<Order>,
    /// A stop has begun: `true` once a request failed.
    stopping: Option<bool>,
    delivered: u64,
    last_delivery: Option<Moment>,
    /// The newest period of the cluster that the service took from this host.
    last_summary: Option<Timestamp>,
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
pub enum Act {
    Put(Batch),
    /// Nothing before then; `None`: before something else happens.
    Wait(Option<Boottime>),
    /// After a stop: there is nothing more to be done.
    End,
}

/// A request under way, and those that are to follow it with the same entries.
#[derive(Debug)]
struct Sending {
    parcels: VecDeque<Parcel<Key>>,
    /// How many datums of each entry aren't settled.
    left: BTreeMap<Key, usize>,
    /// It gives way to live data.
    backlog: bool,
}

impl Desk {
    pub fn new(settings: Settings, identity: Identity, whose: Whose, now: Moment) -> Desk {
        let delivery = Delivery::new(settings.max_requests_per_second, settings.max_age, now.boot);
        Desk {
            spool: Spool::new(limits(&settings), now.boot),
            delivery,
            settings,
            identity,
            whose,
            undecided: None,
            health: Health::default(),
            sending: None,
            awaited: None,
            loaded: None,
            said: BTreeMap::new(),
            orders: Vec::new(),
            stopping: None,
            delivered: 0,
            last_delivery: None,
            last_summary: None,
        }
    }

    /// Gives a part its dimensions and keeps it until it is delivered.
    pub fn keep(&mut self, part: &Part, now: Moment) {
        let Settings { publications, resolution, .. } = &self.settings;
        let dressed = dress(&part.figures, &self.identity, publications, *resolution);
        let mut content = Content { datums: dressed.datums, pending: dressed.pending };
        if part.ends && self.settings.health {
            content.datums.extend(self.health_datums(part.period, now.boot));
        }
        let key = Key { period: part.period, through: part.through, extra: 0 };
        let stale = part.due.plus(self.settings.every);
        let lost = self.spool.keep(Entry::new(key, part.due, stale, now, content));
        self.lose(Cause::MemoryFull, lost, now.boot);
    }

    /// Counts what never became a part.
    pub fn lost(&mut self, cause: Cause, count: usize, now: Boottime) {
        self.lose(cause, count, now);
    }

    /// More is known of this host.
    pub fn know(&mut self, identity: &Identity, now: Boottime) {
        self.identity = identity.clone();
        let settled = *identity.state(&DimensionName::InstanceId) != Name::Unknown;
        let (completed, lost) = self.spool.complete(|pending| pending.complete(identity), settled);
        self.lose(Cause::MemoryFull, lost, now);
        if completed > 0 {
            tracing::info!(
                periods = completed,
                "the host's InstanceId is known: waiting periods are completed"
            );
        }
        if let Some(id) = identity.known(&DimensionName::InstanceId)
            && self.whose.owner.instance_id.as_deref() != Some(id)
        {
            self.whose.owner.instance_id = Some(id.to_owned());
            self.decide();
        } else if settled && self.undecided.is_some() {
            self.decide();
        }
    }

    pub fn adjust(&mut self, settings: Settings, identity: &Identity, now: Boottime) {
        self.delivery.adjust(settings.max_requests_per_second, settings.max_age, now);
        self.spool.limit(limits(&settings));
        self.settings = settings;
        self.know(identity, now);
    }

    pub fn clock_stepped(&mut self) {
        self.delivery.clock_stepped();
    }

    /// There is no more to come: what is in memory is sent at once, and tried once.
    pub fn stop(&mut self, now: Boottime) {
        self.stopping.get_or_insert(false);
        self.spool.hurry(now);
    }

    pub fn next(&mut self, now: Moment) -> Act {
        self.give_up_old(now);
        self.spool.evict(now.boot, false);
        self.spool.work(now.boot);
        let ready = self.may_go(now.boot);
        let waiting = self.spool.waiting(now.boot, &ready);
        // A refused batch of backlog may take many requests until its poison stands alone.
        if waiting.live && self.sending.as_ref().is_some_and(|sending| sending.backlog) {
            self.put_back();
        }
        if let Some(parcel) = self.sending.as_ref().and_then(|sending| sending.parcels.front()) {
            return Act::Put(parcel.batch.clone());
        }
        if let Some(failed) = self.stopping {
            return self.last_words(failed, now);
        }
        let fails = self.delivery.is_failing().is_some();
        let still_wanted = |step: &Step| !waiting.live && fails == (*step == Step::Probe);
        let step = match self.loaded.take().filter(still_wanted) {
            Some(step) => step,
            None => self.delivery.next(waiting, now.boot),
        };
        let picked = match step {
            Step::SendLive => self.spool.pick_live(now.boot, ready),
            Step::SendBacklog => self.spool.pick_oldest(now.boot, ready),
            Step::Probe => self.spool.pick_newest(now.boot, ready),
            Step::Wait(until) => return Act::Wait(earlier(until, self.spool.retry_at())),
        };
        let entries = match picked {
            Picked::Ready(entries) => entries,
            Picked::Loading => {
                self.awaited = Some(step);
                return Act::Wait(earlier(waiting.next_due, self.spool.retry_at()));
            }
        };
        match self.begin(entries, step == Step::SendBacklog) {
            Some(batch) => Act::Put(batch),
            // Nothing is there after all: it is asked again, not at once.
            None => Act::Wait(Some(now.boot.plus(AGAIN))),
        }
    }

    /// What the disk is to do, in this order.
    pub fn orders(&mut self) -> Vec<Order> {
        let jobs = self.spool.jobs().into_iter().map(Order::Spool);
        jobs.chain(std::mem::take(&mut self.orders)).collect()
    }

    /// All samples through this sequence are safe.
    pub fn taken_through(&self) -> u64 {
        self.spool.taken_through()
    }

    pub fn backlog(&self, now: Boottime) -> Backlog {
        Backlog {
            publishes: self.spool.len(),
            bytes: self.spool.backlog_bytes(now),
            failing: self.delivery.is_failing(),
            reason: self.delivery.reason().map(str::to_owned),
            disk_fails_since: self.spool.disk_fails_since(now),
            last_delivery: self.last_delivery,
            last_summary: self.last_summary,
            delivered: self.delivered,
            dropped: Cause::ALL.map(|cause| (cause, self.health.count(cause))),
            last_drops: Cause::ALL.map(|cause| self.health.last(cause)),
        }
    }

    /// Datums that would be lost with the process, and in how many publishes.
    pub fn only_in_memory(&self) -> (usize, usize) {
        let lengths = self.spool.only_in_memory().map(|entry| entry.content.len());
        lengths.fold((0, 0), |(datums, publishes), length| (datums + length, publishes + 1))
    }

    /// Lets the disk go on while a request is under way.
    pub fn keep_on(&mut self, now: Moment) {
        self.spool.work(now.boot);
    }

    fn begin(&mut self, entries: Vec<(Key, Vec<Datum>)>, backlog: bool) -> Option<Batch> {
        let left = entries.iter().map(|(key, datums)| (*key, datums.len())).collect();
        let datums = entries
            .into_iter()
            .flat_map(|(key, datums)| datums.into_iter().map(move |datum| (key, datum)));
        let parcels = VecDeque::from(parcels(datums));
        let batch = parcels.front()?.batch.clone();
        self.sending = Some(Sending { parcels, left, backlog });
        Some(batch)
    }

    /// All that is in memory in one request where it holds it, else the newest first, until one
    /// fails; then what the disk still has to take is waited for.
    fn last_words(&mut self, failed: bool, now: Moment) -> Act {
        if !failed {
            // What the service would refuse for its time isn't offered again and again.
            let ready = self.may_go(now.boot);
            let fits = self.spool.datums_in_memory() <= MAX_DATUMS;
            let picked = if fits {
                self.spool.pick_due(now.boot, &ready)
            } else {
                self.spool.pick_newest(now.boot, &ready)
            };
            if let Picked::Ready(entries) = picked
                && let Some(batch) = self.begin(entries, false)
            {
                return Act::Put(batch);
            }
            if let Some(until) = self.spool.waiting(now.boot, ready).next_due {
                return Act::Wait(Some(until));
            }
        }
        let waits = self.spool.only_in_memory().next().is_some() || self.spool.is_marking();
        let fails = self.spool.disk_fails_since(now.boot).is_some();
        if waits && !fails { Act::Wait(Some(now.boot.plus(AGAIN))) } else { Act::End }
    }

    fn may_go(&self, now: Boottime) -> impl Fn(Timestamp) -> bool + use<> {
        let service = self.delivery.service_time(now);
        move |period| service.is_none_or(|service| Delivery::is_timely(period, service))
    }
}

fn limits(settings: &Settings) -> Limits {
    Limits { memory_bytes: MEMORY_MAX_BYTES, disk_bytes: settings.max_bytes }
}

fn earlier(one: Option<Boottime>, other: Option<Boottime>) -> Option<Boottime> {
    one.into_iter().chain(other).min()
}

const AGAIN: Duration = Duration::from_secs(1);
/// Room for undelivered datums where the disk takes nothing: several days of the default metrics,
/// a host's worth of memory not.
const MEMORY_MAX_BYTES: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
