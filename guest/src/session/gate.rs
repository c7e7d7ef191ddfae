//! The gate: every command runs through here, whoever asks. Decides whether it may run, and keeps
//! the books of what ran. Handlers check none of this.
//!
//! A client's request is submitted: refused, queued in a transaction, put off, or executed. EXEC,
//! scripts and whoever was woken execute through the same function.

use super::eviction::Room;
use super::faults::Course;
use super::handlers::{self, Handler};
use super::scripting::flags_of;
use super::transactions::Queued;
use super::waiting::{Parked, Why};
use super::{Call, Caller, Client, Connection, LogLevel, ReplyMode, Server, UserId};
use crate::commands::table::{self, CommandSpec, Flags};
use crate::commands::{CommandError, Context, Outcome, Wait, error};
use crate::resp::{Args, Sink, Wire};

/// A command that may run: its facts and what runs it.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its facts.
    pub spec: &'static CommandSpec,
    /// What runs it.
    pub handler: Handler,
}

impl Server {
    /// True if the client has said who it is, or nobody has to.
    #[inline]
    pub fn may_run_commands(&self, connection: Connection) -> bool {
        self.acl.is_open()
            || self
                .clients
                .get(connection)
                .is_some_and(|client| client.authenticated)
    }
}

/// Runs one request of a client and writes its reply, as the client wants it. A client that is parked
/// afterwards has no reply yet.
#[inline]
pub fn run(server: &mut Server, connection: Connection, args: Args<'_>, wire: &mut Wire) {
    let start = wire.len();
    if server.config.maxmemory_clients != 0 {
        server.evict_clients();
        if server.clients.get(connection).is_none() {
            return;
        }
    }
    match admit(server, connection, args) {
        Ok(command) if server.faults.is_empty() => {
            submit(server, connection, command, args, wire, start);
        }
        Ok(command) => submit_or_fail(server, connection, command, args, wire, start),
        Err(refused) => refuse(server, connection, args, refused, wire, start),
    }
    finish(server, connection, wire, start);
}

#[cold]
fn refuse(
    server: &mut Server,
    connection: Connection,
    args: Args<'_>,
    refused: CommandError,
    wire: &mut Wire,
    start: usize,
) {
    if is_http(args.at(0)) {
        server.log(LogLevel::Warning, ATTACK);
        server.close(connection, false);
        return;
    }
    let refused = server.refuse_in_transaction(connection, args, refused);
    answer_error(server, &refused, wire, start);
}

/// Submits a command that something may have been ordered to go wrong with.
#[cold]
fn submit_or_fail(
    server: &mut Server,
    connection: Connection,
    command: Command,
    args: Args<'_>,
    wire: &mut Wire,
    start: usize,
) {
    match server.meet_fault(connection, command, args) {
        Course::Runs => submit(server, connection, command, args, wire, start),
        Course::Stopped => {}
        Course::Refused(refused) => {
            let refused = server.refuse_in_transaction(connection, args, refused);
            answer_error(server, &refused, wire, start);
        }
        Course::Spoiled(spoiled) => {
            submit(server, connection, command, args, wire, start);
            server.spoil(connection, spoiled, wire, start);
        }
    }
}

/// Queues the command, puts it off, or executes it.
#[inline]
fn submit(
    server: &mut Server,
    connection: Connection,
    command: Command,
    args: Args<'_>,
    wire: &mut Wire,
    start: usize,
) {
    if server.pause.is_some() && server.must_be_put_off(connection, command, args) {
        server.park(connection, Parked::new(command, args, Why::Postponed));
        return;
    }
    let client = server.clients.current(connection);
    if let Some(transaction) = &mut client.transaction
        && !command.spec.flags.contains(Flags::RUNS_IN_MULTI)
    {
        let flags = flags_of(&server.scripts, command.spec, args);
        transaction.queue(Queued::new(command, args, flags));
        wire.simple("QUEUED");
        return;
    }
    client.commands += 1;
    client.buffers.requested(client.request_bytes);
    let done = execute(server, connection, Caller::Client, command, args, wire);
    take_note(server, connection, command, args, wire, start, done);
}

/// Sees to what became of a client's command: it may have to wait, or answer an error.
#[inline]
fn take_note(
    server: &mut Server,
    connection: Connection,
    command: Command,
    args: Args<'_>,
    wire: &mut Wire,
    start: usize,
    done: Result<Done, CommandError>,
) {
    match done {
        Ok(Done::Answered) => {}
        Ok(Done::Waits(wait)) => {
            server.park(connection, Parked::new(command, args, Why::Keys(*wait)));
        }
        Ok(Done::RunsOn) => {
            let parked = Parked::new(command, args, Why::RunsOn);
            hold(server, connection, parked, wire, start);
        }
        Err(failed) => answer_error(server, &failed, wire, start),
    }
}

/// Sees to what became of a client's command and to what follows its reply.
pub fn conclude(
    server: &mut Server,
    connection: Connection,
    command: Command,
    args: Args<'_>,
    wire: &mut Wire,
    start: usize,
    done: Result<Done, CommandError>,
) {
    take_note(server, connection, command, args, wire, start, done);
    finish(server, connection, wire, start);
}

/// Parks a command whose script runs on, or that needs the host first. What is answered by now is kept
/// until there is the rest.
#[cold]
fn hold(
    server: &mut Server,
    connection: Connection,
    parked: Parked,
    wire: &mut Wire,
    start: usize,
) {
    server.park(connection, parked);
    let client = server.clients.current(connection);
    client.held_reply = wire.since(start).to_vec();
    wire.truncate(start);
}

/// Runs a parked command again. True if it is answered now, false if it waits on.
pub fn run_again(
    server: &mut Server,
    connection: Connection,
    parked: Parked,
    wire: &mut Wire,
) -> bool {
    let start = wire.len();
    let args = parked.args.as_args();
    if parked.is_late() {
        // What was to go wrong with it was only that.
        match admit(server, connection, args) {
            Ok(command) => submit(server, connection, command, args, wire, start),
            Err(refused) => refuse(server, connection, args, refused, wire, start),
        }
        let client = server.clients.get(connection);
        let is_answered = client.is_none_or(|client| client.parked.is_none());
        if is_answered {
            finish(server, connection, wire, start);
        }
        return is_answered;
    }
    if matches!(parked.why, Why::Postponed) {
        // It has not run at all yet.
        server.late = true;
        run(server, connection, args, wire);
        server.late = false;
        let Some(client) = server.clients.get_mut(connection) else {
            return true;
        };
        (client.request_bytes, client.request_args) = (0, 0);
        return client.parked.is_none();
    }
    let Command { spec, .. } = parked.command;
    if matches!(parked.why, Why::RunsOn) {
        let client = server.clients.current(connection);
        wire.raw(&std::mem::take(&mut client.held_reply));
    } else if let Err(refused) = check_again(server, connection, spec, args) {
        server.stats.rejected(spec.id);
        answer_error(server, &refused, wire, start);
        finish(server, connection, wire, start);
        return true;
    }
    let again = Caller::Woken;
    match execute(server, connection, again, parked.command, args, wire) {
        Ok(Done::Answered) => {}
        Ok(Done::Waits(wait)) => {
            server.park_again(connection, parked, *wait);
            return false;
        }
        Ok(Done::RunsOn) => {
            hold(server, connection, parked, wire, start);
            return false;
        }
        Err(failed) => answer_error(server, &failed, wire, start),
    }
    finish(server, connection, wire, start);
    true
}

#[cold]
fn answer_error(server: &mut Server, error: &CommandError, wire: &mut Wire, start: usize) {
    server.stats.error(error.code());
    wire.truncate(start);
    wire.error(error.text());
}

/// What follows a reply: it may not fit, not be wanted, or be the last.
#[inline]
pub fn finish(server: &mut Server, connection: Connection, wire: &mut Wire, start: usize) {
    let Some(client) = server.clients.get_mut(connection) else {
        return;
    };
    if client.parked.is_some() {
        // Not answered yet.
        return;
    }
    if wire.overflowed() {
        // Half a reply is of no use to anybody.
        wire.truncate(start);
        if wire.was_cut_off() {
            server.close_over_output_limit(connection);
            return;
        }
        server.log(
            LogLevel::Warning,
            format!("Closing connection {connection}: a reply does not fit in memory"),
        );
        server.close(connection, false);
        return;
    }
    if client.is_replica() && wire.len() > start {
        // It is no reply that it waits for.
        wire.truncate(start);
        server.close(connection, false);
        return;
    }
    if client.reply_mode != ReplyMode::On {
        keep_quiet(client, start, wire);
    }
    if client.tracking.is_some() {
        forget_caching(client);
    }
    if client.close_after_reply {
        server.close(connection, true);
    }
}

/// How requests of a browser begin, tricked into talking to us by a page: what else it sends, a page
/// may have chosen. Neither is a command.
fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

const ATTACK: &str = "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or \
                      Host: commands to Redis. Connection aborted.";

/// The command that is asked for, with as many arguments as it takes. One without a handler is not
/// known.
#[inline]
fn find(
    server: &mut Server,
    connection: Connection,
    args: Args<'_>,
) -> Result<Command, CommandError> {
    let client = server.clients.current(connection);
    client.request_bytes = args.bytes();
    client.request_args = args.len();
    client.last_command = None;
    let name = args.at(0);
    let Some(mut spec) = table::lookup(name) else {
        return Err(error::unknown_command(name, args.from(1).iter()));
    };
    if spec.has_subcommands() {
        spec = find_subcommand(spec, args)?;
    }
    client.last_command = Some(spec.name);
    match handlers::of(spec) {
        Some(handler) if spec.arity_fits(args.len()) => Ok(Command { spec, handler }),
        None if !handlers::is_built(spec) => Err(error::unknown_command(name, args.from(1).iter())),
        _ => {
            server.stats.rejected(spec.id);
            Err(error::wrong_arity(spec.name))
        }
    }
}

fn find_subcommand(
    command: &'static CommandSpec,
    args: Args<'_>,
) -> Result<&'static CommandSpec, CommandError> {
    let Some(name) = args.get(1) else {
        return Ok(command);
    };
    if !handlers::is_built(command) {
        return Ok(command);
    }
    command
        .subcommand(name)
        .filter(|sub| handlers::is_built(sub))
        .ok_or_else(|| error::unknown_subcommand(name, command.name))
}

/// Whether this client may run this command now.
#[inline]
fn admit(
    server: &mut Server,
    connection: Connection,
    args: Args<'_>,
) -> Result<Command, CommandError> {
    let command = find(server, connection, args)?;
    let spec = command.spec;
    if spec.flags.contains(Flags::PROTECTED) {
        check_protected(server, connection, spec)?;
    }
    match check(server, connection, spec, args) {
        Ok(()) => Ok(command),
        Err(refused) => {
            server.stats.rejected(spec.id);
            Err(refused)
        }
    }
}

/// DEBUG and MODULE are only for who is trusted.
#[cold]
fn check_protected(
    server: &mut Server,
    connection: Connection,
    spec: &'static CommandSpec,
) -> Outcome {
    let (guard, refused) = if spec.name == "debug" {
        (server.config.enable_debug_command, error::DEBUG_NOT_ALLOWED)
    } else {
        (
            server.config.enable_module_command,
            error::MODULE_NOT_ALLOWED,
        )
    };
    if server.is_allowed(connection, guard) {
        Ok(())
    } else {
        server.stats.rejected(spec.id);
        Err(refused)
    }
}

// Two places call it, but one of them hardly ever.
#[inline(always)]
fn check(
    server: &mut Server,
    connection: Connection,
    spec: &'static CommandSpec,
    args: Args<'_>,
) -> Outcome {
    let client = server.clients.current(connection);
    let may_run_commands = client.authenticated || server.acl.is_open();
    if !may_run_commands && !spec.flags.contains(Flags::NO_AUTH) {
        return Err(error::NO_AUTH);
    }
    let (db, user, is_confined) = (client.db, client.user, client.hears_messages_only());
    let is_follower = client.counts_as_replica();
    if client.transaction.is_some() {
        check_in_transaction(spec)?;
    }
    if !server.acl.is_unrestricted(user) {
        server.check_permission(connection, Caller::Client, spec, args)?;
    }
    if server.cluster.is_some() {
        server.check_slots(connection, spec, args)?;
    }
    let flags = flags_of(&server.scripts, spec, args);
    check_memory(server, connection, db, spec, flags, args)?;
    if server.config.min_replicas_to_write > 0 {
        server.check_replicas(connection, spec, flags)?;
    }
    if server.master.is_some() {
        server.check_read_only(connection, spec, flags)?;
    }
    if is_confined && !spec.flags.contains(Flags::RUNS_WHILE_SUBSCRIBED) {
        return Err(error::only_while_subscribed(spec.name));
    }
    if server.master.is_some() {
        server.check_stale(connection, spec, flags)?;
    }
    if is_follower {
        server.check_follower(connection, spec, flags)?;
    }
    match server.scripts.busy() {
        Some(busy) if !spec.flags.contains(Flags::ALLOW_BUSY) => Err(busy),
        _ => Ok(()),
    }
}

/// What a client was admitted to may have changed while it waited.
#[cold]
fn check_again(
    server: &mut Server,
    connection: Connection,
    spec: &'static CommandSpec,
    args: Args<'_>,
) -> Outcome {
    check(server, connection, spec, args)
}

#[cold]
fn check_in_transaction(spec: &'static CommandSpec) -> Outcome {
    if spec.flags.contains(Flags::NO_MULTI) {
        return Err(error::NOT_IN_A_TRANSACTION);
    }
    Ok(())
}

/// Makes room where there is too much, and refuses what needs memory if there is none.
#[inline]
fn check_memory(
    server: &mut Server,
    connection: Connection,
    db: usize,
    spec: &'static CommandSpec,
    flags: Flags,
    args: Args<'_>,
) -> Outcome {
    let needs_memory = flags.contains(Flags::DENYOOM);
    let growth = if needs_memory {
        growth(server, db, args)
    } else {
        0
    };
    if server.has_limits() && !server.scripts.run_on() {
        let lacking = server.make_room(growth) == Room::Lacking;
        server.lacks_memory = lacking;
        if lacking && (needs_memory || server.exec_needs_memory(connection, spec)) {
            return Err(error::OUT_OF_MEMORY);
        }
    }
    if needs_memory && !server.keyspace.has_room_for(growth) {
        return Err(error::OUT_OF_MEMORY);
    }
    Ok(())
}

/// Bytes that a request may make the data grow by at first sight.
#[inline]
fn growth(server: &Server, db: usize, args: Args<'_>) -> usize {
    args.bytes() + server.keyspace.index_growth(db, args.len())
}

/// True if what a request may store fits in the instance.
#[inline]
pub fn has_room(server: &Server, db: usize, args: Args<'_>) -> bool {
    server.keyspace.has_room_for(growth(server, db, args))
}

/// What of a client matters to how its commands run.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The database it has selected.
    pub db: usize,
    user: UserId,
    is_unrestricted: bool,
    may_wait: bool,
    no_touch: bool,
    tracks: bool,
}

impl Server {
    /// What of a client matters to how its commands run.
    #[inline]
    pub(super) fn standing(&mut self, connection: Connection) -> Standing {
        let client = self.clients.current(connection);
        Standing {
            db: client.db,
            user: client.user,
            is_unrestricted: self.acl.is_unrestricted(client.user),
            may_wait: client.may_wait(),
            no_touch: client.no_touch,
            tracks: client.tracking.is_some(),
        }
    }
}

/// How far a command came.
#[derive(Debug)]
pub enum Done {
    /// Its reply is written.
    Answered,
    /// It has to wait, and wrote nothing.
    Waits(Box<Wait>),
    /// A script of it runs on, or it needs the host first; it is to be run again.
    RunsOn,
}

/// Executes a command that may run and writes its reply. What it has to wait for, if it has, is for
/// the caller to see to; a transaction or a script is never told to wait.
#[inline]
pub fn execute(
    server: &mut Server,
    connection: Connection,
    caller: Caller,
    command: Command,
    args: Args<'_>,
    reply: &mut dyn Sink,
) -> Result<Done, CommandError> {
    let standing = server.standing(connection);
    execute_as(server, connection, standing, caller, command, args, reply)
}

/// As [`execute`], for a client of whom is known what matters.
#[inline]
pub fn execute_as(
    server: &mut Server,
    connection: Connection,
    standing: Standing,
    caller: Caller,
    command: Command,
    args: Args<'_>,
    reply: &mut dyn Sink,
) -> Result<Done, CommandError> {
    let Command { spec, handler } = command;
    let db = standing.db;
    let may_wait = standing.may_wait && matches!(caller, Caller::Client | Caller::Woken);
    let touching = !standing.no_touch || spec.name == "touch";
    let reads_every_key =
        standing.is_unrestricted || server.reads_every_key(standing.user, spec, args);
    let before_us = server.elapsed_us;
    let is_followed = server.keyspace.journal.propagation.is_followed();
    let dirty = server.keyspace.journal.dirty;
    let (outcome, done) = match handler {
        Handler::Data(run) => {
            server.keyspace.set_touching(touching);
            let mut context = Context {
                keyspace: &mut server.keyspace,
                db,
                reply,
                config: &server.config,
                rng: &mut server.rng,
                may_wait,
                in_script: caller == Caller::Script,
                reads_every_key,
                wait: None,
            };
            let outcome = run(&mut context, args);
            (outcome, context.wait.map_or(Done::Answered, Done::Waits))
        }
        Handler::Session(run) | Handler::Query(run) => {
            let mut call = Call {
                server,
                connection,
                reply,
                caller,
                spec,
                may_wait,
                wait: None,
                runs_on: false,
            };
            let outcome = run(&mut call, args);
            let done = match call.wait {
                Some(wait) => Done::Waits(wait),
                None if call.runs_on => return Ok(Done::RunsOn),
                None => Done::Answered,
            };
            (outcome, done)
        }
    };
    if matches!(done, Done::Answered) {
        // Counted once it has run: INFO does not count itself.
        let duration_us = server.elapsed_us - before_us;
        server.ran(connection, caller, spec, args, duration_us);
    }
    if outcome.is_err() {
        server.stats.failed(spec.id);
    }
    if is_followed {
        let has_changed = server.keyspace.journal.dirty > dirty;
        let is_whole = matches!(caller, Caller::Client | Caller::Woken);
        server.propagate(connection, db, spec, args, has_changed, is_whole);
    }
    if server.is_observed() {
        server.after_command(connection, caller, spec, args);
    }
    if standing.tracks {
        server.remember_keys(connection, spec, args);
    }
    outcome.map(|()| done)
}

/// `CLIENT CACHING` is for the next command, or the next transaction.
fn forget_caching(client: &mut Client) {
    let is_client = |name: &str| name.starts_with("client|");
    if client.transaction.is_none()
        && !client.last_command.is_some_and(is_client)
        && let Some(tracks) = &mut client.tracking
    {
        tracks.caching = false;
    }
}

impl Server {
    /// Keeps the books of a command that was answered, after so long.
    #[inline]
    pub(super) fn ran(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &'static CommandSpec,
        args: Args<'_>,
        duration_us: u64,
    ) {
        let tracked = self.config.latency_tracking;
        self.stats.called(spec.id, duration_us, tracked);
        if matches!(caller, Caller::Client | Caller::Woken) {
            self.note_command(connection, caller, spec, args);
        }
        if duration_us > 0 || self.config.slowlog_log_slower_than == 0 {
            self.took_long(connection, caller, spec, args, duration_us);
        }
    }

    /// Notes what took long, if it did.
    #[cold]
    fn took_long(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &'static CommandSpec,
        args: Args<'_>,
        duration_us: u64,
    ) {
        if duration_us > 0 {
            self.note_latency(spec, duration_us);
        }
        // Negative where nothing is logged.
        if u64::try_from(self.config.slowlog_log_slower_than)
            .is_ok_and(|slower_than| duration_us >= slower_than)
        {
            self.log_slow(connection, caller, spec, args, duration_us);
        }
    }
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
