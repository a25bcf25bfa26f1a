//! Dashboards against the documented structure of their body, and put at moto.

use crate::support::agent::{INSTANCE, Setup};
use crate::support::moto::Moto;
use crate::{RICH, alarms, host, run, table_host};
use serde_json::Value;
use std::collections::BTreeSet;

fn body(setup: &Setup, more: &str) -> Value {
    serde_json::from_str(&alarms(setup, &format!("dashboard {more}"))).unwrap()
}

/// A line of the rule list.
struct Rule {
    /// Of widgets of this type only.
    of: Option<&'static str>,
    place: &'static str,
    required: bool,
    form: &'static str,
}

fn rules() -> Vec<Rule> {
    let lines = include_str!("dashboard-body.rules").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (place, rest) = line.split_once(' ').unwrap();
            let (need, form) = rest.trim_start().split_once(' ').unwrap();
            let (of, place) = match place.split_once(':') {
                Some((of, place)) => (Some(of), place),
                None => (None, place),
            };
            Rule { of, place, required: need == "required", form: form.trim() }
        })
        .collect()
}

/// Everything in `value` has a rule and follows it; all that is required is there.
fn check(value: &Value, place: &str, of: Option<&str>, rules: &[Rule]) {
    let of = match value["type"].as_str() {
        Some(kind) if place == "widgets[]" => Some(kind),
        _ => of,
    };
    let find = |place: &str| {
        rules.iter().find(|rule| rule.place == place && rule.of.is_none_or(|it| Some(it) == of))
    };
    if !place.is_empty() && !(place.ends_with("[]") && find(place).is_none()) {
        let rule = find(place).unwrap_or_else(|| panic!("{place}: no such property: {value}"));
        assert!(follows(value, rule.form), "{place}: {value} isn't {}", rule.form);
    }
    match value {
        // Its elements are words and, last, options.
        Value::Array(_) if place == "widgets[].properties.metrics[]" => check_metric(value),
        Value::Array(all) => all.iter().for_each(|it| check(it, &format!("{place}[]"), of, rules)),
        Value::Object(map) => {
            let below = |name: &str| match place {
                "" => name.to_owned(),
                _ => format!("{place}.{name}"),
            };
            for (name, value) in map {
                check(value, &below(name), of, rules);
            }
            for rule in rules.iter().filter(|rule| rule.required) {
                let is_here = rule.of.is_none_or(|it| Some(it) == of);
                let parent = rule.place.rsplit_once('.').map_or("", |(parent, _)| parent);
                if is_here && parent == place {
                    let name = rule.place.rsplit('.').next().unwrap();
                    assert!(map.contains_key(name), "{} is missing in {value}", rule.place);
                }
            }
        }
        _ => {}
    }
}

fn follows(value: &Value, form: &str) -> bool {
    let (form, rest) = form.split_once(' ').unwrap_or((form, ""));
    let within = |number: u64| {
        let (least, most) = rest.split_once("..").unwrap();
        (least.parse().unwrap()..=most.parse().unwrap()).contains(&number)
    };
    match form {
        "one-of" => value.as_str().is_some_and(|text| rest.split('|').any(|it| it == text)),
        "integer" => value.as_u64().is_some_and(within),
        "number" => value.is_number(),
        "text" => value.is_string(),
        "boolean" => value.is_boolean(),
        "list" => value.as_array().is_some_and(|all| within(all.len() as u64)),
        "object" => value.is_object(),
        other => panic!("{other} is no form"),
    }
}

/// Namespace, name, pairs of dimensions, options.
fn check_metric(row: &Value) {
    let row = row.as_array().unwrap();
    let (options, words) = row.split_last().unwrap();
    assert!(words.len() % 2 == 0 && words.iter().all(Value::is_string), "{row:?}");
    let known = ["stat", "label", "period", "region", "yAxis", "color", "visible", "id"];
    for name in options.as_object().unwrap().keys() {
        assert!(known.contains(&name.as_str()), "{name}");
    }
    let statistics = ["Average", "Minimum", "Maximum", "Sum", "SampleCount"];
    assert!(statistics.contains(&options["stat"].as_str().unwrap()), "{options}");
}

/// No two widgets lie on each other, and none leaves the grid.
fn check_grid(body: &Value) {
    let mut taken = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        let number = |name: &str| widget[name].as_u64().unwrap();
        for x in number("x")..number("x") + number("width") {
            assert!(x < 24, "{widget}");
            for y in number("y")..number("y") + number("height") {
                assert!(taken.insert((x, y)), "{widget}");
            }
        }
    }
}

#[test]
fn bodies_are_as_documented() {
    let rules = rules();
    assert!(rules.len() > 30);
    let everything = "[metrics]\nenabled = [\"MemoryUsedPercent\", \"SwapUsedPercent\", \"MemoryStallPercent\", \"OomKills\", \"MemoryAvailable\", \"SwapInPages\", \"MinutesToExhaustion\"]\nmeminfo = [\"Slab\", \"HugePages_Total\"]\npresets = [\"vector\"]\n";
    for text in ["", "publish.period = \"12s\"\n", "metrics.dimensions = [[]]\n", everything, RICH]
    {
        let setup = Setup::new(&table_host(text));
        for more in ["", "--any-host"] {
            let body = body(&setup, more);
            check(&body, "", None, &rules);
            check_grid(&body);
            assert!(!body.to_string().contains(['\u{2}', '\u{3}']));
        }
    }
}

#[test]
fn one_dashboard_is_every_host_s() {
    let setup = Setup::new(&host(""));
    let menu = |body: &Value| body["variables"][0]["defaultValue"].clone();
    assert_eq!(menu(&body(&setup, "")), INSTANCE);
    let any = body(&setup, "--any-host");
    assert_eq!(menu(&any), "__FIRST");
    assert!(!any.to_string().contains(INSTANCE));
    // Two names that differ from host to host can't be chosen by one.
    let agent = Setup::new(&host("metrics.presets = [\"cwagent\"]\nmetrics.enabled = []\n"));
    let output = run(&agent, "dashboard --any-host");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("more than one dimension"), "{output:?}");
}

#[test]
fn created_replaced_and_unchanged() {
    let moto = Moto::start();
    let at = |more: &str| host(&format!("cloudwatch.endpoint_url = {:?}\n{more}", moto.bridge));
    let setup = Setup::new(&at(""));
    let said = |words: &str| {
        let output = run(&setup, words);
        (output.code, output.stdout)
    };
    let shown = (Some(1), "create  cwmem-memory\nNothing was put: add --yes.\n".to_owned());
    assert_eq!(said("dashboard --apply"), shown);
    assert_eq!(said("dashboard --apply"), shown);
    assert_eq!(said("dashboard --apply --yes"), (Some(0), "created  cwmem-memory\n".to_owned()));
    assert_eq!(said("dashboard --apply --yes"), (Some(0), "unchanged  cwmem-memory\n".to_owned()));
    setup.configure(&at("alarms.page_from = \"99%\"\n"));
    assert_eq!(said("dashboard --apply --yes"), (Some(0), "replaced  cwmem-memory\n".to_owned()));
    assert_eq!(said("dashboard --apply").0, Some(0));
    assert_eq!(said("dashboard --name other --apply").1.lines().next(), Some("create  other"));
    assert_eq!(said("dashboard --name a.b").0, Some(64));
}
