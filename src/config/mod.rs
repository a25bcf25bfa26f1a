//! The configuration: every key, its default and its meaning, checked once and as a whole.

mod alarms;
mod cluster;
mod cost;
mod doubles;
mod kind;
mod load;
mod metrics;
mod nearest;
mod presets;
mod problem;
mod reader;
mod redact;
mod schema;
mod scopes;
mod sets;
mod syntax;
mod tree;
mod url;

#[cfg(test)]
mod tests;

pub use alarms::{Alarms, Recipe};
pub use cluster::{BadUrl, Cluster, Tls};
pub use cost::{Cost, MAX_HOSTS};
pub use load::{DEFAULT_PATH, Overrides, load, parse_str};
pub use presets::Published;
pub use problem::{Fault, Place, Problem, Problems};
pub use redact::redacted;
pub use scopes::{Cgroups, Processes};
pub use sets::of as sets_of;
pub use url::is_this_machine;

use crate::dimension::DimensionSet;
use crate::metric::Metric;
use crate::slow;
use crate::units::Tenths;
use crate::window::Form;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub sample: Sample,
    pub metrics: Metrics,
    pub cgroups: Cgroups,
    pub processes: Processes,
    /// The static pairs of `[dimensions]`, in the order of the files. Each is used in some set.
    pub dimensions: Vec<(String, String)>,
    pub publish: Publish,
    pub pressure: Pressure,
    pub cloudwatch: CloudWatch,
    pub identity: Identity,
    pub state: State,
    pub recorder: Recorder,
    pub spool: Spool,
    /// `None`: a host on its own.
    pub cluster: Option<Cluster>,
    pub alarms: Alarms,
    pub cost: Cost,
    pub log: Log,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// 100 ms to 5 min in whole tenths of a second, never longer than the period.
    pub interval: Tenths,
    /// The interval under pressure; never longer than `interval`.
    pub pressure_interval: Tenths,
    pub proc_root: PathBuf,
    pub sys_root: PathBuf,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    pub namespace: String,
    /// The enabled metrics of the catalogue, then the fields of `meminfo`, then those of the presets.
    pub enabled: Vec<Metric>,
    /// Where the presets' metrics go: a metric's `publication` is a place here, counted from 1.
    pub presets: Vec<Published>,
    /// Fields of /proc/meminfo published under their kernel names.
    pub meminfo: Vec<String>,
    /// `None`: {InstanceId} on EC2, {Host} elsewhere.
    pub dimensions: Option<Vec<DimensionSet>>,
    /// Whether the agent's own health metrics are published.
    pub health: bool,
    pub statistics: Form,
    pub zfs_arc: ZfsArc,
    /// How many series of cgroups and processes there may be within an hour; 1 to 10,000.
    pub max_series: usize,
}

/// What ZFS's cache counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ZfsArc {
    /// As the kernel has it.
    #[default]
    Used,
    /// What it gives back is available.
    Reclaimable,
}

impl Metrics {
    /// The metrics of the publication with this number: 0 is cwmem's own, 1 the first of `presets`.
    pub fn of(&self, publication: usize) -> impl Iterator<Item = &Metric> {
        self.enabled.iter().filter(move |metric| usize::from(metric.publication) == publication)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// A divisor of 60 s, or 1 to 5 whole minutes that divide an hour.
    pub period: Duration,
    /// A multiple of the period, at most 1 h; by default the least one that is at least 10 s.
    pub every: Duration,
    /// At most a sixth of `every`; by default that in whole milliseconds, but at most 10 s.
    pub spread: Duration,
    /// How long a shutdown may take to send what is left; 100 ms to 1 min.
    pub grace: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pressure {
    /// A share of the usable memory, 0..=1; 0 switches this trigger off.
    pub available_below: f64,
    /// A share of the last ten seconds, 0..=1; 0 switches this trigger off.
    pub stall_above: f64,
}

/// `None`: what the SDK's own environment and configuration file say.
#[derive(Clone, Default, PartialEq)]
pub struct CloudWatch {
    pub region: Option<String>,
    pub endpoint_url: Option<String>,
    pub profile: Option<String>,
    /// The ARN of a role to assume.
    pub assume_role: Option<String>,
    /// `http://[user:password@]host:port`, never printed as it is (`redacted`); else HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
    pub proxy: Option<String>,
    /// A PEM file of certificate authorities that are trusted beside the system's; else AWS_CA_BUNDLE.
    pub ca_bundle: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Identity {
    pub instance_id: Option<String>,
    pub instance_type: Option<String>,
    pub image_id: Option<String>,
    pub availability_zone: Option<String>,
    pub auto_scaling_group: Option<String>,
    pub host: Option<String>,
    /// Never `No` beside a configured instance id.
    pub ec2: OnEc2,
    /// Whether the instance metadata service may be asked.
    pub imds: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnEc2 {
    /// By DMI, or because an instance id is configured.
    #[default]
    Auto,
    Yes,
    No,
}

/// Where the agent keeps what has to outlive it. systemd's STATE_DIRECTORY and RUNTIME_DIRECTORY
/// stand in for the defaults (systemd.exec(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Outlives the host's reboot.
    pub directory: PathBuf,
    /// Outlives the process; in memory (tmpfs).
    pub runtime_directory: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorder {
    /// What the flight recorder holds at `sample.interval`; 1 min to 24 h.
    pub duration: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Spool {
    /// Disk space for what waits, in allocated blocks; 1 MiB to 10 GiB.
    pub max_bytes: u64,
    /// What waits longer is given up; 1 h to 14 d, CloudWatch's own limit.
    pub max_age: Duration,
    /// How fast a backlog is sent, beside live data; 1 to 100.
    pub max_requests_per_second: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Log {
    pub level: Level,
    pub format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
}

impl Default for Config {
    /// What an empty file says.
    fn default() -> Config {
        schema::read(&mut reader::Reader::new(tree::Table::default(), Problems::default()))
    }
}

impl Config {
    /// What is read a few times a period.
    pub fn slow(&self) -> slow::Settings {
        let (cgroups, processes) = (&self.cgroups, &self.processes);
        let signals = slow::of_host(&self.metrics.enabled);
        let signals = signals.chain(cgroups.metrics.iter().copied());
        slow::Settings {
            proc_root: self.sample.proc_root.clone(),
            sys_root: self.sample.sys_root.clone(),
            period: self.publish.period,
            form: self.metrics.statistics,
            cgroups: cgroups.paths.clone(),
            processes: processes.selectors.clone(),
            signals: signals.chain(processes.metrics.iter().copied()).collect(),
            max_series: self.metrics.max_series,
        }
    }
}

impl Level {
    pub const NAMES: [(&'static str, Level); 4] = [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
    ];
}

impl Format {
    pub const NAMES: [(&'static str, Format); 2] = [("text", Format::Text), ("json", Format::Json)];
}

/// A log level that isn't one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected error, warn, info or debug, found {0:?}")]
pub struct UnknownLevel(String);

/// For flags and the environment.
impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Level, UnknownLevel> {
        let level = Level::NAMES.iter().find(|(name, _)| *name == text);
        level.map(|(_, level)| *level).ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

/// Without the passwords that its URLs may hold.
impl fmt::Debug for CloudWatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CloudWatch { region, endpoint_url, profile, assume_role, proxy, ca_bundle } = self;
        formatter
            .debug_struct("CloudWatch")
            .field("region", region)
            .field("endpoint_url", &endpoint_url.as_deref().map(redacted))
            .field("profile", profile)
            .field("assume_role", assume_role)
            .field("proxy", &proxy.as_deref().map(redacted))
            .field("ca_bundle", ca_bundle)
            .finish()
    }
}

/// The words of `metrics.zfs_arc`.
const ZFS_ARC: [(&str, ZfsArc); 2] = [("used", ZfsArc::Used), ("reclaimable", ZfsArc::Reclaimable)];
/// The words of `metrics.statistics`.
const STATISTICS: [(&str, Form); 2] = [("values", Form::Values), ("set", Form::Set)];
