//! CloudWatch's MetricDatum: a figure under one exact dimension set.

use crate::clock::Timestamp;
use crate::dimension::Dimension;
use crate::distribution::Statistics;
use crate::metric::NATIVELY;
use crate::units::Unit;
use crate::window::Figure;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    pub namespace: Arc<str>,
    pub name: Cow<'static, str>,
    pub dimensions: Arc<[Dimension]>,
    pub timestamp: Timestamp,
    pub unit: Unit,
    pub resolution: Resolution,
    pub statistics: Statistics,
}

/// CloudWatch's StorageResolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    High,
    Standard,
}

impl Resolution {
    /// Periods under a minute are high resolution: kept by the second for three hours.
    pub fn of(period: Duration) -> Resolution {
        if period < Duration::from_secs(60) { Resolution::High } else { Resolution::Standard }
    }

    /// The API's number, in seconds.
    pub const fn seconds(self) -> i32 {
        match self {
            Resolution::High => 1,
            Resolution::Standard => 60,
        }
    }
}

impl Datum {
    /// The dimension of what is said of a whole cluster.
    pub const CLUSTER: &str = "Cluster";

    /// Said of the cluster, not of this host.
    pub fn is_summary(&self) -> bool {
        let of_cluster = matches!(&*self.dimensions, [only] if only.name == Datum::CLUSTER);
        of_cluster && self.name.starts_with(Datum::CLUSTER)
    }

    pub fn new(
        namespace: Arc<str>,
        dimensions: Arc<[Dimension]>,
        resolution: Resolution,
        figure: &Figure,
    ) -> Datum {
        Datum {
            namespace,
            name: figure.name.clone(),
            dimensions,
            timestamp: figure.timestamp,
            unit: figure.unit,
            resolution,
            statistics: figure.statistics.clone(),
        }
    }
}

/// A datum less its namespace and the host's dimensions: what is left is the figure's own. Whoever
/// takes it knows its publication.
impl From<Datum> for Figure {
    fn from(datum: Datum) -> Figure {
        let Datum { name, unit, timestamp, statistics, dimensions, .. } = datum;
        let beside = dimensions.first().cloned();
        Figure { name, publication: NATIVELY, unit, timestamp, statistics, beside }
    }
}

/// The API's own shape in JSON: less its Namespace, a line is what
/// `aws cloudwatch put-metric-data --metric-data` takes. Absent fields are absent, not null.
impl Serialize for Datum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Namespace", &*self.namespace)?;
        map.serialize_entry("MetricName", &self.name)?;
        map.serialize_entry("Dimensions", &*self.dimensions)?;
        map.serialize_entry("Timestamp", &self.timestamp.to_string())?;
        map.serialize_entry("Unit", self.unit.as_str())?;
        map.serialize_entry("StorageResolution", &self.resolution.seconds())?;
        match &self.statistics {
            Statistics::Values { values, counts } => {
                map.serialize_entry("Values", &**values)?;
                map.serialize_entry("Counts", &**counts)?;
            }
            Statistics::Set { sample_count, sum, minimum, maximum } => {
                let set = StatisticValues {
                    sample_count: *sample_count,
                    sum: *sum,
                    minimum: *minimum,
                    maximum: *maximum,
                };
                map.serialize_entry("StatisticValues", &set)?;
            }
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticValues {
    sample_count: u64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl Serialize for Dimension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("Name", &self.name)?;
        map.serialize_entry("Value", &self.value)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(statistics: Statistics, expected: Expect) {
        let datum = Datum {
            namespace: "EC2/Memory".into(),
            name: "MemoryUsedPercent".into(),
            dimensions: Arc::new([Dimension { name: "InstanceId".into(), value: "i-0abc".into() }]),
            timestamp: Timestamp(1_795_443_660_000),
            unit: Unit::Percent,
            resolution: Resolution::of(Duration::from_secs(60)),
            statistics,
        };
        expected.assert_eq(&serde_json::to_string(&datum).unwrap());
    }

    #[test]
    fn lines_have_the_shape_of_the_api() {
        check(
            Statistics::Values { values: [15.9, 16.0].into(), counts: [590, 10].into() },
            expect![[
                r#"{"Namespace":"EC2/Memory","MetricName":"MemoryUsedPercent","Dimensions":[{"Name":"InstanceId","Value":"i-0abc"}],"Timestamp":"2026-11-23T14:21:00Z","Unit":"Percent","StorageResolution":60,"Values":[15.9,16.0],"Counts":[590,10]}"#
            ]],
        );
        check(
            Statistics::Set { sample_count: 600, sum: 9_541.0, minimum: 15.9, maximum: 16.0 },
            expect![[
                r#"{"Namespace":"EC2/Memory","MetricName":"MemoryUsedPercent","Dimensions":[{"Name":"InstanceId","Value":"i-0abc"}],"Timestamp":"2026-11-23T14:21:00Z","Unit":"Percent","StorageResolution":60,"StatisticValues":{"SampleCount":600,"Sum":9541.0,"Minimum":15.9,"Maximum":16.0}}"#
            ]],
        );
    }
}
