//! What each alarm did: its states, and whether it came before the OOM kills.

use crate::alarms::alarm::Alarm;
use crate::history::span::Span;
use crate::replay::advise::{Advice, advise};
use crate::replay::evaluate::{Change, Evaluations};
use crate::replay::rules::State;
use crate::replay::source::{Kill, Source};
use crate::replay::words::Names;

#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub owner: String,
    /// From the first evaluation's period to the last evaluation.
    pub span: Span,
    pub kills: Vec<Kill>,
    pub names: Names,
    pub outcomes: Vec<Outcome>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub alarm: Alarm,
    /// Or why there is none, as a sentence.
    pub course: Result<Course, String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    pub changes: Vec<Change>,
    /// Each period's end and statistic.
    pub readings: Vec<(i64, f64)>,
    /// Their length in seconds.
    pub period: i64,
    pub tally: Tally,
    pub advice: Advice,
    pub notes: Vec<String>,
}

/// What an alarm's states come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// How often it went to ALARM.
    pub alarms: usize,
    /// How often without an OOM kill while it lasted, nor shortly before.
    pub without_kill: usize,
    /// Seconds in ALARM.
    pub length: i64,
    /// For each of the kills.
    pub warnings: Vec<Warning>,
}

/// How an alarm stood to an OOM kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// In ALARM for so many seconds when the kill came.
    Before(i64),
    /// It went to ALARM so many seconds after.
    After(i64),
    None,
}

impl Replay {
    /// The alarm's name without what all have in common.
    pub fn name<'a>(&self, outcome: &'a Outcome) -> &'a str {
        self.names.short(&outcome.alarm.name)
    }

    pub fn new(alarms: &[Alarm], source: &Source) -> Replay {
        let mut span = source.span;
        let outcomes = alarms.iter().map(|alarm| {
            let course = source.find(alarm).map(|found| {
                let evaluations = Evaluations::new(alarm, found.track, source.span, source.delay);
                span.from = span.from.min(evaluations.first());
                span.to = span.to.max(evaluations.last());
                course(alarm, &evaluations, &source.kills, found.notes)
            });
            Outcome { alarm: alarm.clone(), course }
        });
        let outcomes = outcomes.collect();
        let names: Vec<&str> = alarms.iter().map(|alarm| &*alarm.name).collect();
        let (owner, kills) = (source.owner.clone(), source.kills.clone());
        Replay { owner, span, kills, names: Names::of(&names), outcomes }
    }
}

impl Course {
    /// The state at a second, or nothing before the first.
    pub fn state(&self, second: i64) -> Option<State> {
        let past = self.changes.partition_point(|change| change.second <= second);
        past.checked_sub(1).and_then(|place| self.changes.get(place)).map(|change| change.state)
    }

    /// The spans of one state each, the last to `end`.
    pub fn stretches(&self, end: i64) -> impl Iterator<Item = (Span, State)> + '_ {
        let ends = self.changes.iter().skip(1).map(|change| change.second - 1).chain([end]);
        let stretches = self.changes.iter().zip(ends);
        stretches.map(|(change, to)| (Span { from: change.second, to }, change.state))
    }
}

impl Tally {
    /// Of these changes until `end`.
    pub fn of(changes: &[Change], kills: &[Kill], end: i64) -> Tally {
        let ends = changes.iter().skip(1).map(|change| change.second).chain([end]);
        let episodes: Vec<(i64, i64)> = changes
            .iter()
            .zip(ends)
            .filter(|(change, _)| change.state == State::Alarm)
            .map(|(change, to)| (change.second, to))
            .collect();
        let explained = |(from, to): &&(i64, i64)| {
            kills.iter().any(|kill| (from.saturating_sub(SHORTLY)..=*to).contains(&kill.second))
        };
        Tally {
            alarms: episodes.len(),
            without_kill: episodes.len() - episodes.iter().filter(explained).count(),
            length: episodes.iter().map(|(from, to)| to - from).sum(),
            warnings: kills.iter().map(|kill| warning(&episodes, kill.second)).collect(),
        }
    }

    pub fn warned(&self) -> usize {
        self.warnings.iter().filter(|warning| matches!(warning, Warning::Before(_))).count()
    }

    /// The shortest warning, of kills that were warned of.
    pub fn least(&self) -> Option<i64> {
        let before = self.warnings.iter().filter_map(|warning| match warning {
            Warning::Before(seconds) => Some(*seconds),
            Warning::After(_) | Warning::None => None,
        });
        before.min()
    }
}

fn course(alarm: &Alarm, evaluations: &Evaluations, kills: &[Kill], notes: Vec<String>) -> Course {
    let changes = evaluations.changes(alarm);
    Course {
        readings: evaluations.readings().collect(),
        period: evaluations.period,
        tally: Tally::of(&changes, kills, evaluations.last()),
        advice: advise(alarm, evaluations, kills),
        changes,
        notes,
    }
}

fn warning(episodes: &[(i64, i64)], kill: i64) -> Warning {
    let before = episodes.iter().find(|(from, to)| *from <= kill && kill < *to);
    let after = || {
        let next = episodes.iter().find(|(from, _)| *from > kill)?.0;
        (next - kill <= SHORTLY).then_some(Warning::After(next - kill))
    };
    match before {
        Some((from, _)) => Warning::Before(kill - from),
        None => after().unwrap_or(Warning::None),
    }
}

/// An alarm that comes so many seconds after a kill is about it.
const SHORTLY: i64 = 600;
