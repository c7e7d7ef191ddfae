//! The form in which Redis writes a listpack down: the entries between a header, which tells how many
//! bytes and entries there are, and an end mark. Owns what is checked of one that comes from outside.

use super::{Encoded, FRAME_BYTES, Item, Listpack, back_size, write_back};

const HEADER_BYTES: usize = 6;
const END: u8 = 0xff;

/// Stands in the header for this many entries and more.
const UNCOUNTED: u16 = u16::MAX;

impl Listpack {
    /// Appends Redis's form to `out`.
    pub fn write_form(&self, out: &mut Vec<u8>) {
        out.reserve(self.size());
        out.extend_from_slice(&(self.size() as u32).to_le_bytes());
        let len = u16::try_from(self.len).unwrap_or(UNCOUNTED);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&self.bytes[self.start()..]);
        out.push(END);
    }

    /// The listpack that Redis's form tells of; `None` where there is anything wrong with it.
    pub fn from_form(form: &[u8]) -> Option<Listpack> {
        if form.len() < FRAME_BYTES || form.last() != Some(&END) {
            return None;
        }
        let (header, entries) = form[..form.len() - 1].split_at(HEADER_BYTES);
        let [b0, b1, b2, b3, l0, l1] = *header else {
            return None;
        };
        if u32::from_le_bytes([b0, b1, b2, b3]) as usize != form.len() {
            return None;
        }
        let (mut rest, mut len) = (entries, 0_u32);
        while !rest.is_empty() {
            rest = &rest[checked_size(rest)?..];
            len += 1;
        }
        let told = u16::from_le_bytes([l0, l1]);
        if told != UNCOUNTED && u32::from(told) != len {
            return None;
        }
        let pack = Listpack {
            bytes: entries.to_vec(),
            start: 0,
            len,
        };
        // To look for an element is to compare bytes, so an element must have one form only: the
        // shortest.
        let shortest: usize = pack.items().map(|item| Encoded::of(item).size()).sum();
        Some(if shortest == entries.len() {
            pack
        } else {
            pack.items().collect()
        })
    }
}

impl<'a> Encoded<'a> {
    fn of(item: Item<'a>) -> Self {
        match item {
            Item::Bytes(bytes) => Encoded::new(bytes),
            Item::Number(number) => Encoded::number(number),
        }
    }
}

/// How many bytes the entry has that begins these, if there is all of it.
fn checked_size(bytes: &[u8]) -> Option<usize> {
    let at = |index: usize| bytes.get(index).map(|byte| usize::from(*byte));
    let inner = match bytes[0] {
        0..0x80 => 1,
        len @ 0x80..0xc0 => 1 + usize::from(len & 0x3f),
        0xc0..0xe0 => 2,
        high @ 0xe0..0xf0 => 2 + (usize::from(high & 0x0f) << 8 | at(1)?),
        0xf0 => (at(1)? | at(2)? << 8 | at(3)? << 16 | at(4)? << 24).checked_add(5)?,
        0xf1 => 3,
        0xf2 => 4,
        0xf3 => 5,
        0xf4 => 9,
        _ => return None,
    };
    let size = inner.checked_add(back_size(inner))?;
    let entry = bytes.get(..size)?;
    let mut back = [0; 5];
    let back = &mut back[..size - inner];
    write_back(back, inner);
    (entry[inner..] == *back).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pack: &Listpack) -> Vec<u8> {
        let mut form = Vec::new();
        pack.write_form(&mut form);
        form
    }

    #[test]
    fn what_is_written_is_read() {
        let mut pack = Listpack::default();
        let long = vec![b'x'; 5000];
        let elements: [&[u8]; 7] = [
            b"",
            b"5",
            b"-4097",
            b"99999999999",
            b"abc",
            &[b'y'; 70],
            &long,
        ];
        for element in elements {
            pack.push_front(element);
            let read = Listpack::from_form(&form(&pack)).expect("a listpack");
            assert!(read.items().eq(pack.items()));
            assert_eq!(read.len(), pack.len());
        }
    }

    /// Numbers as strings or wider than they need to be, strings with a longer head: they are taken,
    /// and written in the one form that there is.
    #[test]
    fn elements_in_another_form_are_taken() {
        let form = b"\x1b\0\0\0\x05\0\x81\x35\x02\xf1\x05\0\x03\xe0\x01a\x03\xf0\x01\0\0\0b\x06\x7f\x01\xff";
        let pack = Listpack::from_form(form).expect("a listpack");
        let texts: Vec<_> = pack.items().map(|item| item.bytes().to_vec()).collect();
        assert_eq!(texts.concat(), b"55ab127");
        assert_eq!(pack.items().next(), Some(Item::Number(5)));
        assert_eq!(pack.items().nth(2), Some(Item::Bytes(b"a")));
    }

    /// No change of a byte or two makes anything panic, and what is taken can be read from both
    /// ends.
    #[test]
    fn corrupt_forms_are_refused() {
        let mut rng = fastrand::Rng::with_seed(6);
        let mut pack = Listpack::default();
        for element in [&b"12"[..], b"abcdef", b"-70000", &[b'z'; 80], b"4096"] {
            pack.push_back(element);
        }
        let whole = form(&pack);
        for _ in 0..20_000 {
            let mut form = whole.clone();
            for _ in 0..rng.usize(1..3) {
                let at = rng.usize(0..form.len());
                form[at] = rng.u8(..);
            }
            form.truncate(form.len() - rng.usize(0..2));
            if let Some(pack) = Listpack::from_form(&form) {
                let backwards: Vec<_> = pack.items().rev().collect();
                assert_eq!(backwards.len(), pack.len());
                assert!(pack.items().eq(backwards.into_iter().rev()));
            }
        }
    }
}
