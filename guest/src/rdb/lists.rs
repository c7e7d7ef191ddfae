//! Lists: the nodes that they are made of, and what they were made of before.

use super::reader::{MEMBER_OVERHEAD, Reader};
use super::value;
use super::writer::Writer;
use super::{Kind, Shapes, Unreadable, older};
use crate::value::List;
use crate::value::list::{End, Part};

/// What a node contains.
const PLAIN: u64 = 1;
const PACKED: u64 = 2;

/// Writes a list.
pub(super) fn write(writer: &mut Writer, list: &List) {
    let parts = list.parts();
    writer.count(parts.len());
    for part in parts {
        match part {
            Part::Plain(element) => {
                writer.len(PLAIN);
                writer.string(element);
            }
            Part::Pack(pack) => {
                writer.len(PACKED);
                writer.form(|form| pack.write_form(form));
            }
        }
    }
}

/// Reads a list of that kind.
pub(super) fn read(
    reader: &mut Reader<'_>,
    kind: Kind,
    shapes: &Shapes,
) -> Result<List, Unreadable> {
    match kind {
        Kind::List => read_plain(reader, shapes),
        Kind::ListZiplist => read_ziplist(reader, shapes),
        _ => read_nodes(reader, kind, shapes),
    }
}

fn read_plain(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<List, Unreadable> {
    let mut list = List::of_nodes(shapes.list);
    for _ in 0..reader.members(1)? {
        let element = reader.string()?;
        reader.reserve(element.len() + MEMBER_OVERHEAD)?;
        list.push(End::Right, &element);
    }
    list.settle_loaded(shapes.list);
    Ok(list)
}

fn read_ziplist(reader: &mut Reader<'_>, shapes: &Shapes) -> Result<List, Unreadable> {
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
    Ok(list)
}

fn read_nodes(reader: &mut Reader<'_>, kind: Kind, shapes: &Shapes) -> Result<List, Unreadable> {
    let mut list = List::of_nodes(shapes.list);
    for _ in 0..reader.members(1)? {
        let container = match kind {
            Kind::ListOfNodes => reader.len()?,
            _ => PACKED,
        };
        if container == PLAIN {
            let element = reader.string()?;
            if element.is_empty() {
                return Err(Unreadable::Corrupt);
            }
            reader.reserve(element.len() + MEMBER_OVERHEAD)?;
            list.push_plain(&element);
            continue;
        }
        if container != PACKED {
            return Err(Unreadable::Corrupt);
        }
        let pack = match kind {
            Kind::ListOfNodes => value::read_listpack(reader)?,
            _ => value::read_ziplist(reader)?,
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
    Ok(list)
}
