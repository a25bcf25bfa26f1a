//! What became of the periods, and the promises about it.

use super::Tally;
use super::server::Time;
use super::world::micros;
use cwmem::cluster::role::Standing;
use cwmem::cluster::timing::Timing;
use std::collections::BTreeMap;
use std::time::Duration;

pub struct Ledger {
    timing: Timing,
    period: Time,
    /// How many summaries of a period reached the service.
    reached: BTreeMap<i64, u64>,
    /// How often a promoted replica had not received a period's claim.
    lost: BTreeMap<i64, u64>,
    /// When the last fault was over.
    calm: Option<Time>,
    /// Somebody abstained then, or began to later: nobody else may have been there to lead.
    abstained: bool,
    /// The first summary of a period that ended in the calm: its period, and when it came.
    first: Option<(i64, Time)>,
}

impl Ledger {
    pub fn new(timing: &Timing) -> Ledger {
        Ledger {
            timing: *timing,
            period: micros(timing.period()),
            reached: BTreeMap::new(),
            lost: BTreeMap::new(),
            calm: None,
            abstained: false,
            first: None,
        }
    }

    pub fn lost(&mut self, periods: &[i64]) {
        for period in periods {
            *self.lost.entry(*period).or_default() += 1;
        }
    }

    /// At most one summary of a period, and one more for each claim that a promotion lost.
    pub fn reached(&mut self, period: i64, now: Time, tally: &mut Tally) -> Result<(), String> {
        let count = self.reached.entry(period).or_default();
        *count += 1;
        tally.summaries += 1;
        if *count > 1 {
            let lost = self.lost.get(&period).copied().unwrap_or_default();
            if *count > 1 + lost {
                return Err(format!(
                    "{count} summaries of the period {period} reached the service"
                ));
            }
            tally.excused += 1;
        }
        let ends = period.saturating_mul(1_000) + millis(self.timing.period());
        if self.first.is_none()
            && self.calm.is_some_and(|calm| super::world::unix_millis(calm) <= ends)
        {
            self.first = Some((period, now));
        }
        Ok(())
    }

    pub fn calm(&mut self, now: Time, mut standings: impl Iterator<Item = Standing>) {
        self.calm = Some(now);
        self.abstained = standings.any(|standing| matches!(standing, Standing::Abstaining { .. }));
    }

    pub fn abstains(&mut self, now: Time) {
        self.abstained |= self.calm.is_some_and(|calm| calm <= now);
    }

    /// How long the calm is watched at most.
    pub fn longest_calm(&self) -> Duration {
        self.bound(true) + self.timing.period() * (WATCHED + 2)
    }

    /// The calm has shown what it can.
    pub fn is_settled(&self, now: Time) -> bool {
        self.first.is_some_and(|(_, at)| now > at + self.period * Time::from(WATCHED + 2))
    }

    /// From the last fault to the next summary. Where somebody abstains, nobody else may be there,
    /// and it may have begun to only with the first period of the calm.
    fn bound(&self, abstained: bool) -> Duration {
        let bound = self.timing.claim_again();
        if abstained { bound + self.timing.abstention() + self.timing.period() } else { bound }
    }

    pub fn close(&self, now: Time, tally: &mut Tally) -> Result<(), String> {
        let calm = self.calm.unwrap_or(now);
        let bound = micros(self.bound(self.abstained));
        let Some((first, at)) = self.first.filter(|(_, at)| at - calm <= bound) else {
            return Err(format!("no summary within {} s of the last fault", bound / 1_000_000));
        };
        let took = (at - calm) * 100 / self.period;
        let longest = if self.abstained {
            &mut tally.longest_calm_after_abstention
        } else {
            &mut tally.longest_calm
        };
        *longest = took.max(*longest);
        // Once there is a leader it stays, and every period has its summary.
        let length = i64::from(self.timing.seconds());
        let missing = (1..=i64::from(WATCHED)).map(|later| first + later * length);
        let missing = missing.filter(|period| !self.reached.contains_key(period)).min();
        missing.map_or(Ok(()), |period| Err(format!("no summary of {period} in the calm")))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Periods that are looked at once a leader is there.
const WATCHED: u32 = 4;
