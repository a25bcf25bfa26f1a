//! What is replayed: the data of each metric, and the OOM kills that there were.

use crate::alarms::alarm::Alarm;
use crate::history::span::Span;
use crate::replay::evaluate::seconds;
use crate::replay::file::Tracks;
use crate::replay::track::{Content, Given, Track};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Whose it is: a host, or a file.
    pub owner: String,
    pub span: Span,
    /// How long after its end a period is evaluated, in seconds.
    pub delay: i64,
    pub series: Vec<Series>,
    /// In the order of time.
    pub kills: Vec<Kill>,
    pub of: Of,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// `None`: of any.
    pub namespace: Option<String>,
    pub metric: String,
    pub track: Track,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Recording,
    History,
}

/// OOM kills that came together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    pub second: i64,
    pub count: u64,
}

/// What an alarm is evaluated on.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<'a> {
    pub track: &'a Track,
    /// What there is to say of it, a sentence each.
    pub notes: Vec<String>,
}

impl Source {
    /// A history from a file.
    pub fn of_history(owner: String, tracks: Tracks, spread: Duration) -> Source {
        let delay = delay(spread);
        let starts = tracks.iter().flat_map(|(_, track)| track.slices()).map(|slice| slice.start);
        let ends =
            tracks.iter().filter_map(|(_, track)| Some(track.slices().last()?.start + track.grain));
        let span = Span { from: starts.min().unwrap_or(0), to: ends.max().unwrap_or(1) - 1 };
        let kills =
            tracks.iter().find(|(metric, _)| metric == KILLS).map(|(_, track)| kills(track));
        let series = tracks.into_iter().map(|(metric, track)| {
            // It is there when the service is asked.
            let slices = track.slices().iter().cloned();
            let slices = slices.map(|mut slice| {
                slice.known += delay;
                slice
            });
            let track = Track::new(track.grain, slices.collect());
            Series { namespace: None, metric, track }
        });
        let series = series.collect();
        Source { owner, span, delay, series, kills: kills.unwrap_or_default(), of: Of::History }
    }

    /// The data that `alarm` is about, or why there is none, as a sentence.
    pub fn find(&self, alarm: &Alarm) -> Result<Found<'_>, String> {
        let same = |series: &&Series| {
            let namespace = series.namespace.as_ref();
            series.metric == alarm.metric && namespace.is_none_or(|own| *own == alarm.namespace)
        };
        let Some(Series { track, .. }) = self.series.iter().find(same) else {
            return Err(self.lacks(&alarm.metric));
        };
        let (own, grain) = (seconds(alarm), track.grain);
        let mut notes = Vec::new();
        if grain > own {
            notes.push(format!(
                "evaluated on periods of {grain} s, as the data has no shorter ones"
            ));
        }
        match track.gives(alarm.statistic, own.max(grain)) {
            Given::Exactly => {}
            Given::Unweighted => notes.push(
                "each average counts the same, as their SampleCounts aren't given".to_owned(),
            ),
            Given::Unnamed => notes.push(format!(
                "the label doesn't say of which statistic the values are: taken as {}",
                alarm.statistic.words()
            )),
            Given::Not => {
                let statistic = alarm.statistic.words();
                return Err(format!(
                    "there is no {statistic} of {} over {} s",
                    alarm.metric,
                    own.max(grain)
                ));
            }
        }
        Ok(Found { track, notes })
    }

    fn lacks(&self, metric: &str) -> String {
        match self.of {
            Of::Recording => format!("{metric} isn't recorded; a history of it can be replayed"),
            Of::History => {
                let names: Vec<&str> = self.series.iter().map(|series| &*series.metric).collect();
                format!("there is no {metric}, only {}", names.join(", "))
            }
        }
    }
}

/// How long after its end a period is evaluated: publications are spread over so long.
pub fn delay(spread: Duration) -> i64 {
    whole_seconds(spread).max(1)
}

/// Begun ones count.
pub fn whole_seconds(duration: Duration) -> i64 {
    let whole = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    whole.saturating_add(i64::from(duration.subsec_nanos() > 0))
}

/// Kills of the same minute are one occasion.
pub fn join(kills: impl IntoIterator<Item = Kill>) -> Vec<Kill> {
    let mut joined: Vec<Kill> = Vec::new();
    let mut last = i64::MIN;
    for kill in kills.into_iter().filter(|kill| kill.count > 0) {
        match joined.last_mut() {
            Some(open) if kill.second.saturating_sub(last) < TOGETHER => {
                open.count = open.count.saturating_add(kill.count);
            }
            _ => joined.push(kill),
        }
        last = kill.second;
    }
    joined
}

/// A period's kills may have come at its beginning already.
fn kills(track: &Track) -> Vec<Kill> {
    join(track.slices().iter().map(|slice| {
        let count = match &slice.content {
            Content::Figures(figures) => {
                let most = figures.sum.or(figures.unnamed).or(figures.maximum).or(figures.average);
                most.unwrap_or(0.0)
            }
            Content::Values(values) => {
                values.iter().map(|(value, count)| value * *count as f64).sum()
            }
        };
        Kill { second: slice.start, count: count.max(0.0).ceil() as u64 }
    }))
}

/// The metric that counts them.
pub const KILLS: &str = "OomKills";
/// Seconds.
const TOGETHER: i64 = 60;
