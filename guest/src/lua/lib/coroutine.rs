//! `coroutine`

use gc_arena::Collect;
use piccolo::thread::ThreadMode;
use piccolo::{
    BoxSequence, CallbackReturn, Context, Error, Execution, Function, Sequence, SequencePoll,
    Stack, Thread, Value,
};

use super::{Library, entry, running};
use crate::lua::call::{Call, Outcome};
use crate::lua::errors::value_of;
use crate::lua::kinds::Kinds;
use crate::lua::state::State;

/// The library.
pub const LIBRARY: Library = Library {
    name: "coroutine",
    entries: &[
        entry("create", create, Kinds::ANY),
        running("resume", resume, Kinds::BOOL),
        entry("running", running_thread, Kinds::ANY),
        entry("status", status, Kinds::STRING),
        entry("wrap", wrap, Kinds::FUNCTION),
        running("yield", yield_values, Kinds::ANY),
    ],
    constants: &[],
    size: 6,
    order: &[],
};

fn check_thread<'gc>(call: &Call<'gc, '_>) -> Result<Thread<'gc>, Error<'gc>> {
    match call.arg(0) {
        Value::Thread(thread) => Ok(thread),
        _ => Err(call.arg_error(0, "coroutine expected")),
    }
}

fn new_thread<'gc>(call: &mut Call<'gc, '_>) -> Result<Thread<'gc>, Error<'gc>> {
    let Value::Function(function @ Function::Closure(_)) = call.arg(0) else {
        return Err(call.arg_error(0, "Lua function expected"));
    };
    call.reserve(256)?;
    let thread = Thread::new(call.ctx);
    // A thread that is new is stopped, and can be started.
    let _ = thread.start_suspended(&call.ctx, function);
    Ok(thread)
}

/// coroutine.create(f)
fn create<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let thread = new_thread(call)?;
    call.one(thread)
}

/// How a coroutine is doing, seen from the one that runs.
fn state_of<'gc>(call: &Call<'gc, '_>, thread: Thread<'gc>) -> &'static str {
    if call.exec.current_thread().thread == thread {
        return "running";
    }
    match thread.mode() {
        ThreadMode::Suspended => "suspended",
        ThreadMode::Stopped | ThreadMode::Result => "dead",
        _ => "normal",
    }
}

/// coroutine.status(co)
fn status<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let thread = check_thread(call)?;
    let state = state_of(call, thread);
    let text = call.ctx.intern_static(state.as_bytes());
    call.one(text)
}

/// coroutine.running()
fn running_thread<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let current = call.exec.current_thread();
    if current.is_main {
        return call.one(Value::Nil);
    }
    call.one(current.thread)
}

/// coroutine.yield(...)
fn yield_values<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.exec.current_thread().is_main {
        let text = b"attempt to yield across metamethod/C-call boundary";
        return Err(call.error_without_place(text));
    }
    Ok(CallbackReturn::Yield {
        to_thread: None,
        then: None,
    })
}

/// What becomes of the results of a coroutine, and of its error.
#[derive(Collect)]
#[collect(require_static)]
struct Resumed {
    /// `coroutine.wrap` passes errors on.
    raises: bool,
}

impl<'gc> Sequence<'gc> for Resumed {
    fn poll(
        &mut self,
        _: Context<'gc>,
        _: Execution<'gc, '_>,
        mut stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        if !self.raises {
            stack.push_front(Value::Boolean(true));
        }
        Ok(SequencePoll::Return)
    }

    fn error(
        &mut self,
        ctx: Context<'gc>,
        exec: Execution<'gc, '_>,
        error: Error<'gc>,
        mut stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let state = State::of(ctx);
        let value = value_of(ctx, state, error);
        if self.raises {
            let call = Call {
                ctx,
                state,
                exec,
                stack,
            };
            return Err(match value {
                Value::String(text) => call.error(text.as_bytes()),
                other => call.raise(other),
            });
        }
        stack.clear();
        stack.extend([Value::Boolean(false), value]);
        Ok(SequencePoll::Return)
    }
}

fn resume_with<'gc>(call: &mut Call<'gc, '_>, thread: Thread<'gc>, raises: bool) -> Outcome<'gc> {
    let state = state_of(call, thread);
    if state != "suspended" {
        let text = format!("cannot resume {state} coroutine");
        if raises {
            return Err(call.error(text));
        }
        let text = call.new_text(text.as_bytes());
        return call.many([Value::Boolean(false), text]);
    }
    let then = BoxSequence::new(&call.ctx, Resumed { raises });
    Ok(CallbackReturn::Resume {
        thread,
        then: Some(then),
    })
}

/// coroutine.resume(co, ...)
fn resume<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let thread = check_thread(call)?;
    call.stack.drain(..1);
    resume_with(call, thread, false)
}

/// coroutine.wrap(f)
fn wrap<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let thread = new_thread(call)?;
    let function = piccolo::Callback::from_fn_with(
        &call.ctx,
        (call.state, thread),
        |(state, thread), ctx, exec, stack| {
            let mut call = Call {
                ctx,
                state: *state,
                exec,
                stack,
            };
            resume_with(&mut call, *thread, true)
        },
    );
    call.one(function)
}
