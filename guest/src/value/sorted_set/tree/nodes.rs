//! The nodes of the tree: leaves full of keys, inner nodes full of children. Owns how each is laid out
//! and what is shifted where; how they hang together is the tree's.

use super::Key;

/// Keys in a leaf, at most. More make ranks cheaper to find and scores dearer.
pub const LEAF: usize = 64;
/// Children of an inner node, at most.
pub const FANOUT: usize = 32;
/// No node.
pub const NONE: u32 = u32::MAX;

/// Where a node hangs: its parent, and as which of its children.
#[derive(Clone, Copy, Debug)]
pub struct Up {
    /// The parent, [`NONE`] for the root.
    pub inner: u32,
    /// Where in the parent's children.
    pub slot: u32,
}

impl Up {
    /// Nowhere.
    pub const ROOT: Up = Up {
        inner: NONE,
        slot: 0,
    };
}

/// Keys in order.
// In this order of fields what is looked at first lies together.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Leaf {
    /// How many keys there are.
    pub len: u32,
    /// The leaf with the next lower keys, or [`NONE`].
    pub lower: u32,
    /// The leaf with the next higher keys, or [`NONE`].
    pub higher: u32,
    /// Where it hangs.
    pub up: Up,
    /// The positions of the members.
    pub positions: [u32; LEAF],
    /// Their scores.
    pub scores: [f64; LEAF],
}

impl Leaf {
    /// An empty leaf between two others.
    pub fn new(lower: u32, higher: u32) -> Self {
        Leaf {
            up: Up::ROOT,
            lower,
            higher,
            len: 0,
            positions: [0; LEAF],
            scores: [0.0; LEAF],
        }
    }

    /// How many keys there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// The key at an index below [`Leaf::len`].
    #[inline]
    pub fn key(&self, index: usize) -> Key {
        Key {
            score: self.scores[index],
            position: self.positions[index],
        }
    }

    /// The index of a member's key.
    #[inline]
    pub fn find(&self, position: u32) -> Option<usize> {
        self.positions[..self.len()]
            .iter()
            .position(|other| *other == position)
    }

    /// Adds a key at an index; there is room.
    pub fn insert(&mut self, index: usize, key: Key) {
        let len = self.len();
        self.positions.copy_within(index..len, index + 1);
        self.scores.copy_within(index..len, index + 1);
        self.positions[index] = key.position;
        self.scores[index] = key.score;
        self.len += 1;
    }

    /// Takes the key at an index out.
    pub fn remove(&mut self, index: usize) {
        let len = self.len();
        self.positions.copy_within(index + 1..len, index);
        self.scores.copy_within(index + 1..len, index);
        self.len -= 1;
    }
}

/// What an inner node knows of a node that hangs on it.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// The first key below it.
    pub first: Key,
    /// Its number, among the leaves or the inner nodes.
    pub node: u32,
    /// How many keys are below it.
    pub count: u32,
}

/// Children in the order of their keys.
#[derive(Clone, Debug)]
pub struct Inner {
    /// Where it hangs.
    pub up: Up,
    /// How far its children are from being leaves: at level 1 they are.
    pub level: u32,
    /// How many children there are.
    pub len: u32,
    /// The children, and behind them what means nothing.
    pub children: [Child; FANOUT],
}

impl Inner {
    /// A node without children.
    pub fn new(level: u32) -> Self {
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

    /// The children.
    #[inline]
    pub fn children(&self) -> &[Child] {
        &self.children[..self.len as usize]
    }

    /// Adds a child at a slot; there is room.
    pub fn insert(&mut self, slot: usize, child: Child) {
        let len = self.len as usize;
        self.children.copy_within(slot..len, slot + 1);
        self.children[slot] = child;
        self.len += 1;
    }

    /// Takes the child at a slot out.
    pub fn remove(&mut self, slot: usize) {
        let len = self.len as usize;
        self.children.copy_within(slot + 1..len, slot);
        self.len -= 1;
    }
}
