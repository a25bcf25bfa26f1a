//! The sampler: wakes at each tick, reads, folds, and closes periods and parts.

use crate::black_box::BlackBox;
use crate::black_box::format::Reason;
use crate::clock::{Boottime, Clock, Moment, Timestamp};
use crate::delivery::Schedule;
use crate::metric::{self, Metric};
use crate::notify::{self, Notifier};
use crate::recorder::Recorder;
use crate::recorder::recording::Recording;
use crate::recorder::replay::{Piece, past, replay};
use crate::sample::{Sample, Sources};
use crate::source::kept::Report;
use crate::ticks::Ticks;
use crate::under_pressure::{Change, Levels, UnderPressure};
use crate::units::Tenths;
use crate::window::{End, Figure, Form, Window};
use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What the sampler needs of the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    pub interval: Tenths,
    pub pressure_interval: Tenths,
    pub proc_root: PathBuf,
    pub metrics: Vec<Metric>,
    pub extras: Vec<String>,
    pub form: Form,
    pub levels: Levels,
    pub schedule: Schedule,
}

/// A piece of a period, closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The period's start.
    pub period: Timestamp,
    /// When it is to be sent.
    pub due: Boottime,
    /// The period is over: nothing more of it is to come.
    pub ends: bool,
    pub figures: Vec<Figure>,
    /// The sequence of the last sample in it.
    pub through: u64,
}

/// What leaves the sampler, in the order of its happening.
#[derive(Debug)]
pub enum Message<C> {
    Part(Part),
    /// What was closed before this was closed under the old configuration.
    Reload(C),
    /// The wall clock was stepped.
    ClockStepped,
    /// The recorder holds what should soon be on the disk.
    CopyRecorder,
    /// So many samples of an earlier run could not be given back.
    Unreadable(usize),
}

/// A new configuration: for the sampler itself, and for those behind it.
pub struct Reload<C> {
    pub settings: Settings,
    /// Where the configuration asks for other columns.
    pub recorder: Option<Recorder>,
    pub behind: C,
}

/// What outlives the process: the recorder, and what earlier runs left in it.
pub struct Memory {
    pub recorder: Recorder,
    pub black_box: Option<BlackBox>,
    pub inherited: Vec<Recording>,
    /// All samples through this sequence are safe elsewhere, as far as the start knows.
    pub taken_through: u64,
    /// The same, as it goes on.
    pub taken: watch::Receiver<u64>,
    pub boot_id: String,
}

pub struct Sampler<C> {
    clock: Clock,
    settings: Settings,
    sources: Sources,
    sample: Sample,
    window: Window,
    watch: UnderPressure,
    ticks: Ticks,
    cuts: Cuts,
    notifier: Notifier,
    recorder: Recorder,
    black_box: Option<BlackBox>,
    taken: watch::Receiver<u64>,
    /// When the recorder is to be copied next, under pressure.
    copy_at: Boottime,
    /// The first sample is taken.
    is_ready: bool,
    seen: Rc<Cell<Seen>>,
    /// Unbounded, yet never long: a publisher is busy for no longer than one request may take.
    parts: mpsc::UnboundedSender<Message<C>>,
}

/// What was seen last, for whoever asks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seen {
    pub sampled: Option<Moment>,
    /// MemoryUsedPercent then.
    pub used_percent: Option<f64>,
    pub pressure_since: Option<Boottime>,
    /// Whether the flight recorder has a file.
    pub recorder_keeps: bool,
    /// The oldest sample in it.
    pub recorded_since: Option<Moment>,
}

/// When parts are cut off before their period's end.
#[derive(Debug)]
struct Cuts {
    /// The first samples after the start leave then, unless something left before.
    first: Option<Boottime>,
    /// The period of the last urgent part: one a period is enough.
    urgent: Option<Timestamp>,
}

impl<C> Sampler<C> {
    pub fn new(
        settings: Settings,
        clock: Clock,
        notifier: Notifier,
        memory: Memory,
        parts: mpsc::UnboundedSender<Message<C>>,
    ) -> Sampler<C> {
        let now = clock.now();
        let Memory { mut recorder, black_box, inherited, taken_through, taken, boot_id } = memory;
        recorder.set_taken_through(taken_through);
        let mut sample = Sample::new(now, settings.extras.len());
        sample.sequence = recorder.last_sequence();
        let mut sampler = Sampler {
            sources: open_sources(&settings, now.boot),
            sample,
            window: open_window(&settings),
            recorder,
            black_box,
            taken,
            copy_at: now.boot,
            is_ready: false,
            seen: Rc::default(),
            watch: UnderPressure::new(settings.levels, settings.schedule.period),
            ticks: Ticks::new(now, settings.interval),
            cuts: Cuts {
                first: Some(now.boot.plus(settings.schedule.first_delay())),
                urgent: None,
            },
            clock,
            settings,
            notifier,
            parts,
        };
        sampler.take_up(&inherited, taken_through, &boot_id, now);
        sampler
    }

    /// Where it notes what it sees, without anyone being woken.
    pub fn seen(&self) -> Rc<Cell<Seen>> {
        self.seen.clone()
    }

    /// Folds what an earlier run sampled and didn't bring to safety.
    fn take_up(&mut self, inherited: &[Recording], taken: u64, boot_id: &str, now: Moment) {
        let marks = inherited.iter().map(Recording::taken_through);
        let taken = marks.fold(taken, u64::max);
        let newest = inherited.iter().filter_map(|recording| recording.contents().newest()).max();
        let unreadable: u64 = inherited.iter().map(Recording::damaged).sum();
        if unreadable > 0 && newest > Some(taken) {
            self.send(Message::Unreadable(usize::try_from(unreadable).unwrap_or(usize::MAX)));
        }
        let pieces = replay(past(inherited), taken, &mut self.window, now.wall, boot_id);
        let again = newest.unwrap_or(0).saturating_sub(taken);
        if again > 0 {
            tracing::info!(samples = again, "samples of an earlier run are folded in");
        }
        let of_boot = inherited.iter().rfind(|recording| recording.heading().boot_id == boot_id);
        if let Some(last) = of_boot.and_then(|recording| recording.samples().last()) {
            tell_step(last.taken, now);
        }
        for Piece { period, figures, through } in pieces {
            self.send(Message::Part(Part { period, due: now.boot, ends: true, figures, through }));
        }
    }

    /// Samples until `stop` resolves or everyone behind is gone; what is open then is closed.
    pub async fn run(
        mut self,
        mut reloads: mpsc::UnboundedReceiver<Reload<C>>,
        stop: impl Future<Output = ()>,
    ) {
        tokio::pin!(stop);
        let mut alarm = self.clock.alarm();
        loop {
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(reload) = reloads.recv() => self.reload(reload),
                () = alarm.until_and_again(wake, self.interval().duration()) => self.wake(),
            }
            if self.parts.is_closed() {
                return;
            }
        }
        let now = self.clock.now();
        self.cut(End::Part, now.boot);
    }

    fn next_wake(&self) -> Boottime {
        let now = self.clock.now();
        let end = self.window.start().map(|start| {
            let left = start.plus(self.settings.schedule.period).millis_since(now.wall);
            now.boot.plus(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
        });
        let early = [end, self.cuts.first, self.notifier.wake_by()].into_iter().flatten();
        early.fold(self.ticks.next(), Boottime::min)
    }

    fn wake(&mut self) {
        let now = self.clock.now();
        self.notifier.alive(now.boot);
        if self.ticks.notice_step(now) {
            self.step(now);
        }
        if self.window.is_over(now.wall) {
            self.close_period(now);
        }
        if now.boot >= self.ticks.next() {
            self.tick(now);
        }
        if self.cuts.first.is_some_and(|first| now.boot >= first) {
            self.cuts.first = None;
            self.cut(End::Part, now.boot);
        }
    }

    fn tick(&mut self, now: Moment) {
        self.sample.covered = self.ticks.take(now);
        self.sample.sequence += 1;
        self.sources.read(&mut self.sample, now);
        self.recorder.append(&self.sample);
        self.window.record(&self.sample);
        if self.taken.has_changed().unwrap_or(false) {
            self.recorder.set_taken_through(*self.taken.borrow_and_update());
        }
        if !std::mem::replace(&mut self.is_ready, true) {
            notify::ready();
        }
        for report in self.sources.reports() {
            log_report(&report);
        }
        if let Some(change) = self.watch.observe(&self.sample) {
            self.pressure_changed(change, now);
        }
        if self.watch.is_under() {
            self.look_closer(now);
        }
        self.note(now);
        self.ticks.aim(now, self.interval());
    }

    fn note(&self, now: Moment) {
        let before = self.seen.get().pressure_since;
        self.seen.set(Seen {
            sampled: Some(now),
            used_percent: self.sample.meminfo.as_ref().and_then(metric::memory_used_percent),
            pressure_since: self.watch.is_under().then(|| before.unwrap_or(now.boot)),
            recorder_keeps: self.recorder.keeps(),
            recorded_since: self.recorder.oldest(),
        });
    }

    /// Under pressure: who holds the memory, and the recorder to the disk soon.
    fn look_closer(&mut self, now: Moment) {
        if now.boot >= self.copy_at {
            self.copy_at = now.boot.plus(COPY_UNDER_PRESSURE);
            self.send(Message::CopyRecorder);
        }
        let Some(turn) = self.black_box.as_mut().and_then(|black_box| black_box.due(now.boot))
        else {
            return;
        };
        let killed = self.watch.last_kill().is_some_and(|kill| now.boot.since(kill) < JUST_KILLED);
        let reason = if killed { Reason::OomKill } else { Reason::Pressure };
        let proc_root = self.settings.proc_root.clone();
        // On a thread that may wait: hundreds of processes take milliseconds.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = turn.record(&proc_root, now, reason) {
                tracing::warn!(%error, "the largest processes can't be recorded");
            }
        });
    }

    fn interval(&self) -> Tenths {
        if self.watch.is_under() { self.settings.pressure_interval } else { self.settings.interval }
    }

    fn pressure_changed(&mut self, change: Change, now: Moment) {
        match change {
            Change::Began(reason) => {
                tracing::warn!(?reason, interval = ?self.settings.pressure_interval.duration(),
                    "the host is under memory pressure: sampling faster");
                let period = self.window.start();
                if period.is_some() && std::mem::replace(&mut self.cuts.urgent, period) != period {
                    self.cut(End::Part, now.boot.plus(self.settings.schedule.urgent_delay()));
                }
            }
            Change::Ended => tracing::info!("the memory pressure is over"),
        }
    }

    fn close_period(&mut self, now: Moment) {
        let Some(period) = self.window.start() else { return };
        let due = self.settings.schedule.due(period, self.watch.is_under());
        let wait = Duration::from_millis(u64::try_from(due.millis_since(now.wall)).unwrap_or(0));
        let due = now.boot.plus(wait.min(self.settings.schedule.every * 2));
        self.cut(End::Period, due);
    }

    /// A step of the wall clock: what was sampled before it stays where it was.
    fn step(&mut self, now: Moment) {
        tracing::warn!(wall = %now.wall, "the wall clock was stepped: the open period is closed as a part");
        let same = !self.window.is_over(now.wall);
        self.cut(if same { End::Part } else { End::Period }, now.boot);
        self.send(Message::ClockStepped);
    }

    fn cut(&mut self, end: End, due: Boottime) {
        let Some(period) = self.window.start() else { return };
        let through = self.window.through();
        let figures = self.window.close(end);
        let ends = end == End::Period;
        if figures.is_empty() && !ends {
            return;
        }
        let first = if figures.is_empty() { None } else { self.cuts.first.take() };
        let due = first.map_or(due, |first| due.min(first));
        self.send(Message::Part(Part { period, due, ends, figures, through }));
    }

    fn reload(&mut self, reload: Reload<C>) {
        let now = self.clock.now();
        if self.window.is_over(now.wall) {
            self.close_period(now);
        } else if let Some(period) = self.window.start() {
            let due = self.settings.schedule.due(period, self.watch.is_under());
            let wait =
                Duration::from_millis(u64::try_from(due.millis_since(now.wall)).unwrap_or(0));
            self.cut(End::Part, now.boot.plus(wait));
        }
        self.settings = reload.settings;
        if let Some(recorder) = reload.recorder {
            self.recorder = recorder;
        }
        self.sources = open_sources(&self.settings, now.boot);
        self.sample.extras = vec![None; self.settings.extras.len()];
        let earlier = std::mem::replace(&mut self.window, open_window(&self.settings));
        self.window.continue_from(earlier);
        self.watch.adjust(self.settings.levels, self.settings.schedule.period);
        self.ticks.aim(now, self.interval());
        self.send(Message::Reload(reload.behind));
    }

    /// Nobody behind any more means that the process is ending; `run` sees it.
    fn send(&self, message: Message<C>) {
        let _ = self.parts.send(message);
    }
}

fn open_sources(settings: &Settings, now: Boottime) -> Sources {
    let needs = metric::needs(&settings.metrics, &settings.extras, true);
    Sources::open(&settings.proc_root, &needs, now)
}

fn open_window(settings: &Settings) -> Window {
    Window::new(settings.metrics.clone(), settings.schedule.period, settings.form)
}

/// The wall clock against the one that never steps, since the last sample of an earlier run.
fn tell_step(last: Moment, now: Moment) {
    let passed = i64::try_from(now.boot.since(last.boot).as_millis()).unwrap_or(i64::MAX);
    let step = now.wall.millis_since(last.wall).saturating_sub(passed);
    if now.boot >= last.boot && step.abs() > STEP_MILLIS {
        tracing::warn!(
            seconds = step / 1_000,
            "the wall clock was stepped while the agent was away"
        );
    }
}

fn log_report(report: &Report) {
    match report {
        Report::Lost { source, reason } => {
            tracing::warn!(source, reason, "a kernel file cannot be read: its metrics are absent");
        }
        Report::Back { source } => tracing::info!(source, "a kernel file can be read again"),
        Report::Lacks { .. } => tracing::warn!("{report}"),
    }
}

/// The runtime directory outlives the agent, but not the host.
const COPY_UNDER_PRESSURE: Duration = Duration::from_secs(5);
const JUST_KILLED: Duration = Duration::from_secs(10);
/// Less is how a clock is kept right.
const STEP_MILLIS: i64 = 1_000;
