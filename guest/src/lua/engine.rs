//! The machine: loads scripts, starts them, and runs them in slices until they end. Between two
//! slices others may be served, and garbage is collected.

use std::rc::Rc;

use gc_arena::metrics::Pacing;
use piccolo::{
    Closure, Context, Executor, Fuel, Function, Lua as Machine, StashedClosure, StashedExecutor,
    Value, Variadic,
};

use super::arguments::{Argument, List};
use super::compile::{Naming, compile};
use super::errors::{self, Failure, failure_of};
use super::function::{Loading, Registered};
use super::infer::Mode;
use super::lib;
use super::lib::redis::conclude;
use super::number;
use super::reply::{self, LuaReply};
use super::state::{LogEntry, Pending, Request, Shared, StashedState, State};
use crate::resp::{Args, Protocol, Sink};

/// Instructions in one slice: a fraction of a millisecond.
const SLICE: i32 = 4_096;

/// Bytes of garbage that may pile up before the machine, however small, is searched for it.
const GARBAGE: usize = 256 << 10;

/// A machine that holds less is searched whenever somebody asks how much it holds.
const SMALL: usize = 1 << 20;

/// Instructions for what a library does while it loads.
const LOAD_STEPS: u64 = 20_000_000;

/// What chunks are loaded as.
const SCRIPT: &str = "user_script";
const FUNCTION: &str = "user_function";

/// What scripts ask the engine around them for.
pub trait Port {
    /// Runs a command of the script, whose changes go where `replication` says, and writes its reply.
    fn call(&mut self, args: Args<'_>, replication: Replication, reply: &mut dyn Sink);

    /// Whether the script's user may run the command; if there is none such, why not.
    fn may_run(&mut self, args: Args<'_>) -> Result<bool, Unknown>;
}

/// What a script said with `redis.set_repl`: where its changes go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replication(Option<u8>);

impl Replication {
    /// `redis.REPL_REPLICA`
    const REPLICAS: u8 = 2;

    /// True if replicas are told.
    pub fn reaches_replicas(self) -> bool {
        self.0.is_none_or(|bits| bits & Self::REPLICAS != 0)
    }
}

/// What is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There is none of that name.
    Command,
    /// It takes more arguments, or fewer.
    Arity,
}

impl Unknown {
    /// What a script hears that asks for it.
    fn text(self) -> &'static str {
        match self {
            Unknown::Command => "Invalid command passed to redis.acl_check_cmd()",
            Unknown::Arity => "Wrong number of args for redis.acl_check_cmd()",
        }
    }
}

/// A script that is loaded.
#[derive(Clone, Debug)]
pub struct Script {
    closure: StashedClosure,
    chunk: usize,
    sees_globals: bool,
    needs: [bool; 2],
    arguments: Rc<[Argument]>,
}

/// How far a script came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It returned; its value waits for [`Lua::write_reply`].
    Done,
    /// It needs more time.
    Yielded,
    /// It ended with an error.
    Failed(Failure),
}

/// What runs.
enum Entry<'s> {
    Script(&'s Script),
    Function(usize),
}

/// What runs, by what it shares with others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A script of EVAL.
    Script,
    /// A function of a library.
    Function,
}

/// A machine for Lua. One script runs at a time.
pub struct Lua {
    machine: Machine,
    executor: StashedExecutor,
    state: StashedState,
    shared: Rc<Shared>,
    memory_limit: usize,
    /// What it held when garbage was last let go of.
    tidied: usize,
    entered: Entered,
    /// Whose settings are the present ones.
    caller: Caller,
}

/// What was entered last.
enum Entered {
    Nothing,
    Script(StashedClosure),
    Function(usize),
}

impl Default for Lua {
    fn default() -> Self {
        Lua::new()
    }
}

impl Lua {
    /// A machine with all libraries.
    pub fn new() -> Self {
        let mut machine = Machine::empty();
        let pacing = Pacing::default().with_min_sleep(GARBAGE);
        machine.gc_metrics().set_pacing(pacing);
        let (executor, state, shared) = machine.enter(|ctx| {
            let state = State::of(ctx);
            let executor = ctx.stash(Executor::new(ctx));
            (executor, state.stash(ctx), state.shared_rc())
        });
        Lua {
            machine,
            executor,
            state,
            shared,
            memory_limit: usize::MAX,
            tidied: 0,
            entered: Entered::Nothing,
            caller: Caller::Script,
        }
    }

    /// Begins anew, with nothing loaded. Chance goes on.
    pub fn renew(&mut self) {
        let random = *self.shared.random.borrow();
        *self = Lua::new();
        *self.shared.random.borrow_mut() = random;
    }

    /// Sets back what callers of that kind have set.
    pub fn reset_settings(&mut self, of: Caller) {
        let settings = match self.caller == of {
            true => &self.shared.cjson,
            false => &self.shared.other_cjson,
        };
        settings.take();
    }

    /// Bytes that Lua holds.
    pub fn memory(&self) -> usize {
        self.machine.total_memory()
    }

    /// Lets go of garbage, if that takes no time, or if there may be much of it.
    pub fn tidy(&mut self) {
        let memory = self.memory();
        if memory < SMALL || memory > self.tidied + self.tidied / 8 {
            // The first ends a cycle under way, which passes over what was let go of since it began.
            self.machine.gc_collect();
            self.machine.gc_collect();
            self.tidied = self.memory();
        }
    }

    /// Ends a script that makes Lua hold more bytes than that.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.memory_limit = bytes;
        self.shared.memory_limit.set(bytes);
    }

    /// Compiles a script. The error is a message with its place.
    pub fn load(&mut self, source: &[u8]) -> Result<Script, Vec<u8>> {
        self.load_as(source, SCRIPT, Mode::Script)
    }

    fn load_as(&mut self, source: &[u8], name: &str, mode: Mode) -> Result<Script, Vec<u8>> {
        self.machine.enter(|ctx| {
            let state = State::of(ctx);
            let compiled = compile(ctx, state, Naming::named(name), source, mode)?;
            Ok(Script {
                closure: ctx.stash(compiled.closure),
                chunk: compiled.chunk,
                sees_globals: compiled.sees_globals,
                needs: compiled.needs,
                arguments: compiled.arguments.into(),
            })
        })
    }

    /// Forgets a script that does not run.
    pub fn unload(&mut self, script: Script) {
        self.shared.chunks.borrow_mut().remove(script.chunk);
    }

    /// Begins a script with its keys and arguments.
    pub fn start(&mut self, script: &Script, keys: Args<'_>, args: Args<'_>) {
        self.begin(&Entry::Script(script), keys, args);
    }

    /// Begins a function of a library, by the number under which it was registered.
    pub fn start_function(&mut self, function: usize, keys: Args<'_>, args: Args<'_>) {
        self.begin(&Entry::Function(function), keys, args);
    }

    fn begin(&mut self, entry: &Entry<'_>, keys: Args<'_>, args: Args<'_>) {
        self.shared.protocol.set(Protocol::Resp2);
        self.shared.replication.set(None);
        self.shared.raised.set(None);
        self.shared.pending.set(None);
        self.shared.steps.set(0);
        let caller = match entry {
            Entry::Script(_) => Caller::Script,
            Entry::Function(_) => Caller::Function,
        };
        if self.caller != caller {
            self.caller = caller;
            self.shared.cjson.swap(&self.shared.other_cjson);
        }
        self.entered = match entry {
            Entry::Script(script) => Entered::Script(script.closure.clone()),
            Entry::Function(number) => Entered::Function(*number),
        };
        let (executor, state) = (&self.executor, &self.state);
        self.machine.enter(|ctx| {
            let state = State::fetch(ctx, state);
            state.set_cell(ctx, lib::site_cell(), Value::Nil);
            // What a script does not look at is not made; nil would stand for a library's code.
            let [needs_keys, needs_args] = match entry {
                Entry::Script(script) => script.needs,
                Entry::Function(_) => [true; 2],
            };
            let made = |is_needed: bool, args: Args<'_>| match is_needed {
                true => array(ctx, state, args),
                false => Value::Boolean(false),
            };
            if let Entry::Script(script) = entry {
                for argument in script.arguments.iter() {
                    let given = match argument.list {
                        List::Keys => keys.get(argument.place),
                        List::Argv => args.get(argument.place),
                    };
                    let value = match given {
                        Some(text) if argument.as_number => {
                            number::parse(text).map_or(Value::Nil, Value::Number)
                        }
                        Some(text) => state.string(ctx, text),
                        None => Value::Nil,
                    };
                    state.set_cell(ctx, argument.cell(), value);
                }
            }
            let (keys, args) = (made(needs_keys, keys), made(needs_args, args));
            let executor = ctx.fetch(executor);
            match entry {
                Entry::Script(script) => {
                    state.set_cell(ctx, lib::keys_cell(), keys);
                    state.set_cell(ctx, lib::argv_cell(), args);
                    if script.sees_globals {
                        state.show_arguments(ctx);
                    }
                    let closure: Closure<'_> = ctx.fetch(&script.closure);
                    executor.restart(ctx, closure.into(), ());
                }
                Entry::Function(number) => {
                    state.set_cell(ctx, lib::keys_cell(), Value::Nil);
                    state.set_cell(ctx, lib::argv_cell(), Value::Nil);
                    state.show_arguments(ctx);
                    if let Value::Function(function) = state.kept_function(*number) {
                        executor.restart(ctx, function, Variadic([keys, args]));
                    }
                }
            }
        });
    }

    /// Runs what was begun for about so many instructions.
    pub fn run(&mut self, port: &mut dyn Port, steps: u64) -> Step {
        let mut left = steps;
        loop {
            let used = self.slice(port);
            match used {
                Ok(Some(step)) => return step,
                Ok(None) => {}
                Err(failure) => {
                    self.stop();
                    return Step::Failed(failure);
                }
            }
            let slice = SLICE as u64;
            self.shared.steps.set(self.shared.steps.get() + slice);
            if left <= slice {
                return Step::Yielded;
            }
            left -= slice;
        }
    }

    /// One slice. None where there is more to do.
    fn slice(&mut self, port: &mut dyn Port) -> Result<Option<Step>, Failure> {
        let (executor, state) = (&self.executor, &self.state);
        let ended = self.machine.enter(|ctx| {
            let executor: Executor<'_> = ctx.fetch(executor);
            let state = State::fetch(ctx, state);
            let mut fuel = Fuel::with(SLICE);
            loop {
                let ended = executor.step(ctx, &mut fuel);
                if let Some(asked) = state.shared().pending.take() {
                    let answer = serve(ctx, state, asked.request, port);
                    give(ctx, state, executor, asked, answer);
                    fuel.clear_interrupt();
                } else if ended {
                    return Some(finish(ctx, state, executor));
                }
                if fuel.remaining() <= 0 {
                    return None;
                }
            }
        });
        if ended.is_none() && self.machine.total_memory() > self.memory_limit {
            return Err(self.too_much());
        }
        Ok(ended)
    }

    /// The error of a script that makes Lua hold too much: endless recursion, or endless data.
    fn too_much(&self) -> Failure {
        let metrics = self.machine.gc_metrics();
        if metrics.total_external_allocation() / 8 * 9 > metrics.total_allocation() {
            Failure::plain("ERR stack overflow")
        } else {
            Failure::plain("ERR not enough memory")
        }
    }

    /// Ends what runs because somebody wants it to; the error names where it was.
    pub fn kill(&mut self) -> Failure {
        let entered = &self.entered;
        let failure = self.machine.enter(|ctx| {
            let state = State::of(ctx);
            let closure = match entered {
                Entered::Nothing => None,
                Entered::Script(closure) => Some(ctx.fetch(closure)),
                Entered::Function(number) => match state.kept_function(*number) {
                    Value::Function(Function::Closure(closure)) => Some(closure),
                    _ => None,
                },
            };
            errors::killed(state, closure)
        });
        self.stop();
        failure
    }

    /// Ends what runs, whatever it does.
    pub fn stop(&mut self) {
        let executor = &self.executor;
        self.machine.enter(|ctx| {
            let executor: Executor<'_> = ctx.fetch(executor);
            executor.stop(&ctx);
            State::of(ctx).set_reply(ctx, Value::Nil);
        });
        self.shared.pending.set(None);
    }

    /// Writes what the last script returned; true if that is an error. `count` is told of errors that
    /// no command has counted.
    pub fn write_reply(&mut self, reply: &mut dyn Sink, count: &mut dyn FnMut(&[u8])) -> bool {
        let protocol = self.shared.protocol.get();
        let state = &self.state;
        self.machine.enter(|ctx| {
            let state = State::fetch(ctx, state);
            let value = state.reply();
            state.set_reply(ctx, Value::Nil);
            reply::write(ctx, state, value, protocol, reply, count)
        })
    }

    /// Loads a library's code, which registers functions. The error is its text without the code.
    pub fn load_library(&mut self, code: &[u8]) -> Result<Vec<Registered>, Vec<u8>> {
        let script = self
            .load_as(code, FUNCTION, Mode::Library)
            .map_err(|message| [b"Error compiling function: ", &message[..]].concat())?;
        *self.shared.loading.borrow_mut() = Some(Loading::default());
        let nothing = crate::resp::OwnedArgs::default();
        self.start(&script, nothing.as_args(), nothing.as_args());
        let ended = self.run(&mut Nobody, LOAD_STEPS);
        let loading = self.shared.loading.borrow_mut().take().unwrap_or_default();
        let failure = match ended {
            Step::Done if loading.functions.is_empty() => {
                return Err(b"No functions registered".to_vec());
            }
            Step::Done => return Ok(loading.functions),
            Step::Yielded => {
                self.stop();
                b"ERR FUNCTION LOAD timeout".to_vec()
            }
            Step::Failed(failure) => failure.message,
        };
        self.drop_functions(&loading.functions);
        Err([b"Error registering functions: ", &failure[..]].concat())
    }

    /// Lets go of functions of a library that is deleted.
    pub fn drop_functions(&mut self, functions: &[Registered]) {
        self.machine.enter(|ctx| {
            let state = State::of(ctx);
            for registered in functions {
                state.drop_function(ctx, registered.function);
            }
        });
    }

    /// Lines that scripts logged since the last time.
    pub fn take_logs(&mut self) -> Vec<LogEntry> {
        std::mem::take(&mut self.shared.logs.borrow_mut())
    }

    /// The time that `os.clock` starts from, in microseconds.
    pub fn set_now_us(&mut self, now_us: u64) {
        self.shared.now_us.set(now_us);
    }
}

fn array<'gc>(ctx: Context<'gc>, state: State<'gc>, args: Args<'_>) -> Value<'gc> {
    state
        .new_array(ctx, args.iter().map(|arg| state.string(ctx, arg)))
        .into()
}

/// Does what a script asks the engine for.
fn serve<'gc>(
    ctx: Context<'gc>,
    state: State<'gc>,
    request: Request,
    port: &mut dyn Port,
) -> Value<'gc> {
    let shared = state.shared();
    let args = shared.request.borrow();
    match request {
        Request::CheckAcl => match port.may_run(args.as_args()) {
            Ok(allowed) => Value::Boolean(allowed),
            Err(unknown) => state.string(ctx, unknown.text().as_bytes()),
        },
        Request::Call | Request::ProtectedCall => {
            let mut reply = LuaReply::new(ctx, state, shared.protocol.get());
            let replication = Replication(shared.replication.get());
            port.call(args.as_args(), replication, &mut reply);
            let (value, is_error) = reply.finish();
            shared.raise_reply.set(is_error && request == Request::Call);
            value
        }
    }
}

/// Hands an answer to the script that waits for it.
fn give<'gc>(
    ctx: Context<'gc>,
    state: State<'gc>,
    executor: Executor<'gc>,
    asked: Pending,
    answer: Value<'gc>,
) {
    if asked.is_in_coroutine {
        state.set_reply(ctx, answer);
        return;
    }
    // It is in that mode, and yielded no values; what follows finds it suspended.
    let _ = executor.take_result::<()>(ctx);
    let _ = match conclude(ctx, state, asked, answer) {
        Ok(value) => executor.resume(ctx, value),
        Err(error) => executor.resume_err(&ctx, error),
    };
}

/// Takes what a script returned.
fn finish<'gc>(ctx: Context<'gc>, state: State<'gc>, executor: Executor<'gc>) -> Step {
    match executor.take_result::<Value<'gc>>(ctx) {
        Ok(Ok(value)) => {
            state.set_reply(ctx, value);
            Step::Done
        }
        Ok(Err(error)) => Step::Failed(failure_of(ctx, state, error)),
        Err(_) => Step::Failed(Failure::plain("ERR execution failure")),
    }
}

/// No engine: a library that loads can't ask for anything.
struct Nobody;

impl Port for Nobody {
    fn call(&mut self, _args: Args<'_>, _replication: Replication, reply: &mut dyn Sink) {
        reply.error(b"ERR redis.call can only be called inside a script invocation");
    }

    fn may_run(&mut self, _args: Args<'_>) -> Result<bool, Unknown> {
        Err(Unknown::Command)
    }
}
