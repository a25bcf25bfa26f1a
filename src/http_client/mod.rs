//! HTTP/1.1 for the SDK's clients: hyper's client behind the SDK's traits, with proxies, private
//! authorities and time-outs, and one idle connection kept.
//!
//! The SDK's own client does HTTP/2 as well, of which one request a minute has nothing but its
//! memory; docs/footprint.md has what leaving it out saves.

mod dial;
mod late;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use dial::Dial;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, capture_connection};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use std::error::Error;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;

pub use late::Late;

/// How servers are reached.
pub struct Plan {
    pub proxies: Matcher,
    /// Whose certificates are believed; `None`: the system's authorities, which are read when the
    /// first "https" URL is asked for.
    pub trusted: Option<RootCertStore>,
    /// For all of a connection: name resolution, TCP, a proxy, TLS.
    pub connect: Duration,
    /// From handing a request over until its answer begins.
    pub read: Duration,
    /// How long an idle connection is kept, one a server; zero: none is.
    pub idle: Duration,
}

/// A client as `plan` says. Sends nothing and reads no file.
pub fn new(plan: Plan) -> SharedHttpClient {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(plan.idle)
        .pool_max_idle_per_host(usize::from(!plan.idle.is_zero()));
    let read = plan.read;
    let dial = Dial::new(plan.proxies, plan.trusted, plan.connect);
    let connector = Connector { client: builder.build(dial.clone()), dial, read };
    let shared = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| shared.clone())
}

/// No proxy for anything.
pub fn no_proxies() -> Matcher {
    Matcher::builder().build()
}

/// The system's authorities, without those that no verifier takes.
pub fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

struct Connector {
    client: Client<Dial, SdkBody>,
    dial: Dial,
    read: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        self.dial.authorize(&mut request);
        let connection = capture_connection(&mut request);
        if let Some(asked) = request.extensions().get::<CaptureSmithyConnection>() {
            asked.set_connection_retriever(move || Some(disposable(&connection)));
        }
        let (answer, read) = (self.client.request(request), self.read);
        HttpConnectorFuture::new(async move {
            let answer = match timeout(read, answer).await {
                Ok(answer) => answer.map_err(|error| failure(error.into()))?,
                Err(_) => return Err(ConnectorError::timeout(Late::Reading(read).into())),
            };
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Says nothing of the proxies: their URLs may hold passwords.
impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connector")
    }
}

/// The SDK asks not to use a connection again after an answer that blames its server.
fn disposable(connection: &CaptureConnection) -> ConnectionMetadata {
    let proxied = connection.connection_metadata().as_ref().is_some_and(Connected::is_proxied);
    let connection = connection.clone();
    let dispose = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    ConnectionMetadata::builder().proxied(proxied).poison_fn(dispose).build()
}

fn failure(error: Box<dyn Error + Send + Sync>) -> ConnectorError {
    let late = Late::find(error.as_ref()).is_some();
    if late { ConnectorError::timeout(error) } else { ConnectorError::io(error) }
}
