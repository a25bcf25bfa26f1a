//! A member of a cluster: does what its role decides, against the database, and says how it went.
//!
//! A task of its own, in which alone the database is waited for: what a host measures and publishes
//! about itself never is. It hears from the others through watches and speaks through the same
//! channel as the sampler, which it doesn't keep open.

mod link;
mod seen;

pub use seen::{Seen, words};

use crate::average::Average;
use crate::clock::{Alarm, Boottime, Clock};
use crate::cluster::database::Database;
use crate::cluster::name::LockName;
use crate::cluster::role::{Heard, Role, Standing, Step};
use crate::cluster::summary::Patience;
use crate::cluster::timing::Timing;
use crate::publisher::Backlog;
use crate::sampler::Message;
use link::{Failure, Link};
use seen::News;
use std::cell::Cell;
use std::rc::Rc;
use tokio::sync::{mpsc, watch};

/// Which cluster, and as whom.
pub struct Settings {
    pub cluster: String,
    pub member: String,
    /// The leader's.
    pub lock: LockName,
    pub database: Database,
    pub timing: Timing,
    pub patience: Patience,
    /// This member's place among the others, 0..1.
    pub place: f64,
}

/// What a member hears, and where it speaks.
pub struct Ends<C> {
    pub averages: watch::Receiver<Option<Average>>,
    pub backlog: watch::Receiver<Option<Backlog>>,
    /// By when everything has to be over; `None` until a shutdown begins.
    pub deadline: watch::Receiver<Option<Boottime>>,
    /// Weak: that this member goes on doesn't keep the others from ending.
    pub out: mpsc::WeakUnboundedSender<Message<C>>,
}

pub struct Member<C> {
    clock: Clock,
    settings: Settings,
    role: Role,
    link: Link,
    ends: Ends<C>,
    news: News,
    seen: Rc<Cell<Seen>>,
}

impl<C> Member<C> {
    pub fn new(settings: Settings, ends: Ends<C>, clock: Clock) -> Member<C> {
        Member {
            role: Role::new(settings.timing, settings.place),
            link: Link::default(),
            news: News::default(),
            seen: Rc::default(),
            settings,
            ends,
            clock,
        }
    }

    /// Where its name wasn't known from the start.
    pub fn named(mut self, name: String) -> Member<C> {
        self.settings.member = name;
        self
    }

    /// Where it is noted what this member is.
    pub fn seen(&self) -> Rc<Cell<Seen>> {
        self.seen.clone()
    }

    /// Until a stop: the lock is released then, and the member's row deleted.
    pub async fn run(mut self) {
        let mut alarm = self.clock.alarm();
        loop {
            self.hear();
            let now = self.clock.now();
            let step = self.role.next(now);
            self.note(now.boot);
            // A visit's connection lives on for this only.
            if !matches!(step, Step::TryLock { .. }) {
                self.link.end_visit().await;
            }
            match step {
                Step::Wait(until) => self.wait(until, &mut alarm).await,
                Step::Close => self.link.close(),
                Step::Ended => return,
                step => {
                    let heard = self.act(step, &mut alarm).await;
                    self.role.heard(heard, self.clock.now());
                }
            }
        }
    }

    /// What the others have told by now.
    fn hear(&mut self) {
        if let Some(stop) = *self.ends.deadline.borrow() {
            self.role.stop(stop);
        }
        let told = self.ends.backlog.borrow_and_update();
        if let Some(period) = told.as_ref().and_then(|backlog| backlog.last_summary) {
            let period = period.seconds();
            if self.news.delivered(period) {
                self.role.delivered(period);
            }
        }
    }

    fn note(&mut self, now: Boottime) {
        let (standing, obstacle) = (self.role.standing(now), self.role.obstacle());
        self.news.standing(standing, obstacle, &self.settings.cluster);
        self.seen.set(self.news.seen(standing, obstacle));
    }

    async fn wait(&mut self, until: Boottime, alarm: &mut Alarm) {
        let Ends { backlog, deadline, .. } = &mut self.ends;
        let leads = matches!(self.seen.get().standing, Some(Standing::Leader));
        tokio::select! {
            () = alarm.until(until) => {}
            () = begins(deadline) => {}
            // Only a leader's summaries are waited for: others aren't woken by each delivery.
            Ok(()) = backlog.changed(), if leads => {}
        }
    }

    /// One step within its time. A stop cuts it off: what was under way is over with its connection.
    async fn act(&mut self, step: Step, alarm: &mut Alarm) -> Heard {
        let stopping = self.ends.deadline.borrow().is_some();
        let mut deadline = self.ends.deadline.clone();
        let by = step.by();
        let result = tokio::select! {
            biased;
            result = self.link.act(step, &self.settings, &mut self.ends, &self.clock) => result,
            () = alarm.until(by) => Err(Failure::late(&step)),
            () = begins(&mut deadline), if !stopping => Err(Failure::Stopped),
        };
        let now = self.clock.now();
        match result {
            Ok(heard) => {
                self.news.went_well(now);
                heard
            }
            Err(failure) => {
                self.link.close();
                self.news.failed(&failure, now.boot);
                Heard::Failed
            }
        }
    }
}

/// Until a shutdown begins.
async fn begins(deadline: &mut watch::Receiver<Option<Boottime>>) {
    if deadline.wait_for(Option::is_some).await.is_err() {
        // Nobody is left who could begin one.
        std::future::pending().await
    }
}
