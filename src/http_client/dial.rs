//! One connection: straight to its server, to a proxy, or through one; with TLS where the URL says
//! so.

use super::late::Late;
use super::{no_proxies, system_authorities};
use http::header::PROXY_AUTHORIZATION;
use http::uri::Scheme;
use http::{Request, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

/// Picks the way, and gives up in time.
#[derive(Clone)]
pub struct Dial {
    tcp: HttpConnector,
    tls: Arc<Tls>,
    proxies: Arc<Matcher>,
    limit: Duration,
}

/// Made when first needed: plain HTTP needs no authorities in memory.
struct Tls {
    trusted: Option<Arc<RootCertStore>>,
    config: OnceLock<Arc<ClientConfig>>,
}

pub struct Stream {
    bytes: Box<dyn Bytes>,
    /// Whether requests are for a proxy to pass on: their target is the whole URL then.
    forwarded: bool,
}

trait Bytes: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Bytes for T {}

type Failure = Box<dyn Error + Send + Sync>;
type Connecting = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

impl Dial {
    pub fn new(proxies: Matcher, trusted: Option<RootCertStore>, limit: Duration) -> Dial {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls = Arc::new(Tls { trusted: trusted.map(Arc::new), config: OnceLock::new() });
        Dial { tcp, tls, proxies: Arc::new(proxies), limit }
    }

    /// A proxy that passes plain requests on finds its password in each of them.
    pub fn authorize<T>(&self, request: &mut Request<T>) {
        if request.uri().scheme() != Some(&Scheme::HTTP) {
            return;
        }
        let proxy = self.proxies.intercept(request.uri());
        if let Some(authorization) = proxy.as_ref().and_then(|proxy| proxy.basic_auth()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
    }

    async fn connect(mut self, server: Uri) -> Result<Stream, Failure> {
        let Some(proxy) = self.proxies.intercept(&server) else {
            return self.reach(server).await;
        };
        if server.scheme() != Some(&Scheme::HTTPS) {
            let stream = self.reach(proxy.uri().clone()).await?;
            return Ok(Stream { forwarded: true, ..stream });
        }
        let straight = Dial { proxies: Arc::new(no_proxies()), ..self.clone() };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), straight);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let stream = tunnel.call(server.clone()).await?;
        self.tls.secure(&server, stream).await
    }

    /// The host of the URL itself.
    async fn reach(&mut self, server: Uri) -> Result<Stream, Failure> {
        let tcp = self.tcp.call(server.clone()).await?;
        let stream = Stream { bytes: Box::new(tcp), forwarded: false };
        if server.scheme() == Some(&Scheme::HTTPS) {
            self.tls.secure(&server, stream).await
        } else {
            Ok(stream)
        }
    }
}

impl Service<Uri> for Dial {
    type Response = Stream;
    type Error = Failure;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Connecting {
        let (dial, limit) = (self.clone(), self.limit);
        Box::pin(async move {
            let late = |_| Err(Late::Connecting(limit).into());
            timeout(limit, dial.connect(server)).await.unwrap_or_else(late)
        })
    }
}

impl Tls {
    async fn secure(&self, server: &Uri, stream: Stream) -> Result<Stream, Failure> {
        let host = server.host().unwrap_or_default();
        // An IPv6 address stands in brackets in a URL, and without them in a certificate.
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
        let connector = TlsConnector::from(self.config()?);
        let secured = connector.connect(name, TokioIo::new(stream)).await?;
        Ok(Stream { bytes: Box::new(TokioIo::new(secured)), forwarded: false })
    }

    fn config(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let trusted = self.trusted.clone().unwrap_or_else(|| system_authorities().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(self.config.get_or_init(|| Arc::new(config)).clone())
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.forwarded)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.bytes).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_shutdown(context)
    }
}

/// CloudWatch and STS, and a few nodes of each.
const SESSIONS: usize = 8;
