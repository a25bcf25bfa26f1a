//! Which groups a configuration means: paths below the hierarchy's root, with patterns in them.

use crate::source::glob::Glob;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

/// A path below the root; `*` and `?` stand for characters within one name of it. Without names it
/// is the root itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Glob>);

/// The groups that some patterns stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The place of the first pattern that means it, and its path below the root: in this order,
    /// each group once.
    pub groups: Vec<(usize, String)>,
    /// Not all was looked at.
    pub cut: bool,
}

impl Pattern {
    /// `None` for a path with empty names, `.` or `..` in it. A slash at either end means nothing.
    pub fn new(text: &str) -> Option<Pattern> {
        let inner = text.strip_prefix('/').unwrap_or(text);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return (text == "/").then(|| Pattern(Vec::new()));
        }
        let fine = |name: &str| !["", ".", ".."].contains(&name) && !name.contains('\0');
        let names: Vec<&str> = inner.split('/').collect();
        let fine = names.iter().all(|name| fine(name)) && names.len() <= MOST_NAMES;
        fine.then(|| Pattern(names.into_iter().map(Glob::new).collect()))
    }

    /// Whether it names one group, there or not.
    pub fn is_literal(&self) -> bool {
        self.0.iter().all(|name| name.literal().is_some())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Glob::to_string).collect();
        formatter.pad(if names.is_empty() { ROOT.into() } else { names.join("/") }.as_str())
    }
}

impl Listing {
    /// Looks below `root`. A group whose name isn't text is none that could be published.
    pub fn of(root: &Path, patterns: &[Pattern]) -> Listing {
        let mut listing = Listing::default();
        let mut seen = BTreeSet::new();
        for (place, pattern) in patterns.iter().enumerate() {
            let mut found = vec![String::new()];
            for name in &pattern.0 {
                found = listing.step(root, &found, name);
            }
            for name in found {
                let name = if name.is_empty() { ROOT.to_owned() } else { name };
                if seen.insert(name.clone()) {
                    listing.groups.push((place, name));
                }
            }
        }
        listing
    }

    /// What `name` stands for within each of these groups.
    fn step(&mut self, root: &Path, within: &[String], name: &Glob) -> Vec<String> {
        let mut found = Vec::new();
        for parent in within {
            let below = |child: &str| match parent.is_empty() {
                true => child.to_owned(),
                false => format!("{parent}/{child}"),
            };
            if let Some(literal) = name.literal() {
                let path = below(literal);
                found.extend(root.join(&path).is_dir().then_some(path));
                continue;
            }
            let Ok(entries) = fs::read_dir(root.join(parent)) else { continue };
            let mut children = Vec::new();
            for entry in entries.flatten() {
                let matches = name.matches(entry.file_name().as_encoded_bytes());
                // Where a link leads isn't below this root.
                if matches && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    children.extend(entry.file_name().to_str().map(below));
                }
                if found.len() + children.len() >= MOST_GROUPS {
                    self.cut = true;
                    break;
                }
            }
            children.sort();
            found.extend(children);
        }
        found
    }
}

/// The dimension's value of the root itself.
const ROOT: &str = "/";
/// cgroup.max.depth has no smaller bound of its own; nobody nests as deep.
const MOST_NAMES: usize = 32;
/// So many matches of one pattern are looked at: a bound in memory, far beyond what is published.
const MOST_GROUPS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn paths() {
        for (text, shown) in [
            ("/", "/"),
            ("a", "a"),
            ("/a/b/", "a/b"),
            ("system.slice/*.service", "system.slice/*.service"),
        ] {
            assert_eq!(pattern(text).to_string(), shown);
        }
        for text in ["", "//", "a//b", "../a", "a/..", "./a", "a\0b", &"a/".repeat(40)] {
            assert_eq!(Pattern::new(text), None, "{text:?}");
        }
        assert!(pattern("a/b").is_literal() && !pattern("a/*").is_literal());
    }

    #[test]
    fn what_is_there_in_the_order_of_the_patterns() {
        let root = tempfile::tempdir().unwrap();
        for folder in
            ["s/b.service/sub", "s/a.service", "s/c.scope", "k/pod1/x", "k/pod2", "k/pod3/x"]
        {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("s/d.service"), "a file").unwrap();
        std::os::unix::fs::symlink(root.path().join("k"), root.path().join("s/e.service")).unwrap();
        let listed = |texts: &[&str]| {
            let patterns: Vec<Pattern> = texts.iter().map(|text| pattern(text)).collect();
            let groups = Listing::of(root.path(), &patterns).groups;
            assert!(groups.is_sorted_by_key(|(place, _)| *place));
            groups.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(listed(&["s/*.service"]), ["s/a.service", "s/b.service"]);
        assert_eq!(listed(&["s/b.service", "s/*"]), ["s/b.service", "s/a.service", "s/c.scope"]);
        assert_eq!(
            listed(&["k/*/x", "absent", "k/pod?"]),
            ["k/pod1/x", "k/pod3/x", "k/pod1", "k/pod2", "k/pod3"]
        );
        assert_eq!(listed(&["/", "*"]), ["/", "k", "s"]);
        assert_eq!(listed(&[]), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn a_pattern_never_leads_outside(text in "[a./*]{0,12}") {
            if let Some(pattern) = Pattern::new(&text) {
                let shown = pattern.to_string();
                prop_assert!(shown == "/" || shown.split('/').all(|name| !["", ".", ".."].contains(&name)));
            }
        }
    }
}
