//! MULTI, EXEC, DISCARD, WATCH, UNWATCH: a client's queue of commands, and the keys it watches.
//! Knows nothing of how a key is found to have changed: `events` tells.

use std::collections::VecDeque;

use super::gate::{self, Command, Done};
use super::{Call, Caller, Connection, Server, SessionHandler};
use crate::commands::table::{self, CommandSpec, Flags};
use crate::commands::{CommandError, Outcome, error};
use crate::keyspace::Cause;
use crate::resp::{Args, OwnedArgs, Sink, Wire};

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[
    ("discard", discard),
    ("exec", exec),
    ("multi", multi),
    ("unwatch", unwatch),
    ("watch", watch),
];

/// A command in a transaction. Its options are looked at when it runs.
#[derive(Debug)]
pub struct Queued {
    command: Command,
    args: OwnedArgs,
    /// What it does, as far as that was known when it was queued.
    flags: Flags,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.spec.name)
    }
}

impl Queued {
    /// Keeps a copy of the arguments.
    pub fn new(command: Command, args: Args<'_>, flags: Flags) -> Self {
        Queued {
            command,
            args: args.to_owned(),
            flags,
        }
    }
}

/// An argument's place in Redis's list of arguments.
const POINTER_BYTES: usize = 8;

/// What a client has queued since MULTI.
#[derive(Debug, Default)]
pub struct Transaction {
    queue: Vec<Queued>,
    /// How many there are, also while EXEC runs them.
    len: usize,
    /// A command was refused: EXEC will run none.
    is_poisoned: bool,
    /// What any of its commands does.
    flags: Flags,
    /// Bytes of all arguments, and of where they are.
    bytes: usize,
}

impl Transaction {
    /// Adds a command at the end.
    pub fn queue(&mut self, queued: Queued) {
        self.flags = self.flags | queued.flags;
        let args = queued.args.as_args();
        self.bytes += args.bytes() + args.len() * POINTER_BYTES;
        self.queue.push(queued);
        self.len += 1;
    }

    /// True if a command was refused: EXEC will run none.
    pub(super) fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// Makes EXEC run none.
    pub(super) fn poison(&mut self) {
        self.is_poisoned = true;
    }

    /// What any of its commands does.
    pub(super) fn flags(&self) -> Flags {
        self.flags
    }

    /// The commands queued, in order.
    pub(super) fn queued(&self) -> impl Iterator<Item = (&'static CommandSpec, Args<'_>)> {
        self.queue
            .iter()
            .map(|queued| (queued.command.spec, queued.args.as_args()))
    }

    /// How many commands are queued.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes that the queue holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The commands of an EXEC that have not run to their end, the first of which runs on.
pub type Interrupted = VecDeque<Queued>;

/// A key of a database.
pub type DbKey = (usize, Box<[u8]>);

impl Server {
    /// A command was refused: within a transaction it makes EXEC run none; EXEC itself ends it.
    pub(super) fn refuse_in_transaction(
        &mut self,
        connection: Connection,
        args: Args<'_>,
        refused: CommandError,
    ) -> CommandError {
        let Some(client) = self.clients.get_mut(connection) else {
            return refused;
        };
        if let Some(transaction) = &mut client.transaction {
            transaction.is_poisoned = true;
        }
        let Some(spec) = table::lookup(args.at(0)).filter(|spec| spec.name == "exec") else {
            return refused;
        };
        // Even if there is no transaction.
        client.transaction = None;
        self.forget_watches(connection);
        if !self.monitors.is_empty() {
            // They have seen MULTI, and have to see its end.
            self.feed_monitors(connection, Caller::Client, spec, args);
        }
        error::discarded_because(refused.text())
    }

    /// What EXEC is about to do: what any of the commands queued does.
    pub(super) fn flags_of_exec(
        &self,
        connection: Connection,
        spec: &CommandSpec,
    ) -> Option<Flags> {
        let transaction = self.clients.get(connection)?.transaction.as_ref()?;
        (spec.name == "exec").then_some(transaction.flags)
    }

    /// True if every command queued has these flags.
    pub(super) fn all_queued_have(&self, connection: Connection, flags: Flags) -> bool {
        let client = self.clients.get(connection);
        let transaction = client.and_then(|client| client.transaction.as_ref());
        transaction.is_none_or(|transaction| {
            let mut queue = transaction.queue.iter();
            queue.all(|queued| queued.flags.contains(flags))
        })
    }

    /// True for EXEC where one of the commands queued needs memory.
    pub(super) fn exec_needs_memory(&self, connection: Connection, spec: &CommandSpec) -> bool {
        self.flags_of_exec(connection, spec)
            .is_some_and(|flags| flags.contains(Flags::DENYOOM))
    }

    /// Who watches this key will not have their EXEC, and need not watch any more.
    pub(super) fn touch_watched(&mut self, db: usize, key: &[u8], cause: Cause) {
        if self.watchers.is_empty() {
            return;
        }
        let watched: DbKey = (db, key.into());
        let Some(connections) = self.watchers.get(&watched) else {
            return;
        };
        for connection in connections.clone() {
            let Some(client) = self.clients.get_mut(connection) else {
                continue;
            };
            let overdue = client
                .overdue_watches
                .iter()
                .position(|key| *key == watched);
            match (cause, overdue) {
                (Cause::Overdue, None) => client.overdue_watches.push(watched.clone()),
                (Cause::Overdue, Some(_)) => {}
                (Cause::Itself, Some(place)) => {
                    client.overdue_watches.swap_remove(place);
                }
                _ => {
                    self.forget_watches(connection);
                    if let Some(client) = self.clients.get_mut(connection) {
                        client.is_touched = true;
                    }
                }
            }
        }
    }

    /// True if the time of a key that a client watches is up, even if nobody has looked yet. It was
    /// not when the client began to watch it.
    fn watches_overdue(&self, connection: Connection) -> bool {
        self.clients.get(connection).is_some_and(|client| {
            let mut watched = client.watched.iter();
            watched.any(|watched| {
                let (db, key) = watched;
                self.keyspace.is_overdue(*db, key) && !client.overdue_watches.contains(watched)
            })
        })
    }

    /// Ends all watching of a client.
    pub(super) fn forget_watches(&mut self, connection: Connection) {
        let Some(client) = self.clients.get_mut(connection) else {
            return;
        };
        client.is_touched = false;
        client.overdue_watches.clear();
        for (db, key) in std::mem::take(&mut client.watched) {
            self.keyspace.no_longer_want(db, &key);
            let watched = (db, key);
            if let Some(connections) = self.watchers.get_mut(&watched) {
                connections.retain(|other| *other != connection);
                if connections.is_empty() {
                    self.watchers.remove(&watched);
                }
            }
        }
    }
}

/// MULTI
fn multi(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let client = call.client();
    if client.transaction.is_some() {
        return Err(error::MULTI_NESTED);
    }
    client.transaction = Some(Box::default());
    call.reply.ok();
    Ok(())
}

/// DISCARD
fn discard(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    if call.client().transaction.take().is_none() {
        return Err(error::DISCARD_WITHOUT_MULTI);
    }
    call.server.forget_watches(call.connection);
    call.reply.ok();
    Ok(())
}

/// EXEC
fn exec(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    if call.caller == Caller::Woken
        && let Some(rest) = call.server.interrupted.take()
    {
        return run_queue(call, rest);
    }
    let client = call.client();
    let Some(transaction) = &mut client.transaction else {
        return Err(error::EXEC_WITHOUT_MULTI);
    };
    let (queue, is_poisoned) = (
        std::mem::take(&mut transaction.queue),
        transaction.is_poisoned,
    );
    let is_touched = client.is_touched || call.server.watches_overdue(call.connection);
    // Before the commands run: what they change does not concern this client any more.
    call.server.forget_watches(call.connection);
    if is_poisoned || is_touched {
        call.client().transaction = None;
        if is_poisoned {
            return Err(error::EXEC_ABORTED);
        }
        call.reply.null_array();
        return Ok(());
    }
    call.reply.array(queue.len());
    run_queue(call, queue.into())
}

/// Runs the commands of a transaction, to the end unless a script among them runs on.
fn run_queue(call: &mut Call<'_>, mut queue: VecDeque<Queued>) -> Outcome {
    let mut unheard = Wire::default();
    while let Some(queued) = queue.front() {
        // Once one of its commands has cut the client off, it hears nothing of the others.
        let reply: &mut dyn Sink = if call.client().close_after_reply {
            &mut unheard
        } else {
            call.reply
        };
        match run_queued(call.server, call.connection, queued, reply) {
            Ok(Done::RunsOn) => {
                call.server.interrupted = Some(queue);
                call.runs_on = true;
                return Ok(());
            }
            Ok(Done::Answered | Done::Waits(_)) => {}
            Err(failed) => {
                call.server.stats.error(failed.code());
                reply.error(failed.text());
            }
        }
        queue.pop_front();
    }
    call.client().transaction = None;
    Ok(())
}

fn run_queued(
    server: &mut Server,
    connection: Connection,
    queued: &Queued,
    reply: &mut dyn Sink,
) -> Result<Done, CommandError> {
    let (command, args) = (queued.command, queued.args.as_args());
    let caller = Caller::Transaction;
    if server.running_script_of() != Some(connection) {
        // Rules may have changed since it was queued.
        server.check_permission(connection, caller, command.spec, args)?;
    }
    gate::execute(server, connection, caller, command, args, reply)
}

/// WATCH key [key ...]
fn watch(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let client = call.client();
    if client.transaction.is_some() {
        return Err(error::WATCH_INSIDE_MULTI);
    }
    // Once one of them has changed, more of them change nothing.
    if !client.is_touched {
        let db = client.db;
        for key in args.from(1).iter() {
            watch_key(call, (db, key.into()));
        }
    }
    call.reply.ok();
    Ok(())
}

fn watch_key(call: &mut Call<'_>, watched: DbKey) {
    let connection = call.connection;
    if call.client().watched.contains(&watched) {
        return;
    }
    let (db, key) = &watched;
    // A key whose time is up is gone before it is watched: that it goes is no change to who watches.
    call.server.keyspace.peek(*db, key);
    call.server.keyspace.want(*db, key);
    let watchers = call.server.watchers.entry(watched.clone());
    watchers.or_default().push(connection);
    call.client().watched.push(watched);
}

/// UNWATCH
fn unwatch(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.server.forget_watches(call.connection);
    call.reply.ok();
    Ok(())
}
