//! Sorted sets: a listpack of members and scores, or member after member with scores as doubles or,
//! in the oldest layout, as text.

use super::reader::{MEMBER_OVERHEAD, Reader, Text};
use super::value;
use super::writer::Writer;
use super::{Kind, Shapes, Unreadable};
use crate::value::listpack::Listpack;
use crate::value::number::parse_f64;
use crate::value::sorted_set::{End, Put};
use crate::value::{Item, SortedSet, StringBytes};

/// Writes a sorted set.
pub(super) fn write(writer: &mut Writer, set: &SortedSet) {
    if let Some(pack) = set.as_listpack() {
        writer.form(|form| pack.write_form(form));
        return;
    }
    writer.count(set.len());
    // The greatest first: who reads it adds each at the front.
    for scored in set.items(End::Highest) {
        writer.item(scored.member);
        writer.raw(&scored.score().to_le_bytes());
    }
}

/// Reads a sorted set of that kind.
pub(super) fn read(
    reader: &mut Reader<'_>,
    kind: Kind,
    shapes: &Shapes,
) -> Result<SortedSet, Unreadable> {
    match kind {
        Kind::SortedSet | Kind::SortedSetText => read_plain(reader, kind, shapes),
        Kind::SortedSetListpack => {
            let pack = value::read_listpack(reader)?;
            from_pairs(reader, pack, shapes)
        }
        _ => {
            let pack = value::read_ziplist(reader)?;
            from_pairs(reader, pack, shapes)
        }
    }
}

fn read_plain(
    reader: &mut Reader<'_>,
    kind: Kind,
    shapes: &Shapes,
) -> Result<SortedSet, Unreadable> {
    let len = reader.members(2)?;
    if len as u64 > shapes.sorted_set.listpack_entries {
        let mut set = SortedSet::expecting(len, 0, &shapes.sorted_set);
        for _ in 0..len {
            let (member, score) = read_member(reader, kind)?;
            put(reader, &mut set, &member, score, shapes)?;
        }
        return Ok(set);
    }
    // Whether it is to be small shows at the end; a small set does not know -0 from 0.
    let (mut members, mut longest) = (Vec::new(), 0);
    for _ in 0..len {
        let member = read_member(reader, kind)?;
        reader.reserve(2 * MEMBER_OVERHEAD)?;
        longest = longest.max(member.0.len());
        members.push(member);
    }
    let mut set = SortedSet::expecting(len, longest, &shapes.sorted_set);
    for (member, score) in members {
        put(reader, &mut set, &member, score, shapes)?;
    }
    Ok(set)
}

fn read_member<'a>(reader: &mut Reader<'a>, kind: Kind) -> Result<(Text<'a>, f64), Unreadable> {
    let member = reader.string()?;
    let score = match kind {
        Kind::SortedSet => f64::from_le_bytes(reader.array()?),
        _ => read_text(reader)?,
    };
    Ok((member, score))
}

fn put(
    reader: &Reader<'_>,
    set: &mut SortedSet,
    member: &[u8],
    score: f64,
    shapes: &Shapes,
) -> Result<(), Unreadable> {
    reader.reserve(member.len() + 2 * MEMBER_OVERHEAD)?;
    if score.is_nan() {
        return Err(Unreadable::Corrupt);
    }
    match set.put(member, &shapes.sorted_set, &shapes.seed, |old| {
        old.is_none().then_some(score)
    }) {
        Put::Added => Ok(()),
        Put::Rescored | Put::Nothing => Err(Unreadable::Corrupt),
    }
}

/// A score as text, behind its length; three lengths stand for scores that have no digits.
fn read_text(reader: &mut Reader<'_>) -> Result<f64, Unreadable> {
    let text = match reader.byte()? {
        255 => return Ok(f64::NEG_INFINITY),
        254 => return Ok(f64::INFINITY),
        253 => return Ok(f64::NAN),
        len => reader.raw(len.into())?,
    };
    // As C's sscanf reads it: what follows the number does not matter.
    let text = text.trim_ascii_start();
    (1..=text.len())
        .rev()
        .find_map(|len| parse_f64(&text[..len]))
        .ok_or(Unreadable::Corrupt)
}

fn from_pairs(
    reader: &Reader<'_>,
    pack: Listpack,
    shapes: &Shapes,
) -> Result<SortedSet, Unreadable> {
    value::check_groups(reader, &pack, 2)?;
    let mut items = pack.items();
    let mut before: Option<(f64, StringBytes<'_>)> = None;
    let mut in_order = true;
    while let (Some(member), Some(score)) = (items.next(), items.next()) {
        let (member, score) = (member.bytes(), score_of(score).ok_or(Unreadable::Corrupt)?);
        in_order &=
            before.is_none_or(|(least, last)| least < score || (least == score && *last < *member));
        before = Some((score, member));
    }
    if in_order {
        let len = pack.len() / 2;
        if len as u64 > shapes.sorted_set.listpack_entries {
            reader.reserve_table(len, pack.size())?;
        }
        let mut set = SortedSet::from_listpack(pack);
        set.prepare_for(len, &shapes.sorted_set, &shapes.seed);
        return Ok(set);
    }
    // Nobody writes it so, but it can be put right.
    let mut set = SortedSet::expecting(pack.len() / 2, 0, &shapes.sorted_set);
    let mut items = pack.items();
    while let (Some(member), Some(score)) = (items.next(), items.next()) {
        let score = score_of(score).unwrap_or(f64::NAN);
        put(reader, &mut set, &member.bytes(), score, shapes)?;
    }
    Ok(set)
}

fn score_of(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Number(number) => Some(number as f64),
        Item::Bytes(text) => parse_f64(text),
    }
}
