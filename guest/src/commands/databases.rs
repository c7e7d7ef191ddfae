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
    check_flush_mode(args)?;
    for db in 0..ctx.keyspace.databases() {
        ctx.keyspace.clear(db);
    }
    ctx.reply.ok();
    Ok(())
}

/// FLUSHDB [ASYNC | SYNC]
fn flushdb(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    check_flush_mode(args)?;
    ctx.keyspace.clear(ctx.db);
    ctx.reply.ok();
    Ok(())
}

/// Both modes are the same here: a command is done when it is answered.
fn check_flush_mode(args: Args<'_>) -> Outcome {
    match (args.get(1), args.len()) {
        (None, _) => Ok(()),
        (Some(mode), 2) if options::is(mode, "SYNC") || options::is(mode, "ASYNC") => Ok(()),
        _ => Err(error::SYNTAX),
    }
}

/// SWAPDB index1 index2
fn swapdb(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
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
    let now_us = ctx.keyspace.now_us();
    ctx.reply.array(2);
    ctx.reply.bulk_integer((now_us / 1_000_000) as i64);
    ctx.reply.bulk_integer((now_us % 1_000_000) as i64);
    Ok(())
}
