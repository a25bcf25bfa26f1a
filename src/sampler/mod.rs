//! The sampler: wakes at each tick, reads, records, folds, and closes periods and parts.

mod closer;
mod cuts;
mod earlier;
mod seen;

pub use seen::Seen;

use crate::black_box::BlackBox;
use crate::clock::{Boottime, Clock, Moment, Timestamp};
use crate::delivery::Schedule;
use crate::metric::{self, Metric};
use crate::notify::{self, Notifier};
use crate::recorder::Recorder;
use crate::recorder::recording::Recording;
use crate::sample::{Sample, Sources};
use crate::source::kept::Report;
use crate::ticks::Ticks;
use crate::under_pressure::{Change, Levels, UnderPressure};
use crate::units::Tenths;
use crate::window::{End, Figure, Form, Window};
use cuts::Cuts;
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

    /// Samples until `stop` resolves or everyone behind is gone; what is open then is closed.
    pub async fn run(
        mut self,
        mut reloads: mpsc::UnboundedReceiver<Box<Reload<C>>>,
        stop: impl Future<Output = ()>,
    ) {
        tokio::pin!(stop);
        let mut alarm = self.clock.alarm();
        loop {
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(reload) = reloads.recv() => self.reload(*reload),
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

fn log_report(report: &Report) {
    match report {
        Report::Lost { source, reason } => {
            tracing::warn!(source, reason, "a kernel file cannot be read: its metrics are absent");
        }
        Report::Back { source } => tracing::info!(source, "a kernel file can be read again"),
        Report::Lacks { .. } => tracing::warn!("{report}"),
    }
}
