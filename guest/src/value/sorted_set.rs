//! The sorted set type: members with scores, in a listpack or in a hash table beside a tree that
//! knows ranks. Knows no key and no command.

/// Members and their scores, in order.
#[derive(Clone, Debug, Default)]
pub struct SortedSet {}

impl SortedSet {
    /// How many members there are.
    pub fn len(&self) -> usize {
        0
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `listpack` or `skiplist`.
    pub fn encoding(&self) -> &'static str {
        "listpack"
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        0
    }
}
