//! A plan as TOML: what `crate::config` reads, for people to go on editing.

use crate::import::plan::{Metric, Plan, Table};
use std::fmt::Write;

/// The whole file.
pub fn write(plan: &Plan, files: &[&str]) -> String {
    let mut text = format!("# Written by cwmem import from {}.\n", comment(&files.join(", ")));
    if plan.tables.is_empty() {
        text += "# Nothing in it is cwmem's to publish: so far this is cwmem as it is without a file.\n";
    } else {
        metrics(&mut text, plan);
    }
    for table in &plan.tables {
        let tables = plan.tables.iter().filter(|other| other.preset == table.preset).count();
        preset(&mut text, table, tables > 1);
    }
    section(&mut text, "publish", &plan.publish);
    section(&mut text, "cloudwatch", &plan.cloudwatch);
    section(&mut text, "identity", &plan.identity);
    text
}

/// A basic string (TOML 1.0, "String").
pub fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                // Writing to a string can't fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

/// A list of strings.
pub fn strings<T: AsRef<str>>(texts: &[T]) -> String {
    list(texts.iter().map(|text| string(text.as_ref())).collect())
}

fn metrics(text: &mut String, plan: &Plan) {
    let mut names: Vec<&str> = plan.tables.iter().map(|table| table.preset).collect();
    names.sort_unstable();
    names.dedup();
    *text += "\n[metrics]\n";
    *text += "# Nothing but what the other agent published: without this line, cwmem's own metrics too.\n";
    *text += "enabled = []\n";
    *text += &format!("presets = {}\n", strings(&names));
}

fn preset(text: &mut String, table: &Table, one_of_several: bool) {
    let (open, close) = if one_of_several { ("[[", "]]") } else { ("[", "]") };
    *text += &format!("\n{open}metrics.{}{close}\n", table.preset);
    *text += &format!("namespace = {}\n", string(&table.namespace));
    *text += &format!("metrics = {}\n", list(table.metrics.iter().map(metric).collect()));
    if let Some(units) = table.units {
        *text += &format!("units = {}\n", string(&units.to_ascii_lowercase()));
    }
    let sets = table.sets.iter().map(|set| strings(set)).collect();
    *text += &format!("dimensions = {}\n", list(sets));
}

fn metric(Metric { name, rename, label }: &Metric) -> String {
    if rename.is_none() && label.is_none() {
        return string(name);
    }
    let mut pairs = vec![format!("metric = {}", string(name))];
    pairs.extend(rename.as_ref().map(|rename| format!("name = {}", string(rename))));
    pairs.extend(label.as_ref().map(|label| format!("unit = {}", string(label))));
    format!("{{ {} }}", pairs.join(", "))
}

fn section(text: &mut String, name: &str, lines: &[(&str, String)]) {
    if !lines.is_empty() {
        *text += &format!("\n[{name}]\n");
    }
    for (key, value) in lines {
        *text += &format!("{key} = {}\n", string(value));
    }
}

/// On one line where it fits.
fn list(items: Vec<String>) -> String {
    let line = format!("[{}]", items.join(", "));
    match line.len() <= LONGEST_LINE || items.len() < 2 {
        true => line,
        false => format!("[\n    {},\n]", items.join(",\n    ")),
    }
}

/// A comment ends with its line.
fn comment(text: &str) -> String {
    text.replace(char::is_control, " ")
}

const LONGEST_LINE: usize = 84;

#[cfg(test)]
mod tests {
    use super::*;
    use ::toml::de::{DeTable, DeValue};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strings_are_read_back(texts in proptest::collection::vec(any::<String>(), 0..8)) {
            let text = format!("x = {}", strings(&texts));
            let parsed = DeTable::parse(&text).unwrap().into_inner();
            let DeValue::Array(array) = parsed["x"].get_ref() else { panic!("{text}") };
            let read: Vec<_> = array.iter().map(|text| text.get_ref().as_str().unwrap()).collect();
            prop_assert_eq!(read, texts);
        }
    }
}
