//! The agent's whole pipeline in a world of its own, where time runs faster: a tree of kernel files
//! that a test may change, the two services' doubles, and a clock that they share.
//!
//! The agent lives on a thread of its own, as its process would; the test's thread is the operator
//! and the world's weather.

use crate::support::cloudwatch::{self, Double, Seen, Series};
use crate::support::imds::ImdsDouble;
use cwmem::clock::{Clock, Timestamp};
use cwmem::cloudwatch::{CloudWatch, Metadata, Options, Timeouts};
use cwmem::config::{self, Config};
use cwmem::identity::Local;
use cwmem::identity::dmi::Dmi;
use cwmem::identity::imds::Imds;
use cwmem::notify::Notifier;
use cwmem::pipeline::{self, Signal, World};
use cwmem::publisher::Summary;
use cwmem::state;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// 2026-11-23T14:20:00Z, the start of every simulation's first minute.
pub const MINUTE_ZERO: Timestamp = Timestamp(1_795_443_600_000);
pub const PERIOD: Duration = Duration::from_secs(10);
pub const HOST: &str = "web-1";
/// Real time: what doesn't happen within it doesn't happen.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Everything outside of the agent.
pub struct Simulation {
    pub double: Double,
    pub proc: Proc,
    pub speed: u32,
    time: Time,
    files: TempDir,
    imds: Option<String>,
    read_timeout: Duration,
    /// What the agent's clock is ahead of the world's when it starts, in seconds.
    ahead: i64,
    disk: bool,
}

/// The world's time: where it began, and how fast it runs.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    began: Instant,
    start: Timestamp,
    speed: u32,
}

/// A running agent; stopped where a test leaves it running.
pub struct Agent {
    orders: Option<mpsc::UnboundedSender<Order>>,
    next: Arc<Mutex<Result<Config, String>>>,
    thread: Option<JoinHandle<Summary>>,
}

enum Order {
    Signal(Signal),
    /// Steps the agent's wall clock by so many milliseconds.
    Step(i64),
}

impl Time {
    /// Simulated seconds since the start of the first minute.
    pub fn seconds(self) -> f64 {
        self.passed().as_secs_f64() + self.start.millis_since(MINUTE_ZERO) as f64 / 1e3
    }

    pub fn now(self) -> SystemTime {
        self.start.system_time() + self.passed()
    }

    fn passed(self) -> Duration {
        self.began.elapsed() * self.speed
    }
}

impl Simulation {
    /// Starts `second` seconds into the first minute and runs `speed` times as fast as real time.
    pub fn new(second: f64, speed: u32) -> Simulation {
        Simulation::with(second, speed, |builder| builder.start().unwrap())
    }

    pub fn with(
        second: f64,
        speed: u32,
        start: impl FnOnce(cloudwatch::Builder) -> Double,
    ) -> Simulation {
        let start_time = Timestamp(MINUTE_ZERO.0 + (second * 1e3) as i64);
        let time = Time { began: Instant::now(), start: start_time, speed };
        let clock = cloudwatch::Clock::from_fn(move || time.now());
        // In memory: a real disk's milliseconds are seconds here.
        let files = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Simulation {
            double: start(Double::builder().clock(clock)),
            proc: Proc::new(files.path()),
            speed,
            time,
            files,
            imds: None,
            read_timeout: Duration::from_secs(30),
            ahead: 0,
            disk: true,
        }
    }

    /// Where the state directory should be, nothing can be written.
    pub fn without_disk(mut self) -> Simulation {
        self.disk = false;
        self
    }

    pub fn imds(mut self, imds: &ImdsDouble) -> Simulation {
        self.imds = Some(imds.url());
        self
    }

    /// How long, in real time, the agent waits for an answer: longer than any test, unless set.
    pub fn read_timeout(mut self, timeout: Duration) -> Simulation {
        self.read_timeout = timeout;
        self
    }

    /// The agent's clock is wrong by so many seconds.
    pub fn ahead(mut self, seconds: i64) -> Simulation {
        self.ahead = seconds;
        self
    }

    pub fn time(&self) -> Time {
        self.time
    }

    /// `text` in this world: with its kernel files and its endpoint.
    pub fn config(&self, text: &str) -> Config {
        let mut config = config::parse_str("test", text).unwrap();
        config.sample.proc_root = self.files.path().to_owned();
        config.cloudwatch.region = Some("eu-central-1".to_owned());
        config.cloudwatch.endpoint_url = Some(self.double.url());
        let disk = if self.disk { self.files.path() } else { Path::new("/dev/null") };
        config.state.directory = disk.join("state");
        config.state.runtime_directory = self.files.path().join("runtime");
        config
    }

    pub fn start(&self, text: &str) -> Agent {
        let config = self.config(text);
        let next = Arc::new(Mutex::new(Ok(config.clone())));
        let (orders, received) = mpsc::unbounded_channel();
        let setting = Setting {
            time: self.time,
            ahead: self.ahead,
            imds: self.imds.clone().unwrap_or("http://127.0.0.1:9".to_owned()),
            read_timeout: self.read_timeout,
            next: next.clone(),
        };
        let thread = std::thread::spawn(move || setting.run(config, received));
        Agent { orders: Some(orders), next, thread: Some(thread) }
    }

    /// Waits until the given simulated second has come. For what the world does at its time; what
    /// the agent does is waited for with `until`.
    pub fn at(&self, second: f64) {
        let left = (second - self.time.seconds()) / f64::from(self.speed);
        std::thread::sleep(Duration::from_secs_f64(left.max(0.0)));
    }

    /// Waits until the double has seen it.
    pub fn until(&self, happened: impl FnMut(&Seen) -> bool) -> Seen {
        self.double.wait_for(PATIENCE, happened).unwrap()
    }

    /// Real time for so many simulated seconds.
    pub fn real(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds / f64::from(self.speed))
    }
}

impl Agent {
    pub fn signal(&self, signal: Signal) {
        let _ = self.orders.as_ref().unwrap().send(Order::Signal(signal));
    }

    pub fn step_clock(&self, millis: i64) {
        let _ = self.orders.as_ref().unwrap().send(Order::Step(millis));
    }

    /// What the next reload finds.
    pub fn reload(&self, config: Result<Config, String>) {
        *self.next.lock().unwrap() = config;
        self.signal(Signal::Reload);
    }

    pub fn stop(mut self) -> Summary {
        self.signal(Signal::Stop);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.signal(Signal::Stop);
            let _ = thread.join();
        }
    }
}

/// What an agent is started with, on its way to its thread.
struct Setting {
    time: Time,
    ahead: i64,
    imds: String,
    read_timeout: Duration,
    next: Arc<Mutex<Result<Config, String>>>,
}

impl Setting {
    fn run(self, config: Config, orders: mpsc::UnboundedReceiver<Order>) -> Summary {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build_local(Default::default()).unwrap();
        let now = Timestamp::from_system_time(self.time.now());
        let clock = Clock::simulated(Timestamp(now.0 + self.ahead * 1_000), self.time.speed);
        let options = self.options();
        let next = self.next.clone();
        let local = Local { dmi: Dmi::default(), node_name: HOST.to_owned(), region: None };
        let identity = pipeline::identity_of(&config, &local);
        let machine_id = Path::new("/nonexistent");
        let kept = runtime.block_on(state::open(&config, &identity, machine_id, &clock)).unwrap();
        let world = World {
            kept,
            random: fastrand::Rng::with_seed(7),
            notifier: Notifier::silent(),
            local,
            imds: Imds::at(&[&self.imds]).unwrap(),
            place: 0.5,
            make_sink: {
                let clock = clock.clone();
                move |config: &Config, _| {
                    CloudWatch::new(config.cloudwatch.clone(), options.clone(), clock.clone())
                }
            },
            load: move || std::future::ready(next.lock().unwrap().clone()),
            clock: clock.clone(),
        };
        let (signals, received) = mpsc::unbounded_channel();
        let summary = runtime.block_on(async {
            tokio::select! {
                summary = pipeline::run(config, world, received) => summary,
                never = obey(orders, signals, clock) => match never {},
            }
        });
        // A set-up may still be busy on a thread of its own.
        runtime.shutdown_background();
        summary
    }

    fn options(&self) -> Options {
        let credentials =
            aws_credential_types::Credentials::new("AKIDTEST", "s3cr3t", None, None, "test");
        let provider = aws_credential_types::provider::SharedCredentialsProvider::new(credentials);
        Options {
            metadata: Metadata::Off,
            timeouts: Timeouts { read: self.read_timeout, ..Timeouts::default() },
            credentials: Some(provider),
            ..Options::default()
        }
    }
}

async fn obey(
    mut orders: mpsc::UnboundedReceiver<Order>,
    signals: mpsc::UnboundedSender<Signal>,
    clock: Clock,
) -> std::convert::Infallible {
    while let Some(order) = orders.recv().await {
        match (order, &clock) {
            (Order::Signal(signal), _) => drop(signals.send(signal)),
            (Order::Step(millis), Clock::Simulated(simulated)) => simulated.step(millis),
            (Order::Step(_), Clock::System) => unreachable!("this world's time is simulated"),
        }
    }
    std::future::pending().await
}

/// A tree of kernel files whose lines keep their length, so that one write changes a file at once.
pub struct Proc {
    meminfo: File,
    pressure: File,
    vmstat: File,
    state: Mutex<Kernel>,
}

/// In kB, of a host that has 1,000,000.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    pub available: u32,
    pub swap_free: u32,
    pub oom_kills: u32,
}

impl Proc {
    fn new(folder: &Path) -> Proc {
        std::fs::create_dir(folder.join("pressure")).unwrap();
        std::fs::create_dir_all(folder.join("sys/kernel/random")).unwrap();
        std::fs::write(folder.join("sys/kernel/random/boot_id"), "7f3c\n").unwrap();
        let create = |name| File::create(folder.join(name)).unwrap();
        let state = Kernel { available: 600_000, swap_free: 100_000, oom_kills: 0 };
        let state = Mutex::new(state);
        let (meminfo, vmstat) = (create("meminfo"), create("vmstat"));
        let proc = Proc { meminfo, pressure: create("pressure/memory"), vmstat, state };
        proc.change(|_| ());
        proc
    }

    pub fn change(&self, change: impl FnOnce(&mut Kernel)) {
        let mut kernel = self.state.lock().unwrap();
        change(&mut kernel);
        let Kernel { available, swap_free, oom_kills } = *kernel;
        let mut meminfo = format!(
            "MemTotal: 1000000 kB\nMemFree: 100000 kB\nMemAvailable: {available:>7} kB\n\
             SwapTotal: 100000 kB\nSwapFree: {swap_free:>7} kB\n\
             CommitLimit: 1000000 kB\nCommitted_AS: 500000 kB\n"
        );
        for place in 0..EXTRAS {
            meminfo += &format!("Extra{place}: {} kB\n", 1_000 + place);
        }
        self.meminfo.write_all_at(meminfo.as_bytes(), 0).unwrap();
        self.vmstat.write_all_at(format!("oom_kill {oom_kills:05}\n").as_bytes(), 0).unwrap();
        // The kernel kills after a task has stalled, here for a millisecond each time.
        let stalled = format!("some total={0:09}\nfull total={0:09}\n", oom_kills * 1_000);
        self.pressure.write_all_at(stalled.as_bytes(), 0).unwrap();
    }
}

/// Fields of meminfo beside the known ones: Extra0, Extra1, ...
pub const EXTRAS: usize = 16;

/// `[metrics]` for twenty metrics under so many dimension sets: {Host}, {Host, A}, {Host, B}, ...
/// The value of A is so many times the letter a, and so on.
pub fn many(sets: u8, length: usize) -> String {
    let extras = (0..EXTRAS).map(|place| format!("\"Extra{place}\"")).collect::<Vec<_>>();
    let names: Vec<char> = (b'A'..b'A' + sets - 1).map(char::from).collect();
    let list = names.iter().map(|name| format!(", [\"Host\", \"{name}\"]")).collect::<String>();
    let value = |name: &char| name.to_ascii_lowercase().to_string().repeat(length);
    let pairs = names.iter().map(|name| format!("{name} = \"{}\"\n", value(name)));
    format!(
        "[metrics]\nmeminfo = [{}]\ndimensions = [[\"Host\"]{list}]\n\
         enabled = [\"MemoryUsedPercent\", \"MemoryAvailable\", \"MemoryUsed\", \"CommittedPercent\"]\n\
         [dimensions]\n{}",
        extras.join(", "),
        pairs.collect::<String>()
    )
}

/// Each case on a thread of its own, which is named by it when it fails.
pub fn all_at_once<T: Sync + Debug>(cases: &[T], check: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            let thread = std::thread::Builder::new().name(format!("{case:?}"));
            thread.spawn_scoped(scope, || check(case)).unwrap();
        }
    });
}

/// Simulated seconds since the start of the first minute.
pub fn second_of(time: SystemTime) -> f64 {
    let start = MINUTE_ZERO.system_time();
    match time.duration_since(start) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// The metric of the host {Host}.
pub fn on_host(metric: &str) -> Series {
    Series::new("EC2/Memory", metric).dimension("Host", HOST)
}

/// By the second at which a period of `PERIOD` starts: the tenths that were covered.
pub fn counts(seen: &Seen, series: &Series) -> BTreeMap<i64, f64> {
    let periods = seen.periods(series, PERIOD).into_iter();
    periods.map(|(start, figures)| (second_of(start) as i64, figures.sample_count)).collect()
}

/// By the second at which a period of `PERIOD` starts: in how many parts it arrived.
pub fn parts(seen: &Seen, series: &Series) -> BTreeMap<i64, usize> {
    let mut parts = BTreeMap::new();
    for request in seen.accepted.iter().filter(|request| request.namespace == series.namespace) {
        let same = |datum: &&cloudwatch::Datum| {
            datum.name == series.metric && datum.dimensions == series.dimensions
        };
        for datum in request.datums.iter().filter(same) {
            *parts.entry(second_of(datum.timestamp) as i64).or_default() += 1;
        }
    }
    parts
}

/// Whether every period up to the newest is there, the first in two parts (its first point left
/// early), the others whole: nothing lost, nothing sent twice. A busy machine may cost a simulation
/// some ticks, which real time doesn't lose, so their number is held loosely here.
pub fn assert_complete(seen: &Seen, series: &Series) {
    let parts = parts(seen, series);
    let newest = *parts.keys().next_back().unwrap();
    let expected = (0..=newest).step_by(10).map(|start| (start, if start == 0 { 2 } else { 1 }));
    assert_eq!(parts, expected.collect());
    let mut counts = counts(seen, series);
    counts.pop_last();
    assert!(counts.values().all(|count| (20.0..=120.0).contains(count)), "{counts:?}");
    let total: f64 = counts.values().sum();
    assert!(total >= 70.0 * counts.len() as f64, "{counts:?}");
}

/// Whether every datum is stamped with the start of a period.
pub fn aligned(seen: &Seen) -> bool {
    seen.datums().all(|datum| second_of(datum.timestamp) % PERIOD.as_secs_f64() == 0.0)
}
