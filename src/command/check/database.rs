//! What `cwmem check` finds of a cluster's database: whether it answers and lets the user in, what it
//! is, and whether a member can do its work there. Nothing is changed in it.

use crate::clock::Clock;
use crate::cluster::configured::{self, Impossible};
use crate::cluster::database::DatabaseError;
use crate::cluster::inspection::{self, Inspection, State as TableState, Table};
use crate::cluster::schema;
use crate::command::check::line::{Line, State, finding, line, note, ok};
use crate::config::{self, Cluster, Config};
use std::time::Duration;

pub(super) async fn lines(config: &Config, clock: &Clock) -> Vec<Line> {
    let Some(cluster) = &config.cluster else { return Vec::new() };
    let inspected = tokio::select! {
        inspected = inspect(config, cluster) => inspected,
        () = clock.sleep(PATIENCE * 3) => {
            Err(DatabaseError::Late { what: "answering", within: PATIENCE * 3 }.into())
        }
    };
    match inspected {
        Ok((server, seen)) => told(config, cluster, &server, &seen, clock),
        Err(Impossible::Database(error)) => vec![failed(cluster, &error)],
        Err(error) => vec![finding("database", error.to_string(), "correct it")],
    }
}

async fn inspect(config: &Config, cluster: &Cluster) -> Result<(String, Inspection), Impossible> {
    let database = configured::database(config, cluster, PATIENCE * 2, PATIENCE)?;
    let mut connection = database.connect(PATIENCE).await?;
    let seen = inspection::inspect(&mut connection, &cluster.name).await?;
    let server = connection.server().to_owned();
    connection.end().await;
    Ok((server, seen))
}

fn told(
    config: &Config,
    cluster: &Cluster,
    server: &str,
    seen: &Inspection,
    clock: &Clock,
) -> Vec<Line> {
    let secured = match (&seen.tls, cluster.tls) {
        (Some(version), config::Tls::Verify) => format!("{version}, certificate checked"),
        (Some(version), _) => format!("{version}, certificate NOT checked"),
        (None, _) => "in clear text".to_owned(),
    };
    let what = format!("{server} answers: {}, {secured}", shown_version(&seen.version));
    let mut lines = vec![match is_old(&seen.version) {
        false => ok("database", what),
        true => note("database", what, "cwmem is made for MySQL 5.7 and MariaDB 10, or later"),
    }];
    lines.push(match seen.read_only {
        false => ok("writer", "the server takes writes"),
        true => finding(
            "writer",
            "the server is read-only: no member can report here, and none leads",
            "name the writer's endpoint in cluster.database, not a reader's or a replica's",
        ),
    });
    lines.extend(tables(cluster, &seen.tables));
    lines.extend(database_clock(config, seen, clock));
    lines.extend(other_period(config, cluster, seen.period));
    lines
}

fn tables(cluster: &Cluster, tables: &[Table]) -> Vec<Line> {
    let schema = configured::schema(cluster);
    let is = |wanted: fn(&TableState) -> bool| -> Vec<&str> {
        tables.iter().filter(|table| wanted(&table.state)).map(|table| table.name).collect()
    };
    let absent = is(|state| *state == TableState::Absent);
    let mut lines = Vec::new();
    if !absent.is_empty() {
        let evidence = format!("not in {schema}: {}", absent.join(", "));
        lines.push(finding("schema", evidence, MAKE));
    }
    for table in tables {
        match &table.state {
            TableState::Foreign(message) => {
                let evidence = format!("{} isn't as this version makes it: {message}", table.name);
                let remedy = format!(
                    "it holds nothing that lasts: drop {schema}.{} while no member runs, then \
                     `cwmem cluster init`",
                    table.name
                );
                lines.push(finding("schema", evidence, remedy));
            }
            TableState::Denied(rights) => {
                let user = configured::user(cluster);
                let evidence =
                    format!("{user} lacks {} on {schema}.{}", rights.join(", "), table.name);
                lines.push(finding("grants", evidence, grants(cluster)));
            }
            TableState::Usable | TableState::Readable | TableState::Absent => {}
        }
    }
    if lines.is_empty() {
        lines.push(ok("schema", format!("both tables are in {schema}")));
        lines.push(match tables.iter().any(|table| table.state == TableState::Readable) {
            false => ok("grants", "the user may do what a member does"),
            true => note("grants", "a read-only server shows no more than the right to read", ""),
        });
    }
    lines
}

/// A member's periods are the database's: what is off by a period is never claimed.
fn database_clock(config: &Config, seen: &Inspection, clock: &Clock) -> Option<Line> {
    let ahead = clock.now().wall.millis_since(seen.now);
    let half = config.publish.period.as_millis() / 2;
    (u128::from(ahead.unsigned_abs()) > half).then(|| {
        finding(
            "database clock",
            format!("this host's clock is {} s off the database's", ahead / 1_000),
            "set both by the same time service: a member whose periods aren't the database's \
             never leads, and its figures are missing",
        )
    })
}

fn other_period(config: &Config, cluster: &Cluster, theirs: Option<i64>) -> Option<Line> {
    let ours = i64::try_from(config.publish.period.as_secs()).ok()?;
    let theirs = theirs.filter(|theirs| *theirs != ours)?;
    Some(finding(
        "cluster",
        format!("{} has periods of {theirs} s, this configuration of {ours} s", cluster.name),
        "all members need the same publish.period; once all have it, the cluster follows within \
         three of the old ones",
    ))
}

/// What kept it from being asked.
fn failed(cluster: &Cluster, error: &DatabaseError) -> Line {
    let schema = configured::schema(cluster);
    let evidence = error.to_string();
    let (evidence, said) = evidence.split_once("; ").unwrap_or((&evidence, ""));
    match error {
        DatabaseError::Late { .. } | DatabaseError::Lost(_) => {
            let place = cluster.database.rsplit_once('@').map_or("", |(_, place)| place);
            let remedy = format!(
                "see that {place} is right, that the server runs, and that security groups and \
                 firewalls let this host reach it; what this host says of itself is published all \
                 the same"
            );
            line("database", State::Unavailable, evidence, remedy)
        }
        DatabaseError::TooManyConnections { .. } => {
            let remedy = "raise max_connections, or see who holds them: a member needs one for \
                          some milliseconds each period";
            line("database", State::Unavailable, evidence, remedy)
        }
        DatabaseError::Denied { code: NO_RIGHT_IN_SCHEMA, .. } => {
            finding("grants", evidence, grants(cluster))
        }
        DatabaseError::Server { code: NO_SCHEMA, .. } => {
            let remedy = format!("CREATE DATABASE `{schema}`; then {MAKE}");
            finding("schema", evidence, remedy)
        }
        DatabaseError::Denied { .. }
        | DatabaseError::Insecure(_)
        | DatabaseError::Password(_)
        | DatabaseError::Token(_)
        | DatabaseError::Url(_)
        | DatabaseError::PasswordInUrl
        | DatabaseError::Server { .. } => finding("database", evidence, said),
    }
}

fn grants(cluster: &Cluster) -> String {
    let (schema, user) = (configured::schema(cluster), configured::user(cluster));
    match schema::grants(schema, user, "%") {
        Ok(grants) => format!("{}; (or a narrower host than '%')", grants.join("; ")),
        Err(error) => error.to_string(),
    }
}

/// Without what the distribution adds to it.
fn shown_version(version: &str) -> String {
    let number = version.split('-').next().unwrap_or_default();
    let family = if is_mariadb(version) { "MariaDB" } else { "MySQL" };
    format!("{family} {number}")
}

fn is_old(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match is_mariadb(version) {
        true => major < 10,
        false => (major, minor) < (5, 7),
    }
}

fn is_mariadb(version: &str) -> bool {
    version.contains("MariaDB")
}

const MAKE: &str = "`cwmem cluster init` makes the tables; where this user may not, let another one run what \
     `cwmem cluster init --print` prints";
/// MySQL reference, "Server Error Message Reference".
const NO_RIGHT_IN_SCHEMA: u16 = 1_044;
const NO_SCHEMA: u16 = 1_049;
/// A person waits.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for (version, shown, old) in [
            ("10.11.14-MariaDB-0+deb12u2-log", "MariaDB 10.11.14", false),
            ("5.5.68-MariaDB", "MariaDB 5.5.68", true),
            ("8.0.35", "MySQL 8.0.35", false),
            ("5.7.44-log", "MySQL 5.7.44", false),
            ("5.6.51", "MySQL 5.6.51", true),
        ] {
            assert_eq!((shown_version(version).as_str(), is_old(version)), (shown, old));
        }
    }
}
