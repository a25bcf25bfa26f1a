//! `cwmem lock`, the real binary against a real server: who runs when, and who is dead by when.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test runs in real time and may stop where it cannot go on"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::mariadb::{PASSWORD, Server};
use tempfile::TempDir;

/// A folder in which shells leave what they did, and a server.
struct Place {
    folder: TempDir,
    server: Arc<Server>,
}

/// A `cwmem lock` that runs; killed where a test leaves it running.
struct Running(Child);

impl Place {
    fn new() -> Place {
        Place::with(Server::shared())
    }

    fn alone() -> Place {
        Place::with(Arc::new(Server::start()))
    }

    fn with(server: Arc<Server>) -> Place {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), PASSWORD).unwrap();
        Place { folder, server }
    }

    fn command(&self, options: &[&str], name: &str, command: &[&str]) -> Command {
        // Tests that are run under nohup or in the background ignore signals, and cwmem would too.
        let mut cwmem = Command::new("env");
        cwmem.args(["--default-signal", env!("CARGO_BIN_EXE_cwmem")]);
        cwmem.args(["lock", "--database", &self.server.url()]);
        cwmem.arg("--password-file").arg(self.path("password")).args(options);
        cwmem.arg(name).arg("--").args(command);
        cwmem.env("CWMEM_CONFIG", self.path("none.toml")).current_dir(self.folder.path());
        cwmem.stdin(Stdio::null());
        cwmem
    }

    fn start(&self, name: &str, script: &str) -> Running {
        Running(self.command(&[], name, &["sh", "-c", script]).spawn().unwrap())
    }

    /// Its code, what it printed, and how long it took.
    fn run(&self, options: &[&str], name: &str, command: &[&str]) -> (i32, String, Duration) {
        let start = Instant::now();
        let output = self.command(options, name, command).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        (output.status.code().unwrap(), text, start.elapsed())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A process's number that a shell writes there.
    fn process(&self, name: &str) -> u32 {
        let text = || fs::read_to_string(self.path(name)).ok().filter(|text| text.ends_with('\n'));
        wait_for(name, || text().is_some());
        text().unwrap().trim().parse().unwrap()
    }

    fn wait_for_holder(&self, name: &str) {
        wait_for("a holder", || self.holder(name).is_some());
    }

    /// The connection that has the lock of `cwmem lock NAME`.
    fn holder(&self, name: &str) -> Option<u64> {
        self.server.say(&format!("SELECT IS_USED_LOCK('cwmem:lock:{name}')")).parse().ok()
    }

    fn kill_holder(&self, name: &str) {
        let id = self.holder(name).expect("somebody has the lock");
        self.server.say(&format!("KILL {id}"));
    }

    /// The connections that wait for a lock.
    fn waiters(&self) -> Vec<u64> {
        let ids = self
            .server
            .say("SELECT ID FROM information_schema.PROCESSLIST WHERE STATE='User lock'");
        ids.lines().map(|id| id.parse().unwrap()).collect()
    }
}

impl Running {
    fn signal(&self, signal: &str) {
        send(self.0.id(), signal);
    }

    fn wait(&mut self, patience: Duration) -> (ExitStatus, Duration) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return (status, start.elapsed());
            }
            assert!(start.elapsed() < patience, "still running after {patience:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn send(process: u32, signal: &str) {
    let process = process.to_string();
    let shell = Command::new("sh").args(["-c", "kill -s $1 $2", "sh", signal, &process]).status();
    assert!(shell.unwrap().success());
}

/// A zombie that nobody has waited for yet is dead.
fn is_alive(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "no {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Command and grandchild that write their numbers and mean to stay.
const FAMILY: &str = "sleep 600 & echo $! > grandchild; echo $$ > child; wait";
/// The same, deaf to SIGTERM.
const DEAF_FAMILY: &str = "trap '' TERM; sleep 600 & echo $! > grandchild; echo $$ > child; wait";
const PATIENCE: Duration = Duration::from_secs(60);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);
/// The times that the help promises.
const HEARTBEAT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(3);
const LEASE: Duration = Duration::from_secs(15);

#[test]
fn the_exit_code_is_the_command_s_or_says_why_there_was_none() {
    let place = Place::new();
    let script = |code: &'static str| ["sh", "-c", code];
    let cases: [(&[&str], i32); 6] = [
        (&script("exit 0"), 0),
        (&script("exit 42"), 42),
        (&script("kill -TERM $$"), 143),
        (&script("kill -KILL $$"), 137),
        (&["no-such-command-anywhere"], 127),
        (&["/etc/passwd"], 126),
    ];
    for (command, expected) in cases {
        let (code, text, _) = place.run(&[], "codes", command);
        assert_eq!(code, expected, "{command:?}: {text}");
    }
    let mut holder = place.start("codes", "exec sleep 600");
    place.wait_for_holder("codes");
    let cases: [(&[&str], i32); 3] = [
        (&["--no-wait"], 75),
        (&["--timeout", "1"], 75),
        (&["--timeout", "1", "--conflict-exit-code", "3"], 3),
    ];
    for (options, expected) in cases {
        let (code, text, took) = place.run(options, "codes", &["touch", "ran"]);
        assert_eq!(code, expected, "{options:?}: {text}");
        assert!(took < Duration::from_secs(1) + SLACK, "{took:?}");
    }
    let (code, text, _) = place.run(&["--no-wait", "--print-holder"], "CODES", &["touch", "ran"]);
    let id = place.holder("codes").unwrap();
    assert!(
        code == 75
            && text.contains("cwmem@127.0.0.1:")
            && text.contains(&format!("connection {id}")),
        "{text}"
    );
    assert!(!place.path("ran").exists());
    holder.signal("TERM");
    holder.wait(PATIENCE);
    assert_eq!(place.run(&["--no-wait"], "codes", &["true"]).0, 0, "it is free at once");
}

#[test]
fn what_cannot_be_meant_or_reached_has_codes_of_its_own() {
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let mut cwmem = Command::new(env!("CARGO_BIN_EXE_cwmem"));
        cwmem.arg("lock").args(arguments).args(["--", "touch", "ran"]);
        cwmem.env("CWMEM_CONFIG", place.path("none.toml")).current_dir(place.folder.path());
        let output = cwmem.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let password = place.path("wrong");
    fs::write(&password, "hunter2\n").unwrap();
    let (url, password) = (place.server.url(), password.to_str().unwrap());
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--database", "mysql://ops@127.0.0.1:1", "x"], 69, "refused"),
        (&["--database", "mysql://ops:hunter2@127.0.0.1", "x"], 64, "password"),
        (&["--database", "postgres://ops@127.0.0.1", "x"], 64, "mysql://"),
        (&["--database", &url, "n\u{f6}"], 64, "ASCII"),
        (&["--database", &url, "--password-file", "none", "x"], 65, "none"),
        (&["--database", &url, "--password-file", password, "x"], 69, "password"),
        (&["x"], 78, "none.toml"),
    ];
    for (arguments, expected, part) in cases {
        let (code, text) = run(arguments);
        assert_eq!(code, expected, "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(!place.path("ran").exists());
}

#[test]
fn the_command_knows_of_the_lock_and_has_no_socket_of_it() {
    let place = Place::new();
    let script = "echo held $CWMEM_LOCK_HELD; for f in /proc/self/fd/*; do readlink $f; done; true";
    let (code, text, _) = place.run(&[], "inherits", &["sh", "-c", script]);
    assert!(code == 0 && text.contains("held 1\n"), "{text}");
    assert!(!text.contains("socket:") && !text.contains("eventpoll"), "{text}");
}

#[test]
fn a_raw_name_is_shared_with_other_programs() {
    let place = Place::new();
    let script = "sleep 600";
    let command = place.command(&["--raw"], "Shared.Name", &["sh", "-c", script]).spawn();
    let _holder = Running(command.unwrap());
    let taken = || place.server.say("SELECT IS_FREE_LOCK('Shared.Name')") == "0";
    wait_for("holder of the raw name", taken);
}

#[test]
fn when_the_session_is_killed_the_group_is_told_at_once_and_killed() {
    let place = Place::new();
    let script = format!(
        "(trap 'date +%s%N > told; exit' TERM; while :; do sleep 0.05; done) & {DEAF_FAMILY}"
    );
    let mut running = place.start("killed", &script);
    let family = [place.process("child"), place.process("grandchild")];
    let lost = Instant::now();
    place.kill_holder("killed");
    wait_for("told", || place.path("told").exists());
    assert!(lost.elapsed() < HEARTBEAT + SLACK, "{:?}", lost.elapsed());
    let (status, _) = running.wait(LEASE + SLACK);
    assert_eq!(status.code(), Some(76));
    assert!(lost.elapsed() < LEASE + SLACK, "{:?}", lost.elapsed());
    assert!(!family.into_iter().any(is_alive), "none outlives cwmem");
}

#[test]
fn a_frozen_server_costs_the_command_its_life_within_the_lease() {
    let place = Place::alone();
    let mut running = place.start("frozen", DEAF_FAMILY);
    let family = [place.process("child"), place.process("grandchild")];
    place.server.signal("STOP");
    let (status, took) = running.wait(LEASE + SLACK);
    assert_eq!(status.code(), Some(76));
    assert!(took < HEARTBEAT + ANSWER + Duration::from_secs(5) + SLACK, "{took:?}");
    assert!(!family.into_iter().any(is_alive));
    // Nor does a frozen server hold who comes new.
    let (code, text, took) = place.run(&["--no-wait"], "frozen", &["true"]);
    assert_eq!(code, 69, "{text}");
    assert!(took < Duration::from_secs(10) + SLACK, "{took:?}");
    place.server.signal("CONT");
}

#[test]
fn signals_reach_the_command_and_end_a_wait() {
    let place = Place::new();
    let script = "trap 'exit 9' TERM; trap 'echo > usr1' USR1; echo $$ > child; while :; do sleep 0.02; done";
    let mut holder = place.start("signals", script);
    place.process("child");
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129), ("QUIT", 131)] {
        let mut waiter = place.start("signals", "touch ran");
        std::thread::sleep(Duration::from_millis(300));
        waiter.signal("USR1");
        waiter.signal(signal);
        let (status, took) = waiter.wait(PATIENCE);
        assert_eq!(status.code(), Some(code), "{signal}");
        assert!(took < SLACK, "{took:?}");
    }
    holder.signal("USR1");
    wait_for("usr1", || place.path("usr1").exists());
    holder.signal("TERM");
    assert_eq!(holder.wait(PATIENCE).0.code(), Some(9));
    assert!(!place.path("ran").exists(), "nothing starts once an end was asked for");
}

#[test]
fn nothing_runs_to_its_end_after_an_end_was_asked_for() {
    let place = Place::new();
    for round in 0..20_u64 {
        let mut holder = place.start("race", "exec sleep 600");
        place.wait_for_holder("race");
        let mut waiter = place.start("race", "sleep 1; touch ran");
        std::thread::sleep(Duration::from_millis(100));
        // The lock comes free about when the signal comes: before it, with it, after it.
        holder.signal("TERM");
        std::thread::sleep(Duration::from_millis(round * 2));
        waiter.signal("TERM");
        assert_eq!(waiter.wait(PATIENCE).0.code(), Some(143));
        holder.wait(PATIENCE);
    }
    assert!(!place.path("ran").exists());
}

#[test]
fn an_ignored_hangup_stays_ignored() {
    let place = Place::new();
    let mut cwmem = place.command(&[], "nohup", &["sh", "-c", "kill -HUP $$; exit 4"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).args(cwmem.get_args().skip(1));
    shell.env("CWMEM_CONFIG", place.path("none.toml"));
    assert_eq!(shell.status().unwrap().code(), Some(4));
    // Without that it is the command's end.
    assert_eq!(cwmem.status().unwrap().code(), Some(129));
}

#[test]
fn a_killed_cwmem_takes_child_and_grandchild_with_it() {
    let place = Place::new();
    let mut running = place.start("kill-nine", DEAF_FAMILY);
    let family = [place.process("child"), place.process("grandchild")];
    assert!(family.into_iter().all(is_alive));
    running.signal("KILL");
    running.wait(PATIENCE);
    let killed = Instant::now();
    wait_for("end of the family", || !family.into_iter().any(is_alive));
    assert!(killed.elapsed() < SLACK, "{:?}", killed.elapsed());
    assert_eq!(place.run(&["--timeout", "5"], "kill-nine", &["true"]).0, 0, "the lock is free");
}

#[test]
fn a_killed_supervisor_takes_child_and_grandchild_with_it() {
    let place = Place::new();
    let mut running = place.start("supervisor", FAMILY);
    let family = [place.process("child"), place.process("grandchild")];
    send(parent_of(family[0]), "KILL");
    let (status, _) = running.wait(SLACK);
    assert_eq!(status.code(), Some(137));
    assert!(!family.into_iter().any(is_alive));
}

#[test]
fn a_cwmem_that_stands_still_loses_its_command_in_time() {
    let place = Place::new();
    let mut running = place.start("still", DEAF_FAMILY);
    let family = [place.process("child"), place.process("grandchild")];
    running.signal("STOP");
    let stopped = Instant::now();
    wait_for("end of the family", || !family.into_iter().any(is_alive));
    assert!(stopped.elapsed() < LEASE + SLACK, "{:?}", stopped.elapsed());
    running.signal("CONT");
    assert_eq!(running.wait(PATIENCE).0.code(), Some(76));
}

#[test]
fn what_the_command_leaves_behind_ends_before_the_lock_is_given_up() {
    let place = Place::new();
    let script = "sleep 600 & echo $! > grandchild; exit 5";
    let (code, _, took) = place.run(&[], "left", &["sh", "-c", script]);
    assert_eq!(code, 5);
    assert!(took < SLACK, "{took:?}");
    assert!(!is_alive(place.process("grandchild")));
}

#[test]
fn a_wait_goes_on_through_a_restart_of_the_server_and_ends_when_told_to() {
    let mut place = Place::alone();
    let mut holder = place.start("restart", "exec sleep 600");
    place.wait_for_holder("restart");
    let mut waiter = place.start("restart", "touch ran");
    wait_for("waiter", || place.waiters().len() == 1);
    // Its session is killed first: that is no answer either.
    place.server.say(&format!("KILL {}", place.waiters()[0]));
    wait_for("waiter again", || place.waiters().len() == 1);
    Arc::get_mut(&mut place.server).unwrap().restart();
    assert_eq!(waiter.wait(PATIENCE).0.code(), Some(0), "it was free after the restart");
    assert!(place.path("ran").exists());
    assert_eq!(holder.wait(LEASE + SLACK).0.code(), Some(76));

    // A server that doesn't come back: the time is over all the same, and nothing is started.
    let _holder = place.start("gone", "exec sleep 600");
    place.wait_for_holder("gone");
    let timed = place.command(&["--timeout", "5"], "gone", &["touch", "ran too"]).spawn();
    let (mut timed, mut told) = (Running(timed.unwrap()), place.start("gone", "touch ran\\ too"));
    wait_for("two waiters", || place.waiters().len() == 2);
    place.server.signal("KILL");
    let (status, took) = timed.wait(PATIENCE);
    assert_eq!(status.code(), Some(75));
    assert!(took < Duration::from_secs(5) + SLACK, "{took:?}");
    told.signal("TERM");
    let (status, took) = told.wait(PATIENCE);
    assert_eq!(status.code(), Some(143));
    assert!(took < SLACK, "{took:?}");
    assert!(!place.path("ran too").exists());
}

#[test]
fn a_replica_s_lock_is_refused_and_given_up() {
    let place = Place::alone();
    let run = || place.run(&["--no-wait"], "replica", &["touch", "ran"]);
    place.server.say("SET GLOBAL read_only=1");
    let (code, text, _) = run();
    assert!(code == 69 && text.contains("read-only") && text.contains("writer"), "{text}");
    assert!(!place.path("ran").exists());
    place.server.say("SET GLOBAL read_only=0");
    let mut running = place.start("replica", FAMILY);
    let family = [place.process("child"), place.process("grandchild")];
    // A failover: from now on the others ask another server.
    place.server.say("SET GLOBAL read_only=1");
    let (status, took) = running.wait(PATIENCE);
    assert_eq!(status.code(), Some(76));
    assert!(took < HEARTBEAT + SLACK, "{took:?}");
    assert!(!family.into_iter().any(is_alive));
    place.server.say("SET GLOBAL read_only=0");
    assert_eq!(run().0, 0);
}

/// Sixteen processes as of two hosts: each reads, waits a little and writes back.
#[test]
fn a_counter_never_loses_an_increment() {
    let place = Place::new();
    let increment = "n=$(cat counter); sleep 0.01; echo $((n + 1)) > counter";
    assert_eq!(count(&place, increment, true), PROCESSES * ROUNDS);
    // The same without a lock: the test would notice.
    assert!(count(&place, increment, false) < PROCESSES * ROUNDS);
}

fn count(place: &Place, increment: &str, locked: bool) -> usize {
    let counter = place.path("counter");
    fs::write(&counter, "0\n").unwrap();
    let work = || {
        for _ in 0..ROUNDS {
            let mut command = match locked {
                true => place.command(&[], "counter", &["sh", "-c", increment]),
                false => {
                    let mut shell = Command::new("sh");
                    shell.args(["-c", increment]).current_dir(place.folder.path());
                    shell
                }
            };
            assert!(command.status().unwrap().success());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..PROCESSES {
            scope.spawn(work);
        }
    });
    read_number(&counter)
}

fn read_number(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().trim().parse().unwrap_or(0)
}

fn parent_of(process: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    parent.trim().parse().unwrap()
}

const PROCESSES: usize = 16;
const ROUNDS: usize = 8;
