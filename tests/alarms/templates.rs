//! The forms of the alarms, read by the tools that they are made for: each has to say what
//! `--format json` says.

use crate::support::agent::{INSTANCE, Setup};
use crate::support::moto::python;
use crate::{RICH, alarms, host, inputs, run, sorted, table_host};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Configurations of every kind.
fn setups() -> Vec<Setup> {
    let group = "metrics.dimensions = [[\"AutoScalingGroupName\"]]\nidentity.auto_scaling_group = \"web\"\nalarms.target_used = \"80%\"\nalarms.scale_in = true\n";
    let all = ["", "publish.period = \"10s\"\n", group, "metrics.dimensions = [[]]\n", RICH];
    all.iter().map(|text| Setup::new(&table_host(text))).collect()
}

fn file(setup: &Setup, format: &str, more: &str) -> String {
    let path = setup.folder().join(format!("template.{format}"));
    fs::write(&path, alarms(setup, &format!("alarms --format {format} {more}"))).unwrap();
    path.to_str().unwrap().to_owned()
}

fn output(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = [output.stdout.clone(), output.stderr].map(|it| String::from_utf8(it).unwrap());
    assert!(output.status.success(), "{text:?}");
    text[0].clone()
}

#[test]
fn cloudformation_passes_cfn_lint() {
    let plain = setups().into_iter().map(|setup| (setup, ""));
    let parts = ["--any-host", "--only host", "--any-host --only shared"];
    let parts = parts.map(|more| (Setup::new(&table_host(RICH)), more));
    let kept: Vec<(Setup, &str)> = plain.chain(parts).collect();
    let files: Vec<String> =
        kept.iter().map(|(setup, more)| file(setup, "cloudformation", more)).collect();
    let mut lint = python("target/venv/bin/cfn-lint");
    lint.args(["--non-zero-exit-code", "informational", "--"]).args(files);
    output(lint);
}

/// What a stack of the template would have.
#[test]
fn cloudformation_comes_to_what_json_says() {
    for setup in setups() {
        let mut read = python("tests/alarms/cloudformation.py");
        read.arg(file(&setup, "cloudformation", ""));
        let read: Value = serde_json::from_str(&output(read)).unwrap();
        let mut alarms: Vec<Value> = serde_json::from_value(read["alarms"].clone()).unwrap();
        for alarm in &mut alarms {
            for list in ["AlarmActions", "OKActions"] {
                // Absent where the parameter is empty.
                if alarm[list].is_null() {
                    alarm[list] = json!([]);
                }
            }
        }
        assert_eq!(sorted(alarms), inputs(&setup));
        for policy in read["policies"].as_array().unwrap() {
            let tracking = &policy["TargetTrackingConfiguration"];
            let metric = &tracking["CustomizedMetricSpecification"];
            assert_eq!(policy["AutoScalingGroupName"], "web");
            assert_eq!(
                metric["Dimensions"],
                json!([{"Name": "AutoScalingGroupName", "Value": "web"}])
            );
            // The other one is told to.
            assert_eq!(tracking["DisableScaleIn"], json!(tracking["TargetValue"] == 75));
        }
    }
}

#[test]
fn terraform_reads_what_json_says() {
    for setup in setups() {
        let path = file(&setup, "terraform", "");
        let mut read = python("tests/alarms/terraform.py");
        read.arg(&path);
        let read: Value = serde_json::from_str(&output(read)).unwrap();
        let alarms: Vec<Value> = serde_json::from_value(read["alarms"].clone()).unwrap();
        assert_eq!(sorted(alarms), inputs(&setup), "{}", fs::read_to_string(&path).unwrap());
        let policies = read["policies"].as_array().unwrap();
        if let Some(policy) = policies.first() {
            let tracking = &policy["target_tracking_configuration"][0];
            let metric = &tracking["customized_metric_specification"][0];
            assert_eq!(policy["autoscaling_group_name"], "web");
            assert_eq!(
                metric["metric_dimension"],
                json!([{"name": "AutoScalingGroupName", "value": "web"}])
            );
            assert_eq!(metric["metric_name"], "MemoryUsedPercent");
            assert_eq!(tracking["disable_scale_in"], json!(tracking["target_value"] == 75));
        }
    }
}

#[test]
fn terraform_for_any_host_takes_its_values() {
    let setup = Setup::new(&host("alarms.enabled = [\"page\"]\n"));
    let path = file(&setup, "terraform", "--any-host");
    assert!(!fs::read_to_string(&path).unwrap().contains(INSTANCE));
    let mut read = python("tests/alarms/terraform.py");
    read.args([&path, &format!("instance_id={INSTANCE}")]);
    let read: Value = serde_json::from_str(&output(read)).unwrap();
    assert_eq!(read["alarms"], Value::from(inputs(&setup)));
}

/// Run with a stand-in for the AWS CLI.
#[test]
fn the_shell_script_says_what_json_says() {
    for setup in setups() {
        let path = file(&setup, "aws-cli", "");
        let calls = setup.folder().join("calls");
        let root = env!("CARGO_MANIFEST_DIR");
        let mut script = Command::new("sh");
        script.arg(&path).env_clear().env("CALLS", &calls);
        script.env("PYTHON", format!("{root}/target/venv/bin/python"));
        script.env("PATH", format!("{root}/tests/alarms:/usr/bin:/bin"));
        output(script);
        let calls = fs::read_to_string(calls).unwrap();
        let calls = calls.lines().map(|line| serde_json::from_str::<Vec<String>>(line).unwrap());
        let calls = calls.filter(|words| words[..2] == ["cloudwatch", "put-metric-alarm"]);
        let said: Vec<Value> = calls.map(|words| input(&words[2..])).collect();
        assert_eq!(sorted(said), inputs(&setup));
    }
}

/// The words of a command line as the input that they stand for.
fn input(words: &[String]) -> Value {
    let mut flags: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut last = "";
    for word in words {
        match word.strip_prefix("--") {
            Some(flag) => last = flag,
            None => flags.entry(last).or_default().push(word),
        }
    }
    let list = |flag: &str| json!(flags.get(flag).cloned().unwrap_or_default());
    let dimensions = flags.get("dimensions").map_or("[]", |words| words[0]);
    let mut input = json!({
        "Dimensions": serde_json::from_str::<Value>(dimensions).unwrap(),
        "AlarmActions": list("alarm-actions"),
        "OKActions": list("ok-actions"),
    });
    for (flag, words) in &flags {
        let name: String =
            flag.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        let number = || words[0].parse::<i64>().map(Value::from);
        match *flag {
            "dimensions" | "alarm-actions" | "ok-actions" => {}
            "period" | "evaluation-periods" | "datapoints-to-alarm" | "threshold" => {
                input[name] = number().unwrap();
            }
            _ => input[name] = words[0].into(),
        }
    }
    input
}

#[test]
fn a_host_of_which_nothing_is_known_has_no_script_without_its_values() {
    let setup = Setup::new(&host(""));
    let path = file(&setup, "aws-cli", "--any-host");
    let output = Command::new("sh").arg(path).env_clear().output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the value of the dimension InstanceId"), "{said}");
}

/// So that no two stacks make the same alarm.
#[test]
fn alarms_of_a_host_and_shared_ones_can_be_had_apart() {
    let setup = Setup::new(&table_host(RICH));
    let names = |more: &str| -> Vec<String> {
        let text = alarms(&setup, &format!("alarms --format json {more}"));
        let inputs: Vec<Value> = serde_json::from_str(&text).unwrap();
        inputs.iter().map(|input| input["AlarmName"].as_str().unwrap().to_owned()).collect()
    };
    let (all, own, shared) = (names(""), names("--only host"), names("--only shared"));
    assert_eq!(all.len(), own.len() + shared.len());
    assert!(shared.contains(&"cwmem-page-web".to_owned()));
    assert!(shared.contains(&"cwmem-headroom-web".to_owned()));
    assert!(own.iter().all(|name| name.contains(INSTANCE) || name.ends_with("web-1")), "{own:?}");
    let template = |more: &str| fs::read_to_string(file(&setup, "terraform", more)).unwrap();
    assert!(template("").contains("--only host and --only shared"));
    let shared = template("--any-host --only shared");
    assert!(!shared.contains("instance_id") && shared.contains("aws_autoscaling_policy"));
    assert!(!template("--only host").contains("aws_autoscaling_policy"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let setup = Setup::new(&host(""));
    for words in [
        "alarms --yes",
        "alarms --any-host",
        "alarms --any-host --format json",
        "alarms --apply --verify",
        "alarms --format toml",
    ] {
        assert_eq!(run(&setup, words).code, Some(64), "{words}");
    }
    let none = Setup::new(&host("metrics.enabled = [\"SwapUsed\"]\n"));
    let output = run(&none, "alarms");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("no alarm fits this configuration"), "{output:?}");
}
