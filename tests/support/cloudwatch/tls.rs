//! The double's certificate, signed by a certificate authority of its own, both made at start.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

pub struct Tls {
    pub acceptor: TlsAcceptor,
    /// The authority's certificate: what a client has to trust.
    pub ca_pem: String,
}

impl Tls {
    /// For `localhost`, the loopback addresses and `host`.
    pub fn new(host: &str) -> Self {
        let authority =
            CertifiedIssuer::self_signed(authority(), key()).expect("a valid authority");
        let key = key();
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        if !names.iter().any(|name| name == host) {
            names.push(host.to_owned());
        }
        let mut server = CertificateParams::new(names).expect("names of ASCII");
        server.distinguished_name.push(DnType::CommonName, "CloudWatch double");
        let certificate = server.signed_by(&key, &authority).expect("a valid certificate");

        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS #8 key");
        // The provider is named, not the process's default: a test process may have two.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has every protocol version")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key fits its certificate");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem: authority.pem() }
    }
}

fn authority() -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "CloudWatch double's authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key from the system's randomness")
}
