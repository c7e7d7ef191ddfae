//! Conversations on the component, over TCP, with a clock that the test moves.

use std::time::{Duration, UNIX_EPOCH};

use petridis::{ManualClock, blocking};
use tempfile::TempDir;

use crate::native::START_US;
use crate::play::{Chunk, Patience, Player};
use crate::tcp::{Connections, DUE};

/// How long to listen before saying that nothing is answered.
const GRACE: Duration = Duration::from_millis(50);

/// A server on a free port.
pub struct Dish {
    _server: blocking::Server,
    clock: ManualClock,
    connections: Connections,
    _folder: TempDir,
}

impl Dish {
    /// A fresh server; fails with its word about a parameter.
    pub fn start(config: &[(String, String)]) -> Result<Self, String> {
        let clock = ManualClock::new(UNIX_EPOCH + Duration::from_micros(START_US));
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut builder = blocking::Server::builder()
            .seed(7)
            .clock(clock.clone())
            .config("dir", folder.path().to_string_lossy());
        for (name, value) in config {
            builder = builder.config(name, value);
        }
        let server = builder.start().map_err(|error| error.to_string())?;
        // What is sent has to have arrived before time moves on.
        let connections = Connections::new(server.addr()).with_patience(DUE, GRACE);
        Ok(Self {
            _server: server,
            clock,
            connections,
            _folder: folder,
        })
    }
}

impl Player for Dish {
    fn send(&mut self, client: &str, bytes: &[u8]) {
        self.connections.send(client, bytes);
    }

    fn receive(&mut self, client: &str, patience: Patience) -> Chunk {
        self.connections.receive(client, patience)
    }

    fn advance(&mut self, duration: Duration) {
        self.clock.advance(duration);
    }

    fn leave(&mut self, client: &str) {
        self.connections.leave(client);
    }
}
