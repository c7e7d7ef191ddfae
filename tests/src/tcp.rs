//! Connections over TCP, by client name: what the players of real sockets share.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::play::{Chunk, Patience};

/// Longer than any reply takes; reached only when something is wrong.
pub const DUE: Duration = Duration::from_secs(5);

/// The connections of a conversation's clients.
pub struct Connections {
    address: SocketAddr,
    streams: BTreeMap<String, TcpStream>,
    due: Duration,
    grace: Option<Duration>,
}

impl Connections {
    /// None yet.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            streams: BTreeMap::new(),
            due: DUE,
            grace: None,
        }
    }

    /// Waits this long at most for a reply, and this long before saying that nothing has arrived.
    pub fn with_patience(self, due: Duration, grace: Duration) -> Self {
        Self {
            due,
            grace: Some(grace),
            ..self
        }
    }

    fn stream(&mut self, client: &str) -> &mut TcpStream {
        let address = self.address;
        self.streams.entry(client.to_owned()).or_insert_with(|| {
            let stream = TcpStream::connect(address).expect("the server listens");
            stream.set_nodelay(true).expect("a TCP socket");
            stream
        })
    }

    /// Sends bytes. A connection that the server has closed takes them silently.
    pub fn send(&mut self, client: &str, bytes: &[u8]) {
        // What is wrong shows when the reply is read.
        let _ = self.stream(client).write_all(bytes);
    }

    /// Closes a connection.
    pub fn leave(&mut self, client: &str) {
        self.streams.remove(client);
    }

    /// Takes what has come.
    pub fn receive(&mut self, client: &str, patience: Patience) -> Chunk {
        let (due, grace) = (self.due, self.grace);
        let stream = self.stream(client);
        let wait = match patience {
            Patience::Due => Some(due),
            Patience::None => grace,
        };
        stream
            .set_nonblocking(wait.is_none())
            .expect("a TCP socket");
        if wait.is_some() {
            stream.set_read_timeout(wait).expect("a TCP socket");
        }
        let mut buffer = vec![0; 64 * 1024];
        let read = stream.read(&mut buffer);
        stream.set_nonblocking(false).expect("a TCP socket");
        match read {
            Ok(0) => Chunk::Closed,
            Ok(length) => {
                buffer.truncate(length);
                Chunk::Bytes(buffer)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Chunk::Silence
            }
            // The server closed while bytes of ours were on their way.
            Err(_) => Chunk::Closed,
        }
    }
}
