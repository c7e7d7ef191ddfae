//! The HyperLogLog commands. They work on strings that begin in the right way; how registers lie in
//! them is `value::hyperloglog`'s.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::{CommandError, Context, DataHandler, Outcome, error, options};
use crate::keyspace::{EventClass, Slot};
use crate::resp::Args;
use crate::value::StringValue;
use crate::value::hyperloglog::{self, Corrupt, DENSE_BYTES, Encoding, Run, Union};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("pfadd", pfadd),
    ("pfcount", pfcount),
    ("pfdebug", pfdebug),
    ("pfmerge", pfmerge),
    ("pfselftest", pfselftest),
];

impl From<Corrupt> for CommandError {
    fn from(_: Corrupt) -> Self {
        error::CORRUPT_HYPERLOGLOG
    }
}

/// The encoding of a string that begins as a HyperLogLog does.
fn encoding(bytes: &[u8]) -> Result<Encoding, CommandError> {
    hyperloglog::encoding(bytes).ok_or(error::NOT_A_HYPERLOGLOG)
}

/// The bytes that a key holds, to change in place; `None` if there is no such key. Looking at them
/// makes the string raw, and is no change as long as nobody says so.
fn bytes_mut<'s>(slot: &'s mut Slot) -> Result<Option<&'s mut Vec<u8>>, CommandError> {
    match slot.string()? {
        None => return Ok(None),
        Some(string) => encoding(&string.bytes())?,
    };
    Ok(slot.string_mut()?.map(StringValue::make_raw))
}

fn sparse_max_bytes(ctx: &Context) -> usize {
    usize::try_from(ctx.config.hll_sparse_max_bytes).unwrap_or(usize::MAX)
}

/// PFADD key [element [element ...]]
fn pfadd(ctx: &mut Context, args: Args) -> Outcome {
    ctx.reserve(DENSE_BYTES)?;
    let sparse_max_bytes = sparse_max_bytes(ctx);
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let mut changes = 0;
    if !slot.exists() {
        slot.put(StringValue::Raw(hyperloglog::empty()));
        changes = 1;
    }
    if let Some(bytes) = bytes_mut(&mut slot)? {
        for element in args.from(2).iter() {
            match hyperloglog::add(bytes, element, sparse_max_bytes) {
                Ok(changed) => changes += usize::from(changed),
                Err(corrupt) => {
                    // What was added before stays, and nobody is told.
                    slot.only_laid_out_differently();
                    return Err(corrupt.into());
                }
            }
        }
        if changes > 0 {
            hyperloglog::forget_count(bytes);
        }
    }
    if changes > 0 {
        slot.event(EventClass::STRING, "pfadd");
        slot.count_changes(changes);
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer((changes > 0).into());
    Ok(())
}

/// PFCOUNT key [key ...]
fn pfcount(ctx: &mut Context, args: Args) -> Outcome {
    let count = if args.len() > 2 {
        merged(ctx, args.from(1))?.0.count()
    } else {
        count_one(ctx, args.at(1))?
    };
    ctx.reply.integer(count as i64);
    Ok(())
}

/// The count of one key, which it keeps in its header until something is added.
fn count_one(ctx: &mut Context, key: &[u8]) -> Result<u64, CommandError> {
    let mut slot = ctx.keyspace.write(ctx.db, key);
    slot.count_read();
    let Some(bytes) = bytes_mut(&mut slot)? else {
        return Ok(0);
    };
    if let Some(count) = hyperloglog::cached_count(bytes) {
        slot.only_laid_out_differently();
        return Ok(count);
    }
    match hyperloglog::count(bytes) {
        Ok(count) => {
            // The bytes are others now, so this counts as a change.
            hyperloglog::cache_count(bytes, count);
            Ok(count)
        }
        Err(corrupt) => {
            slot.only_laid_out_differently();
            Err(corrupt.into())
        }
    }
}

/// What all of these keys come to, and whether any of them is dense.
fn merged(ctx: &mut Context, keys: Args) -> Result<(Union, bool), CommandError> {
    let mut union = Union::default();
    let mut dense = false;
    for key in keys.iter() {
        if let Some(value) = ctx.keyspace.read(ctx.db, key) {
            let bytes = value.as_string()?.bytes();
            dense |= encoding(&bytes)? == Encoding::Dense;
            union.merge(&bytes)?;
        }
    }
    Ok((union, dense))
}

/// PFMERGE destkey [sourcekey [sourcekey ...]]
fn pfmerge(ctx: &mut Context, args: Args) -> Outcome {
    // The destination is one of them.
    let (union, dense) = merged(ctx, args.from(1))?;
    ctx.reserve(DENSE_BYTES)?;
    let sparse_max_bytes = sparse_max_bytes(ctx);
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    if !slot.exists() {
        slot.put(StringValue::Raw(hyperloglog::empty()));
    }
    if let Some(bytes) = bytes_mut(&mut slot)? {
        if dense {
            hyperloglog::make_dense(bytes)?;
        }
        for (index, value) in union.registers() {
            hyperloglog::raise(bytes, index, value, sparse_max_bytes)?;
        }
        hyperloglog::forget_count(bytes);
    }
    slot.event(EventClass::STRING, "pfadd");
    ctx.reply.ok();
    Ok(())
}

// ---- for who works on the server ---------------------------------------------------------------

/// PFDEBUG GETREG key, PFDEBUG DECODE key, PFDEBUG ENCODING key, PFDEBUG TODENSE key,
/// PFDEBUG SIMD ON | OFF
fn pfdebug(ctx: &mut Context, args: Args) -> Outcome {
    let (subcommand, key) = (args.at(1), args.at(2));
    if options::is(subcommand, "SIMD") {
        return pfdebug_simd(ctx, key);
    }
    let mut slot = ctx.keyspace.write(ctx.db, key);
    let Some(bytes) = bytes_mut(&mut slot)? else {
        return Err(error::SPECIFIED_KEY_MISSING);
    };
    let mut converted = false;
    let outcome = if options::is(subcommand, "GETREG") {
        hyperloglog::make_dense(bytes).map(|dense| {
            converted = dense;
            ctx.reply.array(hyperloglog::REGISTERS);
            for register in hyperloglog::dense_registers(bytes) {
                ctx.reply.integer(register.into());
            }
        })
    } else if options::is(subcommand, "DECODE") {
        if encoding(bytes)? == Encoding::Dense {
            slot.only_laid_out_differently();
            return Err(error::HYPERLOGLOG_NOT_SPARSE);
        }
        ctx.reply.bulk(decoded(bytes).as_bytes());
        Ok(())
    } else if options::is(subcommand, "ENCODING") {
        ctx.reply.simple(match encoding(bytes)? {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        });
        Ok(())
    } else if options::is(subcommand, "TODENSE") {
        hyperloglog::make_dense(bytes).map(|dense| {
            converted = dense;
            ctx.reply.integer(dense.into());
        })
    } else {
        slot.only_laid_out_differently();
        return Err(error::unknown_pfdebug(subcommand));
    };
    // Redis counts another encoding as a change, but tells nobody who watches the key.
    if converted {
        slot.tell_nobody();
    } else {
        slot.only_laid_out_differently();
    }
    Ok(outcome?)
}

/// There is one way to count here, and nothing to turn on or off. Redis answers twice where it is
/// neither, the error and its state; once is enough.
fn pfdebug_simd(ctx: &mut Context, state: &[u8]) -> Outcome {
    ctx.reply.simple(if options::is(state, "ON") {
        "enabled"
    } else if options::is(state, "OFF") {
        "disabled"
    } else {
        return Err(error::NOT_ON_OR_OFF);
    });
    Ok(())
}

/// The runs of a sparse one, as Redis writes them for people.
fn decoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in hyperloglog::runs(bytes) {
        // Writing to a string does not fail.
        let _ = match run {
            Run::Zeros(len) => write!(text, "z:{len} "),
            Run::ManyZeros(len) => write!(text, "Z:{len} "),
            Run::Value(value, len) => write!(text, "v:{value},{len} "),
        };
    }
    text.truncate(text.trim_end().len());
    text
}

/// PFSELFTEST
fn pfselftest(ctx: &mut Context, _args: Args) -> Outcome {
    let sparse_max_bytes = sparse_max_bytes(ctx);
    hyperloglog::self_test(ctx.rng, sparse_max_bytes)
        .map_err(|reason| error::self_test_failed(&reason))?;
    ctx.reply.ok();
    Ok(())
}
