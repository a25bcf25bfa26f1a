//! A batch: one PutMetricData request, as full as the service's limits allow.
//!
//! Sizes are those of the body that the SDK really sends (rpc-v2-cbor, before compression),
//! counted here without encoding it; a test holds the count to the SDK's own bytes.

use crate::datum::Datum;
use crate::dimension::Dimension;
use crate::distribution::Statistics;
use std::sync::Arc;

/// API reference, PutMetricData, `MetricData.member.N`.
pub const MAX_DATUMS: usize = 1_000;
/// API reference, PutMetricData: "1 MB" a request, taken before compression.
pub const MAX_BYTES: usize = 1_048_576;

/// Datums of one namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub namespace: Arc<str>,
    pub datums: Vec<Datum>,
}

impl Batch {
    /// The length of the request's body in bytes, before compression.
    pub fn body_bytes(&self) -> usize {
        let datums: usize = self.datums.iter().map(datum_bytes).sum();
        frame_bytes(&self.namespace) + list_head(self.datums.len()) + datums
    }
}

/// The fewest requests for these datums, each within the limits. Within a namespace the datums keep
/// their order; namespaces come in the order of their first datum.
pub fn batches(datums: impl IntoIterator<Item = Datum>) -> Vec<Batch> {
    parcels(datums.into_iter().map(|datum| ((), datum)))
        .into_iter()
        .map(|parcel| parcel.batch)
        .collect()
}

/// A batch whose datums are remembered by where they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcel<T> {
    pub batch: Batch,
    /// One for each datum.
    pub origins: Vec<T>,
}

/// `batches`, each datum with its origin.
pub fn parcels<T>(datums: impl IntoIterator<Item = (T, Datum)>) -> Vec<Parcel<T>> {
    let mut open: Vec<Filling<T>> = Vec::new();
    for (origin, datum) in datums {
        let same = |filling: &&mut Filling<T>| filling.parcel.batch.namespace == datum.namespace;
        match open.iter_mut().find(same) {
            Some(filling) => filling.push(origin, datum),
            None => {
                let mut filling = Filling::new(datum.namespace.clone());
                filling.push(origin, datum);
                open.push(filling);
            }
        }
    }
    open.into_iter().flat_map(Filling::finish).collect()
}

impl<T> Parcel<T> {
    fn new(namespace: Arc<str>) -> Parcel<T> {
        Parcel { batch: Batch { namespace, datums: Vec::new() }, origins: Vec::new() }
    }

    /// Two parcels that together are this one, the first half of it; `None` for a single datum.
    pub fn halves(mut self) -> Option<(Parcel<T>, Parcel<T>)> {
        let middle = self.batch.datums.len() / 2;
        if middle == 0 {
            return None;
        }
        let datums = self.batch.datums.split_off(middle);
        let batch = Batch { namespace: self.batch.namespace.clone(), datums };
        let second = Parcel { batch, origins: self.origins.split_off(middle) };
        Some((self, second))
    }
}

/// The parcel of one namespace that still has room, behind those that are full.
struct Filling<T> {
    full: Vec<Parcel<T>>,
    parcel: Parcel<T>,
    bytes: usize,
}

impl<T> Filling<T> {
    fn new(namespace: Arc<str>) -> Filling<T> {
        let bytes = frame_bytes(&namespace);
        Filling { full: Vec::new(), parcel: Parcel::new(namespace), bytes }
    }

    fn push(&mut self, origin: T, datum: Datum) {
        let size = datum_bytes(&datum);
        let count = self.parcel.batch.datums.len();
        if count == MAX_DATUMS || (count > 0 && self.bytes + size > ROOM) {
            let namespace = self.parcel.batch.namespace.clone();
            self.bytes = frame_bytes(&namespace);
            self.full.push(std::mem::replace(&mut self.parcel, Parcel::new(namespace)));
        }
        self.bytes += size;
        self.parcel.batch.datums.push(datum);
        self.parcel.origins.push(origin);
    }

    fn finish(mut self) -> Vec<Parcel<T>> {
        self.full.push(self.parcel);
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
                    statistics: Statistics::Values {
                        counts: vec![10; values.len()].into(),
                        values: values.into(),
                    },
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
        datum.dimensions = Arc::new([]);
        datum.statistics = Statistics::Values { values: [1.0].into(), counts: [1].into() };
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
        let parcel = parcels((0..5).map(|place| (place, datum.clone()))).remove(0);
        let (first, second) = parcel.clone().halves().unwrap();
        assert_eq!([first.batch.datums, second.batch.datums].concat(), parcel.batch.datums);
        assert_eq!([first.origins, second.origins].concat(), parcel.origins);
        assert!(parcels([((), datum)]).remove(0).halves().is_none());
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
