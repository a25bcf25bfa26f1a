//! `/proc/PID`: the processes that hold the most memory, by name; never their arguments or
//! environment (proc_pid_statm(5), proc_pid_status(5)).

use crate::source::meminfo::{number_of, shown};
use crate::units::Bytes;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub name: Name,
    pub resident: Bytes,
    /// Absent before Linux 2.6.34, or without swap in the kernel.
    pub swap: Option<Bytes>,
}

/// A process's own name for itself, in at most 15 bytes of any kind: shown, it is harmless.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Name([u8; Name::LENGTH]);

/// What is taken from /proc/PID/status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    pub name: Name,
    pub swap: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("expected `<size> <resident> ...` in pages, found {0:?}")]
    Statm(String),
    #[error("no line `Name: <name>`")]
    NoName,
    #[error("expected `VmSwap: <count> kB`, found {0:?}")]
    Swap(String),
}

#[derive(Debug, thiserror::Error)]
#[error("cannot list the processes in {}: {source}", path.display())]
pub struct ListError {
    path: PathBuf,
    source: io::Error,
}

/// The `count` processes with the most resident memory, the largest first. Those that end
/// meanwhile, and those without memory of their own (the kernel's threads), are left out.
pub fn largest(proc_root: &Path, count: usize) -> Result<Vec<Process>, ListError> {
    let page_size = rustix::param::page_size() as u64;
    let mut top = Top::new(count);
    let mut path = proc_root.to_owned();
    for name in processes(proc_root)? {
        let name = name?;
        let Some(pid) = pid_of(name.as_encoded_bytes()) else { continue };
        path.push(&name);
        path.push("statm");
        if let Some(pages) = resident_of(&path) {
            top.add(pages.saturating_mul(page_size), pid);
        }
        path.pop();
        path.pop();
    }
    let processes = top.into_largest().into_iter().filter_map(|(resident, pid)| {
        let text = read_at_most(&proc_root.join(pid.to_string()).join("status"), MOST_STATUS)?;
        let Status { name, swap } = parse_status(&text).ok()?;
        Some(Process { pid, name, resident: Bytes(resident), swap })
    });
    Ok(processes.collect())
}

/// The folders of the processes, as long as the list can be read.
pub(super) fn processes(
    proc_root: &Path,
) -> Result<impl Iterator<Item = Result<OsString, ListError>>, ListError> {
    let path = proc_root.to_owned();
    let error = move |source| ListError { path: path.clone(), source };
    let entries = fs::read_dir(proc_root).map_err(error.clone())?;
    let names = entries.map(move |entry| Ok(entry.map_err(&error)?.file_name()));
    Ok(names.filter(|name| {
        name.as_ref().map_or(true, |name| pid_of(name.as_encoded_bytes()).is_some())
    }))
}

/// The second number of /proc/PID/statm: resident pages.
pub fn parse_statm(text: &[u8]) -> Result<u64, ParseError> {
    let resident = text.split(|&byte| byte == b' ').nth(1).and_then(number_of);
    resident.ok_or_else(|| ParseError::Statm(shown(text)))
}

/// Name and swap of /proc/PID/status. The kernel writes a name's line break and backslash as `\n`
/// and `\\`, so a name cannot pass for another line.
pub fn parse_status(text: &[u8]) -> Result<Status, ParseError> {
    let line = |field: &[u8]| text.split(|&byte| byte == b'\n').find_map(|l| l.strip_prefix(field));
    let name = line(b"Name:\t").ok_or(ParseError::NoName)?;
    let swap = match line(b"VmSwap:") {
        None => None,
        Some(value) => {
            let kib = value.strip_suffix(b" kB").and_then(|value| number_of(value.trim_ascii()));
            let bytes = kib.and_then(Bytes::from_kib);
            Some(bytes.ok_or_else(|| ParseError::Swap(shown(value)))?)
        }
    };
    Ok(Status { name: Name::unescaped(name), swap })
}

impl Name {
    /// TASK_COMM_LEN: 15 bytes and the zero after them (include/linux/sched.h).
    pub const LENGTH: usize = 16;

    /// The first 15 bytes, up to a zero.
    pub fn new(bytes: &[u8]) -> Name {
        let mut name = [0; Name::LENGTH];
        let given = bytes.iter().take(Name::LENGTH - 1).take_while(|&&byte| byte != 0);
        name.iter_mut().zip(given).for_each(|(slot, byte)| *slot = *byte);
        Name(name)
    }

    /// Padded with zeros.
    pub const fn bytes(&self) -> &[u8; Name::LENGTH] {
        &self.0
    }

    fn unescaped(text: &[u8]) -> Name {
        let mut bytes = Vec::with_capacity(Name::LENGTH);
        let mut rest = text.iter();
        while let (Some(&byte), true) = (rest.next(), bytes.len() < Name::LENGTH) {
            let escaped = (byte == b'\\').then(|| rest.clone().next()).flatten();
            match escaped {
                Some(b'n') => bytes.push(b'\n'),
                Some(b'\\') => bytes.push(b'\\'),
                _ => {
                    bytes.push(byte);
                    continue;
                }
            }
            rest.next();
        }
        Name::new(&bytes)
    }
}

/// What isn't text, or would act on a terminal or a page instead of being shown, is replaced.
impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(Name::LENGTH);
        formatter.pad(&harmless(&String::from_utf8_lossy(&self.0[..end])))
    }
}

/// The text with what would act on a terminal or a page, instead of being shown, replaced.
pub fn harmless(text: &str) -> String {
    let replace = |character| if acts(character) { char::REPLACEMENT_CHARACTER } else { character };
    text.chars().map(replace).collect()
}

/// Control characters; characters without width and those that turn the direction of the text
/// (Unicode's Bidi_Control and Default_Ignorable); what XML doesn't allow.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The largest of any number of sizes, in the room of `count` of them.
struct Top {
    count: usize,
    /// The smallest of the largest is on top.
    heap: BinaryHeap<Reverse<(u64, Reverse<u32>)>>,
}

impl Top {
    fn new(count: usize) -> Top {
        Top { count, heap: BinaryHeap::with_capacity(count + 1) }
    }

    fn add(&mut self, size: u64, pid: u32) {
        if size > 0 {
            self.heap.push(Reverse((size, Reverse(pid))));
            if self.heap.len() > self.count {
                self.heap.pop();
            }
        }
    }

    fn into_largest(self) -> Vec<(u64, u32)> {
        let sorted = self.heap.into_sorted_vec().into_iter();
        sorted.map(|Reverse((size, Reverse(pid)))| (size, pid)).collect()
    }
}

/// The number that a folder of /proc is named by.
pub(super) fn pid_of(name: &[u8]) -> Option<u32> {
    name.iter().all(u8::is_ascii_digit).then(|| u32::try_from(number_of(name)?).ok())?
}

/// `None` where the process has ended, or is hidden from us.
fn resident_of(path: &Path) -> Option<u64> {
    let mut buffer = [0; LONGEST_STATM];
    let length = File::open(path).and_then(|mut file| file.read(&mut buffer)).ok()?;
    parse_statm(&buffer[..length]).ok()
}

fn read_at_most(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut text).ok()?;
    Some(text)
}

/// Seven numbers of up to 20 digits.
const LONGEST_STATM: usize = 160;
/// Some 1.5 kB; a process in 65,536 groups has a line of 700 kB (NGROUPS_MAX).
const MOST_STATUS: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of a `tail` on Linux 6.18.
    const STATUS: &str = include_str!("../../tests/captures/process/status");

    #[test]
    fn statm_s_second_number_is_read() {
        assert_eq!(parse_statm(b"1467 461 427 3 0 112 0\n"), Ok(461));
        for text in ["", "\n", "1467", "1467 x 0", "1467  1", "1 99999999999999999999 1"] {
            assert!(parse_statm(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn name_and_swap_are_read() {
        let status = parse_status(STATUS.as_bytes()).unwrap();
        assert_eq!((status.name.to_string().as_str(), status.swap), ("tail", Some(Bytes(0))));
        let swap = |text: &str| parse_status(text.as_bytes()).map(|status| status.swap);
        assert_eq!(swap("Name:\ta\nVmSwap:\t     12 kB\n"), Ok(Some(Bytes(12 * 1024))));
        assert_eq!(swap("Name:\tkthreadd\nUmask:\t0000\n"), Ok(None));
        assert_eq!(swap("Umask:\t0000\n"), Err(ParseError::NoName));
        for value in ["", " 1", " x kB", " 99999999999999999 kB", " -1 kB"] {
            assert!(swap(&format!("Name:\ta\nVmSwap:{value}\n")).is_err(), "{value:?}");
        }
    }

    #[test]
    fn names_are_harmless() {
        let shown = |text: &[u8]| {
            parse_status(&[b"Name:\t", text, b"\n"].concat()).unwrap().name.to_string()
        };
        assert_eq!(shown(b"postgres"), "postgres");
        assert_eq!(shown(b"a b\"<&"), "a b\"<&");
        assert_eq!(shown(br"a\nVmSwap:\\1"), "a\u{fffd}VmSwap:\\1");
        assert_eq!(shown(b"\x1b[31mred"), "\u{fffd}[31mred");
        assert_eq!(shown("\u{202e}gpj".as_bytes()), "\u{fffd}gpj");
        assert_eq!(shown(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(shown("ÄÖÜäöüßé".as_bytes()), "ÄÖÜäöüß\u{fffd}");
        assert_eq!(shown(b"kworker/u8:1-events"), "kworker/u8:1-ev");
        assert_eq!(shown(b""), "");
        assert_eq!(shown(br"ends in \"), r"ends in \");
    }

    fn tree(processes: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (pid, statm, status) in processes {
            let folder = root.path().join(pid);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("statm"), statm).unwrap();
            if !status.is_empty() {
                fs::write(folder.join("status"), status).unwrap();
            }
        }
        root
    }

    #[test]
    fn the_largest_come_first() {
        let root = tree(&[
            ("1", "90 10 1 1 0 1 0\n", "Name:\tinit\nVmSwap:\t4 kB\n"),
            ("2", "0 0 0 0 0 0 0\n", "Name:\tkthreadd\n"),
            ("77", "90 30 1 1 0 1 0\n", "Name:\tmysqld\nVmSwap:\t0 kB\n"),
            ("78", "90 20 1 1 0 1 0\n", ""),
            ("79", "nonsense", "Name:\tx\n"),
            ("80", "90 5 1 1 0 1 0\n", "Name:\tsmall\nVmSwap:\t0 kB\n"),
            ("self", "90 99 1 1 0 1 0\n", "Name:\tself\n"),
            ("99999999999", "90 99 1 1 0 1 0\n", "Name:\tbig\n"),
        ]);
        let found = |count| {
            let found = largest(root.path(), count).unwrap().into_iter();
            let page = rustix::param::page_size() as u64;
            found
                .map(|p| (p.pid, p.name.to_string(), p.resident.0 / page, p.swap))
                .collect::<Vec<_>>()
        };
        let mysqld = (77, "mysqld".to_owned(), 30, Some(Bytes(0)));
        let init = (1, "init".to_owned(), 10, Some(Bytes(4096)));
        let small = (80, "small".to_owned(), 5, Some(Bytes(0)));
        // 78 ended between the two readings.
        assert_eq!(found(10), [mysqld.clone(), init.clone(), small]);
        assert_eq!(found(3), [mysqld, init]);
        assert_eq!(found(0), []);
    }

    #[test]
    fn what_is_no_proc_is_named() {
        let error = largest(Path::new("/nonexistent"), 10).unwrap_err().to_string();
        assert!(error.starts_with("cannot list the processes in /nonexistent: "), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_among_all() {
        let all = largest(Path::new("/proc"), 100_000).unwrap();
        let own = all.iter().find(|process| process.pid == std::process::id()).unwrap();
        assert!(own.resident.0 > 100_000, "{own:?}");
        assert!(all.is_sorted_by_key(|process| Reverse(process.resident)));
    }

    proptest! {
        #[test]
        fn the_heap_is_the_head_of_the_sorted(sizes in proptest::collection::vec(0_u64..50, 0..100), count in 0_usize..12) {
            let mut top = Top::new(count);
            let mut all = Vec::new();
            for (pid, &size) in (1..).zip(&sizes) {
                top.add(size, pid);
                all.push((size, pid));
            }
            all.retain(|(size, _)| *size > 0);
            all.sort_by_key(|&(size, pid)| (Reverse(size), pid));
            all.truncate(count);
            prop_assert_eq!(top.into_largest(), all);
        }

        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_statm(&text);
            let status = [b"Name:\t", &text[..]].concat();
            if let Ok(status) = parse_status(&status) {
                let shown = status.name.to_string();
                prop_assert!(!shown.contains(acts) && shown.chars().count() < Name::LENGTH);
                prop_assert_eq!(Name::new(status.name.bytes()), status.name);
            }
        }
    }
}
