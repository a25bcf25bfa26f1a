//! A shell script of AWS CLI commands.

use crate::alarms::alarm::Statistic;
use crate::alarms::properties::number;
use crate::alarms::recipe::Planned;
use crate::alarms::scaling::{CAVEATS, Scaling};
use crate::alarms::slot::{Spelling, filled};
use crate::alarms::template::{Audience, Sheet, commented};
use crate::dimension::Dimension;
use serde_json::json;

pub fn shell(sheet: &Sheet<'_>) -> String {
    let names = sheet.plan.slots.names(Spelling::Upper);
    let mut text = "#!/bin/sh\n".to_owned();
    text += &commented("#", sheet.head("aws-cli"));
    text += "set -eu\n\n";
    for (slot, name) in sheet.parameters(&names) {
        text += &match &slot.default {
            Some(default) => format!("{name}=${{{name}:-{}}}\n", single_quoted(default)),
            None => format!(": \"${{{name}:?the value of the dimension {}}}\"\n", slot.dimension),
        };
    }
    for audience in sheet.audiences() {
        let name = Spelling::Upper.spell(audience.name());
        let arns = audience.arns(sheet.alarms).join(" ");
        text += &format!("# {}, with spaces between them.\n", audience.about());
        text += &format!("{name}=${{{name}-{}}}\n", single_quoted(&arns));
    }
    if let Some(region) = sheet.region {
        text += &format!("export AWS_REGION={region} AWS_DEFAULT_REGION={region}\n");
    }
    for planned in &sheet.plan.alarms {
        text +=
            &format!("\n{}", command("aws cloudwatch put-metric-alarm", &flags(planned, &names)));
    }
    if let Some(scaling) = sheet.scaling {
        text += &format!("\n{}{}", commented("#", CAVEATS), policy(scaling, &names));
    }
    text
}

fn flags(planned: &Planned, names: &[String]) -> Vec<String> {
    let alarm = &planned.alarm;
    let text = |text: &str| open(text, names);
    let variable = |audience: Audience| Spelling::Upper.spell(audience.name());
    let mut all = vec![
        format!("--alarm-name {}", text(&alarm.name)),
        format!("--alarm-description {}", text(&alarm.description)),
        format!("--namespace {}", text(&alarm.namespace)),
        format!("--metric-name {}", text(&alarm.metric)),
    ];
    if !alarm.dimensions.is_empty() {
        all.push(format!("--dimensions {}", text(&as_json(&alarm.dimensions))));
    }
    all.push(format!("--unit {}", alarm.unit));
    all.push(match alarm.statistic {
        Statistic::Percentile(_) => format!(
            "--extended-statistic {} --evaluate-low-sample-count-percentile {}",
            alarm.statistic.words(),
            alarm.low_samples.as_str()
        ),
        _ => format!("--statistic {}", alarm.statistic.words()),
    });
    all.push(format!(
        "--period {} --evaluation-periods {} --datapoints-to-alarm {}",
        alarm.period.as_secs(),
        alarm.evaluation_periods,
        alarm.datapoints_to_alarm
    ));
    all.push(format!(
        "--comparison-operator {} --threshold {}",
        alarm.comparison.as_str(),
        number(alarm.threshold)
    ));
    all.push(format!("--treat-missing-data {}", alarm.missing_data.as_str()));
    // Unquoted: a word for each ARN.
    for (flag, audience) in
        [("--alarm-actions", Audience::of(planned)), ("--ok-actions", Audience::OkActions)]
    {
        let name = variable(audience);
        all.push(format!("${{{name}:+{flag} ${name}}}"));
    }
    all
}

fn policy(scaling: &Scaling, names: &[String]) -> String {
    let configuration = json!({
        "TargetValue": number(scaling.target),
        "DisableScaleIn": !scaling.scale_in,
        "CustomizedMetricSpecification": {
            "Namespace": scaling.namespace,
            "MetricName": scaling.metric,
            "Dimensions": pairs(&scaling.dimensions),
            "Statistic": "Average",
            "Unit": scaling.unit.as_str(),
        },
    });
    let flags = [
        format!("--policy-name {}", open(&scaling.name, names)),
        format!("--auto-scaling-group-name {}", open(&scaling.group, names)),
        "--policy-type TargetTrackingScaling".to_owned(),
        format!(
            "--target-tracking-configuration {}",
            open(&marked(&configuration.to_string()), names)
        ),
    ];
    command("aws autoscaling put-scaling-policy", &flags)
}

fn command(words: &str, flags: &[String]) -> String {
    format!("{words} \\\n  {}\n", flags.join(" \\\n  "))
}

fn as_json(dimensions: &[Dimension]) -> String {
    marked(&pairs(dimensions).to_string())
}

fn pairs(dimensions: &[Dimension]) -> serde_json::Value {
    dimensions.iter().map(|pair| json!({"Name": pair.name, "Value": pair.value})).collect()
}

/// JSON escapes the marks of slots; nothing else in it comes out as they do.
fn marked(json: &str) -> String {
    json.replace("\\u0002", "\u{2}").replace("\\u0003", "\u{3}")
}

/// A word of the shell, with variables in place of its slots.
fn open(text: &str, names: &[String]) -> String {
    let name = |number: usize| names.get(number).map(String::as_str).unwrap_or_default();
    filled(text, single_quoted, |number| format!("\"${{{}}}\"", name(number)))
}

fn single_quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,".contains(&byte);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
