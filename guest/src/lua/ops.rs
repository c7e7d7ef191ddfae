//! What the VM's own instructions do not do as 5.1 does: operators on values whose types are not
//! known, access with strict errors, metamethods. Compiled code calls these under names that no
//! script can write.

use gc_arena::Collect;
use piccolo::{
    BoxSequence, CallbackReturn, Context, Error, Execution, Function, Sequence, SequencePoll,
    Stack, Table, Value,
};

use super::call::{Call, Outcome, to_number};
use super::kinds::Kinds;
use super::lib::base::{next_but_false, next_place};
use super::lib::{Entry, entry};
use super::number;
use super::site::SiteId;
use super::state::State;
use super::tables::raw_equal;

/// All of them.
pub const ENTRIES: &[Entry] = &[
    entry("\x01newindex", new_index, Kinds::ANY),
    entry("\x01inherit", inherit, Kinds::ANY),
    entry("\x01equal", equal, Kinds::ANY),
    entry("\x01call_table", call_table, Kinds::ANY),
    entry("\x01index", index, Kinds::ANY),
    entry("\x01set_index", set_index, Kinds::ANY),
    entry("\x01method", method, Kinds::ANY),
    entry("\x01call", call, Kinds::ANY),
    entry("\x01add", add, Kinds::ANY),
    entry("\x01sub", sub, Kinds::ANY),
    entry("\x01mul", mul, Kinds::ANY),
    entry("\x01div", div, Kinds::ANY),
    entry("\x01mod", modulo, Kinds::ANY),
    entry("\x01pow", pow, Kinds::ANY),
    entry("\x01minus", minus, Kinds::ANY),
    entry("\x01concat", concat, Kinds::ANY),
    entry("\x01length", length, Kinds::NUMBER),
    entry("\x01less", less, Kinds::BOOL),
    entry("\x01at_most", at_most, Kinds::BOOL),
    entry("\x01greater", greater, Kinds::BOOL),
    entry("\x01at_least", at_least, Kinds::BOOL),
    entry("\x01for", numeric_for, Kinds::NUMBER),
    entry("\x01array", array, Kinds::TABLE),
    entry("\x01table", table, Kinds::TABLE),
    entry("\x01fill", fill, Kinds::TABLE),
    entry("\x01arg", arg, Kinds::TABLE),
    entry("\x01error", error, Kinds::ANY),
    entry("\x01global", global, Kinds::ANY),
    entry("\x01next_place", next_place, Kinds::ANY),
    entry("\x01next_but_false", next_but_false, Kinds::ANY),
    entry("\x01set_global", set_global, Kinds::ANY),
    entry("\x01undefined", undefined, Kinds::ANY),
];

/// How often `__index` may lead on to another table.
const LONGEST_CHAIN: usize = 100;

/// What a metatable says about a value, or nil.
pub fn metamethod<'gc>(
    ctx: Context<'gc>,
    state: State<'gc>,
    value: Value<'gc>,
    event: &'static str,
) -> Value<'gc> {
    let metatable = match value {
        Value::Table(table) => state.metatable(table),
        Value::String(_) => state.string_metatable(),
        _ => None,
    };
    match metatable {
        Some(metatable) => state.get(metatable, ctx.intern_static(event.as_bytes()).into()),
        None => Value::Nil,
    }
}

/// Cuts results to one.
#[derive(Collect)]
#[collect(require_static)]
struct One;

impl<'gc> Sequence<'gc> for One {
    fn poll(
        &mut self,
        _: Context<'gc>,
        _: Execution<'gc, '_>,
        mut stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        stack.resize(1);
        Ok(SequencePoll::Return)
    }
}

/// Makes a result a truth value, turned round where `negate`.
#[derive(Collect)]
#[collect(require_static)]
struct Truth {
    negate: bool,
}

impl<'gc> Sequence<'gc> for Truth {
    fn poll(
        &mut self,
        _: Context<'gc>,
        _: Execution<'gc, '_>,
        mut stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let truth = stack.get(0).to_bool() != self.negate;
        stack.clear();
        stack.push_back(Value::Boolean(truth));
        Ok(SequencePoll::Return)
    }
}

impl<'gc> Call<'gc, '_> {
    /// Calls a value with what is on the stack.
    fn call_value(&mut self, callee: Value<'gc>, operand: usize) -> Outcome<'gc> {
        match callee {
            Value::Function(function) => self.then_call(function),
            _ => match metamethod(self.ctx, self.state, callee, "__call") {
                Value::Function(function) => {
                    self.stack.push_front(callee);
                    self.then_call(function)
                }
                _ => Err(self.operand_error("call", operand, callee)),
            },
        }
    }

    /// Calls a metamethod, of which one result counts.
    fn meta(&mut self, handler: Value<'gc>, args: &[Value<'gc>]) -> Outcome<'gc> {
        self.meta_call(handler, args, None)
    }

    /// Calls a metamethod, and makes something of its result.
    fn meta_then(
        &mut self,
        handler: Value<'gc>,
        args: &[Value<'gc>],
        then: impl Sequence<'gc> + 'gc,
    ) -> Outcome<'gc> {
        let then = BoxSequence::new(&self.ctx, then);
        self.meta_call(handler, args, Some(then))
    }

    fn meta_call(
        &mut self,
        handler: Value<'gc>,
        args: &[Value<'gc>],
        then: Option<BoxSequence<'gc>>,
    ) -> Outcome<'gc> {
        self.stack.clear();
        self.stack.extend(args.iter().copied());
        if let Value::Function(function @ Function::Callback(_)) = handler
            && then.is_none()
        {
            // Ours give one value at most, and their errors look for the place of the caller.
            return self.then_call(function);
        }
        let function = match handler {
            Value::Function(function) => function,
            other => match metamethod(self.ctx, self.state, other, "__call") {
                Value::Function(function) => {
                    self.stack.push_front(other);
                    function
                }
                _ => {
                    return Err(self.error(super::call::operand_message(
                        "call",
                        None,
                        other.type_name(),
                    )));
                }
            },
        };
        Ok(CallbackReturn::Call {
            function,
            then: Some(then.unwrap_or_else(|| BoxSequence::new(&self.ctx, One))),
        })
    }

    /// `base[key]`, with everything that metatables add.
    fn index_value(&mut self, base: Value<'gc>, key: Value<'gc>, operand: usize) -> Outcome<'gc> {
        let mut from = base;
        for _ in 0..LONGEST_CHAIN {
            let handler = match from {
                Value::Table(table) => {
                    let value = self.state.get(table, key);
                    if !value.is_nil() {
                        return self.one(value);
                    }
                    match metamethod(self.ctx, self.state, from, "__index") {
                        Value::Nil => return self.one(Value::Nil),
                        handler => handler,
                    }
                }
                _ => match metamethod(self.ctx, self.state, from, "__index") {
                    Value::Nil => return Err(self.operand_error("index", operand, from)),
                    handler => handler,
                },
            };
            if let Value::Function(_) = handler {
                return self.meta(handler, &[from, key]);
            }
            from = handler;
        }
        Err(self.error("loop in gettable"))
    }

    /// `base[key] = value`, with everything that metatables add.
    fn set_value(&mut self, base: Value<'gc>, key: Value<'gc>, value: Value<'gc>) -> Outcome<'gc> {
        let mut into = base;
        for _ in 0..LONGEST_CHAIN {
            let handler = match into {
                Value::Table(table) => {
                    if self.state.is_read_only(table) {
                        return Err(self.error(READ_ONLY));
                    }
                    let handler = if table.get_value(key).is_nil() {
                        metamethod(self.ctx, self.state, into, "__newindex")
                    } else {
                        Value::Nil
                    };
                    if handler.is_nil() {
                        self.assign(table, key, value)?;
                        return self.none();
                    }
                    handler
                }
                _ => match metamethod(self.ctx, self.state, into, "__newindex") {
                    Value::Nil => return Err(self.operand_error("index", 0, into)),
                    handler => handler,
                },
            };
            if let Value::Function(_) = handler {
                return self.meta(handler, &[into, key, value]);
            }
            into = handler;
        }
        Err(self.error("loop in settable"))
    }

    /// Sets a value without metamethods, for a script's assignment: its errors have a place.
    fn assign(
        &mut self,
        table: Table<'gc>,
        key: Value<'gc>,
        value: Value<'gc>,
    ) -> Result<(), Error<'gc>> {
        self.state
            .set(self.ctx, table, key, value)
            .map_err(|bad| self.error(bad.message()))
    }

    /// Sets a value without metamethods, for a library: its errors have no place.
    pub fn raw_set(
        &mut self,
        table: Table<'gc>,
        key: Value<'gc>,
        value: Value<'gc>,
    ) -> Result<(), Error<'gc>> {
        if self.state.is_read_only(table) {
            return Err(self.error_without_place(READ_ONLY.as_bytes()));
        }
        self.state
            .set(self.ctx, table, key, value)
            .map_err(|bad| self.error_without_place(bad.message().as_bytes()))
    }

    fn arithmetic(
        &mut self,
        event: &'static str,
        calculate: impl FnOnce(f64, f64) -> f64,
    ) -> Outcome<'gc> {
        let (left, right) = (self.arg(0), self.arg(1));
        if let (Value::Number(left), Value::Number(right)) = (left, right) {
            return self.number(calculate(left, right));
        }
        if let (Some(left), Some(right)) = (to_number(left), to_number(right)) {
            return self.number(calculate(left, right));
        }
        let mut handler = metamethod(self.ctx, self.state, left, event);
        if handler.is_nil() {
            handler = metamethod(self.ctx, self.state, right, event);
        }
        if !handler.is_nil() {
            return self.meta(handler, &[left, right]);
        }
        let (operand, value) = match to_number(left) {
            Some(_) => (1, right),
            None => (0, left),
        };
        Err(self.operand_error("perform arithmetic on", operand, value))
    }

    fn compare(
        &mut self,
        numbers: fn(f64, f64) -> bool,
        strings: fn(&[u8], &[u8]) -> bool,
        event: &'static str,
    ) -> Outcome<'gc> {
        let (left, right) = (self.arg(0), self.arg(1));
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => self.one(numbers(left, right)),
            (Value::String(left), Value::String(right)) => {
                self.one(strings(left.as_bytes(), right.as_bytes()))
            }
            _ => {
                if let Some(handler) = self.order_handler(left, right, event) {
                    return self.meta_then(handler, &[left, right], Truth { negate: false });
                }
                if event == "__le"
                    && let Some(handler) = self.order_handler(right, left, "__lt")
                {
                    return self.meta_then(handler, &[right, left], Truth { negate: true });
                }
                Err(self.error(order_message(left, right)))
            }
        }
    }

    fn order_handler(
        &self,
        left: Value<'gc>,
        right: Value<'gc>,
        event: &'static str,
    ) -> Option<Value<'gc>> {
        if left.type_name() != right.type_name() {
            return None;
        }
        let handler = metamethod(self.ctx, self.state, left, event);
        let same = raw_equal(handler, metamethod(self.ctx, self.state, right, event));
        (!handler.is_nil() && same).then_some(handler)
    }
}

/// What an attempt to write to a library says.
pub const READ_ONLY: &str = "Attempt to modify a readonly table";

/// `attempt to compare number with nil`
pub fn order_message(left: Value<'_>, right: Value<'_>) -> std::string::String {
    let (left, right) = (left.type_name(), right.type_name());
    if left == right {
        format!("attempt to compare two {left} values")
    } else {
        format!("attempt to compare {left} with {right}")
    }
}

fn new_index<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (base, key, value) = (call.arg(0), call.arg(1), call.arg(2));
    call.set_value(base, key, value)
}

fn inherit<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (base, key) = (call.arg(0), call.arg(1));
    call.index_value(base, key, 0)
}

fn equal<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (left, right) = (call.arg(0), call.arg(1));
    match call.order_handler(left, right, "__eq") {
        Some(handler) => call.meta_then(handler, &[left, right], Truth { negate: false }),
        None => call.one(false),
    }
}

fn call_table<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let callee = call.arg(0);
    match metamethod(call.ctx, call.state, callee, "__call") {
        Value::Function(function) => call.then_call(function),
        _ => Err(call.operand_error("call", 0, callee)),
    }
}

fn index<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (base, key) = (call.arg(0), call.arg(1));
    call.index_value(base, key, 0)
}

fn set_index<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (base, key, value) = (call.arg(0), call.arg(1), call.arg(2));
    call.set_value(base, key, value)
}

/// Looks up a method, and calls it: (object, name, arguments…).
fn method<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (object, name) = (call.arg(0), call.arg(1));
    call.stack.drain(1..2);
    let mut from = object;
    for _ in 0..LONGEST_CHAIN {
        let handler = match from {
            Value::Table(table) => {
                let value = call.state.get(table, name);
                if !value.is_nil() {
                    return call.call_value(value, 0);
                }
                metamethod(call.ctx, call.state, from, "__index")
            }
            _ => match metamethod(call.ctx, call.state, from, "__index") {
                Value::Nil => return Err(call.operand_error("index", 1, from)),
                handler => handler,
            },
        };
        match handler {
            Value::Nil => return Err(call.operand_error("call", 0, Value::Nil)),
            Value::Function(function) => {
                let then = BoxSequence::new(
                    &call.ctx,
                    CallFound {
                        args: call.stack.drain(..).collect(),
                    },
                );
                call.stack.extend([from, name]);
                return Ok(CallbackReturn::Call {
                    function,
                    then: Some(then),
                });
            }
            other => from = other,
        }
    }
    Err(call.error("loop in gettable"))
}

/// Calls what a lookup found.
#[derive(Collect)]
#[collect(no_drop)]
struct CallFound<'gc> {
    args: Vec<Value<'gc>>,
}

impl<'gc> Sequence<'gc> for CallFound<'gc> {
    fn poll(
        &mut self,
        ctx: Context<'gc>,
        exec: Execution<'gc, '_>,
        mut stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let callee = stack.get(0);
        stack.clear();
        stack.extend(self.args.iter().copied());
        let mut call = Call::resumed(ctx, exec, stack);
        match call.call_value(callee, 0)? {
            CallbackReturn::Call { function, .. } => Ok(SequencePoll::Call {
                function,
                is_tail: true,
            }),
            _ => Ok(SequencePoll::Return),
        }
    }
}

/// (function, arguments…)
fn call<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let callee = call.stack.pop_front();
    call.call_value(callee, 0)
}

fn add<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.arithmetic("__add", |left, right| left + right)
}

fn sub<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.arithmetic("__sub", |left, right| left - right)
}

fn mul<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.arithmetic("__mul", |left, right| left * right)
}

fn div<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.arithmetic("__div", |left, right| left / right)
}

fn modulo<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.arithmetic("__mod", |left, right| left - (left / right).floor() * right)
}

fn pow<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.arithmetic("__pow", f64::powf)
}

fn minus<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let operand = call.arg(0);
    if let Some(number) = to_number(operand) {
        return call.number(-number);
    }
    match metamethod(call.ctx, call.state, operand, "__unm") {
        Value::Nil => Err(call.operand_error("perform arithmetic on", 0, operand)),
        handler => call.meta(handler, &[operand, operand]),
    }
}

fn concat<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let mut length = 0usize;
    let mut plain = true;
    for value in &call.stack {
        match value {
            Value::String(text) => length += text.as_bytes().len(),
            Value::Number(_) => length += 8,
            _ => plain = false,
        }
    }
    if !plain {
        let values: Vec<Value<'gc>> = call.stack.drain(..).collect();
        return match concat_values(call, values)? {
            Concat::Done(value) => call.one(value),
            Concat::Meta(handler, args, rest) => {
                call.meta_then(handler, &args, ConcatRest { rest })
            }
        };
    }
    call.reserve(length)?;
    let mut text = Vec::with_capacity(length);
    for value in &call.stack {
        append_text(&mut text, value);
    }
    let text = call.own_text(text);
    call.one(text)
}

/// Appends a string or a number as `..` does. False for anything else.
pub fn append_text(out: &mut Vec<u8>, value: Value<'_>) -> bool {
    match value {
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Number(number) => number::append(out, number),
        _ => return false,
    }
    true
}

enum Concat<'gc> {
    Done(Value<'gc>),
    /// A metamethod has to say; then these go in front of what it says.
    Meta(Value<'gc>, [Value<'gc>; 2], Vec<Value<'gc>>),
}

/// Joins values from the right, as 5.1 does.
fn concat_values<'gc>(
    call: &mut Call<'gc, '_>,
    mut values: Vec<Value<'gc>>,
) -> Result<Concat<'gc>, Error<'gc>> {
    let is_text = |value: Value<'gc>| matches!(value, Value::String(_) | Value::Number(_));
    while values.len() > 1 {
        let (left, right) = (values[values.len() - 2], values[values.len() - 1]);
        if is_text(left) && is_text(right) {
            let tail = values
                .iter()
                .rev()
                .take_while(|value| is_text(**value))
                .count();
            let mut text = Vec::new();
            for value in values.drain(values.len() - tail..) {
                append_text(&mut text, value);
            }
            call.reserve(text.len())?;
            let text = call.own_text(text);
            values.push(text);
            continue;
        }
        let mut handler = metamethod(call.ctx, call.state, left, "__concat");
        if handler.is_nil() {
            handler = metamethod(call.ctx, call.state, right, "__concat");
        }
        if handler.is_nil() {
            let (operand, value) = if is_text(left) {
                (values.len() - 1, right)
            } else {
                (values.len() - 2, left)
            };
            return Err(call.operand_error("concatenate", operand, value));
        }
        values.truncate(values.len() - 2);
        return Ok(Concat::Meta(handler, [left, right], values));
    }
    Ok(Concat::Done(values.pop().unwrap_or_default()))
}

#[derive(Collect)]
#[collect(no_drop)]
struct ConcatRest<'gc> {
    rest: Vec<Value<'gc>>,
}

impl<'gc> Sequence<'gc> for ConcatRest<'gc> {
    fn poll(
        &mut self,
        ctx: Context<'gc>,
        exec: Execution<'gc, '_>,
        stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let mut values = std::mem::take(&mut self.rest);
        values.push(stack.get(0));
        let mut call = Call::resumed(ctx, exec, stack);
        match concat_values(&mut call, values)? {
            Concat::Done(value) => {
                call.stack.clear();
                call.stack.push_back(value);
                Ok(SequencePoll::Return)
            }
            Concat::Meta(handler, args, rest) => {
                self.rest = rest;
                call.stack.clear();
                call.stack.extend(args);
                match handler {
                    Value::Function(function) => Ok(SequencePoll::Call {
                        function,
                        is_tail: false,
                    }),
                    other => Err(call.operand_error("call", usize::MAX, other)),
                }
            }
        }
    }
}

fn length<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    match call.arg(0) {
        Value::String(text) => call.number(text.as_bytes().len() as f64),
        Value::Table(table) => {
            let length = call.state.length(table);
            call.number(length as f64)
        }
        other => Err(call.operand_error("get length of", 0, other)),
    }
}

fn less<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.compare(
        |left, right| left < right,
        |left, right| left < right,
        "__lt",
    )
}

fn at_most<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    call.compare(
        |left, right| left <= right,
        |left, right| left <= right,
        "__le",
    )
}

/// `a > b` is `b < a`, after both were evaluated in their order.
fn greater<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (left, right) = (call.arg(0), call.arg(1));
    call.stack.clear();
    call.stack.extend([right, left]);
    less(call)
}

fn at_least<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (left, right) = (call.arg(0), call.arg(1));
    call.stack.clear();
    call.stack.extend([right, left]);
    at_most(call)
}

/// From, to and step of a loop, checked, and such that the VM's loop does what 5.1's does.
fn numeric_for<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let number = |call: &Call<'gc, '_>, index: usize, what: &str| {
        to_number(call.arg(index))
            .ok_or_else(|| call.error(format!("'for' {what} must be a number")))
    };
    let from = number(call, 0, "initial value")?;
    let to = number(call, 1, "limit")?;
    let step = number(call, 2, "step")?;
    let runs = if step > 0.0 { from <= to } else { to <= from };
    let (from, to, step) = match runs {
        // Not even once, whatever is no number or zero.
        false => (1.0, 0.0, 1.0),
        true if step == 0.0 => (from, f64::INFINITY, step),
        true => (from, to, step),
    };
    call.many([from, to, step].map(Value::Number))
}

/// `{a, b, c}`
fn array<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let count = call.count();
    call.reserve(count * 16)?;
    call.spend(count / 4);
    let values = (&call.stack).into_iter();
    let table = call.state.new_array_of(call.ctx, count, values);
    call.one(table)
}

/// The size that the real compiler foresees: it keeps three bits of it.
fn foreseen(size: usize) -> usize {
    let mut shift = 0;
    let mut rounded = size;
    while rounded >= 16 {
        rounded = rounded.div_ceil(2);
        shift += 1;
    }
    rounded << shift
}

/// A constructor: (how many items, how many pairs, which fields are pairs, fields…).
fn table<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let size = |value: Value<'gc>| to_number(value).unwrap_or(0.0) as usize;
    let (items, pairs) = (foreseen(size(call.arg(0))), foreseen(size(call.arg(1))));
    let table = call.state.new_table_for(call.ctx, items, pairs);
    call.stack.drain(..2);
    fill_fields(call, table, 0)
}

/// More of a constructor: (table, the last place so far, which fields are pairs, fields…).
fn fill<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let Value::Table(table) = call.arg(0) else {
        return Err(call.type_error(0, "table"));
    };
    let last = to_number(call.arg(1)).unwrap_or(0.0) as usize;
    call.stack.drain(..2);
    fill_fields(call, table, last)
}

/// Fields of a constructor, in order: `k` a pair, `v` an item; what follows the plan are items.
fn fill_fields<'gc>(call: &mut Call<'gc, '_>, table: Table<'gc>, last: usize) -> Outcome<'gc> {
    let Value::String(plan) = call.arg(0) else {
        return Err(call.type_error(0, "string"));
    };
    call.reserve(call.count() * 16)?;
    call.spend(call.count() / 4);
    let mut at = 1;
    let mut items = Vec::new();
    for field in plan.as_bytes() {
        if *field == b'k' {
            let (key, value) = (call.arg(at), call.arg(at + 1));
            if !is_pending(key, last) {
                call.assign(table, key, value)?;
            }
            at += 2;
        } else {
            items.push(call.arg(at));
            at += 1;
        }
    }
    while at < call.count() {
        items.push(call.arg(at));
        at += 1;
    }
    call.state
        .set_array_size(call.ctx, table, last + items.len());
    for (index, item) in items.into_iter().enumerate() {
        call.raw_set(table, Value::Number((last + index + 1) as f64), item)?;
    }
    call.one(table)
}

/// True for the place of an item that 5.1, which stores fifty at a time, would store only later: over
/// what a pair puts there.
fn is_pending(key: Value<'_>, last: usize) -> bool {
    let place = match key {
        Value::Integer(place) => place as f64,
        Value::Number(place) => place,
        _ => return false,
    };
    let stored = last - last % 50;
    place > stored as f64 && place <= last as f64 && place.fract() == 0.0
}

/// The table `arg` of a vararg function.
fn arg<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let values: Vec<Value<'gc>> = call.stack.drain(..).collect();
    let table = call.state.new_table_for(call.ctx, values.len(), 1);
    for (at, value) in values.iter().enumerate() {
        call.raw_set(table, Value::Number(at as f64 + 1.0), *value)?;
    }
    let count = Value::Number(values.len() as f64);
    call.state.set_name(call.ctx, table, "n", count);
    call.one(table)
}

/// `error(message, level)`: (the site of the caller, message, level).
fn error<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let caller = match call.stack.pop_front() {
        Value::Number(site) => SiteId(site as u64),
        _ => SiteId(0),
    };
    let level = call.opt_integer(1, 1)?;
    let value = call.arg(0);
    let Some(text) = call.to_string(value) else {
        return Err(call.raise(value));
    };
    match level {
        1 => Err(call.error(text.as_bytes())),
        2 => {
            let mut message = call.state.shared().chunks.borrow().position(caller);
            message.extend_from_slice(text.as_bytes());
            Err(call.error_without_place(&message))
        }
        // Further up nobody is known.
        _ => Err(call.raise(value)),
    }
}

/// A global variable by its name.
fn global<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let name = call.arg(0);
    let loading = call.state.shared().loading.borrow().is_some();
    let globals = if loading {
        call.state.load_globals()
    } else {
        call.state.globals()
    };
    match globals.map(|globals| call.state.get(globals, name)) {
        None | Some(Value::Nil) => {
            call.stack.clear();
            call.stack.extend([Value::Nil, name]);
            undefined(call)
        }
        Some(value) => call.one(value),
    }
}

fn set_global<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    Err(call.error(READ_ONLY))
}

/// `__index` of what must not be read where nothing is: (table, name).
fn undefined<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.count() != 2 {
        return Err(call.error("Wrong number of arguments to luaProtectedTableError"));
    }
    let Some(name) = call.to_string(call.arg(1)) else {
        return Err(
            call.error("Second argument to luaProtectedTableError must be a string or number")
        );
    };
    let name = name.as_bytes().split(|byte| *byte == 0).next();
    let text = [
        b"Script attempted to access nonexistent global variable '",
        name.unwrap_or_default(),
        b"'",
    ]
    .concat();
    Err(call.error(text))
}
