//! `cmsgpack`

use piccolo::{Error, Table, Value};

use super::{Constant, Library, entry};
use crate::lua::call::{Call, Outcome};
use crate::lua::kinds::Kinds;

/// The library.
pub const LIBRARY: Library = Library {
    name: "cmsgpack",
    entries: &[
        entry("pack", pack, Kinds::STRING),
        entry("unpack", unpack, Kinds::ANY),
        entry("unpack_one", unpack_one, Kinds::ANY),
        entry("unpack_limit", unpack_limit, Kinds::ANY),
    ],
    constants: &[
        ("_NAME", Constant::Text("cmsgpack")),
        ("_VERSION", Constant::Text("lua-cmsgpack 0.4.0")),
        (
            "_COPYRIGHT",
            Constant::Text("Copyright (C) 2012, Salvatore Sanfilippo"),
        ),
        (
            "_DESCRIPTION",
            Constant::Text("MessagePack C implementation for Lua"),
        ),
    ],
    size: 0,
    order: &[],
};

/// Tables inside one another that are packed; what is deeper becomes nil.
const MOST_NESTING: usize = 16;

/// Deeper than this nothing is unpacked.
const DEEPEST: usize = 1_300;

/// Values that fit on the stack of a function of C's.
const MOST_VALUES: usize = 7_990;

/// cmsgpack.pack(...)
fn pack<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.count() == 0 {
        return Err(call.arg_error_numbered(0, "MessagePack pack needs input."));
    }
    let mut out = Vec::new();
    for index in 0..call.count() {
        let value = call.arg(index);
        pack_value(call, &mut out, value, 0)?;
    }
    call.reserve(out.len())?;
    let text = call.own_text(out);
    call.one(text)
}

/// A head with a length, in the shortest form: up to a limit in the head itself, then in one byte
/// where there is such a form, in two or in four.
fn pack_head(out: &mut Vec<u8>, length: usize, fixed: (u8, usize), forms: [Option<u8>; 3]) {
    let (base, limit) = fixed;
    if length < limit {
        out.push(base | length as u8);
        return;
    }
    match forms {
        [Some(head), _, _] if length <= 0xff => out.extend_from_slice(&[head, length as u8]),
        [_, Some(head), _] if length <= 0xffff => {
            out.push(head);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        [_, _, head] => {
            out.push(head.unwrap_or_default());
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

fn pack_number(out: &mut Vec<u8>, number: f64) {
    let whole = crate::lua::number::to_whole(number);
    if number.is_infinite() || whole as f64 != number {
        let short = number as f32;
        if f64::from(short) == number {
            out.push(0xca);
            out.extend_from_slice(&short.to_be_bytes());
        } else {
            out.push(0xcb);
            out.extend_from_slice(&number.to_be_bytes());
        }
        return;
    }
    match whole {
        0..=127 => out.push(whole as u8),
        128..=0xff => out.extend_from_slice(&[0xcc, whole as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(whole as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(whole as u32).to_be_bytes());
        }
        0x1_0000_0000.. => {
            out.push(0xcf);
            out.extend_from_slice(&whole.to_be_bytes());
        }
        -32..=-1 => out.push(whole as u8),
        -128..=-33 => out.extend_from_slice(&[0xd0, whole as u8]),
        -32_768..=-129 => {
            out.push(0xd1);
            out.extend_from_slice(&(whole as i16).to_be_bytes());
        }
        -2_147_483_648..=-32_769 => {
            out.push(0xd2);
            out.extend_from_slice(&(whole as i32).to_be_bytes());
        }
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&whole.to_be_bytes());
        }
    }
}

fn pack_value<'gc>(
    call: &mut Call<'gc, '_>,
    out: &mut Vec<u8>,
    value: Value<'gc>,
    level: usize,
) -> Result<(), Error<'gc>> {
    match value {
        Value::String(text) => {
            let text = text.as_bytes();
            let forms = [Some(0xd9), Some(0xda), Some(0xdb)];
            pack_head(out, text.len(), (0xa0, 32), forms);
            out.extend_from_slice(text);
        }
        Value::Boolean(truth) => out.push(if truth { 0xc3 } else { 0xc2 }),
        Value::Number(number) => pack_number(out, number),
        Value::Table(table) if level < MOST_NESTING => {
            call.spend(1);
            call.reserve(out.len())?;
            if let Some(length) = array_length(call, table) {
                pack_head(out, length, (0x90, 16), [None, Some(0xdc), Some(0xdd)]);
                for place in 1..=length {
                    let item = call.state.get(table, Value::Number(place as f64));
                    pack_value(call, out, item, level + 1)?;
                }
            } else {
                let state = call.state;
                let pairs = state.pairs(table).count();
                pack_head(out, pairs, (0x80, 16), [None, Some(0xde), Some(0xdf)]);
                for (key, value) in state.pairs(table) {
                    pack_value(call, out, key, level + 1)?;
                    pack_value(call, out, value, level + 1)?;
                }
            }
        }
        _ => out.push(0xc0),
    }
    Ok(())
}

/// The table's length, if its keys are 1 to that.
fn array_length<'gc>(call: &Call<'gc, '_>, table: Table<'gc>) -> Option<usize> {
    let (mut count, mut most) = (0usize, 0f64);
    for (key, _) in call.state.pairs(table) {
        match key {
            Value::Number(number) if number > 0.0 && f64::from(number as i32) == number => {
                most = most.max(number);
                count += 1;
            }
            _ => return None,
        }
    }
    (most == count as f64).then_some(count)
}

/// Why bytes can't be unpacked.
enum Bad<'gc> {
    Missing,
    Format,
    Raised(Error<'gc>),
}

struct Unpacker<'s> {
    bytes: &'s [u8],
    at: usize,
}

/// A table whose members are being unpacked, and how many there are to come.
enum Reading<'gc> {
    Array(Table<'gc>, f64, usize),
    Map(Table<'gc>, Option<Value<'gc>>, usize),
}

impl<'s> Unpacker<'s> {
    fn take(&mut self, count: usize) -> Option<&'s [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn length<const N: usize>(&mut self) -> Option<usize> {
        let bytes = self.number::<N>()?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        )
    }

    /// One value, with all that is inside.
    fn value<'gc>(&mut self, call: &mut Call<'gc, '_>) -> Result<Value<'gc>, Bad<'gc>> {
        let mut open: Vec<Reading<'gc>> = Vec::new();
        loop {
            let mut value = match self.begin(call)? {
                Begun::Value(value) => value,
                Begun::Array(table, 0) | Begun::Map(table, 0) => table.into(),
                begun => {
                    if open.len() >= DEEPEST {
                        return Err(Bad::Raised(call.error("stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)")));
                    }
                    open.push(match begun {
                        Begun::Array(table, count) => Reading::Array(table, 1.0, count),
                        Begun::Map(table, count) => Reading::Map(table, None, count),
                        Begun::Value(_) => continue,
                    });
                    continue;
                }
            };
            loop {
                let Some(innermost) = open.last_mut() else {
                    return Ok(value);
                };
                let missing = match innermost {
                    Reading::Array(table, place, missing) => {
                        let (table, key) = (*table, *place);
                        *place += 1.0;
                        *missing -= 1;
                        call.raw_set(table, Value::Number(key), value)
                            .map_err(Bad::Raised)?;
                        *missing
                    }
                    Reading::Map(table, key, missing) => match key.take() {
                        None => {
                            *key = Some(value);
                            *missing
                        }
                        Some(key) => {
                            let table = *table;
                            *missing -= 1;
                            let left = *missing;
                            call.raw_set(table, key, value).map_err(Bad::Raised)?;
                            left
                        }
                    },
                };
                if missing > 0 {
                    break;
                }
                match open.pop() {
                    Some(Reading::Array(table, ..) | Reading::Map(table, ..)) => {
                        value = table.into();
                    }
                    None => return Ok(value),
                }
            }
            call.spend(1);
        }
    }

    fn begin<'gc>(&mut self, call: &mut Call<'gc, '_>) -> Result<Begun<'gc>, Bad<'gc>> {
        let head = self.number::<1>().ok_or(Bad::Missing)?[0];
        // A length is consumed before the bytes behind it are looked for.
        let number = |number: Option<f64>| {
            number
                .map(|number| Begun::Value(Value::Number(number)))
                .ok_or(Bad::Missing)
        };
        let length = match head {
            0x00..=0x7f => return number(Some(f64::from(head))),
            0xe0..=0xff => return number(Some(f64::from(head as i8))),
            0xcc => return number(self.number().map(|[byte]: [u8; 1]| f64::from(byte))),
            0xd0 => return number(self.number().map(|[byte]: [u8; 1]| f64::from(byte as i8))),
            0xcd => {
                return number(
                    self.number()
                        .map(|bytes| f64::from(u16::from_be_bytes(bytes))),
                );
            }
            0xd1 => {
                return number(
                    self.number()
                        .map(|bytes| f64::from(i16::from_be_bytes(bytes))),
                );
            }
            0xce => {
                return number(
                    self.number()
                        .map(|bytes| f64::from(u32::from_be_bytes(bytes))),
                );
            }
            0xd2 => {
                return number(
                    self.number()
                        .map(|bytes| f64::from(i32::from_be_bytes(bytes))),
                );
            }
            // The real one takes it for a signed number.
            0xcf | 0xd3 => {
                return number(self.number().map(|bytes| i64::from_be_bytes(bytes) as f64));
            }
            0xca => {
                return number(
                    self.number()
                        .map(|bytes| f64::from(f32::from_be_bytes(bytes))),
                );
            }
            0xcb => return number(self.number().map(f64::from_be_bytes)),
            0xc0 => return Ok(Begun::Value(Value::Nil)),
            0xc2 => return Ok(Begun::Value(Value::Boolean(false))),
            0xc3 => return Ok(Begun::Value(Value::Boolean(true))),
            0xd9 => self.length::<1>(),
            0xda | 0xdc | 0xde => self.length::<2>(),
            0xdb | 0xdd | 0xdf => self.length::<4>(),
            0xa0..=0xbf => Some(usize::from(head & 0x1f)),
            0x80..=0x9f => Some(usize::from(head & 0x0f)),
            _ => return Err(Bad::Format),
        };
        let length = length.ok_or(Bad::Missing)?;
        match head {
            0xa0..=0xbf | 0xd9..=0xdb => {
                let bytes = self.take(length).ok_or(Bad::Missing)?;
                call.reserve(length).map_err(Bad::Raised)?;
                Ok(Begun::Value(call.new_text(bytes)))
            }
            0x90..=0x9f | 0xdc | 0xdd => {
                call.reserve(64).map_err(Bad::Raised)?;
                Ok(Begun::Array(call.state.new_table(call.ctx), length))
            }
            _ => {
                call.reserve(64).map_err(Bad::Raised)?;
                Ok(Begun::Map(call.state.new_table(call.ctx), length))
            }
        }
    }
}

enum Begun<'gc> {
    Value(Value<'gc>),
    Array(Table<'gc>, usize),
    Map(Table<'gc>, usize),
}

/// Unpacks up to `limit` values from `offset` on; all of them where both are 0.
fn unpack_values<'gc>(call: &mut Call<'gc, '_>, limit: i64, offset: i64) -> Outcome<'gc> {
    let bytes = call.check_string(0)?.as_bytes();
    if offset < 0 || limit < 0 {
        return Err(call.error(format!(
            "Invalid request to unpack with offset of {} and limit of {}.",
            offset as i32,
            bytes.len()
        )));
    }
    if offset as u64 > bytes.len() as u64 {
        return Err(call.error(format!(
            "Start offset {} greater than input length {}.",
            offset as i32,
            bytes.len()
        )));
    }
    let all = limit == 0 && offset == 0;
    let limit = if all { i64::from(i32::MAX) } else { limit };
    let mut unpacker = Unpacker {
        bytes,
        at: offset as usize,
    };
    let mut values = Vec::new();
    while unpacker.at < bytes.len() && (values.len() as i64) < limit {
        if values.len() >= MOST_VALUES {
            return Err(call.error("stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)"));
        }
        match unpacker.value(call) {
            Ok(value) => values.push(value),
            Err(Bad::Missing) => return Err(call.error("Missing bytes in input.")),
            Err(Bad::Format) => return Err(call.error("Bad data format in input.")),
            Err(Bad::Raised(error)) => return Err(error),
        }
    }
    if !all {
        let next = if unpacker.at >= bytes.len() {
            -1.0
        } else {
            unpacker.at as f64
        };
        values.insert(0, Value::Number(next));
    }
    call.many(values)
}

/// cmsgpack.unpack(bytes)
fn unpack<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    unpack_values(call, 0, 0)
}

/// cmsgpack.unpack_one(bytes [, offset])
fn unpack_one<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let offset = call.opt_integer(1, 0)?;
    unpack_values(call, 1, offset)
}

/// cmsgpack.unpack_limit(bytes, limit [, offset])
fn unpack_limit<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let limit = call.check_integer(1)?;
    let offset = call.opt_integer(2, 0)?;
    unpack_values(call, limit, offset)
}
