//! The layouts that only older versions of Redis wrote: ziplists, which listpacks have taken the
//! place of, and zipmaps, which ziplists had. Owns what is checked of them.

use super::Unreadable;
use crate::value::Item;

/// The end of both.
const END: u8 = 0xff;

/// Reads little-endian bytes, up to eight, as a number with a sign.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut le = [if negative { 0xff } else { 0 }; 8];
    le[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(le)
}

/// Reads little-endian bytes, up to four, as a number without one.
fn unsigned(bytes: &[u8]) -> usize {
    let all = bytes.iter().rev();
    all.fold(0, |number, byte| number << 8 | usize::from(*byte))
}

// ---- ziplists ----------------------------------------------------------------------------------

/// Shows the elements of a ziplist in order. Fails where there is anything wrong with it, perhaps
/// after it has shown some.
pub fn ziplist(
    form: &[u8],
    mut show: impl FnMut(Item<'_>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    const HEADER_BYTES: usize = 10;
    const UNCOUNTED: usize = 0xffff;
    let (header, rest) = form
        .split_at_checked(HEADER_BYTES)
        .ok_or(Unreadable::Corrupt)?;
    let (bytes, tail, told) = (
        unsigned(&header[..4]),
        unsigned(&header[4..8]),
        unsigned(&header[8..]),
    );
    let Some((END, entries)) = rest.split_last().map(|(end, entries)| (*end, entries)) else {
        return Err(Unreadable::Corrupt);
    };
    if bytes != form.len() || tail > form.len() - 1 {
        return Err(Unreadable::Corrupt);
    }
    let (mut at, mut len, mut before, mut last) = (0, 0, 0, None);
    while at < entries.len() {
        let entry = Entry::read(&entries[at..]).ok_or(Unreadable::Corrupt)?;
        if entry.before != before {
            return Err(Unreadable::Corrupt);
        }
        show(entry.item)?;
        last = Some(HEADER_BYTES + at);
        before = entry.size;
        at += entry.size;
        len += 1;
    }
    if last.is_some_and(|last| last != tail) || (told != UNCOUNTED && told != len) {
        return Err(Unreadable::Corrupt);
    }
    Ok(())
}

/// An entry of a ziplist.
struct Entry<'a> {
    /// How long it says that the one before it is.
    before: usize,
    item: Item<'a>,
    size: usize,
}

impl<'a> Entry<'a> {
    /// The entry that begins these bytes, if there is all of it.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (before, head) = match *bytes.first()? {
            END => return None,
            0xfe => (unsigned(bytes.get(1..5)?), 5),
            len => (usize::from(len), 1),
        };
        let rest = bytes.get(head..)?;
        let string = |head: usize, len: usize| {
            let body = rest.get(head..head.checked_add(len)?)?;
            Some((Item::Bytes(body), head + len))
        };
        let number = |width: usize| {
            let body = rest.get(1..=width)?;
            Some((Item::Number(signed(body)), 1 + width))
        };
        let (item, size) = match *rest.first()? {
            len @ 0..0x40 => string(1, len.into()),
            high @ 0x40..0x80 => string(
                2,
                usize::from(high & 0x3f) << 8 | usize::from(*rest.get(1)?),
            ),
            0x80..0xc0 => {
                let len: [u8; 4] = rest.get(1..5)?.try_into().ok()?;
                string(5, u32::from_be_bytes(len) as usize)
            }
            0xc0 => number(2),
            0xd0 => number(4),
            0xe0 => number(8),
            0xf0 => number(3),
            0xfe => number(1),
            small @ 0xf1..=0xfd => Some((Item::Number(i64::from(small & 0x0f) - 1), 1)),
            _ => None,
        }?;
        Some(Entry {
            before,
            item,
            size: head + size,
        })
    }
}

// ---- zipmaps -----------------------------------------------------------------------------------

/// Shows the fields and values of a zipmap in order. Fails where there is anything wrong with it,
/// perhaps after it has shown some.
pub fn zipmap(
    form: &[u8],
    mut show: impl FnMut(&[u8], &[u8]) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    const UNCOUNTED: usize = 0xfe;
    let (told, rest) = form.split_first().ok_or(Unreadable::Corrupt)?;
    let told = usize::from(*told);
    let mut rest = match rest.split_last() {
        Some((&END, entries)) => entries,
        _ => return Err(Unreadable::Corrupt),
    };
    let mut len = 0;
    while !rest.is_empty() {
        let field = zipmap_string(&mut rest, false).ok_or(Unreadable::Corrupt)?;
        let value = zipmap_string(&mut rest, true).ok_or(Unreadable::Corrupt)?;
        show(field, value)?;
        len += 1;
    }
    if len == 0 || (told != UNCOUNTED && told != len) {
        return Err(Unreadable::Corrupt);
    }
    Ok(())
}

/// The next string of a zipmap. Behind a value there may be bytes that are free.
fn zipmap_string<'a>(rest: &mut &'a [u8], is_value: bool) -> Option<&'a [u8]> {
    let (len, after) = match rest.split_first()? {
        (&END, _) => return None,
        (0xfe, after) => (unsigned(after.get(..4)?), &after[4..]),
        (len, after) => (usize::from(*len), after),
    };
    let (free, after) = if is_value {
        let (free, after) = after.split_first()?;
        (usize::from(*free), after)
    } else {
        (0, after)
    };
    let (string, after) = after.split_at_checked(len)?;
    *rest = after.get(free..)?;
    Some(string)
}
