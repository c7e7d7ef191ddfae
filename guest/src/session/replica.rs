//! Replicas, and whoever else follows the changes of the data: SYNC, PSYNC, REPLCONF, and the stream
//! of commands that they are sent. They get all data first, as an image, then each change as it
//! happens, a transaction as one. What is told of a command is the keyspace's `Propagation`.
//!
//! Nothing of the stream is kept: who comes back gets all data again.

use std::ops::Range;

use super::{Call, Client, Connection, LogLevel, Server, SessionHandler};
use crate::commands::table::{CommandSpec, Flags, Group};
use crate::commands::{Outcome, error, options};
use crate::keyspace::{Telling, Told};
use crate::resp::{Args, Protocol, Sink, split_words};
use crate::value::number::parse_i64;

pub(super) const HANDLERS: &[(&str, SessionHandler)] =
    &[("psync", psync), ("replconf", replconf), ("sync", sync)];

/// The longest address that a replica may give.
const LONGEST_ADDRESS: usize = 255;

/// What is known of a client that follows.
#[derive(Debug, Default)]
pub struct Replica {
    /// The port that it listens on itself, as it says.
    port: u16,
    /// The address that it wants to be known by.
    address: Option<String>,
    /// Whether it follows by now, or only prepares to.
    follows: bool,
    /// Whether it tells how far it has come.
    acknowledges: bool,
    /// How far it has come, and when it said so, in microseconds since the Unix epoch.
    offset: u64,
    acknowledged_us: u64,
}

/// Everybody who follows.
#[derive(Debug, Default)]
pub struct Replicas {
    connections: Vec<Connection>,
    /// Bytes of the stream so far.
    offset: u64,
    /// The offset at which the stream began; `None` before the first one followed.
    began: Option<u64>,
    /// The database that the stream is in.
    selected: Option<usize>,
    /// When they are told next that there is somebody.
    ping_us: Option<u64>,
    /// How often all data was sent, and how often in vain less was asked for.
    pub full_syncs: u64,
    /// How often somebody wanted to go on where it had stopped.
    pub refused_partial_syncs: u64,
    /// Bytes sent to all of them.
    pub bytes_out: u64,
}

impl Replicas {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// True if nobody follows.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Bytes of the stream so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the stream began, if it did.
    pub fn began(&self) -> Option<u64> {
        self.began
    }

    /// When they are told next that there is somebody.
    pub fn next_ping_us(&self) -> Option<u64> {
        self.ping_us
    }
}

impl Client {
    /// True if it follows the changes of the data.
    #[inline]
    pub fn is_replica(&self) -> bool {
        self.replica.as_ref().is_some_and(|replica| replica.follows)
    }
}

/// What INFO and ROLE say of a replica.
pub(super) struct Described {
    pub address: String,
    pub port: u16,
    pub offset: u64,
    pub lag_s: u64,
}

// ---- telling -----------------------------------------------------------------------------------

impl Server {
    /// Notes what a command changed, and passes on what it told if it is not part of another one.
    #[cold]
    pub(super) fn propagate(
        &mut self,
        connection: Connection,
        db: usize,
        spec: &'static CommandSpec,
        args: Args<'_>,
        has_changed: bool,
        is_whole: bool,
    ) {
        let propagation = &mut self.keyspace.journal.propagation;
        // What scripts and transactions do is told command by command.
        let is_made_of_others = spec.name == "exec"
            || (spec.group == Group::Scripting && spec.flags.contains(Flags::MAY_REPLICATE));
        let own_words = match propagation.take_telling() {
            Telling::OwnWords => has_changed,
            Telling::Anyway => true,
            Telling::OtherWords => false,
        };
        if own_words && !is_made_of_others {
            propagation.tell(db, args.to_owned());
        }
        if is_whole {
            let before = self.replicas.offset;
            // Keys that were met by chance go one by one.
            let together = !spec.flags.contains(Flags::TOUCHES_ARBITRARY_KEYS);
            self.pass_on(together);
            if self.replicas.offset != before
                && let Some(client) = self.clients.get_mut(connection)
            {
                client.written_offset = self.replicas.offset;
            }
        }
    }

    /// Passes on what was told outside of any command: each for itself.
    pub(super) fn propagate_singly(&mut self) {
        if !self.keyspace.journal.propagation.is_empty() {
            self.pass_on(false);
        }
    }

    fn pass_on(&mut self, together: bool) {
        let told = self.keyspace.journal.propagation.take();
        if told.is_empty() || self.master.is_some() {
            return;
        }
        let is_transaction = together && told.len() > 1;
        let mut selected = self.replicas.selected;
        self.feed(|sink| {
            if is_transaction {
                command(sink, "MULTI");
            }
            for Told { db, args } in &told {
                if selected.replace(*db) != Some(*db) {
                    command(sink, &format!("SELECT {db}"));
                }
                let args = args.as_args();
                sink.array(args.len());
                args.iter().for_each(|arg| sink.bulk(arg));
            }
            if is_transaction {
                command(sink, "EXEC");
            }
        });
        self.replicas.selected = selected;
    }

    /// Sends commands to all who follow.
    fn feed(&mut self, write: impl FnOnce(&mut dyn Sink)) {
        let Some(message) = self.write_message(Protocol::Resp2, write) else {
            // What misses a change is no copy any more.
            self.disconnect_replicas();
            return;
        };
        let length = u64::from(message.length());
        self.replicas.offset += length;
        self.replicas.bytes_out += length * self.replicas.len() as u64;
        for connection in self.replicas.connections.clone() {
            self.send_message(connection, message);
        }
    }

    // ---- who follows

    /// Ends the stream for everybody.
    pub(super) fn disconnect_replicas(&mut self) {
        for connection in self.replicas.connections.clone() {
            self.close(connection, true);
        }
    }

    /// A client is gone: it may have followed.
    pub(super) fn forget_replica(&mut self, connection: Connection) {
        let connections = &mut self.replicas.connections;
        if connections.contains(&connection) {
            connections.retain(|other| *other != connection);
            self.follow();
        }
    }

    fn follow(&mut self) {
        let is_followed = !self.replicas.is_empty();
        if self.keyspace.journal.propagation.is_followed() != is_followed {
            self.keyspace.journal.propagation.follow(is_followed);
        }
        let next_us = self.now_us() + self.ping_period_us();
        self.replicas.ping_us = is_followed.then_some(next_us);
    }

    fn ping_period_us(&self) -> u64 {
        self.config.repl_ping_replica_period.max(1) as u64 * 1_000_000
    }

    /// Sees to those who follow: tells them that there is somebody, and closes those who should have
    /// said something long ago.
    pub fn look_after_replicas(&mut self) {
        if self
            .replicas
            .ping_us
            .is_none_or(|at_us| at_us > self.now_us())
        {
            return;
        }
        let (now_us, timeout_us) = (
            self.now_us(),
            self.config.repl_timeout.max(1) as u64 * 1_000_000,
        );
        for connection in self.replicas.connections.clone() {
            let replica = self
                .clients
                .get(connection)
                .and_then(|client| client.replica.as_ref());
            if replica.is_some_and(|replica| {
                replica.acknowledges && now_us.saturating_sub(replica.acknowledged_us) > timeout_us
            }) {
                self.log(
                    LogLevel::Warning,
                    "Disconnecting timedout replica (streaming sync)",
                );
                self.close(connection, false);
            }
        }
        if !self.replicas.is_empty() {
            self.feed(|sink| command(sink, "PING"));
            self.replicas.ping_us = Some(now_us + self.ping_period_us());
        }
    }

    /// Bytes that wait for those who follow: no reason to let go of data.
    pub(super) fn bytes_for_replicas(&self) -> u64 {
        let unsent = |connection: &Connection| {
            self.clients
                .get(*connection)
                .map_or(0, |client| client.unsent_bytes)
        };
        self.replicas.connections.iter().map(unsent).sum()
    }

    /// How many have come to that point of the stream.
    pub(super) fn replicas_at(&self, offset: u64) -> usize {
        let has_come = |connection: &&Connection| {
            let replica = self
                .clients
                .get(**connection)
                .and_then(|client| client.replica.as_ref());
            replica.is_some_and(|replica| replica.offset >= offset)
        };
        self.replicas.connections.iter().filter(has_come).count()
    }

    /// Asks all who follow how far they have come.
    pub(super) fn ask_for_offsets(&mut self) {
        self.feed(|sink| command(sink, "REPLCONF GETACK *"));
    }

    /// How keys that go by themselves are told to have gone: as the `lazyfree-lazy-*` parameters say.
    pub fn name_removals(&mut self) {
        let propagation = &mut self.keyspace.journal.propagation;
        propagation.unlinks_expired = self.config.lazyfree_lazy_expire;
        propagation.unlinks_evicted = self.config.lazyfree_lazy_eviction;
    }

    /// How many follow closely enough, where `min-replicas-to-write` wants to know.
    pub(super) fn good_replicas(&self) -> Option<usize> {
        let longest_s = self.config.min_replicas_max_lag;
        if self.config.min_replicas_to_write <= 0 || longest_s <= 0 {
            return None;
        }
        let replicas = self.describe_replicas();
        let is_good = |replica: &&Described| replica.lag_s <= longest_s as u64;
        Some(replicas.iter().filter(is_good).count())
    }

    /// Whether enough follow for a write, as `min-replicas-to-write` wants it. A replica asks for none.
    pub(super) fn has_enough_replicas(&self) -> bool {
        let least = self.config.min_replicas_to_write as usize;
        self.master.is_some() || self.good_replicas().is_none_or(|good| good >= least)
    }

    /// All who follow.
    pub(super) fn describe_replicas(&self) -> Vec<Described> {
        let now_us = self.now_us();
        let describe = |connection: &Connection| {
            let client = self.clients.get(*connection)?;
            let replica = client.replica.as_ref()?;
            let host = client.peer.rsplit_once(':').map_or("", |(host, _)| host);
            Some(Described {
                address: replica.address.clone().unwrap_or_else(|| host.to_owned()),
                port: replica.port,
                offset: replica.offset,
                lag_s: now_us.saturating_sub(replica.acknowledged_us) / 1_000_000,
            })
        };
        self.replicas
            .connections
            .iter()
            .filter_map(describe)
            .collect()
    }
}

/// Writes a command given as words with blanks between them.
fn command(sink: &mut dyn Sink, words: &str) {
    sink.array(words.split(' ').count());
    words.split(' ').for_each(|word| sink.bulk(word.as_bytes()));
}

// ---- commands ----------------------------------------------------------------------------------

/// SYNC
fn sync(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    begin_stream(call, None)
}

/// PSYNC replicationid offset
fn psync(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    options::integer(args.at(2))?;
    if args.at(1) != b"?" {
        call.server.replicas.refused_partial_syncs += 1;
    }
    let head = format!(
        "+FULLRESYNC {} {}\r\n",
        call.server.replication_id, call.server.replicas.offset
    );
    begin_stream(call, Some(head))
}

/// Sends all data, and from then on each change. `head` is for who tells how far it has come.
fn begin_stream(call: &mut Call<'_>, head: Option<String>) -> Outcome {
    let connection = call.connection;
    if call.client().is_replica() {
        return Ok(());
    }
    if call.server.master.is_some() {
        return Err(error::NO_MASTER_LINK);
    }
    let image = call.server.make_image()?;
    let acknowledges = head.is_some();
    let head = format!("{}${}\r\n", head.unwrap_or_default(), image.len());
    let now_us = call.server.now_us();
    let replica = call.client().replica.get_or_insert_default();
    replica.follows = true;
    replica.acknowledges = acknowledges;
    replica.acknowledged_us = now_us;
    let server = &mut *call.server;
    let offset = server.replicas.offset;
    server.replicas.began.get_or_insert(offset);
    server.replicas.connections.push(connection);
    server.replicas.full_syncs += 1;
    // Whoever is new does not know which database it is.
    server.replicas.selected = None;
    server.follow();
    server.log(LogLevel::Notice, "Synchronization with replica succeeded");
    server.send_raw(connection, &[head.as_bytes(), &image]);
    Ok(())
}

/// REPLCONF [option value ...]
fn replconf(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(error::SYNTAX);
    }
    let now_us = call.server.now_us();
    for at in (1..args.len()).step_by(2) {
        let (option, value) = (args.at(at), args.at(at + 1));
        if options::is(option, "LISTENING-PORT") {
            let port = options::integer(value)?;
            call.client().replica.get_or_insert_default().port = port as u16;
        } else if options::is(option, "IP-ADDRESS") {
            if value.len() > LONGEST_ADDRESS {
                return Err(error::replica_address_too_long(value.len()));
            }
            let address = String::from_utf8_lossy(value).into_owned();
            call.client().replica.get_or_insert_default().address = Some(address);
        } else if options::is(option, "ACK") {
            acknowledge(call, value, now_us);
            // Never answered.
            return Ok(());
        } else if options::is(option, "GETACK") {
            // Told to a replica by its master, and never answered here.
            return Ok(());
        } else {
            check_option(option, value)?;
        }
    }
    call.reply.ok();
    Ok(())
}

/// Whether a replica may say that of itself, though it changes nothing.
fn check_option(option: &[u8], value: &[u8]) -> Outcome {
    match option.to_ascii_lowercase().as_slice() {
        b"capa" => Ok(()),
        b"rdb-only" | b"rdb-channel" => options::between(value, 0, 1).map(drop),
        b"rdb-filter-only" => {
            let (mut bytes, mut spans) = (Vec::new(), Vec::new());
            split_words(value, &mut bytes, |start, end| spans.push(start..end))
                .ok_or(error::NO_RDB_FILTER)?;
            let unknown = |span: &Range<usize>| !options::is(&bytes[span.clone()], "FUNCTIONS");
            match spans.into_iter().find(unknown) {
                Some(span) => Err(error::rdb_filter(&bytes[span])),
                None => Ok(()),
            }
        }
        b"main-ch-client-id" => Err(error::rdb_client_id(value)),
        _ => Err(error::replconf_option(option)),
    }
}

/// A replica tells how far it has come.
fn acknowledge(call: &mut Call<'_>, offset: &[u8], now_us: u64) {
    let Some(replica) = &mut call.client().replica else {
        return;
    };
    let offset = parse_i64(offset).and_then(|offset| u64::try_from(offset).ok());
    if let (true, Some(offset)) = (replica.follows, offset) {
        replica.offset = replica.offset.max(offset);
        replica.acknowledged_us = now_us;
        replica.acknowledges = true;
        call.server.wake_those_who_wait_for_replicas();
    }
}
