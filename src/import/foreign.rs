//! What the CloudWatch agent's configuration has that isn't cwmem's: named, with its metrics.

use crate::import::Place;
use crate::import::json::Json;
use crate::import::merge::Entry;
use crate::import::series::Found;

/// A section of `metrics_collected`.
pub fn collected(entry: &Entry, found: &mut Found) {
    let instances = entry.value.list().unwrap_or(std::slice::from_ref(&entry.value));
    let prefix = format!("{}_", entry.key);
    let mut names: Vec<String> = Vec::new();
    for instance in instances {
        for item in instance.get("measurement").and_then(Json::list).unwrap_or_default() {
            let name = item.text().or_else(|| item.get("name").and_then(Json::text));
            let rename = item.get("rename").and_then(Json::text);
            let name = rename.map(str::to_owned).or_else(|| match name {
                Some(name) if name.starts_with(&prefix) => Some(name.to_owned()),
                // The agent's one exception.
                Some("pid_count") if entry.key == "procstat" => {
                    Some("procstat_lookup_pid_count".to_owned())
                }
                Some(name) => Some(format!("{prefix}{name}")),
                None => None,
            });
            names.extend(name);
        }
    }
    names.sort();
    names.dedup();
    let known = KNOWN.iter().find(|(key, _)| *key == entry.key);
    let what = known.map_or("a section that cwmem doesn't know", |(_, what)| what);
    found.foreign(&entry.place, what, names);
}

/// A section beside `agent` and `metrics`.
pub fn section(entry: &Entry, found: &mut Found) {
    let what = match entry.key.as_str() {
        "logs" => "logs",
        "traces" => "traces",
        "opentelemetry" => "what goes to OpenTelemetry endpoints",
        "csm" => "client-side monitoring",
        _ => return found.unknown(&entry.place),
    };
    let mut below: Vec<Place> = Vec::new();
    for group in GROUPS {
        let group_s = entry.place.below(group);
        let keys = entry.value.get(group).into_iter().flat_map(Json::entries);
        below.extend(keys.map(|(key, _)| group_s.below(key)));
    }
    if below.is_empty() {
        below.push(entry.place.clone());
    }
    for place in below {
        found.foreign(&place, what, Vec::new());
    }
}

/// What gathers, in logs, traces and their like.
const GROUPS: [&str; 4] = ["logs_collected", "metrics_collected", "traces_collected", "collect"];

/// Sections of `metrics_collected` and what they are about.
const KNOWN: [(&str, &str); 16] = [
    ("cpu", "CPU"),
    ("disk", "disks"),
    ("diskio", "disks"),
    ("net", "the network"),
    ("netstat", "the network"),
    ("ethtool", "the network"),
    ("efa", "the network"),
    ("processes", "how many processes there are"),
    ("procstat", "single processes"),
    ("statsd", "what programs send by StatsD"),
    ("collectd", "what collectd sends"),
    ("nvidia_gpu", "GPUs"),
    ("nvidia_smi", "GPUs"),
    ("jmx", "Java programs"),
    ("otlp", "what programs send by OpenTelemetry"),
    ("prometheus", "what Prometheus exporters show"),
];
