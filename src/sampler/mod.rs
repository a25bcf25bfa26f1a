//! The sampler: wakes at each tick, reads, records, folds, and hands on the parts that are closed.

mod beat;
mod closer;
mod earlier;
mod message;
mod seen;
mod slowly;

pub use message::{ClusterSummary, Message, Reload};
pub use seen::Seen;

use crate::average::Average;
use crate::black_box::BlackBox;
use crate::clock::{Boottime, Clock, Moment};
use crate::delivery::Schedule;
use crate::health::Cause;
use crate::metric::{self, Metric};
use crate::notify::{self, Notifier};
pub use crate::periods::Part;
use crate::periods::Periods;
use crate::recorder::Recorder;
use crate::recorder::recording::Recording;
use crate::sample::{Needs, Sample, Sources};
use crate::slow;
use crate::source::kept::Report;
use crate::under_pressure::{Change, Levels, UnderPressure};
use crate::units::Tenths;
use crate::window::{End, Form, Window};
use slowly::Slowly;
use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::sync::{mpsc, watch};

/// What the sampler needs of the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    pub interval: Tenths,
    pub pressure_interval: Tenths,
    pub proc_root: PathBuf,
    pub metrics: Vec<Metric>,
    pub extras: Vec<String>,
    /// What ZFS's cache would give back counts as available.
    pub zfs_reclaimable: bool,
    pub slow: slow::Settings,
    pub form: Form,
    pub levels: Levels,
    pub schedule: Schedule,
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
    periods: Periods,
    /// Boxed: most have none.
    slow: Option<Box<Slowly>>,
    watch: UnderPressure,
    notifier: Notifier,
    recorder: Recorder,
    black_box: Option<BlackBox>,
    taken: watch::Receiver<u64>,
    /// When the recorder is to be copied next, under pressure.
    copy_at: Boottime,
    /// The first sample is taken.
    is_ready: bool,
    seen: Rc<Cell<Seen>>,
    /// Where each period's averages go.
    averages: Option<watch::Sender<Option<Average>>>,
    /// The host was under pressure at some time of the open period.
    pressed: bool,
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
            periods: Periods::new(
                now,
                settings.interval,
                settings.schedule,
                open_window(&settings),
            ),
            slow: Slowly::open(&settings.slow).map(Box::new),
            recorder,
            black_box,
            taken,
            copy_at: now.boot,
            is_ready: false,
            seen: Rc::default(),
            averages: None,
            pressed: false,
            watch: UnderPressure::new(settings.levels, settings.schedule.period),
            clock,
            settings,
            notifier,
            parts,
        };
        if let Some(slow) = &mut sampler.slow {
            slow.look_back(&inherited, &boot_id);
        }
        sampler.take_up(&inherited, taken_through, &boot_id, now);
        sampler
    }

    fn next_wake(&self, now: Moment) -> Boottime {
        let next = self.periods.next_wake(now);
        self.notifier.wake_by().map_or(next, |wake| next.min(wake))
    }

    fn wake(&mut self, now: Moment) {
        self.notifier.alive(now.boot);
        if self.periods.notice_step(now) {
            tracing::warn!(wall = %now.wall, "the wall clock was stepped: the open period is closed as a part");
            let part = self.periods.stepped(now);
            self.send_part(part);
            self.send(Message::ClockStepped);
        }
        let part = self.periods.close_over(now, self.watch.is_under());
        self.send_part(part);
        if let Some(covered) = self.periods.tick(now) {
            self.tick(covered, now);
        }
        let part = self.periods.first_point(now);
        self.send_part(part);
        self.tell_averages();
    }

    fn tick(&mut self, covered: Tenths, now: Moment) {
        self.sample.covered = covered;
        self.sample.sequence += 1;
        self.sources.read(&mut self.sample, now);
        self.recorder.append(&self.sample);
        self.periods.record(&self.sample);
        if let Some(slow) = &mut self.slow {
            slow.tick(&self.sample, self.settings.interval);
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
            self.pressed = true;
            self.look_closer(now);
        }
        self.note(now);
        self.periods.aim(now, self.interval());
    }

    /// At once: what is safe isn't to be folded again after a crash.
    fn note_taken(&mut self, taken: u64) {
        if taken > self.sample.sequence {
            // A disk that answered late knows of an earlier run that the ring didn't: what comes
            // now must lie above it, or a crash would take it for safe.
            let part = self.periods.stop(self.clock.now());
            self.send_part(part);
            self.sample.sequence = taken;
        }
        self.recorder.set_taken_through(taken);
    }

    fn interval(&self) -> Tenths {
        if self.watch.is_under() { self.settings.pressure_interval } else { self.settings.interval }
    }

    fn pressure_changed(&mut self, change: Change, now: Moment) {
        match change {
            Change::Began(reason) => {
                tracing::warn!(?reason, interval = ?self.settings.pressure_interval.duration(),
                    "the host is under memory pressure: sampling faster");
                let part = self.periods.urgent(now);
                self.send_part(part);
            }
            Change::Ended => tracing::info!("the memory pressure is over"),
        }
    }

    fn reload(&mut self, reload: Reload<C>) {
        let now = self.clock.now();
        let settings = reload.settings;
        let (schedule, window) = (settings.schedule, open_window(&settings));
        let part = self.periods.reload(now, self.watch.is_under(), schedule, window);
        self.send_part(part);
        self.settings = settings;
        if let Some(recorder) = reload.recorder {
            self.recorder = recorder;
        }
        let earlier =
            std::mem::replace(&mut self.slow, Slowly::open(&self.settings.slow).map(Box::new));
        if let Some((slow, earlier)) = self.slow.as_mut().zip(earlier) {
            slow.continue_from(*earlier);
        }
        self.sources = open_sources(&self.settings, now.boot);
        self.sample.extras = vec![None; self.settings.extras.len()];
        self.watch.adjust(self.settings.levels, self.settings.schedule.period);
        self.periods.aim(now, self.interval());
        self.send(Message::Reload(reload.behind));
    }

    /// With what was gathered beside its samples.
    fn send_part(&mut self, part: Option<Part>) {
        let Some(mut part) = part else { return };
        if let Some(slow) = &mut self.slow {
            let end = if part.ends { End::Period } else { End::Part };
            let (figures, left_out) = slow.close(part.period, end);
            part.figures.extend(figures);
            if left_out > 0 {
                self.send(Message::Lost(Cause::MaxSeries, left_out));
            }
        }
        self.send(Message::Part(part));
    }

    /// Nobody behind any more means that the process is ending; `run` sees it.
    fn send(&self, message: Message<C>) {
        let _ = self.parts.send(message);
    }
}

fn open_sources(settings: &Settings, now: Boottime) -> Sources {
    let needs = metric::needs(&settings.metrics, &settings.extras, true);
    let needs = Needs { zfs: settings.zfs_reclaimable, ..needs };
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
