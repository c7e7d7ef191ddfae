//! Clients that wait: for a key to hold something, for time to go by, for a pause to end. A client
//! that waits is its command, parked: it runs again when there is reason to.
//!
//! Owns the queues, first come, first served, and the order of timeouts. Knows no command.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::gate::{self, Command};
use super::{Caller, Connection, ORPHAN, Output, Server};
use crate::commands::wait::Awaited;
use crate::commands::{CommandError, Wait};
use crate::resp::{Args, OwnedArgs, Sink as _};

/// Why a command is parked.
#[derive(Debug)]
pub enum Why {
    /// It waits for keys, or only for time to go by where it names none.
    Keys(Wait),
    /// Clients are paused.
    Postponed,
    /// Its script has not ended, or it waits for the host.
    RunsOn,
}

/// A command that is to run again.
#[derive(Debug)]
pub struct Parked {
    /// The command.
    pub command: Command,
    /// Its arguments as they are to be next time.
    pub args: OwnedArgs,
    /// Why it is parked.
    pub why: Why,
}

impl Parked {
    /// Keeps a copy of the arguments.
    pub fn new(command: Command, args: Args<'_>, why: Why) -> Self {
        let mut owned = args.to_owned();
        if let Why::Keys(wait) = &why
            && !wait.replaced.is_empty()
        {
            let replaced = |index| wait.replaced.iter().find(|(at, _)| *at == index);
            owned = args
                .iter()
                .enumerate()
                .map(|(index, arg)| replaced(index).map_or(arg, |(_, new)| &**new))
                .collect();
        }
        Parked {
            command,
            args: owned,
            why,
        }
    }

    /// True if it has not run yet, and only runs late.
    pub fn is_late(&self) -> bool {
        self.wait()
            .is_some_and(|wait| wait.awaited == Awaited::Turn)
    }

    /// What it waits for, if that is keys or time.
    pub fn wait(&self) -> Option<&Wait> {
        match &self.why {
            Why::Keys(wait) => Some(wait),
            Why::Postponed | Why::RunsOn => None,
        }
    }
}

/// Who waits for what.
#[derive(Debug, Default)]
pub struct Waiters {
    /// By database and key, in the order they came.
    queues: Vec<BTreeMap<Box<[u8]>, VecDeque<Connection>>>,
    /// When waiting ends.
    timeouts: BTreeSet<(u64, Connection)>,
    /// Keys that came to hold something, in order.
    ready: VecDeque<(usize, Box<[u8]>)>,
    /// Those who are to look again, whatever they wait for.
    nudged: VecDeque<Connection>,
    /// Those put off by a pause, in the order they came.
    postponed: VecDeque<Connection>,
    /// How many clients wait for keys or time.
    waiting: usize,
}

impl Waiters {
    /// How many clients wait, those included that a pause put off.
    pub fn len(&self) -> usize {
        self.waiting + self.postponed.len()
    }

    /// How many of them will not wait for ever.
    pub fn with_timeout(&self) -> usize {
        self.timeouts.len()
    }

    /// How many keys are waited for.
    pub fn keys(&self) -> usize {
        self.queues.iter().map(BTreeMap::len).sum()
    }

    /// Whom nothing has come for by now.
    pub fn next_timeout_us(&self) -> Option<u64> {
        self.timeouts.first().map(|(until_us, _)| *until_us)
    }

    /// True if somebody may be woken.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// A key has changed: who waits for it is looked after once the command is answered.
    pub fn changed(&mut self, db: usize, key: &[u8]) {
        let is_awaited = self
            .queues
            .get(db)
            .is_some_and(|queues| queues.contains_key(key));
        if is_awaited && !self.ready.iter().any(|(d, k)| *d == db && **k == *key) {
            self.ready.push_back((db, key.into()));
        }
    }

    /// True if somebody is to look again.
    pub fn has_nudged(&self) -> bool {
        !self.nudged.is_empty()
    }

    /// True if a pause has put somebody off.
    #[inline]
    pub fn has_postponed(&self) -> bool {
        !self.postponed.is_empty()
    }

    fn queue(&mut self, db: usize, key: &[u8]) -> Option<&mut VecDeque<Connection>> {
        self.queues.get_mut(db)?.get_mut(key)
    }

    fn enqueue(&mut self, db: usize, key: &[u8], connection: Connection) {
        if self.queues.len() <= db {
            self.queues.resize_with(db + 1, BTreeMap::new);
        }
        let queues = &mut self.queues[db];
        match queues.get_mut(key) {
            Some(queue) => queue.push_back(connection),
            None => {
                queues.insert(key.into(), VecDeque::from([connection]));
            }
        }
    }

    fn dequeue(&mut self, db: usize, key: &[u8], connection: Connection) {
        let Some(queue) = self.queue(db, key) else {
            return;
        };
        if queue.front() == Some(&connection) {
            queue.pop_front();
        } else {
            queue.retain(|other| *other != connection);
        }
        if queue.is_empty() {
            self.queues[db].remove(key);
        }
    }
}

impl Server {
    /// Parks the command of a client: nothing more of what it sends is run until it is answered.
    pub fn park(&mut self, connection: Connection, parked: Parked) {
        let client = self.clients.current(connection);
        let db = client.db;
        match &parked.why {
            Why::Keys(wait) => {
                for (index, key) in wait.keys.iter().enumerate() {
                    // A key that is named twice is waited for once.
                    if !wait.keys[..index].contains(key) {
                        self.waiters.enqueue(db, key, connection);
                        self.keyspace.want(db, key);
                    }
                }
                if let Some(until_us) = wait.until_us {
                    self.waiters.timeouts.insert((until_us, connection));
                }
                self.waiters.waiting += 1;
            }
            Why::Postponed => self.waiters.postponed.push_back(connection),
            Why::RunsOn => {}
        }
        client.parked = Some(Box::new(parked));
    }

    /// Parks a command that ran again in vain, behind all others; its time runs on.
    pub(super) fn park_again(&mut self, connection: Connection, mut parked: Parked, wait: Wait) {
        let until_us = parked.wait().map_or(wait.until_us, |first| first.until_us);
        parked.why = Why::Keys(Wait { until_us, ..wait });
        self.park(connection, parked);
    }

    /// Takes a client's parked command out of all queues.
    pub(super) fn unpark(&mut self, connection: Connection) -> Option<Box<Parked>> {
        let client = self.clients.get_mut(connection)?;
        let (parked, db) = (client.parked.take()?, client.db);
        match &parked.why {
            Why::Keys(wait) => {
                for (index, key) in wait.keys.iter().enumerate() {
                    if !wait.keys[..index].contains(key) {
                        self.waiters.dequeue(db, key, connection);
                        self.keyspace.no_longer_want(db, key);
                    }
                }
                if let Some(until_us) = wait.until_us {
                    self.waiters.timeouts.remove(&(until_us, connection));
                }
                self.waiters.waiting -= 1;
            }
            Why::Postponed => self.waiters.postponed.retain(|other| *other != connection),
            Why::RunsOn => {}
        }
        Some(parked)
    }

    /// Wakes who waits for the keys that have become ready, until nobody can be served any more.
    pub(super) fn serve_ready(&mut self, out: &mut Output) {
        while let Some((db, key)) = self.waiters.ready.pop_front() {
            // Who waits again in vain waits behind: each is asked once.
            let queue = self.waiters.queue(db, &key);
            let waiting: Vec<Connection> =
                queue.map_or_else(Vec::new, |queue| queue.iter().copied().collect());
            for connection in waiting {
                if self.is_served_by(connection, db, &key) {
                    self.wake(connection, out);
                }
            }
        }
    }

    /// True if what the key holds now is a reason to run the client's command again.
    fn is_served_by(&mut self, connection: Connection, db: usize, key: &[u8]) -> bool {
        let value = self.keyspace.value(db, key);
        let Some(client) = self.clients.get(connection) else {
            return false;
        };
        let wait = client.parked.as_ref().and_then(|parked| parked.wait());
        client.db == db
            && wait.is_some_and(|wait| {
                let is_awaited = wait.keys.iter().any(|awaited| **awaited == *key);
                is_awaited && (wait.awaited.may_be(value) || wait.wakes_when_gone)
            })
    }

    /// Runs a parked command again.
    pub(super) fn wake(&mut self, connection: Connection, out: &mut Output) {
        let Some(parked) = self.unpark(connection) else {
            return;
        };
        let protocol = self.clients.current(connection).protocol;
        let start = out.begin(self, protocol);
        if gate::run_again(self, connection, *parked, &mut out.wire) {
            self.run_on(connection);
        }
        out.attribute_reply(self, connection, start, start);
        if !self.scripts.run_on() {
            self.settle_mail(out);
        }
    }

    /// Those who wait for replicas are to look again once the command is answered.
    pub(super) fn wake_those_who_wait_for_replicas(&mut self) {
        let waits = |client: &super::Client| {
            let parked = client.parked.as_ref();
            parked.is_some_and(|parked| parked.command.spec.name == "wait")
        };
        let all = self.clients.by_id().into_iter();
        let nudged = all
            .filter(|(_, client)| waits(client))
            .map(|(connection, _)| connection);
        self.waiters.nudged.extend(nudged);
        self.is_unsettled |= self.waiters.has_nudged();
    }

    /// Has a client that waits look again, whatever it waits for.
    pub(super) fn nudge(&mut self, connection: Connection) {
        self.waiters.nudged.push_back(connection);
        self.is_unsettled = true;
    }

    /// Has those who are to look again run their command.
    pub(super) fn serve_nudged(&mut self, out: &mut Output) {
        for connection in std::mem::take(&mut self.waiters.nudged) {
            self.wake(connection, out);
        }
    }

    /// True if somebody waits for the key who is to hear when what it holds goes.
    pub(super) fn is_awaited_when_gone(&mut self, db: usize, key: &[u8]) -> bool {
        let clients = &self.clients;
        let queue = self.waiters.queue(db, key);
        queue.is_some_and(|queue| {
            queue.iter().any(|connection| {
                let parked = clients
                    .get(*connection)
                    .and_then(|client| client.parked.as_ref());
                parked
                    .and_then(|parked| parked.wait())
                    .is_some_and(|wait| wait.wakes_when_gone)
            })
        })
    }

    /// How many keys somebody waits for who is to hear when they go.
    pub(super) fn keys_awaited_when_gone(&self) -> usize {
        let clients = self.clients.by_id();
        let waits = clients.iter().filter_map(|(_, client)| {
            let wait = client.parked.as_ref()?.wait()?;
            wait.wakes_when_gone.then_some((client.db, &wait.keys))
        });
        let keys = waits.flat_map(|(db, keys)| keys.iter().map(move |key| (db, key)));
        keys.collect::<BTreeSet<_>>().len()
    }

    /// A client is answered: what it sent meanwhile is run at the next opportunity.
    pub(super) fn run_on(&mut self, connection: Connection) {
        let has_more = |client: &super::Client| !client.input.pending.is_empty();
        if self.clients.get(connection).is_some_and(has_more) && !self.backlog.contains(&connection)
        {
            self.backlog.push_back(connection);
        }
    }

    /// Ends the waiting of those whose time is up, the earliest first.
    pub(super) fn end_waits(&mut self, out: &mut Output) {
        while let Some((until_us, connection)) = self.waiters.timeouts.first().copied() {
            if until_us > self.now_us() {
                break;
            }
            let client = self.clients.get(connection);
            let parked = client.and_then(|client| client.parked.as_ref());
            if parked.is_some_and(|parked| parked.is_late()) {
                self.wake(connection, out);
            } else {
                self.give_up(connection, None, out);
            }
        }
    }

    /// Answers a client that waits: that there is nothing, or with an error.
    fn give_up(&mut self, connection: Connection, error: Option<CommandError>, out: &mut Output) {
        let Some(parked) = self.unpark(connection) else {
            return;
        };
        let protocol = self.clients.current(connection).protocol;
        let start = out.begin(self, protocol);
        match (error, parked.wait()) {
            (Some(error), _) => {
                self.stats.error(error.code());
                self.stats.failed(parked.command.spec.id);
                out.wire.error(error.text());
            }
            (None, Some(wait)) => wait.nothing.write_in_vain(&mut out.wire),
            (None, None) => {}
        }
        let (spec, args) = (parked.command.spec, parked.args.as_args());
        self.ran(connection, Caller::Woken, spec, args, 0);
        gate::finish(self, connection, &mut out.wire, start);
        out.attribute(self, connection, start);
        self.run_on(connection);
    }

    /// `CLIENT UNBLOCK`: ends a client's waiting after the command that asked for it. False if it does
    /// not wait.
    pub(super) fn unblock(&mut self, connection: Connection, error: Option<CommandError>) -> bool {
        let waits = self
            .clients
            .get(connection)
            .and_then(|client| client.parked.as_ref())
            .is_some_and(|parked| parked.wait().is_some());
        let is_told = self.unblocked.iter().any(|(told, _)| *told == connection);
        if waits && !is_told {
            self.is_unsettled = true;
            self.unblocked.push((connection, error));
        }
        waits && !is_told
    }

    /// Answers those that `CLIENT UNBLOCK` named.
    pub(super) fn answer_unblocked(&mut self, out: &mut Output) {
        for (connection, error) in std::mem::take(&mut self.unblocked) {
            self.give_up(connection, error, out);
        }
    }

    /// Goes on with the script that runs.
    pub fn run_script_on(&mut self, out: &mut Output) {
        if let Some(connection) = self.running_script_of() {
            self.wake(connection, out);
            if connection == ORPHAN && !self.scripts.run_on() {
                self.forget(ORPHAN);
            }
        }
    }

    /// A pause is over: what it put off runs at the next opportunity, one client after the other, each
    /// with all that it has sent meanwhile.
    pub(super) fn release_postponed(&mut self) {
        for connection in std::mem::take(&mut self.waiters.postponed) {
            self.backlog.retain(|other| *other != connection);
            self.backlog.push_back(connection);
        }
    }

    /// Runs what a pause put off that is over, if there is something of this client.
    pub fn run_released(&mut self, connection: Connection, out: &mut Output) {
        let client = self.clients.get(connection);
        let parked = client.and_then(|client| client.parked.as_ref());
        let is_postponed = parked.is_some_and(|parked| matches!(parked.why, Why::Postponed));
        if !is_postponed || self.waiters.postponed.contains(&connection) {
            return;
        }
        self.wake(connection, out);
        if self.is_unsettled && !self.scripts.run_on() {
            self.settle(out);
        }
        // Whoever calls goes on with the rest.
        self.backlog.retain(|other| *other != connection);
    }
}
