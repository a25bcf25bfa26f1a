//! The kinds of values that keys have: each turns a field into its type or refuses it.

use crate::config::OnEc2;
use crate::config::reader::Field;
use crate::config::tree::{Value, shown};
use crate::config::url;
use crate::dimension;
use crate::units::Tenths;
use humantime::format_duration;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

pub fn boolean(field: &mut Field<'_>) -> Option<bool> {
    match field.node.value {
        Value::Boolean(value) => Some(value),
        _ => field.refuse("true or false"),
    }
}

pub fn integer(field: &mut Field<'_>, range: RangeInclusive<u32>) -> Option<u32> {
    let value = match &field.node.value {
        Value::Integer(text) => text.parse().ok().filter(|value| range.contains(value)),
        _ => None,
    };
    let expected = || format!("a whole number from {} to {}", range.start(), range.end());
    value.or_else(|| field.refuse(expected()))
}

/// One of a few words.
pub fn choice<T: Copy>(field: &mut Field<'_>, choices: &[(&str, T)]) -> Option<T> {
    let words = || choices.iter().map(|(word, _)| *word);
    let expected = alternatives(words().map(shown));
    let text = field.text(expected.as_str())?;
    match choices.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Some(*value),
        None => field.refuse_near(expected, words()),
    }
}

/// A duration of this range.
pub fn duration(field: &mut Field<'_>, range: RangeInclusive<Duration>) -> Option<Duration> {
    let expected = format!("a duration from {} to {}", words(*range.start()), words(*range.end()));
    duration_that(field, &expected, |duration| range.contains(&duration).then_some(duration))
}

/// A duration that `accept` takes.
pub fn duration_that<T>(
    field: &mut Field<'_>,
    expected: &str,
    accept: impl FnOnce(Duration) -> Option<T>,
) -> Option<T> {
    match &field.node.value {
        Value::String(text) => match parse_duration(text).and_then(accept) {
            Some(value) => Some(value),
            None if parse_duration(text).is_none() => refuse_without_unit(field, expected, text),
            None => field.refuse(expected),
        },
        Value::Integer(number) | Value::Float(number) => {
            refuse_without_unit(field, expected, number)
        }
        _ => field.refuse(expected),
    }
}

/// A multiple of 100 ms, the unit in which covered time is counted.
pub fn tenths(field: &mut Field<'_>, range: RangeInclusive<Duration>) -> Option<Tenths> {
    let (start, end) = (words(*range.start()), words(*range.end()));
    let expected = format!("a multiple of 100ms from {start} to {end}");
    duration_that(field, &expected, |duration| {
        Tenths::from_duration(duration).filter(|_| range.contains(&duration))
    })
}

/// "15%" is 0.15.
pub fn share(field: &mut Field<'_>) -> Option<f64> {
    percent(field).map(|percent| percent / 100.0)
}

/// "15%" is 15.
pub fn percent(field: &mut Field<'_>) -> Option<f64> {
    let expected = "a percentage from \"0%\" to \"100%\"";
    match &field.node.value {
        Value::String(text) => match parse_percent(text) {
            Some(percent) => Some(percent),
            None => field.refuse(expected),
        },
        Value::Integer(number) | Value::Float(number) => {
            let hint = format!("write {}", shown(&format!("{number}%")));
            field.refuse_with(expected, hint)
        }
        _ => field.refuse(expected),
    }
}

/// A text that a file system, the SDK or a header can take.
pub fn text(field: &mut Field<'_>, expected: &str) -> Option<String> {
    let text = field.text(expected)?;
    let fine = !text.trim().is_empty() && !text.chars().any(char::is_control);
    if fine { Some(text.to_owned()) } else { field.refuse(expected) }
}

pub fn path(field: &mut Field<'_>) -> Option<PathBuf> {
    text(field, "a path").map(PathBuf::from)
}

/// A directory by its full path: the service's working directory is nobody's business.
pub fn directory(field: &mut Field<'_>) -> Option<PathBuf> {
    let expected = "the full path of a directory, beginning with \"/\"";
    let path = PathBuf::from(text(field, expected)?);
    if path.is_absolute() { Some(path) } else { field.refuse(expected) }
}

/// "64MiB" in bytes; units are powers of 1024.
pub fn size(field: &mut Field<'_>, range: RangeInclusive<u64>) -> Option<u64> {
    let expected = format!(
        "a size from {} to {}, such as \"64MiB\"",
        sized(*range.start()),
        sized(*range.end())
    );
    let text = field.text(expected.as_str())?;
    match parse_size(text).filter(|size| range.contains(size)) {
        Some(size) => Some(size),
        None => field.refuse(expected),
    }
}

/// `"auto"`, `true` or `false`.
pub fn on_ec2(field: &mut Field<'_>) -> Option<OnEc2> {
    match &field.node.value {
        Value::Boolean(true) => Some(OnEc2::Yes),
        Value::Boolean(false) => Some(OnEc2::No),
        Value::String(text) if text == "auto" => Some(OnEc2::Auto),
        _ => field.refuse("\"auto\", true or false"),
    }
}

/// What may be the value of a dimension.
pub fn dimension_value(field: &mut Field<'_>) -> Option<String> {
    let text = field.text("the value of a dimension, as a string")?;
    match dimension::check_value(text) {
        Ok(()) => Some(text.to_owned()),
        Err(invalid) => field.refuse(format!("the value of a dimension, which {invalid}")),
    }
}

/// API reference, PutMetricData, `Namespace`.
pub fn namespace(field: &mut Field<'_>) -> Option<String> {
    let expected = "a namespace: 1 to 255 ASCII characters, not beginning with \":\" or \"AWS/\"";
    let text = field.text(expected)?;
    let fine = dimension::check_name(text).is_ok() && !text.starts_with("AWS/");
    if fine { Some(text.to_owned()) } else { field.refuse(expected) }
}

/// `eu-central-1`, `us-gov-west-1`, `eusc-de-east-1`.
pub fn region(field: &mut Field<'_>) -> Option<String> {
    let expected = "the name of an AWS region such as \"eu-central-1\"";
    let text = field.text(expected)?;
    let parts: Vec<&str> = text.split('-').collect();
    let is_word =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let fine = match parts.as_slice() {
        [partition, area @ .., number] => {
            partition.len() >= 2
                && is_word(partition)
                && !area.is_empty()
                && area.iter().all(is_word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    };
    if fine { Some(text.to_owned()) } else { field.refuse(expected) }
}

/// IAM, "Identifiers for roles": any partition, any account, any path.
pub fn role(field: &mut Field<'_>) -> Option<String> {
    let expected = "the ARN of a role such as \"arn:aws:iam::123456789012:role/name\"";
    let text = field.text(expected)?;
    let fine = text.starts_with("arn:")
        && text.split_once(":role/").is_some_and(|(_, name)| !name.is_empty())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fine { Some(text.to_owned()) } else { field.refuse(expected) }
}

pub fn endpoint(field: &mut Field<'_>) -> Option<String> {
    let expected = "a URL such as \"https://monitoring.eu-central-1.amazonaws.com\"";
    let text = field.text(expected)?;
    match url::parse(text) {
        Some(url) if url.user.is_none() => Some(text.to_owned()),
        _ => field.refuse(expected),
    }
}

/// What is refused here isn't shown: it may hold a password at any place.
pub fn proxy(field: &mut Field<'_>) -> Option<String> {
    let expected = "a URL such as \"http://[user:password@]host:port\" without a path";
    match &field.node.value {
        Value::String(text)
            if url::parse(text).is_some_and(|url| ["", "/"].contains(&url.path)) =>
        {
            Some(text.clone())
        }
        _ => field.refuse_unseen(expected),
    }
}

/// Refuses what isn't a duration, and says how to write it if it is one but for its unit.
fn refuse_without_unit<T>(field: &mut Field<'_>, expected: &str, number: &str) -> Option<T> {
    let seconds = format!("{number}s");
    match parse_duration(&seconds) {
        Some(_) => field.refuse_with(expected, format!("write {}", shown(&seconds))),
        None => field.refuse(expected),
    }
}

/// "1m" in quotes, as a message writes a duration.
pub fn words(duration: Duration) -> String {
    format!("\"{}\"", format_duration(duration))
}

/// `a, b or c`.
pub fn alternatives(words: impl DoubleEndedIterator<Item = String>) -> String {
    let mut words = words.rev();
    let last = words.next().unwrap_or_default();
    match words.rev().reduce(|one, other| format!("{one}, {other}")) {
        Some(others) => format!("{others} or {last}"),
        None => last,
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    // A parser that meets more seconds than a Duration holds panics; no such text is this short.
    let short = text.len() <= LONGEST_DURATION;
    short.then(|| humantime::parse_duration(text).ok()).flatten()
}

fn parse_percent(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?;
    // f64's own syntax is wider: signs, exponents, infinity.
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let percent = number.parse::<f64>().ok()?;
    (plain && percent <= 100.0).then_some(percent)
}

/// In quotes, in the largest unit that leaves a whole number.
fn sized(size: u64) -> String {
    let whole = |(_, factor): &&(&str, u64)| size.is_multiple_of(*factor);
    let (unit, factor) = SIZES.iter().find(whole).copied().unwrap_or(("B", 1));
    format!("\"{}{unit}\"", size / factor)
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, factor) = SIZES
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), factor)))?;
    // u64's own syntax allows a sign.
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| plain)?.checked_mul(*factor)
}

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
/// In bytes.
const LONGEST_DURATION: usize = 20;
