//! The order of a large sorted set: a B+tree of scores that counts what is below each node, so that
//! ranks, and the member at a rank, are found in a few steps.
//!
//! A leaf holds scores and the positions of their members; the members themselves lie elsewhere
//! (see [`Members`]) and know their leaf. So who has a member has its score and its rank without
//! comparing anything: members are compared only where one is put in, and only among equal scores.
//!
//! Removing makes no two nodes one: a node goes when it is empty, and when three quarters of the
//! leaves' room are unused, all of it is laid out anew.

use std::ops::Range;

use super::arena::Arena;

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

/// Keys in a leaf, at most. More make ranks cheaper to find and scores dearer.
const LEAF: usize = 64;
/// Children of an inner node, at most.
const FANOUT: usize = 32;
/// No node.
const NONE: u32 = u32::MAX;

/// Where a node hangs: its parent, and as which of its children.
#[derive(Clone, Copy, Debug)]
struct Up {
    inner: u32,
    slot: u32,
}

impl Up {
    const ROOT: Up = Up {
        inner: NONE,
        slot: 0,
    };
}

#[derive(Clone, Debug)]
struct Leaf {
    up: Up,
    /// The leaves with the next lower and the next higher keys.
    lower: u32,
    higher: u32,
    len: u32,
    positions: [u32; LEAF],
    scores: [f64; LEAF],
}

impl Leaf {
    fn new(lower: u32, higher: u32) -> Self {
        Leaf {
            up: Up::ROOT,
            lower,
            higher,
            len: 0,
            positions: [0; LEAF],
            scores: [0.0; LEAF],
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    fn key(&self, index: usize) -> Key {
        Key {
            score: self.scores[index],
            position: self.positions[index],
        }
    }

    #[inline]
    fn find(&self, position: u32) -> Option<usize> {
        self.positions[..self.len()]
            .iter()
            .position(|other| *other == position)
    }

    fn insert(&mut self, index: usize, key: Key) {
        let len = self.len();
        self.positions.copy_within(index..len, index + 1);
        self.scores.copy_within(index..len, index + 1);
        self.positions[index] = key.position;
        self.scores[index] = key.score;
        self.len += 1;
    }

    fn remove(&mut self, index: usize) {
        let len = self.len();
        self.positions.copy_within(index + 1..len, index);
        self.scores.copy_within(index + 1..len, index);
        self.len -= 1;
    }
}

#[derive(Clone, Copy, Debug)]
struct Child {
    first: Key,
    node: u32,
    /// How many keys are below it.
    count: u32,
}

#[derive(Clone, Debug)]
struct Inner {
    up: Up,
    /// How far its children are from being leaves: at level 1 they are.
    level: u32,
    len: u32,
    children: [Child; FANOUT],
}

impl Inner {
    fn new(level: u32) -> Self {
        const NOBODY: Child = Child {
            first: Key {
                score: 0.0,
                position: 0,
            },
            node: NONE,
            count: 0,
        };
        Inner {
            up: Up::ROOT,
            level,
            len: 0,
            children: [NOBODY; FANOUT],
        }
    }

    #[inline]
    fn children(&self) -> &[Child] {
        &self.children[..self.len as usize]
    }

    fn insert(&mut self, slot: usize, child: Child) {
        let len = self.len as usize;
        self.children.copy_within(slot..len, slot + 1);
        self.children[slot] = child;
        self.len += 1;
    }

    fn remove(&mut self, slot: usize) {
        let len = self.len as usize;
        self.children.copy_within(slot + 1..len, slot);
        self.len -= 1;
    }
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

    /// The keys at the ranks of a range, which there are, from either end.
    pub fn keys(&self, ranks: Range<usize>) -> Keys<'_> {
        if ranks.is_empty() {
            let nowhere = Place {
                leaf: self.root,
                index: 0,
            };
            return Keys {
                tree: self,
                front: nowhere,
                back: nowhere,
                left: 0,
            };
        }
        let place = |rank: usize| match rank {
            0 => Place {
                leaf: self.lowest,
                index: 0,
            },
            rank if rank == self.len => Place {
                leaf: self.highest,
                index: self.leaves[self.highest].len(),
            },
            rank => self.place_at(rank),
        };
        Keys {
            tree: self,
            front: place(ranks.start),
            back: place(ranks.end),
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
        self.remove_at(place);
        self.compact(members);
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
            self.remove_at(place);
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

    fn remove_at(&mut self, place: Place) {
        self.len -= 1;
        let leaf = &mut self.leaves[place.leaf];
        leaf.remove(place.index);
        let (up, empty) = (leaf.up, leaf.len == 0);
        self.add_above(up, -1);
        if empty {
            self.drop_leaf(place.leaf);
        } else if place.index == 0 {
            self.refresh_first(place.leaf);
        }
    }

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
        self.leaves.free(number);
        self.drop_child(up);
    }

    fn drop_child(&mut self, up: Up) {
        let inner = &mut self.inners[up.inner];
        inner.remove(up.slot as usize);
        if inner.len == 0 {
            // It is not the root, which is made a child of its own as soon as it has but one.
            let above = inner.up;
            self.inners.free(up.inner);
            return self.drop_child(above);
        }
        let (above, first) = (inner.up, inner.children[0].first);
        self.adopt(up.inner, up.slot as usize);
        if up.slot == 0 {
            self.refresh_above(above, first);
        }
        while self.height > 0 && self.inners[self.root].len == 1 {
            let child = self.inners[self.root].children[0].node;
            self.inners.free(self.root);
            self.root = child;
            self.height -= 1;
            if self.height == 0 {
                self.leaves[child].up = Up::ROOT;
            } else {
                self.inners[child].up = Up::ROOT;
            }
        }
    }

    /// Lays all out anew where three quarters of the room are unused.
    fn compact(&mut self, members: &mut impl Members) {
        const FEW: usize = 8;
        let leaves = self.leaves.allocated();
        if leaves <= FEW || self.len >= leaves * (LEAF / 4) {
            return;
        }
        let sparse = std::mem::take(self);
        for key in sparse.keys(0..sparse.len) {
            self.push(key, members);
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

/// Keys of a [`Tree`], from either end.
#[derive(Clone)]
pub struct Keys<'a> {
    tree: &'a Tree,
    front: Place,
    back: Place,
    left: usize,
}

impl Iterator for Keys<'_> {
    type Item = Key;

    #[inline]
    fn next(&mut self) -> Option<Key> {
        self.left = self.left.checked_sub(1)?;
        let mut leaf = &self.tree.leaves[self.front.leaf];
        if self.front.index == leaf.len() {
            self.front = Place {
                leaf: leaf.higher,
                index: 0,
            };
            leaf = &self.tree.leaves[self.front.leaf];
        }
        let key = leaf.key(self.front.index);
        self.front.index += 1;
        Some(key)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Keys<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Key> {
        self.left = self.left.checked_sub(1)?;
        if self.back.index == 0 {
            let leaf = self.tree.leaves[self.back.leaf].lower;
            self.back = Place {
                leaf,
                index: self.tree.leaves[leaf].len(),
            };
        }
        self.back.index -= 1;
        Some(self.tree.leaves[self.back.leaf].key(self.back.index))
    }
}

impl ExactSizeIterator for Keys<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members that are never taken out: only their keys are.
    struct Names(Vec<(Vec<u8>, u32)>);

    impl Members for Names {
        fn bytes(&self, position: u32) -> &[u8] {
            &self.0[position as usize].0
        }
        fn leaf(&self, position: u32) -> u32 {
            self.0[position as usize].1
        }
        fn set_leaf(&mut self, position: u32, leaf: u32) {
            self.0[position as usize].1 = leaf;
        }
    }

    /// All that has to hold between the nodes below one; returns how many keys there are.
    fn check_node(tree: &Tree, level: u32, node: u32, names: &Names) -> usize {
        if level == 0 {
            let leaf = &tree.leaves[node];
            for position in &leaf.positions[..leaf.len()] {
                assert_eq!(names.leaf(*position), node);
            }
            return leaf.len();
        }
        let inner = &tree.inners[node];
        assert_eq!(inner.level, level);
        assert!(inner.len > 0);
        let mut sum = 0;
        for (slot, child) in inner.children().iter().enumerate() {
            let up = tree.up(level - 1, child.node);
            assert_eq!((up.inner, up.slot as usize), (node, slot));
            assert_eq!(child.first, tree.child(level - 1, child.node).first);
            let below = check_node(tree, level - 1, child.node, names);
            assert_eq!(child.count as usize, below);
            sum += below;
        }
        sum
    }

    fn check(tree: &Tree, model: &[Key], names: &Names) {
        assert_eq!(tree.up(tree.height, tree.root).inner, NONE);
        assert_eq!(check_node(tree, tree.height, tree.root, names), model.len());
        assert_eq!(tree.len, model.len());
        let keys: Vec<Key> = tree.keys(0..tree.len).collect();
        assert_eq!(keys, model);
        let mut backwards: Vec<Key> = tree.keys(0..tree.len).rev().collect();
        backwards.reverse();
        assert_eq!(backwards, model);
    }

    /// Random changes against a sorted vector, through growing and shrinking.
    #[test]
    fn agrees_with_a_sorted_vector() {
        for (seed, scores) in [(1, 1_i64), (2, 20), (3, 1 << 40), (4, 0)] {
            let mut rng = fastrand::Rng::with_seed(seed);
            let total: u32 = 12_000;
            let mut names = Names(
                (0..total)
                    .map(|n| (format!("{:05}", n * 7919 % 99_991).into_bytes(), NONE))
                    .collect(),
            );
            let mut tree = Tree::default();
            let mut model: Vec<Key> = Vec::new();
            let mut outside: Vec<u32> = (0..total).collect();
            let find = |model: &[Key], key: Key, names: &Names| {
                model.partition_point(|other| is_before(*other, key, names))
            };
            for step in 1..60_000_u32 {
                // No range of scores: they come in order.
                let score = match scores {
                    0 => f64::from(step),
                    scores => rng.i64(0..scores) as f64,
                };
                let grows = (step / 15_000).is_multiple_of(2);
                let adds = rng.u32(0..8) < if grows { 6 } else { 1 };
                if model.is_empty() || adds && !outside.is_empty() {
                    let position = outside.swap_remove(rng.usize(0..outside.len()));
                    let key = Key { score, position };
                    tree.insert(key, &mut names);
                    model.insert(find(&model, key, &names), key);
                } else {
                    let at = rng.usize(0..model.len());
                    let key = model.remove(at);
                    assert_eq!(tree.rank(key.position, &names), (at, key.score));
                    if rng.u32(0..3) == 0 {
                        let key = Key { score, ..key };
                        tree.rescore(key.position, score, &mut names);
                        model.insert(find(&model, key, &names), key);
                    } else {
                        tree.remove(key.position, &mut names);
                        outside.push(key.position);
                    }
                }
                if step.is_multiple_of(500) {
                    check(&tree, &model, &names);
                    let (from, to) = (rng.usize(0..=model.len()), rng.usize(0..=model.len()));
                    let ranks = from.min(to)..from.max(to);
                    let keys: Vec<Key> = tree.keys(ranks.clone()).collect();
                    assert_eq!(keys, model[ranks.clone()]);
                    let mut backwards: Vec<Key> = tree.keys(ranks.clone()).rev().collect();
                    backwards.reverse();
                    assert_eq!(backwards, model[ranks]);
                    let leading = tree.count_leading(|key| key.score < score);
                    let expected = model.partition_point(|key| key.score < score);
                    assert_eq!(leading, expected);
                }
            }
            // In order, from one end: what a queue does.
            while !model.is_empty() {
                let key = model.remove(0);
                assert_eq!(tree.rank(key.position, &names), (0, key.score));
                tree.remove(key.position, &mut names);
            }
            check(&tree, &model, &names);
            assert!(tree.leaves.allocated() <= 8);
        }
    }
}
