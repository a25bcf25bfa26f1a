//! Processes that fight for one lock: they return, panic, are cancelled, give up and are killed, and
//! never are two inside at once.

use crate::support::mariadb::Server;
use crate::{BOUND, SECOND, database, free, name, runtime, session};
use cwmem::cluster::database::{Database, Options};
use cwmem::cluster::named_lock::{LockError, NamedLock};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs as a child of the test below; does nothing otherwise.
#[test]
fn one_of_the_fighters() {
    let Ok(url) = std::env::var("FIGHT_URL") else { return };
    let folder = std::env::var("FIGHT_FOLDER").unwrap();
    let options = Options {
        password: Some(crate::PASSWORD.to_owned()),
        wait_timeout: Duration::from_secs(2),
        ..Options::default()
    };
    let database = Database::from_url(&url, options).unwrap();
    let mut random = fastrand::Rng::new();
    loop {
        // A panic unwinds out of the round's own runtime, as it would out of a task.
        let seed = random.u64(..);
        let round = std::panic::AssertUnwindSafe(|| {
            runtime().block_on(round(&database, Path::new(&folder), seed));
        });
        let _ = std::panic::catch_unwind(round);
    }
}

async fn round(database: &Database, folder: &Path, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let Ok(connection) = database.connect(SECOND * 5).await else { return };
    let patience = Duration::from_secs(random.u64(0..=2));
    let fight = name("fight");
    let acquire = NamedLock::acquire(connection, &fight, patience);
    let lock = if random.u8(..8) == 0 {
        // Cancelled while it waits.
        let short = Duration::from_millis(random.u64(1..20));
        tokio::time::timeout(short, acquire).await.ok()
    } else {
        Some(acquire.await)
    };
    let lock = match lock {
        Some(Ok(lock)) => lock,
        Some(Err(error)) => {
            let expected = matches!(error, LockError::Held { .. } | LockError::Interrupted { .. });
            return log(folder, if expected { "held" } else { "error" });
        }
        None => return log(folder, "cancelled"),
    };
    enter(folder);
    tokio::time::sleep(Duration::from_millis(random.u64(0..4))).await;
    leave(folder);
    match random.u8(..4) {
        0 => drop(lock),
        1 => panic!("as a holder may"),
        _ => drop(lock.release().await),
    }
}

/// Someone else inside, who lives, is what must not be.
fn enter(folder: &Path) {
    let inside = folder.join("inside");
    let me = std::process::id().to_string();
    if let Ok(other) = fs::read_to_string(&inside)
        && !other.is_empty()
        && other != me
        && Path::new("/proc").join(&other).exists()
        && !is_dying(&other)
    {
        log(folder, &format!("overlap with {other}"));
    }
    fs::write(inside, me).unwrap();
    log(folder, "in");
}

/// Its socket is closed before it is reaped.
fn is_dying(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

fn leave(folder: &Path) {
    fs::write(folder.join("inside"), "").unwrap();
}

fn log(folder: &Path, what: &str) {
    let file = OpenOptions::new().create(true).append(true).open(folder.join("log"));
    writeln!(file.unwrap(), "{what}").unwrap();
}

fn fighter(server: &Server, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fight::one_of_the_fighters"])
        .env("FIGHT_URL", server.url())
        .env("FIGHT_FOLDER", folder)
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn no_two_are_inside_at_once() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut fighters: Vec<Child> = (0..4).map(|_| fighter(&server, folder.path())).collect();
    let count = |what: &str| {
        let text = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        text.lines().filter(|line| line.starts_with(what)).count()
    };
    let (mut random, mut kills) = (fastrand::Rng::with_seed(5), 0);
    let start = Instant::now();
    while count("in") < SECTIONS {
        std::thread::sleep(Duration::from_millis(random.u64(100..400)));
        let victim = random.usize(..fighters.len());
        fighters[victim].kill().unwrap();
        fighters[victim].wait().unwrap();
        fighters[victim] = fighter(&server, folder.path());
        kills += 1;
        assert!(start.elapsed() < SECOND * 80, "only {} sections", count("in"));
    }
    for mut fighter in fighters {
        fighter.kill().unwrap();
        fighter.wait().unwrap();
    }
    let [inside, held, cancelled, errors] = ["in", "held", "cancelled", "error"].map(count);
    println!(
        "{inside} critical sections, {kills} kills, {held} time-outs, {cancelled} cancelled waits, {errors} other errors in {:?}",
        start.elapsed()
    );
    assert_eq!(count("overlap"), 0);
    assert!(cancelled > 0 && kills > 0);
    runtime().block_on(async {
        free(&mut session(&server).await, &name("fight")).await;
        let lock = NamedLock::acquire(session(&server).await, &name("fight"), BOUND).await;
        lock.unwrap().release().await.unwrap();
        drop(database(&server));
    });
}

const SECTIONS: usize = 1_000;
