//! What a database is like, for a member that wants to work in it: family and version, encryption,
//! writer or reader, the tables and what the user may do with them. Nothing is changed: what would
//! change rows is said of no row, which the server judges all the same.

use crate::clock::Timestamp;
use crate::cluster::database::{Connection, DatabaseError};
use crate::cluster::statements::{NOW, READ_ONLY, look};
use crate::cluster::talk::{self, Cells};

#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Such as `10.11.14-MariaDB` or `8.4.3`.
    pub version: String,
    /// Such as `TLSv1.3`; `None` in clear text.
    pub tls: Option<String>,
    pub read_only: bool,
    /// The database's clock.
    pub now: Timestamp,
    /// In the order of `TABLES`.
    pub tables: Vec<Table>,
    /// The cluster's length of period, in seconds, where a member has been.
    pub period: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Usable,
    /// As far as reading it goes: a server that is read-only doesn't say more.
    Readable,
    Absent,
    /// It has other columns than this version's.
    Foreign(String),
    /// Rights that the user lacks.
    Denied(Vec<&'static str>),
}

pub async fn inspect(
    connection: &mut Connection,
    cluster: &str,
) -> Result<Inspection, DatabaseError> {
    let version = text(connection, "SELECT VERSION()", 0).await?;
    let cipher = text(connection, "SHOW SESSION STATUS LIKE 'Ssl_version'", 1).await?;
    let read_only = number(connection, READ_ONLY).await? == Some(1);
    let now = Timestamp(number(connection, NOW).await?.unwrap_or_default());
    let mut tables = Vec::new();
    for (name, columns, rights) in &TABLES {
        let rights = if read_only { &rights[..1] } else { rights };
        let state = match state(connection, name, columns, rights).await? {
            State::Usable if read_only => State::Readable,
            state => state,
        };
        tables.push(Table { name, state });
    }
    let period = period(connection, cluster, &tables).await;
    let tls = Some(cipher).filter(|cipher| !cipher.is_empty());
    Ok(Inspection { version, tls, read_only, now, tables, period })
}

/// Of a table that can't be read there is none.
async fn period(connection: &mut Connection, cluster: &str, tables: &[Table]) -> Option<i64> {
    let readable = |state: &State| matches!(state, State::Usable | State::Readable);
    tables.last().filter(|table| readable(&table.state))?;
    talk::row(connection, &look(cluster)).await.ok()?.integer(0)
}

async fn state(
    connection: &mut Connection,
    name: &str,
    columns: &str,
    rights: &[&'static str],
) -> Result<State, DatabaseError> {
    let nothing = vec!["0"; columns.split(',').count()].join(",");
    let mut lacking = Vec::new();
    for right in rights {
        let statement = match *right {
            "SELECT" => format!("SELECT {columns} FROM {name} WHERE 1=0"),
            "INSERT" => {
                format!("INSERT INTO {name} ({columns}) SELECT {nothing} FROM DUAL WHERE 1=0")
            }
            "UPDATE" => format!("UPDATE {name} SET period=0 WHERE 1=0"),
            _ => format!("DELETE FROM {name} WHERE 1=0"),
        };
        match connection.rows(&statement, Vec::new()).await {
            Ok(_) => {}
            Err(DatabaseError::Server { code: NO_TABLE, .. }) => return Ok(State::Absent),
            Err(DatabaseError::Server { code: NO_COLUMN, message }) => {
                return Ok(State::Foreign(message));
            }
            Err(DatabaseError::Server { code: TABLE_DENIED | COLUMN_DENIED, .. }) => {
                lacking.push(*right);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(if lacking.is_empty() { State::Usable } else { State::Denied(lacking) })
}

async fn text(
    connection: &mut Connection,
    question: &str,
    column: usize,
) -> Result<String, DatabaseError> {
    let row = connection.rows(question, Vec::new()).await?.into_iter().next().map(Cells);
    Ok(row.and_then(|row| row.text(column)).unwrap_or_default())
}

async fn number(connection: &mut Connection, question: &str) -> Result<Option<i64>, DatabaseError> {
    let row = connection.rows(question, Vec::new()).await?.into_iter().next().map(Cells);
    Ok(row.and_then(|row| row.integer(0)))
}

/// Name, columns and the rights that a member needs, as `schema` has them.
const TABLES: [(&str, &str, &[&str]); 2] = [
    (
        "cwmem_member",
        "cluster,member,seen_at,period,mem_usable,mem_available,used_percent,stall_percent,\
         under_pressure",
        &["SELECT", "INSERT", "UPDATE", "DELETE"],
    ),
    (
        "cwmem_cluster",
        "cluster,period,period_length,epoch,leader,leader_since,claimed_at,published_period,\
         published_at",
        &["SELECT", "INSERT", "UPDATE"],
    ),
];
/// MySQL reference, "Server Error Message Reference"; MariaDB has the same numbers.
const TABLE_DENIED: u16 = 1_142;
const COLUMN_DENIED: u16 = 1_143;
const NO_TABLE: u16 = 1_146;
const NO_COLUMN: u16 = 1_054;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema;

    /// Every column of the schema, and every right that it grants, is asked for.
    #[test]
    fn what_is_asked_for_is_the_schema() {
        let grants = schema::grants("s", "u", "%").unwrap();
        for ((name, columns, rights), (made, grant)) in
            TABLES.iter().zip(schema::TABLES.iter().zip(grants))
        {
            assert!(made.contains(&format!(" {name} (")));
            let lines = made.lines().skip(1).filter_map(|line| line.trim().split(' ').next());
            let made: Vec<&str> =
                lines.filter(|word| word.starts_with(char::is_lowercase)).collect();
            assert_eq!(columns.split(',').collect::<Vec<_>>(), made);
            assert!(grant.starts_with(&format!("GRANT {} ON `s`.`{name}`", rights.join(", "))));
        }
    }
}
