//! What the test's thread and the double's thread share, and how the one waits for the other.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock::{Clock, amz_date};
use super::decode::RawPut;
use super::describe::MadeUpAlarm;
use super::fault::Fault;
use super::limits::MAX_SKEW;
use super::rights::{Order, Rights};
use super::script::{Behaviour, Script};
use super::store::{Refusal, Request, Seen};
use super::table::Table;
use super::validate::validate;
use super::wire::Arrival;

/// Something the double did, told to its observer as it happens.
#[derive(Clone, Debug)]
pub enum Event {
    Accepted(Request),
    Refused(Refusal),
}

pub type Observer = Box<dyn Fn(&Event) + Send + Sync>;

pub struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    observer: Option<Observer>,
}

pub struct State {
    pub seen: Seen,
    pub script: Script,
    pub clock: Clock,
    pub check_skew: bool,
    pub rights: Option<Rights>,
    pub alarms: Vec<MadeUpAlarm>,
}

/// The awaited did not happen in time; prints what did.
pub struct TimedOut {
    pub waited: Duration,
    pub seen: Seen,
}

impl Shared {
    pub fn new(clock: Clock, check_skew: bool, observer: Option<Observer>) -> Self {
        let (seen, script) = (Seen::default(), Script::default());
        let (rights, alarms) = (None, Vec::new());
        let state = Mutex::new(State { seen, script, clock, check_skew, rights, alarms });
        Self { state, changed: Condvar::new(), observer }
    }

    /// Looks at the state or changes it, and wakes whoever waits.
    pub fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let result = act(&mut self.lock());
        self.changed.notify_all();
        result
    }

    pub fn wait_for(
        &self,
        timeout: Duration,
        mut happened: impl FnMut(&Seen) -> bool,
    ) -> Result<Seen, TimedOut> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if happened(&state.seen) {
                return Ok(state.seen.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TimedOut { waited: timeout, seen: state.seen.clone() });
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Judges and stores a request as the service would. Returns its id, or the refusal to answer.
    pub fn serve(&self, arrival: &Arrival, behaviour: &Behaviour, id: &str) -> Result<(), Fault> {
        let (outcome, event) = self.with(|state| {
            let now = state.clock.now();
            let judged = state.judge(arrival);
            let request = Request::of(arrival, id, now, Instant::now());
            match (judged, request) {
                (Ok(()), Some(mut request)) => {
                    request.answer_withheld = behaviour.withholds_answer();
                    state.seen.accepted.push(request.clone());
                    (Ok(()), Event::Accepted(request))
                }
                (Ok(()), None) => unreachable!("what can't be read is refused"),
                (Err(fault), request) => {
                    let mut refusal = state.refusal("", "", false, request);
                    refusal.fault(&fault);
                    state.seen.refused.push(refusal.clone());
                    (Err(fault), Event::Refused(refusal))
                }
            }
        });
        self.tell(&event);
        outcome
    }

    /// Notes a request that the script kept from being served.
    pub fn turn_away(&self, arrival: &Arrival, behaviour: &Behaviour, id: &str) {
        let event = self.with(|state| {
            let request = Request::of(arrival, id, state.clock.now(), Instant::now());
            let mut refusal = match behaviour {
                Behaviour::Page { status, body, .. } => {
                    let page = state.refusal("Page", body, true, request);
                    Refusal { status: Some(*status), ..page }
                }
                Behaviour::Hang => state.refusal("Hang", "no answer", true, request),
                _ => state.refusal("Cut", "connection closed", true, request),
            };
            if let Behaviour::Fail(fault) = behaviour {
                refusal.fault(fault);
            }
            state.seen.refused.push(refusal.clone());
            Event::Refused(refusal)
        });
        self.tell(&event);
    }

    fn tell(&self, event: &Event) {
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn judge(&self, arrival: &Arrival) -> Result<(), Fault> {
        let put = arrival.put.as_ref().map_err(Fault::clone)?;
        self.check_skew(arrival)?;
        self.check_rights(put, Order::RightsFirst)?;
        validate(put, self.clock.now())?;
        self.check_rights(put, Order::ContentFirst)?;
        self.script.poisoned(put)
    }

    fn check_rights(&self, put: &RawPut, at: Order) -> Result<(), Fault> {
        let rights = self.rights.as_ref().filter(|rights| rights.order == at);
        rights.map_or(Ok(()), |rights| rights.check(put))
    }

    /// Worded as Signature Version 4 services word it.
    fn check_skew(&self, arrival: &Arrival) -> Result<(), Fault> {
        let Some(signed) = arrival.signed_at.filter(|_| self.check_skew) else { return Ok(()) };
        let now = self.clock.now();
        let (earliest, latest) = (now - MAX_SKEW, now + MAX_SKEW);
        let [at, now, from, to] = [signed, now, earliest, latest].map(amz_date);
        if signed < earliest {
            return Err(Fault::invalid_signature(format!(
                "Signature expired: {at} is now earlier than {from} ({now} - 5 min.)"
            )));
        }
        if signed > latest {
            return Err(Fault::invalid_signature(format!(
                "Signature not yet current: {at} is still later than {to} ({now} + 5 min.)"
            )));
        }
        Ok(())
    }

    fn refusal(
        &self,
        code: &str,
        message: &str,
        scripted: bool,
        request: Option<Request>,
    ) -> Refusal {
        Refusal {
            at: self.clock.now(),
            instant: Instant::now(),
            status: None,
            code: code.to_owned(),
            message: message.to_owned(),
            scripted,
            request,
        }
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "not seen within {:?}; seen so far:", self.waited)?;
        write!(f, "{}", Table::of(&self.seen))
    }
}

/// As `Display`, so that `unwrap` tells what was seen.
impl fmt::Debug for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for TimedOut {}
