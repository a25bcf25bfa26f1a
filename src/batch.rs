//! A batch: one PutMetricData request, as full as the service's limits allow.
//!
//! Sizes are those of the body that the SDK really sends (rpc-v2-cbor, before compression),
//! counted here without encoding it; a test holds the count to the SDK's own bytes.

use crate::datum::Datum;
use crate::dimension::Dimension;
use crate::distribution::Statistics;
use std::rc::Rc;

/// API reference, PutMetricData, `MetricData.member.N`.
pub const MAX_DATUMS: usize = 1_000;
/// API reference, PutMetricData: "1 MB" a request, taken before compression.
pub const MAX_BYTES: usize = 1_048_576;

/// Datums of one namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub namespace: Rc<str>,
    pub datums: Vec<Datum>,
}

impl Batch {
    /// The length of the request's body in bytes, before compression.
    pub fn body_bytes(&self) -> usize {
        let datums: usize = self.datums.iter().map(datum_bytes).sum();
        frame_bytes(&self.namespace) + list_head(self.datums.len()) + datums
    }

    /// Two batches that together are this one; `None` where it has no two datums.
    pub fn halves(mut self) -> Option<(Batch, Batch)> {
        let middle = self.datums.len() / 2;
        if middle == 0 {
            return None;
        }
        let second =
            Batch { namespace: self.namespace.clone(), datums: self.datums.split_off(middle) };
        Some((self, second))
    }
}

/// The fewest requests for these datums, each within the limits. Within a namespace the datums keep
/// their order; namespaces come in the order of their first datum.
pub fn batches(datums: impl IntoIterator<Item = Datum>) -> Vec<Batch> {
    let mut open: Vec<Filling> = Vec::new();
    for datum in datums {
        match open.iter_mut().find(|filling| filling.batch.namespace == datum.namespace) {
            Some(filling) => filling.push(datum),
            None => open.push(Filling::new(datum)),
        }
    }
    open.into_iter().flat_map(Filling::finish).collect()
}

/// The batch of one namespace that still has room, behind those that are full.
struct Filling {
    full: Vec<Batch>,
    batch: Batch,
    bytes: usize,
}

impl Filling {
    fn new(datum: Datum) -> Filling {
        let namespace = datum.namespace.clone();
        let bytes = frame_bytes(&namespace) + datum_bytes(&datum);
        Filling { full: Vec::new(), batch: Batch { namespace, datums: vec![datum] }, bytes }
    }

    fn push(&mut self, datum: Datum) {
        let size = datum_bytes(&datum);
        if self.batch.datums.len() == MAX_DATUMS || self.bytes + size > ROOM {
            let namespace = self.batch.namespace.clone();
            let full = std::mem::replace(&mut self.batch, Batch { namespace, datums: Vec::new() });
            self.full.push(full);
            self.bytes = frame_bytes(&self.batch.namespace);
        }
        self.bytes += size;
        self.batch.datums.push(datum);
    }

    fn finish(mut self) -> Vec<Batch> {
        self.full.push(self.batch);
        self.full
    }
}

/// What a request has beside its list of datums: `{"Namespace": …, "MetricData": …}`.
fn frame_bytes(namespace: &str) -> usize {
    OPEN_AND_BREAK + text("Namespace") + text(namespace) + text("MetricData")
}

/// What one datum takes in a request's body.
pub fn datum_bytes(datum: &Datum) -> usize {
    let dimensions: usize = datum.dimensions.iter().map(dimension_bytes).sum();
    OPEN_AND_BREAK
        + text("MetricName")
        + text(&datum.name)
        + text("Dimensions")
        + list_head(datum.dimensions.len())
        + dimensions
        + text("Timestamp")
        + TIMESTAMP
        + statistics_bytes(&datum.statistics)
        + text("Unit")
        + text(datum.unit.as_str())
        + text("StorageResolution")
        + integer(datum.resolution.seconds().unsigned_abs().into())
}

fn dimension_bytes(dimension: &Dimension) -> usize {
    OPEN_AND_BREAK + text("Name") + text(&dimension.name) + text("Value") + text(&dimension.value)
}

fn statistics_bytes(statistics: &Statistics) -> usize {
    match statistics {
        Statistics::Values { values, counts } => {
            text("Values")
                + list_head(values.len())
                + values.len() * DOUBLE
                + text("Counts")
                + list_head(counts.len())
                + counts.len() * DOUBLE
        }
        Statistics::Set { .. } => {
            let names = ["SampleCount", "Sum", "Minimum", "Maximum"];
            let members: usize = names.iter().map(|name| text(name) + DOUBLE).sum();
            text("StatisticValues") + OPEN_AND_BREAK + members
        }
    }
}

fn text(text: &str) -> usize {
    integer(text.len() as u64) + text.len()
}

fn list_head(length: usize) -> usize {
    integer(length as u64)
}

/// A CBOR head with this argument (RFC 8949, 3): in the initial byte, or in 1, 2, 4 or 8 more.
fn integer(value: u64) -> usize {
    match value {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

/// The list's own head, for as many datums as a request may have, is at most three bytes.
const ROOM: usize = MAX_BYTES - 3;
/// A map of indefinite length: its head and its break.
const OPEN_AND_BREAK: usize = 2;
/// A head and 64 bits.
const DOUBLE: usize = 9;
/// Tag 1 and a double.
const TIMESTAMP: usize = 1 + DOUBLE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::datum::Resolution;
    use crate::units::Unit;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;

    /// Sizes vary from small datums to the largest that the service takes.
    fn any_datum() -> impl Strategy<Value = Datum> {
        let values = proptest::collection::vec(-1e9..1e9, 1..150usize);
        (0..3u8, 0..30usize, 1..1_024usize, values, 0..2_000_000_000i64).prop_map(
            |(namespace, dimensions, length, values, second)| {
                let dimension =
                    |place| Dimension { name: format!("Name{place}"), value: "v".repeat(length) };
                Datum {
                    namespace: ["EC2/Memory", "CWAgent", "System/Linux"][usize::from(namespace)]
                        .into(),
                    name: "MemoryUsedPercent".into(),
                    dimensions: (0..dimensions).map(dimension).collect(),
                    timestamp: Timestamp(second * 1_000),
                    unit: Unit::Percent,
                    resolution: Resolution::Standard,
                    statistics: Statistics::Values { counts: vec![10; values.len()], values },
                }
            },
        )
    }

    fn check(datums: Vec<Datum>) -> Result<(), TestCaseError> {
        let batches = batches(datums.clone());
        for batch in &batches {
            prop_assert!(batch.datums.len() <= MAX_DATUMS && !batch.datums.is_empty());
            prop_assert!(batch.body_bytes() <= MAX_BYTES);
            prop_assert!(batch.datums.iter().all(|datum| datum.namespace == batch.namespace));
        }
        for namespace in ["EC2/Memory", "CWAgent", "System/Linux"] {
            let of = |datum: &&Datum| &*datum.namespace == namespace;
            let sent: Vec<&Datum> =
                batches.iter().flat_map(|batch| &batch.datums).filter(of).collect();
            prop_assert_eq!(sent, datums.iter().filter(of).collect::<Vec<_>>());
        }
        Ok(())
    }

    #[test]
    fn a_thousand_small_datums_are_one_request() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut datum = any_datum().new_tree(&mut runner).unwrap().current();
        datum.dimensions = Rc::new([]);
        datum.statistics = Statistics::Values { values: vec![1.0], counts: vec![1] };
        let lengths = |count| -> Vec<usize> {
            batches(vec![datum.clone(); count]).iter().map(|batch| batch.datums.len()).collect()
        };
        assert_eq!(lengths(1_000), [1_000]);
        assert_eq!(lengths(2_001), [1_000, 1_000, 1]);
        assert!(lengths(0).is_empty());
    }

    #[test]
    fn halves_are_the_whole() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let datum = any_datum().new_tree(&mut runner).unwrap().current();
        let batch = Batch { namespace: datum.namespace.clone(), datums: vec![datum; 5] };
        let (first, second) = batch.clone().halves().unwrap();
        assert_eq!([first.datums, second.datums].concat(), batch.datums);
        let one = Batch { datums: batch.datums[..1].to_vec(), ..batch };
        assert!(one.halves().is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn batches_lose_nothing_and_keep_the_limits(datums in proptest::collection::vec(any_datum(), 0..300)) {
            check(datums)?;
        }

        #[test]
        fn repeated_datums_fill_many_requests(datum in any_datum(), count in 0..3_000usize) {
            check(vec![datum; count])?;
        }
    }
}
