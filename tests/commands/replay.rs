//! Alarms replayed over recordings of hosts that a story is told of through their /proc, and over
//! histories; the README has the same pictures.

use crate::support::agent::{Output, Setup};
use cwmem::clock::{Boottime, Moment, Timestamp};
use cwmem::column::columns;
use cwmem::metric::{NATIVE, needs};
use cwmem::recorder::header::Heading;
use cwmem::recorder::layout::{Ring, create};
use cwmem::sample::{Sample, Sources};
use cwmem::units::Tenths;
use expect_test::expect_file;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// 2026-11-23T14:00:00Z.
const START: i64 = 1_795_442_400;
const HOUR: i64 = 3_600;
const OWNER: &str = "i-0123456789abcdef0";

/// What a host is like in each second of an hour.
type Story = fn(i64) -> Second;

/// What a second of a host is like.
struct Second {
    used_percent: f64,
    stalled_millis: u64,
    kills: u64,
}

/// Memory leaks, ever more slowly as the kernel gives up its caches, until a process is killed at
/// 14:56:30.
fn leak(second: i64) -> Second {
    let along = |from: i64, to: i64| (second - from) as f64 / (to - from) as f64;
    let (used_percent, stalled_millis, kills) = match second {
        ..300 => (55.0, 0, 0),
        300..1_500 => (55.0 + 36.0 * along(300, 1_500), 0, 0),
        1_500..2_940 => (91.0 + 5.5 * along(1_500, 2_940), 0, 0),
        2_940..3_390 => (96.5 + 2.0 * along(2_940, 3_390), 450, 0),
        _ => (35.0, 0, 1),
    };
    Second { used_percent, stalled_millis, kills }
}

/// Forty seconds are enough: the process is killed before anything could be said.
fn spike(second: i64) -> Second {
    let (used_percent, stalled_millis, kills) = match second {
        ..2_110 => (40.0, 0, 0),
        2_110..2_150 => (97.0, 600, 0),
        _ => (38.0, 0, 1),
    };
    Second { used_percent, stalled_millis, kills }
}

/// A job takes nearly all of the memory for four minutes of each ten, and all goes well.
fn flapping(second: i64) -> Second {
    let busy = (120..360).contains(&(second % 600));
    Second { used_percent: if busy { 96.2 } else { 70.0 }, stalled_millis: 0, kills: 0 }
}

/// Samples an hour of it, second by second, from kernel files as they would have been.
fn record(path: &Path, story: fn(i64) -> Second) {
    let proc_root = tempfile::tempdir().unwrap();
    let file = |name: &str| proc_root.path().join(name);
    fs::create_dir(file("pressure")).unwrap();
    let metrics = &NATIVE[..4];
    let heading = Heading {
        owner: OWNER.into(),
        boot_id: "boot".into(),
        columns: columns(metrics, &[]),
        capacity: HOUR as u32,
    };
    let mut ring = Ring::open(create(&heading).unwrap(), &[]).unwrap();
    let mut sources = None;
    let mut stalled = 0;
    let mut there = [const { String::new() }; 3];
    for second in 0..HOUR {
        let Second { used_percent, stalled_millis, kills } = story(second);
        stalled += stalled_millis * 1_000;
        let available = (16_384_000.0 * (1.0 - used_percent / 100.0)) as u64;
        let idle = "avg10=0.00 avg60=0.00 avg300=0.00";
        let meminfo = format!(
            "MemTotal:       16384000 kB\nMemFree:          120000 kB\nMemAvailable:   {available} kB\n"
        );
        let pressure = format!("some {idle} total={stalled}\nfull {idle} total=0\n");
        let vmstat = format!("nr_free_pages 30000\noom_kill {kills}\n");
        let now_there = [("meminfo", meminfo), ("pressure/memory", pressure), ("vmstat", vmstat)];
        for ((name, text), before) in now_there.into_iter().zip(&mut there) {
            if text != *before {
                fs::write(file(name), &text).unwrap();
                *before = text;
            }
        }
        let now = Moment {
            wall: Timestamp((START + second) * 1_000),
            boot: Boottime((second.unsigned_abs() + 100) * 1_000_000),
        };
        let sources = sources.get_or_insert_with(|| {
            Sources::open(proc_root.path(), &needs(metrics, &[], true), now.boot)
        });
        let mut sample = Sample::new(now, 0);
        sources.read(&mut sample, now);
        sample.sequence = second.unsigned_abs() + 1;
        sample.covered = Tenths(10);
        ring.append(&sample);
    }
    fs::write(path, ring.bytes()).unwrap();
}

/// `cwmem alarms --replay` with these further arguments, on the host that was recorded.
fn replay(file: &Path, arguments: &[&str]) -> Output {
    let config = format!("identity.instance_id = {OWNER:?}\nidentity.imds = false\n");
    let mut all = vec!["alarms", "--replay", file.to_str().unwrap()];
    all.extend(arguments);
    Setup::new(&config)
        .variable("LANG", "C.UTF-8")
        .variable("COLUMNS", "100")
        .arguments(&all)
        .output()
}

fn shown(file: &Path, arguments: &[&str]) -> String {
    let output = replay(file, arguments);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", output.stdout);
    output.stdout
}

#[test]
fn the_readme_shows_what_alarms_would_have_done() {
    let readme = fs::read_to_string("README.md").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stories: [(&str, Story); 3] = [("leak", leak), ("spike", spike), ("flapping", flapping)];
    let mut missing = String::new();
    for (name, story) in stories {
        let path = folder.path().join(name);
        record(&path, story);
        let block = format!("$ cwmem alarms --replay {name}\n{}```\n", shown(&path, &[]));
        if !readme.contains(&block) {
            let _ = writeln!(missing, "{block}");
        }
    }
    assert!(missing.is_empty(), "the README lacks\n{missing}");
    let svg = shown(&folder.path().join("leak"), &["--svg", "-"]);
    expect_file!["../../docs/replay.svg"].assert_eq(&svg);
}

#[test]
fn warnings_are_told_to_programs_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    record(&path, leak);
    // A file and its folder are the same recording.
    let object = shown(&path, &["--json"]);
    assert_eq!(shown(folder.path(), &["--json"]), object);
    let object: serde_json::Value = serde_json::from_str(&object).unwrap();
    assert_eq!(object["owner"], OWNER);
    // Nothing stalls any more, so that the counter of kills is read every five seconds only.
    assert_eq!(
        object["oom_kills"],
        serde_json::json!([{"time": "2026-11-23T14:56:34Z", "count": 1}])
    );
    let alarms = object["alarms"].as_array().unwrap();
    let warned = |name: &str| {
        let alarm = alarms.iter().find(|alarm| alarm["name"] == format!("cwmem-{name}-{OWNER}"));
        alarm.unwrap()["came_to"]["warnings"][0]["seconds_before"].as_i64()
    };
    // Ten averages above 90 from minute 24 or 25 on, three maxima of 95 from minute 42 on.
    assert!((1_200..1_380).contains(&warned("ticket").unwrap()), "{object}");
    assert!((660..780).contains(&warned("page").unwrap()), "{object}");
    // Three minutes of stalls from 14:49 on are there at 14:52:10.
    assert_eq!(warned("stall-warning"), Some(264));
    assert_eq!(warned("oom-kill"), None);
    // 22 minutes are enough; eleven could have been more.
    let earlier = |name: &str| {
        let alarm = alarms.iter().find(|alarm| alarm["name"] == format!("cwmem-{name}-{OWNER}"));
        alarm.unwrap()["earlier"]["would_come_to"]["warnings"][0]["seconds_before"].as_i64()
    };
    assert!(earlier("page") >= Some(900) && earlier("ticket").is_none(), "{object}");
}

#[test]
fn a_history_of_cloudwatch_s_own_commands_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("used.json");
    let minutes = 0..90;
    let times: Vec<String> = minutes
        .clone()
        .map(|minute| Timestamp((START + minute * 60) * 1_000).to_string())
        .collect();
    let values: Vec<i64> =
        minutes.map(|minute| if (30..60).contains(&minute) { 97 } else { 50 }).collect();
    let history = serde_json::json!({"MetricDataResults": [
        {"Id": "m1", "Label": "MemoryUsedPercent Average", "Timestamps": times, "Values": values},
        {"Id": "m2", "Label": "OomKills Sum", "Timestamps": [times[59]], "Values": [1.0]},
    ], "Messages": []});
    fs::write(&path, history.to_string()).unwrap();
    let text = shown(&path, &[]);
    for expected in [
        "on used.json, 2026-11-23 14:00:00 to ",
        "page: not replayed: there is no Maximum of MemoryUsedPercent over 60 s.\n",
        "stall-warning: not replayed: there is no MemoryStallPercent, only MemoryUsedPercent, OomKills.\n",
    ] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    // In ALARM from 14:40:10 to 15:06:10; the kill may have come at 14:59:00 already.
    let ticket = text.lines().find(|line| line.starts_with("ticket ") && line.contains("10 of 15"));
    let ticket: Vec<&str> = ticket.unwrap().split_whitespace().collect();
    assert_eq!(ticket[ticket.len() - 5..], ["1", "26", "min", "18", "min"], "{text}");
    fs::write(&path, history.to_string().replacen("14:00:00Z", "noon", 1)).unwrap();
    let output = replay(&path, &[]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(65), ""));
    assert!(
        output.stderr.contains("used.json: line 1, column ") && output.stderr.contains("noon"),
        "{}",
        output.stderr
    );
    let nowhere = replay(&folder.path().join("nowhere"), &[]);
    assert_eq!(nowhere.code, Some(65));
    assert!(nowhere.stderr.contains("cannot read "), "{}", nowhere.stderr);
}
