//! How the process ends: the exit codes, after sysexits(3).

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok,
    /// A check found something.
    Findings,
    /// The command line is wrong.
    Usage,
    /// A file that is to be read can't be, or isn't what it should be.
    Unreadable,
    /// The service can't be reached, or takes nothing.
    Unavailable,
    /// A bug of ours.
    Bug,
    /// Another agent runs already, or somebody else has the lock.
    Temporary,
    /// The lock was lost while the command ran.
    Lost,
    /// The configuration is wrong, or missing where it was named.
    Config,
    /// Passed through: the status of the command that was run.
    Command(u8),
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Findings => 1,
            Exit::Usage => 64,
            Exit::Unreadable => 65,
            Exit::Unavailable => 69,
            Exit::Bug => 70,
            Exit::Temporary => 75,
            Exit::Lost => 76,
            Exit::Config => 78,
            // Not one of ours, nor of the documented ones.
            Self::Command(status) => status,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
