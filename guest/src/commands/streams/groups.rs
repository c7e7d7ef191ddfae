//! XGROUP, XACK and XPENDING: making consumer groups and consumers, and what is pending to them.

use super::super::options::c_text;
use super::super::{CommandError, Context, Outcome, error, help, options};
use super::{StreamId, ids, read};
use crate::keyspace::{EventClass, Slot};
use crate::resp::{Aggregate, Args, Sink};
use crate::value::Stream;
use crate::value::stream::{Group, Pending};

// ---- XGROUP ------------------------------------------------------------------------------------

/// What stands behind the id in XGROUP CREATE and SETID.
#[derive(Default)]
struct GroupOptions {
    mkstream: bool,
    entries_read: Option<i64>,
}

impl GroupOptions {
    /// `[MKSTREAM] [ENTRIESREAD entries-read]` to the end, the first for CREATE alone.
    fn parse(args: Args, creates: bool) -> Result<Self, CommandError> {
        let mut group = GroupOptions::default();
        let mut at = 5;
        while let Some(option) = args.get(at) {
            match args.get(at + 1) {
                _ if creates && options::is(option, "MKSTREAM") => {
                    group.mkstream = true;
                    at += 1;
                }
                Some(count) if options::is(option, "ENTRIESREAD") => {
                    group.entries_read = match options::integer(count)? {
                        -1 => None,
                        ..-1 => return Err(error::XGROUP_ENTRIES_READ_NEGATIVE),
                        count => Some(count),
                    };
                    at += 2;
                }
                _ => return Err(not_so(args)),
            }
        }
        Ok(group)
    }
}

fn not_so(args: Args) -> CommandError {
    error::unknown_subcommand_or_arity(args.at(1), "xgroup")
}

/// The stream and the group of it that a subcommand works on; both have to be there.
fn find<'s>(slot: &'s Slot, args: Args) -> Result<(&'s Stream, &'s Group), CommandError> {
    let (key, name) = (args.at(2), args.at(3));
    let stream = slot.stream()?.ok_or(error::XGROUP_WITHOUT_KEY)?;
    let group = stream.groups.get(name);
    Ok((stream, group.ok_or_else(|| error::no_group(name, key))?))
}

/// The group that [`find`] has found, to change it.
fn change<'s>(slot: &'s mut Slot, args: Args) -> Result<Option<&'s mut Group>, CommandError> {
    slot.tell_nobody();
    let stream = slot.stream_mut()?;
    Ok(stream.and_then(|stream| stream.groups.get_mut(args.at(3))))
}

/// XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]
pub fn xgroup_create(ctx: &mut Context, args: Args) -> Outcome {
    let group = GroupOptions::parse(args, true)?;
    let name = args.at(3);
    let mut slot = ctx.keyspace.write(ctx.db, args.at(2));
    let stream = slot.stream()?;
    if stream.is_none() && !group.mkstream {
        return Err(error::XGROUP_WITHOUT_KEY);
    }
    if args.len() > 8 {
        return Err(not_so(args));
    }
    let last_id = match c_text(args.at(4)) {
        b"$" => stream.map_or(StreamId::MIN, |stream| stream.entries.counters().last_id),
        _ => ids::strict(args.at(4), 0)?,
    };
    if stream.is_some_and(|stream| stream.groups.contains_key(name)) {
        return Err(error::GROUP_EXISTS);
    }
    let group = Group::new(last_id, group.entries_read);
    match slot.stream_mut()? {
        Some(stream) => {
            stream.groups.insert(name.into(), group);
            slot.tell_nobody();
        }
        None => {
            let mut stream = Stream::default();
            stream.groups.insert(name.into(), group);
            slot.put(stream);
        }
    }
    slot.event(EventClass::STREAM, "xgroup-create");
    ctx.reply.ok();
    Ok(())
}

/// XGROUP SETID key group id | $ [ENTRIESREAD entries-read]
pub fn xgroup_setid(ctx: &mut Context, args: Args) -> Outcome {
    let options = GroupOptions::parse(args, false)?;
    let mut slot = ctx.keyspace.write(ctx.db, args.at(2));
    let (stream, _) = find(&slot, args)?;
    if args.len() > 7 {
        return Err(not_so(args));
    }
    let last_id = match c_text(args.at(4)) {
        b"$" => stream.entries.counters().last_id,
        _ => ids::any(args.at(4), 0)?,
    };
    if let Some(group) = change(&mut slot, args)? {
        group.last_id = last_id;
        group.entries_read = options.entries_read;
    }
    slot.event(EventClass::STREAM, "xgroup-setid");
    ctx.reply.ok();
    Ok(())
}

/// XGROUP DESTROY key group
pub fn xgroup_destroy(ctx: &mut Context, args: Args) -> Outcome {
    let mut slot = ctx.keyspace.write(ctx.db, args.at(2));
    let stream = slot.stream_mut()?.ok_or(error::XGROUP_WITHOUT_KEY)?;
    let existed = stream.groups.remove(args.at(3)).is_some();
    if existed {
        slot.event(EventClass::STREAM, "xgroup-destroy");
        // Who waits for the group's entries is to hear that it is gone.
        slot.tell_waiters_only();
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer(existed.into());
    Ok(())
}

/// XGROUP CREATECONSUMER key group consumer
pub fn xgroup_createconsumer(ctx: &mut Context, args: Args) -> Outcome {
    let now_ms = ctx.now_ms();
    let name = args.at(4);
    let mut slot = ctx.keyspace.write(ctx.db, args.at(2));
    let (_, group) = find(&slot, args)?;
    let is_new = group.find(name).is_none();
    if is_new {
        if let Some(group) = change(&mut slot, args)? {
            group.enlist(name, now_ms);
        }
        slot.event(EventClass::STREAM, "xgroup-createconsumer");
    }
    ctx.reply.integer(is_new.into());
    Ok(())
}

/// XGROUP DELCONSUMER key group consumer
pub fn xgroup_delconsumer(ctx: &mut Context, args: Args) -> Outcome {
    let mut slot = ctx.keyspace.write(ctx.db, args.at(2));
    let (_, group) = find(&slot, args)?;
    let mut pending = 0;
    if let Some(consumer) = group.find(args.at(4)) {
        if let Some(group) = change(&mut slot, args)? {
            pending = group.remove_consumer(consumer);
        }
        slot.event(EventClass::STREAM, "xgroup-delconsumer");
    }
    ctx.reply.integer(pending as i64);
    Ok(())
}

/// XGROUP HELP
pub fn xgroup_help(ctx: &mut Context, _: Args) -> Outcome {
    help::write(
        ctx.reply,
        "XGROUP",
        &[
            (
                "CREATE <key> <groupname> <id|$> [option]",
                &[
                    "Create a new consumer group. Options are:",
                    "* MKSTREAM",
                    "  Create the empty stream if it does not exist.",
                    "* ENTRIESREAD entries_read",
                    "  Set the group's entries_read counter (internal use).",
                ],
            ),
            (
                "CREATECONSUMER <key> <groupname> <consumer>",
                &["Create a new consumer in the specified group."],
            ),
            (
                "DELCONSUMER <key> <groupname> <consumer>",
                &["Remove the specified consumer."],
            ),
            (
                "DESTROY <key> <groupname>",
                &["Remove the specified group."],
            ),
            (
                "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
                &["Set the current group ID and entries_read counter."],
            ),
        ],
    );
    Ok(())
}

// ---- what is pending ---------------------------------------------------------------------------

/// XACK key group id [id ...]
pub fn xack(ctx: &mut Context, args: Args) -> Outcome {
    let stream = read(ctx, args.at(1))?;
    if stream.is_none_or(|stream| !stream.groups.contains_key(args.at(2))) {
        ctx.reply.integer(0);
        return Ok(());
    }
    // All are looked at before the first is acknowledged.
    let ids = args.from(3);
    for id in ids.iter() {
        ids::strict(id, 0)?;
    }
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    slot.tell_nobody();
    let mut acknowledged = 0;
    let stream = slot.stream_mut()?;
    if let Some(group) = stream.and_then(|stream| stream.groups.get_mut(args.at(2))) {
        for id in ids.iter() {
            acknowledged += usize::from(group.acknowledge(ids::strict(id, 0)?));
        }
    }
    if acknowledged > 0 {
        slot.count_changes(acknowledged);
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer(acknowledged as i64);
    Ok(())
}

/// What is to be listed of what is pending.
struct PendingArgs<'a> {
    min_idle_ms: i64,
    first: StreamId,
    last: StreamId,
    count: u64,
    consumer: Option<&'a [u8]>,
}

impl<'a> PendingArgs<'a> {
    /// `[IDLE min-idle-time] start end count [consumer]`
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        if !(3..=6).contains(&args.len()) {
            return Err(error::SYNTAX);
        }
        let mut min_idle_ms = 0;
        let mut range = args;
        if options::is(args.at(0), "IDLE") {
            min_idle_ms = options::integer(args.at(1))?;
            range = args.from(2);
            if range.len() < 3 {
                return Err(error::SYNTAX);
            }
        }
        let count = options::integer(range.at(2))?;
        Ok(PendingArgs {
            min_idle_ms,
            first: ids::start(range.at(0))?,
            last: ids::end(range.at(1))?,
            count: u64::try_from(count).unwrap_or(0),
            consumer: range.get(3),
        })
    }
}

/// XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
pub fn xpending(ctx: &mut Context, args: Args) -> Outcome {
    let listed = match args.len() {
        3 => None,
        _ => Some(PendingArgs::parse(args.from(3))?),
    };
    let now_ms = ctx.now_ms();
    let (key, name) = (args.at(1), args.at(2));
    let value = ctx.keyspace.read(ctx.db, key);
    let group = match value {
        Some(value) => value.as_stream()?.groups.get(name),
        None => None,
    };
    let group = group.ok_or_else(|| error::no_key_or_group(key, name))?;
    match listed {
        None => summarise(ctx.reply, group),
        Some(listed) => list(ctx.reply, group, &listed, now_ms),
    }
    Ok(())
}

/// Answers how much is pending, from where to where, and to whom.
fn summarise(reply: &mut dyn Sink, group: &Group) {
    reply.array(4);
    reply.integer(group.pending_len() as i64);
    let first = group.pending().next().map(|(id, _)| id);
    let (Some(first), Some(last)) = (first, group.last_pending()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply.bulk(&first.text());
    reply.bulk(&last.text());
    let mark = reply.defer();
    let mut consumers = 0;
    for consumer in group.consumers().filter(|one| !one.pending.is_empty()) {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk_integer(consumer.pending.len() as i64);
        consumers += 1;
    }
    reply.settle(mark, Aggregate::Array, consumers);
}

/// Answers entry by entry to whom it is pending, since when, and how often it was delivered.
fn list(reply: &mut dyn Sink, group: &Group, listed: &PendingArgs, now_ms: i64) {
    let consumer = match listed.consumer.map(|name| group.find(name)) {
        None => None,
        Some(Some(number)) => Some(group.consumer(number)),
        Some(None) => return reply.array(0),
    };
    let mark = reply.defer();
    let mut answered = 0;
    let mut show = |(id, pending): (StreamId, &Pending)| {
        if answered == listed.count {
            return false;
        }
        let idle_ms = now_ms.saturating_sub(pending.delivered_ms);
        if listed.min_idle_ms == 0 || idle_ms >= listed.min_idle_ms {
            answered += 1;
            reply.array(4);
            reply.bulk(&id.text());
            reply.bulk(&group.consumer(pending.consumer).name);
            reply.integer(idle_ms.max(0));
            reply.integer(pending.deliveries as i64);
        }
        true
    };
    let (first, last) = (listed.first, listed.last);
    let _all_shown = match consumer {
        Some(consumer) => group.pending_to(consumer, first, last).all(&mut show),
        None => group.pending_in(first, last).all(&mut show),
    };
    reply.settle(mark, Aggregate::Array, answered as usize);
}
