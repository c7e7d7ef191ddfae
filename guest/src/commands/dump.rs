//! DUMP, RESTORE, MIGRATE: values as bytes of Redis's own format, which is `rdb`'s.

#[cfg(test)]
mod tests;

use super::{CommandError, Context, DataHandler, Outcome, error, options};
use crate::keyspace::EventClass;
use crate::rdb::{self, Refused, Shapes, Unreadable};
use crate::resp::Args;
use crate::value::Value;

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("dump", dump),
    ("migrate", migrate),
    ("restore", restore),
    ("restore-asking", restore),
];

impl From<Refused> for CommandError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Footer => error::PAYLOAD_FOOTER,
            Refused::Value(Unreadable::NoRoom) => error::OUT_OF_MEMORY,
            Refused::Value(Unreadable::Corrupt | Unreadable::Empty) => error::BAD_DATA_FORMAT,
        }
    }
}

/// DUMP key
fn dump(ctx: &mut Context, args: Args) -> Outcome {
    let key = args.at(1);
    let Some(bytes) = ctx.keyspace.read(ctx.db, key).map(Value::heap_bytes) else {
        ctx.reply.null();
        return Ok(());
    };
    // What is written, maybe compressed, and copied to the reply.
    ctx.reserve(bytes.saturating_mul(3))?;
    if let Some(entry) = ctx.keyspace.peek(ctx.db, key) {
        let payload = rdb::dump(entry.value(), ctx.config.rdbcompression);
        ctx.reply.bulk(&payload);
    }
    Ok(())
}

/// What RESTORE was asked to do beside restoring.
#[derive(Default)]
struct RestoreOptions {
    replace: bool,
    absolute_ttl: bool,
    idle_s: Option<u64>,
    frequency: Option<u8>,
}

impl RestoreOptions {
    /// `[REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]`
    fn parse(args: Args) -> Result<Self, CommandError> {
        let mut restore = RestoreOptions::default();
        let mut at = 0;
        while let Some(option) = args.get(at) {
            match args.get(at + 1) {
                _ if options::is(option, "REPLACE") => restore.replace = true,
                _ if options::is(option, "ABSTTL") => restore.absolute_ttl = true,
                Some(seconds) if options::is(option, "IDLETIME") && restore.frequency.is_none() => {
                    let seconds = options::integer(seconds)?;
                    let seconds =
                        u64::try_from(seconds).map_err(|_| error::IDLETIME_IS_NEGATIVE)?;
                    restore.idle_s = Some(seconds);
                    at += 1;
                }
                Some(frequency) if options::is(option, "FREQ") && restore.idle_s.is_none() => {
                    let frequency = options::integer(frequency)?;
                    let frequency =
                        u8::try_from(frequency).map_err(|_| error::FREQ_OUT_OF_RANGE)?;
                    restore.frequency = Some(frequency);
                    at += 1;
                }
                _ => return Err(error::SYNTAX),
            }
            at += 1;
        }
        Ok(restore)
    }
}

/// RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
fn restore(ctx: &mut Context, args: Args) -> Outcome {
    let (key, ttl, payload) = (args.at(1), args.at(2), args.at(3));
    let restore = RestoreOptions::parse(args.from(4))?;
    if !restore.replace && ctx.keyspace.write(ctx.db, key).exists() {
        return Err(error::KEY_IS_BUSY);
    }
    let ttl = options::integer(ttl)?;
    if ttl < 0 {
        return Err(error::TTL_IS_NEGATIVE);
    }
    let shapes = Shapes::new(
        ctx.config,
        ctx.keyspace.seed(),
        ctx.keyspace.memory_ceiling(),
    );
    let value = rdb::restore(payload, &shapes)?;
    let now_ms = ctx.now_ms();
    let deadline_ms = match ttl {
        0 => None,
        _ if restore.absolute_ttl => Some(ttl),
        // A sum that 64 bits do not hold is long past in Redis.
        _ => Some(ttl.wrapping_add(now_ms)),
    };
    let mut slot = ctx.keyspace.write(ctx.db, key);
    if deadline_ms.is_some_and(|at_ms| at_ms <= now_ms) {
        if slot.remove().is_some() {
            slot.propagate_removal(ctx.config.lazyfree_lazy_server_del);
            slot.event(EventClass::GENERIC, "del");
        }
    } else {
        // To Redis the key that takes another's place is a new one.
        slot.replace(value);
        if let Some(at_ms) = deadline_ms {
            slot.expire_at_ms(at_ms);
            if !restore.absolute_ttl {
                slot.propagate_as(|command| {
                    for (at, word) in args.iter().enumerate() {
                        if at == 2 {
                            command.push_integer(at_ms);
                        } else {
                            command.push(word);
                        }
                    }
                    command.push(b"ABSTTL");
                });
            }
        }
        if let Some(idle_s) = restore.idle_s {
            slot.unused_for_s(idle_s);
        }
        if let Some(frequency) = restore.frequency {
            slot.used_as_often(frequency);
        }
        slot.event(EventClass::GENERIC, "restore");
    }
    ctx.reply.ok();
    Ok(())
}

/// MIGRATE host port <key | ""> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2
/// username password] [KEYS key [key ...]]
///
/// Nothing can be reached from here: whatever is to be moved stays.
fn migrate(ctx: &mut Context, args: Args) -> Outcome {
    let mut keys = args.range(3..4);
    let mut at = 6;
    while let Some(option) = args.get(at) {
        let more = args.len() - 1 - at;
        at += if options::is(option, "COPY") || options::is(option, "REPLACE") {
            1
        } else if options::is(option, "AUTH") && more >= 1 {
            2
        } else if options::is(option, "AUTH2") && more >= 2 {
            3
        } else if options::is(option, "KEYS") {
            if !args.at(3).is_empty() {
                return Err(error::KEY_BESIDE_KEYS);
            }
            keys = args.from(at + 1);
            break;
        } else {
            return Err(error::SYNTAX);
        };
    }
    options::integer(args.at(5))?;
    options::integer(args.at(4))?;
    let found = keys
        .iter()
        .filter(|key| ctx.keyspace.read(ctx.db, key).is_some())
        .count();
    if found > 0 {
        return Err(error::NO_CONNECTION_TO_TARGET);
    }
    ctx.reply.simple("NOKEY");
    Ok(())
}
