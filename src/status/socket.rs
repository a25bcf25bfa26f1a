//! The socket: each client gets the report and is let go. It waits for clients and nothing else.

use crate::clock::{Clock, Moment};
use crate::status::report::Report;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// Serves until it is dropped, which removes the socket. A socket that can't be made is said, and
/// stops nothing.
pub async fn serve(path: PathBuf, clock: Clock, report: impl Fn(Moment) -> Report) {
    let socket = match Socket::bind(path).await {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!("no status socket, `cwmem status` can't ask this agent: {error}");
            return;
        }
    };
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = clients.join_next() => {}
            accepted = socket.listener.accept(), if clients.len() < CLIENTS => match accepted {
                Ok((stream, _)) => {
                    let text = serde_json::to_string(&report(clock.now())).unwrap_or_default();
                    clients.spawn_local(answer(stream, text + "\n", clock.clone()));
                }
                // Such as too many open files: it would fail again at once.
                Err(error) => {
                    tracing::debug!(%error, "a client of the status socket isn't heard");
                    clock.sleep(CLIENT_TIME).await;
                }
            }
        }
    }
}

/// What a client doesn't take in time it doesn't get.
async fn answer(stream: UnixStream, text: String, clock: Clock) {
    tokio::select! {
        () = write(&stream, text.as_bytes()) => {}
        () = clock.sleep(CLIENT_TIME) => {}
    }
}

async fn write(stream: &UnixStream, mut rest: &[u8]) {
    while !rest.is_empty() && stream.writable().await.is_ok() {
        match stream.try_write(rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // The client is gone.
            Err(_) => return,
        }
    }
}

/// Listening, as long as it is there.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum BindError {
    #[error("another agent answers at {}", .0.display())]
    Taken(PathBuf),
    #[error("{}: expected a socket or nothing, found something else: remove it", .0.display())]
    NoSocket(PathBuf),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl Socket {
    async fn bind(path: PathBuf) -> Result<Socket, BindError> {
        match clear(&path).await.and_then(|()| listen(&path)) {
            Ok(listener) => Ok(Socket { listener, path }),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Where it is gone already, somebody removed it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes what an agent that was killed left behind.
async fn clear(path: &Path) -> Result<(), BindError> {
    let io = |source| BindError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => return Err(BindError::NoSocket(path.to_owned())),
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(BindError::Taken(path.to_owned())),
        // Its queue is full: somebody is there.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(BindError::Taken(path.to_owned()))
        }
        Err(_) => fs::remove_file(path).map_err(io),
    }
}

/// For everyone, whatever the umask.
fn listen(path: &Path) -> Result<UnixListener, BindError> {
    let io = |source| BindError::Io { path: path.to_owned(), source };
    let listener = UnixListener::bind(path).map_err(io)?;
    fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(io)?;
    Ok(listener)
}

/// At once; the others wait for their turn.
const CLIENTS: usize = 8;
const CLIENT_TIME: Duration = Duration::from_secs(1);
