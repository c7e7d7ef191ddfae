//! The commands on several sorted sets: union, intersection, difference, each answered or stored. They
//! take sets too, all of whose members have a score of 1. Owns how scores become one.

use std::cmp::Ordering;

use hashbrown::HashTable;

use super::super::{CommandError, Context, Outcome, error, options};
use super::{answer, make, store};
use crate::keyspace::Keyspace;
use crate::resp::Args;
use crate::value::hash::{Seed, spread};
use crate::value::sorted_set::{End, Scored};
use crate::value::{Item, Needle, Set, SortedSet, Value};

// ---- what is asked for -------------------------------------------------------------------------

/// AGGREGATE: what becomes of the scores that a member has in several sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Aggregation {
    #[default]
    Sum,
    Min,
    Max,
}

impl Aggregation {
    /// `SUM | MIN | MAX`
    fn parse(arg: &[u8]) -> Result<Self, CommandError> {
        if options::is(arg, "SUM") {
            Ok(Aggregation::Sum)
        } else if options::is(arg, "MIN") {
            Ok(Aggregation::Min)
        } else if options::is(arg, "MAX") {
            Ok(Aggregation::Max)
        } else {
            Err(error::SYNTAX)
        }
    }

    fn add(self, total: &mut f64, score: f64) {
        *total = match self {
            // What is infinite in both directions is nowhere.
            Aggregation::Sum => number(*total + score),
            Aggregation::Min if score < *total => score,
            Aggregation::Max if score > *total => score,
            Aggregation::Min | Aggregation::Max => *total,
        };
    }
}

/// 0 for what is no number.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Which options a command takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// WEIGHTS and AGGREGATE
    Weights,
    /// WITHSCORES too
    WeightsAndScores,
    /// WITHSCORES
    Scores,
    /// LIMIT
    Limit,
    Nothing,
}

impl Takes {
    fn weights(self) -> bool {
        matches!(self, Takes::Weights | Takes::WeightsAndScores)
    }

    fn scores(self) -> bool {
        matches!(self, Takes::Scores | Takes::WeightsAndScores)
    }
}

/// What is to be made of which keys.
struct Combining<'a> {
    keys: Args<'a>,
    /// One a key, or none.
    weights: Vec<f64>,
    aggregation: Aggregation,
    with_scores: bool,
    limit: i64,
}

impl<'a> Combining<'a> {
    /// `numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
    /// [LIMIT limit]`
    ///
    /// Reads all keys on the way: that they hold something else is told before what is wrong with
    /// the options.
    fn parse(
        ctx: &mut Context,
        args: Args<'a>,
        takes: Takes,
        command: &str,
    ) -> Result<Self, CommandError> {
        let numkeys = options::integer(args.at(0))?;
        if numkeys < 1 {
            return Err(error::no_input_key(command));
        }
        let numkeys = usize::try_from(numkeys).unwrap_or(usize::MAX);
        if numkeys > args.len() - 1 {
            return Err(error::SYNTAX);
        }
        let mut combining = Combining {
            keys: args.range(1..numkeys + 1),
            weights: Vec::new(),
            aggregation: Aggregation::Sum,
            with_scores: false,
            limit: 0,
        };
        for key in combining.keys.iter() {
            let value = ctx.keyspace.read(ctx.db, key);
            if !matches!(value, None | Some(Value::SortedSet(_) | Value::Set(_))) {
                return Err(error::WRONG_TYPE);
            }
        }
        let options = args.from(numkeys + 1);
        let mut at = 0;
        while let Some(option) = options.get(at) {
            let left = options.len() - at - 1;
            if takes.weights() && left >= numkeys && options::is(option, "WEIGHTS") {
                let weights = options.range(at + 1..at + 1 + numkeys);
                let read = |weight| options::double(weight).map_err(|_| error::WEIGHT_NOT_A_FLOAT);
                combining.weights = weights.iter().map(read).collect::<Result<_, _>>()?;
                at += 1 + numkeys;
            } else if takes.weights() && left >= 1 && options::is(option, "AGGREGATE") {
                combining.aggregation = Aggregation::parse(options.at(at + 1))?;
                at += 2;
            } else if takes.scores() && options::is(option, "WITHSCORES") {
                combining.with_scores = true;
                at += 1;
            } else if takes == Takes::Limit && left >= 1 && options::is(option, "LIMIT") {
                let limit = options.at(at + 1);
                combining.limit = options::positive_or(limit, error::LIMIT_IS_NEGATIVE)?;
                at += 2;
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(combining)
    }

    /// What the keys hold, with the weight that each has.
    fn sources<'k>(&self, keyspace: &'k Keyspace, db: usize) -> Vec<Source<'k>> {
        let weights = self.weights.iter().copied().chain(std::iter::repeat(1.0));
        let weighted = self.keys.iter().zip(weights);
        weighted
            .map(|(key, weight)| Source {
                members: match keyspace.value(db, key) {
                    Some(Value::SortedSet(set)) => Members::Scored(set),
                    Some(Value::Set(set)) => Members::Plain(set),
                    _ => Members::None,
                },
                weight,
            })
            .collect()
    }
}

// ---- where members come from -------------------------------------------------------------------

#[derive(Clone, Copy)]
enum Members<'k> {
    None,
    Plain(&'k Set),
    Scored(&'k SortedSet),
}

/// A set or a sorted set, and what its scores are multiplied with.
#[derive(Clone, Copy)]
struct Source<'k> {
    members: Members<'k>,
    weight: f64,
}

impl<'k> Source<'k> {
    fn len(&self) -> usize {
        match self.members {
            Members::None => 0,
            Members::Plain(set) => set.len(),
            Members::Scored(set) => set.len(),
        }
    }

    fn items(&self) -> impl Iterator<Item = Scored<'k>> + use<'k> {
        let (plain, scored) = match self.members {
            Members::None => (None, None),
            Members::Plain(set) => (Some(set.items()), None),
            Members::Scored(set) => (None, Some(set.items(End::Lowest))),
        };
        let plain = plain.into_iter().flatten();
        plain
            .map(|item| Scored::new(item, 1.0))
            .chain(scored.into_iter().flatten())
    }

    /// The score of a member.
    fn score(&self, member: Item<'_>, seed: &Seed) -> Option<f64> {
        match self.members {
            Members::None => None,
            Members::Plain(set) => set.contains(&Needle::from(member), seed).then_some(1.0),
            Members::Scored(set) => set.score(&member.bytes(), seed),
        }
    }

    fn is_same_as(&self, other: &Source) -> bool {
        match (self.members, other.members) {
            (Members::Plain(one), Members::Plain(other)) => std::ptr::eq(one, other),
            (Members::Scored(one), Members::Scored(other)) => std::ptr::eq(one, other),
            _ => false,
        }
    }
}

/// What a result takes while it is made.
fn reserve(ctx: &Context, sources: &[Source]) -> Outcome {
    let members = sources
        .iter()
        .fold(0, |total: usize, source| total.saturating_add(source.len()));
    ctx.reserve(members.saturating_mul(2 * size_of::<Total>()))
}

/// Brings a result in order.
fn sort(members: &mut [Scored]) {
    members.sort_unstable_by(|one, other| {
        one.score()
            .partial_cmp(&other.score())
            .unwrap_or(Ordering::Equal)
            .then_with(|| match (one.member, other.member) {
                (Item::Bytes(one), Item::Bytes(other)) => one.cmp(other),
                (one, other) => one.bytes().cmp(&other.bytes()),
            })
    });
}

// ---- union -------------------------------------------------------------------------------------

/// A member met so far, and what its scores came to.
struct Total<'k> {
    hash: u32,
    /// In the one form that all sets agree on.
    member: Item<'k>,
    score: f64,
}

fn hash(item: Item<'_>, seed: &Seed) -> u32 {
    match item {
        Item::Bytes(bytes) => seed.hash(bytes),
        Item::Number(number) => seed.hash(&number.to_le_bytes()),
    }
}

/// All members of the sources, in order.
fn unite<'k>(
    ctx: &Context,
    mut sources: Vec<Source<'k>>,
    aggregation: Aggregation,
) -> Result<Vec<Scored<'k>>, CommandError> {
    reserve(ctx, &sources)?;
    let seed = ctx.keyspace.seed();
    // In this order scores are added, which shows in their last digits.
    sources.sort_by_key(Source::len);
    let mut totals: Vec<Total> = Vec::new();
    let mut index: HashTable<u32> = HashTable::new();
    for source in &sources {
        for scored in source.items() {
            let score = number(source.weight * scored.score());
            let member = scored.member.canonical();
            let hash = hash(member, &seed);
            let found = index.find(spread(hash), |at| {
                let total = &totals[*at as usize];
                total.hash == hash && total.member == member
            });
            match found {
                Some(at) => aggregation.add(&mut totals[*at as usize].score, score),
                None => {
                    let at = totals.len() as u32;
                    totals.push(Total {
                        hash,
                        member,
                        score,
                    });
                    index.insert_unique(spread(hash), at, |at| spread(totals[*at as usize].hash));
                }
            }
        }
    }
    let members = totals.iter();
    let mut members: Vec<Scored> = members
        .map(|total| Scored::new(total.member, total.score))
        .collect();
    sort(&mut members);
    Ok(members)
}

/// ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
pub(super) fn zunion(ctx: &mut Context, args: Args) -> Outcome {
    let union = Combining::parse(ctx, args.from(1), Takes::WeightsAndScores, "zunion")?;
    let sources = union.sources(ctx.keyspace, ctx.db);
    let members = unite(ctx, sources, union.aggregation)?;
    answer(ctx.reply, members.into_iter(), union.with_scores);
    Ok(())
}

/// ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN |
/// MAX]
pub(super) fn zunionstore(ctx: &mut Context, args: Args) -> Outcome {
    let union = Combining::parse(ctx, args.from(2), Takes::Weights, "zunionstore")?;
    let sources = union.sources(ctx.keyspace, ctx.db);
    let members = unite(ctx, sources, union.aggregation)?;
    let result = make(ctx, members.into_iter())?;
    store(ctx, args.at(1), result, "zunionstore", 1);
    Ok(())
}

// ---- intersection ------------------------------------------------------------------------------

/// The members that all of the sources have, until there are `most`; in no order.
fn intersect<'k>(
    ctx: &Context,
    mut sources: Vec<Source<'k>>,
    aggregation: Aggregation,
    most: usize,
) -> impl Iterator<Item = Scored<'k>> + use<'k> {
    let seed = ctx.keyspace.seed();
    sources.sort_by_key(Source::len);
    let smallest = sources.first().copied();
    let items = smallest.into_iter().flat_map(|smallest| smallest.items());
    items
        .filter_map(move |scored| {
            let (smallest, others) = sources.split_first()?;
            let own_score = scored.score();
            let mut total = number(smallest.weight * own_score);
            for other in others {
                let score = if other.is_same_as(smallest) {
                    own_score
                } else {
                    other.score(scored.member, &seed)?
                };
                aggregation.add(&mut total, score * other.weight);
            }
            Some(Scored::new(scored.member, total))
        })
        .take(most)
}

/// The intersection as a whole, in order.
fn intersection<'k>(
    ctx: &Context,
    combining: &Combining,
    sources: Vec<Source<'k>>,
) -> Result<Vec<Scored<'k>>, CommandError> {
    if let Some(smallest) = sources.iter().min_by_key(|source| source.len()) {
        reserve(ctx, std::slice::from_ref(smallest))?;
    }
    let mut members: Vec<Scored> =
        intersect(ctx, sources, combining.aggregation, usize::MAX).collect();
    sort(&mut members);
    Ok(members)
}

/// ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
pub(super) fn zinter(ctx: &mut Context, args: Args) -> Outcome {
    let inter = Combining::parse(ctx, args.from(1), Takes::WeightsAndScores, "zinter")?;
    let sources = inter.sources(ctx.keyspace, ctx.db);
    let members = intersection(ctx, &inter, sources)?;
    answer(ctx.reply, members.into_iter(), inter.with_scores);
    Ok(())
}

/// ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN |
/// MAX]
pub(super) fn zinterstore(ctx: &mut Context, args: Args) -> Outcome {
    let inter = Combining::parse(ctx, args.from(2), Takes::Weights, "zinterstore")?;
    let sources = inter.sources(ctx.keyspace, ctx.db);
    let members = intersection(ctx, &inter, sources)?;
    let result = make(ctx, members.into_iter())?;
    store(ctx, args.at(1), result, "zinterstore", 1);
    Ok(())
}

/// ZINTERCARD numkeys key [key ...] [LIMIT limit]
pub(super) fn zintercard(ctx: &mut Context, args: Args) -> Outcome {
    let inter = Combining::parse(ctx, args.from(1), Takes::Limit, "zintercard")?;
    let sources = inter.sources(ctx.keyspace, ctx.db);
    let most = match usize::try_from(inter.limit) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    let found = intersect(ctx, sources, inter.aggregation, most).count();
    ctx.reply.integer(found as i64);
    Ok(())
}

// ---- difference --------------------------------------------------------------------------------

/// The members of the first source that none of the others has, in order.
fn difference<'k>(ctx: &Context, sources: &[Source<'k>]) -> Result<Vec<Scored<'k>>, CommandError> {
    let Some((first, others)) = sources.split_first() else {
        return Ok(Vec::new());
    };
    if others.iter().any(|other| other.is_same_as(first)) {
        return Ok(Vec::new());
    }
    reserve(ctx, std::slice::from_ref(first))?;
    let seed = ctx.keyspace.seed();
    // The largest first: there a member is found most likely.
    let mut others: Vec<&Source> = others.iter().filter(|other| other.len() > 0).collect();
    others.sort_by_key(|other| std::cmp::Reverse(other.len()));
    let mut members: Vec<Scored> = first
        .items()
        .filter(|scored| {
            let member = scored.member;
            !others
                .iter()
                .any(|other| other.score(member, &seed).is_some())
        })
        .collect();
    sort(&mut members);
    Ok(members)
}

/// ZDIFF numkeys key [key ...] [WITHSCORES]
pub(super) fn zdiff(ctx: &mut Context, args: Args) -> Outcome {
    let diff = Combining::parse(ctx, args.from(1), Takes::Scores, "zdiff")?;
    let members = difference(ctx, &diff.sources(ctx.keyspace, ctx.db))?;
    answer(ctx.reply, members.into_iter(), diff.with_scores);
    Ok(())
}

/// ZDIFFSTORE destination numkeys key [key ...]
pub(super) fn zdiffstore(ctx: &mut Context, args: Args) -> Outcome {
    let diff = Combining::parse(ctx, args.from(2), Takes::Nothing, "zdiffstore")?;
    let members = difference(ctx, &diff.sources(ctx.keyspace, ctx.db))?;
    let result = make(ctx, members.into_iter())?;
    store(ctx, args.at(1), result, "zdiffstore", 1);
    Ok(())
}
