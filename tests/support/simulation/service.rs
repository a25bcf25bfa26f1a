//! The service and the way to it: what becomes of a request is drawn when it sets out.

use super::time::{SECOND, Time, true_time};
use super::weather::{Dice, Service as Fault, Weather};
use cwmem::batch::{Batch, MAX_BYTES, MAX_DATUMS};
use cwmem::datum::Datum;
use cwmem::distribution::Statistics;
use cwmem::sink::{Answer, Outcome, RetryCause};
use std::time::Duration;

/// A request on its way.
pub struct Request {
    pub batch: Batch,
    /// When it reaches the service, if it does.
    pub reaches_at: Option<Time>,
    pub answers_at: Time,
    /// The answer gets lost.
    pub lies: bool,
    pub answer: Answer,
}

pub struct Service {
    dice: Dice,
    poison: u64,
}

/// What the service makes of a request that reaches it.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Stores,
    Refuses(String),
}

impl Service {
    pub fn new(seed: u64, weather: &Weather) -> Service {
        Service { dice: Dice::new(seed, 2), poison: weather.poison }
    }

    pub fn take(&mut self, batch: Batch, now: Time, weather: &Weather) -> Request {
        let fault = weather.service_at(now).or_else(|| self.flakes(weather.flaky));
        let dice = &mut self.dice;
        let takes = match fault {
            Some(Fault::Slow) => dice.time(SECOND, 25 * SECOND),
            Some(Fault::Hangs | Fault::Lies) => READ_TIMEOUT,
            _ => dice.time(5_000, 400_000),
        };
        let answers_at = now + takes;
        let reaches_at = match fault {
            None | Some(Fault::Slow) => Some(now + takes / 2),
            Some(Fault::Lies) => Some(now + dice.time(5_000, SECOND)),
            _ => None,
        };
        let lies = fault == Some(Fault::Lies);
        let outcome = fault.map_or(Outcome::Accepted, |fault| outcome(fault, dice));
        let speaks = !matches!(
            outcome,
            Outcome::Retry { cause: RetryCause::Network | RetryCause::Foreign, .. }
        );
        let service_time = speaks.then(|| true_time(answers_at));
        let answer = Answer { outcome, service_time };
        Request { batch, reaches_at, answers_at, lies, answer }
    }

    /// At the moment at which the request reaches the service.
    pub fn judge(&self, batch: &Batch, now: Time) -> Result<Verdict, String> {
        if batch.datums.is_empty() || batch.datums.len() > MAX_DATUMS {
            return Err(format!("a request of {} datums", batch.datums.len()));
        }
        if batch.body_bytes() > MAX_BYTES {
            return Err(format!("a request of {} bytes", batch.body_bytes()));
        }
        let clock = true_time(now);
        for datum in &batch.datums {
            let age = clock.millis_since(datum.timestamp);
            if !(-TWO_HOURS..=TWO_WEEKS).contains(&age) {
                let verdict = format!("the timestamp {} isn't acceptable", datum.timestamp);
                return Ok(Verdict::Refuses(verdict));
            }
        }
        match batch.datums.iter().any(|datum| self.is_poison(datum)) {
            true => Ok(Verdict::Refuses("the value isn't acceptable".to_owned())),
            false => Ok(Verdict::Stores),
        }
    }

    pub fn is_poison(&self, datum: &Datum) -> bool {
        let figures = fingerprint(&datum.statistics);
        self.poison > 0 && !datum.name.starts_with("Agent") && figures.is_multiple_of(self.poison)
    }

    /// Whether a request that was under way when its sender died still arrives.
    pub fn arrives_all_the_same(&mut self) -> bool {
        self.dice.one_in(2)
    }

    fn flakes(&mut self, flaky: u32) -> Option<Fault> {
        let flakes = flaky > 0 && self.dice.0.u32(..1_000) < flaky;
        flakes.then(|| self.dice.of(&[Fault::Throttles, Fault::Fails, Fault::Hangs, Fault::Lies]))
    }
}

fn outcome(fault: Fault, dice: &mut Dice) -> Outcome {
    let retry = |cause, after: Option<u64>, ambiguous| Outcome::Retry {
        cause,
        after: after.map(Duration::from_secs),
        reason: String::new(),
        ambiguous,
    };
    match fault {
        Fault::Slow => Outcome::Accepted,
        Fault::Throttles => retry(RetryCause::Throttled, None, false),
        Fault::ThrottlesWithWish => {
            let wish = dice.of(&[1, 5, 60, 3_600]);
            retry(RetryCause::Throttled, Some(wish), false)
        }
        Fault::Fails => retry(RetryCause::Service, None, false),
        Fault::Hangs => retry(RetryCause::Network, None, true),
        Fault::Lies => {
            let cause = dice.of(&[RetryCause::Network, RetryCause::Service]);
            retry(cause, None, true)
        }
        Fault::NoRoute => retry(RetryCause::Network, None, false),
        Fault::Captive => retry(RetryCause::Foreign, None, false),
        Fault::Denies => {
            let cause = dice.of(&[RetryCause::AccessDenied, RetryCause::Credentials]);
            retry(cause, None, false)
        }
    }
}

/// Tells statistics from others: the simulated samples' values are all different.
pub fn fingerprint(statistics: &Statistics) -> u64 {
    let mut mark = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |bits: u64| {
        mark = (mark ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    };
    match statistics {
        Statistics::Values { values, counts } => {
            values.iter().for_each(|value| mix(value.to_bits()));
            counts.iter().for_each(|count| mix(*count));
        }
        Statistics::Set { sample_count, sum, minimum, maximum } => {
            mix(*sample_count);
            [sum, minimum, maximum].iter().for_each(|value| mix(value.to_bits()));
        }
    }
    mark
}

/// `cloudwatch::transport`'s.
const READ_TIMEOUT: Time = 30 * SECOND;
/// API reference, `MetricDatum.Timestamp`.
const TWO_HOURS: i64 = 2 * 3_600 * 1_000;
const TWO_WEEKS: i64 = 14 * 24 * 3_600 * 1_000;
