//! `cjson`: its settings, which outlive a script, and its table.

use piccolo::Error;

use super::cjson_decode::decode;
use super::cjson_encode::encode;
use super::{Constant, Library, entry};
use crate::lua::call::{Call, Outcome};
use crate::lua::kinds::Kinds;
use piccolo::Value;

/// The library.
pub const LIBRARY: Library = Library {
    name: "cjson",
    entries: &[
        entry("encode", encode, Kinds::STRING),
        entry("decode", decode, Kinds::ANY),
        entry("encode_sparse_array", encode_sparse_array, Kinds::BOOL),
        entry("encode_max_depth", encode_max_depth, Kinds::NUMBER),
        entry("decode_max_depth", decode_max_depth, Kinds::NUMBER),
        entry(
            "encode_number_precision",
            encode_number_precision,
            Kinds::NUMBER,
        ),
        entry("encode_keep_buffer", encode_keep_buffer, Kinds::BOOL),
        entry("encode_invalid_numbers", encode_invalid_numbers, Kinds::ANY),
        entry(
            "decode_invalid_numbers",
            decode_invalid_numbers,
            Kinds::BOOL,
        ),
        entry("new", new, Kinds::TABLE),
    ],
    constants: &[
        ("null", Constant::Null),
        ("_NAME", Constant::Text("cjson")),
        ("_VERSION", Constant::Text("2.1.0")),
    ],
    size: 0,
    order: &[],
};

/// What becomes of numbers that JSON does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// An error.
    Refused,
    /// They are written as they are.
    Written,
    /// They become null.
    Null,
}

/// The settings.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Arrays with large gaps become objects.
    pub sparse_convert: bool,
    /// How many places there may be for each item; 0 for any.
    pub sparse_ratio: i32,
    /// Up to that place gaps do not matter.
    pub sparse_safe: i32,
    /// How deep values may be nested when they are written.
    pub encode_depth: i32,
    /// How deep they may be nested when they are read.
    pub decode_depth: i32,
    /// Digits of numbers.
    pub precision: i32,
    /// Has no meaning here.
    pub keep_buffer: bool,
    /// Numbers that JSON does not know, when written.
    pub encode_invalid: Invalid,
    /// Whether such numbers can be read.
    pub decode_invalid: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            precision: 14,
            keep_buffer: true,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
        }
    }
}

fn at_most_args<'gc>(call: &Call<'gc, '_>, most: usize) -> Result<(), Error<'gc>> {
    if call.count() > most {
        return Err(call.arg_error(most, "found too many arguments"));
    }
    Ok(())
}

/// A whole number that is given, between two others.
fn integer<'gc>(
    call: &Call<'gc, '_>,
    index: usize,
    least: i32,
    most: i32,
) -> Result<Option<i32>, Error<'gc>> {
    if call.arg(index).is_nil() {
        return Ok(None);
    }
    let number = call.check_int(index)?;
    if number < least || number > most {
        let message = format!("expected integer between {least} and {most}");
        return Err(call.arg_error(0, &message));
    }
    Ok(Some(number))
}

/// A choice that is given: its place among the options. Booleans are the first two.
fn choice<'gc>(
    call: &Call<'gc, '_>,
    index: usize,
    options: &[&str],
) -> Result<Option<usize>, Error<'gc>> {
    match call.arg(index) {
        Value::Nil => Ok(None),
        Value::Boolean(truth) => Ok(Some(usize::from(truth))),
        _ => {
            let given = call.check_string(index)?;
            let place = options
                .iter()
                .position(|option| option.as_bytes() == given.as_bytes());
            match place {
                Some(place) => Ok(Some(place)),
                None => {
                    let given = String::from_utf8_lossy(given.as_bytes()).into_owned();
                    Err(call.arg_error(index, &format!("invalid option '{given}'")))
                }
            }
        }
    }
}

const OFF_ON: &[&str] = &["off", "on"];

/// cjson.encode_sparse_array([convert [, ratio [, safe]]])
fn encode_sparse_array<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    at_most_args(call, 3)?;
    let convert = choice(call, 0, OFF_ON)?;
    let ratio = integer(call, 1, 0, i32::MAX);
    let mut settings = call.state.shared().cjson.get();
    if let Some(convert) = convert {
        settings.sparse_convert = convert == 1;
        call.state.shared().cjson.set(settings);
    }
    if let Some(ratio) = ratio? {
        settings.sparse_ratio = ratio;
        call.state.shared().cjson.set(settings);
    }
    if let Some(safe) = integer(call, 2, 0, i32::MAX)? {
        settings.sparse_safe = safe;
        call.state.shared().cjson.set(settings);
    }
    call.many([
        Value::Boolean(settings.sparse_convert),
        Value::Number(settings.sparse_ratio.into()),
        Value::Number(settings.sparse_safe.into()),
    ])
}

/// A setting that is a whole number: sets it where one is given, and returns it.
fn number_setting<'gc>(
    call: &mut Call<'gc, '_>,
    most: i32,
    field: fn(&mut Settings) -> &mut i32,
) -> Outcome<'gc> {
    at_most_args(call, 1)?;
    let given = integer(call, 0, 1, most)?;
    let mut settings = call.state.shared().cjson.get();
    let value = field(&mut settings);
    if let Some(given) = given {
        *value = given;
    }
    let value = f64::from(*value);
    call.state.shared().cjson.set(settings);
    call.number(value)
}

/// A setting that is on or off.
fn switch_setting<'gc>(
    call: &mut Call<'gc, '_>,
    field: fn(&mut Settings) -> &mut bool,
) -> Outcome<'gc> {
    at_most_args(call, 1)?;
    let given = choice(call, 0, OFF_ON)?;
    let mut settings = call.state.shared().cjson.get();
    let value = field(&mut settings);
    if let Some(given) = given {
        *value = given == 1;
    }
    let value = *value;
    call.state.shared().cjson.set(settings);
    call.one(value)
}

/// cjson.encode_max_depth([depth])
fn encode_max_depth<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    number_setting(call, i32::MAX, |settings| &mut settings.encode_depth)
}

/// cjson.decode_max_depth([depth])
fn decode_max_depth<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    number_setting(call, i32::MAX, |settings| &mut settings.decode_depth)
}

/// cjson.encode_number_precision([digits])
fn encode_number_precision<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    number_setting(call, 14, |settings| &mut settings.precision)
}

/// cjson.encode_keep_buffer([keep])
fn encode_keep_buffer<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    switch_setting(call, |settings| &mut settings.keep_buffer)
}

/// cjson.decode_invalid_numbers([allowed])
fn decode_invalid_numbers<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    switch_setting(call, |settings| &mut settings.decode_invalid)
}

/// cjson.encode_invalid_numbers([allowed | "null"])
fn encode_invalid_numbers<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    at_most_args(call, 1)?;
    let mut settings = call.state.shared().cjson.get();
    if let Some(given) = choice(call, 0, &["off", "on", "null"])? {
        settings.encode_invalid = [Invalid::Refused, Invalid::Written, Invalid::Null][given];
        call.state.shared().cjson.set(settings);
    }
    match settings.encode_invalid {
        Invalid::Null => call.text("null"),
        other => call.one(other == Invalid::Written),
    }
}

/// cjson.new(): the same functions, in a table of their own.
fn new<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let table = call.state.new_table(call.ctx);
    super::fill(call.state, call.ctx, table, &LIBRARY);
    call.one(table)
}
