//! The CloudWatch agent's configuration: what its `agent` and `metrics` sections have published.
//!
//! The rules are those of the running agent, release 1.300065, not only of its schema.

use crate::import::Place;
use crate::import::foreign;
use crate::import::json::Json;
use crate::import::merge::{Entry, Merged};
use crate::import::section::{self, MEMORY, SWAP};
use crate::import::series::{Dimension, Found, Setting, Value};

/// What holds for every section of `metrics_collected`.
#[derive(Debug)]
pub struct Globals {
    pub namespace: String,
    /// `agent.metrics_collection_interval`, in seconds.
    pub interval: u32,
    /// The dimensions that each metric has before its section adds to them.
    pub base: Vec<Dimension>,
    /// `aggregation_dimensions`, each set once.
    pub aggregations: Vec<Vec<String>>,
}

/// Reads what holds for all sections.
struct Reader {
    found: Found,
}

pub fn read(merged: &Merged) -> Found {
    let mut reader = Reader { found: Found::default() };
    for entry in &merged.others {
        foreign::section(entry, &mut reader.found);
    }
    let mut globals = Globals {
        namespace: "CWAgent".to_owned(),
        interval: DEFAULT_INTERVAL,
        base: vec![Dimension { name: "host".to_owned(), value: Value::Host, optional: false }],
        aggregations: Vec::new(),
    };
    for entry in &merged.agent {
        reader.agent(entry, &mut globals);
    }
    let mut reaches_cloudwatch = true;
    for entry in &merged.metrics {
        reader.metrics(entry, &mut globals, &mut reaches_cloudwatch);
    }
    for entry in &merged.collected {
        match entry.key.as_str() {
            "mem" => section::read(entry, &MEMORY, &globals, &mut reader.found),
            "swap" => section::read(entry, &SWAP, &globals, &mut reader.found),
            _ => foreign::collected(entry, &mut reader.found),
        }
    }
    let mut found = reader.found;
    if !reaches_cloudwatch {
        found.series.clear();
    }
    found
}

impl Reader {
    fn agent(&mut self, entry: &Entry, globals: &mut Globals) {
        let Entry { key, value, place } = entry;
        match key.as_str() {
            "metrics_collection_interval" => {
                globals.interval =
                    seconds(value, place, &mut self.found).unwrap_or(DEFAULT_INTERVAL);
            }
            "region" => self.found.settings.region = self.setting(entry),
            "hostname" => self.found.settings.host = self.setting(entry),
            "omit_hostname" => match value {
                // The metrics' own append_dimensions come later and win.
                Json::Bool(true) => globals.base.clear(),
                Json::Bool(false) => {}
                _ => self.expected(entry, "true or false"),
            },
            "credentials" => self.credentials(entry, false),
            "internal" if *value == Json::Bool(true) => {
                self.found.foreign(place, "the agent's own figures", Vec::new());
            }
            _ if AGENT_S_OWN.contains(&key.as_str()) => {
                self.found.remark(place, false, "concerns the agent itself only");
            }
            "service.name" | "deployment.environment" => self.entity(place),
            _ => self.found.unknown(place),
        }
    }

    fn metrics(&mut self, entry: &Entry, globals: &mut Globals, reaches_cloudwatch: &mut bool) {
        let Entry { key, value, place } = entry;
        match key.as_str() {
            "namespace" => match value.text() {
                Some(text) if !text.is_empty() => text.clone_into(&mut globals.namespace),
                _ => self.expected(entry, "a namespace"),
            },
            "append_dimensions" => globals.base = self.appended(entry),
            "aggregation_dimensions" => globals.aggregations = self.aggregations(entry),
            "force_flush_interval" => {
                self.found.settings.flush = seconds(value, place, &mut self.found);
            }
            "endpoint_override" => self.found.settings.endpoint = self.setting(entry),
            "credentials" => self.credentials(entry, true),
            "metrics_destinations" => {
                for (name, _) in value.entries().filter(|(name, _)| *name != "cloudwatch") {
                    let place = place.below(name);
                    self.found.foreign(&place, "another destination than CloudWatch", Vec::new());
                }
                *reaches_cloudwatch = value.get("cloudwatch").is_some();
                if !*reaches_cloudwatch {
                    let text = "nothing of this goes to CloudWatch, so there is nothing to keep";
                    self.found.remark(place, false, text);
                }
            }
            "service.name" | "deployment.environment" => self.entity(place),
            _ => self.found.unknown(place),
        }
    }

    /// The global `append_dimensions`: four pairs count, and the host's name falls away in any case.
    fn appended(&mut self, entry: &Entry) -> Vec<Dimension> {
        if !entry.value.is_object() {
            self.expected(entry, "an object");
        }
        let mut dimensions = Vec::new();
        for (key, value) in entry.value.entries() {
            let place = entry.place.below(key);
            let text = value.text().unwrap_or_default();
            let known = INSTANCE_NAMES.iter().find(|name| **name == key);
            match known {
                Some(name) if text == format!("${{aws:{name}}}") => {
                    let optional = *name == "AutoScalingGroupName";
                    dimensions.push(Dimension { optional, ..Dimension::of_instance(name) });
                }
                Some(name) if text == format!("${{!aws:{name}}}") => {
                    let text = format!(
                        "{text} is how CloudFormation writes ${{aws:{name}}}; in the agent's own file \
                         it means nothing, so the metrics were published without {name}. If they \
                         should have it, add it to the sets"
                    );
                    self.found.remark(&place, false, text);
                }
                Some(name) => {
                    let text = format!(
                        "the agent takes only \"${{aws:{name}}}\" here, and published without {name}"
                    );
                    self.found.remark(&place, false, text);
                }
                None => {
                    let text = "the agent takes no such dimension here, and published without it";
                    self.found.remark(&place, false, text);
                }
            }
        }
        dimensions.sort_by(|one, other| one.name.cmp(&other.name));
        dimensions
    }

    fn aggregations(&mut self, entry: &Entry) -> Vec<Vec<String>> {
        let mut sets: Vec<Vec<String>> = Vec::new();
        let Some(items) = entry.value.list() else {
            self.expected(entry, "a list of lists of dimension names");
            return sets;
        };
        for (number, item) in items.iter().enumerate() {
            let place = entry.place.below(&number.to_string());
            let names: Option<Vec<String>> = item.list().and_then(|names| {
                names.iter().map(|name| name.text().map(str::to_owned)).collect()
            });
            let Some(mut names) = names else {
                let text = format!("expected a list of dimension names, found {}", item.kind());
                self.found.remark(&place, true, text);
                continue;
            };
            names.sort();
            names.dedup();
            match sets.contains(&names) {
                true => self.found.remark(&place, false, "stands in the list already"),
                false => sets.push(names),
            }
        }
        sets
    }

    /// The role of the metrics wins over the agent's.
    fn credentials(&mut self, entry: &Entry, wins: bool) {
        for (key, value) in entry.value.entries() {
            let place = entry.place.below(key);
            match (key, value.text()) {
                ("role_arn", Some(text)) => {
                    let role = &mut self.found.settings.role;
                    if wins || role.is_none() {
                        *role = Some(Setting { value: text.to_owned(), place });
                    }
                }
                _ => self.found.unknown(&place),
            }
        }
    }

    fn setting(&mut self, entry: &Entry) -> Option<Setting> {
        match entry.value.text() {
            Some(text) => Some(Setting { value: text.to_owned(), place: entry.place.clone() }),
            None => {
                self.expected(entry, "a text");
                None
            }
        }
    }

    fn expected(&mut self, entry: &Entry, expected: &str) {
        let text = format!("expected {expected}, found {}", entry.value.kind());
        self.found.remark(&entry.place, true, text);
    }

    fn entity(&mut self, place: &Place) {
        self.found.remark(place, true, "cwmem attaches no service to its metrics");
    }
}

/// A whole number of seconds; what isn't one is said, and the default counts.
pub fn seconds(value: &Json, place: &Place, found: &mut Found) -> Option<u32> {
    match value {
        Json::Number(number)
            if (1.0..=LONGEST_INTERVAL).contains(number) && number.fract() == 0.0 =>
        {
            Some(*number as u32)
        }
        _ => {
            let text = format!(
                "expected a whole number of seconds from 1 to 172800, found {}",
                value.kind()
            );
            found.remark(place, true, text);
            None
        }
    }
}

/// What a value of a dimension comes to in a section's own `append_dimensions`.
pub fn value(text: &str) -> Value {
    if let Some(name) = INSTANCE_NAMES.iter().find(|name| text == format!("${{aws:{name}}}")) {
        return Value::Instance(name);
    }
    match text.find("${") {
        Some(at) if text[at..].starts_with("${aws:") || text[at..].starts_with("${!aws:") => {
            Value::Unknown(text.to_owned(), "it isn't known what the agent made of it")
        }
        Some(_) => Value::Unknown(
            text.to_owned(),
            "it is taken from the agent's environment, which isn't known here",
        ),
        None => Value::Fixed(text.to_owned()),
    }
}

/// `agent.metrics_collection_interval` where nothing is said.
const DEFAULT_INTERVAL: u32 = 60;
/// The agent's schema, `timeIntervalDefinition`.
const LONGEST_INTERVAL: f64 = 172_800.0;
/// What `append_dimensions` may name.
const INSTANCE_NAMES: [&str; 4] = ["AutoScalingGroupName", "ImageId", "InstanceId", "InstanceType"];
/// Keys of `agent` that change nothing in what is published.
const AGENT_S_OWN: [&str; 8] = [
    "logfile",
    "debug",
    "quiet",
    "aws_sdk_log_level",
    "user_agent",
    "run_as_user",
    "internal",
    "usage_data",
];
