//! A datum's line in a file of the spool, as it is read back.

use crate::clock::Timestamp;
use crate::datum::{Datum, Resolution};
use crate::dimension::Dimension;
use crate::distribution::Statistics;
use crate::metric;
use crate::preset;
use crate::spool::text::Damage;
use crate::units::Unit;
use serde::Deserialize;
use std::borrow::Cow;

/// The shape in which `Datum` writes itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DatumIn {
    namespace: String,
    metric_name: String,
    dimensions: Vec<Dimension>,
    timestamp: String,
    unit: String,
    storage_resolution: i32,
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    counts: Vec<u64>,
    statistic_values: Option<SetIn>,
}

/// A metric of ours or of a preset needs no name of its own in memory.
fn named(name: String) -> Cow<'static, str> {
    match metric::native(&name) {
        Some(metric) => metric.name.clone(),
        None => preset::known(&name).map_or(Cow::Owned(name), Cow::Borrowed),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SetIn {
    sample_count: u64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl DatumIn {
    pub(super) fn datum(self, number: usize) -> Result<Datum, Damage> {
        let damaged = |what: String| Damage::Damaged(format!("line {number}: {what}"));
        let time = humantime::parse_rfc3339(&self.timestamp);
        let time =
            time.map_err(|error| damaged(format!("Timestamp {:?}: {error}", self.timestamp)))?;
        let unit: Unit = self.unit.parse().map_err(|error| damaged(format!("Unit: {error}")))?;
        let resolution = [Resolution::High, Resolution::Standard]
            .into_iter()
            .find(|resolution| resolution.seconds() == self.storage_resolution);
        let resolution = resolution.ok_or_else(|| {
            damaged(format!("StorageResolution is 1 or 60, not {}", self.storage_resolution))
        })?;
        let statistics = match self.statistic_values {
            Some(SetIn { sample_count, sum, minimum, maximum }) => {
                Statistics::Set { sample_count, sum, minimum, maximum }
            }
            None if self.values.len() == self.counts.len() && !self.values.is_empty() => {
                Statistics::Values { values: self.values.into(), counts: self.counts.into() }
            }
            None => {
                let (values, counts) = (self.values.len(), self.counts.len());
                return Err(damaged(format!("{values} Values with {counts} Counts")));
            }
        };
        Ok(Datum {
            namespace: self.namespace.into(),
            name: named(self.metric_name),
            dimensions: self.dimensions.into(),
            timestamp: Timestamp::from_system_time(time),
            unit,
            resolution,
            statistics,
        })
    }
}
