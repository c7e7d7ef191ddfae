//! XINFO: what there is to know of a stream, its groups and their consumers.

use super::super::{CommandError, Context, Outcome, error, help, options};
use super::{StreamId, answer_entries, answer_entry};
use crate::resp::{Aggregate, Args, Sink};
use crate::value::stream::{Consumer, Direction, Entries, Group, Pending};
use crate::value::{Stream, Value};

/// The stream at a key, which has to be there.
fn known(value: Option<&Value>) -> Result<&Stream, CommandError> {
    Ok(value.ok_or(error::NO_SUCH_KEY)?.as_stream()?)
}

fn id(reply: &mut dyn Sink, name: &[u8], id: StreamId) {
    reply.bulk(name);
    reply.bulk(&id.text());
}

fn number(reply: &mut dyn Sink, name: &[u8], number: i64) {
    reply.bulk(name);
    reply.integer(number);
}

/// A number that may not be known.
fn number_or_null(reply: &mut dyn Sink, name: &[u8], number: Option<i64>) {
    reply.bulk(name);
    match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    }
}

/// How much is to be told of a stream.
enum Detail {
    Summary,
    /// So many of the entries, and of what is pending.
    Full(usize),
}

impl Detail {
    /// `[FULL [COUNT count]]`
    fn parse(args: Args) -> Result<Self, CommandError> {
        /// Without a COUNT that makes sense.
        const DEFAULT: usize = 10;
        let is = |at, word| args.get(at).is_some_and(|arg| options::is(arg, word));
        match args.len() {
            3 => Ok(Detail::Summary),
            4 if is(3, "FULL") => Ok(Detail::Full(DEFAULT)),
            6 if is(3, "FULL") && is(4, "COUNT") => {
                Ok(Detail::Full(match options::integer(args.at(5))? {
                    0 => usize::MAX,
                    count => usize::try_from(count).unwrap_or(DEFAULT),
                }))
            }
            _ => Err(error::unknown_subcommand_or_arity(args.at(1), "xinfo")),
        }
    }
}

/// XINFO STREAM key [FULL [COUNT count]]
pub fn xinfo_stream(ctx: &mut Context, args: Args) -> Outcome {
    let Stream { entries, groups } = known(ctx.keyspace.read(ctx.db, args.at(2)))?;
    // Looked at only once there is a stream.
    let detail = Detail::parse(args)?;
    let reply = &mut *ctx.reply;
    reply.map(match detail {
        Detail::Summary => 10,
        Detail::Full(_) => 9,
    });
    number(reply, b"length", entries.len() as i64);
    number(reply, b"radix-tree-keys", entries.blocks().len() as i64);
    number(
        reply,
        b"radix-tree-nodes",
        entries.radix_tree_nodes() as i64,
    );
    let counters = entries.counters();
    id(reply, b"last-generated-id", counters.last_id);
    id(reply, b"max-deleted-entry-id", counters.max_deleted_id);
    number(reply, b"entries-added", counters.added as i64);
    id(reply, b"recorded-first-entry-id", entries.first_id());
    match detail {
        Detail::Summary => {
            number(reply, b"groups", groups.len() as i64);
            reply.bulk(b"first-entry");
            first_entry(reply, entries, Direction::Forward);
            reply.bulk(b"last-entry");
            first_entry(reply, entries, Direction::Backward);
        }
        Detail::Full(count) => {
            reply.bulk(b"entries");
            answer_entries(reply, entries.all(Direction::Forward), count);
            reply.bulk(b"groups");
            reply.array(groups.len());
            for (name, group) in groups {
                group_in_full(reply, name, group, entries, count);
            }
        }
    }
    Ok(())
}

fn first_entry(reply: &mut dyn Sink, entries: &Entries, direction: Direction) {
    let mut cursor = entries.all(direction);
    match cursor.advance() {
        Some(id) => answer_entry(reply, id, &mut cursor),
        None => reply.null(),
    }
}

fn group_in_full(
    reply: &mut dyn Sink,
    name: &[u8],
    group: &Group,
    entries: &Entries,
    count: usize,
) {
    reply.map(7);
    reply.bulk(b"name");
    reply.bulk(name);
    id(reply, b"last-delivered-id", group.last_id);
    number_or_null(reply, b"entries-read", group.entries_read);
    number_or_null(reply, b"lag", group.lag(entries));
    number(reply, b"pel-count", group.pending_len() as i64);
    reply.bulk(b"pending");
    reply.array(count.min(group.pending_len()));
    for (id, pending) in group.pending().take(count) {
        reply.array(4);
        reply.bulk(&id.text());
        reply.bulk(&group.consumer(pending.consumer).name);
        deliveries(reply, pending);
    }
    reply.bulk(b"consumers");
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        consumer_in_full(reply, group, consumer, count);
    }
}

fn consumer_in_full(reply: &mut dyn Sink, group: &Group, consumer: &Consumer, count: usize) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(&consumer.name);
    number(reply, b"seen-time", consumer.seen_ms);
    number(reply, b"active-time", consumer.active_ms.unwrap_or(-1));
    number(reply, b"pel-count", consumer.pending.len() as i64);
    reply.bulk(b"pending");
    let mark = reply.defer();
    let mut answered = 0;
    let pending = group.pending_to(consumer, StreamId::MIN, StreamId::MAX);
    for (id, pending) in pending.take(count) {
        reply.array(3);
        reply.bulk(&id.text());
        deliveries(reply, pending);
        answered += 1;
    }
    reply.settle(mark, Aggregate::Array, answered);
}

fn deliveries(reply: &mut dyn Sink, pending: &Pending) {
    reply.integer(pending.delivered_ms);
    reply.integer(pending.deliveries as i64);
}

/// XINFO GROUPS key
pub fn xinfo_groups(ctx: &mut Context, args: Args) -> Outcome {
    let Stream { entries, groups } = known(ctx.keyspace.read(ctx.db, args.at(2)))?;
    let reply = &mut *ctx.reply;
    reply.array(groups.len());
    for (name, group) in groups {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        number(reply, b"consumers", group.consumers().len() as i64);
        number(reply, b"pending", group.pending_len() as i64);
        id(reply, b"last-delivered-id", group.last_id);
        number_or_null(reply, b"entries-read", group.entries_read);
        number_or_null(reply, b"lag", group.lag(entries));
    }
    Ok(())
}

/// XINFO CONSUMERS key group
pub fn xinfo_consumers(ctx: &mut Context, args: Args) -> Outcome {
    let now_ms = ctx.now_ms();
    let (key, name) = (args.at(2), args.at(3));
    let stream = known(ctx.keyspace.read(ctx.db, key))?;
    let group = stream.groups.get(name);
    let group = group.ok_or_else(|| error::no_group(name, key))?;
    let reply = &mut *ctx.reply;
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        let since = |at_ms: i64| now_ms.saturating_sub(at_ms);
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(&consumer.name);
        number(reply, b"pending", consumer.pending.len() as i64);
        number(reply, b"idle", since(consumer.seen_ms).max(0));
        number(reply, b"inactive", consumer.active_ms.map_or(-1, since));
    }
    Ok(())
}

/// XINFO HELP
pub fn xinfo_help(ctx: &mut Context, _: Args) -> Outcome {
    help::write(
        ctx.reply,
        "XINFO",
        &[
            (
                "CONSUMERS <key> <groupname>",
                &["Show consumers of <groupname>."],
            ),
            ("GROUPS <key>", &["Show the stream consumer groups."]),
            (
                "STREAM <key> [FULL [COUNT <count>]",
                &["Show information about the stream."],
            ),
        ],
    );
    Ok(())
}
