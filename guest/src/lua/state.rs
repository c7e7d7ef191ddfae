//! What all functions of the libraries share: the guards of tables, the cells through which compiled
//! code reaches the libraries, and what passes between a script and the engine outside.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;

use gc_arena::lock::RefLock;
use gc_arena::{Collect, DynamicRoot, Gc, Rootable};
use piccolo::closure::{UpValue, UpValueState};
use piccolo::{Callback, Context, Singleton, String, Table, UserData, Value};

use super::arguments;
use super::function::Loading;
use super::lib::cjson::Settings;
use super::lib::{self, Entry};
use super::random::Random;
use super::site::{Chunks, SiteId};
use crate::resp::{OwnedArgs, Protocol};

/// What a script asks the engine for. The arguments are in [`Shared::request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `redis.call`: an error is raised.
    Call,
    /// `redis.pcall`: an error is returned.
    ProtectedCall,
    /// `redis.acl_check_cmd`
    CheckAcl,
}

/// A question that is put to the engine.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// What is asked for.
    pub request: Request,
    /// Where the function stands that asks.
    pub asked_at: Option<Raised>,
    /// It waits inside a coroutine; otherwise the main thread has yielded.
    pub is_in_coroutine: bool,
}

/// Where an error was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The site that is known.
    pub site: SiteId,
    /// The line, where the site spans several.
    pub line: Option<u32>,
}

impl Raised {
    /// At a site.
    pub fn at(site: SiteId) -> Self {
        Raised { site, line: None }
    }
}

/// A line for the log.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// 0 to 3, as `redis.LOG_DEBUG` to `redis.LOG_WARNING`.
    pub level: i64,
    /// What to say.
    pub text: Vec<u8>,
}

/// What is no value of Lua's.
#[derive(Debug)]
pub struct Shared {
    /// The chunks that are loaded.
    pub chunks: RefCell<Chunks>,
    /// Where the last error was raised; none where no script stood there.
    pub raised: Cell<Option<Raised>>,
    /// Set by a function that needs the engine.
    pub pending: Cell<Option<Pending>>,
    /// The arguments of what is pending.
    pub request: RefCell<OwnedArgs>,
    /// What the engine answered is an error to raise.
    pub raise_reply: Cell<bool>,
    /// Lines that scripts logged.
    pub logs: RefCell<Vec<LogEntry>>,
    /// `redis.set_repl`, since the script began.
    pub replication: Cell<Option<u8>>,
    /// What `math.random` draws from.
    pub random: RefCell<Random>,
    /// The protocol of `redis.call`'s replies.
    pub protocol: Cell<Protocol>,
    /// Bytes that Lua may hold.
    pub memory_limit: Cell<usize>,
    /// The settings of `cjson` for whoever runs.
    pub cjson: Cell<Settings>,
    /// Those of others: scripts and functions have settings of their own.
    pub other_cjson: Cell<Settings>,
    /// A library is being loaded, and what it registered so far.
    pub loading: RefCell<Option<Loading>>,
    /// The time of the script, in microseconds.
    pub now_us: Cell<u64>,
    /// Instructions since the script began: what `os.clock` measures by.
    pub steps: Cell<u64>,
}

type Slot<'gc, T> = Gc<'gc, RefLock<T>>;

fn slot<'gc, T: Collect + 'gc>(ctx: Context<'gc>, value: T) -> Slot<'gc, T> {
    Gc::new(&ctx, RefLock::new(value))
}

/// What is of Lua, and lives as long as the machine.
#[derive(Collect)]
#[collect(no_drop)]
pub struct StateData<'gc> {
    layout_key: UserData<'gc>,
    null: UserData<'gc>,
    plain_guards: Slot<'gc, Vec<Table<'gc>>>,
    callbacks: Slot<'gc, Vec<Callback<'gc>>>,
    cells: Slot<'gc, Vec<UpValue<'gc>>>,
    string_metatable: Slot<'gc, Option<Table<'gc>>>,
    globals: Slot<'gc, Option<Table<'gc>>>,
    load_globals: Slot<'gc, Option<Table<'gc>>>,
    reply: Slot<'gc, Value<'gc>>,
    functions: Slot<'gc, Vec<Value<'gc>>>,
    #[collect(require_static)]
    shared: Rc<Shared>,
}

/// The state of a machine, for whoever is outside.
pub type StashedState = DynamicRoot<Rootable![State<'_>]>;

/// Passed to every function of the libraries.
#[derive(Clone, Copy, Collect)]
#[collect(no_drop)]
pub struct State<'gc>(Gc<'gc, StateData<'gc>>);

impl<'gc> Singleton<'gc> for State<'gc> {
    fn create(ctx: Context<'gc>) -> Self {
        let shared = Rc::new(Shared {
            chunks: RefCell::default(),
            raised: Cell::new(None),
            pending: Cell::new(None),
            request: RefCell::default(),
            raise_reply: Cell::new(false),
            logs: RefCell::default(),
            replication: Cell::new(None),
            random: RefCell::default(),
            protocol: Cell::new(Protocol::Resp2),
            memory_limit: Cell::new(usize::MAX),
            cjson: Cell::default(),
            other_cjson: Cell::default(),
            loading: RefCell::new(None),
            now_us: Cell::new(0),
            steps: Cell::new(0),
        });
        let state = State(Gc::new(
            &ctx,
            StateData {
                layout_key: UserData::new_static(&ctx, ()),
                null: UserData::new_static(&ctx, ()),
                plain_guards: slot(ctx, Vec::new()),
                callbacks: slot(ctx, Vec::new()),
                cells: slot(ctx, Vec::new()),
                string_metatable: slot(ctx, None),
                globals: slot(ctx, None),
                load_globals: slot(ctx, None),
                reply: slot(ctx, Value::Nil),
                functions: slot(ctx, Vec::new()),
                shared,
            },
        ));
        state.install(ctx);
        state
    }
}

impl<'gc> State<'gc> {
    /// The one of this machine.
    pub fn of(ctx: Context<'gc>) -> Self {
        *ctx.singleton::<Rootable![State<'_>]>()
    }

    /// Keeps it where the engine finds it at once.
    pub fn stash(self, ctx: Context<'gc>) -> StashedState {
        ctx.registry().roots().stash(&ctx, self)
    }

    /// The one that was kept.
    pub fn fetch(ctx: Context<'gc>, stashed: &StashedState) -> Self {
        *ctx.registry().roots().fetch(stashed)
    }

    fn install(self, ctx: Context<'gc>) {
        let callbacks: Vec<Callback<'gc>> = lib::entries()
            .map(|entry| {
                let run = entry.run;
                Callback::from_fn_with(&ctx, self, move |state, ctx, exec, stack| {
                    let mut call = super::call::Call {
                        ctx,
                        state: *state,
                        exec,
                        stack,
                    };
                    run(&mut call)
                })
            })
            .collect();
        let mut cells: Vec<UpValue<'gc>> = callbacks
            .iter()
            .map(|callback| UpValue::new(&ctx, UpValueState::Closed(Value::from(*callback))))
            .collect();
        for _ in 0..lib::SPECIAL.len() + arguments::CELLS {
            cells.push(UpValue::new(&ctx, UpValueState::Closed(Value::Nil)));
        }
        *self.0.callbacks.borrow_mut(&ctx) = callbacks;
        *self.0.cells.borrow_mut(&ctx) = cells;
        self.make_plain_guards(ctx);
        lib::install(self, ctx);
    }

    /// What is no value of Lua's.
    pub fn shared(self) -> &'gc Shared {
        &self.0.as_ref().shared
    }

    /// The same, for whoever is outside the machine.
    pub fn shared_rc(self) -> Rc<Shared> {
        self.0.shared.clone()
    }

    /// The key under which tables keep their layout.
    pub(super) fn layout_key(self) -> UserData<'gc> {
        self.0.layout_key
    }

    /// `cjson.null`
    pub fn null(self) -> UserData<'gc> {
        self.0.null
    }

    pub(super) fn plain_guards(&self) -> Ref<'_, Vec<Table<'gc>>> {
        self.0.plain_guards.borrow()
    }

    pub(super) fn plain_guards_mut(&self, ctx: Context<'gc>) -> RefMut<'_, Vec<Table<'gc>>> {
        self.0.plain_guards.borrow_mut(&ctx)
    }

    /// A function by its place among all [`lib::entries`].
    pub fn function(self, index: usize) -> Value<'gc> {
        match self.0.callbacks.borrow().get(index) {
            Some(callback) => Value::from(*callback),
            None => Value::Nil,
        }
    }

    /// A function that compiled code or a metatable of ours calls.
    pub(super) fn callback(self, name: &str) -> Value<'gc> {
        let is_it = |entry: &Entry| entry.name.as_bytes() == name.as_bytes();
        match lib::entries().position(is_it) {
            Some(index) => self.function(index),
            None => unreachable!("{name:?} is no function of ours"),
        }
    }

    /// The cell through which compiled code reaches a function or a variable of ours.
    pub fn cell(self, index: usize) -> Option<UpValue<'gc>> {
        self.0.cells.borrow().get(index).copied()
    }

    /// What a cell holds.
    pub fn cell_value(self, index: usize) -> Value<'gc> {
        match self.cell(index).map(UpValue::get) {
            Some(UpValueState::Closed(value)) => value,
            _ => Value::Nil,
        }
    }

    /// Makes a cell hold something else.
    pub fn set_cell(self, ctx: Context<'gc>, index: usize, value: Value<'gc>) {
        if let Some(cell) = self.cell(index) {
            cell.set(&ctx, UpValueState::Closed(value));
        }
    }

    /// The metatable of all strings.
    pub fn string_metatable(self) -> Option<Table<'gc>> {
        *self.0.string_metatable.borrow()
    }

    /// `_G`
    pub fn globals(self) -> Option<Table<'gc>> {
        *self.0.globals.borrow()
    }

    /// Puts KEYS and ARGV among the globals, for a script that looks there.
    pub fn show_arguments(self, ctx: Context<'gc>) {
        if let Some(globals) = self.globals() {
            let globals = self.real(globals);
            for (name, cell) in [("KEYS", lib::keys_cell()), ("ARGV", lib::argv_cell())] {
                self.set_name(ctx, globals, name, self.cell_value(cell));
            }
        }
    }

    /// What a library sees while it loads.
    pub fn load_globals(self) -> Option<Table<'gc>> {
        *self.0.load_globals.borrow()
    }

    pub(super) fn set_globals(
        self,
        ctx: Context<'gc>,
        globals: Table<'gc>,
        load_globals: Table<'gc>,
        string_metatable: Table<'gc>,
    ) {
        *self.0.load_globals.borrow_mut(&ctx) = Some(load_globals);
        *self.0.globals.borrow_mut(&ctx) = Some(globals);
        *self.0.string_metatable.borrow_mut(&ctx) = Some(string_metatable);
    }

    /// What the engine answered.
    pub fn reply(self) -> Value<'gc> {
        *self.0.reply.borrow()
    }

    /// Keeps what the engine answers.
    pub fn set_reply(self, ctx: Context<'gc>, reply: Value<'gc>) {
        *self.0.reply.borrow_mut(&ctx) = reply;
    }

    /// Keeps a function that a library registers, and tells its number.
    pub fn keep_function(self, ctx: Context<'gc>, function: Value<'gc>) -> usize {
        let mut functions = self.0.functions.borrow_mut(&ctx);
        match functions.iter().position(|kept| kept.is_nil()) {
            Some(free) => {
                functions[free] = function;
                free
            }
            None => {
                functions.push(function);
                functions.len() - 1
            }
        }
    }

    /// A function that was kept.
    pub fn kept_function(self, number: usize) -> Value<'gc> {
        let functions = self.0.functions.borrow();
        functions.get(number).copied().unwrap_or_default()
    }

    /// Lets go of a function that was kept.
    pub fn drop_function(self, ctx: Context<'gc>, number: usize) {
        let mut functions = self.0.functions.borrow_mut(&ctx);
        if let Some(kept) = functions.get_mut(number) {
            *kept = Value::Nil;
        }
    }

    /// A string of Lua's.
    pub fn string(self, ctx: Context<'gc>, bytes: &[u8]) -> Value<'gc> {
        Value::String(String::from_slice(&ctx, bytes))
    }
}
