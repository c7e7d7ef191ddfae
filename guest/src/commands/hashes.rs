//! The hash commands. Owns what each of them does with the fields of one hash; those about when
//! fields expire are in `expiry`. Knows nothing of how fields are kept (`value::fields`) nor of what
//! follows a write (`keyspace::Slot`).

mod expiry;
mod retelling;
#[cfg(test)]
mod tests;

use std::ops::Deref;

use super::chance;
use super::options::{self, ScanOptions};
use super::{CommandError, Context, DataHandler, Outcome, bulk_item, error, reserve_reply};
use crate::config::Config;
use crate::keyspace::{EventClass, Slot};
use crate::resp::{Aggregate, Args, Protocol, Sink};
use crate::value::fields::{Field, HashLimits, Ttl};
use crate::value::number::LongDouble;
use crate::value::string::Digits;
use crate::value::{Fields, Item, Value};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("hdel", hdel),
    ("hexists", hexists),
    ("hexpire", expiry::hexpire),
    ("hexpireat", expiry::hexpireat),
    ("hexpiretime", expiry::hexpiretime),
    ("hget", hget),
    ("hgetall", hgetall),
    ("hgetdel", expiry::hgetdel),
    ("hgetex", expiry::hgetex),
    ("hincrby", hincrby),
    ("hincrbyfloat", hincrbyfloat),
    ("hkeys", hkeys),
    ("hlen", hlen),
    ("hmget", hmget),
    ("hmset", hmset),
    ("hpersist", expiry::hpersist),
    ("hpexpire", expiry::hpexpire),
    ("hpexpireat", expiry::hpexpireat),
    ("hpexpiretime", expiry::hpexpiretime),
    ("hpttl", expiry::hpttl),
    ("hrandfield", hrandfield),
    ("hscan", hscan),
    ("hset", hset),
    ("hsetex", expiry::hsetex),
    ("hsetnx", hsetnx),
    ("hstrlen", hstrlen),
    ("httl", expiry::httl),
    ("hvals", hvals),
];

fn limits(config: &Config) -> HashLimits {
    HashLimits {
        listpack_entries: config.hash_max_listpack_entries,
        listpack_value: config.hash_max_listpack_value,
    }
}

/// Refuses to set so many fields where they would not fit in the instance.
fn reserve(slot: &Slot, fields: usize) -> Outcome {
    let growth = match slot.fields()? {
        Some(hash) => hash.growth(fields),
        None => Fields::default().growth(fields),
    };
    if slot.has_room_for(growth) {
        Ok(())
    } else {
        Err(error::OUT_OF_MEMORY)
    }
}

/// Changes the hash under a key, or a new one if there is none.
fn change<T>(slot: &mut Slot, act: impl FnOnce(&mut Fields) -> T) -> Result<T, CommandError> {
    if let Some(fields) = slot.fields_mut()? {
        return Ok(act(fields));
    }
    let mut fields = Fields::default();
    let outcome = act(&mut fields);
    slot.put(fields);
    Ok(outcome)
}

// ---- setting -----------------------------------------------------------------------------------

/// HSET key field value [field value ...]
fn hset(ctx: &mut Context, args: Args) -> Outcome {
    let new = set_all(ctx, args, "hset")?;
    ctx.reply.integer(new as i64);
    Ok(())
}

/// HMSET key field value [field value ...]
fn hmset(ctx: &mut Context, args: Args) -> Outcome {
    set_all(ctx, args, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

/// Sets fields and says how many are new.
fn set_all(ctx: &mut Context, args: Args, command: &str) -> Result<usize, CommandError> {
    let pairs = args.from(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(error::wrong_arity(command));
    }
    let (limits, seed) = (limits(ctx.config), ctx.keyspace.seed());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    reserve(&slot, pairs.len() / 2)?;
    let new = change(&mut slot, |fields| {
        fields.prepare_for(pairs.iter(), &limits, &seed);
        (0..pairs.len())
            .step_by(2)
            .filter(|at| {
                let (name, value) = (pairs.at(*at), pairs.at(at + 1));
                fields.set(name, value, Ttl::Dropped, &limits, &seed)
            })
            .count()
    })?;
    slot.event(EventClass::HASH, "hset");
    slot.count_changes(pairs.len() / 2);
    Ok(new)
}

/// HSETNX key field value
fn hsetnx(ctx: &mut Context, args: Args) -> Outcome {
    let (name, value) = (args.at(2), args.at(3));
    let (limits, seed) = (limits(ctx.config), ctx.keyspace.seed());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    expiry::make_way(&mut slot, name, &seed)?;
    if slot
        .fields()?
        .is_some_and(|f| f.find(name, &seed).is_some())
    {
        ctx.reply.integer(0);
        return Ok(());
    }
    reserve(&slot, 1)?;
    change(&mut slot, |fields| {
        fields.prepare_for(args.from(2).iter(), &limits, &seed);
        fields.set(name, value, Ttl::Dropped, &limits, &seed)
    })?;
    slot.event(EventClass::HASH, "hset");
    drop(slot);
    ctx.reply.integer(1);
    Ok(())
}

/// HINCRBY key field increment
fn hincrby(ctx: &mut Context, args: Args) -> Outcome {
    let by = options::integer(args.at(3))?;
    let mut sum = 0;
    increment(ctx, args, "hincrby", |old| {
        let old = match old {
            Some(item) => item.number().ok_or(error::HASH_VALUE_NOT_AN_INTEGER)?,
            None => 0,
        };
        sum = old.checked_add(by).ok_or(error::INCREMENT_OVERFLOW)?;
        Ok(Digits::new(sum))
    })?;
    ctx.reply.integer(sum);
    Ok(())
}

/// HINCRBYFLOAT key field increment
fn hincrbyfloat(ctx: &mut Context, args: Args) -> Outcome {
    let by = options::long_double(args.at(3))?;
    if !by.is_finite() {
        return Err(error::NOT_FINITE);
    }
    let text = increment(ctx, args, "hincrbyfloat", |old| {
        let old = match old {
            Some(Item::Number(number)) => number.into(),
            Some(Item::Bytes(text)) => {
                LongDouble::parse(text).ok_or(error::HASH_VALUE_NOT_A_FLOAT)?
            }
            None => LongDouble::ZERO,
        };
        let sum = old + by;
        if !sum.is_finite() {
            return Err(error::INCREMENT_NOT_FINITE);
        }
        Ok(sum.format_human())
    })?;
    ctx.propagate_as(|words| {
        for word in [b"HSET" as &[u8], args.at(1), args.at(2), &text] {
            words.push(word);
        }
    });
    ctx.reply.bulk(&text);
    Ok(())
}

/// Gives a field the value that `add` makes of the old one, and hands it out. When the field expires
/// stays as it was.
fn increment<T: Deref<Target = [u8]>>(
    ctx: &mut Context,
    args: Args,
    event: &'static str,
    add: impl FnOnce(Option<Item>) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let name = args.at(2);
    let (limits, seed) = (limits(ctx.config), ctx.keyspace.seed());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    expiry::make_way(&mut slot, name, &seed)?;
    reserve(&slot, 1)?;
    let (at, new) = match slot.fields()? {
        Some(fields) => {
            let at = fields.find(name, &seed);
            (at, add(at.map(|at| fields.value(at)))?)
        }
        None => (None, add(None)?),
    };
    change(&mut slot, |fields| {
        if !at.is_some_and(|at| fields.set_value(at, &new, &limits)) {
            fields.set(name, &new, Ttl::Kept, &limits, &seed);
        }
    })?;
    slot.event(EventClass::HASH, event);
    Ok(new)
}

// ---- getting -----------------------------------------------------------------------------------

/// HGET key field
fn hget(ctx: &mut Context, args: Args) -> Outcome {
    read_field(ctx, args, |reply, value| match value {
        Some(item) => bulk_item(reply, item),
        None => reply.null(),
    })
}

/// HSTRLEN key field
fn hstrlen(ctx: &mut Context, args: Args) -> Outcome {
    read_field(ctx, args, |reply, value| {
        let len = value.map_or(0, |item| item.bytes().len());
        reply.integer(len as i64);
    })
}

/// HEXISTS key field
fn hexists(ctx: &mut Context, args: Args) -> Outcome {
    read_field(ctx, args, |reply, value| {
        reply.integer(value.is_some().into());
    })
}

/// Answers what one field holds.
#[inline]
fn read_field(
    ctx: &mut Context,
    args: Args,
    answer: impl FnOnce(&mut dyn Sink, Option<Item>),
) -> Outcome {
    let (key, name) = (args.at(1), args.at(2));
    let (now_ms, seed) = (ctx.now_ms(), ctx.keyspace.seed());
    let Some(value) = ctx.keyspace.read(ctx.db, key) else {
        answer(ctx.reply, None);
        return Ok(());
    };
    let fields = value.as_fields()?;
    match fields.find(name, &seed) {
        Some(at) if fields.is_due(at, now_ms) => {
            expiry::expire_read(ctx, key, std::iter::once(name));
            answer(ctx.reply, None);
        }
        at => answer(ctx.reply, at.map(|at| fields.value(at))),
    }
    Ok(())
}

/// HMGET key field [field ...]
fn hmget(ctx: &mut Context, args: Args) -> Outcome {
    let (key, names) = (args.at(1), args.from(2));
    let (now_ms, seed) = (ctx.now_ms(), ctx.keyspace.seed());
    let value = ctx.keyspace.read(ctx.db, key);
    let fields = value.map(Value::as_fields).transpose()?;
    let mut met_due = false;
    ctx.reply.array(names.len());
    for name in names.iter() {
        let found = fields.and_then(|fields| {
            let at = fields.find(name, &seed)?;
            let is_due = fields.is_due(at, now_ms);
            met_due |= is_due;
            (!is_due).then(|| fields.value(at))
        });
        match found {
            Some(item) => bulk_item(ctx.reply, item),
            None => ctx.reply.null(),
        }
    }
    if met_due {
        expiry::expire_read_several(ctx, key, names.iter());
    }
    Ok(())
}

/// HLEN key
fn hlen(ctx: &mut Context, args: Args) -> Outcome {
    // Fields whose time is up count while they are there.
    let len = match ctx.keyspace.read(ctx.db, args.at(1)) {
        Some(value) => value.as_fields()?.len(),
        None => 0,
    };
    ctx.reply.integer(len as i64);
    Ok(())
}

/// HKEYS key
fn hkeys(ctx: &mut Context, args: Args) -> Outcome {
    read_all(ctx, args, Aggregate::Array, |reply, field| {
        bulk_item(reply, field.name);
    })
}

/// HVALS key
fn hvals(ctx: &mut Context, args: Args) -> Outcome {
    read_all(ctx, args, Aggregate::Array, |reply, field| {
        bulk_item(reply, field.value);
    })
}

/// HGETALL key
fn hgetall(ctx: &mut Context, args: Args) -> Outcome {
    read_all(ctx, args, Aggregate::Map, |reply, field| {
        bulk_item(reply, field.name);
        bulk_item(reply, field.value);
    })
}

/// Answers something of all fields whose time is not up.
#[inline]
fn read_all(
    ctx: &mut Context,
    args: Args,
    kind: Aggregate,
    answer: impl Fn(&mut dyn Sink, Field),
) -> Outcome {
    let now_ms = ctx.now_ms();
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        ctx.reply.aggregate(kind, 0);
        return Ok(());
    };
    let fields = value.as_fields()?;
    let live = fields.iter().filter(|field| !field.is_due(now_ms));
    let len = if fields.has_due(now_ms) {
        live.clone().count()
    } else {
        fields.len()
    };
    ctx.reply.aggregate(kind, len);
    for field in live {
        answer(ctx.reply, field);
    }
    Ok(())
}

/// HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
fn hscan(ctx: &mut Context, args: Args) -> Outcome {
    let now_ms = ctx.now_ms();
    let cursor = options::cursor(args.at(2))?;
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        ctx.reply.array(2);
        ctx.reply.bulk(b"0");
        ctx.reply.array(0);
        return Ok(());
    };
    let fields = value.as_fields()?;
    // Looked at only once there is a hash.
    let scan = ScanOptions::parse_of_hash(args.from(3))?;
    let (cursor, seen) = fields.scan(cursor, scan.count);
    ctx.reply.array(2);
    ctx.reply.bulk_integer(cursor as i64);
    let mark = ctx.reply.defer();
    let mut len = 0;
    for field in seen {
        if field.is_due(now_ms) || !scan.wants(&field.name.bytes()) {
            continue;
        }
        bulk_item(ctx.reply, field.name);
        len += 1;
        if scan.values {
            bulk_item(ctx.reply, field.value);
            len += 1;
        }
    }
    ctx.reply.settle(mark, Aggregate::Array, len);
    Ok(())
}

// ---- removing ----------------------------------------------------------------------------------

/// HDEL key field [field ...]
fn hdel(ctx: &mut Context, args: Args) -> Outcome {
    let seed = ctx.keyspace.seed();
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let mut removed = 0;
    if let Some(fields) = slot.fields_mut()? {
        for name in args.from(2).iter() {
            if let Some(at) = fields.find(name, &seed) {
                fields.remove(at);
                removed += 1;
            }
        }
    }
    if removed > 0 {
        slot.event(EventClass::HASH, "hdel");
        slot.count_changes(removed);
    } else {
        slot.only_laid_out_differently();
    }
    drop(slot);
    ctx.reply.integer(removed as i64);
    Ok(())
}

// ---- fields at random --------------------------------------------------------------------------

/// Bytes of the shortest string in a reply.
const SHORTEST_STRING: usize = 6;

/// HRANDFIELD key [count [WITHVALUES]]
fn hrandfield(ctx: &mut Context, args: Args) -> Outcome {
    const MOST_WITH_VALUES: i64 = i64::MAX / 2;
    let key = args.at(1);
    let count = args.get(2).map(options::signed).transpose()?;
    let with_values = match args.get(3) {
        None => false,
        Some(option) if args.len() == 4 && options::is(option, "WITHVALUES") => true,
        Some(_) => return Err(error::SYNTAX),
    };
    if with_values && count.is_some_and(|count| count.abs() > MOST_WITH_VALUES) {
        return Err(error::OUT_OF_RANGE);
    }
    let now_ms = ctx.now_ms();
    let value = ctx.keyspace.read(ctx.db, key);
    let fields = value.map(Value::as_fields).transpose()?;
    if fields.is_some_and(|fields| fields.has_due(now_ms)) {
        expiry::expire_all(ctx, key);
    }
    let value = ctx.keyspace.value(ctx.db, key);
    let Some(fields) = value.map(Value::as_fields).transpose()? else {
        match count {
            Some(_) => ctx.reply.array(0),
            None => ctx.reply.null(),
        }
        return Ok(());
    };
    let Some(count) = count else {
        if let Some(field) = fields.get(ctx.rng.usize(0..fields.len())) {
            bulk_item(ctx.reply, field.name);
        }
        return Ok(());
    };
    let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let shortest = if with_values { 2 } else { 1 } * SHORTEST_STRING;
    if count < 0 {
        reserve_reply(ctx.keyspace, ctx.reply, most.saturating_mul(shortest))?;
    }
    let mut chosen = Chosen {
        nested: ctx.reply.protocol() == Protocol::Resp3,
        with_values,
        reply: ctx.reply,
    };
    if count >= 0 {
        chosen.different(ctx.rng, fields, most);
        return Ok(());
    }
    chosen.any(ctx.rng, fields, most);
    Ok(())
}

/// The fields that HRANDFIELD answers.
struct Chosen<'a> {
    reply: &'a mut dyn Sink,
    with_values: bool,
    /// Whether a field and its value are a list of their own.
    nested: bool,
}

impl Chosen<'_> {
    fn head(&mut self, count: usize) {
        let flat = self.with_values && !self.nested;
        self.reply
            .array(if flat { count.saturating_mul(2) } else { count });
    }

    fn field(&mut self, field: Field) {
        if self.with_values && self.nested {
            self.reply.array(2);
        }
        bulk_item(self.reply, field.name);
        if self.with_values {
            bulk_item(self.reply, field.value);
        }
    }

    /// So many, of which each may come several times.
    fn any(&mut self, rng: &mut fastrand::Rng, fields: &Fields, count: usize) {
        self.head(count);
        // Only in a listpack it takes a walk to get to a field.
        let walked: Vec<Field> = if fields.is_table() {
            Vec::new()
        } else {
            fields.iter().collect()
        };
        for _ in 0..count {
            let position = rng.usize(0..fields.len());
            let walked = walked.get(position).copied();
            if let Some(field) = walked.or_else(|| fields.get(position)) {
                self.field(field);
            }
            if self.reply.is_full() {
                break;
            }
        }
    }

    /// So many, or all, each once.
    fn different(&mut self, rng: &mut fastrand::Rng, fields: &Fields, count: usize) {
        let len = fields.len();
        self.head(count.min(len));
        if count == 0 {
            return;
        }
        if count >= len {
            for field in fields.iter() {
                self.field(field);
            }
        } else if fields.is_table() && count < len / 16 {
            for position in chance::few(rng, len, count) {
                if let Some(field) = fields.get(position) {
                    self.field(field);
                }
            }
        } else {
            let mut positions = chance::choose(rng, len, count).peekable();
            for (at, field) in fields.iter().enumerate() {
                if positions.next_if_eq(&at).is_some() {
                    self.field(field);
                }
            }
        }
    }
}
