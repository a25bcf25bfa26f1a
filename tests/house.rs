//! The house's own rules: modules stand in the order of the data, files and functions stay small.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test runs in real time and may stop where it cannot go on"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules as lib.rs declares them.
fn declared() -> Vec<String> {
    let library = fs::read_to_string("src/lib.rs").unwrap();
    let modules =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            // A file of tests may be long and use anything.
            && !path.ends_with("tests.rs")
        {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    found.sort();
    found
}

/// A file's text up to its tests, which may use anything.
fn before_tests(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned()
}

#[test]
fn no_module_uses_one_declared_below_it() {
    let order = declared();
    assert!(order.len() > 20, "lib.rs declares its modules one a line: {order:?}");
    let mut wrong = Vec::new();
    for path in all_sources() {
        let module = path.strip_prefix("src").unwrap().components().next().unwrap();
        let module = module.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let Some(place) = order.iter().position(|other| *other == module) else { continue };
        let text = before_tests(&path);
        for below in &order[place + 1..] {
            if text.contains(&format!("crate::{below}::"))
                || text.contains(&format!("crate::{below};"))
            {
                wrong.push(format!("{} uses crate::{below}", path.display()));
            }
        }
        // Only full paths can be checked: a nested import could hide a module's name.
        assert!(!text.contains("use crate::{"), "{}: import one module a line", path.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_under_three_hundred_lines_before_their_tests() {
    let long: Vec<String> = all_sources()
        .into_iter()
        .map(|path| (before_tests(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > 300)
        .map(|(lines, path)| format!("{}: {lines}", path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_says_first_what_it_is() {
    for path in all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} doesn't begin with what it is", path.display());
    }
}
