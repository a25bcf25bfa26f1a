//! Crontab lines that run Amazon's monitoring scripts or cloudwatchmon: what their flags publish.

use crate::import::Place;
use crate::import::options::{Meaning, known};
use crate::import::schedule;
use crate::import::series::{Dimension, Formula, Found, Series};
use crate::import::words::{self, Word};
use std::sync::Arc;

/// A program that is looked for.
struct Tool {
    files: &'static [&'static str],
    preset: &'static str,
    /// The same with caches and buffers counted as used.
    preset_incl_cache: &'static str,
    /// Whether `--auto-scaling=only` leaves out the instance's own metrics.
    obeys_only: bool,
}

/// What one run is asked for.
#[derive(Default)]
struct Asked {
    metrics: Vec<usize>,
    incl_cache: bool,
    unit: Option<&'static str>,
    aggregated: Option<Groups>,
    auto_scaling: Option<Groups>,
    /// Sends nothing: it was a trial.
    trial: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Groups {
    Additional,
    Only,
}

/// Reads all lines of the files, each with its name.
pub fn read(files: &[(Arc<str>, String)]) -> Found {
    let mut found = Found::default();
    for (file, text) in files {
        let before = found.series.len() + found.foreign.len() + found.remarks.len();
        for (number, line) in text.lines().enumerate() {
            if let Some(line) = schedule::parse(line) {
                read_line(&line, &Place::line(file, number + 1), &mut found);
            }
        }
        if before == found.series.len() + found.foreign.len() + found.remarks.len() {
            let text = "runs neither mon-put-instance-data.pl nor mon-put-instance-stats.py";
            found.remark(&Place::whole(file), true, text);
        }
    }
    found
}

fn read_line(line: &schedule::Line<'_>, place: &Place, found: &mut Found) {
    for command in words::commands(&without_percent(line.command)) {
        let tool = command.iter().enumerate().find_map(|(at, word)| {
            let name = word.text.rsplit('/').next().unwrap_or_default();
            TOOLS.iter().find(|tool| tool.files.contains(&name)).map(|tool| (at, tool))
        });
        let Some((at, tool)) = tool else { continue };
        let asked = read_options(&command[at + 1..], tool, place, found);
        if asked.trial {
            found.remark(place, false, "sends nothing: it only verifies, or shows help");
            continue;
        }
        let interval = line.interval.unwrap_or(60);
        if line.interval.is_none() || !line.even {
            let text = "cwmem publishes evenly and at all times, whatever the schedule";
            found.remark(place, !asked.metrics.is_empty(), text);
        }
        let sets = sets(&asked, tool);
        for &metric in &asked.metrics {
            for dimensions in &sets {
                found.series.push(series(metric, &asked, tool, dimensions, interval, place));
            }
        }
    }
}

/// cron ends the command at a `%` and takes the rest as its input (crontab(5)).
fn without_percent(command: &str) -> String {
    let mut text = String::new();
    let mut escaped = false;
    for character in command.chars() {
        match character {
            '%' if !escaped => break,
            '%' => {
                text.pop();
                text.push('%');
            }
            _ => text.push(character),
        }
        escaped = character == '\\' && !escaped;
    }
    text
}

fn read_options(words: &[Word], tool: &Tool, place: &Place, found: &mut Found) -> Asked {
    let mut asked = Asked::default();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        // What isn't understood isn't shown either: it may be a misplaced secret.
        let Some(option) = word.text.strip_prefix("--").or_else(|| word.text.strip_prefix('-'))
        else {
            found.remark(place, true, "has a word that belongs to no option");
            continue;
        };
        let (name, given) = match option.split_once('=') {
            Some((name, value)) => (name, Some((value, word.expands))),
            None => (option, None),
        };
        let name = name.to_ascii_lowercase();
        let Some(&(name, takes_value, meaning)) = known(&name) else {
            found.remark(
                place,
                true,
                format!("--{name}: unknown option: cwmem doesn't know what it does"),
            );
            continue;
        };
        let value = given.or_else(|| {
            let next = words.next_if(|next| takes_value && !next.text.starts_with('-'))?;
            Some((next.text.as_str(), next.expands))
        });
        apply(&mut asked, name, meaning, value, (tool, place), found);
    }
    asked
}

fn apply(
    asked: &mut Asked,
    name: &str,
    meaning: Meaning,
    value: Option<(&str, bool)>,
    (tool, place): (&Tool, &Place),
    found: &mut Found,
) {
    let groups = || match value {
        Some((value, _)) if value.eq_ignore_ascii_case("only") => Some(Groups::Only),
        _ => Some(Groups::Additional),
    };
    match meaning {
        Meaning::Metric(metric) if asked.metrics.contains(&metric) => {}
        Meaning::Metric(metric) => asked.metrics.push(metric),
        Meaning::InclCache => asked.incl_cache = true,
        Meaning::Units => {
            let unit = value.filter(|(_, expands)| !expands).and_then(|(value, _)| {
                UNITS.iter().find(|unit| unit.eq_ignore_ascii_case(value)).copied()
            });
            if unit.is_none() {
                let text =
                    format!("--{name}: expected one of {}; taken as Megabytes", UNITS.join(", "));
                found.remark(place, true, text);
            }
            asked.unit = unit;
        }
        Meaning::Aggregated => asked.aggregated = groups(),
        Meaning::AutoScaling => {
            asked.auto_scaling = groups();
            if !tool.obeys_only && asked.auto_scaling == Some(Groups::Only) {
                let text =
                    format!("--{name}=only: cloudwatchmon publishes {{InstanceId}} all the same");
                found.remark(place, false, text);
            }
        }
        Meaning::Trial => asked.trial = true,
        Meaning::Credentials => {
            let text = format!(
                "--{name}: cwmem takes credentials from where every AWS SDK does, on EC2 the instance's role"
            );
            found.remark(place, false, text);
        }
        Meaning::Foreign(what, names) => {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            found.foreign(place, format!("--{name}: {what}"), names);
        }
        Meaning::Manner | Meaning::Detail => {}
    }
}

/// Each metric is published under each of these, one dimension at most in each.
fn sets(asked: &Asked, tool: &Tool) -> Vec<Vec<Dimension>> {
    let only = Some(Groups::Only);
    let no_instance = asked.aggregated == only || (tool.obeys_only && asked.auto_scaling == only);
    let single = |name| vec![Dimension::of_instance(name)];
    let mut sets = Vec::new();
    if !no_instance {
        sets.push(single("InstanceId"));
    }
    if asked.auto_scaling.is_some() {
        sets.push(single("AutoScalingGroupName"));
    }
    if asked.aggregated.is_some() {
        sets.extend([single("InstanceType"), single("ImageId"), Vec::new()]);
    }
    sets
}

fn series(
    metric: usize,
    asked: &Asked,
    tool: &Tool,
    dimensions: &[Dimension],
    interval: u32,
    place: &Place,
) -> Series {
    let (name, is_percent) = METRICS[metric];
    let preset = if asked.incl_cache { tool.preset_incl_cache } else { tool.preset };
    let unit = if is_percent { "Percent" } else { asked.unit.unwrap_or("Megabytes") };
    Series {
        namespace: "System/Linux".to_owned(),
        name: name.to_owned(),
        unit: unit.to_owned(),
        dimensions: dimensions.to_vec(),
        formula: Formula { preset, name, unit },
        interval,
        place: place.clone(),
    }
}

static TOOLS: [Tool; 2] = [
    Tool {
        files: &["mon-put-instance-data.pl"],
        preset: "mon-scripts",
        preset_incl_cache: "mon-scripts-incl-cache",
        obeys_only: true,
    },
    Tool {
        files: &["mon-put-instance-stats.py", "put_instance_stats.py"],
        preset: "cloudwatchmon",
        preset_incl_cache: "cloudwatchmon-incl-cache",
        obeys_only: false,
    },
];

/// Names, and whether they are percentages.
const METRICS: [(&str, bool); 5] = [
    ("MemoryUtilization", true),
    ("MemoryUsed", false),
    ("MemoryAvailable", false),
    ("SwapUtilization", true),
    ("SwapUsed", false),
];
const UNITS: [&str; 4] = ["Bytes", "Kilobytes", "Megabytes", "Gigabytes"];
