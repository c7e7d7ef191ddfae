//! `redis`

use gc_arena::Collect;
use piccolo::{
    BoxSequence, CallbackReturn, Context, Error, Execution, Sequence, SequencePoll, Stack, Value,
};

use super::{Constant, Library, entry};
use crate::lua::call::{Call, Outcome, site_of, to_number};
use crate::lua::digest;
use crate::lua::function;
use crate::lua::kinds::Kinds;
use crate::lua::number::to_int;
use crate::lua::reply::{argument, error_table};
use crate::lua::state::{LogEntry, Pending, Raised, Request, State};
use crate::resp::Protocol;

/// The library, as scripts and functions see it.
pub const LIBRARY: Library = Library {
    name: "redis",
    entries: &[
        entry("call", call_command, Kinds::ANY),
        entry("pcall", pcall_command, Kinds::ANY),
        entry("log", log, Kinds::NIL),
        entry("setresp", setresp, Kinds::NIL),
        entry("sha1hex", sha1hex, Kinds::STRING),
        entry("error_reply", error_reply, Kinds::TABLE),
        entry("status_reply", status_reply, Kinds::TABLE),
        entry("set_repl", set_repl, Kinds::NIL),
        entry("acl_check_cmd", acl_check_cmd, Kinds::BOOL),
        entry("breakpoint", breakpoint, Kinds::BOOL),
        entry("debug", debug, Kinds::NIL),
        entry("replicate_commands", replicate_commands, Kinds::BOOL),
    ],
    constants: &[
        ("LOG_DEBUG", Constant::Number(0.0)),
        ("LOG_VERBOSE", Constant::Number(1.0)),
        ("LOG_NOTICE", Constant::Number(2.0)),
        ("LOG_WARNING", Constant::Number(3.0)),
        ("REDIS_VERSION_NUM", Constant::Number(524_290.0)),
        ("REDIS_VERSION", Constant::Text("8.0.2")),
        ("REPL_NONE", Constant::Number(0.0)),
        ("REPL_AOF", Constant::Number(1.0)),
        ("REPL_SLAVE", Constant::Number(2.0)),
        ("REPL_REPLICA", Constant::Number(2.0)),
        ("REPL_ALL", Constant::Number(3.0)),
    ],
    size: 0,
    order: &[
        "call",
        "pcall",
        "log",
        "LOG_DEBUG",
        "LOG_VERBOSE",
        "LOG_NOTICE",
        "LOG_WARNING",
        "REDIS_VERSION_NUM",
        "REDIS_VERSION",
        "setresp",
        "sha1hex",
        "error_reply",
        "status_reply",
        "set_repl",
        "REPL_NONE",
        "REPL_AOF",
        "REPL_SLAVE",
        "REPL_REPLICA",
        "REPL_ALL",
        "acl_check_cmd",
        "breakpoint",
        "debug",
        "replicate_commands",
    ],
};

/// The library, as a library of functions sees it while it loads.
pub const LOADING: Library = Library {
    name: "\x01redis",
    entries: &[
        entry("register_function", function::register, Kinds::NIL),
        entry("log", log, Kinds::NIL),
    ],
    constants: &[
        ("LOG_DEBUG", Constant::Number(0.0)),
        ("LOG_VERBOSE", Constant::Number(1.0)),
        ("LOG_NOTICE", Constant::Number(2.0)),
        ("LOG_WARNING", Constant::Number(3.0)),
        ("REDIS_VERSION_NUM", Constant::Number(524_290.0)),
        ("REDIS_VERSION", Constant::Text("8.0.2")),
    ],
    size: 0,
    order: &[],
};

/// Commands whose reply is always a whole number, or an error, which `redis.call` raises.
const COUNTING: [&[u8]; 34] = [
    b"append",
    b"decr",
    b"decrby",
    b"del",
    b"exists",
    b"expire",
    b"expireat",
    b"hdel",
    b"hexists",
    b"hincrby",
    b"hlen",
    b"hset",
    b"hsetnx",
    b"incr",
    b"incrby",
    b"llen",
    b"lpush",
    b"lrem",
    b"pexpire",
    b"pexpireat",
    b"publish",
    b"pttl",
    b"rpush",
    b"sadd",
    b"scard",
    b"setnx",
    b"sismember",
    b"srem",
    b"strlen",
    b"ttl",
    b"zcard",
    b"zcount",
    b"zrem",
    b"zremrangebyscore",
];

/// True where `redis.call` of the command gives a number, if anything.
pub fn gives_number(command: &[u8]) -> bool {
    COUNTING
        .iter()
        .any(|known| command.eq_ignore_ascii_case(known))
}

/// An error that is a table, as all of this library's are.
fn refusal<'gc>(call: &Call<'gc, '_>, message: &str) -> Value<'gc> {
    error_table(call.ctx, call.state, format!("-ERR {message}").as_bytes()).into()
}

fn refuse<'gc>(call: &Call<'gc, '_>, message: &str) -> Error<'gc> {
    let refusal = refusal(call, message);
    call.raise(refusal)
}

/// Puts the arguments where the engine takes them from. The error is its message.
fn take_arguments<'gc>(call: &mut Call<'gc, '_>) -> Result<(), &'static str> {
    if call.count() == 0 {
        return Err("Please specify at least one argument for this redis lib call");
    }
    let mut request = call.state.shared().request.borrow_mut();
    request.clear();
    for value in &call.stack {
        let is_taken = match value {
            Value::String(text) => {
                request.push(text.as_bytes());
                true
            }
            value => request.push_with(|out| argument(value, out)),
        };
        if !is_taken {
            return Err("Lua redis lib command arguments must be strings or integers");
        }
    }
    Ok(())
}

/// What becomes of the engine's answer: what the call returns, or its error.
pub fn conclude<'gc>(
    ctx: Context<'gc>,
    state: State<'gc>,
    asked: Pending,
    answer: Value<'gc>,
) -> Result<Value<'gc>, Error<'gc>> {
    let error = match (asked.request, answer) {
        (Request::Call, _) if state.shared().raise_reply.get() => answer,
        // A text instead of an answer says what is no command.
        (Request::CheckAcl, Value::String(text)) => {
            error_table(ctx, state, &[b"-ERR ", text.as_bytes()].concat()).into()
        }
        _ => return Ok(answer),
    };
    state.shared().raised.set(asked.asked_at);
    Err(Error::from_value(error))
}

/// Waits for the engine's answer inside a coroutine.
#[derive(Collect)]
#[collect(no_drop)]
struct Answer<'gc> {
    state: State<'gc>,
    #[collect(require_static)]
    asked: Pending,
}

impl<'gc> Sequence<'gc> for Answer<'gc> {
    fn poll(
        &mut self,
        ctx: Context<'gc>,
        _: Execution<'gc, '_>,
        mut stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let answer = conclude(ctx, self.state, self.asked, self.state.reply())?;
        stack.clear();
        stack.push_back(answer);
        Ok(SequencePoll::Return)
    }
}

/// Leaves the machine with a question. The main thread yields to whoever runs the machine; a coroutine
/// would yield to whoever resumed it, and waits instead.
fn ask<'gc>(call: &mut Call<'gc, '_>, request: Request) -> Outcome<'gc> {
    let asked = Pending {
        request,
        asked_at: site_of(&call.exec).map(Raised::at),
        is_in_coroutine: !call.exec.current_thread().is_main,
    };
    call.state.shared().pending.set(Some(asked));
    call.stack.clear();
    if !asked.is_in_coroutine {
        return Ok(CallbackReturn::Yield {
            to_thread: None,
            then: None,
        });
    }
    call.exec.fuel().interrupt();
    Ok(CallbackReturn::Sequence(BoxSequence::new(
        &call.ctx,
        Answer {
            state: call.state,
            asked,
        },
    )))
}

/// redis.call(command, ...)
fn call_command<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    match take_arguments(call) {
        Ok(()) => ask(call, Request::Call),
        Err(message) => Err(refuse(call, message)),
    }
}

/// redis.pcall(command, ...)
fn pcall_command<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    match take_arguments(call) {
        Ok(()) => ask(call, Request::ProtectedCall),
        Err(message) => {
            let refusal = refusal(call, message);
            call.one(refusal)
        }
    }
}

/// redis.acl_check_cmd(command, ...)
fn acl_check_cmd<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    match take_arguments(call) {
        Ok(()) => ask(call, Request::CheckAcl),
        Err(message) => Err(refuse(call, message)),
    }
}

/// redis.log(level, message, ...)
fn log<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.count() < 2 {
        return Err(refuse(call, "redis.log() requires two arguments or more."));
    }
    let Some(level) = to_number(call.arg(0)) else {
        return Err(refuse(call, "First argument must be a number (log level)."));
    };
    let level = i64::from(to_int(level));
    if !(0..=3).contains(&level) {
        return Err(refuse(call, "Invalid log level."));
    }
    let mut text = Vec::new();
    for index in 1..call.count() {
        if let Some(word) = call.to_string(call.arg(index)) {
            if index > 1 {
                text.push(b' ');
            }
            text.extend_from_slice(word.as_bytes());
        }
    }
    call.state
        .shared()
        .logs
        .borrow_mut()
        .push(LogEntry { level, text });
    call.none()
}

/// redis.setresp(version)
fn setresp<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.count() != 1 {
        return Err(refuse(call, "redis.setresp() requires one argument."));
    }
    let protocol = match to_int(to_number(call.arg(0)).unwrap_or(0.0)) {
        2 => Protocol::Resp2,
        3 => Protocol::Resp3,
        _ => return Err(refuse(call, "RESP version must be 2 or 3.")),
    };
    call.state.shared().protocol.set(protocol);
    call.none()
}

/// redis.sha1hex(text)
fn sha1hex<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.count() != 1 {
        return Err(refuse(call, "wrong number of arguments"));
    }
    let text = call.to_string(call.arg(0));
    let bytes = text.map_or(&b""[..], |text| text.as_bytes());
    call.spend(bytes.len() / 16);
    call.text(digest(bytes))
}

/// The only argument, if it is a string.
fn only_string<'gc>(call: &Call<'gc, '_>) -> Option<Value<'gc>> {
    match (call.count(), call.arg(0)) {
        (1, text @ Value::String(_)) => Some(text),
        _ => None,
    }
}

/// redis.error_reply(text)
fn error_reply<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let Some(Value::String(text)) = only_string(call) else {
        let refusal = refusal(call, "wrong number or type of arguments");
        return call.one(refusal);
    };
    let text = text.as_bytes().split(|byte| *byte == 0).next();
    let table = error_table(call.ctx, call.state, text.unwrap_or_default());
    call.one(table)
}

/// redis.status_reply(text)
fn status_reply<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let Some(text) = only_string(call) else {
        let refusal = refusal(call, "wrong number or type of arguments");
        return call.one(refusal);
    };
    let table = call.state.new_table(call.ctx);
    call.state.set_name(call.ctx, table, "ok", text);
    call.one(table)
}

/// redis.set_repl(flags)
fn set_repl<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.count() != 1 {
        return Err(refuse(call, "redis.set_repl() requires one argument."));
    }
    let flags = to_int(to_number(call.arg(0)).unwrap_or(0.0));
    match u8::try_from(flags) {
        Ok(flags @ 0..=3) => call.state.shared().replication.set(Some(flags)),
        _ => {
            return Err(refuse(
                call,
                "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
            ));
        }
    }
    call.none()
}

/// redis.breakpoint()
fn breakpoint<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.one(false)
}

/// redis.debug(...)
fn debug<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.none()
}

/// redis.replicate_commands()
fn replicate_commands<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.one(true)
}
