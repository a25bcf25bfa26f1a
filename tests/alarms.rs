//! Alarms and dashboards: on exactly what the agent publishes, in forms that their own tools take,
//! and put at an implementation of the service that shares no code with this one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

mod support;

#[path = "alarms/dashboards.rs"]
mod dashboards;
#[path = "alarms/identities.rs"]
mod identities;
#[path = "alarms/put.rs"]
mod put;
#[path = "alarms/rights.rs"]
mod rights;
#[path = "alarms/templates.rs"]
mod templates;

use serde_json::Value;
use support::agent::{INSTANCE, Output, Setup};

/// On EC2, asking nobody, with `more`.
fn host(more: &str) -> String {
    format!("identity.instance_id = {INSTANCE:?}\nidentity.imds = false\n{more}")
}

/// The same, where `text` may have the table [identity] itself.
fn table_host(text: &str) -> String {
    let own = format!("[identity]\ninstance_id = {INSTANCE:?}\nimds = false\n");
    if text.contains("[identity]\n") { text.replace("[identity]\n", &own) } else { host(text) }
}

/// `cwmem alarms` with these words of the command line, which has to end well.
fn alarms(setup: &Setup, words: &str) -> String {
    let Output { code, stdout, stderr } = run(setup, words);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    stdout
}

fn run(setup: &Setup, words: &str) -> Output {
    let words: Vec<&str> = words.split_whitespace().collect();
    let output = setup.command_with(&words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The alarms of a configuration, as PutMetricAlarm's inputs in the order of their names.
fn inputs(setup: &Setup) -> Vec<Value> {
    let text = alarms(setup, "alarms --format json");
    sorted(serde_json::from_str(&text).unwrap())
}

fn sorted(mut inputs: Vec<Value>) -> Vec<Value> {
    inputs.sort_by_key(|input| input["AlarmName"].as_str().unwrap().to_owned());
    inputs
}

/// Every recipe, several dimension sets, presets, and whom to tell.
const RICH: &str = r#"
[metrics]
presets = ["cwagent", "telegraf"]
dimensions = [["InstanceId"], ["AutoScalingGroupName"], ["Environment", "InstanceId"]]
[dimensions]
Environment = "it's ${production} \"%{1}\""
[identity]
image_id = "ami-0123456789abcdef0"
instance_type = "m7g.large"
auto_scaling_group = "web"
host = "web-1"
[alarms]
actions = ["arn:aws-us-gov:sns:us-gov-west-1:123456789012:memory"]
urgent_actions = ["arn:aws-us-gov:sns:us-gov-west-1:123456789012:pager", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:memory"]
target_used = "75%"
[cluster]
name = "web"
database = "mysql://cwmem@db.internal/cwmem"
"#;
