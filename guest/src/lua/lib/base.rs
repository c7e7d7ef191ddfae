//! The functions that are globals themselves.

use gc_arena::{Collect, Gc};
use piccolo::{
    BoxSequence, CallbackReturn, Context, Error, Execution, Function, Sequence, SequencePoll,
    Stack, String, Value,
};

use super::{Constant, Library, entry, running};
use crate::lua::call::{Call, Outcome, to_number};
use crate::lua::compile::{Naming, compile};
use crate::lua::errors::value_of;
use crate::lua::infer::Mode;
use crate::lua::kinds::Kinds;
use crate::lua::number;
use crate::lua::ops::{READ_ONLY, metamethod};
use crate::lua::state::State;
use crate::lua::tables::raw_equal;

/// The globals.
pub const LIBRARY: Library = Library {
    name: "",
    entries: &[
        entry("assert", assert, Kinds::ANY),
        entry("collectgarbage", collectgarbage, Kinds::ANY),
        entry("error", error, Kinds::ANY),
        entry("gcinfo", gcinfo, Kinds::NUMBER),
        entry("getmetatable", getmetatable, Kinds::ANY),
        running("load", load, Kinds::ANY),
        entry("loadstring", loadstring, Kinds::ANY),
        entry("next", next, Kinds::ANY),
        running("pcall", pcall, Kinds::BOOL),
        entry("rawequal", rawequal, Kinds::BOOL),
        entry("rawget", rawget, Kinds::ANY),
        entry("rawset", rawset, Kinds::TABLE),
        entry("select", select, Kinds::ANY),
        entry("setmetatable", setmetatable, Kinds::TABLE),
        entry("tonumber", tonumber, Kinds::NUMBER.or(Kinds::NIL)),
        running("tostring", tostring, Kinds::ANY),
        entry("type", type_of, Kinds::STRING),
        entry("unpack", unpack, Kinds::ANY),
        running("xpcall", xpcall, Kinds::BOOL),
        entry("ipairs", ipairs, Kinds::FUNCTION),
        entry("pairs", pairs, Kinds::FUNCTION),
        entry("__redis__err__handler", error_handler, Kinds::ANY),
    ],
    constants: &[("_VERSION", Constant::Text("Lua 5.1"))],
    size: 0,
    order: &[],
};

/// Values that a function of C's may have on its stack.
const MOST_VALUES: usize = 8_000;

/// `table: 0x1f2e`
pub fn address(value: Value<'_>) -> Vec<u8> {
    let place: usize = match value {
        Value::Table(table) => Gc::as_ptr(table.into_inner()) as usize,
        Value::Function(Function::Closure(closure)) => Gc::as_ptr(closure.into_inner()) as usize,
        Value::Function(Function::Callback(callback)) => Gc::as_ptr(callback.into_inner()) as usize,
        Value::Thread(thread) => Gc::as_ptr(thread.into_inner()) as usize,
        Value::UserData(data) => Gc::as_ptr(data.into_inner()) as usize,
        _ => 0,
    };
    format!("{}: 0x{place:012x}", value.type_name()).into_bytes()
}

/// assert(v [, message])
fn assert<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.check_any(0)?.to_bool() {
        return Ok(CallbackReturn::Return);
    }
    let message = match call.arg(1) {
        Value::Nil => b"assertion failed!".to_vec(),
        _ => call.check_string(1)?.as_bytes().to_vec(),
    };
    Err(call.error(message))
}

/// collectgarbage([option [, argument]])
fn collectgarbage<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let option = match call.arg(0) {
        Value::Nil => b"collect".to_vec(),
        _ => call.check_string(0)?.as_bytes().to_vec(),
    };
    match option.as_slice() {
        b"count" => {
            let used = call.ctx.metrics().total_allocation() as f64;
            call.number(used / 1024.0)
        }
        b"step" => call.one(true),
        b"stop" | b"restart" | b"collect" => call.number(0.0),
        b"setpause" | b"setstepmul" => call.number(200.0),
        other => {
            let other = std::string::String::from_utf8_lossy(other);
            Err(call.arg_error(0, &format!("invalid option '{other}'")))
        }
    }
}

/// gcinfo()
fn gcinfo<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let used = call.ctx.metrics().total_allocation() / 1024;
    call.number(used as f64)
}

/// error(message [, level])
fn error<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let level = call.opt_integer(1, 1)?;
    let value = call.arg(0);
    match call.to_string(value) {
        Some(text) if level > 0 => Err(call.error(text.as_bytes())),
        _ => Err(call.raise(value)),
    }
}

/// getmetatable(object)
fn getmetatable<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let metatable = match call.check_any(0)? {
        Value::Table(table) => call.state.metatable(table),
        Value::String(_) => call.state.string_metatable(),
        _ => None,
    };
    let Some(metatable) = metatable else {
        return call.one(Value::Nil);
    };
    let field = call.ctx.intern_static(b"__metatable");
    match call.state.get(metatable, field.into()) {
        Value::Nil => call.one(metatable),
        shown => call.one(shown),
    }
}

/// setmetatable(table, metatable)
fn setmetatable<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let metatable = match call.given(1) {
        Some(Value::Nil) => None,
        Some(Value::Table(metatable)) => Some(metatable),
        _ => return Err(call.arg_error(1, "nil or table expected")),
    };
    if !metamethod(call.ctx, call.state, table.into(), "__metatable").is_nil() {
        return Err(call.error("cannot change a protected metatable"));
    }
    if call.state.is_read_only(table) {
        return Err(call.error_without_place(READ_ONLY.as_bytes()));
    }
    call.state.set_metatable(call.ctx, table, metatable);
    call.one(table)
}

/// rawequal(a, b)
fn rawequal<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let same = raw_equal(call.check_any(0)?, call.check_any(1)?);
    call.one(same)
}

/// rawget(table, key)
fn rawget<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let value = call.state.get(table, call.check_any(1)?);
    call.one(value)
}

/// rawset(table, key, value)
fn rawset<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let (key, value) = (call.check_any(1)?, call.check_any(2)?);
    call.raw_set(table, key, value)?;
    call.one(table)
}

/// next(table [, key])
fn next<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    match call.state.next(table, call.arg(1)) {
        Ok(Some((key, value))) => call.many([key, value]),
        Ok(None) => call.one(Value::Nil),
        Err(_) => Err(call.error_without_place(b"invalid key to 'next'")),
    }
}

/// pairs(table)
fn pairs<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let step = if call.state.get(table, Value::Boolean(false)).is_nil() {
        match super::find(b"", b"next") {
            Some(super::Known::Function(index, _)) => call.state.function(index),
            _ => Value::Nil,
        }
    } else {
        call.state.callback("\x01next_but_false")
    };
    call.many([step, table.into(), Value::Nil])
}

/// ipairs(table)
fn ipairs<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let step = call.state.callback("\x01next_place");
    call.many([step, table.into(), Value::Number(0.0)])
}

/// `next`, but for a key that would end the VM's loop: false is passed over.
pub fn next_but_false<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let mut pair = call.state.next(table, call.arg(1));
    if let Ok(Some((key @ Value::Boolean(false), _))) = pair {
        pair = call.state.next(table, key);
    }
    match pair {
        Ok(Some((key, value))) => call.many([key, value]),
        Ok(None) => call.one(Value::Nil),
        Err(_) => Err(call.error_without_place(b"invalid key to 'next'")),
    }
}

/// What `ipairs` steps with.
pub fn next_place<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let place = call.check_number(1)? + 1.0;
    let table = call.check_table(0)?;
    match call.state.get(table, Value::Number(place)) {
        Value::Nil => call.one(Value::Nil),
        value => call.many([Value::Number(place), value]),
    }
}

/// select(n, ...)
fn select<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let count = call.count() as i64;
    if let Value::String(text) = call.arg(0)
        && text.as_bytes().first() == Some(&b'#')
    {
        return call.number((count - 1) as f64);
    }
    let place = i64::from(call.check_int(0)?);
    let place = if place < 0 {
        count + place
    } else {
        place.min(count)
    };
    if place < 1 {
        return Err(call.arg_error(0, "index out of range"));
    }
    call.stack.drain(..place as usize);
    Ok(CallbackReturn::Return)
}

/// tonumber(value [, base])
fn tonumber<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let base = match call.arg(1) {
        Value::Nil => 10,
        _ => call.check_int(1)?,
    };
    if base == 10 {
        return match to_number(call.check_any(0)?) {
            Some(number) => call.number(number),
            None => call.one(Value::Nil),
        };
    }
    let text = call.check_string(0)?;
    if !(2..=36).contains(&base) {
        return Err(call.arg_error(1, "base out of range"));
    }
    match in_base(text.as_bytes(), base as u32) {
        Some(number) => call.number(number),
        None => call.one(Value::Nil),
    }
}

/// What C's `strtoul` reads, if that is all there is.
fn in_base(text: &[u8], base: u32) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    let text = text.trim_matches(blank);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = match base {
        16 => digits
            .strip_prefix("0x")
            .or(digits.strip_prefix("0X"))
            .unwrap_or(digits),
        _ => digits,
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for digit in digits.chars() {
        let digit = u64::from(digit.to_digit(base)?);
        number = match number.checked_mul(base.into()) {
            Some(shifted) => shifted.saturating_add(digit),
            None => u64::MAX,
        };
    }
    let number = if negative {
        number.wrapping_neg()
    } else {
        number
    };
    Some(number as f64)
}

/// A value as `tostring` shows it, where no metamethod has a say.
pub fn shown<'gc>(ctx: Context<'gc>, value: Value<'gc>) -> String<'gc> {
    match value {
        Value::Nil => ctx.intern_static(b"nil"),
        Value::Boolean(true) => ctx.intern_static(b"true"),
        Value::Boolean(false) => ctx.intern_static(b"false"),
        Value::String(text) => text,
        Value::Number(number) => String::from_slice(&ctx, number::to_text(number)),
        other => String::from_slice(&ctx, address(other)),
    }
}

/// tostring(value)
fn tostring<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let value = call.check_any(0)?;
    if let Value::Table(_) = value
        && let Value::Function(function) = metamethod(call.ctx, call.state, value, "__tostring")
    {
        call.stack.resize(1);
        return call.then_call(function);
    }
    if let Value::UserData(data) = value
        && data == call.state.null()
    {
        return call.text("userdata: (nil)");
    }
    let text = shown(call.ctx, value);
    call.one(text)
}

/// type(value)
fn type_of<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let name = call.check_any(0)?.type_name();
    let name = call.ctx.intern_static(name.as_bytes());
    call.one(name)
}

/// unpack(list [, from [, to]])
fn unpack<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.check_table(0)?;
    let from = call.opt_integer(1, 1)?;
    let to = match call.arg(2) {
        Value::Nil => call.state.length(table) as i64,
        _ => call.check_integer(2)?,
    };
    let (from, to) = (i64::from(from as i32), i64::from(to as i32));
    if from > to {
        return call.none();
    }
    let count = (to - from + 1) as usize;
    if count + call.count() > MOST_VALUES {
        return Err(call.error("too many results to unpack"));
    }
    call.spend(count / 4);
    let state = call.state;
    call.many((from..=to).map(move |place| state.get(table, Value::Number(place as f64))))
}

// Protected calls.

/// What a protected call makes of results and errors.
#[derive(Collect)]
#[collect(no_drop)]
struct Protected<'gc> {
    /// `xpcall`'s function for errors.
    handler: Option<Value<'gc>>,
    handling: bool,
}

impl<'gc> Sequence<'gc> for Protected<'gc> {
    fn poll(
        &mut self,
        _: Context<'gc>,
        _: Execution<'gc, '_>,
        mut stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        if self.handling {
            stack.resize(1);
        }
        stack.push_front(Value::Boolean(!self.handling));
        Ok(SequencePoll::Return)
    }

    fn error(
        &mut self,
        ctx: Context<'gc>,
        _: Execution<'gc, '_>,
        error: Error<'gc>,
        mut stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let state = State::of(ctx);
        let value = value_of(ctx, state, error);
        stack.clear();
        match self.handler {
            Some(Value::Function(function)) if !self.handling => {
                self.handling = true;
                stack.push_back(value);
                Ok(SequencePoll::Call {
                    function,
                    is_tail: false,
                })
            }
            Some(_) => {
                // The handler is no function, or failed itself.
                stack.push_back(Value::Boolean(false));
                stack.push_back(ctx.intern_static(b"error in error handling").into());
                Ok(SequencePoll::Return)
            }
            None => {
                stack.push_back(Value::Boolean(false));
                plain_error(ctx, state, value, &mut stack);
                Ok(SequencePoll::Return)
            }
        }
    }
}

/// Redis's `pcall` gives the text of an error that is a table with one. Of a table without, it gives
/// what stands in the text's place too.
fn plain_error<'gc>(
    ctx: Context<'gc>,
    state: State<'gc>,
    value: Value<'gc>,
    stack: &mut Stack<'gc, '_>,
) {
    if let Value::Table(table) = value {
        let text = state.get(table, ctx.intern_static(b"err").into());
        if !matches!(text, Value::String(_) | Value::Number(_)) {
            stack.push_back(value);
        }
        stack.push_back(text);
    } else {
        stack.push_back(value);
    }
}

/// pcall(f, ...)
fn pcall<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.count() == 0 {
        // The place that is kept for the result is all there is to call.
        let text = call.new_text(b"attempt to call a boolean value");
        return call.many([Value::Boolean(false), text]);
    }
    let callee = call.stack.pop_front();
    protect(call, callee, None)
}

/// xpcall(f, handler)
fn xpcall<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let handler = call.check_any(1)?;
    let callee = call.arg(0);
    call.stack.clear();
    protect(call, callee, Some(handler))
}

fn protect<'gc>(
    call: &mut Call<'gc, '_>,
    callee: Value<'gc>,
    handler: Option<Value<'gc>>,
) -> Outcome<'gc> {
    let function = match callee {
        Value::Function(function) => Some(function),
        other => match metamethod(call.ctx, call.state, other, "__call") {
            Value::Function(function) => {
                call.stack.push_front(other);
                Some(function)
            }
            _ => None,
        },
    };
    let Some(function) = function else {
        let text = format!("attempt to call a {} value", callee.type_name());
        let text = call.new_text(text.as_bytes());
        return match handler {
            Some(Value::Function(function)) => {
                call.stack.clear();
                call.stack.push_back(text);
                let then = Protected {
                    handler,
                    handling: true,
                };
                Ok(CallbackReturn::Call {
                    function,
                    then: Some(BoxSequence::new(&call.ctx, then)),
                })
            }
            _ => call.many([Value::Boolean(false), text]),
        };
    };
    let then = Protected {
        handler,
        handling: false,
    };
    Ok(CallbackReturn::Call {
        function,
        then: Some(BoxSequence::new(&call.ctx, then)),
    })
}

/// __redis__err__handler(error)
fn error_handler<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let value = call.arg(0);
    if let Value::Table(_) = value {
        return call.one(value);
    }
    let shown = shown(call.ctx, value);
    let text = [b"ERR ", shown.as_bytes()].concat();
    let text = call.new_text(&text);
    let table = call.state.new_table(call.ctx);
    call.state.set_name(call.ctx, table, "err", text);
    call.one(table)
}

// Chunks.

/// Bytes of a chunk's name that messages show, and that the compiler's messages show.
const ROOM: usize = 43;
const ROOM_COMPILING: usize = 63;

/// How messages with room for so much of it call a chunk of that name.
fn chunk_label(name: &[u8], room: usize) -> Vec<u8> {
    match name.first() {
        Some(b'=' | b'@') => name[1..].to_vec(),
        _ => {
            let line = name.split(|byte| matches!(byte, b'\n' | b'\r')).next();
            let line = line.unwrap_or_default();
            let mut label = b"[string \"".to_vec();
            if line.len() < name.len() || line.len() > room {
                label.extend_from_slice(&line[..line.len().min(room)]);
                label.extend_from_slice(b"...");
            } else {
                label.extend_from_slice(line);
            }
            label.extend_from_slice(b"\"]");
            label
        }
    }
}

fn load_chunk<'gc>(call: &mut Call<'gc, '_>, source: &[u8], name: &[u8]) -> Outcome<'gc> {
    let mode = match call.state.cell_value(super::keys_cell()) {
        Value::Nil => Mode::Library,
        _ => Mode::Loaded,
    };
    call.spend(source.len());
    call.reserve(source.len() * 16)?;
    let name = Naming {
        label: chunk_label(name, ROOM),
        compiled_as: chunk_label(name, ROOM_COMPILING),
        source: name.to_vec(),
    };
    match compile(call.ctx, call.state, name, source, mode) {
        Ok(compiled) => {
            if compiled.sees_globals && mode == Mode::Loaded {
                call.state.show_arguments(call.ctx);
            }
            call.one(compiled.closure)
        }
        Err(message) => {
            let message = call.new_text(&message);
            call.many([Value::Nil, message])
        }
    }
}

/// loadstring(source [, name])
fn loadstring<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let source = call.check_string(0)?;
    let name = match call.arg(1) {
        Value::Nil => source,
        _ => call.check_string(1)?,
    };
    load_chunk(call, source.as_bytes(), name.as_bytes())
}

/// load(function [, name])
fn load<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let name = match call.arg(1) {
        Value::Nil => b"=(load)".to_vec(),
        _ => call.check_string(1)?.as_bytes().to_vec(),
    };
    let function = call.check_function(0)?;
    call.stack.clear();
    let then = Reading {
        function,
        name,
        source: Vec::new(),
    };
    Ok(CallbackReturn::Call {
        function,
        then: Some(BoxSequence::new(&call.ctx, then)),
    })
}

/// Collects a chunk piece by piece.
#[derive(Collect)]
#[collect(no_drop)]
struct Reading<'gc> {
    function: Function<'gc>,
    name: Vec<u8>,
    source: Vec<u8>,
}

impl<'gc> Sequence<'gc> for Reading<'gc> {
    fn poll(
        &mut self,
        ctx: Context<'gc>,
        exec: Execution<'gc, '_>,
        stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let piece = stack.get(0);
        let mut call = Call::resumed(ctx, exec, stack);
        match call.to_string(piece) {
            Some(piece) if !piece.as_bytes().is_empty() => {
                call.reserve(self.source.len() + piece.as_bytes().len())?;
                self.source.extend_from_slice(piece.as_bytes());
                call.stack.clear();
                return Ok(SequencePoll::Call {
                    function: self.function,
                    is_tail: false,
                });
            }
            None if !piece.is_nil() => {
                let text = call.new_text(b"reader function must return a string");
                call.many([Value::Nil, text])?;
                return Ok(SequencePoll::Return);
            }
            _ => {}
        }
        load_chunk(&mut call, &std::mem::take(&mut self.source), &self.name)?;
        Ok(SequencePoll::Return)
    }
}
