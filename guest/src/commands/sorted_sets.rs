//! The sorted set commands. Owns those that add, remove and look at single members; ranges, combining
//! several sets, popping and choosing at random have a file each. Knows nothing of how a sorted set is
//! kept (`value::sorted_set`) nor of what follows a write (`keyspace::Slot`).

mod combining;
mod popping;
mod random;
mod ranges;
#[cfg(test)]
mod tests;

use super::options::{self, Condition, ScanOptions};
use super::{CommandError, Context, DataHandler, Outcome, bulk_item, error};
use crate::config::Config;
use crate::keyspace::EventClass;
use crate::resp::{Aggregate, Args, Protocol, Sink};
use crate::value::number::{format_17_digits, format_double};
use crate::value::sorted_set::{Put, Scored, SortedSetLimits};
use crate::value::{SortedSet, Value};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("bzmpop", popping::bzmpop),
    ("bzpopmax", popping::bzpopmax),
    ("bzpopmin", popping::bzpopmin),
    ("zadd", zadd),
    ("zcard", zcard),
    ("zcount", ranges::zcount),
    ("zdiff", combining::zdiff),
    ("zdiffstore", combining::zdiffstore),
    ("zincrby", zincrby),
    ("zinter", combining::zinter),
    ("zintercard", combining::zintercard),
    ("zinterstore", combining::zinterstore),
    ("zlexcount", ranges::zlexcount),
    ("zmpop", popping::zmpop),
    ("zmscore", zmscore),
    ("zpopmax", popping::zpopmax),
    ("zpopmin", popping::zpopmin),
    ("zrandmember", random::zrandmember),
    ("zrange", ranges::zrange),
    ("zrangebylex", ranges::zrangebylex),
    ("zrangebyscore", ranges::zrangebyscore),
    ("zrangestore", ranges::zrangestore),
    ("zrank", zrank),
    ("zrem", zrem),
    ("zremrangebylex", ranges::zremrangebylex),
    ("zremrangebyrank", ranges::zremrangebyrank),
    ("zremrangebyscore", ranges::zremrangebyscore),
    ("zrevrange", ranges::zrevrange),
    ("zrevrangebylex", ranges::zrevrangebylex),
    ("zrevrangebyscore", ranges::zrevrangebyscore),
    ("zrevrank", zrevrank),
    ("zscan", zscan),
    ("zscore", zscore),
    ("zunion", combining::zunion),
    ("zunionstore", combining::zunionstore),
];

/// What a member may take beside its bytes.
const MEMBER_OVERHEAD: usize = 72;

/// How large a sorted set in one listpack may become.
pub(super) fn limits(config: &Config) -> SortedSetLimits {
    SortedSetLimits {
        listpack_entries: config.zset_max_listpack_entries,
        listpack_value: config.zset_max_listpack_value,
    }
}

/// The sorted set a key holds, for a command that only reads.
pub(super) fn read<'k>(
    ctx: &'k mut Context,
    key: &[u8],
) -> Result<Option<&'k SortedSet>, CommandError> {
    let value = ctx.keyspace.read(ctx.db, key);
    Ok(value.map(Value::as_sorted_set).transpose()?)
}

/// Answers members, each with its score if that is wanted: one after the other in RESP2, a pair each
/// in RESP3.
fn answer<'a>(
    reply: &mut dyn Sink,
    members: impl ExactSizeIterator<Item = Scored<'a>>,
    with_scores: bool,
) {
    let in_pairs = with_scores && reply.protocol() == Protocol::Resp3;
    reply.array(if with_scores && !in_pairs {
        2 * members.len()
    } else {
        members.len()
    });
    for scored in members {
        if in_pairs {
            reply.array(2);
        }
        bulk_item(reply, scored.member);
        if with_scores {
            reply.double(scored.score());
        }
    }
}

/// Puts a result in its place, or nothing there if it is empty, and answers how many members it has.
/// It counts as so many changes.
pub(super) fn store(
    ctx: &mut Context,
    destination: &[u8],
    result: SortedSet,
    event: &'static str,
    changes: usize,
) {
    let len = result.len();
    if len == 0 {
        ctx.keyspace.remove(ctx.db, destination);
    } else {
        let mut slot = ctx.keyspace.write(ctx.db, destination);
        slot.put(result);
        slot.event(EventClass::SORTED_SET, event);
        slot.count_changes(changes);
    }
    ctx.reply.integer(len as i64);
}

/// A new set of what comes in order, if there is room for it.
pub(super) fn make<'a>(
    ctx: &Context,
    sorted: impl ExactSizeIterator<Item = Scored<'a>> + Clone,
) -> Result<SortedSet, CommandError> {
    let bytes = sorted
        .clone()
        .map(|scored| scored.member.bytes().len() + MEMBER_OVERHEAD);
    ctx.reserve(bytes.sum())?;
    let (limits, seed) = (limits(ctx.config), ctx.keyspace.seed());
    Ok(SortedSet::from_sorted(sorted, &limits, &seed))
}

// ---- adding ------------------------------------------------------------------------------------

/// Which way a score may go: GT and LT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// How members are added: the options of ZADD.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Adding {
    presence: Option<Condition>,
    way: Option<Way>,
    /// CH: those with a new score are counted too.
    counts_changed: bool,
    /// INCR: scores are added to what is there, and the sum is answered.
    increments: bool,
}

impl Adding {
    /// `[NX | XX] [CH]`, as GEOADD takes them; returns also how many arguments they are. Both of NX
    /// and XX are a contradiction.
    pub(super) fn parse_geo(args: Args) -> (Result<Self, CommandError>, usize) {
        let mut said = Said::default();
        let count = said.take(args, |option| {
            ["NX", "XX", "CH"]
                .iter()
                .any(|word| options::is(option, word))
        });
        let adding = if said.nx && said.xx {
            Err(error::SYNTAX)
        } else {
            said.adding()
        };
        (adding, count)
    }
}

/// The options of ZADD as they were said, before anybody looked whether they agree.
#[derive(Default)]
struct Said {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}

impl Said {
    /// Takes options from the front while they are some, and known; returns how many.
    fn take(&mut self, args: Args, known: impl Fn(&[u8]) -> bool) -> usize {
        let mut count = 0;
        for option in args.iter().take_while(|option| known(option)) {
            let flag = if options::is(option, "NX") {
                &mut self.nx
            } else if options::is(option, "XX") {
                &mut self.xx
            } else if options::is(option, "CH") {
                &mut self.ch
            } else if options::is(option, "INCR") {
                &mut self.incr
            } else if options::is(option, "GT") {
                &mut self.gt
            } else if options::is(option, "LT") {
                &mut self.lt
            } else {
                break;
            };
            *flag = true;
            count += 1;
        }
        count
    }

    fn adding(&self) -> Result<Adding, CommandError> {
        if self.nx && self.xx {
            return Err(error::XX_WITH_NX);
        }
        if self.gt && (self.lt || self.nx) || self.lt && self.nx {
            return Err(error::GT_LT_WITH_NX);
        }
        let presence = match (self.nx, self.xx) {
            (true, _) => Some(Condition::IfMissing),
            (_, true) => Some(Condition::IfExists),
            _ => None,
        };
        let way = match (self.gt, self.lt) {
            (true, _) => Some(Way::Up),
            (_, true) => Some(Way::Down),
            _ => None,
        };
        Ok(Adding {
            presence,
            way,
            counts_changed: self.ch,
            increments: self.incr,
        })
    }
}

/// Adds members or changes their scores, and answers how many, or the one score for INCR.
pub(super) fn add<'a>(
    ctx: &mut Context,
    key: &[u8],
    adding: Adding,
    first_len: usize,
    members: impl ExactSizeIterator<Item = (f64, &'a [u8])>,
) -> Outcome {
    let count = members.len();
    ctx.reserve(count.saturating_mul(MEMBER_OVERHEAD))?;
    let (limits, seed) = (limits(ctx.config), ctx.keyspace.seed());
    let (mut added, mut rescored) = (0, 0);
    // The last score that was decided on, and whether that is none.
    let (mut decided, mut is_nan) = (None, false);
    let put_all = |set: &mut SortedSet| {
        for (score, member) in members {
            decided = None;
            let put = set.put(member, &limits, &seed, |old| {
                if adding
                    .presence
                    .is_some_and(|condition| !condition.holds(old.is_some()))
                {
                    return None;
                }
                let new = match old {
                    Some(old) if adding.increments => old + score,
                    _ => score,
                };
                is_nan = new.is_nan();
                let allowed = match (adding.way, old) {
                    _ if is_nan => false,
                    (Some(Way::Up), Some(old)) => new > old,
                    (Some(Way::Down), Some(old)) => new < old,
                    _ => true,
                };
                decided = allowed.then_some(new);
                decided
            });
            match put {
                Put::Added => added += 1,
                Put::Rescored => rescored += 1,
                Put::Nothing => {}
            }
        }
    };
    let mut slot = ctx.keyspace.write(ctx.db, key);
    match slot.sorted_set_mut()? {
        Some(set) => {
            set.prepare_for(count, &limits, &seed);
            put_all(set);
        }
        None if adding.presence == Some(Condition::IfExists) => {}
        None => {
            let mut set = SortedSet::expecting(count, first_len, &limits);
            put_all(&mut set);
            slot.put(set);
        }
    }
    if added + rescored > 0 {
        let event = if adding.increments { "zincr" } else { "zadd" };
        slot.event(EventClass::SORTED_SET, event);
        slot.count_changes(added + rescored);
    } else {
        slot.only_laid_out_differently();
    }
    drop(slot);
    if is_nan {
        return Err(error::SCORE_IS_NAN);
    }
    match decided {
        Some(score) if adding.increments => ctx.reply.double(score),
        None if adding.increments => ctx.reply.null(),
        _ if adding.counts_changed => ctx.reply.integer((added + rescored) as i64),
        _ => ctx.reply.integer(added as i64),
    }
    Ok(())
}

fn add_generic(ctx: &mut Context, args: Args, mut said: Said) -> Outcome {
    let options = said.take(args.from(2), |_| true);
    let pairs = args.from(2 + options);
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(error::SYNTAX);
    }
    let adding = said.adding()?;
    if adding.increments && pairs.len() > 2 {
        return Err(error::INCR_OF_SEVERAL);
    }
    // All scores are looked at before the first member is added. Most often there is one.
    let first = options::double(pairs.at(0))?;
    let scores = pairs.iter().step_by(2).skip(1).map(options::double);
    let others: Vec<f64> = scores.collect::<Result<_, _>>()?;
    let count = pairs.len() / 2;
    let members = (0..count).map(|at| match at.checked_sub(1) {
        None => (first, pairs.at(1)),
        Some(other) => (others[other], pairs.at(2 * at + 1)),
    });
    add(ctx, args.at(1), adding, pairs.at(1).len(), members)
}

/// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
fn zadd(ctx: &mut Context, args: Args) -> Outcome {
    add_generic(ctx, args, Said::default())
}

/// ZINCRBY key increment member
fn zincrby(ctx: &mut Context, args: Args) -> Outcome {
    let said = Said {
        incr: true,
        ..Said::default()
    };
    add_generic(ctx, args, said)
}

/// ZREM key member [member ...]
fn zrem(ctx: &mut Context, args: Args) -> Outcome {
    let seed = ctx.keyspace.seed();
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let removed = match slot.sorted_set_mut()? {
        Some(set) => {
            let members = args.from(2);
            let removed = members.iter().filter(|member| set.remove(member, &seed));
            removed.count()
        }
        None => 0,
    };
    if removed > 0 {
        slot.event(EventClass::SORTED_SET, "zrem");
        slot.count_changes(removed);
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer(removed as i64);
    Ok(())
}

// ---- looking at members ------------------------------------------------------------------------

/// ZCARD key
fn zcard(ctx: &mut Context, args: Args) -> Outcome {
    let len = read(ctx, args.at(1))?.map_or(0, SortedSet::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

fn answer_score(reply: &mut dyn Sink, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

/// ZSCORE key member
fn zscore(ctx: &mut Context, args: Args) -> Outcome {
    let seed = ctx.keyspace.seed();
    let score = read(ctx, args.at(1))?.and_then(|set| set.score(args.at(2), &seed));
    answer_score(ctx.reply, score);
    Ok(())
}

/// ZMSCORE key member [member ...]
fn zmscore(ctx: &mut Context, args: Args) -> Outcome {
    let seed = ctx.keyspace.seed();
    let value = ctx.keyspace.read(ctx.db, args.at(1));
    let set = value.map(Value::as_sorted_set).transpose()?;
    let members = args.from(2);
    ctx.reply.array(members.len());
    for member in members.iter() {
        let score = set.and_then(|set| set.score(member, &seed));
        answer_score(ctx.reply, score);
    }
    Ok(())
}

fn rank_generic(ctx: &mut Context, args: Args, command: &str, backwards: bool) -> Outcome {
    let with_score = match args.get(3) {
        // The table knows no most number of arguments, so this is no matter of the gate.
        _ if args.len() > 4 => return Err(error::wrong_arity(command)),
        Some(option) if !options::is(option, "WITHSCORE") => return Err(error::SYNTAX),
        option => option.is_some(),
    };
    let seed = ctx.keyspace.seed();
    let found = read(ctx, args.at(1))?.and_then(|set| {
        let (rank, score) = set.rank(args.at(2), &seed)?;
        let rank = if backwards {
            set.len() - 1 - rank
        } else {
            rank
        };
        Some((rank as i64, score))
    });
    match found {
        Some((rank, score)) if with_score => {
            ctx.reply.array(2);
            ctx.reply.integer(rank);
            ctx.reply.double(score);
        }
        Some((rank, _)) => ctx.reply.integer(rank),
        None if with_score => ctx.reply.null_array(),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// ZRANK key member [WITHSCORE]
fn zrank(ctx: &mut Context, args: Args) -> Outcome {
    rank_generic(ctx, args, "zrank", false)
}

/// ZREVRANK key member [WITHSCORE]
fn zrevrank(ctx: &mut Context, args: Args) -> Outcome {
    rank_generic(ctx, args, "zrevrank", true)
}

/// ZSCAN key cursor [MATCH pattern] [COUNT count]
fn zscan(ctx: &mut Context, args: Args) -> Outcome {
    let cursor = options::cursor(args.at(2))?;
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        ctx.reply.array(2);
        ctx.reply.bulk(b"0");
        ctx.reply.array(0);
        return Ok(());
    };
    let set = value.as_sorted_set()?;
    // Looked at only once there is a set.
    let scan = ScanOptions::parse(args.from(3))?;
    let (cursor, members) = set.scan(cursor, scan.count);
    ctx.reply.array(2);
    ctx.reply.bulk_integer(cursor as i64);
    let mark = ctx.reply.defer();
    let mut found = 0;
    // Redis prints what it finds in a table otherwise than all else: 0.1 is 0.10000000000000001.
    let printed = if set.is_packed() {
        format_double
    } else {
        format_17_digits
    };
    for scored in members {
        if scan.wants(&scored.member.bytes()) {
            bulk_item(ctx.reply, scored.member);
            // A string in RESP3 too.
            ctx.reply.bulk(printed(scored.score()).as_bytes());
            found += 2;
        }
    }
    ctx.reply.settle(mark, Aggregate::Array, found);
    Ok(())
}
