//! `cwmem explain`: every formula in words, its value on this host now, and the fields it used.

use crate::clock::Clock;
use crate::config::Config;
use crate::exit::Exit;
use crate::metric::{self, Metric, NATIVE, Value};
use crate::sample::{Differences, Sample, Sources};
use crate::table::Table;
use crate::units::{Grain, Unit};
use std::path::Path;
use std::time::Duration;

/// Prints the table; reads the host twice, a second apart, so that rates have values too.
pub async fn run(config: &Config, clock: &Clock) -> Exit {
    let fields = all_fields();
    let needs = metric::needs(&NATIVE, &fields, false);
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
        eprintln!("cwmem: {report}");
    }
    let mut table = Table::new(&["TOOL", "METRIC", "VALUE", "FORMULA", "FIELDS"]);
    for metric in &NATIVE {
        let value = metric.value(&sample, &rates);
        let value = value.map_or("-".into(), |value| shown(metric, value));
        let used =
            fields_of(metric).filter_map(|field| {
                let place = fields.iter().position(|other| *other == field)?;
                let value = sample.extras[place];
                Some(value.map_or(format!("{field} -"), |value| {
                    format!("{field} {}", amount(&field, value))
                }))
            });
        let used = used.collect::<Vec<_>>().join(", ");
        table.row(["cwmem", &metric.name, &value, &metric.words, &used]);
    }
    print!("{table}");
    println!(
        "\n\"-\" is a value that this host doesn't give: no swap, an older kernel, or pressure stall information off."
    );
    Exit::Ok
}

/// A value as the datum would carry it.
fn shown(metric: &Metric, value: Value) -> String {
    let value = match value {
        Value::Weighted(value, _) | Value::Events(value) => value,
    };
    match (metric.unit, metric.grain) {
        (Unit::Bytes, _) => format!("{} MiB", (value / f64::from(1 << 20) * 10.0).round() / 10.0),
        (unit, Grain::Tenth) => format!("{value:.2} {unit}"),
        (unit, Grain::ThreeDigits) => format!("{value:.0} {unit}"),
    }
}

fn amount(field: &str, value: u64) -> String {
    if field.starts_with("HugePages_") { value.to_string() } else { format!("{} kB", value / 1024) }
}

/// The fields of /proc/meminfo that the formula's words name.
fn fields_of(metric: &Metric) -> impl Iterator<Item = String> + '_ {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = metric.words.split(move |character| !is_name(character));
    words
        .filter(|word| word.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(str::to_owned)
}

fn all_fields() -> Vec<String> {
    let mut fields: Vec<String> = NATIVE.iter().flat_map(fields_of).collect();
    fields.sort();
    fields.dedup();
    fields
}

const BETWEEN_READINGS: Duration = Duration::from_secs(1);
