//! A double of an HTTP proxy: forwards plain requests, tunnels CONNECT, asks for a password where
//! told to, and remembers who was asked for. It reaches only this host; for everyone else it says
//! "bad gateway", so that nothing under test ever leaves the machine.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::expect_used, reason = "a double that can't start is its test's failure")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

pub struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Asked>>>,
}

/// The first request of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// CONNECT, or the forwarded request's own method.
    pub method: String,
    /// host:port
    pub target: String,
    pub admitted: bool,
}

impl Proxy {
    pub fn start() -> Proxy {
        Proxy::with_password(None)
    }

    /// Only for those whose Proxy-Authorization is `basic`, "user:password" in base 64.
    pub fn with_password(basic: Option<&'static str>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound socket");
        let seen: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                // A connection that breaks is part of the play.
                thread::spawn(move || drop(serve(client, basic, &log)));
            }
        });
        Proxy { address, seen }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// With credentials in the URL.
    pub fn url_for(&self, user_and_password: &str) -> String {
        format!("http://{user_and_password}@{}", self.address)
    }

    pub fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(mut client: TcpStream, basic: Option<&str>, log: &Mutex<Vec<Asked>>) -> io::Result<()> {
    let (head, rest) = read_head(&mut client)?;
    let mut words = head.split(' ');
    let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let tunnel = method == "CONNECT";
    let target = uri.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let admitted = basic.is_none_or(|basic| {
        let expected = format!("proxy-authorization: Basic {basic}");
        head.lines().any(|line| line.eq_ignore_ascii_case(&expected))
    });
    let (method, target) = (method.to_owned(), target.to_owned());
    let asked = Asked { method, target: target.clone(), admitted };
    log.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    if !admitted {
        return refuse(client, "407 Proxy Authentication Required");
    }
    let local = target.starts_with("127.0.0.1:") || target.starts_with("localhost:");
    let Some(mut server) = local.then(|| TcpStream::connect(&target)).transpose()? else {
        return refuse(client, "502 Bad Gateway");
    };
    if tunnel {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        server.write_all(head.as_bytes())?;
    }
    server.write_all(&rest)?;
    let (from, to) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || pipe(from, to));
    pipe(client, server);
    Ok(())
}

/// The head with its empty line, and what came behind it.
fn read_head(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
}

fn refuse(mut client: TcpStream, status: &str) -> io::Result<()> {
    let page = "<html><body>The proxy says no.</body></html>";
    let length = page.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {length}");
    write!(client, "{head}\r\nconnection: close\r\n\r\n{page}")?;
    // Read what is still coming, or the answer may be lost with a reset.
    client.shutdown(Shutdown::Write)?;
    io::copy(&mut client, &mut io::sink()).map(drop)
}

fn pipe(mut from: TcpStream, mut to: TcpStream) {
    // Either side may close at any time.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
