//! Looking at the data from outside: what is kept of the server while a command runs that nobody is to
//! know of. Knows no command.

use super::{Connection, Server, Stats};
use crate::keyspace::{EventClass, KeyspaceStats};

/// What a look would leave traces in.
pub struct Unseen {
    stats: Stats,
    keyspace: KeyspaceStats,
    monitors: Vec<Connection>,
    listening: EventClass,
    rng: fastrand::Rng,
}

impl Server {
    /// Keeps what the commands of this connection until [`Server::show`] would leave traces in.
    pub fn hide(&mut self, connection: Connection) -> Unseen {
        self.looking = Some(connection);
        Unseen {
            stats: std::mem::take(&mut self.stats),
            keyspace: self.keyspace.stats.clone(),
            monitors: std::mem::take(&mut self.monitors),
            listening: std::mem::replace(&mut self.keyspace.journal.listening, EventClass::NONE),
            rng: self.rng.clone(),
        }
    }

    /// Puts back what was kept.
    pub fn show(&mut self, unseen: Unseen) {
        self.looking = None;
        self.stats = unseen.stats;
        self.keyspace.stats = unseen.keyspace;
        self.monitors = unseen.monitors;
        self.keyspace.journal.listening = unseen.listening;
        self.rng = unseen.rng;
    }
}
