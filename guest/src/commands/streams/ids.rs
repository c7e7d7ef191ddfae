//! Ids of entries and ranges of them, as clients write them. Knows no stream.

use super::super::options::{c_text, unsigned};
use super::super::{CommandError, error};
use super::{StreamId, WantedId};

/// What follows the dash.
enum Sequence {
    /// No dash.
    Missing,
    /// `*`
    Any,
    Given(u64),
}

/// No id is longer.
const MOST_BYTES: usize = 127;

/// Takes an id apart.
#[inline]
fn parts(arg: &[u8]) -> Option<(u64, Sequence)> {
    if arg.len() > MOST_BYTES {
        return None;
    }
    let text = c_text(arg);
    match text.iter().position(|byte| *byte == b'-') {
        None => Some((unsigned(text)?, Sequence::Missing)),
        Some(dash) => {
            let sequence = match &text[dash + 1..] {
                b"*" => Sequence::Any,
                sequence => Sequence::Given(unsigned(sequence)?),
            };
            Some((unsigned(&text[..dash])?, sequence))
        }
    }
}

/// `ms[-seq]`, where `missing` is what is meant without the second part.
#[inline]
pub fn strict(arg: &[u8], missing: u64) -> Result<StreamId, CommandError> {
    match parts(arg) {
        Some((ms, Sequence::Given(seq))) => Ok(StreamId::new(ms, seq)),
        Some((ms, Sequence::Missing)) => Ok(StreamId::new(ms, missing)),
        Some((_, Sequence::Any)) | None => Err(error::INVALID_STREAM_ID),
    }
}

/// `ms[-seq]`, `-` for the smallest or `+` for the largest.
pub fn any(arg: &[u8], missing: u64) -> Result<StreamId, CommandError> {
    match c_text(arg) {
        b"-" if arg.len() <= MOST_BYTES => Ok(StreamId::MIN),
        b"+" if arg.len() <= MOST_BYTES => Ok(StreamId::MAX),
        _ => strict(arg, missing),
    }
}

/// `ms[-seq | -*]`, for an entry to be added.
pub fn wanted(arg: &[u8]) -> Result<WantedId, CommandError> {
    match parts(arg) {
        Some((ms, Sequence::Given(seq))) => Ok(WantedId::Exactly(StreamId::new(ms, seq))),
        Some((ms, Sequence::Missing)) => Ok(WantedId::Exactly(StreamId::new(ms, 0))),
        Some((ms, Sequence::Any)) => Ok(WantedId::NextOf(ms)),
        None => Err(error::INVALID_STREAM_ID),
    }
}

/// Where a range begins: an id, or `(` and one, which then is not part of it.
pub fn start(arg: &[u8]) -> Result<StreamId, CommandError> {
    match arg {
        [b'(', id @ ..] if !id.is_empty() => {
            strict(id, 0)?.next().ok_or(error::INVALID_RANGE_START)
        }
        id => any(id, 0),
    }
}

/// Where a range ends, as [`start`].
pub fn end(arg: &[u8]) -> Result<StreamId, CommandError> {
    match arg {
        [b'(', id @ ..] if !id.is_empty() => {
            let id = strict(id, u64::MAX)?;
            id.previous().ok_or(error::INVALID_RANGE_END)
        }
        id => any(id, u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_c_reads_them() {
        let read = |text: &str| strict(text.as_bytes(), 7).ok();
        assert_eq!(read("5-1"), Some(StreamId::new(5, 1)));
        assert_eq!(read("5"), Some(StreamId::new(5, 7)));
        assert_eq!(read("5-1\0x"), Some(StreamId::new(5, 1)));
        assert_eq!(read(" +05-01"), Some(StreamId::new(5, 1)));
        assert_eq!(read("5--02"), Some(StreamId::new(5, u64::MAX - 1)));
        assert_eq!(
            read("18446744073709551615"),
            Some(StreamId::new(u64::MAX, 7))
        );
        for wrong in [
            "",
            "-",
            "+",
            "5-",
            "-5",
            "5--2",
            "5-1-1",
            "5-*",
            "x",
            "18446744073709551616",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(strict(&[b'0'; 127], 0), Ok(StreamId::MIN));
        assert_eq!(strict(&[b'0'; 128], 0), Err(error::INVALID_STREAM_ID));
    }

    #[test]
    fn ranges_leave_out_what_stands_behind_a_parenthesis() {
        assert_eq!(start(b"-"), Ok(StreamId::MIN));
        assert_eq!(end(b"+"), Ok(StreamId::MAX));
        assert_eq!(start(b"(5"), Ok(StreamId::new(5, 1)));
        assert_eq!(end(b"(5"), Ok(StreamId::new(5, u64::MAX - 1)));
        assert_eq!(end(b"(5-0"), Ok(StreamId::new(4, u64::MAX)));
        assert_eq!(end(b"(0-0"), Err(error::INVALID_RANGE_END));
        assert_eq!(start(b"("), Err(error::INVALID_STREAM_ID));
        assert_eq!(start(b"(-"), Err(error::INVALID_STREAM_ID));
    }
}
