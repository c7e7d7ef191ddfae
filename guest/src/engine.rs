//! The engine: tells the session layer the time, hands it requests, and collects what is to be done
//! outside. Knows no WIT and no command.
//!
//! A step goes: the time, what fell due, what came in, what is to go out.

use std::collections::VecDeque;

use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::resp::{Decoded, Limits, Sink as _, Wire};
use crate::session::{self, Client, Clients, Connection, IMPLICIT, Server, Stats};

pub use crate::session::{Close, LogLevel, LogLine, Transport};

/// When replies of one step come to this many bytes, the rest of the input waits for the next step,
/// so that what is answered can go out and memory stays bounded.
const STEP_OUTPUT_BYTES: usize = 1 << 20;

/// No buffer can be longer than half the address space of wasm32, and this leaves room to grow.
const LONGEST_OUTPUT: usize = 3 << 29;

/// What an engine is started with; `wit/engine.wit` explains each field.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Microseconds since the Unix epoch.
    pub now_us: u64,
    /// All chance comes from this number.
    pub seed: u64,
    /// Bytes of memory that may be filled.
    pub memory_ceiling: u64,
    /// Parameters as in redis.conf.
    pub config: Vec<(String, String)>,
    /// What only the host knows, by INFO's field name.
    pub facts: Vec<(String, String)>,
}

/// The next `length` bytes of [`Effects::bytes`] go to this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whose they are.
    pub connection: Connection,
    /// How many.
    pub length: u32,
}

/// What to do outside after a step.
#[derive(Debug, Default)]
pub struct Effects {
    /// The bytes of all sends, one after the other.
    pub bytes: Vec<u8>,
    /// What goes where, in order.
    pub sends: Vec<Delivery>,
    /// What to close, after sending.
    pub closes: Vec<Close>,
    /// Lines for the log.
    pub logs: Vec<LogLine>,
    /// When the next step is wanted, in microseconds since the Unix epoch.
    pub wake_at_us: Option<u64>,
    /// SHUTDOWN was asked for.
    pub exit: bool,
}

/// A Redis, without the world around it.
pub struct Engine {
    server: Server,
    wire: Wire,
    sends: Vec<Delivery>,
    /// Connections with input that was not run when it came.
    backlog: VecDeque<Connection>,
}

impl Engine {
    /// An engine nobody configured: seed 0, the time 0, Redis's defaults.
    pub fn with_defaults() -> Self {
        Self::with_config(
            Options {
                memory_ceiling: u64::MAX,
                ..Options::default()
            },
            Config::default(),
        )
    }

    /// Starts an engine. Fails with a sentence about the parameter that is wrong.
    pub fn start(options: Options) -> Result<Self, String> {
        let mut config = Config::default();
        config.start_with(&options.config)?;
        Ok(Self::with_config(options, config))
    }

    fn with_config(options: Options, config: Config) -> Self {
        let mut rng = fastrand::Rng::with_seed(options.seed);
        let ceiling = usize::try_from(options.memory_ceiling).unwrap_or(usize::MAX);
        let mut keyspace = Keyspace::new(config.databases, rng.u64(..), ceiling);
        keyspace.set_now_us(options.now_us);
        let run_id = (0..40).map(|_| rng.digit(16)).collect();
        Engine {
            server: Server {
                config,
                keyspace,
                clients: Clients::default(),
                stats: Stats::default(),
                rng,
                facts: options.facts,
                started_us: options.now_us,
                run_id,
                paused_until_us: None,
                idle_check_us: 0,
                scripts: None,
                exit: false,
                closes: Vec::new(),
                logs: Vec::new(),
            },
            wire: Wire::default(),
            sends: Vec::new(),
            backlog: VecDeque::new(),
        }
    }

    /// Runs requests on the implicit connection and returns their replies.
    pub fn execute(&mut self, request: &[u8]) -> Vec<u8> {
        if self.server.clients.get(IMPLICIT).is_none() {
            self.open(
                IMPLICIT,
                Transport::Tcp,
                "127.0.0.1:0".into(),
                "127.0.0.1:0".into(),
            );
        }
        self.receive(IMPLICIT, request);
        let mut replies = self.take_own();
        // Nobody can wait here: what would pause a server does not pause a call.
        while self.server.paused_until_us.is_some() || self.backlog.contains(&IMPLICIT) {
            self.resume();
            self.run_backlog();
            replies.append(&mut self.take_own());
            if self.server.exit {
                break;
            }
        }
        self.server
            .closes
            .retain(|close| close.connection != IMPLICIT);
        replies
    }

    /// Takes out what is for the implicit connection and leaves the rest for the next step.
    fn take_own(&mut self) -> Vec<u8> {
        let all = self.wire.take();
        if self.sends.iter().all(|send| send.connection == IMPLICIT) {
            self.sends.clear();
            return all;
        }
        let (mut own, mut rest) = (Vec::new(), all.as_slice());
        self.wire.aim(Default::default(), usize::MAX);
        for send in &self.sends {
            let (bytes, later) = rest.split_at(send.length as usize);
            rest = later;
            if send.connection == IMPLICIT {
                own.extend_from_slice(bytes);
            } else {
                self.wire.raw(bytes);
            }
        }
        self.sends.retain(|send| send.connection != IMPLICIT);
        own
    }

    /// Begins a step at that time: removes what fell due and takes up what was left waiting.
    pub fn begin(&mut self, now_us: u64) -> Batch<'_> {
        self.server.keyspace.set_now_us(now_us);
        self.server.stats.step(self.server.keyspace.now_us());
        self.server.keyspace.expire_due();
        if self
            .server
            .paused_until_us
            .is_some_and(|until_us| until_us <= self.server.now_us())
        {
            self.resume();
        }
        self.server.close_idle();
        self.run_backlog();
        Batch { engine: self }
    }

    fn open(&mut self, connection: Connection, transport: Transport, peer: String, local: String) {
        let server = &mut self.server;
        server.stats.connected();
        if server.clients.len() >= server.config.maxclients as usize && connection != IMPLICIT {
            server.stats.refused_connection();
            let text = crate::commands::error::MAX_CLIENTS;
            self.wire.aim(Default::default(), usize::MAX);
            let start = self.wire.len();
            self.wire.error(text.text());
            self.attribute(connection, start);
            self.server.closes.push(Close {
                connection,
                flush: true,
            });
            return;
        }
        let now_us = server.now_us();
        let client = Client {
            peer,
            local,
            transport,
            authenticated: server.config.requirepass.is_empty(),
            connected_us: now_us,
            active_us: now_us,
            ..Client::default()
        };
        server.clients.insert(connection, client);
    }

    /// Takes bytes in and runs every request they complete.
    fn receive(&mut self, connection: Connection, bytes: &[u8]) {
        let now_us = self.server.now_us();
        let query_limit = self.server.config.client_query_buffer_limit;
        let must_wait = self.must_wait();
        let Some(client) = self.server.clients.get_mut(connection) else {
            return;
        };
        client.active_us = now_us;
        client.bytes_in += bytes.len() as u64;
        let pending = client.input.pending.len();
        if (pending + bytes.len()) as u64 > query_limit {
            self.close_over_query_limit(connection);
            return;
        }
        self.server.stats.received(bytes.len());
        if pending == 0 && !must_wait {
            // The common case: whole requests, run from where they arrived.
            if let Some(consumed) = self.run_requests(connection, bytes) {
                self.keep(connection, &bytes[consumed..], consumed);
            }
            return;
        }
        // A buffer that grows needs the old and the new one for a moment, and a list of arguments.
        let fits = pending < 1 << 16
            || self
                .server
                .keyspace
                .has_room_for(3 * (pending + bytes.len()));
        let Some(client) = self.server.clients.get_mut(connection) else {
            return;
        };
        let input = &mut client.input;
        if fits {
            input.append(bytes);
            if must_wait {
                self.put_off(connection);
            } else {
                self.run_pending(connection);
            }
        } else if !must_wait && input.decoder.can_shed() {
            // The request is answered when it ends; what came of it is thrown away until then.
            input.decoder.shed(pending);
            input.pending = Vec::new();
            if let Some(consumed) = self.run_requests(connection, bytes) {
                self.keep(connection, &bytes[consumed..], consumed);
            }
        } else {
            self.close_over_query_limit(connection);
        }
    }

    /// Keeps what is left of bytes that were parsed where they arrived.
    fn keep(&mut self, connection: Connection, rest: &[u8], consumed: usize) {
        if let Some(client) = self.server.clients.get_mut(connection) {
            client.input.decoder.rebase(consumed);
            client.input.append(rest);
        }
    }

    /// Runs what a connection's buffer holds.
    fn run_pending(&mut self, connection: Connection) {
        let Some(client) = self.server.clients.get_mut(connection) else {
            return;
        };
        let pending = std::mem::take(&mut client.input.pending);
        if let Some(consumed) = self.run_requests(connection, &pending)
            && let Some(client) = self.server.clients.get_mut(connection)
        {
            client.input.pending = pending;
            client.input.consume(consumed);
        }
    }

    /// Runs the requests in `bytes` until they end, the connection does, or it is time to send what
    /// is answered. Returns how many bytes are done with; `None` where the connection is closed.
    fn run_requests(&mut self, connection: Connection, bytes: &[u8]) -> Option<usize> {
        let client = self.server.clients.get_mut(connection)?;
        let protocol = client.protocol;
        let mut decoder = std::mem::take(&mut client.input.decoder);
        let start = self.wire.len();
        self.wire.aim(protocol, self.output_limit(start));
        let mut put_off = false;
        let limited = self.server.config.client_output_buffer_limit[0].hard_bytes > 0;
        loop {
            let limits = Limits {
                bulk_len: self.server.config.proto_max_bulk_len,
                authenticated: self.server.may_run_commands(connection),
            };
            match decoder.next(bytes, limits) {
                Decoded::Request => {}
                Decoded::Incomplete => break,
                Decoded::Shed => {
                    self.server.stats.error(b"OOM");
                    self.wire
                        .error(crate::commands::error::OUT_OF_MEMORY.text());
                    continue;
                }
                Decoded::Error(error) => {
                    self.wire.error(&error.message());
                    self.server.stats.error(b"ERR");
                    self.server.log(
                        LogLevel::Verbose,
                        format!("Protocol error from client on connection {connection}"),
                    );
                    self.server.close(connection, true);
                    break;
                }
            }
            let reply = self.wire.len();
            session::run(
                &mut self.server,
                connection,
                decoder.args(bytes),
                &mut self.wire,
            );
            let Some(client) = self.server.clients.get_mut(connection) else {
                break;
            };
            if self.server.paused_until_us.is_some() {
                self.hold_reply(connection, reply);
                put_off = true;
            } else {
                client.sending_bytes += (self.wire.len() - reply) as u64;
                if limited {
                    // As Redis does: at once, whatever a fast reader would have taken meanwhile.
                    self.server.check_output_limit(connection);
                    if self.server.clients.get(connection).is_none() {
                        break;
                    }
                }
                put_off = self.wire.len() > STEP_OUTPUT_BYTES && !limited;
            }
            if put_off || self.server.exit {
                break;
            }
        }
        if matches!(self.server.closes.last(), Some(last) if last.connection == connection && !last.flush)
        {
            // Cut off: what was answered just now does not go out either.
            self.wire.truncate(start);
        }
        self.attribute(connection, start);
        let client = self.server.clients.get_mut(connection)?;
        client.request_bytes = 0;
        let consumed = decoder.consumed();
        client.input.decoder = decoder;
        if put_off {
            self.put_off(connection);
        }
        Some(consumed)
    }

    /// How long the wire may become: a reply that does not fit closes its connection, the rest of
    /// the engine goes on.
    fn output_limit(&self, len: usize) -> usize {
        let room = self
            .server
            .keyspace
            .memory_ceiling()
            .saturating_sub(crate::memory::used());
        // Growing a buffer needs the old and the new one for a moment.
        len.saturating_add(room / 5 * 2)
            .clamp(64 * 1024, LONGEST_OUTPUT)
    }

    /// Everything on the wire since `start` is this connection's.
    fn attribute(&mut self, connection: Connection, start: usize) {
        let length = (self.wire.len() - start) as u32;
        if length == 0 {
            return;
        }
        if let Some(client) = self.server.clients.get_mut(connection) {
            client.bytes_out += u64::from(length);
        }
        self.server.stats.sent(length as usize);
        match self.sends.last_mut() {
            Some(last) if last.connection == connection => last.length += length,
            _ => self.sends.push(Delivery { connection, length }),
        }
    }

    /// Keeps a reply until the pause that its command began is over.
    fn hold_reply(&mut self, connection: Connection, start: usize) {
        if let Some(client) = self.server.clients.get_mut(connection) {
            client.held_reply.extend_from_slice(self.wire.since(start));
            self.wire.truncate(start);
        }
    }

    fn must_wait(&self) -> bool {
        self.server.paused_until_us.is_some()
            || self.wire.len() > STEP_OUTPUT_BYTES
            || self.server.exit
    }

    fn put_off(&mut self, connection: Connection) {
        if !self.backlog.contains(&connection) {
            self.backlog.push_back(connection);
        }
    }

    fn resume(&mut self) {
        self.server.paused_until_us = None;
        let held: Vec<Connection> = self
            .server
            .clients
            .by_id()
            .into_iter()
            .filter(|(_, client)| !client.held_reply.is_empty())
            .map(|(connection, _)| connection)
            .collect();
        for connection in held {
            if let Some(client) = self.server.clients.get_mut(connection) {
                let reply = std::mem::take(&mut client.held_reply);
                client.sending_bytes += reply.len() as u64;
                let start = self.wire.len();
                self.wire.aim(Default::default(), usize::MAX);
                self.wire.raw(&reply);
                self.attribute(connection, start);
            }
        }
    }

    fn run_backlog(&mut self) {
        for _ in 0..self.backlog.len() {
            if self.must_wait() {
                return;
            }
            let Some(connection) = self.backlog.pop_front() else {
                return;
            };
            self.run_pending(connection);
        }
    }

    fn close_over_query_limit(&mut self, connection: Connection) {
        self.server.stats.over_query_limit();
        self.server.log(
            LogLevel::Warning,
            format!("Closing connection {connection} that reached max query buffer length"),
        );
        self.server.close(connection, false);
    }

    fn effects(&mut self) -> Effects {
        for send in &self.sends {
            self.server.check_output_limit(send.connection);
            if let Some(client) = self.server.clients.get_mut(send.connection) {
                // Nothing waits in the host but what it has told of, and what follows that.
                let sent = std::mem::take(&mut client.sending_bytes);
                client.unsent_bytes += if client.unsent_bytes > 0 { sent } else { 0 };
            }
        }
        let wake_at_us = if self.must_run_on() {
            Some(self.server.now_us())
        } else {
            let deadline_us = self
                .server
                .keyspace
                .next_deadline_ms()
                .map(|at_ms| (at_ms.max(0) as u64).saturating_mul(1000));
            [
                deadline_us,
                self.server.paused_until_us,
                self.server.next_idle_check_us(),
            ]
            .into_iter()
            .flatten()
            .min()
        };
        Effects {
            bytes: self.wire.take(),
            sends: std::mem::take(&mut self.sends),
            closes: std::mem::take(&mut self.server.closes),
            logs: std::mem::take(&mut self.server.logs),
            wake_at_us,
            exit: self.server.exit,
        }
    }

    fn must_run_on(&self) -> bool {
        !self.backlog.is_empty() && self.server.paused_until_us.is_none()
    }
}

/// A step under way: what happened outside is told one by one, in order.
pub struct Batch<'e> {
    engine: &'e mut Engine,
}

impl Batch<'_> {
    /// A connection was accepted.
    pub fn opened(
        &mut self,
        connection: Connection,
        transport: Transport,
        peer: String,
        local: String,
    ) {
        self.engine.open(connection, transport, peer, local);
    }

    /// Bytes came in.
    pub fn received(&mut self, connection: Connection, bytes: &[u8]) {
        self.engine.receive(connection, bytes);
    }

    /// The peer is gone.
    pub fn closed(&mut self, connection: Connection) {
        self.engine.server.clients.remove(connection);
    }

    /// Bytes wait in the host.
    pub fn unsent(&mut self, connection: Connection, bytes: u64) {
        if let Some(client) = self.engine.server.clients.get_mut(connection) {
            client.unsent_bytes = bytes;
        }
        self.engine.server.check_output_limit(connection);
    }

    /// Ends the step: what to do outside.
    pub fn finish(self) -> Effects {
        self.engine.effects()
    }
}
