//! The same for Terraform.

use crate::alarms::alarm::Statistic;
use crate::alarms::properties::number;
use crate::alarms::recipe::Planned;
use crate::alarms::scaling::{CAVEATS, Scaling};
use crate::alarms::slot::{Piece, Spelling, filled, pieces};
use crate::alarms::template::{Audience, Sheet, commented};
use serde_json::Value;

pub fn terraform(sheet: &Sheet<'_>) -> String {
    let names = sheet.plan.slots.names(Spelling::Snake);
    let mut text = commented("#", sheet.head("terraform"));
    for (slot, name) in sheet.parameters(&names) {
        let about = quoted(&format!("The value of the dimension {}", slot.dimension));
        let default = slot.default.as_deref().map(|value| ("default", quoted(value)));
        let lines = [("type", "string".to_owned()), ("description", about)];
        text += &variable(name, lines.into_iter().chain(default));
    }
    for audience in sheet.audiences() {
        let arns: Vec<String> = audience.arns(sheet.alarms).iter().map(|it| quoted(it)).collect();
        let lines = [
            ("type", "list(string)".to_owned()),
            ("description", quoted(audience.about())),
            ("default", format!("[{}]", arns.join(", "))),
        ];
        text += &variable(&Spelling::Snake.spell(audience.name()), lines);
    }
    for (planned, label) in sheet.plan.alarms.iter().zip(sheet.labels(Spelling::Snake)) {
        text += &format!("\nresource \"aws_cloudwatch_metric_alarm\" \"{label}\" {{\n");
        text += &aligned(&attributes(planned, &names), 1);
        text += "}\n";
    }
    if let Some(scaling) = sheet.scaling {
        text += &format!("\n{}{}", commented("#", CAVEATS), policy(scaling, &names));
    }
    text
}

fn variable(name: &str, lines: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let lines: Vec<_> = lines.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    format!("\nvariable \"{name}\" {{\n{}}}\n", aligned(&lines, 1))
}

fn attributes(planned: &Planned, names: &[String]) -> Vec<(String, String)> {
    let alarm = &planned.alarm;
    let text = |text: &str| open(text, names);
    let pairs = alarm.dimensions.iter();
    let pairs = pairs.map(|pair| format!("{} = {}", quoted(&pair.name), text(&pair.value)));
    let pairs: Vec<String> = pairs.collect();
    let dimensions =
        if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) };
    let var = |audience: Audience| format!("var.{}", Spelling::Snake.spell(audience.name()));
    let mut all = vec![
        ("alarm_name", text(&alarm.name)),
        ("alarm_description", text(&alarm.description)),
        ("namespace", text(&alarm.namespace)),
        ("metric_name", text(&alarm.metric)),
        ("dimensions", dimensions),
        ("unit", quoted(alarm.unit.as_str())),
        ("period", alarm.period.as_secs().to_string()),
        ("evaluation_periods", alarm.evaluation_periods.to_string()),
        ("datapoints_to_alarm", alarm.datapoints_to_alarm.to_string()),
        ("comparison_operator", quoted(alarm.comparison.as_str())),
        ("threshold", number(alarm.threshold).to_string()),
        ("treat_missing_data", quoted(alarm.missing_data.as_str())),
        ("alarm_actions", var(Audience::of(planned))),
        ("ok_actions", var(Audience::OkActions)),
    ];
    let statistic = quoted(&alarm.statistic.words());
    match alarm.statistic {
        Statistic::Percentile(_) => {
            let low = quoted(alarm.low_samples.as_str());
            all.push(("evaluate_low_sample_count_percentiles", low));
            all.push(("extended_statistic", statistic));
        }
        _ => all.push(("statistic", statistic)),
    }
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn policy(scaling: &Scaling, names: &[String]) -> String {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let mut text = "resource \"aws_autoscaling_policy\" \"memory_tracking\" {\n".to_owned();
    let head = [
        pair("name", open(&scaling.name, names)),
        pair("autoscaling_group_name", open(&scaling.group, names)),
        pair("policy_type", quoted("TargetTrackingScaling")),
    ];
    text += &aligned(&head, 1);
    text += "\n  target_tracking_configuration {\n";
    let target = [
        pair("target_value", number(scaling.target).to_string()),
        pair("disable_scale_in", (!scaling.scale_in).to_string()),
    ];
    text += &aligned(&target, 2);
    text += "\n    customized_metric_specification {\n";
    let metric = [
        pair("namespace", open(&scaling.namespace, names)),
        pair("metric_name", open(&scaling.metric, names)),
        pair("statistic", quoted("Average")),
        pair("unit", quoted(scaling.unit.as_str())),
    ];
    text += &aligned(&metric, 3);
    for dimension in &scaling.dimensions {
        let lines =
            [pair("name", quoted(&dimension.name)), pair("value", open(&dimension.value, names))];
        text += &format!("\n      metric_dimension {{\n{}      }}\n", aligned(&lines, 4));
    }
    text + "    }\n  }\n}\n"
}

/// One a line, with their signs of equality below each other.
fn aligned(lines: &[(String, String)], depth: usize) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let indent = "  ".repeat(depth);
    lines.iter().map(|(name, value)| format!("{indent}{name:width$} = {value}\n")).collect()
}

/// The text with variables in place of its slots.
fn open(text: &str, names: &[String]) -> String {
    let name = |number: usize| names.get(number).map(String::as_str).unwrap_or_default();
    match pieces(text).as_slice() {
        [Piece::Slot(number)] => format!("var.{}", name(*number)),
        _ => {
            let inner = filled(text, escaped, |number| format!("${{var.{}}}", name(number)));
            format!("\"{inner}\"")
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// JSON's strings are HCL's, but for "${" and "%{", which begin a template there.
fn escaped(text: &str) -> String {
    let json = Value::from(text).to_string();
    json[1..json.len() - 1].replace("${", "$${").replace("%{", "%%{")
}
