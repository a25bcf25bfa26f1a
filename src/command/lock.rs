//! `cwmem lock`: a command that runs while this host has a named lock of the database, as flock(1)
//! does on one host.

mod acquire;
mod place;

use crate::clock::Clock;
use crate::command::lock::acquire::acquire;
use crate::command::lock::place::place;
use crate::command::output::complain;
use crate::command::run::Loader;
use crate::exit::Exit;
use crate::lock_command::Held;
use crate::lock_command::group::{Forked, fork};
use crate::lock_command::keeper::{Outcome, keep};
use crate::lock_command::signals::{Signals, status_of};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use tokio::runtime::LocalOptions;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Give up after so many seconds; without it, wait for as long as it takes, through restarts of the server
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Give up at once where somebody else has the lock
    #[arg(long, conflicts_with = "timeout")]
    no_wait: bool,
    /// The exit code where the lock wasn't acquired because somebody else has it
    #[arg(long, value_name = "N", default_value_t = Exit::Temporary.code())]
    conflict_exit_code: u8,
    /// The database, as mysql://USER@HOST:PORT/SCHEMA, of which port and schema may be left out; else the configuration says it
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A file with the database user's password
    #[arg(long, value_name = "FILE", requires = "database")]
    password_file: Option<PathBuf>,
    /// Take NAME as it is, to share a lock with others that use GET_LOCK
    #[arg(long)]
    raw: bool,
    /// Where somebody else has the lock, say on standard error who it is
    #[arg(long)]
    print_holder: bool,
    /// The lock's name, the same for all who share it; capitals count as small letters
    name: String,
    /// What to run, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub fn run(options: &Options, load: Loader) -> Exit {
    let place = match place(options, &load) {
        Ok(place) => place,
        Err(error) => {
            complain(&error);
            return error.exit();
        }
    };
    // Before there is a runtime, a thread or a connection.
    let forked = match fork(options.command.clone()) {
        Ok(forked) => forked,
        Err(error) => {
            complain(format_args!("a process cannot be forked: {error}"));
            return Exit::Unavailable;
        }
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = match runtime.enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("cannot start the runtime: {error}"));
            return Exit::Unavailable;
        }
    };
    let exit = runtime.block_on(async {
        let mut signals = match Signals::follow() {
            Ok(signals) => signals,
            Err(error) => {
                complain(format_args!("signals cannot be followed: {error}"));
                return Exit::Unavailable;
            }
        };
        let clock = Clock::System;
        let acquired = tokio::select! {
            // What asks this process to end comes before what would have it begin.
            biased;
            signal = signals.next_that_ends() => Err(Exit::Command(status_of(signal.as_raw()))),
            acquired = acquire(&place, options, &clock) => acquired,
        };
        match acquired {
            Ok(lock) => run_under(lock, forked, &mut signals, &clock, options).await,
            Err(exit) => exit,
        }
    });
    // A name that is still being looked up must not hold the process.
    runtime.shutdown_background();
    exit
}

/// Runs the command under `lock`, and says what went wrong.
async fn run_under(
    lock: impl Held,
    forked: Forked,
    signals: &mut Signals,
    clock: &Clock,
    options: &Options,
) -> Exit {
    let name = &options.name;
    let mut group = match forked.group() {
        Ok(group) => group,
        Err(error) => {
            complain(format_args!("the command cannot be supervised: {error}"));
            return Exit::Unavailable;
        }
    };
    group.take_terminal();
    match keep(lock, group, signals, clock).await {
        Outcome::Ended(status) => Exit::Command(status),
        Outcome::Failed(error) => not_run(&options.command, error),
        Outcome::Stopped(signal) => Exit::Command(status_of(signal.as_raw())),
        Outcome::NotHeld(why) => {
            complain(format_args!(
                "the lock {name} was lost before the command was started: {why}"
            ));
            Exit::Unavailable
        }
        Outcome::Lost(why) => {
            complain(format_args!("the lock {name} was lost, the command is ended: {why}"));
            Exit::Lost
        }
        Outcome::Doubtful { status, why } => {
            complain(format_args!(
                "the command ended with {status}, but the lock {name} may have been lost before: {why}"
            ));
            Exit::Lost
        }
    }
}

/// As a shell has it: 127 where there is no such command, 126 where it can't be run.
fn not_run(command: &[OsString], error: i32) -> Exit {
    let program = command.first().map(|program| program.to_string_lossy()).unwrap_or_default();
    let error = match error {
        0 => io::Error::from(io::ErrorKind::InvalidInput),
        number => io::Error::from_raw_os_error(number),
    };
    complain(format_args!("cannot run {program}: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => Exit::Command(NOT_FOUND),
        _ => Exit::Command(NOT_RUN),
    }
}

/// sh(1), "Exit Status".
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;

/// What the help says after the options: what is promised, and where that ends.
pub const LIMITS: &str = "\
The lock is advisory: it keeps apart only those who ask for it, and any user of the database server
can take it. It belongs to one server: each node of a Galera cluster has its own, and so does a
replica, which is refused where it is read-only.

COMMAND runs in a process group of its own, with CWMEM_LOCK_HELD=1. Signals are passed on to it;
before it has started they end the wait. Whatever is left of its group when it ends is ended too.
A server that goes away during the wait is asked again until it is back, or --timeout is over.

Every 5 s the server is asked whether the lock is still held. Where it isn't, or doesn't answer
within 3 s, the group gets SIGTERM at once and SIGKILL 5 s later, and no later than 15 s after the
last question that was answered. A server to which this host is silent gives the lock to another
after 20 s, so these don't overlap. They can, for at most those 15 s, where the server restarts or
the session is killed: what must never happen twice has to be checked where it happens too. These
times are fixed, whatever the period of a cluster in the same database.

A kill -9 of cwmem, or cwmem standing still, ends the group all the same. What has left the group
(setsid, daemons, an interactive shell's jobs) is out of reach.

Exit codes: COMMAND's own, 128 + N where signal N ended it; 126 it can't be run, 127 there is no
such command; 75 not acquired (see --conflict-exit-code), 76 the lock was lost, 69 no database,
64 wrong usage, 78 wrong configuration.";

#[cfg(test)]
mod tests {
    use super::LIMITS;
    use crate::lock_command::lease::{
        ANSWER_WITHIN, HEARTBEAT, KILL_AFTER, LEASE, SESSION_TIMEOUT,
    };

    #[test]
    fn the_help_names_the_times_that_hold() {
        let words = LIMITS.split_whitespace().collect::<Vec<_>>().join(" ");
        for (said, time) in [
            ("Every {} the server is asked", HEARTBEAT),
            ("doesn't answer within {},", ANSWER_WITHIN),
            ("SIGKILL {} later", KILL_AFTER),
            ("no later than {} after the last question", LEASE),
            ("to another after {},", SESSION_TIMEOUT),
            ("for at most those {},", LEASE),
        ] {
            let said = said.replace("{}", &format!("{} s", time.as_secs()));
            assert!(words.contains(&said), "{said}");
        }
    }
}
