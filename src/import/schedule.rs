//! When cron runs a line: how far one run is from the next.

/// A line's schedule, taken off its command.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Seconds from one run to the next; `None`: no schedule, or one that isn't understood.
    pub interval: Option<u32>,
    /// Runs at all times alike: each hour, each day, evenly.
    pub even: bool,
    pub command: &'a str,
}

/// The line's schedule and command; `None` for comments, blank lines and variables. A line that
/// begins with no schedule is a command as a whole.
pub fn parse(line: &str) -> Option<Line<'_>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') || is_variable(line) {
        return None;
    }
    if line.starts_with('@') {
        let (word, command) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let interval = NAMED.iter().find(|(name, _)| *name == word).map(|(_, interval)| *interval);
        return Some(Line { interval, even: interval.is_some(), command });
    }
    let mut rest = line;
    let mut fields = [""; 5];
    for field in &mut fields {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if !is_field(word) {
            return Some(Line { interval: None, even: true, command: line });
        }
        (*field, rest) = (word, after.trim_start());
    }
    let [minute, others @ ..] = fields;
    let gaps = minutes(minute).map(gaps);
    let interval = gaps.as_ref().and_then(|gaps| gaps.iter().min().copied()).map(|gap| gap * 60);
    let even = gaps.is_some_and(|gaps| gaps.iter().all(|gap| *gap == gaps[0]));
    let always = others.iter().all(|field| *field == "*" || *field == "*/1");
    Some(Line { interval, even: even && always, command: rest })
}

/// crontab(5): `NAME = value`.
fn is_variable(line: &str) -> bool {
    let name = line.split('=').next().unwrap_or_default().trim_end();
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    line.contains('=') && is_name && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Numbers, stars and the names of months and days, in lists, ranges and steps.
fn is_field(word: &str) -> bool {
    let is_part = |part: &str| {
        let name = NAMES.iter().any(|name| part.eq_ignore_ascii_case(name));
        name || part.bytes().all(|byte| byte.is_ascii_digit() || b"*?~".contains(&byte))
    };
    !word.is_empty() && word.split([',', '-', '/']).all(is_part)
}

/// The minutes of an hour that the field names, in order; `None` if it isn't one.
fn minutes(field: &str) -> Option<Vec<u32>> {
    let mut named = [false; 60];
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let number = |text: &str| text.parse::<usize>().ok().filter(|minute| *minute < 60);
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (0, 59),
            Some((first, last)) => (number(first)?, number(last)?),
            None if step > 1 => (number(range)?, 59),
            None => (number(range)?, number(range)?),
        };
        for minute in (first..=last).step_by(step) {
            named[minute] = true;
        }
    }
    let all = (0..60).zip(named).filter(|(_, named)| *named).map(|(minute, _)| minute);
    Some(all.collect::<Vec<_>>()).filter(|all| !all.is_empty())
}

/// From each minute to the next, the first of the next hour at the end.
fn gaps(minutes: Vec<u32>) -> Vec<u32> {
    let next = minutes.iter().skip(1).copied().chain(minutes.first().map(|first| first + 60));
    minutes.iter().zip(next).map(|(minute, next)| next - minute).collect()
}

/// crontab(5).
const NAMES: [&str; 19] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "sun",
    "mon", "tue", "wed", "thu", "fri", "sat",
];

/// crontab(5), in seconds. What runs at a start only has no interval.
const NAMED: [(&str, u32); 6] = [
    ("@hourly", 3_600),
    ("@daily", 86_400),
    ("@midnight", 86_400),
    ("@weekly", 604_800),
    ("@monthly", 2_592_000),
    ("@yearly", 31_536_000),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(line: &str, interval: Option<u32>, even: bool, command: &str) {
        assert_eq!(parse(line), Some(Line { interval, even, command }), "{line}");
    }

    #[test]
    fn schedules() {
        check("* * * * * x y", Some(60), true, "x y");
        check("*/5  *  * * *\troot x", Some(300), true, "root x");
        check("1-59/2 * * * * x", Some(120), true, "x");
        check("0,15,30,45 * * * * x", Some(900), true, "x");
        check("0,5 * * * * x", Some(300), false, "x");
        check("*/7 * * * * x", Some(240), false, "x");
        check("30 * * * * x", Some(3_600), true, "x");
        check("*/5 8-18 * * mon-fri x", Some(300), false, "x");
        check("@hourly x", Some(3_600), true, "x");
        check("@reboot x", None, false, "x");
        check("99 * * * * x", None, false, "x");
        check("fri-3 * * * * x", None, false, "x");
        check("run one two per day x", None, true, "run one two per day x");
        check("/opt/x --y", None, true, "/opt/x --y");
        check("* * *", None, true, "* * *");
    }

    #[test]
    fn what_runs_nothing() {
        for line in ["", "  ", "# * * * * * x", "MAILTO=root", "PATH = /usr/bin:/bin"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "[0-9*,/@a-z =-]{0,20}|.*") {
            if let Some(line) = parse(&line) {
                prop_assert!(line.interval != Some(0));
            }
        }
    }
}
