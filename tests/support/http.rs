//! The agent's own HTTP client, for tests that use the SDK themselves.

use aws_sdk_cloudwatch::config::SharedHttpClient;
use cwmem::http_client;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::time::Duration;

pub fn plain() -> SharedHttpClient {
    trusting(RootCertStore::empty())
}

pub fn tls(ca_pem: &str) -> SharedHttpClient {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    trusting(trusted)
}

fn trusting(trusted: RootCertStore) -> SharedHttpClient {
    http_client::new(http_client::Plan {
        proxies: http_client::no_proxies(),
        trusted: Some(trusted),
        connect: LONG,
        read: LONG,
        idle: LONG,
    })
}

/// The SDK's own time-outs are what the tests are about.
const LONG: Duration = Duration::from_secs(60);
