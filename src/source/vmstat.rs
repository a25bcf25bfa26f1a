//! `/proc/vmstat`: the kernel's event counters since boot (mm/vmstat.c).

use crate::source::meminfo::{number_of, shown};
use crate::source::proc_file::{Error, ProcFile, ReadError};
use std::path::Path;

/// The counters that cwmem's formulas name, in events or pages since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VmStat {
    /// Linux 4.13 and later. Counts kills inside cgroups too.
    pub oom_kill: Option<u64>,
    pub swap_in_pages: Option<u64>,
    pub swap_out_pages: Option<u64>,
    pub major_faults: Option<u64>,
    /// The sum over zones: `allocstall_*` since Linux 4.10, `allocstall` before.
    pub direct_reclaim_stalls: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {number}: expected `name <count>`, found {text:?}")]
pub struct ParseError {
    number: usize,
    text: String,
}

pub struct Reader {
    file: ProcFile,
}

impl Reader {
    pub fn open(proc_root: &Path) -> Result<Reader, ReadError> {
        Ok(Reader { file: ProcFile::open(proc_root, "vmstat")? })
    }

    pub fn read(&mut self) -> Result<VmStat, Error<ParseError>> {
        self.file.read_as(parse)
    }
}

/// Parses the counters above; the other lines, some two hundred, are only skipped.
pub fn parse(text: &[u8]) -> Result<VmStat, ParseError> {
    let mut vmstat = VmStat::default();
    let mut rest = text;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let error = || ParseError { number, text: shown(first_line(rest)) };
        let end = memchr::memchr(b'\n', rest).ok_or_else(error)?;
        let line = &rest[..end];
        if let Some((slot, name_length)) = vmstat.slot(line) {
            let count = number_of(&line[name_length + 1..]).ok_or_else(error)?;
            slot.add(count).ok_or_else(error)?;
        }
        rest = &rest[end + 1..];
    }
    Ok(vmstat)
}

/// A counter that stands on one line, or one summed over several.
enum Slot<'a> {
    Once(&'a mut Option<u64>),
    Sum(&'a mut Option<u64>),
}

impl Slot<'_> {
    /// `None` where the line stood there before, or the sum leaves 64 bits.
    fn add(self, count: u64) -> Option<()> {
        match self {
            Slot::Once(slot) => slot.replace(count).is_none().then_some(()),
            Slot::Sum(slot) => {
                *slot = Some(slot.unwrap_or(0).checked_add(count)?);
                Some(())
            }
        }
    }
}

impl VmStat {
    /// Where the value of `line` goes, and the length of its name.
    fn slot<'a>(&'a mut self, line: &[u8]) -> Option<(Slot<'a>, usize)> {
        // Few of the lines begin with one of these letters: most are told from their first byte.
        if !matches!(line.first(), Some(b'o' | b'p' | b'a')) {
            return None;
        }
        let length = memchr::memchr(b' ', line)?;
        let slot = match &line[..length] {
            b"oom_kill" => Slot::Once(&mut self.oom_kill),
            b"pswpin" => Slot::Once(&mut self.swap_in_pages),
            b"pswpout" => Slot::Once(&mut self.swap_out_pages),
            b"pgmajfault" => Slot::Once(&mut self.major_faults),
            name if name == b"allocstall" || name.starts_with(b"allocstall_") => {
                Slot::Sum(&mut self.direct_reclaim_stalls)
            }
            _ => return None,
        };
        Some((slot, length))
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    &text[..end.min(80)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINES: &str = "nr_free_pages 5886345\nallocstall_dma 1\nallocstall_normal 20\nallocstall_movable 300\npswpin 4\npswpout 5\npgmajfault 6\noom_kill 7\nunevictable_pgs_culled 0\n";

    #[test]
    fn counters_are_read() {
        let expected = VmStat {
            oom_kill: Some(7),
            swap_in_pages: Some(4),
            swap_out_pages: Some(5),
            major_faults: Some(6),
            direct_reclaim_stalls: Some(321),
        };
        assert_eq!(parse(LINES.as_bytes()), Ok(expected));
        assert_eq!(parse(b"allocstall 9\n").unwrap().direct_reclaim_stalls, Some(9));
        assert_eq!(parse(b""), Ok(VmStat::default()));
    }

    #[test]
    fn hostile_lines_are_named() {
        for text in [
            "oom_kill 1\noom_kill 2\n",
            "oom_kill x\n",
            "oom_kill 1",
            "oom_kill \n",
            "pswpin 99999999999999999999\n",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&text);
        }
    }
}
