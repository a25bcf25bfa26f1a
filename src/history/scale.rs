//! Where the axes of a picture have their marks.

use crate::history::span::{self, DAY, Span};

/// A mark of the time axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    pub second: i64,
    pub label: String,
}

/// Marks on round times, at most `most` of them.
pub fn ticks(span: Span, most: usize) -> Vec<Tick> {
    let fits = |step: &&i64| span.seconds() / step.unsigned_abs() < most.max(1) as u64;
    let days = i64::try_from(span.seconds() / DAY.unsigned_abs() / most.max(1) as u64).unwrap_or(0);
    let step = STEPS.iter().find(fits).copied().unwrap_or(DAY.saturating_mul(days + 1));
    let first =
        span.from.div_euclid(step).saturating_add(i64::from(span.from.rem_euclid(step) != 0));
    let seconds = (0..most as i64).map(|place| (first.saturating_add(place)).saturating_mul(step));
    let label = |second| {
        let clock = span::clock(second);
        match step {
            ..60 => clock,
            60..DAY => clock.chars().take("14:21".len()).collect(),
            _ => span::date(second).chars().skip("2026-".len()).collect(),
        }
    };
    let within = seconds.take_while(|&second| span.contains(second));
    within.map(|second| Tick { second, label: label(second) }).collect()
}

/// The top of an axis that goes from 0 to a round value over `highest`, in percent.
pub fn top(highest: f64) -> f64 {
    TOPS.into_iter().find(|top| highest <= *top).unwrap_or(100.0)
}

const STEPS: [i64; 18] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, DAY];
const TOPS: [f64; 4] = [10.0, 20.0, 50.0, 100.0];
