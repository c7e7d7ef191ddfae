//! A client that says bytes and expects bytes.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A connection to a server.
pub struct Client(pub TcpStream);

impl Client {
    /// Connects.
    pub fn to(address: impl ToSocketAddrs) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        // Never reached when all is well.
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).expect("a TCP socket");
        Self(stream)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, request: &str) {
        let sent = self.0.write_all(request.as_bytes());
        sent.expect("the server listens");
    }

    /// Expects these bytes.
    pub fn hear(&mut self, reply: &str) {
        let mut got = vec![0; reply.len()];
        let read = self.0.read_exact(&mut got);
        assert_eq!(String::from_utf8_lossy(&got), reply, "{read:?}");
    }

    /// Sends a line and expects this answer.
    pub fn say(&mut self, request: &str, reply: &str) {
        self.send(&format!("{request}\r\n"));
        self.hear(reply);
    }
}
