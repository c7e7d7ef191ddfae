//! `string.format`: C's `printf`, as far as Lua lets it through.

use piccolo::Error;

use crate::lua::call::{Call, Outcome};
use crate::lua::number::{append_exponent, append_general, not_finite, to_unsigned, to_whole};

/// A conversion: `%-08.3f`
#[derive(Default)]
struct Spec {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// string.format(format, ...)
pub fn format<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let format = call.check_string(0)?;
    let format = format.as_bytes();
    let mut out = Vec::new();
    let mut arg = 0;
    let mut at = 0;
    while at < format.len() {
        if format[at] != b'%' {
            out.push(format[at]);
            at += 1;
            continue;
        }
        at += 1;
        if format.get(at) == Some(&b'%') {
            out.push(b'%');
            at += 1;
            continue;
        }
        arg += 1;
        if arg >= call.count() {
            return Err(call.arg_error(arg, "no value"));
        }
        let (spec, conversion) = parse(call, format, at)?;
        at = conversion;
        let conversion = format.get(at).copied().unwrap_or(0);
        at += 1;
        convert(call, &mut out, &spec, conversion, arg)?;
        call.reserve(out.len())?;
    }
    let text = call.own_text(out);
    call.one(text)
}

/// Reads flags, width and precision; returns where the conversion's letter stands.
fn parse<'gc>(
    call: &Call<'gc, '_>,
    format: &[u8],
    start: usize,
) -> Result<(Spec, usize), Error<'gc>> {
    let mut spec = Spec::default();
    let mut at = start;
    while let Some(flag @ (b'-' | b'+' | b' ' | b'#' | b'0')) = format.get(at) {
        match flag {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.blank = true,
            b'#' => spec.alternate = true,
            _ => spec.zero = true,
        }
        at += 1;
    }
    if at - start > 5 {
        return Err(call.error("invalid format (repeated flags)"));
    }
    let digits = |at: &mut usize| {
        let mut number = 0;
        for _ in 0..2 {
            if let Some(digit @ b'0'..=b'9') = format.get(*at) {
                number = number * 10 + usize::from(digit - b'0');
                *at += 1;
            }
        }
        number
    };
    spec.width = digits(&mut at);
    if format.get(at) == Some(&b'.') {
        at += 1;
        spec.precision = Some(digits(&mut at));
    }
    if format.get(at).is_some_and(u8::is_ascii_digit) {
        return Err(call.error("invalid format (width or precision too long)"));
    }
    Ok((spec, at))
}

fn convert<'gc>(
    call: &Call<'gc, '_>,
    out: &mut Vec<u8>,
    spec: &Spec,
    conversion: u8,
    arg: usize,
) -> Result<(), Error<'gc>> {
    match conversion {
        b'c' => {
            let byte = to_whole(call.check_number(arg)?) as u8;
            spec.pad(out, b"", &[byte], false);
        }
        b'd' | b'i' => {
            let number = to_whole(call.check_number(arg)?);
            let digits = spec.digits(number.unsigned_abs(), 10, false);
            let sign = spec.sign(number < 0);
            spec.pad(out, sign, &digits, spec.precision.is_none());
        }
        b'o' | b'u' | b'x' | b'X' => {
            let number = to_unsigned(call.check_number(arg)?);
            let (base, upper) = match conversion {
                b'o' => (8, false),
                b'u' => (10, false),
                b'x' => (16, false),
                _ => (16, true),
            };
            let digits = spec.digits(number, base, upper);
            let prefix: &[u8] = match conversion {
                b'x' if spec.alternate && number != 0 => b"0x",
                b'X' if spec.alternate && number != 0 => b"0X",
                b'o' if spec.alternate && digits.first() != Some(&b'0') => b"0",
                _ => b"",
            };
            spec.pad(out, prefix, &digits, spec.precision.is_none());
        }
        b'e' | b'E' | b'f' | b'g' | b'G' => {
            let number = call.check_number(arg)?;
            let mut text = spec.float(number, conversion);
            if conversion.is_ascii_uppercase() {
                text.make_ascii_uppercase();
            }
            let sign = spec.sign(number.is_sign_negative());
            spec.pad(out, sign, &text, number.is_finite());
        }
        b'q' => quote(out, call.check_string(arg)?.as_bytes()),
        b's' => {
            let text = call.check_string(arg)?;
            let mut text = text.as_bytes();
            if spec.precision.is_none() && text.len() >= 100 {
                out.extend_from_slice(text);
                return Ok(());
            }
            if spec.is_bare() {
                // C's buffer would end at a zero byte; Lua measures what it wrote.
                text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                out.extend_from_slice(text);
                return Ok(());
            }
            text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            let length = spec.precision.unwrap_or(usize::MAX).min(text.len());
            spec.pad(out, b"", &text[..length], false);
        }
        other => {
            // As a C string: a zero is nothing.
            let other = if other == 0 { &[][..] } else { &[other] };
            let text = [b"invalid option '%", other, b"' to 'format'"].concat();
            return Err(call.error(text));
        }
    }
    Ok(())
}

impl Spec {
    fn is_bare(&self) -> bool {
        self.width == 0 && self.precision.is_none()
    }

    fn sign(&self, negative: bool) -> &'static [u8] {
        match (negative, self.plus, self.blank) {
            (true, _, _) => b"-",
            (false, true, _) => b"+",
            (false, false, true) => b" ",
            _ => b"",
        }
    }

    fn digits(&self, number: u64, base: u64, upper: bool) -> Vec<u8> {
        let mut digits = Vec::new();
        let mut rest = number;
        while rest > 0 {
            let digit = char::from_digit((rest % base) as u32, base as u32).unwrap_or('0') as u8;
            digits.push(if upper {
                digit.to_ascii_uppercase()
            } else {
                digit
            });
            rest /= base;
        }
        let least = self.precision.unwrap_or(1);
        while digits.len() < least {
            digits.push(b'0');
        }
        digits.reverse();
        digits
    }

    fn float(&self, number: f64, conversion: u8) -> Vec<u8> {
        let magnitude = number.abs();
        let mut text = Vec::new();
        if !number.is_finite() {
            text.extend_from_slice(not_finite(magnitude));
            return text;
        }
        let precision = self.precision.unwrap_or(6);
        match conversion {
            b'f' => {
                text.extend_from_slice(format!("{magnitude:.precision$}").as_bytes());
                if self.alternate && precision == 0 {
                    text.push(b'.');
                }
            }
            b'e' | b'E' => {
                let scientific = format!("{magnitude:.precision$e}");
                let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
                text.extend_from_slice(mantissa.as_bytes());
                if self.alternate && precision == 0 {
                    text.push(b'.');
                }
                append_exponent(&mut text, exponent.parse().unwrap_or(0));
            }
            _ => append_general(&mut text, magnitude, precision, self.alternate),
        }
        text
    }

    /// Fills up to the width: with blanks, or with zeros behind the sign.
    fn pad(&self, out: &mut Vec<u8>, prefix: &[u8], text: &[u8], zeros: bool) {
        let missing = self.width.saturating_sub(prefix.len() + text.len());
        if self.left {
            out.extend_from_slice(prefix);
            out.extend_from_slice(text);
            out.resize(out.len() + missing, b' ');
        } else if self.zero && zeros {
            out.extend_from_slice(prefix);
            out.resize(out.len() + missing, b'0');
            out.extend_from_slice(text);
        } else {
            out.resize(out.len() + missing, b' ');
            out.extend_from_slice(prefix);
            out.extend_from_slice(text);
        }
    }
}

/// A string as Lua reads it back.
fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' | b'\n' => out.extend_from_slice(&[b'\\', *byte]),
            b'\r' => out.extend_from_slice(b"\\r"),
            0 => out.extend_from_slice(b"\\000"),
            other => out.push(*other),
        }
    }
    out.push(b'"');
}
