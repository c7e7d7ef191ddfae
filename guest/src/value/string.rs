//! The string type: a number, a short string or a long one, as Redis encodes it.

use std::ops::Deref;

use super::number::parse_i64;

/// Longer strings are `raw`, as in Redis (`OBJ_ENCODING_EMBSTR_SIZE_LIMIT`).
const MAX_EMBEDDED: usize = 44;

/// A string that is not longer than this lies in the entry itself.
const MAX_TINY: usize = 7;

/// A few bytes in place.
#[derive(Clone, Copy, Debug)]
pub struct Tiny {
    len: u8,
    bytes: [u8; MAX_TINY],
}

impl Tiny {
    #[inline]
    fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_TINY];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Tiny {
            len: text.len() as u8,
            bytes,
        })
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// A string in one of Redis's three encodings. 12 bytes on wasm32.
#[derive(Clone, Debug)]
pub enum StringValue {
    /// `int`: the canonical decimal form of a 64-bit number. Kept in bytes, for alignment's sake.
    Int([u8; 8]),
    /// `embstr` of up to 7 bytes.
    Tiny(Tiny),
    /// `embstr`: not longer than 44 bytes, and never changed in place.
    Embedded(Box<[u8]>),
    /// `raw`: long, or once appended to.
    Raw(Vec<u8>),
}

impl StringValue {
    /// A string as SET stores it: a number where it is one, else by length.
    #[inline]
    pub fn new(bytes: &[u8]) -> Self {
        match number_in(bytes) {
            Some(number) => Self::from_i64(number),
            None => Self::plain(bytes),
        }
    }

    /// The string that [`StringValue::new`] makes, in the memory of this one where it fits.
    #[inline]
    pub fn assign(&mut self, bytes: &[u8]) {
        if let Some(number) = number_in(bytes) {
            *self = Self::from_i64(number);
            return;
        }
        match self {
            Self::Embedded(old) if old.len() == bytes.len() => old.copy_from_slice(bytes),
            Self::Raw(old)
                if bytes.len() > MAX_EMBEDDED
                    && (old.capacity() / 2..=old.capacity()).contains(&bytes.len()) =>
            {
                old.clear();
                old.extend_from_slice(bytes);
            }
            _ => *self = Self::plain(bytes),
        }
    }

    /// A string that is not looked at for a number, as INCRBYFLOAT stores it.
    #[inline]
    pub fn plain(bytes: &[u8]) -> Self {
        if let Some(tiny) = Tiny::new(bytes) {
            Self::Tiny(tiny)
        } else if bytes.len() <= MAX_EMBEDDED {
            Self::Embedded(bytes.into())
        } else {
            Self::Raw(bytes.to_vec())
        }
    }

    /// A number.
    #[inline]
    pub fn from_i64(number: i64) -> Self {
        Self::Int(number.to_ne_bytes())
    }

    /// The bytes. A number is formatted on the stack.
    #[inline]
    pub fn bytes(&self) -> StringBytes<'_> {
        match self {
            Self::Int(number) => StringBytes::Number(Digits::new(i64::from_ne_bytes(*number))),
            Self::Tiny(tiny) => StringBytes::Slice(tiny.bytes()),
            Self::Embedded(bytes) => StringBytes::Slice(bytes),
            Self::Raw(bytes) => StringBytes::Slice(bytes),
        }
    }

    /// The number it is encoded as, if it is.
    #[inline]
    pub fn as_encoded_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(i64::from_ne_bytes(*number)),
            _ => None,
        }
    }

    /// The number it reads as, however it is encoded.
    #[inline]
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(i64::from_ne_bytes(*number)),
            Self::Tiny(tiny) => parse_i64(tiny.bytes()),
            Self::Embedded(bytes) => parse_i64(bytes),
            Self::Raw(bytes) => parse_i64(bytes),
        }
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// True for the empty string.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes to change in place. The encoding becomes `raw` and stays so.
    pub fn make_raw(&mut self) -> &mut Vec<u8> {
        if !matches!(self, Self::Raw(_)) {
            *self = Self::Raw(self.bytes().to_vec());
        }
        match self {
            Self::Raw(bytes) => bytes,
            // The lines above have left nothing else.
            Self::Int(_) | Self::Tiny(_) | Self::Embedded(_) => {
                unreachable!("the string was made raw")
            }
        }
    }

    /// How many bytes are to be allocated before the string can be `len` bytes long in place; 0 if
    /// they are there. What [`StringValue::append`] and [`StringValue::overwrite`] will ask for.
    pub fn growth_to(&self, len: usize) -> usize {
        match self {
            Self::Raw(bytes) if len <= bytes.capacity() => 0,
            _ if self.is_empty() => len,
            _ => roomy(len),
        }
    }

    /// Adds bytes at the end. The encoding becomes `raw`.
    pub fn append(&mut self, tail: &[u8]) {
        self.raw_with_room_for(self.len() + tail.len())
            .extend_from_slice(tail);
    }

    /// Writes bytes over those at `offset`, after zeros where the string ends before. The encoding
    /// becomes `raw`.
    pub fn overwrite(&mut self, offset: usize, new: &[u8]) {
        let end = offset + new.len();
        let bytes = self.raw_with_room_for(end);
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset..end].copy_from_slice(new);
    }

    /// The bytes to change in place, to be made up to `len` long.
    fn raw_with_room_for(&mut self, len: usize) -> &mut Vec<u8> {
        let capacity = self.growth_to(len.max(self.len()));
        if !matches!(self, Self::Raw(_)) {
            let mut bytes = Vec::with_capacity(capacity);
            bytes.extend_from_slice(&self.bytes());
            *self = Self::Raw(bytes);
        }
        let bytes = self.make_raw();
        bytes.reserve_exact(capacity.saturating_sub(bytes.len()));
        bytes
    }

    /// `int`, `embstr` or `raw`.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Int(_) => "int",
            Self::Tiny(_) | Self::Embedded(_) => "embstr",
            Self::Raw(_) => "raw",
        }
    }

    /// The first byte, if they are not within the value itself: to have them brought nearer.
    #[inline]
    pub fn first_afar(&self) -> Option<u8> {
        match self {
            Self::Int(_) | Self::Tiny(_) => None,
            Self::Embedded(bytes) => bytes.first().copied(),
            Self::Raw(bytes) => bytes.first().copied(),
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Int(_) | Self::Tiny(_) => 0,
            Self::Embedded(bytes) => bytes.len(),
            Self::Raw(bytes) => bytes.capacity(),
        }
    }
}

/// The number that bytes are the canonical form of.
#[inline]
pub(super) fn number_in(bytes: &[u8]) -> Option<i64> {
    if bytes.len() <= 20 && matches!(bytes.first(), Some(b'0'..=b'9' | b'-')) {
        parse_i64(bytes)
    } else {
        None
    }
}

/// Room for a string that grows to `len` bytes, and for more to come: as much again while it is
/// short. A long one must not take twice the memory it needs.
fn roomy(len: usize) -> usize {
    const SHORT: usize = 1 << 20;
    let spare = if len < SHORT { len } else { len / 8 };
    // No allocation is larger than an `isize`.
    len.saturating_add(spare).min(isize::MAX as usize).max(len)
}

/// The bytes of a string, whether they are stored or made of a number.
pub enum StringBytes<'a> {
    /// As stored.
    Slice(&'a [u8]),
    /// A number in decimal.
    Number(Digits),
}

impl Deref for StringBytes<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Slice(bytes) => bytes,
            Self::Number(digits) => digits,
        }
    }
}

/// A 64-bit number in decimal, on the stack.
pub struct Digits {
    text: [u8; 20],
    len: u8,
}

impl Digits {
    /// Formats `number`.
    pub fn new(number: i64) -> Self {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number).as_bytes();
        let mut text = [0; 20];
        text[..digits.len()].copy_from_slice(digits);
        Digits {
            text,
            len: digits.len() as u8,
        }
    }
}

impl Deref for Digits {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_follow_how_a_string_came_about() {
        assert_eq!(StringValue::new(b"12").encoding(), "int");
        assert_eq!(StringValue::new(b"012").encoding(), "embstr");
        assert_eq!(StringValue::plain(b"12").encoding(), "embstr");
        assert_eq!(StringValue::new(&[b'x'; 44]).encoding(), "embstr");
        assert_eq!(StringValue::new(&[b'x'; 45]).encoding(), "raw");
        let mut appended = StringValue::new(b"12");
        appended.append(b"");
        assert_eq!(
            (appended.encoding(), &*appended.bytes()),
            ("raw", &b"12"[..])
        );
    }

    #[test]
    fn an_assigned_string_is_as_a_new_one() {
        let samples: [&[u8]; 8] = [
            b"",
            b"7",
            b"-3",
            b"abc",
            b"xyz",
            b"123456789012345678901",
            &[b'a'; 60],
            &[b'b'; 90],
        ];
        for old in samples {
            for new in samples {
                let mut string = StringValue::new(old);
                string.assign(new);
                assert_eq!(&*string.bytes(), new);
                assert_eq!(string.encoding(), StringValue::new(new).encoding());
            }
        }
    }

    #[test]
    fn writing_past_the_end_leaves_zeros_between() {
        let mut string = StringValue::new(b"12");
        string.overwrite(4, b"x");
        assert_eq!(&*string.bytes(), b"12\0\0x");
        string.overwrite(1, b"yz");
        assert_eq!(&*string.bytes(), b"1yz\0x");
    }

    #[test]
    fn growth_is_announced_as_it_is_allocated() {
        for mut string in [
            StringValue::new(b"12"),
            StringValue::plain(&[b'x'; 44]),
            StringValue::Raw(vec![]),
        ] {
            for _ in 0..50 {
                let len = string.len() + 77;
                let announced = string.growth_to(len);
                string.append(&[b'y'; 77]);
                assert_eq!(string.len(), len);
                assert!(announced == 0 || announced == string.heap_bytes());
            }
        }
    }
}
