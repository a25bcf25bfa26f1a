//! A server that isn't what it should be: without TLS, with another's certificate, or greedy for a
//! password in clear text.

use crate::{PASSWORD, SOON, Server, runtime};
use cwmem::cluster::database::{Database, DatabaseError, Options, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, pem::PemObject};

/// Certificates for 127.0.0.1, and for no other name.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub fn new() -> Certificates {
        let folder = tempfile::tempdir().unwrap();
        let key = || KeyPair::generate().unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, key()).unwrap();
        let own = key();
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let server = server.signed_by(&own, &authority).unwrap();
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write("ca.pem", authority.pem());
        write("server.pem", server.pem());
        write("key.pem", own.serialize_pem());
        Certificates { folder }
    }

    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn options(&self) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            format!("--ssl-ca={}", path("ca.pem")),
            format!("--ssl-cert={}", path("server.pem")),
            format!("--ssl-key={}", path("key.pem")),
        ]
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        let bytes = |name: &str| std::fs::read(self.folder.path().join(name)).unwrap();
        let certificate =
            tokio_rustls::rustls::pki_types::CertificateDer::from_pem_slice(&bytes("server.pem"));
        let key = PrivateKeyDer::from_pem_slice(&bytes("key.pem"));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.unwrap()], key.unwrap())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

pub fn verified(ca: &Path) -> Tls {
    Tls::Verify { ca: Some(ca.to_owned()) }
}

pub fn database(host: &str, port: u16, tls: Tls) -> Database {
    let options = Options { password: Some(PASSWORD.to_owned()), tls, ..Options::default() };
    Database::from_url(&format!("mysql://cwmem@{host}:{port}"), options).unwrap()
}

fn connect(database: &Database) -> Result<String, DatabaseError> {
    runtime().block_on(async {
        let mut connection = database.connect(SOON).await?;
        let rows = connection.rows("SHOW STATUS LIKE 'Ssl_cipher'", vec![]).await?;
        let mysql_async::Value::Bytes(cipher) = &rows[0][1] else { panic!("{rows:?}") };
        Ok(String::from_utf8(cipher.clone()).unwrap())
    })
}

#[test]
fn a_server_shows_who_it_is_or_is_not_spoken_to() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    for server in Server::start_each(&ours.options()) {
        println!("TLS: runs on {}", server.version());
        let insecure = |host: &str, tls| {
            let error = connect(&database(host, server.port(), tls)).unwrap_err();
            assert!(matches!(error, DatabaseError::Insecure(_)), "{error}");
            let said = error.to_string();
            assert!(said.contains("tls_ca") && !said.contains(PASSWORD), "{said}");
        };
        let cipher = connect(&database("127.0.0.1", server.port(), verified(&ours.authority())));
        assert_ne!(cipher.unwrap(), "");
        assert_ne!(connect(&database("127.0.0.1", server.port(), Tls::Encrypt)).unwrap(), "");
        assert_eq!(connect(&database("127.0.0.1", server.port(), Tls::Off)).unwrap(), "");
        // Another's authority, none that is known, another name.
        insecure("127.0.0.1", verified(&others.authority()));
        insecure("127.0.0.1", Tls::Verify { ca: None });
        insecure("localhost", verified(&ours.authority()));
    }
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let server = Server::shared();
    for tls in [Tls::Encrypt, verified(&Certificates::new().authority())] {
        let error = connect(&database("127.0.0.1", server.port(), tls)).unwrap_err();
        assert!(matches!(error, DatabaseError::Insecure(_)), "{error}");
    }
}

/// What a server hears that asks for the password in clear text.
fn heard(tls: Tls, certificates: &Certificates) -> (Vec<u8>, DatabaseError) {
    let acceptor = certificates.acceptor();
    let is_plain = tls == Tls::Off;
    runtime().block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let database = database("127.0.0.1", listener.local_addr().unwrap().port(), tls);
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            send(&mut stream, 0, &greeting()).await;
            if is_plain {
                return interrogate(stream, 1).await;
            }
            receive(&mut stream).await;
            match acceptor.accept(stream).await {
                Ok(stream) => interrogate(stream, 2).await,
                Err(_) => Vec::new(),
            }
        };
        let (heard, connected) = tokio::join!(server, database.connect(SOON));
        (heard, connected.err().unwrap())
    })
}

/// Takes the log-in for what it is, asks for clear text instead, and hangs up.
async fn interrogate(mut stream: impl AsyncRead + AsyncWrite + Unpin, sequence: u8) -> Vec<u8> {
    let mut heard = receive(&mut stream).await;
    send(&mut stream, sequence + 1, b"\xfemysql_clear_password\0").await;
    heard.extend(receive(&mut stream).await);
    heard
}

/// MySQL's "Protocol::HandshakeV10", with TLS on offer.
fn greeting() -> Vec<u8> {
    // CLIENT_PROTOCOL_41, SECURE_CONNECTION, SSL, PLUGIN_AUTH.
    let capabilities: u32 = 0x200 | 0x8000 | 0x800 | 0x8_0000;
    let [low, lower, high, higher] = capabilities.to_le_bytes();
    let mut greeting = b"\x0a8.0.99\0\x01\0\0\0abcdefgh\0".to_vec();
    greeting.extend([low, lower, 45, 2, 0, high, higher, 21]);
    greeting.extend([0; 10]);
    greeting.extend(b"ijklmnopqrst\0mysql_native_password\0");
    greeting
}

pub async fn send(stream: &mut (impl AsyncWrite + Unpin), sequence: u8, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut packet = vec![length[0], length[1], length[2], sequence];
    packet.extend(payload);
    // Whoever was refused has hung up.
    let _ = stream.write_all(&packet).await;
    let _ = stream.flush().await;
}

pub async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut head = [0; 4];
    if stream.read_exact(&mut head).await.is_err() {
        return Vec::new();
    }
    let mut payload = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
    let _ = stream.read_exact(&mut payload).await;
    payload
}

#[test]
fn a_password_in_clear_text_is_for_a_server_that_has_shown_who_it_is() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let told =
        |heard: &[u8]| heard.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
    for tls in [Tls::Off, Tls::Encrypt] {
        let (heard, error) = heard(tls.clone(), &ours);
        assert!(!heard.is_empty() && !told(&heard), "{tls:?}");
        assert!(matches!(error, DatabaseError::Insecure(_)), "{error}");
    }
    // Who isn't known isn't even told the user's name.
    let (silence, error) = heard(verified(&others.authority()), &ours);
    assert_eq!(silence, b"");
    assert!(matches!(error, DatabaseError::Insecure(_)), "{error}");
    // And the ears are good: who has shown who it is, is told.
    let (heard, _) = heard(verified(&ours.authority()), &ours);
    assert!(told(&heard));
}

/// One answer of 256 is wrong: in 600 log-ins one would be, nine times of ten, if it weren't said
/// again.
#[test]
fn an_ed25519_user_always_gets_in() {
    let server = Server::shared();
    server.say("INSTALL SONAME 'auth_ed25519'");
    let by = format!("VIA ed25519 USING PASSWORD('{PASSWORD}')");
    server.say(&format!("CREATE USER edward@'%' IDENTIFIED {by}"));
    let options = Options { password: Some(PASSWORD.to_owned()), ..Options::default() };
    let url = format!("mysql://edward@127.0.0.1:{}", server.port());
    let database = Database::from_url(&url, options).unwrap();
    runtime().block_on(async {
        for _ in 0..600 {
            database.connect(SOON).await.unwrap();
        }
    });
    println!(
        "600 log-ins, {} of them asked twice",
        server.say("SHOW GLOBAL STATUS LIKE 'Aborted_connects'")
    );
}
