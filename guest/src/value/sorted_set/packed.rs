//! A small sorted set: members and scores in turn in one listpack, laid out as Redis lays them out.
//! Everything is found by going through it. Knows no limit.

use std::ops::Range;

use super::super::listpack::{Item, Listpack, Pair, Pairs, Second};
use super::super::number::{DoubleText, format_double, parse_f64};
use super::range::{End, LexRange, ScoreRange};

/// Members with scores in one listpack.
#[derive(Clone, Debug, Default)]
pub struct Packed(Listpack);

/// A score as it is written.
enum Written {
    Whole(i64),
    Text(DoubleText),
}

impl Written {
    fn new(score: f64) -> Self {
        // -0 is 0 from here on, as in Redis.
        const WHOLE: f64 = (1_u64 << 62) as f64;
        let whole = score as i64;
        if score.abs() <= WHOLE && whole as f64 == score {
            Written::Whole(whole)
        } else {
            Written::Text(format_double(score))
        }
    }

    fn second(&self) -> Second<'_> {
        match self {
            Written::Whole(number) => Second::Number(*number),
            Written::Text(text) => Second::Text(text.as_bytes()),
        }
    }
}

/// Reads a score. What is no number can only come from a payload made by hand.
#[inline]
pub fn read_score(item: Item<'_>) -> f64 {
    match item {
        Item::Number(number) => number as f64,
        Item::Bytes(text) => parse_f64(text).unwrap_or(0.0),
    }
}

/// A member that was found: its rank, its score, and where its pair begins.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// How many members are before it.
    pub rank: usize,
    /// Its score.
    pub score: f64,
    at: usize,
}

impl Packed {
    /// A set of the pairs of a listpack, which are in order and different.
    pub fn new(pairs: Listpack) -> Self {
        Packed(pairs)
    }

    /// The listpack, members and scores in turn.
    pub fn listpack(&self) -> &Listpack {
        &self.0
    }

    /// How many members there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len() / 2
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    // ---- reading

    /// Where a member is.
    #[inline]
    pub fn find(&self, member: &[u8]) -> Option<Found> {
        self.0.find_pair(member).map(|(rank, pair)| Found {
            rank,
            score: read_score(pair.second),
            at: pair.at,
        })
    }

    /// The pairs in order.
    #[inline]
    pub fn pairs(&self) -> Pairs<'_> {
        self.0.pairs()
    }

    /// The pairs from a rank on.
    pub fn pairs_from(&self, rank: usize) -> Pairs<'_> {
        self.0.pairs_from(rank)
    }

    /// The pairs before a rank.
    pub fn pairs_until(&self, rank: usize) -> Pairs<'_> {
        self.0.pairs_until(rank)
    }

    /// The ranks of the scores in a range.
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        let mut scores = self.pairs().map(|pair| read_score(pair.second));
        let mut start = 0;
        let first = scores.by_ref().find(|score| {
            let reaches = range.reaches(*score);
            start += usize::from(!reaches);
            reaches
        });
        let within = |score: &f64| range.within_max(*score);
        let count = first.into_iter().chain(scores).take_while(within).count();
        start..start + count
    }

    /// The ranks of the members in a range, as far as they are found from one end.
    ///
    /// Where scores differ the members are in no order, and what Redis then answers depends on
    /// where it comes from.
    pub fn ranks_by_lex(&self, range: &LexRange<'_>, from: End) -> Range<usize> {
        let reaches = |pair: &Pair| range.reaches(&pair.first.bytes());
        let within = |pair: &Pair| range.within_max(&pair.first.bytes());
        let mut pairs = self.pairs();
        let out_of_range = range.is_empty()
            || !pairs.clone().next_back().is_some_and(|last| reaches(&last))
            || !pairs.clone().next().is_some_and(|first| within(&first));
        if out_of_range {
            return 0..0;
        }
        match from {
            End::Lowest => {
                let start = pairs.clone().take_while(|pair| !reaches(pair)).count();
                let count = pairs.skip(start).take_while(within).count();
                start..start + count
            }
            End::Highest => {
                let mut end = self.len();
                while pairs.next_back().is_some_and(|pair| !within(&pair)) {
                    end -= 1;
                }
                let count = self.pairs_until(end).rev().take_while(reaches).count();
                end - count..end
            }
        }
    }

    // ---- writing

    /// Adds a member that is not there.
    pub fn add(&mut self, member: &[u8], score: f64) {
        let written = Written::new(score);
        match self.first_behind(member, score) {
            Some(at) => self.0.insert_pair(at, member, written.second()),
            None => self.0.push_pair(member, written.second()),
        }
    }

    /// Adds a member that belongs behind all others.
    pub fn push(&mut self, member: &[u8], score: f64) {
        self.0.push_pair(member, Written::new(score).second());
    }

    /// Gives a member that was found another score.
    pub fn rescore(&mut self, member: &[u8], found: Found, score: f64) {
        // Its own pair is passed over: what counts are those around it.
        let mut pairs = self.pairs().filter(|pair| pair.at != found.at);
        let mut rank = 0;
        let behind = pairs.find(|pair| {
            let behind = is_behind(pair, member, score);
            rank += usize::from(!behind);
            behind
        });
        if rank == found.rank {
            let written = Written::new(score);
            self.0.replace_second(found.at, written.second());
        } else {
            debug_assert!(behind.is_some() || rank + 1 == self.len());
            self.remove(found);
            self.add(member, score);
        }
    }

    /// Removes a member that was found.
    pub fn remove(&mut self, found: Found) {
        self.0.remove_pair(found.at);
    }

    /// Removes the members at the ranks of a range, which there are.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        if !ranks.is_empty() {
            self.0.remove(2 * ranks.start, 2 * ranks.len());
        }
    }

    /// True if a member of so many bytes keeps it at a size that Redis takes for safe.
    pub fn may_take(&self, bytes: usize) -> bool {
        self.0.may_take(bytes)
    }

    /// Where the first pair is that belongs behind a new one.
    fn first_behind(&self, member: &[u8], score: f64) -> Option<usize> {
        self.pairs()
            .find(|pair| is_behind(pair, member, score))
            .map(|pair| pair.at)
    }
}

#[inline]
fn is_behind(pair: &Pair<'_>, member: &[u8], score: f64) -> bool {
    let other = read_score(pair.second);
    other > score || other == score && *pair.first.bytes() > *member
}
