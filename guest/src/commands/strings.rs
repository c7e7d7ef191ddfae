//! The string commands, but LCS. Owns what each of them does to one key's string; knows nothing of
//! how a string is kept (`value::string`) nor of what follows a write (`keyspace::Slot`).

use super::options::{self, AlsoTakes, Condition, Expiry, Since, Unit, When};
use super::{CommandError, Context, DataHandler, Outcome, error};
use crate::config::Config;
use crate::keyspace::{EventClass, Slot};
use crate::resp::Args;
use crate::value::number::LongDouble;
use crate::value::{StringValue, Value};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("append", append),
    ("decr", decr),
    ("decrby", decrby),
    ("get", get),
    ("getdel", getdel),
    ("getex", getex),
    ("getrange", getrange),
    ("getset", getset),
    ("incr", incr),
    ("incrby", incrby),
    ("incrbyfloat", incrbyfloat),
    ("mget", mget),
    ("mset", mset),
    ("msetnx", msetnx),
    ("psetex", psetex),
    ("set", set),
    ("setex", setex),
    ("setnx", setnx),
    ("setrange", setrange),
    ("strlen", strlen),
    ("substr", getrange),
];

// ---- one whole value ---------------------------------------------------------------------------

/// GET key
fn get(ctx: &mut Context, args: Args) -> Outcome {
    match ctx.keyspace.read(ctx.db, args.at(1)) {
        Some(value) => ctx.reply.bulk(&value.as_string()?.bytes()),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// What SET and those like it were asked to do.
struct SetArgs<'a> {
    key: &'a [u8],
    value: &'a [u8],
    condition: Option<Condition>,
    expiry: Expiry<'a>,
    /// Answer what was there before, instead of whether it was replaced.
    get: bool,
    /// The request, if it is a SET with options.
    words: Option<Args<'a>>,
}

impl<'a> SetArgs<'a> {
    fn new(key: &'a [u8], value: &'a [u8]) -> Self {
        SetArgs {
            key,
            value,
            condition: None,
            expiry: Expiry::Unsaid,
            get: false,
            words: None,
        }
    }

    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut set = SetArgs::new(args.at(1), args.at(2));
        set.words = Some(args);
        let mut index = 3;
        while let Some(option) = args.get(index) {
            if set.expiry.take(args, &mut index, AlsoTakes::Keep) {
                continue;
            }
            if options::is(option, "GET") {
                set.get = true;
            } else if !Condition::take(&mut set.condition, option) {
                return Err(error::SYNTAX);
            }
            index += 1;
        }
        Ok(set)
    }
}

/// What became of a SET.
enum SetResult {
    Stored,
    /// The condition did not hold.
    Refused,
    /// Stored or not, the old value is the reply, and it is written.
    Answered,
}

/// `command` is named in errors.
#[inline]
fn set_generic(ctx: &mut Context, set: &SetArgs, command: &str) -> Result<SetResult, CommandError> {
    let deadline_ms = match set.expiry {
        Expiry::At(when) => Some(when.deadline_ms(ctx.now_ms(), command)?),
        _ => None,
    };
    ctx.reserve(set.value.len())?;
    let mut slot = ctx.keyspace.write(ctx.db, set.key);
    if set.get {
        slot.count_read();
        match slot.string()? {
            Some(old) => ctx.reply.bulk(&old.bytes()),
            None => ctx.reply.null(),
        }
    }
    let answered = |otherwise| {
        if set.get {
            SetResult::Answered
        } else {
            otherwise
        }
    };
    if set
        .condition
        .is_some_and(|condition| !condition.holds(slot.exists()))
    {
        return Ok(answered(SetResult::Refused));
    }
    store(&mut slot, set.value);
    if set.expiry == Expiry::Unsaid {
        slot.persist();
    }
    if slot.is_followed() {
        tell(&mut slot, set, deadline_ms);
    }
    slot.event(EventClass::STRING, "set");
    if let Some(deadline_ms) = deadline_ms {
        // A time that is past deletes nothing here. Redis stores the key all the same, tells `set`
        // and `expire`, counts it in DBSIZE, and has it expire as soon as anybody looks:
        //   > SET a 1 PXAT 1   OK
        //   > DBSIZE           1
        //   > EXISTS a         0   (and here comes the event `expired`)
        slot.expire_at_ms(deadline_ms);
        slot.event(EventClass::GENERIC, "expire");
    }
    Ok(answered(SetResult::Stored))
}

/// Tells who follows what a SET, or one of its kin, has done.
fn tell(slot: &mut Slot, set: &SetArgs, deadline_ms: Option<i64>) {
    let is_absolute = matches!(
        set.expiry,
        Expiry::At(When {
            unit: Unit::Milliseconds,
            since: Since::Epoch,
            ..
        })
    );
    match (deadline_ms, set.words) {
        (Some(at_ms), _) if !is_absolute => slot.propagate_as(|command| {
            for word in [b"SET", set.key, set.value, b"PXAT"] {
                command.push(word);
            }
            command.push_integer(at_ms);
        }),
        (None, Some(words)) if set.get => slot.propagate_as(|command| {
            let is_get = |(at, word): &(usize, &[u8])| *at > 2 && options::is(word, "GET");
            for (_, word) in words.iter().enumerate().filter(|word| !is_get(word)) {
                command.push(word);
            }
        }),
        (None, None) if set.get => slot.propagate_as(|command| {
            for word in [b"SET", set.key, set.value] {
                command.push(word);
            }
        }),
        _ => {}
    }
}

/// Stores a string in whatever the key held, in the same memory where it fits. When the key expires
/// stays as it was.
#[inline]
fn store(slot: &mut Slot, bytes: &[u8]) {
    match slot.value_mut() {
        Some(Value::String(old)) => old.assign(bytes),
        _ => slot.put_keeping_expiry(StringValue::new(bytes)),
    }
}

/// SET key value [NX | XX] [GET] [EX s | PX ms | EXAT t | PXAT t | KEEPTTL]
fn set(ctx: &mut Context, args: Args) -> Outcome {
    if args.len() == 3 {
        return set_only(ctx, args.at(1), args.at(2));
    }
    match set_generic(ctx, &SetArgs::parse(args)?, "set")? {
        SetResult::Stored => ctx.reply.ok(),
        SetResult::Refused => ctx.reply.null(),
        SetResult::Answered => {}
    }
    Ok(())
}

/// What [`set_generic`] comes to where nothing else is asked for.
fn set_only(ctx: &mut Context, key: &[u8], value: &[u8]) -> Outcome {
    ctx.reserve(value.len())?;
    let mut slot = ctx.keyspace.write(ctx.db, key);
    store(&mut slot, value);
    slot.persist();
    slot.event(EventClass::STRING, "set");
    ctx.reply.ok();
    Ok(())
}

/// SETNX key value
fn setnx(ctx: &mut Context, args: Args) -> Outcome {
    let mut set = SetArgs::new(args.at(1), args.at(2));
    set.condition = Some(Condition::IfMissing);
    let stored = matches!(set_generic(ctx, &set, "setnx")?, SetResult::Stored);
    ctx.reply.integer(stored.into());
    Ok(())
}

/// SETEX key seconds value
fn setex(ctx: &mut Context, args: Args) -> Outcome {
    set_for(ctx, args, Unit::Seconds, "setex")
}

/// PSETEX key milliseconds value
fn psetex(ctx: &mut Context, args: Args) -> Outcome {
    set_for(ctx, args, Unit::Milliseconds, "psetex")
}

fn set_for(ctx: &mut Context, args: Args, unit: Unit, command: &str) -> Outcome {
    let mut set = SetArgs::new(args.at(1), args.at(3));
    set.expiry = Expiry::At(When {
        text: args.at(2),
        unit,
        since: Since::Now,
    });
    set_generic(ctx, &set, command)?;
    ctx.reply.ok();
    Ok(())
}

/// GETSET key value
fn getset(ctx: &mut Context, args: Args) -> Outcome {
    let mut set = SetArgs::new(args.at(1), args.at(2));
    set.get = true;
    set_generic(ctx, &set, "getset")?;
    Ok(())
}

/// GETDEL key
fn getdel(ctx: &mut Context, args: Args) -> Outcome {
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    slot.count_read();
    let Some(old) = slot.string()? else {
        ctx.reply.null();
        return Ok(());
    };
    ctx.reply.bulk(&old.bytes());
    slot.remove();
    slot.propagate_removal(false);
    slot.event(EventClass::GENERIC, "del");
    Ok(())
}

/// GETEX key [EX s | PX ms | EXAT t | PXAT t | PERSIST]
fn getex(ctx: &mut Context, args: Args) -> Outcome {
    let mut expiry = Expiry::Unsaid;
    let mut index = 2;
    while index < args.len() {
        if !expiry.take(args, &mut index, AlsoTakes::Persist) {
            return Err(error::SYNTAX);
        }
    }

    let now_ms = ctx.now_ms();
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    slot.count_read();
    let Some(string) = slot.string()? else {
        ctx.reply.null();
        return Ok(());
    };
    let deadline_ms = match expiry {
        Expiry::At(when) => Some(when.deadline_ms(now_ms, "getex")?),
        _ => None,
    };
    ctx.reply.bulk(&string.bytes());

    match deadline_ms {
        Some(deadline_ms) if deadline_ms <= now_ms => {
            slot.remove();
            slot.propagate_removal(ctx.config.lazyfree_lazy_expire);
            slot.event(EventClass::GENERIC, "del");
        }
        Some(deadline_ms) => {
            slot.expire_at_ms(deadline_ms);
            slot.propagate_as(|command| {
                command.push(b"PEXPIREAT");
                command.push(args.at(1));
                command.push_integer(deadline_ms);
            });
            slot.event(EventClass::GENERIC, "expire");
        }
        None if expiry == Expiry::Persist && slot.persist() => {
            slot.propagate_as(|command| {
                command.push(b"PERSIST");
                command.push(args.at(1));
            });
            slot.event(EventClass::GENERIC, "persist");
        }
        None => {}
    }
    Ok(())
}

// ---- several keys ------------------------------------------------------------------------------

/// MGET key [key ...]
fn mget(ctx: &mut Context, args: Args) -> Outcome {
    let keys = args.from(1);
    ctx.reply.array(keys.len());
    for key in keys.iter() {
        // Another type is no error here: it reads as missing.
        match ctx
            .keyspace
            .read(ctx.db, key)
            .and_then(|value| value.as_string().ok())
        {
            Some(string) => ctx.reply.bulk(&string.bytes()),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// MSET key value [key value ...]
fn mset(ctx: &mut Context, args: Args) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(error::wrong_arity("mset"));
    }
    set_all(ctx, args)?;
    ctx.reply.ok();
    Ok(())
}

/// MSETNX key value [key value ...]
fn msetnx(ctx: &mut Context, args: Args) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(error::wrong_arity("msetnx"));
    }
    for key in args.from(1).iter().step_by(2) {
        if ctx.keyspace.write(ctx.db, key).exists() {
            ctx.reply.integer(0);
            return Ok(());
        }
    }
    set_all(ctx, args)?;
    ctx.reply.integer(1);
    Ok(())
}

fn set_all(ctx: &mut Context, args: Args) -> Outcome {
    ctx.reserve(args.bytes())?;
    let mut args = args.from(1).iter();
    while let (Some(key), Some(value)) = (args.next(), args.next()) {
        let mut slot = ctx.keyspace.write(ctx.db, key);
        store(&mut slot, value);
        slot.persist();
        slot.event(EventClass::STRING, "set");
    }
    Ok(())
}

// ---- counters ----------------------------------------------------------------------------------

/// INCR key
fn incr(ctx: &mut Context, args: Args) -> Outcome {
    add(ctx, args.at(1), 1)
}

/// DECR key
fn decr(ctx: &mut Context, args: Args) -> Outcome {
    add(ctx, args.at(1), -1)
}

/// INCRBY key increment
fn incrby(ctx: &mut Context, args: Args) -> Outcome {
    add(ctx, args.at(1), options::integer(args.at(2))?)
}

/// DECRBY key decrement
fn decrby(ctx: &mut Context, args: Args) -> Outcome {
    let by = options::integer(args.at(2))?;
    add(
        ctx,
        args.at(1),
        by.checked_neg().ok_or(error::DECREMENT_OVERFLOW)?,
    )
}

fn add(ctx: &mut Context, key: &[u8], by: i64) -> Outcome {
    let mut slot = ctx.keyspace.write(ctx.db, key);
    let number = match slot.string()? {
        Some(string) => string.to_i64().ok_or(error::NOT_AN_INTEGER)?,
        None => 0,
    };
    let sum = number.checked_add(by).ok_or(error::INCREMENT_OVERFLOW)?;
    // Over a number this is a change in place: numbers are not on the heap.
    slot.put_keeping_expiry(StringValue::from_i64(sum));
    slot.event(EventClass::STRING, "incrby");
    ctx.reply.integer(sum);
    Ok(())
}

/// INCRBYFLOAT key increment
fn incrbyfloat(ctx: &mut Context, args: Args) -> Outcome {
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let number = match slot.string()? {
        None => LongDouble::ZERO,
        Some(string) => match string.as_encoded_i64() {
            Some(number) => number.into(),
            None => options::long_double(&string.bytes())?,
        },
    };
    let sum = number + options::long_double(args.at(2))?;
    if !sum.is_finite() {
        return Err(error::INCREMENT_NOT_FINITE);
    }
    let text = sum.format_human();
    // Never `int`, even for a whole number.
    slot.put_keeping_expiry(StringValue::plain(&text));
    slot.propagate_as(|command| {
        for word in [b"SET", args.at(1), &text, b"KEEPTTL"] {
            command.push(word);
        }
    });
    slot.event(EventClass::STRING, "incrbyfloat");
    ctx.reply.bulk(&text);
    Ok(())
}

// ---- parts of a value --------------------------------------------------------------------------

/// APPEND key value
fn append(ctx: &mut Context, args: Args) -> Outcome {
    let tail = args.at(2);
    ctx.reserve(tail.len())?;
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let len = match slot.string()? {
        None => {
            // The first piece may be a number, and is kept as one.
            slot.put(StringValue::new(tail));
            tail.len()
        }
        Some(string) => {
            let len = fitting_len(ctx.config, string.len() as i64, tail)?;
            room_to_grow(&slot, string, len)?;
            if let Some(string) = slot.string_mut()? {
                string.append(tail);
            }
            len
        }
    };
    slot.event(EventClass::STRING, "append");
    ctx.reply.integer(len as i64);
    Ok(())
}

/// SETRANGE key offset value
fn setrange(ctx: &mut Context, args: Args) -> Outcome {
    let offset = options::integer(args.at(2))?;
    if offset < 0 {
        return Err(error::OFFSET_OUT_OF_RANGE);
    }
    let new = args.at(3);

    let empty = StringValue::Raw(Vec::new());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let string = slot.string()?.unwrap_or(&empty);
    let old_len = string.len();
    if new.is_empty() {
        ctx.reply.integer(old_len as i64);
        return Ok(());
    }
    let end = fitting_len(ctx.config, offset, new)?;
    room_to_grow(&slot, string, end)?;
    let offset = end - new.len();
    match slot.string_mut()? {
        Some(string) => string.overwrite(offset, new),
        None => {
            let mut string = empty;
            string.overwrite(offset, new);
            slot.put(string);
        }
    }
    slot.event(EventClass::STRING, "setrange");
    ctx.reply.integer(end.max(old_len) as i64);
    Ok(())
}

/// The length of a string that has `tail` at `offset`, if strings may be as long as that.
fn fitting_len(config: &Config, offset: i64, tail: &[u8]) -> Result<usize, CommandError> {
    let len = offset
        .checked_add(tail.len() as i64)
        .filter(|len| *len <= config.proto_max_bulk_len)
        .ok_or(error::STRING_TOO_LONG)?;
    // No allocation is larger than an `isize`, which is 2 GiB in the component.
    match isize::try_from(len) {
        Ok(len) => Ok(len as usize),
        Err(_) => Err(error::OUT_OF_MEMORY),
    }
}

fn room_to_grow(slot: &Slot, string: &StringValue, len: usize) -> Outcome {
    if slot.has_room_for(string.growth_to(len)) {
        Ok(())
    } else {
        Err(error::OUT_OF_MEMORY)
    }
}

/// GETRANGE key start end, and SUBSTR, its old name
fn getrange(ctx: &mut Context, args: Args) -> Outcome {
    let start = options::integer(args.at(2))?;
    let end = options::integer(args.at(3))?;
    match ctx.keyspace.read(ctx.db, args.at(1)) {
        Some(value) => {
            let bytes = value.as_string()?.bytes();
            ctx.reply.bulk(&bytes[range(bytes.len(), start, end)]);
        }
        None => ctx.reply.bulk(b""),
    }
    Ok(())
}

/// The positions from `start` to `end`, that one included; negative ones count from the end.
///
/// What lies before the front is the front, the end as well as the start: `GETRANGE key 0 -100` is
/// the first byte. Only -1 to -100 is empty.
fn range(len: usize, start: i64, end: i64) -> std::ops::Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let from_front = |index: i64| {
        if index < 0 {
            (index + len as i64).max(0)
        } else {
            index
        }
    };
    let (start, end) = (from_front(start), from_front(end));
    if start >= len as i64 || start > end {
        return 0..0;
    }
    // Both are below `len` now, which is what fits in a usize.
    start as usize..end.min(len as i64 - 1) as usize + 1
}

/// STRLEN key
fn strlen(ctx: &mut Context, args: Args) -> Outcome {
    let len = match ctx.keyspace.read(ctx.db, args.at(1)) {
        Some(value) => value.as_string()?.len(),
        None => 0,
    };
    ctx.reply.integer(len as i64);
    Ok(())
}
