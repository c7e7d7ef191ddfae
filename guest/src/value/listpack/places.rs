//! Places in a listpack, for who knows how its elements lie (the blocks of a stream): numbers are
//! read and changed where they are, and elements are passed over without being looked at. A place
//! holds until an element before it changes its length.

use super::{Encoded, Items, Listpack};

/// Where an entry begins.
pub type Place = usize;

impl Listpack {
    /// An empty one with room for so many bytes of entries.
    pub fn with_room_for(bytes: usize) -> Self {
        Listpack {
            bytes: Vec::with_capacity(bytes),
            start: 0,
            len: 0,
        }
    }

    /// Makes room for so many bytes of entries at the end, and for no more.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve_exact(bytes);
    }

    /// Bytes that fit at the end before it has to be moved.
    pub fn spare(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// Adds a number at the end.
    #[inline]
    pub fn push_number(&mut self, number: i64) {
        match number {
            0..0x80 => self.bytes.extend_from_slice(&[number as u8, 1]),
            _ => Encoded::number(number).append_to(&mut self.bytes),
        }
        self.len += 1;
    }

    /// Puts a number in the place of another element.
    #[inline]
    pub fn set_number(&mut self, place: Place, number: i64) {
        if (0..0x80).contains(&number) && self.bytes[place] < 0x80 {
            self.bytes[place] = number as u8;
            return;
        }
        let (entry, end) = (Encoded::number(number), self.after(place));
        if entry.size() == end - place {
            entry.write_to(&mut self.bytes[place..end]);
        } else {
            self.replace_bytes(place..end, &entry);
        }
    }

    /// The elements between two places.
    #[inline]
    pub fn items_between(&self, from: Place, to: Place) -> Items<'_> {
        Items {
            pack: self,
            front: from,
            back: to,
        }
    }
}

impl Items<'_> {
    /// Where the next element begins.
    #[inline]
    pub fn front(&self) -> Place {
        self.front
    }

    /// Where the next element from the back ends.
    #[inline]
    pub fn back(&self) -> Place {
        self.back
    }

    /// True if there is no element left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.front >= self.back
    }

    /// The next element as a number: 0 if there is none, or it is none.
    #[inline(always)]
    pub fn next_number(&mut self) -> i64 {
        let Some(&byte) = self.pack.bytes.get(self.front) else {
            return 0;
        };
        if byte < 0x80 && self.front < self.back {
            self.front += 2;
            return i64::from(byte);
        }
        self.next().and_then(|item| item.number()).unwrap_or(0)
    }

    /// Passes over the next `count` elements, or all there are.
    #[inline]
    pub fn pass(&mut self, count: usize) {
        for _ in 0..count {
            if self.is_empty() {
                return;
            }
            self.front = self.pack.after(self.front);
        }
    }

    /// Passes over the next `count` elements from the back, or all there are.
    #[inline]
    pub fn pass_back(&mut self, count: usize) {
        for _ in 0..count {
            if self.is_empty() {
                return;
            }
            self.back = self.pack.before(self.back);
        }
    }
}
