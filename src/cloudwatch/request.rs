//! A batch in the SDK's words.

use crate::batch::Batch;
use crate::datum::Datum;
use crate::distribution::Statistics;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::put_metric_data::builders::PutMetricDataFluentBuilder;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use aws_smithy_types::DateTime;

/// The PutMetricData request that carries `batch`.
pub fn put_metric_data(client: &Client, batch: &Batch) -> PutMetricDataFluentBuilder {
    client
        .put_metric_data()
        .namespace(&*batch.namespace)
        .set_metric_data(Some(batch.datums.iter().map(metric_datum).collect()))
}

fn metric_datum(datum: &Datum) -> MetricDatum {
    let dimension = |dimension: &crate::dimension::Dimension| {
        Dimension::builder().name(&dimension.name).value(&dimension.value).build()
    };
    let builder = MetricDatum::builder()
        .metric_name(&*datum.name)
        .set_dimensions(Some(datum.dimensions.iter().map(dimension).collect()))
        .timestamp(DateTime::from_millis(datum.timestamp.0))
        .unit(StandardUnit::from(datum.unit.as_str()))
        .storage_resolution(datum.resolution.seconds());
    match &datum.statistics {
        Statistics::Values { values, counts } => builder
            .set_values(Some(values.to_vec()))
            .set_counts(Some(counts.iter().map(|&count| count as f64).collect())),
        Statistics::Set { sample_count, sum, minimum, maximum } => builder.statistic_values(
            StatisticSet::builder()
                .sample_count(*sample_count as f64)
                .sum(*sum)
                .minimum(*minimum)
                .maximum(*maximum)
                .build(),
        ),
    }
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::datum::Resolution;
    use crate::units::Unit;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use aws_sdk_cloudwatch::Config;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use proptest::prelude::*;
    use std::sync::{Arc, Mutex};

    /// A body and its content encoding.
    type Sent = (Vec<u8>, Option<String>);

    /// Keeps the last request.
    #[derive(Debug, Clone, Default)]
    struct Capture(Arc<Mutex<Option<Sent>>>);

    impl HttpConnector for Capture {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let encoding = request.headers().get("content-encoding").map(str::to_owned);
            let body = request.body().bytes().unwrap().to_vec();
            *self.0.lock().unwrap() = Some((body, encoding));
            let mut response =
                HttpResponse::new(200.try_into().unwrap(), SdkBody::from(&[0xa0][..]));
            response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
            HttpConnectorFuture::ready(Ok(response))
        }
    }

    /// What the SDK really sends.
    fn sent(batch: &Batch, compressed: bool) -> Sent {
        let capture = Capture::default();
        let connector = SharedHttpConnector::new(capture.clone());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKIDTEST", "secret", None, None, "test"))
            .disable_request_compression(!compressed)
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let put = put_metric_data(&Client::from_conf(config), batch);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(put.send()).unwrap();
        let sent = capture.0.lock().unwrap().take();
        sent.unwrap()
    }

    fn any_statistics() -> impl Strategy<Value = Statistics> {
        let values = proptest::collection::vec((any::<f64>(), 1..1_000_000u64), 1..=150)
            .prop_map(|pairs| pairs.into_iter().unzip())
            .prop_map(|(values, counts): (Vec<_>, Vec<_>)| Statistics::Values {
                values: values.into(),
                counts: counts.into(),
            });
        let set = (1..u64::MAX, any::<f64>(), any::<f64>(), any::<f64>()).prop_map(
            |(sample_count, sum, minimum, maximum)| Statistics::Set {
                sample_count,
                sum,
                minimum,
                maximum,
            },
        );
        prop_oneof![values, set]
    }

    fn any_datum() -> impl Strategy<Value = Datum> {
        let dimension = ("[!-~]{1,255}", "[ -~]{1,300}")
            .prop_map(|(name, value)| crate::dimension::Dimension { name, value });
        let unit = proptest::sample::select(vec![
            Unit::Percent,
            Unit::Bytes,
            Unit::Count,
            Unit::CountPerSecond,
            Unit::None,
        ]);
        let dimensions = proptest::collection::vec(dimension, 0..=30);
        let parts = ("[!-~]{1,255}", dimensions, 0..4_000_000_000_000i64, unit, any::<bool>());
        (parts, any_statistics()).prop_map(|((name, dimensions, at, unit, high), statistics)| {
            Datum {
                namespace: "EC2/Memory".into(),
                name: name.into(),
                dimensions: dimensions.into(),
                timestamp: Timestamp(at),
                unit,
                resolution: if high { Resolution::High } else { Resolution::Standard },
                statistics,
            }
        })
    }

    /// A few datums repeated: their number, not their variety, makes a list's head longer.
    fn any_batch() -> impl Strategy<Value = Batch> {
        let datums = proptest::collection::vec(any_datum(), 1..4);
        let count = prop_oneof![1..=30usize, 250..=260usize, Just(1_000)];
        ("[!-~]{1,255}", datums, count).prop_map(|(namespace, datums, count)| Batch {
            namespace: namespace.as_str().into(),
            datums: datums.into_iter().cycle().take(count).collect(),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_counted_size_is_the_sdk_s(batch in any_batch()) {
            let (body, encoding) = sent(&batch, false);
            prop_assert_eq!(encoding, None);
            prop_assert_eq!(batch.body_bytes(), body.len());
        }
    }

    #[test]
    fn bodies_over_ten_kib_are_compressed() {
        let datum = Datum {
            namespace: "EC2/Memory".into(),
            name: "MemoryUsedPercent".into(),
            dimensions: std::sync::Arc::new([]),
            timestamp: Timestamp(1_795_443_660_000),
            unit: Unit::Percent,
            resolution: Resolution::Standard,
            statistics: Statistics::Values { values: [15.9].into(), counts: [600].into() },
        };
        let batch =
            |count| Batch { namespace: "EC2/Memory".into(), datums: vec![datum.clone(); count] };
        let (body, encoding) = sent(&batch(10), true);
        assert_eq!((body.len(), encoding), (batch(10).body_bytes(), None));
        let large = batch(1_000);
        let (body, encoding) = sent(&large, true);
        assert!(large.body_bytes() > 10_240 && body.len() < large.body_bytes() / 4);
        assert_eq!(encoding.as_deref(), Some("gzip"));
        let mut unpacked = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(&body[..]);
        std::io::Read::read_to_end(&mut decoder, &mut unpacked).unwrap();
        assert_eq!(unpacked.len(), large.body_bytes());
    }
}
