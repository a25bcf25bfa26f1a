//! Tasks of several processes that fight for one lock: they return, panic, are cancelled wherever they
//! are, give up and are killed, and never are two inside at once.

use crate::support::mariadb::Server;
use crate::{BOUND, SECOND, free, name, runtime, session};
use cwmem::cluster::database::{Database, Options};
use cwmem::cluster::named_lock::{LockError, NamedLock};
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::task::spawn_local;
use tokio::time::sleep;

/// Runs as a child of the test below; does nothing otherwise.
#[test]
fn one_of_the_fighters() {
    let Ok(url) = std::env::var("FIGHT_URL") else { return };
    let folder = PathBuf::from(std::env::var("FIGHT_FOLDER").unwrap());
    let options = Options {
        password: Some(crate::PASSWORD.to_owned()),
        wait_timeout: Duration::from_secs(2),
        ..Options::default()
    };
    let database = Database::from_url(&url, options).unwrap();
    runtime().block_on(async {
        let fight = |_| spawn_local(fight_on(database.clone(), folder.clone()));
        for task in (0..TASKS).map(fight).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

async fn fight_on(database: Database, folder: PathBuf) {
    let mut random = fastrand::Rng::new();
    loop {
        // A task of its own, so that a panic ends that and goes no further.
        let one = spawn_local(round(database.clone(), folder.clone(), random.u64(..)));
        if random.u8(..6) == 0 {
            sleep(Duration::from_millis(random.u64(1..40))).await;
            if !one.is_finished() {
                one.abort();
                log(&folder, "cancelled");
            }
        }
        let _ = one.await;
    }
}

async fn round(database: Database, folder: PathBuf, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let Ok(connection) = database.connect(SECOND * 5).await else { return };
    let patience = Duration::from_secs(random.u64(0..=2));
    // The control: a name for each round is no lock at all.
    let is_locked = std::env::var("FIGHT_WITHOUT_LOCK").is_err();
    let fight = if is_locked { name("fight") } else { name(&seed.to_string()) };
    let lock = match NamedLock::acquire(connection, &fight, patience).await {
        Ok(lock) => lock,
        Err(LockError::HeldHere { .. }) => {
            log(&folder, "refused here");
            return sleep(Duration::from_millis(random.u64(1..20))).await;
        }
        Err(LockError::Held { .. } | LockError::Interrupted { .. }) => return log(&folder, "held"),
        Err(error) => return log(&folder, &format!("error {error}")),
    };
    let inside = enter(&folder);
    sleep(Duration::from_millis(random.u64(0..4))).await;
    if random.u8(..8) == 0 {
        panic!("as a holder may");
    }
    drop(inside);
    match random.u8(..4) {
        0 => drop(lock),
        _ => drop(lock.release().await),
    }
}

/// Being inside is holding a lock of the kernel's on a file, which goes with its process and can't
/// be had by two: whoever fails to get it has found somebody inside.
struct Inside(fs::File);

fn enter(folder: &Path) -> Inside {
    let mut file = open(folder, "inside");
    while file.try_lock().is_err() {
        let mut other = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut other).unwrap();
        if !other.is_empty() && !is_ending(&other) {
            log(folder, &format!("overlap with {other}"));
            break;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    file.set_len(0).unwrap();
    file.write_all(std::process::id().to_string().as_bytes()).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    log(folder, &format!("in at {}", now.as_millis()));
    Inside(file)
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.set_len(0).unwrap();
    }
}

/// A killed process closes its files one after the other: the server may know before its file's lock
/// is free.
fn is_ending(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let Some((_, rest)) = stat.rsplit_once(") ") else { return true };
    // proc(5): state, then the ninth of all fields are the kernel's flags, PF_EXITING among them.
    let flags: u32 = rest.split(' ').nth(6).unwrap().parse().unwrap();
    rest.starts_with(['Z', 'X']) || flags & 0x4 != 0
}

fn open(folder: &Path, name: &str) -> fs::File {
    let options = OpenOptions::new().create(true).append(true).read(true).to_owned();
    options.open(folder.join(name)).unwrap()
}

fn log(folder: &Path, what: &str) {
    open(folder, "log").write_all(format!("{what}\n").as_bytes()).unwrap();
}

fn fighter(server: &Server, folder: &Path, is_locked: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    if !is_locked {
        command.env("FIGHT_WITHOUT_LOCK", "1");
    }
    command
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
    for server in Server::each() {
        let fought = fight(&server, SECTIONS, true);
        assert_eq!(fought.overlaps, 0);
        assert!(fought.cancelled > 0 && fought.kills > 0);
        assert!(fought.longest_pause < BOUND, "nobody inside for {:?}", fought.longest_pause);
        runtime().block_on(async {
            let start = Instant::now();
            free(&mut session(&server).await, &name("fight")).await;
            let lock = NamedLock::acquire(session(&server).await, &name("fight"), BOUND).await;
            lock.unwrap().release().await.unwrap();
            println!("free {:?} after the last was killed", start.elapsed());
        });
    }
    let control = fight(&Server::shared(), SECTIONS / 10, false);
    assert!(control.overlaps > 0, "overlaps aren't seen");
}

struct Fought {
    overlaps: usize,
    cancelled: usize,
    kills: usize,
    /// While all of them wanted in.
    longest_pause: Duration,
}

fn fight(server: &Server, sections: usize, is_locked: bool) -> Fought {
    let folder = tempfile::tempdir().unwrap();
    let fighter = || fighter(server, folder.path(), is_locked);
    let mut fighters: Vec<Child> = (0..PROCESSES).map(|_| fighter()).collect();
    let text = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let count = |what: &str| text().lines().filter(|line| line.starts_with(what)).count();
    let (mut random, mut kills) = (fastrand::Rng::with_seed(5), 0);
    let start = Instant::now();
    while count("in at") < sections {
        std::thread::sleep(Duration::from_millis(random.u64(100..400)));
        let victim = random.usize(..fighters.len());
        fighters[victim].kill().unwrap();
        fighters[victim].wait().unwrap();
        fighters[victim] = fighter();
        kills += 1;
        assert!(start.elapsed() < SECOND * 80, "only {} sections", count("in at"));
    }
    for mut fighter in fighters {
        fighter.kill().unwrap();
        fighter.wait().unwrap();
    }
    let [inside, held, here, cancelled, errors, overlaps] =
        ["in at", "held", "refused here", "cancelled", "error", "overlap"].map(count);
    let text = text();
    let entered = text.lines().filter_map(|line| line.strip_prefix("in at ")?.parse().ok());
    let entered: Vec<u64> = entered.collect();
    let pause = entered.windows(2).map(|two| two[1].saturating_sub(two[0])).max().unwrap_or(0);
    let longest_pause = Duration::from_millis(pause);
    println!(
        "{}: {inside} critical sections of {PROCESSES} processes with {TASKS} tasks each, {kills} kills, {cancelled} cancelled, {held} time-outs, {here} refused by their own process, {errors} other errors, {overlaps} overlaps{}, at most {longest_pause:?} between two, in {:?}",
        server.version(),
        if is_locked { "" } else { " (control: without a common lock)" },
        start.elapsed()
    );
    Fought { overlaps, cancelled, kills, longest_pause }
}

const SECTIONS: usize = 1_000;
const PROCESSES: usize = 4;
const TASKS: usize = 3;
