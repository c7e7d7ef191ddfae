//! The commands that pop the lowest or the highest members, and those that wait for some.

use super::super::wait::{Awaited, Nothing, Wait};
use super::super::{CommandError, Context, Outcome, bulk_item, error, options};
use crate::keyspace::{EventClass, Slot};
use crate::resp::{Args, Protocol, Sink};
use crate::value::sorted_set::End;

/// How what was popped is answered, behind the head of the reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Member, score, member, score.
    Flat,
    /// A pair each.
    Pairs,
}

/// Answers the first `count` members from one end, of which there are that many, and removes them.
fn pop(reply: &mut dyn Sink, slot: &mut Slot, end: End, count: usize, shape: Shape) -> Outcome {
    let Some(set) = slot.sorted_set_mut()? else {
        return Ok(());
    };
    let (ranks, event) = match end {
        End::Lowest => (0..count, "zpopmin"),
        End::Highest => (set.len() - count..set.len(), "zpopmax"),
    };
    for scored in set.items_at(ranks.clone(), end) {
        if shape == Shape::Pairs {
            reply.array(2);
        }
        bulk_item(reply, scored.member);
        reply.double(scored.score());
    }
    set.remove_ranks(ranks);
    slot.event(EventClass::SORTED_SET, event);
    slot.count_changes(count);
    Ok(())
}

/// Tells who follows the changes that members of this set were popped, by a command that chose it
/// among several or may have waited.
fn propagate_pop(slot: &mut Slot, key: &[u8], end: End, count: Option<usize>) {
    slot.propagate_as(|words| {
        words.push(match end {
            End::Lowest => b"ZPOPMIN",
            End::Highest => b"ZPOPMAX",
        });
        words.push(key);
        if let Some(count) = count {
            words.push_integer(count as i64);
        }
    });
}

fn pop_generic(ctx: &mut Context, args: Args, end: End) -> Outcome {
    if args.len() > 3 {
        return Err(error::SYNTAX);
    }
    let count = args.get(2).map(options::positive).transpose()?;
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let count_of = |len: usize| usize::try_from(count.unwrap_or(1)).map_or(len, |n| n.min(len));
    let popped = slot.sorted_set()?.map_or(0, |set| count_of(set.len()));
    if popped == 0 {
        ctx.reply.array(0);
        return Ok(());
    }
    let shape = match (count, ctx.reply.protocol()) {
        (Some(_), Protocol::Resp3) => {
            ctx.reply.array(popped);
            Shape::Pairs
        }
        _ => {
            ctx.reply.array(2 * popped);
            Shape::Flat
        }
    };
    pop(ctx.reply, &mut slot, end, popped, shape)
}

/// ZPOPMIN key [count]
pub(super) fn zpopmin(ctx: &mut Context, args: Args) -> Outcome {
    pop_generic(ctx, args, End::Lowest)
}

/// ZPOPMAX key [count]
pub(super) fn zpopmax(ctx: &mut Context, args: Args) -> Outcome {
    pop_generic(ctx, args, End::Highest)
}

// ---- the first of several keys -----------------------------------------------------------------

/// What ZMPOP was asked to pop.
struct MpopArgs<'a> {
    keys: Args<'a>,
    end: End,
    count: usize,
}

impl<'a> MpopArgs<'a> {
    /// `numkeys key [key ...] MIN | MAX [COUNT count]`
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let numkeys = options::at_least_1_or(args.at(0), error::NUMKEYS_NOT_POSITIVE)?;
        let numkeys = usize::try_from(numkeys).unwrap_or(usize::MAX);
        let end = numkeys
            .checked_add(1)
            .and_then(|index| args.get(index))
            .and_then(end)
            .ok_or(error::SYNTAX)?;
        let count = match (args.get(numkeys + 2), args.get(numkeys + 3)) {
            (None, _) => 1,
            (Some(option), Some(count)) if options::is(option, "COUNT") => {
                options::at_least_1_or(count, error::COUNT_NOT_POSITIVE)?
            }
            _ => return Err(error::SYNTAX),
        };
        if args.len() > numkeys + 4 {
            return Err(error::SYNTAX);
        }
        Ok(MpopArgs {
            keys: args.range(1..numkeys + 1),
            end,
            count: usize::try_from(count).unwrap_or(usize::MAX),
        })
    }
}

/// `MIN | MAX`
fn end(arg: &[u8]) -> Option<End> {
    if options::is(arg, "MIN") {
        Some(End::Lowest)
    } else if options::is(arg, "MAX") {
        Some(End::Highest)
    } else {
        None
    }
}

/// Pops from the first key that holds a sorted set; false if none does.
fn pop_first(ctx: &mut Context, mpop: &MpopArgs) -> Result<bool, CommandError> {
    for key in mpop.keys.iter() {
        let mut slot = ctx.keyspace.write(ctx.db, key);
        if let Some(set) = slot.sorted_set()? {
            let count = mpop.count.min(set.len());
            ctx.reply.array(2);
            ctx.reply.bulk(key);
            ctx.reply.array(count);
            pop(ctx.reply, &mut slot, mpop.end, count, Shape::Pairs)?;
            propagate_pop(&mut slot, key, mpop.end, Some(count));
            return Ok(true);
        }
    }
    Ok(false)
}

/// ZMPOP numkeys key [key ...] MIN | MAX [COUNT count]
pub(super) fn zmpop(ctx: &mut Context, args: Args) -> Outcome {
    let mpop = MpopArgs::parse(args.from(1))?;
    if !pop_first(ctx, &mpop)? {
        ctx.reply.null_array();
    }
    Ok(())
}

// ---- waiting -----------------------------------------------------------------------------------

fn wait(ctx: &mut Context, keys: Args, until_us: Option<u64>) {
    ctx.wait_for(Wait {
        keys: keys.iter().map(Box::from).collect(),
        awaited: Awaited::SortedSet,
        wakes_when_gone: false,
        until_us,
        nothing: Nothing::NullArray,
        replaced: Vec::new(),
    });
}

/// BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count]
pub(super) fn bzmpop(ctx: &mut Context, args: Args) -> Outcome {
    let mpop = MpopArgs::parse(args.from(2))?;
    let until_us = ctx.timeout_s(args.at(1))?;
    if !pop_first(ctx, &mpop)? {
        wait(ctx, mpop.keys, until_us);
    }
    Ok(())
}

fn blocking_pop_generic(ctx: &mut Context, args: Args, end: End) -> Outcome {
    let last = args.len() - 1;
    let keys = args.range(1..last);
    let until_us = ctx.timeout_s(args.at(last))?;
    for key in keys.iter() {
        let mut slot = ctx.keyspace.write(ctx.db, key);
        if slot.sorted_set()?.is_some() {
            ctx.reply.array(3);
            ctx.reply.bulk(key);
            pop(ctx.reply, &mut slot, end, 1, Shape::Flat)?;
            propagate_pop(&mut slot, key, end, None);
            return Ok(());
        }
    }
    wait(ctx, keys, until_us);
    Ok(())
}

/// BZPOPMIN key [key ...] timeout
pub(super) fn bzpopmin(ctx: &mut Context, args: Args) -> Outcome {
    blocking_pop_generic(ctx, args, End::Lowest)
}

/// BZPOPMAX key [key ...] timeout
pub(super) fn bzpopmax(ctx: &mut Context, args: Args) -> Outcome {
    blocking_pop_generic(ctx, args, End::Highest)
}
