//! The id of a stream's entry: a time and a number, in the order of which entries lie. Knows no
//! stream.

use std::fmt;

/// Milliseconds since the Unix epoch, or what a client takes for them, and a number for those of the
/// same millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// The time.
    pub ms: u64,
    /// The number.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The last of all ids.
    pub const MAX: StreamId = StreamId {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// The id with that time and number.
    pub const fn new(ms: u64, seq: u64) -> Self {
        StreamId { ms, seq }
    }

    /// The one right after; none after the last.
    #[inline]
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { ms: self.ms, seq }),
            None => Some(StreamId::new(self.ms.checked_add(1)?, 0)),
        }
    }

    /// The one right before; none before `0-0`.
    pub fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { ms: self.ms, seq }),
            None => Some(StreamId::new(self.ms.checked_sub(1)?, u64::MAX)),
        }
    }

    /// How far away from another id it is, each part by itself, as blocks store it.
    #[inline]
    pub(super) fn apart_from(self, base: StreamId) -> (i64, i64) {
        (
            self.ms.wrapping_sub(base.ms) as i64,
            self.seq.wrapping_sub(base.seq) as i64,
        )
    }

    /// The id that is so far away.
    #[inline]
    pub(super) fn moved_by(self, ms: i64, seq: i64) -> StreamId {
        StreamId {
            ms: self.ms.wrapping_add(ms as u64),
            seq: self.seq.wrapping_add(seq as u64),
        }
    }

    /// How many of the 16 bytes, the highest first, are the same as another id's from the first on.
    pub(super) fn common_bytes(self, other: StreamId) -> u32 {
        let different = |one: u64, other: u64| (one ^ other).leading_zeros() / 8;
        match different(self.ms, other.ms) {
            8 => 8 + different(self.seq, other.seq),
            fewer => fewer,
        }
    }

    /// `ms-seq`, on the stack.
    #[inline]
    pub fn text(self) -> IdText {
        let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (ms, seq) = (
            ms.format(self.ms).as_bytes(),
            seq.format(self.seq).as_bytes(),
        );
        let mut text = IdText {
            bytes: [b'-'; 41],
            len: (ms.len() + 1 + seq.len()) as u8,
        };
        text.bytes[..ms.len()].copy_from_slice(ms);
        text.bytes[ms.len() + 1..text.len.into()].copy_from_slice(seq);
        text
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.ms, self.seq)
    }
}

/// An id as it is written, on the stack.
pub struct IdText {
    bytes: [u8; 41],
    len: u8,
}

impl std::ops::Deref for IdText {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_one_another_across_the_millisecond() {
        let last_of_7 = StreamId::new(7, u64::MAX);
        assert_eq!(last_of_7.next(), Some(StreamId::new(8, 0)));
        assert_eq!(StreamId::new(8, 0).previous(), Some(last_of_7));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
        assert!(StreamId::new(8, 0) > last_of_7);
    }

    #[test]
    fn an_id_is_written_with_a_dash() {
        for id in [
            StreamId::MIN,
            StreamId::new(1526919030474, 55),
            StreamId::MAX,
        ] {
            assert_eq!(&*id.text(), id.to_string().as_bytes());
        }
    }

    #[test]
    fn bytes_are_compared_from_the_highest() {
        let id = StreamId::new(0x0102, 0x0304);
        assert_eq!(id.common_bytes(id), 16);
        assert_eq!(id.common_bytes(StreamId::new(0x0102, 0x0305)), 15);
        assert_eq!(id.common_bytes(StreamId::new(0x0103, 0x0304)), 7);
        assert_eq!(id.common_bytes(StreamId::new(u64::MAX, 0)), 0);
    }
}
