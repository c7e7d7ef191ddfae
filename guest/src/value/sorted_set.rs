//! The sorted set type: members with scores, in the order of the scores and, where those are the
//! same, of the members' bytes. Small ones in a listpack (`packed`), large ones in a hash table
//! beside a tree that knows ranks (`large`, `tree`). It never goes back to the small form while
//! members come and go, as in Redis. Knows no key and no command.

mod large;
mod packed;
mod range;
#[cfg(test)]
mod tests;
mod tree;

pub use range::{End, LexBound, LexRange, ScoreRange};

use std::iter::Rev;
use std::ops::Range;

use super::afar::{self, Afar};
use super::hash::Seed;
use super::listpack::{Item, Listpack, Pairs};
use large::Large;
use packed::{Packed, read_score};

/// How large the small form may become.
#[derive(Clone, Copy, Debug)]
pub struct SortedSetLimits {
    /// `zset-max-listpack-entries`
    pub listpack_entries: u64,
    /// `zset-max-listpack-value`
    pub listpack_value: u64,
}

#[derive(Clone, Debug)]
enum Form {
    Packed(Packed),
    Large(Box<Large>),
}

/// Members and their scores, in order. No score is NaN.
#[derive(Clone, Debug)]
pub struct SortedSet(Form);

impl Default for SortedSet {
    /// An empty set in one listpack.
    fn default() -> Self {
        SortedSet(Form::Packed(Packed::default()))
    }
}

/// A member and its score.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// The member.
    pub member: Item<'a>,
    score: Score<'a>,
}

/// A score that may have to be read first: not all who go through a set want it.
#[derive(Clone, Copy, Debug)]
enum Score<'a> {
    Read(f64),
    Packed(Item<'a>),
}

impl<'a> Scored<'a> {
    /// A member with a score.
    pub fn new(member: Item<'a>, score: f64) -> Self {
        let score = Score::Read(score);
        Scored { member, score }
    }

    /// The score.
    #[inline]
    pub fn score(&self) -> f64 {
        match self.score {
            Score::Read(score) => score,
            Score::Packed(item) => read_score(item),
        }
    }
}

/// What [`SortedSet::put`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The member is new.
    Added,
    /// It has another score than before.
    Rescored,
    /// Nothing.
    Nothing,
}

impl SortedSet {
    /// An empty set for about `expected` members, the first of so many bytes.
    pub fn expecting(expected: usize, first_len: usize, limits: &SortedSetLimits) -> Self {
        if expected as u64 <= limits.listpack_entries && first_len as u64 <= limits.listpack_value {
            SortedSet::default()
        } else {
            SortedSet(Form::Large(Box::default()))
        }
    }

    /// Makes it large if it is about to get more new members than the small form may have.
    #[inline]
    pub fn prepare_for(&mut self, expected: usize, limits: &SortedSetLimits, seed: &Seed) {
        if self.is_packed() && expected as u64 > limits.listpack_entries {
            self.make_large(seed);
        }
    }

    /// A set of what comes in order, none twice: small if it may be, whatever the way there.
    pub fn from_sorted<'a>(
        sorted: impl ExactSizeIterator<Item = Scored<'a>>,
        limits: &SortedSetLimits,
        seed: &Seed,
    ) -> Self {
        let mut set = SortedSet::expecting(sorted.len(), 0, limits);
        for scored in sorted {
            let member = scored.member.bytes();
            if let Form::Packed(packed) = &set.0
                && (member.len() as u64 > limits.listpack_value || !packed.may_take(member.len()))
            {
                set.make_large(seed);
            }
            match &mut set.0 {
                Form::Packed(packed) => packed.push(&member, scored.score()),
                Form::Large(large) => large.push(seed.hash(&member), &member, scored.score()),
            }
        }
        set
    }

    /// A set of the pairs of a listpack: member and score in turn, in order, no member twice.
    pub fn from_listpack(pairs: Listpack) -> Self {
        SortedSet(Form::Packed(Packed::new(pairs)))
    }

    /// The listpack of a small set, as Redis would write it.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Form::Packed(packed) => Some(packed.listpack()),
            Form::Large(_) => None,
        }
    }

    /// How many members there are.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed(packed) => packed.len(),
            Form::Large(large) => large.len(),
        }
    }

    /// True if there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `listpack` or `skiplist`.
    pub fn encoding(&self) -> &'static str {
        match self.0 {
            Form::Packed(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// True for a small set, where a member is found by going through all.
    #[inline]
    pub fn is_packed(&self) -> bool {
        matches!(self.0, Form::Packed(_))
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Packed(packed) => packed.heap_bytes(),
            Form::Large(large) => size_of::<Large>() + large.heap_bytes(),
        }
    }

    // ---- reading

    /// See [`super::Value::afar`].
    #[inline]
    pub fn afar(&self) -> Option<&dyn Afar> {
        match &self.0 {
            Form::Large(large) => Some(&**large),
            _ => None,
        }
    }

    /// The score of a member.
    #[inline]
    pub fn score(&self, member: &[u8], seed: &Seed) -> Option<f64> {
        match &self.0 {
            Form::Packed(packed) => packed.find(member).map(|found| found.score),
            Form::Large(large) => large
                .find(seed.hash(member), member)
                .map(|position| large.score(position)),
        }
    }

    /// How many members are before this one, and its score.
    pub fn rank(&self, member: &[u8], seed: &Seed) -> Option<(usize, f64)> {
        match &self.0 {
            Form::Packed(packed) => packed.find(member).map(|found| (found.rank, found.score)),
            Form::Large(large) => large
                .find(seed.hash(member), member)
                .map(|position| large.rank(position)),
        }
    }

    /// All members from one end.
    pub fn items(&self, from: End) -> Items<'_> {
        self.items_at(0..self.len(), from)
    }

    /// The members at the ranks of a range, from one end. Ranks count from the lowest score,
    /// whatever the end.
    pub fn items_at(&self, ranks: Range<usize>, from: End) -> Items<'_> {
        let end = ranks.end.min(self.len());
        let ranks = ranks.start.min(end)..end;
        let left = ranks.len();
        let source = match (&self.0, from) {
            (Form::Packed(packed), End::Lowest) => Source::Packed(packed.pairs_from(ranks.start)),
            (Form::Packed(packed), End::Highest) => {
                Source::PackedBackwards(packed.pairs_until(ranks.end).rev())
            }
            (Form::Large(large), from) => Source::Large {
                set: large,
                keys: large.keys(ranks, from),
                looked_at: if large.is_far() { 0 } else { left },
            },
        };
        Items { source, left }
    }

    /// The ranks of the scores in a range.
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        match &self.0 {
            Form::Packed(packed) => packed.ranks_by_score(range),
            Form::Large(large) => large.ranks_by_score(range),
        }
    }

    /// The ranks of the members in a range, as one finds them from one end. Means something only
    /// where all scores are the same.
    pub fn ranks_by_lex(&self, range: &LexRange<'_>, from: End) -> Range<usize> {
        match &self.0 {
            Form::Packed(packed) => packed.ranks_by_lex(range, from),
            Form::Large(large) => large.ranks_by_lex(range),
        }
    }

    /// The member at a position below [`SortedSet::len`]: for choosing at random. Positions are
    /// ranks in the small form, and in no order in the large one.
    pub fn get(&self, position: usize) -> Option<Scored<'_>> {
        match &self.0 {
            Form::Packed(_) => self.items_at(position..position + 1, End::Lowest).next(),
            Form::Large(large) => (position < large.len()).then(|| large_item(large, position)),
        }
    }

    /// One step of an iteration that sees at least `count` members, and every member that is there
    /// throughout at least once: the next cursor and the members seen. `cursor` 0 begins and ends.
    ///
    /// A listpack is seen as a whole. A table is seen from the end downwards: when a member goes,
    /// the last one takes its place, which was seen before.
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, impl Iterator<Item = Scored<'_>>) {
        let (cursor, packed, large) = match &self.0 {
            Form::Packed(_) => (0, Some(self.items(End::Lowest)), None),
            Form::Large(large) => {
                let (cursor, positions) = large.scan(cursor, count);
                let seen = positions.map(|position| large_item(large, position));
                (cursor, None, Some(seen))
            }
        };
        let (packed, large) = (packed.into_iter().flatten(), large.into_iter().flatten());
        (cursor, packed.chain(large))
    }

    // ---- writing

    /// Puts a member in, or gives it another score. `decide` is told its score, if it is there, and
    /// says the new one, which is a number; `None` leaves all as it is.
    #[inline]
    pub fn put(
        &mut self,
        member: &[u8],
        limits: &SortedSetLimits,
        seed: &Seed,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Put {
        match &mut self.0 {
            Form::Large(large) => {
                let hash = seed.hash(member);
                let found = large.find(hash, member);
                let old = found.map(|position| large.score(position));
                match (found, decide(old)) {
                    (_, None) => Put::Nothing,
                    (Some(_), new) if new == old => Put::Nothing,
                    (Some(position), Some(score)) => {
                        large.rescore(position, score);
                        Put::Rescored
                    }
                    (None, Some(score)) => {
                        large.add(hash, member, score);
                        Put::Added
                    }
                }
            }
            Form::Packed(packed) => {
                let found = packed.find(member);
                let old = found.map(|found| found.score);
                match (found, decide(old)) {
                    (_, None) => Put::Nothing,
                    (Some(_), new) if new == old => Put::Nothing,
                    (Some(found), Some(score)) => {
                        packed.rescore(member, found, score);
                        Put::Rescored
                    }
                    (None, Some(score)) => {
                        if (packed.len() as u64) < limits.listpack_entries
                            && member.len() as u64 <= limits.listpack_value
                            && packed.may_take(member.len())
                        {
                            packed.add(member, score);
                        } else {
                            let hash = seed.hash(member);
                            self.make_large(seed).add(hash, member, score);
                        }
                        Put::Added
                    }
                }
            }
        }
    }

    /// Removes a member; false if there is none.
    pub fn remove(&mut self, member: &[u8], seed: &Seed) -> bool {
        match &mut self.0 {
            Form::Packed(packed) => {
                let found = packed.find(member);
                if let Some(found) = found {
                    packed.remove(found);
                }
                found.is_some()
            }
            Form::Large(large) => {
                let found = large.find(seed.hash(member), member);
                if let Some(position) = found {
                    large.remove(position);
                }
                found.is_some()
            }
        }
    }

    /// Removes the members at the ranks of a range; there are that many.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        match &mut self.0 {
            Form::Packed(packed) => packed.remove_ranks(ranks),
            Form::Large(large) => {
                for _ in ranks.clone() {
                    let lowest = ranks.start..ranks.start + 1;
                    if let Some(key) = large.keys(lowest, End::Lowest).next() {
                        large.remove(key.position as usize);
                    }
                }
            }
        }
    }

    fn make_large(&mut self, seed: &Seed) -> &mut Large {
        if let Form::Packed(packed) = &self.0 {
            let mut large = Box::<Large>::default();
            for pair in packed.pairs() {
                let member = pair.first.bytes();
                large.push(seed.hash(&member), &member, read_score(pair.second));
            }
            self.0 = Form::Large(large);
        }
        match &mut self.0 {
            Form::Large(large) => large,
            // The lines above have left nothing else.
            Form::Packed(_) => unreachable!("the set was made large"),
        }
    }
}

fn large_item(large: &Large, position: usize) -> Scored<'_> {
    Scored::new(Item::Bytes(large.member(position)), large.score(position))
}

/// Members of a [`SortedSet`] with their scores, in order.
#[derive(Clone)]
pub struct Items<'a> {
    source: Source<'a>,
    left: usize,
}

#[derive(Clone)]
enum Source<'a> {
    Packed(Pairs<'a>),
    PackedBackwards(Rev<Pairs<'a>>),
    Large {
        set: &'a Large,
        keys: tree::Keys<'a>,
        /// How many of the next members have been looked at, see [`super::afar`].
        looked_at: usize,
    },
}

/// As many members are looked at together.
const AT_ONCE: usize = 16;

impl<'a> Iterator for Items<'a> {
    type Item = Scored<'a>;

    #[inline]
    fn next(&mut self) -> Option<Scored<'a>> {
        let packed = |pair: super::listpack::Pair<'a>| Scored {
            member: pair.first,
            score: Score::Packed(pair.second),
        };
        let large = |large: &'a Large, key: tree::Key| {
            Scored::new(Item::Bytes(large.member(key.position as usize)), key.score)
        };
        self.left = self.left.checked_sub(1)?;
        match &mut self.source {
            Source::Packed(pairs) => pairs.next().map(packed),
            Source::PackedBackwards(pairs) => pairs.next().map(packed),
            Source::Large {
                set,
                keys,
                looked_at,
            } => {
                if *looked_at == 0 {
                    let next = keys.clone().take(AT_ONCE);
                    afar::look(next.map(|key| set.glance_at_member(key.position as usize)));
                    *looked_at = AT_ONCE;
                }
                *looked_at -= 1;
                keys.next().map(|key| large(set, key))
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Items<'_> {}
