//! The SDK's client as this agent needs it. Building it reads files, so it happens off the agent's
//! thread, and lazily: the region may be known only when the instance's metadata has answered.

use super::credentials::{Asked, Chain};
use super::signing_time::SigningTime;
use super::{Options, Timeouts, transport};
use crate::config;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, FrameworkMetadata, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::{Builder, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::error::display::DisplayErrorContext;

/// All that a client is built from.
#[derive(Clone)]
pub struct Plan {
    pub settings: config::CloudWatch,
    pub options: Options,
    /// Used where neither the configuration nor the SDK's own sources name one.
    pub region: Option<String>,
    pub time: SigningTime,
}

/// A client, and what its errors are explained with.
pub struct Ready {
    pub client: Client,
    pub region: String,
    asked: Asked,
    role: Option<String>,
}

impl Ready {
    /// Whose credentials the last request was, or would have been, signed with.
    pub fn credentials(&self) -> Option<String> {
        match (&self.role, self.asked.name()) {
            (Some(role), Some(source)) => Some(format!("the role {role}, assumed by {source}")),
            (Some(role), None) => Some(format!("the role {role}")),
            (None, source) => source,
        }
    }
}

/// Asks nobody over the network. The error is for people.
pub async fn build(plan: Plan) -> Result<Ready, String> {
    let Plan { settings, options, region, time } = plan;
    let region = find_region(&settings, region).await.ok_or(NO_REGION)?;
    let remote = transport::service_client(&settings, &options.environment, &options.timeouts)?;
    let asked = Asked::default();
    let base = provider_config(&options.timeouts, &region, &time);
    let chain = chain(&settings, &options, base, remote.clone(), asked.clone());
    let sdk = loader(&settings, &options.timeouts, region.clone(), time, remote)
        .credentials_provider(chain)
        .load()
        .await;
    let client = Client::from_conf(service_config(&settings, &sdk).await);
    Ok(Ready { client, region: region.to_string(), asked, role: settings.assume_role })
}

/// The host's own credentials and the region, for another service than CloudWatch: the role that is
/// assumed for that one isn't asked for. May ask over the network. The error is for people.
pub async fn credentials(plan: Plan) -> Result<(Credentials, String), String> {
    let Plan { settings, options, region, time } = plan;
    let region = find_region(&settings, region).await.ok_or(NO_REGION)?;
    let remote = transport::service_client(&settings, &options.environment, &options.timeouts)?;
    let asked = Asked::default();
    let base = provider_config(&options.timeouts, &region, &time);
    let chain = chain(&settings, &options, base, remote, asked.clone());
    match chain.provide_credentials().await {
        Ok(credentials) => Ok((credentials, region.to_string())),
        Err(error) => {
            let source = asked.name().map(|name| format!(" from {name}")).unwrap_or_default();
            Err(format!("no AWS credentials{source}: {}", DisplayErrorContext(&error)))
        }
    }
}

fn provider_config(timeouts: &Timeouts, region: &Region, time: &SigningTime) -> ProviderConfig {
    ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_time_source(time.clone())
        .with_retry_config(RetryConfig::disabled())
        .with_timeout_config(timeout_config(timeouts))
        .with_region(Some(region.clone()))
}

fn chain(
    settings: &config::CloudWatch,
    options: &Options,
    base: ProviderConfig,
    remote: SharedHttpClient,
    asked: Asked,
) -> Chain {
    let local = base.clone().with_http_client(transport::local_client());
    Chain::new(settings, options, &base.with_http_client(remote), &local, asked)
}

/// The configuration's, the SDK's environment's, its configuration file's, then the instance's.
async fn find_region(settings: &config::CloudWatch, instance: Option<String>) -> Option<Region> {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    RegionProviderChain::first_try(settings.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(instance.map(Region::new))
        .region()
        .await
}

/// Endpoint, FIPS, dual stack and the like come from the SDK's own environment and file.
fn loader(
    settings: &config::CloudWatch,
    timeouts: &Timeouts,
    region: Region,
    time: SigningTime,
    http_client: SharedHttpClient,
) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .http_client(http_client)
        .time_source(time)
        .timeout_config(timeout_config(timeouts))
        // One policy decides when to try again, and it isn't the SDK's.
        .retry_config(RetryConfig::disabled())
        // Ours holds for the expiry of credentials too, and learns only from the service itself.
        .disable_clock_skew_correction(true)
        // The time-outs are shorter than its patience, and it costs a timer a request.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .identity_cache(IdentityCache::lazy().load_timeout(timeouts.credentials).build());
    let version = Some(env!("CARGO_PKG_VERSION"));
    if let Ok(ours) = FrameworkMetadata::new(env!("CARGO_PKG_NAME"), version) {
        loader = loader.framework_metadata(ours);
    }
    if let Some(name) = &settings.profile {
        loader = loader.profile_name(name);
    }
    loader
}

/// What holds for CloudWatch and not for STS.
async fn service_config(
    settings: &config::CloudWatch,
    sdk: &SdkConfig,
) -> aws_sdk_cloudwatch::Config {
    let mut builder = Builder::from(sdk);
    if let Some(url) = &settings.endpoint_url {
        builder = builder.endpoint_url(url);
    }
    if let Some(role) = &settings.assume_role {
        let role = AssumeRoleProvider::builder(role).configure(sdk).session_name(SESSION);
        let provider = SharedCredentialsProvider::new(role.build().await);
        builder = builder.credentials_provider(provider);
    }
    builder.build()
}

fn timeout_config(timeouts: &Timeouts) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.read)
        .operation_attempt_timeout(timeouts.attempt)
        .operation_timeout(timeouts.operation)
        .build()
}

const NO_REGION: &str = "no region: set [cloudwatch] region or AWS_REGION (on EC2 the instance's \
                         own is used as soon as its metadata service has told it)";
/// Seen in CloudTrail.
const SESSION: &str = "cwmem";
