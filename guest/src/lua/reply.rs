//! Between replies and values of Lua, both ways: a sink that builds values, and values written into a
//! sink. No bytes in between.

use piccolo::{Context, String, Table, Value};

use super::errors::{before_zero, text_of};
use super::number::to_whole;
use super::state::State;
use crate::resp::{Aggregate, Mark, Protocol, Sink};

/// Builds the value of one reply.
pub struct LuaReply<'gc> {
    ctx: Context<'gc>,
    state: State<'gc>,
    protocol: Protocol,
    open: Vec<Open<'gc>>,
    done: Option<Value<'gc>>,
    is_error: bool,
}

/// An aggregate whose members are coming.
struct Open<'gc> {
    kind: Aggregate,
    /// Members to come; none where only the end will tell.
    missing: Option<usize>,
    values: Vec<Value<'gc>>,
}

impl<'gc> LuaReply<'gc> {
    /// Takes a reply of that protocol.
    pub fn new(ctx: Context<'gc>, state: State<'gc>, protocol: Protocol) -> Self {
        LuaReply {
            ctx,
            state,
            protocol,
            open: Vec::new(),
            done: None,
            is_error: false,
        }
    }

    /// The value, and whether the reply was an error.
    pub fn finish(self) -> (Value<'gc>, bool) {
        (self.done.unwrap_or_default(), self.is_error)
    }

    fn string(&self, bytes: &[u8]) -> Value<'gc> {
        String::from_slice(&self.ctx, bytes).into()
    }

    fn table_with(&self, name: &str, value: Value<'gc>) -> Value<'gc> {
        let table = self.state.new_table(self.ctx);
        self.state.set_name(self.ctx, table, name, value);
        table.into()
    }

    fn push(&mut self, value: Value<'gc>) {
        let mut value = value;
        loop {
            let Some(open) = self.open.last_mut() else {
                self.done = Some(value);
                return;
            };
            open.values.push(value);
            let Some(missing) = &mut open.missing else {
                return;
            };
            *missing -= 1;
            if *missing > 0 {
                return;
            }
            match self.close() {
                Some(closed) => value = closed,
                None => return,
            }
        }
    }

    /// Ends the innermost aggregate. An attribute is no value.
    fn close(&mut self) -> Option<Value<'gc>> {
        let Open { kind, values, .. } = self.open.pop()?;
        let kind = match self.protocol {
            Protocol::Resp2 => Aggregate::Array,
            Protocol::Resp3 => kind,
        };
        Some(match kind {
            Aggregate::Array | Aggregate::Push => {
                self.state.new_array(self.ctx, values.into_iter()).into()
            }
            Aggregate::Map => {
                let map = self.state.new_table(self.ctx);
                for pair in values.chunks_exact(2) {
                    // A null or a number that is none can't be a key, and is left out.
                    let _ = self.state.set(self.ctx, map, pair[0], pair[1]);
                }
                self.table_with("map", map.into())
            }
            Aggregate::Set => {
                let set = self.state.new_table(self.ctx);
                for member in values {
                    let _ = self.state.set(self.ctx, set, member, Value::Boolean(true));
                }
                self.table_with("set", set.into())
            }
            Aggregate::Attribute => return None,
        })
    }
}

/// The error with its code in front, as Redis puts it into the field `err`.
pub fn coded(text: &[u8]) -> Vec<u8> {
    let text = match text.first() {
        Some(b'-') => &text[1..],
        _ => text,
    };
    let (code, message) = match text.iter().position(|byte| *byte == b' ') {
        Some(blank) => (&text[..blank], &text[blank + 1..]),
        None => (&b"ERR"[..], text),
    };
    let breaks = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = message.iter().position(|byte| !breaks(byte));
    let end = message.iter().rposition(|byte| !breaks(byte));
    let message = match (start, end) {
        (Some(start), Some(end)) => &message[start..=end],
        _ => &[],
    };
    [code, b" ", message].concat()
}

/// A table with the field `err`.
pub fn error_table<'gc>(ctx: Context<'gc>, state: State<'gc>, text: &[u8]) -> Table<'gc> {
    let table = state.new_table(ctx);
    let text = coded(text);
    state.set_name(ctx, table, "err", String::from_slice(&ctx, text).into());
    table
}

impl Sink for LuaReply<'_> {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn switch_protocol(&mut self, _protocol: Protocol) {}

    fn simple(&mut self, text: &str) {
        let text = self.string(text.as_bytes());
        let status = self.table_with("ok", text);
        self.push(status);
    }

    fn error(&mut self, text: &[u8]) {
        let table = error_table(self.ctx, self.state, text);
        let counted = Value::Boolean(true);
        self.state
            .set_name(self.ctx, table, "ignore_error_stats_update", counted);
        self.is_error = self.open.is_empty();
        self.push(table.into());
    }

    fn integer(&mut self, number: i64) {
        self.push(Value::Number(number as f64));
    }

    fn bulk(&mut self, bytes: &[u8]) {
        let value = self.string(bytes);
        self.push(value);
    }

    fn null(&mut self) {
        self.push(match self.protocol {
            Protocol::Resp2 => Value::Boolean(false),
            Protocol::Resp3 => Value::Nil,
        });
    }

    fn null_array(&mut self) {
        self.null();
    }

    fn double(&mut self, number: f64) {
        match self.protocol {
            Protocol::Resp2 => {
                let text = crate::value::number::format_double(number);
                self.bulk(text.as_bytes());
            }
            Protocol::Resp3 => {
                let value = self.table_with("double", Value::Number(number));
                self.push(value);
            }
        }
    }

    fn boolean(&mut self, value: bool) {
        self.push(match self.protocol {
            Protocol::Resp2 => Value::Number(f64::from(u8::from(value))),
            Protocol::Resp3 => Value::Boolean(value),
        });
    }

    fn verbatim(&mut self, format: &str, bytes: &[u8]) {
        if self.protocol == Protocol::Resp2 {
            return self.bulk(bytes);
        }
        let (text, format) = (self.string(bytes), self.string(format.as_bytes()));
        let inner = self.state.new_table(self.ctx);
        self.state.set_name(self.ctx, inner, "string", text);
        self.state.set_name(self.ctx, inner, "format", format);
        let value = self.table_with("verbatim_string", inner.into());
        self.push(value);
    }

    fn big_number(&mut self, digits: &[u8]) {
        if self.protocol == Protocol::Resp2 {
            return self.bulk(digits);
        }
        let digits = self.string(digits);
        let value = self.table_with("big_number", digits);
        self.push(value);
    }

    fn aggregate(&mut self, kind: Aggregate, len: usize) {
        let members = match kind {
            Aggregate::Map | Aggregate::Attribute => 2 * len,
            _ => len,
        };
        self.open.push(Open {
            kind,
            missing: Some(members),
            values: Vec::with_capacity(members.min(1024)),
        });
        if members == 0
            && let Some(value) = self.close()
        {
            self.push(value);
        }
    }

    fn defer(&mut self) -> Mark {
        self.open.push(Open {
            kind: Aggregate::Array,
            missing: None,
            values: Vec::new(),
        });
        Mark::at(self.open.len())
    }

    fn settle(&mut self, _mark: Mark, kind: Aggregate, _len: usize) {
        if let Some(open) = self.open.last_mut() {
            open.kind = kind;
        }
        if let Some(value) = self.close() {
            self.push(value);
        }
    }

    fn is_full(&self) -> bool {
        let used = self.ctx.metrics().total_allocation();
        used > self.state.shared().memory_limit.get()
    }
}

/// Deeper than this a value is not written.
const DEEPEST: usize = 7_990;

/// A table whose members are being written.
enum Writing<'gc> {
    Array(Table<'gc>, usize, usize),
    /// Also the value of the key that was written last, where there is one to come.
    Map(Table<'gc>, Value<'gc>, Option<Value<'gc>>),
    Set(Table<'gc>, Value<'gc>),
}

/// Writes what a script returned, as Redis converts it. `protocol` is what the script set with
/// `redis.setresp`; true if the whole of it is an error. Calls `count` for an error that no command has
/// counted.
pub fn write<'gc>(
    ctx: Context<'gc>,
    state: State<'gc>,
    value: Value<'gc>,
    protocol: Protocol,
    reply: &mut dyn Sink,
    count: &mut dyn FnMut(&[u8]),
) -> bool {
    let mut writing: Vec<Writing<'gc>> = match write_one(ctx, state, value, protocol, reply, count)
    {
        Written::Opened(opened) => vec![opened],
        Written::Value => return false,
        Written::Error => return true,
    };
    let mut value = None;
    loop {
        if let Some(value) = value.take() {
            if writing.len() >= DEEPEST {
                let text = b"ERR reached lua stack limit";
                count(text);
                reply.error(text);
            } else if let Written::Opened(opened) =
                write_one(ctx, state, value, protocol, reply, count)
            {
                writing.push(opened);
            }
        }
        let Some(innermost) = writing.last_mut() else {
            return false;
        };
        value = match innermost {
            Writing::Array(table, at, length) => {
                *at += 1;
                (*at <= *length).then(|| state.get(*table, Value::Integer(*at as i64)))
            }
            Writing::Map(table, key, pending) => match pending.take() {
                Some(value) => Some(value),
                None => match state.next(*table, *key) {
                    Ok(Some((next, value))) => {
                        *key = next;
                        *pending = Some(value);
                        Some(next)
                    }
                    _ => None,
                },
            },
            Writing::Set(table, key) => match state.next(*table, *key) {
                Ok(Some((next, _))) => {
                    *key = next;
                    Some(next)
                }
                _ => None,
            },
        };
        if value.is_none() {
            writing.pop();
        }
    }
}

/// What was written of a value.
enum Written<'gc> {
    /// All of it.
    Value,
    /// All of it: an error.
    Error,
    /// The head of a table.
    Opened(Writing<'gc>),
}

/// Writes a value, or the head of a table and what is to be written of it.
fn write_one<'gc>(
    ctx: Context<'gc>,
    state: State<'gc>,
    value: Value<'gc>,
    protocol: Protocol,
    reply: &mut dyn Sink,
    count: &mut dyn FnMut(&[u8]),
) -> Written<'gc> {
    let table = match value {
        Value::String(text) => {
            reply.bulk(text.as_bytes());
            return Written::Value;
        }
        Value::Boolean(truth) => {
            match (protocol, truth) {
                (Protocol::Resp3, _) => reply.boolean(truth),
                (Protocol::Resp2, true) => reply.integer(1),
                (Protocol::Resp2, false) => reply.null(),
            }
            return Written::Value;
        }
        Value::Number(number) => {
            reply.integer(to_whole(number));
            return Written::Value;
        }
        Value::Table(table) => table,
        _ => {
            reply.null();
            return Written::Value;
        }
    };
    if state.holds_only_places(table) {
        return Written::Opened(write_array(state, table, reply));
    }
    let field = |table: Table<'gc>, name: &'static str| {
        state.get(table, ctx.intern_static(name.as_bytes()).into())
    };
    if let Value::String(error) = field(table, "err") {
        let error = before_zero(error.as_bytes());
        if !matches!(
            field(table, "ignore_error_stats_update"),
            Value::Boolean(true)
        ) {
            count(error);
        }
        reply.error(error);
        return Written::Error;
    }
    if let Value::String(status) = field(table, "ok") {
        let text = c_string(status.as_bytes());
        reply.simple(&std::string::String::from_utf8_lossy(&flat(text)));
        return Written::Value;
    }
    if let Value::Number(number) = field(table, "double") {
        reply.double(number);
        return Written::Value;
    }
    if let Value::String(digits) = field(table, "big_number") {
        reply.big_number(&flat(digits.as_bytes()));
        return Written::Value;
    }
    if let Value::Table(verbatim) = field(table, "verbatim_string")
        && let (Value::String(format), Some(text)) = (
            field(verbatim, "format"),
            match field(verbatim, "string") {
                Value::String(text) => Some(text),
                _ => None,
            },
        )
    {
        let mut format = c_string(format.as_bytes()).to_vec();
        format.resize(3, b' ');
        let format = std::string::String::from_utf8_lossy(&format);
        reply.verbatim(&format, text.as_bytes());
        return Written::Value;
    }
    if let Value::Table(map) = field(table, "map") {
        reply.map(state.pairs(map).count());
        return Written::Opened(Writing::Map(map, Value::Nil, None));
    }
    if let Value::Table(set) = field(table, "set") {
        reply.set(state.pairs(set).count());
        return Written::Opened(Writing::Set(set, Value::Nil));
    }
    Written::Opened(write_array(state, table, reply))
}

/// Writes the head of an array: of the places up to the first that is empty.
fn write_array<'gc>(state: State<'gc>, table: Table<'gc>, reply: &mut dyn Sink) -> Writing<'gc> {
    let mut length = 0;
    while !state.get(table, Value::Integer(length as i64 + 1)).is_nil() {
        length += 1;
    }
    reply.array(length);
    Writing::Array(table, 0, length)
}

fn c_string(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn flat(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .map(|byte| match byte {
            b'\r' | b'\n' => b' ',
            other => *other,
        })
        .collect()
}

/// A string argument of a command: numbers as Redis writes them, not as Lua does.
pub fn argument<'gc>(value: Value<'gc>, out: &mut Vec<u8>) -> bool {
    match value {
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Number(number) => {
            let whole = number as i64;
            if number.is_nan() {
                out.extend_from_slice(super::number::not_finite(number));
            } else if whole as f64 == number && number.abs() < 9e18 {
                out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
            } else {
                out.extend_from_slice(crate::value::number::format_double(number).as_bytes());
            }
        }
        other => match text_of(other) {
            Some(text) => out.extend_from_slice(&text),
            None => return false,
        },
    }
    true
}
