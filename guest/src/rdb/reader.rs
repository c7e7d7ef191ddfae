//! Reads lengths, strings and numbers of the format, none of which it trusts. Knows no type of value.

use std::ops::Deref;

use super::{Unreadable, lzf};
use crate::value::string::Digits;

/// Bytes that a member takes beside its own, at most.
pub const MEMBER_OVERHEAD: usize = 64;

/// A string as it was read: as it lies in the input, or made of what lies there.
pub enum Text<'a> {
    /// Bytes of the input.
    Slice(&'a [u8]),
    /// What was compressed.
    Decompressed(Vec<u8>),
    /// What was written as a number.
    Number(Digits),
}

impl Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Text::Slice(bytes) => bytes,
            Text::Decompressed(bytes) => bytes,
            Text::Number(digits) => digits,
        }
    }
}

/// A length, or what stands in its place.
enum Length {
    Plain(u64),
    /// A string in a form of its own follows.
    Special(u8),
}

/// Input, read from the front.
pub struct Reader<'a> {
    rest: &'a [u8],
    memory_ceiling: usize,
}

impl<'a> Reader<'a> {
    /// Reads from these bytes. Memory may be filled up to `memory_ceiling` in all.
    pub fn new(bytes: &'a [u8], memory_ceiling: usize) -> Self {
        Reader {
            rest: bytes,
            memory_ceiling,
        }
    }

    /// How many bytes were not read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Refuses to make what is being read `bytes` larger where that would not fit.
    #[inline]
    pub fn reserve(&self, bytes: usize) -> Result<(), Unreadable> {
        if crate::memory::used().saturating_add(bytes) <= self.memory_ceiling {
            Ok(())
        } else {
            Err(Unreadable::NoRoom)
        }
    }

    /// As [`Reader::reserve`], for so many members that are to be put in a table.
    pub fn reserve_table(&self, members: usize, bytes: usize) -> Result<(), Unreadable> {
        self.reserve(
            members
                .saturating_mul(2 * MEMBER_OVERHEAD)
                .saturating_add(bytes),
        )
    }

    /// The next bytes as they are.
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8], Unreadable> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Unreadable::Corrupt)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The next bytes, as many as the array has.
    pub fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], Unreadable> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Unreadable::Corrupt)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, Unreadable> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A time in milliseconds.
    pub fn time_ms(&mut self) -> Result<i64, Unreadable> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn length(&mut self) -> Result<Length, Unreadable> {
        let first = self.byte()?;
        Ok(match first {
            0..0x40 => Length::Plain(first.into()),
            0x40..0x80 => {
                let low = self.byte()?;
                Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(low))
            }
            0x80 => Length::Plain(u32::from_be_bytes(self.array()?).into()),
            0x81 => Length::Plain(u64::from_be_bytes(self.array()?)),
            0xc0.. => Length::Special(first & 0x3f),
            _ => return Err(Unreadable::Corrupt),
        })
    }

    /// A length, or any number of 64 bits without a sign.
    ///
    /// Where Redis reads a number it takes the mark of a special string for one, too.
    pub fn len(&mut self) -> Result<u64, Unreadable> {
        match self.length()? {
            Length::Plain(len) => Ok(len),
            Length::Special(kind) => Ok(kind.into()),
        }
    }

    /// How many of something follow that have at least `least` bytes each.
    pub fn count(&mut self, least: usize) -> Result<usize, Unreadable> {
        let count = usize::try_from(self.len()?).map_err(|_| Unreadable::Corrupt)?;
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.left() => Ok(count),
            _ => Err(Unreadable::Corrupt),
        }
    }

    /// As [`Reader::count`], of the members of an aggregate: there is at least one.
    pub fn members(&mut self, least: usize) -> Result<usize, Unreadable> {
        match self.count(least)? {
            0 => Err(Unreadable::Empty),
            count => Ok(count),
        }
    }

    /// A string.
    pub fn string(&mut self) -> Result<Text<'a>, Unreadable> {
        let number = match self.length()? {
            Length::Plain(len) => {
                let len = usize::try_from(len).map_err(|_| Unreadable::Corrupt)?;
                return Ok(Text::Slice(self.raw(len)?));
            }
            Length::Special(0) => i8::from_le_bytes(self.array()?).into(),
            Length::Special(1) => i16::from_le_bytes(self.array()?).into(),
            Length::Special(2) => i32::from_le_bytes(self.array()?).into(),
            Length::Special(3) => return self.compressed(),
            Length::Special(_) => return Err(Unreadable::Corrupt),
        };
        Ok(Text::Number(Digits::new(number)))
    }

    fn compressed(&mut self) -> Result<Text<'a>, Unreadable> {
        let compressed_len = self.count(1)?;
        let len = usize::try_from(self.len()?).map_err(|_| Unreadable::Corrupt)?;
        let compressed = self.raw(compressed_len)?;
        if len > lzf::most_decompressed(compressed_len) {
            return Err(Unreadable::Corrupt);
        }
        self.reserve(len)?;
        lzf::decompress(compressed, len)
            .map(Text::Decompressed)
            .ok_or(Unreadable::Corrupt)
    }
}
