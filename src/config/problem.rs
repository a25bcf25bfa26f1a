//! What is wrong with a configuration: all of it, each with its place.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Every problem of every file, sorted by file and line. As text: one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    /// The dotted path of the key, where the problem is one key's.
    pub key: Option<String>,
    pub fault: Fault,
}

/// A line of a file; no line where the file as a whole is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: Arc<Path>,
    /// Counted from 1.
    pub line: Option<usize>,
}

/// No variant ever holds a value that may be a secret: what was found is redacted beforehand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("cannot be read: {0}")]
    Unreadable(String),
    #[error("not TOML: {0}")]
    Syntax(String),
    #[error("unknown key{}", question(nearest))]
    UnknownKey { nearest: Option<String> },
    #[error("unknown section{}", question(nearest))]
    UnknownSection { nearest: Option<String> },
    #[error("expected {expected}, found {found}{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Expected { expected: String, found: String, hint: Option<String> },
    #[error("already set at {0}")]
    Twice(Place),
    #[error("no set of metrics.dimensions uses it: add it to a set or remove it")]
    Unused,
    #[error("metrics.presets doesn't name it: add it there or remove this")]
    Unnamed,
    #[error(
        "{series} comes from {one} and from {other}, and would count twice: give one of them another namespace, other metrics, other names or other dimensions"
    )]
    Double { series: String, one: String, other: String },
}

impl Problems {
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, place: Place, key: Option<&str>, fault: Fault) {
        self.0.push(Problem { place, key: key.map(str::to_owned), fault });
    }

    /// Whether every file could be read to its end, so that what seems to be missing is missing.
    pub(super) fn all_is_read(&self) -> bool {
        self.iter().all(|problem| !problem.fault.is_of_reading())
    }

    /// In the order of the files and their lines, each problem once.
    pub(super) fn sorted(mut self) -> Problems {
        // Stable: the problems of one line stay in the line's order.
        self.0.sort_by(|one, other| one.place.cmp(&other.place));
        self.0.dedup();
        self
    }
}

impl Fault {
    fn is_of_reading(&self) -> bool {
        matches!(self, Fault::Unreadable(_) | Fault::Syntax(_))
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.iter().enumerate() {
            let newline = if place == 0 { "" } else { "\n" };
            write!(formatter, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(formatter, "{}: {key}: {}", self.place, self.fault),
            None => write!(formatter, "{}: {}", self.place, self.fault),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        match self.line {
            Some(line) => write!(formatter, ":{line}"),
            None => Ok(()),
        }
    }
}

fn question(nearest: &Option<String>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None => String::new(),
    }
}
