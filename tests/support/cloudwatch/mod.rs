//! A double of CloudWatch's PutMetricData endpoint: as strict as its documents, and scriptable.
//!
//! It speaks what the SDK speaks (Smithy RPC v2 CBOR over HTTP/1.1, plain or TLS), on a thread of
//! its own, so it serves a library in the same process as well as a binary in another. It refuses
//! whatever breaks a documented limit, plays every failure a test asks for, keeps what it accepted
//! and answers questions about it:
//!
//! ```ignore
//! let double = Double::start();
//! double.next(Fault::throttled("Throttling"));
//! // ... run the agent against double.url() ...
//! let seen = double.wait_for(TEN_SECONDS, |seen| seen.accepted.len() == 1).unwrap();
//! let series = Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", "i-1");
//! assert_eq!(seen.statistics(&series, start, MINUTE).unwrap().maximum, 91.5);
//! ```
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]
#![allow(clippy::expect_used, reason = "a double that can't start is its test's failure")]
#![allow(clippy::disallowed_methods, reason = "it is the world outside, with a clock of its own")]

mod clock;
mod decode;
mod describe;
mod fault;
mod limits;
mod rights;
mod script;
mod server;
mod shared;
mod statistics;
mod store;
mod table;
mod tls;
mod validate;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::net::TcpSocket;

use self::server::Server;
use self::shared::{Observer, Shared};
use self::tls::Tls;

pub use self::clock::Clock;
pub use self::describe::MadeUpAlarm;
pub use self::fault::Fault;
pub use self::limits::{MAX_BODY, UNITS};
pub use self::rights::Rights;
pub use self::script::{Behaviour, Poison};
pub use self::shared::{Event, TimedOut};
pub use self::statistics::Statistics;
pub use self::store::{Datum, Figures, Refusal, Request, Seen, Series};
pub use self::table::{Table, label};

/// A running double; gone when dropped.
pub struct Double {
    address: SocketAddr,
    tls: Option<Tls>,
    shared: Arc<Shared>,
    server: Option<Server>,
    /// Bound but never listening: the port stays ours, and refuses while the double is stopped.
    reserved: TcpSocket,
}

impl Double {
    /// Plain HTTP on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If the port can't be had.
    pub fn start() -> Self {
        Self::builder().start().expect("a port on 127.0.0.1")
    }

    pub fn builder() -> Builder {
        Builder::default()
    }

    /// For `endpoint_url`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority to trust, for `ca_bundle`.
    ///
    /// # Panics
    /// If the double speaks no TLS.
    pub fn ca_pem(&self) -> &str {
        &self.tls.as_ref().expect("a double built with tls(true)").ca_pem
    }

    /// Stops listening and closes every connection; from then on connecting is refused.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Listens again, on the same port.
    ///
    /// # Panics
    /// If the system refuses a socket.
    pub fn start_again(&mut self) {
        if self.server.is_none() {
            let server = self.serve().expect("a second socket on the port kept until now");
            self.server = Some(server);
        }
    }

    /// What to do with the first request that isn't spoken for yet. Called repeatedly, it queues.
    pub fn next(&self, behaviour: impl Into<Behaviour>) {
        self.next_times(1, behaviour);
    }

    pub fn next_times(&self, times: usize, behaviour: impl Into<Behaviour>) {
        let behaviour = behaviour.into();
        self.shared.with(|state| (0..times).for_each(|_| state.script.push(behaviour.clone())));
    }

    /// What to do with every request until changed, once the queue is empty.
    pub fn always(&self, behaviour: impl Into<Behaviour>) {
        let behaviour = behaviour.into();
        self.shared.with(|state| state.script.stand(behaviour));
    }

    /// The same, but only for this long from now.
    pub fn for_time(&self, time: Duration, behaviour: impl Into<Behaviour>) {
        let (end, behaviour) = (Instant::now() + time, behaviour.into());
        self.shared.with(|state| state.script.hold(end, behaviour));
    }

    /// From now on refuses requests that hold such a datum.
    pub fn poison(&self, poison: Poison) {
        self.shared.with(|state| state.script.poison(poison));
    }

    /// Forgets queue, standing behaviour and poison: every request is served.
    pub fn heal(&self) {
        self.shared.with(|state| state.script = script::Script::default());
    }

    /// What the caller's policy allows; everything, until this is called.
    pub fn allow(&self, rights: Rights) {
        self.shared.with(|state| state.rights = Some(rights));
    }

    /// What DescribeAlarms tells.
    pub fn set_alarms(&self, alarms: Vec<MadeUpAlarm>) {
        self.shared.with(|state| state.alarms = alarms);
    }

    pub fn set_clock(&self, clock: Clock) {
        self.shared.with(|state| state.clock = clock);
    }

    /// Whether requests signed more than five minutes off the double's clock are refused.
    pub fn check_skew(&self, check: bool) {
        self.shared.with(|state| state.check_skew = check);
    }

    /// What the double's clock says now.
    pub fn now(&self) -> SystemTime {
        self.shared.with(|state| state.clock.now())
    }

    /// A snapshot.
    pub fn seen(&self) -> Seen {
        self.shared.with(|state| state.seen.clone())
    }

    /// Blocks until `happened`, and returns what was seen then.
    pub fn wait_for(
        &self,
        timeout: Duration,
        happened: impl FnMut(&Seen) -> bool,
    ) -> Result<Seen, TimedOut> {
        self.shared.wait_for(timeout, happened)
    }

    fn serve(&self) -> io::Result<Server> {
        let tls = self.tls.as_ref().map(|tls| tls.acceptor.clone());
        Server::start(bind(self.address)?, tls, Arc::clone(&self.shared))
    }
}

/// How a double shall be; by default plain HTTP on a free port of 127.0.0.1.
pub struct Builder {
    listen: SocketAddr,
    tls: bool,
    clock: Clock,
    check_skew: bool,
    observer: Option<Observer>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: false,
            clock: Clock::system(),
            check_skew: false,
            observer: None,
        }
    }
}

impl Builder {
    pub fn listen(self, listen: SocketAddr) -> Self {
        Self { listen, ..self }
    }

    pub fn tls(self, tls: bool) -> Self {
        Self { tls, ..self }
    }

    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    pub fn check_skew(self, check_skew: bool) -> Self {
        Self { check_skew, ..self }
    }

    /// Told of every request as it is decided, on the double's thread.
    pub fn observe(self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Box::new(observer)), ..self }
    }

    pub fn start(self) -> io::Result<Double> {
        let mut double = self.reserve()?;
        double.server = Some(double.serve()?);
        Ok(double)
    }

    /// Takes the port but doesn't listen: connecting is refused until [`Double::start_again`].
    pub fn reserve(self) -> io::Result<Double> {
        let reserved = bind(self.listen)?;
        let address = reserved.local_addr()?;
        let tls = self.tls.then(|| Tls::new(&address.ip().to_string()));
        let shared = Arc::new(Shared::new(self.clock, self.check_skew, self.observer));
        Ok(Double { address, tls, shared, server: None, reserved })
    }
}

/// Binds without listening, which the standard library can't. The port can be bound by this user
/// twice, so that the double keeps it through every stop; the system gives it to nobody else.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    {
        socket.set_reuseport(true)?;
        // The port's last connections may still be lingering.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    Ok(socket)
}
