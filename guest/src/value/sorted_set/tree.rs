//! The order of a large sorted set: a B+tree of scores that counts what is below each node, so that
//! ranks, and the member at a rank, are found in a few steps.
//!
//! A leaf holds scores and the positions of their members; the members themselves lie elsewhere
//! (see [`Members`]) and know their leaf. So who has a member has its score and its rank without
//! comparing anything: members are compared only where one is put in, and only among equal scores.
//!
//! Removing is lazy: a node takes in the one beside it only when both together are half full, and goes
//! when it is empty. So a quarter of the room is used at least, and little is moved to and fro.

mod arena;
mod nodes;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::range::End;
use arena::Arena;
use nodes::{Child, FANOUT, Inner, LEAF, Leaf, NONE, Up};

/// What the tree needs of the members, each known by its position.
pub trait Members {
    /// The member's bytes, by which those of the same score are ordered.
    fn bytes(&self, position: u32) -> &[u8];
    /// The leaf that [`Members::set_leaf`] was told last.
    fn leaf(&self, position: u32) -> u32;
    /// Keeps the leaf that the member is in.
    fn set_leaf(&mut self, position: u32, leaf: u32);
}

/// A score and whose it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// The score, which is a number.
    pub score: f64,
    /// The position of the member.
    pub position: u32,
}

/// Keys in order: by score, then by the members' bytes.
#[derive(Clone, Debug)]
pub struct Tree {
    leaves: Arena<Leaf>,
    inners: Arena<Inner>,
    /// An inner node, or a leaf if the height is 0.
    root: u32,
    height: u32,
    lowest: u32,
    highest: u32,
    len: usize,
}

impl Default for Tree {
    fn default() -> Self {
        let mut leaves = Arena::default();
        let root = leaves.add(Leaf::new(NONE, NONE));
        Tree {
            leaves,
            inners: Arena::default(),
            root,
            height: 0,
            lowest: root,
            highest: root,
            len: 0,
        }
    }
}

/// A place between the keys of a leaf, or at one of them.
#[derive(Clone, Copy, Debug)]
struct Place {
    leaf: u32,
    index: usize,
}

impl Tree {
    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.leaves.heap_bytes() + self.inners.heap_bytes()
    }

    // ---- looking

    /// The score of a member.
    #[inline]
    pub fn score(&self, position: u32, members: &impl Members) -> f64 {
        let place = self.place_of(position, members);
        self.leaves[place.leaf].scores[place.index]
    }

    /// The score of a member, and how many keys are before its.
    #[inline]
    pub fn rank(&self, position: u32, members: &impl Members) -> (usize, f64) {
        let place = self.place_of(position, members);
        let leaf = &self.leaves[place.leaf];
        let mut rank = place.index;
        let mut up = leaf.up;
        while up.inner != NONE {
            let inner = &self.inners[up.inner];
            rank += count(&inner.children[..up.slot as usize]);
            up = inner.up;
        }
        (rank, leaf.scores[place.index])
    }

    /// Something of a leaf and of what it hangs on, see [`super::super::afar::Afar::glance`].
    #[inline]
    pub fn glance(&self, leaf: u32) -> u8 {
        let leaf = &self.leaves[leaf];
        let above = match leaf.up.inner {
            NONE => 0,
            inner => self.inners[inner].len,
        };
        (above ^ leaf.positions[LEAF / 2]) as u8
    }

    fn place_of(&self, position: u32, members: &impl Members) -> Place {
        let leaf = members.leaf(position);
        match self.leaves[leaf].find(position) {
            Some(index) => Place { leaf, index },
            None => unreachable!("a member's leaf holds its key"),
        }
    }

    /// How many keys at the lowest end meet a condition. It holds for all up to some key, and for
    /// none behind it.
    pub fn count_leading(&self, holds: impl Fn(Key) -> bool) -> usize {
        let (mut node, mut passed) = (self.root, 0);
        for _ in 0..self.height {
            let children = self.inners[node].children();
            let leading = children.partition_point(|child| holds(child.first));
            let Some(slot) = leading.checked_sub(1) else {
                return passed;
            };
            passed += count(&children[..slot]);
            node = children[slot].node;
        }
        let leaf = &self.leaves[node];
        passed + partition_point(leaf.len(), |index| holds(leaf.key(index)))
    }

    /// The keys at the ranks of a range, which there are, from one end of it.
    pub fn keys(&self, ranks: Range<usize>, from: End) -> Keys<'_> {
        let first = match from {
            End::Lowest => ranks.start,
            End::Highest => ranks.end,
        };
        let place = if first == 0 {
            Place {
                leaf: self.lowest,
                index: 0,
            }
        } else if first == self.len {
            Place {
                leaf: self.highest,
                index: self.leaves[self.highest].len(),
            }
        } else {
            self.place_at(first)
        };
        Keys {
            tree: self,
            place,
            from,
            left: ranks.len(),
        }
    }

    /// The place of the key at a rank, which there is.
    fn place_at(&self, mut rank: usize) -> Place {
        let mut node = self.root;
        for _ in 0..self.height {
            for child in self.inners[node].children() {
                if rank < child.count as usize {
                    node = child.node;
                    break;
                }
                rank -= child.count as usize;
            }
        }
        Place {
            leaf: node,
            index: rank,
        }
    }

    // ---- changing

    /// Adds a key; its member is there, but has no leaf yet.
    pub fn insert(&mut self, key: Key, members: &mut impl Members) {
        let place = self.place_for(key, members);
        self.insert_at(place, key, members);
    }

    /// Adds a key that is behind all others.
    pub fn push(&mut self, key: Key, members: &mut impl Members) {
        let place = Place {
            leaf: self.highest,
            index: self.leaves[self.highest].len(),
        };
        self.insert_at(place, key, members);
    }

    /// Takes a member's key out.
    pub fn remove(&mut self, position: u32, members: &mut impl Members) {
        let place = self.place_of(position, members);
        self.remove_at(place, members);
    }

    /// Gives a member another score.
    pub fn rescore(&mut self, position: u32, score: f64, members: &mut impl Members) {
        let key = Key { score, position };
        let place = self.place_of(position, members);
        let stays = {
            let after_lower = self
                .lower(place)
                .is_none_or(|other| is_before(other, key, members));
            let before_higher = |other| is_before(key, other, members);
            after_lower && self.higher(place).is_none_or(before_higher)
        };
        if stays {
            self.leaves[place.leaf].scores[place.index] = score;
            if place.index == 0 {
                self.refresh_first(place.leaf);
            }
        } else {
            self.remove_at(place, members);
            self.insert(key, members);
        }
    }

    /// The member at position `from`, which may be gone from there, is now at `to`.
    pub fn renumber(&mut self, from: u32, to: u32, members: &impl Members) {
        let number = members.leaf(to);
        let leaf = &mut self.leaves[number];
        if let Some(index) = leaf.find(from) {
            leaf.positions[index] = to;
            if index == 0 {
                self.refresh_first(number);
            }
        }
    }

    /// Where a key belongs that is not there.
    fn place_for(&self, key: Key, members: &impl Members) -> Place {
        let mut node = self.root;
        for _ in 0..self.height {
            let children = self.inners[node].children();
            let lower = children.partition_point(|child| is_before(child.first, key, members));
            node = children[lower.saturating_sub(1)].node;
        }
        let leaf = &self.leaves[node];
        let index = partition_point(leaf.len(), |index| is_before(leaf.key(index), key, members));
        Place { leaf: node, index }
    }

    fn lower(&self, place: Place) -> Option<Key> {
        let leaf = &self.leaves[place.leaf];
        match place.index.checked_sub(1) {
            Some(index) => Some(leaf.key(index)),
            None if leaf.lower == NONE => None,
            None => {
                let lower = &self.leaves[leaf.lower];
                Some(lower.key(lower.len() - 1))
            }
        }
    }

    fn higher(&self, place: Place) -> Option<Key> {
        let leaf = &self.leaves[place.leaf];
        if place.index + 1 < leaf.len() {
            Some(leaf.key(place.index + 1))
        } else if leaf.higher == NONE {
            None
        } else {
            Some(self.leaves[leaf.higher].key(0))
        }
    }

    fn insert_at(&mut self, place: Place, key: Key, members: &mut impl Members) {
        let Place { leaf, index } = place;
        self.len += 1;
        self.add_above(self.leaves[leaf].up, 1);
        let mut home = place;
        let mut split_off = None;
        if self.leaves[leaf].len() == LEAF {
            // Keys that come in order leave full leaves behind.
            let comes_last = index == LEAF && leaf == self.highest;
            let kept = if comes_last { LEAF } else { LEAF / 2 };
            let new = self.split_leaf(leaf, kept, members);
            split_off = Some(new);
            if index >= kept {
                home = Place {
                    leaf: new,
                    index: index - kept,
                };
            }
        }
        self.leaves[home.leaf].insert(home.index, key);
        members.set_leaf(key.position, home.leaf);
        if let Some(new) = split_off {
            self.hang_beside(0, leaf, new);
        }
        if home.index == 0 {
            self.refresh_first(home.leaf);
        }
    }

    /// Moves the keys of a leaf behind the first `kept` to a new leaf, which hangs nowhere yet.
    fn split_leaf(&mut self, number: u32, kept: usize, members: &mut impl Members) -> u32 {
        let higher = self.leaves[number].higher;
        let new = self.leaves.add(Leaf::new(number, higher));
        let leaf = &mut self.leaves[number];
        let (len, positions, scores) = (leaf.len(), leaf.positions, leaf.scores);
        leaf.len = kept as u32;
        leaf.higher = new;
        if higher == NONE {
            self.highest = new;
        } else {
            self.leaves[higher].lower = new;
        }
        let moved = len - kept;
        let right = &mut self.leaves[new];
        right.len = moved as u32;
        right.positions[..moved].copy_from_slice(&positions[kept..len]);
        right.scores[..moved].copy_from_slice(&scores[kept..len]);
        for position in &positions[kept..len] {
            members.set_leaf(*position, new);
        }
        new
    }

    /// Hangs a new node, to which keys of `node` went, right behind it. All that is above counts
    /// the keys already.
    fn hang_beside(&mut self, level: u32, node: u32, new: u32) {
        let children = [self.child(level, node), self.child(level, new)];
        let up = self.up(level, node);
        if up.inner == NONE {
            let mut root = Inner::new(level + 1);
            root.insert(0, children[0]);
            root.insert(1, children[1]);
            self.root = self.inners.add(root);
            self.height = level + 1;
            return self.adopt(self.root, 0);
        }
        let (parent, slot) = (up.inner, up.slot as usize + 1);
        let inner = &mut self.inners[parent];
        inner.children[slot - 1] = children[0];
        if (inner.len as usize) < FANOUT {
            inner.insert(slot, children[1]);
            return self.adopt(parent, slot);
        }
        let kept = if slot == FANOUT { FANOUT } else { FANOUT / 2 };
        let mut right = Inner::new(level + 1);
        let moved = FANOUT - kept;
        right.children[..moved].copy_from_slice(&inner.children[kept..]);
        right.len = moved as u32;
        inner.len = kept as u32;
        if slot < kept {
            inner.insert(slot, children[1]);
        } else {
            right.insert(slot - kept, children[1]);
        }
        let right = self.inners.add(right);
        self.adopt(parent, slot.min(kept));
        self.adopt(right, 0);
        self.hang_beside(level + 1, parent, right);
    }

    /// Tells the children of an inner node, from `slot` on, where they hang.
    fn adopt(&mut self, parent: u32, slot: usize) {
        let inner = &self.inners[parent];
        let (level, children, len) = (inner.level, inner.children, inner.len as usize);
        for (slot, child) in children.iter().enumerate().take(len).skip(slot) {
            let up = Up {
                inner: parent,
                slot: slot as u32,
            };
            if level == 1 {
                self.leaves[child.node].up = up;
            } else {
                self.inners[child.node].up = up;
            }
        }
    }

    fn up(&self, level: u32, node: u32) -> Up {
        if level == 0 {
            self.leaves[node].up
        } else {
            self.inners[node].up
        }
    }

    /// What a parent has to know of a node that is not empty.
    fn child(&self, level: u32, node: u32) -> Child {
        let (first, count) = if level == 0 {
            let leaf = &self.leaves[node];
            (leaf.key(0), leaf.len)
        } else {
            let children = self.inners[node].children();
            (children[0].first, count(children) as u32)
        };
        Child { first, node, count }
    }

    /// Counts one key more, or less, in a node and all above it.
    fn add_above(&mut self, mut up: Up, change: i32) {
        while up.inner != NONE {
            let inner = &mut self.inners[up.inner];
            let count = &mut inner.children[up.slot as usize].count;
            *count = count.wrapping_add_signed(change);
            up = inner.up;
        }
    }

    /// Tells all above a leaf that its first key is another one.
    fn refresh_first(&mut self, leaf: u32) {
        let leaf = &self.leaves[leaf];
        self.refresh_above(leaf.up, leaf.key(0));
    }

    fn refresh_above(&mut self, mut up: Up, first: Key) {
        while up.inner != NONE {
            let inner = &mut self.inners[up.inner];
            inner.children[up.slot as usize].first = first;
            if up.slot != 0 {
                break;
            }
            up = inner.up;
        }
    }

    fn remove_at(&mut self, place: Place, members: &mut impl Members) {
        self.len -= 1;
        let leaf = &mut self.leaves[place.leaf];
        leaf.remove(place.index);
        let (up, len) = (leaf.up, leaf.len());
        self.add_above(up, -1);
        if len == 0 {
            return self.drop_leaf(place.leaf);
        }
        if place.index == 0 {
            self.refresh_first(place.leaf);
        }
        if len <= LEAF / 4
            && let Some((left, right)) = self.mergeable(up, LEAF / 2)
        {
            self.merge_leaves(left, right, members);
        }
    }

    /// A child that has become small and one beside it, the lower one first, if together they have no
    /// more than `most`.
    fn mergeable(&self, up: Up, most: usize) -> Option<(u32, u32)> {
        if up.inner == NONE {
            return None;
        }
        let inner = &self.inners[up.inner];
        let size = |child: &Child| match inner.level {
            1 => self.leaves[child.node].len(),
            _ => self.inners[child.node].len as usize,
        };
        let slot = up.slot as usize;
        let pairs = [Some(slot), slot.checked_sub(1)];
        pairs.into_iter().flatten().find_map(|left| {
            let [left, right] = inner.children().get(left..left + 2)? else {
                return None;
            };
            (size(left) + size(right) <= most).then_some((left.node, right.node))
        })
    }

    /// Moves all keys of a leaf to the one before it.
    fn merge_leaves(&mut self, left: u32, right: u32, members: &mut impl Members) {
        let moved = self.leaves[right].clone();
        let moved_len = moved.len();
        let leaf = &mut self.leaves[left];
        let (start, end) = (leaf.len(), leaf.len() + moved_len);
        leaf.positions[start..end].copy_from_slice(&moved.positions[..moved_len]);
        leaf.scores[start..end].copy_from_slice(&moved.scores[..moved_len]);
        leaf.len = end as u32;
        for position in &moved.positions[..moved_len] {
            members.set_leaf(*position, left);
        }
        let Up { inner, slot } = leaf.up;
        self.inners[inner].children[slot as usize].count += moved_len as u32;
        self.drop_leaf(right);
    }

    /// Takes out a leaf that holds no keys any more, or that has given them to another.
    fn drop_leaf(&mut self, number: u32) {
        let Leaf {
            up, lower, higher, ..
        } = self.leaves[number];
        if up.inner == NONE {
            // The last one stays, empty.
            return;
        }
        match lower {
            NONE => self.lowest = higher,
            lower => self.leaves[lower].higher = higher,
        }
        match higher {
            NONE => self.highest = lower,
            higher => self.leaves[higher].lower = lower,
        }
        self.leaves.remove(number);
        self.drop_child(up);
    }

    fn drop_child(&mut self, up: Up) {
        let inner = &mut self.inners[up.inner];
        inner.remove(up.slot as usize);
        let (above, len) = (inner.up, inner.len as usize);
        if len == 0 {
            // It is not the root, in whose place its last child comes.
            self.inners.remove(up.inner);
            return self.drop_child(above);
        }
        let first = inner.children[0].first;
        self.adopt(up.inner, up.slot as usize);
        if up.slot == 0 {
            self.refresh_above(above, first);
        }
        if above.inner == NONE {
            self.lower_root();
        } else if len <= FANOUT / 4
            && let Some((left, right)) = self.mergeable(above, FANOUT / 2)
        {
            self.merge_inners(left, right);
        }
    }

    /// Moves all children of an inner node to the one before it.
    fn merge_inners(&mut self, left: u32, right: u32) {
        let moved = self.inners[right].clone();
        let moved_len = moved.len as usize;
        let inner = &mut self.inners[left];
        let start = inner.len as usize;
        inner.children[start..start + moved_len].copy_from_slice(moved.children());
        inner.len += moved.len;
        let Up { inner: above, slot } = inner.up;
        let count = count(moved.children()) as u32;
        self.inners[above].children[slot as usize].count += count;
        self.adopt(left, start);
        self.inners.remove(right);
        self.drop_child(moved.up);
    }

    /// Puts the only child of the root in its place, as often as it has but one.
    fn lower_root(&mut self) {
        while self.height > 0 && self.inners[self.root].len == 1 {
            let child = self.inners[self.root].children[0].node;
            self.inners.remove(self.root);
            self.root = child;
            self.height -= 1;
            if self.height == 0 {
                self.leaves[child].up = Up::ROOT;
            } else {
                self.inners[child].up = Up::ROOT;
            }
        }
    }
}

#[inline]
fn is_before(one: Key, other: Key, members: &impl Members) -> bool {
    one.score < other.score
        || one.score == other.score && members.bytes(one.position) < members.bytes(other.position)
}

#[inline]
fn count(children: &[Child]) -> usize {
    children.iter().map(|child| child.count as usize).sum()
}

/// The first of the numbers below `len` for which the condition does not hold; it holds for all
/// before and for none behind.
#[inline]
fn partition_point(len: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Keys of a [`Tree`], in order from one end.
#[derive(Clone)]
pub struct Keys<'a> {
    tree: &'a Tree,
    /// Before the next key, or behind it if they come from the highest.
    place: Place,
    from: End,
    left: usize,
}

impl Iterator for Keys<'_> {
    type Item = Key;

    #[inline]
    fn next(&mut self) -> Option<Key> {
        self.left = self.left.checked_sub(1)?;
        let Place { leaf, index } = &mut self.place;
        let mut keys = &self.tree.leaves[*leaf];
        Some(match self.from {
            End::Lowest => {
                if *index == keys.len() {
                    (*leaf, *index) = (keys.higher, 0);
                    keys = &self.tree.leaves[*leaf];
                }
                *index += 1;
                keys.key(*index - 1)
            }
            End::Highest => {
                if *index == 0 {
                    *leaf = keys.lower;
                    keys = &self.tree.leaves[*leaf];
                    *index = keys.len();
                }
                *index -= 1;
                keys.key(*index)
            }
        })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Keys<'_> {}
