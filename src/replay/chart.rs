//! A replay as text: a line of states for each alarm, then what they come to.

use crate::history::axis::{Ink, axis};
use crate::history::chart::{Canvas, NARROWEST, WIDEST};
use crate::history::picture::length;
use crate::history::span::{Span, clock, date, words};
use crate::replay::outcome::{Course, Outcome, Replay, Warning};
use crate::replay::rules::State;
use crate::replay::source::Kill;
use crate::replay::words::{condition, minutes, number};
use crate::table::Table;

/// The whole text, ending in a line break.
pub fn chart(replay: &Replay, canvas: Canvas) -> String {
    let mut text = format!("{}, {}\n\n", title(replay), words(replay.span));
    text += &strips(replay, canvas);
    text.push('\n');
    text += &table(replay, canvas);
    let advice: Vec<String> = replay.outcomes.iter().flat_map(|one| advice(replay, one)).collect();
    if !advice.is_empty() {
        text += &in_ascii(format!("\n{}\n", advice.join("\n")), canvas);
    }
    let notes = replay.outcomes.iter().flat_map(|one| {
        let notes = match &one.course {
            Ok(course) => course.notes.clone(),
            Err(why) => vec![format!("not replayed: {why}")],
        };
        notes.into_iter().map(|note| format!("{}: {note}.\n", replay.name(one)))
    });
    let notes: String = notes.collect();
    if !notes.is_empty() {
        text += &format!("\n{notes}");
    }
    text += &format!("\n{}\n", remark(replay));
    canvas.fit(text)
}

/// "Alarms cwmem-*-i-0123456789abcdef0 on i-0123456789abcdef0".
pub fn title(replay: &Replay) -> String {
    match replay.names.pattern() {
        Some(pattern) => format!("Alarms {pattern} on {}", replay.owner),
        None => format!("Alarms on {}", replay.owner),
    }
}

/// What another threshold would have done, a sentence each.
pub fn advice(replay: &Replay, outcome: &Outcome) -> Vec<String> {
    let Ok(course) = &outcome.course else { return Vec::new() };
    let sign = outcome.alarm.comparison.sign();
    let told = |threshold: f64, what: String| {
        format!("{}: {sign} {} would have {what}.", replay.name(outcome), number(threshold))
    };
    let (now, advice) = (&course.tally, &course.advice);
    let mut all = Vec::new();
    if let Some(trial) = &advice.earlier {
        let (warned, least) =
            (trial.tally.warned(), trial.tally.least().map_or(String::new(), minutes));
        let before = match replay.kills.len() {
            1 => "the OOM kill".to_owned(),
            many => format!("{warned} of {many} OOM kills"),
        };
        let instead = match now.least() {
            Some(least) if now.warned() == warned => format!(" instead of {}", minutes(least)),
            Some(_) => format!(" instead of {}", now.warned()),
            None => String::new(),
        };
        let alarms = times(trial.tally.alarms);
        all.push(told(
            trial.threshold,
            format!("warned {least} before {before}{instead}, alarming {alarms}"),
        ));
    }
    if let Some(trial) = &advice.quieter {
        let alarms = times(trial.tally.alarms);
        let kept = match (trial.tally.least(), now.least()) {
            (Some(least), Some(_)) => format!(", still {} before the OOM kills", minutes(least)),
            _ => String::new(),
        };
        all.push(told(
            trial.threshold,
            format!("alarmed {alarms} instead of {}{kept}", times(now.alarms)),
        ));
    }
    all
}

/// What holds for all that is shown.
pub fn remark(replay: &Replay) -> &'static str {
    match replay
        .outcomes
        .iter()
        .any(|one| one.course.as_ref().is_ok_and(|course| !is_quiet(course)))
    {
        true => {
            "CloudWatch looks once a minute: a change may come up to a minute later than shown. What another\nthreshold would have done holds for these data alone."
        }
        false => {
            "CloudWatch looks once a minute: a change may come up to a minute later than shown."
        }
    }
}

/// "12 min", "none", "after 1 min".
pub fn warning(warning: Warning) -> String {
    match warning {
        Warning::Before(seconds) => minutes(seconds),
        Warning::After(seconds) => format!("after {}", minutes(seconds)),
        Warning::None => "none".to_owned(),
    }
}

/// "14:52:10", with its date where not all are of one day.
pub fn moment(span: Span, second: i64) -> String {
    match date(span.from) == date(span.to) {
        true => clock(second),
        false => format!("{} {}", date(second), clock(second)),
    }
}

fn is_quiet(course: &Course) -> bool {
    course.advice.earlier.is_none() && course.advice.quieter.is_none()
}

fn times(alarms: usize) -> String {
    match alarms {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        many => format!("{many} times"),
    }
}

/// Signs that ASCII has other words for.
fn in_ascii(text: String, canvas: Canvas) -> String {
    match canvas.ascii {
        true => text.replace('≥', ">=").replace('≤', "<=").replace('×', "x"),
        false => text,
    }
}

/// A line an alarm, under that of the OOM kills.
fn strips(replay: &Replay, canvas: Canvas) -> String {
    let ink = Ink::of(canvas);
    let names = replay.outcomes.iter().map(|one| replay.name(one).chars().count());
    let longest = names.max().unwrap_or(0).max(KILLS.len()).min(LONGEST_NAME);
    let gutter = longest + 2;
    let width = canvas.width.clamp(NARROWEST + gutter, WIDEST) - gutter;
    let line = |name: &str, cells: String| {
        let name: String = name.chars().take(longest).collect();
        format!("{name:<longest$} {}{}\n", ink.side, cells.trim_end())
    };
    let mut text = String::new();
    if !replay.kills.is_empty() {
        text += &line(KILLS, kills(replay, width));
    }
    for outcome in &replay.outcomes {
        let Ok(course) = &outcome.course else { continue };
        let cells =
            (0..width).map(|place| match worst(course, column(replay.span, place, width)) {
                Some(State::Alarm) => ink.levels[ink.levels.len() - 1],
                Some(State::Ok) => ink.axis,
                Some(State::InsufficientData) => ink.unknown,
                None => ' ',
            });
        text += &line(replay.name(outcome), cells.collect());
    }
    let (drawn, labels) = axis(replay.span, &vec![true; width], gutter, ink);
    text += &format!("{:longest$} {}{drawn}\n{labels}\n", "", ink.mark);
    let full = ink.levels[ink.levels.len() - 1];
    text + &format!("{full} ALARM  {} OK  {} INSUFFICIENT_DATA\n", ink.axis, ink.unknown)
}

/// The seconds of a column.
fn column(span: Span, place: usize, width: usize) -> Span {
    let at = |place: usize| {
        let passed = u128::from(span.seconds()) * place as u128 / width.max(1) as u128;
        span.from.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    };
    let from = at(place);
    Span { from, to: (at(place + 1) - 1).max(from) }
}

/// The worst state of these seconds: no alarm is too short to be seen.
pub fn worst(course: &Course, span: Span) -> Option<State> {
    let first = course.state(span.from);
    let within = course.changes.iter().filter(|change| span.contains(change.second));
    let states = first.into_iter().chain(within.map(|change| change.state));
    states.max_by_key(|state| match state {
        State::Alarm => 2,
        State::InsufficientData => 1,
        State::Ok => 0,
    })
}

fn kills(replay: &Replay, width: usize) -> String {
    let digit = |place| {
        let column = column(replay.span, place, width);
        let kills = replay.kills.iter().filter(|kill| column.contains(kill.second));
        match kills.map(|kill| kill.count).fold(0, u64::saturating_add) {
            0 => ' ',
            kills @ 1..=9 => char::from_digit(kills as u32, 10).unwrap_or('+'),
            _ => '+',
        }
    };
    (0..width).map(digit).collect()
}

fn table(replay: &Replay, canvas: Canvas) -> String {
    let single: Vec<String> = replay
        .kills
        .iter()
        .map(|Kill { second, .. }| format!("BEFORE {}", moment(replay.span, *second)))
        .collect();
    let each = single.len() <= MOST_KILLS;
    let mut header = vec!["ALARM", "CONDITION", "ALARMS", "IN ALARM"];
    match each {
        true => header.extend(single.iter().map(String::as_str)),
        false => header.extend(["KILLS WARNED OF", "LEAST WARNING"]),
    }
    let mut table = Table::new(&header).with_figures(2..header.len());
    for outcome in &replay.outcomes {
        let mut row =
            vec![replay.name(outcome).to_owned(), in_ascii(condition(&outcome.alarm), canvas)];
        let Ok(Course { tally, .. }) = &outcome.course else {
            row.extend(["-", "-"].map(str::to_owned));
            table.row(row);
            continue;
        };
        let long = u64::try_from(tally.length).unwrap_or(0);
        row.extend([
            tally.alarms.to_string(),
            if long == 0 { "0".to_owned() } else { length(long) },
        ]);
        match each {
            true => row.extend(tally.warnings.iter().copied().map(warning)),
            false => row.extend([
                format!("{} of {}", tally.warned(), replay.kills.len()),
                tally.least().map_or("none".to_owned(), minutes),
            ]),
        }
        table.row(row);
    }
    table.to_string()
}

const KILLS: &str = "OOM kills";
/// Characters of a name; the table has it whole.
const LONGEST_NAME: usize = 30;
/// More have no columns of their own.
const MOST_KILLS: usize = 3;
