//! The peaks of a recording, each with the processes that were looked at nearest to it.

use crate::black_box::format::Entry;
use crate::history::points::Point;

#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// Of the highest reading, or where that isn't known, of the highest stall or the OOM kill.
    pub second: i64,
    /// The highest within 15 seconds, as is the stall.
    pub used: Option<f64>,
    pub stall: Option<f64>,
    /// All within 15 seconds.
    pub kills: u64,
    pub processes: Option<Entry>,
}

/// The best second of half a minute, how low it was then, and in the rest of it before and after.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    second: i64,
    score: f64,
    kills: bool,
    low: f64,
    low_before: f64,
    low_after: f64,
}

impl Candidate {
    fn lowest(&self) -> f64 {
        self.low.min(self.low_before).min(self.low_after)
    }
}

/// At most five, in the order of time: those with OOM kills before others, then the highest. What
/// is a shoulder of a higher one isn't a peak.
pub fn peaks(points: &[Point], entries: &[Entry]) -> Vec<Peak> {
    let candidates = candidates(points);
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|&a, &b| candidates[b].score.total_cmp(&candidates[a].score));
    let mut chosen: Vec<usize> = Vec::new();
    for place in order {
        if chosen.len() == MOST_PEAKS {
            break;
        }
        if chosen.iter().all(|&other| stands_apart(&candidates, place, other)) {
            chosen.push(place);
        }
    }
    let mut peaks: Vec<Peak> =
        chosen.into_iter().map(|place| peak(points, entries, candidates[place].second)).collect();
    peaks.sort_by_key(|peak| peak.second);
    peaks
}

fn candidates(points: &[Point]) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut bucket = None;
    for point in points {
        let height = |spread: Option<f64>| spread.unwrap_or(0.0);
        let high =
            height(point.used.map(|used| used.max)) + height(point.stall.map(|stall| stall.max));
        let low =
            height(point.used.map(|used| used.min)) + height(point.stall.map(|stall| stall.min));
        let kills = point.kills > 0;
        let score = if kills { high + KILL } else { high };
        let (low_before, low_after) = (f64::INFINITY, f64::INFINITY);
        let here = Candidate { second: point.second, score, kills, low, low_before, low_after };
        let own = Some(point.second.div_euclid(APART));
        match candidates.last_mut() {
            Some(last) if bucket == own => {
                if score > last.score {
                    *last = Candidate { low_before: last.lowest(), ..here };
                } else {
                    last.low_after = last.low_after.min(low);
                }
            }
            _ => candidates.push(here),
        }
        bucket = own;
    }
    candidates
}

/// Far enough from the other, and the readings fell between them.
fn stands_apart(candidates: &[Candidate], place: usize, other: usize) -> bool {
    let (one, two) = (candidates[place], candidates[other]);
    let (first, last) = (place.min(other), place.max(other));
    let between = candidates[first + 1..last].iter().map(Candidate::lowest);
    let lowest =
        between.fold(candidates[first].low_after, f64::min).min(candidates[last].low_before);
    let high = if one.kills { one.score - KILL } else { one.score };
    let falls = lowest <= high - PROMINENCE;
    one.second.abs_diff(two.second) >= APART as u64 && (one.kills || falls)
}

fn peak(points: &[Point], entries: &[Entry], found: i64) -> Peak {
    let near = points.iter().filter(|point| point.second.abs_diff(found) <= AROUND);
    let highest = |value: fn(&Point) -> Option<f64>| {
        let readings = near.clone().filter_map(|point| Some((value(point)?, point.second)));
        // The first of equals.
        readings.reduce(|best, next| if next.0 > best.0 { next } else { best })
    };
    let used = highest(|point| point.used.map(|used| used.max));
    let stall = highest(|point| point.stall.map(|stall| stall.max));
    // Who was there before a kill is what is asked.
    let second = used.map_or(found, |(_, second)| second);
    let distance = |entry: &&Entry| entry.taken.wall.seconds().abs_diff(second);
    let entry = entries.iter().min_by_key(distance);
    Peak {
        second,
        used: used.map(|(value, _)| value),
        stall: stall.map(|(value, _)| value),
        kills: near.clone().map(|point| point.kills).fold(0, u64::saturating_add),
        processes: entry.filter(|entry| distance(entry) <= NEAR).cloned(),
    }
}

const MOST_PEAKS: usize = 5;
/// Seconds between two peaks, at least.
const APART: i64 = 30;
/// How far the readings have to fall between two peaks, in percentage points.
const PROMINENCE: f64 = 5.0;
/// An OOM kill outweighs any reading: used and stalled make 200 at most.
const KILL: f64 = 1_000.0;
/// Seconds around a peak whose readings are its own.
const AROUND: u64 = 15;
/// Processes that were looked at longer before or after, in seconds, say nothing about a peak.
const NEAR: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::points::Spread;
    use crate::units::Tenths;

    /// The peaks of a minute and a half, each with its kills.
    fn found(used: impl Fn(i64) -> f64, killed_at: Option<i64>) -> Vec<(i64, u64)> {
        let point = |second| Point {
            second,
            used: Some(Spread::of(used(second))),
            stall: None,
            kills: u64::from(killed_at == Some(second)),
            covered: Tenths(10),
        };
        let points: Vec<Point> = (0..90).map(point).collect();
        peaks(&points, &[]).iter().map(|peak| (peak.second, peak.kills)).collect()
    }

    /// The readings fell between them, in the half minute of the one or of the other.
    #[test]
    fn a_peak_soon_after_another_is_one_of_its_own() {
        let spike = |second| if (56..58).contains(&second) { 95.0 } else { 20.0 };
        assert_eq!(found(spike, Some(2)), [(0, 1), (56, 0)]);
        let two = |second| if (25..30).contains(&second) || second == 59 { 80.0 } else { 20.0 };
        assert_eq!(found(two, None), [(25, 0), (59, 0)]);
    }

    /// What is low before the one and after the other doesn't lie between them.
    #[test]
    fn a_slope_is_one_peak() {
        let slope = |second: i64| if second < 20 { 20.0 } else { 80.0 + second as f64 / 100.0 };
        assert_eq!(found(slope, None), [(89, 0)]);
        let falling = |second: i64| if second > 80 { 20.0 } else { 80.0 - second as f64 / 100.0 };
        assert_eq!(found(falling, None), [(0, 0)]);
    }
}
