//! The statements of a cluster: their texts, and the values that are bound to them. No value ever
//! becomes part of a text.
//!
//! `?` stands for a bound value; both families of servers take these forms. Ages are the database's:
//! no member's clock decides who is seen.

use crate::cluster::timing::Timing;

/// The database's time in Unix milliseconds. `UNIX_TIMESTAMP` of an argument would read it in the
/// session's time zone, in which an hour comes twice a year.
macro_rules! now_millis {
    () => {
        "UNIX_TIMESTAMP()*1000 + MICROSECOND(UTC_TIMESTAMP(3)) DIV 1000"
    };
}

/// Aurora's readers are `innodb_read_only`, other replicas `read_only`.
macro_rules! read_only {
    () => {
        "@@global.read_only OR @@global.innodb_read_only"
    };
}

/// Whether a server is read-only: 1 or 0.
pub const READ_ONLY: &str = concat!("SELECT ", read_only!());

/// The database's time in Unix milliseconds.
pub const NOW: &str = concat!("SELECT ", now_millis!());

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub text: &'static str,
    pub parameters: Vec<Parameter>,
}

/// A bound value.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    Null,
    Integer(i64),
    Double(f64),
    Text(String),
}

/// A member's figures of one period, as its row has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Its start, in Unix seconds by the member's clock.
    pub period: i64,
    /// T−H, the period's average, in bytes.
    pub usable: u64,
    /// A, the period's average, in bytes.
    pub available: u64,
    pub used_percent: f64,
    /// Absent where the kernel tells no pressure.
    pub stall_percent: Option<f64>,
    pub under_pressure: bool,
}

impl From<i64> for Parameter {
    fn from(value: i64) -> Parameter {
        Parameter::Integer(value)
    }
}

impl From<u32> for Parameter {
    fn from(value: u32) -> Parameter {
        Parameter::Integer(value.into())
    }
}

/// What doesn't fit isn't memory that a host can have.
impl From<u64> for Parameter {
    fn from(value: u64) -> Parameter {
        Parameter::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// SQL has no NaN and no infinity.
impl From<f64> for Parameter {
    fn from(value: f64) -> Parameter {
        if value.is_finite() { Parameter::Double(value) } else { Parameter::Null }
    }
}

impl From<&str> for Parameter {
    fn from(value: &str) -> Parameter {
        Parameter::Text(value.to_owned())
    }
}

/// A member's row, new or again.
pub fn upsert(cluster: &str, member: &str, report: &Report) -> Statement {
    let used = if report.used_percent.is_finite() { report.used_percent } else { 0.0 };
    Statement {
        text: "INSERT INTO cwmem_member (cluster, member, seen_at, period, mem_usable, \
               mem_available, used_percent, stall_percent, under_pressure) \
               VALUES (?, ?, UTC_TIMESTAMP(3), ?, ?, ?, ?, ?, ?) \
               ON DUPLICATE KEY UPDATE seen_at=VALUES(seen_at), period=VALUES(period), \
               mem_usable=VALUES(mem_usable), mem_available=VALUES(mem_available), \
               used_percent=VALUES(used_percent), stall_percent=VALUES(stall_percent), \
               under_pressure=VALUES(under_pressure)",
        parameters: vec![
            cluster.into(),
            member.into(),
            report.period.into(),
            report.usable.into(),
            report.available.into(),
            used.into(),
            report.stall_percent.map_or(Parameter::Null, Parameter::from),
            i64::from(report.under_pressure).into(),
        ],
    }
}

/// What a visitor has to know before it tries to lead. One row: the period's length (NULL where the
/// cluster has no row yet: `register` it and look again), the claim's age in milliseconds (NULL
/// where nothing was claimed), whether the server is read-only, and the database's time in Unix
/// milliseconds.
pub fn look(cluster: &str) -> Statement {
    Statement {
        text: concat!(
            "SELECT MAX(period_length), \
             MIN(TIMESTAMPDIFF(MICROSECOND, claimed_at, UTC_TIMESTAMP(3)) DIV 1000), ",
            read_only!(),
            ", ",
            now_millis!(),
            " FROM cwmem_cluster WHERE cluster=?"
        ),
        parameters: vec![cluster.into()],
    }
}

/// The cluster's row, made once.
pub fn register(cluster: &str, timing: &Timing) -> Statement {
    Statement {
        text: "INSERT IGNORE INTO cwmem_cluster (cluster, period_length) VALUES (?, ?)",
        parameters: vec![cluster.into(), timing.seconds().into()],
    }
}

/// Gives the cluster another length of period, where nobody claimed for three of the old ones: all
/// members were configured anew. A stored length that no configuration can have, or a claim of the
/// future, keeps nobody out for longer than the longest period would. Changes one row or none.
pub fn change_length(cluster: &str, timing: &Timing) -> Statement {
    Statement {
        text: "UPDATE cwmem_cluster SET period_length=? WHERE cluster=? AND period_length<>? \
               AND (claimed_at IS NULL \
               OR ABS(TIMESTAMPDIFF(SECOND, claimed_at, UTC_TIMESTAMP(3))) \
               > 3*LEAST(period_length, 300))",
        parameters: vec![timing.seconds().into(), cluster.into(), timing.seconds().into()],
    }
}

/// Claims the period that starts at `period`, in Unix seconds. It is the caller's only if exactly
/// one row changed, and nobody else's ever after. The guards keep a member with a wrong clock, a
/// bad stored value and another length of period from locking the cluster out.
pub fn claim(cluster: &str, member: &str, period: i64, timing: &Timing) -> Statement {
    let length = || Parameter::from(timing.seconds());
    Statement {
        // MySQL assigns from left to right: `leader_since` sees the old leader.
        text: "UPDATE cwmem_cluster SET period=?, epoch=epoch+1, \
               leader_since=IF(leader=? AND leader_since IS NOT NULL, leader_since, \
               UTC_TIMESTAMP(3)), leader=?, claimed_at=UTC_TIMESTAMP(3) \
               WHERE cluster=? AND period_length=? AND (period < ? OR period > UNIX_TIMESTAMP()) \
               AND ? % ? = 0 AND ? BETWEEN UNIX_TIMESTAMP()-2*? AND UNIX_TIMESTAMP()-?",
        parameters: vec![
            period.into(),
            member.into(),
            member.into(),
            cluster.into(),
            length(),
            period.into(),
            period.into(),
            length(),
            period.into(),
            length(),
            length(),
        ],
    }
}

/// Whether the lock is this session's own (1, else 0 or NULL), whether the server is read-only, and
/// the database's time in Unix milliseconds.
pub fn heartbeat(lock: &str) -> Statement {
    Statement {
        text: concat!(
            "SELECT IS_USED_LOCK(?) = CONNECTION_ID(), ",
            read_only!(),
            ", ",
            now_millis!()
        ),
        parameters: vec![lock.into()],
    }
}

/// Notes for people that the service took a period's summary.
pub fn published(cluster: &str, member: &str, period: i64) -> Statement {
    Statement {
        text: "UPDATE cwmem_cluster SET published_period=?, published_at=UTC_TIMESTAMP(3) \
               WHERE cluster=? AND leader=?",
        parameters: vec![period.into(), cluster.into(), member.into()],
    }
}

/// A member that stops in order is not missing.
pub fn deregister(cluster: &str, member: &str) -> Statement {
    Statement {
        text: "DELETE FROM cwmem_member WHERE cluster=? AND member=?",
        parameters: vec![cluster.into(), member.into()],
    }
}

/// Drops the members that weren't seen for so many seconds.
pub fn forget(cluster: &str, seconds: u64) -> Statement {
    Statement {
        text: "DELETE FROM cwmem_member WHERE cluster=? \
               AND seen_at < UTC_TIMESTAMP(3) - INTERVAL ? SECOND",
        parameters: vec![cluster.into(), seconds.into()],
    }
}

/// Every member's row, in the order of `summary::Row`: member, period, milliseconds since it was
/// seen, usable and available bytes, used %, stall % or NULL, under pressure. What of them belongs
/// to a period is the summary's to say: it has to know of the others too.
pub fn members(cluster: &str) -> Statement {
    Statement {
        text: "SELECT member, period, \
               TIMESTAMPDIFF(MICROSECOND, seen_at, UTC_TIMESTAMP(3)) DIV 1000, mem_usable, \
               mem_available, used_percent, stall_percent, under_pressure \
               FROM cwmem_member WHERE cluster=? ORDER BY member",
        parameters: vec![cluster.into()],
    }
}

/// The cluster's row for people: last claimed period, length, epoch, leader, milliseconds since it
/// leads and since it claimed, last published period and milliseconds since, the database's time in
/// Unix milliseconds. No row: no such cluster.
pub fn status(cluster: &str) -> Statement {
    Statement {
        text: concat!(
            "SELECT period, period_length, epoch, leader, \
             TIMESTAMPDIFF(MICROSECOND, leader_since, UTC_TIMESTAMP(3)) DIV 1000, \
             TIMESTAMPDIFF(MICROSECOND, claimed_at, UTC_TIMESTAMP(3)) DIV 1000, published_period, \
             TIMESTAMPDIFF(MICROSECOND, published_at, UTC_TIMESTAMP(3)) DIV 1000, ",
            now_millis!(),
            " FROM cwmem_cluster WHERE cluster=?"
        ),
        parameters: vec![cluster.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::CLUSTER_TABLE;
    use crate::cluster::schema::MEMBER_TABLE;
    use std::time::Duration;

    fn all(cluster: &str, member: &str) -> Vec<Statement> {
        let timing = Timing::new(Duration::from_secs(60)).unwrap();
        vec![
            upsert(cluster, member, &REPORT),
            look(cluster),
            register(cluster, &timing),
            change_length(cluster, &timing),
            claim(cluster, member, 1_795_443_660, &timing),
            heartbeat(cluster),
            published(cluster, member, 1_795_443_660),
            deregister(cluster, member),
            forget(cluster, 3_600),
            members(cluster),
            status(cluster),
        ]
    }

    const REPORT: Report = Report {
        period: 1_795_443_660,
        usable: 8 << 30,
        available: 2 << 30,
        used_percent: 75.0,
        stall_percent: None,
        under_pressure: true,
    };

    #[test]
    fn every_value_has_its_place_and_hostile_ones_stay_values() {
        let hostile = "x'; DROP TABLE cwmem_member; -- \\ ` ?";
        for (plain, hostile) in all("web", "i-0").into_iter().zip(all(hostile, hostile)) {
            let places = plain.text.matches('?').count();
            assert_eq!(places, plain.parameters.len(), "{}", plain.text);
            assert_eq!(plain.text, hostile.text);
            assert!(!plain.text.contains(';') && !plain.text.contains("  "), "{}", plain.text);
        }
    }

    #[test]
    fn columns_stand_in_the_tables() {
        let tables = format!("{MEMBER_TABLE} {CLUSTER_TABLE}");
        for statement in all("web", "i-0") {
            let word = |letter: char| !(letter.is_ascii_lowercase() || letter == '_');
            for name in statement.text.split(word).filter(|name| name.len() > 2) {
                let known = ["read_only", "global", "innodb_read_only"];
                assert!(known.contains(&name) || tables.contains(name), "{name}");
            }
        }
    }

    #[test]
    fn the_claim_binds_its_guards() {
        let timing = Timing::new(Duration::from_secs(60)).unwrap();
        let claim = claim("web", "i-0", 120, &timing);
        let (period, length) = (Parameter::Integer(120), Parameter::Integer(60));
        let text = |text: &str| Parameter::Text(text.to_owned());
        let head = [period.clone(), text("i-0"), text("i-0"), text("web"), length.clone()];
        let guards =
            [period.clone(), period.clone(), length.clone(), period, length.clone(), length];
        assert_eq!(claim.parameters, [head.to_vec(), guards.to_vec()].concat());
    }

    #[test]
    fn what_sql_cannot_hold_is_not_bound() {
        assert_eq!(Parameter::from(f64::NAN), Parameter::Null);
        assert_eq!(Parameter::from(u64::MAX), Parameter::Integer(i64::MAX));
        let report =
            Report { used_percent: f64::NAN, stall_percent: Some(f64::INFINITY), ..REPORT };
        let parameters = upsert("web", "i-0", &report).parameters;
        assert_eq!(parameters[5..7], [Parameter::Double(0.0), Parameter::Null]);
    }
}
