//! One reading of all slow sources: plain values, read on a thread that may wait.

use crate::clock::{Clock, Moment};
use crate::dimension;
use crate::slow::{Settings, Signal};
use crate::source::cgroup::{Hierarchy, Listing, Reader, Usage};
use crate::source::numa;
use crate::source::selector::{self, Scan, Selected, Selector};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What one reading gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub taken: Moment,
    /// `None`: no groups are asked for, or there are none on this host.
    pub groups: Option<Groups>,
    /// One for each selector, in their order; none where the processes can't be listed.
    pub processes: Vec<(Arc<str>, Selected)>,
    pub numa_available_percent: Option<f64>,
    pub took: Duration,
    /// For people: what couldn't be read, and what to do.
    pub problems: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    pub read: Vec<Group>,
    /// So many more match, and weren't read: the bound on series leaves no room for them.
    pub unread: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The place of the pattern that it matches first.
    pub place: usize,
    /// Its path below the hierarchy's root, as a dimension's value.
    pub name: Arc<str>,
    pub usage: Usage,
}

impl Reading {
    /// Where nothing is to be read.
    pub fn nothing(taken: Moment) -> Reading {
        Reading {
            taken,
            groups: None,
            processes: Vec::new(),
            numa_available_percent: None,
            took: Duration::ZERO,
            problems: Vec::new(),
        }
    }
}

pub struct Scanner {
    settings: Settings,
    selectors: Vec<Selector>,
    names: Vec<Arc<str>>,
    /// The groups of the last reading: they keep their places.
    known: BTreeSet<Arc<str>>,
}

impl Scanner {
    pub fn new(settings: Settings) -> Scanner {
        let selectors = settings.processes.iter().map(|(_, selector)| selector.clone()).collect();
        let names = settings.processes.iter().map(|(name, _)| Arc::from(name.as_str())).collect();
        Scanner { settings, selectors, names, known: BTreeSet::new() }
    }

    /// Whether there is anything to be read.
    pub fn is_needed(&self) -> bool {
        let settings = &self.settings;
        let numa = settings.wants(Signal::NumaNodeAvailablePercent);
        numa || !(settings.cgroups.is_empty() && settings.processes.is_empty())
    }

    pub fn scan(&mut self, now: Moment) -> Reading {
        // How long it takes in real time, whatever clock the agent runs by.
        let began = Clock::System.now();
        let mut problems = Vec::new();
        let groups = self.groups(&mut problems);
        let processes = self.processes(&mut problems);
        let settings = &self.settings;
        let numa_available_percent = settings
            .wants(Signal::NumaNodeAvailablePercent)
            .then(|| numa::least_available_percent(&settings.sys_root))
            .flatten();
        let took = Clock::System.now().boot.since(began.boot);
        Reading { taken: now, groups, processes, numa_available_percent, took, problems }
    }

    fn groups(&mut self, problems: &mut Vec<String>) -> Option<Groups> {
        if self.settings.cgroups.is_empty() {
            return None;
        }
        let hierarchy = Hierarchy::find(&self.settings.sys_root);
        let hierarchy = hierarchy.map_err(|missing| problems.push(missing.to_string())).ok()?;
        let listing = Listing::of(&hierarchy.root, &self.settings.cgroups);
        let (fine, wrong): (Vec<_>, Vec<_>) =
            listing.groups.into_iter().partition(|(_, name)| dimension::check_value(name).is_ok());
        if let Some((_, name)) = wrong.first() {
            problems
                .push(format!("a cgroup's name {name:?} can be no dimension's value: left out"));
        }
        let (known, new): (Vec<_>, Vec<_>) =
            fine.into_iter().partition(|(_, name)| self.known.contains(name.as_str()));
        let mut reader = Reader::new(&hierarchy);
        let mut groups = Groups::default();
        for (place, name) in known.into_iter().chain(new) {
            if groups.read.len() >= self.settings.max_series {
                groups.unread += 1;
            } else if let Some(usage) = reader.read(&name) {
                groups.read.push(Group { place, name: name.into(), usage });
            }
        }
        self.known = groups.read.iter().map(|group| group.name.clone()).collect();
        Some(groups)
    }

    fn processes(&self, problems: &mut Vec<String>) -> Vec<(Arc<str>, Selected)> {
        let scan = selector::scan(&self.settings.proc_root, &self.selectors);
        let scan = scan.unwrap_or_else(|error| {
            problems.push(error.to_string());
            Scan::default()
        });
        if scan.denied > 0 && self.selectors.iter().any(|one| matches!(one, Selector::Exe(_))) {
            problems.push(DENIED.to_owned());
        }
        self.names.iter().cloned().zip(scan.selected).collect()
    }
}

const DENIED: &str = "which file other users' processes run can't be seen, so a selector by exe \
                      misses them: select by name, cmdline, unit or pid_file, or let the agent see \
                      it (as root, or with CAP_SYS_PTRACE and without PrivateUsers= in its unit)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Boottime, Timestamp};
    use crate::source::cgroup::{Limit, Pattern};
    use crate::source::glob::Glob;
    use crate::window::Form;
    use std::fs;
    use std::path::Path;

    const NOW: Moment = Moment { wall: Timestamp(60_000), boot: Boottime(1_000_000) };

    fn scanner(root: &Path, patterns: &[&str], max_series: usize) -> Scanner {
        Scanner::new(Settings {
            proc_root: root.join("proc"),
            sys_root: root.to_owned(),
            period: Duration::from_secs(60),
            form: Form::Values,
            cgroups: patterns.iter().map(|text| Pattern::new(text).unwrap()).collect(),
            processes: vec![("db".into(), Selector::Name(Glob::new("mysqld")))],
            signals: Signal::ALL.into(),
            max_series,
        })
    }

    fn group(root: &Path, name: &str) {
        let folder = root.join("fs/cgroup").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("memory.current"), "100\n").unwrap();
        fs::write(folder.join("memory.stat"), "inactive_file 40\n").unwrap();
        fs::write(folder.join("memory.max"), "1000\n").unwrap();
    }

    fn names(reading: &Reading) -> (Vec<&str>, usize) {
        let groups = reading.groups.as_ref().unwrap();
        (groups.read.iter().map(|group| &*group.name).collect(), groups.unread)
    }

    #[test]
    fn groups_that_are_read_keep_their_places() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("fs/cgroup")).unwrap();
        fs::write(root.path().join("fs/cgroup/cgroup.controllers"), "memory\n").unwrap();
        let mut scanner = scanner(root.path(), &["z", "s/*"], 3);
        assert_eq!(names(&scanner.scan(NOW)), (vec![], 0));
        for name in ["s/c", "s/d", "s/e"] {
            group(root.path(), name);
        }
        assert_eq!(names(&scanner.scan(NOW)), (vec!["s/c", "s/d", "s/e"], 0));
        for name in ["s/a", "z"] {
            group(root.path(), name);
        }
        let reading = scanner.scan(NOW);
        assert_eq!(names(&reading), (vec!["s/c", "s/d", "s/e"], 2));
        fs::remove_dir_all(root.path().join("fs/cgroup/s/d")).unwrap();
        let reading = scanner.scan(NOW);
        assert_eq!(names(&reading), (vec!["s/c", "s/e", "z"], 1));
        let usage = &reading.groups.as_ref().unwrap().read[0].usage;
        assert_eq!((usage.used, usage.limit), (Some(60), Limit::Bytes(1_000)));
        // There is no /proc in this tree.
        assert_eq!(reading.processes, []);
        assert!(reading.problems[0].starts_with("cannot list the processes"), "{reading:?}");
    }

    #[test]
    fn names_that_no_dimension_may_have_are_left_out_and_said() {
        let root = tempfile::tempdir().unwrap();
        for name in ["fine", "grün", "tab\tbed"] {
            group(root.path(), name);
        }
        fs::write(root.path().join("fs/cgroup/cgroup.controllers"), "memory\n").unwrap();
        let reading = scanner(root.path(), &["*"], 10).scan(NOW);
        assert_eq!(names(&reading), (vec!["fine"], 0));
        assert!(reading.problems[0].contains("\"grün\""), "{reading:?}");
        let none = scanner(Path::new("/nonexistent"), &["*"], 10).scan(NOW);
        assert_eq!(none.groups, None);
        assert!(none.problems[0].starts_with("no memory cgroups: "), "{none:?}");
    }
}
