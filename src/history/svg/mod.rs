//! A recording as one SVG file: no scripts, no fonts or files of others, light or dark as its
//! reader's screen is, and with a text for those who don't see it.

mod plot;

use crate::history::chart::SHOWN_PROCESSES;
use crate::history::picture::{Picture, size};
use crate::history::scale::top;
use crate::history::span::{time, words};
use crate::history::svg::plot::{Plot, used_key};
use std::fmt::Write as _;

/// The whole file.
pub fn svg(picture: &Picture) -> String {
    let mut page = Page { text: String::new(), y: 0.0 };
    let columns = picture.columns(PLOT as usize);
    page.head(picture);
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
    page.peaks(picture);
    for line in picture.notes() {
        page.y += 22.0;
        page.words(LEFT, "m", "start", &line);
    }
    page.finish(picture)
}

struct Page {
    text: String,
    /// The base line of what was written last.
    y: f64,
}

impl Page {
    fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(arguments);
    }

    fn words(&mut self, x: f64, class: &str, anchor: &str, words: &str) {
        let y = self.y;
        let words = escaped(words);
        self.put(format_args!("<text x=\"{x:.0}\" y=\"{y:.0}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>\n"));
    }

    fn head(&mut self, picture: &Picture) {
        self.y = 40.0;
        self.words(LEFT, "t", "start", &format!("Memory of {}", picture.owner));
        self.y = 64.0;
        self.words(LEFT, "m", "start", &words(picture.span));
    }

    /// A chart's name, and what its signs mean to the right of it.
    fn heading(&mut self, name: &str, key: &[(&str, &str)]) {
        self.y += 38.0;
        self.words(LEFT, "h", "start", name);
        let y = self.y - 5.0;
        let mut x = LEFT + PLOT;
        for (sign, words) in key.iter().rev() {
            self.words(x, "m", "end", words);
            x -= 6.6 * words.chars().count() as f64 + 12.0;
            match *sign {
                "d" => self.put(format_args!("<path class=\"d\" d=\"M{:.0} {y:.0}h22\"/><circle class=\"p\" cx=\"{:.0}\" cy=\"{y:.0}\" r=\"2.5\"/>\n", x - 22.0, x - 11.0)),
                "k" => self.put(format_args!("<path class=\"k\" d=\"M{:.0} {:.0}v12\"/>\n", x - 4.0, y - 6.0)),
                class => {
                    let (left, top) = (x - 22.0, y - 5.0);
                    let mut swatch = |class| self.put(format_args!(
                        "<rect class=\"{class}\" x=\"{left:.0}\" y=\"{top:.0}\" width=\"22\" height=\"10\"/>\n"
                    ));
                    swatch(class);
                    if class == "u" {
                        // Drawn over the highest.
                        swatch("ur");
                    }
                }
            }
            x -= 46.0;
        }
        self.y += 30.0;
    }

    fn peaks(&mut self, picture: &Picture) {
        self.y += 42.0;
        self.words(
            LEFT,
            "h",
            "start",
            "Peaks, and the processes with the most resident memory within 30 s",
        );
        self.y += 26.0;
        for (x, anchor, name) in
            CELLS.iter().zip(HEADER).map(|((x, anchor), name)| (*x, *anchor, name))
        {
            self.words(x, "m", anchor, name);
        }
        for (number, peak) in (1..).zip(&picture.peaks) {
            self.y += 8.0;
            let y = self.y;
            self.put(format_args!("<path class=\"g\" d=\"M{LEFT} {y:.1}h{PLOT}\"/>\n"));
            let percent =
                |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
            let cells = [
                number.to_string(),
                time(peak.second),
                percent(peak.used),
                percent(peak.stall),
                peak.kills.to_string(),
            ];
            self.y += 20.0;
            for ((x, anchor), cell) in CELLS.iter().zip(cells) {
                self.words(*x, "b", anchor, &cell);
            }
            let processes =
                peak.processes.iter().flat_map(|entry| &entry.processes).take(SHOWN_PROCESSES);
            let mut rows = 0;
            for process in processes {
                self.y += if rows > 0 { 20.0 } else { 0.0 };
                rows += 1;
                let swap = process.swap.map_or("–".to_owned(), |swap| size(swap.0));
                let cells = [
                    process.name.to_string(),
                    process.pid.to_string(),
                    size(process.resident.0),
                    swap,
                ];
                for ((x, anchor), cell) in CELLS.iter().skip(5).zip(cells) {
                    self.words(*x, "b", anchor, &cell);
                }
            }
            if rows == 0 {
                self.words(CELLS[5].0, "m", "start", "none recorded");
            }
        }
        self.y += 16.0;
    }

    fn finish(self, picture: &Picture) -> String {
        let height = self.y + 28.0;
        let title = escaped(&format!("Memory of {}, {}", picture.owner, words(picture.span)));
        let mut notes = picture.notes();
        let stall = picture.highest_stall.map_or(0.0, |highest| highest.value);
        notes.push(format!("Highest stall: {stall:.1} %. OOM kills: {}.", picture.kills));
        let description = escaped(&notes.join(" "));
        let body = self.text;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             width=\"{WIDTH}\" height=\"{height:.0}\" role=\"img\" aria-labelledby=\"title description\">\n\
             <title id=\"title\">{title}</title>\n<desc id=\"description\">{description}</desc>\n\
             <style>{STYLE}</style>\n\
             <rect class=\"bg\" width=\"{WIDTH}\" height=\"{height:.0}\"/>\n{body}</svg>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

const WIDTH: f64 = 1_200.0;
const LEFT: f64 = 56.0;
const PLOT: f64 = 1_120.0;
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
const STYLE: &str = include_str!("style.css");
