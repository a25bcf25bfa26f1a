//! `/proc/PID`: the processes that a selector means, counted, and their resident memory summed
//! (proc_pid_statm(5)). Arguments are looked at where a selector asks for them, and go nowhere.
//!
//! Each scan looks at all processes anew, so a selector follows restarts. Only the files that some
//! selector needs are opened.

use crate::source::glob::Glob;
use crate::source::proc_file::beginning;
use crate::source::process::{ListError, Name, parse_statm, pid_of, processes};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How the processes of a selector are told from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The file that it runs, by its full path. The link is for root and the process's own user only.
    Exe(Glob),
    /// Its own name for itself, at most 15 bytes (proc_pid_comm(5)).
    Name(Glob),
    /// Its arguments, joined by blanks.
    CommandLine(Glob),
    /// The one whose number stands in this file.
    PidFile(PathBuf),
    /// Those in the cgroup of a unit of systemd.
    Unit(Glob),
}

/// What a scan found of one selector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Selected {
    pub count: u64,
    /// In bytes; pages that processes share are counted in each of them.
    pub resident: u64,
}

/// A scan of all processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// One for each selector, in their order.
    pub selected: Vec<Selected>,
    /// So many processes didn't let themselves be looked at by us.
    pub denied: usize,
}

/// Looks at every process once, for all selectors.
pub fn scan(proc_root: &Path, selectors: &[Selector]) -> Result<Scan, ListError> {
    let mut scan = Scan { selected: vec![Selected::default(); selectors.len()], denied: 0 };
    if selectors.is_empty() {
        return Ok(scan);
    }
    let page_size = rustix::param::page_size() as u64;
    let pids: Vec<Option<u32>> = selectors.iter().map(Selector::pid_in_file).collect();
    // A list of all is needed only where something else than a number selects.
    let all_by_number = selectors.iter().all(|selector| matches!(selector, Selector::PidFile(_)));
    let mut look = |pid: OsString| {
        let mut process = Process::new(proc_root, &pid);
        let number = pid_of(pid.as_encoded_bytes());
        let mut resident = None;
        for ((selector, wanted), selected) in selectors.iter().zip(&pids).zip(&mut scan.selected) {
            let matches = match selector {
                Selector::PidFile(_) => wanted.is_some() && *wanted == number,
                other => process.is_meant_by(other),
            };
            if !matches {
                continue;
            }
            // One that has ended since is none.
            let pages = *resident.get_or_insert_with(|| process.resident());
            if let Some(pages) = pages {
                selected.count += 1;
                selected.resident =
                    selected.resident.saturating_add(pages.saturating_mul(page_size));
            }
        }
        scan.denied += usize::from(process.denied);
    };
    if all_by_number {
        let mut numbers: Vec<u32> = pids.iter().copied().flatten().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().for_each(|pid| look(pid.to_string().into()));
    } else {
        for pid in processes(proc_root)? {
            look(pid?);
        }
    }
    Ok(scan)
}

impl Selector {
    /// The number in the file; `None` where there is no file, or something else in it.
    fn pid_in_file(&self) -> Option<u32> {
        let Selector::PidFile(path) = self else { return None };
        let text = beginning(path).ok()?;
        pid_of(text.trim_ascii())
    }
}

/// `exe "/usr/sbin/mysqld"`.
impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Exe(glob) => write!(formatter, "exe \"{glob}\""),
            Selector::Name(glob) => write!(formatter, "name \"{glob}\""),
            Selector::CommandLine(glob) => write!(formatter, "cmdline \"{glob}\""),
            Selector::PidFile(path) => write!(formatter, "pid_file {path:?}"),
            Selector::Unit(glob) => write!(formatter, "unit \"{glob}\""),
        }
    }
}

/// One process, of which each file is read at most once.
struct Process {
    folder: PathBuf,
    name: Option<Vec<u8>>,
    exe: Option<Vec<u8>>,
    command_line: Option<Vec<u8>>,
    groups: Option<Vec<u8>>,
    denied: bool,
}

impl Process {
    fn new(proc_root: &Path, pid: &OsString) -> Process {
        let folder = proc_root.join(pid);
        Process { folder, name: None, exe: None, command_line: None, groups: None, denied: false }
    }

    fn is_meant_by(&mut self, selector: &Selector) -> bool {
        match selector {
            Selector::Exe(glob) => {
                let exe = self.exe();
                // The file was replaced, by an upgrade for instance, and the process still runs.
                glob.matches(exe.strip_suffix(b" (deleted)").unwrap_or(exe))
            }
            Selector::Name(glob) => {
                let name = of_file(&mut self.name, &self.folder, "comm", Name::LENGTH);
                let name = name.strip_suffix(b"\n").unwrap_or(name);
                // The kernel cuts longer names off.
                let cut = |literal: &str| literal.as_bytes().get(..Name::LENGTH - 1) == Some(name);
                !name.is_empty() && (glob.matches(name) || glob.literal().is_some_and(cut))
            }
            Selector::CommandLine(glob) => {
                let line = &mut self.command_line;
                let line = of_file(line, &self.folder, "cmdline", LONGEST_COMMAND_LINE);
                !line.is_empty() && glob.matches(&joined(line))
            }
            Selector::Unit(glob) => {
                let groups = of_file(&mut self.groups, &self.folder, "cgroup", LONGEST_GROUPS);
                is_in_unit(groups, glob)
            }
            Selector::PidFile(_) => false,
        }
    }

    /// Where its link leads; nothing for the kernel's own threads.
    fn exe(&mut self) -> &[u8] {
        let (folder, denied) = (&self.folder, &mut self.denied);
        self.exe.get_or_insert_with(|| match fs::read_link(folder.join("exe")) {
            Ok(path) => path.as_os_str().as_bytes().to_vec(),
            Err(error) => {
                *denied = error.kind() == io::ErrorKind::PermissionDenied;
                Vec::new()
            }
        })
    }

    /// In pages; `None` where it has ended.
    fn resident(&self) -> Option<u64> {
        let mut buffer = Vec::new();
        let file = File::open(self.folder.join("statm")).ok()?;
        file.take(LONGEST_STATM).read_to_end(&mut buffer).ok()?;
        parse_statm(&buffer).ok()
    }
}

/// The beginning of a file of the process, read once; nothing where it can't be read.
fn of_file<'a>(slot: &'a mut Option<Vec<u8>>, folder: &Path, file: &str, most: usize) -> &'a [u8] {
    slot.get_or_insert_with(|| {
        let mut text = Vec::new();
        let read = |file: File| file.take(most as u64).read_to_end(&mut text);
        match File::open(folder.join(file)).and_then(read) {
            Ok(_) => text,
            Err(_) => Vec::new(),
        }
    })
}

/// The arguments of /proc/PID/cmdline, each ended by a zero, joined by blanks.
fn joined(text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    text.iter().map(|&byte| if byte == 0 { b' ' } else { byte }).collect()
}

/// Whether some line of /proc/PID/cgroup (cgroups(7)) has the unit in its path.
fn is_in_unit(text: &[u8], unit: &Glob) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| {
        let path = line.splitn(3, |&byte| byte == b':').nth(2).unwrap_or_default();
        path.split(|&byte| byte == b'/').any(|name| !name.is_empty() && unit.matches(name))
    })
}

/// In bytes: what a pattern can look at of a process's arguments.
const LONGEST_COMMAND_LINE: usize = 4 * 1024;
/// Version 1 has a line for each of a dozen controllers, each with a path.
const LONGEST_GROUPS: usize = 16 * 1024;
/// Seven numbers of up to 20 digits.
const LONGEST_STATM: u64 = 160;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    struct Given {
        pid: u32,
        pages: u64,
        name: &'static str,
        exe: &'static str,
        command_line: &'static [u8],
        groups: &'static str,
    }

    fn tree(processes: &[Given]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for given in processes {
            let folder = root.path().join(given.pid.to_string());
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("statm"), format!("900 {} 1 1 0 1 0\n", given.pages)).unwrap();
            fs::write(folder.join("comm"), format!("{}\n", given.name)).unwrap();
            fs::write(folder.join("cmdline"), given.command_line).unwrap();
            fs::write(folder.join("cgroup"), given.groups).unwrap();
            if !given.exe.is_empty() {
                symlink(given.exe, folder.join("exe")).unwrap();
            }
        }
        fs::create_dir(root.path().join("self")).unwrap();
        fs::write(root.path().join("meminfo"), "MemTotal: 1 kB\n").unwrap();
        root
    }

    fn host() -> TempDir {
        tree(&[
            Given {
                pid: 1,
                pages: 10,
                name: "systemd",
                exe: "/usr/lib/systemd/systemd",
                command_line: b"/sbin/init\0",
                groups: "0::/init.scope\n",
            },
            Given {
                pid: 2,
                pages: 0,
                name: "kthreadd",
                exe: "",
                command_line: b"",
                groups: "0::/\n",
            },
            Given {
                pid: 50,
                pages: 100,
                name: "mysqld",
                exe: "/usr/sbin/mysqld",
                command_line: b"/usr/sbin/mysqld\0--user=m\0",
                groups: "0::/system.slice/mysql.service\n",
            },
            Given {
                pid: 51,
                pages: 7,
                name: "mysqld",
                exe: "/usr/sbin/mysqld (deleted)",
                command_line: b"mysqld\0",
                groups: "0::/system.slice/mysql.service/sub\n",
            },
            Given {
                pid: 60,
                pages: 20,
                name: "python3",
                exe: "/usr/bin/python3.11",
                command_line: b"python3\0worker.py\0--queue\0a b\0",
                groups: "9:memory:/system.slice/w.service\n1:name=systemd:/system.slice/w@1.service\n",
            },
            Given {
                pid: 61,
                pages: 30,
                name: "a-name-with-fif",
                exe: "",
                command_line: b"x",
                groups: "",
            },
        ])
    }

    fn glob(text: &str) -> Glob {
        Glob::new(text)
    }

    #[test]
    fn each_way_to_select() {
        let root = host();
        let page = rustix::param::page_size() as u64;
        let pid_file = root.path().join("mysqld.pid");
        fs::write(&pid_file, "50\n").unwrap();
        let stale = root.path().join("stale.pid");
        fs::write(&stale, "4711").unwrap();
        let table = [
            (Selector::Exe(glob("/usr/sbin/mysqld")), 2, 107),
            (Selector::Exe(glob("/usr/bin/python3*")), 1, 20),
            (Selector::Exe(glob("mysqld")), 0, 0),
            (Selector::Name(glob("mysqld")), 2, 107),
            (Selector::Name(glob("my*d")), 2, 107),
            (Selector::Name(glob("a-name-with-fifteen-and-more")), 1, 30),
            (Selector::Name(glob("kthreadd")), 1, 0),
            (Selector::CommandLine(glob("*python3 worker.py *")), 1, 20),
            (Selector::CommandLine(glob("*--queue a b")), 1, 20),
            (Selector::CommandLine(glob("*")), 5, 167),
            (Selector::PidFile(pid_file), 1, 100),
            (Selector::PidFile(stale), 0, 0),
            (Selector::PidFile("/nonexistent".into()), 0, 0),
            (Selector::Unit(glob("mysql.service")), 2, 107),
            (Selector::Unit(glob("w@*.service")), 1, 20),
            (Selector::Unit(glob("init.scope")), 1, 10),
            (Selector::Unit(glob("mysql")), 0, 0),
        ];
        let selectors: Vec<Selector> = table.iter().map(|row| row.0.clone()).collect();
        let scan = scan(root.path(), &selectors).unwrap();
        for ((selector, count, pages), found) in table.iter().zip(&scan.selected) {
            let expected = Selected { count: *count, resident: pages * page };
            assert_eq!(*found, expected, "{selector}");
        }
        assert_eq!(scan.denied, 0);
    }

    #[test]
    fn a_pid_file_alone_lists_nothing() {
        let root = host();
        let pid_file = root.path().join("x.pid");
        for (text, count) in
            [("60\n", 1), (" 60 \n", 1), ("", 0), ("-1", 0), ("60 61", 0), ("../60", 0)]
        {
            fs::write(&pid_file, text).unwrap();
            let found = scan(root.path(), &[Selector::PidFile(pid_file.clone())]).unwrap();
            assert_eq!(found.selected[0].count, count, "{text:?}");
        }
        let absent = scan(Path::new("/nonexistent"), &[Selector::PidFile(pid_file)]);
        assert_eq!(absent.unwrap().selected[0], Selected::default());
        let error = scan(Path::new("/nonexistent"), &[Selector::Name(glob("a"))]);
        assert!(error.unwrap_err().to_string().contains("/nonexistent"));
        assert_eq!(scan(Path::new("/nonexistent"), &[]).unwrap(), Scan::default());
    }

    #[test]
    fn what_ends_or_lies_meanwhile_is_left_out() {
        let root = host();
        fs::remove_file(root.path().join("50/statm")).unwrap();
        fs::write(root.path().join("51/statm"), "nonsense").unwrap();
        fs::remove_dir_all(root.path().join("60")).unwrap();
        fs::create_dir(root.path().join("60")).unwrap();
        let selectors = [Selector::Name(glob("mysqld")), Selector::CommandLine(glob("*py*"))];
        let found = scan(root.path(), &selectors).unwrap();
        assert_eq!(found.selected, [Selected::default(); 2]);
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..200), pattern in "[a*?/.:]{0,6}") {
            let glob = glob(&pattern);
            let _ = is_in_unit(&text, &glob);
            prop_assert!(!joined(&text).contains(&0));
        }
    }
}
