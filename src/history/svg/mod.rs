//! A recording as one SVG file: no scripts, no fonts or files of others, light or dark as its
//! reader's screen is, and with a text for those who don't see it.

pub mod page;
mod plot;

use crate::history::chart::SHOWN_PROCESSES;
use crate::history::picture::{Picture, size};
use crate::history::scale::top;
use crate::history::span::{time, words};
use crate::history::svg::page::{LEFT, PLOT, Page};
use crate::history::svg::plot::{Plot, used_key};

/// The whole file.
pub fn svg(picture: &Picture) -> String {
    let mut page = Page::new(&format!("Memory of {}", picture.owner), &words(picture.span));
    let columns = picture.columns(PLOT as usize);
    let used = Plot {
        picture,
        columns: &columns,
        value: |column| column.used,
        top: 100.0,
        height: 260.0,
        class: "u",
    };
    page.heading("Memory used, %", &used_key(picture));
    page.plot(&used);
    let stall = picture.highest_stall.filter(|highest| highest.value > 0.0);
    match stall {
        Some(highest) => {
            let top = top(highest.value);
            let plot =
                Plot { value: |column| column.stall, top, height: 100.0, class: "s", ..used };
            page.heading("Stall, % (time in which some task waited for memory)", &[]);
            page.plot(&plot);
        }
        None => {
            let known = picture.highest_stall.is_some();
            let stall =
                if known { "0 % throughout; no task waited for memory" } else { "not recorded" };
            page.heading(&format!("Stall: {stall}"), &[]);
            // No chart follows.
            page.y -= 30.0;
        }
    }
    list_peaks(&mut page, picture);
    for line in picture.notes() {
        page.y += 22.0;
        page.words(LEFT, "m", "start", &line);
    }
    finish(page, picture)
}

fn list_peaks(page: &mut Page, picture: &Picture) {
    page.y += 42.0;
    page.words(
        LEFT,
        "h",
        "start",
        "Peaks, and the processes with the most resident memory within 30 s",
    );
    page.y += 26.0;
    for (x, anchor, name) in CELLS.iter().zip(HEADER).map(|((x, anchor), name)| (*x, *anchor, name))
    {
        page.words(x, "m", anchor, name);
    }
    for (number, peak) in (1..).zip(&picture.peaks) {
        page.y += 8.0;
        let y = page.y;
        page.put(format_args!("<path class=\"g\" d=\"M{LEFT} {y:.1}h{PLOT}\"/>\n"));
        let percent =
            |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
        let cells = [
            number.to_string(),
            time(peak.second),
            percent(peak.used),
            percent(peak.stall),
            peak.kills.to_string(),
        ];
        page.y += 20.0;
        for ((x, anchor), cell) in CELLS.iter().zip(cells) {
            page.words(*x, "b", anchor, &cell);
        }
        let processes =
            peak.processes.iter().flat_map(|entry| &entry.processes).take(SHOWN_PROCESSES);
        let mut rows = 0;
        for process in processes {
            page.y += if rows > 0 { 20.0 } else { 0.0 };
            rows += 1;
            let swap = process.swap.map_or("–".to_owned(), |swap| size(swap.0));
            let cells =
                [process.name.to_string(), process.pid.to_string(), size(process.resident.0), swap];
            for ((x, anchor), cell) in CELLS.iter().skip(5).zip(cells) {
                page.words(*x, "b", anchor, &cell);
            }
        }
        if rows == 0 {
            page.words(CELLS[5].0, "m", "start", "none recorded");
        }
    }
    page.y += 16.0;
}

fn finish(page: Page, picture: &Picture) -> String {
    let title = format!("Memory of {}, {}", picture.owner, words(picture.span));
    let mut notes = picture.notes();
    let stall = picture.highest_stall.map_or(0.0, |highest| highest.value);
    notes.push(format!("Highest stall: {stall:.1} %. OOM kills: {}.", picture.kills));
    page.finish(&title, &notes.join(" "), "")
}

const HEADER: [&str; 9] =
    ["", "Time, UTC", "Used %", "Stall %", "OOM kills", "Process", "PID", "Resident", "Swap"];
const CELLS: [(f64, &str); 9] = [
    (62.0, "middle"),
    (84.0, "start"),
    (340.0, "end"),
    (440.0, "end"),
    (540.0, "end"),
    (600.0, "start"),
    (900.0, "end"),
    (1_040.0, "end"),
    (1_170.0, "end"),
];
