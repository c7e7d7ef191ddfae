//! Which handler belongs to which command. A family attaches its handlers by name; what has none is
//! not built, and answers as an unknown command does.

use super::{
    SessionHandler, acl, append_only, client_command, cluster, command, config, connection,
    control, debug, info, latency, lolwut, memory_command, modules, monitor, pause, persistence,
    pubsub, replica, replication, scripting, shutdown, slowlog, tracking, transactions,
};
use crate::commands::table::{self, COMMANDS, COUNT, CommandSpec};
use crate::commands::{
    DataHandler, bitmaps, databases, dump, generic, geo, hashes, hyperloglog, lcs, lists, sets,
    sort, sorted_sets, streams, strings, vectors,
};
use crate::resp::Args;

/// Runs one command.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Needs the data only.
    Data(DataHandler),
    /// Is about connections or the server.
    Session(SessionHandler),
    /// Is about them, and changes neither.
    Query(SessionHandler),
}

/// By the id of the command. Made when the crate is compiled: starting an instance costs nothing.
static HANDLERS: [Option<Handler>; COUNT] = {
    let mut table = [None; COUNT];
    data(&mut table, strings::HANDLERS);
    data(&mut table, lcs::HANDLERS);
    data(&mut table, bitmaps::HANDLERS);
    data(&mut table, generic::HANDLERS);
    data(&mut table, databases::HANDLERS);
    data(&mut table, lists::HANDLERS);
    data(&mut table, sets::HANDLERS);
    data(&mut table, hashes::HANDLERS);
    data(&mut table, sorted_sets::HANDLERS);
    data(&mut table, geo::HANDLERS);
    data(&mut table, hyperloglog::HANDLERS);
    data(&mut table, streams::HANDLERS);
    data(&mut table, sort::HANDLERS);
    data(&mut table, dump::HANDLERS);
    data(&mut table, vectors::HANDLERS);
    session(&mut table, acl::HANDLERS);
    session(&mut table, append_only::HANDLERS);
    session(&mut table, connection::HANDLERS);
    query(&mut table, connection::QUERIES);
    session(&mut table, client_command::HANDLERS);
    session(&mut table, cluster::HANDLERS);
    session(&mut table, command::HANDLERS);
    session(&mut table, config::HANDLERS);
    session(&mut table, control::HANDLERS);
    session(&mut table, info::HANDLERS);
    session(&mut table, latency::HANDLERS);
    session(&mut table, lolwut::HANDLERS);
    session(&mut table, debug::HANDLERS);
    session(&mut table, modules::HANDLERS);
    session(&mut table, monitor::HANDLERS);
    session(&mut table, pause::HANDLERS);
    session(&mut table, pubsub::HANDLERS);
    session(&mut table, replica::HANDLERS);
    session(&mut table, replication::HANDLERS);
    session(&mut table, tracking::HANDLERS);
    session(&mut table, transactions::HANDLERS);
    session(&mut table, memory_command::HANDLERS);
    session(&mut table, shutdown::HANDLERS);
    session(&mut table, slowlog::HANDLERS);
    session(&mut table, persistence::HANDLERS);
    session(&mut table, scripting::HANDLERS[0]);
    session(&mut table, scripting::HANDLERS[1]);
    table
};

/// The handler of a command, if it is built.
#[inline]
pub fn of(spec: &CommandSpec) -> Option<Handler> {
    HANDLERS[spec.id]
}

/// True if the command, or one of its subcommands, has a handler.
pub fn is_built(spec: &CommandSpec) -> bool {
    of(spec).is_some() || spec.subcommands.iter().any(|sub| of(sub).is_some())
}

/// The command that a request names, its subcommand where it has some; only what is built.
pub fn named_by(request: Args<'_>) -> Option<&'static CommandSpec> {
    let command = table::lookup(request.at(0)).filter(|spec| is_built(spec))?;
    match request.get(1) {
        Some(sub) if command.has_subcommands() => {
            command.subcommand(sub).filter(|sub| is_built(sub))
        }
        _ => Some(command),
    }
}

const fn data(table: &mut [Option<Handler>; COUNT], handlers: &[(&str, DataHandler)]) {
    let mut at = 0;
    while at < handlers.len() {
        table[id_of(handlers[at].0)] = Some(Handler::Data(handlers[at].1));
        at += 1;
    }
}

const fn session(table: &mut [Option<Handler>; COUNT], handlers: &[(&str, SessionHandler)]) {
    let mut at = 0;
    while at < handlers.len() {
        table[id_of(handlers[at].0)] = Some(Handler::Session(handlers[at].1));
        at += 1;
    }
}

const fn query(table: &mut [Option<Handler>; COUNT], handlers: &[(&str, SessionHandler)]) {
    let mut at = 0;
    while at < handlers.len() {
        table[id_of(handlers[at].0)] = Some(Handler::Query(handlers[at].1));
        at += 1;
    }
}

/// Attaches the handlers of a family of many commands: `"name" => function,` each, what is asked for most
/// first. One function tells them apart, since every instance keeps a list of all functions that are called by
/// their address.
macro_rules! attach {
    ($($name:literal => $handler:path,)*) => {
        pub(in crate::session) const HANDLERS: &[(&str, $crate::session::SessionHandler)] =
            &[$(($name, run_by_name)),*];

        fn run_by_name(
            call: &mut $crate::session::Call<'_>,
            args: $crate::resp::Args<'_>,
        ) -> $crate::commands::Outcome {
            match call.spec.name {
                $($name => $handler(call, args),)*
                name => unreachable!("{name} is not of this family"),
            }
        }
    };
}
pub(in crate::session) use attach;

/// A name that no command of Redis 8.0 has stops the build.
const fn id_of(name: &str) -> usize {
    let mut id = 0;
    while id < COUNT {
        if same(COMMANDS[id].name.as_bytes(), name.as_bytes()) {
            return id;
        }
        id += 1;
    }
    panic!("a handler is attached to a command that is not in commands.json")
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
