//! Which lock is asked for, and on which server.

use crate::cluster::configured::{password_file, tls, tokens};
use crate::cluster::database::{self, Database, DatabaseError, Tls};
use crate::cluster::name::{LockName, NameError};
use crate::command::lock::Options;
use crate::command::run::Loader;
use crate::config::{Problems, is_this_machine};
use crate::exit::Exit;
use crate::lock_command::lease::SESSION_TIMEOUT;

/// The lock and the server it is on.
pub struct Place {
    pub name: LockName,
    pub database: Database,
}

/// Why there is no lock to ask for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("no database: name it with --database, or set cluster.database in the configuration")]
    NoDatabase,
    #[error("{0}")]
    Config(Problems),
    #[error("--database: {0}")]
    Flag(DatabaseError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Without a word to the server: what can't be meant is refused before anything is started.
pub fn place(options: &Options, load: &Loader) -> Result<Place, Error> {
    let name = &options.name;
    let name = if options.raw { LockName::raw(name) } else { LockName::command(name) }?;
    let (url, file, tls, tokens) = match &options.database {
        Some(url) => {
            // Only how the connection is secured: a broken configuration is no hindrance.
            let cluster = load().ok().and_then(|config| config.cluster);
            let tls = cluster.map_or_else(|| default_tls(url), |cluster| tls(&cluster));
            (url.clone(), options.password_file.clone(), tls, None)
        }
        None => {
            let config = load().map_err(Error::Config)?;
            let tokens = tokens(&config);
            let cluster = config.cluster.ok_or(Error::NoDatabase)?;
            let tls = tls(&cluster);
            (cluster.database, cluster.password_file, tls, tokens)
        }
    };
    let password_file = password_file(file);
    // A wait for a lock takes as long as it takes.
    let statement_limit = None;
    let wait_timeout = SESSION_TIMEOUT;
    let settings =
        database::Options { password: None, password_file, tls, wait_timeout, statement_limit };
    let database = Database::from_url(&url, settings);
    let database = match options.database {
        Some(_) => database.map_err(Error::Flag),
        None => database.map_err(Error::Database),
    };
    Ok(Place { name, database: database?.with_tokens(tokens) })
}

/// As in the configuration, except that nobody listens on the way to this machine itself.
fn default_tls(url: &str) -> Tls {
    let rest = url.trim_start_matches("mysql://");
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = match host.find(']') {
        Some(end) => &host[..=end],
        None => host.split(':').next().unwrap_or(host),
    };
    if is_this_machine(host) { Tls::Off } else { Tls::Verify { ca: None } }
}

impl Error {
    pub fn exit(&self) -> Exit {
        match self {
            Error::Name(_) | Error::Flag(_) => Exit::Usage,
            Error::NoDatabase | Error::Config(_) | Error::Database(_) => Exit::Config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_clear() {
        for (url, expected) in [
            ("mysql://ops@127.0.0.1:3307/db", true),
            ("mysql://ops@127.0.0.1", true),
            ("mysql://ops@localhost/db", true),
            ("mysql://ops@[::1]:3306/db", true),
            ("mysql://localhost", true),
            ("mysql://ops@localhost.example.com/db", false),
            ("mysql://ops@127.example.com/db", false),
            ("mysql://ops@db.example.com/127.0.0.1@localhost", false),
            ("mysql://localhost@db.example.com", false),
        ] {
            assert_eq!(default_tls(url) == Tls::Off, expected, "{url}");
        }
    }
}
