//! Client side caching: clients keep copies of what they read, and are told when these are no longer
//! true. Either of every key that they have read (`table`), or of every key that begins with a prefix.
//!
//! Where a message comes: behind the reply of who is told of its own change; all that a step changed
//! under a prefix comes in one message at its end.

mod commands;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use super::output::Output;
use super::{Connection, Server};
use crate::commands::table::{CommandSpec, Flags, keys_of};
use crate::keyspace::Cause;
use crate::resp::{Aggregate, Args, Protocol, Sink};
use crate::value::hash::Seed;
use table::Table;

pub(super) use commands::HANDLERS;

/// Of which keys a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Of those it has read.
    Read,
    /// Of those it has read by the command that follows CLIENT CACHING YES.
    OptIn,
    /// Of those it has read, but not by the command that follows CLIENT CACHING NO.
    OptOut,
    /// Of those that begin with its prefixes.
    Broadcast,
}

/// Who is told instead of the client that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The client's id.
    pub id: u64,
    /// Its connection, which another client has once it is gone.
    connection: Connection,
}

impl Redirect {
    /// To that client.
    pub(super) fn to(id: u64, connection: Connection) -> Self {
        Redirect { id, connection }
    }

    /// The connection that it has, or had.
    pub(super) fn connection(self) -> Connection {
        self.connection
    }
}

/// What a client has asked to be told.
#[derive(Debug)]
pub struct Tracks {
    /// Of which keys.
    pub mode: Mode,
    /// Who is told.
    pub redirect: Option<Redirect>,
    /// Not of what it changes itself.
    pub no_loop: bool,
    /// Who was to be told is gone, and something was to be told.
    pub is_broken: bool,
    /// `CLIENT CACHING` was the command before.
    pub caching: bool,
    /// What the keys begin with, if it is told of all keys that do.
    pub prefixes: BTreeSet<Box<[u8]>>,
}

/// The keys that begin with something.
#[derive(Debug, Default)]
struct Prefix {
    /// Who is told.
    clients: Vec<Connection>,
    /// The keys that changed in this step, and the client that changed them last. Nobody did if their
    /// time was up.
    changed: BTreeMap<Box<[u8]>, Option<u64>>,
}

/// Who is to be told of what.
#[derive(Debug)]
pub struct Tracking {
    table: Table,
    prefixes: BTreeMap<Box<[u8]>, Prefix>,
    clients: usize,
    /// The journal tells of every change.
    listens: bool,
    /// There are more keys than `tracking-table-max-keys`.
    is_too_large: bool,
}

/// What RESP2 clients subscribe to, to be told.
const CHANNEL: &[u8] = b"__redis__:invalidate";

impl Tracking {
    /// Nobody is to be told of anything.
    pub fn new(seed: Seed) -> Self {
        Tracking {
            table: Table::new(seed),
            prefixes: BTreeMap::new(),
            clients: 0,
            listens: false,
            is_too_large: false,
        }
    }

    /// How many clients are told of changes.
    pub fn clients(&self) -> usize {
        self.clients
    }

    /// How many keys somebody may have a copy of.
    pub fn keys(&self) -> usize {
        self.table.len()
    }

    /// How many copies there may be of all keys.
    pub fn items(&self) -> usize {
        self.table.items()
    }

    /// How many prefixes somebody listens to.
    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// True if there are more keys than there may be.
    pub fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// True if somebody wants to hear of changes.
    #[inline]
    pub fn listens(&self) -> bool {
        self.listens
    }
}

// ---- who is told ---------------------------------------------------------------------------------

impl Server {
    /// Has the journal tell of every change while that is of use to anybody.
    fn listen_for_tracking(&mut self) {
        let wanted = self.tracking.clients > 0 || !self.tracking.table.is_empty();
        if wanted != self.tracking.listens {
            self.tracking.listens = wanted;
            self.keyspace.journal.interest.want_all(wanted);
        }
    }

    /// Tells a client again what it was told before all data was exchanged: its copies are no longer true.
    pub(super) fn track_again(&mut self, connection: Connection, asked: Tracks) {
        self.track(connection, asked);
        self.send_invalidation(connection, |sink| sink.null());
    }

    /// Begins to tell a client, or changes what it is told. Prefixes add to those it has.
    fn track(&mut self, connection: Connection, asked: Tracks) {
        for prefix in &asked.prefixes {
            let listening = &mut self
                .tracking
                .prefixes
                .entry(prefix.clone())
                .or_default()
                .clients;
            if !listening.contains(&connection) {
                listening.push(connection);
            }
        }
        let client = self.clients.current(connection);
        match &mut client.tracking {
            None => {
                self.tracking.clients += 1;
                client.tracking = Some(Box::new(asked));
            }
            Some(tracks) => {
                let mut prefixes = std::mem::take(&mut tracks.prefixes);
                prefixes.extend(asked.prefixes);
                **tracks = Tracks {
                    caching: tracks.caching,
                    prefixes,
                    ..asked
                };
            }
        }
        self.listen_for_tracking();
    }

    /// Tells a client nothing more. What it has read stays known, as in Redis: should it ask again, it
    /// hears of that.
    pub(super) fn stop_tracking(&mut self, connection: Connection) {
        let Some(client) = self.clients.get_mut(connection) else {
            return;
        };
        let Some(tracks) = client.tracking.take() else {
            return;
        };
        for prefix in &tracks.prefixes {
            if let Some(known) = self.tracking.prefixes.get_mut(prefix) {
                known.clients.retain(|other| *other != connection);
                if known.clients.is_empty() {
                    self.tracking.prefixes.remove(prefix);
                }
            }
        }
        self.tracking.clients -= 1;
        self.listen_for_tracking();
    }

    /// Forgets what a client has read and asked to be told.
    pub(super) fn forget_tracking(&mut self, connection: Connection) {
        self.stop_tracking(connection);
        if self.tracking.listens {
            self.tracking.table.forget(connection);
            self.listen_for_tracking();
        }
    }

    // ---- what clients read

    /// A client that is told of changes has run a command: if it reads, its keys are remembered.
    #[cold]
    pub(super) fn remember_keys(
        &mut self,
        connection: Connection,
        spec: &'static CommandSpec,
        args: Args<'_>,
    ) {
        // A script is what its commands are.
        let is_script = matches!(spec.name, "eval_ro" | "evalsha_ro" | "fcall_ro");
        if !spec.flags.contains(Flags::READONLY) || spec.flags.contains(Flags::PUBSUB) || is_script
        {
            return;
        }
        let Some(tracks) = &self.clients.current(connection).tracking else {
            return;
        };
        let remembers = match tracks.mode {
            Mode::Read => true,
            Mode::OptIn => tracks.caching,
            Mode::OptOut => !tracks.caching,
            Mode::Broadcast => false,
        };
        if !remembers {
            return;
        }
        for key in keys_of(spec, args).unwrap_or_default() {
            let key = args.at(key.index);
            if self.keyspace.has_room_for(key.len() + table::OVERHEAD) {
                self.tracking.table.add(key, connection);
            } else {
                // What can't be remembered is no longer true at once.
                self.send_invalidation(connection, |sink| write_keys(sink, &[key]));
            }
        }
        self.limit_tracking();
        self.listen_for_tracking();
    }

    /// `tracking-table-max-keys` may be exceeded: seen to once the command is answered.
    pub(super) fn limit_tracking(&mut self) {
        let most = self.config.tracking_table_max_keys;
        self.tracking.is_too_large = most > 0 && self.tracking.table.len() as u64 > most;
        self.is_unsettled |= self.tracking.is_too_large;
    }

    /// Forgets keys at random until there are no more than `tracking-table-max-keys`. Who has read
    /// them has to believe that they changed.
    #[cold]
    pub(super) fn shrink_tracking(&mut self) {
        while self.tracking.is_too_large {
            if let Some(key) = self.tracking.table.random_key(&mut self.rng) {
                self.tell_readers(&key, None);
            }
            self.limit_tracking();
        }
        self.listen_for_tracking();
    }

    // ---- what changes

    /// A key has changed.
    pub(super) fn invalidate(&mut self, key: &[u8], cause: Cause, by: Option<Connection>) {
        if !self.tracking.listens {
            return;
        }
        if !self.tracking.prefixes.is_empty() {
            let by = by.filter(|_| matches!(cause, Cause::Write | Cause::Further));
            let id = by
                .and_then(|by| self.clients.get(by))
                .map(|client| client.id);
            for (prefix, state) in &mut self.tracking.prefixes {
                if key.starts_with(prefix) {
                    state.changed.insert(key.into(), id);
                }
            }
        }
        self.tell_readers(key, by);
        self.listen_for_tracking();
    }

    fn tell_readers(&mut self, key: &[u8], by: Option<Connection>) {
        let mut readers = self.tracking.table.take(key);
        readers.sort_by_key(|reader| self.clients.get(*reader).map(|client| client.id));
        for reader in readers {
            let client = self.clients.get(reader);
            let is_told = client
                .and_then(|client| client.tracking.as_ref())
                .is_some_and(|tracks| {
                    tracks.mode != Mode::Broadcast && !(tracks.no_loop && by == Some(reader))
                });
            if is_told {
                self.send_invalidation(reader, |sink| write_keys(sink, &[key]));
            }
        }
    }

    /// All keys have changed. A null stands for them.
    pub(super) fn invalidate_all(&mut self) {
        if !self.tracking.listens {
            return;
        }
        let told: Vec<(Connection, Protocol)> = self
            .clients
            .by_id()
            .into_iter()
            .filter(|(_, client)| client.tracking.is_some())
            .map(|(connection, client)| (connection, client.protocol))
            .collect();
        for (connection, protocol) in told {
            self.send_invalidation(connection, |sink| {
                // In the protocol of who asked, whoever is told: so does Redis.
                sink.switch_protocol(protocol);
                sink.null();
            });
        }
        self.tracking.table.clear();
        self.listen_for_tracking();
    }

    /// A step ends: who listens to prefixes is told of all that changed.
    pub fn end_step(&mut self, out: &mut Output) {
        if self.tracking.prefixes.is_empty() || self.is_paused() {
            return;
        }
        let mut prefixes = std::mem::take(&mut self.tracking.prefixes);
        for prefix in prefixes.values_mut() {
            let changed = std::mem::take(&mut prefix.changed);
            if !changed.is_empty() {
                for connection in &prefix.clients {
                    self.broadcast(*connection, &changed);
                }
            }
        }
        self.tracking.prefixes = prefixes;
        if !self.mail.is_empty() {
            out.post(self);
        }
    }

    fn broadcast(&mut self, connection: Connection, changed: &BTreeMap<Box<[u8]>, Option<u64>>) {
        let Some(client) = self.clients.get(connection) else {
            return;
        };
        let is_looped = |by: Option<u64>| by == Some(client.id);
        let no_loop = client
            .tracking
            .as_ref()
            .is_some_and(|tracks| tracks.no_loop);
        let keys: Vec<&[u8]> = changed
            .iter()
            .filter(|(_, by)| !(no_loop && is_looped(**by)))
            .map(|(key, _)| &**key)
            .collect();
        if !keys.is_empty() {
            self.send_invalidation(connection, |sink| write_keys(sink, &keys));
        }
    }

    /// Tells a client, or who is told in its place. RESP2 has no place for that in a connection, but
    /// as a message that somebody has subscribed to.
    fn send_invalidation(&mut self, connection: Connection, body: impl FnOnce(&mut dyn Sink)) {
        let Some(client) = self.clients.get(connection) else {
            return;
        };
        let redirect = client.tracking.as_ref().and_then(|tracks| tracks.redirect);
        let receiver = redirect.map_or(connection, |redirect| redirect.connection);
        let receiving = self
            .clients
            .get(receiver)
            .filter(|client| redirect.is_none_or(|redirect| redirect.id == client.id));
        let Some(receiving) = receiving else {
            self.tell_of_broken_redirect(connection);
            return;
        };
        let listens = receiving.subscriptions.is_some();
        match receiving.protocol {
            Protocol::Resp3 => self.send(receiver, |sink| {
                sink.aggregate(Aggregate::Push, 2);
                sink.bulk(b"invalidate");
                body(sink);
            }),
            Protocol::Resp2 if redirect.is_some() && listens => self.send(receiver, |sink| {
                sink.array(3);
                sink.bulk(b"message");
                sink.bulk(CHANNEL);
                body(sink);
            }),
            Protocol::Resp2 => {}
        }
    }

    fn tell_of_broken_redirect(&mut self, connection: Connection) {
        let Some(client) = self.clients.get_mut(connection) else {
            return;
        };
        let protocol = client.protocol;
        let Some(tracks) = &mut client.tracking else {
            return;
        };
        tracks.is_broken = true;
        let id = tracks.redirect.map_or(0, |redirect| redirect.id);
        if protocol == Protocol::Resp3 {
            self.send(connection, |sink| {
                sink.aggregate(Aggregate::Push, 2);
                sink.bulk(b"tracking-redir-broken");
                sink.integer(id as i64);
            });
        }
    }
}

fn write_keys(sink: &mut dyn Sink, keys: &[&[u8]]) {
    sink.array(keys.len());
    for key in keys {
        sink.bulk(key);
    }
}
