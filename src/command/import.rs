//! `cwmem import`: other agents' configurations as cwmem's own, with a report of what changes.

use crate::command::output::{complain, show};
use crate::exit::Exit;
use crate::import::{self, File, Unreadable};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The CloudWatch agent's JSON files, or folders of them, merged as the agent does; "-": standard input
    #[arg(value_name = "FILE|FOLDER", required = true)]
    paths: Vec<PathBuf>,
    /// The files hold crontab lines that run mon-put-instance-data.pl or mon-put-instance-stats.py
    #[arg(long)]
    crontab: bool,
    /// Write the report, on standard error, as JSON
    #[arg(long)]
    json: bool,
}

/// Why a file can't be had; the first line of each message says which.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{}: cannot be read: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: is larger than {MOST_BYTES} bytes: that is no agent's configuration", .0.display())]
    Large(PathBuf),
    #[error("{}: expected UTF-8 text, found other bytes", .0.display())]
    Bytes(PathBuf),
    #[error("{}: the folder has no file to read", .0.display())]
    Empty(PathBuf),
    #[error("more than {MOST_FILES} files: name those that one host's agent reads")]
    Many,
}

/// Exits with 1 where something changes or isn't cwmem's.
pub fn run(options: &Options) -> Exit {
    let files = match read(&options.paths) {
        Ok(files) => files,
        Err(errors) => return refuse(errors),
    };
    let import = match options.crontab {
        true => import::from_crontab(&files),
        false => match import::from_agent(&files) {
            Ok(import) => import,
            Err(unreadable) => return refuse::<Unreadable>(unreadable),
        },
    };
    let report = &import.report;
    let text = if options.json { report.json() } else { report.to_string() };
    // Where standard error is gone, nobody is left to tell.
    let _ = io::stderr().write_all(text.as_bytes());
    show(&import.toml, if report.all_kept() { Exit::Ok } else { Exit::Findings })
}

fn refuse<E: std::fmt::Display>(errors: Vec<E>) -> Exit {
    for error in errors {
        complain(error);
    }
    Exit::Unreadable
}

/// Reads all files, or says of each what is wrong.
fn read(paths: &[PathBuf]) -> Result<Vec<File>, Vec<Error>> {
    let mut files = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match files_of(path) {
            Ok(found) => files.extend(found),
            Err(error) => errors.push(error),
        }
    }
    files.dedup();
    if files.len() > MOST_FILES {
        errors.push(Error::Many);
        files.clear();
    }
    let mut read = Vec::new();
    for path in files {
        match text(&path) {
            Ok(text) => read.push((path.display().to_string().into(), text)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(read) } else { Err(errors) }
}

/// The file itself, or the folder's files in the order of their names. The agent's own folder holds
/// more than its configuration: of it, what the agent reads.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fragments = path.join(AGENT_S_FOLDER);
    if fragments.is_dir() {
        let mut files = files_of(&fragments).or_else(|error| match error {
            Error::Empty(_) => Ok(Vec::new()),
            other => Err(other),
        })?;
        files.extend([path.join(AGENT_S_FILE)].into_iter().filter(|file| file.is_file()));
        return if files.is_empty() { Err(Error::Empty(path.to_owned())) } else { Ok(files) };
    }
    let error = |source| Error::Io { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(error)? {
        let file = entry.map_err(error)?.path();
        let skipped = file.extension().is_some_and(|extension| {
            NO_CONFIGURATION.iter().any(|other| extension.eq_ignore_ascii_case(other))
        });
        if file.is_file() && !skipped {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(Error::Empty(path.to_owned())) } else { Ok(files) }
}

fn text(path: &Path) -> Result<String, Error> {
    let error = |source| Error::Io { path: path.to_owned(), source };
    let source: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(fs::File::open(path).map_err(error)?),
    };
    let mut bytes = Vec::new();
    source.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::Large(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| Error::Bytes(path.to_owned()))
}

/// In the agent's folder `etc`: what it merges, and the file that it merges it with.
const AGENT_S_FOLDER: &str = "amazon-cloudwatch-agent.d";
const AGENT_S_FILE: &str = "amazon-cloudwatch-agent.json";
/// What the agent skips there: files that are being written, and OpenTelemetry's.
const NO_CONFIGURATION: [&str; 2] = ["tmp", "yaml"];
/// A hundred times what the longest sample of the agent has.
const MOST_BYTES: u64 = 1 << 20;
const MOST_FILES: usize = 100;
