//! The list commands. Owns what each of them does to the ends and the middle of a list; those that
//! wait are in `blocking`. Knows nothing of how a list is laid out (`value::list`) nor of what follows a write
//! (`keyspace::Slot`).

mod blocking;
#[cfg(test)]
mod tests;

use super::{CommandError, Context, DataHandler, Outcome, bulk_item, error, options};
use crate::config::Config;
use crate::keyspace::{EventClass, Slot};
use crate::resp::{Aggregate, Args, Sink};
use crate::value::list::{End, Fill};
use crate::value::{Item, List, Needle, Value};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("blmove", blocking::blmove),
    ("blmpop", blocking::blmpop),
    ("blpop", blocking::blpop),
    ("brpop", blocking::brpop),
    ("brpoplpush", blocking::brpoplpush),
    ("lindex", lindex),
    ("linsert", linsert),
    ("llen", llen),
    ("lmove", lmove),
    ("lmpop", lmpop),
    ("lpop", lpop),
    ("lpos", lpos),
    ("lpush", lpush),
    ("lpushx", lpushx),
    ("lrange", lrange),
    ("lrem", lrem),
    ("lset", lset),
    ("ltrim", ltrim),
    ("rpop", rpop),
    ("rpoplpush", rpoplpush),
    ("rpush", rpush),
    ("rpushx", rpushx),
];

fn fill(config: &Config) -> Fill {
    Fill::new(config.list_max_listpack_size)
}

/// The list a key holds, for a command that only reads.
fn read<'k>(ctx: &'k mut Context, key: &[u8]) -> Result<Option<&'k List>, CommandError> {
    let value = ctx.keyspace.read(ctx.db, key);
    Ok(value.map(Value::as_list).transpose()?)
}

/// What an index means: counted from the left, or if negative from the right.
fn position(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

/// What a range means, both ends included: where it begins and how many elements it has.
fn range(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let from_left = |index: i64| {
        if index < 0 {
            (index + len as i64).max(-1)
        } else {
            index
        }
    };
    let start = from_left(start).max(0) as u64;
    // One behind the last.
    let end = (from_left(stop).min(len as i64 - 1) + 1) as u64;
    match end.checked_sub(start) {
        Some(count) => (start as usize, count as usize),
        None => (0, 0),
    }
}

// ---- pushing -----------------------------------------------------------------------------------

fn event_of_push(end: End) -> &'static str {
    match end {
        End::Left => "lpush",
        End::Right => "rpush",
    }
}

fn push_generic(ctx: &mut Context, args: Args, end: End, only_existing: bool) -> Outcome {
    let elements = args.from(2);
    ctx.reserve(elements.len().saturating_mul(ELEMENT_OVERHEAD))?;
    let fill = fill(ctx.config);
    let push_all = |list: &mut List| {
        list.prepare_for(elements.len(), elements.bytes(), fill);
        for element in elements.iter() {
            list.push(end, element);
        }
        list.len()
    };
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let len = match slot.list_mut()? {
        Some(list) => push_all(list),
        None if only_existing => {
            ctx.reply.integer(0);
            return Ok(());
        }
        None => {
            let mut list = List::default();
            let len = push_all(&mut list);
            slot.put(list);
            len
        }
    };
    slot.event(EventClass::LIST, event_of_push(end));
    slot.count_changes(elements.len());
    ctx.reply.integer(len as i64);
    Ok(())
}

/// What an element may take beside its bytes.
const ELEMENT_OVERHEAD: usize = 16;

/// LPUSH key element [element ...]
fn lpush(ctx: &mut Context, args: Args) -> Outcome {
    push_generic(ctx, args, End::Left, false)
}

/// RPUSH key element [element ...]
fn rpush(ctx: &mut Context, args: Args) -> Outcome {
    push_generic(ctx, args, End::Right, false)
}

/// LPUSHX key element [element ...]
fn lpushx(ctx: &mut Context, args: Args) -> Outcome {
    push_generic(ctx, args, End::Left, true)
}

/// RPUSHX key element [element ...]
fn rpushx(ctx: &mut Context, args: Args) -> Outcome {
    push_generic(ctx, args, End::Right, true)
}

// ---- popping -----------------------------------------------------------------------------------

/// Removes `count` elements at one end and tells that they were popped.
fn drop_end(slot: &mut Slot, end: End, count: usize, fill: Fill) -> Outcome {
    if let Some(list) = slot.list_mut()? {
        list.drop_end(end, count);
        list.settle(fill);
    }
    tell_popped(slot, end, count);
    Ok(())
}

fn tell_popped(slot: &mut Slot, end: End, count: usize) {
    let event = match end {
        End::Left => "lpop",
        End::Right => "rpop",
    };
    slot.event(EventClass::LIST, event);
    slot.count_changes(count);
}

/// Tells who follows the changes that elements of this list were popped, by a command that chose it
/// among several or may have waited.
fn propagate_pop(slot: &mut Slot, key: &[u8], end: End, count: Option<usize>) {
    slot.propagate_as(|words| {
        words.push(match end {
            End::Left => b"LPOP",
            End::Right => b"RPOP",
        });
        words.push(key);
        if let Some(count) = count {
            words.push_integer(count as i64);
        }
    });
}

/// Answers the first `count` elements from one end, or all there are; returns how many.
fn answer_end(reply: &mut dyn Sink, list: &List, end: End, count: i64) -> usize {
    let count = usize::try_from(count).map_or(list.len(), |count| count.min(list.len()));
    reply.array(count);
    list.items(end).show(count, |item| bulk_item(reply, item));
    count
}

fn pop_generic(ctx: &mut Context, args: Args, end: End) -> Outcome {
    if args.len() > 3 {
        // The table knows no most number of arguments, so this is no matter of the gate.
        return Err(error::wrong_arity(match end {
            End::Left => "lpop",
            End::Right => "rpop",
        }));
    }
    let count = args.get(2).map(options::positive).transpose()?;
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let popped = match (slot.list()?, count) {
        (None, None) => {
            ctx.reply.null();
            return Ok(());
        }
        (None, Some(_)) => {
            ctx.reply.null_array();
            return Ok(());
        }
        (Some(_), Some(0)) => {
            ctx.reply.array(0);
            return Ok(());
        }
        (Some(list), None) => {
            if let Some(item) = list.peek(end) {
                bulk_item(ctx.reply, item);
            }
            1
        }
        (Some(list), Some(count)) => answer_end(ctx.reply, list, end, count),
    };
    drop_end(&mut slot, end, popped, fill(ctx.config))
}

/// LPOP key [count]
fn lpop(ctx: &mut Context, args: Args) -> Outcome {
    pop_generic(ctx, args, End::Left)
}

/// RPOP key [count]
fn rpop(ctx: &mut Context, args: Args) -> Outcome {
    pop_generic(ctx, args, End::Right)
}

/// What LMPOP was asked to pop.
struct MpopArgs<'a> {
    keys: Args<'a>,
    end: End,
    count: i64,
}

impl<'a> MpopArgs<'a> {
    /// `numkeys key [key ...] LEFT | RIGHT [COUNT count]`
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let numkeys = options::at_least_1_or(args.at(0), error::NUMKEYS_NOT_POSITIVE)?;
        let numkeys = usize::try_from(numkeys).unwrap_or(usize::MAX);
        let side = numkeys
            .checked_add(1)
            .and_then(|index| args.get(index))
            .ok_or(error::SYNTAX)?;
        let mut pop = MpopArgs {
            keys: args.range(1..numkeys + 1),
            end: end(side)?,
            count: 1,
        };
        match (args.get(numkeys + 2), args.get(numkeys + 3)) {
            (None, _) => {}
            (Some(option), Some(count)) if options::is(option, "COUNT") => {
                pop.count = options::at_least_1_or(count, error::COUNT_NOT_POSITIVE)?;
                if args.len() > numkeys + 4 {
                    return Err(error::SYNTAX);
                }
            }
            _ => return Err(error::SYNTAX),
        }
        Ok(pop)
    }
}

/// `LEFT | RIGHT`
fn end(arg: &[u8]) -> Result<End, CommandError> {
    if options::is(arg, "LEFT") {
        Ok(End::Left)
    } else if options::is(arg, "RIGHT") {
        Ok(End::Right)
    } else {
        Err(error::SYNTAX)
    }
}

/// LMPOP numkeys key [key ...] LEFT | RIGHT [COUNT count]
fn lmpop(ctx: &mut Context, args: Args) -> Outcome {
    let pop = MpopArgs::parse(args.from(1))?;
    if !mpop(ctx, &pop)? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// Pops from the first of the lists that is there, and answers; false if none is.
fn mpop(ctx: &mut Context, pop: &MpopArgs) -> Result<bool, CommandError> {
    for key in pop.keys.iter() {
        let mut slot = ctx.keyspace.write(ctx.db, key);
        if let Some(list) = slot.list()? {
            ctx.reply.array(2);
            ctx.reply.bulk(key);
            let popped = answer_end(ctx.reply, list, pop.end, pop.count);
            drop_end(&mut slot, pop.end, popped, fill(ctx.config))?;
            propagate_pop(&mut slot, key, pop.end, Some(popped));
            return Ok(true);
        }
    }
    Ok(false)
}

// ---- from one list to another ------------------------------------------------------------------

/// LMOVE source destination LEFT | RIGHT LEFT | RIGHT
fn lmove(ctx: &mut Context, args: Args) -> Outcome {
    let ends = [end(args.at(3))?, end(args.at(4))?];
    move_generic(ctx, args, ends)
}

/// RPOPLPUSH source destination
fn rpoplpush(ctx: &mut Context, args: Args) -> Outcome {
    move_generic(ctx, args, [End::Right, End::Left])
}

fn move_generic(ctx: &mut Context, args: Args, ends: [End; 2]) -> Outcome {
    if !move_element(ctx, args, ends)? {
        ctx.reply.null();
    }
    Ok(())
}

/// Moves an element from one end of a list to one of another, and answers it; false if there is no
/// such list.
fn move_element(ctx: &mut Context, args: Args, [from, to]: [End; 2]) -> Result<bool, CommandError> {
    let (source, destination) = (args.at(1), args.at(2));
    let fill = fill(ctx.config);
    let mut slot = ctx.keyspace.write(ctx.db, source);
    let Some(list) = slot.list()? else {
        return Ok(false);
    };
    let Some(item) = list.peek(from) else {
        unreachable!("no key holds an empty list")
    };
    let element = item.bytes().to_vec();
    // Redis counts only bytes, and a number that comes out of a quicklist is none to it.
    let counted = match item {
        Item::Number(_) if list.is_quicklist() => 0,
        _ => element.len(),
    };
    if source == destination {
        if let Some(list) = slot.list_mut()? {
            list.drop_end(from, 1);
            list.prepare_for(1, counted, fill);
            list.push(to, &element);
            list.settle(fill);
        }
        slot.event(EventClass::LIST, event_of_push(to));
        tell_popped(&mut slot, from, 1);
        ctx.reply.bulk(&element);
        return Ok(true);
    }
    drop(slot);
    // The element is pushed before it is popped, since that is the order of the events.
    let mut slot = ctx.keyspace.write(ctx.db, destination);
    match slot.list_mut()? {
        Some(list) => {
            list.prepare_for(1, counted, fill);
            list.push(to, &element);
        }
        None => {
            let mut list = List::default();
            list.prepare_for(1, counted, fill);
            list.push(to, &element);
            slot.put(list);
        }
    }
    slot.event(EventClass::LIST, event_of_push(to));
    // One change, counted where the element is popped.
    slot.count_changes(0);
    drop(slot);
    ctx.reply.bulk(&element);
    drop_end(&mut ctx.keyspace.write(ctx.db, source), from, 1, fill)?;
    Ok(true)
}

// ---- looking -----------------------------------------------------------------------------------

/// LLEN key
fn llen(ctx: &mut Context, args: Args) -> Outcome {
    let len = read(ctx, args.at(1))?.map_or(0, List::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// LRANGE key start stop
fn lrange(ctx: &mut Context, args: Args) -> Outcome {
    let start = options::integer(args.at(2))?;
    let stop = options::integer(args.at(3))?;
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        ctx.reply.array(0);
        return Ok(());
    };
    let list = value.as_list()?;
    let (start, count) = range(start, stop, list.len());
    ctx.reply.array(count);
    list.items_at(start, End::Left)
        .show(count, |item| bulk_item(ctx.reply, item));
    Ok(())
}

/// LINDEX key index
fn lindex(ctx: &mut Context, args: Args) -> Outcome {
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        ctx.reply.null();
        return Ok(());
    };
    let list = value.as_list()?;
    // Looked at only once there is a list.
    let index = options::integer(args.at(2))?;
    match position(index, list.len()).and_then(|index| list.get(index)) {
        Some(item) => bulk_item(ctx.reply, item),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// What LPOS was asked to find.
struct PosArgs {
    from: End,
    /// How many matches to pass over.
    skipped: u64,
    /// How many to answer, 0 meaning all; without it one, not as an array.
    count: Option<i64>,
    /// How many elements to look at, at most.
    compared: Option<usize>,
}

impl PosArgs {
    /// `[RANK rank] [COUNT num-matches] [MAXLEN len]`
    fn parse(args: Args) -> Result<Self, CommandError> {
        let mut pos = PosArgs {
            from: End::Left,
            skipped: 0,
            count: None,
            compared: None,
        };
        let mut at = 0;
        while let Some(option) = args.get(at) {
            match args.get(at + 1) {
                Some(rank) if options::is(option, "RANK") => {
                    let rank = options::signed(rank)?;
                    if rank == 0 {
                        return Err(error::RANK_IS_ZERO);
                    }
                    pos.from = if rank > 0 { End::Left } else { End::Right };
                    pos.skipped = rank.unsigned_abs() - 1;
                }
                Some(count) if options::is(option, "COUNT") => {
                    pos.count = Some(options::positive_or(count, error::COUNT_IS_NEGATIVE)?);
                }
                Some(len) if options::is(option, "MAXLEN") => {
                    let len = options::positive_or(len, error::MAXLEN_IS_NEGATIVE)?;
                    pos.compared = (len > 0).then(|| usize::try_from(len).unwrap_or(usize::MAX));
                }
                _ => return Err(error::SYNTAX),
            }
            at += 2;
        }
        Ok(pos)
    }
}

/// LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
fn lpos(ctx: &mut Context, args: Args) -> Outcome {
    let pos = PosArgs::parse(args.from(3))?;
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        match pos.count {
            Some(_) => ctx.reply.array(0),
            None => ctx.reply.null(),
        }
        return Ok(());
    };
    let list = value.as_list()?;
    let needle = Needle::new(args.at(2));
    let skipped = usize::try_from(pos.skipped).unwrap_or(usize::MAX);
    let mut matches = list
        .items(pos.from)
        .take(pos.compared.unwrap_or(usize::MAX))
        .enumerate()
        .filter(|(_, item)| needle.is(*item))
        .skip(skipped)
        .map(|(index, _)| match pos.from {
            End::Left => index as i64,
            End::Right => (list.len() - 1 - index) as i64,
        });
    match pos.count {
        None => match matches.next() {
            Some(index) => ctx.reply.integer(index),
            None => ctx.reply.null(),
        },
        Some(count) => {
            let most = match usize::try_from(count) {
                Ok(0) | Err(_) => usize::MAX,
                Ok(count) => count,
            };
            let mark = ctx.reply.defer();
            let mut found = 0;
            for index in matches.take(most) {
                ctx.reply.integer(index);
                found += 1;
            }
            ctx.reply.settle(mark, Aggregate::Array, found);
        }
    }
    Ok(())
}

// ---- changing what is within -------------------------------------------------------------------

/// LSET key index element
fn lset(ctx: &mut Context, args: Args) -> Outcome {
    let element = args.at(3);
    let fill = fill(ctx.config);
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    if slot.list()?.is_none() {
        return Err(error::NO_SUCH_KEY);
    }
    let index = options::integer(args.at(2))?;
    let Some(list) = slot.list_mut()? else {
        return Err(error::NO_SUCH_KEY);
    };
    list.prepare_for(1, element.len(), fill);
    // Of the index only the lower half counts in Redis, so 4294967296 is the first element. Unlike
    // LINDEX:
    //   > LSET l 4294967297 x   OK
    //   > LINDEX l 4294967297   (nil)
    let index = i64::from(index as i32);
    let Some(index) = position(index, list.len()) else {
        slot.only_laid_out_differently();
        return Err(error::INDEX_OUT_OF_RANGE);
    };
    list.replace(index, element);
    list.settle(fill);
    slot.event(EventClass::LIST, "lset");
    ctx.reply.ok();
    Ok(())
}

/// LINSERT key BEFORE | AFTER pivot element
fn linsert(ctx: &mut Context, args: Args) -> Outcome {
    let (side, pivot, element) = (args.at(2), args.at(3), args.at(4));
    let side = if options::is(side, "AFTER") {
        End::Right
    } else if options::is(side, "BEFORE") {
        End::Left
    } else {
        return Err(error::SYNTAX);
    };
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let Some(list) = slot.list_mut()? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    list.prepare_for(1, element.len(), fill(ctx.config));
    if list.insert_beside(&Needle::new(pivot), side, element) {
        ctx.reply.integer(list.len() as i64);
        slot.event(EventClass::LIST, "linsert");
    } else {
        slot.only_laid_out_differently();
        ctx.reply.integer(-1);
    }
    Ok(())
}

/// LREM key count element
fn lrem(ctx: &mut Context, args: Args) -> Outcome {
    let count = options::signed(args.at(2))?;
    let from = if count < 0 { End::Right } else { End::Left };
    let most = match usize::try_from(count.unsigned_abs()) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(most) => most,
    };
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let Some(list) = slot.list_mut()? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let removed = list.remove_matching(&Needle::new(args.at(3)), from, most);
    if removed > 0 {
        list.settle(fill(ctx.config));
        slot.event(EventClass::LIST, "lrem");
        slot.count_changes(removed);
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// LTRIM key start stop
fn ltrim(ctx: &mut Context, args: Args) -> Outcome {
    let start = options::integer(args.at(2))?;
    let stop = options::integer(args.at(3))?;
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    if let Some(list) = slot.list_mut()? {
        let (start, count) = range(start, stop, list.len());
        let removed = list.len() - count;
        if count == 0 {
            list.drop_end(End::Left, removed);
        } else {
            list.drop_end(End::Left, start);
            list.drop_end(End::Right, removed - start);
        }
        list.settle(fill(ctx.config));
        slot.event(EventClass::LIST, "ltrim");
        slot.count_changes(removed);
    }
    ctx.reply.ok();
    Ok(())
}
