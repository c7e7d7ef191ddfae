//! EVAL and what belongs to it: runs scripts to their end, commands re-entering from inside.

use std::collections::BTreeMap;

use super::gate::{self, Command};
use super::handlers;
use super::{Call, Caller, Connection, LogLevel, Server, SessionHandler};
use crate::commands::table::{self, Flags};
use crate::commands::{CommandError, Outcome};
use crate::lua::{self, Lua, Port, Registered, Script, Step};
use crate::resp::{Args, Sink};

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[
    ("eval", eval),
    ("eval_ro", eval_ro),
    ("evalsha", evalsha),
    ("evalsha_ro", evalsha_ro),
    ("fcall", fcall),
    ("fcall_ro", fcall_ro),
    ("function|delete", function_delete),
    ("function|flush", function_flush),
    ("function|load", function_load),
    ("script|exists", script_exists),
    ("script|flush", script_flush),
    ("script|load", script_load),
];

/// The machine, and what it has loaded.
#[derive(Default)]
pub struct Scripts {
    lua: Lua,
    by_digest: BTreeMap<String, Script>,
    libraries: BTreeMap<Vec<u8>, Vec<Registered>>,
}

/// Instructions between two looks at what else there is to do.
const SLICE: u64 = 1 << 20;

struct Inside<'a> {
    server: &'a mut Server,
    connection: Connection,
    read_only: bool,
}

impl Port for Inside<'_> {
    fn call(&mut self, args: Args<'_>, reply: &mut dyn Sink) {
        if let Err(refused) = self.run(args, reply) {
            self.server.stats.error(refused.code());
            reply.error(refused.text());
        }
    }

    fn may_run(&mut self, args: Args<'_>) -> Option<bool> {
        let spec = handlers::named_by(args)?;
        Some(self.server.may_run(self.connection, spec, args))
    }
}

fn refuse(text: &'static str) -> CommandError {
    CommandError::worded(text)
}

impl Inside<'_> {
    fn run(&mut self, args: Args<'_>, reply: &mut dyn Sink) -> Outcome {
        let unknown = || refuse("ERR Unknown Redis command called from script");
        let command = table::lookup(args.at(0))
            .filter(|spec| handlers::is_built(spec))
            .ok_or_else(unknown)?;
        let spec = if command.has_subcommands() && args.len() > 1 {
            command.subcommand(args.at(1)).ok_or_else(unknown)?
        } else {
            command
        };
        let handler = handlers::of(spec).ok_or_else(unknown)?;
        if !spec.arity_fits(args.len()) {
            return Err(refuse(
                "ERR Wrong number of args calling Redis command from script",
            ));
        }
        if spec.flags.contains(Flags::NOSCRIPT) {
            return Err(refuse("ERR This Redis command is not allowed from script"));
        }
        let (server, connection) = (&mut *self.server, self.connection);
        server.check_permission(connection, Caller::Script, spec, args)?;
        if self.read_only && spec.flags.contains(Flags::WRITE) {
            return Err(refuse(
                "ERR Write commands are not allowed from read-only scripts.",
            ));
        }
        let command = Command { spec, handler };
        gate::execute(server, connection, Caller::Script, command, args, reply).map(drop)
    }
}

/// How many keys there are among the arguments from the third on.
fn key_count(args: Args<'_>) -> Result<usize, CommandError> {
    let count = crate::commands::options::integer(args.at(2))?;
    if count < 0 {
        return Err(refuse("ERR Number of keys can't be negative"));
    }
    match usize::try_from(count) {
        Ok(count) if count <= args.len() - 3 => Ok(count),
        _ => Err(refuse(
            "ERR Number of keys can't be greater than number of args",
        )),
    }
}

enum Start {
    Script(Script),
    Function(usize),
}

fn run(
    call: &mut Call<'_>,
    mut scripts: Box<Scripts>,
    start: Start,
    label: &str,
    args: Args<'_>,
    read_only: bool,
) -> Outcome {
    let keys = match key_count(args) {
        Ok(keys) => keys,
        Err(error) => {
            call.server.scripts = Some(scripts);
            return Err(error);
        }
    };
    let (keys, rest) = (args.range(3..3 + keys), args.from(3 + keys));
    let now_us = call.server.now_us();
    let ceiling = call.server.keyspace.memory_ceiling();
    let room = ceiling.saturating_sub(crate::memory::used()) / 2;
    let lua = &mut scripts.lua;
    lua.set_now_us(now_us);
    lua.set_memory_limit(lua.memory() + room);
    match &start {
        Start::Script(script) => lua.start(script, keys, rest),
        Start::Function(function) => lua.start_function(*function, keys, rest),
    }
    let mut inside = Inside {
        server: &mut *call.server,
        connection: call.connection,
        read_only,
    };
    let step = loop {
        match lua.run(&mut inside, SLICE) {
            Step::Yielded => {}
            ended => break ended,
        }
    };
    for entry in lua.take_logs() {
        let level = [
            LogLevel::Debug,
            LogLevel::Verbose,
            LogLevel::Notice,
            LogLevel::Warning,
        ];
        let level = level[entry.level.clamp(0, 3) as usize];
        let text = String::from_utf8_lossy(&entry.text).into_owned();
        call.server.log(level, text);
    }
    let outcome = match step {
        Step::Failed(failure) => {
            let text = failure.text(label);
            if failure.is_counted {
                call.reply.error(&text);
                Ok(())
            } else {
                Err(CommandError::worded(text))
            }
        }
        _ => {
            let stats = &mut call.server.stats;
            lua.write_reply(&mut *call.reply, &mut |text| {
                let code = text.split(|byte| *byte == b' ').next();
                stats.error(code.unwrap_or_default());
            });
            Ok(())
        }
    };
    call.server.scripts = Some(scripts);
    outcome
}

fn take(call: &mut Call<'_>) -> Box<Scripts> {
    call.server.scripts.take().unwrap_or_default()
}

fn load(scripts: &mut Scripts, body: &[u8]) -> Result<String, CommandError> {
    let digest = lua::digest(body);
    if !scripts.by_digest.contains_key(&digest) {
        let code = match body.strip_prefix(b"#!") {
            Some(_) => {
                let end = body.iter().position(|byte| *byte == b'\n');
                &body[end.unwrap_or(body.len())..]
            }
            None => body,
        };
        let script = scripts.lua.load(code).map_err(|message| {
            let text = [b"ERR Error compiling script (new function): ", &message[..]].concat();
            CommandError::worded(text)
        })?;
        scripts.by_digest.insert(digest.clone(), script);
    }
    Ok(digest)
}

fn eval_with(call: &mut Call<'_>, args: Args<'_>, read_only: bool) -> Outcome {
    key_count(args)?;
    let mut scripts = take(call);
    match load(&mut scripts, args.at(1)) {
        Ok(digest) => {
            let script = scripts.by_digest[&digest].clone();
            run(
                call,
                scripts,
                Start::Script(script),
                &digest,
                args,
                read_only,
            )
        }
        Err(error) => {
            call.server.scripts = Some(scripts);
            Err(error)
        }
    }
}

fn evalsha_with(call: &mut Call<'_>, args: Args<'_>, read_only: bool) -> Outcome {
    key_count(args)?;
    let scripts = take(call);
    let digest = String::from_utf8_lossy(args.at(1)).to_ascii_lowercase();
    match scripts.by_digest.get(&digest).cloned() {
        Some(script) => run(
            call,
            scripts,
            Start::Script(script),
            &digest,
            args,
            read_only,
        ),
        None => {
            call.server.scripts = Some(scripts);
            Err(refuse("NOSCRIPT No matching script. Please use EVAL."))
        }
    }
}

fn fcall_with(call: &mut Call<'_>, args: Args<'_>, read_only: bool) -> Outcome {
    let scripts = take(call);
    let name = args.at(1);
    let found = scripts
        .libraries
        .values()
        .flatten()
        .find(|function| function.name == name)
        .map(|function| function.function);
    match found {
        Some(function) => {
            let label = String::from_utf8_lossy(name).into_owned();
            run(
                call,
                scripts,
                Start::Function(function),
                &label,
                args,
                read_only,
            )
        }
        None => {
            call.server.scripts = Some(scripts);
            Err(refuse("ERR Function not found"))
        }
    }
}

/// EVAL script numkeys [key ...] [arg ...]
fn eval(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    eval_with(call, args, false)
}

/// EVAL_RO script numkeys [key ...] [arg ...]
fn eval_ro(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    eval_with(call, args, true)
}

/// EVALSHA sha1 numkeys [key ...] [arg ...]
fn evalsha(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    evalsha_with(call, args, false)
}

/// EVALSHA_RO sha1 numkeys [key ...] [arg ...]
fn evalsha_ro(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    evalsha_with(call, args, true)
}

/// FCALL function numkeys [key ...] [arg ...]
fn fcall(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    fcall_with(call, args, false)
}

/// FCALL_RO function numkeys [key ...] [arg ...]
fn fcall_ro(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    fcall_with(call, args, true)
}

/// SCRIPT LOAD script
fn script_load(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let mut scripts = take(call);
    let digest = load(&mut scripts, args.at(2));
    call.server.scripts = Some(scripts);
    call.reply.bulk(digest?.as_bytes());
    Ok(())
}

/// SCRIPT EXISTS sha1 [sha1 ...]
fn script_exists(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let scripts = take(call);
    call.reply.array(args.len() - 2);
    for digest in args.from(2).iter() {
        let digest = String::from_utf8_lossy(digest).to_ascii_lowercase();
        let known = scripts.by_digest.contains_key(&digest);
        call.reply.integer(known.into());
    }
    call.server.scripts = Some(scripts);
    Ok(())
}

/// SCRIPT FLUSH [ASYNC | SYNC]
fn script_flush(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let mut scripts = take(call);
    for (_, script) in std::mem::take(&mut scripts.by_digest) {
        scripts.lua.unload(script);
    }
    call.server.scripts = Some(scripts);
    call.reply.ok();
    Ok(())
}

/// FUNCTION LOAD [REPLACE] code
fn function_load(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let worded = |text: Vec<u8>| CommandError::worded([b"ERR ", &text[..]].concat());
    let code = args.at(args.len() - 1);
    let replaces = args.len() > 3;
    let header = lua::function::header(code).map_err(worded)?;
    let mut scripts = take(call);
    if scripts.libraries.contains_key(&header.name) && !replaces {
        call.server.scripts = Some(scripts);
        let text = [b"Library '", &header.name[..], b"' already exists"].concat();
        return Err(worded(text));
    }
    let loaded = scripts.lua.load_library(&code[header.code..]);
    let outcome = match loaded {
        Ok(functions) => {
            if let Some(old) = scripts.libraries.insert(header.name.clone(), functions) {
                scripts.lua.drop_functions(&old);
            }
            call.reply.bulk(&header.name);
            Ok(())
        }
        Err(text) => Err(worded(text)),
    };
    call.server.scripts = Some(scripts);
    outcome
}

/// FUNCTION DELETE library
fn function_delete(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let mut scripts = take(call);
    let deleted = scripts.libraries.remove(args.at(2));
    if let Some(functions) = &deleted {
        scripts.lua.drop_functions(functions);
    }
    call.server.scripts = Some(scripts);
    match deleted {
        Some(_) => {
            call.reply.ok();
            Ok(())
        }
        None => Err(refuse("ERR Library not found")),
    }
}

/// FUNCTION FLUSH [ASYNC | SYNC]
fn function_flush(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let mut scripts = take(call);
    for (_, functions) in std::mem::take(&mut scripts.libraries) {
        scripts.lua.drop_functions(&functions);
    }
    call.server.scripts = Some(scripts);
    call.reply.ok();
    Ok(())
}
