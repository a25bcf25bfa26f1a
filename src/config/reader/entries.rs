//! Tables within a section: what a name of the operator's own stands for.

use crate::config::reader::Field;
use crate::config::tree::{Value, dotted};

impl Field<'_> {
    /// What `kind` makes of each entry of a table: all of them, or nothing.
    pub fn entries<T>(
        &mut self,
        expected: impl Into<String>,
        mut kind: impl FnMut(&mut Field<'_>, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Table(table) = &self.node.value else {
            return self.refuse(expected);
        };
        // Each entry is looked at even after one was refused: all problems at once.
        let mut entries = Vec::new();
        for (name, node) in table.iter() {
            let key = dotted(self.key, name);
            let mut field = Field { key: &key, node, problems: &mut *self.problems };
            entries.push(kind(&mut field, name));
        }
        entries.into_iter().collect()
    }
}
