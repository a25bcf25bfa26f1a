//! `cwmem history`: what the flight recorder and the black box hold, as a picture or as lines.

use crate::black_box::file as black_box;
use crate::black_box::format::Entry;
use crate::command::output::{self, complain, stdout};
use crate::environment::variable;
use crate::exit::Exit;
use crate::history::chart::{Canvas, chart};
use crate::history::lines;
use crate::history::picture::Picture;
use crate::history::points::{Point, points};
use crate::history::span::{At, Extent, Span, time, words};
use crate::history::svg::svg;
use crate::owner::Owner;
use crate::recorder::recording::{Recording, RecordingError};
use crate::recorder::replay::{Past, past};
use crate::recorder::{BEFORE, RING};
use crate::sample::Sample;
use crate::source::process::harmless;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only so much of it, such as 10m, before the newest sample [default: the whole recording]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// Around this time, in UTC: 14:21, 14:21:05 or 2026-11-23T14:21:00Z; 10m of it without --since
    #[arg(long, value_name = "TIME")]
    at: Option<At>,
    /// A ring from elsewhere, or a folder with `ring` and `processes` [default: this host's]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A JSON object a line for each second and each look at the processes
    #[arg(long, group = "form")]
    json: bool,
    /// A line of CSV for each second
    #[arg(long, group = "form")]
    csv: bool,
    /// Write a picture as an SVG file; - is standard output
    #[arg(long, group = "form", value_name = "OUT")]
    svg: Option<PathBuf>,
    /// Draw with ASCII characters only [default: where the locale isn't UTF-8]
    #[arg(long)]
    ascii: bool,
}

/// The recordings of one host, the oldest first, and its looks at the processes.
struct Kept {
    recordings: Vec<Recording>,
    entries: Vec<Entry>,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(
        "there is no recording in {0}: the agent (cwmem run) makes one; name another place with --file"
    )]
    None(String),
    #[error("nothing is recorded yet")]
    Empty,
    #[error("nothing is recorded in that time: the recording is of {}", words(*.0))]
    NotThen(Span),
}

/// `folders` are this host's, the one with the newest files last.
pub fn run(folders: &[PathBuf], options: &Options) -> Exit {
    match show(folders, options) {
        Ok(exit) => exit,
        Err(error) => {
            complain(&error);
            match error {
                Error::Recording(_) | Error::None(_) => Exit::Unreadable,
                Error::Empty | Error::NotThen(_) => Exit::Findings,
            }
        }
    }
}

fn show(folders: &[PathBuf], options: &Options) -> Result<Exit, Error> {
    let kept = Kept::find(folders, options.file.as_deref())?;
    let seconds = kept.samples().map(|(_, sample)| sample.taken.wall.seconds());
    let extent = Extent::of(seconds).ok_or(Error::Empty)?;
    let all = Span { from: extent.oldest, to: extent.newest };
    let lines = options.csv || options.json;
    let any = options.since.is_none() && options.at.is_none();
    // Programs find their way through gaps; a picture of days would hide the hour that it is about.
    let span =
        if lines && any { Some(all) } else { Span::asked(extent, options.since, options.at) };
    let span = span.ok_or(Error::NotThen(all))?;
    let mut points = points(kept.samples()).filter(|point| span.contains(point.second)).peekable();
    if points.peek().is_none() {
        return Err(Error::NotThen(all));
    }
    if lines {
        return Ok(written(
            print_lines(points, &kept.entries, span, options.json),
            "standard output",
        ));
    }
    let picture = Picture::new(kept.owner(), span, points.collect(), &kept.entries);
    let text = match &options.svg {
        None => chart(&picture, canvas(options.ascii)) + &older(all, span, any),
        Some(path) if path == Path::new("-") => svg(&picture),
        Some(path) => {
            let place = path.display().to_string();
            return Ok(written(fs::write(path, svg(&picture)), &place));
        }
    };
    Ok(output::show(text, Exit::Ok))
}

/// Says what a picture leaves out without being asked to.
fn older(all: Span, span: Span, any: bool) -> String {
    if !any || all.from >= span.from {
        return String::new();
    }
    format!("There is more, from {} on: see it with --since or --at.\n", time(all.from))
}

impl Kept {
    /// What lies at the place that was named, or at this host's: its samples are in the runtime
    /// directory, and after a reboot in the state directory.
    fn find(folders: &[PathBuf], named: Option<&Path>) -> Result<Kept, Error> {
        let folders = match named {
            Some(path) if !path.is_dir() => {
                let recordings = vec![Recording::open(path)?];
                return Ok(Kept::of(recordings, &[path.parent().unwrap_or(path).to_owned()]));
            }
            Some(path) => vec![path.to_owned()],
            None => folders.to_vec(),
        };
        let mut recordings = Vec::new();
        let mut unread = Vec::new();
        for path in folders.iter().flat_map(|folder| [folder.join(BEFORE), folder.join(RING)]) {
            match Recording::open(&path) {
                Ok(recording) => recordings.push(recording),
                Err(error) if error.is_not_found() => {}
                Err(error) => unread.push(error),
            }
        }
        if recordings.is_empty() {
            let names = folders.iter().map(|folder| folder.display().to_string());
            let none = || Error::None(names.collect::<Vec<_>>().join(" or "));
            return Err(unread.into_iter().next().map_or_else(none, Error::from));
        }
        // One that is damaged leaves the others.
        unread.iter().for_each(complain);
        Ok(Kept::of(recordings, &folders))
    }

    fn of(mut recordings: Vec<Recording>, folders: &[PathBuf]) -> Kept {
        recordings.sort_by_key(|recording| recording.contents().newest());
        // What lies beside it may be of another host: a volume that was restored.
        let owner = |recording: &Recording| Owner::parse(&recording.heading().owner);
        if let Some(newest) = recordings.last().map(owner) {
            recordings.retain(|recording| owner(recording).is_same(&newest));
        }
        for recording in recordings.iter().filter(|recording| recording.damaged() > 0) {
            let (path, damaged) = (recording.path().display(), recording.damaged());
            complain(format_args!("{path}: damaged records, left out: {damaged}"));
        }
        Kept { recordings, entries: entries(folders) }
    }

    /// All samples in the order of their sequence, each once, with the number of their boot.
    fn samples(&self) -> impl Iterator<Item = (u32, Sample)> + '_ {
        let (mut boot, mut boot_id, mut last) = (0, None, 0);
        past(&self.recordings).filter_map(move |Past { boot_id: own, sample }| {
            // A ring and its copy have most of their samples in common.
            (sample.sequence > last).then_some(())?;
            last = sample.sequence;
            boot += u32::from(boot_id.replace(own) != Some(own));
            Some((boot, sample))
        })
    }

    /// The host's own name for itself.
    fn owner(&self) -> String {
        let owner =
            self.recordings.last().map(|recording| Owner::parse(&recording.heading().owner));
        let owner = owner.unwrap_or_default();
        let name = owner.instance_id.or(owner.machine_id.map(|id| format!("machine {id}")));
        harmless(&name.unwrap_or_else(|| "this host".to_owned()))
    }
}

/// The looks at the processes in these folders, in the order of time, each once.
fn entries(folders: &[PathBuf]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let names = [format!("{}.before", black_box::NAME), black_box::NAME.to_owned()];
    for path in folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))) {
        match black_box::read(&path) {
            Ok(contents) => entries.extend(contents.entries),
            Err(error) if error.is_not_found() => {}
            Err(error) => complain(format_args!("{error}; the picture is without its processes")),
        }
    }
    entries.sort_by_key(|entry| (entry.taken.wall, entry.sequence));
    entries.dedup();
    entries
}

fn print_lines(
    points: impl Iterator<Item = Point>,
    entries: &[Entry],
    span: Span,
    json: bool,
) -> io::Result<()> {
    let mut output = io::BufWriter::new(stdout());
    let second = |entry: &Entry| entry.taken.wall.seconds();
    let mut entries = entries.iter().filter(|entry| span.contains(second(entry))).peekable();
    if !json {
        output.write_all(lines::CSV_HEADER.as_bytes())?;
    }
    for point in points {
        while let Some(entry) = entries.next_if(|entry| json && second(entry) <= point.second) {
            output.write_all(lines::entry_json(entry).as_bytes())?;
        }
        let line = if json { lines::point_json(&point) } else { lines::csv(&point) };
        output.write_all(line.as_bytes())?;
    }
    for entry in entries.filter(|_| json) {
        output.write_all(lines::entry_json(entry).as_bytes())?;
    }
    output.flush()
}

fn written(result: io::Result<()>, place: &str) -> Exit {
    match result {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(format_args!("cannot write {place}: {error}"));
            Exit::Unavailable
        }
    }
}

/// What the terminal can show.
fn canvas(ascii: bool) -> Canvas {
    let size = output::terminal_size();
    let width = variable("COLUMNS").and_then(|columns| columns.parse().ok());
    let width = width.or(size.map(|(columns, _)| columns)).unwrap_or(WIDTH);
    let height = size.map_or(HEIGHT, |(_, rows)| (rows / 4).clamp(HEIGHT, 2 * HEIGHT));
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    Canvas { width, height, ascii: ascii || !utf8 }
}

/// Where nobody says.
const WIDTH: usize = 100;
const HEIGHT: usize = 8;
