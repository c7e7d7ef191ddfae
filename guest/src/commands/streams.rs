//! The stream commands. Owns what is added to a stream, taken away and looked at; reading on, waiting
//! for more, is `reading`'s, groups are `groups`'s and `claiming`'s, XINFO is `info`'s. Knows nothing
//! of how a stream is laid out (`value::stream`) nor of what follows a write (`keyspace::Slot`).

mod claiming;
mod groups;
mod ids;
mod info;
mod reading;
mod retelling;
#[cfg(test)]
mod tests;

use super::{CommandError, Context, DataHandler, Outcome, bulk_item, error, options};
use crate::config::Config;
use crate::keyspace::{EventClass, Slot};
use crate::resp::{Aggregate, Args, Sink};
use crate::value::stream::{
    BlockLimits, Cursor, Direction, Entries, MOST_BYTES, Trim, TrimBy, WantedId,
};
use crate::value::{Stream, Value};

pub use crate::value::stream::StreamId;

/// The commands of this file and its folder.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("xack", groups::xack),
    ("xadd", xadd),
    ("xautoclaim", claiming::xautoclaim),
    ("xclaim", claiming::xclaim),
    ("xdel", xdel),
    ("xgroup|create", groups::xgroup_create),
    ("xgroup|createconsumer", groups::xgroup_createconsumer),
    ("xgroup|delconsumer", groups::xgroup_delconsumer),
    ("xgroup|destroy", groups::xgroup_destroy),
    ("xgroup|help", groups::xgroup_help),
    ("xgroup|setid", groups::xgroup_setid),
    ("xinfo|consumers", info::xinfo_consumers),
    ("xinfo|groups", info::xinfo_groups),
    ("xinfo|help", info::xinfo_help),
    ("xinfo|stream", info::xinfo_stream),
    ("xlen", xlen),
    ("xpending", groups::xpending),
    ("xrange", xrange),
    ("xread", reading::xread),
    ("xreadgroup", reading::xreadgroup),
    ("xrevrange", xrevrange),
    ("xsetid", xsetid),
    ("xtrim", xtrim),
];

/// The stream a key holds, for a command that looks it up to read, whatever it does then.
fn read<'k>(ctx: &'k mut Context, key: &[u8]) -> Result<Option<&'k Stream>, CommandError> {
    let value = ctx.keyspace.read(ctx.db, key);
    Ok(value.map(Value::as_stream).transpose()?)
}

/// Answers the entry the cursor is at: its id, and its fields and values in turns.
#[inline]
fn answer_entry(reply: &mut dyn Sink, id: StreamId, cursor: &mut Cursor<'_>) {
    reply.array(2);
    reply.bulk(&id.text());
    reply.array(2 * cursor.width());
    while let Some((field, value)) = cursor.next_field() {
        bulk_item(reply, field);
        bulk_item(reply, value);
    }
}

/// Answers the next `count` entries, or all there are.
fn answer_entries(reply: &mut dyn Sink, mut cursor: Cursor<'_>, count: usize) {
    let mark = reply.defer();
    let mut answered = 0;
    while answered < count
        && let Some(id) = cursor.advance()
    {
        answer_entry(reply, id, &mut cursor);
        answered += 1;
    }
    reply.settle(mark, Aggregate::Array, answered);
}

/// What follows COUNT where a number that is not above 0 means all.
fn count_or_all(arg: &[u8]) -> Result<usize, CommandError> {
    Ok(match options::integer(arg)? {
        ..1 => usize::MAX,
        count => usize::try_from(count).unwrap_or(usize::MAX),
    })
}

// ---- adding and trimming -----------------------------------------------------------------------

/// What XADD and XTRIM take in front of what each of them is about.
#[derive(Default)]
struct TrimArgs {
    by: Option<TrimBy>,
    approximately: bool,
    limit: Option<u64>,
}

impl TrimArgs {
    /// Takes the option at `index` and moves behind it; false if it is none of
    /// `MAXLEN | MINID [= | ~] threshold [LIMIT count]`.
    fn take(&mut self, args: Args, index: &mut usize) -> Result<bool, CommandError> {
        let (option, next) = (args.at(*index), args.get(*index + 1));
        let Some(next) = next else {
            return Ok(false);
        };
        let (maxlen, minid) = (options::is(option, "MAXLEN"), options::is(option, "MINID"));
        if maxlen || minid {
            if self.by.is_some() {
                return Err(error::MAXLEN_WITH_MINID);
            }
            *index += 1;
            let (equal, about) = (options::is(next, "="), options::is(next, "~"));
            let threshold = match args.get(*index + 1) {
                Some(threshold) if equal || about => {
                    self.approximately = about;
                    *index += 1;
                    threshold
                }
                _ => next,
            };
            self.by = Some(if maxlen {
                let length = options::integer(threshold)?;
                TrimBy::Length(u64::try_from(length).map_err(|_| error::TRIM_MAXLEN_NEGATIVE)?)
            } else {
                TrimBy::Id(ids::strict(threshold, 0)?)
            });
        } else if options::is(option, "LIMIT") {
            let limit = u64::try_from(options::integer(next)?);
            self.limit = Some(limit.map_err(|_| error::TRIM_LIMIT_NEGATIVE)?);
            *index += 1;
        } else {
            return Ok(false);
        }
        *index += 1;
        Ok(true)
    }

    /// Refuses a limit where nothing is to be trimmed, once all options were taken.
    fn check(&self) -> Outcome {
        match (self.limit, self.by) {
            (Some(1..), None) => Err(error::LIMIT_WITHOUT_TRIM),
            _ => Ok(()),
        }
    }

    /// How many entries to trim at most, if not 0.
    fn limit(&self, config: &Config) -> Result<u64, CommandError> {
        match self.limit {
            Some(_) if !self.approximately => Err(error::LIMIT_WITHOUT_APPROXIMATION),
            Some(limit) => Ok(limit),
            None if self.approximately => Ok(default_limit(config)),
            None => Ok(0),
        }
    }

    /// What to trim.
    fn trim(&self, by: TrimBy, limit: u64) -> Trim {
        Trim {
            by,
            approximately: self.approximately,
            limit,
        }
    }
}

/// How many entries `~` trims at most if it is not said: about a hundred blocks.
fn default_limit(config: &Config) -> u64 {
    match config.stream_node_max_entries.wrapping_mul(100) {
        ..1 => 10_000,
        limit => (limit as u64).min(1_000_000),
    }
}

fn block_limits(config: &Config) -> BlockLimits {
    BlockLimits {
        bytes: config.stream_node_max_bytes,
        entries: u64::try_from(config.stream_node_max_entries).unwrap_or(0),
    }
}

/// What XADD was asked to add.
struct AddArgs<'a> {
    wanted: WantedId,
    /// Fields and values in turns.
    words: Args<'a>,
    no_mkstream: bool,
    trim: Option<Trim>,
}

impl<'a> AddArgs<'a> {
    /// `[NOMKSTREAM] [MAXLEN | MINID …] * | id field value [field value ...]`
    fn parse(args: Args<'a>, config: &Config) -> Result<Self, CommandError> {
        let mut trimming = TrimArgs::default();
        let (mut wanted, mut no_mkstream) = (WantedId::Next, false);
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            if options::is(arg, "*") {
                break;
            }
            if trimming.take(args, &mut at)? {
                continue;
            }
            if options::is(arg, "NOMKSTREAM") {
                no_mkstream = true;
                at += 1;
                continue;
            }
            wanted = ids::wanted(arg)?;
            break;
        }
        trimming.check()?;
        let limit = trimming.limit(config)?;
        let words = args.from(at + 1);
        if words.is_empty() || words.len() % 2 == 1 {
            return Err(error::wrong_arity("xadd"));
        }
        if wanted == WantedId::Exactly(StreamId::MIN) {
            return Err(error::XADD_ID_IS_ZERO);
        }
        Ok(AddArgs {
            wanted,
            words,
            no_mkstream,
            trim: trimming.by.map(|by| trimming.trim(by, limit)),
        })
    }
}

/// XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value [field value ...]
fn xadd(ctx: &mut Context, args: Args) -> Outcome {
    let add = AddArgs::parse(args.from(2), ctx.config)?;
    let (limits, now_ms) = (block_limits(ctx.config), ctx.now_ms() as u64);
    let bytes = add.words.bytes();
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let fresh = Entries::default();
    let entries = match slot.stream()? {
        Some(stream) => &stream.entries,
        None if add.no_mkstream => {
            ctx.reply.null();
            return Ok(());
        }
        None => &fresh,
    };
    if entries.counters().last_id == StreamId::MAX {
        return Err(error::STREAM_EXHAUSTED);
    }
    let id = (entries.next_id(add.wanted, now_ms)).ok_or(error::XADD_ID_TOO_SMALL)?;
    if bytes as u64 > MOST_BYTES {
        return Err(error::STREAM_ENTRY_TOO_LARGE);
    }
    let growth = entries.growth_for(bytes + add.words.len() * WORD_OVERHEAD);
    if !slot.has_room_for(growth) {
        return Err(error::OUT_OF_MEMORY);
    }
    ctx.reply.bulk(&id.text());
    match slot.stream_mut()? {
        Some(stream) => (stream.entries).append(id, add.words.iter(), bytes, &limits),
        None => {
            let mut stream = Stream::default();
            (stream.entries).append(id, add.words.iter(), bytes, &limits);
            slot.put(stream);
        }
    }
    slot.event(EventClass::STREAM, "xadd");
    if let Some(trim) = &add.trim
        && let Some(stream) = slot.stream_mut()?
        && stream.entries.trim(trim) > 0
    {
        slot.event(EventClass::STREAM, "xtrim");
    }
    let id_at = args.len() - add.words.len() - 1;
    let given = Some(id).filter(|_| !matches!(add.wanted, WantedId::Exactly(_)));
    propagate_exactly(&mut slot, args, id_at, given)
}

/// Tells who follows the changes the command with what came of it: the id that was given to `*`, and for
/// `~ threshold` in front of `end` the length or the first id that the stream has now.
fn propagate_exactly(slot: &mut Slot, args: Args, end: usize, id: Option<StreamId>) -> Outcome {
    if !slot.is_followed() {
        return Ok(());
    }
    let entries = slot.stream()?.map(|stream| &stream.entries);
    let len = entries.map_or(0, Entries::len);
    // Be it of an entry that is deleted: all before it is gone, and it goes with its block.
    let first_id = entries.and_then(|entries| entries.blocks().next());
    let first_id = first_id.map_or(StreamId::MAX, |(id, _)| id);
    let about = args.range(2..end).iter().position(|arg| arg == b"~");
    let about = about.map(|position| position + 2);
    slot.propagate_as(|words| {
        for (at, arg) in args.iter().enumerate() {
            match id {
                Some(id) if at == end => words.push(&id.text()),
                _ if Some(at) == about => words.push(b"="),
                _ if about.is_some_and(|about| at == about + 1) => {
                    if options::is(args.at(at - 2), "MAXLEN") {
                        words.push_integer(len as i64);
                    } else {
                        words.push(&first_id.text());
                    }
                }
                _ => words.push(arg),
            }
        }
    });
    Ok(())
}

/// What a field or a value may take beside its bytes.
const WORD_OVERHEAD: usize = 16;

/// XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count]
fn xtrim(ctx: &mut Context, args: Args) -> Outcome {
    let mut trimming = TrimArgs::default();
    let mut at = 2;
    while at < args.len() {
        if !trimming.take(args, &mut at)? {
            return Err(error::SYNTAX);
        }
    }
    trimming.check()?;
    let by = trimming.by.ok_or(error::XTRIM_WITHOUT_STRATEGY)?;
    let trim = trimming.trim(by, trimming.limit(ctx.config)?);
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let removed = match slot.stream_mut()? {
        Some(stream) => stream.entries.trim(&trim),
        None => 0,
    };
    if removed > 0 {
        slot.event(EventClass::STREAM, "xtrim");
        slot.count_changes(removed as usize);
        propagate_exactly(&mut slot, args, args.len(), None)?;
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// XDEL key id [id ...]
fn xdel(ctx: &mut Context, args: Args) -> Outcome {
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    if slot.stream()?.is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    // All are looked at before the first is deleted.
    let ids = args.from(2);
    for id in ids.iter() {
        ids::strict(id, 0)?;
    }
    let mut deleted = 0;
    if let Some(stream) = slot.stream_mut()? {
        for id in ids.iter() {
            deleted += usize::from(stream.entries.delete(ids::strict(id, 0)?));
        }
    }
    if deleted > 0 {
        slot.event(EventClass::STREAM, "xdel");
        slot.count_changes(deleted);
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer(deleted as i64);
    Ok(())
}

/// XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]
fn xsetid(ctx: &mut Context, args: Args) -> Outcome {
    let last_id = ids::strict(args.at(2), 0)?;
    let (mut added, mut max_deleted_id) = (None, StreamId::MIN);
    let mut at = 3;
    while let Some(option) = args.get(at) {
        match args.get(at + 1) {
            Some(count) if options::is(option, "ENTRIESADDED") => {
                let count = u64::try_from(options::integer(count)?);
                added = Some(count.map_err(|_| error::XSETID_ENTRIES_ADDED_NEGATIVE)?);
            }
            Some(id) if options::is(option, "MAXDELETEDID") => {
                max_deleted_id = ids::strict(id, 0)?;
                if last_id < max_deleted_id {
                    return Err(error::XSETID_BELOW_GIVEN_DELETED);
                }
            }
            _ => return Err(error::SYNTAX),
        }
        at += 2;
    }
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let entries = &slot.stream()?.ok_or(error::NO_SUCH_KEY)?.entries;
    if last_id < entries.counters().max_deleted_id {
        return Err(error::XSETID_BELOW_DELETED);
    }
    if let Some(newest) = entries.newest_id() {
        if last_id < newest {
            return Err(error::XSETID_BELOW_TOP);
        }
        if added.is_some_and(|added| entries.len() > added) {
            return Err(error::XSETID_ENTRIES_ADDED_TOO_FEW);
        }
    }
    if let Some(stream) = slot.stream_mut()? {
        let counters = stream.entries.counters_mut();
        counters.last_id = last_id;
        counters.added = added.unwrap_or(counters.added);
        if max_deleted_id != StreamId::MIN {
            counters.max_deleted_id = max_deleted_id;
        }
    }
    slot.event(EventClass::STREAM, "xsetid");
    slot.tell_nobody();
    ctx.reply.ok();
    Ok(())
}

// ---- looking -----------------------------------------------------------------------------------

/// XLEN key
fn xlen(ctx: &mut Context, args: Args) -> Outcome {
    let len = read(ctx, args.at(1))?.map_or(0, |stream| stream.entries.len());
    ctx.reply.integer(len as i64);
    Ok(())
}

/// XRANGE key start end [COUNT count]
fn xrange(ctx: &mut Context, args: Args) -> Outcome {
    range_generic(ctx, args, args.at(2), args.at(3), Direction::Forward)
}

/// XREVRANGE key end start [COUNT count]
fn xrevrange(ctx: &mut Context, args: Args) -> Outcome {
    range_generic(ctx, args, args.at(3), args.at(2), Direction::Backward)
}

fn range_generic(
    ctx: &mut Context,
    args: Args,
    start: &[u8],
    end: &[u8],
    direction: Direction,
) -> Outcome {
    let (first, last) = (ids::start(start)?, ids::end(end)?);
    let mut count = None;
    let mut at = 4;
    while let Some(option) = args.get(at) {
        match args.get(at + 1) {
            Some(number) if options::is(option, "COUNT") => {
                count = Some(options::integer(number)?);
            }
            _ => return Err(error::SYNTAX),
        }
        at += 2;
    }
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        ctx.reply.array(0);
        return Ok(());
    };
    let entries = &value.as_stream()?.entries;
    if count.is_some_and(|count| count <= 0) {
        ctx.reply.null_array();
        return Ok(());
    }
    let count = count.map_or(usize::MAX, |count| {
        usize::try_from(count).unwrap_or(usize::MAX)
    });
    answer_entries(ctx.reply, entries.range(first, last, direction), count);
    Ok(())
}
