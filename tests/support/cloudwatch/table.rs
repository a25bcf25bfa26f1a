//! What arrived, as a table to read: a line per metric and period.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::statistics::Statistics;
use super::store::{Seen, Series};

pub struct Table {
    title: String,
    rows: Vec<[String; 8]>,
}

impl Table {
    pub fn of(seen: &Seen) -> Self {
        Self::by(seen, PERIOD)
    }

    /// Of periods that are shorter, or longer.
    pub fn by(seen: &Seen, period: Duration) -> Self {
        Self {
            title: totals(seen),
            rows: seen.series().iter().flat_map(|it| rows(seen, it, period)).collect(),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        if self.rows.is_empty() {
            return Ok(());
        }
        let heads = HEADS.map(str::to_owned);
        let lines = || std::iter::once(&heads).chain(&self.rows);
        let widths: [usize; 8] = std::array::from_fn(|column| {
            lines().map(|line| line[column].chars().count()).max().unwrap_or_default()
        });
        for line in lines() {
            let cells = line.iter().zip(widths).enumerate();
            let cells: Vec<_> = cells
                .map(|(column, (cell, width))| match column {
                    0 | 1 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// `EC2/Memory MemoryUsedPercent{InstanceId=i-1} Percent`
pub fn label(series: &Series) -> String {
    let dimensions: Vec<_> =
        series.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let unit = series.unit.as_deref().unwrap_or("any unit");
    format!("{} {}{{{}}} {unit}", series.namespace, series.metric, dimensions.join(","))
}

fn totals(seen: &Seen) -> String {
    let mut codes: Vec<_> = seen.refused.iter().map(|refusal| refusal.code.as_str()).collect();
    codes.sort_unstable();
    let codes: Vec<_> = codes
        .chunk_by(|one, other| one == other)
        .map(|same| format!("{} {}", same.len(), same[0]))
        .collect();
    let refused = if codes.is_empty() { "none".to_owned() } else { codes.join(", ") };
    format!(
        "{} requests on {} connections: {} accepted with {} datums, not stored: {refused}",
        seen.requests,
        seen.connections,
        seen.accepted.len(),
        seen.datums().count(),
    )
}

fn rows(seen: &Seen, series: &Series, period: Duration) -> Vec<[String; 8]> {
    let periods = seen.periods(series, period);
    periods.iter().map(|(start, statistics)| row(series, *start, statistics)).collect()
}

fn row(series: &Series, start: SystemTime, statistics: &Statistics) -> [String; 8] {
    let percentile = |p| statistics.percentile(p).map_or("-".to_owned(), figure);
    [
        label(series),
        humantime::format_rfc3339_seconds(start).to_string(),
        figure(statistics.minimum),
        figure(statistics.average()),
        percentile(50.0),
        percentile(90.0),
        figure(statistics.maximum),
        figure(statistics.sample_count),
    ]
}

/// Three decimals at most.
fn figure(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const HEADS: [&str; 8] =
    ["metric", "period", "minimum", "average", "p50", "p90", "maximum", "samples"];

/// What CloudWatch shows of metrics with StorageResolution 60.
const PERIOD: Duration = Duration::from_secs(60);
