//! The charts of the SVG: axes, readings, gaps, peaks and OOM kills.

use crate::history::picture::{Column, Picture, Reading};
use crate::history::points::Spread;
use crate::history::span::clock;
use crate::history::svg::page::{LEFT, PLOT, Page, place};
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
            let (from, to) =
                (place(plot.picture.span, gap.from), place(plot.picture.span, gap.to + 1));
            self.put(format_args!("<rect class=\"o\" x=\"{from:.1}\" y=\"{above:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>no samples from {} to {}</title></rect>\n", to - from, plot.height, clock(gap.from), clock(gap.to)));
        }
        let columns: Vec<Option<Spread>> = plot.columns.iter().map(plot.value).collect();
        self.band(&columns, plot.class, &y);
        if plot.class == "u" {
            self.minutes(plot.picture, &y);
            self.marks(plot, above, below);
        }
        self.times(plot.picture.span, below);
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
            let x = (place(picture.span, reading.second) + place(picture.span, reading.second + 1))
                / 2.0;
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
            let x = place(plot.picture.span, peak.second);
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

/// More would be a line of dots.
const MOST_MINUTES: usize = 180;
