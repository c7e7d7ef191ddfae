//! Bytes as text and back: the quoting of redis-cli, plus repetition.
//!
//! `"a\r\n\x00"` is a quoted word, `'a\b'` one without escapes, `"x"*3` is `xxx`. Knows nothing of what
//! the words mean.

use std::fmt::Write;

/// A run of one byte this long is written as a repetition.
const RUN: usize = 40;

/// Splits a line into words, as redis-cli does; a quoted word may carry `*COUNT`.
pub fn words(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let bytes = line.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (word, end) = match bytes[at] {
            quote @ (b'"' | b'\'') => {
                let (word, end) = quoted(bytes, at + 1, quote)?;
                repeated(bytes, word, end)?
            }
            _ => {
                let end = bytes[at..]
                    .iter()
                    .position(u8::is_ascii_whitespace)
                    .map_or(bytes.len(), |length| at + length);
                (bytes[at..end].to_vec(), end)
            }
        };
        if end < bytes.len() && !bytes[end].is_ascii_whitespace() {
            return Err(format!(
                "no space after the quote that closes at column {end}"
            ));
        }
        words.push(word);
        at = end;
    }
    Ok(words)
}

fn quoted(bytes: &[u8], mut at: usize, quote: u8) -> Result<(Vec<u8>, usize), String> {
    let mut word = Vec::new();
    loop {
        let byte = *bytes.get(at).ok_or("a quote is not closed")?;
        at += 1;
        if byte == quote {
            return Ok((word, at));
        }
        if byte != b'\\' || quote == b'\'' {
            word.push(byte);
            continue;
        }
        let escape = *bytes.get(at).ok_or("a quote is not closed")?;
        at += 1;
        word.push(match escape {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'x' => {
                let digits = bytes
                    .get(at..at + 2)
                    .and_then(|pair| std::str::from_utf8(pair).ok());
                at += 2;
                digits
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                    .ok_or("\\x wants two hexadecimal digits")?
            }
            b'\\' | b'"' => escape,
            other => return Err(format!("unknown escape \\{}", other as char)),
        });
    }
}

fn repeated(bytes: &[u8], word: Vec<u8>, end: usize) -> Result<(Vec<u8>, usize), String> {
    if bytes.get(end) != Some(&b'*') {
        return Ok((word, end));
    }
    let digits = bytes[end + 1..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let count = std::str::from_utf8(&bytes[end + 1..end + 1 + digits])
        .ok()
        .and_then(|count| count.parse().ok())
        .ok_or("* wants a count")?;
    Ok((word.repeat(count), end + 1 + digits))
}

/// The bytes as quoted words: one, or several where a byte repeats for long.
pub fn quote(bytes: &[u8]) -> String {
    let mut text = String::from('"');
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..]
            .iter()
            .take_while(|byte| **byte == bytes[at])
            .count();
        if run < RUN {
            push_escaped(&mut text, bytes[at]);
            at += 1;
            continue;
        }
        text.push_str("\" \"");
        push_escaped(&mut text, bytes[at]);
        let _ = write!(text, "\"*{run} \"");
        at += run;
    }
    text.push('"');
    let text = text.replace(" \"\" ", " ");
    let text = text.strip_prefix("\"\" ").unwrap_or(&text);
    let text = text.strip_suffix(" \"\"").unwrap_or(text);
    text.to_owned()
}

fn push_escaped(text: &mut String, byte: u8) {
    match byte {
        b'\\' => text.push_str("\\\\"),
        b'"' => text.push_str("\\\""),
        b'\n' => text.push_str("\\n"),
        b'\r' => text.push_str("\\r"),
        b'\t' => text.push_str("\\t"),
        7 => text.push_str("\\a"),
        8 => text.push_str("\\b"),
        b' '..=b'~' => text.push(byte as char),
        _ => {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
}

/// A command as a line of words that reads well: bare where that is enough.
pub fn command_line<A: AsRef<[u8]>>(words: &[A]) -> String {
    let bare = |word: &[u8]| {
        !word.is_empty()
            && word
                .iter()
                .all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(byte))
    };
    let words: Vec<String> = words
        .iter()
        .map(AsRef::as_ref)
        .map(|word| match bare(word) {
            true => String::from_utf8_lossy(word).into_owned(),
            false => quote(word),
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_quoting() {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in [&b""[..], b"a\r\nb", &all, &[b'x'; 100], &[0; 41]] {
            let text = quote(bytes);
            assert_eq!(words(&text).expect(&text).concat(), bytes, "{text}");
        }
    }

    #[test]
    fn words_are_those_of_redis_cli() {
        let words = words(r#"SET key "a\x00b" '\n' "xy"*2 """#).expect("well formed");
        assert_eq!(words, [&b"SET"[..], b"key", b"a\0b", b"\\n", b"xyxy", b""]);
    }

    #[test]
    fn long_runs_are_repetitions() {
        assert_eq!(
            quote(&[b"$60\r\n".as_slice(), &[0; 60], b"\r\n"].concat()),
            r#""$60\r\n" "\x00"*60 "\r\n""#
        );
    }
}
