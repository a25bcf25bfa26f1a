//! The keeper: asks for the lock again and again, passes signals on, and has the command end when
//! the lock is lost.

use crate::clock::Clock;
use crate::lock_command::Held;
use crate::lock_command::group::Processes;
use crate::lock_command::lease::{ANSWER_WITHIN, HEARTBEAT, LEASE, Lease};
use crate::lock_command::message::Told;
use crate::lock_command::signals::Signals;
use rustix::process::Signal;
use std::cell::Cell;

/// What became of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ended while the lock was held, with this exit status as a shell gives it.
    Ended(u8),
    /// It couldn't be run: the error's number.
    Failed(i32),
    /// A signal came before it was started; it wasn't.
    Stopped(Signal),
    /// The lock was gone before it was started; it wasn't.
    NotHeld(String),
    /// The lock was lost while it ran: it was told to end, and is dead.
    Lost(String),
    /// It ended by itself, but whether the lock was held so long isn't known.
    Doubtful { status: u8, why: String },
}

/// Runs the command that `processes` has under `lock`; at its end all of its group is dead.
pub async fn keep(
    mut lock: impl Held,
    processes: impl Processes,
    signals: &mut Signals,
    clock: &Clock,
) -> Outcome {
    let lease = match ask(&mut lock, clock).await {
        Ok(lease) => Cell::new(lease),
        Err(why) => {
            processes.kill();
            return Outcome::NotHeld(why);
        }
    };
    if let Some(signal) = signals.ended_by() {
        processes.kill();
        return Outcome::Stopped(signal);
    }
    processes.lease(lease.get().until);
    let kept = tokio::select! {
        // A lease that ran out while this process stood still is the reason for the end that came.
        biased;
        why = beat(&mut lock, &processes, &lease, clock) => Err(why),
        ended = to_the_end(&processes, signals, &lease, clock) => Ok(ended),
    };
    match kept {
        Ok(ended) => {
            processes.kill();
            match ended {
                Ended::Failed(error) => Outcome::Failed(error),
                Ended::Status(status) => match give_up(lock, clock).await {
                    Ok(()) => Outcome::Ended(status),
                    Err(why) => Outcome::Doubtful { status, why },
                },
            }
        }
        Err(why) => {
            drop(lock);
            end(&processes, signals, &lease, clock).await;
            processes.kill();
            Outcome::Lost(why)
        }
    }
}

enum Ended {
    Status(u8),
    Failed(i32),
}

/// Until the command has ended, and with it what it left in its group.
async fn to_the_end(
    processes: &impl Processes,
    signals: &mut Signals,
    lease: &Cell<Lease>,
    clock: &Clock,
) -> Ended {
    // Before it has started there is nobody to take a signal: they wait.
    match processes.told().await {
        Told::Failed(error) => return Ended::Failed(error),
        Told::Started(_) => {}
        Told::Ended(status) => return Ended::Status(status),
        Told::Empty | Told::Gone => return Ended::Status(KILLED),
    }
    let status = loop {
        tokio::select! {
            told = processes.told() => match told {
                Told::Ended(status) => break status,
                // Whoever killed the supervisor killed its group.
                Told::Gone => return Ended::Status(KILLED),
                Told::Started(_) | Told::Failed(_) | Told::Empty => {}
            },
            signal = signals.next() => processes.signal(signal),
        }
    };
    end(processes, signals, lease, clock).await;
    Ended::Status(status)
}

/// Tells the group to end, and waits until it has or is to be killed.
async fn end(
    processes: &impl Processes,
    signals: &mut Signals,
    lease: &Cell<Lease>,
    clock: &Clock,
) {
    processes.signal(Signal::TERM);
    // What is stopped couldn't take it.
    processes.signal(Signal::CONT);
    let kill_at = lease.get().kill_at(clock.now().boot);
    let mut alarm = clock.alarm();
    loop {
        tokio::select! {
            told = processes.told() => {
                if let Told::Empty | Told::Failed(_) | Told::Gone = told {
                    return;
                }
            }
            signal = signals.next() => processes.signal(signal),
            () = alarm.until(kill_at) => return,
        }
    }
}

/// Extends the lease for as long as the lock is held; then gives why it isn't.
async fn beat(
    lock: &mut impl Held,
    processes: &impl Processes,
    lease: &Cell<Lease>,
    clock: &Clock,
) -> String {
    let mut alarm = clock.alarm();
    let mut asked = clock.now().boot;
    loop {
        alarm.until(asked.plus(HEARTBEAT)).await;
        asked = clock.now().boot;
        if lease.get().has_expired(asked) {
            return format!("nothing was heard of it for {LEASE:?}: this process stood still");
        }
        match ask(lock, clock).await {
            Ok(extended) => {
                lease.set(extended);
                processes.lease(extended.until);
            }
            Err(why) => return why,
        }
    }
}

async fn ask(lock: &mut impl Held, clock: &Clock) -> Result<Lease, String> {
    let lease = Lease::answered(clock.now().boot);
    tokio::select! {
        answer = lock.still_held() => answer.map_err(|error| error.to_string())?,
        () = clock.sleep(ANSWER_WITHIN) => {
            return Err(format!("the server doesn't answer within {ANSWER_WITHIN:?}"));
        }
    }
    if lease.has_expired(clock.now().boot) {
        return Err("the answer came too late: this process stood still".to_owned());
    }
    Ok(lease)
}

async fn give_up(lock: impl Held, clock: &Clock) -> Result<(), String> {
    tokio::select! {
        answer = lock.release() => answer.map_err(|error| error.to_string()),
        () = clock.sleep(ANSWER_WITHIN) => {
            Err(format!("the server doesn't answer within {ANSWER_WITHIN:?}"))
        }
    }
}

const KILLED: u8 = 128 + 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Boottime, Timestamp};
    use crate::lock_command::lease::KILL_AFTER;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;
    use std::time::Duration;

    /// What was done, and when.
    type Record = Rc<RefCell<Vec<(Duration, String)>>>;

    /// Each question is answered with the next of `answers`, the last with all that come later.
    struct Lock {
        world: World,
        answers: VecDeque<Answer>,
        release: Answer,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Answer {
        Yes,
        No,
        Never,
    }

    struct Group {
        world: World,
        /// Told at these times.
        told: RefCell<VecDeque<(Duration, Told)>>,
    }

    #[derive(Clone)]
    struct World {
        clock: Clock,
        start: Boottime,
        record: Record,
    }

    impl World {
        fn note(&self, what: impl Into<String>) {
            let at = self.clock.now().boot.since(self.start);
            self.record.borrow_mut().push((at, what.into()));
        }
    }

    impl Answer {
        async fn give(self) -> Result<(), String> {
            match self {
                Answer::Yes => Ok(()),
                Answer::No => Err("not yours".to_owned()),
                Answer::Never => std::future::pending().await,
            }
        }
    }

    impl Held for Lock {
        type Error = String;

        async fn still_held(&mut self) -> Result<(), String> {
            self.world.note("asked");
            let next = if self.answers.len() > 1 { self.answers.pop_front() } else { None };
            next.unwrap_or(self.answers[0]).give().await
        }

        async fn release(self) -> Result<(), String> {
            self.world.note("released");
            self.release.give().await
        }
    }

    impl Processes for Group {
        fn lease(&self, until: Boottime) {
            self.world.note(format!("lease {:?}", until.since(self.world.start).as_secs()));
        }

        async fn told(&self) -> Told {
            let next = self.told.borrow().front().copied();
            let Some((at, told)) = next else { return std::future::pending().await };
            self.world.clock.alarm().until(self.world.start.plus(at)).await;
            self.told.borrow_mut().pop_front();
            told
        }

        fn signal(&self, signal: Signal) {
            self.world.note(format!("signal {}", signal.as_raw()));
        }

        fn kill(self) {
            self.world.note("kill");
        }
    }

    fn run(
        answers: &[Answer],
        release: Answer,
        told: &[(u64, Told)],
    ) -> (Outcome, Vec<(Duration, String)>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let clock = Clock::simulated(Timestamp(0), 20);
            let record = Record::default();
            let start = clock.now().boot;
            let world = World { clock: clock.clone(), start, record: record.clone() };
            let lock = Lock { world: world.clone(), answers: answers.to_vec().into(), release };
            let told = told.iter().map(|(at, told)| (Duration::from_secs(*at), *told)).collect();
            let group = Group { world, told: RefCell::new(told) };
            let outcome = keep(lock, group, &mut Signals::none(), &clock).await;
            let record = record.borrow().clone();
            (outcome, record)
        })
    }

    fn words(record: &[(Duration, String)]) -> Vec<&str> {
        record.iter().map(|(_, what)| what.as_str()).collect()
    }

    fn at(record: &[(Duration, String)], what: &str) -> Duration {
        record.iter().rfind(|(_, other)| other == what).unwrap().0
    }

    #[test]
    fn a_command_that_ends_has_its_status_and_leaves_nothing() {
        let told = [(0, Told::Started(7)), (7, Told::Ended(3)), (8, Told::Empty)];
        let (outcome, record) = run(&[Answer::Yes], Answer::Yes, &told);
        assert_eq!(outcome, Outcome::Ended(3));
        let expected = [
            "asked",
            "lease 15",
            "asked",
            "lease 20",
            "signal 15",
            "signal 18",
            "kill",
            "released",
        ];
        assert_eq!(words(&record), expected);
    }

    #[test]
    fn what_is_left_of_its_group_is_killed_before_the_lock_is_released() {
        let told = [(0, Told::Started(7)), (1, Told::Ended(0))];
        let (outcome, record) = run(&[Answer::Yes], Answer::Yes, &told);
        assert_eq!(outcome, Outcome::Ended(0));
        assert!(at(&record, "kill") >= Duration::from_secs(1) + KILL_AFTER);
        assert_eq!(*words(&record).last().unwrap(), "released");
    }

    #[test]
    fn on_loss_the_group_is_told_and_dead_before_the_lease_ends() {
        for last in [Answer::No, Answer::Never] {
            let told = [(0, Told::Started(7))];
            let (outcome, record) = run(&[Answer::Yes, Answer::Yes, last], Answer::Yes, &told);
            assert!(matches!(outcome, Outcome::Lost(_)), "{outcome:?}");
            let noticed = at(&record, "signal 15") - at(&record, "asked");
            let grace = if last == Answer::Never { ANSWER_WITHIN } else { Duration::ZERO };
            assert!(noticed >= grace, "{record:?}");
            // A busy machine may be late by a tenth of a second, which is two here.
            let late = Duration::from_secs(4);
            assert!(noticed <= grace + late, "{record:?}");
            assert!(at(&record, "kill") <= HEARTBEAT + LEASE + late, "{record:?}");
            assert_eq!(*words(&record).last().unwrap(), "kill", "nothing is released");
        }
    }

    #[test]
    fn nothing_starts_under_a_lock_that_is_gone() {
        for answer in [Answer::No, Answer::Never] {
            let (outcome, record) = run(&[answer], Answer::Yes, &[]);
            assert!(matches!(outcome, Outcome::NotHeld(_)), "{outcome:?}");
            assert_eq!(words(&record), ["asked", "kill"]);
        }
    }

    #[test]
    fn a_lock_that_cannot_be_released_may_have_been_lost() {
        for release in [Answer::No, Answer::Never] {
            let told = [(0, Told::Started(7)), (1, Told::Ended(0)), (1, Told::Empty)];
            let (outcome, _) = run(&[Answer::Yes], release, &told);
            assert!(matches!(outcome, Outcome::Doubtful { status: 0, .. }), "{outcome:?}");
        }
    }

    #[test]
    fn what_cannot_be_run_or_is_killed_is_told() {
        let (outcome, _) = run(&[Answer::Yes], Answer::Yes, &[(0, Told::Failed(2))]);
        assert_eq!(outcome, Outcome::Failed(2));
        let told = [(0, Told::Started(7)), (1, Told::Gone)];
        assert_eq!(run(&[Answer::Yes], Answer::Yes, &told).0, Outcome::Ended(KILLED));
    }
}
