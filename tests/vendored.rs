//! What stands in for a dependency behaves as its dependant needs: vendor/regex, for mysql_common.
#![allow(clippy::unwrap_used, reason = "a test may stop where it cannot go on")]

use regex::bytes::Regex;

/// What the groups of a pattern take of these bytes.
fn check(pattern: &str, haystack: &[u8], expected: Option<&[&[u8]]>) {
    let regex = Regex::new(pattern).unwrap();
    let captures = regex.captures(haystack);
    let groups = captures.map(|captures| {
        (1..)
            .map_while(|group| captures.get(group))
            .map(|group| group.as_bytes())
            .collect::<Vec<_>>()
    });
    assert_eq!(groups.as_deref(), expected, "{pattern} in {haystack:?}");
    assert_eq!(regex.is_match(haystack), expected.is_some(), "{pattern} in {haystack:?}");
}

#[test]
fn versions_of_servers() {
    let any = r"^(\d{1,2})\.(\d{1,2})\.(\d{1,3})(.*)";
    check(any, b"8.4.10", Some(&[b"8", b"4", b"10", b""]));
    check(any, b"8.0.39-0ubuntu0.22.04.1", Some(&[b"8", b"0", b"39", b"-0ubuntu0.22.04.1"]));
    check(any, b"8.0.39-\xff\xfe\x80", Some(&[b"8", b"0", b"39", b"-\xff\xfe\x80"]));
    check(any, b"8.0", None);
    check(any, b"", None);
    let mariadb = r"^(?:5.5.5-)?(\d{1,2})\.(\d{1,2})\.(\d{1,3})-MariaDB";
    check(mariadb, b"5.5.5-10.11.14-MariaDB-0+deb12u2", Some(&[b"10", b"11", b"14"]));
    check(mariadb, b"11.8.3-MariaDB", Some(&[b"11", b"8", b"3"]));
    check(mariadb, b"8.4.10", None);
    // Digits of another script, which no number can be read from.
    check(any, "٨.٤.١".as_bytes(), None);
}

#[test]
fn times() {
    let time = r"^\d{2}:[0-5]\d:[0-5]\d\.\d{1,6}$";
    check(time, b"12:34:56.789", Some(&[]));
    check(time, b"12:34:56.789\xff", None);
    check(time, b"12:74:56.789", None);
}

#[test]
fn a_body_between_two_lines() {
    let pem = "-----BEGIN PUBLIC KEY-----([^-]*)-----END PUBLIC KEY-----";
    let key = b"-----BEGIN PUBLIC KEY-----\nMIIB\nAQAB\n-----END PUBLIC KEY-----\n";
    check(pem, key, Some(&[b"\nMIIB\nAQAB\n"]));
    check(pem, b"-----BEGIN PUBLIC KEY-----\nMIIB\n", None);
}

#[test]
#[expect(clippy::invalid_regex, reason = "that is what it is about")]
fn a_pattern_that_is_none_is_an_error() {
    assert!(Regex::new("(").is_err());
}
