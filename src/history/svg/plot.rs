//! The charts of the SVG: axes, readings, gaps, peaks and OOM kills.

use crate::history::picture::{Column, Picture, Reading};
use crate::history::points::Spread;
use crate::history::scale::ticks;
use crate::history::span::clock;
use crate::history::svg::{LEFT, PLOT, Page};
use std::fmt::Write as _;

/// One chart on its own axis.
#[derive(Clone, Copy)]
pub struct Plot<'a> {
    pub picture: &'a Picture,
    pub columns: &'a [Column],
    pub value: fn(&Column) -> Option<Spread>,
    pub top: f64,
    pub height: f64,
    pub class: &'static str,
}

impl Page {
    pub fn plot(&mut self, plot: &Plot) {
        let (above, below) = (self.y, self.y + plot.height);
        let y = |value: f64| below - (value / plot.top).clamp(0.0, 1.0) * plot.height;
        for quarter in 0..=4 {
            let value = plot.top * f64::from(quarter) / 4.0;
            if plot.height < 200.0 && quarter % 2 == 1 {
                continue;
            }
            self.put(format_args!("<path class=\"g\" d=\"M{LEFT} {:.1}h{PLOT}\"/>\n", y(value)));
            self.y = y(value) + 4.0;
            self.words(LEFT - 8.0, "m", "end", &format!("{value:.0}"));
        }
        for gap in &plot.picture.gaps {
            let (from, to) = (place(plot.picture, gap.from), place(plot.picture, gap.to + 1));
            self.put(format_args!("<rect class=\"o\" x=\"{from:.1}\" y=\"{above:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>no samples from {} to {}</title></rect>\n", to - from, plot.height, clock(gap.from), clock(gap.to)));
        }
        for run in runs(plot) {
            self.run(plot, &run, &y);
        }
        if plot.class == "u" {
            self.minutes(plot.picture, &y);
            self.marks(plot, above, below);
        }
        self.y = below + 18.0;
        for tick in ticks(plot.picture.span, 12) {
            let x = place(plot.picture, tick.second);
            self.put(format_args!("<path class=\"g\" d=\"M{x:.1} {below:.1}v5\"/>\n"));
            // The last one must not leave the page.
            match x < LEFT + PLOT - 20.0 {
                true => self.words(x, "m", "middle", &tick.label),
                false => self.words(LEFT + PLOT, "m", "end", &tick.label),
            }
        }
    }

    /// Columns without a gap between them: filled up to the lowest, lighter up to the highest.
    fn run(&mut self, plot: &Plot, run: &[(usize, Spread)], y: &impl Fn(f64) -> f64) {
        let Some((first, _)) = run.first() else { return };
        let start = LEFT + *first as f64;
        let end = start + run.len() as f64;
        let edge = |value: fn(&Spread) -> f64| {
            let mut path = String::new();
            let mut last = String::new();
            for (column, spread) in run {
                let height = format!("{:.1}", y(value(spread)));
                if height != last {
                    // Columns are a unit wide each.
                    let _ = write!(path, "H{}V{height}", LEFT + *column as f64);
                    last = height;
                }
            }
            format!("{path}H{end}")
        };
        let (low, high, base) = (edge(|spread| spread.min), edge(|spread| spread.max), y(0.0));
        let class = plot.class;
        self.put(format_args!(
            "<path class=\"{class}r\" d=\"M{start} {base:.1}{high}V{base:.1}z\"/>\n"
        ));
        self.put(format_args!(
            "<path class=\"{class}\" d=\"M{start} {base:.1}{low}V{base:.1}z\"/>\n"
        ));
        let high = high.trim_start_matches(|c| c != 'V').trim_start_matches('V');
        self.put(format_args!("<path class=\"{class}l\" d=\"M{start} {high}\"/>\n"));
    }

    /// What one reading a minute would have drawn.
    fn minutes(&mut self, picture: &Picture, y: &impl Fn(f64) -> f64) {
        if !(2..=MOST_MINUTES).contains(&picture.minutes.len()) {
            return;
        }
        let mut path = String::new();
        let mut dots = String::new();
        let mut last: Option<&Reading> = None;
        for reading in &picture.minutes {
            // The middle of its second.
            let x = (place(picture, reading.second) + place(picture, reading.second + 1)) / 2.0;
            let joined = last.is_some_and(|last| reading.second.abs_diff(last.second) < 90);
            let _ =
                write!(path, "{}{x:.1} {:.1}", if joined { 'L' } else { 'M' }, y(reading.value));
            let _ = writeln!(
                dots,
                "<circle class=\"p\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"2.5\"/>",
                y(reading.value)
            );
            last = Some(reading);
        }
        self.put(format_args!("<path class=\"d\" d=\"{path}\"/>\n{dots}"));
    }

    /// OOM kills as lines, peaks by their numbers.
    fn marks(&mut self, plot: &Plot, above: f64, below: f64) {
        for (column, here) in plot.columns.iter().enumerate().filter(|(_, column)| column.kills > 0)
        {
            let x = LEFT + column as f64 + 0.5;
            let kills = here.kills;
            self.put(format_args!("<path class=\"k\" d=\"M{x:.1} {above:.1}V{below:.1}\"><title>OOM kills: {kills}</title></path>\n"));
        }
        for (number, peak) in (1..).zip(&plot.picture.peaks) {
            let x = place(plot.picture, peak.second);
            self.y = above - 2.0;
            self.put(format_args!(
                "<circle class=\"n\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"9\"/>\n",
                above - 6.0
            ));
            self.words(x, "w", "middle", &format!("{number}"));
        }
    }
}

/// What the signs of used memory's chart mean.
pub fn used_key(picture: &Picture) -> Vec<(&'static str, &'static str)> {
    // Where a unit of the picture's width is more than a second, or not.
    let mut key = match picture.span.seconds() as f64 > PLOT {
        true => vec![("u", "lowest"), ("ur", "highest")],
        false => vec![("u", "highest of each second")],
    };
    if (2..=MOST_MINUTES).contains(&picture.minutes.len()) {
        key.push(("d", "one reading a minute"));
    }
    if !picture.gaps.is_empty() {
        key.push(("o", "no samples"));
    }
    if picture.kills > 0 {
        key.push(("k", "OOM kill"));
    }
    key
}

/// The columns with a value, divided where there is none.
fn runs(plot: &Plot) -> Vec<Vec<(usize, Spread)>> {
    let mut runs: Vec<Vec<(usize, Spread)>> = vec![Vec::new()];
    for (place, column) in plot.columns.iter().enumerate() {
        match ((plot.value)(column), runs.last_mut()) {
            (Some(spread), Some(run)) => run.push((place, spread)),
            _ => runs.push(Vec::new()),
        }
    }
    runs
}

/// Where a second begins, from left to right.
fn place(picture: &Picture, second: i64) -> f64 {
    let passed = second.saturating_sub(picture.span.from) as f64;
    LEFT + passed / picture.span.seconds() as f64 * PLOT
}

/// More would be a line of dots.
const MOST_MINUTES: usize = 180;
