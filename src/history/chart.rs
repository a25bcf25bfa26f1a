//! A recording as a picture of text: fitted to a terminal, nothing averaged away.

use crate::history::axis::{Ink, axis};
use crate::history::picture::{Column, Picture, size};
use crate::history::points::Spread;
use crate::history::scale::top;
use crate::history::span::{clock, date, words};
use crate::table::Table;

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// Characters a line.
    pub width: usize,
    /// Rows of the chart of used memory; that of stalls has half as many.
    pub height: usize,
    /// Only ASCII characters.
    pub ascii: bool,
}

impl Canvas {
    /// Without characters that it can't show.
    pub fn fit(self, text: String) -> String {
        match self.ascii {
            true => text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect(),
            false => text,
        }
    }
}

/// The whole text, ending in a line break.
pub fn chart(picture: &Picture, canvas: Canvas) -> String {
    let width = canvas.width.clamp(NARROWEST, WIDEST) - GUTTER;
    let columns = picture.columns(width);
    let ink = Ink::of(canvas);
    let mut text = format!("Memory of {}, {}\n\n", picture.owner, words(picture.span));
    text += &format!("used %{}\n", legend(picture, width, ink));
    let used = Plot { columns: &columns, value: |column| column.used, top: 100.0, ink };
    let height = canvas.height.clamp(4, 100);
    text += &used.draw(height);
    text += &kills(picture, &columns, ink);
    text += &used.axis(picture);
    match picture.highest_stall {
        Some(highest) if highest.value > 0.0 => {
            text += "\nstall % (time in which some task waited for memory)\n";
            let top = top(highest.value);
            let stall = Plot { columns: &columns, value: |column| column.stall, top, ink };
            text += &stall.draw((height / 2).max(2));
            text += &stall.axis(picture);
        }
        Some(_) => text += "\nstall %: 0 throughout; no task waited for memory\n",
        None => text += "\nstall %: not recorded\n",
    }
    text += &format!("\n{}\n", peaks(picture));
    for note in picture.notes() {
        text += &note;
        text.push('\n');
    }
    canvas.fit(text)
}

/// One chart on its own axis.
struct Plot<'a> {
    columns: &'a [Column],
    value: fn(&Column) -> Option<Spread>,
    top: f64,
    ink: &'a Ink,
}

impl Plot<'_> {
    fn draw(&self, height: usize) -> String {
        let mut text = String::new();
        // A label stands at the row whose upper edge is its value.
        let labelled = |row: usize| {
            let places = if height >= 8 { 4 } else { 2 };
            ((row + 1) * places).is_multiple_of(height) || row + 1 == height
        };
        for row in (0..height).rev() {
            let label = self.top * (row + 1) as f64 / height as f64;
            let (label, side) = match labelled(row) {
                true => (format!("{label:.0}"), self.ink.mark),
                false => (String::new(), self.ink.side),
            };
            let cells = self.columns.iter().map(|column| self.cell(column, row, height));
            let line = format!("{label:>5} {side}{}", cells.collect::<String>());
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    /// What a column looks like in the row that is `row` rows above the axis.
    fn cell(&self, column: &Column, row: usize, height: usize) -> char {
        let Some(Spread { min, max, .. }) = (self.value)(column) else { return ' ' };
        let levels = self.ink.levels.len();
        // In parts of a cell; a reading above zero is never too small to be seen.
        let parts = |value: f64| (value / self.top * (height * levels) as f64).round() as usize;
        let highest = parts(max).max(usize::from(max > 0.0)).min(height * levels);
        let (lowest, bottom) = (parts(min).min(highest), row * levels);
        let filled = |parts: usize| parts.saturating_sub(bottom).min(levels);
        let (low, high) = (filled(lowest), filled(highest));
        if low == levels || high == 0 {
            return if low == 0 { ' ' } else { self.ink.levels[low - 1] };
        }
        // The range begins in this cell or below it; the last cell of a column shows how full it is.
        let ends_here = highest <= bottom + levels && lowest / levels == row;
        if ends_here { self.ink.levels[high - 1] } else { self.ink.range }
    }

    fn axis(&self, picture: &Picture) -> String {
        let seen: Vec<bool> = self.columns.iter().map(|column| column.seen).collect();
        let (axis, labels) = axis(picture.span, &seen, GUTTER, self.ink);
        format!("{:>5} {}{axis}\n{labels}\n", 0, self.ink.mark)
    }
}

fn legend(picture: &Picture, width: usize, ink: &Ink) -> String {
    let seconds = picture.span.seconds() as f64 / width as f64;
    if seconds <= 1.0 {
        return String::new();
    }
    let (low, range) = (ink.levels[ink.levels.len() - 1], ink.range);
    format!(" ({low} lowest, {range} highest reading of each {seconds:.0} s)")
}

/// The row of OOM kills, where there are any.
fn kills(picture: &Picture, columns: &[Column], ink: &Ink) -> String {
    if picture.kills == 0 {
        return String::new();
    }
    let digit = |column: &Column| match column.kills {
        0 => ' ',
        kills @ 1..=9 => char::from_digit(kills as u32, 10).unwrap_or('+'),
        _ => '+',
    };
    let row: String = columns.iter().map(digit).collect();
    format!("kills {}{}\n", ink.side, row.trim_end())
}

/// The peaks, each with its largest processes below it.
fn peaks(picture: &Picture) -> String {
    let header = ["PEAK", "USED %", "STALL %", "KILLS", "PROCESS", "PID", "RESIDENT", "SWAP"];
    let mut table = Table::new(&header).with_figures(1..4);
    let same_day = date(picture.span.from) == date(picture.span.to);
    let when = |second| match same_day {
        true => clock(second),
        false => format!("{} {}", date(second), clock(second)),
    };
    for peak in &picture.peaks {
        let percent =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
        let mut first = vec![
            when(peak.second),
            percent(peak.used),
            percent(peak.stall),
            peak.kills.to_string(),
        ];
        let processes = peak.processes.iter().flat_map(|entry| &entry.processes);
        for process in processes.take(SHOWN_PROCESSES) {
            let mut row = std::mem::replace(&mut first, vec![String::new(); 4]);
            let swap = process.swap.map_or("-".to_owned(), |swap| size(swap.0));
            row.extend([
                process.name.to_string(),
                process.pid.to_string(),
                size(process.resident.0),
                swap,
            ]);
            table.row(row);
        }
        if !first[0].is_empty() {
            first.push("none recorded".to_owned());
            table.row(first);
        }
    }
    let mut text = table.to_string();
    text.truncate(text.trim_end_matches('\n').len() + 1);
    text
}

/// The label, a space and the side.
const GUTTER: usize = 7;
pub const NARROWEST: usize = 40;
pub const WIDEST: usize = 400;
/// Of the ten that are recorded.
pub const SHOWN_PROCESSES: usize = 5;
