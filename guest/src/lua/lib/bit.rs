//! `bit`

use piccolo::Error;

use super::{Library, entry};
use crate::lua::call::{Call, Outcome, to_number};
use crate::lua::kinds::Kinds;

/// The library.
pub const LIBRARY: Library = Library {
    name: "bit",
    entries: &[
        entry("tobit", tobit, Kinds::NUMBER),
        entry("bnot", bnot, Kinds::NUMBER),
        entry("band", band, Kinds::NUMBER),
        entry("bor", bor, Kinds::NUMBER),
        entry("bxor", bxor, Kinds::NUMBER),
        entry("lshift", lshift, Kinds::NUMBER),
        entry("rshift", rshift, Kinds::NUMBER),
        entry("arshift", arshift, Kinds::NUMBER),
        entry("rol", rol, Kinds::NUMBER),
        entry("ror", ror, Kinds::NUMBER),
        entry("bswap", bswap, Kinds::NUMBER),
        entry("tohex", tohex, Kinds::STRING),
    ],
    constants: &[],
    size: 12,
    order: &[],
};

/// Added to a number, this leaves its lowest 32 bits at the end of the sum's.
const SHIFT: f64 = 6_755_399_441_055_744.0;

fn bits<'gc>(call: &Call<'gc, '_>, index: usize) -> Result<u32, Error<'gc>> {
    match to_number(call.arg(index)) {
        Some(number) => Ok((number + SHIFT).to_bits() as u32),
        None => Err(call.type_error(index, "number")),
    }
}

fn give<'gc>(call: &mut Call<'gc, '_>, bits: u32) -> Outcome<'gc> {
    call.number(f64::from(bits as i32))
}

/// bit.tobit(x)
fn tobit<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let value = bits(call, 0)?;
    give(call, value)
}

/// bit.bnot(x)
fn bnot<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let value = bits(call, 0)?;
    give(call, !value)
}

fn fold<'gc>(call: &mut Call<'gc, '_>, operation: fn(u32, u32) -> u32) -> Outcome<'gc> {
    let mut value = bits(call, 0)?;
    for index in (1..call.count()).rev() {
        value = operation(value, bits(call, index)?);
    }
    give(call, value)
}

/// bit.band(x, ...)
fn band<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    fold(call, |one, other| one & other)
}

/// bit.bor(x, ...)
fn bor<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    fold(call, |one, other| one | other)
}

/// bit.bxor(x, ...)
fn bxor<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    fold(call, |one, other| one ^ other)
}

fn shift<'gc>(call: &mut Call<'gc, '_>, operation: fn(u32, u32) -> u32) -> Outcome<'gc> {
    let (value, by) = (bits(call, 0)?, bits(call, 1)? & 31);
    give(call, operation(value, by))
}

/// bit.lshift(x, n)
fn lshift<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    shift(call, |value, by| value << by)
}

/// bit.rshift(x, n)
fn rshift<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    shift(call, |value, by| value >> by)
}

/// bit.arshift(x, n)
fn arshift<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    shift(call, |value, by| (value as i32 >> by) as u32)
}

/// bit.rol(x, n)
fn rol<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    shift(call, u32::rotate_left)
}

/// bit.ror(x, n)
fn ror<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    shift(call, u32::rotate_right)
}

/// bit.bswap(x)
fn bswap<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let value = bits(call, 0)?;
    give(call, value.swap_bytes())
}

/// bit.tohex(x [, digits])
fn tohex<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let value = bits(call, 0)?;
    let digits = match call.given(1) {
        None => 8,
        Some(_) => bits(call, 1)? as i32,
    };
    let count = digits.unsigned_abs().min(8) as usize;
    let mut text = format!("{value:08x}");
    if digits < 0 {
        text.make_ascii_uppercase();
    }
    call.text(&text[8 - count..])
}
