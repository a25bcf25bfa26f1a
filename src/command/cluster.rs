//! `cwmem cluster`: makes the tables that a cluster's members share, and shows what is in them.

use crate::clock::Clock;
use crate::cluster::configured::{self, Impossible};
use crate::cluster::database::{Connection, DatabaseError};
use crate::cluster::overview::{Member, Overview, overview};
use crate::cluster::schema::{self, Unquotable};
use crate::cluster::summary::Patience;
use crate::cluster::talk::TalkError;
use crate::command::output::{self, complain};
use crate::config::{self, BadUrl, Config};
use crate::exit::Exit;
use crate::status::view::{age, bytes};
use crate::table::Table;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Make the tables in the configured database, where they aren't there yet
    Init {
        #[command(flatten)]
        place: Place,
        /// Make nothing: print the statements, for whoever may make tables and grant rights
        #[arg(long)]
        print: bool,
    },
    /// Show the members, who leads, and what was claimed and published last
    Status {
        #[command(flatten)]
        place: Place,
        /// The cluster's name; else the configuration says it
        #[arg(long, value_name = "NAME", requires = "database")]
        name: Option<String>,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Where the tables are, if not where the configuration says.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The database, as mysql://USER@HOST:PORT/SCHEMA, of which the port may be left out; else the configuration says it
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A file with the database user's password
    #[arg(long, value_name = "FILE", requires = "database")]
    password_file: Option<PathBuf>,
}

impl Action {
    /// It needs no configuration.
    pub fn names_database(&self) -> bool {
        self.place().database.is_some()
    }

    fn place(&self) -> &Place {
        match self {
            Action::Init { place, .. } | Action::Status { place, .. } => place,
        }
    }
}

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(
        "no cluster is configured: set cluster.name and cluster.database, or name a --database"
    )]
    NoCluster,
    #[error("no cluster is named: say which one with --name")]
    NoName,
    #[error("--database: {0}")]
    Flag(#[from] BadUrl),
    #[error(transparent)]
    Impossible(#[from] Impossible),
    #[error(transparent)]
    Name(#[from] Unquotable),
    #[error("{0}")]
    Database(#[from] DatabaseError),
    #[error("{0}; `cwmem cluster init` makes the tables, or prints how with --print")]
    Tables(#[from] TalkError),
    #[error("no member of the cluster {0} was ever seen in this database")]
    Empty(String),
    #[error("the database gives no answer within {} s", PATIENCE.as_secs())]
    Late,
}

impl Error {
    fn exit(&self) -> Exit {
        match self {
            Error::NoName | Error::Flag(_) => Exit::Usage,
            Error::NoCluster | Error::Impossible(_) | Error::Name(_) => Exit::Config,
            Error::Database(DatabaseError::Password(_)) => Exit::Unreadable,
            Error::Database(_) | Error::Tables(_) | Error::Late => Exit::Unavailable,
            Error::Empty(_) => Exit::Findings,
        }
    }
}

pub async fn run(config: &Config, action: &Action, clock: &Clock) -> Exit {
    let done = async {
        tokio::select! {
            done = act(config, action) => done,
            () = clock.sleep(PATIENCE) => Err(Error::Late),
        }
    };
    match done.await {
        Ok(text) => output::show(text, Exit::Ok),
        Err(error) => {
            complain(&error);
            error.exit()
        }
    }
}

async fn act(config: &Config, action: &Action) -> Result<String, Error> {
    let mut config = config.clone();
    let Place { database, password_file } = action.place();
    if let Some(url) = database {
        let at = config::Cluster::at(url, password_file.clone(), config.cluster.as_ref())?;
        config.cluster = Some(at);
    }
    let config = &config;
    let cluster = config.cluster.as_ref().ok_or(Error::NoCluster)?;
    match action {
        Action::Init { print: true, .. } => statements(cluster),
        Action::Init { print: false, .. } => init(config, cluster).await,
        Action::Status { json, name, .. } => {
            let name = name.as_ref().unwrap_or(&cluster.name);
            if name.is_empty() {
                return Err(Error::NoName);
            }
            // Elsewhere, what the cluster's own period says.
            let patience = database.is_none().then_some(Patience {
                missing_after: cluster.missing_after,
                forget_after: cluster.forget_after,
            });
            let seen = overview(&mut connect(config, cluster).await?, name, patience).await?;
            let seen = seen.ok_or_else(|| Error::Empty(name.clone()))?;
            Ok(if *json { json_of(&seen) } else { view(&seen) })
        }
    }
}

/// What a database's administrator runs instead.
fn statements(cluster: &config::Cluster) -> Result<String, Error> {
    let (schema, user) = (configured::schema(cluster), configured::user(cluster));
    let mut text = format!("-- for MySQL 5.7 and later, MariaDB 10.5 and later\nUSE `{schema}`;\n");
    for table in schema::TABLES {
        let _ = writeln!(text, "{table};");
    }
    let _ = writeln!(text, "-- '%' is any host: narrow it to where the members are");
    for grant in schema::grants(schema, user, "%")? {
        let _ = writeln!(text, "{grant};");
    }
    Ok(text)
}

async fn init(config: &Config, cluster: &config::Cluster) -> Result<String, Error> {
    let mut connection = connect(config, cluster).await?;
    for table in schema::TABLES {
        connection.run(table).await.inspect_err(|_| {
            complain("where this user may not make tables, let another one run what `cwmem cluster init --print` prints");
        })?;
    }
    let schema = configured::schema(cluster);
    Ok(format!("the tables cwmem_member and cwmem_cluster are in {schema}\n"))
}

async fn connect(config: &Config, cluster: &config::Cluster) -> Result<Connection, Error> {
    let database = configured::database(config, cluster, PATIENCE * 2, PATIENCE)?;
    Ok(database.connect(PATIENCE).await?)
}

fn json_of(overview: &Overview) -> String {
    let text = serde_json::to_string_pretty(overview).unwrap_or_default();
    format!("{text}\n")
}

fn view(overview: &Overview) -> String {
    let Overview { cluster, now, period_seconds, leader, claimed, published, .. } = overview;
    let mut text = format!("{cluster} at {now}, a period each {period_seconds} s\n");
    let _ = match leader {
        Some(leader) => {
            let time = age(leader.leads_for_seconds);
            writeln!(text, "leader: {} for {time}", leader.member)
        }
        None => writeln!(text, "leader: none yet"),
    };
    for (what, done) in [("claimed", claimed), ("published", published)] {
        if let Some(done) = done {
            let _ = writeln!(text, "{what}: {}, {} ago", done.period, age(done.seconds_ago));
        }
    }
    if overview.unclaimed_periods > 0 {
        let _ = writeln!(text, "not claimed since: {} periods", overview.unclaimed_periods);
    }
    let mut table =
        Table::new(&["MEMBER", "SEEN", "USED %", "AVAILABLE", "STATE"]).with_figures(1..4);
    for member in &overview.members {
        table.row([
            member.member.clone(),
            format!("{} ago", age(member.seen_seconds_ago)),
            format!("{:.1}", member.used_percent),
            bytes(member.available_bytes),
            state(member),
        ]);
    }
    let _ = write!(text, "\n{table}");
    text
}

fn state(member: &Member) -> String {
    match (member.presence, member.under_pressure) {
        ("there", true) => "there, under pressure".to_owned(),
        (presence, _) => presence.to_owned(),
    }
}

/// A person waits.
const PATIENCE: Duration = Duration::from_secs(10);
