//! The supervisor: starts the command, and kills the group when its lease runs out or the keeper
//! goes.

use crate::clock::{Boottime, Clock};
use crate::lock_command::message::{LEASE, Told, lease_from_bytes};
use crate::lock_command::signals::{status_of, survive};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, WaitOptions, getpgrp, getpid, getppid,
    kill_current_process_group, setpgid, waitid, waitpgid,
};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use tokio::net::UnixStream;
use tokio::runtime::LocalOptions;
use tokio::signal::unix::{SignalKind, signal};

/// Doesn't return: ends by killing the group, itself with it.
pub fn run(socket: Socket, command: &[OsString]) -> ! {
    if let Err(error) = supervise(socket, command) {
        let _ = writeln!(io::stderr(), "cwmem: the command cannot be supervised: {error}");
    }
    let _ = kill_current_process_group(Signal::KILL);
    exit(1)
}

fn supervise(socket: Socket, command: &[OsString]) -> io::Result<()> {
    setpgid(None, None)?;
    // What the command leaves behind becomes this process's, so that the last of it can be told.
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(getpid()))?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        socket.set_nonblocking(true)?;
        watch(&UnixStream::from_std(socket)?, command, &Clock::System).await
    })
}

/// Returns when all has to be dead.
async fn watch(keeper: &UnixStream, command: &[OsString], clock: &Clock) -> io::Result<()> {
    survive()?;
    let mut children = signal(SignalKind::child())?;
    let Some(mut until) = next_lease(keeper).await else { return Ok(()) };
    // The keeper may have been stopped between asking for the lock and saying so.
    if clock.now().boot >= until {
        return Ok(());
    }
    let mut phase = match start(command) {
        Ok(process) => {
            tell(keeper, Told::Started(process.as_raw_pid()))?;
            Phase::Runs(process)
        }
        Err(error) => {
            tell(keeper, Told::Failed(error.raw_os_error().unwrap_or(0)))?;
            Phase::Over
        }
    };
    let mut alarm = clock.alarm();
    loop {
        for told in phase.next() {
            tell(keeper, told)?;
        }
        tokio::select! {
            lease = next_lease(keeper) => match lease {
                Some(lease) => until = lease,
                None => return Ok(()),
            },
            _ = children.recv() => {}
            () = alarm.until(until) => return Ok(()),
        }
    }
}

#[derive(Clone, Copy)]
enum Phase {
    Runs(Pid),
    /// The command has ended; of its group something may be left.
    Remains,
    Over,
}

impl Phase {
    /// Looks at the children, and gives what there is to tell.
    fn next(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        if let Phase::Runs(process) = *self
            && let Some(status) = ended(process)
        {
            told.push(Told::Ended(status));
            *self = Phase::Remains;
        }
        if let Phase::Remains = *self
            && group_is_empty()
        {
            told.push(Told::Empty);
            *self = Phase::Over;
        }
        told
    }
}

/// The command's status once it has ended.
fn ended(process: Pid) -> Option<u8> {
    let look = |options| waitid(WaitId::Pid(process), options | WaitIdOptions::NOHANG);
    // A lock isn't for something that stands still: Ctrl-Z has no effect.
    if let Ok(Some(status)) = look(WaitIdOptions::STOPPED)
        && status.stopping_signal() == Some(Signal::TSTP.as_raw())
    {
        let _ = kill_current_process_group(Signal::CONT);
    }
    look(WaitIdOptions::EXITED).ok().flatten().map(|status| shell_status(&status))
}

fn shell_status(status: &WaitIdStatus) -> u8 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, signal) => status_of(signal.unwrap_or(0)),
    }
}

/// Whether no child is left in the group; those who have ended are reaped.
fn group_is_empty() -> bool {
    loop {
        match waitpgid(getpgrp(), WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return true,
        }
    }
}

#[expect(unsafe_code, reason = "a child's death is tied to its parent's on no other terms")]
fn start(command: &[OsString]) -> io::Result<Pid> {
    let (program, arguments) = command.split_first().ok_or(ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).env(HELD, "1");
    let supervisor = getpid();
    let die_with_parent = move || {
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may be dead already.
        if getppid() == Some(supervisor) { Ok(()) } else { Err(ErrorKind::NotConnected.into()) }
    };
    // SAFETY: between fork and exec only two system calls are made, and nothing is allocated.
    let child = unsafe { command.pre_exec(die_with_parent) }.spawn()?;
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(ErrorKind::InvalidData.into())
}

/// A few bytes always have room. Straight to the descriptor, as the runtime refuses until it has
/// seen that.
fn tell(keeper: &UnixStream, told: Told) -> io::Result<()> {
    Ok(rustix::io::write(keeper, &told.to_bytes()).map(|_| ())?)
}

async fn next_lease(keeper: &UnixStream) -> Option<Boottime> {
    let mut frame = [0; LEASE];
    loop {
        keeper.readable().await.ok()?;
        match keeper.try_read(&mut frame) {
            Ok(length) => return lease_from_bytes(frame.get(..length)?),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

/// Tells the command that it runs under a lock.
const HELD: &str = "CWMEM_LOCK_HELD";
