//! `maxmemory-clients`: what all clients take together is counted, and when it is too much those that
//! take most are disconnected. What a client takes is `buffers`' to say.

use super::{Client, Connection, LogLevel, Server};

/// A lower limit than this would leave nobody to lift it.
const LOWEST_LIMIT: u64 = 128 * 1024;

/// Clients are told apart by the power of two that they take: all up to 32 KiB are alike, and all above
/// 4 GiB.
const SMALLEST_CLASS: u32 = 15;
const LARGEST_CLASS: u32 = 33;

fn class(bytes: u64) -> u32 {
    (u64::BITS - bytes.leading_zeros()).clamp(SMALLEST_CLASS, LARGEST_CLASS)
}

impl Server {
    /// How many bytes all clients may take; `None` for as many as they like.
    fn clients_limit(&self) -> Option<u64> {
        let limit = match (self.config.maxmemory_clients, self.config.maxmemory) {
            (0, _) | (..0, 0) => return None,
            (percent @ ..0, maxmemory) => {
                (maxmemory as f64 * percent.unsigned_abs() as f64 / 100.0) as u64
            }
            (bytes, _) => bytes as u64,
        };
        Some(limit.max(LOWEST_LIMIT))
    }

    /// Counts what a client takes by now, if that matters to anybody.
    #[inline]
    pub fn count_memory(&mut self, connection: Connection) {
        if self.config.maxmemory_clients != 0 {
            self.recount(connection);
        }
    }

    fn recount(&mut self, connection: Connection) {
        if let Some(client) = self.clients.get(connection) {
            let bytes = self.figures(client).tot_mem;
            self.clients.count(connection, bytes);
        }
    }

    /// Counts all clients anew.
    pub(super) fn recount_all(&mut self) {
        for connection in self.clients.connections() {
            self.recount(connection);
        }
    }

    /// Disconnects clients, those that take most first, until all others take less than
    /// `maxmemory-clients`.
    pub fn evict_clients(&mut self) {
        let Some(limit) = self.clients_limit() else {
            return;
        };
        if self.clients.counted_bytes() < limit {
            return;
        }
        // Buffers that were large when they were counted may have shrunk.
        self.recount_all();
        let is_evictable =
            |client: &Client| !client.no_evict && !client.is_implicit && !client.is_replica();
        let mut largest: Vec<(u32, Connection)> = self
            .clients
            .by_id()
            .into_iter()
            .filter(|(_, client)| is_evictable(client))
            .map(|(connection, client)| (class(client.buffers.counted_bytes), connection))
            .collect();
        // Among those of one class, who came first goes first.
        largest.sort_by_key(|(class, _)| LARGEST_CLASS - class);
        for (_, connection) in largest {
            if self.clients.counted_bytes() < limit {
                break;
            }
            if let Some(client) = self.clients.get(connection) {
                let text = format!("Evicting client: id={} addr={}", client.id, client.peer);
                self.log(LogLevel::Notice, text);
            }
            self.stats.evicted_clients += 1;
            self.close(connection, false);
        }
    }
}
