//! `/proc/pressure/memory`: how long tasks were stalled for want of memory (Documentation/accounting/psi.rst).

use crate::source::meminfo::{number_of, shown};
use crate::source::proc_file::{Error, ProcFile};
use std::path::Path;

/// Stalled time since boot in microseconds. Only these totals are read: the kernel's own averages
/// are decayed ones and cannot be folded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pressure {
    /// At least one task was stalled.
    pub some: u64,
    /// All tasks were stalled at once; absent before Linux 4.20's final form.
    pub full: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {number}: expected `some|full avg10=.. avg60=.. avg300=.. total=<microseconds>`, found {text:?}"
)]
pub struct ParseError {
    number: usize,
    text: String,
}

pub struct Reader {
    file: ProcFile,
}

impl Reader {
    /// Opens and reads once: where PSI is off the file may open and only reading it fails.
    pub fn probe(proc_root: &Path) -> Result<Reader, Error<ParseError>> {
        let mut reader = Reader { file: ProcFile::open(proc_root, "pressure/memory")? };
        reader.read()?;
        Ok(reader)
    }

    pub fn read(&mut self) -> Result<Pressure, Error<ParseError>> {
        self.file.read_as(parse)
    }
}

/// The `total=` of both lines.
pub fn parse(text: &[u8]) -> Result<Pressure, ParseError> {
    let mut some = None;
    let mut full = None;
    let mut number = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        number += 1;
        let error = || ParseError { number, text: shown(line) };
        let whole = line.strip_suffix(b"\n").ok_or_else(error)?;
        let slot = match whole.get(..5) {
            Some(b"some ") => &mut some,
            Some(b"full ") => &mut full,
            _ => return Err(error()),
        };
        let total = total_of(whole).ok_or_else(error)?;
        if slot.replace(total).is_some() {
            return Err(error());
        }
    }
    match some {
        Some(some) => Ok(Pressure { some, full }),
        None => Err(ParseError { number: number + 1, text: String::new() }),
    }
}

fn total_of(line: &[u8]) -> Option<u64> {
    let start = memchr::memmem::rfind(line, b" total=")? + b" total=".len();
    number_of(&line[start..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: &str = "some avg10=0.00 avg60=0.12 avg300=1.00 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=789\n";

    #[test]
    fn totals_are_read() {
        assert_eq!(parse(BOTH.as_bytes()), Ok(Pressure { some: 123_456, full: Some(789) }));
        let some = BOTH.split_inclusive('\n').next().unwrap();
        assert_eq!(parse(some.as_bytes()), Ok(Pressure { some: 123_456, full: None }));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "\n",
            "full avg10=0 total=1\n",
            "some total=\n",
            "some total=1",
            "some total=-1\n",
            "some total=1\nsome total=2\n",
            "some total=99999999999999999999\n",
            "none total=1\n",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_cut_never_gives_another_number(end in 0..BOTH.len()) {
            if let Ok(pressure) = parse(&BOTH.as_bytes()[..end]) {
                prop_assert_eq!(pressure.some, 123_456);
                prop_assert!(pressure.full.is_none_or(|full| full == 789));
            }
        }

        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
        }
    }
}
