//! The list commands that wait: each does what its namesake without the B does, and where there is
//! no element it waits for one.

use super::super::wait::{Awaited, Nothing, Wait};
use super::super::{Context, Outcome, bulk_item};
use super::{MpopArgs, drop_end, end, fill, move_element, mpop, propagate_pop};
use crate::resp::Args;
use crate::value::list::End;

/// Waits for one of the keys to hold a list.
fn wait_for_list(ctx: &mut Context, keys: Args, until_us: Option<u64>, nothing: Nothing) {
    ctx.wait_for(Wait {
        keys: keys.iter().map(Box::from).collect(),
        awaited: Awaited::List,
        wakes_when_gone: false,
        until_us,
        nothing,
        replaced: Vec::new(),
    });
}

fn pop_generic(ctx: &mut Context, args: Args, from: End) -> Outcome {
    let last = args.len() - 1;
    let (keys, until_us) = (args.range(1..last), ctx.timeout_s(args.at(last))?);
    for key in keys.iter() {
        let mut slot = ctx.keyspace.write(ctx.db, key);
        if let Some(item) = slot.list()?.and_then(|list| list.peek(from)) {
            ctx.reply.array(2);
            ctx.reply.bulk(key);
            bulk_item(ctx.reply, item);
            drop_end(&mut slot, from, 1, fill(ctx.config))?;
            propagate_pop(&mut slot, key, from, None);
            return Ok(());
        }
    }
    wait_for_list(ctx, keys, until_us, Nothing::NullArray);
    Ok(())
}

/// BLPOP key [key ...] timeout
pub fn blpop(ctx: &mut Context, args: Args) -> Outcome {
    pop_generic(ctx, args, End::Left)
}

/// BRPOP key [key ...] timeout
pub fn brpop(ctx: &mut Context, args: Args) -> Outcome {
    pop_generic(ctx, args, End::Right)
}

/// BLMPOP timeout numkeys key [key ...] LEFT | RIGHT [COUNT count]
pub fn blmpop(ctx: &mut Context, args: Args) -> Outcome {
    let pop = MpopArgs::parse(args.from(2))?;
    let until_us = ctx.timeout_s(args.at(1))?;
    if !mpop(ctx, &pop)? {
        wait_for_list(ctx, pop.keys, until_us, Nothing::NullArray);
    }
    Ok(())
}

/// `namesake` is the command that does the same without waiting, and has no timeout as its last
/// argument.
fn move_generic(ctx: &mut Context, args: Args, ends: [End; 2], namesake: &[u8]) -> Outcome {
    let last = args.len() - 1;
    let until_us = ctx.timeout_s(args.at(last))?;
    if move_element(ctx, args, ends)? {
        ctx.propagate_as(|words| {
            words.push(namesake);
            args.range(1..last).iter().for_each(|arg| words.push(arg));
        });
    } else {
        wait_for_list(ctx, args.range(1..2), until_us, Nothing::Null);
    }
    Ok(())
}

/// BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout
pub fn blmove(ctx: &mut Context, args: Args) -> Outcome {
    let ends = [end(args.at(3))?, end(args.at(4))?];
    move_generic(ctx, args, ends, b"LMOVE")
}

/// BRPOPLPUSH source destination timeout
pub fn brpoplpush(ctx: &mut Context, args: Args) -> Outcome {
    move_generic(ctx, args, [End::Right, End::Left], b"RPOPLPUSH")
}
