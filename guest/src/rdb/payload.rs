//! One value with a checksum: what DUMP answers and RESTORE takes.

use super::reader::Reader;
use super::writer::Writer;
use super::{Kind, Shapes, Unreadable, VERSION, checksum, value};
use crate::value::Value;

/// The version and the checksum.
pub(super) const FOOTER_BYTES: usize = 10;

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is of a later version, or its checksum is another.
    Footer,
    /// The value in it cannot be read.
    Value(Unreadable),
}

impl From<Unreadable> for Refused {
    fn from(unreadable: Unreadable) -> Self {
        Refused::Value(unreadable)
    }
}

/// A value as DUMP answers it. `compression` is `rdbcompression`.
pub fn dump(value: &Value, compression: bool) -> Vec<u8> {
    let mut writer = Writer::new(compression);
    // At once: a large block must not grow by doubling.
    writer
        .bytes
        .reserve_exact(value.heap_bytes() + FOOTER_BYTES);
    writer.byte(value::kind(value).byte());
    value::write(&mut writer, value);
    seal(&mut writer);
    writer.bytes
}

/// Adds the footer to a payload.
pub(super) fn seal(writer: &mut Writer) {
    writer.raw(&VERSION.to_le_bytes());
    let checksum = checksum::of(&writer.bytes);
    writer.raw(&checksum.to_le_bytes());
}

/// The value that DUMP answered, here or elsewhere.
pub fn restore(payload: &[u8], shapes: &Shapes) -> Result<Value, Refused> {
    verify(payload)?;
    Ok(read(payload, shapes)?)
}

/// The value that DUMP answered, without the footer: for looking at what is read, whatever its
/// checksum.
pub fn read(payload: &[u8], shapes: &Shapes) -> Result<Value, Unreadable> {
    // To the end, and with what is behind the value: Redis looks for no end there.
    let mut reader = Reader::new(payload, shapes.memory_ceiling);
    let kind = Kind::of(reader.byte()?).ok_or(Unreadable::Corrupt)?;
    value::read(&mut reader, kind, shapes)
}

/// Whether version and checksum are as they should be.
pub(super) fn verify(payload: &[u8]) -> Result<(), Refused> {
    let value_bytes = payload
        .len()
        .checked_sub(FOOTER_BYTES)
        .ok_or(Refused::Footer)?;
    let (checked, sum) = payload.split_at(value_bytes + 2);
    let [low, high] = checked[value_bytes..] else {
        return Err(Refused::Footer);
    };
    if u16::from_le_bytes([low, high]) > VERSION || checksum::of(checked).to_le_bytes() != *sum {
        return Err(Refused::Footer);
    }
    Ok(())
}
