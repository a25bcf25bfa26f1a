//! The agent's process: the shells of the sampler and the publisher around the core, without a
//! runtime. What `Sampler::run` and `Publisher::run` await comes here as events.

use super::bug::Bug;
use super::disk::{SPOOL, Thread};
use super::ledger::NO_PART;
use super::service::{Request, Verdict};
use super::start::{INTERVAL, PRESSURE_INTERVAL, learn, moment, schedule, settings, window};
use super::time::{MINUTE, SECOND, Time, true_time};
use super::weather::Kind;
use super::world::Outside;
use cwmem::batch::Batch;
use cwmem::identity::Identity;
use cwmem::periods::{Part, Periods};
use cwmem::publisher::desk::{Act, Desk};
use cwmem::sample::Sample;
use cwmem::sink::Outcome;
use cwmem::spool::disk::Order;
use cwmem::spool::inventory::Name;
use cwmem::under_pressure::{Change, UnderPressure};
use cwmem::units::Tenths;
use std::collections::VecDeque;
use std::path::Path;

pub enum Message {
    Part(Part),
    ClockStepped,
    Reload,
    CopyRecorder,
}

pub struct Process {
    pub identity: Identity,
    /// When IMDS tells the InstanceId; `None`: it has, or needn't.
    pub known_at: Option<Time>,
    pub learned: bool,
    pub periods: Periods,
    pub watch: UnderPressure,
    pub sample: Sample,
    /// The ledger's samples in the open window.
    pub open: Vec<u32>,
    pub channel: VecDeque<Message>,
    pub later: VecDeque<Message>,
    pub desk: Desk,
    pub thread: Thread,
    pub request: Option<Request>,
    pub wake_at: Option<Time>,
    /// What the sampler is told of `taken_through`.
    pub told: u64,
    pub deadline: Option<Time>,
    /// The sampler has ended.
    pub stops: bool,
    /// There is nothing more to do but the disk's rest.
    pub ends: bool,
    /// Parts that aren't known to be safe.
    pub uncovered: Vec<u32>,
    /// When the recorder is to be copied next, under pressure.
    pub copy_at: Time,
    pub sending: Sending,
}

/// How the requests go, for the promises about them.
pub struct Sending {
    /// Since when the service took everything; `None` while it fails.
    healthy_since: Option<Time>,
    failing_since: Time,
    failed: u64,
    /// When the last requests of backlog alone set out.
    backlog: Vec<Time>,
    /// Wakings without time passing.
    spins: (Time, u32),
}

impl Sending {
    pub fn new(now: Time) -> Sending {
        Sending {
            healthy_since: Some(now),
            failing_since: now,
            failed: 0,
            backlog: Vec::new(),
            spins: (now, 0),
        }
    }
}

impl Process {
    /// When something happens next.
    pub fn next(&self, out: &Outside) -> Time {
        let wake = (!self.stops)
            .then(|| out.clocks.time_of(self.periods.next_wake(moment(out))).max(out.now));
        let request = self.request.as_ref();
        let reaches = request.and_then(|request| request.reaches_at);
        let answers = request.map(|request| request.answers_at);
        let known = self.known_at.filter(|_| !self.stops);
        [wake, reaches, answers, self.wake_at, self.thread.done_at, self.deadline, known]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Time::MAX)
    }

    /// Does what is due now; `false` where the process has ended.
    pub fn happen(&mut self, out: &mut Outside) -> Result<bool, String> {
        let due = |at: Option<Time>| at.is_some_and(|at| at <= out.now);
        let (disk, reaches) = (
            due(self.thread.done_at),
            due(self.request.as_ref().and_then(|request| request.reaches_at)),
        );
        let answers = due(self.request.as_ref().map(|request| request.answers_at));
        let (known, wake) = (due(self.known_at), due(self.wake_at));
        if disk {
            self.disk_is_done(out)?;
        }
        if reaches {
            self.request_reaches(out)?;
        }
        if known {
            self.known_at = None;
            learn(&mut self.identity);
            self.learned = true;
        }
        if !self.stops {
            self.wake(out)?;
        }
        if self.deadline.is_some_and(|deadline| out.now >= deadline) {
            self.abort(out)?;
            return Ok(false);
        }
        if answers {
            self.request_is_answered(out)?;
        }
        if self.request.is_some() {
            self.keep_on(out)?;
        } else if disk || answers || known || wake || !self.channel.is_empty() {
            self.pump(out)?;
        }
        Ok(!(self.ends && self.thread.is_idle()))
    }

    /// As `Sampler::wake`.
    fn wake(&mut self, out: &mut Outside) -> Result<(), String> {
        let now = moment(out);
        if self.periods.notice_step(now) {
            let part = self.periods.stepped(now);
            let part = part.filter(|_| out.options.bug != Some(Bug::LostAtStep));
            self.cut(part, out)?;
            self.channel.push_back(Message::ClockStepped);
        }
        let part = self.periods.close_over(now, self.watch.is_under());
        self.cut(part, out)?;
        if let Some(covered) = self.periods.tick(now) {
            self.tick(covered, out)?;
        }
        let part = self.periods.first_point(now);
        self.cut(part, out)
    }

    /// As `Sampler::tick`.
    fn tick(&mut self, covered: Tenths, out: &mut Outside) -> Result<(), String> {
        let now = moment(out);
        self.sample.covered = covered;
        self.sample.sequence += 1;
        self.sample.taken = now;
        let place = out.read(&mut self.sample);
        self.open.push(place);
        let live = out.rings.live.as_mut().ok_or("there is no ring")?;
        live.append(&self.sample);
        self.periods.record(&self.sample);
        match self.watch.observe(&self.sample) {
            Some(Change::Began(_)) => {
                let part = self.periods.urgent(now);
                self.cut(part, out)?;
            }
            Some(Change::Ended) | None => {}
        }
        if self.watch.is_under() && out.now >= self.copy_at {
            self.copy_at = out.now + 5 * SECOND;
            self.channel.push_back(Message::CopyRecorder);
        }
        self.periods.aim(now, self.interval());
        Ok(())
    }

    fn interval(&self) -> Tenths {
        if self.watch.is_under() { PRESSURE_INTERVAL } else { INTERVAL }
    }

    fn cut(&mut self, part: Option<Part>, out: &mut Outside) -> Result<(), String> {
        let Some(part) = part else { return Ok(()) };
        let samples = std::mem::take(&mut self.open);
        self.closed(part, samples, out)
    }

    pub fn closed(
        &mut self,
        part: Part,
        samples: Vec<u32>,
        out: &mut Outside,
    ) -> Result<(), String> {
        let due = out.clocks.time_of(part.due);
        out.say(|| {
            let (period, through) = (part.period, part.through);
            format!("closed {period} through {through}: {} samples", samples.len())
        });
        let place = out.ledger.closed(&part, samples, due)?;
        if place != NO_PART {
            self.uncovered.push(place);
        }
        self.channel.push_back(Message::Part(part));
        Ok(())
    }

    /// As `Sampler::reload`; the control's new settings go along.
    pub fn reload(&mut self, out: &mut Outside) -> Result<(), String> {
        let now = moment(out);
        let under = self.watch.is_under();
        let part = self.periods.reload(now, under, schedule(out), window(out));
        self.cut(part, out)?;
        self.periods.aim(now, self.interval());
        self.channel.push_back(Message::Reload);
        self.react(out)
    }

    pub fn stop(&mut self, out: &mut Outside) -> Result<(), String> {
        self.deadline = Some(out.now + GRACE);
        let part = self.periods.stop(moment(out));
        self.cut(part, out)?;
        self.stops = true;
        self.react(out)
    }

    /// The channel has something new.
    fn react(&mut self, out: &mut Outside) -> Result<(), String> {
        if self.request.is_some() { self.keep_on(out) } else { self.pump(out) }
    }

    /// As `Publisher::run` while no request is under way.
    pub fn pump(&mut self, out: &mut Outside) -> Result<(), String> {
        if self.ends {
            return Ok(());
        }
        while let Some(message) = self.later.pop_front() {
            self.take(message, out);
        }
        while let Some(message) = self.channel.pop_front() {
            self.take(message, out);
        }
        let now = moment(out);
        if std::mem::take(&mut self.learned) {
            self.desk.know(&self.identity, now.boot);
        }
        if self.stops {
            self.desk.stop(now.boot);
        }
        let act = self.desk.next(now);
        self.hand_over(out)?;
        self.wake_at = None;
        match act {
            Act::Put(batch) => self.put(batch, out)?,
            Act::Wait(until) => {
                let until = until.map(|until| out.clocks.time_of(until));
                out.say(|| format!("waits until {:?}", until.map(super::time::words)));
                self.sending.spin(out.now)?;
                self.wake_at = until.map(|until| until.max(out.now));
            }
            Act::End => {
                self.ends = true;
                self.thread.order(Order::CopyRecorder, &mut out.around());
            }
        }
        Ok(())
    }

    fn take(&mut self, message: Message, out: &mut Outside) {
        let now = moment(out);
        match message {
            Message::Part(part) => {
                self.desk.keep(&part, now);
                self.thread.order(Order::CopyRecorder, &mut out.around());
            }
            Message::CopyRecorder => self.thread.order(Order::CopyRecorder, &mut out.around()),
            Message::ClockStepped => self.desk.clock_stepped(),
            Message::Reload => {
                self.desk.adjust(settings(out), &self.identity, now.boot);
                self.sending.failing_since = out.now;
                self.sending.failed = 0;
            }
        }
    }

    /// As `Publisher::put_and_keep` where something happens meanwhile.
    fn keep_on(&mut self, out: &mut Outside) -> Result<(), String> {
        while self.later.is_empty() {
            match self.channel.pop_front() {
                Some(Message::Part(part)) => self.desk.keep(&part, moment(out)),
                Some(other) => self.later.push_back(other),
                None => break,
            }
        }
        self.desk.keep_on(moment(out));
        self.hand_over(out)
    }

    fn hand_over(&mut self, out: &mut Outside) -> Result<(), String> {
        for order in self.desk.orders() {
            self.thread.order(order, &mut out.around());
        }
        let mut taken = self.desk.taken_through();
        if out.options.bug == Some(Bug::EarlyTaken) {
            let newest =
                self.uncovered.last().map(|place| out.ledger.parts[*place as usize].through);
            taken = taken.max(newest.unwrap_or(0));
        } else if taken != self.told {
            let counted = self.desk.backlog(moment(out).boot).dropped();
            out.ledger.taken(&mut self.uncovered, taken, counted)?;
        }
        if std::mem::replace(&mut self.told, taken) == taken {
            return Ok(());
        }
        if taken > self.sample.sequence && !self.stops {
            let part = self.periods.stop(moment(out));
            self.cut(part, out)?;
            self.sample.sequence = taken;
        }
        if let Some(live) = &mut out.rings.live {
            live.set_taken_through(taken);
        }
        Ok(())
    }

    fn disk_is_done(&mut self, out: &mut Outside) -> Result<(), String> {
        for done in self.thread.done(&mut out.around())? {
            out.say(|| format!("disk: {}", brief(&format!("{done:?}"))));
            self.desk.disk(done, moment(out));
        }
        Ok(())
    }

    fn put(&mut self, batch: Batch, out: &mut Outside) -> Result<(), String> {
        out.ledger.tally.requests += 1;
        let live = self.is_live(&batch, out)?;
        let sending = &mut self.sending;
        if sending.healthy_since.is_some() && !live && !out.weather.is_refused() {
            sending.backlog.retain(|at| out.now - at < SECOND);
            sending.backlog.push(out.now);
            if !self.stops && sending.backlog.len() > MOST_BACKLOG {
                let count = sending.backlog.len();
                return Err(format!("{count} requests of backlog are sent within a second"));
            }
            self.check_order(&batch, out)?;
        }
        let oldest = batch.datums.iter().map(|datum| datum.timestamp).min();
        let datums = batch.datums.len();
        let request = out.service.take(batch, out.now, &out.weather);
        out.say(|| {
            let fate = brief(&format!("{:?}", request.answer.outcome));
            format!("sends {datums} datums from {oldest:?}, live: {live}: will be {fate}")
        });
        self.request = Some(request);
        Ok(())
    }

    /// Whether some of it isn't backlog yet; what the agent says of itself goes as it comes.
    fn is_live(&self, batch: &Batch, out: &Outside) -> Result<bool, String> {
        if batch.datums.iter().all(|datum| datum.name.starts_with("Agent")) {
            return Ok(true);
        }
        for datum in &batch.datums {
            if let Some((place, _)) = out.ledger.part_of(datum)? {
                let part = &out.ledger.parts[place as usize];
                if out.now < part.due + MINUTE * Time::from(out.weather.every) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Backlog goes oldest first: no older file may lie there that could go too.
    fn check_order(&self, batch: &Batch, out: &Outside) -> Result<(), String> {
        if out.weather.is_rough_on_order() || self.known_at.is_some() || self.stops {
            return Ok(());
        }
        let Some(oldest) = batch.datums.iter().map(|datum| datum.timestamp).min() else {
            return Ok(());
        };
        let keys = out.files.names(SPOOL).filter_map(|(name, _)| Name::parse(Path::new(name)));
        let waits = keys.filter_map(|name| match name {
            Name::Part(key, false) if !self.thread.concerns(key) => Some(key),
            _ => None,
        });
        match waits.take(1).find(|key| { key.period } < oldest) {
            Some(key) => Err(format!("backlog of {oldest} is sent before that of {key}")),
            None => Ok(()),
        }
    }

    fn request_reaches(&mut self, out: &mut Outside) -> Result<(), String> {
        let Some(request) = &mut self.request else { return Ok(()) };
        request.reaches_at = None;
        match out.service.judge(&request.batch, out.now)? {
            Verdict::Refuses(reason) => {
                out.say(|| format!("refused: {reason}"));
                request.answer.service_time = Some(true_time(out.now));
                request.answer.outcome = Outcome::Rejected { reason };
                request.lies = false;
                return if let [datum] = &request.batch.datums[..] {
                    out.ledger.poisoned(datum)
                } else {
                    Ok(())
                };
            }
            Verdict::Stores => {}
        }
        let order = (!request.lies).then_some(self.thread.next_number);
        for datum in &request.batch.datums {
            let Some(place) = out.ledger.stored(datum, order)? else { continue };
            let part = &out.ledger.parts[place as usize];
            let since = self.sending.healthy_since.filter(|since| *since <= part.due);
            let in_time = matches!(out.weather.kind, Kind::Elsewhere | Kind::AtOnce);
            let ahead = part.period.millis_since(true_time(part.due)) > 0;
            if since.is_some() && in_time && !ahead && out.now > part.due + LATE {
                return Err(format!(
                    "the part of {} through {} was due at {} and comes now, with a service that answers",
                    part.period,
                    part.through,
                    super::time::words(part.due)
                ));
            }
        }
        Ok(())
    }

    fn request_is_answered(&mut self, out: &mut Outside) -> Result<(), String> {
        let Some(request) = self.request.take() else { return Ok(()) };
        let sending = &mut self.sending;
        match &request.answer.outcome {
            Outcome::Retry { .. } => {
                if sending.healthy_since.take().is_some() {
                    (sending.failing_since, sending.failed) = (out.now, 0);
                }
                sending.failed += 1;
                let bound = FAILED_AT_ONCE + (out.now - sending.failing_since) / (10 * SECOND);
                if sending.failed > bound {
                    let failed = sending.failed;
                    return Err(format!("{failed} requests to a service that fails"));
                }
            }
            Outcome::Accepted | Outcome::Rejected { .. } => {
                sending.healthy_since.get_or_insert(out.now);
            }
        }
        let eager = out.options.bug == Some(Bug::EagerRetry);
        let random = if eager { 0.0 } else { out.dice.0.f64() };
        self.desk.answered(&request.answer, moment(out), random);
        Ok(())
    }

    /// The deadline of a stop has come.
    fn abort(&mut self, out: &mut Outside) -> Result<(), String> {
        if let Some(request) = self.request.take() {
            out.ledger.doubt(&request.batch.datums)?;
            self.desk.unanswered(moment(out).boot);
        }
        Ok(())
    }

    /// A stop of time, as in a suspended host, is no fault of the agent's.
    pub fn overslept(&mut self, now: Time) {
        self.sending.healthy_since = self.sending.healthy_since.map(|_| now);
    }
}

impl Sending {
    fn spin(&mut self, now: Time) -> Result<(), String> {
        let (at, count) = self.spins;
        self.spins = if at == now { (at, count + 1) } else { (now, 0) };
        if count > 100 { Err("the publisher spins".to_owned()) } else { Ok(()) }
    }
}

fn brief(text: &str) -> String {
    text.chars().take(160).collect()
}

/// `publish.grace`.
const GRACE: Time = 5 * SECOND;
/// One period, and one request that was under way as long as one may be.
const LATE: Time = MINUTE + 30 * SECOND;
/// Backoff begins with short waits.
const FAILED_AT_ONCE: u64 = 12;
/// `spool.max_requests_per_second`, and one that waited for the disk.
const MOST_BACKLOG: usize = 6;
