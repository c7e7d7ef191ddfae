//! The libraries that scripts find: which functions there are, where compiled code reaches them, and
//! the tables in which scripts see them.

pub mod base;
pub mod bit;
pub mod cjson;
mod cjson_decode;
mod cjson_encode;
pub mod cmsgpack;
pub mod coroutine;
pub mod format;
pub mod math;
mod names;
pub mod os;
pub mod pattern;
pub mod redis;
pub mod string;
pub mod strukt;
pub mod table;

use piccolo::{Context, Table, Value};

use super::arguments::Argument;
use super::call::Native;
use super::kinds::Kinds;
use super::ops;
use super::state::State;

/// A function of a library.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub run: Native,
    /// What its first result may be.
    pub gives: Kinds,
    /// It may run a script's function, which may raise its own errors.
    pub runs_scripts: bool,
}

/// A function that runs no other.
pub const fn entry(name: &'static str, run: Native, gives: Kinds) -> Entry {
    Entry {
        name,
        run,
        gives,
        runs_scripts: false,
    }
}

/// A function that may run a script's.
pub const fn running(name: &'static str, run: Native, gives: Kinds) -> Entry {
    Entry {
        name,
        run,
        gives,
        runs_scripts: true,
    }
}

/// A field of a library that is no function.
#[derive(Clone, Copy)]
pub enum Constant {
    /// A number.
    Number(f64),
    /// A string.
    Text(&'static str),
    /// Another name of a function.
    Alias(&'static str),
    /// `cjson.null`
    Null,
}

/// A library.
pub struct Library {
    /// The global that holds it; none for the functions that are globals themselves.
    pub name: &'static str,
    /// Its functions, in the order in which the real one registers them: it shows in traversals.
    pub entries: &'static [Entry],
    /// What else it has.
    pub constants: &'static [(&'static str, Constant)],
    /// How many fields its table is made for.
    pub size: usize,
    /// The order in which its fields are set, where functions and others are mixed: it shows in
    /// traversals. Fields that are not named here come first.
    pub order: &'static [&'static str],
}

/// All libraries, in the order in which the real ones are opened.
const LIBRARIES: &[&Library] = &[
    &base::LIBRARY,
    &coroutine::LIBRARY,
    &table::LIBRARY,
    &string::LIBRARY,
    &math::LIBRARY,
    &os::LIBRARY,
    &cjson::LIBRARY,
    &strukt::LIBRARY,
    &cmsgpack::LIBRARY,
    &bit::LIBRARY,
    &redis::LIBRARY,
    &redis::LOADING,
];

/// Cells that hold no function: the site of the statement, KEYS and ARGV.
pub const SPECIAL: [&str; 3] = ["site", "KEYS", "ARGV"];

/// Every function, ours first.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    ops::ENTRIES
        .iter()
        .chain(LIBRARIES.iter().flat_map(|library| library.entries))
}

const fn count() -> usize {
    let mut count = ops::ENTRIES.len();
    let mut at = 0;
    while at < LIBRARIES.len() {
        count += LIBRARIES[at].entries.len();
        at += 1;
    }
    count
}

/// The cell that holds the site of the statement at hand.
pub fn site_cell() -> usize {
    count()
}

/// The cell of KEYS.
pub fn keys_cell() -> usize {
    count() + 1
}

/// The cell of ARGV.
pub fn argv_cell() -> usize {
    count() + 2
}

/// The first cell of single arguments.
pub fn argument_cells() -> usize {
    count() + SPECIAL.len()
}

/// The cell of one of our own functions.
pub fn helper_cell(name: &str) -> usize {
    ops::ENTRIES
        .iter()
        .position(|entry| entry.name == name)
        .unwrap_or_default()
}

/// What a global name, or a field of a library, always means.
#[derive(Clone, Copy)]
pub enum Known {
    /// A function, and its cell.
    Function(usize, &'static Entry),
    /// A number.
    Number(f64),
    /// A string.
    Text(&'static str),
    /// A table in a cell.
    Cell(usize),
    /// A single argument in a cell.
    Argument(Argument),
}

/// The place of each library's first function among all of them.
const FIRST: [usize; LIBRARIES.len()] = {
    let mut first = [ops::ENTRIES.len(); LIBRARIES.len()];
    let mut at = 1;
    while at < LIBRARIES.len() {
        first[at] = first[at - 1] + LIBRARIES[at - 1].entries.len();
        at += 1;
    }
    first
};

/// What `library.name` means; with no library, the global `name`.
pub fn find(library: &[u8], name: &[u8]) -> Option<Known> {
    let (number, place) = names::find(library, name)?;
    let fields = LIBRARIES[number];
    if let Some(entry) = fields.entries.get(place) {
        return Some(Known::Function(FIRST[number] + place, entry));
    }
    match fields.constants[place - fields.entries.len()].1 {
        Constant::Number(number) => Some(Known::Number(number)),
        Constant::Text(text) => Some(Known::Text(text)),
        Constant::Alias(other) => find(library, other.as_bytes()),
        Constant::Null => None,
    }
}

/// Makes the tables in which scripts see the libraries.
pub fn install<'gc>(state: State<'gc>, ctx: Context<'gc>) {
    let globals = state.new_table(ctx);
    let shown = {
        let metatable = state.new_table(ctx);
        state.set_name(ctx, metatable, "__index", state.callback("\x01undefined"));
        let metatable = state.read_only(ctx, metatable, None);
        state.read_only(ctx, globals, Some(metatable))
    };
    state.set_name(ctx, globals, "_G", shown.into());
    let mut strings = None;
    for library in LIBRARIES {
        if library.name.is_empty() {
            fill(state, ctx, globals, library);
        } else if library.name != redis::LOADING.name {
            let table = table_of(state, ctx, library);
            if library.name == "string" {
                strings = Some(table);
            }
            state.set_name(ctx, globals, library.name, table.into());
        }
    }
    let metatable = state.new_table(ctx);
    if let Some(strings) = strings {
        state.set_name(ctx, metatable, "__index", strings.into());
    }
    let metatable = state.read_only(ctx, metatable, None);
    let load_globals = state.new_table(ctx);
    let loading = state.new_table_for(ctx, 0, redis::LOADING.size);
    fill(state, ctx, loading, &redis::LOADING);
    let strict = state.new_table(ctx);
    state.set_name(ctx, strict, "__index", state.callback("\x01undefined"));
    let loading = state.read_only(ctx, loading, Some(strict));
    state.set_name(ctx, load_globals, "redis", loading.into());
    state.set_globals(ctx, shown, load_globals, metatable);
}

/// A read-only table of a library's fields.
pub fn table_of<'gc>(state: State<'gc>, ctx: Context<'gc>, library: &Library) -> Table<'gc> {
    let table = state.new_table_for(ctx, 0, library.size);
    fill(state, ctx, table, library);
    state.read_only(ctx, table, None)
}

/// Adds a library's fields to a table.
pub fn fill<'gc>(state: State<'gc>, ctx: Context<'gc>, table: Table<'gc>, library: &Library) {
    let mut first = ops::ENTRIES.len();
    for candidate in LIBRARIES {
        if candidate.name == library.name {
            break;
        }
        first += candidate.entries.len();
    }
    let mut fields: Vec<(&str, Value<'gc>)> = Vec::new();
    for (at, entry) in library.entries.iter().enumerate() {
        fields.push((entry.name, state.function(first + at)));
    }
    for (name, constant) in library.constants {
        let value = match constant {
            Constant::Number(number) => Value::Number(*number),
            Constant::Text(text) => state.string(ctx, text.as_bytes()),
            Constant::Alias(other) => {
                let known = fields.iter().find(|(name, _)| name == other);
                known.map_or(Value::Nil, |(_, value)| *value)
            }
            Constant::Null => state.null().into(),
        };
        fields.push((name, value));
    }
    let place = |name: &str| library.order.iter().position(|known| *known == name);
    fields.sort_by_key(|(name, _)| place(name));
    for (name, value) in fields {
        state.set_name(ctx, table, name, value);
    }
}
