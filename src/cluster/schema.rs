//! The two tables of a cluster, and the privileges that members need on them: texts for MySQL 5.7 to
//! 9 and MariaDB 10 and 11.

/// One row a member: its last period's figures. `seen_at` is the database's clock.
pub const MEMBER_TABLE: &str = "\
CREATE TABLE IF NOT EXISTS cwmem_member (
  cluster VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  member VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  seen_at DATETIME(3) NOT NULL,
  period BIGINT UNSIGNED NOT NULL,
  mem_usable BIGINT UNSIGNED NOT NULL,
  mem_available BIGINT UNSIGNED NOT NULL,
  used_percent DOUBLE NOT NULL,
  stall_percent DOUBLE NULL,
  under_pressure TINYINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (cluster, member)
) ENGINE=InnoDB";

/// One row a cluster: the last period claimed, by whom, and the last one published.
pub const CLUSTER_TABLE: &str = "\
CREATE TABLE IF NOT EXISTS cwmem_cluster (
  cluster VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  period BIGINT UNSIGNED NOT NULL DEFAULT 0,
  period_length INT UNSIGNED NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL DEFAULT 0,
  leader VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  leader_since DATETIME(3) NULL,
  claimed_at DATETIME(3) NULL,
  published_period BIGINT UNSIGNED NOT NULL DEFAULT 0,
  published_at DATETIME(3) NULL
) ENGINE=InnoDB";

/// What `cwmem cluster init` runs, in this order.
pub const TABLES: [&str; 2] = [MEMBER_TABLE, CLUSTER_TABLE];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} {name:?} can't be written into a GRANT statement: expected 1 to {LONGEST} characters \
     without control characters, quotes or backslashes"
)]
pub struct Unquotable {
    what: &'static str,
    name: String,
}

/// The least that a member needs: rows of the two tables, and nothing else. Named locks need no
/// privilege. The tables have to exist.
pub fn grants(schema: &str, user: &str, host: &str) -> Result<[String; 2], Unquotable> {
    let schema = quotable("schema", schema)?;
    let user = quotable("user", user)?;
    let host = quotable("host", host)?;
    Ok([
        ("cwmem_member", "SELECT, INSERT, UPDATE, DELETE"),
        ("cwmem_cluster", "SELECT, INSERT, UPDATE"),
    ]
    .map(|(table, rights)| format!("GRANT {rights} ON `{schema}`.`{table}` TO '{user}'@'{host}'")))
}

fn quotable<'a>(what: &'static str, name: &'a str) -> Result<&'a str, Unquotable> {
    let fine = |character: char| !character.is_control() && !"`'\"\\".contains(character);
    if (1..=LONGEST).contains(&name.chars().count()) && name.chars().all(fine) {
        return Ok(name);
    }
    Err(Unquotable { what, name: name.to_owned() })
}

/// MySQL's longest host name in an account; schemas have 64 characters and users 32 (MariaDB: 80).
const LONGEST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_may_do_what_they_need_and_no_more() {
        assert_eq!(
            grants("fleet", "cwmem", "10.0.%").unwrap(),
            [
                "GRANT SELECT, INSERT, UPDATE, DELETE ON `fleet`.`cwmem_member` TO 'cwmem'@'10.0.%'",
                "GRANT SELECT, INSERT, UPDATE ON `fleet`.`cwmem_cluster` TO 'cwmem'@'10.0.%'",
            ]
        );
    }

    #[test]
    fn hostile_names_are_refused() {
        for name in ["", "a`b", "a'b", "a\"b", "a\\", "a\nb", "a\0", &"a".repeat(256)] {
            assert!(grants(name, "u", "%").is_err(), "{name:?}");
            assert!(grants("s", name, "%").is_err(), "{name:?}");
            assert!(grants("s", "u", name).is_err(), "{name:?}");
        }
    }

    /// What a statement names stands in the tables.
    #[test]
    fn tables_are_made_once_and_for_all() {
        for table in TABLES {
            assert!(table.starts_with("CREATE TABLE IF NOT EXISTS cwmem_"));
            assert!(table.ends_with("ENGINE=InnoDB"));
            assert!(!table.contains(';'));
        }
    }
}
