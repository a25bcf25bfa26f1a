//! An instance metadata service on the loopback: version 2 only, on a thread of its own, with moods
//! that can be changed while it runs.
#![allow(dead_code, reason = "each test uses what it needs")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test support")]

mod answer;

pub use answer::{ACCESS_KEY, Contents, Reply, Tags};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Stops when it is dropped.
pub struct ImdsDouble {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    mode: Option<watch::Sender<Mode>>,
    /// One for each mode that has come into force.
    in_force: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    Normal,
    /// Connections are refused, as before the network is up; `Normal` makes it appear.
    Absent,
    /// Connections are accepted and nothing is ever answered: a hop limit of one in a container.
    Mute,
    /// Right answers after a delay.
    Slow(Duration),
    /// Every question, the one for a token too, gets this answer.
    Everything(Reply),
    /// Tokens are given; every other question gets this answer.
    BehindToken(Reply),
}

/// A question as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// Whether it had a token that was given out.
    pub token: bool,
}

struct State {
    contents: Contents,
    tokens: Vec<String>,
    requests: Vec<Asked>,
}

impl ImdsDouble {
    /// On 127.0.0.1, answering.
    pub fn start() -> ImdsDouble {
        ImdsDouble::on("127.0.0.1:0".parse().unwrap(), Mode::Normal)
    }

    /// On [::1], answering.
    pub fn start_v6() -> ImdsDouble {
        ImdsDouble::on("[::1]:0".parse().unwrap(), Mode::Normal)
    }

    /// On 127.0.0.1, in `mode` from its first moment on.
    pub fn start_in(mode: Mode) -> ImdsDouble {
        ImdsDouble::on("127.0.0.1:0".parse().unwrap(), mode)
    }

    pub fn on(address: SocketAddr, mode: Mode) -> ImdsDouble {
        // Bound and never listening: it keeps the port while connections are to be refused.
        let reserved = socket(address);
        let address = reserved.local_addr().unwrap();
        let contents = Contents::default();
        let state = State { contents, tokens: Vec::new(), requests: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let (sender, modes) = watch::channel(mode);
        let (acknowledge, in_force) = mpsc::channel();
        let shared = state.clone();
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(serve(address, modes, shared, acknowledge));
            drop(reserved);
        });
        in_force.recv().unwrap();
        ImdsDouble { address, state, mode: Some(sender), in_force, thread: Some(thread) }
    }

    /// `http://ADDRESS:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// In force when this returns.
    pub fn set(&self, mode: Mode) {
        self.mode.as_ref().unwrap().send(mode).unwrap();
        self.in_force.recv().unwrap();
    }

    pub fn edit(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut lock(&self.state).contents);
    }

    /// Makes every token that was given out invalid.
    pub fn forget_tokens(&self) {
        lock(&self.state).tokens.clear();
    }

    /// Everything that was asked, in its order.
    pub fn requests(&self) -> Vec<Asked> {
        lock(&self.state).requests.clone()
    }

    /// The paths asked for beside the token's, less `/latest/`.
    pub fn paths(&self) -> Vec<String> {
        let requests = self.requests().into_iter().filter(|asked| asked.method == "GET");
        requests.map(|asked| asked.path.trim_start_matches("/latest/").to_owned()).collect()
    }
}

impl Drop for ImdsDouble {
    fn drop(&mut self) {
        self.mode = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Until the sender of modes is gone.
async fn serve(
    address: SocketAddr,
    mut modes: watch::Receiver<Mode>,
    state: Arc<Mutex<State>>,
    acknowledge: mpsc::Sender<()>,
) {
    let mut listener = None;
    let mut connections = JoinSet::new();
    loop {
        let absent = *modes.borrow_and_update() == Mode::Absent;
        if absent {
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            listener = Some(socket(address).listen(128).unwrap());
        }
        let _ = acknowledge.send(());
        loop {
            tokio::select! {
                stream = accept(listener.as_ref()) => {
                    connections.spawn(connection(stream, modes.clone(), state.clone()));
                }
                changed = modes.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => listener.accept().await.unwrap().0,
        None => std::future::pending().await,
    }
}

async fn connection(stream: TcpStream, modes: watch::Receiver<Mode>, state: Arc<Mutex<State>>) {
    let service = service_fn(|request| respond(request, modes.borrow().clone(), state.clone()));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: Request<Incoming>,
    mode: Mode,
    state: Arc<Mutex<State>>,
) -> Result<Response<answer::Body>, Infallible> {
    let reply = {
        let mut state = lock(&state);
        let state = &mut *state;
        let known = |token: &str| state.tokens.iter().any(|given| given == token);
        let token = answer::header(&request, answer::TOKEN).is_some_and(known);
        state.requests.push(Asked {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            token,
        });
        match &mode {
            Mode::Everything(reply) => reply.clone(),
            _ if request.method() == "PUT" => answer::token(&request, &mut state.tokens),
            _ if !token => Reply::status(401),
            Mode::BehindToken(reply) => reply.clone(),
            _ => answer::answer(&request, &state.contents),
        }
    };
    match mode {
        Mode::Mute => std::future::pending().await,
        Mode::Slow(delay) => wait(delay).await,
        _ => {}
    }
    Ok(reply.response())
}

async fn wait(delay: Duration) {
    let _ = tokio::time::timeout(delay, std::future::pending::<()>()).await;
}

fn socket(address: SocketAddr) -> TcpSocket {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}
