//! HTTP as CloudWatch and STS are reached: through a proxy where there is one, trusting a private
//! authority where one is named. The SDK's own client does neither.

use super::{Environment, Timeouts};
use crate::config;
use crate::http_client;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use std::time::Duration;

/// For services: time-outs as given, proxied and trusting as configured. Reads files, so that they
/// are read off the agent's thread.
pub fn service_client(
    settings: &config::CloudWatch,
    environment: &Environment,
    timeouts: &Timeouts,
) -> Result<SharedHttpClient, String> {
    Ok(http_client::new(http_client::Plan {
        proxies: proxies(settings, environment)?,
        trusted: Some(trusted(settings, environment)?),
        connect: timeouts.connect,
        read: timeouts.read,
        idle: IDLE,
    }))
}

/// For what answers on the host itself or next to it (IMDS, the container's agent): never through
/// a proxy, and soon given up.
pub fn local_client() -> SharedHttpClient {
    http_client::new(http_client::Plan {
        proxies: http_client::no_proxies(),
        trusted: None,
        connect: LOCAL_CONNECT,
        read: LOCAL_READ,
        idle: IDLE,
    })
}

/// The configured proxy takes every request, the environment's those of its scheme.
fn proxies(settings: &config::CloudWatch, environment: &Environment) -> Result<Matcher, String> {
    let (http, https) = match &settings.proxy {
        Some(url) => {
            let proxy = proxy(Some(url), "[cloudwatch] proxy")?;
            (proxy.clone(), proxy)
        }
        None => (
            proxy(environment.http_proxy.as_ref(), "HTTP_PROXY")?,
            proxy(environment.https_proxy.as_ref(), "HTTPS_PROXY")?,
        ),
    };
    let no_proxy = environment.no_proxy.as_deref().unwrap_or_default();
    Ok(Matcher::builder().http(http).https(https).no(no_proxy).build())
}

/// The URL as the matcher takes it, empty for none. The error doesn't quote it: it may hold a
/// password.
fn proxy(url: Option<&String>, name: &str) -> Result<String, String> {
    let Some(url) = url else { return Ok(String::new()) };
    let url = with_scheme(url);
    let spoken = url.starts_with("http://") || url.starts_with("https://");
    let taken = Matcher::builder().http(&url).build().intercept(&Uri::from_static("http://any"));
    if spoken && taken.is_some() {
        return Ok(url);
    }
    Err(format!("{name}: not of the form http://[user:password@]host:port"))
}

/// `proxy:3128` is common in environments; it means plain HTTP to the proxy.
fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

/// The system's authorities and those of the bundle.
fn trusted(
    settings: &config::CloudWatch,
    environment: &Environment,
) -> Result<RootCertStore, String> {
    let bundle = match (&settings.ca_bundle, &environment.ca_bundle) {
        (Some(path), _) => Some((path.as_path(), "[cloudwatch] ca_bundle")),
        (None, Some(path)) => Some((Path::new(path), "AWS_CA_BUNDLE")),
        (None, None) => None,
    };
    let mut trusted = http_client::system_authorities();
    if let Some((path, name)) = bundle {
        let problem = |what: &str| {
            format!(
                "{name} {path:?}: {what}; name a readable PEM file with the certificates of the \
                 authorities to trust, or remove the setting"
            )
        };
        let pem = std::fs::read(path).map_err(|error| problem(&error.to_string()))?;
        let certificates = certificates(&pem);
        if certificates.is_empty() {
            return Err(problem("holds no PEM certificate"));
        }
        trusted.add_parsable_certificates(certificates);
    }
    Ok(trusted)
}

/// The sections of a PEM file that are usable certificates: large bundles often have one that no
/// verifier takes.
fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    let text = String::from_utf8_lossy(pem);
    let sections =
        text.split_inclusive(END).filter_map(|piece| piece.find(BEGIN).map(|at| &piece[at..]));
    let parsed =
        sections.filter_map(|section| CertificateDer::from_pem_slice(section.as_bytes()).ok());
    parsed.filter(|parsed| RootCertStore::empty().add(parsed.clone()).is_ok()).collect()
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Longer than the minute between two puts, so that they share one connection.
const IDLE: Duration = Duration::from_secs(90);
/// A link-local address answers in milliseconds or not at all.
const LOCAL_CONNECT: Duration = Duration::from_secs(1);
const LOCAL_READ: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn usable_certificates_are_found_among_others() {
        let (one, two) = (authority(), authority());
        let broken = format!("{BEGIN}\nAAAA\n{END}\n");
        let pem = format!("# Corporate\n{one}junk\n{broken}{two}-----BEGIN CERTIFICATE-----\nMII");
        assert_eq!(certificates(pem.as_bytes()).len(), 2);
        for none in ["", "-----BEGIN CERTIFICATE-----", &broken, "\u{0}\u{ff}"] {
            assert!(certificates(none.as_bytes()).is_empty(), "{none:?}");
        }
    }

    #[test]
    fn a_bad_bundle_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let check = |path: PathBuf, what: &str| {
            let settings =
                config::CloudWatch { ca_bundle: Some(path.clone()), ..Default::default() };
            let error = trusted(&settings, &Environment::default()).unwrap_err();
            assert!(error.contains("[cloudwatch] ca_bundle") && error.contains(what), "{error}");
            let ca_bundle = Some(path.to_str().unwrap().to_owned());
            let environment = Environment { ca_bundle, ..Default::default() };
            let error = trusted(&config::CloudWatch::default(), &environment).unwrap_err();
            assert!(error.starts_with("AWS_CA_BUNDLE") && error.contains(what), "{error}");
        };
        check(folder.path().join("absent.pem"), "No such file");
        check(folder.path().to_owned(), "directory");
        for (name, content) in [("empty.pem", ""), ("key.pem", "-----BEGIN PRIVATE KEY-----")] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            check(path, "holds no PEM certificate");
        }
    }

    #[test]
    fn a_bad_proxy_is_named_without_its_password() {
        for url in ["http://user:secret@", "ftp://user:secret@proxy", "http://user:secret@a b"] {
            let settings = config::CloudWatch { proxy: Some(url.to_owned()), ..Default::default() };
            let Err(error) = proxies(&settings, &Environment::default()) else {
                panic!("{url} was taken")
            };
            assert!(error.starts_with("[cloudwatch] proxy") && !error.contains("secret"));
        }
        let environment =
            Environment { https_proxy: Some("proxy:3128".to_owned()), ..Default::default() };
        let proxies = proxies(&config::CloudWatch::default(), &environment).unwrap();
        let takes = |url| proxies.intercept(&Uri::from_static(url)).is_some();
        assert!(takes("https://monitoring") && !takes("http://monitoring"));
    }
}
