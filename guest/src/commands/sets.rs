//! The set commands. Owns what each of them does with one set; those that combine several are in
//! `combining`. Knows nothing of how a set is kept (`value::set`) nor of what follows a write
//! (`keyspace::Slot`).

mod combining;
#[cfg(test)]
mod tests;

use super::chance::{self, choose};
use super::options::{self, ScanOptions};
use super::{Context, DataHandler, Outcome, bulk_item, error, reserve_reply};
use crate::config::Config;
use crate::keyspace::{EventClass, Slot};
use crate::resp::{Aggregate, Args, Sink};
use crate::value::hash::Seed;
use crate::value::set::SetLimits;
use crate::value::{Item, Needle, Set, Value};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("sadd", sadd),
    ("scard", scard),
    ("sdiff", combining::sdiff),
    ("sdiffstore", combining::sdiffstore),
    ("sinter", combining::sinter),
    ("sintercard", combining::sintercard),
    ("sinterstore", combining::sinterstore),
    ("sismember", sismember),
    ("smembers", smembers),
    ("smismember", smismember),
    ("smove", smove),
    ("spop", spop),
    ("srandmember", srandmember),
    ("srem", srem),
    ("sscan", sscan),
    ("sunion", combining::sunion),
    ("sunionstore", combining::sunionstore),
];

/// What a member may take beside its bytes.
const MEMBER_OVERHEAD: usize = 48;

fn limits(config: &Config) -> SetLimits {
    SetLimits {
        intset_entries: config.set_max_intset_entries,
        listpack_entries: config.set_max_listpack_entries,
        listpack_value: config.set_max_listpack_value,
    }
}

/// Answers all members.
fn answer_set(reply: &mut dyn Sink, kind: Aggregate, set: &Set) {
    reply.aggregate(kind, set.len());
    for item in set.items() {
        bulk_item(reply, item);
    }
}

// ---- one set -----------------------------------------------------------------------------------

/// SADD key member [member ...]
fn sadd(ctx: &mut Context, args: Args) -> Outcome {
    let members = args.from(2);
    ctx.reserve(members.len().saturating_mul(MEMBER_OVERHEAD))?;
    let (limits, seed) = (limits(ctx.config), ctx.keyspace.seed());
    let add_all = |set: &mut Set| {
        members
            .iter()
            .filter(|member| set.add(member, &limits, &seed))
            .count()
    };
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let added = match slot.set_mut()? {
        Some(set) => {
            set.prepare_for(members.len(), &limits, &seed);
            add_all(set)
        }
        None => {
            let mut set = Set::expecting(members.at(0), members.len(), &limits);
            let added = add_all(&mut set);
            slot.put(set);
            added
        }
    };
    if added > 0 {
        slot.event(EventClass::SET, "sadd");
        slot.count_changes(added);
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer(added as i64);
    Ok(())
}

/// SREM key member [member ...]
fn srem(ctx: &mut Context, args: Args) -> Outcome {
    let seed = ctx.keyspace.seed();
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let removed = match slot.set_mut()? {
        Some(set) => args
            .from(2)
            .iter()
            .filter(|member| set.remove(&Needle::new(member), &seed))
            .count(),
        None => 0,
    };
    if removed > 0 {
        slot.event(EventClass::SET, "srem");
        slot.count_changes(removed);
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// SMOVE source destination member
fn smove(ctx: &mut Context, args: Args) -> Outcome {
    let (source, destination, member) = (args.at(1), args.at(2), args.at(3));
    let (limits, seed) = (limits(ctx.config), ctx.keyspace.seed());
    let needle = Needle::new(member);
    let found = ctx.keyspace.write(ctx.db, source).exists();
    // Redis looks both keys up, but says nothing of the second one's type if there is no first.
    let slot = ctx.keyspace.write(ctx.db, destination);
    if !found {
        ctx.reply.integer(0);
        return Ok(());
    }
    let wrong_destination = slot.set().err();
    drop(slot);
    let mut slot = ctx.keyspace.write(ctx.db, source);
    let set = slot.set()?;
    if let Some(wrong_type) = wrong_destination {
        return Err(wrong_type.into());
    }
    if source == destination {
        let is_member = set.is_some_and(|set| set.contains(&needle, &seed));
        ctx.reply.integer(is_member.into());
        return Ok(());
    }
    if !set.is_some_and(|set| set.contains(&needle, &seed)) {
        ctx.reply.integer(0);
        return Ok(());
    }
    if let Some(set) = slot.set_mut()? {
        set.remove(&needle, &seed);
    }
    slot.event(EventClass::SET, "srem");
    drop(slot);
    let mut slot = ctx.keyspace.write(ctx.db, destination);
    let added = match slot.set_mut()? {
        Some(set) => set.add(member, &limits, &seed),
        None => {
            let mut set = Set::expecting(member, 1, &limits);
            let added = set.add(member, &limits, &seed);
            slot.put(set);
            added
        }
    };
    if added {
        slot.event(EventClass::SET, "sadd");
    } else {
        slot.only_laid_out_differently();
    }
    drop(slot);
    ctx.reply.integer(1);
    Ok(())
}

/// SISMEMBER key member
fn sismember(ctx: &mut Context, args: Args) -> Outcome {
    let seed = ctx.keyspace.seed();
    let is_member = match ctx.keyspace.read(ctx.db, args.at(1)) {
        Some(value) => value.as_set()?.contains(&Needle::new(args.at(2)), &seed),
        None => false,
    };
    ctx.reply.integer(is_member.into());
    Ok(())
}

/// SMISMEMBER key member [member ...]
fn smismember(ctx: &mut Context, args: Args) -> Outcome {
    let seed = ctx.keyspace.seed();
    let members = args.from(2);
    let value = ctx.keyspace.read(ctx.db, args.at(1));
    let set = value.map(Value::as_set).transpose()?;
    ctx.reply.array(members.len());
    for member in members.iter() {
        let is_member = set.is_some_and(|set| set.contains(&Needle::new(member), &seed));
        ctx.reply.integer(is_member.into());
    }
    Ok(())
}

/// SCARD key
fn scard(ctx: &mut Context, args: Args) -> Outcome {
    let len = match ctx.keyspace.read(ctx.db, args.at(1)) {
        Some(value) => value.as_set()?.len(),
        None => 0,
    };
    ctx.reply.integer(len as i64);
    Ok(())
}

/// SMEMBERS key
fn smembers(ctx: &mut Context, args: Args) -> Outcome {
    match ctx.keyspace.read(ctx.db, args.at(1)) {
        Some(value) => answer_set(ctx.reply, Aggregate::Set, value.as_set()?),
        None => ctx.reply.set(0),
    }
    Ok(())
}

/// SSCAN key cursor [MATCH pattern] [COUNT count]
fn sscan(ctx: &mut Context, args: Args) -> Outcome {
    let cursor = options::cursor(args.at(2))?;
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        ctx.reply.array(2);
        ctx.reply.bulk(b"0");
        ctx.reply.array(0);
        return Ok(());
    };
    let set = value.as_set()?;
    // Looked at only once there is a set.
    let scan = ScanOptions::parse(args.from(3))?;
    let (cursor, items) = set.scan(cursor, scan.count);
    ctx.reply.array(2);
    ctx.reply.bulk_integer(cursor as i64);
    let mark = ctx.reply.defer();
    let mut found = 0;
    for item in items {
        if scan.wants(&item.bytes()) {
            bulk_item(ctx.reply, item);
            found += 1;
        }
    }
    ctx.reply.settle(mark, Aggregate::Array, found);
    Ok(())
}

// ---- members at random -------------------------------------------------------------------------

/// Answers the members at positions that are in order.
fn answer_positions(reply: &mut dyn Sink, set: &Set, positions: impl Iterator<Item = usize>) {
    let mut positions = positions.peekable();
    for (at, item) in set.items().enumerate() {
        if positions.next_if_eq(&at).is_some() {
            bulk_item(reply, item);
        }
    }
}

/// SPOP key [count]
fn spop(ctx: &mut Context, args: Args) -> Outcome {
    let count = match args.len() {
        2 => None,
        3 => Some(options::positive(args.at(2))?),
        _ => return Err(error::SYNTAX),
    };
    let (limits, seed) = (limits(ctx.config), ctx.keyspace.seed());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let len = match (slot.set()?, count) {
        (None, None) => {
            ctx.reply.null();
            return Ok(());
        }
        (None, Some(_)) | (Some(_), Some(0)) => {
            ctx.reply.set(0);
            return Ok(());
        }
        (Some(set), _) => set.len(),
    };
    slot.event(EventClass::SET, "spop");
    let before = if slot.is_followed() {
        slot.set()?.cloned()
    } else {
        None
    };
    let Some(count) = count else {
        if let Some(set) = slot.set_mut()? {
            let position = ctx.rng.usize(0..len);
            if let Some(item) = set.get(position) {
                bulk_item(ctx.reply, item);
            }
            set.remove_at(position);
        }
        return tell_popped(&mut slot, args.at(1), before, &seed);
    };
    let count = usize::try_from(count).map_or(len, |count| count.min(len));
    slot.count_changes(count);
    if count == len {
        // Redis answers this one as it answers SUNION, which reads the key.
        slot.count_read();
        if let Some(Value::Set(set)) = slot.remove() {
            answer_set(ctx.reply, Aggregate::Set, &set);
        }
        slot.propagate_removal(ctx.config.lazyfree_lazy_server_del);
        slot.event(EventClass::GENERIC, "del");
        return Ok(());
    }
    let Some(set) = slot.set_mut()? else {
        return Ok(());
    };
    ctx.reply.set(count);
    // Where nearly all go, Redis makes a new set of the few that stay, which may be of a smaller
    // form than the old one.
    let few_stay = (len - count).saturating_mul(5) <= count;
    if set.is_table() {
        for _ in 0..count {
            let position = ctx.rng.usize(0..set.len());
            if let Some(item) = set.get(position) {
                bulk_item(ctx.reply, item);
            }
            set.remove_at(position);
        }
        if few_stay {
            set.make_packed(&limits, &seed);
        }
    } else {
        let positions: Vec<usize> = choose(ctx.rng, len, count).collect();
        answer_positions(ctx.reply, set, positions.iter().copied());
        for position in positions.into_iter().rev() {
            set.remove_at(position);
        }
    }
    tell_popped(&mut slot, args.at(1), before, &seed)
}

/// Tells who follows which members have gone: those that were there `before`, and are not any more.
fn tell_popped(slot: &mut Slot, key: &[u8], before: Option<Set>, seed: &Seed) -> Outcome {
    /// So many members are named in one command.
    const MOST: usize = 1024;
    let Some(before) = before else {
        return Ok(());
    };
    let left = slot.set()?.cloned().unwrap_or_else(Set::packed);
    let gone: Vec<Item> = before
        .items()
        .filter(|item| !left.contains(&Needle::new(&item.bytes()), seed))
        .collect();
    for members in gone.chunks(MOST) {
        slot.propagate_as(|command| {
            command.push(b"SREM");
            command.push(key);
            members
                .iter()
                .for_each(|member| command.push(&member.bytes()));
        });
    }
    Ok(())
}

/// SRANDMEMBER key [count]
fn srandmember(ctx: &mut Context, args: Args) -> Outcome {
    let count = match args.len() {
        2 => None,
        3 => Some(options::signed(args.at(2))?),
        _ => return Err(error::SYNTAX),
    };
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        match count {
            Some(_) => ctx.reply.array(0),
            None => ctx.reply.null(),
        }
        return Ok(());
    };
    let set = value.as_set()?;
    match count {
        None => {
            if let Some(item) = set.get(ctx.rng.usize(0..set.len())) {
                bulk_item(ctx.reply, item);
            }
        }
        Some(count @ ..0) => return answer_any(ctx, args.at(1), count.unsigned_abs()),
        Some(count) => {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            answer_different(ctx.reply, ctx.rng, set, count);
        }
    }
    Ok(())
}

/// Answers that many members, of which each may come several times.
fn answer_any(ctx: &mut Context, key: &[u8], count: u64) -> Outcome {
    const SHORTEST_REPLY: usize = 6;
    let bytes = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_mul(SHORTEST_REPLY);
    reserve_reply(ctx.keyspace, ctx.reply, bytes)?;
    let value = ctx.keyspace.value(ctx.db, key);
    let Some(set) = value.map(Value::as_set).transpose()? else {
        return Ok(());
    };
    let reply = &mut *ctx.reply;
    reply.array(count as usize);
    // Only in a listpack it takes a walk to get to a member.
    let walked: Vec<Item> = if set.is_packed() {
        set.items().collect()
    } else {
        Vec::new()
    };
    for _ in 0..count {
        let position = ctx.rng.usize(0..set.len());
        let item = walked.get(position).copied().or_else(|| set.get(position));
        if let Some(item) = item {
            bulk_item(reply, item);
        }
        if reply.is_full() {
            break;
        }
    }
    Ok(())
}

/// Answers that many members, or all, each once.
fn answer_different(reply: &mut dyn Sink, rng: &mut fastrand::Rng, set: &Set, count: usize) {
    let len = set.len();
    if count >= len {
        return answer_set(reply, Aggregate::Array, set);
    }
    reply.array(count);
    if !set.is_table() || count > len / 3 {
        return answer_positions(reply, set, choose(rng, len, count));
    }
    for position in chance::few(rng, len, count) {
        if let Some(item) = set.get(position) {
            bulk_item(reply, item);
        }
    }
}
