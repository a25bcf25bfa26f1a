//! A recording for programs: CSV (RFC 4180), or one JSON object a line.

use crate::black_box::format::Entry;
use crate::history::points::{Point, Spread};
use crate::history::span::time;
use serde::Serialize;

/// The first line of the CSV.
pub const CSV_HEADER: &str = "time,used_percent_min,used_percent_max,stall_percent_min,\
                              stall_percent_max,oom_kills,covered_seconds\r\n";

/// A point as a line of CSV: numbers and a time, nothing that needs quotes; absent is empty.
pub fn csv(point: &Point) -> String {
    let range = |spread: Option<Spread>| match spread {
        Some(Spread { min, max, .. }) => format!("{min:.3},{max:.3}"),
        None => ",".to_owned(),
    };
    let covered = f64::from(point.covered.0) / 10.0;
    let (used, stall) = (range(point.used), range(point.stall));
    format!("{},{used},{stall},{},{covered:.1}\r\n", time(point.second), point.kills)
}

/// A point as a line of JSON; absent fields are absent.
pub fn point_json(point: &Point) -> String {
    line(&PointLine {
        r#type: "second",
        time: time(point.second),
        used_percent_min: point.used.map(|used| thousandths(used.min)),
        used_percent_max: point.used.map(|used| thousandths(used.max)),
        stall_percent_min: point.stall.map(|stall| thousandths(stall.min)),
        stall_percent_max: point.stall.map(|stall| thousandths(stall.max)),
        oom_kills: point.kills,
        covered_seconds: f64::from(point.covered.0) / 10.0,
    })
}

/// A look at the processes as a line of JSON.
pub fn entry_json(entry: &Entry) -> String {
    let processes = entry.processes.iter().map(|process| ProcessLine {
        pid: process.pid,
        name: process.name.to_string(),
        resident_bytes: process.resident.0,
        swap_bytes: process.swap.map(|swap| swap.0),
    });
    line(&EntryLine {
        r#type: "processes",
        time: time(entry.taken.wall.seconds()),
        reason: entry.reason.as_str(),
        processes: processes.collect(),
    })
}

fn line(value: &impl Serialize) -> String {
    // Of numbers and texts only: nothing here can fail.
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}

fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[derive(Serialize)]
struct PointLine {
    r#type: &'static str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_percent_min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_percent_max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_percent_min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_percent_max: Option<f64>,
    oom_kills: u64,
    covered_seconds: f64,
}

#[derive(Serialize)]
struct EntryLine {
    r#type: &'static str,
    time: String,
    reason: &'static str,
    processes: Vec<ProcessLine>,
}

#[derive(Serialize)]
struct ProcessLine {
    pid: u32,
    name: String,
    resident_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap_bytes: Option<u64>,
}
