//! A statement said on a connection, and the cells of what comes back.

use crate::cluster::database::{Connection, DatabaseError};
use crate::cluster::statements::{Parameter, Statement};
use mysql_async::Value;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells(pub Vec<Value>);

#[derive(Debug, thiserror::Error)]
pub enum TalkError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("expected a row from `{0}`, found none")]
    NoRow(&'static str),
    #[error("expected a number in column {column}, found {found}")]
    NoNumber { column: usize, found: String },
}

/// All rows of a question.
pub async fn rows(
    connection: &mut Connection,
    statement: &Statement,
) -> Result<Vec<Cells>, TalkError> {
    let rows = connection.rows(statement.text, values(statement)).await?;
    Ok(rows.into_iter().map(Cells).collect())
}

/// All rows of a question, one after the other.
pub async fn each(
    connection: &mut Connection,
    statement: &Statement,
    mut row: impl FnMut(Cells),
) -> Result<(), TalkError> {
    connection.each(statement.text, values(statement), |found| row(Cells(found))).await?;
    Ok(())
}

/// The first row of a question that has one.
pub async fn row(connection: &mut Connection, statement: &Statement) -> Result<Cells, TalkError> {
    let rows = rows(connection, statement).await?;
    rows.into_iter().next().ok_or(TalkError::NoRow(statement.text))
}

/// How many rows a statement changed.
pub async fn change(connection: &mut Connection, statement: &Statement) -> Result<u64, TalkError> {
    Ok(connection.change(statement.text, values(statement)).await?)
}

fn values(statement: &Statement) -> Vec<Value> {
    let value = |parameter: &Parameter| match parameter {
        Parameter::Null => Value::NULL,
        Parameter::Integer(value) => Value::Int(*value),
        Parameter::Double(value) => Value::Double(*value),
        Parameter::Text(text) => Value::Bytes(text.clone().into_bytes()),
    };
    statement.parameters.iter().map(value).collect()
}

impl Cells {
    /// A whole number, or a text that is one: decimals come as text. `None` for NULL too.
    pub fn integer(&self, column: usize) -> Option<i64> {
        match self.0.get(column)? {
            Value::Int(value) => Some(*value),
            Value::UInt(value) => i64::try_from(*value).ok(),
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
            _ => None,
        }
    }

    pub fn number(&self, column: usize) -> Option<f64> {
        match self.0.get(column)? {
            Value::Double(value) => Some(*value),
            Value::Float(value) => Some(f64::from(*value)),
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
            _ => self.integer(column).map(|value| value as f64),
        }
    }

    pub fn text(&self, column: usize) -> Option<String> {
        match self.0.get(column)? {
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    /// A whole number that has to be there.
    pub fn needed(&self, column: usize) -> Result<i64, TalkError> {
        self.integer(column).ok_or_else(|| TalkError::NoNumber {
            column,
            found: self.0.get(column).map_or("nothing".to_owned(), |value| value.as_sql(true)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_several_forms() {
        let cells = Cells(vec![
            Value::Int(-3),
            Value::UInt(u64::MAX),
            Value::Bytes(b"12".to_vec()),
            Value::Double(1.5),
            Value::NULL,
        ]);
        let integers: Vec<_> = (0..6).map(|column| cells.integer(column)).collect();
        assert_eq!(integers, [Some(-3), None, Some(12), None, None, None]);
        assert_eq!(
            (cells.number(3), cells.number(2), cells.number(4)),
            (Some(1.5), Some(12.0), None)
        );
        assert_eq!(cells.text(2).as_deref(), Some("12"));
        assert_eq!(
            cells.needed(4).unwrap_err().to_string(),
            "expected a number in column 4, found NULL"
        );
    }
}
