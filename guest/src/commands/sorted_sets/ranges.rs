//! The commands on ranges of a sorted set: by rank, by score, by member; answered, stored, counted or
//! removed. Owns how a range is given and which ranks it means.

use std::ops::{Bound, Range};

use super::super::options;
use super::super::{CommandError, Context, Outcome, error};
use super::{answer, make, read, store};
use crate::keyspace::EventClass;
use crate::resp::Args;
use crate::value::sorted_set::{End, LexBound, LexRange, ScoreRange};
use crate::value::{SortedSet, Value};

// ---- how ranges are given ----------------------------------------------------------------------

/// A score that bounds a range, `(` in front if it is excluded.
fn score_bound(arg: &[u8]) -> Result<Bound<f64>, CommandError> {
    let text = options::c_text(arg);
    match text.strip_prefix(b"(") {
        Some(score) => bounding_score(score).map(Bound::Excluded),
        None => bounding_score(text).map(Bound::Included),
    }
    .ok_or(error::SCORE_BOUND)
}

/// Redis reads bounds otherwise than scores: no text is 0, what is too large is infinite, what is
/// too small is 0, and no hexadecimal digits are known.
fn bounding_score(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let score: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!score.is_nan()).then_some(score)
}

fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange, CommandError> {
    Ok(ScoreRange {
        min: score_bound(min)?,
        max: score_bound(max)?,
    })
}

/// `-`, `+`, `[member` or `(member`
fn lex_bound(arg: &[u8]) -> Result<LexBound<'_>, CommandError> {
    match arg {
        [b'-'] | [b'-', 0, ..] => Ok(LexBound::Lowest),
        [b'+'] | [b'+', 0, ..] => Ok(LexBound::Highest),
        [b'[', member @ ..] => Ok(LexBound::Included(member)),
        [b'(', member @ ..] => Ok(LexBound::Excluded(member)),
        _ => Err(error::LEX_BOUND),
    }
}

fn lex_range<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, CommandError> {
    Ok(LexRange {
        min: lex_bound(min)?,
        max: lex_bound(max)?,
    })
}

/// What a range is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Rank,
    Score,
    Member,
}

/// A range as it is given.
#[derive(Clone, Copy, Debug)]
enum Given<'a> {
    /// The first and the last rank, negative ones counted from the other end.
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

impl<'a> Given<'a> {
    /// The two bounds, the lower one first.
    fn parse(measure: Measure, min: &'a [u8], max: &'a [u8]) -> Result<Self, CommandError> {
        Ok(match measure {
            Measure::Rank => Given::Ranks(options::integer(min)?, options::integer(max)?),
            Measure::Score => Given::Scores(score_range(min, max)?),
            Measure::Member => Given::Members(lex_range(min, max)?),
        })
    }

    /// The ranks it means, counted from the lowest score.
    fn ranks(&self, set: &SortedSet, from: End) -> Range<usize> {
        match self {
            Given::Ranks(start, stop) => {
                let ranks = ranks_between(*start, *stop, set.len());
                match from {
                    End::Lowest => ranks,
                    End::Highest => set.len() - ranks.end..set.len() - ranks.start,
                }
            }
            Given::Scores(range) => set.ranks_by_score(range),
            Given::Members(range) => set.ranks_by_lex(range, from),
        }
    }
}

/// What two ranks mean, both included, negative ones counted from the end.
fn ranks_between(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_start = |rank: i64| if rank < 0 { (rank + len).max(-1) } else { rank };
    let start = from_start(start).max(0);
    let stop = from_start(stop).min(len - 1);
    if start > stop {
        return 0..0;
    }
    start as usize..stop as usize + 1
}

/// `LIMIT offset count`
#[derive(Clone, Copy, Debug)]
struct Limit {
    offset: i64,
    /// Negative for all.
    count: i64,
}

impl Limit {
    const NONE: Limit = Limit {
        offset: 0,
        count: -1,
    };

    /// What is left of a range that is gone through from one end.
    fn of(self, ranks: Range<usize>, from: End, set: &SortedSet) -> Range<usize> {
        // Below 0 the offset counts from the range's other end, but not in a listpack:
        //   > ZRANGEBYSCORE large 2 4 LIMIT -1 10   the last one
        //   > ZRANGEBYSCORE small 2 4 LIMIT -1 10   nothing
        let skipped = if self.offset >= 0 {
            usize::try_from(self.offset).ok()
        } else if set.is_packed() {
            None
        } else {
            usize::try_from(self.offset.unsigned_abs())
                .ok()
                .and_then(|back| ranks.len().checked_sub(back))
        };
        let left = skipped.and_then(|skipped| ranks.len().checked_sub(skipped));
        let Some(left) = left else {
            return 0..0;
        };
        let count = usize::try_from(self.count).map_or(left, |count| count.min(left));
        match from {
            End::Lowest => {
                let start = ranks.end - left;
                start..start + count
            }
            End::Highest => {
                let end = ranks.start + left;
                end - count..end
            }
        }
    }
}

/// What ZRANGE and its siblings were asked for.
struct RangeArgs<'a> {
    given: Given<'a>,
    from: End,
    limit: Limit,
    with_scores: bool,
}

/// What a command's name says already, and what is then no option.
#[derive(Clone, Copy)]
struct Named {
    measure: Option<Measure>,
    from: Option<End>,
    with_scores: bool,
}

impl<'a> RangeArgs<'a> {
    /// `min max [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`
    fn parse(args: Args<'a>, named: Named) -> Result<Self, CommandError> {
        let Named {
            mut measure,
            mut from,
            ..
        } = named;
        let (mut limit, mut with_scores) = (Limit::NONE, false);
        let options = args.from(2);
        let mut at = 0;
        while let Some(option) = options.get(at) {
            at += 1;
            if named.with_scores && options::is(option, "WITHSCORES") {
                with_scores = true;
            } else if options::is(option, "LIMIT")
                && let (Some(offset), Some(count)) = (options.get(at), options.get(at + 1))
            {
                limit.offset = options::integer(offset)?;
                limit.count = options::integer(count)?;
                at += 2;
            } else if from.is_none() && options::is(option, "REV") {
                from = Some(End::Highest);
            } else if measure.is_none() && options::is(option, "BYLEX") {
                measure = Some(Measure::Member);
            } else if measure.is_none() && options::is(option, "BYSCORE") {
                measure = Some(Measure::Score);
            } else {
                return Err(error::SYNTAX);
            }
        }
        let measure = measure.unwrap_or(Measure::Rank);
        let from = from.unwrap_or(End::Lowest);
        if limit.count != -1 && measure == Measure::Rank {
            return Err(error::LIMIT_BY_RANK);
        }
        if with_scores && measure == Measure::Member {
            return Err(error::WITHSCORES_BY_LEX);
        }
        let (min, max) = match (measure, from) {
            (Measure::Score | Measure::Member, End::Highest) => (args.at(1), args.at(0)),
            _ => (args.at(0), args.at(1)),
        };
        Ok(RangeArgs {
            given: Given::parse(measure, min, max)?,
            from,
            limit,
            with_scores,
        })
    }

    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let ranks = self.given.ranks(set, self.from);
        match self.given {
            Given::Ranks(..) => ranks,
            Given::Scores(_) | Given::Members(_) => self.limit.of(ranks, self.from, set),
        }
    }
}

// ---- answering ---------------------------------------------------------------------------------

fn range_generic(ctx: &mut Context, args: Args, named: Named) -> Outcome {
    let range = RangeArgs::parse(args.from(2), named)?;
    let Some(value) = ctx.keyspace.read(ctx.db, args.at(1)) else {
        ctx.reply.array(0);
        return Ok(());
    };
    let set = value.as_sorted_set()?;
    let members = set.items_at(range.ranks(set), range.from);
    answer(ctx.reply, members, range.with_scores);
    Ok(())
}

/// ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
pub(super) fn zrange(ctx: &mut Context, args: Args) -> Outcome {
    let named = Named {
        measure: None,
        from: None,
        with_scores: true,
    };
    range_generic(ctx, args, named)
}

fn range_named(ctx: &mut Context, args: Args, measure: Measure, from: End) -> Outcome {
    let named = Named {
        measure: Some(measure),
        from: Some(from),
        with_scores: true,
    };
    range_generic(ctx, args, named)
}

/// ZREVRANGE key start stop [WITHSCORES]
pub(super) fn zrevrange(ctx: &mut Context, args: Args) -> Outcome {
    range_named(ctx, args, Measure::Rank, End::Highest)
}

/// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]
pub(super) fn zrangebyscore(ctx: &mut Context, args: Args) -> Outcome {
    range_named(ctx, args, Measure::Score, End::Lowest)
}

/// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]
pub(super) fn zrevrangebyscore(ctx: &mut Context, args: Args) -> Outcome {
    range_named(ctx, args, Measure::Score, End::Highest)
}

/// ZRANGEBYLEX key min max [LIMIT offset count]
pub(super) fn zrangebylex(ctx: &mut Context, args: Args) -> Outcome {
    range_named(ctx, args, Measure::Member, End::Lowest)
}

/// ZREVRANGEBYLEX key max min [LIMIT offset count]
pub(super) fn zrevrangebylex(ctx: &mut Context, args: Args) -> Outcome {
    range_named(ctx, args, Measure::Member, End::Highest)
}

/// ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]
pub(super) fn zrangestore(ctx: &mut Context, args: Args) -> Outcome {
    let named = Named {
        measure: None,
        from: None,
        with_scores: false,
    };
    let range = RangeArgs::parse(args.from(3), named)?;
    read(ctx, args.at(2))?;
    let source = ctx.keyspace.value(ctx.db, args.at(2));
    let result = match source.map(Value::as_sorted_set).transpose()? {
        Some(set) => make(ctx, set.items_at(range.ranks(set), End::Lowest))?,
        None => SortedSet::default(),
    };
    store(ctx, args.at(1), result, "zrangestore", 1);
    Ok(())
}

// ---- counting ----------------------------------------------------------------------------------

fn count_generic(ctx: &mut Context, args: Args, measure: Measure) -> Outcome {
    let given = Given::parse(measure, args.at(2), args.at(3))?;
    let count = match read(ctx, args.at(1))? {
        Some(set) => given.ranks(set, End::Lowest).len(),
        None => 0,
    };
    ctx.reply.integer(count as i64);
    Ok(())
}

/// ZCOUNT key min max
pub(super) fn zcount(ctx: &mut Context, args: Args) -> Outcome {
    count_generic(ctx, args, Measure::Score)
}

/// ZLEXCOUNT key min max
pub(super) fn zlexcount(ctx: &mut Context, args: Args) -> Outcome {
    count_generic(ctx, args, Measure::Member)
}

// ---- removing ----------------------------------------------------------------------------------

fn remove_generic(ctx: &mut Context, args: Args, measure: Measure, event: &'static str) -> Outcome {
    let given = Given::parse(measure, args.at(2), args.at(3))?;
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let ranks = match slot.sorted_set()? {
        Some(set) => given.ranks(set, End::Lowest),
        None => 0..0,
    };
    let removed = ranks.len();
    if removed > 0
        && let Some(set) = slot.sorted_set_mut()?
    {
        set.remove_ranks(ranks);
        slot.event(EventClass::SORTED_SET, event);
        slot.count_changes(removed);
    }
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// ZREMRANGEBYRANK key start stop
pub(super) fn zremrangebyrank(ctx: &mut Context, args: Args) -> Outcome {
    remove_generic(ctx, args, Measure::Rank, "zremrangebyrank")
}

/// ZREMRANGEBYSCORE key min max
pub(super) fn zremrangebyscore(ctx: &mut Context, args: Args) -> Outcome {
    remove_generic(ctx, args, Measure::Score, "zremrangebyscore")
}

/// ZREMRANGEBYLEX key min max
pub(super) fn zremrangebylex(ctx: &mut Context, args: Args) -> Outcome {
    remove_generic(ctx, args, Measure::Member, "zremrangebylex")
}
