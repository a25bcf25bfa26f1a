//! The double's own clock, and the two ways its time is written on the wire.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What time the double believes it is: it judges timestamps and signatures by it and shows it in
/// its `Date` header.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    pub fn system() -> Self {
        Self::from_fn(SystemTime::now)
    }

    /// The system's clock, ahead by `seconds` (behind if negative).
    pub fn offset(seconds: i64) -> Self {
        Self::from_fn(move || shifted(SystemTime::now(), seconds))
    }

    /// For tests whose time runs faster, or stands still.
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", amz_date(self.now()))
    }
}

/// `Mon, 23 Nov 2026 14:21:00 GMT`, as in a `Date` header (RFC 9110, 5.6.7).
pub fn http_date(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let month = text[5..7].parse::<usize>().map_or("Jan", |month| MONTHS[month - 1]);
    let days = since_epoch(time).as_secs() / 86_400;
    // 1970-01-01 was a Thursday.
    let weekday = WEEKDAYS[(days % 7) as usize];
    format!("{weekday}, {} {month} {} {} GMT", &text[8..10], &text[..4], &text[11..19])
}

/// `20261123T142100Z`, as in `x-amz-date`.
pub fn amz_date(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().replace(['-', ':'], "")
}

/// Reads an `x-amz-date`; `None` unless it is one.
pub fn parse_amz_date(text: &str) -> Option<SystemTime> {
    if text.len() != 16 || !text.is_ascii() {
        return None;
    }
    let (date, time) = (&text[..8], &text[9..15]);
    let rfc3339 = format!(
        "{}-{}-{}{}{}:{}:{}{}",
        &date[..4],
        &date[4..6],
        &date[6..],
        &text[8..9],
        &time[..2],
        &time[2..4],
        &time[4..],
        &text[15..],
    );
    humantime::parse_rfc3339(&rfc3339).ok()
}

/// Seconds since the epoch as CBOR's tag 1 carries them; the nearest representable time where a
/// sender's number has none (it is refused before anyone reads it as a time).
pub fn from_epoch_seconds(seconds: f64) -> SystemTime {
    let milliseconds = (seconds * 1000.0).round();
    if milliseconds >= 0.0 {
        UNIX_EPOCH + Duration::from_millis(milliseconds.min(FAR) as u64)
    } else {
        UNIX_EPOCH
    }
}

pub fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub fn shifted(time: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { time - by } else { time + by }
}

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The year 9999, in milliseconds: what `humantime` can still write.
const FAR: f64 = 253_402_300_799_000.0;
