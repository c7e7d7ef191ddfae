//! Parameters as redis.conf and redis-server's command line write them.
//!
//! Owns the syntax: comments, quotes, escapes, `include`. Knows no parameter's meaning: out come
//! pairs of name and value, in order.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// Files that may include each other in depth.
const DEEPEST_INCLUDE: usize = 16;

/// Bytes of one file.
const LARGEST_FILE: u64 = 4 << 20;

/// Name (in lower case) and value of a parameter.
pub(crate) type Pair = (String, String);

/// Reads a configuration file, and those that it includes; `-` is the standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    read_into(path, 0, &mut pairs)?;
    Ok(pairs)
}

fn read_into(path: &Path, depth: usize, pairs: &mut Vec<Pair>) -> Result<()> {
    let shown = path.display();
    ensure!(
        depth < DEEPEST_INCLUDE,
        "{shown}: files include each other too deeply"
    );
    let mut text = String::new();
    let source: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| format!("can't open {shown}"))?)
    };
    source
        .take(LARGEST_FILE + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("can't read {shown}"))?;
    ensure!(
        text.len() as u64 <= LARGEST_FILE,
        "{shown}: larger than {LARGEST_FILE} bytes"
    );
    for (index, line) in text.lines().enumerate() {
        let here = || format!("{shown}, line {}: {}", index + 1, line.trim());
        match parse_line(line).with_context(here)? {
            None => {}
            Some((name, value)) if name == "include" => {
                read_into(Path::new(&value), depth + 1, pairs).with_context(here)?;
            }
            Some(pair) => pairs.push(pair),
        }
    }
    Ok(())
}

/// Reads one line of a configuration file; None where it says nothing.
pub(crate) fn parse_line(line: &str) -> Result<Option<Pair>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut words = split(line)?.into_iter();
    let Some(name) = words.next() else {
        return Ok(None);
    };
    let values: Vec<String> = words.collect();
    pair(&name, &values).map(Some)
}

/// A parameter with the words that follow it.
///
/// One word is the value as it is; several are joined by spaces, and those that would not survive
/// that are quoted.
pub(crate) fn pair(name: &str, values: &[String]) -> Result<Pair> {
    let value = match values {
        [] => bail!("'{name}' needs a value"),
        [value] => value.clone(),
        values => values
            .iter()
            .map(|value| quote(value))
            .collect::<Vec<_>>()
            .join(" "),
    };
    Ok((name.to_ascii_lowercase(), value))
}

/// Splits a line into words as Redis does (`sdssplitargs`): `"with \"escapes\" \x41"`, `'without'`.
fn split(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.as_bytes();
    loop {
        while let [b' ' | b'\t' | b'\r' | b'\n' | 0, after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return Ok(words);
        }
        let mut word = Vec::new();
        loop {
            match rest {
                [] | [b' ' | b'\t' | b'\r' | b'\n' | 0, ..] => break,
                [b'"', after @ ..] => rest = double_quoted(after, &mut word)?,
                [b'\'', after @ ..] => rest = single_quoted(after, &mut word)?,
                [byte, after @ ..] => {
                    word.push(*byte);
                    rest = after;
                }
            }
        }
        words.push(String::from_utf8(word).context("not UTF-8")?);
    }
}

const UNBALANCED: &str = "unbalanced quotes";

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8]> {
    loop {
        rest = match rest {
            [] => bail!(UNBALANCED),
            [b'"', after @ ..] => return closed(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(hex(*high) << 4 | hex(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        };
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8]> {
    loop {
        rest = match rest {
            [] => bail!(UNBALANCED),
            [b'\'', after @ ..] => return closed(after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        };
    }
}

/// A closing quote ends its word.
fn closed(rest: &[u8]) -> Result<&[u8]> {
    match rest.first() {
        Some(next) if !next.is_ascii_whitespace() && *next != 0 => bail!(UNBALANCED),
        _ => Ok(rest),
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// Quotes a word where it needs it, so that `split` gives it back.
fn quote(word: &str) -> String {
    let plain = |byte: u8| {
        !byte.is_ascii_whitespace()
            && !byte.is_ascii_control()
            && !matches!(byte, b'"' | b'\'' | b'\\')
    };
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    let mut quoted = String::from('"');
    for character in word.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_ascii_control() => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Reads a size as redis.conf writes it: `512mb`, `1gb` (of 1024), `1g` (of 1000), plain bytes.
pub(crate) fn size(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" | "kib" => 1 << 10,
        "m" => 1_000_000,
        "mb" | "mib" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Option<(String, String)> {
        parse_line(text).expect(text)
    }

    fn means(text: &str, name: &str, value: &str) {
        assert_eq!(
            line(text),
            Some((name.to_owned(), value.to_owned())),
            "{text}"
        );
    }

    #[test]
    fn lines_mean_what_they_mean_to_redis() {
        assert_eq!(line(""), None);
        assert_eq!(line("   # port 1"), None);
        means("port 6380", "port", "6380");
        means("\tMAXMEMORY   100mb  \r", "maxmemory", "100mb");
        means("save 60 1 300 10", "save", "60 1 300 10");
        means("save \"\"", "save", "");
        means(r#"requirepass "a b""#, "requirepass", "a b");
        means(r#"requirepass 'a "b'"#, "requirepass", r#"a "b"#);
        means(r#"requirepass "\x41\n\"\\\q""#, "requirepass", "A\n\"\\q");
        means(r"requirepass 'it\'s\n'", "requirepass", r"it's\n");
        means(
            r#"rename-command FLUSHALL """#,
            "rename-command",
            r#"FLUSHALL """#,
        );
        means(
            r#"user alice on ">a b" ~*"#,
            "user",
            r#"alice on ">a b" ~*"#,
        );
        means("requirepass grün", "requirepass", "grün");
    }

    #[test]
    fn a_broken_line_is_refused() {
        for text in [
            "port",
            r#"port "6379"#,
            "port '6379",
            r#"port "6"379"#,
            r#"port "\xff""#,
        ] {
            assert!(parse_line(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_quoted_comes_back() {
        for word in ["", "plain", "a b", "\"'\\", "\n\r\t\x07", "ü x"] {
            let words = split(&format!("{} end", quote(word))).expect(word);
            assert_eq!(words, [word, "end"]);
        }
    }

    #[test]
    fn included_files_stand_where_they_are_included() {
        let folder = std::env::temp_dir().join(format!("petridis-conf-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (outer, inner) = (folder.join("outer.conf"), folder.join("inner.conf"));
        std::fs::write(
            &outer,
            format!("port 1\ninclude {}\nport 3\n", inner.display()),
        )
        .expect("a file");
        std::fs::write(&inner, "port 2\n").expect("a file");
        let ports: Vec<_> = read(&outer)
            .expect("readable")
            .into_iter()
            .map(|p| p.1)
            .collect();
        assert_eq!(ports, ["1", "2", "3"]);
        std::fs::write(&inner, format!("include {}\n", inner.display())).expect("a file");
        let error = format!("{:#}", read(&outer).expect_err("endless"));
        assert!(error.contains("too deeply"), "{error}");
        std::fs::remove_dir_all(&folder).expect("removable");
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("100"), Some(100));
        assert_eq!(size("1k"), Some(1000));
        assert_eq!(size("1KB"), Some(1024));
        assert_eq!(size("512mb"), Some(512 << 20));
        assert_eq!(size("1 GiB"), Some(1 << 30));
        assert_eq!(size("gb"), None);
        assert_eq!(size("1x"), None);
        assert_eq!(size("99999999999gb"), None);
    }
}
