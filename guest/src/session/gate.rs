//! The gate: every command runs through here, whoever asks. Decides whether it may run, and keeps
//! the books of what ran. Handlers check none of this.

use super::handlers::{self, Handler};
use super::{Call, Caller, Client, Connection, LogLevel, ReplyMode, Server};
use crate::commands::table::{self, CommandSpec, Flags};
use crate::commands::{CommandError, Context, Outcome, error};
use crate::resp::{Args, Sink as _, Wire};

impl Server {
    /// True if the client has said who it is, or nobody has to.
    #[inline]
    pub fn may_run_commands(&self, connection: Connection) -> bool {
        self.config.requirepass.is_empty()
            || self
                .clients
                .get(connection)
                .is_some_and(|client| client.authenticated)
    }
}

/// Runs one request of a client and writes its reply, as the client wants it.
#[inline]
pub fn run(server: &mut Server, connection: Connection, args: Args<'_>, wire: &mut Wire) {
    let start = wire.len();
    if is_http(args.at(0)) {
        server.log(LogLevel::Warning, ATTACK);
        server.close(connection, false);
        return;
    }
    let outcome = find(server, args).and_then(|(spec, handler)| {
        admit(server, connection, spec, args).inspect_err(|_| server.stats.rejected(spec.id))?;
        Ok((spec, handler))
    });
    let outcome = match outcome {
        Ok((spec, handler)) => perform(server, connection, spec, handler, args, wire),
        Err(refused) => Err(refused),
    };
    if let Err(refused) = outcome {
        server.stats.error(refused.code());
        wire.truncate(start);
        wire.error(refused.text());
    }
    let Some(client) = server.clients.get_mut(connection) else {
        return;
    };
    if wire.overflowed() {
        // Half a reply is of no use to anybody.
        wire.truncate(start);
        server.log(
            LogLevel::Warning,
            format!("Closing connection {connection}: a reply does not fit in memory"),
        );
        server.close(connection, false);
        return;
    }
    if client.reply_mode != ReplyMode::On {
        keep_quiet(client, start, wire);
    }
    if client.close_after_reply {
        server.close(connection, true);
    }
}

/// How requests of a browser begin, tricked into talking to us by a page: what else it sends, a page
/// may have chosen.
#[inline]
fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

const ATTACK: &str = "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or \
                      Host: commands to Redis. Connection aborted.";

/// The command that is asked for. One without a handler is not known.
#[inline]
fn find(
    server: &mut Server,
    args: Args<'_>,
) -> Result<(&'static CommandSpec, Handler), CommandError> {
    let name = args.at(0);
    let Some(command) = table::lookup(name).filter(|spec| handlers::is_built(spec)) else {
        return Err(error::unknown_command(name, args.from(1).iter()));
    };
    let spec = if command.has_subcommands() && args.len() > 1 {
        let sub = command.subcommand(args.at(1));
        sub.filter(|sub| handlers::is_built(sub))
            .ok_or_else(|| error::unknown_subcommand(args.at(1), command.name))?
    } else {
        command
    };
    match handlers::of(spec) {
        Some(handler) if spec.arity_fits(args.len()) => Ok((spec, handler)),
        _ => {
            server.stats.rejected(spec.id);
            Err(error::wrong_arity(spec.name))
        }
    }
}

/// Whether this client may run this command now.
#[inline]
fn admit(
    server: &mut Server,
    connection: Connection,
    spec: &CommandSpec,
    args: Args<'_>,
) -> Outcome {
    if !server.may_run_commands(connection) && !spec.flags.contains(Flags::NO_AUTH) {
        return Err(error::NO_AUTH);
    }
    if spec.flags.contains(Flags::DENYOOM) {
        let used = crate::memory::used() as u64;
        let limit = server.config.maxmemory;
        let db = server.clients.current(connection).db;
        let growth = args.bytes() + server.keyspace.index_growth(db, args.len());
        if (limit > 0 && used > limit) || !server.keyspace.has_room_for(growth) {
            return Err(error::OUT_OF_MEMORY);
        }
    }
    Ok(())
}

#[inline]
fn perform(
    server: &mut Server,
    connection: Connection,
    spec: &'static CommandSpec,
    handler: Handler,
    args: Args<'_>,
    wire: &mut Wire,
) -> Outcome {
    let client = server.clients.current(connection);
    client.last_command = Some(spec.name);
    client.commands += 1;
    client.request_bytes = args.bytes();
    let (db, touching) = (client.db, !client.no_touch || spec.name == "touch");
    let outcome = match handler {
        Handler::Data(run) => {
            server.keyspace.set_touching(touching);
            let mut context = Context {
                keyspace: &mut server.keyspace,
                db,
                reply: wire,
                config: &server.config,
                rng: &mut server.rng,
                may_wait: false,
                wait: None,
            };
            run(&mut context, args)
        }
        Handler::Session(run) => run(
            &mut Call {
                server,
                connection,
                reply: wire,
                caller: Caller::Client,
                spec,
            },
            args,
        ),
    };
    // Counted once it has run: INFO does not count itself.
    server.stats.called(spec.id);
    if outcome.is_err() {
        server.stats.failed(spec.id);
    }
    outcome
}

/// `CLIENT REPLY OFF` and `SKIP`: what was written is taken back.
fn keep_quiet(client: &mut Client, start: usize, wire: &mut Wire) {
    match client.reply_mode {
        ReplyMode::On => {}
        ReplyMode::Off => wire.truncate(start),
        ReplyMode::SkipNext => client.reply_mode = ReplyMode::SkipThis,
        ReplyMode::SkipThis => {
            wire.truncate(start);
            client.reply_mode = ReplyMode::On;
        }
    }
}
