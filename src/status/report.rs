//! The JSON object that a client gets. Fields are only ever added; what isn't there is absent.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    pub version: String,
    pub commit: String,
    pub pid: u32,
    /// In the cluster: `leader`, `follower`, `abstaining` or `stopping`; `none` outside of one.
    pub role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// RFC 3339, by the host's clock.
    pub now: String,
    pub started: String,
    pub uptime_seconds: f64,
    pub config: Config,
    pub identity: Identity,
    pub sample: Sample,
    pub recorder: Recorder,
    pub delivery: Delivery,
    pub disk: Disk,
    /// Datums given up since the start, by cause: every cause there is.
    pub dropped: BTreeMap<String, Dropped>,
}

/// When something was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Past {
    pub at: String,
    /// By a clock that is never stepped.
    pub seconds_ago: f64,
}

/// The configuration in force, as far as it is for everyone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    pub state_directory: String,
    pub runtime_directory: String,
    pub proc_root: String,
    pub sys_root: String,
    pub namespace: String,
    pub metrics: Vec<String>,
    /// What is published under other agents' names.
    pub presets: Vec<Preset>,
    pub interval_seconds: f64,
    pub period_seconds: f64,
    pub every_seconds: f64,
    pub spread_seconds: f64,
    pub recorder_seconds: f64,
    pub spool_max_bytes: u64,
    pub spool_max_age_seconds: f64,
    /// As they are written: a `?` behind what is optional.
    pub dimensions: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preset {
    pub name: String,
    pub namespace: String,
    pub metrics: Vec<String>,
    pub dimensions: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    pub name: String,
    /// This host's name in it; empty as long as it isn't known.
    pub member: String,
    /// When the database did last what it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<Past>,
    /// Since when it doesn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<Past>,
    /// What keeps this host from leading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// Whose the state directory's files are.
    pub owner: String,
    pub ec2: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Those that the dimension sets need.
    pub names: BTreeMap<String, Name>,
    pub sets: Vec<Set>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Name {
    /// `known`, `absent` or `unknown`.
    pub state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Set {
    pub set: String,
    /// `complete`, `waiting`, `impossible`, `repeated` or `empty`.
    pub state: String,
    /// What is published under it: name and value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<(String, String)>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Past>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_pressure: Option<Past>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recorder {
    /// Whether there is a file.
    pub keeps: bool,
    /// The oldest sample in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Past>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Past>,
    /// Datums since the start.
    pub delivered: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// Publishes that wait, on the disk and in memory.
    pub waiting: u64,
    /// What those that aren't live any more take.
    pub backlog_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failing {
    pub cause: String,
    pub since: Past,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<Past>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dropped {
    pub datums: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Past>,
}
