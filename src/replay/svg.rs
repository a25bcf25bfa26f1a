//! A replay as one SVG file: each alarm's statistic beside its threshold, and its states below it.

use crate::history::picture::length;
use crate::history::points::Spread;
use crate::history::span::{Span, clock, words};
use crate::history::svg::page::{LEFT, PLOT, Page, place};
use crate::replay::chart::{advice, moment, remark, title, warning};
use crate::replay::outcome::{Course, Outcome, Replay};
use crate::replay::rules::State;
use crate::replay::words::{condition, minutes};
use crate::units::Unit;

/// The whole file.
pub fn svg(replay: &Replay) -> String {
    let mut page = Page::new(&title(replay), &words(replay.span));
    let mut told = Vec::new();
    for outcome in &replay.outcomes {
        page.y += 40.0;
        page.words(LEFT, "h", "start", replay.name(outcome));
        let result = result(replay, outcome);
        page.words(LEFT + PLOT, "b", "end", &result);
        page.y += 19.0;
        page.words(LEFT, "m", "start", &condition(&outcome.alarm));
        if let Ok(course) = &outcome.course {
            lane(&mut page, replay, outcome, course);
        }
        told.push(format!("{}: {result}.", replay.name(outcome)));
        for line in advice(replay, outcome) {
            page.y += 20.0;
            page.words(LEFT, "b", "start", &line);
            told.push(line);
        }
    }
    key(&mut page, replay);
    for line in remark(replay).lines() {
        page.y += 20.0;
        page.words(LEFT, "m", "start", line);
    }
    let title = format!("{}, {}", title(replay), words(replay.span));
    page.finish(&title, &told.join(" "), STYLE)
}

/// "2 alarms, 12 min in ALARM, warned 9 min before the OOM kill at 14:52:10".
fn result(replay: &Replay, outcome: &Outcome) -> String {
    let tally = match &outcome.course {
        Ok(course) => &course.tally,
        Err(why) => return format!("not replayed: {why}"),
    };
    let alarms = match tally.alarms {
        0 => "no alarm".to_owned(),
        1 => "1 alarm".to_owned(),
        many => format!("{many} alarms"),
    };
    let long = match u64::try_from(tally.length).unwrap_or(0) {
        0 => String::new(),
        seconds => format!(", {} in ALARM", length(seconds)),
    };
    let warned = match (replay.kills.as_slice(), tally.warnings.as_slice()) {
        ([], _) => String::new(),
        ([kill], [one]) => {
            format!(
                ", warning of the OOM kill at {}: {}",
                moment(replay.span, kill.second),
                warning(*one)
            )
        }
        (kills, _) => {
            let least = tally
                .least()
                .map_or(String::new(), |least| format!(", at least {}", minutes(least)));
            format!(", warned of {} of {} OOM kills{least}", tally.warned(), kills.len())
        }
    };
    format!("{alarms}{long}{warned}")
}

fn lane(page: &mut Page, replay: &Replay, outcome: &Outcome, course: &Course) {
    page.y += 14.0;
    let (above, below) = (page.y, page.y + HEIGHT);
    let (bottom, top) = range(outcome, course);
    let y = |value: f64| below - ((value - bottom) / (top - bottom)).clamp(0.0, 1.0) * HEIGHT;
    for value in [bottom, top] {
        page.put(format_args!("<path class=\"g\" d=\"M{LEFT} {:.1}h{PLOT}\"/>\n", y(value)));
        page.y = y(value) + 4.0;
        page.words(LEFT - 8.0, "m", "end", &short(value));
    }
    page.band(&columns(replay.span, course), "u", &y);
    let threshold = outcome.alarm.threshold;
    if (bottom..=top).contains(&threshold) {
        let height = y(threshold);
        page.put(format_args!("<path class=\"d\" d=\"M{LEFT} {height:.1}h{PLOT}\"><title>threshold {}</title></path>\n", short(threshold)));
    }
    for (span, state) in course.stretches(replay.span.to) {
        let (from, to) = (place(replay.span, span.from), place(replay.span, span.to + 1));
        let (class, width) = (class(state), (to - from).max(0.5));
        let top = below + 4.0;
        let (since, until) = (clock(span.from), clock(span.to));
        page.put(format_args!("<rect class=\"{class}\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{STRIP}\"><title>{state} from {since} to {until}</title></rect>\n"));
    }
    for kill in &replay.kills {
        let (x, to) = (place(replay.span, kill.second), below + 4.0 + STRIP);
        page.put(format_args!("<path class=\"k\" d=\"M{x:.1} {above:.1}V{to:.1}\"><title>OOM kills: {}, at {}</title></path>\n", kill.count, clock(kill.second)));
    }
    page.times(replay.span, below + 4.0 + STRIP);
}

/// What the axis covers: percents whole, else from nothing to what there was.
fn range(outcome: &Outcome, course: &Course) -> (f64, f64) {
    let values = course.readings.iter().map(|(_, value)| *value).chain([outcome.alarm.threshold]);
    let (low, high) =
        values.fold((0.0, 0.0), |(low, high): (f64, f64), value| (low.min(value), high.max(value)));
    match outcome.alarm.unit {
        Unit::Percent if low >= 0.0 && high <= 100.0 && high > 20.0 => (0.0, 100.0),
        _ if high > low => (low, high),
        _ => (low, low + 1.0),
    }
}

/// The readings in columns of a unit's width; each covers its period.
fn columns(span: Span, course: &Course) -> Vec<Option<Spread>> {
    let mut columns = vec![None; PLOT as usize];
    let column = |second: i64| (place(span, second) - LEFT).round().clamp(0.0, PLOT) as usize;
    for (end, value) in &course.readings {
        let (from, to) = (column(end - course.period), column(*end));
        let covered = columns.iter_mut().take(to.max(from + 1)).skip(from);
        covered.for_each(|column| *column = Spread::join(*column, Some(Spread::of(*value))));
    }
    columns
}

fn key(page: &mut Page, replay: &Replay) {
    page.y += 34.0;
    let mut x = LEFT;
    for state in [State::Alarm, State::Ok, State::InsufficientData] {
        let top = page.y - 10.0;
        page.put(format_args!(
            "<rect class=\"{}\" x=\"{x:.0}\" y=\"{top:.0}\" width=\"22\" height=\"10\"/>\n",
            class(state)
        ));
        page.words(x + 30.0, "m", "start", &state.to_string());
        x += 64.0 + 8.0 * state.to_string().len() as f64;
    }
    let middle = page.y - 4.0;
    page.put(format_args!("<path class=\"d\" d=\"M{x:.0} {middle:.0}h22\"/>\n"));
    page.words(x + 30.0, "m", "start", "threshold");
    x += 130.0;
    if !replay.kills.is_empty() {
        page.put(format_args!("<path class=\"k\" d=\"M{x:.0} {:.0}v12\"/>\n", middle - 6.0));
        page.words(x + 10.0, "m", "start", "OOM kill");
    }
}

fn class(state: State) -> &'static str {
    match state {
        State::Alarm => "al",
        State::Ok => "fi",
        State::InsufficientData => "no",
    }
}

/// Three digits and a letter at most: "95", "7.5", "12.3G".
fn short(value: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let unit = units.into_iter().find(|(unit, _)| value.abs() >= *unit);
    let (value, letter) = unit.map_or((value, ""), |(unit, letter)| (value / unit, letter));
    let rounded = (value * 10.0).round() / 10.0;
    format!("{rounded}{letter}")
}

const HEIGHT: f64 = 64.0;
const STRIP: f64 = 10.0;
const STYLE: &str = "\
.al{fill:#cf222e}\n.fi{fill:#1a7f37;fill-opacity:.35}\n.no{fill:#59636e;fill-opacity:.3}\n\
@media (prefers-color-scheme:dark){\n.al{fill:#ff7b72}\n.fi{fill:#3fb950;fill-opacity:.4}\n.no{fill:#9198a1;fill-opacity:.35}\n}\n";
