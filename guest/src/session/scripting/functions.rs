//! FCALL, FCALL_RO and FUNCTION.

use super::super::Call;
use super::cache::Declared;
use super::eval::{FREED_AT_ONCE, is_flush_mode, is_lazy};
use super::libraries::{Libraries, Library, Refusal};
use super::run::{self, Target, begin, go_on, goes_on, show};
use crate::commands::{CommandError, Outcome, error, help, options};
use crate::lua::function::{FLAGS, Registered};
use crate::rdb::functions;
use crate::resp::{Args, Sink};
use crate::value::glob;

crate::session::handlers::attach! {
    "fcall" => fcall,
    "fcall_ro" => fcall_ro,
    "function|delete" => delete,
    "function|dump" => dump,
    "function|flush" => flush,
    "function|help" => function_help,
    "function|kill" => kill,
    "function|list" => list,
    "function|load" => load,
    "function|restore" => restore,
    "function|stats" => stats,
}

/// What the function of an FCALL declares.
pub(super) fn declared_by(scripts: &super::Scripts, args: Args<'_>) -> Declared {
    let function = scripts.libraries.function(args.get(1)?)?;
    Some(function.flags)
}

fn refused(refusal: Refusal) -> CommandError {
    CommandError::worded([b"ERR ", &refusal[..]].concat())
}

/// FCALL function numkeys [key ...] [arg ...]
fn fcall(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    fcall_generic(call, args, false)
}

/// FCALL_RO function numkeys [key ...] [arg ...]
fn fcall_ro(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    fcall_generic(call, args, true)
}

fn fcall_generic(call: &mut Call<'_>, args: Args<'_>, is_read_only: bool) -> Outcome {
    if goes_on(call) {
        return go_on(call, args);
    }
    show(call, args);
    let function = call.server.scripts.libraries.function(args.at(1));
    let function = function.ok_or(error::FUNCTION_NOT_FOUND)?;
    let declared = Some(function.flags);
    let target = Target::Function(function.function, function.name.as_slice().into());
    let keys = run::key_count(args, Some(error::BAD_KEY_COUNT))?;
    begin(call, target, declared, keys, args, is_read_only)
}

/// FUNCTION LOAD [REPLACE] function-code
fn load(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let code = args.at(args.len() - 1);
    let mut replaces = false;
    for option in args.range(2..args.len() - 1).iter() {
        if !options::is(option, "REPLACE") {
            return Err(refused([b"Unknown option given: ", option].concat()));
        }
        replaces = true;
    }
    let (machine, _, libraries) = call.server.scripts.parts();
    let name = libraries.load(machine, code, replaces).map_err(refused)?;
    call.server.keyspace.journal.dirty += 1;
    call.reply.bulk(&name);
    Ok(())
}

/// FUNCTION DELETE library-name
fn delete(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let (machine, _, libraries) = call.server.scripts.parts();
    if !libraries.delete(machine, args.at(2)) {
        return Err(error::LIBRARY_NOT_FOUND);
    }
    call.server.keyspace.journal.dirty += 1;
    call.reply.ok();
    Ok(())
}

/// FUNCTION FLUSH [ASYNC | SYNC]
fn flush(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "function"));
    }
    if !is_flush_mode(args) {
        return Err(CommandError::worded(
            "ERR FUNCTION FLUSH only supports SYNC|ASYNC option",
        ));
    }
    let functions = call.server.scripts.libraries.functions();
    if is_lazy(call, args) && functions > FREED_AT_ONCE {
        // With the machine that they were in.
        call.server.keyspace.stats.freed_lazily += functions as u64 + 1;
    }
    call.server.scripts.delete_libraries();
    call.server.keyspace.journal.dirty += 1;
    call.reply.ok();
    Ok(())
}

/// FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]
fn list(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let (mut pattern, mut with_code) = (None, false);
    let mut words = args.from(2).iter();
    while let Some(word) = words.next() {
        if !with_code && options::is(word, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && options::is(word, "LIBRARYNAME") {
            pattern = Some(words.next().ok_or(error::LIBRARY_NAME_MISSING)?);
        } else {
            return Err(refused([b"Unknown argument ", word].concat()));
        }
    }
    let libraries = &call.server.scripts.libraries;
    let wanted = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name, true));
    let found = libraries.iter().filter(|(name, _)| wanted(name));
    call.reply.array(found.clone().count());
    for (name, library) in found {
        list_library(call.reply, name, library, with_code);
    }
    Ok(())
}

fn list_library(reply: &mut dyn Sink, name: &[u8], library: &Library, with_code: bool) {
    reply.map(if with_code { 4 } else { 3 });
    reply.bulk(b"library_name");
    reply.bulk(name);
    reply.bulk(b"engine");
    reply.bulk(ENGINE);
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        list_function(reply, function);
    }
    if with_code {
        reply.bulk(b"library_code");
        reply.bulk(&library.code);
    }
}

fn list_function(reply: &mut dyn Sink, function: &Registered) {
    reply.map(3);
    reply.bulk(b"name");
    reply.bulk(&function.name);
    reply.bulk(b"description");
    reply.bulk_or_null(function.description.as_deref());
    reply.bulk(b"flags");
    let has = |flag: u8| function.flags & flag != 0;
    reply.set(function.flags.count_ones() as usize);
    for (name, _) in FLAGS.iter().filter(|(_, flag)| has(*flag as u8)) {
        reply.simple(name);
    }
}

/// The engine's name, as Redis tells it.
const ENGINE: &[u8] = b"LUA";

/// FUNCTION STATS
fn stats(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let scripts = &call.server.scripts;
    let running = scripts.running.as_ref();
    if let Some(running) = running
        && running.is_eval()
    {
        return Err(running.busy());
    }
    call.reply.map(2);
    call.reply.bulk(b"running_script");
    match running {
        None => call.reply.null(),
        Some(running) => {
            call.reply.map(3);
            call.reply.bulk(b"name");
            call.reply.bulk(running.name());
            call.reply.bulk(b"command");
            let command = running.command();
            call.reply.array(command.map_or(0, |command| command.len()));
            for arg in command.iter().flat_map(|command| command.iter()) {
                call.reply.bulk(arg);
            }
            call.reply.bulk(b"duration_ms");
            call.reply.integer(running.elapsed_ms() as i64);
        }
    }
    call.reply.bulk(b"engines");
    call.reply.map(1);
    call.reply.bulk(ENGINE);
    call.reply.map(2);
    call.reply.bulk(b"libraries_count");
    call.reply.integer(scripts.libraries.len() as i64);
    call.reply.bulk(b"functions_count");
    call.reply.integer(scripts.libraries.functions() as i64);
    Ok(())
}

/// FUNCTION DUMP
fn dump(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let scripts = &call.server.scripts;
    let compression = call.server.config.rdbcompression;
    let payload = functions::dump(scripts.library_codes(), compression);
    call.reply.bulk(&payload);
    Ok(())
}

/// What becomes of the libraries that are there.
enum Policy {
    Flush,
    Append,
    Replace,
}

/// FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]
fn restore(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 4 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "function"));
    }
    let policy = match args.get(3) {
        None => Policy::Append,
        Some(word) if options::is(word, "APPEND") => Policy::Append,
        Some(word) if options::is(word, "REPLACE") => Policy::Replace,
        Some(word) if options::is(word, "FLUSH") => Policy::Flush,
        Some(_) => return Err(error::RESTORE_POLICY),
    };
    let ceiling = call.server.keyspace.memory_ceiling();
    let codes = functions::restore(args.at(2), ceiling).map_err(|unreadable| {
        refused(match unreadable {
            functions::Refused::Footer => b"DUMP payload version or checksum are wrong".to_vec(),
            functions::Refused::PreRelease => b"Pre-GA function format not supported".to_vec(),
            functions::Refused::NoFunction => b"given type is not a function".to_vec(),
            functions::Refused::Corrupt => b"Failed loading the given functions payload".to_vec(),
        })
    })?;
    let (machine, _, libraries) = call.server.scripts.parts();
    let mut restored = Libraries::default();
    for code in codes {
        if let Err(refusal) = restored.load(machine, &code, false) {
            restored.clear(machine);
            return Err(refused(refusal));
        }
    }
    match policy {
        Policy::Flush => {
            libraries.clear(machine);
            *libraries = restored;
        }
        Policy::Append => libraries.join(machine, restored, false).map_err(refused)?,
        Policy::Replace => libraries.join(machine, restored, true).map_err(refused)?,
    }
    call.server.keyspace.journal.dirty += 1;
    call.reply.ok();
    Ok(())
}

/// FUNCTION KILL
fn kill(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.server.kill_script(false)?;
    call.reply.ok();
    Ok(())
}

/// FUNCTION HELP
fn function_help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    help::write(
        call.reply,
        "FUNCTION",
        &[
            (
                "LOAD [REPLACE] <FUNCTION CODE>",
                &["Create a new library with the given library name and code."],
            ),
            ("DELETE <LIBRARY NAME>", &["Delete the given library."]),
            (
                "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
                &[
                    "Return general information on all the libraries:",
                    "* Library name",
                    "* The engine used to run the Library",
                    "* Functions list",
                    "* Library code (if WITHCODE is given)",
                    "It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
                ],
            ),
            (
                "STATS",
                &[
                    "Return information about the current function running:",
                    "* Function name",
                    "* Command used to run the function",
                    "* Duration in MS that the function is running",
                    "If no function is running, return nil",
                    "In addition, returns a list of available engines.",
                ],
            ),
            ("KILL", &["Kill the current running function."]),
            (
                "FLUSH [ASYNC|SYNC]",
                &[
                    "Delete all the libraries.",
                    "When called without the optional mode argument, the behavior is determined by the",
                    "lazyfree-lazy-user-flush configuration directive. Valid modes are:",
                    "* ASYNC: Asynchronously flush the libraries.",
                    "* SYNC: Synchronously flush the libraries.",
                ],
            ),
            (
                "DUMP",
                &[
                    "Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
                ],
            ),
            (
                "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
                &[
                    "Restore the libraries represented by the given payload, it is possible to give a restore policy to",
                    "control how to handle existing libraries (default APPEND):",
                    "* FLUSH: delete all existing libraries.",
                    "* APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
                    "* REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
                    "  libraries with the new libraries (notice that even on this option there is a chance of failure",
                    "  in case of functions name collision with another library).",
                ],
            ),
        ],
    );
    Ok(())
}
