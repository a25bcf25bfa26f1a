//! A metric's history as a file: what CloudWatch's commands print, or a table of it.
//!
//! Each series has a label: the metric's name, and beside it the statistic where the file doesn't
//! say it otherwise, as in `MemoryUsedPercent Maximum`.

pub mod csv;
pub mod instant;
pub mod json;

use crate::alarms::alarm::Statistic;
use crate::replay::track::{Content, Figures, Slice, Track};
use std::collections::BTreeMap;

/// Why a file isn't a history that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Mistake {
    /// Its line, its field or both.
    pub place: String,
    /// What was expected and what was found.
    pub what: String,
}

/// By metric, in the order of their names.
pub type Tracks = Vec<(String, Track)>;

/// The series of a JSON or CSV text; JSON begins with a brace.
pub fn parse(text: &str) -> Result<Tracks, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let values = if text.trim_start().starts_with('{') { json::parse } else { csv::parse };
    tracks(values(text)?)
}

/// One number of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    pub metric: String,
    /// `None`: the file doesn't say.
    pub statistic: Option<Statistic>,
    pub start: i64,
    pub value: f64,
    /// Where it stands.
    pub place: String,
}

/// The metric and the statistic that a label names.
pub fn label(text: &str) -> (String, Option<Statistic>) {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let found = words.iter().rposition(|word| statistic(word).is_some());
    // A metric may be called Average.
    let found = found.filter(|_| words.len() > 1);
    let statistic = found.and_then(|place| statistic(words.remove(place)));
    (words.join(" "), statistic)
}

/// By CloudWatch's name: "Average", "p99.9".
pub fn statistic(name: &str) -> Option<Statistic> {
    let percentile = || {
        let number = name.strip_prefix('p')?;
        let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number: f64 = number.parse().ok()?;
        (plain && number > 0.0 && number <= 100.0).then_some(Statistic::Percentile(number))
    };
    match name {
        "Average" => Some(Statistic::Average),
        "Minimum" => Some(Statistic::Minimum),
        "Maximum" => Some(Statistic::Maximum),
        "Sum" => Some(Statistic::Sum),
        "SampleCount" => Some(Statistic::SampleCount),
        _ => percentile(),
    }
}

fn tracks(values: Vec<Value>) -> Result<Tracks, Mistake> {
    let mut metrics: BTreeMap<String, BTreeMap<i64, Figures>> = BTreeMap::new();
    let mut places: BTreeMap<i64, String> = BTreeMap::new();
    for value in values {
        let figures = metrics.entry(value.metric.clone()).or_default();
        put(figures.entry(value.start).or_default(), &value)?;
        places.entry(value.start).or_insert(value.place);
    }
    let all: Vec<i64> = places.keys().copied().collect();
    let first = all.first().copied();
    let first = first.ok_or_else(|| mistake("the file", "expected datapoints, found none"))?;
    let starts = |figures: &BTreeMap<i64, Figures>| figures.keys().copied().collect::<Vec<i64>>();
    let regular = metrics.values().filter_map(|figures| regular_grain(&starts(figures)));
    // Of a sparse metric alone it can't be told; it has that of the others.
    let shared = regular.min().or_else(|| shortest(&all)).unwrap_or(MINUTE);
    let tracks = metrics.into_iter().map(|(metric, figures)| {
        let starts = starts(&figures);
        let regular = regular_grain(&starts).zip(starts.first().copied());
        let (grain, origin) = regular.unwrap_or((shared, first));
        check(&starts, &places, grain, origin)?;
        let slices = figures.into_iter().map(|(start, figures)| {
            let known = start + grain;
            Slice { start, known, content: Content::Figures(figures) }
        });
        Ok((metric, Track::new(grain, slices.collect())))
    });
    tracks.collect()
}

/// One statistic of one period may stand there twice, as where the pages of an answer overlap, but
/// only with the same value.
fn put(figures: &mut Figures, new: &Value) -> Result<(), Mistake> {
    let field = match new.statistic {
        None => &mut figures.unnamed,
        Some(Statistic::Average) => &mut figures.average,
        Some(Statistic::Minimum) => &mut figures.minimum,
        Some(Statistic::Maximum) => &mut figures.maximum,
        Some(Statistic::Sum) => &mut figures.sum,
        Some(Statistic::SampleCount) => &mut figures.sample_count,
        Some(Statistic::Percentile(percentile)) => {
            let known = figures.percentiles.iter().find(|(known, _)| *known == percentile);
            let before = known.map(|(_, value)| *value);
            if before.is_none() {
                figures.percentiles.push((percentile, new.value));
            }
            return same(before, new);
        }
    };
    let before = field.replace(new.value);
    same(before, new)
}

fn same(before: Option<f64>, new: &Value) -> Result<(), Mistake> {
    match before {
        Some(before) if before != new.value => Err(mistake(
            &new.place,
            format!(
                "expected one series of {} of one host, found {} and {before} for the same period",
                new.metric, new.value
            ),
        )),
        _ => Ok(()),
    }
}

/// The distance of neighbours where nearly all have the same and none a part of it.
fn regular_grain(starts: &[i64]) -> Option<i64> {
    let grain = shortest(starts)?;
    let same = distances(starts).filter(|distance| *distance == grain).count();
    let whole = distances(starts).all(|distance| distance % grain == 0);
    (starts.len() >= ENOUGH && whole && same * 10 >= (starts.len() - 1) * 9).then_some(grain)
}

fn shortest(starts: &[i64]) -> Option<i64> {
    distances(starts).min()
}

fn distances(starts: &[i64]) -> impl Iterator<Item = i64> + '_ {
    starts.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?))
}

fn check(
    starts: &[i64],
    places: &BTreeMap<i64, String>,
    grain: i64,
    origin: i64,
) -> Result<(), Mistake> {
    let refuse = |start: i64, what: String| {
        let place = places.get(&start).map_or("the file", |place| place);
        Err(mistake(place, what))
    };
    let (Some(&first), Some(&last)) = (starts.first(), starts.last()) else { return Ok(()) };
    if MINUTE % grain != 0 && grain % MINUTE != 0 {
        let found = format!("found {grain} s");
        return refuse(
            first,
            format!("expected periods that divide a minute or whole minutes, {found}"),
        );
    }
    if let Some(&start) = starts.iter().find(|start| (**start - origin) % grain != 0) {
        return refuse(
            start,
            format!("expected a time whole periods of {grain} s from the others"),
        );
    }
    let (begin, end) =
        (places.keys().next().unwrap_or(&first), places.keys().last().unwrap_or(&last));
    let periods = (end - begin) / grain;
    if periods >= MOST_PERIODS {
        let found = format!("found {periods} of {grain} s; cut the file shorter");
        return refuse(*end, format!("expected at most {MOST_PERIODS} periods, {found}"));
    }
    Ok(())
}

fn mistake(place: &str, what: impl Into<String>) -> Mistake {
    Mistake { place: place.to_owned(), what: what.into() }
}

const MINUTE: i64 = 60;
/// So many datapoints show a period.
const ENOUGH: usize = 10;
/// Two months of minutes; CloudWatch keeps them for 15 days.
const MOST_PERIODS: i64 = 100_000;

#[cfg(test)]
mod tests;
