//! EVAL, EVALSHA, their forms that only read, and SCRIPT.

use super::super::Call;
use super::cache::{Declared, declared, parse_digest};
use super::run::{self, Target, begin, go_on, goes_on, show};
use crate::commands::{CommandError, Outcome, error, help, options};
use crate::lua::{self, Digest};
use crate::resp::Args;

crate::session::handlers::attach! {
    "evalsha" => evalsha,
    "eval" => eval,
    "eval_ro" => eval_ro,
    "evalsha_ro" => evalsha_ro,
    "script|debug" => debug,
    "script|exists" => exists,
    "script|flush" => flush,
    "script|help" => script_help,
    "script|kill" => kill,
    "script|load" => load,
}

/// What the script of an EVAL or EVALSHA declares, as far as that is known before it runs.
pub(super) fn declared_by(scripts: &super::Scripts, args: Args<'_>, by_digest: bool) -> Declared {
    let text = args.get(1)?;
    if by_digest {
        return scripts.cache.declared(text);
    }
    declared(text).ok()?.0
}

/// EVAL script numkeys [key ...] [arg ...]
fn eval(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    eval_text(call, args, false)
}

/// EVAL_RO script numkeys [key ...] [arg ...]
fn eval_ro(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    eval_text(call, args, true)
}

fn eval_text(call: &mut Call<'_>, args: Args<'_>, is_read_only: bool) -> Outcome {
    if goes_on(call) {
        return go_on(call, args);
    }
    show(call, args);
    let keys = run::key_count(args, None)?;
    let digest = lua::digest(args.at(1));
    let (machine, cache, _) = call.server.scripts.parts();
    cache.load(machine, digest, args.at(1), false)?;
    eval_known(call, digest, keys, args, is_read_only)
}

/// EVALSHA sha1 numkeys [key ...] [arg ...]
fn evalsha(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    eval_digest(call, args, false)
}

/// EVALSHA_RO sha1 numkeys [key ...] [arg ...]
fn evalsha_ro(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    eval_digest(call, args, true)
}

fn eval_digest(call: &mut Call<'_>, args: Args<'_>, is_read_only: bool) -> Outcome {
    if goes_on(call) {
        return go_on(call, args);
    }
    show(call, args);
    let digest = parse_digest(args.at(1)).ok_or(error::NO_SCRIPT)?;
    let keys = run::key_count(args, None)?;
    eval_known(call, digest, keys, args, is_read_only)
}

fn eval_known(
    call: &mut Call<'_>,
    digest: Digest,
    keys: usize,
    args: Args<'_>,
    is_read_only: bool,
) -> Outcome {
    let cache = &mut call.server.scripts.cache;
    let (script, declared) = cache.take_up(&digest).ok_or(error::NO_SCRIPT)?;
    let target = Target::Script(script.clone(), digest);
    begin(call, target, declared, keys, args, is_read_only)
}

/// SCRIPT LOAD script
fn load(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let digest = lua::digest(args.at(2));
    let (machine, cache, _) = call.server.scripts.parts();
    cache.load(machine, digest, args.at(2), true)?;
    call.reply.bulk(&digest);
    Ok(())
}

/// SCRIPT EXISTS sha1 [sha1 ...]
fn exists(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    call.reply.array(args.len() - 2);
    for digest in args.from(2).iter() {
        let digest = parse_digest(digest);
        let is_known = digest.is_some_and(|digest| call.server.scripts.cache.contains(&digest));
        call.reply.integer(is_known.into());
    }
    Ok(())
}

/// SCRIPT FLUSH [ASYNC | SYNC]
fn flush(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if !is_flush_mode(args) {
        return Err(CommandError::worded(
            "ERR SCRIPT FLUSH only support SYNC|ASYNC option",
        ));
    }
    let is_lazy = is_lazy(call, args);
    let known = call.server.scripts.cache.len();
    call.server.scripts.forget_scripts();
    if is_lazy && known > FREED_AT_ONCE {
        call.server.keyspace.stats.freed_lazily += known as u64;
    }
    call.reply.ok();
    Ok(())
}

/// True if there is nothing behind the subcommand, or how to flush.
pub(super) fn is_flush_mode(args: Args<'_>) -> bool {
    match args.get(2) {
        None => true,
        Some(mode) => args.len() == 3 && (options::is(mode, "SYNC") || options::is(mode, "ASYNC")),
    }
}

/// What is flushed lazily counts as such from a certain size on.
pub(super) const FREED_AT_ONCE: usize = 64;

/// True if what is flushed is to be freed later, as the last word says or the configuration.
pub(super) fn is_lazy(call: &Call<'_>, args: Args<'_>) -> bool {
    let usual = call.server.config.lazyfree_lazy_user_flush;
    args.get(2).map_or(usual, |mode| options::is(mode, "ASYNC"))
}

/// SCRIPT KILL
fn kill(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.server.kill_script(true)?;
    call.reply.ok();
    Ok(())
}

/// SCRIPT DEBUG YES | SYNC | NO
fn debug(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let mode = args.at(2);
    if options::is(mode, "NO") {
        call.reply.ok();
        Ok(())
    } else if options::is(mode, "YES") || options::is(mode, "SYNC") {
        Err(error::NO_SCRIPT_DEBUGGER)
    } else {
        Err(error::SCRIPT_DEBUG_MODE)
    }
}

/// SCRIPT HELP
fn script_help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    help::write(
        call.reply,
        "SCRIPT",
        &[
            (
                "DEBUG (YES|SYNC|NO)",
                &["Set the debug mode for subsequent scripts executed."],
            ),
            (
                "EXISTS <sha1> [<sha1> ...]",
                &["Return information about the existence of the scripts in the script cache."],
            ),
            (
                "FLUSH [ASYNC|SYNC]",
                &[
                    "Flush the Lua scripts cache. Very dangerous on replicas.",
                    "When called without the optional mode argument, the behavior is determined by the",
                    "lazyfree-lazy-user-flush configuration directive. Valid modes are:",
                    "* ASYNC: Asynchronously flush the scripts cache.",
                    "* SYNC: Synchronously flush the scripts cache.",
                ],
            ),
            ("KILL", &["Kill the currently executing Lua script."]),
            (
                "LOAD <script>",
                &["Load a script into the scripts cache without executing it."],
            ),
        ],
    );
    Ok(())
}
