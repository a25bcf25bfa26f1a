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

/// The source that gave the credentials last, or failed to.
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
            chain.add("the credentials given to this sink", given.clone());
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
            match provider.provide_credentials().await {
                Err(error @ CredentialsError::CredentialsNotLoaded(_)) => {
                    let why = error.source().map(ToString::to_string).unwrap_or_default();
                    empty.push(if why.is_empty() {
                        name.clone()
                    } else {
                        format!("{name}: {why}")
                    });
                }
                found => {
                    self.asked.note(Some(name.clone()));
                    return found;
                }
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
