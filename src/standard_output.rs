//! The dry run's sink: exactly the datums that would be sent, as lines of JSON or as a table.

use crate::batch::Batch;
use crate::datum::Datum;
use crate::distribution::Statistics;
use crate::metric::{self, Formula};
use crate::sink::{Answer, Outcome, RetryCause, Sink};
use crate::table::Table;
use std::io::{self, Write};

/// Writes what it is given and accepts it.
#[derive(Debug)]
pub struct StandardOutput<W> {
    out: W,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One line a datum, in the API's own shape.
    Lines,
    /// For people: one row a datum, under a header for each batch.
    Table,
}

impl<W: Write> StandardOutput<W> {
    pub fn new(out: W, form: Form) -> StandardOutput<W> {
        StandardOutput { out, form }
    }

    pub fn into_inner(self) -> W {
        self.out
    }

    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        match self.form {
            Form::Lines => {
                for datum in &batch.datums {
                    serde_json::to_writer(&mut self.out, datum)?;
                    self.out.write_all(b"\n")?;
                }
            }
            Form::Table => {
                writeln!(self.out, "{}", batch.namespace)?;
                let mut table = Table::new(&HEADER).with_figures(FIGURES);
                for datum in &batch.datums {
                    table.row(row(datum));
                }
                write!(self.out, "{table}")?;
            }
        }
        self.out.flush()
    }
}

impl<W: Write> Sink for StandardOutput<W> {
    async fn put(&mut self, batch: &Batch) -> Answer {
        let outcome = match self.write(batch) {
            Ok(()) => Outcome::Accepted,
            Err(error) => Outcome::Retry {
                cause: RetryCause::Setup,
                after: None,
                reason: format!("standard output: {error}"),
                ambiguous: false,
            },
        };
        Answer { outcome, service_time: None }
    }
}

fn row(datum: &Datum) -> [String; COLUMNS] {
    let pairs = datum.dimensions.iter().map(|pair| format!("{}={}", pair.name, pair.value));
    let summary = Summary::of(&datum.statistics);
    let seconds = if counts_events(datum) {
        "-".to_owned()
    } else {
        format!("{:.1}", summary.count as f64 / 10.0)
    };
    [
        datum.name.to_string(),
        pairs.collect::<Vec<_>>().join(","),
        datum.timestamp.to_string(),
        datum.unit.to_string(),
        figure(summary.minimum),
        figure(summary.average),
        figure(summary.maximum),
        seconds,
        summary.values,
    ]
}

/// Its count isn't covered time but the parts that counted events.
fn counts_events(datum: &Datum) -> bool {
    metric::native(&datum.name).is_some_and(|metric| matches!(metric.formula, Formula::Events(_)))
        || datum.name.starts_with("Agent")
}

struct Summary {
    minimum: f64,
    average: f64,
    maximum: f64,
    count: u64,
    values: String,
}

impl Summary {
    fn of(statistics: &Statistics) -> Summary {
        match statistics {
            Statistics::Values { values, counts } => {
                let count: u64 = counts.iter().sum();
                let pairs = values.iter().zip(counts.iter());
                let sum: f64 = pairs.map(|(value, &count)| value * count as f64).sum();
                let s = if values.len() == 1 { "" } else { "s" };
                Summary {
                    minimum: values.iter().copied().fold(f64::INFINITY, f64::min),
                    average: sum / count as f64,
                    maximum: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    count,
                    values: format!("{} value{s}", values.len()),
                }
            }
            Statistics::Set { sample_count, sum, minimum, maximum } => Summary {
                minimum: *minimum,
                average: sum / *sample_count as f64,
                maximum: *maximum,
                count: *sample_count,
                values: "set".to_owned(),
            },
        }
    }
}

/// At most two decimals: bytes and counts are whole.
fn figure(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.2}") }
}

const HEADER: [&str; COLUMNS] = [
    "METRIC",
    "DIMENSIONS",
    "PERIOD",
    "UNIT",
    "MINIMUM",
    "AVERAGE",
    "MAXIMUM",
    "SECONDS",
    "SENT AS",
];
const COLUMNS: usize = 9;
/// The columns from the minimum to the seconds.
const FIGURES: std::ops::Range<usize> = 4..8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::datum::Resolution;
    use crate::dimension::Dimension;
    use crate::units::Unit;
    use expect_test::{Expect, expect};
    use std::sync::Arc;

    fn datum(name: &'static str, unit: Unit, statistics: Statistics) -> Datum {
        Datum {
            namespace: "EC2/Memory".into(),
            name: name.into(),
            dimensions: Arc::new([Dimension { name: "InstanceId".into(), value: "i-0abc".into() }]),
            timestamp: Timestamp(1_795_443_660_000),
            unit,
            resolution: Resolution::Standard,
            statistics,
        }
    }

    fn check(form: Form, expected: Expect) {
        let values = Statistics::Values { values: [15.9, 16.25].into(), counts: [590, 10].into() };
        let one = Statistics::Values { values: [2.0].into(), counts: [1].into() };
        let set = Statistics::Set { sample_count: 600, sum: 6e11, minimum: 9.5e8, maximum: 1.05e9 };
        let datums = vec![
            datum("MemoryUsedPercent", Unit::Percent, values),
            datum("OomKills", Unit::Count, one),
            datum("MemoryAvailable", Unit::Bytes, set),
        ];
        let mut sink = StandardOutput::new(Vec::new(), form);
        let batch = Batch { namespace: "EC2/Memory".into(), datums };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(sink.put(&batch));
        assert_eq!(answer.outcome, Outcome::Accepted);
        expected.assert_eq(&String::from_utf8(sink.into_inner()).unwrap());
    }

    #[test]
    fn the_table_is_aligned() {
        check(
            Form::Table,
            expect![[r#"
                EC2/Memory
                METRIC             DIMENSIONS         PERIOD                UNIT       MINIMUM     AVERAGE     MAXIMUM  SECONDS  SENT AS
                MemoryUsedPercent  InstanceId=i-0abc  2026-11-23T14:21:00Z  Percent      15.90       15.91       16.25     60.0  2 values
                OomKills           InstanceId=i-0abc  2026-11-23T14:21:00Z  Count            2           2           2        -  1 value
                MemoryAvailable    InstanceId=i-0abc  2026-11-23T14:21:00Z  Bytes    950000000  1000000000  1050000000     60.0  set
            "#]],
        );
    }

    #[test]
    fn lines_are_the_api_s() {
        check(
            Form::Lines,
            expect![[r#"
            {"Namespace":"EC2/Memory","MetricName":"MemoryUsedPercent","Dimensions":[{"Name":"InstanceId","Value":"i-0abc"}],"Timestamp":"2026-11-23T14:21:00Z","Unit":"Percent","StorageResolution":60,"Values":[15.9,16.25],"Counts":[590,10]}
            {"Namespace":"EC2/Memory","MetricName":"OomKills","Dimensions":[{"Name":"InstanceId","Value":"i-0abc"}],"Timestamp":"2026-11-23T14:21:00Z","Unit":"Count","StorageResolution":60,"Values":[2.0],"Counts":[1]}
            {"Namespace":"EC2/Memory","MetricName":"MemoryAvailable","Dimensions":[{"Name":"InstanceId","Value":"i-0abc"}],"Timestamp":"2026-11-23T14:21:00Z","Unit":"Bytes","StorageResolution":60,"StatisticValues":{"SampleCount":600,"Sum":600000000000.0,"Minimum":950000000.0,"Maximum":1050000000.0}}
        "#]],
        );
    }

    #[test]
    fn a_closed_pipe_is_said() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let batch = Batch { namespace: "EC2/Memory".into(), datums: Vec::new() };
        let mut sink = StandardOutput::new(Closed, Form::Table);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let Outcome::Retry { reason, .. } = runtime.block_on(sink.put(&batch)).outcome else {
            panic!("a closed pipe takes nothing");
        };
        assert_eq!(reason, "standard output: broken pipe");
    }
}
