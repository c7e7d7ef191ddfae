//! Numbers as text: integers, doubles, long doubles and sizes, read and printed as Redis 8.0 does.
//! Knows no command and no reply.

mod grisu;
mod long_double;

use std::fmt::Write;

use grisu::Digits;
pub use long_double::LongDouble;

/// Reads an integer as Redis stores integers: the text must be exactly what printing the number
/// gives. No blanks, no `+`, no leading zeros, no `-0`.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let first = digits.first()?.wrapping_sub(b'0');
    if first == 0 {
        return (text.len() == 1).then_some(0);
    }
    if first > 9 || digits.len() > 19 {
        return None;
    }
    // 19 digits always fit in 64 bits without a sign.
    let mut magnitude = u64::from(first);
    for byte in &digits[1..] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Reads a double: all that `strtod` reads, hexadecimal and infinities included, when it is the
/// whole text. NaN is no number, nor is what leaves the range of a double.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    // Integers below 2^53, which most scores are.
    if text.len() <= 15
        && let Some(integer) = parse_i64(text)
    {
        return Some(integer as f64);
    }
    let (negative, magnitude) = split_sign(text);
    if let Some(hex) = strip_hex_prefix(magnitude) {
        let (mantissa, exponent) = read_hex(hex)?;
        let Rounded::Finite(mantissa, exponent) = round(mantissa, exponent, &DOUBLE) else {
            return None;
        };
        let bits = if mantissa >> 52 == 0 {
            mantissa
        } else {
            ((exponent + 1075) as u64) << 52 | (mantissa & ((1 << 52) - 1))
        };
        return Some(f64::from_bits(bits | u64::from(negative) << 63));
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let written_finite = matches!(magnitude.first(), Some(b'0'..=b'9' | b'.'));
    if value.is_nan() || value.is_infinite() && written_finite {
        return None;
    }
    if value == 0.0 && !written_as_zero(magnitude) {
        return None;
    }
    Some(value)
}

/// True when no digit before the exponent is other than zero.
fn written_as_zero(decimal: &[u8]) -> bool {
    decimal
        .iter()
        .take_while(|byte| !matches!(byte, b'e' | b'E'))
        .all(|byte| matches!(byte, b'0' | b'.'))
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

fn strip_hex_prefix(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'0', b'x' | b'X', rest @ ..] => Some(rest),
        _ => None,
    }
}

// ---- doubles as text ---------------------------------------------------------------------------

/// A printed double, on the stack.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; 32],
    len: u8,
}

impl DoubleText {
    fn new() -> Self {
        DoubleText {
            bytes: [0; 32],
            len: 0,
        }
    }

    fn of(text: &[u8]) -> Self {
        let mut new = Self::new();
        new.push_all(text);
        new
    }

    fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.len)] = byte;
        self.len += 1;
    }

    fn push_all(&mut self, text: &[u8]) {
        for byte in text {
            self.push(*byte);
        }
    }

    fn push_zeros(&mut self, count: usize) {
        for _ in 0..count {
            self.push(b'0');
        }
    }

    /// The text.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for DoubleText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Prints a double as ZSCORE does: integers up to 2^62 in full, `inf`, `-inf`, `nan`, `-0`, and
/// else the digits of Grisu2, with an exponent where they would be followed by more than six zeros
/// or begin with `0.0000001`.
pub fn format_double(value: f64) -> DoubleText {
    if value.is_nan() {
        return DoubleText::of(b"nan");
    }
    if value.is_infinite() {
        return DoubleText::of(if value < 0.0 { b"-inf" } else { b"inf" });
    }
    if value == 0.0 {
        return DoubleText::of(if value.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        });
    }
    let integer = value as i64;
    if value.abs() <= (1u64 << 62) as f64 && integer as f64 == value {
        return DoubleText::of(itoa::Buffer::new().format(integer).as_bytes());
    }
    format_shortest(value)
}

/// Prints a double that is neither zero, infinite nor NaN with the digits of Grisu2, whether it is
/// an integer or not.
pub fn format_shortest(value: f64) -> DoubleText {
    let digits = Digits::of(value.abs());
    let mut text = DoubleText::new();
    if value < 0.0 {
        text.push(b'-');
    }
    digits.lay_out(&mut text);
    text
}

impl std::fmt::Write for DoubleText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push_all(text.as_bytes());
        Ok(())
    }
}

/// Prints a double with 17 digits, as C does for `%.17g`: no zeros at the end, and an exponent where
/// it is below -4 or above 16.
pub fn format_17_digits(value: f64) -> DoubleText {
    const MOST: i32 = 16;
    if !value.is_finite() || value == 0.0 {
        return format_double(value);
    }
    let mut scientific = DoubleText::new();
    // Nothing is longer than -1.2345678901234567e-308, so nothing can go wrong.
    let _ = write!(scientific, "{:.16e}", value.abs());
    let mut parts = scientific.as_bytes().split(|byte| *byte == b'e');
    let (Some(mantissa), Some(exponent)) = (parts.next(), parts.next()) else {
        return scientific;
    };
    let mut digits = [0; MOST as usize + 1];
    let without_point = mantissa.iter().filter(|byte| **byte != b'.');
    for (place, digit) in digits.iter_mut().zip(without_point) {
        *place = *digit;
    }
    let significant = digits.iter().rposition(|digit| *digit != b'0');
    let digits = &digits[..significant.map_or(1, |last| last + 1)];
    let exponent = parse_i64(exponent).unwrap_or(0) as i32;
    let mut text = DoubleText::new();
    if value < 0.0 {
        text.push(b'-');
    }
    match exponent {
        -4..=-1 => {
            text.push_all(b"0.");
            text.push_zeros(-exponent as usize - 1);
            text.push_all(digits);
        }
        0..=MOST => {
            let whole = exponent as usize + 1;
            text.push_all(&digits[..whole.min(digits.len())]);
            text.push_zeros(whole.saturating_sub(digits.len()));
            if digits.len() > whole {
                text.push(b'.');
                text.push_all(&digits[whole..]);
            }
        }
        _ => {
            text.push(digits[0]);
            if digits.len() > 1 {
                text.push(b'.');
                text.push_all(&digits[1..]);
            }
            text.push_all(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.abs() < 10 {
                text.push(b'0');
            }
            text.push_all(itoa::Buffer::new().format(exponent.abs()).as_bytes());
        }
    }
    text
}

// ---- rounding to a binary format ---------------------------------------------------------------

/// A binary floating point format, by its numbers as integers times a power of two.
struct Format {
    bits: i32,
    least_exponent: i32,
    greatest_exponent: i32,
}

const DOUBLE: Format = Format {
    bits: 53,
    least_exponent: -1074,
    greatest_exponent: 971,
};

enum Rounded {
    Finite(u64, i32),
    /// Not zero, but nearer to it than to the smallest number.
    TooSmall,
    TooLarge,
}

/// Rounds `mantissa` × 2^`exponent` to the nearest number of a format, ties to even. The mantissa's
/// lowest bit may stand for all that is below it.
fn round(mantissa: u128, exponent: i32, format: &Format) -> Rounded {
    if mantissa == 0 {
        return Rounded::Finite(0, format.least_exponent);
    }
    let length = 128 - mantissa.leading_zeros() as i32;
    let target = (exponent + length - format.bits).max(format.least_exponent);
    let drop = target - exponent;
    let mut kept = if drop <= 0 {
        mantissa << -drop
    } else if drop > 128 {
        0
    } else {
        let kept = mantissa.checked_shr(drop as u32).unwrap_or(0);
        let rest = mantissa << (128 - drop);
        let half = 1u128 << 127;
        kept + u128::from(rest > half || rest == half && kept & 1 == 1)
    };
    let mut target = target;
    if kept >> format.bits != 0 {
        kept >>= 1;
        target += 1;
    }
    match kept {
        0 => Rounded::TooSmall,
        _ if target > format.greatest_exponent => Rounded::TooLarge,
        _ => Rounded::Finite(kept as u64, target),
    }
}

/// Exponents as written are cut off here, far outside of every format, whatever the digits.
const EXPONENT_BOUND: i32 = 1 << 28;

/// Reads `1f.8p-3` (what follows `0x`) as a mantissa and a power of two. The mantissa's lowest bit
/// also stands for nonzero digits that did not fit.
fn read_hex(text: &[u8]) -> Option<(u128, i32)> {
    let mut mantissa: u128 = 0;
    let mut exponent: i32 = 0;
    let mut seen_digit = false;
    let mut seen_point = false;
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        if let Some(digit) = (*byte as char).to_digit(16) {
            seen_digit = true;
            if mantissa >> 120 == 0 {
                mantissa = mantissa << 4 | u128::from(digit);
                exponent -= if seen_point { 4 } else { 0 };
            } else {
                mantissa |= u128::from(digit != 0);
                exponent += if seen_point { 0 } else { 4 };
            }
        } else if *byte == b'.' && !seen_point {
            seen_point = true;
        } else {
            break;
        }
        rest = tail;
    }
    if !seen_digit {
        return None;
    }
    match rest {
        [] => {}
        [b'p' | b'P', power @ ..] => exponent = exponent.saturating_add(read_exponent(power)?),
        _ => return None,
    }
    Some((mantissa, exponent.clamp(-EXPONENT_BOUND, EXPONENT_BOUND)))
}

/// Reads what follows the `e` or `p`, to the end.
fn read_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    let mut exponent: i32 = 0;
    for byte in digits {
        let digit = (*byte as char).to_digit(10)? as i32;
        exponent = (exponent * 10 + digit).min(EXPONENT_BOUND / 16);
    }
    Some(if negative { -exponent } else { exponent })
}

// ---- sizes -------------------------------------------------------------------------------------

/// Reads a number of bytes as the configuration takes it: `100`, `100b`, `1k` (1000), `1kb`
/// (1024), `m`, `mb`, `g`, `gb` in any case.
pub fn parse_memory(text: &[u8]) -> Option<u64> {
    // The text ends at a NUL: what follows is not looked at.
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1000 * 1000,
        b"mb" => 1 << 20,
        b"g" => 1000 * 1000 * 1000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    if digits.len() >= 128 {
        return None;
    }
    // As C has it: no digits are zero, too many are the largest number, and a product wraps around.
    let number = digits.iter().fold(0u64, |number, byte| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(byte - b'0'))
    });
    Some(number.wrapping_mul(unit))
}

/// Prints a number of bytes as INFO does: `512B`, `1.00M`.
pub fn human_bytes(bytes: u64) -> String {
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40), ('P', 50)];
    match units
        .into_iter()
        .rev()
        .find(|(_, power)| bytes >> power > 0)
    {
        Some((unit, power)) if bytes >> 60 == 0 => {
            format!("{:.2}{unit}", bytes as f64 / (1u64 << power) as f64)
        }
        _ => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_only_as_they_are_printed() {
        for text in [
            "0",
            "7",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
        ] {
            assert_eq!(
                parse_i64(text.as_bytes()).map(|n| n.to_string()).as_deref(),
                Some(text)
            );
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1x",
            "9223372036854775808",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn doubles_are_printed_as_zscore_prints_them() {
        for (text, printed) in [
            ("3.0", "3"),
            ("-0", "-0"),
            ("-.0", "-0"),
            ("1e18", "1000000000000000000"),
            ("9.2e18", "9.2e+18"),
            ("1e21", "1e+21"),
            ("1e23", "99999999999999990000000"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("5e-324", "5e-324"),
            ("1.2345678901234567e25", "1.2345678901234566e+25"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("0x1.8p-3", "0.1875"),
            ("+infinity", "inf"),
            ("-INF", "-inf"),
        ] {
            let value = parse_f64(text.as_bytes()).expect(text);
            assert_eq!(
                format_double(value).as_bytes(),
                printed.as_bytes(),
                "{text}"
            );
        }
        for text in [
            "", ".", "nan", "1e", "0x", "0x1p", "1e400", "1e-400", " 1", "1 ", "1\0",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn doubles_are_printed_with_17_digits_as_in_c() {
        for (value, printed) in [
            (0.1, "0.10000000000000001"),
            (-0.5, "-0.5"),
            (-0.0, "-0"),
            (100.0, "100"),
            (123.456, "123.456"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (f64::NEG_INFINITY, "-inf"),
            (5e-324, "4.9406564584124654e-324"),
        ] {
            assert_eq!(
                format_17_digits(value).as_bytes(),
                printed.as_bytes(),
                "{value}"
            );
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_memory(b"1Gb"), Some(1 << 30));
        assert_eq!(parse_memory(b"5m"), Some(5_000_000));
        assert_eq!(parse_memory(b"-1"), None);
        assert_eq!(parse_memory(b"1 k"), None);
        assert_eq!(human_bytes(512), "512B");
        assert_eq!(human_bytes(1_048_576), "1.00M");
        assert_eq!(human_bytes(u64::MAX), "18446744073709551615B");
    }
}
