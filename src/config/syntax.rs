//! Finds every error of syntax in a file, and what of the file is sound.
//!
//! The parser's own recovery may drop what follows an error, or read it as something else. So what
//! is damaged is blanked, statement by statement, until the rest parses: nothing is a guess.

use crate::config::problem::{Fault, Place, Problems};
use crate::config::tree::shown;
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, Error};

/// The lines of a file.
pub struct Lines<'a> {
    file: &'a Arc<Path>,
    /// Where each line starts, and where the last one ends.
    starts: Vec<usize>,
}

/// `text` with its damaged statements blanked, each of which became a problem. Positions stay.
pub fn sound<'a>(text: &'a str, lines: &Lines<'_>, problems: &mut Problems) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MOST_ERRORS {
        let Some(error) = first_damage(&text) else {
            report_duplicates(&text, lines, problems);
            return text;
        };
        let line = lines.line_of(position(&error, &text));
        let damaged = lines.statement(&text, line);
        let mut message = error.message().to_owned();
        if damaged.start < line {
            message += &format!(", in what begins in line {}", damaged.start + 1);
        }
        problems.push(lines.place(line), None, Fault::Syntax(message));
        text = lines.blank(&text, damaged);
    }
    // A file that is no TOML at all.
    Cow::Borrowed("")
}

impl Lines<'_> {
    pub fn new<'a>(file: &'a Arc<Path>, text: &str) -> Lines<'a> {
        let after_breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let mut starts: Vec<usize> = std::iter::once(0).chain(after_breaks).collect();
        starts.push(text.len());
        // After a last line break there is no further line.
        starts.dedup();
        Lines { file, starts }
    }

    pub fn place_of(&self, position: usize) -> Place {
        self.place(self.line_of(position))
    }

    /// From 0, unlike a place's lines.
    fn line_of(&self, position: usize) -> usize {
        let (_, starts) = self.starts.split_last().unwrap_or((&0, &[]));
        starts.partition_point(|start| *start <= position).saturating_sub(1)
    }

    fn place(&self, line: usize) -> Place {
        Place { file: Arc::clone(self.file), line: Some(line + 1) }
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    fn text<'t>(&self, text: &'t str, lines: Range<usize>) -> &'t str {
        let start = self.starts.get(lines.start).copied().unwrap_or_default();
        let end = self.starts.get(lines.end).copied().unwrap_or(text.len());
        text.get(start..end).unwrap_or_default()
    }

    /// The lines of the statement that the first error, in `line`, damages; never none, so that
    /// each round leaves less damage.
    fn statement(&self, text: &str, line: usize) -> Range<usize> {
        // What comes before a statement is sound; what ends within one isn't.
        let (mut start, mut unsound) = (0, line + 1);
        while unsound - start > 1 {
            let middle = start + (unsound - start) / 2;
            match first_damage(self.text(text, 0..middle)) {
                None => start = middle,
                Some(_) => unsound = middle,
            }
        }
        // What a damaged header heads would pass for the section before it.
        let ends: fn(&str) -> bool = match is_header(self.text(text, start..start + 1)) {
            true => is_header,
            false if start == line => return start..line + 1,
            false => |line| is_header(line) || is_assignment(line),
        };
        let mut following = start + 1..self.count();
        let end = following.find(|line| ends(self.text(text, *line..*line + 1)));
        start..end.unwrap_or(self.count())
    }

    fn blank<'t>(&self, text: &str, lines: Range<usize>) -> Cow<'t, str> {
        let before = self.text(text, 0..lines.start);
        let after = self.text(text, lines.end..self.count());
        let blank = self.text(text, lines);
        let blank: String =
            blank.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        Cow::Owned([before, &blank, after].concat())
    }
}

/// The first error, keys that are set twice aside: of those the parser keeps the first.
fn first_damage(text: &str) -> Option<Error> {
    let (_, errors) = DeTable::parse_recoverable(text);
    errors
        .into_iter()
        .filter(|error| error.message() != DUPLICATE)
        .min_by_key(|error| position(error, text))
}

fn position(error: &Error, text: &str) -> usize {
    error.span().map_or(text.len(), |span| span.start)
}

fn report_duplicates(text: &str, lines: &Lines<'_>, problems: &mut Problems) {
    let (_, errors) = DeTable::parse_recoverable(text);
    for span in errors.iter().filter_map(Error::span) {
        let key = text.get(span.clone()).unwrap_or_default();
        let fault = Fault::Syntax(format!("{} is set twice", shown(key)));
        problems.push(lines.place_of(span.start), None, fault);
    }
}

/// `[name` or `[[name`; a list's element doesn't begin like this, as it holds strings.
fn is_header(line: &str) -> bool {
    let line = line.trim_start();
    let name = line.strip_prefix("[[").or_else(|| line.strip_prefix('['));
    name.is_some_and(|name| name.trim_start().starts_with(is_bare))
}

/// `name =`.
fn is_assignment(line: &str) -> bool {
    let line = line.trim_start();
    let rest = line.trim_start_matches(|letter| is_bare(letter) || letter == '.');
    rest.len() < line.len() && rest.trim_start().starts_with('=')
}

fn is_bare(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}

/// How the parser calls a key that is set twice.
const DUPLICATE: &str = "duplicate key";
/// Of one file. Nobody wants to read more, and each costs a parse or more.
const MOST_ERRORS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let file: Arc<Path> = Arc::from(Path::new("f"));
        let mut problems = Problems::default();
        let rest = sound(text, &Lines::new(&file, text), &mut problems).into_owned();
        assert!(first_damage(&rest).is_none());
        let rest: Vec<_> = rest.lines().filter(|line| !line.trim().is_empty()).collect();
        expected.assert_eq(&format!("{problems}\n{}", rest.join("\n")));
    }

    #[test]
    fn damaged_lines_are_blanked() {
        check(
            "a = 1s\nb = \"x\nc = 3\nd = \ne\nf.g.h\n= 5\ni = treu\nj = 1",
            expect![[r#"
            f:1: not TOML: string values must be quoted, expected literal string
            f:2: not TOML: invalid basic string, expected `"`
            f:4: not TOML: string values must be quoted, expected literal string
            f:5: not TOML: key with no value, expected `=`
            f:6: not TOML: key with no value, expected `=`
            f:7: not TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`
            f:8: not TOML: invalid boolean, expected `true`
            c = 3
            j = 1"#]],
        );
    }

    #[test]
    fn a_damaged_header_takes_its_section_along() {
        check(
            "[a]\nb = 1\n[c\nd = 1\ne = 2s\n[f]\ng = 1\n",
            expect![[r#"
            f:3: not TOML: unclosed table, expected `]`
            [a]
            b = 1
            [f]
            g = 1"#]],
        );
    }

    #[test]
    fn a_damaged_list_takes_its_lines_along() {
        check(
            "a = [\n  \"x\"\n  \"y\",\n]\nb = 1",
            expect![[r#"
            f:3: not TOML: missing comma between array elements, expected `,`, in what begins in line 1
            b = 1"#]],
        );
        check(
            "a = [\n  [\"x\"],\n  [\"y\"]\nb = 1\nc = 2s\n[d]\ne = 1",
            expect![[r#"
                f:4: not TOML: missing comma between array elements, expected `,`, in what begins in line 1
                f:5: not TOML: string values must be quoted, expected literal string
                b = 1
                [d]
                e = 1"#]],
        );
        check(
            "a = { b = [\n1\n[c]\nd = 1",
            expect![[r#"
                f:3: not TOML: missing comma between array elements, expected `,`, in what begins in line 1
                [c]
                d = 1"#]],
        );
    }

    #[test]
    fn an_unclosed_string_ends_with_the_next_assignment() {
        check(
            "a = 1\nb = \"\"\"x\ny\nc = 2\n[d]\ne = 1s\n",
            expect![[r#"
                f:6: not TOML: invalid multi-line basic string, expected `"`, in what begins in line 2
                f:6: not TOML: string values must be quoted, expected literal string
                a = 1
                c = 2
                [d]"#]],
        );
    }

    #[test]
    fn keys_set_twice_are_reported_beside_damage() {
        check(
            "[a]\nb = 1\nb = 2\n[c]\nd =\n[a]\ne = 1",
            expect![[r#"
            f:5: not TOML: string values must be quoted, expected literal string
            f:3: not TOML: "b" is set twice
            f:6: not TOML: "a" is set twice
            [a]
            b = 1
            b = 2
            [c]
            [a]
            e = 1"#]],
        );
    }

    #[test]
    fn what_is_no_toml_at_all_ends() {
        let text = "<html>\n".repeat(100);
        let file: Arc<Path> = Arc::from(Path::new("f"));
        let mut problems = Problems::default();
        assert_eq!(sound(&text, &Lines::new(&file, &text), &mut problems), "");
        assert_eq!(problems.len(), MOST_ERRORS);
    }
}
