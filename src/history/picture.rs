//! What every picture of a recording shows, whatever draws it.

use crate::black_box::format::Entry;
use crate::history::peaks::{Peak, peaks};
use crate::history::points::{Point, Spread};
use crate::history::span::{self, Span};

#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Whose memory it is.
    pub owner: String,
    pub span: Span,
    /// Within the span, in the order they were recorded.
    pub points: Vec<Point>,
    pub peaks: Vec<Peak>,
    /// The first reading of each whole minute, at the second it begins.
    pub minutes: Vec<Reading>,
    pub highest: Option<Reading>,
    pub highest_stall: Option<Reading>,
    pub kills: u64,
    /// Without samples, in the order of time.
    pub gaps: Vec<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    pub second: i64,
    pub value: f64,
}

/// What a stripe of a picture covers: no second is left out, none is averaged away.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Column {
    pub used: Option<Spread>,
    pub stall: Option<Spread>,
    pub kills: u64,
    /// Some sample covers some of it.
    pub seen: bool,
}

impl Picture {
    pub fn new(owner: String, span: Span, points: Vec<Point>, entries: &[Entry]) -> Picture {
        let highest = |value: fn(&Point) -> Option<Spread>| {
            let readings = points.iter().filter_map(|point| {
                Some(Reading { second: point.second, value: value(point)?.max })
            });
            // The first of equals.
            readings.reduce(|best, next| if next.value > best.value { next } else { best })
        };
        Picture {
            owner,
            span,
            peaks: peaks(&points, entries),
            minutes: minutes(&points),
            highest: highest(|point| point.used),
            highest_stall: highest(|point| point.stall),
            kills: points.iter().map(|point| point.kills).fold(0, u64::saturating_add),
            gaps: gaps(&points),
            points,
        }
    }

    /// The span in `count` stripes.
    pub fn columns(&self, count: usize) -> Vec<Column> {
        let mut columns = vec![Column::default(); count];
        let length = u128::from(self.span.seconds());
        let place = |second: i64| {
            let passed = u128::from(second.max(self.span.from).abs_diff(self.span.from));
            usize::try_from(passed * count as u128 / length).unwrap_or(count)
        };
        for point in self.points.iter().filter(|point| self.span.contains(point.second)) {
            let first = place(point.since());
            let own = place(point.second);
            let end = place(point.second.saturating_add(1)).max(own + 1);
            for (here, column) in (0..).zip(&mut columns).take(end).skip(first) {
                column.seen = true;
                column.used = Spread::join(column.used, point.used);
                column.stall = Spread::join(column.stall, point.stall);
                // A kill is counted once, however wide a second is drawn.
                if here == own {
                    column.kills = column.kills.saturating_add(point.kills);
                }
            }
        }
        columns
    }

    /// The highest reading, what one reading a minute would have made of it, and how much was
    /// observed: a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(highest) = self.highest {
            let at = span::clock(highest.second);
            notes.push(format!("Highest: {:.1} % used at {at}.", highest.value));
            let minutes = self.minutes.iter().map(|reading| reading.value);
            notes.push(match minutes.max_by(f64::total_cmp) {
                Some(most) => {
                    format!("One reading at each full minute would have shown at most {most:.1} %.")
                }
                None => "One reading at each full minute would have shown nothing.".to_owned(),
            });
        }
        notes.push(self.coverage());
        notes
    }

    /// How much of the span was observed, and the longest of what wasn't.
    fn coverage(&self) -> String {
        let missed = self.gaps.iter().map(|gap| gap.seconds()).fold(0, u64::saturating_add);
        let all = self.span.seconds();
        let mut text = format!("Observed: {} of {all} seconds", all.saturating_sub(missed));
        if let Some(longest) = self.gaps.iter().max_by_key(|gap| (gap.seconds(), -gap.from)) {
            let (from, to) = (span::clock(longest.from), span::clock(longest.to));
            let which = if self.gaps.len() == 1 { "no samples" } else { "longest gap" };
            text += &format!("; {which} from {from} to {to} ({})", length(longest.seconds()));
        }
        text + "."
    }
}

/// A minute's reading is its first, where that came within the minute's first seconds.
fn minutes(points: &[Point]) -> Vec<Reading> {
    let mut minutes: Vec<Reading> = Vec::new();
    for point in points.iter().filter(|point| point.second.rem_euclid(60) < ON_TIME) {
        let again = minutes
            .last()
            .is_some_and(|last| last.second.div_euclid(60) == point.second.div_euclid(60));
        if let (false, Some(used)) = (again, point.used) {
            minutes.push(Reading { second: point.second, value: used.first });
        }
    }
    minutes
}

fn gaps(points: &[Point]) -> Vec<Span> {
    let pairs = points.iter().zip(points.iter().skip(1));
    let gaps = pairs.filter_map(|(before, after)| {
        let gap =
            Span { from: before.second.saturating_add(1), to: after.since().saturating_sub(1) };
        (gap.from <= gap.to).then_some(gap)
    });
    gaps.collect()
}

/// "1 h 5 min", "12 min 30 s", "9 s".
pub fn length(seconds: u64) -> String {
    let units = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let told = units.iter().skip_while(|(count, _)| *count == 0).take(2);
    let told = told.filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}"));
    told.collect::<Vec<_>>().join(" ")
}

/// "6.1 GiB".
pub fn size(bytes: u64) -> String {
    if bytes == 0 {
        return "0".to_owned();
    }
    let units = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")];
    let unit = units.into_iter().find(|(unit, _)| bytes >= *unit);
    let (unit, name) = unit.unwrap_or((1 << 10, "KiB"));
    format!("{:.1} {name}", bytes as f64 / unit as f64)
}

/// A reading that came later than this many seconds into its minute isn't that of the full minute.
const ON_TIME: i64 = 5;
