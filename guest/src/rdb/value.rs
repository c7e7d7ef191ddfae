//! Values of any type: which kind each is written as, and who writes and reads it. Home of strings.

use super::reader::{MEMBER_OVERHEAD, Reader};
use super::writer::Writer;
use super::{Kind, Shapes, Unreadable, hashes, lists, older, sets, sorted_sets, streams, vectors};
use crate::value::fields::Layout as HashLayout;
use crate::value::listpack::Listpack;
use crate::value::set::Layout as SetLayout;
use crate::value::{Item, StringValue, Value};

/// The kind that a value is written as.
pub(super) fn kind(value: &Value) -> Kind {
    match value {
        Value::String(_) => Kind::String,
        Value::List(_) => Kind::ListOfNodes,
        Value::Set(set) => match set.layout() {
            SetLayout::Intset(_) => Kind::SetIntset,
            SetLayout::Pack(_) => Kind::SetListpack,
            SetLayout::Table(_) => Kind::Set,
        },
        Value::Hash(fields) => match fields.layout() {
            HashLayout::Pack(_) => Kind::HashListpack,
            HashLayout::TimedPack(_) => Kind::HashListpackEx,
            HashLayout::Table(_) if fields.next_deadline_ms().is_some() => {
                Kind::HashOfExpiringFields
            }
            HashLayout::Table(_) => Kind::Hash,
        },
        Value::SortedSet(set) if set.is_packed() => Kind::SortedSetListpack,
        Value::SortedSet(_) => Kind::SortedSet,
        Value::Stream(_) => Kind::Stream3,
        Value::Vectors(_) => Kind::Module,
    }
}

/// Writes a value; its kind was written before.
pub(super) fn write(writer: &mut Writer, value: &Value) {
    match value {
        Value::String(string) => write_string(writer, string),
        Value::List(list) => lists::write(writer, list),
        Value::Set(set) => sets::write(writer, set),
        Value::Hash(fields) => hashes::write(writer, fields),
        Value::SortedSet(set) => sorted_sets::write(writer, set),
        Value::Stream(stream) => streams::write(writer, stream),
        Value::Vectors(set) => vectors::write(writer, set),
    }
}

/// How many bytes a value is written in, without its kind, as Redis counts them: DEBUG OBJECT shows
/// it. `compression` is `rdbcompression`.
pub fn serialized_len(value: &Value, compression: bool) -> usize {
    let mut writer = Writer::new(compression);
    write(&mut writer, value);
    match kind(value) {
        // The time at their beginning is not counted.
        Kind::HashListpackEx | Kind::HashOfExpiringFields => writer.bytes.len() - size_of::<i64>(),
        _ => writer.bytes.len(),
    }
}

/// Reads a value of that kind.
pub(super) fn read(
    reader: &mut Reader<'_>,
    kind: Kind,
    shapes: &Shapes,
) -> Result<Value, Unreadable> {
    match kind {
        Kind::String => read_string(reader).map(Value::from),
        Kind::List | Kind::ListZiplist | Kind::ListOfZiplists | Kind::ListOfNodes => {
            lists::read(reader, kind, shapes).map(Value::from)
        }
        Kind::Set | Kind::SetIntset | Kind::SetListpack => {
            sets::read(reader, kind, shapes).map(Value::from)
        }
        Kind::Hash
        | Kind::HashZipmap
        | Kind::HashZiplist
        | Kind::HashListpack
        | Kind::HashOfExpiringFields
        | Kind::HashOfExpiringFieldsPreGa
        | Kind::HashListpackEx
        | Kind::HashListpackExPreGa => hashes::read(reader, kind, shapes).map(Value::from),
        Kind::SortedSetText
        | Kind::SortedSet
        | Kind::SortedSetZiplist
        | Kind::SortedSetListpack => sorted_sets::read(reader, kind, shapes).map(Value::from),
        Kind::Stream1 | Kind::Stream2 | Kind::Stream3 => {
            streams::read(reader, kind).map(Value::from)
        }
        Kind::Module => vectors::read(reader).map(Value::from),
        // Of the first kind of modules there are none.
        Kind::OldModule => Err(Unreadable::Corrupt),
    }
}

fn write_string(writer: &mut Writer, string: &StringValue) {
    match string.as_encoded_i64() {
        Some(number) => writer.number(number),
        None => writer.string(&string.bytes()),
    }
}

fn read_string(reader: &mut Reader<'_>) -> Result<StringValue, Unreadable> {
    let text = reader.string()?;
    reader.reserve(text.len())?;
    Ok(StringValue::new(&text))
}

/// The listpack that the next string is.
pub(super) fn read_listpack(reader: &mut Reader<'_>) -> Result<Listpack, Unreadable> {
    let form = reader.string()?;
    // Twice, where an element has another form than we give it.
    reader.reserve(form.len().saturating_mul(2))?;
    Listpack::from_form(&form).ok_or(Unreadable::Corrupt)
}

/// The next string, a ziplist, as a listpack.
pub(super) fn read_ziplist(reader: &mut Reader<'_>) -> Result<Listpack, Unreadable> {
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

/// Refuses a listpack of groups of `stride` elements where the groups are not whole, or where the
/// first elements of two of them are the same; there has to be one group at least.
pub(super) fn check_groups(
    reader: &Reader<'_>,
    pack: &Listpack,
    stride: usize,
) -> Result<(), Unreadable> {
    if pack.is_empty() {
        return Err(Unreadable::Empty);
    }
    if !pack.len().is_multiple_of(stride) {
        return Err(Unreadable::Corrupt);
    }
    reader.reserve(pack.len() / stride * size_of::<Item<'_>>())?;
    let mut items: Vec<Item<'_>> = pack.items().step_by(stride).collect();
    items.sort_unstable();
    if items.windows(2).any(|two| two[0] == two[1]) {
        return Err(Unreadable::Corrupt);
    }
    Ok(())
}
