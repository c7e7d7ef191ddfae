//! Numbers between Lua and text: what `strtod` reads, and `%.14g`.

/// What Lua takes for a number in a string: blanks around it, decimal, hexadecimal, `inf`, `nan`.
pub fn parse(text: &[u8]) -> Option<f64> {
    if let Some(number) = parse_short(text) {
        return Some(number);
    }
    let text = trim(text);
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = match digits {
        [b'0', b'x' | b'X', hex @ ..] => parse_hex(hex)?,
        _ => parse_decimal(digits)?,
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    let start = text.iter().position(|byte| !blank(byte));
    let end = text.iter().rposition(|byte| !blank(byte));
    match (start, end) {
        (Some(start), Some(end)) => &text[start..=end],
        _ => &[],
    }
}

/// A whole number of few digits.
fn parse_short(digits: &[u8]) -> Option<f64> {
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    let mut whole = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        whole = whole * 10 + u64::from(digit);
    }
    Some(whole as f64)
}

fn parse_decimal(digits: &[u8]) -> Option<f64> {
    if let Some(number) = parse_short(digits) {
        return Some(number);
    }
    match digits.first()? {
        b'0'..=b'9' | b'.' => std::str::from_utf8(digits).ok()?.parse().ok(),
        _ if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") => {
            Some(f64::INFINITY)
        }
        _ if digits.eq_ignore_ascii_case(b"nan") => Some(f64::NAN),
        _ => None,
    }
}

/// Digits, a point, and a binary exponent, after `0x`.
fn parse_hex(text: &[u8]) -> Option<f64> {
    let (mut value, mut exponent) = (0f64, 0i32);
    let (mut any, mut point, mut at) = (false, false, 0);
    while let Some(&byte) = text.get(at) {
        match (byte as char).to_digit(16) {
            Some(digit) => {
                any = true;
                value = value * 16.0 + f64::from(digit);
                exponent -= if point { 4 } else { 0 };
            }
            None if byte == b'.' && !point => point = true,
            None => break,
        }
        at += 1;
    }
    if !any {
        return None;
    }
    if let Some(b'p' | b'P') = text.get(at) {
        let power: i32 = std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?;
        exponent = exponent.saturating_add(power);
    } else if at != text.len() {
        return None;
    }
    Some(value * 2f64.powi(exponent))
}

/// Appends a number as `tostring` shows it: `%.14g`.
pub fn append(out: &mut Vec<u8>, number: f64) {
    if number.abs() < 1e14
        && number == number.trunc()
        && (number != 0.0 || number.is_sign_positive())
    {
        out.extend_from_slice(itoa::Buffer::new().format(number as i64).as_bytes());
    } else {
        append_general(out, number, 14, false);
    }
}

/// A number as `tostring` shows it.
pub fn to_text(number: f64) -> Vec<u8> {
    let mut text = Vec::new();
    append(&mut text, number);
    text
}

/// C's `%g` with a precision; `keep_zeros` is its `#`.
pub fn append_general(out: &mut Vec<u8>, number: f64, precision: usize, keep_zeros: bool) {
    if !number.is_finite() {
        out.extend_from_slice(not_finite(number));
        return;
    }
    let precision = precision.max(1);
    let scientific = format!("{:.*e}", precision - 1, number);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= precision as i32 {
        out.extend_from_slice(strip_zeros(mantissa, keep_zeros).as_bytes());
        append_exponent(out, exponent);
    } else {
        let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
        let fixed = format!("{number:.decimals$}");
        out.extend_from_slice(strip_zeros(&fixed, keep_zeros).as_bytes());
    }
}

/// `e+05`: at least two digits.
pub fn append_exponent(out: &mut Vec<u8>, exponent: i32) {
    let sign = if exponent < 0 { '-' } else { '+' };
    out.extend_from_slice(format!("e{sign}{:02}", exponent.unsigned_abs()).as_bytes());
}

/// How C prints what is no finite number.
pub fn not_finite(number: f64) -> &'static [u8] {
    match (number.is_nan(), number.is_sign_negative()) {
        (true, true) => b"-nan",
        (true, false) => b"nan",
        (false, true) => b"-inf",
        (false, false) => b"inf",
    }
}

fn strip_zeros(text: &str, keep: bool) -> &str {
    if keep || !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.')
}

/// A number of C's `int`: what the real libraries cut their arguments to.
pub fn to_int(number: f64) -> i32 {
    to_whole(number) as i32
}

/// A number as C casts it to a whole one on the machines that Redis runs on.
pub fn to_whole(number: f64) -> i64 {
    if number.is_nan() || number >= i64::MAX as f64 {
        i64::MIN
    } else {
        number as i64
    }
}

/// The same for an unsigned one.
pub fn to_unsigned(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if number >= HALF {
        to_whole(number - HALF) as u64 ^ 1 << 63
    } else {
        to_whole(number) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_writes_them() {
        for (number, text) in [
            (0.1 + 0.2, "0.3"),
            (1e15, "1e+15"),
            (1e14, "1e+14"),
            (99999999999999.0, "99999999999999"),
            (123456789012345.0, "1.2345678901234e+14"),
            (1e100, "1e+100"),
            (-0.0, "-0"),
            (0.5, "0.5"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (f64::INFINITY, "inf"),
            (1234.5678901234567, "1234.5678901235"),
        ] {
            assert_eq!(String::from_utf8_lossy(&to_text(number)), text);
        }
    }

    #[test]
    fn strings_are_read_as_c_reads_them() {
        for (text, number) in [
            ("10", Some(10.0)),
            (" 5 ", Some(5.0)),
            ("10\n", Some(10.0)),
            ("0x10", Some(16.0)),
            ("-0x10", Some(-16.0)),
            ("0x1p4", Some(16.0)),
            ("0x.8", Some(0.5)),
            ("1e2", Some(100.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("inf", Some(f64::INFINITY)),
            ("", None),
            ("1e", None),
            ("0x", None),
            ("5a", None),
            ("1 2", None),
        ] {
            assert_eq!(parse(text.as_bytes()), number, "{text:?}");
        }
    }
}
