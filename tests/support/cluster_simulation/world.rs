//! The world: time, messages, and what the weather does to them.

use super::ledger::Ledger;
use super::member::{Member, Process};
use super::server::{Reply, Request, Row, Server, Time};
use super::weather::{Event, Weather};
use super::{Bug, Options, Tally};
use cwmem::clock::Boottime;
use cwmem::cluster::role::{Beat, Cluster, Heard, Step};
use cwmem::cluster::timing::Timing;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::time::Duration;

pub struct World {
    options: Options,
    weather: Weather,
    timing: Timing,
    period: Time,
    now: Time,
    queue: BTreeMap<(Time, u64), Happening>,
    /// Of the last happening, session or step: all have numbers of their own.
    number: u64,
    dice: Rng,
    members: Vec<Member>,
    servers: Vec<Server>,
    /// Messages take up to so long, until then.
    slow: (Time, Time),
    lossy_until: Time,
    ledger: Ledger,
    tally: Tally,
}

#[derive(Debug, Clone, Copy)]
enum Happening {
    Weather(Event),
    Start(usize),
    Wake(usize),
    Arrive(Message),
    Answer(Message, Reply),
    Timeout(Message),
    /// A connection's end reaches the server.
    Fin(usize, u64),
    /// The file of a period's summary is written, by the incarnation that began it.
    Spooled(usize, u64, i64, Boottime),
    Send(usize, u64, i64),
    Calm,
}

/// A request and whose it is.
#[derive(Debug, Clone, Copy)]
struct Message {
    server: usize,
    session: u64,
    member: usize,
    step: u64,
    request: Request,
}

/// Unix milliseconds of true time.
pub fn unix_millis(now: Time) -> i64 {
    START + i64::try_from(now / 1_000).unwrap_or(i64::MAX)
}

pub fn micros(duration: Duration) -> Time {
    Time::try_from(duration.as_micros()).unwrap_or(Time::MAX)
}

impl World {
    pub fn new(seed: u64, options: &Options) -> World {
        let weather = Weather::draw(seed);
        let mut dice = Rng::with_seed(seed ^ 0x5eed);
        let period = Duration::from_secs(weather.period.into());
        let timing = Timing::new(period).unwrap_or_else(|bad| unreachable!("{bad}"));
        let bad = if weather.bad_period { START / 1_000 + 864_000 } else { 0 };
        let row = Row { period: bad, length: weather.period, claimed_at: None };
        let members =
            (0..weather.members).map(|_| Member::new(dice.f64(), dice.i64(-200..200), &timing));
        let members = members.collect();
        let impatient = options.bug == Some(Bug::Impatient);
        let patience = timing.wait_timeout() / if impatient { 2 } else { 1 };
        let mut world = World {
            options: *options,
            timing,
            period: micros(period),
            now: 0,
            queue: BTreeMap::new(),
            number: 0,
            dice,
            members,
            servers: vec![Server::new(row, micros(patience))],
            slow: (0, 0),
            lossy_until: 0,
            ledger: Ledger::new(&timing),
            tally: Tally::default(),
            weather,
        };
        for member in 0..world.members.len() {
            let at = world.dice.u64(..world.period);
            world.at(at, Happening::Start(member));
        }
        for (at, event) in std::mem::take(&mut world.weather.events) {
            world.at(at, Happening::Weather(event));
        }
        world.at(world.weather.end, Happening::Calm);
        world
    }

    pub fn run(mut self) -> Result<Tally, String> {
        let over = self.weather.end + micros(self.ledger.longest_calm());
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            if at > over || self.ledger.is_settled(at) {
                break;
            }
            self.now = self.now.max(at);
            self.happen(happening).map_err(|what| self.told(&what))?;
        }
        self.tally.periods += self.now / self.period;
        self.ledger.close(self.now, &mut self.tally).map_err(|what| self.told(&what))?;
        Ok(self.tally)
    }

    fn told(&self, what: &str) -> String {
        format!("{:.3} s: {what}", self.now as f64 / 1e6)
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.options.verbose {
            println!("{}", self.told(&what()));
        }
    }

    fn at(&mut self, at: Time, happening: Happening) {
        self.number += 1;
        self.queue.insert((at, self.number), happening);
    }

    fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        let whose = match happening {
            Happening::Wake(member)
            | Happening::Spooled(member, ..)
            | Happening::Send(member, ..)
            | Happening::Answer(Message { member, .. }, _)
            | Happening::Timeout(Message { member, .. }) => Some(member),
            _ => None,
        };
        // What is frozen learns of it when it thaws, in the same order.
        if let Some(until) = whose.map(|member| self.members[member].frozen_until)
            && until > self.now
        {
            self.at(until, happening);
            return Ok(());
        }
        match happening {
            Happening::Weather(event) => self.strike(event),
            Happening::Start(member) => {
                self.hang_up(member);
                self.members[member].start(self.timing);
                self.poll(member);
            }
            Happening::Wake(member) => {
                let due = |process: &Process| process.wake <= self.now && process.pending.is_none();
                if self.members[member].process.as_ref().is_some_and(due) {
                    self.poll(member);
                }
            }
            Happening::Arrive(message) => self.arrive(message)?,
            Happening::Answer(message, reply) => self.hear(message, heard(reply)),
            Happening::Timeout(message) => self.hear(message, Heard::Failed),
            Happening::Fin(server, session) => {
                if self.servers[server].frozen_until > self.now {
                    self.at(self.servers[server].frozen_until, happening);
                } else {
                    self.servers[server].end(session);
                }
            }
            Happening::Spooled(member, incarnation, period, by) => {
                self.spooled(member, incarnation, period, by);
            }
            Happening::Send(member, incarnation, period) => {
                return self.send(member, incarnation, period);
            }
            Happening::Calm => self.calm(),
        }
        Ok(())
    }

    /// Lets a member do steps until it has to wait.
    fn poll(&mut self, member: usize) {
        loop {
            let moment = self.members[member].moment(self.now);
            let Some(process) = &mut self.members[member].process else { return };
            let step = process.role.next(moment);
            if !matches!(step, Step::Wait(_)) {
                self.say(|| format!("member {member}: {step:?}"));
            }
            match step {
                Step::Wait(until) => {
                    let at = self.members[member].time_of(until, self.now);
                    if let Some(process) = &mut self.members[member].process {
                        process.wake = at;
                    }
                    return self.at(at, Happening::Wake(member));
                }
                Step::Close => self.hang_up(member),
                Step::Ended => {
                    self.hang_up(member);
                    self.members[member].process = None;
                    return;
                }
                Step::Visit { by, .. } | Step::Deregister { by } => {
                    self.hang_up(member);
                    return self.request(member, step, Request::Visit, by);
                }
                Step::TryLock { by } => return self.request(member, step, Request::TryLock, by),
                Step::Heartbeat { by } => {
                    return self.request(member, step, Request::Heartbeat, by);
                }
                Step::Claim { period, by } => {
                    let request = Request::Claim { period, length: self.weather.period };
                    return self.request(member, step, request, by);
                }
                Step::Fold { by, .. } | Step::Report { by, .. } | Step::Note { by, .. } => {
                    return self.request(member, step, Request::Other, by);
                }
                Step::Release { by } => {
                    // In order, but not for a stop: it abstains.
                    let stops = self.members[member].stopping;
                    if !stops {
                        self.tally.abstentions += 1;
                        self.ledger.abstains(self.now);
                    }
                    return self.request(member, step, Request::Release, by);
                }
            }
        }
    }

    fn request(&mut self, member: usize, step: Step, request: Request, by: Boottime) {
        let number = self.number();
        let newest = self.servers.len() - 1;
        let Some(process) = &mut self.members[member].process else { return };
        let (server, session) = *process.session.get_or_insert((newest, number));
        process.pending = Some((number, step));
        let message = Message { server, session, member, step: number, request };
        let late = self.members[member].time_of(by, self.now);
        self.at(late, Happening::Timeout(message));
        if let Some(delay) = self.travel(member) {
            self.at(self.now + delay, Happening::Arrive(message));
        }
    }

    /// How long a message takes; nothing where it is lost.
    fn travel(&mut self, member: usize) -> Option<Time> {
        let lost = self.members[member].cut_until > self.now
            || self.lossy_until > self.now && self.dice.u32(..10) == 0;
        let most = if self.slow.1 > self.now { self.slow.0 } else { 3_000 };
        (!lost).then(|| self.dice.u64(200..=most.max(201)))
    }

    fn arrive(&mut self, message: Message) -> Result<(), String> {
        let Message { server: place, session, member, request, .. } = message;
        let server = &mut self.servers[place];
        if server.frozen_until > self.now {
            let until = server.frozen_until;
            self.at(until, Happening::Arrive(message));
            return Ok(());
        }
        let reply = if server.down_until > self.now {
            Reply::Error
        } else {
            self.end_idle(place)?;
            self.servers[place].answer(session, member, request, self.now, self.options.bug)
        };
        if let (Request::Claim { period, .. }, Reply::Claimed(ours)) = (request, reply) {
            self.say(|| format!("server {place}: member {member} claims {period}: {ours}"));
            self.tally.claims += u64::from(ours);
            self.tally.refused_claims += u64::from(!ours);
        }
        if let Some(delay) = self.travel(member) {
            self.at(self.now + delay, Happening::Answer(message, reply));
        }
        Ok(())
    }

    /// The server ends what was idle for too long; its owner mustn't believe in it any more.
    fn end_idle(&mut self, place: usize) -> Result<(), String> {
        if self.options.bug == Some(Bug::NoWaitTimeout) {
            return Ok(());
        }
        let Some((session, member, at)) = self.servers[place].end_idle(self.now) else {
            return Ok(());
        };
        self.tally.timed_out += 1;
        let owner = &self.members[member];
        let Some(process) = &owner.process else { return Ok(()) };
        let lease = process.role.lease().filter(|_| process.session == Some((place, session)));
        match lease {
            Some(lease) if lease > owner.moment(at).boot => {
                Err(format!("member {member} still believes in a lock that the server has ended"))
            }
            _ => Ok(()),
        }
    }

    fn hear(&mut self, message: Message, heard: Heard) {
        let member = message.member;
        let moment = self.members[member].moment(self.now);
        let Some(process) = &mut self.members[member].process else { return };
        let Some((_, step)) = process.pending.take_if(|(number, _)| *number == message.step) else {
            return;
        };
        let failed = heard == Heard::Failed;
        let heard = match (step, heard) {
            (Step::Deregister { .. }, Heard::Visited(_)) => Heard::Done,
            (_, heard) => heard,
        };
        process.role.heard(heard, moment);
        match step {
            _ if failed => self.hang_up(member),
            Step::Release { .. } => process.session = None,
            Step::Fold { period, spool_by, .. } => self.spool(member, period, spool_by),
            Step::TryLock { .. } if heard == Heard::Locked(true) => self.tally.leaderships += 1,
            _ => {}
        }
        if failed {
            self.say(|| format!("member {member}: {step:?} failed"));
        }
        self.poll(member);
    }

    fn hang_up(&mut self, member: usize) {
        let Some(process) = &mut self.members[member].process else { return };
        let Some((server, session)) = process.session.take() else { return };
        // A connection that is cut never tells of its end.
        if let Some(delay) = self.travel(member) {
            self.at(self.now + delay, Happening::Fin(server, session));
        }
    }

    /// The disk's thread begins to write a summary's file.
    fn spool(&mut self, member: usize, period: i64, by: Boottime) {
        let incarnation = self.members[member].incarnation;
        let slow = self.members[member].slow_disk_until > self.now;
        let most = if slow { self.period / 3 } else { 20_000 };
        let at = self.now + self.dice.u64(1_000..most);
        self.at(at, Happening::Spooled(member, incarnation, period, by));
    }

    fn spooled(&mut self, member: usize, incarnation: u64, period: i64, by: Boottime) {
        let owner = &self.members[member];
        if owner.process.is_none() || owner.incarnation != incarnation {
            return;
        }
        if owner.moment(self.now).boot > by {
            self.say(|| format!("member {member}: {period} is too late for the spool"));
            self.tally.skipped += 1;
            return;
        }
        let at = self.now + self.dice.u64(..self.period / 6);
        self.at(at, Happening::Send(member, incarnation, period));
    }

    /// What is on the disk outlives its process, and is sent once.
    fn send(&mut self, member: usize, incarnation: u64, period: i64) -> Result<(), String> {
        let owner = &self.members[member];
        if owner.process.is_none() || owner.mute_until > self.now {
            let again = self.now + self.period / 8;
            self.at(again, Happening::Send(member, incarnation, period));
            return Ok(());
        }
        // An ambiguous answer: stored or not, nobody knows, and it isn't sent again.
        let ambiguous = self.now < self.weather.end && self.dice.u32(..40) == 0;
        if ambiguous && self.dice.bool() {
            return Ok(());
        }
        self.say(|| format!("member {member}: the summary of {period} reaches the service"));
        self.ledger.reached(period, self.now, &mut self.tally)?;
        if let Some(process) = &mut self.members[member].process
            && !ambiguous
        {
            process.role.delivered(period);
            if process.pending.is_none() {
                self.poll(member);
            }
        }
        Ok(())
    }

    /// Nothing more happens from here on, and everybody is there.
    fn calm(&mut self) {
        self.say(|| "calm".to_owned());
        let end = self.now;
        let standings = self.members.iter().filter_map(|member| {
            let process = member.process.as_ref()?;
            Some(process.role.standing(member.moment(end).boot))
        });
        self.ledger.calm(end, standings);
        for member in 0..self.members.len() {
            self.members[member].ahead = 0;
        }
        let server = self.servers.len() - 1;
        self.servers[server].read_only = false;
        self.servers[server].clock_ahead = 0;
    }

    fn strike(&mut self, event: Event) {
        self.say(|| format!("{event:?}"));
        self.tally.faults += 1;
        let (now, end) = (self.now, self.weather.end);
        let until = |span: Time| (now + span).min(end);
        let newest = self.servers.len() - 1;
        match event {
            Event::Kill(member, down) | Event::Crash(member, down) => {
                if self.members[member].process.is_some() {
                    if matches!(event, Event::Kill(..)) {
                        self.hang_up(member);
                    }
                    self.members[member].process = None;
                    self.at(until(down), Happening::Start(member));
                }
            }
            Event::Stop(member, down) => self.stop(member, until(down)),
            Event::Freeze(member, span) => self.members[member].frozen_until = until(span),
            Event::Step(member, ahead) => self.members[member].ahead = ahead,
            Event::Cut(member, span) => self.members[member].cut_until = until(span),
            Event::Mute(member, span) => self.members[member].mute_until = until(span),
            Event::SlowDisk(member, span) => self.members[member].slow_disk_until = until(span),
            Event::MuteAll(span) => {
                for member in &mut self.members {
                    member.mute_until = until(span);
                }
            }
            Event::KillSession => {
                if let Some((session, _)) = self.servers[newest].holder() {
                    self.servers[newest].end(session);
                }
            }
            Event::RestartServer(down) => {
                self.servers[newest].end_all();
                self.servers[newest].down_until = until(down);
            }
            Event::FreezeServer(span) => self.servers[newest].frozen_until = until(span),
            Event::Promote(lag, lives) => self.promote(lag, lives),
            Event::ReadOnly(span) => {
                self.servers[newest].read_only = true;
                self.at(until(span), Happening::Weather(Event::Writable(newest)));
            }
            Event::Writable(server) => self.servers[server].read_only = server != newest,
            Event::StepServer(ahead) => self.servers[newest].clock_ahead = ahead,
            Event::Slow(most, span) => self.slow = (most, until(span)),
            Event::Lossy(span) => self.lossy_until = until(span),
        }
    }

    fn stop(&mut self, member: usize, start: Time) {
        let grace = self.timing.period() / 4;
        let by = self.members[member].moment(self.now).boot.plus(grace);
        let owner = &mut self.members[member];
        let Some(process) = &mut owner.process else { return };
        if std::mem::replace(&mut owner.stopping, true) {
            return;
        }
        process.role.stop(by);
        let idle = process.pending.is_none() && owner.frozen_until <= self.now;
        // The next start finds it ended, or killed by its service manager.
        self.at(start.max(self.now + micros(grace)), Happening::Start(member));
        if idle {
            self.poll(member);
        }
    }

    fn promote(&mut self, lag: Time, lives: bool) {
        let newest = self.servers.len() - 1;
        let old = &mut self.servers[newest];
        let (replica, lost) = old.promote(self.now, lag);
        old.read_only = true;
        if !lives {
            old.end_all();
            old.down_until = Time::MAX;
        }
        self.servers.push(replica);
        self.tally.promotions += 1;
        self.ledger.lost(&lost);
    }
}

fn heard(reply: Reply) -> Heard {
    match reply {
        Reply::Looked { row, read_only, millis } => Heard::Visited(Cluster {
            period_length: row.length,
            claim_age_millis: row.claimed_at.map(|at| millis - at),
            read_only,
            database_millis: millis,
        }),
        Reply::Locked(ours) => Heard::Locked(ours),
        Reply::Beat { held, read_only, millis } => {
            Heard::Beat(Beat { held, read_only, database_millis: millis })
        }
        Reply::Claimed(ours) => Heard::Claimed(ours),
        Reply::Done => Heard::Done,
        Reply::Error => Heard::Failed,
    }
}

/// 2026-11-23T14:20:17Z: not a period's start.
const START: i64 = 1_795_443_617_000;
