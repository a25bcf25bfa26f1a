//! A table of plain text: columns as wide as their widest cell.

use std::fmt;
use std::ops::Range;

pub struct Table {
    columns: usize,
    /// Columns of figures: they stand to the right.
    figures: Range<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(header: &[&str]) -> Table {
        let header = header.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        Table { columns: header.len(), figures: 0..0, rows: vec![header] }
    }

    pub fn with_figures(mut self, figures: Range<usize>) -> Table {
        self.figures = figures;
        self
    }

    /// Adds a row; cells beyond the header's are left out.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter().map(|cell| printable(cell.into()));
        self.rows.push(cells.take(self.columns).collect());
    }
}

/// A name that somebody else gave must not move the terminal's cursor.
pub fn printable(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let mut escaped = String::new();
    for character in text.chars() {
        match character.is_control() {
            true => escaped.extend(character.escape_debug()),
            false => escaped.push(character),
        }
    }
    escaped
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
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let cell = match self.figures.contains(&column) {
                    true => format!("{cell:>width$}  "),
                    false => format!("{cell:width$}  "),
                };
                line.push_str(&cell);
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
        let mut table = Table::new(&["NAME", "Δ", "COUNT", "REST"]).with_figures(2..3);
        table.row(["a", "100·x", "7", "one"]);
        table.row(["longer", "−", "12", ""]);
        expect![[r#"
            NAME    Δ      COUNT  REST
            a       100·x      7  one
            longer  −         12
        "#]]
        .assert_eq(&table.to_string());
    }

    #[test]
    fn what_would_steer_a_terminal_is_escaped() {
        let mut table = Table::new(&["NAME"]);
        table.row(["\u{1b}[2J grün\n"]);
        assert_eq!(table.to_string(), "NAME\n\\u{1b}[2J grün\\n\n");
    }
}
