//! Walks a tree section by section and key by key, and collects everything that is wrong.
//!
//! Asking for a key is what makes it known: there is no second list of keys to keep.

mod entries;
mod tables;

use crate::config::nearest::nearest;
use crate::config::problem::{Fault, Place, Problems};
use crate::config::tree::{Node, Table, Value, dotted, shown};

pub struct Reader {
    document: Table,
    problems: Problems,
    known: Vec<Known>,
    unknown: Vec<Unknown>,
}

pub struct Section<'a> {
    reader: &'a mut Reader,
    name: &'static str,
    table: Table,
}

/// A key's value, and whether it stands in a file.
pub struct Setting<T> {
    pub value: T,
    origin: Origin,
}

/// A value on its way to its type; what doesn't fit becomes a problem at its place.
pub struct Field<'a> {
    key: &'a str,
    pub node: &'a Node,
    problems: &'a mut Problems,
}

/// A key that was asked for.
pub struct Known {
    pub section: &'static str,
    pub name: &'static str,
}

/// What no one asked for; the suggestions wait until every key is known.
struct Unknown {
    section: &'static str,
    name: String,
    is_table: bool,
    place: Place,
}

enum Origin {
    Default,
    File {
        place: Place,
        key: String,
        found: String,
    },
    /// Refused: the default stands in so that the walk can go on.
    Refused,
}

impl Reader {
    pub fn new(document: Table, problems: Problems) -> Reader {
        Reader { document, problems, known: Vec::new(), unknown: Vec::new() }
    }

    /// Reads the section `name`; what `read` leaves in it is unknown.
    pub fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let table = match self.document.take(name) {
            None => Table::default(),
            Some(Node { value: Value::Table(table), .. }) => table,
            Some(Node { place, value }) => {
                let expected = format!("a section [{name}]");
                let fault = Fault::Expected { expected, found: value.shown(), hint: None };
                self.problems.push(place, Some(name), fault);
                Table::default()
            }
        };
        let mut section = Section { reader: self, name, table };
        let result = read(&mut section);
        let rest = section.table;
        self.refuse_rest(name, rest);
        result
    }

    /// Whether every file could be read, so that what seems to be missing is missing.
    pub fn all_is_read(&self) -> bool {
        self.problems.all_is_read()
    }

    /// The keys asked for and all problems, after the last section was read.
    pub fn finish(mut self) -> (Vec<Known>, Problems) {
        let rest = std::mem::take(&mut self.document);
        self.refuse_rest(ROOT, rest);
        for unknown in std::mem::take(&mut self.unknown) {
            let nearest = self.suggestion(&unknown);
            let key = dotted(unknown.section, &unknown.name);
            let fault = match unknown.is_table {
                true => Fault::UnknownSection { nearest },
                false => Fault::UnknownKey { nearest },
            };
            self.problems.push(unknown.place, Some(&key), fault);
        }
        (self.known, self.problems.sorted())
    }

    fn refuse_rest(&mut self, section: &'static str, mut rest: Table) {
        self.unknown.extend(rest.take_all().into_iter().map(|(name, node)| Unknown {
            section,
            name,
            is_table: node.value.is_section(),
            place: node.place,
        }));
    }

    /// A like name of the same section, else the same name in another one.
    fn suggestion(&self, unknown: &Unknown) -> Option<String> {
        if unknown.section == ROOT && unknown.is_table {
            let sections = self.known.iter().map(|known| known.section);
            return nearest(&unknown.name, sections).map(|section| format!("[{section}]"));
        }
        let of_section = self.known.iter().filter(|known| known.section == unknown.section);
        if let Some(name) = nearest(&unknown.name, of_section.map(|known| known.name)) {
            return Some(dotted(unknown.section, name));
        }
        let elsewhere = match unknown.section == ROOT {
            true => nearest(&unknown.name, self.known.iter().map(|known| known.name))?,
            false => &unknown.name,
        };
        let known = self.known.iter().find(|known| known.name == elsewhere)?;
        Some(dotted(known.section, known.name))
    }
}

impl Section<'_> {
    /// The key `name`, as `kind` reads it.
    pub fn value<T>(
        &mut self,
        name: &'static str,
        default: T,
        kind: impl FnOnce(&mut Field<'_>) -> Option<T>,
    ) -> Setting<T> {
        self.reader.known.push(Known { section: self.name, name });
        let Some(node) = self.table.take(name) else {
            return Setting { value: default, origin: Origin::Default };
        };
        let key = dotted(self.name, name);
        let mut field = Field { key: &key, node: &node, problems: &mut self.reader.problems };
        match kind(&mut field) {
            Some(value) => {
                let found = node.value.shown();
                Setting { value, origin: Origin::File { place: node.place, key, found } }
            }
            None => Setting { value: default, origin: Origin::Refused },
        }
    }

    /// The key `name`, which has no default.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        kind: impl FnOnce(&mut Field<'_>) -> Option<T>,
    ) -> Setting<Option<T>> {
        self.value(name, None, |field| kind(field).map(Some))
    }

    /// All that is left in the section, whatever its names; `what` stands for them.
    pub fn rest<T>(
        &mut self,
        what: &'static str,
        mut kind: impl FnMut(&mut Field<'_>, &str) -> T,
    ) -> Vec<T> {
        self.reader.known.push(Known { section: self.name, name: what });
        let entries = self.table.take_all().into_iter().map(|(name, node)| {
            let key = dotted(self.name, &name);
            let problems = &mut self.reader.problems;
            kind(&mut Field { key: &key, node: &node, problems }, &name)
        });
        entries.collect()
    }

    /// Refuses a setting that doesn't agree with another one. Defaults always agree.
    pub fn check<T>(
        &mut self,
        mut setting: Setting<T>,
        agrees: impl FnOnce(&T) -> bool,
        expected: impl FnOnce() -> String,
    ) -> Setting<T> {
        if let Origin::File { place, key, found } = &setting.origin
            && !agrees(&setting.value)
        {
            let fault = Fault::Expected { expected: expected(), found: found.clone(), hint: None };
            self.reader.problems.push(place.clone(), Some(key), fault);
            setting.origin = Origin::Refused;
        }
        setting
    }

    pub fn all_is_read(&self) -> bool {
        self.reader.all_is_read()
    }

    pub fn report(&mut self, place: Place, key: &str, fault: Fault) {
        self.reader.problems.push(place, Some(key), fault);
    }
}

impl<T> Setting<T> {
    /// Its value is not what the file says, so nothing can be held against it.
    pub fn is_refused(&self) -> bool {
        matches!(self.origin, Origin::Refused)
    }

    /// Another value of the same origin.
    pub fn becomes<U>(self, value: U) -> Setting<U> {
        Setting { value, origin: self.origin }
    }
}

impl<'a> Field<'a> {
    /// Refuses the value.
    pub fn refuse<T>(&mut self, expected: impl Into<String>) -> Option<T> {
        self.push(expected.into(), self.node.value.shown(), None)
    }

    /// Refuses the value and says what to do about it.
    pub fn refuse_with<T>(&mut self, expected: impl Into<String>, hint: String) -> Option<T> {
        self.push(expected.into(), self.node.value.shown(), Some(hint))
    }

    /// Refuses the value and suggests the one of `known` that was probably meant.
    pub fn refuse_near<'k, T>(
        &mut self,
        expected: impl Into<String>,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<T> {
        let nearest = match &self.node.value {
            Value::String(text) => nearest(text, known),
            _ => None,
        };
        let hint = nearest.map(|nearest| format!("did you mean {}?", shown(nearest)));
        self.push(expected.into(), self.node.value.shown(), hint)
    }

    /// Refuses the value without showing it.
    pub fn refuse_unseen<T>(&mut self, expected: impl Into<String>) -> Option<T> {
        let found = "something else (not shown: it may hold a password)";
        self.push(expected.into(), found.to_owned(), None)
    }

    /// Refuses the key's own name.
    pub fn refuse_name<T>(&mut self, expected: String, name: &str) -> Option<T> {
        self.push(expected, format!("the name {}", shown(name)), None)
    }

    /// The text of a string.
    pub fn text(&mut self, expected: impl Into<String>) -> Option<&'a str> {
        match &self.node.value {
            Value::String(text) => Some(text),
            _ => self.refuse(expected),
        }
    }

    /// What `kind` makes of each element of a list: all of them, or nothing.
    pub fn list<T>(
        &mut self,
        expected: impl Into<String>,
        mut kind: impl FnMut(&mut Field<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(nodes) = &self.node.value else {
            return self.refuse(expected);
        };
        // Each element is looked at even after one was refused: all problems at once.
        let mut elements = Vec::new();
        for node in nodes {
            let mut field = Field { key: self.key, node, problems: &mut *self.problems };
            elements.push(kind(&mut field));
        }
        elements.into_iter().collect()
    }

    fn push<T>(&mut self, expected: String, found: String, hint: Option<String>) -> Option<T> {
        let fault = Fault::Expected { expected, found, hint };
        self.problems.push(self.node.place.clone(), Some(self.key), fault);
        None
    }
}

/// The name of what stands above the first section.
const ROOT: &str = "";
