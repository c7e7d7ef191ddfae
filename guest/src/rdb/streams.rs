//! Streams: their blocks as they are, what is known beside them, and their groups.

use std::collections::BTreeMap;

use super::reader::{MEMBER_OVERHEAD, Reader};
use super::value;
use super::writer::Writer;
use super::{Kind, Unreadable};
use crate::value::Stream;
use crate::value::stream::{Block, Counters, Entries, Group, StreamId};

/// Stands for what is not known of a group.
const UNKNOWN: u64 = u64::MAX;
/// Stands for a consumer that never got anything.
const NEVER_ACTIVE_MS: i64 = -1;

// ---- writing -----------------------------------------------------------------------------------

/// Writes a stream.
pub(super) fn write(writer: &mut Writer, stream: &Stream) {
    let entries = &stream.entries;
    let blocks = entries.blocks();
    writer.count(blocks.len());
    for (base, block) in blocks {
        writer.string(&raw(base));
        writer.form(|form| block.listpack().write_form(form));
    }
    let counters = entries.counters();
    writer.len(entries.len());
    write_id(writer, counters.last_id);
    write_id(writer, entries.first_id());
    write_id(writer, counters.max_deleted_id);
    writer.len(counters.added);
    writer.count(stream.groups.len());
    for (name, group) in &stream.groups {
        writer.string(name);
        write_group(writer, group);
    }
}

fn write_group(writer: &mut Writer, group: &Group) {
    write_id(writer, group.last_id);
    writer.len(group.entries_read.map_or(UNKNOWN, |read| read as u64));
    writer.count(group.pending_len());
    for (id, pending) in group.pending() {
        writer.raw(&raw(id));
        writer.time_ms(pending.delivered_ms);
        writer.len(pending.deliveries);
    }
    let consumers = group.consumers();
    writer.count(consumers.len());
    for consumer in consumers {
        writer.string(&consumer.name);
        writer.time_ms(consumer.seen_ms);
        writer.time_ms(consumer.active_ms.unwrap_or(NEVER_ACTIVE_MS));
        writer.count(consumer.pending.len());
        for (id, ()) in consumer.pending.iter() {
            writer.raw(&raw(id));
        }
    }
}

fn write_id(writer: &mut Writer, id: StreamId) {
    writer.len(id.ms);
    writer.len(id.seq);
}

/// An id as the key of a radix tree: as bytes that are in the order of ids.
fn raw(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

// ---- reading -----------------------------------------------------------------------------------

/// Reads a stream of that kind.
pub(super) fn read(reader: &mut Reader<'_>, kind: Kind) -> Result<Stream, Unreadable> {
    let mut blocks = Vec::new();
    for _ in 0..reader.count(2)? {
        let base = reader.string()?;
        let base: [u8; 16] = (*base).try_into().map_err(|_| Unreadable::Corrupt)?;
        let pack = value::read_listpack(reader)?;
        reader.reserve(4 * MEMBER_OVERHEAD)?;
        let block = Block::from_listpack(pack).ok_or(Unreadable::Corrupt)?;
        blocks.push((id_of(base), block));
    }
    let len = reader.len()?;
    let has_blocks = !blocks.is_empty();
    if len > 0 && !has_blocks {
        return Err(Unreadable::Corrupt);
    }
    let last_id = read_id(reader)?;
    let counters = if kind == Kind::Stream1 {
        Counters {
            last_id,
            max_deleted_id: StreamId::MIN,
            added: len,
        }
    } else {
        // The first id, which is known from the blocks.
        read_id(reader)?;
        Counters {
            last_id,
            max_deleted_id: read_id(reader)?,
            added: reader.len()?,
        }
    };
    let mut stream = Stream {
        entries: Entries::from_blocks(blocks, counters).ok_or(Unreadable::Corrupt)?,
        ..Stream::default()
    };
    for _ in 0..reader.count(5)? {
        let name = reader.string()?;
        reader.reserve(name.len() + 4 * MEMBER_OVERHEAD)?;
        let group = read_group(reader, kind, &stream.entries)?;
        if stream.groups.insert((*name).into(), group).is_some() {
            return Err(Unreadable::Corrupt);
        }
    }
    Ok(stream)
}

fn read_group(reader: &mut Reader<'_>, kind: Kind, entries: &Entries) -> Result<Group, Unreadable> {
    let last_id = read_id(reader)?;
    let entries_read = if kind == Kind::Stream1 {
        entries.added_until(last_id)
    } else {
        Some(reader.len()?)
            .filter(|read| *read != UNKNOWN)
            .map(|read| read as i64)
    };
    let mut group = Group::new(last_id, entries_read);
    let mut pending = BTreeMap::new();
    for _ in 0..reader.count(size_of::<u128>() + size_of::<i64>() + 1)? {
        reader.reserve(4 * MEMBER_OVERHEAD)?;
        let id = id_of(reader.array()?);
        let delivery = (reader.time_ms()?, reader.len()?);
        if pending.insert(id, delivery).is_some() {
            return Err(Unreadable::Corrupt);
        }
    }
    for _ in 0..reader.count(size_of::<i64>() + 2)? {
        let name = reader.string()?;
        reader.reserve(name.len() + 4 * MEMBER_OVERHEAD)?;
        let seen_ms = reader.time_ms()?;
        let active_ms = match kind {
            Kind::Stream3 => Some(reader.time_ms()?).filter(|at_ms| *at_ms != NEVER_ACTIVE_MS),
            _ => Some(seen_ms),
        };
        let mut own = Vec::new();
        for _ in 0..reader.count(size_of::<u128>())? {
            reader.reserve(4 * MEMBER_OVERHEAD)?;
            let id = id_of(reader.array()?);
            // It is pending to nobody else, or it would be gone.
            let (delivered_ms, deliveries) = pending.remove(&id).ok_or(Unreadable::Corrupt)?;
            own.push((id, delivered_ms, deliveries));
        }
        group
            .restore_consumer(&name, seen_ms, active_ms, own)
            .ok_or(Unreadable::Corrupt)?;
    }
    if pending.is_empty() {
        Ok(group)
    } else {
        Err(Unreadable::Corrupt)
    }
}

fn read_id(reader: &mut Reader<'_>) -> Result<StreamId, Unreadable> {
    Ok(StreamId::new(reader.len()?, reader.len()?))
}

fn id_of(raw: [u8; 16]) -> StreamId {
    let id = u128::from_be_bytes(raw);
    StreamId::new((id >> 64) as u64, id as u64)
}
