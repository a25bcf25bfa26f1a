//! Several configuration files of the CloudWatch agent as one, merged as the agent merges them: what
//! two files define must be equal, and lists are not united.

use crate::import::Place;
use crate::import::json::{Json, join};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The parts that cwmem reads, and the names of what it doesn't.
#[derive(Debug, Default)]
pub struct Merged {
    pub agent: Vec<Entry>,
    /// `metrics` without `metrics_collected`.
    pub metrics: Vec<Entry>,
    pub collected: Vec<Entry>,
    /// Sections that have nothing to do with metrics: logs, traces and whatever else.
    pub others: Vec<Entry>,
}

/// A key, its value and where it stands.
#[derive(Debug)]
pub struct Entry {
    pub key: String,
    pub value: Json,
    pub place: Place,
}

/// Two files that say different things of one key: the agent doesn't start with them.
#[derive(Debug, PartialEq, Eq)]
pub struct Conflict {
    place: Place,
    other: Arc<str>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conflict { place, other } = self;
        write!(
            formatter,
            "{place}: {other} says something else there; the agent refuses such a pair: keep one of the two"
        )
    }
}

/// Sections that are no objects are named in `wrong`, with what they are.
pub fn merge(
    files: &[(Arc<str>, Json)],
    wrong: &mut Vec<(Place, String)>,
) -> Result<Merged, Vec<Conflict>> {
    let mut merged = Merged::default();
    let mut keys = Keys::default();
    for (file, json) in files {
        for (key, value) in json.entries() {
            let path = join("", key);
            let section = match key {
                "agent" => &mut merged.agent,
                "metrics" => &mut merged.metrics,
                _ => {
                    let place = Place::pointer(file, path);
                    merged.others.push(Entry { key: key.to_owned(), value: value.clone(), place });
                    continue;
                }
            };
            if !value.is_object() {
                wrong.push((Place::pointer(file, path), value.kind()));
                continue;
            }
            for (key, value) in value.entries() {
                let below = join(&path, key);
                if key == COLLECTED && path == METRICS {
                    if !value.is_object() {
                        wrong.push((Place::pointer(file, below), value.kind()));
                        continue;
                    }
                    for (key, value) in value.entries() {
                        keys.add(&mut merged.collected, file, join(&below, key), (key, value));
                    }
                } else {
                    keys.add(section, file, below, (key, value));
                }
            }
        }
    }
    if keys.conflicts.is_empty() { Ok(merged) } else { Err(keys.conflicts) }
}

/// The keys that are there already.
#[derive(Default)]
struct Keys {
    /// Their places in their sections, by their pointers.
    places: HashMap<String, usize>,
    conflicts: Vec<Conflict>,
}

impl Keys {
    fn add(
        &mut self,
        section: &mut Vec<Entry>,
        file: &Arc<str>,
        pointer: String,
        (key, value): (&str, &Json),
    ) {
        let earlier = self.places.get(&pointer).and_then(|place| section.get(*place));
        match earlier {
            Some(earlier) if earlier.value == *value => {}
            Some(earlier) if !LISTS.contains(&key) => {
                self.conflicts.push(Conflict { place: earlier.place.clone(), other: file.clone() });
            }
            _ => {
                self.places.insert(pointer.clone(), section.len());
                let place = Place::pointer(file, pointer);
                section.push(Entry { key: key.to_owned(), value: value.clone(), place });
            }
        }
    }
}

const METRICS: &str = "/metrics";
const COLLECTED: &str = "metrics_collected";
/// The sections whose lists the agent unites.
const LISTS: [&str; 2] = ["procstat", "jmx"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::json::parse;
    use expect_test::{Expect, expect};

    fn check(files: &[(&str, &str)], expected: Expect) {
        let files: Vec<_> =
            files.iter().map(|(name, text)| (Arc::from(*name), parse(text).unwrap())).collect();
        let mut wrong = Vec::new();
        let text = match merge(&files, &mut wrong) {
            Ok(merged) => {
                let Merged { agent, metrics, collected, others, .. } = merged;
                let all = [agent, metrics, collected, others].into_iter().flatten();
                let lines = all.map(|entry| format!("{}\n", entry.place));
                let wrong = wrong.into_iter().map(|(place, kind)| format!("{place} is {kind}\n"));
                lines.chain(wrong).collect::<String>()
            }
            Err(conflicts) => {
                conflicts.into_iter().map(|conflict| format!("{conflict}\n")).collect()
            }
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn sections_of_several_files_add_up() {
        check(
            &[
                (
                    "a",
                    r#"{"agent": {"region": "x"}, "metrics": {"metrics_collected": {"mem": {}}}}"#,
                ),
                (
                    "b",
                    r#"{"agent": {"region": "x", "debug": true}, "logs": {},
                    "metrics": {"namespace": "N", "metrics_collected": {"swap": {}, "mem": {}}}}"#,
                ),
            ],
            expect![[r#"
                a: /agent/region
                b: /agent/debug
                b: /metrics/namespace
                a: /metrics/metrics_collected/mem
                b: /metrics/metrics_collected/swap
                b: /logs
            "#]],
        );
    }

    #[test]
    fn what_two_files_define_must_be_equal() {
        check(
            &[
                ("a", r#"{"metrics": {"metrics_collected": {"mem": {"measurement": ["used"]}}}}"#),
                ("b", r#"{"metrics": {"metrics_collected": {"mem": {"measurement": ["free"]}}}}"#),
                ("c", r#"{"agent": {"debug": true}}"#),
            ],
            expect![[r#"
                a: /metrics/metrics_collected/mem: b says something else there; the agent refuses such a pair: keep one of the two
            "#]],
        );
        check(
            &[
                ("a", r#"{"metrics": {"metrics_collected": {"procstat": [{"exe": "a"}]}}}"#),
                ("b", r#"{"metrics": {"metrics_collected": {"procstat": [{"exe": "b"}]}}}"#),
            ],
            expect![[r#"
                a: /metrics/metrics_collected/procstat
                b: /metrics/metrics_collected/procstat
            "#]],
        );
    }

    #[test]
    fn sections_that_are_no_objects_are_named() {
        check(
            &[("a", r#"{"agent": [], "metrics": {"metrics_collected": 7}}"#)],
            expect![[r#"
                a: /agent is a list
                a: /metrics/metrics_collected is 7
            "#]],
        );
    }
}
