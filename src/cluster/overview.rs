//! A cluster as its database shows it: who leads, what was claimed and published last, the members.

use crate::clock::Timestamp;
use crate::cluster::database::Connection;
use crate::cluster::statements;
use crate::cluster::summary::{Patience, Presence, Row};
use crate::cluster::talk::{self, Cells, TalkError};
use crate::cluster::timing::Timing;
use serde::Serialize;
use std::time::Duration;

/// As `cwmem cluster status --json` prints it. What isn't there is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    pub cluster: String,
    /// By the database's clock, as all ages are.
    pub now: String,
    pub period_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<Leader>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Done>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Done>,
    /// Periods that could have been claimed since the last one that was.
    pub unclaimed_periods: u64,
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leader {
    pub member: String,
    pub leads_for_seconds: f64,
}

/// What was done last, and when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Done {
    /// The period's start.
    pub period: String,
    pub seconds_ago: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    pub member: String,
    /// `there` or `missing`; `forgotten` as soon as a leader looks.
    pub presence: &'static str,
    pub seen_seconds_ago: f64,
    /// The start of the period that its figures are of.
    pub period: String,
    pub used_percent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_percent: Option<f64>,
    pub available_bytes: u64,
    pub usable_bytes: u64,
    pub under_pressure: bool,
}

/// `None` where no member was ever seen. `patience`: the configured one, else what the cluster's
/// period says.
pub async fn overview(
    connection: &mut Connection,
    cluster: &str,
    patience: Option<Patience>,
) -> Result<Option<Overview>, TalkError> {
    let rows = talk::rows(connection, &statements::status(cluster)).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let members = talk::rows(connection, &statements::members(cluster)).await?;
    let members: Vec<Row> = members.iter().filter_map(|row| member_row(row).ok()).collect();
    Ok(Some(of(cluster, row, &members, patience)?))
}

fn of(
    cluster: &str,
    row: &Cells,
    members: &[Row],
    patience: Option<Patience>,
) -> Result<Overview, TalkError> {
    let length = row.needed(1)?;
    let now = row.needed(8)?;
    let timing = Timing::new(Duration::from_secs(u64::try_from(length).unwrap_or_default())).ok();
    let patience = patience.or(timing.as_ref().map(Patience::of));
    let claimed = done(row, 0, 5);
    let leader = row.text(3).filter(|leader| !leader.is_empty());
    let leader = leader
        .filter(|_| claimed.is_some())
        .map(|member| Leader { member, leads_for_seconds: ago(row.integer(4)) });
    let newest = timing.map_or(0, |timing| {
        let fold = i64::try_from(timing.fold_delay().as_millis()).unwrap_or_default();
        ((now - fold).div_euclid(length * 1_000) - 1) * length
    });
    let unclaimed = claimed.as_ref().map_or(0, |_| {
        let behind = newest - row.integer(0).unwrap_or(newest);
        u64::try_from(behind.checked_div(length).unwrap_or_default()).unwrap_or(0)
    });
    Ok(Overview {
        cluster: cluster.to_owned(),
        now: Timestamp(now).to_string(),
        period_seconds: u32::try_from(length).unwrap_or_default(),
        leader,
        claimed,
        published: done(row, 6, 7),
        unclaimed_periods: unclaimed,
        members: members.iter().map(|row| member(row, patience)).collect(),
    })
}

fn member(row: &Row, patience: Option<Patience>) -> Member {
    Member {
        member: row.member.clone(),
        presence: match patience.map(|patience| patience.presence(row.age_millis)) {
            Some(Presence::There) | None => "there",
            Some(Presence::Missing) => "missing",
            Some(Presence::Forgotten) => "forgotten",
        },
        seen_seconds_ago: ago(Some(row.age_millis)),
        period: start(row.period),
        used_percent: tenths(row.used_percent),
        stall_percent: row.stall_percent.map(tenths),
        available_bytes: row.available,
        usable_bytes: row.usable,
        under_pressure: row.under_pressure,
    }
}

/// As `statements::members` selects it. An error where no member can have written that: its row is
/// to be left out, or it would stand in the way of all others.
pub fn member_row(row: &Cells) -> Result<Row, TalkError> {
    let unsigned = |place| row.needed(place).map(|value| u64::try_from(value).unwrap_or(0));
    Ok(Row {
        member: row.text(0).unwrap_or_default(),
        period: row.needed(1)?,
        age_millis: row.needed(2)?,
        usable: unsigned(3)?,
        available: unsigned(4)?,
        used_percent: row.number(5).unwrap_or_default(),
        stall_percent: row.number(6),
        under_pressure: row.integer(7) == Some(1),
    })
}

fn done(row: &Cells, period: usize, age: usize) -> Option<Done> {
    let age = row.integer(age)?;
    Some(Done { period: start(row.integer(period)?), seconds_ago: ago(Some(age)) })
}

fn start(period: i64) -> String {
    Timestamp(period.saturating_mul(1_000)).to_string()
}

fn ago(millis: Option<i64>) -> f64 {
    tenths(millis.unwrap_or_default() as f64 / 1_000.0)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysql_async::Value;

    #[test]
    fn what_was_left_out_shows() {
        let now = 1_795_443_600_i64;
        let row = |claimed: i64| {
            Cells(vec![
                Value::Int(claimed),
                Value::Int(60),
                Value::Int(7),
                Value::Bytes(b"i-0".to_vec()),
                Value::Int(90_040),
                Value::Int(61_000),
                Value::Int(claimed - 60),
                Value::Int(120_000),
                Value::Int((now + 36) * 1_000),
            ])
        };
        let members = vec![
            Row {
                member: "i-0".into(),
                period: now - 60,
                age_millis: 12_345,
                usable: 100,
                available: 25,
                used_percent: 75.04,
                stall_percent: None,
                under_pressure: false,
            };
            1
        ];
        let seen = of("web", &row(now - 60), &members, None).unwrap();
        assert_eq!(seen.unclaimed_periods, 0);
        assert_eq!(seen.leader.unwrap(), Leader { member: "i-0".into(), leads_for_seconds: 90.0 });
        assert_eq!(seen.members[0].seen_seconds_ago, 12.3);
        assert_eq!(seen.members[0].presence, "there");
        let seen = of("web", &row(now - 240), &members, None).unwrap();
        assert_eq!(seen.unclaimed_periods, 3);
        let impatient = Patience {
            missing_after: Duration::from_secs(1),
            forget_after: Duration::from_secs(60),
        };
        let seen = of("web", &row(now), &members, Some(impatient)).unwrap();
        assert_eq!((seen.members[0].presence, seen.unclaimed_periods), ("missing", 0));
    }
}
