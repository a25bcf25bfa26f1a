//! The command's process group as the keeper sees it: forked, signalled, killed.

use crate::clock::Boottime;
use crate::lock_command::message::{TOLD, Told, lease_to_bytes};
use crate::lock_command::supervisor;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpgid};
use std::cell::Cell;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream as Socket;
use tokio::net::UnixStream;

/// What is to be run: a program and its arguments.
pub type Command = Vec<OsString>;

/// The supervisor's process, before there is a runtime.
pub struct Forked {
    leader: Pid,
    socket: Socket,
}

/// The command and what it started, as the keeper deals with them.
pub trait Processes {
    /// Starts the command with its first lease, and extends the lease later.
    fn lease(&self, until: Boottime);
    fn told(&self) -> impl Future<Output = Told>;
    /// To all of them, or to the command alone where only that can know what is meant.
    fn signal(&self, signal: Signal);
    /// Returns once all of the group is dead.
    fn kill(self);
}

/// The group's number is its leader's, the supervisor's. It can't become another's: the supervisor
/// is this process's child, and only `kill` reaps it.
pub struct Group {
    leader: Pid,
    socket: UnixStream,
    command: Cell<Option<Pid>>,
    has_terminal: bool,
}

/// Forks the supervisor. To be called while the process has one thread and no connection: what
/// isn't open can't be inherited.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a process is forked on no other terms")]
pub fn fork(command: Command) -> io::Result<Forked> {
    let (ours, theirs) = Socket::pair()?;
    // What the supervisor leaves when it is killed becomes this process's, and can be waited for.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    // SAFETY: there is one thread yet, so that the child has all of the process, and no lock is
    // held by a thread that it lacks.
    match unsafe { libc::fork() } {
        0 => {
            drop(ours);
            supervisor::run(theirs, &command)
        }
        number => {
            let leader = Pid::from_raw(number).ok_or_else(io::Error::last_os_error);
            let leader = if number < 0 { Err(io::Error::last_os_error()) } else { leader }?;
            // Here and there: whoever comes first.
            let _ = rustix::process::setpgid(Some(leader), Some(leader));
            Ok(Forked { leader, socket: ours })
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub fn fork(_: Command) -> io::Result<Forked> {
    Err(ErrorKind::Unsupported.into())
}

impl Forked {
    /// Within a runtime.
    pub fn group(self) -> io::Result<Group> {
        self.socket.set_nonblocking(true)?;
        let socket = UnixStream::from_std(self.socket)?;
        Ok(Group { leader: self.leader, socket, command: Cell::new(None), has_terminal: false })
    }
}

impl Group {
    /// Lets the group have the terminal, where this process has it: else a command that reads from
    /// it would be stopped, and Ctrl-C wouldn't reach it.
    pub fn take_terminal(&mut self) {
        if rustix::termios::tcgetpgrp(io::stdin()) == Ok(rustix::process::getpgrp()) {
            ignore_terminal_output();
            self.has_terminal = rustix::termios::tcsetpgrp(io::stdin(), self.leader).is_ok();
        }
    }
}

impl Processes for Group {
    fn lease(&self, until: Boottime) {
        // Where it can't be written the supervisor is gone or stopped, and the older lease ends
        // earlier.
        // Straight to the descriptor, as the runtime refuses until it has seen that there is room.
        let _ = rustix::io::write(&self.socket, &lease_to_bytes(until));
    }

    async fn told(&self) -> Told {
        let mut frame = [0; TOLD];
        loop {
            if self.socket.readable().await.is_err() {
                return Told::Gone;
            }
            match self.socket.try_read(&mut frame) {
                Ok(length) => {
                    let told = Told::from_bytes(frame.get(..length).unwrap_or_default());
                    match told {
                        Told::Started(process) => self.command.set(Pid::from_raw(process)),
                        // It is reaped: its number may become another's.
                        Told::Ended(_) => self.command.set(None),
                        _ => {}
                    }
                    return told;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Told::Gone,
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let command = self.command.get();
        let is_outside = |command| {
            rustix::process::getpgid(Some(command)).is_ok_and(|group| group != self.leader)
        };
        if !FOR_THE_COMMAND.contains(&signal) {
            let _ = kill_process_group(self.leader, signal);
            // The command itself is reached also where it has left the group.
            if let Some(command) = command.filter(|command| is_outside(*command)) {
                let _ = kill_process(command, signal);
            }
        } else if let Some(command) = command {
            let _ = kill_process(command, signal);
        }
    }

    fn kill(self) {
        // With it dies the supervisor, and by that the command wherever it is (PR_SET_PDEATHSIG).
        let _ = kill_process_group(self.leader, Signal::KILL);
        // Children are handed on before their parent can be waited for: none is missed.
        while !matches!(waitpgid(self.leader, WaitOptions::empty()), Err(Errno::CHILD)) {}
        if self.has_terminal {
            let _ = rustix::termios::tcsetpgrp(io::stdin(), rustix::process::getpgrp());
        }
    }
}

/// Who isn't the terminal's any more would be stopped for taking it back.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a signal is ignored on no other terms")]
fn ignore_terminal_output() {
    // SAFETY: no handler is installed.
    unsafe {
        libc::signal(libc::SIGTTOU, libc::SIG_IGN);
    }
}

#[cfg(not(target_os = "linux"))]
fn ignore_terminal_output() {}

/// What these mean only the command knows; what it started would mostly die of them.
const FOR_THE_COMMAND: [Signal; 3] = [Signal::USR1, Signal::USR2, Signal::ALARM];
