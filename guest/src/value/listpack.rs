//! A listpack: a few strings and numbers in one block of bytes, laid out entry for entry as Redis
//! lays them out. What small lists and sets are made of, so that they take the memory, and change
//! their encoding at the size, that they do there.
//!
//! An entry is a head that tells kind and length, the bytes, and the length once more for going
//! backwards. Kept without Redis's header and end mark; there may be a gap at the front, into which
//! the next entry at that end goes.

mod form;
mod pairs;
pub mod places;

pub use pairs::{Pair, Pairs, Second};

use super::StringBytes;
use super::string::{Digits, number_in};

/// Bytes of the header and the end mark that Redis's form has around the entries.
pub const FRAME_BYTES: usize = 7;

/// No block becomes larger than this.
const MAX_BYTES: usize = 1 << 30;

/// An element of a collection, as it is stored: digits may be stored as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item<'a> {
    /// As bytes.
    Bytes(&'a [u8]),
    /// As a number; it stands for its decimal form.
    Number(i64),
}

impl<'a> Item<'a> {
    /// The bytes. A number is formatted on the stack.
    #[inline]
    pub fn bytes(self) -> StringBytes<'a> {
        match self {
            Item::Bytes(bytes) => StringBytes::Slice(bytes),
            Item::Number(number) => StringBytes::Number(Digits::new(number)),
        }
    }

    /// The number it reads as, however it is stored.
    #[inline]
    pub fn number(self) -> Option<i64> {
        match self {
            Item::Bytes(bytes) => number_in(bytes),
            Item::Number(number) => Some(number),
        }
    }

    /// The same element in the one form that all collections would agree on.
    #[inline]
    pub fn canonical(self) -> Self {
        self.number().map_or(self, Item::Number)
    }
}

/// An element to look for.
pub struct Needle<'a> {
    text: StringBytes<'a>,
    number: Option<i64>,
}

impl<'a> Needle<'a> {
    /// These bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Needle {
            number: number_in(bytes),
            text: StringBytes::Slice(bytes),
        }
    }

    /// The bytes to look for.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// The number they read as.
    #[inline]
    pub fn number(&self) -> Option<i64> {
        self.number
    }

    /// True if `item` is what is looked for.
    #[inline]
    pub fn is(&self, item: Item<'_>) -> bool {
        match item {
            Item::Bytes(bytes) => bytes == self.bytes(),
            Item::Number(number) => self.number == Some(number),
        }
    }
}

impl<'a> From<Item<'a>> for Needle<'a> {
    #[inline]
    fn from(item: Item<'a>) -> Self {
        Needle {
            number: item.number(),
            text: item.bytes(),
        }
    }
}

/// An entry about to be written: its head, which for a number is all there is, and its bytes.
struct Encoded<'a> {
    head: [u8; 9],
    head_len: usize,
    body: &'a [u8],
}

impl<'a> Encoded<'a> {
    #[inline]
    fn new(element: &'a [u8]) -> Self {
        match number_in(element) {
            Some(number) => Self::number(number),
            None => Self::string(element),
        }
    }

    /// What [`Listpack::at`] gave, which is known not to be a number where it is bytes.
    #[inline]
    fn stored(item: Item<'a>) -> Self {
        match item {
            Item::Bytes(bytes) => Self::string(bytes),
            Item::Number(number) => Self::number(number),
        }
    }

    fn number(number: i64) -> Self {
        let mut head = [0; 9];
        let le = number.to_le_bytes();
        let head_len = match number {
            0..=127 => {
                head[0] = le[0];
                1
            }
            -4096..=4095 => {
                head[0] = 0xc0 | (le[1] & 0x1f);
                head[1] = le[0];
                2
            }
            _ => {
                let (kind, width) = match number {
                    -0x8000..=0x7fff => (0xf1, 2),
                    -0x80_0000..=0x7f_ffff => (0xf2, 3),
                    -0x8000_0000..=0x7fff_ffff => (0xf3, 4),
                    _ => (0xf4, 8),
                };
                head[0] = kind;
                head[1..=width].copy_from_slice(&le[..width]);
                1 + width
            }
        };
        Encoded {
            head,
            head_len,
            body: &[],
        }
    }

    #[inline]
    fn string(body: &'a [u8]) -> Self {
        let mut head = [0; 9];
        let len = body.len() as u32;
        let head_len = match len {
            0..64 => {
                head[0] = 0x80 | len as u8;
                1
            }
            64..4096 => {
                head[0] = 0xe0 | (len >> 8) as u8;
                head[1] = len as u8;
                2
            }
            _ => {
                head[0] = 0xf0;
                head[1..5].copy_from_slice(&len.to_le_bytes());
                5
            }
        };
        Encoded {
            head,
            head_len,
            body,
        }
    }

    /// Bytes without the length at the end.
    #[inline]
    fn inner(&self) -> usize {
        self.head_len + self.body.len()
    }

    /// Bytes in all.
    #[inline]
    fn size(&self) -> usize {
        self.inner() + back_size(self.inner())
    }

    /// True if the entry at an offset is this one. There is one form for each element: it is enough
    /// to compare bytes, those first that most likely differ.
    #[inline]
    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let head = &self.head[..self.head_len];
        let last = self.body.last().or(head.last());
        bytes[at] == self.head[0]
            && bytes.get(at + self.inner() - 1) == last
            && bytes[at..].starts_with(head)
            && bytes[at + head.len()..].starts_with(self.body)
    }

    #[inline]
    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.reserve(self.size());
        bytes.extend_from_slice(&self.head[..self.head_len]);
        bytes.extend_from_slice(self.body);
        let inner = self.inner();
        if inner <= 127 {
            bytes.push(inner as u8);
        } else {
            let at = bytes.len();
            bytes.resize(at + back_size(inner), 0);
            write_back(&mut bytes[at..], inner);
        }
    }

    /// Fills `place`, which is as long as [`Encoded::size`].
    fn write_to(&self, place: &mut [u8]) {
        let (head, rest) = place.split_at_mut(self.head_len);
        head.copy_from_slice(&self.head[..self.head_len]);
        let (body, back) = rest.split_at_mut(self.body.len());
        body.copy_from_slice(self.body);
        write_back(back, self.inner());
    }
}

/// How many bytes the length at the end of an entry takes. That 16383 takes three is Redis's way.
#[inline]
fn back_size(inner: usize) -> usize {
    match inner {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Writes a length to be read backwards: seven bits a byte, the lowest last, a mark on all that have
/// another one before them.
fn write_back(place: &mut [u8], inner: usize) {
    let mut rest = inner;
    let last = place.len() - 1;
    for (at, byte) in place.iter_mut().enumerate().rev() {
        *byte = (rest & 0x7f) as u8 | if at == 0 { 0 } else { 0x80 };
        rest >>= 7;
    }
    debug_assert!(last < 5 && rest == 0);
}

/// Where an entry lies, until the block changes: for those who keep several entries as one and have
/// no use for counting them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(usize);

/// Some elements in one block.
#[derive(Clone, Default)]
pub struct Listpack {
    bytes: Vec<u8>,
    /// Where the first entry begins.
    start: u32,
    len: u32,
}

impl std::fmt::Debug for Listpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.items()).finish()
    }
}

impl Listpack {
    /// How many elements there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// True if there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes Redis's form of it has.
    #[inline]
    pub fn size(&self) -> usize {
        self.bytes.len() - self.start() + FRAME_BYTES
    }

    /// True if `bytes` more keep it at a size that Redis takes for safe.
    #[inline]
    pub fn may_take(&self, bytes: usize) -> bool {
        self.size() + bytes <= MAX_BYTES
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    #[inline]
    fn start(&self) -> usize {
        self.start as usize
    }

    // ---- reading

    /// The elements in order.
    #[inline]
    pub fn items(&self) -> Items<'_> {
        Items {
            pack: self,
            front: self.start(),
            back: self.bytes.len(),
        }
    }

    /// The elements from the one at `index` on.
    pub fn items_from(&self, index: usize) -> Items<'_> {
        Items {
            pack: self,
            front: self.offset(index),
            back: self.bytes.len(),
        }
    }

    /// The elements before the one at `index`.
    pub fn items_until(&self, index: usize) -> Items<'_> {
        Items {
            pack: self,
            front: self.start(),
            back: self.offset(index),
        }
    }

    /// The element at `index`.
    pub fn get(&self, index: usize) -> Option<Item<'_>> {
        (index < self.len()).then(|| self.entry(self.offset(index)).0)
    }

    /// Where the element is.
    #[inline]
    pub fn find(&self, needle: &Needle<'_>) -> Option<usize> {
        let wanted = Encoded::new(needle.bytes());
        let mut at = self.start();
        for index in 0..self.len() {
            if wanted.is_at(&self.bytes, at) {
                return Some(index);
            }
            at = self.after(at);
        }
        None
    }

    /// Where the entry at `index` begins, or the last one ends.
    fn offset(&self, index: usize) -> usize {
        if index <= self.len() / 2 {
            (0..index).fold(self.start(), |at, _| self.after(at))
        } else {
            let end = self.bytes.len();
            (index..self.len()).fold(end, |at, _| self.before(at))
        }
    }

    /// The element of the entry at `at`, and how long the entry is without the length at its end.
    #[inline]
    fn entry(&self, at: usize) -> (Item<'_>, usize) {
        let bytes = &self.bytes[at..];
        let string = |head: usize, len: usize| (Item::Bytes(&bytes[head..head + len]), head + len);
        let number = |width: usize| {
            let mut le = [if bytes[width] & 0x80 == 0 { 0 } else { 0xff }; 8];
            le[..width].copy_from_slice(&bytes[1..=width]);
            (Item::Number(i64::from_le_bytes(le)), 1 + width)
        };
        match bytes[0] {
            small @ 0..0x80 => (Item::Number(small.into()), 1),
            len @ 0x80..0xc0 => string(1, usize::from(len & 0x3f)),
            high @ 0xc0..0xe0 => {
                let unsigned = i64::from(high & 0x1f) << 8 | i64::from(bytes[1]);
                (Item::Number((unsigned ^ 0x1000) - 0x1000), 2)
            }
            high @ 0xe0..0xf0 => string(2, usize::from(high & 0x0f) << 8 | usize::from(bytes[1])),
            0xf0 => string(
                5,
                u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize,
            ),
            0xf1 => number(2),
            0xf2 => number(3),
            0xf3 => number(4),
            0xf4 => number(8),
            kind => unreachable!("no entry begins with {kind:#x}"),
        }
    }

    /// Where the entry after the one at `at` begins.
    #[inline]
    fn after(&self, at: usize) -> usize {
        let inner = match self.bytes[at] {
            0..0x80 => 1,
            len @ 0x80..0xc0 => 1 + usize::from(len & 0x3f),
            0xc0..0xe0 => 2,
            _ => self.entry(at).1,
        };
        at + inner + back_size(inner)
    }

    /// Where the entry that ends at `end` begins.
    #[inline]
    fn before(&self, end: usize) -> usize {
        let (mut at, mut inner, mut shift) = (end - 1, 0, 0);
        loop {
            inner |= usize::from(self.bytes[at] & 0x7f) << shift;
            if self.bytes[at] & 0x80 == 0 {
                return at - inner;
            }
            shift += 7;
            at -= 1;
        }
    }

    // ---- places

    /// Where the first entry is.
    #[inline]
    pub fn first(&self) -> Place {
        Place(self.start())
    }

    /// Where the next entry would go.
    #[inline]
    pub fn end(&self) -> Place {
        Place(self.bytes.len())
    }

    /// The place `count` entries after another.
    #[inline]
    pub fn skip(&self, place: Place, count: usize) -> Place {
        Place((0..count).fold(place.0, |at, _| self.after(at)))
    }

    /// The element at a place.
    #[inline]
    pub fn at(&self, place: Place) -> Item<'_> {
        self.entry(place.0).0
    }

    /// Where the element is, looked for at the first of each `stride` entries only.
    #[inline]
    pub fn find_every(&self, stride: usize, element: &[u8]) -> Option<Place> {
        let wanted = Encoded::new(element);
        let mut at = self.start();
        while at < self.bytes.len() {
            if wanted.is_at(&self.bytes, at) {
                return Some(Place(at));
            }
            at = self.skip(Place(at), stride).0;
        }
        None
    }

    // ---- writing

    /// Adds an element at the end.
    #[inline]
    pub fn push_back(&mut self, element: &[u8]) {
        self.push(&Encoded::new(element));
    }

    /// Adds an element of another block at the end.
    #[inline]
    pub fn push_item(&mut self, item: Item<'_>) {
        self.push(&Encoded::stored(item));
    }

    #[inline]
    fn push(&mut self, entry: &Encoded<'_>) {
        let spare = self.bytes.capacity() - self.bytes.len();
        if spare < entry.size() && self.start() > self.bytes.len() / 3 {
            self.close_gap();
        }
        entry.append_to(&mut self.bytes);
        self.len += 1;
    }

    /// Adds an element at the front.
    #[inline]
    pub fn push_front(&mut self, element: &[u8]) {
        const MOST_SPARE: usize = 4096;
        let entry = Encoded::new(element);
        let size = entry.size();
        if self.start() < size {
            let used = self.bytes.len() - self.start();
            let gap = size + used.min(MOST_SPARE);
            let mut roomy = Vec::with_capacity(gap + used);
            roomy.resize(gap, 0);
            roomy.extend_from_slice(&self.bytes[self.start()..]);
            self.bytes = roomy;
            self.start = gap as u32;
        }
        let start = self.start();
        entry.write_to(&mut self.bytes[start - size..start]);
        self.start -= size as u32;
        self.len += 1;
    }

    /// Adds an element before the one at `index`.
    pub fn insert(&mut self, index: usize, element: &[u8]) {
        if index == 0 {
            return self.push_front(element);
        }
        if index >= self.len() {
            return self.push_back(element);
        }
        let entry = Encoded::new(element);
        let at = self.offset(index);
        self.replace_bytes(at..at, &entry);
        self.len += 1;
    }

    /// Puts an element in the place of the one at `index`.
    pub fn replace(&mut self, index: usize, element: &[u8]) {
        let at = self.offset(index);
        let end = self.after(at);
        self.replace_bytes(at..end, &Encoded::new(element));
    }

    /// Puts an element in the place of another.
    pub fn replace_at(&mut self, place: Place, element: &[u8]) {
        let end = self.after(place.0);
        self.replace_bytes(place.0..end, &Encoded::new(element));
    }

    /// Puts a number in the place of another element.
    pub fn replace_number_at(&mut self, place: Place, number: i64) {
        let end = self.after(place.0);
        self.replace_bytes(place.0..end, &Encoded::number(number));
    }

    /// Removes `count` elements from the one at a place on; there are that many.
    pub fn remove_at(&mut self, place: Place, count: usize) {
        let to = self.skip(place, count).0;
        self.remove_bytes(place.0, to, count);
    }

    /// Moves `count` elements from the one at a place on to the place before another.
    pub fn move_before(&mut self, place: Place, count: usize, other: Place) {
        let (from, to) = (place.0, self.skip(place, count).0);
        if other.0 >= to {
            self.bytes[from..other.0].rotate_left(to - from);
        } else if other.0 < from {
            self.bytes[other.0..to].rotate_right(to - from);
        }
    }

    fn replace_bytes(&mut self, old: std::ops::Range<usize>, entry: &Encoded<'_>) {
        let (end, size) = (self.bytes.len(), entry.size());
        if size > old.len() {
            self.bytes.resize(end + size - old.len(), 0);
        }
        if size != old.len() {
            self.bytes.copy_within(old.end..end, old.start + size);
            self.bytes.truncate(end - old.len() + size);
        }
        entry.write_to(&mut self.bytes[old.start..old.start + size]);
    }

    /// Removes `count` elements from the one at `index` on; there are that many.
    pub fn remove(&mut self, index: usize, count: usize) {
        let from = self.offset(index);
        let to = if index + count == self.len() {
            self.bytes.len()
        } else {
            self.skip(Place(from), count).0
        };
        self.remove_bytes(from, to, count);
    }

    /// Removes the `count` entries from one offset to another.
    fn remove_bytes(&mut self, from: usize, to: usize, count: usize) {
        self.len -= count as u32;
        if self.len == 0 {
            self.bytes.clear();
            self.start = 0;
        } else if from == self.start() {
            self.start = to as u32;
        } else if to == self.bytes.len() {
            self.bytes.truncate(from);
        } else {
            self.bytes.drain(from..to);
        }
    }

    /// Removes what is looked for, but not the first `spared` and no more than `most`; returns how
    /// many are gone.
    pub fn remove_matching(&mut self, needle: &Needle<'_>, spared: usize, most: usize) -> usize {
        let (mut seen, mut removed) = (0, 0);
        let (mut from, mut to) = (self.start(), self.start());
        while from < self.bytes.len() {
            let (item, inner) = self.entry(from);
            let found = removed < most && needle.is(item);
            let next = from + inner + back_size(inner);
            seen += usize::from(found);
            if found && seen > spared {
                removed += 1;
            } else {
                if to < from {
                    self.bytes.copy_within(from..next, to);
                }
                to += next - from;
            }
            from = next;
        }
        self.bytes.truncate(to);
        self.len -= removed as u32;
        removed
    }

    /// Takes the elements from `index` on out, into a block of their own.
    pub fn split_off(&mut self, index: usize) -> Listpack {
        let at = self.offset(index);
        let tail = Listpack {
            bytes: self.bytes[at..].to_vec(),
            start: 0,
            len: self.len - index as u32,
        };
        self.bytes.truncate(at);
        self.len = index as u32;
        tail
    }

    /// Adds all elements of another block at the end.
    pub fn append(&mut self, other: &Listpack) {
        self.bytes.extend_from_slice(&other.bytes[other.start()..]);
        self.len += other.len;
    }

    /// Makes room for entries of so many bytes.
    pub fn reserve_exact(&mut self, bytes: usize) {
        self.bytes.reserve_exact(bytes);
    }

    /// Gives back the memory kept for more elements.
    pub fn fit(&mut self) {
        self.close_gap();
        self.bytes.shrink_to_fit();
    }

    fn close_gap(&mut self) {
        self.bytes.drain(..self.start());
        self.start = 0;
    }
}

impl<'a> FromIterator<Item<'a>> for Listpack {
    fn from_iter<I: IntoIterator<Item = Item<'a>>>(items: I) -> Self {
        let mut pack = Listpack::default();
        for item in items {
            pack.push_back(&item.bytes());
        }
        pack
    }
}

/// Elements of a [`Listpack`], from either end.
#[derive(Clone)]
pub struct Items<'a> {
    pack: &'a Listpack,
    front: usize,
    back: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (item, inner) = self.pack.entry(self.front);
        self.front += inner + back_size(inner);
        Some(item)
    }
}

impl DoubleEndedIterator for Items<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = self.pack.before(self.back);
        Some(self.pack.entry(self.back).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pack: &Listpack) -> Vec<Vec<u8>> {
        pack.items().map(|item| item.bytes().to_vec()).collect()
    }

    /// With the length at the end. Nothing but the size decides when Redis changes an encoding.
    #[test]
    fn entries_have_the_size_they_have_in_redis() {
        let sizes: [(&[u8], usize); 14] = [
            (b"", 2),
            (b"0", 2),
            (b"127", 2),
            (b"128", 3),
            (b"-1", 3),
            (b"-4096", 3),
            (b"4096", 4),
            (b"-32769", 5),
            (b"8388608", 6),
            (b"9223372036854775807", 10),
            (b"007", 5),
            (&[b'x'; 63], 65),
            (&[b'x'; 64], 67),
            (&[b'x'; 4096], 4103),
        ];
        for (element, size) in sizes {
            let mut pack = Listpack::default();
            pack.push_back(element);
            assert_eq!(pack.size() - FRAME_BYTES, size, "{}", element.len());
        }
    }

    /// Random changes against a plain vector, read from both ends.
    #[test]
    fn agrees_with_a_vector() {
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            let mut pack = Listpack::default();
            let mut model: Vec<Vec<u8>> = Vec::new();
            for _ in 0..rng.usize(1..120) {
                let element = match rng.u32(0..4) {
                    0 => rng.i64(..).to_string().into_bytes(),
                    1 => rng.i16(-200..200).to_string().into_bytes(),
                    2 => vec![b'y'; rng.usize(0..70)],
                    _ => vec![b'z'; rng.usize(4000..17_000)],
                };
                let index = rng.usize(0..=model.len());
                match rng.u32(0..8) {
                    0 | 1 => {
                        pack.push_back(&element);
                        model.push(element);
                    }
                    2 | 3 => {
                        pack.push_front(&element);
                        model.insert(0, element);
                    }
                    4 => {
                        pack.insert(index, &element);
                        model.insert(index, element);
                    }
                    5 if index < model.len() => {
                        pack.replace(index, &element);
                        model[index] = element;
                    }
                    6 => {
                        let count = rng.usize(0..=(model.len() - index).min(3));
                        pack.remove(index, count);
                        model.drain(index..index + count);
                    }
                    _ => {
                        let tail = pack.split_off(index);
                        assert_eq!(texts(&tail), model[index..]);
                        pack.append(&tail);
                    }
                }
                assert_eq!(texts(&pack), model);
                let mut backwards: Vec<_> =
                    pack.items().rev().map(|i| i.bytes().to_vec()).collect();
                backwards.reverse();
                assert_eq!(backwards, model);
                assert_eq!(pack.len(), model.len());
            }
        }
    }

    #[test]
    fn matching_elements_go_from_where_they_are_asked_to() {
        let pack: Listpack = [b"1", b"a", b"1", b"b", b"1"]
            .map(|text| Item::Bytes(text))
            .into_iter()
            .collect();
        let after = |spared, most| {
            let mut pack = pack.clone();
            let removed = pack.remove_matching(&Needle::new(b"1"), spared, most);
            (removed, texts(&pack).concat())
        };
        assert_eq!(after(0, 2), (2, b"ab1".to_vec()));
        assert_eq!(after(1, 2), (2, b"1ab".to_vec()));
        assert_eq!(after(0, 9), (3, b"ab".to_vec()));
    }
}
