//! The open period's slow signals: readings in, figures out; counters of groups against their last
//! reading; and the bound on series that come and go.

use crate::clock::{Boottime, Timestamp};
use crate::dimension::Dimension;
use crate::distribution::{Distribution, Statistics};
use crate::metric::Value;
use crate::slow::catalogue::{Signal, used_percent};
use crate::slow::{Group, Reading, Settings};
use crate::units::Tenths;
use crate::window::{End, Figure, Form};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub struct Gathering {
    form: Form,
    period: Duration,
    signals: Vec<Signal>,
    max_series: usize,
    series: BTreeMap<Key, Series>,
    counters: BTreeMap<Arc<str>, Counters>,
    /// The series of cgroups and processes, and the period that each was last in.
    slots: BTreeMap<Key, Timestamp>,
    /// The most groups of one reading of the open period that weren't even read.
    unread: usize,
    /// The last reading had all groups that there are: one that comes now is new, and its counters
    /// began at zero.
    complete: bool,
}

/// The host's own values at a reading.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HostValues {
    pub numa_available_percent: Option<f64>,
    pub minutes_to_exhaustion: Option<f64>,
}

/// A series, but for the host's dimensions. The host's own come first, then selectors in their
/// order, then groups by the place of their pattern and by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    scope: Scope,
    signal: Signal,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Host,
    Process(usize, Arc<str>),
    Cgroup(usize, Arc<str>),
}

#[derive(Debug, Default)]
struct Series {
    values: Vec<(f64, u32)>,
    events: Option<f64>,
    /// A part of this period with something other than zero has left.
    spoken: bool,
}

/// A group's counters at its last reading.
#[derive(Debug, Clone, Copy)]
struct Counters {
    inode: u64,
    at: Boottime,
    stalled: Option<u64>,
    kills: Option<u64>,
}

impl Gathering {
    pub fn new(settings: &Settings) -> Gathering {
        Gathering {
            form: settings.form,
            period: settings.period,
            signals: settings.signals.clone(),
            max_series: settings.max_series,
            series: BTreeMap::new(),
            counters: BTreeMap::new(),
            slots: BTreeMap::new(),
            unread: 0,
            complete: false,
        }
    }

    /// Folds a reading in, which stands for `covered`.
    pub fn record(&mut self, reading: &Reading, host: HostValues, covered: Tenths) {
        let of_host = [
            (Signal::NumaNodeAvailablePercent, host.numa_available_percent),
            (Signal::MinutesToExhaustion, host.minutes_to_exhaustion),
        ];
        for (signal, value) in of_host {
            self.add(Scope::Host, signal, value.map(|value| Value::Weighted(value, covered.0)));
        }
        for (place, (name, selected)) in reading.processes.iter().enumerate() {
            let scope = || Scope::Process(place, name.clone());
            let count = Value::Weighted(selected.count as f64, covered.0);
            self.add(scope(), Signal::ProcessCount, Some(count));
            // Where there is none, there is no size either.
            let resident = (selected.count > 0).then_some(selected.resident as f64);
            let resident = resident.map(|bytes| Value::Weighted(bytes, covered.0));
            self.add(scope(), Signal::ProcessResidentMemory, resident);
        }
        if let Some(groups) = &reading.groups {
            let before = std::mem::take(&mut self.counters);
            for group in &groups.read {
                let last = before.get(&group.name).copied();
                self.group(group, last, reading.taken.boot, covered);
            }
            self.unread = self.unread.max(groups.unread);
        }
        self.complete = reading.groups.as_ref().is_some_and(|groups| groups.unread == 0);
    }

    /// Takes what may leave now, stamped `period`; and how many figures didn't, for the bound.
    pub fn close(&mut self, period: Timestamp, end: End) -> (Vec<Figure>, usize) {
        let mut figures = Vec::new();
        let mut left_out = 0;
        let mut series = std::mem::take(&mut self.series);
        for (key, series) in &mut series {
            let Some(statistics) = series.take(key.signal, self.form) else { continue };
            if self.admits(key, period) {
                series.spoken = true;
                figures.push(figure(key, statistics, period));
            } else {
                left_out += 1;
            }
        }
        if end == End::Part {
            // What is withheld may go with the next part.
            self.series = series;
        } else {
            left_out += std::mem::take(&mut self.unread);
        }
        (figures, left_out)
    }

    /// Carries over what an earlier gathering still holds, after it was closed for a reload.
    pub fn continue_from(&mut self, earlier: Gathering) {
        self.counters = earlier.counters;
        self.slots = earlier.slots;
        if earlier.period == self.period {
            self.series = earlier.series;
        }
    }

    fn group(&mut self, group: &Group, last: Option<Counters>, at: Boottime, covered: Tenths) {
        let usage = &group.usage;
        let scope = || Scope::Cgroup(group.place, group.name.clone());
        let weighted = |value: Option<f64>| value.map(|value| Value::Weighted(value, covered.0));
        self.add(scope(), Signal::CgroupUsedPercent, weighted(used_percent(usage)));
        self.add(scope(), Signal::CgroupMemoryUsed, weighted(usage.used.map(|used| used as f64)));
        let same = last.filter(|last| last.inode == usage.inode);
        let stalled = same.and_then(|last| {
            let elapsed = at.since(last.at).as_secs_f64();
            let stalled = usage.stalled?.checked_sub(last.stalled?)? as f64;
            (elapsed > 0.0).then(|| (100.0 * stalled / (elapsed * 1e6)).clamp(0.0, 100.0))
        });
        self.add(scope(), Signal::CgroupStallPercent, weighted(stalled));
        let before = match same {
            Some(last) => last.kills,
            // It wasn't there at the last reading, or was another one: all of its kills are new.
            None => (last.is_some() || self.complete).then_some(0),
        };
        let kills = usage.kills.zip(before).and_then(|(now, before)| now.checked_sub(before));
        self.add(scope(), Signal::CgroupOomKills, kills.map(|kills| Value::Events(kills as f64)));
        let counters =
            Counters { inode: usage.inode, at, stalled: usage.stalled, kills: usage.kills };
        self.counters.insert(group.name.clone(), counters);
    }

    fn add(&mut self, scope: Scope, signal: Signal, value: Option<Value>) {
        let (Some(value), true) = (value, self.signals.contains(&signal)) else { return };
        let series = self.series.entry(Key { scope, signal }).or_default();
        match value {
            Value::Weighted(value, covered) => series.values.push((value, covered)),
            Value::Events(events) => *series.events.get_or_insert(0.0) += events,
        }
    }

    /// Whether there is room for this series: one that wasn't sent for an hour makes room. So there
    /// are never more within an hour, which is what is billed, however many come and go.
    fn admits(&mut self, key: &Key, period: Timestamp) -> bool {
        if key.scope == Scope::Host {
            return true;
        }
        if !self.slots.contains_key(key) {
            let recent = |last: &Timestamp| {
                u128::from(period.millis_since(*last).unsigned_abs()) < BILLED.as_millis()
            };
            self.slots.retain(|_, last| recent(last));
            if self.slots.len() >= self.max_series {
                return false;
            }
        }
        self.slots.insert(key.clone(), period);
        true
    }
}

impl Series {
    fn take(&mut self, signal: Signal, form: Form) -> Option<Statistics> {
        if let Some(events) = self.events.take() {
            self.values.push((events, ONE_PART));
        }
        let metric = signal.metric();
        let is_zero = self.values.iter().all(|(value, _)| *value == 0.0);
        if self.values.is_empty() || (metric.sparse && !self.spoken && is_zero) {
            return None;
        }
        let mut distribution = Distribution::new(metric.grain);
        self.values.drain(..).for_each(|(value, covered)| distribution.add(value, covered));
        Some(match form {
            Form::Values => distribution.values(),
            Form::Set => distribution.set(),
        })
    }
}

fn figure(key: &Key, statistics: Statistics, timestamp: Timestamp) -> Figure {
    let metric = key.signal.metric();
    let value = match &key.scope {
        Scope::Host => None,
        Scope::Process(_, name) | Scope::Cgroup(_, name) => Some(name),
    };
    let beside = value
        .zip(key.signal.dimension())
        .map(|(value, name)| Dimension { name: name.to_owned(), value: value.to_string() });
    let (name, publication, unit) = (metric.name.clone(), metric.publication, metric.unit);
    Figure { name, publication, unit, timestamp, statistics, beside }
}

/// Events count one a part, so that their Sum adds up.
const ONE_PART: u32 = 1;
/// Amazon CloudWatch pricing: a metric is billed for the hours in which it is sent.
const BILLED: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests;
