//! Hashes: a listpack of fields, values and maybe deadlines, or field after field.

use super::reader::{MEMBER_OVERHEAD, Reader};
use super::value;
use super::writer::Writer;
use super::{Kind, Shapes, Unreadable, older};
use crate::value::fields::{Layout, Ttl};
use crate::value::listpack::Listpack;
use crate::value::{Fields, Item};

/// No field expires later.
const LATEST_MS: i64 = 0xffff_ffff_ffff;

/// Writes a hash.
pub(super) fn write(writer: &mut Writer, fields: &Fields) {
    match fields.layout() {
        Layout::Pack(pack) => writer.form(|form| pack.write_form(form)),
        Layout::TimedPack(pack) => {
            writer.time_ms(fields.next_deadline_ms().unwrap_or(0));
            writer.form(|form| pack.write_form(form));
        }
        Layout::Table(len) => {
            // Deadlines are told by how much later than the first they are, and one; 0 for none.
            let first_ms = fields.next_deadline_ms();
            if let Some(first_ms) = first_ms {
                writer.time_ms(first_ms);
            }
            writer.count(len);
            for field in fields.iter() {
                if let Some(first_ms) = first_ms {
                    writer.len(field.deadline_ms.map_or(0, |at_ms| later(at_ms, first_ms)));
                }
                writer.item(field.name);
                writer.item(field.value);
            }
        }
    }
}

fn later(at_ms: i64, first_ms: i64) -> u64 {
    at_ms.wrapping_sub(first_ms).wrapping_add(1) as u64
}

/// Reads a hash of that kind.
pub(super) fn read(
    reader: &mut Reader<'_>,
    kind: Kind,
    shapes: &Shapes,
) -> Result<Fields, Unreadable> {
    match kind {
        Kind::Hash | Kind::HashOfExpiringFields | Kind::HashOfExpiringFieldsPreGa => {
            read_plain(reader, kind, shapes)
        }
        Kind::HashZipmap => read_zipmap(reader, shapes),
        Kind::HashZiplist => {
            let pack = value::read_ziplist(reader)?;
            value::check_groups(reader, &pack, 2)?;
            from_pairs(reader, pack, shapes)
        }
        Kind::HashListpack => {
            let pack = value::read_listpack(reader)?;
            value::check_groups(reader, &pack, 2)?;
            from_pairs(reader, pack, shapes)
        }
        _ => read_timed(reader, kind, shapes),
    }
}

fn from_pairs(reader: &Reader<'_>, pack: Listpack, shapes: &Shapes) -> Result<Fields, Unreadable> {
    if (pack.len() / 2) as u64 > shapes.hash.listpack_entries {
        reader.reserve_table(pack.len(), pack.size())?;
    }
    Ok(Fields::from_listpack(pack, &shapes.hash, &shapes.seed))
}

fn read_plain(reader: &mut Reader<'_>, kind: Kind, shapes: &Shapes) -> Result<Fields, Unreadable> {
    let mut fields = Fields::default();
    let first_ms = match kind {
        Kind::HashOfExpiringFields => reader.time_ms()?,
        // As if counted from one after the beginning of time: what is told is the deadline.
        _ => 1,
    };
    let expires = kind != Kind::Hash;
    let len = reader.members(2 + usize::from(expires))?;
    if expires {
        fields.prepare_for_deadlines();
    }
    for _ in 0..len {
        let later = if expires { reader.len()? } else { 0 };
        let (name, value) = (reader.string()?, reader.string()?);
        reader.reserve(2 * (name.len() + value.len()) + MEMBER_OVERHEAD)?;
        if !fields.set(&name, &value, Ttl::Dropped, &shapes.hash, &shapes.seed) {
            // It was there already.
            return Err(Unreadable::Corrupt);
        }
        if later > 0 {
            let at_ms = (later as i64).wrapping_add(first_ms).wrapping_sub(1);
            if !(0..=LATEST_MS).contains(&at_ms) {
                return Err(Unreadable::Corrupt);
            }
            if at_ms > 0
                && let Some(at) = fields.find(&name, &shapes.seed)
            {
                fields.set_deadline(at, Some(at_ms));
            }
        }
    }
    Ok(fields)
}

fn read_timed(reader: &mut Reader<'_>, kind: Kind, shapes: &Shapes) -> Result<Fields, Unreadable> {
    if kind == Kind::HashListpackEx {
        // The first deadline, which is known from the fields.
        reader.time_ms()?;
    }
    let pack = value::read_listpack(reader)?;
    value::check_groups(reader, &pack, 3)?;
    if !is_in_order(&pack) {
        return Err(Unreadable::Corrupt);
    }
    if (pack.len() / 3) as u64 > shapes.hash.listpack_entries {
        reader.reserve_table(pack.len(), pack.size())?;
    }
    Ok(Fields::from_timed_listpack(
        pack,
        &shapes.hash,
        &shapes.seed,
    ))
}

/// True if every third element is a deadline, the earliest first, and those of fields that stay are
/// last.
fn is_in_order(pack: &Listpack) -> bool {
    let mut deadlines = pack.items().skip(2).step_by(3);
    let mut before = 0;
    deadlines.all(|item| match item {
        Item::Number(0) => {
            before = i64::MAX;
            true
        }
        Item::Number(at_ms @ 1..=LATEST_MS) => {
            let is_later = at_ms >= before;
            before = at_ms;
            is_later
        }
        _ => false,
    })
}

fn read_zipmap(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Fields, Unreadable> {
    let form = reader.string()?;
    let mut pack = Listpack::default();
    let mut longest = 0;
    older::zipmap(&form, |field, value| {
        reader.reserve(2 * (field.len() + value.len()) + MEMBER_OVERHEAD)?;
        if !pack.may_take(field.len() + value.len()) {
            return Err(Unreadable::Corrupt);
        }
        longest = longest.max(field.len()).max(value.len());
        pack.push_back(field);
        pack.push_back(value);
        Ok(())
    })?;
    value::check_groups(reader, &pack, 2)?;
    let mut limits = shapes.hash;
    if longest as u64 > limits.listpack_value {
        limits.listpack_entries = 0;
        reader.reserve_table(pack.len(), pack.size())?;
    }
    Ok(Fields::from_listpack(pack, &limits, &shapes.seed))
}
