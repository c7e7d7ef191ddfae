//! XCLAIM and XAUTOCLAIM: making what is pending to one consumer pending to another.

use super::super::{CommandError, Context, Outcome, error, options};
use super::reading::PENDING_OVERHEAD;
use super::retelling::Retelling;
use super::{StreamId, answer_entry, ids, read};
use crate::keyspace::EventClass;
use crate::resp::{Aggregate, Args, Sink};
use crate::value::Stream;
use crate::value::stream::{ConsumerNumber, Direction, Entries, Group, Pending};

/// Who claims, and how what is claimed is written down.
struct Claim<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    min_idle_ms: i64,
    /// As when it counts as delivered.
    delivered_ms: i64,
    /// As how often delivered it counts, if that is said.
    deliveries: Option<u64>,
    /// Entries that are not pending are claimed, too.
    force: bool,
    /// Ids are answered, not entries; and it counts as no delivery.
    justid: bool,
}

/// What became of an id.
enum Claimed {
    /// The entry is pending to who claims.
    Yes,
    /// It was not pending, or not for long enough.
    No,
    /// The entry is gone, and pending no more.
    Gone,
}

impl Claim<'_> {
    /// Makes an entry pending to the consumer.
    fn take(
        &self,
        id: StreamId,
        entries: &Entries,
        group: &mut Group,
        consumer: ConsumerNumber,
        now_ms: i64,
        retelling: &mut Retelling,
    ) -> Claimed {
        let pending = group.find_pending(id).copied();
        if !entries.contains(id) {
            if let Some(pending) = &pending {
                retelling.pending(id, pending, group);
            }
            return if group.acknowledge(id) {
                Claimed::Gone
            } else {
                Claimed::No
            };
        }
        let deliveries = match pending {
            Some(pending) => {
                let idle_ms = now_ms.saturating_sub(pending.delivered_ms);
                if self.min_idle_ms > 0 && idle_ms < self.min_idle_ms {
                    return Claimed::No;
                }
                pending.deliveries
            }
            None if self.force => 1,
            None => return Claimed::No,
        };
        let deliveries = match self.deliveries {
            Some(deliveries) => deliveries,
            None if self.justid => deliveries,
            None => deliveries.wrapping_add(1),
        };
        let pending = Pending {
            consumer,
            delivered_ms: self.delivered_ms,
            deliveries,
        };
        group.assign(id, pending);
        retelling.pending(id, &pending, group);
        group.was_active(consumer, now_ms);
        Claimed::Yes
    }

    /// Answers what was claimed.
    fn answer(&self, reply: &mut dyn Sink, entries: &Entries, id: StreamId) {
        if self.justid {
            reply.bulk(&id.text());
            return;
        }
        let mut cursor = entries.range(id, id, Direction::Forward);
        if cursor.advance().is_some() {
            answer_entry(reply, id, &mut cursor);
        }
    }
}

/// True if the key holds a stream that has the group.
fn has_group(ctx: &mut Context, key: &[u8], group: &[u8]) -> Result<bool, CommandError> {
    let stream = read(ctx, key)?;
    Ok(stream.is_some_and(|stream| stream.groups.contains_key(group)))
}

// ---- XCLAIM ------------------------------------------------------------------------------------

/// What XCLAIM was asked to claim.
struct ClaimArgs<'a> {
    claim: Claim<'a>,
    ids: Args<'a>,
    /// The id up to which the group is to count as having read.
    last_id: StreamId,
}

impl<'a> ClaimArgs<'a> {
    /// `min-idle-time id [id ...] [IDLE ms] [TIME unix-time-ms] [RETRYCOUNT count] [FORCE] [JUSTID]
    /// [LASTID id]`
    fn parse(args: Args<'a>, now_ms: i64) -> Result<Self, CommandError> {
        let integer = |arg, refused: CommandError| options::integer(arg).map_err(|_| refused);
        let min_idle_ms = integer(args.at(4), error::XCLAIM_MIN_IDLE)?.max(0);
        // What is no id begins the options.
        let ids = args.from(5);
        let count = ids.iter().take_while(|id| ids::strict(id, 0).is_ok());
        let ids = ids.range(0..count.count());
        let mut claim = Claim {
            group: args.at(2),
            consumer: args.at(3),
            min_idle_ms,
            delivered_ms: now_ms,
            deliveries: None,
            force: false,
            justid: false,
        };
        let mut last_id = StreamId::MIN;
        let mut at = 5 + ids.len();
        while let Some(option) = args.get(at) {
            at += 1;
            if options::is(option, "FORCE") {
                claim.force = true;
                continue;
            }
            if options::is(option, "JUSTID") {
                claim.justid = true;
                continue;
            }
            let Some(value) = args.get(at) else {
                return Err(error::unknown_xclaim_option(option));
            };
            at += 1;
            if options::is(option, "IDLE") {
                let idle_ms = integer(value, error::XCLAIM_IDLE)?;
                claim.delivered_ms = now_ms.wrapping_sub(idle_ms);
            } else if options::is(option, "TIME") {
                claim.delivered_ms = integer(value, error::XCLAIM_TIME)?;
            } else if options::is(option, "RETRYCOUNT") {
                let count = integer(value, error::XCLAIM_RETRYCOUNT)?;
                claim.deliveries = u64::try_from(count).ok();
            } else if options::is(option, "LASTID") {
                last_id = ids::strict(value, 0)?;
            } else {
                return Err(error::unknown_xclaim_option(option));
            }
        }
        // A time that makes no sense is now: the client's clock may be wrong.
        if !(0..=now_ms).contains(&claim.delivered_ms) {
            claim.delivered_ms = now_ms;
        }
        Ok(ClaimArgs {
            claim,
            ids,
            last_id,
        })
    }
}

/// XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-ms] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]
pub fn xclaim(ctx: &mut Context, args: Args) -> Outcome {
    let (key, now_ms) = (args.at(1), ctx.now_ms());
    if !has_group(ctx, key, args.at(2))? {
        return Err(error::no_key_or_group(key, args.at(2)));
    }
    let ClaimArgs {
        claim,
        ids,
        last_id,
    } = ClaimArgs::parse(args, now_ms)?;
    ctx.reserve(ids.len().saturating_mul(PENDING_OVERHEAD))?;
    let mut slot = ctx.keyspace.write(ctx.db, key);
    slot.tell_nobody();
    let mut retelling = Retelling::new(&slot, key, claim.group);
    let Some(Stream { entries, groups }) = slot.stream_mut()? else {
        return Ok(());
    };
    let Some(group) = groups.get_mut(claim.group) else {
        return Ok(());
    };
    let is_ahead = last_id > group.last_id;
    group.last_id = group.last_id.max(last_id);
    let (consumer, is_new) = group.enlist(claim.consumer, now_ms);
    let mark = ctx.reply.defer();
    let (mut claimed, mut gone) = (0, 0);
    for id in ids.iter() {
        let id = ids::strict(id, 0)?;
        match claim.take(id, entries, group, consumer, now_ms, &mut retelling) {
            Claimed::Yes => {
                claim.answer(ctx.reply, entries, id);
                claimed += 1;
            }
            Claimed::Gone => gone += 1,
            Claimed::No => {}
        }
    }
    ctx.reply.settle(mark, Aggregate::Array, claimed);
    // That the group is ahead counts if nothing else says so.
    let ahead = is_ahead && claimed + gone == 0;
    if ahead {
        retelling.read(group);
    }
    if is_new {
        slot.event(EventClass::STREAM, "xgroup-createconsumer");
    }
    match usize::from(is_new) + claimed + gone + usize::from(ahead) {
        0 => slot.only_laid_out_differently(),
        changes => slot.count_changes(changes),
    }
    retelling.tell(&mut slot);
    Ok(())
}

// ---- XAUTOCLAIM --------------------------------------------------------------------------------

/// How many pending entries are looked at for each one that may be claimed.
const LOOKS: usize = 10;

/// Where what was claimed and what is gone is remembered, Redis makes room for COUNT ids; for more
/// than this no machine has any.
const MOST_COUNT: i64 = 1 << 42;

/// XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
pub fn xautoclaim(ctx: &mut Context, args: Args) -> Outcome {
    let (key, now_ms) = (args.at(1), ctx.now_ms());
    // Looked up first, but an error in the arguments comes before one about the key.
    let found = has_group(ctx, key, args.at(2));
    let min_idle_ms = options::integer(args.at(4)).map_err(|_| error::XAUTOCLAIM_MIN_IDLE)?;
    let first = ids::start(args.at(5))?;
    let (mut count, mut justid) = (100, false);
    let mut at = 6;
    while let Some(option) = args.get(at) {
        at += 1;
        match args.get(at) {
            Some(number) if options::is(option, "COUNT") => {
                count = options::at_least_1_or(number, error::XAUTOCLAIM_COUNT)?;
                if count > i64::MAX / 16 {
                    return Err(error::XAUTOCLAIM_COUNT);
                }
                at += 1;
            }
            _ if options::is(option, "JUSTID") => justid = true,
            _ => return Err(error::SYNTAX),
        }
    }
    if !found? {
        return Err(error::no_key_or_group(key, args.at(2)));
    }
    if count > MOST_COUNT {
        return Err(error::XAUTOCLAIM_COUNT_TOO_HIGH);
    }
    let claim = Claim {
        group: args.at(2),
        consumer: args.at(3),
        min_idle_ms: min_idle_ms.max(0),
        delivered_ms: now_ms,
        deliveries: None,
        force: false,
        justid,
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut slot = ctx.keyspace.write(ctx.db, key);
    slot.tell_nobody();
    let mut retelling = Retelling::new(&slot, key, claim.group);
    let Some(Stream { entries, groups }) = slot.stream_mut()? else {
        return Ok(());
    };
    let Some(group) = groups.get_mut(claim.group) else {
        return Ok(());
    };
    let (consumer, is_new) = group.enlist(claim.consumer, now_ms);
    let (mut claimed, mut gone) = (Vec::new(), Vec::new());
    let mut next = group.next_pending(first);
    let mut looks = count.saturating_mul(LOOKS);
    while let Some(id) = next
        && looks > 0
        && claimed.len() + gone.len() < count
    {
        looks -= 1;
        match claim.take(id, entries, group, consumer, now_ms, &mut retelling) {
            Claimed::Yes => claimed.push(id),
            Claimed::Gone => gone.push(id),
            Claimed::No => {}
        }
        next = id.next().and_then(|from| group.next_pending(from));
    }
    let reply = &mut *ctx.reply;
    reply.array(3);
    reply.bulk(&next.unwrap_or(StreamId::MIN).text());
    reply.array(claimed.len());
    for id in &claimed {
        claim.answer(reply, entries, *id);
    }
    reply.array(gone.len());
    for id in &gone {
        reply.bulk(&id.text());
    }
    if is_new {
        slot.event(EventClass::STREAM, "xgroup-createconsumer");
    }
    match usize::from(is_new) + claimed.len() + gone.len() {
        0 => slot.only_laid_out_differently(),
        changes => slot.count_changes(changes),
    }
    retelling.tell(&mut slot);
    Ok(())
}
