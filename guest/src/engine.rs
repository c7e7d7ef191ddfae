//! The engine: tells the session layer the time, hands it requests, and collects what is to be done
//! outside. Knows no WIT and no command.
//!
//! A step goes: the time, what fell due, what came in, what is to go out.

use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::resp::{Decoded, Limits, Protocol, Sink as _};
use crate::session::{
    self, Acl, Buffers, Client, Connection, IMPLICIT, Output, PlainRun, Ran, Saved, Server,
};

pub use crate::session::{
    Close, Control, Delivery, Errand, ImageFile, LogLevel, LogLine, Refusal, Signal, Transport,
};

/// When replies of one step come to this many bytes, the rest of the input waits for the next step,
/// so that what is answered can go out and memory stays bounded.
const STEP_OUTPUT_BYTES: usize = 1 << 20;

/// With so few arguments that are known of ahead, there is no more than one key to look ahead for.
const FEW_ARGUMENTS: usize = 3;

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
    /// What is in the file that `aclfile` names.
    pub acl_file: Option<Vec<u8>>,
}

/// What an engine goes on with in another memory; `wit/engine.wit` explains each field.
#[derive(Clone, Debug, Default)]
pub struct Continuation {
    /// Microseconds since the Unix epoch.
    pub now_us: u64,
    /// From now on all chance comes from this number.
    pub seed: Option<u64>,
    /// What [`Engine::conversations`] wrote down.
    pub conversations: Vec<u8>,
    /// Parameters that are others than they were.
    pub config: Vec<(String, String)>,
    /// Facts that are others than they were.
    pub facts: Vec<(String, String)>,
}

/// What to do outside after a step.
#[derive(Debug, Default)]
pub struct Effects {
    /// What to do before anything else; [`Batch::done`] is to be told of it in the next step.
    pub errand: Option<Errand>,
    /// What to write to a file, before anything is sent; [`Batch::saved`] is to be told of it.
    pub image: Option<ImageFile>,
    /// The bytes of all sends.
    pub bytes: Vec<u8>,
    /// Which of them go where, in order.
    pub sends: Vec<Delivery>,
    /// What to close, after sending.
    pub closes: Vec<Close>,
    /// Lines for the log.
    pub logs: Vec<LogLine>,
    /// Parameters that changed and that only the host can heed.
    pub settings: Vec<(String, String)>,
    /// When the next step is wanted, in microseconds since the Unix epoch.
    pub wake_at_us: Option<u64>,
    /// What only the host can do; [`Batch::controlled`] is to be told of it.
    pub controls: Vec<Control>,
    /// SHUTDOWN was asked for.
    pub exit: bool,
}

/// A Redis, without the world around it.
pub struct Engine {
    server: Server,
    out: Output,
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
            Acl::default(),
        )
    }

    /// Starts an engine. Fails with a sentence about the parameter that is wrong.
    pub fn start(options: Options) -> Result<Self, String> {
        let mut config = Config::default();
        // Users are no parameter: each has lines of its own.
        let (users, given): (Vec<_>, Vec<_>) = options
            .config
            .iter()
            .cloned()
            .partition(|(name, _)| name.eq_ignore_ascii_case("user"));
        config.start_with(&given)?;
        if config.cluster_enabled {
            // There is no other database to select.
            config.databases = 1;
        }
        let users: Vec<&str> = users.iter().map(|(_, rules)| rules.as_str()).collect();
        let acl = match &options.acl_file {
            Some(_) if !users.is_empty() => {
                return Err(session::FILE_AND_USERS.to_owned());
            }
            Some(file) => Acl::start_with_file(&config, file)?,
            None => Acl::start(&config, &users)?,
        };
        let mut engine = Self::with_config(options, config, acl);
        if engine.server.config.aclfile.is_empty() {
            engine.server.warn_of_disabled_users();
        }
        Ok(engine)
    }

    fn with_config(options: Options, config: Config, acl: Acl) -> Self {
        let mut rng = fastrand::Rng::with_seed(options.seed);
        let ceiling = usize::try_from(options.memory_ceiling).unwrap_or(usize::MAX);
        let mut keyspace = Keyspace::new(config.databases, rng.u64(..), ceiling);
        keyspace.set_now_us(options.now_us);
        let mut server = Server::new(config, acl, keyspace, rng, options.facts);
        server.listen_to_events();
        server.remember_accesses();
        server.name_removals();
        Engine {
            server,
            out: Output::default(),
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
        self.server.end_step(&mut self.out);
        let mut replies = self.take_own(IMPLICIT);
        // Nobody can wait here: what would put a server to sleep does not delay a call.
        while self.server.is_paused()
            || self.server.scripts.run_on()
            || self.server.backlog.contains(&IMPLICIT)
        {
            self.run_script_on();
            if let Some(number) = self.server.persistence.waited_for() {
                self.saved(number, true);
            }
            if let Some(errand) = self.server.errands.asked.take() {
                // There is nobody to do it.
                self.done(errand.done_by_nobody());
            }
            self.wake_up();
            self.run_backlog();
            self.server.end_step(&mut self.out);
            replies.append(&mut self.take_own(IMPLICIT));
            if self.server.exit {
                break;
            }
        }
        self.server
            .closes
            .retain(|close| close.connection != IMPLICIT);
        replies
    }

    /// Takes out what is for one connection and leaves the rest for the next step.
    fn take_own(&mut self, connection: Connection) -> Vec<u8> {
        let all = self.out.wire.take();
        let sends = std::mem::take(&mut self.out.sends);
        if sends.iter().all(|send| send.connection == connection) {
            return all;
        }
        let mut own = Vec::new();
        self.out.wire.aim(Default::default(), usize::MAX);
        for send in sends {
            let bytes = &all[send.start as usize..][..send.length as usize];
            if send.connection == connection {
                own.extend_from_slice(bytes);
            } else {
                self.out.sends.push(Delivery {
                    start: self.out.wire.len() as u32,
                    ..send
                });
                self.out.wire.raw(bytes);
            }
        }
        own
    }

    /// Tells how long the step before took, in microseconds: before the next one begins, and only where
    /// that is known.
    pub fn took(&mut self, took_us: u64) {
        self.server.step_took(took_us);
    }

    /// Begins a step at that time: sees to what fell due and takes up what was left waiting.
    pub fn begin(&mut self, now_us: u64) -> Batch<'_> {
        self.server.begin_timing();
        if self.server.scripts.run_on() {
            // Time stands still for a script, and for everybody while it runs.
            self.server.time_script(now_us);
            self.run_script_on();
            if self.server.scripts.run_on() {
                self.run_backlog();
                return Batch { engine: self };
            }
        }
        self.server.keyspace.set_now_us(now_us);
        self.server.step_bytes = self.out.wire.capacity();
        self.server.stats.step(self.server.keyspace.now_us());
        if self
            .server
            .asleep_until_us
            .is_some_and(|until_us| until_us <= now_us)
        {
            self.wake_up();
        }
        if !self.server.is_paused() {
            self.server.fall_due(&mut self.out);
        }
        self.server.go_on_evicting();
        self.server.save_if_due();
        self.server.close_idle();
        self.server.check_soft_limits();
        self.server.look_after_replicas();
        if self.server.is_unsettled && !self.server.is_paused() {
            self.server.settle(&mut self.out);
        }
        self.run_backlog();
        Batch { engine: self }
    }

    /// Goes on with the script that runs, and sees to what follows from it once it has ended.
    fn run_script_on(&mut self) {
        self.server.run_script_on(&mut self.out);
        if self.server.is_unsettled && !self.server.scripts.run_on() {
            self.server.settle(&mut self.out);
        }
    }

    fn open(&mut self, connection: Connection, transport: Transport, peer: String, local: String) {
        let server = &mut self.server;
        server.stats.connected();
        if server.clients.len() >= server.config.maxclients as usize && connection != IMPLICIT {
            server.stats.refused_connection();
            let text = crate::commands::error::MAX_CLIENTS;
            let start = self.out.begin(server, Default::default());
            self.out.wire.error(text.text());
            self.out.attribute(server, connection, start);
            server.closes.push(Close {
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
            is_implicit: connection == IMPLICIT,
            authenticated: server.acl.is_open(),
            connected_us: now_us,
            active_us: now_us,
            buffers: Buffers::new(now_us),
            ..Client::default()
        };
        server.clients.insert(connection, client);
        server.count_memory(connection);
    }

    /// Takes bytes in and runs every request they complete.
    fn receive(&mut self, connection: Connection, bytes: &[u8]) {
        self.server.receives(connection, bytes.len());
        self.take_in(connection, bytes);
        self.server.received(connection);
    }

    fn take_in(&mut self, connection: Connection, bytes: &[u8]) {
        let now_us = self.server.now_us();
        let query_limit = self.server.config.client_query_buffer_limit;
        let must_wait = self.must_wait(connection);
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

    /// Runs the requests in `bytes` until they end, the connection does or has to wait, or it is time to
    /// send what is answered. Returns how many bytes are done with; `None` where the connection is
    /// closed.
    fn run_requests(&mut self, connection: Connection, bytes: &[u8]) -> Option<usize> {
        let (server, out) = (&mut self.server, &mut self.out);
        let client = server.clients.get_mut(connection)?;
        let protocol = client.protocol;
        client.input.reading_bytes = bytes.len();
        server.step_bytes = out.wire.capacity();
        let mut decoder = std::mem::take(&mut client.input.decoder);
        let mut start = out.begin_for(server, connection, protocol);
        let mut put_off = false;
        let limited = server.config.client_output_buffer_limit[0].hard_bytes > 0;
        let mut plain = PlainRun::begin(server, connection);
        loop {
            if plain.is_on() && decoder.is_level() && decoder.parse_ahead(bytes) > FEW_ARGUMENTS {
                plain.foresee(server, decoder.requests_ahead(bytes));
            }
            let limits = Limits {
                bulk_len: server.config.proto_max_bulk_len,
                authenticated: plain.is_on() || server.may_run_commands(connection),
            };
            match decoder.next(bytes, limits) {
                Decoded::Request => {}
                Decoded::Incomplete => break,
                Decoded::Shed => {
                    server.stats.error(b"OOM");
                    out.wire.error(crate::commands::error::OUT_OF_MEMORY.text());
                    continue;
                }
                Decoded::Error(error) => {
                    out.wire.error(&error.message());
                    server.stats.error(b"ERR");
                    server.log(
                        LogLevel::Verbose,
                        format!("Protocol error from client on connection {connection}"),
                    );
                    server.close(connection, true);
                    break;
                }
            }
            let reply = out.wire.len();
            let args = decoder.args(bytes);
            match plain.run(server, connection, args, &mut out.wire) {
                Ran::Plainly if out.wire.len() <= STEP_OUTPUT_BYTES => continue,
                Ran::Plainly => {
                    put_off = true;
                    break;
                }
                Ran::WithConsequences => {}
                Ran::Not => {
                    plain.book(server, connection);
                    session::run(server, connection, args, &mut out.wire);
                }
            }
            let is_paused = server.is_paused();
            if let Some(client) = server.clients.get_mut(connection) {
                if is_paused {
                    // Kept until the sleep that its command began is over; all that follows from it
                    // comes later still.
                    client.held_reply.extend_from_slice(out.wire.since(reply));
                    out.wire.truncate(reply);
                    put_off = true;
                } else {
                    client.sending_bytes += out.wire.since(reply).len() as u64;
                }
            }
            if server.is_unsettled && !is_paused && !server.scripts.run_on() {
                out.attribute_reply(server, connection, start, reply);
                server.settle(out);
                let protocol = server.clients.get(connection)?.protocol;
                start = out.begin_for(server, connection, protocol);
            }
            match server.clients.get(connection) {
                None => break,
                Some(client) if client.parked.is_some() => break,
                Some(_) => {}
            }
            if limited && !put_off {
                // As Redis does: at once, whatever a fast reader would have taken meanwhile.
                server.check_output_limit(connection);
                if server.clients.get(connection).is_none() {
                    break;
                }
            }
            put_off |= out.wire.len() > STEP_OUTPUT_BYTES && !limited;
            if put_off || server.exit {
                break;
            }
            plain = PlainRun::begin(server, connection);
            if !plain.is_on() {
                // What it may send may be less now.
                decoder.fall_back();
            }
        }
        decoder.fall_back();
        plain.book(server, connection);
        if matches!(server.closes.last(), Some(last) if last.connection == connection && !last.flush)
        {
            // Cut off: what was answered just now does not go out either.
            out.wire.truncate(start);
        }
        out.attribute(server, connection, start);
        let client = server.clients.get_mut(connection)?;
        (client.request_bytes, client.request_args) = (0, 0);
        let consumed = decoder.consumed();
        decoder.relax();
        client.input.decoder = decoder;
        if put_off {
            self.put_off(connection);
        }
        Some(consumed)
    }

    /// True if what this connection sends can't be run now.
    fn must_wait(&self, connection: Connection) -> bool {
        self.must_all_wait()
            || self
                .server
                .clients
                .get(connection)
                .is_some_and(|client| client.parked.is_some())
    }

    fn must_all_wait(&self) -> bool {
        self.server.is_paused()
            || self.server.scripts.hold_others()
            || self.out.wire.len() > STEP_OUTPUT_BYTES
            || self.server.exit
    }

    fn put_off(&mut self, connection: Connection) {
        if !self.server.backlog.contains(&connection) {
            self.server.backlog.push_back(connection);
        }
    }

    /// Ends a sleep.
    fn wake_up(&mut self) {
        self.server.asleep_until_us = None;
        self.resume_replies();
    }

    /// Sends the replies that were held back.
    fn resume_replies(&mut self) {
        let held: Vec<Connection> = self
            .server
            .clients
            .by_id()
            .into_iter()
            .filter(|(_, client)| !client.held_reply.is_empty() && client.parked.is_none())
            .map(|(connection, _)| connection)
            .collect();
        for connection in held {
            if let Some(client) = self.server.clients.get_mut(connection) {
                let reply = std::mem::take(&mut client.held_reply);
                client.sending_bytes += reply.len() as u64;
                let start = self.out.wire.len();
                self.out.wire.aim(Default::default(), usize::MAX);
                self.out.wire.raw(&reply);
                self.out.attribute(&mut self.server, connection, start);
            }
        }
        if self.server.is_unsettled {
            self.server.settle(&mut self.out);
        }
    }

    /// An image was written, or could not be: whoever waited for it goes on.
    fn saved(&mut self, number: u32, written: bool) {
        let refused = match self.server.image_written(number, written) {
            Saved::Unnoticed => return,
            Saved::Told => None,
            Saved::Refused(connection, refused) => Some((connection, refused)),
        };
        if let Some((connection, refused)) = refused {
            let mut wire = crate::resp::Wire::default();
            wire.aim(Default::default(), usize::MAX);
            wire.error(refused.text());
            self.server.stats.error(refused.code());
            if let Some(client) = self.server.clients.get_mut(connection) {
                client.held_reply = wire.take();
            }
        }
        self.resume_replies();
        self.run_backlog();
    }

    /// What the command that waits for the host has asked of it is done, or can't be: it goes on.
    fn done(&mut self, outcome: Result<Vec<u8>, Refusal>) {
        self.server.errand_done(outcome, &mut self.out);
        if !self.server.is_paused() {
            self.resume_replies();
            self.run_backlog();
        }
    }

    /// An image of all data, as Redis's own format has it; fails with a sentence where there is not
    /// enough memory for it.
    pub fn save(&mut self) -> Result<Vec<u8>, String> {
        let image = self.server.make_image();
        image.map_err(|refused| String::from_utf8_lossy(refused.text()).into_owned())
    }

    /// Puts the data of an image in place of what is there; returns how many keys it is. Fails with
    /// a sentence about what is wrong with it; what was read before is there then.
    pub fn load(&mut self, image: &[u8]) -> Result<u64, String> {
        let loaded = self.server.load_image(image, false, false);
        loaded
            .map(|loaded| loaded.keys)
            .map_err(|refused| refused.to_string())
    }

    /// Writes down who is connected and what is under way with each, see `wit/engine.wit`.
    pub fn conversations(&self) -> Vec<u8> {
        self.server.conversations()
    }

    /// Goes on with the memory of another engine, or of an earlier time; fails with a sentence about a
    /// parameter.
    pub fn resume(&mut self, continuation: Continuation) -> Result<(), String> {
        let server = &mut self.server;
        self.out = Output::default();
        server.keyspace.set_now_us(continuation.now_us);
        server.begin_timing();
        server.config.start_with(&continuation.config)?;
        server.listen_to_events();
        server.remember_accesses();
        server.name_removals();
        if let Some(seed) = continuation.seed {
            server.rng = fastrand::Rng::with_seed(seed);
        }
        for (name, value) in continuation.facts {
            server.facts.retain(|(known, _)| *known != name);
            server.facts.push((name, value));
        }
        server.take_up(&continuation.conversations);
        // Nothing is waited for any more.
        self.resume_replies();
        Ok(())
    }

    /// Runs requests that only look, on a connection in RESP3 that nobody gets to know of.
    pub fn look(&mut self, db: usize, request: &[u8]) -> Vec<u8> {
        let server = &mut self.server;
        let Some(connection) = (0..IMPLICIT).find(|free| server.clients.get(*free).is_none())
        else {
            return Vec::new();
        };
        let client = Client {
            is_implicit: true,
            protocol: Protocol::Resp3,
            db: db.min(server.keyspace.databases() - 1),
            authenticated: true,
            no_touch: true,
            ..Client::default()
        };
        let unseen = server.hide(connection);
        server.clients.put_back(connection, client);
        let (mut replies, mut rest) = (Vec::new(), request);
        // A step's worth of replies at a time.
        while let Some(consumed) = self.run_requests(connection, rest).filter(|some| *some > 0) {
            replies.append(&mut self.take_own(connection));
            rest = &rest[consumed..];
            if let Some(client) = self.server.clients.get_mut(connection) {
                client.input.decoder.rebase(consumed);
            }
        }
        let server = &mut self.server;
        if let Some(client) = server.clients.get_mut(connection) {
            // Nobody waits here, whoever else may have to.
            replies.append(&mut client.held_reply);
        }
        server.forget(connection);
        server.backlog.retain(|waiting| *waiting != connection);
        server.closes.retain(|close| close.connection != connection);
        server.show(unseen);
        replies
    }

    fn run_backlog(&mut self) {
        for _ in 0..self.server.backlog.len() {
            if self.must_all_wait() {
                return;
            }
            let Some(connection) = self.server.backlog.pop_front() else {
                return;
            };
            self.server.run_released(connection, &mut self.out);
            if !self.must_wait(connection) {
                self.run_pending(connection);
            } else if self.must_all_wait() {
                self.put_off(connection);
            }
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
        for send in &self.out.sends {
            self.server.check_output_limit(send.connection);
            if let Some(client) = self.server.clients.get_mut(send.connection) {
                // Nothing waits in the host but what it has told of, and what follows that.
                let sent = std::mem::take(&mut client.sending_bytes);
                let before = client.unsent_bytes;
                client.buffers.replied(before + sent);
                if before > 0 && sent > 0 {
                    self.server
                        .clients
                        .set_unsent(send.connection, before + sent);
                    self.server.count_memory(send.connection);
                }
            }
        }
        if self.server.config.maxmemory_clients != 0 {
            self.server.evict_clients();
        }
        let cut_off = |connection| {
            let mut closes = self.server.closes.iter();
            closes.any(|close| close.connection == connection && !close.flush)
        };
        if !self.server.closes.is_empty() {
            // What they were answered in this step does not go out any more, as on a real server.
            self.out.sends.retain(|send| !cut_off(send.connection));
        }
        Effects {
            errand: self.server.errands.asked.take(),
            image: self.server.persistence.image.take(),
            bytes: self.out.wire.take(),
            sends: std::mem::take(&mut self.out.sends),
            closes: std::mem::take(&mut self.server.closes),
            logs: std::mem::take(&mut self.server.logs),
            settings: std::mem::take(&mut self.server.settings),
            wake_at_us: self.wake_at_us(),
            controls: std::mem::take(&mut self.server.controls.asked),
            exit: self.server.exit,
        }
    }

    fn wake_at_us(&self) -> Option<u64> {
        let server = &self.server;
        if let Some(until_us) = server.asleep_until_us {
            return Some(until_us);
        }
        if server.is_paused() {
            return None;
        }
        if server.scripts.run_on() || !server.backlog.is_empty() || server.eviction.is_under_way {
            return Some(server.now_us());
        }
        let deadline_us = server
            .keyspace
            .next_deadline_ms()
            .map(|at_ms| (at_ms.max(0) as u64).saturating_mul(1000));
        [
            deadline_us,
            server.waiters.next_timeout_us(),
            server.pause.map(|pause| pause.until_us),
            server.next_idle_check_us(),
            server.soft_limit_check_us,
            server.replicas.next_ping_us(),
            server.next_save_us(),
            server.stats.next_tick_us(),
        ]
        .into_iter()
        .flatten()
        .min()
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
        self.engine.server.forget(connection);
    }

    /// Bytes wait in the host.
    pub fn unsent(&mut self, connection: Connection, bytes: u64) {
        let server = &mut self.engine.server;
        server.clients.set_unsent(connection, bytes);
        server.count_memory(connection);
        server.check_output_limit(connection);
    }

    /// The image of that number was written, or could not be.
    pub fn saved(&mut self, number: u32, written: bool) {
        self.engine.saved(number, written);
    }

    /// The host has done what was asked for under that number.
    pub fn controlled(&mut self, number: u64, connection: Connection, reply: &[u8]) {
        let Engine { server, out } = &mut *self.engine;
        server.controlled(number, connection, reply, out);
    }

    /// The errand was done, or could not be.
    pub fn done(&mut self, outcome: Result<Vec<u8>, Refusal>) {
        self.engine.done(outcome);
    }

    /// The process is asked to end.
    pub fn signal(&mut self, signal: Signal) {
        let server = &mut self.engine.server;
        // What is under way already needs no second word.
        if !server.exit && !server.persistence.is_waited_for() {
            server.signalled(signal);
        }
    }

    /// Ends the step: what to do outside.
    pub fn finish(self) -> Effects {
        // What clients sent while they waited, and were answered for in this step.
        self.engine.run_backlog();
        self.engine.server.end_step(&mut self.engine.out);
        self.engine.server.end_timing();
        self.engine.effects()
    }
}
