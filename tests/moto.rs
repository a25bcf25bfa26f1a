//! A second reading of what we send, by moto: an emulator that shares no code with the double.
//!
//! It validates next to nothing, which is the double's part; but it decodes with another library
//! and adds up by itself, and boto3 reads the result as any CloudWatch client would.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this file is tests")]
#![allow(clippy::disallowed_methods, reason = "it sends as of now, as the agent does")]

mod support;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Region};
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::builders::MetricDatumBuilder;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use serde_json::{Value, json};
use support::agent::Setup;
use support::moto::{Moto, python};

/// The agent itself: sampled from a capture, sent, decoded by moto, read back by boto3.
#[test]
fn moto_reads_what_the_agent_publishes() {
    let moto = Moto::start();
    let folder = tempfile::tempdir().unwrap();
    let capture = "tests/captures/meminfo/coreos-8g-kernel4.14-noswap";
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join(capture);
    std::fs::copy(capture, folder.path().join("meminfo")).unwrap();
    let config = format!(
        "[identity]\nec2 = false\nhost = \"db1\"\n[cloudwatch]\nendpoint_url = {:?}\n[sample]\nproc_root = {:?}\n",
        moto.bridge,
        folder.path(),
    );
    let before = minutes_ago(0);
    let output = Setup::new(&config).arguments(&["once"]).output();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    // The figure was computed apart from this program, from the same file.
    let used = 76.115_273_007_152_38;
    let read = moto.read_back("MemoryUsedPercent", before);
    let point = &read["statistics"][0];
    let start = point["Timestamp"].as_u64().unwrap();
    assert!(start == before || start == before + 60, "{read}");
    moto.check("MemoryUsedPercent", start, [used, used, used, used * 10.0, 10.0]);
}

#[test]
fn moto_reads_parts_as_one_period() {
    let moto = Moto::start();
    let start = minutes_ago(2);
    moto.put(vec![
        datum("MemoryUsedPercent", start)
            .values(10.0)
            .counts(580.0)
            .values(90.0)
            .counts(10.0)
            .build(),
        datum("OomKills", start).value(1.0).build(),
    ]);
    moto.put(vec![
        datum("MemoryUsedPercent", start).values(50.0).counts(10.0).build(),
        datum("OomKills", start).value(2.0).build(),
    ]);
    let used = [10.0, 90.0, 12.0, 7_200.0, 600.0];
    moto.check("MemoryUsedPercent", start, used);
    moto.check("OomKills", start, [1.0, 2.0, 1.5, 3.0, 2.0]);
}

#[test]
fn moto_reads_statistic_sets() {
    let moto = Moto::start();
    let start = minutes_ago(2);
    let set = StatisticSet::builder().sample_count(600.0).sum(7_200.0).minimum(10.0).maximum(90.0);
    moto.put(vec![datum("MemoryUsedPercent", start).statistic_values(set.build()).build()]);
    moto.check("MemoryUsedPercent", start, [10.0, 90.0, 12.0, 7_200.0, 600.0]);
}

#[test]
fn moto_reads_a_gzipped_request() {
    let moto = Moto::start();
    let start = minutes_ago(2);
    let datums = (0..1_000).map(|value| datum("M", start).value(f64::from(value)).build());
    moto.put(datums.collect());
    moto.check("M", start, [0.0, 999.0, 499.5, 499_500.0, 1_000.0]);
}

#[test]
fn the_bridge_passes_refusals_on() {
    let moto = Moto::start();
    let refused = moto.try_put(vec![datum("M", minutes_ago(2)).value(f64::NAN).build()]);
    assert_eq!(refused, Err(Some("InvalidParameterValue".to_owned())));
}

/// With figures: what is put, and how it is read back.
impl Moto {
    fn put(&self, datums: Vec<MetricDatum>) {
        assert_eq!(self.try_put(datums), Ok(()));
    }

    /// The error's code, where it was refused.
    fn try_put(&self, datums: Vec<MetricDatum>) -> Result<(), Option<String>> {
        let timeout = TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(&self.bridge)
            .credentials_provider(Credentials::new("AKIDTEST", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeout)
            .http_client(support::http::plain())
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let put = Client::from_conf(config).put_metric_data();
        let put = put.namespace(NAMESPACE).set_metric_data(Some(datums)).send();
        let answer = runtime.block_on(put);
        answer.map(drop).map_err(|error| error.code().map(str::to_owned))
    }

    /// Compares minimum, maximum, average, sum and sample count of the one period that is there.
    fn check(&self, metric: &str, start: u64, expected: [f64; 5]) {
        let read = self.read_back(metric, start);
        let [minimum, maximum, average, sum, sample_count] = expected;
        let points = json!([{
            "Timestamp": start, "Unit": "Percent", "Minimum": minimum, "Maximum": maximum,
            "Average": average, "Sum": sum, "SampleCount": sample_count,
        }]);
        assert_eq!(read["statistics"], points, "{metric}, GetMetricStatistics");
        let data = json!({
            "minimum": [minimum], "maximum": [maximum], "average": [average], "sum": [sum],
            "samplecount": [sample_count],
        });
        assert_eq!(read["data"], data, "{metric}, GetMetricData");
    }

    fn read_back(&self, metric: &str, start: u64) -> Value {
        let (from, to) = (start - 300, start + 300);
        let mut read = python("tests/moto/read_back.py");
        read.args([&self.moto, NAMESPACE, metric, &from.to_string(), &to.to_string(), "Host=db1"]);
        let output = read.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "read_back.py: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn datum(name: &str, start: u64) -> MetricDatumBuilder {
    let host = Dimension::builder().name("Host").value("db1").build();
    let start = DateTime::from_secs(i64::try_from(start).unwrap());
    let datum = MetricDatum::builder().metric_name(name).dimensions(host).timestamp(start);
    datum.unit(StandardUnit::Percent)
}

/// A minute's start, in seconds since the epoch.
fn minutes_ago(minutes: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now / 60 * 60 - minutes * 60
}

const NAMESPACE: &str = "EC2/Memory";
