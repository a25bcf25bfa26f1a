//! `cwmem history`: what the flight recorder and the black box hold, as a picture or as lines.

use crate::black_box::format::Entry;
use crate::command::kept::{Kept, NotKept};
use crate::command::output::{self, complain, stdout};
use crate::command::terminal;
use crate::exit::Exit;
use crate::history::chart::chart;
use crate::history::lines;
use crate::history::picture::Picture;
use crate::history::points::{Point, points};
use crate::history::span::{At, Extent, Span, time, words};
use crate::history::svg::svg;
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

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}; name another place with --file")]
    None(NotKept),
    #[error(transparent)]
    Unreadable(NotKept),
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
                Error::Unreadable(_) | Error::None(_) => Exit::Unreadable,
                Error::Empty | Error::NotThen(_) => Exit::Findings,
            }
        }
    }
}

fn show(folders: &[PathBuf], options: &Options) -> Result<Exit, Error> {
    let kept = Kept::find(folders, options.file.as_deref()).map_err(|error| match error {
        NotKept::None(_) => Error::None(error),
        NotKept::Recording(_) => Error::Unreadable(error),
    })?;
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
        return Ok(output::written(
            print_lines(points, &kept.entries, span, options.json),
            "standard output",
        ));
    }
    let picture = Picture::new(kept.owner(), span, points.collect(), &kept.entries);
    let text = match &options.svg {
        None => chart(&picture, terminal::canvas(options.ascii)) + &older(all, span, any),
        Some(path) if path == Path::new("-") => svg(&picture),
        Some(path) => {
            let place = path.display().to_string();
            return Ok(output::written(fs::write(path, svg(&picture)), &place));
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
