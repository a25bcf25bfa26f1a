//! The wait for a lock: asked for again and again, through restarts of the server, for as long as
//! it may take.

use crate::clock::{Boottime, Clock};
use crate::cluster::database::{Connection, DatabaseError};
use crate::cluster::named_lock::{LockError, NamedLock, Session};
use crate::cluster::statements::READ_ONLY;
use crate::cluster::talk::Cells;
use crate::command::lock::Options;
use crate::command::lock::place::Place;
use crate::command::output::complain;
use crate::exit::Exit;
use crate::lock_command::Held;
use crate::lock_command::lease::ANSWER_WITHIN;
use mysql_async::Value;
use std::time::Duration;

/// The lock of a server that is written to: a replica's is another lock.
pub struct WritersLock(NamedLock<Connection>);

impl Held for WritersLock {
    type Error = LockError;

    /// A server that became a replica while the lock was held gives it to nobody who asks the new
    /// writer, and that is whom the others ask.
    async fn still_held(&mut self) -> Result<(), LockError> {
        self.0.still_held().await?;
        match is_read_only(self.0.session()).await? {
            true => Err(LockError::ReadOnly),
            false => Ok(()),
        }
    }

    async fn release(self) -> Result<(), LockError> {
        self.0.release().await.map(drop)
    }
}

/// The lock, once nobody else has it; else what the process ends with.
pub async fn acquire(place: &Place, options: &Options, clock: &Clock) -> Result<WritersLock, Exit> {
    let wait = match (options.no_wait, options.timeout) {
        (true, _) => Some(Duration::ZERO),
        (false, seconds) => seconds.map(|seconds| Duration::from_secs(seconds.into())),
    };
    let until = wait.map(|wait| clock.now().boot.plus(wait));
    let mut wait = Wait { place, options, clock, until, held: false, told: false, failures: 0 };
    loop {
        match attempt(place, wait.turn(), wait.patience(), clock).await {
            Ok(lock) => return Ok(lock),
            Err(Failure::Held(by)) => wait.held(by).await?,
            // A server that was never there may be no server.
            Err(Failure::Unreached(why)) if !wait.was_reached() => {
                return Err(wait.give_up(Exit::Unavailable, &why));
            }
            Err(Failure::Unreached(why) | Failure::Interrupted(why)) => {
                wait.interrupted(&why).await?;
            }
            Err(Failure::Refused(exit, why)) => return Err(wait.give_up(exit, &why)),
        }
    }
}

/// How the wait goes.
struct Wait<'a> {
    place: &'a Place,
    options: &'a Options,
    clock: &'a Clock,
    until: Option<Boottime>,
    /// Somebody else had it when the server was last heard.
    held: bool,
    /// Who that was has been told.
    told: bool,
    /// In a row: the server was reached before, and doesn't answer now.
    failures: u32,
}

impl Wait<'_> {
    fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.since(self.clock.now().boot))
    }

    fn was_reached(&self) -> bool {
        self.held || self.failures > 0
    }

    /// For how long the server is asked to wait. At once first: only so is it known who has it.
    fn turn(&self) -> Duration {
        if !self.held {
            return Duration::ZERO;
        }
        // The server counts whole seconds.
        let whole = |left: Duration| Duration::from_secs(left.as_secs_f64().ceil() as u64);
        self.left().map_or(TURN, whole).min(TURN)
    }

    /// For a connection. The first one may take its time.
    fn patience(&self) -> Duration {
        match self.left().filter(|_| self.was_reached()) {
            Some(left) => left.clamp(SHORTEST_PATIENCE, CONNECT_WITHIN),
            None => CONNECT_WITHIN,
        }
    }

    async fn held(&mut self, by: Option<u64>) -> Result<(), Exit> {
        let Wait { place, options, clock, .. } = *self;
        (self.held, self.failures) = (true, 0);
        if options.print_holder && !std::mem::replace(&mut self.told, true) {
            let holder = match by {
                Some(id) => who(place, id, clock).await,
                None => "somebody who has gone meanwhile".to_owned(),
            };
            complain(format_args!("the lock {} is held by {holder}", place.name));
        }
        if self.left() != Some(Duration::ZERO) {
            return Ok(());
        }
        complain(format_args!("somebody else has the lock {}", place.name));
        Err(Exit::Command(options.conflict_exit_code))
    }

    /// The server is given time to come back.
    async fn interrupted(&mut self, why: &str) -> Result<(), Exit> {
        let name = &self.place.name;
        let left = self.left();
        if left == Some(Duration::ZERO) {
            if !self.held {
                return Err(self.give_up(Exit::Unavailable, why));
            }
            complain(format_args!("somebody else had the lock {name} to the last: {why}"));
            return Err(Exit::Command(self.options.conflict_exit_code));
        }
        if self.failures == 0 {
            complain(format_args!("the wait for the lock {name} goes on, though: {why}"));
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(MOST_DOUBLINGS));
        let pause = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.failures += 1;
        self.clock.sleep(left.map_or(pause, |left| left.min(pause))).await;
        Ok(())
    }

    fn give_up(&self, exit: Exit, why: &str) -> Exit {
        complain(format_args!("the lock {} cannot be asked for: {why}", self.place.name));
        exit
    }
}

enum Failure {
    /// Somebody else has it: this connection of the server's, where it says so.
    Held(Option<u64>),
    /// There is no connection, for now.
    Unreached(String),
    /// The server is there, and gave no answer this time.
    Interrupted(String),
    /// Asking again would change nothing.
    Refused(Exit, String),
}

/// One session, one wait of at most `turn`.
async fn attempt(
    place: &Place,
    turn: Duration,
    patience: Duration,
    clock: &Clock,
) -> Result<WritersLock, Failure> {
    let mut session = place.database.connect(patience).await.map_err(|error| match error {
        DatabaseError::Lost(_) | DatabaseError::Late { .. } => {
            Failure::Unreached(error.to_string())
        }
        other => Failure::of(other),
    })?;
    let is_read_only = tokio::select! {
        answer = is_read_only(&mut session) => answer.map_err(Failure::of)?,
        () = clock.sleep(ANSWER_WITHIN) => {
            let why = format!("the server doesn't answer within {ANSWER_WITHIN:?}");
            return Err(Failure::Interrupted(why));
        }
    };
    if is_read_only {
        return Err(Failure::Refused(Exit::Unavailable, LockError::ReadOnly.to_string()));
    }
    let acquired = match turn.is_zero() {
        true => NamedLock::try_acquire(session, &place.name).await,
        false => NamedLock::acquire(session, &place.name, turn).await,
    };
    acquired.map(WritersLock).map_err(|error| match error {
        LockError::Held { by, .. } => Failure::Held(by),
        LockError::Database(error) => Failure::of(error),
        LockError::Interrupted { .. }
        | LockError::Deadlock { .. }
        | LockError::LimitReached { .. } => Failure::Interrupted(error.to_string()),
        other => Failure::Refused(Exit::Unavailable, other.to_string()),
    })
}

impl Failure {
    /// Of a server that was reached.
    fn of(error: DatabaseError) -> Failure {
        let why = error.to_string();
        match error {
            DatabaseError::Lost(_)
            | DatabaseError::Late { .. }
            | DatabaseError::TooManyConnections { .. }
            | DatabaseError::Server { code: SHUTDOWN | KILLED | KILLED_OF_MARIADB, .. } => {
                Failure::Interrupted(why)
            }
            DatabaseError::Password(_) => Failure::Refused(Exit::Unreadable, why),
            _ => Failure::Refused(Exit::Unavailable, why),
        }
    }
}

async fn is_read_only(session: &mut Connection) -> Result<bool, DatabaseError> {
    let answer = session.ask(READ_ONLY, Vec::new()).await?;
    Ok(Cells(vec![answer]).integer(0) == Some(1))
}

/// The holder by its connection, and by user and place where this user may see them: MySQL and
/// MariaDB show everybody's sessions only to those with the right PROCESS.
async fn who(place: &Place, id: u64, clock: &Clock) -> String {
    let asked = async {
        let mut session = place.database.connect(CONNECT_WITHIN).await.ok()?;
        session.ask(WHO, vec![id.into()]).await.ok()
    };
    let answer = tokio::select! {
        answer = asked => answer,
        () = clock.sleep(ANSWER_WITHIN) => None,
    };
    match answer {
        Some(Value::Bytes(user)) => {
            format!("{}, connection {id}", String::from_utf8_lossy(&user).escape_debug())
        }
        _ => format!("connection {id}"),
    }
}

const WHO: &str = "SELECT CONCAT(USER, '@', HOST) FROM information_schema.PROCESSLIST WHERE ID = ?";
/// TCP, TLS, log-in and settings together.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);
/// A wait is asked for anew after so long: by a server that was restarted or lost nothing comes.
const TURN: Duration = Duration::from_secs(60);
/// Before a server that went away is asked again, doubled each time up to 6.4 s.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MOST_DOUBLINGS: u32 = 6;
/// MySQL reference, "Server Error Message Reference"; 1927 is MariaDB's.
const SHUTDOWN: u16 = 1_053;
const KILLED: u16 = 1_317;
const KILLED_OF_MARIADB: u16 = 1_927;
