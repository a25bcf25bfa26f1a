//! The slow signals beside the samples: a tick begins a reading on a thread that may wait, a later
//! tick folds it in. Where none are asked for there is nothing of this, and no tick costs more.

use crate::clock::{Moment, Timestamp};
use crate::metric;
use crate::recorder::recording::Recording;
use crate::sample::Sample;
use crate::slow::{Forecast, Gathering, HostValues, Pace, Reading, Scanner, Settings, Signal};
use crate::units::Tenths;
use crate::window::{End, Figure};
use tokio::sync::oneshot;

pub(super) struct Slowly {
    /// Away while it reads.
    scanner: Option<Box<Scanner>>,
    /// What comes back, and for how long it stands.
    reading: Option<(oneshot::Receiver<Returned>, Tenths)>,
    gathering: Gathering,
    pace: Pace,
    forecast: Option<Forecast>,
    /// The problems of the last reading, which were said.
    said: Vec<String>,
}

/// The scanner comes back with what it read.
type Returned = (Box<Scanner>, Reading);

impl Slowly {
    /// `None` where the configuration asks for nothing of the kind.
    pub fn open(settings: &Settings) -> Option<Slowly> {
        settings.is_needed().then(|| Slowly {
            scanner: Some(Box::new(Scanner::new(settings.clone()))),
            reading: None,
            gathering: Gathering::new(settings),
            pace: Pace::new(settings.period),
            forecast: settings.wants(Signal::MinutesToExhaustion).then(Forecast::default),
            said: Vec::new(),
        })
    }

    /// Forecasts from what an earlier run of this boot saw.
    pub fn look_back(&mut self, inherited: &[Recording], boot_id: &str) {
        let of_boot = inherited.iter().filter(|recording| recording.heading().boot_id == boot_id);
        for sample in of_boot.flat_map(Recording::samples) {
            self.foresee(&sample);
        }
    }

    /// Carries over what an earlier configuration gathered, after it was closed.
    pub fn continue_from(&mut self, earlier: Slowly) {
        self.gathering.continue_from(earlier.gathering);
        if self.forecast.is_some() && earlier.forecast.is_some() {
            self.forecast = earlier.forecast;
        }
    }

    /// A sample was taken, which stands for `interval`.
    pub fn tick(&mut self, sample: &Sample, interval: Tenths) {
        let now = sample.taken;
        self.foresee(sample);
        self.collect(now);
        if self.reading.is_none()
            && let Some(covered) = self.pace.due(now, interval)
        {
            self.begin(now, covered);
        }
    }

    /// Takes what may leave now, and counts what has no room.
    pub fn close(&mut self, period: Timestamp, end: End) -> (Vec<Figure>, usize) {
        self.gathering.close(period, end)
    }

    fn foresee(&mut self, sample: &Sample) {
        let Some(forecast) = &mut self.forecast else { return };
        let info = sample.meminfo.as_ref();
        let known = info.and_then(|info| info.available.zip(metric::usable(info)));
        if let Some((available, usable)) = known {
            forecast.observe(sample.taken.boot, available.as_f64(), usable);
        }
    }

    fn begin(&mut self, now: Moment, covered: Tenths) {
        let Some(mut scanner) = self.scanner.take() else { return };
        if !scanner.is_needed() {
            self.scanner = Some(scanner);
            return self.record(&Reading::nothing(now), covered, now);
        }
        let (sender, receiver) = oneshot::channel();
        self.reading = Some((receiver, covered));
        tokio::task::spawn_blocking(move || {
            let reading = scanner.scan(now);
            // Nobody waits for it any more after a reload.
            let _ = sender.send((scanner, reading));
        });
    }

    /// Folds in the reading that was begun, once it is there.
    fn collect(&mut self, now: Moment) {
        let Some((receiver, covered)) = &mut self.reading else { return };
        let covered = *covered;
        let Ok((scanner, reading)) = receiver.try_recv() else { return };
        self.reading = None;
        self.scanner = Some(scanner);
        self.pace.took(reading.took, now.boot);
        for problem in reading.problems.iter().filter(|problem| !self.said.contains(problem)) {
            tracing::warn!("{problem}");
        }
        self.record(&reading, covered, now);
        self.said = reading.problems;
    }

    fn record(&mut self, reading: &Reading, covered: Tenths, now: Moment) {
        let host = HostValues {
            numa_available_percent: reading.numa_available_percent,
            minutes_to_exhaustion: self
                .forecast
                .as_ref()
                .and_then(|forecast| forecast.minutes(now.boot)),
        };
        self.gathering.record(reading, host, covered);
    }
}
