//! The script that runs: whether it may, what it may do, and how long it goes on.

use super::super::gate::{self, Command};
use super::super::{Call, Caller, Connection, LogLevel, Server, handlers};
use super::cache::{Declared, declares};
use super::libraries::Name;
use crate::commands::table::{self, Flags};
use crate::commands::{CommandError, Outcome, error, options};
use crate::lua::function::Flag;
use crate::lua::{Digest, Lua, Port, Replication, Script, Step, Unknown};
use crate::resp::{Args, OwnedArgs, Sink};

/// Instructions of Lua in one step of the engine: some milliseconds.
const SLICE: u64 = 1 << 18;

/// What is to run.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A script, by its digest.
    Script(Script, Digest),
    /// A function, by its number in the machine and its name.
    Function(usize, Name),
}

/// How a script is called.
#[derive(Debug)]
enum Label {
    /// By its digest.
    Script(Digest),
    /// A function, by its name.
    Function(Name),
}

/// What is known of the script that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) connection: Connection,
    label: Label,
    is_read_only: bool,
    allows_oom: bool,
    allows_cross_slots: bool,
    /// The slot of the keys that it used so far.
    slot: Option<u16>,
    /// It called a command that writes: it can't be stopped any more.
    pub(super) has_written: bool,
    pub(super) is_killed: bool,
    /// Others are told that the server is busy.
    pub(super) is_slow: bool,
    /// The client's database, which a script may leave.
    db: usize,
    /// The command that asked for it, once it takes long.
    command: Option<OwnedArgs>,
    began_us: u64,
    pub(super) now_us: u64,
}

impl Running {
    pub(super) fn elapsed_ms(&self) -> u64 {
        (self.now_us - self.began_us) / 1000
    }

    pub(super) fn name(&self) -> &[u8] {
        match &self.label {
            Label::Script(digest) => digest,
            Label::Function(name) => name,
        }
    }

    pub(super) fn is_eval(&self) -> bool {
        matches!(self.label, Label::Script(_))
    }

    pub(super) fn command(&self) -> Option<Args<'_>> {
        self.command.as_ref().map(OwnedArgs::as_args)
    }

    /// What ends it.
    pub(super) fn kill_command(&self) -> &'static str {
        if self.is_eval() {
            "SCRIPT KILL"
        } else {
            "FUNCTION KILL"
        }
    }

    /// What others are told.
    pub(super) fn busy(&self) -> CommandError {
        if self.is_eval() {
            error::BUSY_SCRIPT
        } else {
            error::BUSY_FUNCTION
        }
    }
}

/// How many keys there are among the arguments from the third on.
pub(super) fn key_count(
    args: Args<'_>,
    not_a_number: Option<CommandError>,
) -> Result<usize, CommandError> {
    let count = options::integer(args.at(2)).map_err(|refused| not_a_number.unwrap_or(refused))?;
    let count = usize::try_from(count).map_err(|_| error::NEGATIVE_KEY_COUNT)?;
    if count > args.len() - 3 {
        return Err(error::KEY_COUNT_TOO_LARGE);
    }
    Ok(count)
}

/// True if the command goes on with what it began in an earlier step.
pub(super) fn goes_on(call: &Call<'_>) -> bool {
    call.server.running_script_of() == Some(call.connection)
}

/// Tells monitors of a command that runs a script: before what that does, which is shown too, and
/// whether there is such a script or not.
#[inline]
pub(super) fn show(call: &mut Call<'_>, args: Args<'_>) {
    if !call.server.monitors.is_empty() {
        call.server
            .feed_monitors(call.connection, call.caller, call.spec, args);
    }
}

/// Begins a script and runs it, to its end if that is near.
pub(super) fn begin(
    call: &mut Call<'_>,
    target: Target,
    declared: Declared,
    keys: usize,
    args: Args<'_>,
    is_read_only: bool,
) -> Outcome {
    may_run(call.server, declared, is_read_only)?;
    let now_us = call.server.now_us();
    let label = match &target {
        Target::Script(_, digest) => Label::Script(*digest),
        Target::Function(_, name) => Label::Function(name.clone()),
    };
    let running = Running {
        connection: call.connection,
        label,
        is_read_only: is_read_only || declares(declared, Flag::NoWrites),
        allows_oom: declares(declared, Flag::AllowOom),
        allows_cross_slots: declared.is_none() || declares(declared, Flag::AllowCrossSlotKeys),
        slot: None,
        has_written: false,
        is_killed: false,
        is_slow: false,
        db: call.client().db,
        command: None,
        began_us: now_us,
        now_us,
    };
    let ceiling = call.server.keyspace.memory_ceiling();
    let room = ceiling.saturating_sub(crate::memory::used()) / 2;
    let (machine, _, _) = call.server.scripts.parts();
    machine.set_now_us(now_us);
    machine.set_memory_limit(machine.memory() + room);
    let (keys, rest) = (args.range(3..3 + keys), args.from(3 + keys));
    match &target {
        Target::Script(script, _) => machine.start(script, keys, rest),
        Target::Function(function, _) => machine.start_function(*function, keys, rest),
    }
    call.server.scripts.running = Some(running);
    go_on(call, args)
}

/// Whether a script with these flags may run at all.
fn may_run(server: &Server, declared: Declared, is_read_only: bool) -> Outcome {
    let is_stale = server.is_stale();
    if declared.is_none() {
        return if is_stale {
            Err(error::MASTER_DOWN)
        } else {
            Ok(())
        };
    }
    if declares(declared, Flag::NoCluster) && server.cluster.is_some() {
        return Err(error::NOT_ON_A_CLUSTER);
    }
    if is_stale && !declares(declared, Flag::AllowStale) {
        return Err(error::SCRIPT_ON_STALE_REPLICA);
    }
    if !declares(declared, Flag::NoWrites) {
        if server.is_read_only() {
            return Err(error::SCRIPT_ON_REPLICA);
        }
        if is_read_only {
            return Err(error::WRITE_FLAG_IN_READ_ONLY);
        }
        if !server.has_enough_replicas() {
            return Err(error::NOT_ENOUGH_REPLICAS);
        }
        if server.is_short_of_memory() && !declares(declared, Flag::AllowOom) {
            return Err(error::SCRIPT_WITHOUT_MEMORY);
        }
    }
    Ok(())
}

/// Runs a script for a while. It has ended, or its command is to be run again.
pub(super) fn go_on(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let Some(mut machine) = call.server.scripts.machine.take() else {
        return Ok(());
    };
    let outcome = run(call, &mut machine, args);
    call.server.scripts.machine = Some(machine);
    outcome
}

fn run(call: &mut Call<'_>, machine: &mut Lua, args: Args<'_>) -> Outcome {
    let is_killed = |server: &Server| {
        let running = server.scripts.running.as_ref();
        running.is_some_and(|running| running.is_killed)
    };
    let step = if is_killed(call.server) {
        Step::Failed(machine.kill())
    } else {
        let mut inside = Inside {
            server: &mut *call.server,
            connection: call.connection,
        };
        machine.run(&mut inside, SLICE)
    };
    for entry in machine.take_logs() {
        let level = match entry.level {
            ..=0 => LogLevel::Debug,
            1 => LogLevel::Verbose,
            2 => LogLevel::Notice,
            3.. => LogLevel::Warning,
        };
        call.server
            .log(level, String::from_utf8_lossy(&entry.text).into_owned());
    }
    if step == Step::Yielded {
        call.runs_on = true;
        if let Some(running) = &mut call.server.scripts.running {
            running.command.get_or_insert_with(|| args.to_owned());
        }
        return Ok(());
    }
    let Some(running) = call.server.scripts.running.take() else {
        return Ok(());
    };
    call.client().db = running.db;
    match step {
        Step::Failed(failure) => {
            let text = failure.text(&String::from_utf8_lossy(running.name()));
            if failure.is_counted {
                call.server.stats.failed(call.spec.id);
                call.reply.error(&text);
                Ok(())
            } else {
                Err(CommandError::worded(text))
            }
        }
        Step::Done | Step::Yielded => {
            let stats = &mut call.server.stats;
            let is_error = machine.write_reply(&mut *call.reply, &mut |text| {
                let code = text.split(|byte| *byte == b' ').next();
                stats.error(code.unwrap_or_default());
            });
            if is_error {
                stats.failed(call.spec.id);
            }
            Ok(())
        }
    }
}

/// What a script reaches of the server.
struct Inside<'a> {
    server: &'a mut Server,
    connection: Connection,
}

impl Port for Inside<'_> {
    fn call(&mut self, args: Args<'_>, replication: Replication, reply: &mut dyn Sink) {
        if let Err(refused) = self.run(args, replication, reply) {
            self.server.stats.error(refused.code());
            reply.error(refused.text());
        }
    }

    fn may_run(&mut self, args: Args<'_>) -> Result<bool, Unknown> {
        let spec = handlers::named_by(args).ok_or(Unknown::Command)?;
        if !spec.arity_fits(args.len()) {
            return Err(Unknown::Arity);
        }
        Ok(self.server.may_run(self.connection, spec, args))
    }
}

impl Inside<'_> {
    fn run(&mut self, args: Args<'_>, replication: Replication, reply: &mut dyn Sink) -> Outcome {
        let command = find(args)?;
        self.check(command, args)
            .inspect_err(|_| self.server.stats.rejected(command.spec.id))?;
        let told = self.server.keyspace.journal.propagation.len();
        let (server, connection) = (&mut *self.server, self.connection);
        let outcome = gate::execute(server, connection, Caller::Script, command, args, reply);
        if !replication.reaches_replicas() {
            server.keyspace.journal.propagation.forget_from(told);
        }
        outcome.map(drop)
    }

    /// Whether the script may run the command.
    fn check(&mut self, command: Command, args: Args<'_>) -> Outcome {
        let flags = command.spec.flags;
        let server = &mut *self.server;
        if flags.contains(Flags::NOSCRIPT) && !server.scripts.may_call_all {
            return Err(error::NOT_FROM_SCRIPT);
        }
        if server.is_stale() && !flags.contains(Flags::STALE) {
            return Err(error::STALE_IN_SCRIPT);
        }
        server.check_permission(self.connection, Caller::Script, command.spec, args)?;
        let is_write = flags.contains(Flags::WRITE);
        let is_short_of_memory = server.is_short_of_memory();
        let Some(running) = &mut server.scripts.running else {
            return Ok(());
        };
        if running.is_read_only && (is_write || flags.contains(Flags::MAY_REPLICATE)) {
            return Err(error::WRITE_IN_READ_ONLY_SCRIPT);
        }
        let has_written = running.has_written;
        let lacks_memory = is_short_of_memory && !running.allows_oom;
        if is_write && !has_written {
            if server.is_read_only() {
                return Err(error::READ_ONLY);
            }
            if !server.has_enough_replicas() {
                return Err(error::NOT_ENOUGH_REPLICAS);
            }
        }
        if flags.contains(Flags::DENYOOM) {
            let db = server.clients.current(self.connection).db;
            let growth = args.bytes() + server.keyspace.index_growth(db, args.len());
            if (lacks_memory && !has_written) || !server.keyspace.has_room_for(growth) {
                return Err(error::OUT_OF_MEMORY);
            }
        }
        if is_write && let Some(running) = &mut server.scripts.running {
            running.has_written = true;
        }
        if server.cluster.is_some() {
            self.check_slots(command, args)?;
        }
        Ok(())
    }

    #[cold]
    fn check_slots(&mut self, command: Command, args: Args<'_>) -> Outcome {
        let slot = self.server.slot_in_script(command.spec, args)?;
        let Some(running) = &mut self.server.scripts.running else {
            return Ok(());
        };
        if slot.is_some() && !running.allows_cross_slots {
            if running.slot.is_some() && running.slot != slot {
                return Err(error::CROSS_SLOT_IN_SCRIPT);
            }
            running.slot = slot;
        }
        Ok(())
    }
}

/// The command that a script calls, with as many arguments as it takes.
fn find(args: Args<'_>) -> Result<Command, CommandError> {
    let named = table::lookup(args.at(0)).filter(|spec| handlers::is_built(spec));
    let mut spec = named.ok_or(error::UNKNOWN_IN_SCRIPT)?;
    if spec.has_subcommands()
        && let Some(name) = args.get(1)
    {
        spec = spec.subcommand(name).ok_or(error::UNKNOWN_IN_SCRIPT)?;
    }
    match handlers::of(spec) {
        Some(handler) if spec.arity_fits(args.len()) => Ok(Command { spec, handler }),
        None if !handlers::is_built(spec) => Err(error::UNKNOWN_IN_SCRIPT),
        _ => Err(error::ARITY_IN_SCRIPT),
    }
}
