//! Bytes to requests, incrementally: arrays of bulk strings, and inline commands.
//!
//! Owns how far into a connection's bytes parsing has come. A request may be cut anywhere; nothing
//! is parsed twice. The limits and the words of the errors are Redis 8.0's.

use std::ops::Range;

use super::args::{Args, Span};
use crate::value::number::parse_i64;

/// A line (an inline command, a length) may be this long: Redis's `PROTO_INLINE_MAX_SIZE`.
const MAX_LINE: usize = 64 * 1024;
/// What a connection that has not authenticated may send.
const MAX_UNAUTHENTICATED_ARGS: i64 = 10;
const MAX_UNAUTHENTICATED_BULK: i64 = 16 * 1024;
/// For so many arguments the room is kept from one request to the next.
const KEPT_ARGS: usize = 1024;
/// So many requests are parsed before the first of them is handed out.
const AHEAD: usize = 32;

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
    /// The arguments of the request under way, or of those that were parsed ahead.
    spans: Vec<Span>,
    /// Which of them are the arguments of the request that was handed out.
    current: Range<usize>,
    /// Whole requests that were parsed ahead, and how many of them are handed out.
    ahead: Vec<Ahead>,
    taken: usize,
    /// The request under way is only followed to its end.
    shed: bool,
    /// Bytes of the bulk string under way to pass over, while shedding.
    skip: usize,
    /// Words of an inline command, unquoted.
    inline: Vec<u8>,
    is_inline: bool,
}

/// Where a request that was parsed ahead ends: its arguments, and its bytes.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    spans: u32,
    at: u32,
}

impl Decoder {
    /// Parses on until a request is whole.
    #[inline]
    pub fn next(&mut self, bytes: &[u8], limits: Limits) -> Decoded {
        let has_one = !self.is_level() || (limits.authenticated && self.look_ahead(bytes, 1) > 0);
        if !has_one {
            return self.next_of_any_kind(bytes, limits);
        }
        let Ahead { spans, at } = self.ahead[self.taken];
        self.taken += 1;
        self.current = self.current.end..spans as usize;
        self.start = self.at;
        self.at = at as usize;
        Decoded::Request
    }

    /// The long way: a request may be an inline command, or come in several pieces.
    fn next_of_any_kind(&mut self, bytes: &[u8], limits: Limits) -> Decoded {
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
                Ok(true) => return self.found(),
                Ok(false) => {}
            }
        }
        match self.bulks(bytes, limits) {
            Ok(()) => self.found(),
            Err(stop) => stop,
        }
    }

    fn found(&mut self) -> Decoded {
        self.current = 0..self.spans.len();
        Decoded::Request
    }

    /// True if nothing of what was parsed ahead is left.
    #[inline]
    pub fn is_level(&self) -> bool {
        self.taken == self.ahead.len()
    }

    /// Parses requests that are whole, short and well-formed, which nearly all of them are, before they
    /// are asked for; returns how many arguments they have. Only where nothing is left of those parsed ahead, and
    /// for a connection that may run commands: no limit of theirs is as low as what is taken here.
    #[inline]
    pub fn parse_ahead(&mut self, bytes: &[u8]) -> usize {
        self.look_ahead(bytes, AHEAD);
        self.spans.len()
    }

    /// The requests that are parsed ahead.
    pub fn requests_ahead<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Args<'a>> {
        let mut start = match self.taken {
            0 => 0,
            taken => self.ahead[taken - 1].spans as usize,
        };
        self.ahead[self.taken..].iter().map(move |ahead| {
            let spans = start..ahead.spans as usize;
            start = spans.end;
            Args::new(bytes, &self.spans[spans])
        })
    }

    /// Forgets what was parsed ahead and not handed out: the bytes go elsewhere.
    #[inline]
    pub fn fall_back(&mut self) {
        self.ahead.clear();
        self.taken = 0;
    }

    #[inline]
    fn look_ahead(&mut self, bytes: &[u8], most: usize) -> usize {
        if self.missing > 0 {
            return 0;
        }
        self.spans.clear();
        self.fall_back();
        self.current = 0..0;
        self.is_inline = false;
        let mut at = self.at;
        while self.ahead.len() < most {
            let spans = self.spans.len();
            let Some(end) = short(bytes, at, &mut self.spans) else {
                self.spans.truncate(spans);
                break;
            };
            at = end;
            self.ahead.push(Ahead {
                spans: self.spans.len() as u32,
                at: at as u32,
            });
        }
        self.ahead.len()
    }

    /// The request that [`Decoder::next`] has found in these bytes.
    #[inline]
    pub fn args<'a>(&'a self, bytes: &'a [u8]) -> Args<'a> {
        Args::new(
            if self.is_inline { &self.inline } else { bytes },
            &self.spans[self.current.clone()],
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
        self.fall_back();
        self.at = 0;
        self.start = 0;
    }

    /// True while the request under way is only followed to its end: its bytes are gone.
    pub fn is_shedding(&self) -> bool {
        self.shed
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

/// Takes a whole request of not too many and not too long arguments in one go, without its line breaks
/// being looked at; returns where it ends. `None` leaves everything to be parsed step by step.
#[inline]
fn short(bytes: &[u8], from: usize, spans: &mut Vec<Span>) -> Option<usize> {
    let digit = |byte: u8| usize::from(byte - b'0');
    let (count, mut at) = match *bytes.get(from..)? {
        [b'*', ones @ b'1'..=b'9', b'\r', _, ..] => (digit(ones), from + 4),
        [b'*', tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', _, ..] => {
            (10 * digit(tens) + digit(ones), from + 5)
        }
        _ => return None,
    };
    for _ in 0..count {
        let len = match *bytes.get(at..)? {
            [b'$', ones @ b'0'..=b'9', b'\r', _, ..] => {
                at += 4;
                digit(ones)
            }
            [b'$', tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', _, ..] => {
                at += 5;
                10 * digit(tens) + digit(ones)
            }
            [
                b'$',
                hundreds @ b'1'..=b'9',
                tens @ b'0'..=b'9',
                ones @ b'0'..=b'9',
                b'\r',
                _,
                ..,
            ] => {
                at += 6;
                100 * digit(hundreds) + 10 * digit(tens) + digit(ones)
            }
            _ => return None,
        };
        let end = at + len;
        if end + 2 > bytes.len() {
            return None;
        }
        spans.push(Span {
            start: at as u32,
            end: end as u32,
        });
        at = end + 2;
    }
    Some(at)
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

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Limits = Limits {
        bulk_len: 512 << 20,
        authenticated: true,
    };

    const REQUESTS: &[u8] =
        b"*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$12\r\nabcdefghijkl\r\n\
                              GET a\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1";

    /// Every request that comes, and how many bytes are done with after it. `step` is done before each.
    fn requests(mut step: impl FnMut(&mut Decoder)) -> Vec<(Vec<Vec<u8>>, usize)> {
        let mut decoder = Decoder::default();
        let mut found = Vec::new();
        loop {
            step(&mut decoder);
            if decoder.next(REQUESTS, ANY) != Decoded::Request {
                return found;
            }
            let args = decoder.args(REQUESTS).iter().map(<[u8]>::to_vec).collect();
            found.push((args, decoder.consumed()));
        }
    }

    #[test]
    fn what_is_parsed_ahead_is_what_comes_one_by_one() {
        let one_by_one = requests(|_| {});
        assert_eq!(one_by_one.len(), 4);
        let mut seen = Vec::new();
        let ahead = requests(|decoder| {
            if decoder.is_level() {
                seen.push(decoder.parse_ahead(REQUESTS));
            }
            assert!(decoder.requests_ahead(REQUESTS).count() <= 2);
        });
        assert_eq!(ahead, one_by_one);
        // Up to the inline command, nothing of that, and up to what is cut.
        assert_eq!(seen, [4, 0, 2, 0]);
    }

    #[test]
    fn what_is_forgotten_is_parsed_again() {
        let forgetful = requests(|decoder| {
            decoder.fall_back();
            decoder.parse_ahead(REQUESTS);
        });
        assert_eq!(forgetful, requests(|_| {}));
    }

    #[test]
    fn who_may_run_nothing_may_not_send_many_arguments() {
        let bytes = [&b"*11\r\n"[..], &b"$1\r\na\r\n".repeat(11)].concat();
        let nothing = Limits {
            authenticated: false,
            ..ANY
        };
        let error = Decoded::Error(ProtocolError::UnauthenticatedCount);
        assert_eq!(Decoder::default().next(&bytes, nothing), error);
        assert_eq!(Decoder::default().next(&bytes, ANY), Decoded::Request);
    }
}
