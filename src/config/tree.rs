//! TOML as a tree that knows where each of its values stands; several files make one tree.

use crate::config::problem::{Fault, Place, Problems};
use crate::config::redact::redacted;
use crate::config::syntax::{self, Lines};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Names and values in the order of their files.
#[derive(Default)]
pub struct Table(Vec<(String, Node)>);

pub struct Node {
    /// Of the key; of the element itself within a list.
    pub place: Place,
    pub value: Value,
}

pub enum Value {
    String(String),
    /// Decimal where it fits 64 bits, else as it is written.
    Integer(String),
    Float(String),
    Boolean(bool),
    Datetime(String),
    List(Vec<Node>),
    Table(Table),
}

/// Parses what is sound in `text`; every error of syntax becomes a problem.
pub fn parse(file: &Arc<Path>, text: &str, problems: &mut Problems) -> Table {
    let lines = Lines::new(file, text);
    let text = syntax::sound(text, &lines, problems);
    let (document, _) = DeTable::parse_recoverable(&text);
    table(document.into_inner(), &lines)
}

impl Table {
    /// Adds `other`'s values: tables unite, anything else that is set in both is a problem.
    pub fn merge(&mut self, other: Table, problems: &mut Problems) {
        self.merge_under("", other, problems);
    }

    pub fn take(&mut self, name: &str) -> Option<Node> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(name, node)| (name.as_str(), node))
    }

    pub fn take_all(&mut self) -> Vec<(String, Node)> {
        std::mem::take(&mut self.0)
    }

    fn merge_under(&mut self, path: &str, other: Table, problems: &mut Problems) {
        let index: BTreeMap<String, usize> =
            self.0.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)).collect();
        for (name, node) in other.0 {
            let Some((_, earlier)) = index.get(&name).and_then(|place| self.0.get_mut(*place))
            else {
                self.0.push((name, node));
                continue;
            };
            let path = dotted(path, &name);
            match (&mut earlier.value, node.value) {
                (Value::Table(earlier), Value::Table(later)) => {
                    earlier.merge_under(&path, later, problems);
                }
                _ => problems.push(node.place, Some(&path), Fault::Twice(earlier.place.clone())),
            }
        }
    }
}

impl Value {
    /// `[name]`, or `[[name]]`, which no section is but which is meant as one.
    pub fn is_section(&self) -> bool {
        match self {
            Value::Table(_) => true,
            Value::List(list) => {
                list.first().is_some_and(|first| matches!(first.value, Value::Table(_)))
            }
            _ => false,
        }
    }

    /// As a message shows it: short, on one line, without passwords.
    pub fn shown(&self) -> String {
        match self {
            Value::String(text) => shown(text),
            Value::Integer(text) | Value::Float(text) | Value::Datetime(text) => short(text),
            Value::Boolean(value) => value.to_string(),
            Value::List(list) if list.is_empty() => "an empty list".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

/// The path of `name` under `path` (empty for the root), with quotes where TOML needs them.
pub fn dotted(path: &str, name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let name = match !name.is_empty() && name.bytes().all(bare) {
        true => short(name),
        false => shown(name),
    };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// In quotes, escaped, shortened and without passwords.
pub fn shown(text: &str) -> String {
    format!("{:?}", short(&redacted(text)))
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn table(table: DeTable<'_>, lines: &Lines<'_>) -> Table {
    let mut entries: Vec<_> = table.into_iter().collect();
    // The parser's tables are in alphabetical order.
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter().map(|(key, value)| {
        let place = lines.place_of(key.span().start);
        (key.into_inner().into_owned(), node(place, value, lines))
    });
    Table(entries.collect())
}

fn node(place: Place, value: Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Node {
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(integer) => {
            let decimal = i64::from_str_radix(integer.as_str(), integer.radix());
            Value::Integer(decimal.map_or_else(|_| integer.to_string(), |value| value.to_string()))
        }
        DeValue::Float(float) => Value::Float(float.to_string()),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
        DeValue::Array(array) => {
            let elements = array.into_iter().map(|element| {
                let place = lines.place_of(element.span().start);
                node(place, element, lines)
            });
            Value::List(elements.collect())
        }
        DeValue::Table(inner) => Value::Table(table(inner, lines)),
    };
    Node { place, value }
}

/// In characters.
const LONGEST_SHOWN: usize = 80;
