//! XREAD and XREADGROUP: what is newer than a reader knows, of several streams at once, or waiting
//! for it.

use super::super::options::c_text;
use super::super::wait::{Awaited, Nothing, Wait};
use super::super::{CommandError, Context, Outcome, error, options};
use super::retelling::Retelling;
use super::{StreamId, answer_entries, answer_entry, count_or_all, ids, read};
use crate::keyspace::EventClass;
use crate::resp::{Aggregate, Args, Mark, Protocol, Sink};
use crate::value::stream::{ConsumerNumber, Direction, Entries, Group, Pending};
use crate::value::{Stream, Value};

/// Which of the two it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Xread,
    Xreadgroup,
}

/// Who reads, and for which group.
#[derive(Clone, Copy)]
struct Reader<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    /// What is read needs no acknowledgement.
    noack: bool,
    /// How many entries of each stream at most.
    count: usize,
}

/// What is to be read.
struct ReadArgs<'a> {
    /// Whether to wait, and until when.
    block: Option<Option<u64>>,
    /// How many entries of each stream at most.
    count: usize,
    group: Option<(&'a [u8], &'a [u8])>,
    noack: bool,
    keys: Args<'a>,
    ids: Args<'a>,
    /// The index of the first id.
    ids_at: usize,
}

impl<'a> ReadArgs<'a> {
    /// `[GROUP group consumer] [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]`
    fn parse(ctx: &Context, args: Args<'a>, command: Command) -> Result<Self, CommandError> {
        let mut read = ReadArgs {
            block: None,
            count: usize::MAX,
            group: None,
            noack: false,
            keys: args.from(args.len()),
            ids: args.from(args.len()),
            ids_at: 0,
        };
        let mut at = 1;
        while let Some(option) = args.get(at) {
            match (args.get(at + 1), args.get(at + 2)) {
                (Some(timeout), _) if options::is(option, "BLOCK") => {
                    read.block = Some(ctx.timeout_ms(timeout)?);
                    at += 2;
                }
                (Some(count), _) if options::is(option, "COUNT") => {
                    read.count = count_or_all(count)?;
                    at += 2;
                }
                (Some(_), _) if options::is(option, "STREAMS") => {
                    let streams = args.len() - at - 1;
                    if streams % 2 == 1 {
                        return Err(match command {
                            Command::Xread => error::XREAD_UNBALANCED,
                            Command::Xreadgroup => error::XREADGROUP_UNBALANCED,
                        });
                    }
                    read.ids_at = at + 1 + streams / 2;
                    read.keys = args.range(at + 1..read.ids_at);
                    read.ids = args.from(read.ids_at);
                    break;
                }
                (Some(group), Some(consumer)) if options::is(option, "GROUP") => {
                    if command == Command::Xread {
                        return Err(error::XREAD_WITH_GROUP);
                    }
                    read.group = Some((group, consumer));
                    at += 3;
                }
                _ if options::is(option, "NOACK") => {
                    if command == Command::Xread {
                        return Err(error::XREAD_WITH_NOACK);
                    }
                    read.noack = true;
                    at += 1;
                }
                _ => return Err(error::SYNTAX),
            }
        }
        if read.ids_at == 0 {
            return Err(error::SYNTAX);
        }
        Ok(read)
    }

    /// Waits for one of the keys, or answers that there is nothing.
    fn find_nothing(&self, ctx: &mut Context, replaced: Vec<(usize, Box<[u8]>)>) {
        match self.block {
            Some(until_us) => ctx.wait_for(Wait {
                keys: self.keys.iter().map(Box::from).collect(),
                awaited: Awaited::Stream,
                wakes_when_gone: self.group.is_some(),
                until_us,
                nothing: Nothing::NullArray,
                replaced,
            }),
            None => ctx.reply.null_array(),
        }
    }
}

/// The head of a reply that names the streams.
fn head_of_streams(reply: &dyn Sink) -> Aggregate {
    match reply.protocol() {
        Protocol::Resp2 => Aggregate::Array,
        Protocol::Resp3 => Aggregate::Map,
    }
}

/// What stands before the entries of one stream.
fn name_stream(reply: &mut dyn Sink, key: &[u8]) {
    if reply.protocol() == Protocol::Resp2 {
        reply.array(2);
    }
    reply.bulk(key);
}

// ---- without a group ---------------------------------------------------------------------------

/// The last id that a reader knows: `$` stands for the last that was given, `+` for the one before
/// the newest entry.
fn known(arg: &[u8], stream: Option<&Stream>) -> Result<StreamId, CommandError> {
    let entries = stream.map(|stream| &stream.entries);
    match c_text(arg) {
        b"$" => Ok(entries.map_or(StreamId::MIN, |entries| entries.counters().last_id)),
        b"+" => Ok(entries
            .and_then(|entries| entries.newest_id()?.previous())
            .unwrap_or(StreamId::MIN)),
        b">" => Err(error::XREAD_WITH_NEW_ID),
        _ => ids::strict(arg, 0),
    }
}

fn has_news(entries: &Entries, known: StreamId) -> bool {
    entries.newest_id().is_some_and(|newest| newest > known)
}

/// XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
pub fn xread(ctx: &mut Context, args: Args) -> Outcome {
    let wanted = ReadArgs::parse(ctx, args, Command::Xread)?;
    let mut known_ids = Vec::with_capacity(wanted.keys.len());
    let mut served = 0;
    for (key, id) in wanted.keys.iter().zip(wanted.ids.iter()) {
        let stream = read(ctx, key)?;
        let known = known(id, stream)?;
        served += usize::from(stream.is_some_and(|stream| has_news(&stream.entries, known)));
        known_ids.push(known);
    }
    if served > 0 {
        let head = head_of_streams(ctx.reply);
        ctx.reply.aggregate(head, served);
    }
    for (key, known) in wanted.keys.iter().zip(&known_ids) {
        // Looked up a second time, as the counters of hits and misses show.
        let value = ctx.keyspace.read(ctx.db, key).map(Value::as_stream);
        let Some(Ok(stream)) = value else {
            continue;
        };
        if has_news(&stream.entries, *known)
            && let Some(first) = known.next()
        {
            name_stream(ctx.reply, key);
            let news = (stream.entries).range(first, StreamId::MAX, Direction::Forward);
            answer_entries(ctx.reply, news, wanted.count);
        }
    }
    if served == 0 {
        // `$` is what it was when the waiting began. `+` stays: it means the newest of what comes.
        let replaced = wanted.ids.iter().zip(&known_ids).enumerate();
        let replaced = replaced
            .filter(|(_, (arg, _))| c_text(arg) == b"$")
            .map(|(at, (_, known))| (wanted.ids_at + at, Box::from(&*known.text())))
            .collect();
        wanted.find_nothing(ctx, replaced);
    }
    Ok(())
}

// ---- for a group -------------------------------------------------------------------------------

/// What a consumer asks for.
#[derive(Clone, Copy)]
enum Wish {
    /// `>`: what the group has not read.
    New,
    /// What is pending to it, after an id.
    History(StreamId),
}

impl Wish {
    fn parse(arg: &[u8]) -> Result<Self, CommandError> {
        match c_text(arg) {
            b"$" => Err(error::XREADGROUP_WITH_LAST_ID),
            b"+" => Err(error::XREADGROUP_WITH_LAST_ENTRY),
            b">" => Ok(Wish::New),
            _ => Ok(match ids::strict(arg, 0)?.next() {
                Some(first) => Wish::History(first),
                // After the last id there is no history.
                None => Wish::New,
            }),
        }
    }
}

/// The streams that are answered so far.
#[derive(Default)]
struct Served {
    mark: Option<Mark>,
    streams: usize,
}

impl Served {
    /// Begins with the next one, whose entries follow.
    fn begin(&mut self, reply: &mut dyn Sink, key: &[u8]) {
        self.mark.get_or_insert_with(|| reply.defer());
        self.streams += 1;
        name_stream(reply, key);
    }
}

/// XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]
pub fn xreadgroup(ctx: &mut Context, args: Args) -> Outcome {
    let wanted = ReadArgs::parse(ctx, args, Command::Xreadgroup)?;
    let (group, consumer) = wanted.group.ok_or(error::XREADGROUP_WITHOUT_GROUP)?;
    let reader = Reader {
        group,
        consumer,
        noack: wanted.noack,
        count: wanted.count,
    };
    let mut wishes = Vec::with_capacity(wanted.keys.len());
    let mut delivered: usize = 0;
    for (key, id) in wanted.keys.iter().zip(wanted.ids.iter()) {
        let stream = read(ctx, key)?;
        let known = stream.and_then(|stream| Some((&stream.entries, stream.groups.get(group)?)));
        let (entries, group) = known.ok_or_else(|| error::no_group_to_read(key, group))?;
        let wish = Wish::parse(id)?;
        if matches!(wish, Wish::New) && has_news(entries, group.last_id) {
            let news = group.lag(entries).map_or(entries.len(), |lag| lag as u64);
            let news = usize::try_from(news).unwrap_or(usize::MAX);
            delivered = delivered.saturating_add(news.min(wanted.count));
        }
        wishes.push(wish);
    }
    if !wanted.noack {
        ctx.reserve(delivered.saturating_mul(PENDING_OVERHEAD))?;
    }
    let mut served = Served::default();
    for (key, wish) in wanted.keys.iter().zip(wishes) {
        // Looked up a second time, as the counters of hits and misses show.
        ctx.keyspace.read(ctx.db, key);
        serve(ctx, key, reader, wish, &mut served)?;
    }
    match served.mark {
        Some(mark) => {
            let head = head_of_streams(ctx.reply);
            ctx.reply.settle(mark, head, served.streams);
        }
        None => wanted.find_nothing(ctx, Vec::new()),
    }
    Ok(())
}

/// What an entry takes that is pending.
pub(super) const PENDING_OVERHEAD: usize = 160;

/// Answers what a consumer wishes of one stream, if there is any, and writes down what it got.
fn serve(
    ctx: &mut Context,
    key: &[u8],
    reader: Reader,
    wish: Wish,
    served: &mut Served,
) -> Outcome {
    let now_ms = ctx.now_ms();
    let mut slot = ctx.keyspace.write(ctx.db, key);
    slot.tell_nobody();
    let mut retelling = Retelling::new(&slot, key, reader.group);
    let Some(stream) = slot.stream_mut()? else {
        return Ok(());
    };
    let Some(group) = stream.groups.get_mut(reader.group) else {
        return Ok(());
    };
    let entries = &stream.entries;
    let (consumer, is_new) = group.enlist(reader.consumer, now_ms);
    if is_new && reader.noack {
        retelling.enlisted(reader.consumer);
    }
    let mut delivered = 0;
    match wish {
        Wish::History(first) => {
            served.begin(ctx.reply, key);
            repeat(
                ctx.reply,
                entries,
                group,
                consumer,
                first,
                reader.count,
                now_ms,
            );
        }
        Wish::New if has_news(entries, group.last_id) => {
            served.begin(ctx.reply, key);
            let to = Recipient {
                reader,
                consumer,
                now_ms,
            };
            delivered = deliver(ctx.reply, entries, group, to, &mut retelling);
        }
        Wish::New => {}
    }
    // That all are delivered counts as one.
    let changes = usize::from(is_new) + usize::from(delivered > 0);
    if is_new {
        slot.event(EventClass::STREAM, "xgroup-createconsumer");
    }
    if changes > 0 {
        slot.count_changes(changes);
    } else {
        slot.only_laid_out_differently();
    }
    retelling.tell(&mut slot);
    Ok(())
}

/// Who gets entries, and when.
#[derive(Clone, Copy)]
struct Recipient<'a> {
    reader: Reader<'a>,
    consumer: ConsumerNumber,
    now_ms: i64,
}

/// Answers entries that the group has not read, and makes them pending to the consumer; returns how
/// many.
fn deliver(
    reply: &mut dyn Sink,
    entries: &Entries,
    group: &mut Group,
    to: Recipient,
    retelling: &mut Retelling,
) -> usize {
    let Recipient {
        reader,
        consumer,
        now_ms,
    } = to;
    let mark = reply.defer();
    let mut delivered = 0;
    let first = group.last_id.next().unwrap_or(StreamId::MAX);
    let mut cursor = entries.range(first, StreamId::MAX, Direction::Forward);
    while delivered < reader.count
        && let Some(id) = cursor.advance()
    {
        group.advance(id, entries);
        answer_entry(reply, id, &mut cursor);
        if !reader.noack {
            let pending = Pending {
                consumer,
                delivered_ms: now_ms,
                deliveries: 1,
            };
            group.assign(id, pending);
            retelling.pending(id, &pending, group);
            group.was_active(consumer, now_ms);
        }
        delivered += 1;
    }
    if delivered > 0 {
        retelling.read(group);
    }
    reply.settle(mark, Aggregate::Array, delivered);
    delivered
}

/// Answers what is pending to the consumer already, once more.
fn repeat(
    reply: &mut dyn Sink,
    entries: &Entries,
    group: &mut Group,
    consumer: ConsumerNumber,
    first: StreamId,
    count: usize,
    now_ms: i64,
) {
    let mark = reply.defer();
    let (mut answered, mut next) = (0, Some(first));
    while answered < count
        && let Some(id) = next.and_then(|from| group.next_pending_to(consumer, from))
    {
        let mut cursor = entries.range(id, id, Direction::Forward);
        if cursor.advance().is_some() {
            answer_entry(reply, id, &mut cursor);
            group.deliver_again(id, now_ms);
        } else {
            // It was deleted since.
            reply.array(2);
            reply.bulk(&id.text());
            reply.null_array();
        }
        answered += 1;
        next = id.next();
    }
    reply.settle(mark, Aggregate::Array, answered);
}
