//! HTTP as CloudWatch and STS are reached: through a proxy where there is one, trusting a private
//! authority where one is named. The SDK's own client does neither.

use super::{Environment, Timeouts};
use crate::config;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// For services: time-outs as given, proxied and trusting as configured. Reads files.
pub fn service_client(
    settings: &config::CloudWatch,
    environment: &Environment,
    timeouts: &Timeouts,
) -> Result<SharedHttpClient, String> {
    let trust = trust(settings, environment)?;
    let proxies = Proxies::new(settings, environment)?;
    let connectors = Connectors::new(trust, proxies, timeouts.connect, timeouts.read);
    // Loads the system's authorities now, off the agent's thread: that takes files and time.
    connectors.https();
    Ok(connectors.client())
}

/// For what answers on the host itself or next to it (IMDS, the container's agent): never through
/// a proxy, and soon given up.
pub fn local_client() -> SharedHttpClient {
    let proxies = Proxies { http: ProxyConfig::disabled(), https: ProxyConfig::disabled() };
    Connectors::new(TrustStore::default(), proxies, LOCAL_CONNECT, LOCAL_READ).client()
}

/// One connector a scheme, made when first needed: they differ in proxy, and plain HTTP needs no
/// trusted authorities in memory.
#[derive(Clone)]
struct Connectors(Arc<Parts>);

struct Parts {
    http: OnceLock<SharedHttpConnector>,
    https: OnceLock<SharedHttpConnector>,
    trust: TrustStore,
    proxies: Proxies,
    timeouts: HttpConnectorSettings,
}

struct Proxies {
    http: ProxyConfig,
    https: ProxyConfig,
}

impl Connectors {
    fn new(trust: TrustStore, proxies: Proxies, connect: Duration, read: Duration) -> Connectors {
        let timeouts =
            HttpConnectorSettings::builder().connect_timeout(connect).read_timeout(read).build();
        let (http, https) = (OnceLock::new(), OnceLock::new());
        Connectors(Arc::new(Parts { http, https, trust, proxies, timeouts }))
    }

    fn client(self) -> SharedHttpClient {
        let shared = SharedHttpConnector::new(self);
        http_client_fn(move |_, _| shared.clone())
    }

    fn http(&self) -> &SharedHttpConnector {
        self.0.http.get_or_init(|| self.connector(&self.0.proxies.http, TrustStore::empty()))
    }

    fn https(&self) -> &SharedHttpConnector {
        self.0.https.get_or_init(|| self.connector(&self.0.proxies.https, self.0.trust.clone()))
    }

    fn connector(&self, proxy: &ProxyConfig, trust: TrustStore) -> SharedHttpConnector {
        let builder = Connector::builder()
            .connector_settings(self.0.timeouts.clone())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE)
            .proxy_config(proxy.clone())
            .tls_provider(Provider::Rustls(CryptoMode::Ring));
        // Its only failures are s2n's.
        let context = TlsContext::builder().with_trust_store(trust).build();
        let builder = match context {
            Ok(context) => builder.tls_context(context),
            Err(_) => builder,
        };
        SharedHttpConnector::new(builder.build())
    }
}

impl HttpConnector for Connectors {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let plain = request.uri().starts_with("http://");
        if plain { self.http().call(request) } else { self.https().call(request) }
    }
}

/// Says nothing of the proxies: their URLs may hold passwords.
impl fmt::Debug for Connectors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connectors")
    }
}

impl Proxies {
    /// The configured proxy takes every request, the environment's those of its scheme.
    fn new(settings: &config::CloudWatch, environment: &Environment) -> Result<Proxies, String> {
        let no_proxy = environment.no_proxy.as_deref().unwrap_or_default();
        let proxy = |url: Option<&String>, name: &str| match url {
            None => Ok(ProxyConfig::disabled()),
            // The error's text may quote the URL, and the URL may hold a password.
            Some(url) => ProxyConfig::all(with_scheme(url))
                .map(|proxy| proxy.no_proxy(no_proxy))
                .map_err(|_| format!("{name}: not of the form http://[user:password@]host:port")),
        };
        if settings.proxy.is_some() {
            let all = proxy(settings.proxy.as_ref(), "[cloudwatch] proxy")?;
            return Ok(Proxies { http: all.clone(), https: all });
        }
        Ok(Proxies {
            http: proxy(environment.http_proxy.as_ref(), "HTTP_PROXY")?,
            https: proxy(environment.https_proxy.as_ref(), "HTTPS_PROXY")?,
        })
    }
}

/// `proxy:3128` is common in environments; it means plain HTTP to the proxy.
fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

/// The system's authorities and those of the bundle.
fn trust(settings: &config::CloudWatch, environment: &Environment) -> Result<TrustStore, String> {
    let bundle = match (&settings.ca_bundle, &environment.ca_bundle) {
        (Some(path), _) => Some((path.as_path(), "[cloudwatch] ca_bundle")),
        (None, Some(path)) => Some((Path::new(path), "AWS_CA_BUNDLE")),
        (None, None) => None,
    };
    let mut store = TrustStore::empty().with_native_roots(has_native_roots());
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
        for certificate in certificates {
            store.add_pem_certificate(certificate);
        }
    }
    Ok(store)
}

/// The sections of a PEM file that are usable certificates; the HTTP client would panic at others,
/// and large bundles often have one that no verifier takes.
fn certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(pem);
    let sections =
        text.split_inclusive(END).filter_map(|piece| piece.find(BEGIN).map(|at| &piece[at..]));
    let usable = |section: &&str| {
        let certificate = CertificateDer::from_pem_slice(section.as_bytes());
        certificate.is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok())
    };
    sections.filter(usable).map(|section| section.as_bytes().to_vec()).collect()
}

/// Asking for the system's authorities where there are none is an error to the HTTP client.
fn has_native_roots() -> bool {
    static PRESENT: OnceLock<bool> = OnceLock::new();
    *PRESENT.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs().certs;
        RootCertStore::empty().add_parsable_certificates(found).0 > 0
    })
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
            let error = trust(&settings, &Environment::default()).unwrap_err();
            assert!(error.contains("[cloudwatch] ca_bundle") && error.contains(what), "{error}");
            let ca_bundle = Some(path.to_str().unwrap().to_owned());
            let environment = Environment { ca_bundle, ..Default::default() };
            let error = trust(&config::CloudWatch::default(), &environment).unwrap_err();
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
            let Err(error) = Proxies::new(&settings, &Environment::default()) else {
                panic!("{url} was taken")
            };
            assert!(error.starts_with("[cloudwatch] proxy") && !error.contains("secret"));
        }
        let environment =
            Environment { https_proxy: Some("proxy:3128".to_owned()), ..Default::default() };
        let proxies = Proxies::new(&config::CloudWatch::default(), &environment).unwrap();
        assert!(proxies.http.is_disabled() && !proxies.https.is_disabled());
    }
}
