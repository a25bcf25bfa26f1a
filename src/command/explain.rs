//! `cwmem explain`: every formula of every tool in words, its value on this host now, the fields it
//! used, and why the tools differ.

mod notes;

use crate::clock::Clock;
use crate::command::output::{self, complain};
use crate::config::{Config, ZfsArc};
use crate::exit::Exit;
use crate::metric::{self, Formula, Metric, NATIVE, Value};
use crate::preset::{Manner, PRESETS, Row};
use crate::sample::{Differences, Needs, Sample, Sources};
use crate::slow::Signal;
use crate::source::kept::AVAILABLE;
use crate::source::meminfo::MemInfo;
use crate::source::numa;
use crate::table::Table;
use crate::units::{Grain, Unit};
use std::path::Path;
use std::time::Duration;

/// Prints the table; reads the host twice, a second apart, so that rates have values too.
pub async fn run(config: &Config, clock: &Clock) -> Exit {
    let fields = all_fields();
    let needs = metric::needs(&NATIVE, &fields, false);
    let zfs = config.metrics.zfs_arc == ZfsArc::Reclaimable;
    let needs = Needs { zoneinfo: true, zfs, ..needs };
    let mut sources = Sources::open(&config.sample.proc_root, &needs, clock.now().boot);
    let mut sample = Sample::new(clock.now(), fields.len());
    sample.covered = config.sample.interval;
    let mut differences = Differences::default();
    sources.read(&mut sample, clock.now());
    let mut rates = differences.take(&sample);
    // A captured tree stands still: waiting would show nothing more.
    if config.sample.proc_root == Path::new("/proc") {
        clock.sleep(BETWEEN_READINGS).await;
        sources.read(&mut sample, clock.now());
        rates = differences.take(&sample);
    }
    for report in sources.reports() {
        complain(report);
    }
    let mut table = Table::new(&["TOOL", "METRIC", "VALUE", "FORMULA", "FIELDS"]);
    for metric in &NATIVE {
        let value = metric.value(&sample, &rates).or_else(|| slow_value(metric, config));
        let value = value.map_or("-".into(), |value| shown(metric, value));
        let used = used(metric, &sample, &fields);
        table.row(["cwmem", &metric.name, &value, &metric.words, &used]);
    }
    let info = sample.meminfo.as_ref();
    for preset in &PRESETS {
        for row in preset.rows {
            let metric = row.metric(Manner::default());
            let value = metric.value(&sample, &rates);
            let value = value.map_or("-".into(), |value| shown(&metric, value));
            let used = info.map(|info| of_kernel(row, info)).unwrap_or_default();
            table.row([preset.name, &metric.name, &value, &metric.words, &used]);
        }
    }
    let mut text = format!("{table}\n{LEGEND}\n");
    let Some(info) = info else { return output::show(text, Exit::Findings) };
    let arc = notes::arc(&config.sample.proc_root);
    for (heading, notes) in [
        ("Why they differ on this host:", notes::differences(info, arc)),
        ("About single tools:", notes::of_tools(info)),
    ] {
        text += &format!("\n{heading}\n");
        for note in notes {
            text += &format!("- {note}\n");
        }
    }
    output::show(text, Exit::Ok)
}

/// The fields of a preset's formula.
fn of_kernel(row: &Row, info: &MemInfo) -> String {
    let fields = row.formula.fields().into_iter().map(|field| match field.value(info) {
        Some(value) if field.name == AVAILABLE && info.available.is_none() => {
            format!("{} estimated as {} kB", field.name, value.0 / 1024)
        }
        Some(value) => format!("{} {} kB", field.name, value.0 / 1024),
        None => format!("{} -", field.name),
    });
    fields.collect::<Vec<_>>().join(", ")
}

/// What one look tells of the slow metrics; a forecast needs an hour.
fn slow_value(metric: &Metric, config: &Config) -> Option<Value> {
    (metric == Signal::NumaNodeAvailablePercent.metric()).then_some(())?;
    let percent = numa::least_available_percent(&config.sample.sys_root)?;
    Some(Value::Weighted(percent, config.sample.interval.0))
}

/// What stood in the kernel's files for the formula.
fn used(metric: &Metric, sample: &Sample, fields: &[String]) -> String {
    let counter = match metric.formula {
        Formula::Stall(total) => sample.pressure.and_then(|pressure| total(&pressure)),
        Formula::Rate(count) | Formula::Events(count) => {
            sample.vmstat.and_then(|vmstat| count(&vmstat))
        }
        Formula::Slow => return String::new(),
        Formula::MemInfo(_) | Formula::Fields(..) | Formula::Extra(_) => {
            let used = fields_of(metric).into_iter().filter_map(|field| {
                let place = fields.iter().position(|other| *other == field)?;
                let value = sample.extras[place].map_or("-".into(), |value| amount(&field, value));
                Some(format!("{field} {value}"))
            });
            return used.collect::<Vec<_>>().join(", ");
        }
    };
    // Within the parentheses stand the file and the counter's name in it.
    let inner = metric.words.split(['(', ')']).nth(1).unwrap_or_default();
    let name = inner.split_once(' ').map_or(inner, |(_, name)| name);
    let unit = if matches!(metric.formula, Formula::Stall(_)) { " µs" } else { "" };
    match counter {
        Some(count) => format!("{name} {count}{unit}"),
        None => format!("{name} -"),
    }
}

/// A value as the datum would carry it.
fn shown(metric: &Metric, value: Value) -> String {
    let value = match value {
        Value::Weighted(value, _) | Value::Events(value) => value,
    };
    match metric.unit {
        Unit::Bytes => format!("{:.1} MiB", value / f64::from(1 << 20)),
        Unit::Percent => format!("{value:.2} %"),
        Unit::CountPerSecond => format!("{value:.0} /s"),
        Unit::Count => format!("{value:.0}"),
        Unit::Kilobytes | Unit::Megabytes | Unit::Gigabytes => {
            format!("{value:.2} {}", metric.unit)
        }
        Unit::None if metric.grain == Grain::Tenth => format!("{value:.2}"),
        Unit::None => format!("{value:.0}"),
    }
}

fn amount(field: &str, value: u64) -> String {
    if field.starts_with("HugePages_") { value.to_string() } else { format!("{} kB", value / 1024) }
}

/// The fields of /proc/meminfo that the formula's words name, each once.
fn fields_of(metric: &Metric) -> Vec<String> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = metric.words.split(move |character| !is_name(character));
    let mut fields = Vec::new();
    for word in words.filter(|word| word.starts_with(|first: char| first.is_ascii_uppercase())) {
        if !fields.iter().any(|field| field == word) {
            fields.push(word.to_owned());
        }
    }
    fields
}

fn all_fields() -> Vec<String> {
    let of_sample = NATIVE.iter().filter(|metric| !matches!(metric.formula, Formula::Slow));
    let mut fields: Vec<String> = of_sample.flat_map(fields_of).collect();
    fields.sort();
    fields.dedup();
    fields
}

const LEGEND: &str = "\"-\" is a value that this host doesn't give: no swap, an older kernel, \
                      pressure stall information off, a rate \
                      of a captured tree, or a forecast.";
const BETWEEN_READINGS: Duration = Duration::from_secs(1);
