//! Whose credentials sign the requests: the SDK's own sources in the SDK's own order.
//!
//! The chain is put together here for three reasons: what answers on the host itself is never
//! asked through a proxy, the instance's metadata is looked for under IPv6 too, and an error can
//! name the source to look at.

use super::{Metadata, Options};
use crate::config;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::credentials::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::client::EndpointMode;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{
    ProvideCredentials, Result, SharedCredentialsProvider, future::ProvideCredentials as Provided,
};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

/// Asks one source after the other until one has credentials.
#[derive(Debug)]
pub struct Chain {
    sources: Vec<(String, SharedCredentialsProvider)>,
    asked: Asked,
}

/// The source that was asked last: it gave the credentials, or failed to.
#[derive(Debug, Clone, Default)]
pub struct Asked(Arc<Mutex<Option<String>>>);

impl Chain {
    /// `remote` reaches services, `local` what answers on the host itself.
    pub fn new(
        settings: &config::CloudWatch,
        options: &Options,
        remote: &ProviderConfig,
        local: &ProviderConfig,
        asked: Asked,
    ) -> Chain {
        let mut chain = Chain { sources: Vec::new(), asked };
        if let Some(given) = &options.credentials {
            chain.add("a fixed source", given.clone());
            return chain;
        }
        let ecs = || EcsCredentialsProvider::builder().configure(local).build();
        let profile = ProfileFileCredentialsProvider::builder()
            .configure(remote)
            .with_custom_provider("EcsContainer", ecs())
            .with_custom_provider("Ec2InstanceMetadata", metadata(options, local));
        // Who names a profile means that one.
        if let Some(name) = &settings.profile {
            chain.add(&format!("the profile {name:?}"), profile.profile_name(name).build());
            return chain;
        }
        chain.add(
            "the environment (AWS_ACCESS_KEY_ID)",
            EnvironmentVariableCredentialsProvider::new(),
        );
        chain.add("the SDK's configuration file (~/.aws)", profile.build());
        chain.add(
            "the web identity (AWS_WEB_IDENTITY_TOKEN_FILE)",
            WebIdentityTokenCredentialsProvider::builder().configure(remote).build(),
        );
        chain.add("the container's role", ecs());
        chain.sources.extend(metadata(options, local).sources);
        chain
    }

    fn add(&mut self, name: &str, provider: impl ProvideCredentials + 'static) {
        self.sources.push((name.to_owned(), SharedCredentialsProvider::new(provider)));
    }

    async fn first(&self) -> Result {
        let mut empty = Vec::new();
        for (name, provider) in &self.sources {
            // Before it answers: one that never does is to be named too.
            self.asked.note(Some(name.clone()));
            match provider.provide_credentials().await {
                Err(error @ CredentialsError::CredentialsNotLoaded(_)) => {
                    let why = error.source().map(ToString::to_string).unwrap_or_default();
                    empty.push(if why.is_empty() {
                        name.clone()
                    } else {
                        format!("{name}: {why}")
                    });
                }
                found => return found,
            }
        }
        self.asked.note(None);
        Err(CredentialsError::not_loaded(empty.join("; ")))
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(self.first())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.sources.iter().find_map(|(_, provider)| provider.fallback_on_interrupt())
    }
}

impl Asked {
    pub fn name(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, name: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }
}

/// The role of the instance: one endpoint where one is named, else IPv4's, then IPv6's (an
/// IPv6-only subnet has no other).
fn metadata(options: &Options, local: &ProviderConfig) -> Chain {
    // The delivery policy decides on another attempt.
    let client = || imds::Client::builder().configure(local).max_attempts(1);
    let clients = match &options.metadata {
        Metadata::Off => vec![],
        Metadata::At(endpoint) => client().endpoint(endpoint).into_iter().collect(),
        Metadata::On if options.environment.names_metadata => vec![client()],
        Metadata::On => {
            [EndpointMode::IpV4, EndpointMode::IpV6].map(|mode| client().endpoint_mode(mode)).into()
        }
    };
    let mut chain = Chain { sources: Vec::new(), asked: Asked::default() };
    for client in clients {
        let provider = ImdsCredentialsProvider::builder().configure(local);
        chain.add("the instance's role (IMDS)", provider.imds_client(client.build()).build());
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::Environment;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;

    /// The metadata service of an IPv6-only subnet; keeps what it was asked for.
    #[derive(Debug, Clone, Default)]
    struct OnlyV6(Arc<Mutex<Vec<String>>>);

    impl HttpConnector for OnlyV6 {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            self.0.lock().unwrap().push(request.uri().to_owned());
            let Some(path) = request.uri().strip_prefix("http://[fd00:ec2::254]") else {
                let error = ConnectorError::timeout("no route".into());
                return HttpConnectorFuture::ready(Err(error));
            };
            let body = match path {
                "/latest/api/token" => "TOKEN",
                "/latest/meta-data/iam/security-credentials/" => "role",
                _ => {
                    r#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIA1",
                    "SecretAccessKey":"s3cr3t","Token":"t0k3n",
                    "Expiration":"2099-01-01T00:00:00Z","LastUpdated":"2026-01-01T00:00:00Z"}"#
                }
            };
            let mut response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body));
            response.headers_mut().insert("x-aws-ec2-metadata-token-ttl-seconds", "21600");
            HttpConnectorFuture::ready(Ok(response))
        }
    }

    /// The credentials found, and the hosts that were asked.
    fn ask(metadata: Metadata, names_metadata: bool) -> (Result, Vec<String>) {
        let service = OnlyV6::default();
        let connector = SharedHttpConnector::new(service.clone());
        let local = ProviderConfig::without_region()
            .with_http_client(http_client_fn(move |_, _| connector.clone()));
        let environment = Environment { names_metadata, ..Environment::default() };
        let options = Options { metadata, environment, ..Options::default() };
        let chain = super::metadata(&options, &local);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let found = runtime.block_on(chain.provide_credentials());
        let mut asked = service.0.lock().unwrap().clone();
        asked.iter_mut().for_each(|uri| uri.truncate(uri.find("/latest").unwrap_or(uri.len())));
        asked.dedup();
        (found, asked)
    }

    #[test]
    fn metadata_is_looked_for_under_ipv6_too() {
        let (found, asked) = ask(Metadata::On, false);
        assert_eq!(found.unwrap().access_key_id(), "ASIA1");
        assert_eq!(asked, ["http://169.254.169.254", "http://[fd00:ec2::254]"]);
    }

    #[test]
    fn metadata_is_looked_for_where_it_was_named_or_nowhere() {
        let (found, asked) = ask(Metadata::At("http://127.0.0.1:1".to_owned()), false);
        assert!(matches!(found, Err(CredentialsError::CredentialsNotLoaded(_))), "{found:?}");
        assert_eq!(asked, ["http://127.0.0.1:1"]);
        let (found, asked) = ask(Metadata::Off, false);
        assert!(matches!(found, Err(CredentialsError::CredentialsNotLoaded(_))), "{found:?}");
        assert!(asked.is_empty());
        assert_eq!(ask(Metadata::On, true).1.len(), 1);
    }
}
