//! Laws of the import: it never panics, what it writes is a configuration, and that configuration
//! publishes what the report calls kept, and nothing that wasn't published before.

use crate::config::{self, Config};
use crate::import::report::{Row, State};
use crate::import::section::{MEMORY, SWAP};
use crate::import::{File, Import, from_agent, from_crontab};
use crate::preset::preset;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Namespace, name, unit and dimensions, in the order of their names.
type Identity = (String, String, String, Vec<String>);

fn file(text: &str) -> Vec<File> {
    vec![("file".into(), text.to_owned())]
}

/// What the configuration publishes on EC2.
fn published(config: &Config) -> BTreeSet<Identity> {
    let mut published = BTreeSet::new();
    for metric in &config.metrics.enabled {
        let preset = &config.metrics.presets[usize::from(metric.publication) - 1];
        for set in preset.sets(true) {
            let mut dimensions: Vec<String> = set.0.iter().map(ToString::to_string).collect();
            dimensions.sort();
            let unit = metric.unit.as_str().to_owned();
            let new = published.insert((
                preset.namespace.clone(),
                metric.name.to_string(),
                unit,
                dimensions,
            ));
            assert!(new, "{metric:?} is published twice under {set}");
        }
    }
    published
}

fn identity(row: &Row) -> Identity {
    let mut dimensions = row.dimensions.clone();
    dimensions.sort();
    (row.namespace.clone(), row.name.clone(), row.unit.clone(), dimensions)
}

/// What holds for every import.
fn hold(import: &Import) {
    let config = config::parse_str("import", &import.toml);
    let config = config.unwrap_or_else(|problems| panic!("{problems}\n{}", import.toml));
    let rows = &import.report.rows;
    let as_before =
        |row: &&Row| row.changes.iter().all(|change| change.starts_with("a point every"));
    let kept: BTreeSet<Identity> = rows.iter().filter(as_before).map(identity).collect();
    if config.metrics.presets.is_empty() {
        assert!(kept.is_empty());
        return;
    }
    let published = published(&config);
    assert!(kept.is_subset(&published), "{kept:#?}\n{}", import.toml);
    assert!(published.len() <= rows.len(), "{published:#?}\n{}", import.report);
    if rows.iter().all(|row| row.state == State::Kept) {
        assert_eq!(kept, published);
    }
    // Neither form of the report panics.
    assert!(!import.report.json().is_empty() && !import.report.to_string().is_empty());
}

#[test]
fn the_sections_metrics_are_the_preset_s() {
    let preset = preset("cwagent").unwrap();
    let ours = preset.rows.iter().map(|row| (row.name, row.unit.as_str()));
    let agent_s = MEMORY.metrics.iter().chain(SWAP.metrics).copied();
    assert_eq!(ours.collect::<BTreeSet<_>>(), agent_s.collect::<BTreeSet<_>>());
}

/// Keys that mean something at some level, and texts that do.
const WORDS: [&str; 34] = [
    "agent",
    "metrics",
    "logs",
    "metrics_collected",
    "mem",
    "swap",
    "cpu",
    "procstat",
    "measurement",
    "name",
    "rename",
    "unit",
    "namespace",
    "append_dimensions",
    "aggregation_dimensions",
    "drop_original_metrics",
    "metrics_collection_interval",
    "force_flush_interval",
    "endpoint_override",
    "credentials",
    "role_arn",
    "region",
    "hostname",
    "omit_hostname",
    "metrics_destinations",
    "cloudwatch",
    "InstanceId",
    "host",
    "${aws:InstanceId}",
    "${!aws:InstanceId}",
    "${X}",
    "used_percent",
    "mem_used",
    "*",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..400_u32).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((word(), inner), 0..8).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A section of metrics as somebody may have written it.
fn section(names: &'static [(&'static str, &'static str)]) -> impl Strategy<Value = Value> {
    let measurement = (
        select(names),
        any::<bool>(),
        option::weighted(0.3, select(&["Used", "Memory", "mem_free", "übrig", ""][..])),
        option::weighted(0.3, select(&["Gigabytes", "Percent", "Bananas", ""][..])),
    );
    let measurement = measurement.prop_map(|((name, _), prefixed, rename, unit)| {
        let name = if prefixed { name } else { name.split_once('_').unwrap().1 };
        match (rename, unit) {
            (None, None) => json!(name),
            (rename, unit) => json!({ "name": name, "rename": rename, "unit": unit }),
        }
    });
    let keys = select(&["Team", "host", "InstanceId", "Id", "a=b", "tag:x", "Stage?", ":x"][..]);
    let values =
        select(&["a", "b", "${aws:InstanceId}", "${aws:ImageId}", "${X}", "grün", " "][..]);
    (
        vec(measurement, 0..5),
        option::of(btree_map(keys, values, 0..4)),
        option::of(vec(select(&["*", "used", "mem_free", "Used"][..]), 0..3)),
        option::of(select(&[1, 10, 45, 60, 300, 900][..])),
    )
        .prop_map(|(measurement, append, dropped, interval)| {
            let mut section = json!({ "measurement": measurement });
            for (key, value) in [
                ("append_dimensions", append.map(|append| json!(append))),
                ("drop_original_metrics", dropped.map(|dropped| json!(dropped))),
                ("metrics_collection_interval", interval.map(|interval| json!(interval))),
            ] {
                if let Some(value) = value {
                    section[key] = value;
                }
            }
            section
        })
}

fn agent() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 4] = ["AutoScalingGroupName", "ImageId", "InstanceId", "InstanceType"];
    const MORE: [&str; 6] =
        ["AutoScalingGroupName", "ImageId", "InstanceId", "InstanceType", "Team", "host"];
    let global = option::of(subsequence(&NAMES[..], 0..=4));
    let aggregations = option::of(vec(subsequence(&MORE[..], 0..=3), 0..4));
    let namespace = option::of(select(&["Mine", "AWS/Mine", "grün", "CWAgent"][..]));
    let omits = any::<bool>();
    let parts = (section(MEMORY.metrics), section(SWAP.metrics), global, aggregations);
    (parts, namespace, omits).prop_map(|((mem, swap, global, aggregations), namespace, omits)| {
        let mut metrics = json!({ "metrics_collected": { "mem": mem, "swap": swap } });
        if let Some(names) = global {
            let pairs =
                names.iter().map(|name| ((*name).to_owned(), json!(format!("${{aws:{name}}}"))));
            metrics["append_dimensions"] = Value::Object(pairs.collect());
        }
        if let Some(sets) = aggregations {
            metrics["aggregation_dimensions"] = json!(sets);
        }
        if let Some(namespace) = namespace {
            metrics["namespace"] = json!(namespace);
        }
        json!({ "agent": { "omit_hostname": omits }, "metrics": metrics })
    })
}

/// A cron line of either program's options.
fn cron_line() -> impl Strategy<Value = String> {
    let schedule = select(&["* * * * *", "*/5 * * * *", "@hourly", "@reboot", "7 3 * * 1", ""][..]);
    let program = select(&["/x/mon-put-instance-data.pl", "mon-put-instance-stats.py", "ls"][..]);
    let option = select(
        &[
            "--mem-util",
            "--mem-used",
            "-mem-avail",
            "--swap-util",
            "--swap-used",
            "--mem-used-incl-cache-buff",
            "--memory-units=gigabytes",
            "--memory-units bytes",
            "--memory-units",
            "--memory-units=$X",
            "--auto-scaling",
            "--auto-scaling=only",
            "--aggregated",
            "--aggregated=only",
            "--loadavg",
            "--disk-path=/",
            "--m",
            "--",
            "'",
            "%",
        ][..],
    );
    (schedule, program, vec(option, 0..7)).prop_map(|(schedule, program, options)| {
        format!("{schedule} {program} {}", options.join(" "))
    })
}

proptest! {
    #[test]
    fn any_json_is_imported(json in any_json()) {
        if let Ok(import) = from_agent(&file(&json.to_string())) {
            hold(&import);
        }
    }

    #[test]
    fn any_text_is_json_or_refused_with_its_line(text in ".*") {
        match from_agent(&file(&text)) {
            Ok(import) => hold(&import),
            Err(errors) => prop_assert!(errors[0].to_string().starts_with("file:")),
        }
    }

    #[test]
    fn configurations_of_the_agent_keep_what_they_publish(json in agent()) {
        let import = from_agent(&file(&json.to_string())).unwrap();
        hold(&import);
    }

    #[test]
    fn one_file_twice_is_that_file(json in agent()) {
        let text = json.to_string();
        let once = from_agent(&file(&text)).unwrap();
        let twice = from_agent(&[("file".into(), text.clone()), ("g".into(), text)]).unwrap();
        prop_assert_eq!(once.report.rows.len(), twice.report.rows.len());
        prop_assert_eq!(once.toml.lines().skip(1).collect::<Vec<_>>(),
            twice.toml.lines().skip(1).collect::<Vec<_>>());
    }

    #[test]
    fn any_crontab_is_imported(text in "(.*\n){0,4}") {
        hold(&from_crontab(&file(&text)));
    }

    #[test]
    fn cron_lines_keep_what_they_publish(lines in vec(cron_line(), 0..4)) {
        hold(&from_crontab(&file(&lines.join("\n"))));
    }
}
