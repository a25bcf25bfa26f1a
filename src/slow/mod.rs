//! Slow signals: what is read a few times a period only, because it costs more than a sample or
//! changes less: cgroups, processes, NUMA nodes, and the forecast that is made of many samples.
//!
//! The `scanner` reads, on a thread that may wait; the `gathering` folds, and bounds the series.
//! Neither passes through the flight recorder: a killed agent loses the open period of these.

mod catalogue;
mod forecast;
mod gathering;
mod pace;
mod scanner;

pub use catalogue::{CATALOGUE, Signal};
pub use forecast::Forecast;
pub use gathering::{Gathering, HostValues};
pub use pace::Pace;
pub use scanner::{Group, Groups, Reading, Scanner};

use crate::metric::Metric;
use crate::source::cgroup::Pattern;
use crate::source::selector::Selector;
use crate::window::Form;
use std::path::PathBuf;
use std::time::Duration;

/// What the configuration asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub proc_root: PathBuf,
    pub sys_root: PathBuf,
    pub period: Duration,
    pub form: Form,
    pub cgroups: Vec<Pattern>,
    /// Selectors and the names that they are published under.
    pub processes: Vec<(String, Selector)>,
    /// Of cgroups, processes and the host.
    pub signals: Vec<Signal>,
    /// How many series of cgroups and processes there may be within an hour, under one dimension
    /// set of the host.
    pub max_series: usize,
}

impl Settings {
    /// Whether anything is to be done at all.
    pub fn is_needed(&self) -> bool {
        !(self.cgroups.is_empty() && self.processes.is_empty() && self.of_host().next().is_none())
    }

    pub fn wants(&self, signal: Signal) -> bool {
        self.signals.contains(&signal)
    }

    fn of_host(&self) -> impl Iterator<Item = Signal> {
        self.signals.iter().copied().filter(|signal| signal.dimension().is_none())
    }
}

/// The slow ones among the host's enabled metrics.
pub fn of_host(enabled: &[Metric]) -> impl Iterator<Item = Signal> {
    let signals = Signal::ALL.into_iter().filter(|signal| signal.dimension().is_none());
    signals.filter(|signal| enabled.contains(signal.metric()))
}
