//! MySQL's named locks (`GET_LOCK`): one holder among all programs that use one server.
//!
//! A named lock belongs to a connection, not to a transaction, a table or a process: it is released
//! when the connection ends, however that comes. So the guard owns its session. `release` gives the
//! lock back and the session with it; where the guard goes without that (a return, an error, a panic,
//! a cancelled future), its connection is closed, which releases the lock as well. What is done under
//! the lock needs no database.
//!
//! A lock outlives its guard by milliseconds where the connection's end reaches the server, and by the
//! session's `wait_timeout` where it doesn't: a host that is cut off, frozen or without power. A wait
//! that was given up may be granted to a session that is gone; the server ends that as it answers.
//! No question waits longer for a server than its patience (`set_patience`, 5 s at first), `acquire`
//! than its time-out and 5 s, and a log-in than its deadline.
//!
//! The lock is advisory, and the server's view of it may be older than the truth: a holder that
//! stands still for longer than the session's `wait_timeout` is no holder any more and doesn't know
//! it. Whoever may not act twice asks `still_held`, and claims what it does in a row of its own.
//! Replicas and Galera nodes each have locks of their own: point everyone at one server.
//!
//! Step by step, and round a future; `examples/named_lock.rs` is a program.
//!
//! ```no_run
//! use cwmem::cluster::database::{Database, Options};
//! use cwmem::cluster::name::LockName;
//! use cwmem::cluster::named_lock::{LockError, NamedLock, with_lock};
//! use cwmem::cluster::password::PasswordFile;
//! use std::time::Duration;
//!
//! # async fn back_up() -> u64 { 0 }
//! # async fn example() -> Result<(), LockError> {
//! let options = Options {
//!     password_file: Some(PasswordFile::named("/etc/backup/password".into())),
//!     wait_timeout: Duration::from_secs(20),
//!     ..Options::default()
//! };
//! let database = Database::from_url("mysql://ops@db.example.com", options)?;
//! let name = LockName::command("nightly-backup").expect("it is short and ASCII");
//!
//! let session = database.connect(Duration::from_secs(5)).await?;
//! let mut lock = match NamedLock::acquire(session, &name, Duration::from_secs(60)).await {
//!     Err(LockError::Held { by, .. }) => {
//!         println!("done elsewhere, by session {by:?}");
//!         return Ok(());
//!     }
//!     acquired => acquired?,
//! };
//! // Nobody else does this now; each question shows the server that this session lives.
//! lock.still_held().await?;
//! let session = lock.release().await?;
//!
//! let (bytes, released) = with_lock(session, &name, Duration::ZERO, back_up()).await?;
//! println!("{bytes} bytes; {}", if released.is_ok() { "alone" } else { "perhaps not alone" });
//! # Ok(())
//! # }
//! ```

mod local;

use crate::cluster::database::{Connection, DatabaseError, within};
use crate::cluster::name::LockName;
use local::Hold;
use mysql_async::Value;
use std::time::Duration;

/// One connection to a server. Dropping it must end it there.
pub trait Session {
    /// The first cell of the first row.
    fn ask(
        &mut self,
        text: &'static str,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<Value, DatabaseError>>;

    /// Which server: its locks are its own.
    fn server(&self) -> &str;
}

/// A held lock. Dropping it closes its session, which releases it.
#[must_use = "the lock is released when this goes"]
pub struct NamedLock<S> {
    session: S,
    name: LockName,
    /// How long the server's answer to a question may take.
    patience: Duration,
    _hold: Hold,
}

/// Why a lock isn't held, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    #[error("the lock {name} is held by {}", holder(*by))]
    Held { name: LockName, by: Option<u64> },
    #[error(
        "the lock {name} is held by this very process: the server would grant it a second time, and both would run"
    )]
    HeldHere { name: LockName },
    #[error(
        "the server answers NULL for the lock {name}: the wait was killed, or the server is short of memory; try again"
    )]
    Interrupted { name: LockName },
    #[error(
        "the server sees a deadlock round the lock {name}: release others first, then try again"
    )]
    Deadlock { name: LockName },
    #[error(
        "the server's limit for a statement ended the wait for the lock {name}; wait for less, or raise max_execution_time"
    )]
    LimitReached { name: LockName },
    #[error(
        "the server is read-only, and its locks are not those of the one that is written to: use the writer"
    )]
    ReadOnly,
    #[error(
        "the lock {name} isn't held by this session any more: it was killed, or was silent for too long"
    )]
    Lost { name: LockName },
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl<S: Session> NamedLock<S> {
    /// Waits for the lock for at most `timeout`, in whole seconds; a cancelled wait closes the
    /// session.
    pub async fn acquire(
        mut session: S,
        name: &LockName,
        timeout: Duration,
    ) -> Result<NamedLock<S>, LockError> {
        let held_here = || LockError::HeldHere { name: name.clone() };
        let hold = Hold::take(session.server(), name).ok_or_else(held_here)?;
        let seconds = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX).min(LONGEST_WAIT);
        let values = vec![name.as_str().into(), seconds.into()];
        let wait = Duration::from_secs(seconds.unsigned_abs()) + ANSWER;
        let asked = session.ask("SELECT GET_LOCK(?, ?)", values);
        let answer = within(wait, "waiting for a named lock", asked).await;
        match number(&answer.map_err(|error| refusal(error, name))?) {
            Some(1) => Ok(NamedLock { session, name: name.clone(), patience: ANSWER, _hold: hold }),
            Some(_) => {
                let by = holder_of(&mut session, name).await.unwrap_or(None);
                Err(LockError::Held { name: name.clone(), by })
            }
            None => Err(LockError::Interrupted { name: name.clone() }),
        }
    }

    /// Without waiting.
    pub async fn try_acquire(session: S, name: &LockName) -> Result<NamedLock<S>, LockError> {
        NamedLock::acquire(session, name, Duration::ZERO).await
    }

    /// How long the server may take from now on to answer what is asked of the lock.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Asks the server whether this session holds the lock. After an error it may not be used for
    /// anything that must not happen twice: drop it.
    pub async fn still_held(&mut self) -> Result<(), LockError> {
        let values = vec![self.name.as_str().into()];
        let text = "SELECT IS_USED_LOCK(?) = CONNECTION_ID()";
        let asked = self.session.ask(text, values);
        let answer = within(self.patience, "asking for a named lock", asked).await;
        match number(&answer.map_err(|error| refusal(error, &self.name))?) {
            Some(1) => Ok(()),
            _ => Err(LockError::Lost { name: self.name.clone() }),
        }
    }

    /// Gives the lock back, and the session. After an error the session is closed.
    pub async fn release(mut self) -> Result<S, LockError> {
        let values = vec![self.name.as_str().into()];
        let asked = self.session.ask("SELECT RELEASE_LOCK(?)", values);
        let answer = within(self.patience, "releasing a named lock", asked).await;
        match number(&answer.map_err(|error| refusal(error, &self.name))?) {
            Some(1) => Ok(self.session),
            _ => Err(LockError::Lost { name: self.name }),
        }
    }

    pub fn name(&self) -> &LockName {
        &self.name
    }

    /// For statements of the holder's own. Resetting the connection would release the lock.
    pub fn session(&mut self) -> &mut S {
        &mut self.session
    }
}

/// Which session holds the lock, by the server's number; `None` where it is free.
pub async fn holder_of<S: Session>(
    session: &mut S,
    name: &LockName,
) -> Result<Option<u64>, LockError> {
    let values = vec![name.as_str().into()];
    let asked = session.ask("SELECT IS_USED_LOCK(?)", values);
    let answer = within(ANSWER, "asking who holds a named lock", asked).await;
    let answer = answer.map_err(|error| refusal(error, name))?;
    Ok(number(&answer).and_then(|id| u64::try_from(id).ok()))
}

/// Does `work` under the lock. What the release said comes with its result: an error there means
/// that the lock may have been lost before the work was over.
pub async fn with_lock<S: Session, T>(
    session: S,
    name: &LockName,
    timeout: Duration,
    work: impl Future<Output = T>,
) -> Result<(T, Result<S, LockError>), LockError> {
    let lock = NamedLock::acquire(session, name, timeout).await?;
    let done = work.await;
    Ok((done, lock.release().await))
}

impl Session for Connection {
    async fn ask(
        &mut self,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<Value, DatabaseError> {
        let rows = self.rows(text, values).await?;
        let cell = rows.into_iter().next().and_then(|row| row.into_iter().next());
        cell.ok_or_else(|| DatabaseError::Lost(format!("no row came for `{text}`")))
    }

    fn server(&self) -> &str {
        Connection::server(self)
    }
}

/// Servers answer as a number or as its text.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::UInt(number) => i64::try_from(*number).ok(),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

fn refusal(error: DatabaseError, name: &LockName) -> LockError {
    let name = || name.clone();
    match error {
        DatabaseError::Server { code: USER_LOCK_DEADLOCK | DEADLOCK, .. } => {
            LockError::Deadlock { name: name() }
        }
        DatabaseError::Server { code: QUERY_TIMEOUT | LOCK_WAIT_TIMEOUT, .. } => {
            LockError::LimitReached { name: name() }
        }
        DatabaseError::Server { code: STATEMENT_TIMEOUT | QUERY_INTERRUPTED, .. } => {
            LockError::Interrupted { name: name() }
        }
        DatabaseError::Server { code: OPTION_PREVENTS_STATEMENT, .. } => LockError::ReadOnly,
        other => LockError::Database(other),
    }
}

fn holder(by: Option<u64>) -> String {
    by.map_or_else(
        || "a session that is gone by now".to_owned(),
        |by| format!("the server's session {by}"),
    )
}

/// What the server may take to answer once it has nothing to wait for.
const ANSWER: Duration = Duration::from_secs(5);
/// A year: MySQL reads what is larger as forever.
const LONGEST_WAIT: i64 = 365 * 24 * 3_600;
/// MySQL reference, "Server Error Message Reference"; 1969 is MariaDB's.
const LOCK_WAIT_TIMEOUT: u16 = 1_205;
const DEADLOCK: u16 = 1_213;
const OPTION_PREVENTS_STATEMENT: u16 = 1_290;
const QUERY_INTERRUPTED: u16 = 1_317;
const STATEMENT_TIMEOUT: u16 = 1_969;
const QUERY_TIMEOUT: u16 = 3_024;
const USER_LOCK_DEADLOCK: u16 = 3_058;
