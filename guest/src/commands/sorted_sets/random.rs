//! ZRANDMEMBER.

use super::super::chance::{choose, few};
use super::super::{Context, Outcome, bulk_item, error, options, reserve_reply};
use super::answer;
use crate::resp::{Args, Protocol, Sink};
use crate::value::sorted_set::{End, Scored};
use crate::value::{SortedSet, Value};

/// ZRANDMEMBER key [count [WITHSCORES]]
pub(super) fn zrandmember(ctx: &mut Context, args: Args) -> Outcome {
    let Some(count) = args.get(2) else {
        return one(ctx, args.at(1));
    };
    let count = options::signed(count)?;
    let with_scores = match args.get(3) {
        _ if args.len() > 4 => return Err(error::SYNTAX),
        Some(option) if !options::is(option, "WITHSCORES") => return Err(error::SYNTAX),
        option => option.is_some(),
    };
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(error::OUT_OF_RANGE);
    }
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        ctx.reply.array(0);
        return Ok(());
    };
    let set = value.as_sorted_set()?;
    match count {
        0 => ctx.reply.array(0),
        ..0 => return answer_any(ctx, args.at(1), count.unsigned_abs(), with_scores),
        1.. => {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            answer_different(ctx.reply, ctx.rng, set, count, with_scores);
        }
    }
    Ok(())
}

fn one(ctx: &mut Context, key: &[u8]) -> Outcome {
    let set = ctx.keyspace.read(ctx.db, key).map(Value::as_sorted_set);
    let chosen = match set.transpose()? {
        Some(set) => set.get(ctx.rng.usize(0..set.len())),
        None => None,
    };
    match chosen {
        Some(scored) => bulk_item(ctx.reply, scored.member),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// Answers that many members, of which each may come several times.
fn answer_any(ctx: &mut Context, key: &[u8], count: u64, with_scores: bool) -> Outcome {
    const SHORTEST_REPLY: usize = 6;
    let bytes = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_mul(SHORTEST_REPLY);
    reserve_reply(ctx.keyspace, ctx.reply, bytes)?;
    let value = ctx.keyspace.value(ctx.db, key);
    let Some(set) = value.map(Value::as_sorted_set).transpose()? else {
        return Ok(());
    };
    let reply = &mut *ctx.reply;
    let in_pairs = with_scores && reply.protocol() == Protocol::Resp3;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    reply.array(if with_scores && !in_pairs {
        count.saturating_mul(2)
    } else {
        count
    });
    // Only in a listpack it takes a walk to get to a member.
    let walked: Vec<Scored> = if set.is_packed() {
        set.items(End::Lowest).collect()
    } else {
        Vec::new()
    };
    for _ in 0..count {
        let position = ctx.rng.usize(0..set.len());
        let scored = walked.get(position).copied().or_else(|| set.get(position));
        if let Some(scored) = scored {
            if in_pairs {
                reply.array(2);
            }
            bulk_item(reply, scored.member);
            if with_scores {
                reply.double(scored.score());
            }
        }
        if reply.is_full() {
            break;
        }
    }
    Ok(())
}

/// Answers that many members, or all, each once.
fn answer_different(
    reply: &mut dyn Sink,
    rng: &mut fastrand::Rng,
    set: &SortedSet,
    count: usize,
    with_scores: bool,
) {
    let len = set.len();
    if count >= len {
        // All there are come from the highest on. That a single one is asked for makes no
        // difference where there is a single one.
        return answer(reply, set.items(End::Highest), with_scores);
    }
    let chosen: Vec<Scored> = if set.is_packed() {
        let mut positions = choose(rng, len, count).peekable();
        set.items(End::Lowest)
            .enumerate()
            .filter(|(at, _)| positions.next_if_eq(at).is_some())
            .map(|(_, scored)| scored)
            .collect()
    } else if count > len / 3 {
        let positions = choose(rng, len, count);
        positions.filter_map(|position| set.get(position)).collect()
    } else {
        let positions = few(rng, len, count);
        positions.filter_map(|position| set.get(position)).collect()
    };
    answer(reply, chosen.into_iter(), with_scores);
}
