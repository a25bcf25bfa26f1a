//! `cwmem once`: shown and published.

use crate::support::agent::{INSTANCE, Setup, publishing};
use crate::support::api::{check_line, check_lines, only_value};
use crate::support::cloudwatch::{Behaviour, Double, Fault, Series};
use crate::{EVERYTHING, LOCAL, captures, dry_run, run};
use std::fs;
use std::process::Command;
use std::time::Duration;

#[test]
fn every_line_is_a_datum_of_the_api() {
    for statistics in ["values", "set"] {
        let config =
            format!("metrics.statistics = {statistics:?}\npublish.period = \"1s\"\n{EVERYTHING}");
        let output = run(&["once", "--dry-run", "--json", "--period"], &config);
        assert_eq!(output.code, Some(0), "{output:?}");
        let datums = check_lines(&output.stdout);
        assert!(datums.len() >= 10, "{output:?}");
        for datum in &datums {
            assert_eq!(datum["Namespace"], "EC2/Memory");
            assert_eq!(datum["StorageResolution"], 1);
            assert_eq!(datum["Dimensions"].to_string(), r#"[{"Name":"Host","Value":"test"}]"#);
            assert!(datum.contains_key("StatisticValues") == (statistics == "set"), "{datum:?}");
        }
        // Of a whole period, rates have values too.
        assert!(datums.iter().any(|datum| datum["MetricName"] == "MajorFaults"), "{output:?}");
        assert!(output.stderr.contains("sampling from 20"), "{output:?}");
    }
}

#[test]
fn people_get_a_table() {
    let output = run(&["once", "--dry-run"], EVERYTHING);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let mut lines = output.stdout.lines();
    assert_eq!(lines.next(), Some("EC2/Memory"));
    let header: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(header[..3], ["METRIC", "DIMENSIONS", "PERIOD"]);
    let row = lines.find(|line| line.contains("MemoryUsedPercent")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!((cells[1], cells[3], cells[7]), ("Host=test", "Percent", "1.0"), "{row}");
}

#[test]
fn every_set_and_every_pair_is_in_the_datums() {
    let config = format!(
        r#"metrics.dimensions = [["Host"], ["Environment", "Host"], []]
dimensions.Environment = "production"
metrics.namespace = "Team/Memory"
{LOCAL}"#
    );
    let output = run(&["once", "--dry-run", "--json"], &config);
    let datums = check_lines(&output.stdout);
    assert_eq!((output.code, datums.len()), (Some(0), 3), "{output:?}");
    assert!(datums.iter().all(|datum| datum["Namespace"] == "Team/Memory"));
    let sizes: Vec<_> =
        datums.iter().map(|it| it["Dimensions"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(sizes, [1, 2, 0], "{output:?}");
}

/// What awk makes of the same file: a computation of its own, from the kernel's text.
fn computed() -> Vec<(&'static str, f64)> {
    let program = r#"{ sub(":", "", $1); f[$1] = $2 }
        END { t = f["MemTotal"]; a = f["MemAvailable"]; h = f["Hugetlb"]
              printf "%.9f %.0f %.0f %.9f %.0f\n", 100 * (1 - a / (t - h)), a * 1024,
                     (t - h - a) * 1024, 100 * f["Committed_AS"] / f["CommitLimit"], f["Slab"] * 1024 }"#;
    let output = Command::new("awk").args([program, "/proc/meminfo"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let names = ["MemoryUsedPercent", "MemoryAvailable", "MemoryUsed", "CommittedPercent", "Slab"];
    assert_eq!(figures.len(), names.len(), "{text}");
    names.into_iter().zip(figures).collect()
}

/// Readings just before and after bound what the agent may say; a host that allocates and frees
/// between two readings is read again.
#[test]
fn agrees_with_an_independent_computation() {
    let mut disagreements = Vec::new();
    for _ in 0..20 {
        let before = computed();
        let output = run(&["once", "--dry-run", "--json"], EVERYTHING);
        let after = computed();
        let datums = check_lines(&output.stdout);
        disagreements.clear();
        for ((name, before), (_, after)) in before.iter().zip(&after) {
            let found = only_value(&datums, name).unwrap();
            // What a percentage is rounded to; within it lie the few MiB of the agent itself.
            let rounding = if name.ends_with("Percent") { 0.05 } else { 0.001 * before };
            let slack = (before - after).abs() + rounding;
            let (low, high) = (before.min(*after) - slack, before.max(*after) + slack);
            if !(low..=high).contains(&found) {
                disagreements.push(format!("{name}: {before}, {found}, {after}"));
            }
        }
        if disagreements.is_empty() {
            return;
        }
    }
    panic!("{disagreements:?}");
}

#[test]
fn captures_give_sane_metrics() {
    let folder = tempfile::tempdir().unwrap();
    for (name, meminfo) in captures() {
        let output = dry_run(folder.path(), &meminfo, EVERYTHING);
        assert_eq!(output.code, Some(0), "{name}: {output:?}");
        let datums = check_lines(&output.stdout);
        let text = String::from_utf8(meminfo).unwrap();
        let has_available = text.contains("MemAvailable:");
        let used = only_value(&datums, "MemoryUsedPercent");
        assert_eq!(used.is_some(), has_available, "{name}: {output:?}");
        assert_eq!(output.stderr.contains("meminfo has no MemAvailable"), !has_available, "{name}");
        for metric in ["MemoryUsedPercent", "SwapUsedPercent", "HugePagesFreePercent"] {
            let value = only_value(&datums, metric).unwrap_or(0.0);
            assert!((0.0..=100.0).contains(&value), "{name}: {metric} {value}");
        }
        // No rate can be had of what stands still, and no pressure of a tree without it.
        for metric in ["OomKills", "MajorFaults", "MemoryStallPercent"] {
            assert!(only_value(&datums, metric).is_none(), "{name}: {output:?}");
        }
        let slab = only_value(&datums, "Slab").unwrap();
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
        let total: f64 = total.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(slab > 0.0 && slab < total * 1024.0, "{name}: {slab}");
    }
}

/// The defaults on a kernel without MemAvailable, and without swap in use: nothing is to be sent,
/// and that is said.
#[test]
fn nothing_to_publish_is_said() {
    let (_, old) = captures().into_iter().find(|(name, _)| name.contains("embedded")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = dry_run(folder.path(), &old, LOCAL);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    assert!(output.stderr.contains("MemAvailable (Linux 3.14 and later have it)"), "{output:?}");
    assert!(output.stderr.contains("nothing to publish"), "{output:?}");
}

#[test]
fn one_sample_is_published() {
    let double = Double::start();
    let output = run(&["once"], &publishing(&double.url()));
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let seen = double.seen();
    assert_eq!((seen.accepted.len(), seen.refused.len()), (1, 0), "{output:?}");
    let datums = seen.accepted[0].datums.len();
    let s = if datums == 1 { "" } else { "s" };
    assert_eq!(output.stdout, format!("published {datums} datum{s}\n"));
    let series = Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", INSTANCE);
    let periods = seen.periods(&series, MINUTE);
    let (_, statistics) = periods.first_key_value().unwrap();
    assert_eq!((periods.len(), statistics.sample_count), (1, 10.0), "{seen:?}");
    assert!((0.0..=100.0).contains(&statistics.average()));
}

#[test]
fn a_whole_period_is_published() {
    let double = Double::start();
    let config = format!(
        "{}publish.period = \"2s\"\nsample.interval = \"100ms\"",
        publishing(&double.url())
    );
    let output = Setup::new(&config).arguments(&["once", "--period"]).nice().output();
    assert_eq!(output.code, Some(0), "{output:?}");
    let seen = double.seen();
    assert_eq!((seen.accepted.len(), seen.refused.len()), (1, 0), "{output:?}");
    let series = Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", INSTANCE);
    let periods = seen.periods(&series, Duration::from_secs(2));
    assert_eq!(periods.len(), 1, "{seen:?}");
    assert_eq!(periods.first_key_value().unwrap().1.sample_count, 20.0);
}

/// A failure is said in a sentence that names the cause, and exits with 69.
#[test]
fn what_cannot_be_published_is_said() {
    let double = Double::start();
    let table: &[(Behaviour, &str)] = &[
        (Fault::throttled("Throttling").into(), "Throttling (400)"),
        (Fault::internal().into(), "500"),
        (Fault::access_denied().into(), "\"cloudwatch:namespace\":\"EC2/Memory\""),
        (Fault::expired_token().into(), "they have expired"),
        (Fault::invalid_value("The value x is invalid.").into(), "CloudWatch refuses"),
        (Behaviour::captive_proxy(), "not CloudWatch's answer"),
        (Behaviour::Cut, "lost before the answer"),
    ];
    for (behaviour, expected) in table {
        double.next(behaviour.clone());
        let output = run(&["once"], &publishing(&double.url()));
        assert_eq!((output.code, output.stdout.as_str()), (Some(69), ""), "{behaviour:?}");
        assert!(output.stderr.contains(expected), "{behaviour:?}: {output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
        assert!(output.stderr.starts_with("cwmem: "), "{output:?}");
    }
    assert!(double.seen().accepted.is_empty());
}

#[test]
fn an_endpoint_out_of_reach_is_said_without_secrets() {
    let mut double = Double::start();
    double.stop();
    let setup = Setup::new(&publishing(&double.url())).arguments(&["once"]);
    let setup = setup.variable("AWS_SESSION_TOKEN", "token-example").variable("CWMEM_LOG", "debug");
    let output = setup.output();
    assert_eq!(output.code, Some(69), "{output:?}");
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains("no connection to CloudWatch at http"), "{said}");
    for secret in ["secret-example", "token-example"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn a_missing_name_or_region_is_a_finding_with_its_remedy() {
    let config = "metrics.dimensions = [[\"Host\"], [\"ImageId\"]]\nidentity.ec2 = false";
    let output = run(&["once", "--dry-run", "--json"], config);
    assert_eq!((output.code, check_lines(&output.stdout).len()), (Some(1), 1), "{output:?}");
    assert!(output.stderr.contains("nothing is published under {ImageId}"), "{output:?}");
    assert!(output.stderr.contains("identity.image_id"), "{output:?}");

    let setup = Setup::new(LOCAL).arguments(&["once"]).without("AWS_REGION");
    let output = setup.output();
    assert_eq!(output.code, Some(69), "{output:?}");
    assert!(output.stderr.contains("no region: set [cloudwatch] region"), "{output:?}");
}

#[test]
fn no_credentials_name_their_sources() {
    let double = Double::start();
    let setup = Setup::new(&publishing(&double.url())).arguments(&["once"]);
    let output = setup.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY").output();
    assert_eq!(output.code, Some(69), "{output:?}");
    assert!(output.stderr.contains("no credentials"), "{output:?}");
    assert_eq!(double.seen().requests, 0);
}

/// A dry run needs no account: no region, no credentials, no metadata service.
#[test]
fn a_dry_run_needs_nothing() {
    let mut setup = Setup::new("").arguments(&["once", "--dry-run", "--json"]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        setup = setup.without(name);
    }
    let output = setup.output();
    assert_eq!(output.code, Some(0), "{output:?}");
    check_line(output.stdout.lines().next().unwrap());
    assert!(fs::read_dir(setup.folder()).unwrap().count() == 1, "it left something behind");
}

const MINUTE: Duration = Duration::from_secs(60);
