//! What stands in a memory cgroup's files.

use crate::source::meminfo::{number_of, shown};

/// How much a group may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Unlimited,
    /// In bytes.
    Bytes(u64),
    /// A file says something that isn't understood.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("expected {expected}, found {found:?}")]
    Line { expected: &'static str, found: String },
    #[error("no line `{0} <count>`")]
    NoField(String),
}

impl Limit {
    /// The smaller one; with an unknown one nothing is known.
    pub fn and(self, other: Limit) -> Limit {
        match (self, other) {
            (Limit::Unknown, _) | (_, Limit::Unknown) => Limit::Unknown,
            (Limit::Unlimited, limit) | (limit, Limit::Unlimited) => limit,
            (Limit::Bytes(one), Limit::Bytes(two)) => Limit::Bytes(one.min(two)),
        }
    }

    /// Version 1 writes "no limit" as the most pages that a long holds.
    pub fn of_version_one(bytes: u64) -> Limit {
        if bytes >= NO_LIMIT { Limit::Unlimited } else { Limit::Bytes(bytes) }
    }
}

/// The only line of memory.current and memory.usage_in_bytes.
pub fn number(text: &[u8]) -> Result<u64, ParseError> {
    let number = text.strip_suffix(b"\n").and_then(number_of);
    number.ok_or_else(|| ParseError::Line { expected: "`<bytes>`", found: shown(text) })
}

/// The only line of memory.max and memory.high.
pub fn limit(text: &[u8]) -> Result<Limit, ParseError> {
    if text == b"max\n" {
        return Ok(Limit::Unlimited);
    }
    let bytes = text.strip_suffix(b"\n").and_then(number_of);
    let error = || ParseError::Line { expected: "`max` or `<bytes>`", found: shown(text) };
    bytes.map(Limit::Bytes).ok_or_else(error)
}

/// The number behind `name` in memory.stat, memory.events or memory.oom_control.
pub fn field(text: &[u8], name: &str) -> Result<u64, ParseError> {
    let of_field = |line: &&[u8]| {
        line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b' '))
    };
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    let line = lines.find(of_field).ok_or_else(|| ParseError::NoField(name.to_owned()))?;
    let value = line.strip_suffix(b"\n").and_then(|line| number_of(&line[name.len() + 1..]));
    value.ok_or_else(|| ParseError::Line { expected: "`<name> <count>`", found: shown(line) })
}

/// PAGE_COUNTER_MAX pages of at most 64 KiB, rounded down: nothing real is as large.
const NO_LIMIT: u64 = i64::MAX as u64 - 0xffff;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits() {
        assert_eq!(limit(b"max\n"), Ok(Limit::Unlimited));
        assert_eq!(limit(b"0\n"), Ok(Limit::Bytes(0)));
        assert_eq!(limit(b"1073741824\n"), Ok(Limit::Bytes(1 << 30)));
        for text in
            [&b""[..], b"max", b"12", b"-1\n", b"12 kB\n", b"12\n13\n", b"99999999999999999999\n"]
        {
            assert!(limit(text).is_err(), "{text:?}");
        }
        assert_eq!(Limit::of_version_one(9_223_372_036_854_771_712), Limit::Unlimited);
        assert_eq!(Limit::of_version_one(9_223_372_036_854_710_272), Limit::Unlimited);
        assert_eq!(Limit::of_version_one(1 << 50), Limit::Bytes(1 << 50));
        let (one, two) = (Limit::Bytes(1), Limit::Bytes(2));
        assert_eq!((one.and(two), two.and(one)), (one, one));
        assert_eq!(Limit::Unlimited.and(two), two);
        assert_eq!(two.and(Limit::Unknown), Limit::Unknown);
        assert_eq!(Limit::Unknown.and(Limit::Unlimited), Limit::Unknown);
    }

    #[test]
    fn fields() {
        let events = b"low 0\nhigh 3\noom 2\noom_kill 1\noom_group_kill 7\n";
        assert_eq!(field(events, "oom_kill"), Ok(1));
        assert_eq!(field(events, "oom"), Ok(2));
        assert_eq!(field(events, "oom_ki"), Err(ParseError::NoField("oom_ki".into())));
        assert!(field(b"oom_kill 1", "oom_kill").is_err(), "cut off");
        assert!(field(b"oom_kill x\n", "oom_kill").is_err());
        assert!(field(b"oom_kill\n", "oom_kill").is_err());
        let error = field(b"inactive_file -1\n", "inactive_file").unwrap_err().to_string();
        assert_eq!(error, "expected `<name> <count>`, found \"inactive_file -1\\n\"");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in proptest::collection::btree_map("[a-z_]{1,12}", any::<u64>(), 1..20)) {
            let text: String = values.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
            for (name, value) in &values {
                prop_assert_eq!(field(text.as_bytes(), name), Ok(*value));
            }
        }

        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (number(&text), limit(&text), field(&text, "oom_kill"));
        }
    }
}
