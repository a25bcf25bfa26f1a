//! The thread that listens: HTTP/1.1, over TLS or not, on a runtime of its own.
//!
//! A runtime of its own, because the code under test owns its thread: a double on the same
//! runtime would stand still whenever that code does.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::describe;
use super::fault::Fault;
use super::limits::MAX_BODY;
use super::script::Behaviour;
use super::shared::Shared;
use super::wire;

/// Connections that may wait to be accepted; the standard library's number.
const BACKLOG: u32 = 128;

/// Listens until dropped; then every connection is closed, and the port.
pub struct Server {
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a bound socket by the time it returns.
    pub fn start(
        socket: TcpSocket,
        tls: Option<TlsAcceptor>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _registers = runtime.enter();
            socket.listen(BACKLOG)?
        };
        let (stop, stopped) = oneshot::channel::<Infallible>();
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = listen(listener, tls, shared) => {}
                    _ = stopped => {}
                }
            });
            // The runtime goes here, and with it every connection.
        };
        let thread = thread::Builder::new().name("cloudwatch-double".to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has printed itself; a second one in a drop would abort.
            let _ = thread.join();
        }
    }
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: whoever holds them may close some.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        shared.with(|state| state.seen.connections += 1);
        tokio::spawn(connection(stream, tls.clone(), Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // As a service would; small answers shouldn't wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    match tls {
        None => converse(stream, shared).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => converse(stream, shared).await,
            Err(_) => shared.with(|state| state.seen.failed_handshakes += 1),
        },
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(Arc::clone(&shared), request));
    let conversation = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // An error is the client going away, or a `Cut`: both are part of the play.
    drop(conversation);
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (number, behaviour) = shared.with(|state| {
        state.seen.requests += 1;
        (state.seen.requests, state.script.next(Instant::now()))
    });
    let id = format!("00000000-0000-4000-8000-{number:012}");
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_READ).collect().await else {
        let fault = Fault::too_large(MAX_READ, MAX_BODY);
        return Ok(wire::failure(&fault, &id, shared.with(|state| state.clock.now())));
    };
    let body = body.to_bytes();
    if describe::is_for(&head) && behaviour == Behaviour::Serve {
        return Ok(describe::answer(&shared, &head, &body, &id));
    }
    let arrival = wire::read(&head, &body);
    let served = match &behaviour {
        Behaviour::Fail(_) | Behaviour::Page { .. } | Behaviour::Hang | Behaviour::Cut => {
            shared.turn_away(&arrival, &behaviour, &id);
            Ok(())
        }
        _ => shared.serve(&arrival, &behaviour, &id),
    };
    let now = shared.with(|state| state.clock.now());
    if let Err(fault) = served {
        return Ok(wire::failure(&fault, &id, now));
    }
    match behaviour {
        Behaviour::Serve => Ok(wire::success(&id, now)),
        Behaviour::Slow(delay) => {
            tokio::time::sleep(delay).await;
            Ok(wire::success(&id, shared.with(|state| state.clock.now())))
        }
        Behaviour::Fail(fault) => Ok(wire::failure(&fault, &id, now)),
        Behaviour::Page { status, content_type, body } => {
            Ok(wire::page(status, &content_type, &body, now))
        }
        Behaviour::Hang | Behaviour::HangAfterStoring => std::future::pending().await,
        Behaviour::Cut | Behaviour::CutAfterStoring => Err(Cut),
    }
}

/// Makes hyper close the connection without a word.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut, as scripted")
    }
}

impl std::error::Error for Cut {}

/// No client under test sends this much; a runaway one shall not fill the memory.
const MAX_READ: usize = 16 * MAX_BODY;
