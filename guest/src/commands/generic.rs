//! GENERIC: commands on keys, whatever they hold. Owns what it means to copy, move, remove, find and
//! look at a key; knows no type of value. When keys expire is `expiry`'s.

mod expiry;
#[cfg(test)]
mod tests;

use super::{CommandError, Context, DataHandler, Outcome, error, help, options};
use crate::config::{Config, MaxmemoryPolicy};
use crate::keyspace::{Accounting, Entry, EventClass};
use crate::resp::{Aggregate, Args};
use crate::value::{Value, glob};

/// What this family answers.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("copy", copy),
    ("del", del),
    ("exists", exists),
    ("expire", expiry::expire),
    ("expireat", expiry::expireat),
    ("expiretime", expiry::expiretime),
    ("keys", keys),
    ("move", r#move),
    ("object|encoding", object_encoding),
    ("object|freq", object_freq),
    ("object|help", object_help),
    ("object|idletime", object_idletime),
    ("object|refcount", object_refcount),
    ("persist", expiry::persist),
    ("pexpire", expiry::pexpire),
    ("pexpireat", expiry::pexpireat),
    ("pexpiretime", expiry::pexpiretime),
    ("pttl", expiry::pttl),
    ("randomkey", randomkey),
    ("rename", rename),
    ("renamenx", renamenx),
    ("scan", scan),
    ("touch", touch),
    ("ttl", expiry::ttl),
    ("type", r#type),
    ("unlink", unlink),
];

// ---- copying, moving, removing -----------------------------------------------------------------

struct CopyArgs<'a> {
    source: &'a [u8],
    destination: &'a [u8],
    db: usize,
    replace: bool,
}

impl<'a> CopyArgs<'a> {
    fn parse(ctx: &Context<'_>, args: Args<'a>) -> Result<Self, CommandError> {
        let (source, destination) = (args.at(1), args.at(2));
        let mut copy = CopyArgs {
            source,
            destination,
            db: ctx.db,
            replace: false,
        };
        let mut at = 3;
        while let Some(option) = args.get(at) {
            match args.get(at + 1) {
                _ if options::is(option, "REPLACE") => {
                    copy.replace = true;
                    at += 1;
                }
                Some(index) if options::is(option, "DB") => {
                    copy.db = database(ctx, index)?;
                    at += 2;
                }
                _ => return Err(error::SYNTAX),
            }
        }
        if copy.db == ctx.db && source == destination {
            return Err(error::SAME_OBJECT);
        }
        Ok(copy)
    }
}

/// COPY source destination [DB destination-db] [REPLACE]
fn copy(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let copy = CopyArgs::parse(ctx, args)?;
    let Some(bytes) = ctx
        .keyspace
        .read(ctx.db, copy.source)
        .map(Value::heap_bytes)
    else {
        ctx.reply.integer(0);
        return Ok(());
    };
    if ctx.keyspace.write(copy.db, copy.destination).exists() && !copy.replace {
        ctx.reply.integer(0);
        return Ok(());
    }
    ctx.reserve(bytes)?;
    let deadline_ms = ctx.keyspace.deadline_ms(ctx.db, copy.source).flatten();
    let copied = match ctx.keyspace.peek(ctx.db, copy.source) {
        Some(entry) if entry.value().as_vectors().is_ok() => {
            return Err(error::NO_COPY_OF_MODULES);
        }
        Some(entry) => entry.value().clone(),
        None => unreachable!("a key that was read a moment ago, at the same time, is there"),
    };
    let mut slot = ctx.keyspace.write(copy.db, copy.destination);
    // To Redis the key that takes another's place is a new one.
    slot.replace(copied);
    if let Some(at_ms) = deadline_ms {
        slot.expire_at_ms(at_ms);
    }
    slot.event(EventClass::GENERIC, "copy_to");
    drop(slot);
    ctx.reply.integer(1);
    Ok(())
}

/// MOVE key db
fn r#move(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = args.at(1);
    if ctx.config.cluster_enabled {
        return Err(error::MOVE_IN_CLUSTER);
    }
    let db = database(ctx, args.at(2))?;
    if db == ctx.db {
        return Err(error::SAME_OBJECT);
    }
    let moved = ctx.keyspace.write(ctx.db, key).exists()
        && !ctx.keyspace.write(db, key).exists()
        && ctx
            .keyspace
            .relocate((ctx.db, key), (db, key), ["move_from", "move_to"]);
    ctx.reply.integer(moved.into());
    Ok(())
}

/// The number of a database, given as an argument.
fn database(ctx: &Context<'_>, arg: &[u8]) -> Result<usize, CommandError> {
    let index = options::int32(arg)?;
    usize::try_from(index)
        .ok()
        .filter(|index| *index < ctx.keyspace.databases())
        .ok_or(error::DB_OUT_OF_RANGE)
}

/// RENAME key newkey
fn rename(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (from, to) = (args.at(1), args.at(2));
    if !ctx.keyspace.write(ctx.db, from).exists() {
        return Err(error::NO_SUCH_KEY);
    }
    if from != to {
        ctx.keyspace
            .relocate((ctx.db, from), (ctx.db, to), ["rename_from", "rename_to"]);
    }
    ctx.reply.ok();
    Ok(())
}

/// RENAMENX key newkey
fn renamenx(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (from, to) = (args.at(1), args.at(2));
    if !ctx.keyspace.write(ctx.db, from).exists() {
        return Err(error::NO_SUCH_KEY);
    }
    // The same name twice is a key that exists.
    let renamed = !ctx.keyspace.write(ctx.db, to).exists()
        && ctx
            .keyspace
            .relocate((ctx.db, from), (ctx.db, to), ["rename_from", "rename_to"]);
    ctx.reply.integer(renamed.into());
    Ok(())
}

/// DEL key [key ...]
fn del(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    remove_all(ctx, args, ctx.config.lazyfree_lazy_user_del);
    Ok(())
}

fn remove_all(ctx: &mut Context<'_>, args: Args<'_>, lazily: bool) {
    let removed = args
        .from(1)
        .iter()
        .filter(|key| {
            if lazily {
                ctx.keyspace.unlink(ctx.db, key)
            } else {
                ctx.keyspace.remove(ctx.db, key)
            }
        })
        .count();
    ctx.reply.integer(removed as i64);
}

/// UNLINK key [key ...]
fn unlink(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    // There is no thread here to leave the work to, and nobody could tell.
    remove_all(ctx, args, true);
    Ok(())
}

// ---- looking at keys ---------------------------------------------------------------------------

/// EXISTS key [key ...]
fn exists(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let found = args
        .from(1)
        .iter()
        .filter(|key| ctx.keyspace.exists(ctx.db, key))
        .count();
    ctx.reply.integer(found as i64);
    Ok(())
}

/// TOUCH key [key ...]
fn touch(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let found = args
        .from(1)
        .iter()
        .filter(|key| ctx.keyspace.read(ctx.db, key).is_some())
        .count();
    ctx.reply.integer(found as i64);
    Ok(())
}

/// TYPE key
fn r#type(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let entry = ctx.keyspace.look(ctx.db, args.at(1));
    ctx.reply
        .simple(entry.map_or("none", |entry| entry.value().type_name()));
    Ok(())
}

/// OBJECT ENCODING key
fn object_encoding(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match ctx.keyspace.inspect(ctx.db, args.at(2)) {
        Some(entry) => ctx.reply.bulk(entry.value().encoding().as_bytes()),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// OBJECT FREQ key
fn object_freq(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (accounting, now_s) = (ctx.keyspace.accounting(), ctx.keyspace.now_s());
    let Some(entry) = ctx.keyspace.inspect(ctx.db, args.at(2)) else {
        ctx.reply.null();
        return Ok(());
    };
    match accounting {
        Accounting::Recency => return Err(error::NOT_LFU),
        Accounting::Frequency(pace) => {
            let frequency = entry.access().frequency(pace, now_s);
            ctx.reply.integer(frequency.into());
        }
    }
    Ok(())
}

/// OBJECT IDLETIME key
fn object_idletime(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (accounting, now_s) = (ctx.keyspace.accounting(), ctx.now_ms() / 1000);
    match ctx.keyspace.inspect(ctx.db, args.at(2)) {
        None => ctx.reply.null(),
        Some(_) if accounting != Accounting::Recency => return Err(error::IS_LFU),
        Some(entry) => ctx.reply.integer(idle_s(entry, now_s)),
    }
    Ok(())
}

/// OBJECT REFCOUNT key
fn object_refcount(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match ctx.keyspace.inspect(ctx.db, args.at(2)) {
        Some(entry) => ctx.reply.integer(refcount(entry.value(), ctx.config)),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// OBJECT HELP
fn object_help(ctx: &mut Context<'_>, _args: Args<'_>) -> Outcome {
    let entries: &[(&str, &[&str])] = &[
        (
            "ENCODING <key>",
            &[
                "Return the kind of internal representation used in order to store the value",
                "associated with a <key>.",
            ],
        ),
        (
            "FREQ <key>",
            &[
                "Return the access frequency index of the <key>. The returned integer is",
                "proportional to the logarithm of the recent access frequency of the key.",
            ],
        ),
        (
            "IDLETIME <key>",
            &[
                "Return the idle time of the <key>, that is the approximated number of",
                "seconds elapsed since the last access to the key.",
            ],
        ),
        (
            "REFCOUNT <key>",
            &[
                "Return the number of references of the value associated with the specified",
                "<key>.",
            ],
        ),
    ];
    help::write(ctx.reply, "OBJECT", entries);
    Ok(())
}

/// For how many seconds nobody has used an entry.
pub fn idle_s(entry: &Entry, now_s: i64) -> i64 {
    entry.access().idle_s(now_s as u32).into()
}

/// How many users a value would have in Redis. There the numbers below 10000 are made once and
/// belong to everybody, unless a policy has to know of each key when it was used.
pub fn refcount(value: &Value, config: &Config) -> i64 {
    const SHARED: i64 = i32::MAX as i64;
    let Ok(string) = value.as_string() else {
        return 1;
    };
    let counts_access = matches!(
        config.maxmemory_policy,
        MaxmemoryPolicy::VolatileLru
            | MaxmemoryPolicy::AllkeysLru
            | MaxmemoryPolicy::VolatileLfu
            | MaxmemoryPolicy::AllkeysLfu
    );
    match string.as_encoded_i64() {
        Some(0..10_000) if config.maxmemory == 0 || !counts_access => SHARED,
        _ => 1,
    }
}

// ---- finding keys ------------------------------------------------------------------------------

/// RANDOMKEY
fn randomkey(ctx: &mut Context<'_>, _args: Args<'_>) -> Outcome {
    let key = ctx.keyspace.random_key(ctx.db, ctx.rng);
    ctx.reply.bulk_or_null(key);
    Ok(())
}

/// KEYS pattern
fn keys(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let pattern = args.at(1);
    let mut found = 0;
    let mark = ctx.reply.defer();
    for entry in ctx.keyspace.entries(ctx.db) {
        if pattern == b"*" || glob::matches(pattern, entry.key(), false) {
            ctx.reply.bulk(entry.key());
            found += 1;
        }
    }
    ctx.reply.settle(mark, Aggregate::Array, found);
    Ok(())
}

struct ScanArgs<'a> {
    cursor: u64,
    count: usize,
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

impl<'a> ScanArgs<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let cursor = options::cursor(args.at(1))?;
        let mut scan = ScanArgs {
            cursor,
            count: 10,
            pattern: None,
            type_name: None,
        };
        let mut at = 2;
        while let Some(option) = args.get(at) {
            match args.get(at + 1) {
                Some(count) if options::is(option, "COUNT") => {
                    scan.count = options::scan_count(count)?
                }
                Some(pattern) if options::is(option, "MATCH") => {
                    scan.pattern = (pattern != b"*").then_some(pattern);
                }
                Some(name) if options::is(option, "TYPE") => scan.type_name = Some(name),
                _ if options::is(option, "NOVALUES") => return Err(error::NOVALUES_WITHOUT_HASH),
                _ => return Err(error::SYNTAX),
            }
            at += 2;
        }
        Ok(scan)
    }

    fn wants_key(&self, key: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, key, false))
    }

    /// No value is of a type that does not exist, which is no error.
    fn wants_type(&self, value: &Value) -> bool {
        self.type_name
            .is_none_or(|name| options::is(name, value.type_name()))
    }
}

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
fn scan(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let scan = ScanArgs::parse(args)?;
    let step = ctx.keyspace.scan(ctx.db, scan.cursor, scan.count);
    ctx.reply.array(2);
    ctx.reply.bulk_integer(step.cursor as i64);
    let mark = ctx.reply.defer();
    let mut found = 0;
    // Downwards: a key whose time is up is removed, and one that was seen takes its place.
    for position in step.positions.rev() {
        if !scan.wants_key(ctx.keyspace.key_at(ctx.db, position)) {
            continue;
        }
        // TYPE makes Redis look the key up, which counts.
        let entry = match scan.type_name {
            Some(_) => ctx.keyspace.inspect_at(ctx.db, position),
            None => ctx.keyspace.live_at(ctx.db, position),
        };
        if let Some(entry) = entry.filter(|entry| scan.wants_type(entry.value())) {
            ctx.reply.bulk(entry.key());
            found += 1;
        }
    }
    ctx.reply.settle(mark, Aggregate::Array, found);
    Ok(())
}
