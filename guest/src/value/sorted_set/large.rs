//! A large sorted set: its members in a table without gaps, each once, and beside it the tree that
//! has their scores and their order. Owns that the two agree.

use std::ops::Range;

use super::super::afar::Afar;
use super::super::dense::{Dense, Keyed};
use super::range::{End, LexRange, ScoreRange};
use super::tree::{Key, Keys, Members, Tree};

/// A member. 16 bytes on wasm32.
#[derive(Clone, Debug)]
struct Member {
    hash: u32,
    /// The leaf of the tree that has its score.
    leaf: u32,
    bytes: Box<[u8]>,
}

impl Keyed for Member {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }

    #[inline]
    fn key(&self) -> &[u8] {
        &self.bytes
    }
}

impl Members for Dense<Member> {
    #[inline]
    fn bytes(&self, position: u32) -> &[u8] {
        &self.at(position as usize).bytes
    }

    #[inline]
    fn leaf(&self, position: u32) -> u32 {
        self.at(position as usize).leaf
    }

    #[inline]
    fn set_leaf(&mut self, position: u32, leaf: u32) {
        self.at_mut(position as usize).leaf = leaf;
    }
}

impl Afar for Large {
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn likely(&self, hash: u32) -> Option<usize> {
        self.members.likely(hash)
    }

    #[inline]
    fn glance(&self, position: usize) -> u8 {
        self.glance_at_member(position) ^ self.tree.glance(self.members.at(position).leaf)
    }
}

/// Members with scores, in a table and a tree.
#[derive(Clone, Debug, Default)]
pub struct Large {
    members: Dense<Member>,
    tree: Tree,
    /// Of all members together.
    member_bytes: usize,
}

impl Large {
    /// How many members there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.member_bytes + self.members.heap_bytes() + self.tree.heap_bytes()
    }

    // ---- reading

    /// The position of a member.
    #[inline]
    pub fn find(&self, hash: u32, member: &[u8]) -> Option<usize> {
        self.members.find(hash, member)
    }

    /// The member at a position below [`Large::len`].
    #[inline]
    pub fn member(&self, position: usize) -> &[u8] {
        &self.members.at(position).bytes
    }

    /// Its score.
    #[inline]
    pub fn score(&self, position: usize) -> f64 {
        self.tree.score(position as u32, &self.members)
    }

    /// How many members are before it, and its score.
    pub fn rank(&self, position: usize) -> (usize, f64) {
        self.tree.rank(position as u32, &self.members)
    }

    /// The scores at the ranks of a range, which there are, each with the position of its member, from
    /// one end.
    pub fn keys(&self, ranks: Range<usize>, from: End) -> Keys<'_> {
        self.tree.keys(ranks, from)
    }

    /// The ranks of the scores in a range.
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        let start = self.tree.count_leading(|key| !range.reaches(key.score));
        let end = self.tree.count_leading(|key| range.within_max(key.score));
        start..end.max(start)
    }

    /// The ranks of the members in a range, where all scores are the same.
    pub fn ranks_by_lex(&self, range: &LexRange<'_>) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        let member = |key: Key| self.member(key.position as usize);
        let start = self.tree.count_leading(|key| !range.reaches(member(key)));
        let end = self.tree.count_leading(|key| range.within_max(member(key)));
        start..end.max(start)
    }

    /// See [`Dense::scan`].
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Range<usize>) {
        self.members.scan(cursor, count)
    }

    /// Something of the member at a position, without its place in the order.
    #[inline]
    pub fn glance_at_member(&self, position: usize) -> u8 {
        self.members.glance(position)
    }

    // ---- writing

    /// Adds a member that is not there.
    pub fn add(&mut self, hash: u32, member: &[u8], score: f64) {
        let position = self.add_member(hash, member);
        self.tree.insert(Key { score, position }, &mut self.members);
    }

    /// Adds a member that belongs behind all others.
    pub fn push(&mut self, hash: u32, member: &[u8], score: f64) {
        let position = self.add_member(hash, member);
        self.tree.push(Key { score, position }, &mut self.members);
    }

    fn add_member(&mut self, hash: u32, member: &[u8]) -> u32 {
        self.member_bytes += member.len();
        let position = self.members.insert(Member {
            hash,
            leaf: 0,
            bytes: member.into(),
        });
        position as u32
    }

    /// Gives the member at a position another score.
    pub fn rescore(&mut self, position: usize, score: f64) {
        self.tree.rescore(position as u32, score, &mut self.members);
    }

    /// Removes the member at a position; the last one takes its place.
    pub fn remove(&mut self, position: usize) {
        self.tree.remove(position as u32, &mut self.members);
        self.member_bytes -= self.members.remove(position).bytes.len();
        let last = self.members.len();
        if position < last {
            self.tree
                .renumber(last as u32, position as u32, &self.members);
        }
    }
}
