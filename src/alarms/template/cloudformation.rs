//! A CloudFormation template, in YAML for its comments' sake. It names no partition: the ARNs are
//! parameters, and alarms are made where the stack is.

use crate::alarms::properties::{number, properties};
use crate::alarms::scaling::{CAVEATS, Scaling};
use crate::alarms::slot::{Piece, Spelling, filled, pieces};
use crate::alarms::template::{Audience, Sheet, commented};
use serde_json::{Value, json};

pub fn cloudformation(sheet: &Sheet<'_>) -> String {
    let names = sheet.plan.slots.names(Spelling::Camel);
    let mut text = commented("#", sheet.head("cloudformation"));
    text += "AWSTemplateFormatVersion: \"2010-09-09\"\n";
    text += "Description: \"CloudWatch alarms on the memory of hosts that run cwmem\"\n";
    text += &block("Parameters", &parameters(sheet, &names));
    text += &block("Conditions", &conditions(sheet));
    text += "Resources:\n";
    for (planned, label) in sheet.plan.alarms.iter().zip(sheet.labels(Spelling::Camel)) {
        let mut map = properties(&planned.alarm);
        map.insert("AlarmName".to_owned(), planned.alarm.name.as_str().into());
        let mut all = open(Value::from(map), &names);
        all["AlarmActions"] = actions(Audience::of(planned));
        all["OKActions"] = actions(Audience::OkActions);
        let resource = json!({"Type": "AWS::CloudWatch::Alarm", "Properties": all});
        text += &format!("  {label}:\n{}", yaml(&resource, 2));
    }
    if let Some(scaling) = sheet.scaling {
        text += &commented("  #", CAVEATS);
        text += &format!("  MemoryTracking:\n{}", yaml(&open(policy(scaling), &names), 2));
    }
    text
}

fn parameters(sheet: &Sheet<'_>, names: &[String]) -> Value {
    let mut all = json!({});
    for (slot, name) in sheet.parameters(names) {
        let about = format!("The value of the dimension {}", slot.dimension);
        all[name] = json!({"Type": "String", "Description": about});
        if let Some(default) = &slot.default {
            all[name]["Default"] = default.as_str().into();
        }
    }
    for audience in sheet.audiences() {
        all[audience.name()] = json!({
            "Type": "CommaDelimitedList",
            "Description": audience.about(),
            "Default": audience.arns(sheet.alarms).join(","),
        });
    }
    all
}

fn conditions(sheet: &Sheet<'_>) -> Value {
    let mut all = json!({});
    for audience in sheet.audiences() {
        let name = audience.name();
        let joined = json!({"Fn::Join": ["", {"Ref": name}]});
        all[format!("Has{name}")] = json!({"Fn::Not": [{"Fn::Equals": [joined, ""]}]});
    }
    all
}

fn actions(audience: Audience) -> Value {
    let name = audience.name();
    json!({"Fn::If": [format!("Has{name}"), {"Ref": name}, {"Ref": "AWS::NoValue"}]})
}

fn policy(scaling: &Scaling) -> Value {
    let dimensions = scaling.dimensions.iter();
    let dimensions = dimensions.map(|pair| json!({"Name": pair.name, "Value": pair.value}));
    json!({
        "Type": "AWS::AutoScaling::ScalingPolicy",
        "Properties": {
            "AutoScalingGroupName": scaling.group,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingConfiguration": {
                "TargetValue": number(scaling.target),
                "DisableScaleIn": !scaling.scale_in,
                "CustomizedMetricSpecification": {
                    "Namespace": scaling.namespace,
                    "MetricName": scaling.metric,
                    "Dimensions": dimensions.collect::<Vec<_>>(),
                    "Statistic": "Average",
                    "Unit": scaling.unit.as_str(),
                },
            },
        },
    })
}

/// The value with references in place of its slots.
fn open(value: Value, names: &[String]) -> Value {
    match value {
        Value::String(text) => match pieces(&text).as_slice() {
            [Piece::Slot(number)] => json!({"Ref": names.get(*number)}),
            all if all.iter().any(|piece| matches!(piece, Piece::Slot(_))) => {
                let literal = |text: &str| text.replace("${", "${!");
                let slot = |number: usize| names.get(number).map(|it| format!("${{{it}}}"));
                json!({"Fn::Sub": filled(&text, literal, |number| slot(number).unwrap_or_default())})
            }
            _ => Value::String(text),
        },
        Value::Array(all) => all.into_iter().map(|value| open(value, names)).collect(),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, open(value, names))).collect())
        }
        other => other,
    }
}

/// A section of the template; none where it is empty.
fn block(name: &str, value: &Value) -> String {
    match value.as_object() {
        Some(map) if map.is_empty() => String::new(),
        _ => format!("{name}:\n{}", yaml(value, 1)),
    }
}

/// In YAML's block style. JSON's strings are YAML's, and so are its empty lists and objects.
fn yaml(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let below = |value: &Value| match value {
        Value::Object(map) if !map.is_empty() => format!("\n{}", yaml(value, depth + 1)),
        Value::Array(all) if !all.is_empty() => format!("\n{}", yaml(value, depth + 1)),
        scalar => format!(" {scalar}\n"),
    };
    match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| format!("{indent}{key}:{}", below(value))).collect()
        }
        Value::Array(all) => {
            let item = |value: &Value| match value {
                // The first line goes behind the dash.
                Value::Object(map) if !map.is_empty() => {
                    format!("{indent}- {}", yaml(value, depth + 1).trim_start())
                }
                Value::Array(all) if !all.is_empty() => {
                    format!("{indent}- {}", yaml(value, depth + 1).trim_start())
                }
                scalar => format!("{indent}- {scalar}\n"),
            };
            all.iter().map(item).collect()
        }
        scalar => format!("{indent}{scalar}\n"),
    }
}
