//! The instance metadata service, version 2 only: one question, one answer, short time-outs.
//!
//! It is never asked through a proxy, and no answer may be long. Trying again is the caller's.

use crate::http_client;
use crate::http_client::Late;
use crate::identity::document::{self, Document};
use aws_config::imds::client::error::{ImdsError, TokenError};
use aws_config::imds::client::{Client, SensitiveString};
use aws_config::provider_config::ProviderConfig;
use aws_smithy_async::future::timeout::TimedOutError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use rustls::RootCertStore;
use std::error::Error;
use std::time::Duration;

/// The service's own addresses: IPv4, then IPv6 (for subnets that have nothing else).
pub const ENDPOINTS: [&str; 2] = ["http://169.254.169.254", "http://[fd00:ec2::254]"];

/// Endpoints that are tried in their order until one answers.
#[derive(Debug, Clone)]
pub struct Imds {
    endpoints: Vec<aws_config::imds::client::Builder>,
    clients: Vec<Client>,
    /// The endpoint that answered last.
    first: usize,
}

/// Why there was no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("no answer from instance metadata: {0}")]
    NoAnswer(String),
    /// It takes connections, and the answer doesn't arrive: where the hop limit is too small for a
    /// container, the token's is dropped on its way.
    #[error("no answer from instance metadata: {0}")]
    Mute(String),
    #[error("instance metadata gives no token: {0}")]
    NoToken(String),
    #[error("instance metadata answers {path} with HTTP {status}")]
    Status { path: String, status: u16 },
    #[error("instance metadata answers {path} with something else: {reason}")]
    Foreign { path: String, reason: document::Error },
}

#[derive(Debug, thiserror::Error)]
#[error("{url:?}: expected an endpoint of instance metadata, http://HOST[:PORT]{reason}")]
pub struct InvalidEndpoint {
    url: String,
    reason: String,
}

impl Imds {
    /// `configured`: the environment's AWS_EC2_METADATA_SERVICE_ENDPOINT, which replaces the
    /// service's own addresses.
    pub fn new(configured: Option<&str>) -> Result<Imds, InvalidEndpoint> {
        match configured {
            Some(endpoint) => Imds::at(&[endpoint]),
            None => Imds::at(&ENDPOINTS),
        }
    }

    pub fn at(endpoints: &[&str]) -> Result<Imds, InvalidEndpoint> {
        let http = http_client();
        let builders = endpoints.iter().map(|url| builder(url, http.clone()));
        let mut imds =
            Imds { endpoints: builders.collect::<Result<_, _>>()?, clients: Vec::new(), first: 0 };
        imds.begin();
        Ok(imds)
    }

    /// Forgets the token: the next question fetches a new one. A token that has become invalid (the
    /// clock stepped, the instance was restored elsewhere) so never outlives a round of questions.
    pub fn begin(&mut self) {
        self.clients = self.endpoints.iter().map(|builder| builder.clone().build()).collect();
    }

    pub async fn document(&mut self) -> Result<Document, Failure> {
        match self.get(DOCUMENT).await? {
            Some(text) => document::parse(&text).map_err(|reason| foreign(DOCUMENT, reason)),
            None => Err(Failure::Status { path: DOCUMENT.to_owned(), status: 404 }),
        }
    }

    /// The keys of the instance's tags; `None` where tags in metadata are off.
    pub async fn tag_keys(&mut self) -> Result<Option<Vec<String>>, Failure> {
        let keys = self.listed_keys().await?;
        if keys.as_ref().is_none_or(|keys| !keys.is_empty()) {
            return Ok(keys);
        }
        // An empty list is also what the service gives while tags are off; the folder above it is
        // there only while they are on, and they may have been turned on just now.
        match self.get(TAGS_FOLDER).await? {
            Some(_) => self.listed_keys().await,
            None => Ok(None),
        }
    }

    /// The value of the tag under `key`, which must be one of `tag_keys`.
    pub async fn tag(&mut self, key: &str) -> Result<String, Failure> {
        let path = format!("{TAGS}/{key}");
        match self.get(&path).await? {
            Some(text) => document::tag_value(&text).map_err(|reason| foreign(&path, reason)),
            // It was removed just now, or tags were turned off: which, the next round tells.
            None => Err(Failure::Status { path, status: 404 }),
        }
    }

    /// Whether the instance belongs to an Auto Scaling group, as its life cycle shows.
    pub async fn belongs_to_group(&mut self) -> Result<bool, Failure> {
        match self.get(LIFE_CYCLE).await? {
            Some(text) => {
                document::belongs_to_group(&text).map_err(|reason| foreign(LIFE_CYCLE, reason))
            }
            None => Ok(false),
        }
    }

    async fn listed_keys(&mut self) -> Result<Option<Vec<String>>, Failure> {
        let keys = self.get(TAGS).await?.map(|text| document::tag_keys(&text)).transpose();
        keys.map_err(|reason| foreign(TAGS, reason))
    }

    /// `None` is HTTP 404. Of several endpoints' failures the one that says most is told.
    async fn get(&mut self, path: &str) -> Result<Option<String>, Failure> {
        let mut told = None;
        for step in 0..self.clients.len() {
            let place = (self.first + step) % self.clients.len();
            match answer(path, self.clients[place].get(format!("/latest/{path}")).await) {
                Ok(text) => {
                    self.first = place;
                    return Ok(text);
                }
                Err(failure) if told.as_ref().is_none_or(Failure::is_silence) => {
                    told = Some(failure);
                }
                Err(_) => {}
            }
        }
        Err(told.unwrap_or_else(|| Failure::NoAnswer("no endpoint".to_owned())))
    }
}

impl Failure {
    /// Whether nothing answered at all, so that another question would only wait again.
    pub fn is_silence(&self) -> bool {
        matches!(self, Failure::NoAnswer(_) | Failure::Mute(_))
    }

    /// Whether this is the same trouble as `other`, for people: not worth a second line.
    pub fn is_like(&self, other: &Failure) -> bool {
        match (self, other) {
            (Failure::Status { status: one, .. }, Failure::Status { status: two, .. }) => {
                one == two
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

fn answer(
    path: &str,
    result: Result<SensitiveString, ImdsError>,
) -> Result<Option<String>, Failure> {
    match result {
        Ok(text) => Ok(Some(text.into())),
        Err(ImdsError::ErrorResponse(error)) => match error.response().status().as_u16() {
            404 => Ok(None),
            status => Err(Failure::Status { path: path.to_owned(), status }),
        },
        Err(error) => Err(match refusal(&error) {
            Some(reason) => Failure::NoToken(reason),
            None => {
                let mute = matches!(Late::find(&error), Some(Late::Reading(_)));
                let cause = cause(&error);
                if mute { Failure::Mute(cause) } else { Failure::NoAnswer(cause) }
            }
        }),
    }
}

/// What the service answered instead of a token, if it answered.
fn refusal(error: &ImdsError) -> Option<String> {
    match error.source()?.downcast_ref::<SdkError<TokenError, HttpResponse>>()? {
        SdkError::ServiceError(refusal) => {
            Some(format!("HTTP {} ({})", refusal.raw().status(), refusal.err()))
        }
        _ => None,
    }
}

/// The innermost of a chain of errors: the SDK's own ones only say that there is another, but the
/// one round a time-out says which it was.
fn cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source().filter(|source| !source.is::<TimedOutError>()) {
        cause = source;
    }
    cause.to_string()
}

fn foreign(path: &str, reason: document::Error) -> Failure {
    Failure::Foreign { path: path.to_owned(), reason }
}

/// A client for one endpoint that is never asked through a proxy; the credentials chain needs the
/// same where only one of `ENDPOINTS` answers.
pub fn client(endpoint: &str) -> Result<Client, InvalidEndpoint> {
    Ok(builder(endpoint, http_client())?.build())
}

fn builder(
    url: &str,
    http: SharedHttpClient,
) -> Result<aws_config::imds::client::Builder, InvalidEndpoint> {
    let invalid = |reason: String| InvalidEndpoint { url: url.to_owned(), reason };
    if !url.starts_with("http://") {
        return Err(invalid(String::new()));
    }
    Client::builder()
        .configure(&ProviderConfig::without_region().with_http_client(http))
        .max_attempts(1)
        .token_ttl(TOKEN_TTL)
        .connect_timeout(TIMEOUT)
        .read_timeout(TIMEOUT)
        .operation_attempt_timeout(WHOLE_TIMEOUT)
        .operation_timeout(WHOLE_TIMEOUT)
        .endpoint(url)
        .map_err(|error| invalid(format!(": {error}")))
}

fn http_client() -> SharedHttpClient {
    // No idle connection is kept: rounds are rare, and a descriptor isn't for nothing.
    SharedHttpClient::new(Bounded(http_client::new(http_client::Plan {
        proxies: http_client::no_proxies(),
        trusted: Some(RootCertStore::empty()),
        connect: TIMEOUT,
        read: TIMEOUT,
        idle: Duration::ZERO,
    })))
}

/// Reads no answer beyond `LONGEST_ANSWER`: the SDK itself would keep whatever comes.
#[derive(Debug)]
struct Bounded<T>(T);

impl HttpClient for Bounded<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Bounded(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Bounded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let response = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let bounded = |body| SdkBody::from_body_1_x(Limited::new(body, LONGEST_ANSWER));
            response.await.map(|response| response.map(bounded))
        })
    }
}

const DOCUMENT: &str = "dynamic/instance-identity/document";
const TAGS_FOLDER: &str = "meta-data/tags";
const TAGS: &str = "meta-data/tags/instance";
const LIFE_CYCLE: &str = "meta-data/autoscaling/target-lifecycle-state";

/// To connect, and until an answer begins: the service is at most one hop away.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Until an answer is whole.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(2);
/// The SDK renews a token two minutes early; a round of questions takes seconds.
const TOKEN_TTL: Duration = Duration::from_secs(300);
/// Documents have about 500 bytes; fifty tag keys of 128 characters have 6,450.
const LONGEST_ANSWER: usize = 64 * 1024;
