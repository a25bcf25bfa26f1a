//! What alarms would have done: CloudWatch's evaluation, over a recording or a metric's history.
//!
//! A `source` has the data of each metric as `track`s, `recorded` or from a `file`; `evaluate` takes
//! an alarm through it by the service's `rules`, `outcome` sets that beside the OOM kills, `advise` tries
//! other thresholds; `chart`, `svg` and `lines` show it.

pub mod advise;
pub mod chart;
pub mod evaluate;
pub mod file;
#[cfg(test)]
mod fixture;
pub mod lines;
pub mod outcome;
pub mod recorded;
pub mod rules;
pub mod source;
pub mod svg;
#[cfg(test)]
mod tests;
pub mod track;
pub mod words;
