//! Bytes in quotes, as MONITOR, SLOWLOG and redis.conf show them: the opposite of splitting a line.

/// Writes bytes in quotes, as redis-cli shows them: what is not printable is escaped.
pub fn quote(bytes: &[u8], line: &mut String) {
    use std::fmt::Write as _;
    line.push('"');
    for byte in bytes {
        match byte {
            b'\\' => line.push_str("\\\\"),
            b'"' => line.push_str("\\\""),
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            0x07 => line.push_str("\\a"),
            0x08 => line.push_str("\\b"),
            b' '..=b'~' => line.push(char::from(*byte)),
            // Writing to a String does not fail.
            _ => drop(write!(line, "\\x{byte:02x}")),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printable_is_escaped() {
        let mut line = String::new();
        quote(b"a\"\\\n\r\t\x07\x08\x00\xff z", &mut line);
        assert_eq!(line, r#""a\"\\\n\r\t\a\b\x00\xff z""#);
    }
}
