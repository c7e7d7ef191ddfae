//! The arguments of one request, as slices of the bytes they arrived in.

use std::ops::{Index, Range};

/// Where one argument lies in its buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

/// The arguments of one request, the command's name first. Copies nothing.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    pub(super) fn new(buffer: &'a [u8], spans: &'a [Span]) -> Self {
        Args { buffer, spans }
    }

    /// How many arguments there are, the command's name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True for a request without any argument, which never reaches a handler.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `index`, where the gate has checked that there is one.
    #[inline]
    pub fn at(&self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        &self.buffer[span.start as usize..span.end as usize]
    }

    /// The argument at `index`, if there are that many.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans
            .get(index)
            .map(|span| &self.buffer[span.start as usize..span.end as usize])
    }

    /// The arguments from `index` on.
    #[inline]
    pub fn from(&self, index: usize) -> Args<'a> {
        Args {
            buffer: self.buffer,
            spans: &self.spans[index.min(self.spans.len())..],
        }
    }

    /// The arguments in a range, as far as there are that many.
    pub fn range(&self, range: Range<usize>) -> Args<'a> {
        let end = range.end.min(self.spans.len());
        Args {
            buffer: self.buffer,
            spans: &self.spans[range.start.min(end)..end],
        }
    }

    /// The arguments in order.
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        let buffer = self.buffer;
        self.spans
            .iter()
            .map(move |span| &buffer[span.start as usize..span.end as usize])
    }

    /// Bytes of all arguments together.
    pub fn bytes(&self) -> usize {
        self.spans
            .iter()
            .map(|span| (span.end - span.start) as usize)
            .sum()
    }

    /// A copy that outlives the buffer: for a queued or parked command.
    pub fn to_owned(&self) -> OwnedArgs {
        let mut owned = OwnedArgs {
            buffer: Vec::with_capacity(self.bytes()),
            spans: Vec::with_capacity(self.len()),
        };
        for arg in self.iter() {
            owned.push(arg);
        }
        owned
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

/// Arguments that own their bytes, in one block.
#[derive(Clone, Debug, Default)]
pub struct OwnedArgs {
    buffer: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    /// Adds an argument at the end.
    pub fn push(&mut self, arg: &[u8]) {
        let start = self.buffer.len() as u32;
        self.buffer.extend_from_slice(arg);
        self.spans.push(Span {
            start,
            end: self.buffer.len() as u32,
        });
    }

    /// Adds a number at the end.
    pub fn push_integer(&mut self, number: i64) {
        self.push(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Forgets all arguments and keeps the room.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.spans.clear();
    }

    /// Adds an argument at the end that `write` appends to the bytes. Nothing is added where it
    /// returns false.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let start = self.buffer.len();
        let written = write(&mut self.buffer);
        if written {
            self.spans.push(Span {
                start: start as u32,
                end: self.buffer.len() as u32,
            });
        } else {
            self.buffer.truncate(start);
        }
        written
    }

    /// The arguments as handlers take them.
    pub fn as_args(&self) -> Args<'_> {
        Args {
            buffer: &self.buffer,
            spans: &self.spans,
        }
    }
}

impl<'b> FromIterator<&'b [u8]> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = &'b [u8]>>(args: I) -> Self {
        let mut owned = OwnedArgs::default();
        for arg in args {
            owned.push(arg);
        }
        owned
    }
}
