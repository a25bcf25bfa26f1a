//! The CloudWatch double, held against the real SDK: what it accepts, refuses and plays.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "all of this file is tests")]

#[path = "cloudwatch_double/limits.rs"]
mod limits;
#[path = "cloudwatch_double/raw.rs"]
mod raw;
#[path = "cloudwatch_double/scripts.rs"]
mod scripts;
mod support;

use std::fmt::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Region, SharedHttpClient};
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use support::cloudwatch::{
    Behaviour, Clock, Double, Fault, Figures, Poison, Seen, Series, Statistics,
};
use support::http::{plain, tls};

const MINUTE: Duration = Duration::from_secs(60);
const TEN_SECONDS: Duration = Duration::from_secs(10);

#[test]
fn stores_what_the_sdk_sends() {
    let double = fixed();
    let datum = datum("MemoryUsedPercent")
        .dimensions(dimension("InstanceType", "m7g.large"))
        .dimensions(dimension("InstanceId", "i-1"))
        .timestamp(DateTime::from(now()))
        .unit(StandardUnit::Percent)
        .set_value(None)
        .values(10.0)
        .values(20.5)
        .counts(590.0)
        .counts(10.0)
        .build();
    assert_eq!(put(&double, vec![datum]), "accepted");

    let seen = double.seen();
    let [request] = &seen.accepted[..] else { unreachable!("{seen:?}") };
    assert_eq!(request.namespace, "EC2/Memory");
    assert_eq!(request.access_key_id, "AKIDTEST");
    assert_eq!(request.region, "eu-central-1");
    assert!(request.user_agent.contains("aws-sdk-rust"), "{}", request.user_agent);
    assert!(!request.gzip);
    let [datum] = &request.datums[..] else { unreachable!("{request:?}") };
    assert_eq!(datum.dimensions[0], ("InstanceId".to_owned(), "i-1".to_owned()));
    assert_eq!(datum.dimension("InstanceType"), Some("m7g.large"));
    assert_eq!(datum.timestamp, now());
    assert_eq!(datum.unit.as_deref(), Some("Percent"));
    assert_eq!(datum.resolution, 60);
    assert_eq!(datum.figures, Figures::Values(vec![(10.0, 590.0), (20.5, 10.0)]));
    assert_eq!((seen.connections, seen.requests, seen.refused.len()), (1, 1, 0));
}

#[test]
fn a_thousand_datums_come_gzipped() {
    let double = fixed();
    assert_eq!(put(&double, vec![datum("M").build(); 1_000]), "accepted");
    let request = &double.seen().accepted[0];
    assert!(request.gzip);
    assert!(request.bytes_on_wire < request.bytes, "{request:?}");
    assert_eq!(request.datums.len(), 1_000);
}

#[test]
fn speaks_tls_with_an_authority_of_its_own() {
    let double = Double::builder().tls(true).start().unwrap();
    assert!(double.url().starts_with("https://127.0.0.1:"));
    assert_eq!(put_with(&tls(double.ca_pem()), &double, vec![datum("M").build()]), "accepted");
    assert_eq!(double.seen().accepted.len(), 1);
}

#[test]
fn another_authority_is_not_trusted() {
    let double = Double::builder().tls(true).start().unwrap();
    let other = Double::builder().tls(true).start().unwrap();
    let outcome = put_with(&tls(other.ca_pem()), &double, vec![datum("M").build()]);
    assert_eq!(outcome, "not sent");
    double.wait_for(TEN_SECONDS, |seen| seen.failed_handshakes == 1).unwrap();
}

#[test]
fn a_stopped_double_refuses_and_comes_back_on_its_port() {
    let mut double = Double::builder().reserve().unwrap();
    let url = double.url();
    assert_eq!(put(&double, vec![datum("M").build()]), "not sent");
    for _ in 0..3 {
        double.start_again();
        assert_eq!(put(&double, vec![datum("M").build()]), "accepted");
        double.stop();
        assert_eq!(put(&double, vec![datum("M").build()]), "not sent");
    }
    assert_eq!(double.url(), url);
    let seen = double.seen();
    assert_eq!((seen.accepted.len(), seen.requests, seen.connections), (3, 3, 3));
}

#[test]
fn a_dropped_double_closes_its_port() {
    let double = Double::start();
    let address = double.address();
    drop(double);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn waiting_ends_with_the_event_or_with_a_report() {
    let double = Double::start();
    let started = Instant::now();
    let report = double.wait_for(Duration::from_millis(50), |_| false).unwrap_err().to_string();
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert!(report.contains("0 requests on 0 connections: 0 accepted"), "{report}");

    let seen = std::thread::scope(|scope| {
        scope.spawn(|| put(&double, vec![datum("M").build()]));
        double.wait_for(TEN_SECONDS, |seen| seen.accepted.len() == 1).unwrap()
    });
    assert!(started.elapsed() < TEN_SECONDS);
    assert_eq!(seen.datums().count(), 1);
}

#[test]
fn parts_of_a_period_add_up() {
    let double = fixed();
    let part = |value, count| {
        let start = DateTime::from(now());
        let part = datum("M").dimensions(dimension("Host", "db1")).unit(StandardUnit::Percent);
        part.timestamp(start).set_value(None).values(value).counts(count).build()
    };
    assert_eq!(put(&double, vec![part(10.0, 590.0)]), "accepted");
    assert_eq!(put(&double, vec![part(90.0, 10.0)]), "accepted");
    let later = datum("M").dimensions(dimension("Host", "db1")).unit(StandardUnit::Percent);
    let later = later.timestamp(DateTime::from(now() + MINUTE)).build();
    assert_eq!(put(&double, vec![later]), "accepted");

    let seen = double.seen();
    let series = Series::new("EC2/Memory", "M").dimension("Host", "db1");
    assert_eq!(seen.series().into_iter().collect::<Vec<_>>(), [series.clone().unit("Percent")]);
    let whole = seen.statistics(&series, now(), MINUTE).unwrap();
    let figures = [whole.minimum, whole.maximum, whole.sum, whole.sample_count];
    assert_eq!(figures, [10.0, 90.0, 6_800.0, 600.0]);
    assert_eq!(whole.average(), 6_800.0 / 600.0);
    assert_eq!(whole.percentile(98.0), Some(10.0));
    assert_eq!(whole.percentile(99.0), Some(90.0));
    assert_eq!(seen.periods(&series, MINUTE).len(), 2);
    assert_eq!(seen.statistics(&series.clone().unit("Bytes"), now(), MINUTE), None);
    assert_eq!(seen.statistics(&Series::new("EC2/Memory", "M"), now(), MINUTE), None);
}

#[test]
fn percentiles_need_raw_values() {
    let set =
        |sample_count, sum, minimum, maximum| Figures::Set { sample_count, sum, minimum, maximum };
    let cases = [
        (vec![Figures::Value(1.0), Figures::Value(3.0), Figures::Value(2.0)], Some(2.0)),
        // By nearest rank: the half is reached at the smaller one.
        (vec![Figures::Value(1.0), Figures::Value(2.0)], Some(1.0)),
        (vec![set(4.0, 8.0, 2.0, 2.0)], Some(2.0)),
        (vec![set(4.0, 9.0, 2.0, 3.0)], None),
        (vec![Figures::Value(1.0), set(4.0, 9.0, 2.0, 3.0)], None),
        (vec![Figures::Value(-1.0), Figures::Value(5.0)], None),
    ];
    for (figures, median) in cases {
        let statistics = Statistics::of(&figures).unwrap();
        assert_eq!(statistics.percentile(50.0), median, "{figures:?}");
    }
    assert_eq!(Statistics::of(&[]), None);
}

/// A double whose time stands still.
fn fixed() -> Double {
    Double::builder().clock(Clock::from_fn(now)).start().unwrap()
}

/// 2026-11-23T14:21:00Z
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_443_660)
}

fn datum(name: &str) -> aws_sdk_cloudwatch::types::builders::MetricDatumBuilder {
    MetricDatum::builder().metric_name(name).value(1.0)
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

fn put(double: &Double, datums: Vec<MetricDatum>) -> String {
    put_with(&plain(), double, datums)
}

fn put_with(http: &SharedHttpClient, double: &Double, datums: Vec<MetricDatum>) -> String {
    send(config(http, &double.url()).build(), "EC2/Memory", datums)
}

/// Sends with the real SDK and says in a line what it made of the answer.
fn send(config: Config, namespace: &str, datums: Vec<MetricDatum>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = aws_sdk_cloudwatch::Client::from_conf(config);
    let put = client.put_metric_data().namespace(namespace).set_metric_data(Some(datums)).send();
    let error = match runtime.block_on(put) {
        Ok(_) => return "accepted".to_owned(),
        Err(error) => error,
    };
    match &error {
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        SdkError::DispatchFailure(_) => "not sent".to_owned(),
        SdkError::ResponseError(_) | SdkError::ServiceError(_) => {
            let response = error.raw_response().unwrap();
            let mut text = response.status().to_string();
            match (error.code(), error.message()) {
                (Some(code), message) => {
                    write!(text, " {code}: {}", message.unwrap_or("no message")).unwrap();
                    assert_eq!(response.headers().get("smithy-protocol"), Some("rpc-v2-cbor"));
                    assert!(response.headers().get("x-amzn-requestid").is_some());
                }
                (None, _) => text += " unreadable",
            }
            for name in ["x-amz-retry-after", "retry-after"] {
                if let Some(after) = response.headers().get(name) {
                    write!(text, ", {name} {after}").unwrap();
                }
            }
            text
        }
        other => format!("{other:?}"),
    }
}

fn config(http: &SharedHttpClient, url: &str) -> aws_sdk_cloudwatch::config::Builder {
    let token = Some("token".to_owned());
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("AKIDTEST", "secret", token, None, "test"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(TEN_SECONDS).build())
        .http_client(http.clone())
}
