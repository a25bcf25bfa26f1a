//! Tables within a section: a key that has keys of its own; and where a setting stands.

use crate::config::nearest::nearest;
use crate::config::problem::{Fault, Place};
use crate::config::reader::{Field, Origin, Setting};
use crate::config::tree::{Table, Value, dotted};

impl Field<'_> {
    /// What `kind` makes of the table, or of each table of a list: all of them, or nothing.
    pub fn tables<T>(
        &mut self,
        expected: &str,
        mut kind: impl FnMut(&mut Field<'_>, &Table) -> Option<T>,
    ) -> Option<Vec<T>> {
        match &self.node.value {
            Value::Table(table) => kind(self, table).map(|only| vec![only]),
            Value::List(nodes) if !nodes.is_empty() => {
                self.list(expected, |field| match &field.node.value {
                    Value::Table(table) => kind(field, table),
                    _ => field.refuse(expected),
                })
            }
            _ => self.refuse(expected),
        }
    }

    /// Hands each entry of a table to `kind`; `None` where one of them is refused.
    pub fn keys_of(
        &mut self,
        table: &Table,
        mut kind: impl FnMut(&mut Field<'_>, &str) -> Option<()>,
    ) -> Option<()> {
        let mut all = Some(());
        for (name, node) in table.iter() {
            let key = dotted(self.key, name);
            let mut field = Field { key: &key, node, problems: &mut *self.problems };
            all = kind(&mut field, name).and(all);
        }
        all
    }

    /// Refuses the key itself: it is none of `known`.
    pub fn refuse_key<T>(&mut self, name: &str, known: &[&str]) -> Option<T> {
        let parent = self.key.strip_suffix(name).unwrap_or_default();
        let nearest = nearest(name, known.iter().copied()).map(|near| format!("{parent}{near}"));
        let fault = Fault::UnknownKey { nearest };
        self.problems.push(self.node.place.clone(), Some(self.key), fault);
        None
    }
}

impl<T> Setting<T> {
    /// Where it stands; `None` for a default, and for what was refused.
    pub fn place(&self) -> Option<&Place> {
        match &self.origin {
            Origin::File { place, .. } => Some(place),
            Origin::Default | Origin::Refused => None,
        }
    }
}
