//! `[cgroups]` and `[processes]`: whose memory is published beside the host's.

use crate::config::Metrics;
use crate::config::kind;
use crate::config::reader::{Field, Section};
use crate::config::tree::shown;
use crate::dimension::{self, DimensionSet, MAX_DIMENSIONS};
use crate::slow::Signal;
use crate::source::cgroup::Pattern;
use crate::source::glob::Glob;
use crate::source::selector::Selector;
use std::path::{Path, PathBuf};

/// Groups, and what is published of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroups {
    pub paths: Vec<Pattern>,
    pub metrics: Vec<Signal>,
}

/// Selectors by the names that they are published under, and what is published of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processes {
    pub metrics: Vec<Signal>,
    pub selectors: Vec<(String, Selector)>,
}

pub fn cgroups(section: &mut Section<'_>, metrics: &Metrics) -> Cgroups {
    let paths = section.value("paths", Vec::new(), paths);
    let paths = section.check(
        paths,
        |paths| paths.is_empty() || have_room(metrics, "Cgroup"),
        || no_room("Cgroup"),
    );
    let metrics = section
        .value("metrics", Signal::CGROUP_DEFAULT.to_vec(), |field| signals(field, &Signal::CGROUP));
    Cgroups { paths: paths.value, metrics: metrics.value }
}

pub fn processes(section: &mut Section<'_>, metrics: &Metrics) -> Processes {
    let published = section
        .value("metrics", Signal::PROCESS.to_vec(), |field| signals(field, &Signal::PROCESS));
    let selectors = section.rest(ANY_NAME, |field, name| {
        if let Err(invalid) = dimension::check_value(name) {
            let expected = format!("a name that can be a dimension's value, which {invalid}");
            return field.refuse_name(expected, name);
        }
        if !have_room(metrics, "Process") {
            return field.refuse(no_room("Process"));
        }
        Some((name.to_owned(), selector(field)?))
    });
    Processes { metrics: published.value, selectors: selectors.into_iter().flatten().collect() }
}

/// Whether each dimension set can have this name beside its own.
fn have_room(metrics: &Metrics, name: &str) -> bool {
    let has_room = |set: &DimensionSet| {
        let taken = set.0.iter().any(|member| member.name.as_str() == name);
        set.0.len() < MAX_DIMENSIONS && !taken
    };
    metrics.dimensions.iter().flatten().all(has_room)
}

fn no_room(name: &str) -> String {
    format!(
        "nothing, while a set of metrics.dimensions has a dimension {name} of its own or {MAX_DIMENSIONS} dimensions"
    )
}

fn paths(field: &mut Field<'_>) -> Option<Vec<Pattern>> {
    let mut seen: Vec<Pattern> = Vec::new();
    let paths = field.list("a list of cgroups", |field| {
        let expected = "the path of a cgroup below /sys/fs/cgroup, such as \"system.slice/*.service\", or \"/\"";
        let text = field.text(expected)?;
        if let Some(below) = MOUNTS.iter().find_map(|mount| text.strip_prefix(mount)) {
            return field.refuse_with(expected, format!("write {}", shown(below)));
        }
        let pattern = Pattern::new(text).filter(|_| dimension::check_value(text).is_ok());
        let Some(pattern) = pattern else { return field.refuse(expected) };
        if seen.contains(&pattern) {
            return field.refuse("each path once");
        }
        seen.push(pattern.clone());
        Some(pattern)
    })?;
    match paths.len() <= MOST_PATHS {
        true => Some(paths),
        false => {
            let hint = format!("it has {}", paths.len());
            field.refuse_with(format!("at most {MOST_PATHS} paths"), hint)
        }
    }
}

fn signals(field: &mut Field<'_>, known: &[Signal]) -> Option<Vec<Signal>> {
    let names = || known.iter().map(|signal| &*signal.metric().name);
    let mut seen = Vec::new();
    let signals = field.list("a list of metrics", |field| {
        let expected = kind::alternatives(names().map(shown));
        let text = field.text(expected.as_str())?;
        let Some(signal) = known.iter().find(|signal| signal.metric().name == text) else {
            return field.refuse_near(expected, names());
        };
        if seen.contains(signal) {
            return field.refuse("each name once");
        }
        seen.push(*signal);
        Some(*signal)
    })?;
    if signals.is_empty() { field.refuse("at least one metric") } else { Some(signals) }
}

fn selector(field: &mut Field<'_>) -> Option<Selector> {
    let keys = field.entries(SELECTOR, |field, key| match key {
        "exe" => path(field).map(|path| Selector::Exe(Glob::new(path))),
        "name" => glob(field, "a process's name").map(Selector::Name),
        "cmdline" => glob(field, "a pattern of a process's arguments").map(Selector::CommandLine),
        "pid_file" => path(field).map(|path| Selector::PidFile(PathBuf::from(path))),
        "unit" => unit(field).map(Selector::Unit),
        _ => field.refuse_name(SELECTOR.to_owned(), key),
    })?;
    match <[Selector; 1]>::try_from(keys) {
        Ok([selector]) => Some(selector),
        Err(keys) => field.refuse_with(SELECTOR, format!("it has {} keys", keys.len())),
    }
}

fn glob(field: &mut Field<'_>, what: &str) -> Option<Glob> {
    let expected = format!("{what}: 1 to {LONGEST} characters, \"*\" for any of them");
    let text = field.text(expected.as_str())?;
    let fine = !text.trim().is_empty() && text.len() <= LONGEST && !text.contains('\0');
    if fine { Some(Glob::new(text)) } else { field.refuse(expected) }
}

fn unit(field: &mut Field<'_>) -> Option<Glob> {
    let expected = "the name of a unit of systemd with its type, such as \"mysql.service\"";
    let text = field.text(expected)?;
    let fine = text.contains('.') && text.len() <= LONGEST && !text.contains(['/', '\0']);
    if fine { Some(Glob::new(text)) } else { field.refuse(expected) }
}

fn path<'a>(field: &mut Field<'a>) -> Option<&'a str> {
    let expected = "the full path of a file, beginning with \"/\"";
    let text = field.text(expected)?;
    let fine = Path::new(text).is_absolute() && text.len() <= LONGEST && !text.contains('\0');
    if fine { Some(text) } else { field.refuse(expected) }
}

/// Stands for the names of the selectors, which are the operator's.
pub const ANY_NAME: &str = "NAME";
const SELECTOR: &str =
    "one of { exe = .. }, { name = .. }, { cmdline = .. }, { pid_file = .. } or { unit = .. }";
/// Where version 2 and version 1 are mounted; the path begins behind it.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup/memory/", "/sys/fs/cgroup/"];
const MOST_PATHS: usize = 100;
/// In bytes: it bounds what one process's arguments can cost.
const LONGEST: usize = 255;
