//! Conversations in process, on the guest compiled natively: no socket, and time as the test says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use petridis_guest::engine::{Engine, Options, Transport};

use crate::play::{Chunk, Patience, Player};

/// 2023-11-14, in microseconds: any moment would do.
pub const START_US: u64 = 1_700_000_000_000_000;

/// The memory that a test's engine may fill.
const MEMORY_CEILING: u64 = 1 << 30;

/// More steps than this without time going by are a loop.
const STEPS: usize = 100_000;

/// So many steps that nobody hears of, and something is held up by its own work: by a script that
/// runs on. It goes on when time does, a step for each millisecond, or when somebody says something.
const STEPS_UNHEARD: u64 = 32;

/// An engine and its connections.
pub struct Native {
    engine: Engine,
    now_us: u64,
    wake_at_us: Option<u64>,
    connections: BTreeMap<u32, Inbox>,
    clients: BTreeMap<String, u32>,
}

#[derive(Default)]
struct Inbox {
    bytes: Vec<u8>,
    closed: bool,
}

impl Native {
    /// A fresh engine; fails with the engine's word about a parameter.
    pub fn start(config: &[(String, String)]) -> Result<Self, String> {
        Self::start_at(START_US, config)
    }

    /// The same, at another time.
    pub fn start_at(now_us: u64, config: &[(String, String)]) -> Result<Self, String> {
        let engine = Engine::start(Options {
            now_us,
            seed: 7,
            memory_ceiling: MEMORY_CEILING,
            config: config.to_vec(),
            facts: Vec::new(),
            acl_file: None,
        })?;
        Ok(Self {
            engine,
            now_us,
            wake_at_us: None,
            connections: BTreeMap::new(),
            clients: BTreeMap::new(),
        })
    }

    /// The time it is, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        (self.now_us / 1000) as i64
    }

    /// Sends bytes on several connections within one step; `(connection, bytes)` in order.
    pub fn send_all(&mut self, parts: &[(u32, &[u8])]) {
        let mut batch = self.engine.begin(self.now_us);
        for (connection, bytes) in parts {
            if let Some(inbox) = self.connections.get(connection)
                && inbox.closed
            {
                continue;
            }
            self.connections.entry(*connection).or_insert_with(|| {
                batch.opened(
                    *connection,
                    Transport::Tcp,
                    format!("127.0.0.1:{}", 50_000 + connection),
                    "127.0.0.1:6379".to_owned(),
                );
                Inbox::default()
            });
            batch.received(*connection, bytes);
        }
        let effects = batch.finish();
        self.carry_out(effects);
        self.settle(self.now_us, STEPS_UNHEARD);
    }

    /// Takes what a connection was sent, and whether the engine has closed it.
    pub fn take(&mut self, connection: u32) -> (Vec<u8>, bool) {
        match self.connections.get_mut(&connection) {
            Some(inbox) => (std::mem::take(&mut inbox.bytes), inbox.closed),
            None => (Vec::new(), false),
        }
    }

    fn carry_out(&mut self, effects: petridis_guest::engine::Effects) {
        for send in &effects.sends {
            let now = &effects.bytes[send.start as usize..][..send.length as usize];
            let inbox = self.connections.entry(send.connection).or_default();
            assert!(
                !inbox.closed,
                "sent to connection {}, which is closed",
                send.connection
            );
            inbox.bytes.extend_from_slice(now);
        }
        for close in &effects.closes {
            self.connections.entry(close.connection).or_default().closed = true;
        }
        if effects.exit {
            for inbox in self.connections.values_mut() {
                inbox.closed = true;
            }
            self.wake_at_us = None;
            return;
        }
        self.wake_at_us = effects.wake_at_us;
        if let Some(errand) = effects.errand {
            // Nor any other file.
            let mut batch = self.engine.begin(self.now_us);
            batch.done(errand.done_by_nobody());
            let effects = batch.finish();
            self.carry_out(effects);
        }
        if let Some(image) = effects.image {
            // No file: that an image is well is tested where it is made.
            let mut batch = self.engine.begin(self.now_us);
            batch.saved(image.number, true);
            let effects = batch.finish();
            self.carry_out(effects);
        }
    }

    /// Steps as often as the engine wants until `until_us`, at most `patience` times in a row without
    /// anything to hear of.
    fn settle(&mut self, until_us: u64, patience: u64) {
        let mut unheard = 0;
        for _ in 0..STEPS {
            let wake_at_us = match self.wake_at_us {
                Some(wake_at_us) if wake_at_us <= until_us && unheard < patience => wake_at_us,
                _ => return,
            };
            let runs_on = wake_at_us <= self.now_us;
            self.now_us = self.now_us.max(wake_at_us);
            let effects = self.engine.begin(self.now_us).finish();
            let is_heard = !effects.sends.is_empty() || !effects.closes.is_empty();
            unheard = if runs_on && !is_heard { unheard + 1 } else { 0 };
            self.carry_out(effects);
        }
        panic!("the engine wants to be woken without end");
    }

    fn connection(&mut self, client: &str) -> u32 {
        if let Some(connection) = self.clients.get(client) {
            return *connection;
        }
        // The smallest number that is free, as the host has it.
        let taken: BTreeSet<u32> = self.clients.values().copied().collect();
        let connection = (0..).find(|number| !taken.contains(number)).unwrap_or(0);
        self.clients.insert(client.to_owned(), connection);
        connection
    }
}

impl Player for Native {
    fn send(&mut self, client: &str, bytes: &[u8]) {
        let connection = self.connection(client);
        self.send_all(&[(connection, bytes)]);
    }

    fn receive(&mut self, client: &str, _: Patience) -> Chunk {
        let connection = self.connection(client);
        if !self.connections.contains_key(&connection) {
            // Heard before anything was said: connecting is enough for a refusal.
            self.send_all(&[(connection, b"")]);
        }
        match self.take(connection) {
            (bytes, _) if !bytes.is_empty() => Chunk::Bytes(bytes),
            (_, true) => Chunk::Closed,
            _ => Chunk::Silence,
        }
    }

    fn advance(&mut self, duration: Duration) {
        let until_us = self.now_us + u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.settle(until_us, STEPS_UNHEARD);
        self.now_us = until_us;
        let effects = self.engine.begin(until_us).finish();
        self.carry_out(effects);
        let patience = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.settle(until_us, patience.max(STEPS_UNHEARD));
    }

    fn leave(&mut self, client: &str) {
        if let Some(connection) = self.clients.remove(client) {
            self.connections.remove(&connection);
            let mut batch = self.engine.begin(self.now_us);
            batch.closed(connection);
            let effects = batch.finish();
            self.carry_out(effects);
            self.settle(self.now_us, STEPS_UNHEARD);
        }
    }
}
