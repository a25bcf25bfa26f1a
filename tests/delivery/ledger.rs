//! What the flight recorder says was measured, against what the double has: tenths of a second by
//! period and value.

use crate::support::agent::Setup;
use crate::support::cloudwatch::{Figures, Request, Seen};
use crate::used;
use cwmem::recorder::recording::Recording;
use cwmem::spool::inventory::Name;
use cwmem::spool::text;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A period's start in milliseconds since the epoch, and a value in the metric's grain, a tenth of
/// a percent: samples that differ by less are one value of the service's.
pub type Place = (i64, i64);

/// Every sample that any ring held, by its sequence.
#[derive(Default)]
pub struct Ledger {
    samples: BTreeMap<u64, Measured>,
    /// Of a period, in milliseconds.
    period: i64,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    period: i64,
    used: f64,
    tenths: u32,
}

/// A period as it should be at the service.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    tenths: u32,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl Ledger {
    pub fn new(period_seconds: i64) -> Ledger {
        Ledger { period: period_seconds * 1_000, ..Ledger::default() }
    }

    /// Takes in what the live rings hold; gives the mark of what is safe elsewhere.
    pub fn gather(&mut self, runtime: &Path) -> u64 {
        let mut mark = 0;
        for name in ["ring.before", "ring"] {
            let Ok(recording) = Recording::open(&runtime.join(name)) else { continue };
            mark = mark.max(recording.taken_through());
            for sample in recording.samples() {
                let info = sample.meminfo.unwrap();
                let share = info.available.unwrap().as_f64() / info.total.as_f64();
                let measured = Measured {
                    period: sample.taken.wall.0.div_euclid(self.period) * self.period,
                    used: 100.0 * (1.0 - share),
                    tenths: sample.covered.0,
                };
                self.samples.insert(sample.sequence, measured);
            }
        }
        mark
    }

    /// What the disk still holds as undelivered: in files of the spool, or only in the ring.
    pub fn unsettled(&mut self, setup: &Setup) -> BTreeSet<Place> {
        let mut safe = self.gather(&setup.runtime());
        let mut places = BTreeSet::new();
        for entry in fs::read_dir(setup.state().join("spool")).into_iter().flatten() {
            let path = entry.unwrap().path();
            match Name::parse(&path) {
                Some(Name::Part(key, _)) => {
                    safe = safe.max(key.through);
                    let (_, content) = text::read(&fs::read(&path).unwrap()).unwrap();
                    let own = content.datums.iter().filter(|datum| datum.name == used().metric);
                    for datum in own {
                        let cwmem::distribution::Statistics::Values { values, .. } =
                            &datum.statistics
                        else {
                            panic!("{datum:?}")
                        };
                        let values = values.iter().map(|value| (datum.timestamp.0, grain(*value)));
                        places.extend(values);
                    }
                }
                Some(Name::Taken(through)) => safe = safe.max(through),
                _ => {}
            }
        }
        let only_recorded = self.samples.range(safe + 1..);
        places.extend(only_recorded.map(|(_, it)| (it.period, grain(it.used))));
        places
    }

    /// Tenths of a second that were measured.
    pub fn tenths(&self) -> u32 {
        self.samples.values().map(|measured| measured.tenths).sum()
    }

    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether all of it is at the service, each tenth once but for those places that `may_repeat`
    /// so many times. Gives how often that happened.
    pub fn compare(&self, seen: &Seen, may_repeat: &BTreeMap<Place, usize>) -> usize {
        let mut expected: BTreeMap<Place, u64> = BTreeMap::new();
        for measured in self.samples.values() {
            let place = (measured.period, grain(measured.used));
            *expected.entry(place).or_default() += u64::from(measured.tenths);
        }
        let mut found: BTreeMap<Place, u64> = BTreeMap::new();
        for request in &seen.accepted {
            for (place, tenths) in places(request) {
                *found.entry(place).or_default() += tenths;
            }
        }
        let mut wrong = Vec::new();
        let mut repeated: BTreeMap<i64, usize> = BTreeMap::new();
        for place in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
            let expected = expected.get(place).copied().unwrap_or(0);
            let found = found.get(place).copied().unwrap_or(0);
            let may = may_repeat.get(place).copied().unwrap_or(0) as u64;
            if found > expected {
                *repeated.entry(place.0).or_default() += 1;
            }
            if found < expected || found > expected * (1 + may) {
                wrong.push(format!("{place:?}: {expected} tenths measured, {found} delivered, may repeat {may} times"));
            }
        }
        let whole = |period: &i64| !repeated.contains_key(period);
        wrong.extend(self.periods_that_differ(seen, whole));
        assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
        repeated.len()
    }

    /// Count, minimum, maximum and mean of each period; of those that aren't `whole`, the extremes.
    fn periods_that_differ(&self, seen: &Seen, whole: impl Fn(&i64) -> bool) -> Vec<String> {
        let length = std::time::Duration::from_millis(self.period.unsigned_abs());
        let found = seen.periods(&used(), length);
        let mut wrong = Vec::new();
        for (period, expected) in self.periods() {
            let start = UNIX_EPOCH + std::time::Duration::from_millis(period.unsigned_abs());
            let Some(found) = found.get(&start) else {
                wrong.push(format!("{period}: {expected:?} isn't there"));
                continue;
            };
            let tenths = f64::from(expected.tenths);
            let near = |one: f64, other: f64, by: f64| (one - other).abs() <= by;
            let extremes = near(found.minimum, expected.minimum, 1e-9)
                && near(found.maximum, expected.maximum, 1e-9);
            let rest = found.sample_count == tenths
                && near(found.sum / tenths, expected.sum / tenths, GRAIN);
            if !extremes || (whole(&period) && !rest) {
                wrong.push(format!("{period}: {expected:?} measured, {found:?} delivered"));
            }
        }
        wrong
    }

    /// The periods of which nothing arrived; all others have to be whole.
    pub fn missing(&self, seen: &Seen) -> Vec<i64> {
        let length = std::time::Duration::from_millis(self.period.unsigned_abs());
        let found = seen.periods(&used(), length);
        let tenths = |period: i64| {
            let start = UNIX_EPOCH + std::time::Duration::from_millis(period.unsigned_abs());
            found.get(&start).map(|it| it.sample_count)
        };
        let mut missing = Vec::new();
        for (period, expected) in self.periods() {
            match tenths(period) {
                None => missing.push(period),
                Some(found) => assert_eq!(found, f64::from(expected.tenths), "{period}"),
            }
        }
        missing
    }

    fn periods(&self) -> BTreeMap<i64, Expected> {
        let mut periods: BTreeMap<i64, Expected> = BTreeMap::new();
        for Measured { period, used, tenths } in self.samples.values().copied() {
            let empty = Expected { minimum: used, maximum: used, ..Expected::default() };
            let expected = periods.entry(period).or_insert(empty);
            expected.tenths += tenths;
            expected.sum += used * f64::from(tenths);
            expected.minimum = expected.minimum.min(used);
            expected.maximum = expected.maximum.max(used);
        }
        periods
    }
}

/// What a request says of the metric: tenths by period and value.
pub fn places(request: &Request) -> BTreeMap<Place, u64> {
    let mut places = BTreeMap::new();
    for datum in request.datums.iter().filter(|datum| datum.name == used().metric) {
        let Figures::Values(values) = &datum.figures else { panic!("{datum:?}") };
        let period = since_epoch(datum.timestamp);
        for (value, count) in values {
            *places.entry((period, grain(*value))).or_default() += *count as u64;
        }
    }
    places
}

fn since_epoch(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn grain(value: f64) -> i64 {
    (value * 10.0).round() as i64
}

const GRAIN: f64 = 0.1;
