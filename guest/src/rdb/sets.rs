//! Sets: sorted numbers, a listpack, or member after member.

use super::reader::{MEMBER_OVERHEAD, Reader};
use super::value;
use super::writer::Writer;
use super::{Kind, Shapes, Unreadable};
use crate::value::Set;
use crate::value::set::{Intset, Layout};

/// Writes a set.
pub(super) fn write(writer: &mut Writer, set: &Set) {
    match set.layout() {
        Layout::Intset(numbers) => writer.form(|form| numbers.write_form(form)),
        Layout::Pack(pack) => writer.form(|form| pack.write_form(form)),
        Layout::Table(len) => {
            writer.count(len);
            set.items().for_each(|member| writer.item(member));
        }
    }
}

/// Reads a set of that kind.
pub(super) fn read(
    reader: &mut Reader<'_>,
    kind: Kind,
    shapes: &Shapes,
) -> Result<Set, Unreadable> {
    match kind {
        Kind::Set => read_plain(reader, shapes),
        Kind::SetIntset => read_intset(reader, shapes),
        _ => read_pack(reader, shapes),
    }
}

fn read_plain(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Set, Unreadable> {
    let len = reader.members(1)?;
    let mut set = Set::loading(len as u64, &shapes.set);
    for _ in 0..len {
        let member = reader.string()?;
        reader.reserve(member.len() + MEMBER_OVERHEAD)?;
        if !set.add(&member, &shapes.set, &shapes.seed) {
            return Err(Unreadable::Corrupt);
        }
    }
    Ok(set)
}

fn read_intset(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Set, Unreadable> {
    let form = reader.string()?;
    reader.reserve(form.len())?;
    let numbers = Intset::from_form(&form).ok_or(Unreadable::Corrupt)?;
    if numbers.len() as u64 > shapes.set.intset_entries {
        reader.reserve_table(numbers.len(), 0)?;
    }
    Ok(Set::from_intset(numbers, &shapes.set, &shapes.seed))
}

fn read_pack(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Set, Unreadable> {
    let pack = value::read_listpack(reader)?;
    value::check_groups(reader, &pack, 1)?;
    if pack.len() as u64 > shapes.set.listpack_entries {
        reader.reserve_table(pack.len(), pack.size())?;
    }
    Ok(Set::from_listpack(pack, &shapes.set, &shapes.seed))
}
