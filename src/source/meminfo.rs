//! `/proc/meminfo`: how the kernel divides the host's memory (proc_meminfo(5)).

use crate::source::proc_file::{Error, ProcFile, ReadError};
use crate::units::Bytes;
use std::path::Path;

/// The fields that cwmem's formulas name. `None` is a line the kernel doesn't print, never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemInfo {
    pub total: Bytes,
    pub free: Option<Bytes>,
    /// Linux 3.14 and later.
    pub available: Option<Bytes>,
    pub buffers: Option<Bytes>,
    pub cached: Option<Bytes>,
    pub swap_cached: Option<Bytes>,
    pub active: Option<Bytes>,
    pub inactive: Option<Bytes>,
    pub active_file: Option<Bytes>,
    pub inactive_file: Option<Bytes>,
    pub swap_total: Option<Bytes>,
    pub swap_free: Option<Bytes>,
    pub shmem: Option<Bytes>,
    pub slab_reclaimable: Option<Bytes>,
    pub slab_unreclaimable: Option<Bytes>,
    pub commit_limit: Option<Bytes>,
    pub committed: Option<Bytes>,
    /// Pages in the pool of the default huge page size.
    pub huge_pages_total: Option<u64>,
    pub huge_pages_free: Option<u64>,
    pub huge_page_size: Option<Bytes>,
    /// All pools of all sizes; Linux 4.16 and later.
    pub hugetlb: Option<Bytes>,
    /// The zones' low watermarks, of /proc/zoneinfo: looked up only where a formula has to estimate
    /// what MemAvailable would be.
    pub low_watermark: Option<Bytes>,
}

/// Fields chosen by the configuration, by their kernel names, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    names: Vec<String>,
}

/// A line that isn't `Name: <count> kB`, or one that must be there and isn't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("line {number}: expected `Name: <count> kB`, found {text:?}")]
    Line { number: usize, text: String },
    #[error("line {number}: {name} stands there a second time")]
    Duplicate { number: usize, name: &'static str },
    #[error("no line `MemTotal: <count> kB` among {lines} lines")]
    NoTotal { lines: usize },
}

pub struct Reader {
    file: ProcFile,
}

impl MemInfo {
    /// Memory set aside for huge pages, which no other use can take: `Hugetlb` where the kernel
    /// prints it, else the pool of the default size; no such lines are no pool.
    pub fn huge_pool(&self) -> Bytes {
        let default_pool = || {
            let size = self.huge_page_size?.0;
            Some(Bytes(self.huge_pages_total?.saturating_mul(size)))
        };
        self.hugetlb.or_else(default_pool).unwrap_or_default()
    }
}

impl Extras {
    pub fn new(names: Vec<String>) -> Extras {
        Extras { names }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl Reader {
    pub fn open(proc_root: &Path) -> Result<Reader, ReadError> {
        Ok(Reader { file: ProcFile::open(proc_root, "meminfo")? })
    }

    /// Reads and parses; `values` gets what stands under the names of `extras`.
    pub fn read(
        &mut self,
        extras: &Extras,
        values: &mut [Option<u64>],
    ) -> Result<MemInfo, Error<ParseError>> {
        self.file.read_as(|text| parse(text, extras, values))
    }
}

/// Parses the whole text or nothing: a cut or damaged file must not pass for an older kernel's.
///
/// Values are bytes where the line says kB and plain counts where it doesn't (HugePages_*).
pub fn parse(
    text: &[u8],
    extras: &Extras,
    values: &mut [Option<u64>],
) -> Result<MemInfo, ParseError> {
    let mut info = MemInfo::default();
    let mut total = None;
    let mut lines = 0;
    values.fill(None);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        lines += 1;
        let (name, value) = split_line(line).ok_or_else(|| bad_line(lines, line))?;
        if let Some((slot, known)) = info.slot(name, &mut total)
            && slot.put(value).ok_or_else(|| bad_line(lines, line))?.is_some()
        {
            return Err(ParseError::Duplicate { number: lines, name: known });
        }
        for (extra, slot) in extras.names.iter().zip(values.iter_mut()) {
            if extra.as_bytes() == name {
                *slot = Some(value.plain());
            }
        }
    }
    info.total = total.ok_or(ParseError::NoTotal { lines })?;
    Ok(info)
}

/// What a line holds: an amount of memory or a count of pages.
#[derive(Clone, Copy)]
enum Value {
    Memory(Bytes),
    Count(u64),
}

/// Where a line's value goes; each place takes one kind of value.
enum Slot<'a> {
    Memory(&'a mut Option<Bytes>),
    Count(&'a mut Option<u64>),
}

impl Value {
    fn plain(self) -> u64 {
        match self {
            Value::Memory(bytes) => bytes.0,
            Value::Count(count) => count,
        }
    }
}

impl Slot<'_> {
    /// What stood there before; `None` where the value is of the wrong kind.
    fn put(self, value: Value) -> Option<Option<u64>> {
        match (self, value) {
            (Slot::Memory(slot), Value::Memory(bytes)) => {
                Some(slot.replace(bytes).map(|old| old.0))
            }
            (Slot::Count(slot), Value::Count(count)) => Some(slot.replace(count)),
            _ => None,
        }
    }
}

impl MemInfo {
    fn slot<'a>(
        &'a mut self,
        name: &[u8],
        total: &'a mut Option<Bytes>,
    ) -> Option<(Slot<'a>, &'static str)> {
        Some(match name {
            b"MemTotal" => (Slot::Memory(total), "MemTotal"),
            b"MemFree" => (Slot::Memory(&mut self.free), "MemFree"),
            b"MemAvailable" => (Slot::Memory(&mut self.available), "MemAvailable"),
            b"Buffers" => (Slot::Memory(&mut self.buffers), "Buffers"),
            b"Cached" => (Slot::Memory(&mut self.cached), "Cached"),
            b"SwapCached" => (Slot::Memory(&mut self.swap_cached), "SwapCached"),
            b"Active" => (Slot::Memory(&mut self.active), "Active"),
            b"Inactive" => (Slot::Memory(&mut self.inactive), "Inactive"),
            b"Active(file)" => (Slot::Memory(&mut self.active_file), "Active(file)"),
            b"Inactive(file)" => (Slot::Memory(&mut self.inactive_file), "Inactive(file)"),
            b"SwapTotal" => (Slot::Memory(&mut self.swap_total), "SwapTotal"),
            b"SwapFree" => (Slot::Memory(&mut self.swap_free), "SwapFree"),
            b"Shmem" => (Slot::Memory(&mut self.shmem), "Shmem"),
            b"SReclaimable" => (Slot::Memory(&mut self.slab_reclaimable), "SReclaimable"),
            b"SUnreclaim" => (Slot::Memory(&mut self.slab_unreclaimable), "SUnreclaim"),
            b"CommitLimit" => (Slot::Memory(&mut self.commit_limit), "CommitLimit"),
            b"Committed_AS" => (Slot::Memory(&mut self.committed), "Committed_AS"),
            b"HugePages_Total" => (Slot::Count(&mut self.huge_pages_total), "HugePages_Total"),
            b"HugePages_Free" => (Slot::Count(&mut self.huge_pages_free), "HugePages_Free"),
            b"Hugepagesize" => (Slot::Memory(&mut self.huge_page_size), "Hugepagesize"),
            b"Hugetlb" => (Slot::Memory(&mut self.hugetlb), "Hugetlb"),
            _ => return None,
        })
    }
}

/// A line without its end was cut, and so may be its number. CRLF comes from captures that passed
/// through another system, and harms nothing.
fn split_line(line: &[u8]) -> Option<(&[u8], Value)> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let colon = memchr::memchr(b':', line)?;
    let (name, rest) = (&line[..colon], &line[colon + 1..]);
    let start = rest.iter().position(|&byte| byte != b' ')?;
    let rest = &rest[start..];
    let (number, value) = match rest.strip_suffix(b" kB") {
        Some(number) => (number, Value::Memory(Bytes::from_kib(number_of(number)?)?)),
        None => (rest, Value::Count(number_of(rest)?)),
    };
    (!name.is_empty() && !number.is_empty()).then_some((name, value))
}

/// Digits only; `None` where there are none, something else, or too many for 64 bits.
pub(super) fn number_of(digits: &[u8]) -> Option<u64> {
    let mut number: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (!digits.is_empty()).then_some(number)
}

fn bad_line(number: usize, line: &[u8]) -> ParseError {
    ParseError::Line { number, text: shown(line) }
}

/// A bad line for an error: it may be anything, and as long as the file.
pub(super) fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(LONGEST_SHOWN)]).into_owned()
}

/// So much of a bad line stands in its error.
const LONGEST_SHOWN: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    const CAPTURES: [(&str, &str); 4] = [
        ("coreos", include_str!("../../tests/captures/meminfo/coreos-8g-kernel4.14-noswap")),
        ("desktop", include_str!("../../tests/captures/meminfo/desktop-32g-kernel5-swap")),
        ("embedded", include_str!("../../tests/captures/meminfo/embedded-27m-no-memavailable")),
        (
            "server",
            include_str!("../../tests/captures/meminfo/server-16g-kernel3-swap-no-memavailable"),
        ),
    ];

    fn parsed(text: &[u8]) -> Result<MemInfo, ParseError> {
        parse(text, &Extras::default(), &mut [])
    }

    fn check_error(text: &str, expected: Expect) {
        expected.assert_eq(&parsed(text.as_bytes()).unwrap_err().to_string());
    }

    #[test]
    fn captures_parse() {
        for (name, text) in CAPTURES {
            let info = parsed(text.as_bytes()).unwrap();
            assert!(info.total.0 > 0, "{name}");
            assert_eq!(info.available.is_some(), text.contains("MemAvailable"), "{name}");
        }
        let desktop = parsed(CAPTURES[1].1.as_bytes()).unwrap();
        assert_eq!(desktop.total, Bytes(31_793_328 * 1024));
        assert_eq!(desktop.available, Some(Bytes(21_921_004 * 1024)));
        assert_eq!(desktop.huge_pages_total, Some(0));
        assert_eq!(desktop.hugetlb, Some(Bytes(0)));
    }

    #[test]
    fn a_capture_cut_anywhere_fails_or_ends_at_a_line() {
        for (name, text) in CAPTURES {
            let whole = parsed(text.as_bytes()).unwrap();
            for end in 0..text.len() {
                let Ok(info) = parsed(&text.as_bytes()[..end]) else { continue };
                assert!(text.as_bytes()[end - 1] == b'\n', "{name} cut at {end} passed");
                assert_eq!(info.total, whole.total, "{name} cut at {end}");
                assert!(info.available.is_none() || info.available == whole.available);
            }
        }
    }

    #[test]
    fn extras_are_bytes_or_counts() {
        let extras = Extras::new(vec!["Slab".into(), "HugePages_Total".into(), "Nonsense".into()]);
        let mut values = [Some(7); 3];
        parse(CAPTURES[0].1.as_bytes(), &extras, &mut values).unwrap();
        assert_eq!(values, [Some(199_948 * 1024), Some(0), None]);
    }

    #[test]
    fn carriage_returns_are_accepted() {
        let text = CAPTURES[1].1.replace('\n', "\r\n");
        assert_eq!(parsed(text.as_bytes()), parsed(CAPTURES[1].1.as_bytes()));
    }

    #[test]
    fn hostile_lines_are_named() {
        check_error("", expect!["no line `MemTotal: <count> kB` among 0 lines"]);
        check_error("MemFree: 1 kB\n", expect!["no line `MemTotal: <count> kB` among 1 lines"]);
        check_error(
            "MemTotal: 99999999999999999999 kB\n",
            expect![[
                r#"line 1: expected `Name: <count> kB`, found "MemTotal: 99999999999999999999 kB\n""#
            ]],
        );
        check_error(
            "MemTotal: 18446744073709551615 kB\n",
            expect![[
                r#"line 1: expected `Name: <count> kB`, found "MemTotal: 18446744073709551615 kB\n""#
            ]],
        );
        check_error(
            "MemTotal: 5\n",
            expect![[r#"line 1: expected `Name: <count> kB`, found "MemTotal: 5\n""#]],
        );
        check_error(
            "MemTotal: 5 kB\nMemTotal: 6 kB\n",
            expect!["line 2: MemTotal stands there a second time"],
        );
        check_error(
            "MemTotal: -5 kB\n",
            expect![[r#"line 1: expected `Name: <count> kB`, found "MemTotal: -5 kB\n""#]],
        );
        check_error(
            "MemTotal: 5 kB\nMemAvail",
            expect![[r#"line 2: expected `Name: <count> kB`, found "MemAvail""#]],
        );
    }

    #[test]
    fn zero_available_is_zero() {
        let info = parsed(b"MemTotal: 5 kB\nMemAvailable: 0 kB\n").unwrap();
        assert_eq!(info.available, Some(Bytes(0)));
    }

    #[test]
    fn the_huge_pool_is_counted_on_old_kernels_too() {
        let old =
            parsed(b"MemTotal: 9000 kB\nHugePages_Total: 3\nHugepagesize: 2048 kB\n").unwrap();
        assert_eq!(old.huge_pool(), Bytes(3 * 2048 * 1024));
        assert_eq!(parsed(b"MemTotal: 9000 kB\n").unwrap().huge_pool(), Bytes(0));
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parsed(&text);
        }

        #[test]
        fn damage_never_panics(at in 0..1300usize, byte in any::<u8>()) {
            let mut text = CAPTURES[0].1.as_bytes().to_vec();
            text[at] = byte;
            let _ = parsed(&text);
        }

        #[test]
        fn any_count_is_read_back(total in 0..u64::MAX / 1024, pages in any::<u64>()) {
            let text = format!("MemTotal: {total:8} kB\nHugePages_Total: {pages:7}\n");
            let info = parsed(text.as_bytes()).unwrap();
            prop_assert_eq!(info.total, Bytes(total * 1024));
            prop_assert_eq!(info.huge_pages_total, Some(pages));
        }
    }
}
