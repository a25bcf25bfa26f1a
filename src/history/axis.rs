//! What pictures of text have in common: their characters and their time axis.

use crate::history::chart::Canvas;
use crate::history::scale::ticks;
use crate::history::span::Span;

/// The characters that a picture is drawn with.
pub struct Ink {
    /// From the lowest part of a cell filled to the whole.
    pub levels: &'static [char],
    /// Between the lowest and the highest reading.
    pub range: char,
    pub axis: char,
    pub tick: char,
    pub side: char,
    pub mark: char,
    /// Where something isn't known.
    pub unknown: char,
}

impl Ink {
    pub fn of(canvas: Canvas) -> &'static Ink {
        if canvas.ascii { &ASCII } else { &BLOCKS }
    }
}

/// The axis, drawn where a column is `seen`, and below it the line of its labels, which begins so
/// many columns to the left of it.
pub fn axis(span: Span, seen: &[bool], gutter: usize, ink: &Ink) -> (String, String) {
    let width = seen.len();
    let mut axis: Vec<char> = seen.iter().map(|seen| if *seen { ink.axis } else { ' ' }).collect();
    let mut labels = vec![' '; width + gutter];
    for tick in ticks(span, width / TICK_WIDTH) {
        let passed = tick.second.abs_diff(span.from);
        let place = (passed as usize).saturating_mul(width) / span.seconds() as usize;
        let start = (gutter + place).saturating_sub(tick.label.len() / 2);
        let start = start.min((width + gutter).saturating_sub(tick.label.len()));
        if let Some(cell) = axis.get_mut(place) {
            *cell = ink.tick;
        }
        labels.iter_mut().skip(start).zip(tick.label.chars()).for_each(|(cell, c)| *cell = c);
    }
    let (axis, labels): (String, String) = (axis.iter().collect(), labels.iter().collect());
    (axis.trim_end().to_owned(), labels.trim_end().to_owned())
}

const BLOCKS: Ink = Ink {
    levels: &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    range: '▒',
    axis: '─',
    tick: '┴',
    side: '│',
    mark: '┼',
    unknown: '░',
};
const ASCII: Ink = Ink {
    levels: &['.', ':', '#'],
    range: '|',
    axis: '-',
    tick: '+',
    side: '|',
    mark: '+',
    unknown: '?',
};
/// Columns that a label of the time axis needs.
const TICK_WIDTH: usize = 12;
