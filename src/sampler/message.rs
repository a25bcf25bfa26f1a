//! What passes between the sampler and the others.

use crate::clock::{Boottime, Timestamp};
use crate::health::Cause;
use crate::recorder::Recorder;
use crate::sampler::{Part, Settings};
use crate::window::Figure;

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
    /// What the cluster's leader, which this host is, says of all members.
    ClusterSummary(Box<ClusterSummary>),
    /// So much never became a part.
    Lost(Cause, usize),
}

/// A period of the cluster: to be kept until then, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterSummary {
    pub cluster: String,
    pub period: Timestamp,
    pub figures: Vec<Figure>,
    pub until: Boottime,
}

/// A new configuration: for the sampler itself, and for those behind it.
pub struct Reload<C> {
    pub settings: Settings,
    /// Where the configuration asks for other columns.
    pub recorder: Option<Recorder>,
    pub behind: C,
}
