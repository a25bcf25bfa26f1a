//! A way to a server on which the server is frozen (SIGSTOP) at a packet of one's choice.

use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes `packets` of the server's on, then freezes it by `freeze`; its port. A connection that is
/// made is all that it serves.
pub async fn freezing(port: u16, packets: usize, freeze: impl Fn() + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::task::spawn_local(async move {
        let (client, _) = listener.accept().await.unwrap();
        if packets == 0 {
            freeze();
        }
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::task::spawn_local(async move {
            tokio::io::copy(&mut from_client, &mut to_server).await.ok();
        });
        let mut packet = [0; 65_536];
        for passed in 1.. {
            let Ok(length @ 1..) = from_server.read(&mut packet).await else { return };
            // Before it is passed on: the answer to it must find the server frozen.
            if passed == packets {
                freeze();
            }
            to_client.write_all(&packet[..length]).await.ok();
        }
    });
    own
}
