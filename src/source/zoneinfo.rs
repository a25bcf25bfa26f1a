//! `/proc/zoneinfo`: the memory zones' low watermarks (mm/vmstat.c), for estimating what kernels
//! before MemAvailable have to give.

use crate::clock::Boottime;
use crate::source::meminfo::number_of;
use crate::source::proc_file::{ProcFile, ReadError};
use crate::units::Bytes;
use std::path::Path;
use std::time::Duration;

pub struct Reader {
    file: ProcFile,
}

impl Reader {
    pub fn open(proc_root: &Path) -> Result<Reader, ReadError> {
        Ok(Reader { file: ProcFile::open(proc_root, "zoneinfo")? })
    }

    /// The sum over all zones; `None` where no zone tells it.
    pub fn read(&mut self) -> Result<Option<Bytes>, ReadError> {
        let page = rustix::param::page_size() as u64;
        let pages = parse(self.file.read()?);
        Ok(pages.map(|pages| Bytes(pages.saturating_mul(page))))
    }
}

/// The low watermarks, which hardly ever change, as they were lately. Where they can't be read,
/// formulas do without.
#[derive(Debug, Default)]
pub struct Watermarks {
    wanted: bool,
    read_at: Option<Boottime>,
    low: Option<Bytes>,
}

impl Watermarks {
    pub fn new(wanted: bool) -> Watermarks {
        Watermarks { wanted, ..Watermarks::default() }
    }

    pub fn low(&mut self, proc_root: &Path, now: Boottime) -> Option<Bytes> {
        let due = self.read_at.is_none_or(|last| now.since(last) >= INTERVAL);
        if self.wanted && due {
            self.read_at = Some(now);
            let read = Reader::open(proc_root).and_then(|mut zones| zones.read());
            self.low = read.ok().flatten();
        }
        self.low
    }
}

/// In pages. Lines of another form are other things.
pub fn parse(text: &[u8]) -> Option<u64> {
    let lines = text.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        (words.next()? == b"low").then_some(())?;
        number_of(words.next()?)
    });
    lines.reduce(u64::saturating_add)
}

const INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_add_up() {
        let text = b"Node 0, zone      DMA\n  pages free     3840\n        min      7\n        low      11\n        high     15\n  pagesets\n    cpu: 0\n              high:  0\nNode 0, zone   Normal\n        low      500\n";
        assert_eq!(parse(text), Some(511));
        assert_eq!(parse(b"Node 0\n  lower 5\n  low x\n"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_kernel_s_is_read() {
        let low = Reader::open(Path::new("/proc")).unwrap().read().unwrap();
        assert!(low.is_some_and(|low| low.0 > 0));
        let kept = |wanted| Watermarks::new(wanted).low(Path::new("/proc"), Boottime(0));
        assert_eq!((kept(true), kept(false)), (low, None));
    }
}
