//! A table of plain text: columns as wide as their widest cell, the last one free.

use std::fmt;

pub struct Table {
    columns: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(header: &[&str]) -> Table {
        let header = header.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        Table { columns: header.len(), rows: vec![header] }
    }

    /// Adds a row; cells beyond the header's are left out.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).take(self.columns).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, &width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:width$}  "));
            }
            writeln!(formatter, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn columns_align_by_characters() {
        let mut table = Table::new(&["NAME", "Δ", "REST"]);
        table.row(["a", "100·x", "one"]);
        table.row(["longer", "−", ""]);
        expect![[r#"
            NAME    Δ      REST
            a       100·x  one
            longer  −
        "#]]
        .assert_eq(&table.to_string());
    }
}
