//! A kernel file that may come and go: said once, tried again ever more seldom, and what it says
//! stays absent until it is back.

use crate::clock::Boottime;
use std::fmt::{self, Display};
use std::time::Duration;

/// A kernel file that may come and go.
pub struct Source<R> {
    name: &'static str,
    reader: Option<R>,
    failing: bool,
    retry_at: Boottime,
    pause: Duration,
}

impl<R> Source<R> {
    pub fn open<E: Display>(
        name: &'static str,
        opened: Result<R, E>,
        now: Boottime,
        reports: &mut Vec<Report>,
    ) -> Source<R> {
        let mut source =
            Source { name, reader: None, failing: false, retry_at: now, pause: SHORTEST_PAUSE };
        match opened {
            Ok(reader) => source.reader = Some(reader),
            Err(error) => source.fail(&error, now, reports),
        }
        source
    }

    pub fn read<T, E: Display, F: Display>(
        &mut self,
        now: Boottime,
        reports: &mut Vec<Report>,
        open: impl FnOnce() -> Result<R, F>,
        read: impl FnOnce(&mut R) -> Result<T, E>,
    ) -> Option<T> {
        if self.reader.is_none() {
            if now < self.retry_at {
                return None;
            }
            match open() {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => {
                    self.fail(&error, now, reports);
                    return None;
                }
            }
        }
        match read(self.reader.as_mut()?) {
            Ok(value) => {
                self.pause = SHORTEST_PAUSE;
                if std::mem::take(&mut self.failing) {
                    reports.push(Report::Back { source: self.name });
                }
                Some(value)
            }
            Err(error) => {
                self.fail(&error, now, reports);
                None
            }
        }
    }

    fn fail(&mut self, error: &dyn Display, now: Boottime, reports: &mut Vec<Report>) {
        self.reader = None;
        self.retry_at = now.plus(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if !std::mem::replace(&mut self.failing, true) {
            reports.push(Report::Lost { source: self.name, reason: error.to_string() });
        }
    }
}

/// A source that came or went, for the log: said once, not at each sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Lost {
        source: &'static str,
        reason: String,
    },
    Back {
        source: &'static str,
    },
    /// /proc/meminfo can be read, but this kernel doesn't print the field.
    Lacks {
        field: String,
    },
}

impl Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Lost { source, reason } => {
                write!(formatter, "{source} cannot be read, its metrics are absent: {reason}")
            }
            Report::Back { source } => write!(formatter, "{source} can be read again"),
            Report::Lacks { field } => {
                let since = if field == AVAILABLE { " (Linux 3.14 and later have it)" } else { "" };
                write!(formatter, "meminfo has no {field}{since}: metrics that need it are absent")
            }
        }
    }
}

/// The field of /proc/meminfo that older kernels don't print.
pub const AVAILABLE: &str = "MemAvailable";
/// A kernel that is short of memory may refuse a reading: the next one is tried. What isn't there
/// at all is looked for ever more seldom.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds at which a file that stays away is looked for.
    fn looks(until: u64) -> Vec<u64> {
        let mut looks = Vec::new();
        let mut reports = Vec::new();
        let mut source = Source::<()>::open("file", Err("gone"), Boottime(0), &mut reports);
        for second in 1..until {
            let open = || {
                looks.push(second);
                Err("gone")
            };
            let read = |_: &mut ()| Ok::<_, &str>(());
            let now = Boottime(second * 1_000_000);
            assert!(source.read(now, &mut reports, open, read).is_none());
        }
        assert_eq!(reports.len(), 1);
        looks
    }

    #[test]
    fn what_stays_away_is_looked_for_ever_more_seldom() {
        assert_eq!(looks(300), [1, 2, 3, 4, 6, 10, 17, 30, 56, 108, 168, 228, 288]);
    }

    #[test]
    fn a_reading_that_failed_once_costs_one_sample() {
        let mut reports = Vec::new();
        let mut source = Source::open("file", Ok::<_, &str>(()), Boottime(0), &mut reports);
        let mut read = |second: u64, answer: Result<u32, &'static str>| {
            let now = Boottime(second * 1_000_000);
            source.read(now, &mut reports, || Ok::<_, &str>(()), |()| answer)
        };
        for second in [0, 10, 20, 30] {
            assert_eq!(read(second, Ok(7)), Some(7));
            assert_eq!(read(second + 1, Err("no memory")), None);
            assert_eq!(read(second + 2, Ok(8)), Some(8));
        }
        assert_eq!(reports.len(), 8, "each time it went and came");
    }
}
