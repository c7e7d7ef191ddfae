//! `struct`

use piccolo::{Error, Value};

use super::{Library, entry};
use crate::lua::call::{Call, Outcome, to_number};
use crate::lua::kinds::Kinds;
use crate::lua::number::{to_unsigned, to_whole};

/// The library.
pub const LIBRARY: Library = Library {
    name: "struct",
    entries: &[
        entry("pack", pack, Kinds::STRING),
        entry("unpack", unpack, Kinds::ANY),
        entry("size", size, Kinds::NUMBER),
    ],
    constants: &[],
    size: 3,
    order: &[],
};

/// Bytes of the largest integer.
const MOST_BYTES: usize = 32;

/// What `!` aligns to where no number follows.
const MOST_ALIGNED: usize = 8;

/// A format being read.
struct Format<'s> {
    text: &'s [u8],
    at: usize,
    big: bool,
    align: usize,
}

impl<'s> Format<'s> {
    fn new(text: &'s [u8]) -> Self {
        Format {
            // As a C string: it ends at a zero.
            text: text.split(|byte| *byte == 0).next().unwrap_or_default(),
            at: 0,
            big: false,
            align: 1,
        }
    }

    fn next(&mut self) -> Option<u8> {
        let option = self.text.get(self.at).copied();
        self.at += usize::from(option.is_some());
        option
    }

    fn number<'gc>(&mut self, call: &Call<'gc, '_>, default: usize) -> Result<usize, Error<'gc>> {
        let mut number: Option<i32> = None;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            let shifted = number.unwrap_or(0).checked_mul(10);
            let added = shifted.and_then(|number| number.checked_add(i32::from(digit - b'0')));
            match added {
                Some(added) => number = Some(added),
                None => return Err(call.error("integral size overflow")),
            }
            self.at += 1;
        }
        Ok(number.map_or(default, |number| number as usize))
    }

    fn size<'gc>(&mut self, call: &Call<'gc, '_>, option: u8) -> Result<usize, Error<'gc>> {
        Ok(match option {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(call, 1)?,
            b'i' | b'I' => {
                let size = self.number(call, 4)?;
                if size > MOST_BYTES {
                    return Err(call.error(format!(
                        "integral size {size} is larger than limit of {MOST_BYTES}"
                    )));
                }
                size
            }
            _ => 0,
        })
    }

    /// Bytes to fill up with before an item of that size.
    fn padding(&self, at: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.align);
        size.wrapping_sub(at & size.wrapping_sub(1)) & size.wrapping_sub(1)
    }

    fn control<'gc>(&mut self, call: &Call<'gc, '_>, option: u8) -> Result<(), Error<'gc>> {
        match option {
            b' ' => {}
            b'>' => self.big = true,
            b'<' => self.big = false,
            b'!' => {
                let align = self.number(call, MOST_ALIGNED)?;
                if !align.is_power_of_two() {
                    return Err(call.error(format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            other => {
                let option = char::from(other);
                return Err(call.arg_error(0, &format!("invalid format option '{option}'")));
            }
        }
        Ok(())
    }
}

/// A number as bytes: its value as 64 bits, with what is beyond as zeros.
fn put_integer(out: &mut Vec<u8>, number: f64, size: usize, big: bool) {
    let value = to_unsigned(number);
    let start = out.len();
    for index in 0..size {
        out.push(value.checked_shr(8 * index as u32).unwrap_or(0) as u8);
    }
    if big {
        out[start..].reverse();
    }
}

fn get_integer(bytes: &[u8], big: bool, signed: bool) -> f64 {
    let mut value = 0u64;
    let mut add = |byte: &u8| value = value << 8 | u64::from(*byte);
    if big {
        bytes.iter().for_each(&mut add);
    } else {
        bytes.iter().rev().for_each(&mut add);
    }
    if !signed {
        return value as f64;
    }
    let bits = (bytes.len() as u32 * 8).wrapping_sub(1);
    let mask = u64::MAX.wrapping_shl(bits);
    if value & mask != 0 {
        value |= mask;
    }
    value as i64 as f64
}

/// The number at an argument. One that is missing is said to be nil: the real one has put that there.
fn number_at<'gc>(call: &Call<'gc, '_>, arg: usize) -> Result<f64, Error<'gc>> {
    if arg == call.count() {
        return Err(call.arg_error(arg, "number expected, got nil"));
    }
    call.check_number(arg)
}

/// struct.pack(format, ...)
fn pack<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let text = call.check_string(0)?;
    let mut format = Format::new(text.as_bytes());
    let mut out = Vec::new();
    let mut total = 0usize;
    let mut arg = 1;
    while let Some(option) = format.next() {
        let mut size = format.size(call, option)?;
        let padding = format.padding(total, option, size);
        total += padding;
        call.reserve(out.len().saturating_add(size))?;
        out.resize(out.len() + padding, 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = number_at(call, arg)?;
                put_integer(&mut out, number, size, format.big);
                arg += 1;
            }
            b'x' => out.push(0),
            b'f' => {
                let number = number_at(call, arg)? as f32;
                out.extend_from_slice(&if format.big {
                    number.to_be_bytes()
                } else {
                    number.to_le_bytes()
                });
                arg += 1;
            }
            b'd' => {
                let number = number_at(call, arg)?;
                out.extend_from_slice(&if format.big {
                    number.to_be_bytes()
                } else {
                    number.to_le_bytes()
                });
                arg += 1;
            }
            b'c' | b's' => {
                let text = call.check_string(arg)?;
                let text = text.as_bytes();
                arg += 1;
                if size == 0 {
                    size = text.len();
                }
                if text.len() < size {
                    // The real one names the argument that follows.
                    return Err(call.arg_error(arg, "string too short"));
                }
                out.extend_from_slice(&text[..size]);
                if option == b's' {
                    out.push(0);
                    size += 1;
                }
            }
            other => format.control(call, other)?,
        }
        total += size;
    }
    let text = call.own_text(out);
    call.one(text)
}

/// struct.unpack(format, bytes [, from])
fn unpack<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let text = call.check_string(0)?;
    let bytes = call.check_string(1)?.as_bytes();
    // As an unsigned number, which a negative one makes large.
    let from = call.opt_integer(2, 1)? as u64;
    if from == 0 {
        return Err(call.arg_error(2, "offset must be 1 or greater"));
    }
    let mut at = usize::try_from(from - 1).unwrap_or(usize::MAX);
    let mut format = Format::new(text.as_bytes());
    let mut values: Vec<Value<'gc>> = Vec::new();
    let fits = |at: usize, size: usize| size <= bytes.len() && at <= bytes.len() - size;
    while let Some(option) = format.next() {
        let mut size = format.size(call, option)?;
        at = at.saturating_add(format.padding(at, option, size));
        if !fits(at, size) {
            return Err(call.arg_error(1, "data string too short"));
        }
        if values.len() > 7_900 {
            return Err(call.error("stack overflow (too many results)"));
        }
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let signed = option.is_ascii_lowercase();
                let number = get_integer(&bytes[at..at + size], format.big, signed);
                values.push(Value::Number(number));
            }
            b'x' => {}
            b'f' => {
                let mut raw = [0; 4];
                raw.copy_from_slice(&bytes[at..at + 4]);
                let number = if format.big {
                    f32::from_be_bytes(raw)
                } else {
                    f32::from_le_bytes(raw)
                };
                values.push(Value::Number(number.into()));
            }
            b'd' => {
                let mut raw = [0; 8];
                raw.copy_from_slice(&bytes[at..at + 8]);
                values.push(Value::Number(if format.big {
                    f64::from_be_bytes(raw)
                } else {
                    f64::from_le_bytes(raw)
                }));
            }
            b'c' => {
                if size == 0 {
                    let Some(length) = values.last().copied().and_then(to_number) else {
                        return Err(call.error("format 'c0' needs a previous size"));
                    };
                    values.pop();
                    size = to_whole(length) as usize;
                    if !fits(at, size) {
                        return Err(call.arg_error(1, "data string too short"));
                    }
                }
                values.push(call.new_text(&bytes[at..at + size]));
            }
            b's' => {
                let Some(length) = bytes[at..].iter().position(|byte| *byte == 0) else {
                    return Err(call.error("unfinished string in data"));
                };
                values.push(call.new_text(&bytes[at..at + length]));
                size = length + 1;
            }
            other => format.control(call, other)?,
        }
        at += size;
    }
    values.push(Value::Number((at + 1) as f64));
    call.many(values)
}

/// struct.size(format)
fn size<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let text = call.check_string(0)?;
    let mut format = Format::new(text.as_bytes());
    let mut at = 0usize;
    while let Some(option) = format.next() {
        let size = format.size(call, option)?;
        at += format.padding(at, option, size);
        if option == b's' {
            return Err(call.arg_error(0, "option 's' has no fixed size"));
        }
        if option == b'c' && size == 0 {
            return Err(call.arg_error(0, "option 'c0' has no fixed size"));
        }
        if !option.is_ascii_alphanumeric() {
            format.control(call, option)?;
        }
        at = at.saturating_add(size);
    }
    call.number(at as f64)
}
