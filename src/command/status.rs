//! `cwmem status`: what the running agent tells of itself, over its socket.

use crate::command::output::{self, complain};
use crate::exit::Exit;
use crate::status::SOCKET;
use crate::status::findings::findings;
use crate::status::report::Report;
use crate::status::view::view;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Print the agent's own JSON object
    #[arg(long)]
    json: bool,
    /// Exit with 1 where the agent doesn't sample, publish or keep as it should, and say what is amiss
    #[arg(long)]
    check: bool,
}

/// Why the agent can't be asked.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no agent answers at {}: is it running? `journalctl -u cwmem` and `cwmem check` say more", .0.display())]
    NotRunning(PathBuf),
    #[error("the agent at {} gives no answer within {} s: it hangs or is stopped; see `journalctl -u cwmem`", .0.display(), PATIENCE.as_secs())]
    Silent(PathBuf),
    #[error("{}: only root may enter the runtime directory: run as root (sudo)", .0.display())]
    Denied(PathBuf),
    #[error("cannot ask the agent at {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: expected a JSON object from the agent, found {found:?}", path.display())]
    Nonsense { path: PathBuf, found: String },
}

/// `runtime`: the runtime directory of the agent that is meant.
pub fn run(runtime: &Path, options: &Options) -> Exit {
    let (text, report) = match ask(&runtime.join(SOCKET)) {
        Ok(answer) => answer,
        Err(error) => {
            complain(&error);
            return Exit::Unavailable;
        }
    };
    let found = if options.check { findings(&report) } else { Vec::new() };
    let exit = if found.is_empty() { Exit::Ok } else { Exit::Findings };
    if options.json {
        found.iter().for_each(complain);
        return output::show(text, exit);
    }
    let findings = found.iter().map(|finding| format!("finding: {finding}\n"));
    let findings = findings.collect::<String>();
    match (options.check, exit) {
        (false, _) => output::show(view(&report), exit),
        (true, Exit::Ok) => output::show("ok\n", exit),
        (true, _) => output::show(findings, exit),
    }
}

/// What the agent with this runtime directory tells, if one runs and may be asked.
pub(super) fn report(runtime: &Path) -> Option<Report> {
    ask(&runtime.join(SOCKET)).ok().map(|(_, report)| report)
}

fn ask(path: &Path) -> Result<(String, Report), Error> {
    let text = read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            Error::NotRunning(path.to_owned())
        }
        io::ErrorKind::PermissionDenied => Error::Denied(path.to_owned()),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Silent(path.to_owned()),
        _ => Error::Io { path: path.to_owned(), source },
    })?;
    match serde_json::from_str(&text) {
        Ok(report) => Ok((text, report)),
        // It was stopped between taking the call and answering it.
        Err(_) if text.is_empty() => Err(Error::Silent(path.to_owned())),
        Err(_) => {
            let found = text.chars().take(SHOWN).collect();
            Err(Error::Nonsense { path: path.to_owned(), found })
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut bytes = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The agent answers at its next free moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// Whoever answers, it isn't read for ever.
const MOST_BYTES: u64 = 1024 * 1024;
const SHOWN: usize = 80;
