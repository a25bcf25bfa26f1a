//! Named locks: one suite against a server that is made up and against a real MariaDB, and MySQL
//! where it is unpacked; then what only a real one can do, which is to be killed, frozen and fought
//! over by processes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test runs in real time and may stop where it cannot go on"
)]

#[path = "named_lock/binary.rs"]
mod binary;
#[path = "named_lock/fake.rs"]
mod fake;
#[path = "named_lock/fight.rs"]
mod fight;
#[path = "named_lock/proxy.rs"]
mod proxy;
#[path = "named_lock/secrets.rs"]
mod secrets;
mod support;
#[path = "named_lock/token.rs"]
mod token;

use cwmem::cluster::database::{Connection, Database, DatabaseError, Options, Tls};
use cwmem::cluster::name::LockName;
use cwmem::cluster::named_lock::{LockError, NamedLock, Session, holder_of, with_lock};
use fake::FakeServer;
use std::rc::Rc;
use std::time::{Duration, Instant};
use support::mariadb::{PASSWORD, Server};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

fn runtime() -> LocalRuntime {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap()
}

fn name(text: &str) -> LockName {
    LockName::command(text).unwrap()
}

fn database(server: &Server) -> Database {
    let options = Options {
        password: Some(PASSWORD.to_owned()),
        wait_timeout: Duration::from_secs(2),
        ..Options::default()
    };
    Database::from_url(&server.url(), options).unwrap()
}

async fn session(server: &Server) -> Connection {
    database(server).connect(SOON).await.unwrap()
}

/// What holds on every server. `connect` gives a new session each time; `label` tells servers apart.
async fn law<S: Session>(label: &str, mut connect: impl AsyncFnMut() -> S) {
    let ours = name(&format!("law of {label}"));
    let mut lock = NamedLock::acquire(connect().await, &ours, SECOND).await.unwrap();
    lock.still_held().await.unwrap();

    // A second task of this process isn't asked of the server, which might grant it.
    let again = NamedLock::try_acquire(connect().await, &ours).await.err().unwrap();
    assert_eq!(again, LockError::HeldHere { name: ours.clone() });

    // Other names are other locks, on the same server at the same time.
    let theirs = name(&format!("another of {label}"));
    NamedLock::try_acquire(connect().await, &theirs).await.unwrap().release().await.unwrap();

    let mut other = connect().await;
    assert!(holder_of(&mut other, &ours).await.unwrap().is_some());
    let session = lock.release().await.unwrap();
    assert_eq!(holder_of(&mut other, &ours).await.unwrap(), None);

    // The session goes on; a guard that is only dropped frees the lock too.
    let lock = NamedLock::try_acquire(session, &ours).await.unwrap();
    drop(lock);
    free(&mut other, &ours).await;

    let worked = with_lock(connect().await, &ours, SECOND, async { 6 * 7 }).await.unwrap();
    assert_eq!(worked.0, 42);
    worked.1.unwrap();

    // A future that is cancelled under the lock, and one that is while it waits.
    let forever = with_lock(connect().await, &ours, SECOND, std::future::pending::<()>());
    assert!(tokio::time::timeout(SECOND / 10, forever).await.is_err());
    free(&mut other, &ours).await;
}

/// Waits until nobody holds the lock: a closed connection is seen by the server in its own time.
async fn free<S: Session>(session: &mut S, name: &LockName) {
    let start = Instant::now();
    while let Some(by) = holder_of(session, name).await.unwrap() {
        assert!(start.elapsed() < BOUND, "session {by} still holds {name}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn the_law_holds_on_a_server_that_is_made_up() {
    let server = FakeServer::default();
    runtime().block_on(law("fake", async || server.connect()));
}

#[test]
fn the_law_holds_on_real_servers() {
    for server in Server::each() {
        runtime().block_on(law("real", async || session(&server).await));
    }
}

#[test]
fn every_answer_of_a_server_is_an_error_of_its_own() {
    let server = FakeServer::default();
    let ours = name("answers");
    let acquired = |answer| {
        server.answer_next(answer);
        runtime().block_on(NamedLock::try_acquire(server.connect(), &ours)).err().unwrap()
    };
    let refused = |code| Err(DatabaseError::Server { code, message: "it says so".to_owned() });
    let own = |error: fn(LockName) -> LockError| error(ours.clone());
    assert_eq!(acquired(Ok(mysql_async::Value::NULL)), own(|name| LockError::Interrupted { name }));
    for (code, expected) in [
        (3_058, own(|name| LockError::Deadlock { name })),
        (1_213, own(|name| LockError::Deadlock { name })),
        (3_024, own(|name| LockError::LimitReached { name })),
        (1_205, own(|name| LockError::LimitReached { name })),
        (1_317, own(|name| LockError::Interrupted { name })),
        (1_969, own(|name| LockError::Interrupted { name })),
        (1_290, LockError::ReadOnly),
    ] {
        assert_eq!(acquired(refused(code)), expected, "{code}");
    }
    let lost = DatabaseError::Lost("server has gone away".to_owned());
    assert_eq!(acquired(Err(lost.clone())), LockError::Database(lost));
    assert!(acquired(refused(9_999)).to_string().contains("9999"));
    // None of them left the name taken in this process.
    drop(runtime().block_on(NamedLock::try_acquire(server.connect(), &ours)).unwrap());
}

#[test]
fn a_holder_elsewhere_is_named_and_a_killed_session_is_lost() {
    for server in Server::each() {
        runtime().block_on(holders_elsewhere(&server));
    }
}

async fn holders_elsewhere(server: &Server) {
    let ours = name("elsewhere");
    let mut other = session(server).await;
    let taken = other.rows("SELECT GET_LOCK(?, 0)", vec![ours.as_str().into()]).await.unwrap();
    assert_eq!(taken, [[mysql_async::Value::Int(1)]]);
    let start = Instant::now();
    let held = NamedLock::acquire(session(server).await, &ours, SECOND).await.err().unwrap();
    assert_eq!(held, LockError::Held { name: ours.clone(), by: Some(other.id().into()) });
    assert!(start.elapsed() >= SECOND - SECOND / 10, "{:?}", start.elapsed());
    drop(other);

    let mut lock = NamedLock::acquire(session(server).await, &ours, BOUND).await.unwrap();
    let id = lock.session().id();
    server.say(&format!("KILL {id}"));
    let said = lock.still_held().await.unwrap_err();
    assert!(matches!(said, LockError::Database(_)), "{said}");
    assert!(lock.release().await.is_err());

    // Silent for longer than its wait_timeout, it holds nothing any more.
    let mut lock = NamedLock::acquire(session(server).await, &ours, BOUND).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_600)).await;
    assert!(lock.still_held().await.is_err());
}

#[test]
fn nothing_waits_for_a_frozen_server() {
    let certificates = secrets::Certificates::new();
    for server in Server::start_each(&certificates.options()) {
        runtime().block_on(frozen(&server));
        frozen_in_a_log_in(Rc::new(server), &secrets::verified(&certificates.authority()));
    }
}

async fn frozen(server: &Server) {
    let ours = name("frozen");
    let mut lock = NamedLock::acquire(session(server).await, &ours, SECOND).await.unwrap();
    lock.set_patience(SECOND / 2);
    let waiting = session(server).await;
    server.freeze();
    let within = |start: Instant, bound: Duration| {
        assert!(start.elapsed() < bound + SECOND, "{:?}", start.elapsed());
    };
    let start = Instant::now();
    let late = database(server).connect(SECOND / 2).await.err().unwrap();
    assert!(matches!(late, DatabaseError::Late { what: "connecting", .. }), "{late}");
    within(start, SECOND / 2);
    let start = Instant::now();
    assert!(lock.still_held().await.is_err());
    within(start, SECOND / 2);
    let start = Instant::now();
    assert!(lock.release().await.is_err());
    within(start, SECOND / 2);
    // A name that nobody is about to take, and a session that was made in time.
    let start = Instant::now();
    assert!(NamedLock::try_acquire(waiting, &name("thawed")).await.is_err());
    within(start, ANSWER);
    server.thaw();
    // The ghost of a session that was given up goes, at the latest with its wait_timeout.
    free(&mut session(server).await, &ours).await;
}

/// The server freezes at each packet in turn: before its greeting, in TLS, in the log-in and in the
/// session's settings.
fn frozen_in_a_log_in(server: Rc<Server>, tls: &Tls) {
    let mut longest = Duration::ZERO;
    let mut stages = 0;
    loop {
        let connected = runtime().block_on(async {
            let freeze = {
                let server = server.clone();
                move || server.freeze()
            };
            let port = proxy::freezing(server.port(), stages, freeze).await;
            let database = secrets::database("127.0.0.1", port, tls.clone());
            let start = Instant::now();
            let result = database.connect(SECOND / 2).await;
            longest = longest.max(start.elapsed());
            result
        });
        server.thaw();
        match connected {
            Ok(_) => break,
            Err(DatabaseError::Late { .. }) => stages += 1,
            Err(other) => panic!("frozen at packet {stages}: {other}"),
        }
    }
    println!(
        "{}: frozen at each of {stages} packets of a log-in, given up after at most {longest:?}",
        server.version()
    );
    assert!(stages >= 4 && longest < SECOND / 2 + SECOND, "{stages} {longest:?}");
}

/// A wait that is cancelled leaves a ghost in the server's queue, which must not keep the lock.
#[test]
fn a_cancelled_wait_keeps_nobody_out() {
    for server in Server::each() {
        runtime().block_on(async {
            let ours = name("ghost");
            let mut other = session(&server).await;
            other.rows("SELECT GET_LOCK(?, 0)", vec![ours.as_str().into()]).await.unwrap();
            for _ in 0..3 {
                let wait = NamedLock::acquire(session(&server).await, &ours, SECOND * 60);
                assert!(tokio::time::timeout(SECOND / 10, wait).await.is_err());
            }
            drop(other);
            let start = Instant::now();
            let lock = NamedLock::acquire(session(&server).await, &ours, BOUND * 2).await;
            println!("behind three cancelled waits: {:?}", start.elapsed());
            lock.unwrap().release().await.unwrap();
        });
    }
}

#[test]
fn a_full_server_is_said_to_be_full_and_a_killed_one_lost() {
    let mut server = Server::start_with(&["--max-connections=10".to_owned()]);
    runtime().block_on(async {
        let mut sessions = Vec::new();
        let full = loop {
            match database(&server).connect(SOON).await {
                Ok(session) => sessions.push(session),
                Err(error) => break error,
            }
            assert!(sessions.len() < 20);
        };
        assert!(matches!(full, DatabaseError::TooManyConnections { code: 1_040, .. }), "{full}");
        let ours = name("killed");
        let mut lock = NamedLock::try_acquire(sessions.pop().unwrap(), &ours).await.unwrap();
        drop(sessions);
        server.restart();
        let lost = lock.still_held().await.unwrap_err();
        assert!(matches!(lost, LockError::Database(DatabaseError::Lost(_))), "{lost}");
        drop(lock);
        // The new server knows nothing of it.
        NamedLock::try_acquire(session(&server).await, &ours)
            .await
            .unwrap()
            .release()
            .await
            .unwrap();
    });
}

#[test]
fn a_wrong_password_is_said_without_saying_it() {
    let server = Server::shared();
    let options = Options { password: Some("hunter2-wrong".to_owned()), ..Options::default() };
    let database = Database::from_url(&server.url(), options).unwrap();
    let error = runtime().block_on(database.connect(SOON)).err().unwrap();
    assert!(matches!(error, DatabaseError::Denied { code: 1_045, .. }), "{error}");
    let said = format!("{error} {error:?} {database:?}");
    assert!(said.contains("password_file") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_name_is_a_value_and_never_a_statement() {
    for server in Server::each() {
        runtime().block_on(async {
            for hostile in ["'); DROP SCHEMA cwmem; -- ", "a\\' OR 1=1", "%s?:name", "`x`\"y\""] {
                let lock = NamedLock::try_acquire(session(&server).await, &name(hostile)).await;
                let mut lock = lock.unwrap();
                lock.still_held().await.unwrap();
                lock.release().await.unwrap();
            }
        });
        assert!(server.say("SHOW DATABASES LIKE 'cwmem'").contains("cwmem"));
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// For what a busy machine does in milliseconds otherwise.
const SOON: Duration = Duration::from_secs(10);
/// What a lock waits for an answer beyond its own time-out.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a lock may outlive its guard: the session's wait_timeout here, and a busy machine.
const BOUND: Duration = Duration::from_secs(5);
