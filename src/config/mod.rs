//! The configuration: every key, its default and its meaning, checked once and as a whole.

use crate::dimension::DimensionSet;
use crate::metric::Metric;
use crate::units::Tenths;
use crate::window::Form;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub sample: Sample,
    pub metrics: Metrics,
    /// The static pairs of `[dimensions]`, in their file's order.
    pub dimensions: Vec<(String, String)>,
    pub publish: Publish,
    pub pressure: Pressure,
    pub cloudwatch: CloudWatch,
    pub identity: Identity,
    pub spool: Spool,
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
    /// The enabled metrics of the catalogue, then the fields of `meminfo`.
    pub enabled: Vec<Metric>,
    /// Fields of /proc/meminfo published under their kernel names.
    pub meminfo: Vec<String>,
    /// `None`: {InstanceId} on EC2, {Host} elsewhere.
    pub dimensions: Option<Vec<DimensionSet>>,
    /// Whether the agent's own health metrics are published.
    pub health: bool,
    pub statistics: Form,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// A divisor of 60 s, or 1 to 5 whole minutes that divide an hour.
    pub period: Duration,
    /// A multiple of the period; by default the period, but at least 10 s.
    pub every: Duration,
    /// At most a sixth of `every`; by default that, but at most 10 s.
    pub spread: Duration,
    /// How long a shutdown may take to send what is left.
    pub grace: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pressure {
    /// A share of the usable memory, 0..1.
    pub available_below: f64,
    /// A share of the last ten seconds, 0..1.
    pub stall_above: f64,
}

/// `None`: what the SDK's own environment and configuration file say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CloudWatch {
    pub region: Option<String>,
    pub endpoint_url: Option<String>,
    pub profile: Option<String>,
    /// The ARN of a role to assume.
    pub assume_role: Option<String>,
    /// `http://[user:password@]host:port`; else HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
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

#[derive(Debug, Clone, PartialEq)]
pub struct Spool {
    /// How fast a backlog is sent, beside live data.
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
