//! The commands on several sets: intersection, union, difference, each answered or stored. Owns in
//! which order the sets are gone through, which shows in the order of a reply and in the form of a
//! result that is stored.

use hashbrown::HashTable;

use super::super::{CommandError, Context, Outcome, bulk_item, error, options};
use super::{MEMBER_OVERHEAD, answer_set, limits};
use crate::keyspace::{EventClass, Keyspace};
use crate::resp::{Aggregate, Args};
use crate::value::hash::{Seed, spread};
use crate::value::set::SetLimits;
use crate::value::{Item, Needle, Set};

/// Looks every key up, as a command that reads them does. True if all exist.
fn read_all(ctx: &mut Context, keys: Args) -> Result<bool, CommandError> {
    let mut all = true;
    for key in keys.iter() {
        match ctx.keyspace.read(ctx.db, key) {
            Some(value) => {
                value.as_set()?;
            }
            None => all = false,
        }
    }
    Ok(all)
}

/// The sets that keys hold, once [`read_all`] has looked at them. One that is not there is empty.
fn sets<'k>(keyspace: &'k Keyspace, db: usize, keys: Args) -> Vec<Option<&'k Set>> {
    keys.iter()
        .map(|key| keyspace.value(db, key)?.as_set().ok())
        .collect()
}

/// Puts a result in its place, or nothing there if it is empty, and answers how many members it has.
fn store(ctx: &mut Context, destination: &[u8], result: Set, event: &'static str) -> Outcome {
    let len = result.len();
    if len == 0 {
        ctx.keyspace.remove(ctx.db, destination);
    } else {
        let mut slot = ctx.keyspace.write(ctx.db, destination);
        slot.put(result);
        slot.event(EventClass::SET, event);
    }
    ctx.reply.integer(len as i64);
    Ok(())
}

/// A set that is being made out of others.
struct Making<'a> {
    set: Set,
    keyspace: &'a Keyspace,
    limits: SetLimits,
    seed: Seed,
}

impl<'a> Making<'a> {
    fn new(set: Set, ctx: &'a Context) -> Self {
        Making {
            set,
            keyspace: ctx.keyspace,
            limits: limits(ctx.config),
            seed: ctx.keyspace.seed(),
        }
    }

    fn add(&mut self, item: Item<'_>) -> Outcome {
        let bytes = item.bytes();
        if !self.keyspace.has_room_for(bytes.len() + MEMBER_OVERHEAD) {
            return Err(error::OUT_OF_MEMORY);
        }
        self.set.add(&bytes, &self.limits, &self.seed);
        Ok(())
    }
}

/// How many members sets have together, those that several have counted several times.
fn total(sets: &[&Set]) -> usize {
    sets.iter()
        .fold(0, |total, set| set.len().saturating_add(total))
}

/// Members met so far, of sets that stay where they are: none is copied.
struct Met<'k> {
    /// With their hash, so that growing looks at none of them.
    items: HashTable<(u32, Item<'k>)>,
    seed: Seed,
}

impl<'k> Met<'k> {
    /// Refuses where there is no room to remember as many members as the sets have.
    fn with_room_for(sets: &[&Set], ctx: &Context) -> Result<Self, CommandError> {
        ctx.reserve(total(sets).saturating_mul(2 * size_of::<(u32, Item)>()))?;
        let least = sets.iter().map(|set| set.len()).max().unwrap_or(0);
        Ok(Met {
            items: HashTable::with_capacity(least),
            seed: ctx.keyspace.seed(),
        })
    }

    fn hash(&self, item: Item<'_>) -> u32 {
        match item {
            Item::Bytes(bytes) => self.seed.hash(bytes),
            Item::Number(number) => self.seed.hash(&number.to_le_bytes()),
        }
    }

    fn contains(&self, item: Item<'_>) -> bool {
        let item = item.canonical();
        self.find(self.hash(item), item)
    }

    fn find(&self, hash: u32, item: Item<'_>) -> bool {
        self.items
            .find(spread(hash), |other| *other == (hash, item))
            .is_some()
    }

    /// True if it was not met before.
    fn meet(&mut self, item: Item<'k>) -> bool {
        let item = item.canonical();
        let hash = self.hash(item);
        let new = !self.find(hash, item);
        if new {
            self.items
                .insert_unique(spread(hash), (hash, item), |(hash, _)| spread(*hash));
        }
        new
    }
}

/// Finds the members that all of the sets have, until `found` has enough. Sorts the sets, the
/// smallest first: its members are looked for in the others.
fn intersect(
    sets: &mut [&Set],
    seed: &Seed,
    mut found: impl FnMut(Item<'_>) -> Result<Enough, CommandError>,
) -> Outcome {
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else {
        return Ok(());
    };
    for item in smallest.items() {
        let needle = Needle::from(item);
        let in_all = others
            .iter()
            .all(|other| std::ptr::eq(*other, *smallest) || other.contains(&needle, seed));
        if in_all && found(item)? == Enough::Yes {
            break;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Enough {
    Yes,
    No,
}

/// SINTER key [key ...]
pub(super) fn sinter(ctx: &mut Context, args: Args) -> Outcome {
    let keys = args.from(1);
    if !read_all(ctx, keys)? {
        ctx.reply.set(0);
        return Ok(());
    }
    let mut sets: Vec<&Set> = sets(ctx.keyspace, ctx.db, keys)
        .into_iter()
        .flatten()
        .collect();
    let mark = ctx.reply.defer();
    let mut len = 0;
    intersect(&mut sets, &ctx.keyspace.seed(), |item| {
        bulk_item(ctx.reply, item);
        len += 1;
        Ok(Enough::No)
    })?;
    ctx.reply.settle(mark, Aggregate::Set, len);
    Ok(())
}

/// SINTERSTORE destination key [key ...]
pub(super) fn sinterstore(ctx: &mut Context, args: Args) -> Outcome {
    let keys = args.from(2);
    let result = if read_all(ctx, keys)? {
        let mut sets: Vec<&Set> = sets(ctx.keyspace, ctx.db, keys)
            .into_iter()
            .flatten()
            .collect();
        let of_numbers = sets
            .iter()
            .min_by_key(|set| set.len())
            .is_some_and(|smallest| smallest.is_intset());
        let set = if of_numbers {
            Set::of_numbers()
        } else {
            Set::packed()
        };
        let mut making = Making::new(set, ctx);
        intersect(&mut sets, &ctx.keyspace.seed(), |item| {
            making.add(item)?;
            Ok(Enough::No)
        })?;
        let limits = making.limits;
        let mut result = making.set;
        result.make_intset(&limits);
        result
    } else {
        Set::packed()
    };
    store(ctx, args.at(1), result, "sinterstore")
}

/// SINTERCARD numkeys key [key ...] [LIMIT limit]
pub(super) fn sintercard(ctx: &mut Context, args: Args) -> Outcome {
    let numkeys = options::at_least_1_or(args.at(1), error::NUMKEYS_NOT_POSITIVE)?;
    let numkeys = usize::try_from(numkeys).unwrap_or(usize::MAX);
    if numkeys > args.len() - 2 {
        return Err(error::MORE_KEYS_THAN_ARGUMENTS);
    }
    let (keys, rest) = (args.range(2..2 + numkeys), args.from(2 + numkeys));
    let mut limit = 0;
    for at in (0..rest.len()).step_by(2) {
        limit = match (rest.at(at), rest.get(at + 1)) {
            (option, Some(limit)) if options::is(option, "LIMIT") => {
                options::positive_or(limit, error::LIMIT_IS_NEGATIVE)?
            }
            _ => return Err(error::SYNTAX),
        };
    }
    let mut len = 0;
    if read_all(ctx, keys)? {
        let mut sets: Vec<&Set> = sets(ctx.keyspace, ctx.db, keys)
            .into_iter()
            .flatten()
            .collect();
        intersect(&mut sets, &ctx.keyspace.seed(), |_| {
            len += 1;
            Ok(if len == limit {
                Enough::Yes
            } else {
                Enough::No
            })
        })?;
    }
    ctx.reply.integer(len);
    Ok(())
}

/// SUNION key [key ...]
pub(super) fn sunion(ctx: &mut Context, args: Args) -> Outcome {
    let keys = args.from(1);
    read_all(ctx, keys)?;
    let sets: Vec<&Set> = sets(ctx.keyspace, ctx.db, keys)
        .into_iter()
        .flatten()
        .collect();
    if let [only] = sets[..] {
        answer_set(ctx.reply, Aggregate::Set, only);
        return Ok(());
    }
    if sets.iter().all(|set| set.is_intset()) {
        // Numbers in order, as they would be stored.
        let mut making = Making::new(Set::of_numbers(), ctx);
        for item in sets.iter().flat_map(|set| set.items()) {
            making.add(item)?;
        }
        let union = making.set;
        answer_set(ctx.reply, Aggregate::Set, &union);
        return Ok(());
    }
    // Members of a few sets are best looked up in those before theirs, unless that means going
    // through them; of many, what was met is remembered.
    let mut met = if sets.len() > 3 || sets.iter().any(|set| set.is_packed()) {
        Some(Met::with_room_for(&sets, ctx)?)
    } else {
        None
    };
    let seed = ctx.keyspace.seed();
    let mark = ctx.reply.defer();
    let mut len = 0;
    for (at, set) in sets.iter().enumerate() {
        for item in set.items() {
            let new = match &mut met {
                Some(met) => met.meet(item),
                None => is_in_none(item, &sets[..at], &seed),
            };
            if new {
                bulk_item(ctx.reply, item);
                len += 1;
            }
        }
    }
    ctx.reply.settle(mark, Aggregate::Set, len);
    Ok(())
}

/// SUNIONSTORE destination key [key ...]
pub(super) fn sunionstore(ctx: &mut Context, args: Args) -> Outcome {
    let keys = args.from(2);
    read_all(ctx, keys)?;
    let mut making = Making::new(Set::of_numbers(), ctx);
    for set in sets(ctx.keyspace, ctx.db, keys).into_iter().flatten() {
        for item in set.items() {
            making.add(item)?;
        }
    }
    let union = making.set;
    store(ctx, args.at(1), union, "sunionstore")
}

/// How to take sets away from the first one.
enum Difference<'k> {
    /// Nothing is left.
    Nothing,
    /// Look every member of the first up in the others.
    LookUp(&'k Set, Vec<&'k Set>),
    /// The first is large or the others are many: go through all of them once.
    GoThrough(&'k Set, Vec<&'k Set>),
}

impl<'k> Difference<'k> {
    /// Chooses as Redis does, since it shows: SDIFFSTORE leaves a set in another form.
    fn of(sets: &[Option<&'k Set>]) -> Self {
        let Some((Some(first), others)) = sets.split_first() else {
            return Difference::Nothing;
        };
        let others: Vec<&Set> = others.iter().copied().flatten().collect();
        if others.iter().any(|other| std::ptr::eq(*other, *first)) {
            return Difference::Nothing;
        }
        let looking_up = first.len().saturating_mul(1 + others.len()) / 2;
        let going_through = total(&others).saturating_add(first.len());
        if looking_up <= going_through {
            Difference::LookUp(first, others)
        } else {
            Difference::GoThrough(first, others)
        }
    }
}

fn is_in_none(item: Item<'_>, others: &[&Set], seed: &Seed) -> bool {
    let needle = Needle::from(item);
    !others.iter().any(|other| other.contains(&needle, seed))
}

/// SDIFF key [key ...]
pub(super) fn sdiff(ctx: &mut Context, args: Args) -> Outcome {
    let keys = args.from(1);
    read_all(ctx, keys)?;
    let sets = sets(ctx.keyspace, ctx.db, keys);
    let seed = ctx.keyspace.seed();
    let mut met = None;
    let (first, others) = match Difference::of(&sets) {
        Difference::Nothing => {
            ctx.reply.set(0);
            return Ok(());
        }
        Difference::LookUp(first, others) => (first, others),
        Difference::GoThrough(first, others) => {
            let met = met.insert(Met::with_room_for(&others, ctx)?);
            for item in others.iter().flat_map(|other| other.items()) {
                met.meet(item);
            }
            (first, others)
        }
    };
    let mark = ctx.reply.defer();
    let mut len = 0;
    for item in first.items() {
        let stays = match &met {
            Some(met) => !met.contains(item),
            None => is_in_none(item, &others, &seed),
        };
        if stays {
            bulk_item(ctx.reply, item);
            len += 1;
        }
    }
    ctx.reply.settle(mark, Aggregate::Set, len);
    Ok(())
}

/// SDIFFSTORE destination key [key ...]
pub(super) fn sdiffstore(ctx: &mut Context, args: Args) -> Outcome {
    let keys = args.from(2);
    read_all(ctx, keys)?;
    let sets = sets(ctx.keyspace, ctx.db, keys);
    let mut making = Making::new(Set::of_numbers(), ctx);
    let seed = ctx.keyspace.seed();
    match Difference::of(&sets) {
        Difference::Nothing => {}
        Difference::LookUp(first, others) => {
            for item in first.items() {
                if is_in_none(item, &others, &seed) {
                    making.add(item)?;
                }
            }
        }
        Difference::GoThrough(first, others) => {
            for item in first.items() {
                making.add(item)?;
            }
            for item in others.iter().flat_map(|other| other.items()) {
                if making.set.is_empty() {
                    break;
                }
                making.set.remove(&Needle::from(item), &seed);
            }
        }
    }
    let difference = making.set;
    store(ctx, args.at(1), difference, "sdiffstore")
}
