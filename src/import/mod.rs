//! Configurations of other agents, read as what they publish, and written as cwmem's own with a
//! report of what stays. Pure: files are read elsewhere.

pub mod cloudwatch_agent;
pub mod crontab;
mod foreign;
pub mod json;
pub mod merge;
mod options;
mod plan;
pub mod report;
mod schedule;
mod section;
pub mod series;
mod toml;
mod words;

#[cfg(test)]
mod tests;

pub use report::Report;

use crate::config::redacted;
use std::fmt;
use std::sync::Arc;

/// A file's name and text.
pub type File = (Arc<str>, String);

/// What comes of other agents' files.
#[derive(Debug)]
pub struct Import {
    /// A configuration that `crate::config` takes.
    pub toml: String,
    pub report: Report,
}

/// A place in another agent's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: Arc<str>,
    pub spot: Spot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    Whole,
    /// Counted from 1.
    Line(usize),
    /// A JSON pointer.
    Pointer(String),
}

/// A file that isn't what it should be: nothing can be said of what it publishes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("{file}:{line}: not JSON: {reason} in column {column}")]
    Json { file: Arc<str>, line: usize, column: usize, reason: String },
    #[error("{file}: expected a JSON object, found {found}")]
    NoObject { file: Arc<str>, found: String },
    #[error("{0}")]
    Conflict(merge::Conflict),
}

/// The CloudWatch agent's files, in any order.
pub fn from_agent(files: &[File]) -> Result<Import, Vec<Unreadable>> {
    let mut parsed = Vec::new();
    let mut unreadable = Vec::new();
    for (file, text) in files {
        match json::parse(text) {
            Ok(json) if json.is_object() => parsed.push((file.clone(), json)),
            Ok(json) => {
                let found = json.kind();
                unreadable.push(Unreadable::NoObject { file: file.clone(), found });
            }
            Err(error) => unreadable.push(not_json(file, &error)),
        }
    }
    if !unreadable.is_empty() {
        return Err(unreadable);
    }
    parsed.sort_by(|one, other| one.0.cmp(&other.0));
    let mut wrong = Vec::new();
    let merged = merge::merge(&parsed, &mut wrong)
        .map_err(|conflicts| conflicts.into_iter().map(Unreadable::Conflict).collect::<Vec<_>>())?;
    let mut found = cloudwatch_agent::read(&merged);
    for (place, kind) in wrong {
        found.remark(&place, true, format!("expected an object, found {kind}"));
    }
    for (file, json) in &parsed {
        let mut repeated = Vec::new();
        json.repeated("", &mut repeated);
        for path in repeated {
            let place = Place { file: file.clone(), spot: Spot::Pointer(path) };
            found.remark(&place, false, "stands there several times: the last one counts");
        }
    }
    Ok(plan::import(found, files))
}

/// Files of crontab lines.
pub fn from_crontab(files: &[File]) -> Import {
    plan::import(crontab::read(files), files)
}

fn not_json(file: &Arc<str>, error: &serde_json::Error) -> Unreadable {
    let reason = error.to_string();
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    Unreadable::Json {
        file: file.clone(),
        line: error.line(),
        column: error.column(),
        reason: reason.to_owned(),
    }
}

impl Place {
    pub fn pointer(file: &Arc<str>, pointer: String) -> Place {
        Place { file: file.clone(), spot: Spot::Pointer(pointer) }
    }

    pub fn line(file: &Arc<str>, line: usize) -> Place {
        Place { file: file.clone(), spot: Spot::Line(line) }
    }

    pub fn whole(file: &Arc<str>) -> Place {
        Place { file: file.clone(), spot: Spot::Whole }
    }

    /// The place of `key` in what stands here.
    pub fn below(&self, key: &str) -> Place {
        let spot = match &self.spot {
            Spot::Pointer(pointer) => Spot::Pointer(json::join(pointer, key)),
            other => other.clone(),
        };
        Place { file: self.file.clone(), spot }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.spot {
            Spot::Whole => write!(formatter, "{}", self.file),
            Spot::Line(line) => write!(formatter, "{}:{line}", self.file),
            Spot::Pointer(pointer) => write!(formatter, "{}: {pointer}", self.file),
        }
    }
}

/// In quotes, escaped, shortened and without passwords.
pub fn quoted(text: &str) -> String {
    let text = redacted(text);
    let short: String = text.chars().take(LONGEST_SHOWN).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{:?}", short + more)
}

/// In characters.
const LONGEST_SHOWN: usize = 60;
