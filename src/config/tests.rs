//! What is accepted, and what each mistake is called.

use super::*;
use crate::dimension::DimensionName;
use crate::preset::PRESETS;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::path::Path;

/// The problems of a file.
fn check(text: &str, expected: Expect) {
    let found = parse_str("f", text).map(|_| "accepted".to_owned());
    expected.assert_eq(&found.unwrap_or_else(|problems| problems.to_string()));
}

fn accepted(text: &str) -> Config {
    parse_str("f", text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

#[test]
fn unknown_keys_and_sections_are_refused_with_the_nearest_known() {
    check(
        r#"
interval = "1s"
colour = "red"
[sample]
intervall = "1s"
period = "60s"
zzz = 1
[smaple]
interval = "1s"
[metrics.sub]
[[log2]]
[cloudwatch]
Endpoint-URL = "https://x"
[proxy]
"#,
        expect![[r#"
            f:2: interval: unknown key; did you mean sample.interval?
            f:3: colour: unknown key
            f:5: sample.intervall: unknown key; did you mean sample.interval?
            f:6: sample.period: unknown key; did you mean publish.period?
            f:7: sample.zzz: unknown key
            f:8: smaple: unknown section; did you mean [sample]?
            f:10: metrics.sub: unknown section
            f:11: log2: unknown section; did you mean [log]?
            f:13: cloudwatch.Endpoint-URL: unknown key; did you mean cloudwatch.endpoint_url?
            f:14: proxy: unknown section"#]],
    );
}

#[test]
fn durations() {
    check(
        r#"
[sample]
interval = 1
pressure_interval = "150ms"
[publish]
period = "7s"
every = "1.5"
spread = "soon"
grace = true
"#,
        expect![[r#"
            f:3: sample.interval: expected a multiple of 100ms from "100ms" to "5m", found 1; write "1s"
            f:4: sample.pressure_interval: expected a multiple of 100ms from "100ms" to "5m", found "150ms"
            f:6: publish.period: expected 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 seconds or 1, 2, 3, 4 or 5 minutes, found "7s"
            f:7: publish.every: expected a duration from "1s" to "1h", found "1.5"; write "1.5s"
            f:8: publish.spread: expected a duration from "0s" to "10m", found "soon"
            f:9: publish.grace: expected a duration from "100ms" to "1m", found true"#]],
    );
    check(
        "sample.interval = \"1.05s\"",
        expect![[
            r#"f:1: sample.interval: expected a multiple of 100ms from "100ms" to "5m", found "1.05s""#
        ]],
    );
    check(
        "sample.interval = \"0s\"",
        expect![[
            r#"f:1: sample.interval: expected a multiple of 100ms from "100ms" to "5m", found "0s""#
        ]],
    );
    check(
        "sample.interval = \"5m 100ms\"\npublish.period = \"5m\"",
        expect![[
            r#"f:1: sample.interval: expected a multiple of 100ms from "100ms" to "5m", found "5m 100ms""#
        ]],
    );
    check(
        "sample.interval = \"18446744073709551615s1000ms\"",
        expect![[
            r#"f:1: sample.interval: expected a multiple of 100ms from "100ms" to "5m", found "18446744073709551615s1000ms""#
        ]],
    );
    check(
        "publish.period = 60",
        expect![[
            r#"f:1: publish.period: expected 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 seconds or 1, 2, 3, 4 or 5 minutes, found 60; write "60s""#
        ]],
    );
    assert_eq!(accepted("publish.period = \"1min\"").publish.period, Duration::from_secs(60));
}

#[test]
fn times_must_agree_with_one_another() {
    check(
        "[sample]\ninterval = \"30s\"\npressure_interval = \"31s\"\n[publish]\nperiod = \"20s\"",
        expect![[
            r#"f:2: sample.interval: expected at most publish.period, which is "20s", found "30s""#
        ]],
    );
    check(
        "[publish]\nevery = \"90s\"",
        expect![[
            r#"f:2: publish.every: expected a multiple of publish.period, which is "1m", found "90s""#
        ]],
    );
    check(
        "[publish]\nevery = \"2h\"",
        expect![[r#"f:2: publish.every: expected a duration from "1s" to "1h", found "2h""#]],
    );
    check(
        "[publish]\nspread = \"11s\"",
        expect![[
            r#"f:2: publish.spread: expected at most "10s", a sixth of publish.every, found "11s""#
        ]],
    );
    check(
        "[publish]\nperiod = \"1s\"\nevery = \"1s\"\nspread = \"167ms\"",
        expect![[
            r#"f:4: publish.spread: expected at most "166ms", a sixth of publish.every, found "167ms""#
        ]],
    );
    check(
        "[publish]\ngrace = \"61s\"",
        expect![[r#"f:2: publish.grace: expected a duration from "100ms" to "1m", found "61s""#]],
    );
    // Nothing is held against a value that was refused itself.
    check(
        "[sample]\ninterval = \"2m\"\n[publish]\nperiod = \"x\"\nevery = \"90s\"",
        expect![[
            r#"f:4: publish.period: expected 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 seconds or 1, 2, 3, 4 or 5 minutes, found "x""#
        ]],
    );
    accepted("[sample]\ninterval = \"5m\"\npressure_interval = \"5m\"\n[publish]\nperiod = \"5m\"");
    accepted("[publish]\nevery = \"1h\"\nspread = \"10m\"");
}

#[test]
fn shares() {
    check(
        "[pressure]\navailable_below = 15\nstall_above = \"5\"",
        expect![[r#"
        f:2: pressure.available_below: expected a percentage from "0%" to "100%", found 15; write "15%"
        f:3: pressure.stall_above: expected a percentage from "0%" to "100%", found "5""#]],
    );
    check(
        "[pressure]\navailable_below = \"101%\"\nstall_above = \"-1%\"",
        expect![[r#"
        f:2: pressure.available_below: expected a percentage from "0%" to "100%", found "101%"
        f:3: pressure.stall_above: expected a percentage from "0%" to "100%", found "-1%""#]],
    );
    check(
        "[pressure]\navailable_below = \"1e1%\"\nstall_above = \"%\"",
        expect![[r#"
        f:2: pressure.available_below: expected a percentage from "0%" to "100%", found "1e1%"
        f:3: pressure.stall_above: expected a percentage from "0%" to "100%", found "%""#]],
    );
    let pressure =
        accepted("[pressure]\navailable_below = \"0%\"\nstall_above = \"2.5%\"").pressure;
    assert_eq!((pressure.available_below, pressure.stall_above), (0.0, 0.025));
}

#[test]
fn metrics() {
    check(
        r#"
[metrics]
namespace = "AWS/EC2"
enabled = [
    "MemoryUsedPercnt",
    "Disk",
    "OomKills",
    "OomKills",
    3,
]
meminfo = ["Slab:", "Slab", "Slab", "OomKills", ""]
health = "yes"
statistics = "Set"
"#,
        expect![[r#"
            f:3: metrics.namespace: expected a namespace: 1 to 255 ASCII characters, not beginning with ":" or "AWS/", found "AWS/EC2"
            f:5: metrics.enabled: expected the name of a metric, found "MemoryUsedPercnt"; did you mean "MemoryUsedPercent"?
            f:6: metrics.enabled: expected the name of a metric, found "Disk"
            f:8: metrics.enabled: expected each name once, found "OomKills"
            f:9: metrics.enabled: expected the name of a metric, found 3
            f:11: metrics.meminfo: expected the name of a field of /proc/meminfo, without its colon, found "Slab:"
            f:11: metrics.meminfo: expected each name once, found "Slab"
            f:11: metrics.meminfo: expected the name of a field of /proc/meminfo, without its colon, found "OomKills"; metrics go into metrics.enabled
            f:11: metrics.meminfo: expected the name of a field of /proc/meminfo, without its colon, found ""
            f:12: metrics.health: expected true or false, found "yes"
            f:13: metrics.statistics: expected "values" or "set", found "Set"; did you mean "set"?"#]],
    );
    check(
        "[metrics]\nenabled = []",
        expect![
            "f:2: metrics.enabled: expected at least one metric here, one field in metrics.meminfo or one of metrics.presets, found an empty list"
        ],
    );
    check(
        "[metrics]\nenabled = \"OomKills\"",
        expect![[r#"f:2: metrics.enabled: expected a list of metrics, found "OomKills""#]],
    );
    let seventeen = (0..17).map(|n| format!("\"F{n}\"")).collect::<Vec<_>>().join(", ");
    check(
        &format!("[metrics]\nmeminfo = [{seventeen}]"),
        expect!["f:2: metrics.meminfo: expected at most 16 fields, found a list; it has 17"],
    );
    let metrics = accepted(
        "[metrics]\nenabled = []\nmeminfo = [\"Slab\", \"Active(file)\"]\nstatistics = \"set\"",
    )
    .metrics;
    let names: Vec<_> = metrics.enabled.iter().map(|metric| &*metric.name).collect();
    assert_eq!(names, ["Slab", "Active(file)"]);
    assert_eq!(metrics.statistics, Form::Set);
}

#[test]
fn dimension_sets() {
    check(
        "[metrics]\ndimensions = []",
        expect![[
            r#"f:2: metrics.dimensions: expected a list of dimension sets such as [["InstanceId"]], found an empty list; without a set nothing is published"#
        ]],
    );
    check(
        "[metrics]\ndimensions = [\"InstanceId\"]",
        expect![[
            r#"f:2: metrics.dimensions: expected a list of dimension names, found "InstanceId""#
        ]],
    );
    check(
        r#"
[metrics]
dimensions = [
    ["InstanceID"],
    ["Nonsense"],
    ["InstanceId", "InstanceId?"],
    ["tag:Name", "Name"],
    ["InstanceId", "Host"],
    ["Host", "InstanceId?"],
    ["tag:"],
    ["Enviroment"],
    [7],
]
[dimensions]
Environment = "production"
Name = "x"
"#,
        expect![[r#"
            f:4: metrics.dimensions: expected a name that cwmem knows, "tag:KEY" or a key of [dimensions], found "InstanceID"; did you mean "InstanceId"?
            f:5: metrics.dimensions: expected a name that cwmem knows, "tag:KEY" or a key of [dimensions], found "Nonsense"; known are InstanceId, InstanceType, ImageId, AvailabilityZone, AutoScalingGroupName, Region or Host
            f:6: metrics.dimensions: expected names that differ, found "InstanceId?"; the set has a dimension InstanceId already
            f:7: metrics.dimensions: expected names that differ, found "Name"; the set has a dimension Name already
            f:9: metrics.dimensions: expected sets that differ, found a list; {Host, InstanceId?} publishes the same series as {InstanceId, Host}
            f:10: metrics.dimensions: expected a tag's key, which must have 1 to 255 characters, has 0, found "tag:"
            f:11: metrics.dimensions: expected a name that cwmem knows, "tag:KEY" or a key of [dimensions], found "Enviroment"; did you mean "Environment"?
            f:12: metrics.dimensions: expected the name of a dimension, as a string, found 7"#]],
    );
}

#[test]
fn static_pairs() {
    check(
        r#"
[dimensions]
Host = "me"
"tag:x" = "y"
"x?" = "y"
":x" = "y"
Empty = ""
Number = 3
Team = "grün"
Sub = { a = 1 }
Unused = "z"
"#,
        expect![[r#"
            f:3: dimensions.Host: expected a name of your own ([identity] gives Host a fixed value), found the name "Host"
            f:4: dimensions."tag:x": expected a name that doesn't begin with "tag:", end with "?" or have a "=", found the name "tag:x"
            f:5: dimensions."x?": expected a name that doesn't begin with "tag:", end with "?" or have a "=", found the name "x?"
            f:6: dimensions.":x": expected the name of a dimension, which must not begin with ':', found the name ":x"
            f:7: dimensions.Empty: expected the value of a dimension, which must have 1 to 1024 characters, has 0, found ""
            f:8: dimensions.Number: expected the value of a dimension, as a string, found 3
            f:9: dimensions.Team: expected the value of a dimension, which must be ASCII without control characters, found "grün"
            f:10: dimensions.Sub: expected the value of a dimension, as a string, found a table
            f:11: dimensions.Unused: no set of metrics.dimensions uses it: add it to a set or remove it"#]],
    );
}

#[test]
fn sets_keep_the_order_of_the_file() {
    let config = accepted(
        r#"
[metrics]
dimensions = [[], ["InstanceId"], ["Team", "tag:Name?", "AutoScalingGroupName?", "Area"]]
[dimensions]
Team = "memory"
Area = "51"
"#,
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(config.dimensions, [pair("Team", "memory"), pair("Area", "51")]);
    let sets = config.metrics.dimensions.unwrap();
    let sets: Vec<_> = sets.iter().map(DimensionSet::to_string).collect();
    assert_eq!(sets, ["{}", "{InstanceId}", "{Team, tag:Name?, AutoScalingGroupName?, Area}"]);
}

#[test]
fn dimension_sets_have_at_most_30_names() {
    let set = |count| {
        let names: Vec<_> = (0..count).map(|n| format!("\"tag:T{n}\"")).collect();
        format!("metrics.dimensions = [[{}]]", names.join(", "))
    };
    let sets = accepted(&set(30)).metrics.dimensions.unwrap();
    assert_eq!(sets[0].0[29].name, DimensionName::Tag("T29".into()));
    check(
        &set(31),
        expect!["f:1: metrics.dimensions: expected at most 30 names, found a list; it has 31"],
    );
}

#[test]
fn cloudwatch() {
    check(
        r#"
[cloudwatch]
region = "Frankfurt"
endpoint_url = "monitoring.eu-central-1.amazonaws.com"
profile = ""
assume_role = "role/x"
proxy = "proxy:3128"
ca_bundle = ""
"#,
        expect![[r#"
            f:3: cloudwatch.region: expected the name of an AWS region such as "eu-central-1", found "Frankfurt"
            f:4: cloudwatch.endpoint_url: expected a URL such as "https://monitoring.eu-central-1.amazonaws.com", found "monitoring.eu-central-1.amazonaws.com"
            f:5: cloudwatch.profile: expected the name of a profile, found ""
            f:6: cloudwatch.assume_role: expected the ARN of a role such as "arn:aws:iam::123456789012:role/name", found "role/x"
            f:7: cloudwatch.proxy: expected a URL such as "http://[user:password@]host:port" without a path, found something else (not shown: it may hold a password)
            f:8: cloudwatch.ca_bundle: expected a path, found """#]],
    );
    check(
        "[cloudwatch]\nregion = \"eu-central-1a\"\nendpoint_url = \"https://u:secret@h\"",
        expect![[r#"
            f:2: cloudwatch.region: expected the name of an AWS region such as "eu-central-1", found "eu-central-1a"
            f:3: cloudwatch.endpoint_url: expected a URL such as "https://monitoring.eu-central-1.amazonaws.com", found "https://***@h""#]],
    );
    check(
        "[cloudwatch]\nproxy = \"http://user:secret@host/path\"",
        expect![[
            r#"f:2: cloudwatch.proxy: expected a URL such as "http://[user:password@]host:port" without a path, found something else (not shown: it may hold a password)"#
        ]],
    );
    check(
        "[cloudwatch]\nproxi = \"http://user:secret@host/path\"",
        expect!["f:2: cloudwatch.proxi: unknown key; did you mean cloudwatch.proxy?"],
    );
    for region in ["eu-central-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1"] {
        let config = accepted(&format!("cloudwatch.region = \"{region}\""));
        assert_eq!(config.cloudwatch.region.as_deref(), Some(region));
    }
    for region in ["", "eu", "eu-1", "eu--1", "EU-central-1", "eu-central-", "eu-central-123"] {
        assert!(parse_str("f", &format!("cloudwatch.region = \"{region}\"")).is_err(), "{region}");
    }
}

#[test]
fn identity() {
    check(
        "[identity]\ninstance_id = \"i-1\"\nec2 = false",
        expect![[
            r#"f:2: identity.instance_id: expected no instance id, because identity.ec2 is false, found "i-1""#
        ]],
    );
    check(
        "[identity]\ninstance_id = \"\"\nhost = 1\nec2 = \"yes\"\nimds = 1",
        expect![[r#"
        f:2: identity.instance_id: expected the value of a dimension, which must have 1 to 1024 characters, has 0, found ""
        f:3: identity.host: expected the value of a dimension, as a string, found 1
        f:4: identity.ec2: expected "auto", true or false, found "yes"
        f:5: identity.imds: expected true or false, found 1"#]],
    );
    let config = accepted("[identity]\ninstance_id = \"i-1\"\nec2 = true\nimds = false");
    assert_eq!(config.identity.ec2, OnEc2::Yes);
    assert!(!config.identity.imds);
}

#[test]
fn state_recorder_and_spool() {
    check(
        "[state]\ndirectory = \"state\"\n[recorder]\nduration = \"30s\"\n[spool]\nmax_bytes = \"64MB\"\nmax_age = \"15d\"",
        expect![[r#"
            f:2: state.directory: expected the full path of a directory, beginning with "/", found "state"
            f:4: recorder.duration: expected a duration from "1m" to "1day", found "30s"
            f:6: spool.max_bytes: expected a size from "1MiB" to "10GiB", such as "64MiB", found "64MB"
            f:7: spool.max_age: expected a duration from "1h" to "14days", found "15d""#]],
    );
    check(
        "spool.max_bytes = 1",
        expect![[
            r#"f:1: spool.max_bytes: expected a size from "1MiB" to "10GiB", such as "64MiB", found 1"#
        ]],
    );
    check(
        "spool.max_bytes = \"512 KiB\"",
        expect![[
            r#"f:1: spool.max_bytes: expected a size from "1MiB" to "10GiB", such as "64MiB", found "512 KiB""#
        ]],
    );
    check(
        "spool.max_bytes = \"+2MiB\"",
        expect![[
            r#"f:1: spool.max_bytes: expected a size from "1MiB" to "10GiB", such as "64MiB", found "+2MiB""#
        ]],
    );
    assert_eq!(accepted("spool.max_bytes = \"2 GiB\"").spool.max_bytes, 2 << 30);
    assert_eq!(accepted("state.directory = \"/x y\"").state.directory, Path::new("/x y"));
}

#[test]
fn spool_and_log() {
    check(
        "[spool]\nmax_requests_per_second = 0\n[log]\nlevel = \"warning\"\nformat = 1",
        expect![[r#"
            f:2: spool.max_requests_per_second: expected a whole number from 1 to 100, found 0
            f:4: log.level: expected "error", "warn", "info" or "debug", found "warning"; did you mean "warn"?
            f:5: log.format: expected "text" or "json", found 1"#]],
    );
    check(
        "[spool]\nmax_requests_per_second = 99999999999999999999999",
        expect![
            "f:2: spool.max_requests_per_second: expected a whole number from 1 to 100, found 99999999999999999999999"
        ],
    );
    assert_eq!(accepted("spool.max_requests_per_second = 0x10").spool.max_requests_per_second, 16);
    assert_eq!("debug".parse(), Ok(Level::Debug));
    expect![[r#"expected error, warn, info or debug, found "loud""#]]
        .assert_eq(&"loud".parse::<Level>().unwrap_err().to_string());
}

#[test]
fn sections_are_tables() {
    check(
        "sample = 3\nmetrics = []\n[[log]]\nlevel = \"info\"",
        expect![[r#"
        f:1: sample: expected a section [sample], found 3
        f:2: metrics: expected a section [metrics], found an empty list
        f:3: log: expected a section [log], found a list"#]],
    );
    check(
        "[sample.interval]\nx = 1",
        expect![[
            r#"f:1: sample.interval: expected a multiple of 100ms from "100ms" to "5m", found a table"#
        ]],
    );
    accepted("sample = { interval = \"2s\" }\nlog.level = \"warn\"");
}

#[test]
fn syntax_errors_are_all_named_and_hide_guesses() {
    check(
        r#"[sample]
interval = 1s
proc_root = "/proc
[metrics
namespace = "x"
health = treu
[sample]
sys_root = "/a"
sys_root = "/b"
x.y.z
[log]
level = "loud"
"#,
        expect![[r#"
            f:2: not TOML: string values must be quoted, expected literal string
            f:3: not TOML: invalid basic string, expected `"`
            f:4: not TOML: unclosed table, expected `]`
            f:7: not TOML: "sample" is set twice
            f:9: not TOML: "sys_root" is set twice
            f:10: not TOML: key with no value, expected `=`
            f:12: log.level: expected "error", "warn", "info" or "debug", found "loud""#]],
    );
    check("\"", expect!["f:1: not TOML: key with no value, expected `=`"]);
    check(
        "x = \"\"\"\n\n",
        expect![[
            r#"f:2: not TOML: invalid multi-line basic string, expected `"`, in what begins in line 1"#
        ]],
    );
    check(
        "[sample]\ninterval = \"1s\"\u{0}",
        expect!["f:2: not TOML: unexpected key or value, expected newline, `#`"],
    );
    check("\u{feff}[sample]\r\ninterval = \"1s\"\r\n", expect!["accepted"]);
}

#[test]
fn what_a_damaged_file_may_have_said_is_not_held_against_it() {
    check(
        "[metrics]\ndimensions = [[\"Team\"]]\n[dimensions]\nTeam = \n",
        expect!["f:4: not TOML: string values must be quoted, expected literal string"],
    );
    check(
        "[metrics]\ndimensions = [[\"Team\"]\n[dimensions]\nTeam = \"x\"\n",
        expect![
            "f:3: not TOML: missing comma between array elements, expected `,`, in what begins in line 2"
        ],
    );
}

#[test]
fn debug_output_has_no_password() {
    let config = accepted("[cloudwatch]\nproxy = \"http://user:hunter2@host:3128\"");
    assert_eq!(config.cloudwatch.proxy.as_deref(), Some("http://user:hunter2@host:3128"));
    assert!(format!("{config:?}").contains("http://***@host:3128"));
    assert!(!format!("{config:#?}").contains("hunter2"));
}

/// The shipped file with all its keys uncommented, one of them a proxy with a password.
fn full() -> String {
    let text = include_str!("../../config/cwmem.toml").lines().map(|line| {
        let rest = line.strip_prefix("## ").or_else(|| line.strip_prefix('#')).unwrap_or(line);
        if rest == "presets = []" {
            let names = PRESETS.iter().map(|preset| format!("{:?}", preset.name));
            return format!("presets = [{}]", names.collect::<Vec<_>>().join(", "));
        }
        if rest.starts_with("proxy = ") {
            return "proxy = \"http://user:hunter2@host\"".to_owned();
        }
        if line.starts_with("# ") { line.to_owned() } else { rest.to_owned() }
    });
    text.skip_while(|line| !line.starts_with('[')).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_full_file_is_accepted() {
    accepted(&full());
}

/// A text loads, or every problem it has names a line; nothing shows the password.
fn loads_or_explains(text: &str) {
    let found = parse_str("f", text);
    let shown = format!("{found:?}");
    // Unless the damage tore it out of its URL, so that it is a word like any other.
    if text.contains(":hunter2@") {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    if let Err(problems) = found {
        assert!(!problems.is_empty());
        let lines = text.lines().count() + 1;
        for problem in problems.iter() {
            assert!((1..=lines).contains(&problem.place.line.unwrap()), "{problem}");
        }
        assert_eq!(problems.to_string().lines().count(), problems.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_loads_or_explains(text in ".{0,400}") {
        loads_or_explains(&text);
    }

    #[test]
    fn any_toml_like_text_loads_or_explains(
        lines in proptest::collection::vec(
            "(\\[\\[?[a-z.]{0,8}\\]?\\]?|(sample|interval|dimensions|log)[.a-z\"]{0,4} ?=? ?[\"'\\[\\]{}0-9a-z,.#-]{0,12})",
            0..20,
        )
    ) {
        loads_or_explains(&lines.join("\n"));
    }

    #[test]
    fn any_damaged_copy_of_the_full_file_loads_or_explains(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..40, ".{0,3}"), 1..4)
    ) {
        let mut text: Vec<char> = full().chars().collect();
        for (place, length, new) in damage {
            let start = place.index(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, new.chars());
        }
        loads_or_explains(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_swap_of_lines_loads_or_explains(
        swaps in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6)
    ) {
        let full = full();
        let mut lines: Vec<&str> = full.lines().collect();
        for (one, other) in swaps {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            lines[one] = lines[other];
        }
        loads_or_explains(&lines.join("\n"));
    }

    #[test]
    fn any_value_of_any_kind_loads_or_explains(
        key in prop::sample::select(vec!["sample.interval", "publish.every", "pressure.stall_above",
            "cloudwatch.proxy", "cloudwatch.endpoint_url", "cloudwatch.region", "log.level",
            "metrics.dimensions", "metrics.enabled", "dimensions.x", "identity.ec2"]),
        value in prop_oneof![
            "\"[0-9]{1,20}(\\.[0-9]{1,9})?(ns|us|ms|s|m|h|d|w|y|%)?([0-9]{1,6}(ms|s|m))?\"",
            "\"https?://[a-z:@/\\[\\]0-9.]{0,12}\"",
            "-?[0-9]{1,25}(\\.[0-9]{1,3})?",
            "\\[(\\[?(\"[A-Za-z:?]{0,8}\",?)*\\]?,?)*\\]",
            "(true|false|nan|inf|1979-05-27)",
        ],
    ) {
        loads_or_explains(&format!("{key} = {value}"));
    }
}

#[test]
fn a_cluster() {
    let cluster = accepted("[cluster]\nname = \"web\"\ndatabase = \"mysql://cwmem@db/cwmem\"")
        .cluster
        .unwrap();
    assert_eq!(cluster.missing_after, Duration::from_secs(150));
    assert_eq!(cluster.forget_after, Duration::from_secs(3_600));
    assert_eq!(cluster.tls, Tls::Verify);
    let parts =
        accepted("cluster = { name = \"web\", host = \"::1\", schema = \"m\", tls = \"off\" }");
    assert_eq!(parts.cluster.unwrap().database, "mysql://cwmem@[::1]:3306/m");
    let slow = accepted(
        "publish.period = \"5m\"\n[cluster]\nname = \"a\"\nhost = \"b\"\nuser = \"c\"\nport = 1\nschema = \"d\"\nmissing_after = \"1h\"",
    );
    let slow = slow.cluster.unwrap();
    assert_eq!(slow.database, "mysql://c@b:1/d");
    assert_eq!(slow.forget_after, Duration::from_secs(7_200), "a default gives way");
}

#[test]
fn what_a_cluster_cannot_be() {
    check(
        r#"
[publish]
period = "1s"
[cluster]
name = "Web"
database = "mysql://user:secret@db/cwmem"
tls = "of"
missing_after = "1s"
"#,
        expect![[r#"
            f:5: cluster.name: expected the name of a cluster: 1 to 64 of a-z, 0-9, ".", "_" and "-", found "Web"
            f:6: cluster.database: expected a URL without a password: this file is readable by all; put the password into a file of its own and name that by cluster.password_file, found something else (not shown: it may hold a password)
            f:7: cluster.tls: expected "verify", "encrypt" or "off", found "of"; did you mean "off"?
            f:8: cluster.missing_after: expected a duration from "4s" to "1day", found "1s""#]],
    );
    check(
        r#"
[publish]
period = "1s"
[cluster]
name = "web"
database = "mysql://user@db/cwmem"
host = "db2"
port = 3307
tls = "encrypt"
tls_ca = "/ca.pem"
password_file = "/p"
missing_after = "10s"
forget_after = "15s"
"#,
        expect![[r#"
            f:5: cluster.name: expected a publish.period of at least "2s" in a cluster, found "web"
            f:7: cluster.host: expected what cluster.database says: one of the two is enough, found "db2"
            f:8: cluster.port: expected what cluster.database says: one of the two is enough, found 3307
            f:10: cluster.tls_ca: expected cluster.tls = "verify" beside it: without it no authority is asked, found "/ca.pem"
            f:13: cluster.forget_after: expected at least "20s", twice cluster.missing_after: an alarm has to see a missing member first, found "15s""#]],
    );
}

#[test]
fn a_token_of_iam_is_for_a_server_that_shows_who_it_is() {
    let cluster = "cluster.name = \"web\"\ncluster.database = \"mysql://cwmem@db/cwmem\"\ncluster.iam_auth = true\n";
    assert!(accepted(cluster).cluster.unwrap().iam_auth);
    for tls in ["encrypt", "off"] {
        let text = format!("{cluster}cluster.tls = {tls:?}");
        let said = parse_str("f", &text).unwrap_err().to_string();
        assert_eq!(
            said,
            "f:3: cluster.iam_auth: expected cluster.tls = \"verify\" beside it: the token is sent as it is, to be read by that server alone, found true"
        );
    }
    check(
        &format!("{cluster}cluster.password_file = \"/p\""),
        expect![[
            r#"f:4: cluster.password_file: expected no such key beside cluster.iam_auth: a token stands in for the password, found "/p""#
        ]],
    );
}

#[test]
fn what_a_cluster_lacks() {
    check(
        "cluster.name = \"web\"",
        expect![[
            r#"f:1: cluster.name: expected cluster.database, or cluster.host and cluster.schema, beside it, found "web""#
        ]],
    );
    check(
        "cluster.database = \"mysql://user@db/cwmem\"",
        expect![[
            r#"f:1: cluster.database: expected cluster.name beside it, found "mysql://***@db/cwmem""#
        ]],
    );
    check(
        "cluster.host = \"db\"\ncluster.name = \"web\"",
        expect![[r#"
        f:1: cluster.host: expected cluster.schema beside it, found "db"
        f:2: cluster.name: expected cluster.database, or cluster.host and cluster.schema, beside it, found "web""#]],
    );
    check(
        "cluster.missing_after = \"119s\"",
        expect![[
            r#"f:1: cluster.missing_after: expected at least "2m", two of publish.period: a member writes its row once a period, at its own moment, found "119s""#
        ]],
    );
}

#[test]
fn cgroups_and_processes() {
    let config = accepted(
        "[cgroups]\npaths = [\"/\", \"/system.slice/*.service/\"]\nmetrics = [\"CgroupMemoryUsed\"]\n\
         [processes]\nmysql = { unit = \"mysql.service\" }\nweb = { exe = \"/usr/sbin/nginx\" }\n\
         [processes.queue]\ncmdline = \"*worker.py *\"\n",
    );
    let paths: Vec<_> = config.cgroups.paths.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["/", "system.slice/*.service"]);
    let selectors: Vec<_> =
        config.processes.selectors.iter().map(|(name, how)| format!("{name}: {how}")).collect();
    let expected = [
        r#"mysql: unit "mysql.service""#,
        r#"web: exe "/usr/sbin/nginx""#,
        r#"queue: cmdline "*worker.py *""#,
    ];
    assert_eq!(selectors, expected);
    assert!(config.slow().is_needed() && !Config::default().slow().is_needed());
    check(
        r#"
[cgroups]
paths = ["/sys/fs/cgroup/system.slice", "../a", "a", "a/", ""]
metrics = ["CgroupUsed", "CgroupOomKills", "CgroupOomKills"]
[metrics]
max_series = 0
zfs_arc = "free"
"#,
        expect![[r#"
            f:3: cgroups.paths: expected the path of a cgroup below /sys/fs/cgroup, such as "system.slice/*.service", or "/", found "/sys/fs/cgroup/system.slice"; write "system.slice"
            f:3: cgroups.paths: expected the path of a cgroup below /sys/fs/cgroup, such as "system.slice/*.service", or "/", found "../a"
            f:3: cgroups.paths: expected each path once, found "a/"
            f:3: cgroups.paths: expected the path of a cgroup below /sys/fs/cgroup, such as "system.slice/*.service", or "/", found ""
            f:4: cgroups.metrics: expected "CgroupUsedPercent", "CgroupStallPercent", "CgroupOomKills" or "CgroupMemoryUsed", found "CgroupUsed"; did you mean "CgroupUsedPercent"?
            f:4: cgroups.metrics: expected each name once, found "CgroupOomKills"
            f:6: metrics.max_series: expected a whole number from 1 to 10000, found 0
            f:7: metrics.zfs_arc: expected "used" or "reclaimable", found "free""#]],
    );
    check(
        r#"
[processes]
metrics = []
a = "nginx"
b = {}
c = { exe = "/a", name = "b" }
d = { exe = "nginx" }
e = { unit = "mysql" }
f = { comm = "x" }
g = { name = "" }
"grün" = { name = "x" }
"#,
        expect![[r#"
            f:3: processes.metrics: expected at least one metric, found an empty list
            f:4: processes.a: expected one of { exe = .. }, { name = .. }, { cmdline = .. }, { pid_file = .. } or { unit = .. }, found "nginx"
            f:5: processes.b: expected one of { exe = .. }, { name = .. }, { cmdline = .. }, { pid_file = .. } or { unit = .. }, found a table; it has 0 keys
            f:6: processes.c: expected one of { exe = .. }, { name = .. }, { cmdline = .. }, { pid_file = .. } or { unit = .. }, found a table; it has 2 keys
            f:7: processes.d.exe: expected the full path of a file, beginning with "/", found "nginx"
            f:8: processes.e.unit: expected the name of a unit of systemd with its type, such as "mysql.service", found "mysql"
            f:9: processes.f.comm: expected one of { exe = .. }, { name = .. }, { cmdline = .. }, { pid_file = .. } or { unit = .. }, found the name "comm"
            f:10: processes.g.name: expected a process's name: 1 to 255 characters, "*" for any of them, found ""
            f:11: processes."grün": expected a name that can be a dimension's value, which must be ASCII without control characters, found the name "grün""#]],
    );
    check(
        "dimensions.Cgroup = \"x\"\nmetrics.dimensions = [[\"Cgroup\"], [\"tag:Process\"]]\n\
         cgroups.paths = [\"a\"]\nprocesses.a = { name = \"a\" }",
        expect![[r#"
            f:3: cgroups.paths: expected nothing, while a set of metrics.dimensions has a dimension Cgroup of its own or 30 dimensions, found a list
            f:4: processes.a: expected nothing, while a set of metrics.dimensions has a dimension Process of its own or 30 dimensions, found a table"#]],
    );
}

#[test]
fn alarms() {
    check(
        r#"
[alarms]
enabled = ["tickets", "page", "page"]
prefix = "my alarms"
ticket_above = "97%"
stall_warning_from = "50%"
stall_critical_from = "45%"
headroom_below = 5
actions = ["arn:aws-us-gov:sns:us-gov-west-1:123456789012:memory", "memory", "arn:aws:sns:a:1:b c"]
ok_actions = ["arn:aws:sns:a:1:b", "arn:aws:sns:a:1:c", "arn:aws:sns:a:1:d", "arn:aws:sns:a:1:e", "arn:aws:sns:a:1:f", "arn:aws:sns:a:1:g"]
target_used = "75%"
"#,
        expect![[r#"
            f:3: alarms.enabled: expected "ticket", "page", "stall-warning", "stall-critical", "oom-kill", "silent", "headroom" or "members-missing", found "tickets"; did you mean "ticket"?
            f:3: alarms.enabled: expected each name once, found "page"
            f:4: alarms.prefix: expected what the names of alarms begin with: 1 to 64 letters, digits and - _ . / :, found "my alarms"
            f:5: alarms.ticket_above: expected at most alarms.page_from, which is "95%", found "97%"
            f:7: alarms.stall_critical_from: expected at least alarms.stall_warning_from, which is "50%", found "45%"
            f:8: alarms.headroom_below: expected a percentage from "0%" to "100%", found 5; write "5%"
            f:9: alarms.actions: expected an ARN such as "arn:aws:sns:eu-central-1:123456789012:memory", of any partition, found "memory"
            f:9: alarms.actions: expected an ARN such as "arn:aws:sns:eu-central-1:123456789012:memory", of any partition, found "arn:aws:sns:a:1:b c"
            f:10: alarms.ok_actions: expected at most 5 ARNs, found a list; it has 6
            f:11: alarms.target_used: expected a set of the group alone in metrics.dimensions beside it, such as ["AutoScalingGroupName"], and MemoryUsedPercent in metrics.enabled, found "75%""#]],
    );
    check(
        "[alarms]\ntarget_used = \"0%\"\n",
        expect![[r#"f:2: alarms.target_used: expected a percentage above "0%", found "0%""#]],
    );
    check(
        "[alarms]\nscale_in = true\n",
        expect![
            "f:2: alarms.scale_in: expected alarms.target_used beside it: without it nothing is scaled, found true"
        ],
    );
    let group = "metrics.dimensions = [[\"InstanceId\"], [\"AutoScalingGroupName\"]]\n";
    let alarms = accepted(&format!(
        "{group}[alarms]\ntarget_used = \"70%\"\nscale_in = true\nactions = [\"arn:aws-cn:sns:cn-north-1:1:a\"]\npage_from = \"99.5%\"\nticket_above = \"99%\"\n"
    ))
    .alarms;
    assert_eq!((alarms.target_used, alarms.scale_in), (Some(70.0), true));
    assert_eq!((alarms.ticket_above, alarms.page_from), (99.0, 99.5));
    assert_eq!(alarms.urgent_actions, alarms.actions);
}
