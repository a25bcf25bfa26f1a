//! The sink that ships batches to CloudWatch: one PutMetricData a batch, through the SDK.
//!
//! It only says what became of a batch; whether and when it is sent again is the delivery policy's
//! affair, so the SDK's own retries are off.

mod action;
mod alarms;
mod classify;
mod client;
mod credentials;
mod heard;
mod observe;
mod request;
mod signing_time;
mod transport;

use crate::batch::Batch;
use crate::clock::{Clock, Timestamp};
use crate::config;
use crate::environment::variable;
use crate::sink::{Answer, Outcome, RetryCause, Sink};
use action::Action;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use classify::Circumstances;
use client::{Plan, Ready};
use heard::Heard;
use observe::{Observed, Observer};
use signing_time::SigningTime;
use std::error::Error;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

pub use action::statement;
pub use alarms::SeenAlarm;
pub use heard::chain as explained;

pub struct CloudWatch {
    plan: Plan,
    clock: Clock,
    /// How many milliseconds the service's clock is ahead of ours, once it mattered.
    ahead: i64,
    setup: Option<JoinHandle<Result<Ready, String>>>,
    ready: Option<Ready>,
    used: Used,
}

/// What the last request went out with, as far as it got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    pub region: Option<String>,
    /// Where the credentials came from, in words.
    pub credentials: Option<String>,
}

/// What the `[cloudwatch]` section doesn't say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub environment: Environment,
    pub metadata: Metadata,
    pub timeouts: Timeouts,
    /// Instead of the SDK's own sources.
    pub credentials: Option<SharedCredentialsProvider>,
}

/// The variables that the SDK doesn't read by itself. Not `Debug`: a proxy's URL may hold a password.
#[derive(Clone, Default)]
pub struct Environment {
    pub https_proxy: Option<String>,
    pub http_proxy: Option<String>,
    pub no_proxy: Option<String>,
    pub ca_bundle: Option<String>,
    /// Whether the SDK's own variables say where the instance's metadata service is.
    pub names_metadata: bool,
}

/// Whether and where the instance's metadata service is asked for credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Metadata {
    Off,
    #[default]
    On,
    At(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    pub read: Duration,
    pub credentials: Duration,
    pub attempt: Duration,
    pub operation: Duration,
}

impl CloudWatch {
    /// Does nothing yet: the client is built at the first put.
    pub fn new(settings: config::CloudWatch, options: Options, clock: Clock) -> CloudWatch {
        let plan = Plan { settings, options, region: None, time: SigningTime::default() };
        CloudWatch { plan, clock, ahead: 0, setup: None, ready: None, used: Used::default() }
    }

    pub fn used(&self) -> &Used {
        &self.used
    }

    /// The instance's own region, used where nothing else names one.
    pub fn set_region(&mut self, region: Option<String>) {
        if self.plan.region != region {
            self.plan.region = region;
            self.forget_client();
        }
    }

    /// The client, built where there is none; the error is for people.
    async fn client(&mut self) -> Result<&Ready, String> {
        if self.ready.is_none() {
            // A set-up that hangs in a frozen file system is awaited again, not begun again.
            let setup = self.setup.get_or_insert_with(|| {
                let (runtime, plan) = (Handle::current(), self.plan.clone());
                tokio::task::spawn_blocking(move || runtime.block_on(client::build(plan)))
            });
            let Ok(built) = tokio::time::timeout(SETUP, setup).await else {
                return Err(format!("reading configuration and certificates took over {SETUP:?}"));
            };
            self.setup = None;
            self.ready = Some(built.map_err(|error| format!("set-up failed: {error}"))??);
        }
        self.ready.as_ref().ok_or_else(String::new)
    }

    /// The next put builds a new one, which looks for region, files and credentials again.
    fn forget_client(&mut self) {
        (self.setup, self.ready) = (None, None);
    }

    /// Once the service has refused a request for its time, its clock counts, until ours is right.
    fn learn(&mut self, outcome: &Outcome, service_time: Option<Timestamp>) {
        let Outcome::Retry { cause, .. } = outcome else {
            return self.follow(service_time, self.ahead != 0);
        };
        self.follow(service_time, self.ahead != 0 || *cause == RetryCause::Clock);
        // Credentials are cached for hours; a new role or a renewed file is to be seen at once.
        if matches!(cause, RetryCause::Credentials | RetryCause::AccessDenied) {
            self.forget_client();
        }
    }

    fn follow(&mut self, service_time: Option<Timestamp>, follow: bool) {
        if let Some(time) = service_time.filter(|_| follow) {
            self.ahead = time.millis_since(self.clock.now().wall);
        }
    }
}

impl CloudWatch {
    /// One request, and what became of it; what the service gave where it took it.
    async fn exchange<T, E, Sending>(
        &mut self,
        action: Action<'_>,
        send: impl FnOnce(Client, Observer) -> Sending,
    ) -> (Option<T>, Answer)
    where
        E: ProvideErrorMetadata + Error + 'static,
        Sending: Future<Output = Result<T, SdkError<E>>>,
    {
        let time = self.plan.time.clone();
        let endpoint = self.plan.settings.endpoint_url.clone();
        time.set(Timestamp(self.clock.now().wall.0.saturating_add(self.ahead)));
        self.used = Used::default();
        let ready = match self.client().await {
            Ok(ready) => ready,
            Err(reason) => {
                let outcome = classify::no_setup(&reason);
                return (None, Answer { outcome, service_time: None });
            }
        };
        let observer = Observer::default();
        let result = send(ready.client.clone(), observer.clone()).await;
        let observed = observer.observed();
        let used = Used { region: Some(ready.region.clone()), credentials: ready.credentials() };
        let circumstances = Circumstances {
            action,
            region: &ready.region,
            endpoint: endpoint.as_deref(),
            credentials: used.credentials.as_deref(),
            signed_at: time.get(),
        };
        let outcome = classify::outcome(&Heard::new(&result, &observed), &circumstances);
        let service_time = service_time(&observed);
        self.used = used;
        self.learn(&outcome, service_time);
        (result.ok(), Answer { outcome, service_time })
    }
}

impl Sink for CloudWatch {
    async fn put(&mut self, batch: &Batch) -> Answer {
        let action = Action::PutMetricData { namespace: &batch.namespace };
        let send = |client: Client, observer: Observer| {
            request::put_metric_data(&client, batch).customize().interceptor(observer).send()
        };
        self.exchange(action, send).await.1
    }
}

/// The host's own credentials and the region, for another service: `settings` names sources and
/// region, the role in it is CloudWatch's own. The error is for people.
pub async fn credentials(
    settings: config::CloudWatch,
    options: Options,
    now: Timestamp,
) -> Result<(Credentials, String), String> {
    let time = SigningTime::default();
    time.set(now);
    let plan = Plan { settings, options, region: None, time };
    let runtime = Handle::current();
    // Files are read on the way.
    let found = tokio::task::spawn_blocking(move || runtime.block_on(client::credentials(plan)));
    found.await.map_err(|error| format!("looking for credentials failed: {error}"))?
}

/// The SDK's client for what isn't data, as alarms and dashboards; `region`: the instance's own.
/// Asks nobody yet. The error is for people.
pub async fn client(
    settings: config::CloudWatch,
    options: Options,
    region: Option<String>,
    now: Timestamp,
) -> Result<(Client, String), String> {
    let time = SigningTime::default();
    time.set(now);
    let plan = Plan { settings, options, region, time };
    let runtime = Handle::current();
    // Files are read on the way.
    let built = tokio::task::spawn_blocking(move || runtime.block_on(client::build(plan)));
    let ready = built.await.map_err(|error| format!("set-up failed: {error}"))??;
    Ok((ready.client, ready.region))
}

impl Environment {
    /// As the process has it.
    pub fn read() -> Environment {
        let either = |name: &str| variable(name).or_else(|| variable(&name.to_ascii_lowercase()));
        let names_metadata =
            ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"];
        Environment {
            https_proxy: either("HTTPS_PROXY"),
            http_proxy: either("HTTP_PROXY"),
            no_proxy: either("NO_PROXY"),
            ca_bundle: variable("AWS_CA_BUNDLE"),
            names_metadata: names_metadata.iter().any(|name| variable(name).is_some()),
        }
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Environment")
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: CONNECT,
            read: READ,
            credentials: CREDENTIALS,
            attempt: ATTEMPT,
            operation: OPERATION,
        }
    }
}

/// Only CloudWatch's own answers count: anyone's page has a `Date`.
fn service_time(observed: &Observed) -> Option<Timestamp> {
    observed.answer.filter(|head| head.from_service)?.date
}

/// DNS, TCP, the proxy's consent and TLS: a few round trips, two lost packets included.
const CONNECT: Duration = Duration::from_secs(3);
/// From the first byte of the request to the head of its answer, connecting included. The service
/// answers a full request within a second.
const READ: Duration = Duration::from_secs(5);
/// All sources of credentials together; each of IMDS's two addresses may cost a second, STS more.
const CREDENTIALS: Duration = Duration::from_secs(5);
/// Credentials, then the exchange.
const ATTEMPT: Duration = Duration::from_secs(10);
/// There is one attempt; this bounds what the SDK does around it.
const OPERATION: Duration = Duration::from_secs(15);
/// A few small files and the system's certificates.
const SETUP: Duration = Duration::from_secs(10);
