//! What `cwmem alarms --replay` does: alarms over a recording or a history, as a picture or as JSON.

use crate::alarms::alarm::Alarm;
use crate::command::kept::{Kept, NotKept};
use crate::command::output::{self, complain};
use crate::command::terminal;
use crate::config::Config;
use crate::exit::Exit;
use crate::history::span::{Extent, Span};
use crate::recorder::header::is_ring;
use crate::replay::chart::chart;
use crate::replay::file::{self, Mistake};
use crate::replay::lines::object;
use crate::replay::outcome::Replay;
use crate::replay::recorded::{Recorded, recorded};
use crate::replay::source::Source;
use crate::replay::svg::svg;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

// Without a group of its own: that of `cwmem alarms` has the name.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Show what the alarms would have done over a recording, or over a metric's history in CSV or as
    /// the AWS CLI's JSON [default: what this host recorded]
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["format", "apply", "verify"])]
    replay: Option<Option<PathBuf>>,
    /// Write a picture as an SVG file; - is standard output
    #[arg(long, value_name = "OUT", requires = "replay", conflicts_with = "json")]
    svg: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long, requires = "replay")]
    json: bool,
    /// Draw with ASCII characters only [default: where the locale isn't UTF-8]
    #[arg(long, requires = "replay")]
    ascii: bool,
}

impl Options {
    pub fn is_wanted(&self) -> bool {
        self.replay.is_some()
    }
}

/// Why there is nothing to replay.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}; or name a recording or a history after --replay")]
    None(NotKept),
    #[error(transparent)]
    NotKept(NotKept),
    #[error("nothing is recorded yet")]
    Empty,
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: expected a recording or a history of at most {MOST} bytes, found a longer file", .0.display())]
    TooLong(PathBuf),
    #[error("{}: expected a recording, or a history in CSV or JSON; found bytes that are no text", .0.display())]
    NoText(PathBuf),
    #[error("{}: {source}", path.display())]
    History { path: PathBuf, source: Mistake },
}

pub fn replay(alarms: &[Alarm], config: &Config, options: &Options) -> Exit {
    let named = options.replay.as_ref().and_then(|file| file.as_deref());
    let source = match source(config, named) {
        Ok(source) => source,
        Err(error) => {
            complain(&error);
            return if matches!(error, Error::Empty) { Exit::Findings } else { Exit::Unreadable };
        }
    };
    let replay = Replay::new(alarms, &source);
    let text = match &options.svg {
        Some(path) if path == Path::new("-") => svg(&replay),
        Some(path) => {
            return output::written(fs::write(path, svg(&replay)), &path.display().to_string());
        }
        None if options.json => format!("{:#}\n", object(&replay)),
        None => chart(&replay, terminal::canvas(options.ascii)),
    };
    output::show(text, Exit::Ok)
}

/// `named` is a recording, a folder with one, or a history; without it, what this host recorded.
fn source(config: &Config, named: Option<&Path>) -> Result<Source, Error> {
    let state = &config.state;
    let folders = [state.directory.clone(), state.runtime_directory.clone()];
    let kept = match named {
        None => Kept::find(&folders, None),
        Some(path) if path.is_dir() => Kept::find(&[], Some(path)),
        Some(path) => {
            let bytes = read(path)?;
            if !is_ring(&bytes) {
                return history(config, path, bytes);
            }
            Kept::find(&[], Some(path))
        }
    };
    let mut kept = kept.map_err(|error| match error {
        NotKept::None(_) => Error::None(error),
        NotKept::Recording(_) => Error::NotKept(error),
    })?;
    kept.set_extras(&config.metrics.meminfo);
    let seconds = kept.samples().map(|(_, sample)| sample.taken.wall.seconds());
    let extent = Extent::of(seconds).ok_or(Error::Empty)?;
    // What lies before a long gap is another story.
    let span = Span { from: extent.connected, to: extent.newest };
    let (owner, columns) = (kept.owner(), kept.columns());
    Ok(recorded(config, Recorded { owner: &owner, span, columns: &columns }, || kept.samples()))
}

fn history(config: &Config, path: &Path, bytes: Vec<u8>) -> Result<Source, Error> {
    let text = String::from_utf8(bytes).map_err(|_| Error::NoText(path.to_owned()))?;
    let tracks =
        file::parse(&text).map_err(|source| Error::History { path: path.to_owned(), source })?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let owner = crate::source::process::harmless(&name);
    Ok(Source::of_history(owner, tracks, config.publish.spread))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it isn't a regular file");
        return Err(failed(source));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MOST { Err(Error::TooLong(path.to_owned())) } else { Ok(bytes) }
}

/// Of a history; a recording may have half of that.
const MOST: u64 = 128 << 20;
