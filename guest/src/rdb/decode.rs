//! Reads values, in every layout that Redis ever wrote, and lays them out as Redis does that loads
//! them. Knows no key.

use super::encode::{PACKED_NODE, PLAIN_NODE};
use super::reader::Reader;
use super::{Kind, Shapes, Unreadable, older};
use crate::value::list::End;
use crate::value::listpack::Listpack;
use crate::value::set::Intset;
use crate::value::{Item, List, Set, StringValue, Value};

/// Bytes that a member takes beside its own, at most.
const MEMBER_OVERHEAD: usize = 64;

/// Reads a value of that kind.
pub(super) fn value(
    reader: &mut Reader<'_>,
    kind: Kind,
    shapes: &Shapes,
) -> Result<Value, Unreadable> {
    match kind {
        Kind::String => string(reader),
        Kind::List => list(reader, shapes),
        Kind::ListZiplist => list_ziplist(reader, shapes),
        Kind::ListOfZiplists | Kind::ListOfNodes => list_of_nodes(reader, kind, shapes),
        Kind::Set => set(reader, shapes),
        Kind::SetIntset => set_intset(reader, shapes),
        Kind::SetListpack => set_listpack(reader, shapes),
        _ => Err(Unreadable::Corrupt),
    }
}

fn string(reader: &mut Reader<'_>) -> Result<Value, Unreadable> {
    let text = reader.string()?;
    reader.reserve(text.len())?;
    Ok(StringValue::new(&text).into())
}

/// The listpack that the next string is.
fn listpack(reader: &mut Reader<'_>) -> Result<Listpack, Unreadable> {
    let form = reader.string()?;
    // Twice where an element has another form than we give it.
    reader.reserve(2 * form.len())?;
    Listpack::from_form(&form).ok_or(Unreadable::Corrupt)
}

/// Refuses a listpack in which an element is there twice, of those at every `stride`th place.
fn are_different(reader: &Reader<'_>, pack: &Listpack, stride: usize) -> Result<(), Unreadable> {
    reader.reserve(pack.len() / stride * size_of::<Item<'_>>())?;
    let mut items: Vec<Item<'_>> = pack.items().step_by(stride).collect();
    items.sort_unstable();
    if items.windows(2).any(|two| two[0] == two[1]) {
        return Err(Unreadable::Corrupt);
    }
    Ok(())
}

// ---- lists -------------------------------------------------------------------------------------

fn list(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Value, Unreadable> {
    let mut list = List::of_nodes(shapes.list);
    for _ in 0..reader.members(1)? {
        let element = reader.string()?;
        reader.reserve(element.len() + MEMBER_OVERHEAD)?;
        list.push(End::Right, &element);
    }
    list.settle_loaded(shapes.list);
    Ok(list.into())
}

fn list_ziplist(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Value, Unreadable> {
    let form = reader.string()?;
    let mut list = List::of_nodes(shapes.list);
    older::ziplist(&form, |item| {
        let element = item.bytes();
        reader.reserve(element.len() + MEMBER_OVERHEAD)?;
        list.push(End::Right, &element);
        Ok(())
    })?;
    if list.is_empty() {
        return Err(Unreadable::Empty);
    }
    // As it is: Redis does not make it a listpack, however small it is.
    Ok(list.into())
}

fn list_of_nodes(
    reader: &mut Reader<'_>,
    kind: Kind,
    shapes: &Shapes,
) -> Result<Value, Unreadable> {
    let mut list = List::of_nodes(shapes.list);
    for _ in 0..reader.members(1)? {
        let container = match kind {
            Kind::ListOfNodes => reader.len()?,
            _ => PACKED_NODE,
        };
        if container == PLAIN_NODE {
            let element = reader.string()?;
            if element.is_empty() {
                return Err(Unreadable::Corrupt);
            }
            reader.reserve(element.len() + MEMBER_OVERHEAD)?;
            list.push_plain(&element);
            continue;
        }
        if container != PACKED_NODE {
            return Err(Unreadable::Corrupt);
        }
        let pack = match kind {
            Kind::ListOfNodes => listpack(reader)?,
            _ => ziplist(reader)?,
        };
        if !pack.is_empty() {
            reader.reserve(MEMBER_OVERHEAD)?;
            list.push_pack(pack);
        }
    }
    if list.is_empty() {
        return Err(Unreadable::Empty);
    }
    list.settle_loaded(shapes.list);
    Ok(list.into())
}

/// The next string, a ziplist, as a listpack.
fn ziplist(reader: &mut Reader<'_>) -> Result<Listpack, Unreadable> {
    let form = reader.string()?;
    let mut pack = Listpack::default();
    older::ziplist(&form, |item| {
        let element = item.bytes();
        reader.reserve(element.len() + MEMBER_OVERHEAD)?;
        pack.push_back(&element);
        Ok(())
    })?;
    Ok(pack)
}

// ---- sets --------------------------------------------------------------------------------------

fn set(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Value, Unreadable> {
    let len = reader.members(1)?;
    let mut set = Set::loading(len as u64, &shapes.set);
    for _ in 0..len {
        let member = reader.string()?;
        reader.reserve(member.len() + MEMBER_OVERHEAD)?;
        if !set.add(&member, &shapes.set, &shapes.seed) {
            return Err(Unreadable::Corrupt);
        }
    }
    Ok(set.into())
}

fn set_intset(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Value, Unreadable> {
    let form = reader.string()?;
    reader.reserve(form.len())?;
    let numbers = Intset::from_form(&form).ok_or(Unreadable::Corrupt)?;
    if numbers.len() as u64 > shapes.set.intset_entries {
        reader.reserve(numbers.len() * MEMBER_OVERHEAD)?;
    }
    Ok(Set::from_intset(numbers, &shapes.set, &shapes.seed).into())
}

fn set_listpack(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<Value, Unreadable> {
    let pack = listpack(reader)?;
    if pack.is_empty() {
        return Err(Unreadable::Empty);
    }
    are_different(reader, &pack, 1)?;
    if pack.len() as u64 > shapes.set.listpack_entries {
        reader.reserve(pack.len() * MEMBER_OVERHEAD)?;
    }
    Ok(Set::from_listpack(pack, &shapes.set, &shapes.seed).into())
}
