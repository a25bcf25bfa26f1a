//! `cwmem once`: one sample, or one whole period, published or shown.

use crate::batch::batches;
use crate::clock::{Clock, Moment};
use crate::command::output::{self, complain};
use crate::command::outside;
use crate::config::{Config, ZfsArc};
use crate::datum::{Datum, Resolution};
use crate::exit::Exit;
use crate::health::Cause;
use crate::identity::dress::{Publications, dress};
use crate::identity::remedy::Described;
use crate::identity::sets::Resolution as Resolved;
use crate::metric;
use crate::pipeline::identity_of;
use crate::sample::{Needs, Sample, Sources};
use crate::sink::{Outcome, Sink};
use crate::slow::{Gathering, HostValues, Pace, Scanner};
use crate::standard_output::{Form, StandardOutput};
use crate::window::{End, Figure, Window};
use std::time::Duration;
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Print the datums instead of sending them; needs no AWS account and no network
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: one JSON object a line, in the shape of the API
    #[arg(long, requires = "dry_run")]
    json: bool,
    /// Sample through the next whole period instead of once
    #[arg(long)]
    period: bool,
}

pub async fn run(config: &Config, options: &Options, clock: &Clock) -> Exit {
    let local = outside::local(config);
    let mut identity = identity_of(config, &local);
    if !options.dry_run {
        identity = outside::learn(identity, config, clock).await;
    }
    let figures =
        if options.period { whole_period(config, clock).await } else { one_sample(config, clock) };
    if figures.is_empty() {
        complain(NOTHING);
        return Exit::Findings;
    }
    let publications = Publications::of(config, &identity);
    let complete = say_what_lacks(&publications.describe(&identity));
    let resolution = Resolution::of(config.publish.period);
    let datums = dress(&figures, &identity, &publications, resolution).datums;
    let (_sender, names) = watch::channel(identity);
    let exit = if options.dry_run {
        let form = if options.json { Form::Lines } else { Form::Table };
        put(&mut StandardOutput::new(output::stdout(), form), datums).await
    } else {
        let delivered = format!("published {}\n", counted(datums.len()));
        let exit = put(&mut outside::cloudwatch(config, names, clock.clone()), datums).await;
        if exit == Exit::Ok { output::show(delivered, exit) } else { exit }
    };
    if exit == Exit::Ok && !complete { Exit::Findings } else { exit }
}

/// Whether each set that was asked for is published.
fn say_what_lacks(sets: &[Described]) -> bool {
    let mut complete = true;
    for set in sets {
        let repeated = set.resolution == Resolved::Repeated;
        complete &= set.remedies.is_empty() || repeated;
        let what = if repeated { "nothing more" } else { "nothing" };
        for remedy in &set.remedies {
            complain(format_args!("{what} is published under {}: {remedy}", set.set));
        }
    }
    complete
}

/// Sends everything, whatever becomes of a part of it.
async fn put(sink: &mut impl Sink, datums: Vec<Datum>) -> Exit {
    let mut exit = Exit::Ok;
    for batch in batches(datums) {
        let datums = counted(batch.datums.len());
        match sink.put(&batch).await.outcome {
            Outcome::Accepted => {}
            Outcome::Retry { reason, .. } => {
                complain(format_args!("{datums} not delivered: {reason}"));
                exit = Exit::Unavailable;
            }
            Outcome::Rejected { reason } => {
                complain(format_args!("CloudWatch refuses {datums}: {reason}"));
                exit = Exit::Unavailable;
            }
        }
    }
    exit
}

fn counted(datums: usize) -> String {
    if datums == 1 { "1 datum".to_owned() } else { format!("{datums} datums") }
}

fn one_sample(config: &Config, clock: &Clock) -> Vec<Figure> {
    let mut reader = Reader::open(config, clock.now());
    reader.take(clock.now());
    reader.close()
}

/// From the next period's start to its end.
async fn whole_period(config: &Config, clock: &Clock) -> Vec<Figure> {
    let period = config.publish.period;
    let now = clock.now();
    let wait = |from: i64| Duration::from_millis(u64::try_from(from).unwrap_or(0));
    let interval = config.sample.interval.duration();
    // Rates are taken against a reading an interval before the period's first.
    let start = now.wall.plus(interval / 2).floor(period).plus(period);
    let first = start.plus(interval / 2);
    let length = humantime::format_duration(period);
    complain(format_args!("sampling from {start} for {length}"));
    let mut reader = Reader::open(config, now);
    clock.sleep(wait(first.millis_since(now.wall)).saturating_sub(interval)).await;
    reader.take(clock.now());
    reader.forget();
    let mut tick = first;
    while tick < start.plus(period) {
        clock.sleep(wait(tick.millis_since(clock.now().wall))).await;
        reader.take(clock.now());
        tick = tick.plus(interval);
    }
    reader.close()
}

/// Samples into a window.
struct Reader {
    sources: Sources,
    sample: Sample,
    window: Window,
    slow: Option<Slow>,
}

/// What is read a few times a period.
struct Slow {
    scanner: Scanner,
    gathering: Gathering,
    pace: Pace,
    complained: Vec<String>,
}

impl Reader {
    fn open(config: &Config, now: Moment) -> Reader {
        let metrics = &config.metrics;
        let needs = metric::needs(&metrics.enabled, &metrics.meminfo, false);
        let needs = Needs { zfs: config.metrics.zfs_arc == ZfsArc::Reclaimable, ..needs };
        let mut sample = Sample::new(now, metrics.meminfo.len());
        sample.covered = config.sample.interval;
        Reader {
            sources: Sources::open(&config.sample.proc_root, &needs, now.boot),
            sample,
            window: Window::new(metrics.enabled.clone(), config.publish.period, metrics.statistics),
            slow: Slow::open(config),
        }
    }

    fn take(&mut self, now: Moment) {
        self.sources.read(&mut self.sample, now);
        self.window.record(&self.sample);
        for report in self.sources.reports() {
            complain(report);
        }
        if let Some(slow) = &mut self.slow {
            slow.take(&self.sample);
        }
    }

    /// Leaves out what was taken so far, but for the counters.
    fn forget(&mut self) {
        let start = self.window.start().unwrap_or(self.sample.taken.wall);
        self.window.close(End::Period);
        if let Some(slow) = &mut self.slow {
            slow.gathering.close(start, End::Period);
        }
    }

    fn close(mut self) -> Vec<Figure> {
        let start = self.window.start().unwrap_or(self.sample.taken.wall);
        let mut figures = self.window.close(End::Period);
        if let Some(slow) = &mut self.slow {
            let (slow, left_out) = slow.gathering.close(start, End::Period);
            figures.extend(slow);
            if left_out > 0 {
                complain(format_args!(
                    "{} left out: {}",
                    counted(left_out),
                    Cause::MaxSeries.words()
                ));
            }
        }
        figures
    }
}

impl Slow {
    fn open(config: &Config) -> Option<Slow> {
        let settings = config.slow();
        settings.is_needed().then(|| Slow {
            gathering: Gathering::new(&settings),
            pace: Pace::new(settings.period),
            scanner: Scanner::new(settings),
            complained: Vec::new(),
        })
    }

    /// Here a reading may take its time: nothing else waits.
    fn take(&mut self, sample: &Sample) {
        let Some(covered) = self.pace.due(sample.taken, sample.covered) else { return };
        let reading = self.scanner.scan(sample.taken);
        let host = HostValues {
            numa_available_percent: reading.numa_available_percent,
            minutes_to_exhaustion: None,
        };
        self.gathering.record(&reading, host, covered);
        for problem in reading.problems {
            if !self.complained.contains(&problem) {
                complain(&problem);
                self.complained.push(problem);
            }
        }
    }
}

const NOTHING: &str = "nothing to publish: no enabled metric has a value now (rates need --period, \
                       and sparse metrics are sent only when they aren't zero)";
