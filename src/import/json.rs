//! JSON as it was written: objects keep the order of their keys and those that are given twice.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::{HashMap, HashSet};
use std::fmt;

#[derive(Debug, Clone)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Object),
}

/// Of a key that is given several times the last value counts, as it does for the agent.
#[derive(Debug, Clone, Default)]
pub struct Object {
    pairs: Vec<(String, Json)>,
    repeated: Vec<String>,
}

/// With the line of the first mistake.
pub fn parse(text: &str) -> Result<Json, serde_json::Error> {
    serde_json::from_str(text)
}

impl Json {
    /// The pairs of an object, each key once; of anything else none.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Json)> {
        let pairs: &[(String, Json)] = match self {
            Json::Object(object) => &object.pairs,
            _ => &[],
        };
        pairs.iter().map(|(key, value)| (key.as_str(), value))
    }

    fn sorted(&self) -> Vec<(&str, &Json)> {
        let mut pairs: Vec<_> = self.entries().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        pairs
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        self.entries().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn list(&self) -> Option<&[Json]> {
        match self {
            Json::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn is_object(&self) -> bool {
        matches!(self, Json::Object(_))
    }

    /// What it is, for people.
    pub fn kind(&self) -> String {
        match self {
            Json::Null => "null".to_owned(),
            Json::Bool(value) => value.to_string(),
            Json::Number(number) => number.to_string(),
            Json::Text(text) => crate::import::quoted(text),
            Json::List(_) => "a list".to_owned(),
            Json::Object(_) => "an object".to_owned(),
        }
    }

    /// The paths of keys that stand in their object more than once, below `path`.
    pub fn repeated(&self, path: &str, found: &mut Vec<String>) {
        match self {
            Json::Object(Object { pairs, repeated }) => {
                found.extend(repeated.iter().map(|key| join(path, key)));
                for (key, value) in pairs {
                    value.repeated(&join(path, key), found);
                }
            }
            Json::List(items) => {
                for (place, item) in items.iter().enumerate() {
                    item.repeated(&join(path, &place.to_string()), found);
                }
            }
            _ => {}
        }
    }
}

/// Equal as the agent compares: the order of an object's keys doesn't count, that of a list does.
impl PartialEq for Json {
    fn eq(&self, other: &Json) -> bool {
        match (self, other) {
            (Json::Null, Json::Null) => true,
            (Json::Bool(one), Json::Bool(other)) => one == other,
            (Json::Number(one), Json::Number(other)) => one == other,
            (Json::Text(one), Json::Text(other)) => one == other,
            (Json::List(one), Json::List(other)) => one == other,
            (Json::Object(_), Json::Object(_)) => self.sorted() == other.sorted(),
            _ => false,
        }
    }
}

/// A JSON pointer (RFC 6901) to `key` below `path`.
pub fn join(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Json, A::Error> {
        let mut object = Object::default();
        let mut places = HashMap::new();
        let mut repeated = HashSet::new();
        while let Some((key, value)) = pairs.next_entry::<String, Json>()? {
            match places.get(&key) {
                Some(&place) => {
                    if repeated.insert(key.clone()) {
                        object.repeated.push(key.clone());
                    }
                    object.pairs[place] = (key, value);
                }
                None => {
                    places.insert(key.clone(), object.pairs.len());
                    object.pairs.push((key, value));
                }
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_repeated_key_the_last_counts() {
        let json = parse(r#"{"a": 1, "b": {"c": [{"d": 1, "d": 2}]}, "a": 3, "a": 4}"#).unwrap();
        assert_eq!(json.get("a"), Some(&Json::Number(4.0)));
        assert_eq!(json.entries().map(|(key, _)| key).collect::<Vec<_>>(), ["a", "b"]);
        let mut repeated = Vec::new();
        json.repeated("", &mut repeated);
        assert_eq!(repeated, ["/a", "/b/c/0/d"]);
    }

    #[test]
    fn equality_is_deep_and_blind_to_the_order_of_keys() {
        let same = |one: &str, other: &str| parse(one).unwrap() == parse(other).unwrap();
        assert!(same(r#"{"a": 60, "b": [1, null]}"#, r#"{"b": [1, null], "a": 60.0}"#));
        assert!(same(r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#));
        assert!(!same("[1, 2]", "[2, 1]"));
        assert!(!same(r#"{"a": 1}"#, r#"{"a": 1, "b": 1}"#));
    }

    #[test]
    fn pointers_escape_their_separators() {
        assert_eq!(join("/a", "b/c~d"), "/a/b~1c~0d");
    }
}
