//! Which seconds are shown, and how their times are read and written.

use crate::clock::Timestamp;
use std::time::Duration;

/// Seconds since the epoch, both within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: i64,
    pub to: i64,
}

/// The time that a person names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Second(i64),
    /// A second of some day: the last such day that the recording reaches.
    OfDay(i64),
}

/// What a recording holds, from its samples' seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub oldest: i64,
    pub newest: i64,
    /// Where what was recorded without a long gap begins.
    pub connected: i64,
}

impl Span {
    /// How many seconds; at least one.
    pub fn seconds(self) -> u64 {
        self.from.abs_diff(self.to).saturating_add(1)
    }

    pub fn contains(self, second: i64) -> bool {
        (self.from..=self.to).contains(&second)
    }

    /// What is asked for, as far as it is recorded: `since` before the newest sample, around `at`
    /// where that is given, else all that hangs together.
    pub fn asked(extent: Extent, since: Option<Duration>, at: Option<At>) -> Option<Span> {
        let length =
            |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX).max(1);
        let (from, to) = match (at, since.map(length)) {
            (None, None) => (extent.connected, extent.newest),
            (None, Some(length)) => (extent.newest.saturating_sub(length - 1), extent.newest),
            (Some(at), length) => {
                let middle = at.second(extent.newest);
                let from = middle.saturating_sub(length.unwrap_or(AROUND) / 2);
                (from, from.saturating_add(length.unwrap_or(AROUND) - 1))
            }
        };
        let (from, to) = (from.max(extent.oldest), to.min(extent.newest));
        (from <= to).then_some(Span { from, to })
    }
}

impl At {
    fn second(self, newest: i64) -> i64 {
        match self {
            At::Second(second) => second,
            At::OfDay(second) => {
                let today = newest.div_euclid(DAY) * DAY + second;
                if today > newest { today - DAY } else { today }
            }
        }
    }
}

impl std::str::FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<At, String> {
        let of_day = || {
            let mut parts = text.split(':');
            let mut part = |most: i64| {
                let part = parts.next()?;
                let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
                part.parse().ok().filter(|number| digits && *number < most)
            };
            let (hour, minute) = (part(24)?, part(60)?);
            let second = if text.len() == "14:21".len() { 0 } else { part(60)? };
            parts.next().is_none().then_some(At::OfDay(hour * 3_600 + minute * 60 + second))
        };
        let whole = || {
            let time = humantime::parse_rfc3339_weak(text).ok()?;
            Some(At::Second(Timestamp::from_system_time(time).seconds()))
        };
        of_day().or_else(whole).ok_or_else(|| {
            "expected a time in UTC such as 14:21, 14:21:05 or 2026-11-23T14:21:00Z".to_owned()
        })
    }
}

impl Extent {
    /// `None` without a sample.
    pub fn of(mut seconds: impl Iterator<Item = i64>) -> Option<Extent> {
        let mut last = seconds.next()?;
        let mut extent = Extent { oldest: last, newest: last, connected: last };
        for second in seconds {
            extent.oldest = extent.oldest.min(second);
            let apart = second.abs_diff(last) > LONGEST_GAP;
            extent.newest = if apart { second } else { extent.newest.max(second) };
            extent.connected = if apart { second } else { extent.connected.min(second) };
            last = second;
        }
        Some(extent)
    }
}

/// RFC 3339.
pub fn time(second: i64) -> String {
    Timestamp(second.saturating_mul(1_000)).to_string()
}

/// "14:21:05".
pub fn clock(second: i64) -> String {
    let second = second.rem_euclid(DAY);
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// "2026-11-23".
pub fn date(second: i64) -> String {
    time(second).chars().take("2026-11-23".len()).collect()
}

/// "2026-11-23 14:21:00 to 14:30:59 UTC".
pub fn words(span: Span) -> String {
    let (from, to) = (date(span.from), date(span.to));
    let until = if from == to { String::new() } else { format!("{to} ") };
    format!("{from} {} to {until}{} UTC", clock(span.from), clock(span.to))
}

pub const DAY: i64 = 86_400;
/// What `--at` shows without `--since`.
const AROUND: i64 = 600;
/// Recordings further apart than this many seconds aren't shown in one picture unless asked for.
const LONGEST_GAP: u64 = 2 * 3_600;
