//! SERVER, what of it works on data: DBSIZE, FLUSHALL, FLUSHDB, SWAPDB, and TIME. Commands on whole
//! databases; knows no key.

use super::{CommandError, Context, DataHandler, Outcome, error, options};
use crate::resp::Args;

/// What this family answers.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("dbsize", dbsize),
    ("flushall", flushall),
    ("flushdb", flushdb),
    ("swapdb", swapdb),
    ("time", time),
];

/// DBSIZE
fn dbsize(ctx: &mut Context<'_>, _args: Args<'_>) -> Outcome {
    ctx.reply.integer(ctx.keyspace.len(ctx.db) as i64);
    Ok(())
}

/// FLUSHALL [ASYNC | SYNC]
fn flushall(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let lazily = flushes_lazily(ctx, args)?;
    for db in 0..ctx.keyspace.databases() {
        clear(ctx, db, lazily);
    }
    ctx.propagate_anyway();
    ctx.reply.ok();
    Ok(())
}

/// FLUSHDB [ASYNC | SYNC]
fn flushdb(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let lazily = flushes_lazily(ctx, args)?;
    clear(ctx, ctx.db, lazily);
    ctx.propagate_anyway();
    ctx.reply.ok();
    Ok(())
}

fn clear(ctx: &mut Context<'_>, db: usize, lazily: bool) {
    let cleared = ctx.keyspace.clear(db);
    if lazily {
        ctx.keyspace.stats.freed_lazily += cleared as u64;
    }
}

/// Whether Redis would leave the work to another thread: if it is asked to, and also if not, where the
/// client can wait for it. Here a command is done when it is answered.
fn flushes_lazily(ctx: &Context<'_>, args: Args<'_>) -> Result<bool, CommandError> {
    let asked = match (args.get(1), args.len()) {
        (None, _) => ctx.config.lazyfree_lazy_user_flush,
        (Some(mode), 2) if options::is(mode, "SYNC") => false,
        (Some(mode), 2) if options::is(mode, "ASYNC") => true,
        _ => return Err(error::SYNTAX),
    };
    Ok(asked || ctx.may_wait)
}

/// SWAPDB index1 index2
fn swapdb(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    if ctx.config.cluster_enabled {
        return Err(error::SWAPDB_IN_CLUSTER);
    }
    // Both have to be numbers before either has to be a database.
    let one = options::int32(args.at(1)).map_err(|_| error::INVALID_FIRST_DB)?;
    let other = options::int32(args.at(2)).map_err(|_| error::INVALID_SECOND_DB)?;
    let (one, other) = (database(ctx, one)?, database(ctx, other)?);
    ctx.keyspace.swap(one, other);
    ctx.reply.ok();
    Ok(())
}

fn database(ctx: &Context<'_>, index: i32) -> Result<usize, CommandError> {
    usize::try_from(index)
        .ok()
        .filter(|index| *index < ctx.keyspace.databases())
        .ok_or(error::DB_OUT_OF_RANGE)
}

/// TIME
fn time(ctx: &mut Context<'_>, _args: Args<'_>) -> Outcome {
    let now_us = ctx.keyspace.told_us();
    ctx.reply.array(2);
    ctx.reply.bulk_integer((now_us / 1_000_000) as i64);
    ctx.reply.bulk_integer((now_us % 1_000_000) as i64);
    Ok(())
}
