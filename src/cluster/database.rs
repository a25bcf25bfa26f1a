//! The way to a MySQL or MariaDB server: one connection, under a deadline from its first packet to
//! its last setting, and every statement under one of its own.
//!
//! A server that is frozen still completes TCP's handshake, so that a time-out of connecting says
//! nothing: the deadline lies round TCP, TLS, log-in and the session's settings together.

mod error;

pub use error::DatabaseError;

use crate::cluster::password::PasswordFile;
use crate::cluster::token::{Login, Tokens};
use error::{ACCESS_DENIED, understood};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, IoError, Opts, OptsBuilder, Params, Row, SslOpts, Value};
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

/// Where the server is, and how it is spoken to. Its `Debug` tells no password.
#[derive(Clone)]
pub struct Database {
    opts: Opts,
    options: Options,
    tokens: Option<Tokens>,
}

/// What a URL doesn't say.
#[derive(Clone, Default)]
pub struct Options {
    pub password: Option<String>,
    /// Read for each connection; what it holds comes before `password`.
    pub password_file: Option<PasswordFile>,
    pub tls: Tls,
    /// The server ends a session of which it hears nothing for so long, and with it its lock; whole
    /// seconds, at least one. Zero leaves the server's own (8 hours).
    pub wait_timeout: Duration,
    /// The server gives up a statement that takes longer. `None` where a wait for a lock may take
    /// its time.
    pub statement_limit: Option<Duration>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tls {
    #[default]
    Off,
    /// Encrypted, whoever the server is: whoever answers in its place is told the password, where it
    /// asks for it as MySQL's caching_sha2_password may. Against listeners only.
    Encrypt,
    /// The certificate and its name are checked, against these authorities or else the public ones.
    Verify { ca: Option<PathBuf> },
}

/// A session of the server's. Dropping it ends it, which releases what it holds.
pub struct Connection {
    inner: Conn,
    server: String,
}

impl Database {
    /// `mysql://user@host:port/schema`; port and schema may be absent. A password or a setting in it
    /// is refused.
    pub fn from_url(url: &str, options: Options) -> Result<Database, DatabaseError> {
        let rest = url.strip_prefix("mysql://").ok_or_else(|| {
            DatabaseError::Url(
                "expected mysql://user@host:port/schema as the database's URL".to_owned(),
            )
        })?;
        if rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return Err(DatabaseError::PasswordInUrl);
        }
        if rest.contains(['?', '#']) {
            return Err(DatabaseError::Url(
                "expected no settings in the database's URL, found a `?` or `#`: they are keys of their own".to_owned(),
            ));
        }
        let opts = Opts::from_url(url).map_err(|error| {
            DatabaseError::Url(format!("the database's URL makes no sense: {error}"))
        })?;
        let mut builder = OptsBuilder::from_opts(opts)
            .pass(options.password.clone())
            // A socket of the server's own machine would go round TLS.
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE))
            // Without it the client asks the server first.
            .max_allowed_packet(Some(LARGEST_PACKET))
            .wait_timeout(Some(usize::MAX))
            .ssl_opts(ssl(&options.tls));
        // A name and a password in clear text are for a server that has shown who it is.
        builder = builder.enable_cleartext_plugin(matches!(options.tls, Tls::Verify { .. }));
        Ok(Database { opts: builder.into(), options, tokens: None })
    }

    /// The user logs in by a token of IAM's, a new one each time, whatever else is said of passwords.
    #[must_use]
    pub fn with_tokens(self, tokens: Option<Tokens>) -> Database {
        Database { tokens, ..self }
    }

    /// `host:port`.
    pub fn server(&self) -> String {
        format!("{}:{}", self.opts.ip_or_hostname(), self.opts.tcp_port())
    }

    /// A session with its settings, all within `deadline`.
    pub async fn connect(&self, deadline: Duration) -> Result<Connection, DatabaseError> {
        within(deadline, "connecting", async {
            let inner = self.log_in().await?;
            let mut connection = Connection { inner, server: self.server() };
            connection.run(&self.settings()).await?;
            Ok(connection)
        })
        .await
    }

    /// Once more where the password is refused: mysql_common 0.37.3 makes one of 256 of MariaDB's
    /// ed25519 answers wrong, and a key of AWS's may have been changed.
    async fn log_in(&self) -> Result<Conn, DatabaseError> {
        match self.try_log_in().await {
            Err(DatabaseError::Denied { code: ACCESS_DENIED, .. }) => {
                self.tokens.iter().for_each(Tokens::forget);
                self.try_log_in().await
            }
            result => result,
        }
    }

    async fn try_log_in(&self) -> Result<Conn, DatabaseError> {
        Conn::new(self.opts().await?).await.map_err(|error| match (&error, &self.options.tls) {
            // A socket has no such errors: it is the file.
            (Error::Io(IoError::Io(io)), Tls::Verify { ca: Some(ca) }) if is_of_a_file(io) => {
                DatabaseError::Insecure(format!("{}: {io}", ca.display()))
            }
            _ => understood(error),
        })
    }

    /// With the password as it is now.
    async fn opts(&self) -> Result<Opts, DatabaseError> {
        if let Some(tokens) = &self.tokens {
            return self.opts_with_token(tokens).await;
        }
        let Some(file) = &self.options.password_file else { return Ok(self.opts.clone()) };
        let read = file.read().await.map_err(|error| DatabaseError::Password(error.to_string()))?;
        let password = read.or_else(|| self.options.password.clone());
        Ok(OptsBuilder::from_opts(self.opts.clone()).pass(password).into())
    }

    /// For a server that has shown who it is: whoever hears a token may use it for 15 minutes.
    async fn opts_with_token(&self, tokens: &Tokens) -> Result<Opts, DatabaseError> {
        if !matches!(self.options.tls, Tls::Verify { .. }) {
            let why = "IAM's tokens are for a server whose certificate is checked";
            return Err(DatabaseError::Insecure(why.to_owned()));
        }
        let (host, port) = (self.opts.ip_or_hostname(), self.opts.tcp_port());
        let user = self.opts.user().unwrap_or_default();
        let token = tokens.token(Login { host, port, user }).await;
        let token = token.map_err(DatabaseError::Token)?;
        Ok(OptsBuilder::from_opts(self.opts.clone()).pass(Some(token)).into())
    }

    /// The one statement that sets up a session: each more would cost a visit a round trip. What
    /// stands in comments is for one family each: MySQL runs `/*!50708`, from that version on, and
    /// MariaDB `/*M!100101`; neither runs the other's.
    fn settings(&self) -> String {
        let mut settings = "SET SESSION innodb_lock_wait_timeout=2".to_owned();
        if !self.options.wait_timeout.is_zero() {
            let seconds = self.options.wait_timeout.as_secs().max(1);
            settings.push_str(&format!(", wait_timeout={seconds}"));
        }
        if let Some(limit) = self.options.statement_limit {
            let (millis, seconds) = (limit.as_millis().max(1), limit.as_secs_f64());
            settings.push_str(&format!(
                "/*!50708 , max_execution_time={millis}*//*M!100101 , max_statement_time={seconds:.3}*/"
            ));
        }
        settings
    }
}

impl Connection {
    /// The rows of a statement, its values bound.
    pub async fn rows(
        &mut self,
        text: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        let rows: Vec<Row> =
            self.inner.exec(text, Params::Positional(values)).await.map_err(understood)?;
        Ok(rows.into_iter().map(Row::unwrap).collect())
    }

    /// The same, one row after the other: never more than one is kept.
    pub async fn each(
        &mut self,
        text: &str,
        values: Vec<Value>,
        mut row: impl FnMut(Vec<Value>),
    ) -> Result<(), DatabaseError> {
        let params = Params::Positional(values);
        let found = self.inner.exec_iter(text, params).await.map_err(understood)?;
        found.for_each_and_drop(|found| row(found.unwrap())).await.map_err(understood)
    }

    /// How many rows a statement changed.
    pub async fn change(&mut self, text: &str, values: Vec<Value>) -> Result<u64, DatabaseError> {
        let params = Params::Positional(values);
        self.inner.exec_drop(text, params).await.map_err(understood)?;
        Ok(self.inner.affected_rows())
    }

    /// A statement that can't be prepared, as those that make tables.
    pub async fn run(&mut self, text: &str) -> Result<(), DatabaseError> {
        self.inner.query_drop(text).await.map_err(understood)
    }

    /// Takes leave. A session that is only dropped counts as aborted, and MariaDB writes a warning
    /// into its log for each: so many members would fill it. Not for one on which an answer is still
    /// awaited: the server looks for an end of the connection, and would find these words instead.
    pub async fn end(self) {
        let leave = async { self.inner.disconnect().await.map_err(understood) };
        // Nothing depends on it: the connection is closed in any case.
        let _ = within(LEAVE, "taking leave", leave).await;
    }

    /// `host:port`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The server's number of this session: for a person, not to be compared after a restart.
    pub fn id(&self) -> u32 {
        self.inner.id()
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Database").field("server", &self.server()).finish_non_exhaustive()
    }
}

/// Waits for an answer no longer than that.
pub(super) async fn within<T>(
    deadline: Duration,
    what: &'static str,
    answer: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    let late = DatabaseError::Late { what, within: deadline };
    tokio::time::timeout(deadline, answer).await.unwrap_or(Err(late))
}

fn ssl(tls: &Tls) -> Option<SslOpts> {
    match tls {
        Tls::Off => None,
        Tls::Encrypt => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        Tls::Verify { ca: None } => Some(SslOpts::default()),
        Tls::Verify { ca: Some(ca) } => {
            let authorities = vec![ca.clone().into()];
            let options = SslOpts::default().with_root_certs(authorities);
            Some(options.with_disable_built_in_roots(true))
        }
    }
}

fn is_of_a_file(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::IsADirectory
    )
}

/// As the server's own default, far above anything asked here.
const LARGEST_PACKET: usize = 16 * 1_024 * 1_024;
/// For one packet of which no answer is awaited.
const LEAVE: Duration = Duration::from_millis(500);
/// Against black holes, which nothing else shows on an idle connection.
const KEEPALIVE: Duration = Duration::from_secs(10);
#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        let options = Options { password: Some("hunter2".to_owned()), ..Options::default() };
        match Database::from_url(url, options) {
            Err(error) => error.to_string(),
            Ok(database) => format!("accepted: {database:?}"),
        }
    }

    #[test]
    fn urls_say_where_and_hold_no_secret() {
        for (url, expected) in [
            ("http://host/db", "expected mysql://user@host:port/schema"),
            ("mysql://ops:hunter2@db/cwmem", "name a password_file"),
            ("mysql://ops:@db/cwmem", "name a password_file"),
            ("mysql://ops@db/cwmem?require_ssl=true", "keys of their own"),
            ("mysql://", "makes no sense"),
            ("mysql://ops@db:99999/cwmem", "makes no sense"),
        ] {
            let said = refused(url);
            assert!(said.contains(expected), "{url}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert_eq!(
            refused("mysql://ops@db:3307/cwmem"),
            "accepted: Database { server: \"db:3307\", .. }"
        );
        assert_eq!(refused("mysql://ops@db"), "accepted: Database { server: \"db:3306\", .. }");
    }

    #[test]
    fn clear_text_needs_a_server_that_has_shown_who_it_is() {
        let cleartext = |tls| {
            let options = Options { tls, ..Options::default() };
            let database = Database::from_url("mysql://ops@db/cwmem", options).unwrap();
            database.opts.enable_cleartext_plugin()
        };
        assert!(!cleartext(Tls::Off) && !cleartext(Tls::Encrypt));
        assert!(cleartext(Tls::Verify { ca: None }));
    }

    /// Before a word to anybody: nobody listens there.
    #[test]
    fn a_token_is_for_a_server_whose_certificate_is_checked() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for tls in [Tls::Off, Tls::Encrypt] {
            let options = Options { tls, ..Options::default() };
            let tokens = Tokens::new(Default::default(), Default::default());
            let database = Database::from_url("mysql://ops@127.0.0.1:9/cwmem", options).unwrap();
            let database = database.with_tokens(Some(tokens));
            let connected = runtime.block_on(database.connect(Duration::from_secs(5)));
            let error = connected.err().unwrap();
            assert!(matches!(error, DatabaseError::Insecure(_)), "{error}");
        }
    }

    #[test]
    fn a_session_is_set_up_for_its_silence() {
        let options = Options {
            wait_timeout: Duration::from_secs(20),
            statement_limit: Some(Duration::from_millis(2_500)),
            ..Options::default()
        };
        let database = Database::from_url("mysql://ops@db/cwmem", options).unwrap();
        assert_eq!(
            database.settings(),
            "SET SESSION innodb_lock_wait_timeout=2, wait_timeout=20/*!50708 , \
             max_execution_time=2500*//*M!100101 , max_statement_time=2.500*/"
        );
    }
}
