//! A host's own way to a server: open, closed, or silent as a black hole. It knows a statement when
//! it sees it pass, so that a test can act at a moment of its choice.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Connections are accepted, and nothing passes either way.
    Silent,
    /// Connections are closed, those that there are and those to come.
    Closed,
}

/// When something is done, once, before what came is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The client says a prepared statement whose text holds this.
    Asked(&'static str),
    /// The server answers it.
    Answered(&'static str),
}

struct Shared {
    server: u16,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    way: Way,
    open: Vec<(TcpStream, TcpStream)>,
    trap: Option<(When, Box<dyn FnOnce() + Send>)>,
}

/// What one connection has to know to tell which statement is said.
#[derive(Default)]
struct Talk {
    /// The text that is being prepared: its number is to come.
    preparing: Option<String>,
    texts: HashMap<[u8; 4], String>,
    /// The text of what was said: its answer is to come.
    saying: Option<String>,
}

impl Relay {
    /// To a server on this port of this machine.
    pub fn start(server: u16) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Mutex::new(State { way: Way::Open, open: Vec::new(), trap: None });
        let shared = Arc::new(Shared { server, state, changed: Condvar::new() });
        let own = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                own.serve(client);
            }
        });
        Relay { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn set(&self, way: Way) {
        let mut state = self.shared.state.lock().unwrap();
        state.way = way;
        if way == Way::Closed {
            for (client, server) in state.open.drain(..) {
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
    }

    /// Whether a connection of the server's comes from here, by its port on this side.
    pub fn carries(&self, port: u16) -> bool {
        let state = self.shared.state.lock().unwrap();
        let own = |server: &TcpStream| server.local_addr().is_ok_and(|own| own.port() == port);
        state.open.iter().any(|(_, server)| own(server))
    }

    pub fn trap(&self, when: When, act: impl FnOnce() + Send + 'static) {
        self.shared.state.lock().unwrap().trap = Some((when, Box::new(act)));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.set(Way::Closed);
    }
}

impl Shared {
    fn serve(self: &Arc<Shared>, client: TcpStream) {
        let mut state = self.state.lock().unwrap();
        if state.way == Way::Closed {
            return;
        }
        // A server that isn't there closes what would have been a connection.
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server)) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let copy = |stream: &TcpStream| stream.try_clone().unwrap();
        state.open.retain(|(client, _)| client.peer_addr().is_ok());
        state.open.push((copy(&client), copy(&server)));
        drop(state);
        let talk = Arc::new(Mutex::new(Talk::default()));
        for (from, to, asks) in [(copy(&client), copy(&server), true), (server, client, false)] {
            let (own, talk) = (self.clone(), talk.clone());
            thread::spawn(move || own.pass(from, to, asks, &talk));
        }
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, asks: bool, talk: &Mutex<Talk>) {
        let mut buffer = [0; 16_384];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if let Some(act) = self.sprung(&buffer[..length], asks, talk) {
                act();
            }
            let state = self.state.lock().unwrap();
            drop(self.changed.wait_while(state, |state| state.way == Way::Silent).unwrap());
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    /// What is to be done before this packet is passed on. The two sides speak in turn, a packet at
    /// a time, which comes in one piece on one machine.
    fn sprung(
        &self,
        packet: &[u8],
        asks: bool,
        talk: &Mutex<Talk>,
    ) -> Option<Box<dyn FnOnce() + Send>> {
        let said = talk.lock().unwrap().hear(packet.get(HEADER..)?, asks)?;
        let mut state = self.state.lock().unwrap();
        let is_it = match state.trap.as_ref()?.0 {
            When::Asked(text) => asks && said.contains(text),
            When::Answered(text) => !asks && said.contains(text),
        };
        if is_it { state.trap.take().map(|(_, act)| act) } else { None }
    }
}

impl Talk {
    /// The text of the prepared statement that is said, or answered.
    fn hear(&mut self, body: &[u8], asks: bool) -> Option<String> {
        let number = body.get(1..5).and_then(|number| number.try_into().ok());
        if !asks {
            if let (Some(text), Some(number)) = (self.preparing.take(), number) {
                self.texts.insert(number, text);
            }
            return self.saying.take();
        }
        match *body.first()? {
            PREPARE => self.preparing = Some(String::from_utf8_lossy(&body[1..]).into_owned()),
            EXECUTE => self.saying = self.texts.get(&number?).cloned(),
            _ => {}
        }
        self.saying.clone()
    }
}

/// MySQL's protocol: a packet's length and number, then what is asked for.
const HEADER: usize = 4;
const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;
