//! Bytes to requests, incrementally: arrays of bulk strings, and inline commands.
//!
//! Owns how far into a connection's bytes parsing has come. A request may be cut anywhere; nothing
//! is parsed twice. The limits and the words of the errors are Redis 8.0's.

use super::args::{Args, Span};
use crate::value::number::parse_i64;

/// A line (an inline command, a length) may be this long: Redis's `PROTO_INLINE_MAX_SIZE`.
const MAX_LINE: usize = 64 * 1024;
/// What a connection that has not authenticated may send.
const MAX_UNAUTHENTICATED_ARGS: i64 = 10;
const MAX_UNAUTHENTICATED_BULK: i64 = 16 * 1024;
/// For so many arguments the room is kept from one request to the next.
const KEPT_ARGS: usize = 1024;

/// What a connection may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest bulk string: `proto-max-bulk-len`.
    pub bulk_len: i64,
    /// Whether the connection may run commands at all; if not, only short requests are taken.
    pub authenticated: bool,
}

/// Bytes that are no request. Answered, then the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// No line break within 64 KiB of an inline command.
    TooBigInline,
    /// Quotes that do not close.
    UnbalancedQuotes,
    /// No line break within 64 KiB of `*`.
    TooBigCount,
    /// `*` without a number that makes sense.
    InvalidCount,
    /// More arguments than an unauthenticated connection may send.
    UnauthenticatedCount,
    /// No line break within 64 KiB of `$`.
    TooBigBulkLength,
    /// Something else where `$` has to stand.
    ExpectedBulk(u8),
    /// `$` without a length within the limits.
    InvalidBulkLength,
    /// A longer argument than an unauthenticated connection may send.
    UnauthenticatedBulk,
}

impl ProtocolError {
    /// The error as the client is told it.
    pub fn message(&self) -> Vec<u8> {
        let text: &[u8] = match self {
            Self::TooBigInline => b"too big inline request",
            Self::UnbalancedQuotes => b"unbalanced quotes in request",
            Self::TooBigCount => b"too big mbulk count string",
            Self::InvalidCount => b"invalid multibulk length",
            Self::UnauthenticatedCount => b"unauthenticated multibulk length",
            Self::TooBigBulkLength => b"too big bulk count string",
            Self::ExpectedBulk(got) => {
                return [
                    b"ERR Protocol error: expected '$', got '",
                    &[*got][..],
                    b"'",
                ]
                .concat();
            }
            Self::InvalidBulkLength => b"invalid bulk length",
            Self::UnauthenticatedBulk => b"unauthenticated bulk length",
        };
        [b"ERR Protocol error: ", text].concat()
    }
}

/// What [`Decoder::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A whole request: [`Decoder::args`] has it.
    Request,
    /// The bytes end before the request does.
    Incomplete,
    /// A whole request whose arguments were not kept, see [`Decoder::shed`].
    Shed,
    /// Not a request.
    Error(ProtocolError),
}

/// Parses one connection's bytes.
///
/// The caller keeps the bytes and hands the same ones, grown at the end, to each call, until it
/// takes away what [`Decoder::consumed`] says and calls [`Decoder::rebase`].
#[derive(Debug, Default)]
pub struct Decoder {
    at: usize,
    /// Where the request under way begins.
    start: usize,
    /// Bulk strings still to come.
    missing: i64,
    /// Length of the bulk string under way.
    bulk: Option<usize>,
    spans: Vec<Span>,
    /// The request under way is only followed to its end.
    shed: bool,
    /// Bytes of the bulk string under way to pass over, while shedding.
    skip: usize,
    /// Words of an inline command, unquoted.
    inline: Vec<u8>,
    is_inline: bool,
}

impl Decoder {
    /// Parses on until a request is whole.
    #[inline]
    pub fn next(&mut self, bytes: &[u8], limits: Limits) -> Decoded {
        if self.missing == 0 {
            self.spans.clear();
            if self.short(bytes).is_some() {
                return Decoded::Request;
            }
        }
        while self.missing == 0 {
            self.spans.clear();
            self.start = self.at;
            let step = match bytes.get(self.at) {
                None => return Decoded::Incomplete,
                Some(b'*') => self.count(bytes, limits),
                Some(_) => self.inline(bytes),
            };
            match step {
                Err(stop) => return stop,
                Ok(true) => return Decoded::Request,
                Ok(false) => {}
            }
        }
        match self.bulks(bytes, limits) {
            Ok(()) => Decoded::Request,
            Err(stop) => stop,
        }
    }

    /// Takes a whole request of few and short arguments, which nearly all of them are, in one go. `None`
    /// leaves everything to be parsed step by step. No limit is as low as what is taken here.
    #[inline]
    fn short(&mut self, bytes: &[u8]) -> Option<()> {
        let digit = |byte: u8| usize::from(byte - b'0');
        let [b'*', count @ b'1'..=b'9', b'\r', _, ..] = *bytes.get(self.at..)? else {
            return None;
        };
        let mut at = self.at + 4;
        self.spans.clear();
        for _ in 0..digit(count) {
            let len = match *bytes.get(at..)? {
                [b'$', ones @ b'0'..=b'9', b'\r', _, ..] => {
                    at += 4;
                    digit(ones)
                }
                [b'$', tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', _, ..] => {
                    at += 5;
                    10 * digit(tens) + digit(ones)
                }
                _ => return None,
            };
            let end = at + len;
            if end + 2 > bytes.len() {
                return None;
            }
            self.spans.push(Span {
                start: at as u32,
                end: end as u32,
            });
            at = end + 2;
        }
        self.start = self.at;
        self.at = at;
        self.is_inline = false;
        Some(())
    }

    /// The request that [`Decoder::next`] has found in these bytes.
    #[inline]
    pub fn args<'a>(&'a self, bytes: &'a [u8]) -> Args<'a> {
        Args::new(
            if self.is_inline { &self.inline } else { bytes },
            &self.spans,
        )
    }

    /// How many bytes are done with: everything before the request under way.
    pub fn consumed(&self) -> usize {
        if self.missing == 0 || self.shed {
            self.at
        } else {
            self.start
        }
    }

    /// Gives up the arguments of the request under way: the caller has no room for the `have` bytes
    /// it holds and throws them away. The request is followed to its end, which [`Decoded::Shed`]
    /// tells.
    pub fn shed(&mut self, have: usize) {
        self.skip = self
            .bulk
            .map_or(0, |len| (self.at + len + 2).saturating_sub(have));
        self.shed = true;
        self.spans = Vec::new();
        self.at = 0;
        self.start = 0;
    }

    /// True if the request under way can be shed: it is inside a bulk string.
    pub fn can_shed(&self) -> bool {
        self.missing > 0 && self.bulk.is_some()
    }

    /// Tells that the first `bytes` bytes were taken away.
    pub fn rebase(&mut self, bytes: usize) {
        self.at -= bytes;
        self.start = self.start.saturating_sub(bytes);
        if !self.is_inline {
            for span in &mut self.spans {
                span.start = span.start.wrapping_sub(bytes as u32);
                span.end = span.end.wrapping_sub(bytes as u32);
            }
        }
    }

    /// How many bytes the bulk string under way still lacks, so that a buffer can be sized once.
    pub fn missing_bytes(&self, have: usize) -> usize {
        self.bulk
            .map_or(0, |len| (self.at + len + 2).saturating_sub(have))
    }

    /// Lets go of the room for more arguments than most requests have. Between requests only.
    pub fn relax(&mut self) {
        if self.missing == 0 && self.spans.capacity() > KEPT_ARGS {
            self.spans = Vec::new();
        }
    }

    /// Length of the argument that is coming in.
    pub fn argument_bytes(&self) -> Option<usize> {
        self.bulk
    }

    /// How many of `have` bytes are not parsed yet.
    pub fn unparsed(&self, have: usize) -> usize {
        have.saturating_sub(self.at)
    }

    /// Bytes of the arguments that are there of a request that is not whole, and how many there are.
    pub fn parsed(&self) -> (usize, usize) {
        if self.missing == 0 {
            return (0, 0);
        }
        let bytes = self
            .spans
            .iter()
            .map(|span| span.end.wrapping_sub(span.start) as usize);
        (bytes.sum(), self.spans.len())
    }

    /// `*N`: true when the array is empty... in which case there is nothing to run.
    fn count(&mut self, bytes: &[u8], limits: Limits) -> Result<bool, Decoded> {
        let (count, next) = length_line(bytes, self.at, ProtocolError::TooBigCount)?;
        let count = count
            .filter(|count| *count <= i64::from(i32::MAX))
            .ok_or(Decoded::Error(ProtocolError::InvalidCount))?;
        if count > MAX_UNAUTHENTICATED_ARGS && !limits.authenticated {
            return Err(Decoded::Error(ProtocolError::UnauthenticatedCount));
        }
        self.at = next;
        self.missing = count.max(0);
        self.is_inline = false;
        self.spans.clear();
        // Not more than the bytes at hand could hold: a lie about the count costs nothing.
        self.spans
            .reserve((self.missing as usize).min(bytes.len() / 5 + 1));
        Ok(false)
    }

    fn bulks(&mut self, bytes: &[u8], limits: Limits) -> Result<(), Decoded> {
        while self.missing > 0 {
            let len = match self.bulk {
                Some(len) => len,
                None => {
                    let first = *bytes.get(self.at).ok_or(Decoded::Incomplete)?;
                    // As Redis: the line has to be whole before its first byte is looked at.
                    let (len, next) = length_line(bytes, self.at, ProtocolError::TooBigBulkLength)?;
                    if first != b'$' {
                        return Err(Decoded::Error(ProtocolError::ExpectedBulk(first)));
                    }
                    let len = len
                        .filter(|len| (0..=limits.bulk_len).contains(len))
                        .ok_or(Decoded::Error(ProtocolError::InvalidBulkLength))?;
                    if len > MAX_UNAUTHENTICATED_BULK && !limits.authenticated {
                        return Err(Decoded::Error(ProtocolError::UnauthenticatedBulk));
                    }
                    self.at = next;
                    self.bulk = Some(len as usize);
                    self.skip = len as usize + 2;
                    len as usize
                }
            };
            if self.shed {
                let step = self.skip.min(bytes.len() - self.at);
                self.at += step;
                self.skip -= step;
                if self.skip > 0 {
                    return Err(Decoded::Incomplete);
                }
                self.bulk = None;
                self.missing -= 1;
                continue;
            }
            if bytes.len() - self.at < len + 2 {
                return Err(Decoded::Incomplete);
            }
            self.spans.push(Span {
                start: self.at as u32,
                end: (self.at + len) as u32,
            });
            self.at += len + 2;
            self.bulk = None;
            self.missing -= 1;
        }
        if std::mem::take(&mut self.shed) {
            Err(Decoded::Shed)
        } else {
            Ok(())
        }
    }

    /// True when the line holds a command.
    fn inline(&mut self, bytes: &[u8]) -> Result<bool, Decoded> {
        let rest = &bytes[self.at..];
        let Some(end) = find(rest, b'\n') else {
            return Err(if rest.len() > MAX_LINE {
                Decoded::Error(ProtocolError::TooBigInline)
            } else {
                Decoded::Incomplete
            });
        };
        let line = &rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.at += end + 1;
        self.inline.clear();
        self.spans.clear();
        self.is_inline = true;
        let (words, spans) = (&mut self.inline, &mut self.spans);
        let whole = split_words(line, words, |start, end| {
            spans.push(Span {
                start: start as u32,
                end: end as u32,
            });
        });
        if whole.is_none() {
            return Err(Decoded::Error(ProtocolError::UnbalancedQuotes));
        }
        Ok(!self.spans.is_empty())
    }
}

/// Where the line that begins at `from` has its `\r`, once the `\n` behind it is there too.
#[inline]
fn line(bytes: &[u8], from: usize, too_big: ProtocolError) -> Result<usize, Decoded> {
    match find(&bytes[from..], b'\r') {
        Some(at) if from + at + 1 < bytes.len() => Ok(from + at),
        Some(_) => Err(Decoded::Incomplete),
        None if bytes.len() - from > MAX_LINE => Err(Decoded::Error(too_big)),
        None => Err(Decoded::Incomplete),
    }
}

/// Where a byte is. As in Redis, which looks for it in a C string, nothing is found behind a NUL.
#[inline]
fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    let at = bytes
        .iter()
        .position(|byte| *byte == wanted || *byte == 0)?;
    (bytes[at] == wanted).then_some(at)
}

/// The number in the line that begins at `from` with a `*` or `$`, and where the next line begins.
#[inline]
fn length_line(
    bytes: &[u8],
    from: usize,
    too_big: ProtocolError,
) -> Result<(Option<i64>, usize), Decoded> {
    let digit = |byte: u8| i64::from(byte - b'0');
    match bytes[from..] {
        // Nearly all of them are short, and looked at where they are.
        [b'*' | b'$', ones @ b'0'..=b'9', b'\r', _, ..] => Ok((Some(digit(ones)), from + 4)),
        [
            b'*' | b'$',
            tens @ b'1'..=b'9',
            ones @ b'0'..=b'9',
            b'\r',
            _,
            ..,
        ] => Ok((Some(10 * digit(tens) + digit(ones)), from + 5)),
        _ => {
            let end = line(bytes, from, too_big)?;
            // Where the line is empty there is no kind of line either, let alone a number.
            let digits = bytes.get(from + 1..end).unwrap_or_default();
            Ok((parse_i64(digits), end + 2))
        }
    }
}

/// Splits a line into words as a shell would: blanks separate, `"…"` takes escapes (`\n \r \t \b \a
/// \xHH`, and any other byte as itself), `'…'` takes only `\'`.
///
/// The words are appended to `words`; `each` hears where each one lies. `None` where a quote does not
/// close or is followed by something else than a blank.
pub fn split_words(
    line: &[u8],
    words: &mut Vec<u8>,
    mut each: impl FnMut(usize, usize),
) -> Option<()> {
    let mut rest = line;
    loop {
        while let [b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c | 0, tail @ ..] = rest {
            if rest[0] == 0 {
                return Some(());
            }
            rest = tail;
        }
        if rest.is_empty() {
            return Some(());
        }
        let start = words.len();
        rest = word(rest, words)?;
        each(start, words.len());
    }
}

/// Takes one word off the front.
fn word<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t' | 0, ..] => return Some(rest),
            [b'"', tail @ ..] => return closed(double_quoted(tail, out)?),
            [b'\'', tail @ ..] => return closed(single_quoted(tail, out)?),
            [byte, tail @ ..] => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
}

/// A closing quote has to be followed by a blank or the end.
fn closed(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [] | [b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c | 0, ..] => Some(rest),
        _ => None,
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(hex(*high) << 4 | hex(*low));
                rest = tail;
            }
            [b'\\', escaped, tail @ ..] => {
                out.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = tail;
            }
            [b'"', tail @ ..] => return Some(tail),
            [] | [0, ..] => return None,
            [byte, tail @ ..] => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'\\', b'\'', tail @ ..] => {
                out.push(b'\'');
                rest = tail;
            }
            [b'\'', tail @ ..] => return Some(tail),
            [] | [0, ..] => return None,
            [byte, tail @ ..] => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}
