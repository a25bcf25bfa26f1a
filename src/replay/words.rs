//! An alarm in a few words.

use crate::alarms::alarm::Alarm;
use crate::history::picture::length;

/// What the names of several alarms have in common, so that each can be told by what is its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    before: String,
    after: String,
}

impl Names {
    /// Cut at dashes only; nothing in common where there is but one.
    pub fn of(names: &[&str]) -> Names {
        let Some(first) = names.first().filter(|_| names.len() > 1) else {
            return Names::default();
        };
        let words: Vec<&str> = first.split_inclusive('-').collect();
        let tails: Vec<&str> =
            dashes(first).map(|place| first.get(place..).unwrap_or("")).collect();
        let mut before = String::new();
        for word in &words {
            let longer = format!("{before}{word}");
            let common = |name: &&str| name.starts_with(&longer) && name.len() > longer.len();
            if !word.ends_with('-') || !names.iter().all(common) {
                break;
            }
            before = longer;
        }
        // Each keeps something of its own.
        let fits = |tail: &&str| {
            names.iter().all(|name| name.ends_with(*tail) && name.len() > before.len() + tail.len())
        };
        let after = tails.into_iter().find(fits).unwrap_or_default().to_owned();
        Names { before, after }
    }

    pub fn short<'a>(&self, name: &'a str) -> &'a str {
        let name = name.strip_prefix(&*self.before).unwrap_or(name);
        name.strip_suffix(&*self.after).unwrap_or(name)
    }

    /// "cwmem-*-i-0123456789abcdef0"; nothing where names are whole.
    pub fn pattern(&self) -> Option<String> {
        let whole = self.before.is_empty() && self.after.is_empty();
        (!whole).then(|| format!("{}*{}", self.before, self.after))
    }
}

fn dashes(name: &str) -> impl Iterator<Item = usize> + '_ {
    name.match_indices('-').map(|(place, _)| place)
}

/// "MemoryUsedPercent Average > 90, 10 of 15 × 1 min".
pub fn condition(alarm: &Alarm) -> String {
    let (metric, statistic) = (&alarm.metric, alarm.statistic.words());
    let (sign, threshold) = (alarm.comparison.sign(), number(alarm.threshold));
    let (m, n) = (alarm.datapoints_to_alarm, alarm.evaluation_periods);
    let period = length(alarm.period.as_secs());
    format!("{metric} {statistic} {sign} {threshold}, {m} of {n} × {period}")
}

/// Without digits that a step of the sweep doesn't have.
pub fn number(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded.is_finite() { rounded.to_string() } else { value.to_string() }
}

/// "23 min", "1 h 5 min"; less than a minute in seconds. Never more than it is.
pub fn minutes(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    match seconds {
        0 => "0 s".to_owned(),
        1..60 => format!("{seconds} s"),
        _ => length(seconds - seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_what_is_their_own() {
        let told = |names: &[&str]| {
            let own = Names::of(names);
            let short: Vec<String> = names.iter().map(|name| own.short(name).to_owned()).collect();
            (short.join(" "), own.pattern())
        };
        let pattern = |text: &str| Some(text.to_owned());
        assert_eq!(
            told(&["cwmem-page-i-1", "cwmem-stall-critical-i-1"]),
            ("page stall-critical".into(), pattern("cwmem-*-i-1"))
        );
        assert_eq!(told(&["cwmem-page-i-1"]), ("cwmem-page-i-1".into(), None));
        assert_eq!(told(&["page", "ticket"]), ("page ticket".into(), None));
        assert_eq!(told(&["a-b", "a-b-c"]), ("b b-c".into(), pattern("a-*")));
        assert_eq!(told(&["a-b-c", "b-c"]), ("a-b b".into(), pattern("*-c")));
        assert_eq!(told(&["a-x-b", "a-x-b"]), ("b b".into(), pattern("a-x-*")));
        assert_eq!(told(&["-", "--"]), ("- --".into(), None));
        assert_eq!(told(&[]), (String::new(), None));
    }

    #[test]
    fn a_warning_is_never_longer_than_it_was() {
        let told = [0, 59, 60, 119, 3_659, 3_661].map(minutes);
        assert_eq!(told, ["0 s", "59 s", "1 min", "1 min", "1 h", "1 h 1 min"]);
    }
}
