//! The page of an SVG: its words, its time axis, and what makes a file of it.

use crate::history::points::Spread;
use crate::history::scale::ticks;
use crate::history::span::Span;
use std::fmt::Write as _;

pub struct Page {
    text: String,
    /// The base line of what was written last.
    pub y: f64,
}

impl Page {
    /// With its title and what stands below it.
    pub fn new(title: &str, below: &str) -> Page {
        let mut page = Page { text: String::new(), y: 40.0 };
        page.words(LEFT, "t", "start", title);
        page.y = 64.0;
        page.words(LEFT, "m", "start", below);
        page
    }

    pub fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(arguments);
    }

    pub fn words(&mut self, x: f64, class: &str, anchor: &str, words: &str) {
        let y = self.y;
        let words = escaped(words);
        self.put(format_args!("<text x=\"{x:.0}\" y=\"{y:.0}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>\n"));
    }

    /// A chart's name, and what its signs mean to the right of it.
    pub fn heading(&mut self, name: &str, key: &[(&str, &str)]) {
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

    /// The marks of the time axis, whose line is at `below`.
    pub fn times(&mut self, span: Span, below: f64) {
        self.y = below + 18.0;
        for tick in ticks(span, 12) {
            let x = place(span, tick.second);
            self.put(format_args!("<path class=\"g\" d=\"M{x:.1} {below:.1}v5\"/>\n"));
            // The last one must not leave the page.
            match x < LEFT + PLOT - 20.0 {
                true => self.words(x, "m", "middle", &tick.label),
                false => self.words(LEFT + PLOT, "m", "end", &tick.label),
            }
        }
    }

    /// Columns of a unit's width each, filled up to the lowest reading, lighter up to the highest;
    /// divided where there is none.
    pub fn band(&mut self, columns: &[Option<Spread>], class: &str, y: &impl Fn(f64) -> f64) {
        for run in runs(columns) {
            self.run(&run, class, y);
        }
    }

    fn run(&mut self, run: &[(usize, Spread)], class: &str, y: &impl Fn(f64) -> f64) {
        let Some((first, _)) = run.first() else { return };
        let start = LEFT + *first as f64;
        let end = start + run.len() as f64;
        let edge = |value: fn(&Spread) -> f64| {
            let mut path = String::new();
            let mut last = String::new();
            for (column, spread) in run {
                let height = format!("{:.1}", y(value(spread)));
                if height != last {
                    // Columns are a unit wide each.
                    let _ = write!(path, "H{}V{height}", LEFT + *column as f64);
                    last = height;
                }
            }
            format!("{path}H{end}")
        };
        let (low, high, base) = (edge(|spread| spread.min), edge(|spread| spread.max), y(0.0));
        self.put(format_args!(
            "<path class=\"{class}r\" d=\"M{start} {base:.1}{high}V{base:.1}z\"/>\n"
        ));
        self.put(format_args!(
            "<path class=\"{class}\" d=\"M{start} {base:.1}{low}V{base:.1}z\"/>\n"
        ));
        let high = high.trim_start_matches(|c| c != 'V').trim_start_matches('V');
        self.put(format_args!("<path class=\"{class}l\" d=\"M{start} {high}\"/>\n"));
    }

    /// The whole file, for those who don't see it too; `style` is added to what every picture has.
    pub fn finish(self, title: &str, description: &str, style: &str) -> String {
        let height = self.y + 28.0;
        let (title, description) = (escaped(title), escaped(description));
        let body = self.text;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             width=\"{WIDTH}\" height=\"{height:.0}\" role=\"img\" aria-labelledby=\"title description\">\n\
             <title id=\"title\">{title}</title>\n<desc id=\"description\">{description}</desc>\n\
             <style>{STYLE}{style}</style>\n\
             <rect class=\"bg\" width=\"{WIDTH}\" height=\"{height:.0}\"/>\n{body}</svg>\n"
        )
    }
}

/// Where a second begins, from left to right.
pub fn place(span: Span, second: i64) -> f64 {
    let passed = second.saturating_sub(span.from) as f64;
    LEFT + passed / span.seconds() as f64 * PLOT
}

/// The columns with a value, divided where there is none.
fn runs(columns: &[Option<Spread>]) -> Vec<Vec<(usize, Spread)>> {
    let mut runs: Vec<Vec<(usize, Spread)>> = vec![Vec::new()];
    for (place, column) in columns.iter().enumerate() {
        match (column, runs.last_mut()) {
            (Some(spread), Some(run)) => run.push((place, *spread)),
            _ => runs.push(Vec::new()),
        }
    }
    runs
}

pub fn escaped(text: &str) -> String {
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

pub const WIDTH: f64 = 1_200.0;
pub const LEFT: f64 = 56.0;
pub const PLOT: f64 = 1_120.0;
const STYLE: &str = include_str!("style.css");
