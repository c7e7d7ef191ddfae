//! Writes values, each type in the layout that it has in memory, as Redis does. Knows no key.

use super::Kind;
use super::writer::Writer;
use crate::value::list::Part;
use crate::value::set::Layout;
use crate::value::{List, Set, StringValue, Value};

/// The containers of a list's nodes.
pub(super) const PLAIN_NODE: u64 = 1;
pub(super) const PACKED_NODE: u64 = 2;

/// The kind that a value is written as.
pub(super) fn kind(value: &Value) -> Kind {
    match value {
        Value::String(_) => Kind::String,
        Value::List(_) => Kind::ListOfNodes,
        Value::Set(set) => match set.layout() {
            Layout::Intset(_) => Kind::SetIntset,
            Layout::Pack(_) => Kind::SetListpack,
            Layout::Table(_) => Kind::Set,
        },
        Value::Hash(_) | Value::SortedSet(_) | Value::Stream(_) => Kind::Module,
    }
}

/// Writes a value; its kind was written before.
pub(super) fn value(writer: &mut Writer, value: &Value) {
    match value {
        Value::String(value) => string(writer, value),
        Value::List(value) => list(writer, value),
        Value::Set(value) => set(writer, value),
        Value::Hash(_) | Value::SortedSet(_) | Value::Stream(_) => {}
    }
}

/// How many bytes a value is written in, without its kind: DEBUG OBJECT shows it.
pub fn serialized_len(compression: bool, value: &Value) -> usize {
    let mut writer = Writer::new(compression);
    self::value(&mut writer, value);
    writer.bytes.len()
}

fn string(writer: &mut Writer, string: &StringValue) {
    match string.as_encoded_i64() {
        Some(number) => writer.number(number),
        None => writer.string(&string.bytes()),
    }
}

fn list(writer: &mut Writer, list: &List) {
    let parts = list.parts();
    writer.count(parts.len());
    for part in parts {
        match part {
            Part::Plain(element) => {
                writer.len(PLAIN_NODE);
                writer.string(element);
            }
            Part::Pack(pack) => {
                writer.len(PACKED_NODE);
                writer.form(|form| pack.write_form(form));
            }
        }
    }
}

fn set(writer: &mut Writer, set: &Set) {
    match set.layout() {
        Layout::Intset(numbers) => writer.form(|form| numbers.write_form(form)),
        Layout::Pack(pack) => writer.form(|form| pack.write_form(form)),
        Layout::Table(len) => {
            writer.count(len);
            set.items().for_each(|member| writer.item(member));
        }
    }
}
