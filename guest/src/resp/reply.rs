//! Where replies go. A handler writes its reply once, into a [`Sink`]; each consumer (the wire in
//! RESP2 or RESP3, later Lua) is one implementation. Knows nothing of who reads.

/// The version of RESP that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What every connection starts with.
    #[default]
    Resp2,
    /// After `HELLO 3`: maps, sets, doubles, nulls and pushes of their own.
    Resp3,
}

/// What a reply with a length can be. RESP2 writes each as an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// `*`
    Array,
    /// `%`, its length counted in pairs.
    Map,
    /// `~`
    Set,
    /// `>`
    Push,
    /// `|`, its length counted in pairs. RESP2 has none: it is never written there.
    Attribute,
}

/// The place of an aggregate whose length is not known yet.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl Mark {
    /// A place that the sink numbers itself.
    pub(crate) fn at(place: usize) -> Self {
        Mark(place)
    }
}

/// Takes one reply, piece by piece.
pub trait Sink {
    /// Which protocol the reader speaks, for the few replies of another shape in RESP3.
    fn protocol(&self) -> Protocol;
    /// From here on replies are `protocol`'s (HELLO, RESET). Means nothing to a reader that is no
    /// connection.
    fn switch_protocol(&mut self, protocol: Protocol);
    /// A status such as `OK`: no line break in it.
    fn simple(&mut self, text: &str);
    /// An error, its code first: `ERR syntax error`. Line breaks at its end are dropped, others
    /// become blanks.
    fn error(&mut self, text: &[u8]);
    /// A number.
    fn integer(&mut self, number: i64);
    /// A binary-safe string.
    fn bulk(&mut self, bytes: &[u8]);
    /// No value.
    fn null(&mut self);
    /// No array (`*-1` in RESP2).
    fn null_array(&mut self);
    /// A double, as Redis prints it.
    fn double(&mut self, number: f64);
    /// A truth value; `1` or `0` in RESP2.
    fn boolean(&mut self, value: bool);
    /// A string with a three-letter format (`txt`, `mkd`); a plain string in RESP2.
    fn verbatim(&mut self, format: &str, bytes: &[u8]);
    /// A number of any length, in decimal; a string in RESP2.
    fn big_number(&mut self, digits: &[u8]);
    /// The head of an aggregate of `len` members (pairs, for a map), which follow.
    fn aggregate(&mut self, kind: Aggregate, len: usize);
    /// Keeps the place for the head of an aggregate whose length is known only at its end.
    fn defer(&mut self) -> Mark;
    /// Writes the head that [`Sink::defer`] kept the place for. Innermost first.
    fn settle(&mut self, mark: Mark, kind: Aggregate, len: usize);

    /// True once nothing more fits: whoever writes without end may stop.
    fn is_full(&self) -> bool {
        false
    }

    /// How many bytes more the reader can be sent before it is cut off for that; as many as there is
    /// memory for, mostly.
    fn most(&self) -> usize {
        usize::MAX
    }

    /// `+OK`
    fn ok(&mut self) {
        self.simple("OK");
    }
    /// The head of an array.
    fn array(&mut self, len: usize) {
        self.aggregate(Aggregate::Array, len);
    }
    /// The head of a map of `pairs` pairs.
    fn map(&mut self, pairs: usize) {
        self.aggregate(Aggregate::Map, pairs);
    }
    /// The head of a set.
    fn set(&mut self, len: usize) {
        self.aggregate(Aggregate::Set, len);
    }
    /// A string, or null for none.
    fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }
    /// A number as a string.
    fn bulk_integer(&mut self, number: i64) {
        self.bulk(itoa::Buffer::new().format(number).as_bytes());
    }
}

/// A kind, a number and two line breaks, at most.
const HEAD_BYTES: usize = 26;

/// From here on a buffer of replies grows by less than doubling.
const LARGE: usize = 1 << 20;

/// Room that is made for the replies of a step.
const LEAST: usize = 256;

/// Replies as bytes on the wire, for any number of connections one after the other.
#[derive(Default)]
pub struct Wire {
    out: Vec<u8>,
    protocol: Protocol,
    limit: usize,
    /// The limit is the reader's: there would be memory for more.
    is_readers: bool,
    overflowed: bool,
}

impl Wire {
    /// Makes the next replies `protocol`'s, and refuses to grow past `limit` bytes in all.
    pub fn aim(&mut self, protocol: Protocol, limit: usize) {
        self.protocol = protocol;
        self.limit = limit;
        self.is_readers = false;
        self.overflowed = false;
    }

    /// The reader is cut off when it is sent so many bytes more.
    pub fn cut_off_after(&mut self, bytes: usize) {
        let end = self.out.len().saturating_add(bytes);
        if end < self.limit {
            self.limit = end;
            self.is_readers = true;
        }
    }

    /// True where a reply that did not fit was too much for its reader, and not for the memory.
    pub fn was_cut_off(&self) -> bool {
        self.overflowed && self.is_readers
    }

    /// The bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Bytes that it holds to be written in.
    pub fn capacity(&self) -> usize {
        self.out.capacity()
    }

    /// True before the first byte.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// True when a reply did not fit: it is cut off and its connection can only be closed.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Takes back everything after the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// Bytes written since the wire was `start` bytes long.
    pub fn since(&self, start: usize) -> &[u8] {
        &self.out[start.min(self.out.len())..]
    }

    /// Hands out all bytes and starts again.
    pub fn take(&mut self) -> Vec<u8> {
        if self.out.is_empty() {
            // Who parks says nothing; what follows will.
            return Vec::new();
        }
        // What the last step needed, the next one will need: no growing in small steps.
        let next = Vec::with_capacity(self.out.len().clamp(LEAST, 64 * 1024));
        std::mem::replace(&mut self.out, next)
    }

    /// Drops all bytes. The buffer stays, unless it has become large.
    pub fn clear(&mut self) {
        self.out.clear();
        self.out.shrink_to(LARGE);
    }

    /// Bytes that are a reply already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.room(bytes.len()) {
            self.out.extend_from_slice(bytes);
        }
    }

    /// True if so many bytes more may be written; then there is memory for them.
    #[inline]
    fn room(&mut self, bytes: usize) -> bool {
        let len = self.out.len();
        if len + bytes > self.limit {
            return self.refuse();
        }
        if self.out.capacity() - len < bytes {
            self.grow(bytes);
        }
        true
    }

    #[cold]
    fn refuse(&mut self) -> bool {
        self.overflowed = true;
        // Nor does anything shorter fit.
        self.limit = 0;
        false
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        let len = self.out.len();
        if len + bytes > LARGE {
            // Doubling would ask for twice what is there to hold one value more.
            self.out.reserve_exact(bytes.max(len / 8));
        } else {
            self.out.reserve(bytes);
        }
    }

    #[inline]
    fn head(&mut self, kind: u8, number: i64) {
        if self.room(HEAD_BYTES) {
            self.put_head(kind, number);
        }
    }

    /// Writes a head, for which there is room.
    #[inline]
    fn put_head(&mut self, kind: u8, number: i64) {
        match number {
            0..10 => {
                let one = b'0' + number as u8;
                self.out.extend_from_slice(&[kind, one, b'\r', b'\n']);
            }
            10..100 => {
                let (ten, one) = (b'0' + number as u8 / 10, b'0' + number as u8 % 10);
                self.out.extend_from_slice(&[kind, ten, one, b'\r', b'\n']);
            }
            _ => {
                self.out.push(kind);
                self.out
                    .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        if self.room(text.len() + 3) {
            self.out.push(kind);
            self.out.extend_from_slice(text);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    fn head_of(&self, kind: Aggregate, len: usize) -> (u8, i64) {
        match (self.protocol, kind) {
            (Protocol::Resp2, Aggregate::Map) => (b'*', 2 * len as i64),
            (Protocol::Resp2, _) | (_, Aggregate::Array) => (b'*', len as i64),
            (_, Aggregate::Map) => (b'%', len as i64),
            (_, Aggregate::Set) => (b'~', len as i64),
            (_, Aggregate::Push) => (b'>', len as i64),
            (_, Aggregate::Attribute) => (b'|', len as i64),
        }
    }
}

impl Sink for Wire {
    fn is_full(&self) -> bool {
        self.overflowed
    }

    fn most(&self) -> usize {
        if self.is_readers {
            self.limit.saturating_sub(self.out.len())
        } else {
            usize::MAX
        }
    }

    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn switch_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    fn error(&mut self, text: &[u8]) {
        let breaks = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let end = text
            .iter()
            .rposition(|byte| !breaks(byte))
            .map_or(0, |last| last + 1);
        let text = &text[..end];
        if text.iter().any(breaks) {
            let flat: Vec<u8> = text
                .iter()
                .map(|byte| if breaks(byte) { b' ' } else { *byte })
                .collect();
            self.line(b'-', &flat);
        } else {
            self.line(b'-', text);
        }
    }

    #[inline]
    fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    fn integer(&mut self, number: i64) {
        self.head(b':', number);
    }

    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        if self.room(bytes.len() + HEAD_BYTES) {
            self.put_head(b'$', bytes.len() as i64);
            self.out.extend_from_slice(bytes);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    fn null(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.raw(b"$-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    fn null_array(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.raw(b"*-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    fn double(&mut self, number: f64) {
        let text = crate::value::number::format_double(number);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    fn boolean(&mut self, value: bool) {
        match (self.protocol, value) {
            (Protocol::Resp2, _) => self.integer(value.into()),
            (Protocol::Resp3, true) => self.raw(b"#t\r\n"),
            (Protocol::Resp3, false) => self.raw(b"#f\r\n"),
        }
    }

    fn verbatim(&mut self, format: &str, bytes: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(bytes),
            Protocol::Resp3 => {
                if self.room(bytes.len() + 32) {
                    self.head(b'=', bytes.len() as i64 + 4);
                    self.out.extend_from_slice(format.as_bytes());
                    self.out.push(b':');
                    self.out.extend_from_slice(bytes);
                    self.out.extend_from_slice(b"\r\n");
                }
            }
        }
    }

    fn big_number(&mut self, digits: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits),
            Protocol::Resp3 => self.line(b'(', digits),
        }
    }

    fn aggregate(&mut self, kind: Aggregate, len: usize) {
        let (kind, number) = self.head_of(kind, len);
        self.head(kind, number);
    }

    fn defer(&mut self) -> Mark {
        Mark(self.out.len())
    }

    fn settle(&mut self, mark: Mark, kind: Aggregate, len: usize) {
        let end = self.out.len();
        self.aggregate(kind, len);
        if !self.overflowed {
            // The head was written behind its members; turn it to the front.
            let head = self.out.len() - end;
            self.out[mark.0..].rotate_right(head);
        }
    }
}
