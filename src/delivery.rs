//! The delivery policy: what to send next and when, decided without doing it.
//!
//! Live data goes first, then the backlog, oldest first and at a bounded rate. While the service
//! fails, only the newest data knocks, at growing intervals with full jitter.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::sink::{Answer, Outcome, RetryCause};
use std::time::Duration;

/// What waits to be sent, as the policy sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Some due data is live.
    pub live: bool,
    /// Some due data is older than that.
    pub backlog: bool,
    /// When the next data, not due yet, becomes due.
    pub next_due: Option<Boottime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send what is live, whole.
    SendLive,
    /// Send one request of the oldest.
    SendBacklog,
    /// The service fails: try it with the newest data alone.
    Probe,
    /// Nothing to do before then; `None`: before something else happens.
    Wait(Option<Boottime>),
}

/// What an answer changed, for the log: said when a state changes, not at each failure.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    None,
    /// The service began to fail, fails in another way, or still fails after a long while.
    Failing {
        cause: RetryCause,
        reason: String,
        since: Boottime,
    },
    /// The service answers again.
    Recovered {
        cause: RetryCause,
        since: Boottime,
    },
}

#[derive(Debug)]
pub struct Delivery {
    backlog_interval: Duration,
    backlog_at: Boottime,
    /// Older data is given up.
    max_age: Duration,
    failing: Option<Failing>,
    /// The service's time, and when it was heard.
    heard: Option<(Timestamp, Boottime)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Failing {
    cause: RetryCause,
    /// What was said of it last.
    reason: String,
    since: Boottime,
    attempts: u32,
    retry_at: Boottime,
    said: Boottime,
}

impl Delivery {
    /// Sends at most so many requests of backlog a second; at least one.
    pub fn new(max_requests_per_second: u32, max_age: Duration, now: Boottime) -> Delivery {
        Delivery {
            backlog_interval: backlog_interval(max_requests_per_second),
            backlog_at: now,
            max_age,
            failing: None,
            heard: None,
        }
    }

    /// Takes over what a reload brings; what failed before may work now, so it is tried at once.
    pub fn adjust(&mut self, max_requests_per_second: u32, max_age: Duration, now: Boottime) {
        self.max_age = max_age;
        self.backlog_interval = backlog_interval(max_requests_per_second);
        if let Some(failing) = &mut self.failing {
            (failing.retry_at, failing.attempts) = (now, 0);
        }
    }

    pub fn next(&mut self, waiting: Waiting, now: Boottime) -> Step {
        let some = waiting.live || waiting.backlog;
        if let Some(failing) = &self.failing {
            return match (some, failing.retry_at <= now) {
                (true, true) => Step::Probe,
                (true, false) => Step::Wait(Some(failing.retry_at)),
                (false, _) => Step::Wait(waiting.next_due),
            };
        }
        if waiting.live {
            return Step::SendLive;
        }
        if !waiting.backlog {
            return Step::Wait(waiting.next_due);
        }
        if self.backlog_at > now {
            let until = waiting.next_due.map_or(self.backlog_at, |due| due.min(self.backlog_at));
            return Step::Wait(Some(until));
        }
        self.backlog_at = now.plus(self.backlog_interval);
        Step::SendBacklog
    }

    /// Learns from an answer; `random` is uniform in 0..1.
    pub fn learn(&mut self, answer: &Answer, now: Moment, random: f64) -> Change {
        if let Some(time) = answer.service_time {
            self.heard = Some((time, now.boot));
        }
        match &answer.outcome {
            Outcome::Accepted | Outcome::Rejected { .. } => match self.failing.take() {
                Some(Failing { cause, since, .. }) => Change::Recovered { cause, since },
                None => Change::None,
            },
            Outcome::Retry { cause, after, reason, .. } => {
                self.fail(*cause, *after, reason, now.boot, random)
            }
        }
    }

    /// Forgets what is known of the service's clock: the host's own was stepped.
    pub fn clock_stepped(&mut self) {
        self.heard = None;
    }

    /// The service's time, by the last `Date` header since the host's clock was last stepped and the
    /// clock that never steps: a step that nobody noticed yet doesn't move it.
    pub fn service_time(&self, now: Boottime) -> Option<Timestamp> {
        self.heard.map(|(time, heard)| time.plus(now.since(heard)))
    }

    /// What the service's age limits say of data of the period that starts at `period`. Only the
    /// service's own clock can condemn data; without it everything may be tried.
    pub fn age(&self, period: Timestamp, now: Moment) -> Age {
        let Some(service) = self.service_time(now.boot) else { return Age::Fresh };
        let agrees = service.millis_since(now.wall).abs() <= AGREEING_MILLIS;
        let age = service.millis_since(period);
        let over = |limit| age > millis(limit);
        if is_ahead(period, service) {
            Age::Ahead
        } else if agrees && over(self.max_age) {
            Age::TooOld
        } else if over(MAX_AGE) {
            Age::Disputed
        } else {
            Age::Fresh
        }
    }

    /// Whether the service takes this period's data at its time: neither of its future nor too old.
    pub fn is_timely(period: Timestamp, service: Timestamp) -> bool {
        !is_ahead(period, service) && service.millis_since(period) <= millis(MAX_AGE)
    }

    /// Why the service takes nothing, and since when.
    pub fn is_failing(&self) -> Option<(RetryCause, Boottime)> {
        self.failing.as_ref().map(|failing| (failing.cause, failing.since))
    }

    /// What the last answer said of that.
    pub fn reason(&self) -> Option<&str> {
        self.failing.as_ref().map(|failing| failing.reason.as_str())
    }

    fn fail(
        &mut self,
        cause: RetryCause,
        after: Option<Duration>,
        reason: &str,
        now: Boottime,
        random: f64,
    ) -> Change {
        let known = self.failing.take();
        let attempts = known.as_ref().map_or(0, |failing| failing.attempts);
        let since = known.as_ref().map_or(now, |failing| failing.since);
        let wait = backoff(attempts, random).max(after.unwrap_or_default().min(LONGEST_AFTER));
        let said_before =
            known.filter(|failing| failing.cause == cause).map(|failing| failing.said);
        let silent = said_before.filter(|said| now.since(*said) < SAY_AGAIN);
        self.failing = Some(Failing {
            cause,
            reason: reason.to_owned(),
            since,
            attempts: attempts.saturating_add(1),
            retry_at: now.plus(wait),
            said: silent.unwrap_or(now),
        });
        match silent {
            Some(_) => Change::None,
            None => Change::Failing { cause, reason: reason.to_owned(), since },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Fresh,
    /// More than two hours ahead of the service: it has to wait.
    Ahead,
    /// More than two weeks old: the service no longer takes it.
    TooOld,
    /// The same by the service's clock, with which ours doesn't agree: it has to wait until that is
    /// settled.
    Disputed,
}

/// How a host's requests are spread, so that a fleet doesn't knock all at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    pub period: Duration,
    pub every: Duration,
    pub spread: Duration,
    /// This host's place in the spread, 0..1, the same for ever.
    pub place: f64,
}

impl Schedule {
    /// When the period that starts at `period` is to be sent: at the host's place after the end of
    /// its `every`, or of the period itself where that cannot wait.
    pub fn due(&self, period: Timestamp, urgent: bool) -> Timestamp {
        let end = period.plus(self.period);
        let every = if urgent { self.period } else { self.every };
        let floor = end.floor(every);
        let end = if floor == end { end } else { floor.plus(every) };
        end.plus(self.spread.mul_f64(self.place))
    }

    /// How long an urgent part waits: not all hosts of a fleet that fails together speak at once.
    pub fn urgent_delay(&self) -> Duration {
        URGENT_SPREAD.mul_f64(self.place)
    }

    /// How long after its start a host sends its first point.
    pub fn first_delay(&self) -> Duration {
        FIRST_EARLIEST + FIRST_SPREAD.mul_f64(self.place)
    }
}

/// Exponential with full jitter: uniform between nothing and the growing bound.
fn backoff(attempts: u32, random: f64) -> Duration {
    let bound = BACKOFF_FIRST.saturating_mul(1u32.checked_shl(attempts).unwrap_or(u32::MAX));
    bound.min(BACKOFF_LONGEST).mul_f64(random.clamp(0.0, 1.0)).max(BACKOFF_SHORTEST)
}

fn is_ahead(period: Timestamp, service: Timestamp) -> bool {
    period.millis_since(service) > MAX_AHEAD_MILLIS
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn backlog_interval(max_requests_per_second: u32) -> Duration {
    Duration::from_secs(1) / max_requests_per_second.max(1)
}

const BACKOFF_FIRST: Duration = Duration::from_secs(2);
const BACKOFF_LONGEST: Duration = Duration::from_secs(60);
const BACKOFF_SHORTEST: Duration = Duration::from_millis(200);
/// A service that asks for longer than this is asked again all the same.
const LONGEST_AFTER: Duration = Duration::from_secs(300);
const SAY_AGAIN: Duration = Duration::from_secs(3_600);
const URGENT_SPREAD: Duration = Duration::from_secs(5);
const FIRST_EARLIEST: Duration = Duration::from_millis(1_500);
const FIRST_SPREAD: Duration = Duration::from_millis(2_500);
/// API reference, `MetricDatum.Timestamp`: at most two weeks in the past and two hours ahead.
pub const MAX_AGE: Duration = Duration::from_secs(14 * 24 * 3_600);
const MAX_AHEAD_MILLIS: i64 = 2 * 3_600 * 1_000;
const AGREEING_MILLIS: i64 = 5 * 60 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Moment {
        Moment { wall: Timestamp(seconds as i64 * 1_000), boot: Boottime(seconds * 1_000_000) }
    }

    fn retry(cause: RetryCause) -> Answer {
        let outcome = Outcome::Retry { cause, after: None, reason: "why".into(), ambiguous: false };
        Answer { outcome, service_time: None }
    }

    const ACCEPTED: Answer = Answer { outcome: Outcome::Accepted, service_time: None };
    const BOTH: Waiting = Waiting { live: true, backlog: true, next_due: None };
    const BACKLOG: Waiting = Waiting { live: false, ..BOTH };

    #[test]
    fn live_goes_first_and_the_backlog_at_its_rate() {
        let mut delivery = Delivery::new(5, MAX_AGE, Boottime(0));
        assert_eq!(delivery.next(BOTH, Boottime(0)), Step::SendLive);
        assert_eq!(delivery.next(BACKLOG, Boottime(0)), Step::SendBacklog);
        assert_eq!(delivery.next(BACKLOG, Boottime(0)), Step::Wait(Some(Boottime(200_000))));
        assert_eq!(delivery.next(BOTH, Boottime(0)), Step::SendLive);
        let due = Waiting { next_due: Some(Boottime(100_000)), ..BACKLOG };
        assert_eq!(delivery.next(due, Boottime(0)), Step::Wait(Some(Boottime(100_000))));
        assert_eq!(delivery.next(BACKLOG, Boottime(200_000)), Step::SendBacklog);
        assert_eq!(delivery.next(Waiting::default(), Boottime(0)), Step::Wait(None));
    }

    #[test]
    fn a_failing_service_is_probed_and_said_once() {
        let mut delivery = Delivery::new(5, MAX_AGE, Boottime(0));
        let throttled = retry(RetryCause::Throttled);
        let change = delivery.learn(&throttled, at(10), 1.0);
        assert!(matches!(change, Change::Failing { cause: RetryCause::Throttled, .. }));
        assert_eq!(delivery.next(BOTH, at(10).boot), Step::Wait(Some(at(12).boot)));
        assert_eq!(delivery.next(BOTH, at(12).boot), Step::Probe);
        assert_eq!(delivery.learn(&throttled, at(12), 1.0), Change::None);
        assert_eq!(delivery.next(BOTH, at(12).boot), Step::Wait(Some(at(16).boot)));
        let change = delivery.learn(&retry(RetryCause::Network), at(16), 1.0);
        assert!(
            matches!(change, Change::Failing { cause: RetryCause::Network, since, .. } if since == at(10).boot)
        );
        let change = delivery.learn(&ACCEPTED, at(24), 1.0);
        assert_eq!(change, Change::Recovered { cause: RetryCause::Network, since: at(10).boot });
        assert_eq!(delivery.next(BACKLOG, at(24).boot), Step::SendBacklog);
    }

    #[test]
    fn what_lasts_is_said_again_every_hour() {
        let mut delivery = Delivery::new(5, MAX_AGE, Boottime(0));
        let denied = retry(RetryCause::AccessDenied);
        let said = (0..3 * 3_600)
            .step_by(60)
            .filter(|second| delivery.learn(&denied, at(*second), 0.5) != Change::None);
        assert_eq!(said.count(), 3);
    }

    #[test]
    fn a_wish_of_the_service_is_honoured_within_reason() {
        let mut delivery = Delivery::new(5, MAX_AGE, Boottime(0));
        let mut wait = |after: u64| {
            let answer = Answer {
                outcome: Outcome::Retry {
                    cause: RetryCause::Throttled,
                    after: Some(Duration::from_secs(after)),
                    reason: String::new(),
                    ambiguous: false,
                },
                service_time: None,
            };
            delivery.learn(&answer, at(0), 0.0);
            delivery.next(BOTH, Boottime(0))
        };
        assert_eq!(wait(30), Step::Wait(Some(at(30).boot)));
        assert_eq!(wait(1_000_000), Step::Wait(Some(at(300).boot)));
    }

    #[test]
    fn only_the_services_clock_condemns() {
        let mut delivery = Delivery::new(5, MAX_AGE, Boottime(0));
        let weeks = Timestamp(15 * 24 * 3_600 * 1_000);
        let now = Moment { wall: weeks, boot: Boottime(0) };
        assert_eq!(delivery.age(Timestamp(0), now), Age::Fresh);
        let answer = |time| Answer { outcome: Outcome::Accepted, service_time: Some(time) };
        delivery.learn(&answer(weeks.plus(Duration::from_secs(60))), now, 0.0);
        assert_eq!(delivery.age(Timestamp(0), now), Age::TooOld);
        assert_eq!(delivery.age(weeks, now), Age::Fresh);
        assert_eq!(delivery.age(weeks.plus(Duration::from_secs(3 * 3_600)), now), Age::Ahead);
        delivery.learn(&answer(weeks.plus(Duration::from_secs(3_600))), now, 0.0);
        assert_eq!(
            delivery.age(Timestamp(0), now),
            Age::Disputed,
            "clocks that disagree drop nothing"
        );
        // A step that the sampler hasn't noticed yet: what is fresh stays so.
        let stepped = Moment { wall: Timestamp(3 * weeks.0), boot: Boottime(1_000_000) };
        assert_eq!(delivery.age(weeks, stepped), Age::Fresh);
        delivery.clock_stepped();
        assert_eq!(delivery.service_time(now.boot), None);
    }

    #[test]
    fn periods_are_due_at_the_hosts_place() {
        let seconds = Duration::from_secs;
        let schedule =
            Schedule { period: seconds(60), every: seconds(300), spread: seconds(10), place: 0.5 };
        assert_eq!(schedule.due(Timestamp(0), false), Timestamp(305_000));
        assert_eq!(schedule.due(Timestamp(240_000), false), Timestamp(305_000));
        assert_eq!(schedule.due(Timestamp(240_000), true), Timestamp(305_000));
        assert_eq!(schedule.due(Timestamp(0), true), Timestamp(65_000));
        assert!(schedule.first_delay() < seconds(5) && schedule.urgent_delay() < seconds(5));
    }

    proptest! {
        #[test]
        fn backoff_is_bounded(attempts in any::<u32>(), random in 0.0..1.0) {
            let wait = backoff(attempts, random);
            prop_assert!(wait >= BACKOFF_SHORTEST && wait <= BACKOFF_LONGEST);
        }

        /// However long the service fails, requests stay few and come back soon.
        #[test]
        fn requests_are_bounded_while_failing(random in proptest::collection::vec(0.0..1.0, 200)) {
            let mut delivery = Delivery::new(5, MAX_AGE, Boottime(0));
            let mut now = 0;
            let mut random = random.into_iter().cycle();
            let mut requests = 0;
            while now < 3_600_000_000 {
                match delivery.next(BOTH, Boottime(now)) {
                    Step::Wait(Some(until)) => now = until.0,
                    _ => {
                        requests += 1;
                        let moment = Moment { wall: Timestamp(0), boot: Boottime(now) };
                        delivery.learn(&retry(RetryCause::Network), moment, random.next().unwrap());
                    }
                }
            }
            // An hour holds 120 waits of 30 s, the mean of the longest bound.
            prop_assert!((60..=1_000).contains(&requests), "{requests}");
        }
    }
}
