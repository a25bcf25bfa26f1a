//! The CloudWatch sink against real sockets: what it sends, and what it makes of every answer.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod support;

#[path = "sink/answers.rs"]
mod answers;
#[path = "sink/credentials.rs"]
mod credentials;
#[path = "sink/network.rs"]
mod network;

use cwmem::batch::Batch;
use cwmem::clock::{Clock, Timestamp};
use cwmem::cloudwatch::{CloudWatch, Metadata, Options, Timeouts};
use cwmem::config;
use cwmem::datum::{Datum, Resolution};
use cwmem::dimension::Dimension;
use cwmem::distribution::Statistics;
use cwmem::sink::{Answer, Outcome, Sink};
use cwmem::units::Unit;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A sink, and the runtime it lives on.
struct Agent {
    sink: CloudWatch,
    runtime: tokio::runtime::Runtime,
}

impl Agent {
    /// At `url`, with static credentials.
    fn new(url: &str) -> Agent {
        Agent::with(settings(url), options())
    }

    fn with(settings: config::CloudWatch, options: Options) -> Agent {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Agent { sink: CloudWatch::new(settings, options, Clock::System), runtime }
    }

    fn put(&mut self) -> Answer {
        self.runtime.block_on(self.sink.put(&batch()))
    }

    fn outcome(&mut self) -> Outcome {
        self.put().outcome
    }
}

fn settings(url: &str) -> config::CloudWatch {
    config::CloudWatch {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(url.to_owned()),
        ..Default::default()
    }
}

/// Static credentials, no metadata service, and little patience.
fn options() -> Options {
    let credentials =
        aws_credential_types::Credentials::new("AKIDTEST", "s3cr3t", None, None, "test");
    let timeouts = Timeouts {
        connect: Duration::from_millis(2_000),
        read: Duration::from_millis(400),
        ..Timeouts::default()
    };
    Options {
        metadata: Metadata::Off,
        timeouts,
        credentials: Some(aws_credential_types::provider::SharedCredentialsProvider::new(
            credentials,
        )),
        ..Options::default()
    }
}

fn now() -> Timestamp {
    Clock::System.now().wall
}

fn batch() -> Batch {
    let datum = |name: &'static str, statistics| Datum {
        namespace: "EC2/Memory".into(),
        name: name.into(),
        dimensions: Arc::new([Dimension { name: "InstanceId".into(), value: "i-0abc".into() }]),
        timestamp: now().floor(Duration::from_secs(60)),
        unit: Unit::Percent,
        resolution: Resolution::Standard,
        statistics,
    };
    let values = Statistics::Values { values: [15.9, 16.0].into(), counts: [590, 10].into() };
    let set = Statistics::Set { sample_count: 600, sum: 600.0, minimum: 0.5, maximum: 3.0 };
    let datums = vec![datum("MemoryUsedPercent", values), datum("MemoryStallPercent", set)];
    Batch { namespace: "EC2/Memory".into(), datums }
}

/// In one word or two: the cause, and whether it may have been stored.
fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::Rejected { .. } => "rejected".to_owned(),
        Outcome::Retry { cause, ambiguous, .. } => {
            format!("{cause}{}", if *ambiguous { ", ambiguous" } else { "" })
        }
    }
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Retry { reason, .. } | Outcome::Rejected { reason } => reason,
    }
}

/// The SDK reads the process's environment: tests that depend on it run once more, alone, in a
/// process with only these variables. True in that process.
fn alone(test: &str, variables: &[(&str, &str)]) -> bool {
    if cwmem::environment::variable(ALONE).is_some() {
        return true;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env_clear()
        .envs([(ALONE, "1"), ("HOME", "/nonexistent")])
        .envs(variables.iter().copied())
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in a process of its own");
    false
}

const ALONE: &str = "CWMEM_TEST_ALONE";
