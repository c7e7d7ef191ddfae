//! Clients: what the server knows of each connection.

use super::Connection;
use super::acl::UserId;
use super::buffers::Buffers;
use super::pubsub::{Kind, Subscriptions};
use super::replica::Replica;
use super::tracking::Tracks;
use super::transactions::{DbKey, Transaction};
use super::waiting::Parked;
use crate::resp::{Decoder, Protocol};

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// TCP with TLS.
    Tls,
    /// A Unix socket.
    Unix,
}

/// Which replies a client gets (`CLIENT REPLY`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// Every one.
    #[default]
    On,
    /// None.
    Off,
    /// The next one is left out. Set by the command itself, which is not answered either.
    SkipNext,
    /// This one is left out.
    SkipThis,
}

/// A buffer of input doubles up to steps of this size.
const LARGEST_GROWTH: usize = 64 << 20;

/// Bytes of a connection that are not run yet.
#[derive(Debug, Default)]
pub struct Input {
    /// The bytes.
    pub pending: Vec<u8>,
    /// How far they are parsed.
    pub decoder: Decoder,
    /// How many bytes came with the request that runs.
    pub reading_bytes: usize,
}

impl Input {
    /// Adds bytes at the end: growing by doubling, but not beyond what the request under way lacks.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.pending.capacity() - self.pending.len() < bytes.len() {
            let double = self.pending.len().min(LARGEST_GROWTH);
            let more = match self.decoder.missing_bytes(self.pending.len()) {
                0 => double,
                missing => missing.min(double),
            };
            self.pending.reserve_exact(more.max(bytes.len()));
        }
        self.pending.extend_from_slice(bytes);
    }

    /// Drops the first `consumed` bytes, now or once they are the larger part.
    pub fn consume(&mut self, consumed: usize) {
        if consumed == self.pending.len() {
            self.decoder.rebase(consumed);
            self.pending = Vec::new();
        } else if consumed > self.pending.len() / 2 {
            self.decoder.rebase(consumed);
            self.pending.drain(..consumed);
        }
    }
}

/// One connection's state.
#[derive(Debug, Default)]
pub struct Client {
    /// Counted up from 1, never used twice.
    pub id: u64,
    /// The peer's address.
    pub peer: String,
    /// This end's address.
    pub local: String,
    /// How it is connected.
    pub transport: Transport,
    /// It is the one behind `execute`.
    pub is_implicit: bool,
    /// RESP2 or RESP3.
    pub protocol: Protocol,
    /// The selected database.
    pub db: usize,
    /// Who it is.
    pub user: UserId,
    /// Whether it has logged in, or did not have to when it connected.
    pub authenticated: bool,
    /// `CLIENT SETNAME`.
    pub name: Vec<u8>,
    /// `CLIENT SETINFO LIB-NAME`.
    pub lib_name: Vec<u8>,
    /// `CLIENT SETINFO LIB-VER`.
    pub lib_version: Vec<u8>,
    /// `CLIENT NO-EVICT`.
    pub no_evict: bool,
    /// `CLIENT NO-TOUCH`.
    pub no_touch: bool,
    /// `CLIENT REPLY`.
    pub reply_mode: ReplyMode,
    /// When it connected, in microseconds since the Unix epoch.
    pub connected_us: u64,
    /// When it last sent something.
    pub active_us: u64,
    /// The full name of the last command, run or refused; `None` if there is no such command.
    pub last_command: Option<&'static str>,
    /// Commands run.
    pub commands: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Bytes of the request that runs: its arguments.
    pub request_bytes: usize,
    /// How many arguments it has.
    pub request_args: usize,
    /// What its buffers would take in Redis.
    pub buffers: Buffers,
    /// Bytes that wait in the host, as last told.
    pub unsent_bytes: u64,
    /// Bytes that this step sends.
    pub sending_bytes: u64,
    /// Since when the bytes that wait are over the soft limit.
    pub over_soft_limit_since_us: Option<u64>,
    /// A reply held back while the server is paused.
    pub held_reply: Vec<u8>,
    /// To be closed once the reply to the command that runs is sent.
    pub close_after_reply: bool,
    /// Its command that waits to run again. Until then nothing else of it runs.
    pub parked: Option<Box<Parked>>,
    /// What it has queued since MULTI.
    pub transaction: Option<Box<Transaction>>,
    /// The keys it watches.
    pub watched: Vec<DbKey>,
    /// Those of them that came to be, with their time up, while it watched: that they go is no change.
    pub overdue_watches: Vec<DbKey>,
    /// One of them has changed.
    pub is_touched: bool,
    /// What is known of it as one that follows the changes of the data.
    pub replica: Option<Box<Replica>>,
    /// How far the stream of changes was after its last write.
    pub written_offset: u64,
    /// What it listens to.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// What it is told of keys that it has copies of.
    pub tracking: Option<Box<Tracks>>,
    /// MONITOR
    pub is_monitor: bool,
    /// What came in and is not run yet.
    pub input: Input,
}

impl Client {
    /// True if a command of its may wait: nobody can behind `execute`.
    #[inline]
    pub fn may_wait(&self) -> bool {
        !self.is_implicit
    }

    /// True if it listens to channels in RESP2, where only few commands make sense.
    #[inline]
    pub fn hears_messages_only(&self) -> bool {
        self.subscriptions.is_some() && self.protocol == Protocol::Resp2
    }

    /// True for a replica; to Redis, who monitors is one of a kind.
    #[inline]
    pub fn counts_as_replica(&self) -> bool {
        self.is_monitor || self.is_replica()
    }

    /// How many channels, patterns and channels of shards it listens to.
    pub(super) fn listens_to_each(&self) -> impl Iterator<Item = usize> {
        [Kind::Channel, Kind::Pattern, Kind::Shard]
            .into_iter()
            .map(|kind| self.listens_to(kind))
    }

    /// How many channels or patterns it listens to.
    pub fn listens_to(&self, kind: Kind) -> usize {
        self.subscriptions
            .as_ref()
            .map_or(0, |subscriptions| subscriptions.len(kind))
    }

    /// Back to how it was when it connected, as RESET does, but for its name in the log of the
    /// host: identity and traffic stay.
    pub fn reset(&mut self, authenticated: bool) {
        self.protocol = Protocol::Resp2;
        self.db = 0;
        self.user = UserId::DEFAULT;
        self.authenticated = authenticated;
        self.name.clear();
        self.no_evict = false;
        self.no_touch = false;
        if self.reply_mode != ReplyMode::SkipThis {
            self.reply_mode = ReplyMode::On;
        }
        self.transaction = None;
        self.is_monitor = false;
    }
}

/// All clients, by the number of their connection.
#[derive(Debug, Default)]
pub struct Clients {
    /// Numbers are small; the two largest, which no host gives, come round to 0 and 1.
    slots: Vec<Option<Box<Client>>>,
    last_id: u64,
    len: usize,
    /// What all of them have not taken yet.
    unsent_bytes: u64,
    /// What all of them were counted with, see `client_eviction`.
    counted_bytes: u64,
}

/// The connection behind `execute`.
pub const IMPLICIT: Connection = Connection::MAX;

/// A client that is gone while its script runs on. Nothing is sent there.
pub const ORPHAN: Connection = Connection::MAX - 1;

#[inline]
fn slot(connection: Connection) -> usize {
    connection.wrapping_add(2) as usize
}

impl Clients {
    /// Gives a client another number.
    pub fn renumber(&mut self, from: Connection, to: Connection) {
        if from != to
            && let Some(client) = self.slots.get_mut(slot(from)).and_then(Option::take)
            && self.put(to, client).is_some()
        {
            self.len -= 1;
        }
    }

    /// Takes a new client in and gives it its id.
    pub fn insert(&mut self, connection: Connection, mut client: Client) {
        self.last_id += 1;
        client.id = self.last_id;
        if self.put(connection, Box::new(client)).is_none() {
            self.len += 1;
        }
    }

    fn put(&mut self, connection: Connection, client: Box<Client>) -> Option<Box<Client>> {
        let slot = slot(connection);
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot].replace(client)
    }

    /// Takes a client in that was known before, with its id. No new one gets an id as low.
    pub fn put_back(&mut self, connection: Connection, client: Client) {
        let (id, last_id) = (client.id, self.last_id);
        self.insert(connection, client);
        if let Some(client) = self.get_mut(connection) {
            client.id = id;
        }
        self.last_id = last_id.max(id);
    }

    /// The client of a connection.
    #[inline]
    pub fn get(&self, connection: Connection) -> Option<&Client> {
        self.slots.get(slot(connection))?.as_deref()
    }

    /// The client of a connection, to change.
    #[inline]
    pub fn get_mut(&mut self, connection: Connection) -> Option<&mut Client> {
        self.slots.get_mut(slot(connection))?.as_deref_mut()
    }

    /// The client whose command runs: it is there until the command ends.
    #[inline]
    pub fn current(&mut self, connection: Connection) -> &mut Client {
        match self.slots.get_mut(slot(connection)) {
            Some(Some(client)) => client,
            _ => unreachable!("a command runs for connection {connection}, which has no client"),
        }
    }

    /// Forgets a client.
    pub fn remove(&mut self, connection: Connection) -> Option<Box<Client>> {
        let client = self.slots.get_mut(slot(connection))?.take()?;
        self.len -= 1;
        self.unsent_bytes -= client.unsent_bytes;
        self.counted_bytes -= client.buffers.counted_bytes;
        Some(client)
    }

    /// Tells how many bytes wait for a client in the host.
    pub fn set_unsent(&mut self, connection: Connection, bytes: u64) {
        if let Some(Some(client)) = self.slots.get_mut(slot(connection)) {
            self.unsent_bytes = self.unsent_bytes - client.unsent_bytes + bytes;
            client.unsent_bytes = bytes;
        }
    }

    /// How many bytes wait for all clients in the host.
    pub fn unsent_bytes(&self) -> u64 {
        self.unsent_bytes
    }

    /// Counts a client with so many bytes.
    pub(super) fn count(&mut self, connection: Connection, bytes: u64) {
        if let Some(Some(client)) = self.slots.get_mut(slot(connection)) {
            let counted = &mut client.buffers.counted_bytes;
            self.counted_bytes = self.counted_bytes - *counted + bytes;
            *counted = bytes;
        }
    }

    /// What all clients were counted with.
    pub(super) fn counted_bytes(&self) -> u64 {
        self.counted_bytes
    }

    /// The connections of all of them.
    pub(super) fn connections(&self) -> Vec<Connection> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter(|(_, client)| client.is_some())
            .map(|(slot, _)| (slot as u32).wrapping_sub(2))
            .collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, with their connections, in the order of ids.
    pub fn by_id(&self) -> Vec<(Connection, &Client)> {
        let mut all: Vec<_> = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(slot, client)| Some(((slot as u32).wrapping_sub(2), client.as_deref()?)))
            .collect();
        all.sort_unstable_by_key(|(_, client)| client.id);
        all
    }
}
