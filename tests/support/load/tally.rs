//! What is counted of all members, and how it is shown.

use cwmem::clock::{Boottime, Moment};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Visit,
    Connect,
    Upsert,
    Look,
    Heartbeat,
    Claim,
    Fold,
    Forget,
    Note,
}

#[derive(Debug, Default)]
pub struct Tally {
    began: Option<Boottime>,
    times: BTreeMap<Kind, Vec<Duration>>,
    /// Visits by the second since the beginning.
    visits: BTreeMap<u64, u64>,
    open: u64,
    most_open: u64,
    pub failures: BTreeMap<String, u64>,
    pub summaries: BTreeMap<i64, Summary>,
}

/// Of one period.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How often it was spoken for.
    pub times: u64,
    /// Members that reported.
    pub reported: u64,
    pub rows: u64,
}

impl Tally {
    /// Anew, but for the connections that are open.
    pub fn begin(&mut self, now: Moment) {
        let open = self.open;
        *self = Tally { began: Some(now.boot), open, most_open: open, ..Tally::default() };
    }

    pub fn began(&self) -> Boottime {
        self.began.unwrap_or(Boottime(0))
    }

    pub fn took(&mut self, kind: Kind, now: Boottime, time: Duration) {
        self.times.entry(kind).or_default().push(time);
        if kind == Kind::Visit {
            *self.visits.entry(now.since(self.began()).as_secs()).or_default() += 1;
        }
    }

    pub fn failed(&mut self, failure: String) {
        *self.failures.entry(failure).or_default() += 1;
    }

    pub fn opened(&mut self) {
        self.open += 1;
        self.most_open = self.most_open.max(self.open);
    }

    pub fn closed(&mut self) {
        // Those that are cut off at the end close theirs when nobody counts any more.
        self.open = self.open.saturating_sub(1);
    }

    pub fn spoke(&mut self, period: i64, reported: u64, rows: u64) {
        let summary = self.summaries.entry(period).or_default();
        *summary = Summary { times: summary.times + 1, reported, rows };
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.times.get(&kind).map_or(0, Vec::len)
    }

    pub fn most_open(&self) -> u64 {
        self.most_open
    }

    pub fn busiest_second(&self) -> u64 {
        self.visits.values().copied().max().unwrap_or(0)
    }
}

/// A line a kind of statement: how many, and how long they took.
impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "ms             count     p50     p90     p99     max")?;
        for (kind, times) in &self.times {
            let mut times = times.clone();
            times.sort();
            let at = |share: f64| {
                let place = (times.len() as f64 * share) as usize;
                times[place.min(times.len() - 1)].as_secs_f64() * 1_000.0
            };
            let [p50, p90, p99, most] = [0.5, 0.9, 0.99, 1.0].map(at);
            writeln!(
                formatter,
                "{:<10} {:>9} {p50:>7.2} {p90:>7.2} {p99:>7.2} {most:>7.2}",
                format!("{kind:?}").to_lowercase(),
                times.len(),
            )?;
        }
        for (failure, times) in &self.failures {
            writeln!(formatter, "failed, {times} times: {failure}")?;
        }
        for (period, Summary { times, reported, rows }) in &self.summaries {
            writeln!(
                formatter,
                "period {period}: {reported} members reported, {rows} rows, spoken for {times} time(s)"
            )?;
        }
        Ok(())
    }
}
