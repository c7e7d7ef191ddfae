//! The stream type: entries in the order of their ids, and the consumer groups that read them. Knows
//! no key and no command.

mod block;
mod by_id;
mod consumers;
mod cursor;
mod entries;
mod group;
mod id;
mod radix;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use block::{Block, BlockLimits, MOST_BYTES};
pub use by_id::ById;
pub use consumers::{Consumer, ConsumerNumber};
pub use cursor::{Cursor, Direction};
pub use entries::{Counters, Entries, Trim, TrimBy, WantedId};
pub use group::{Group, Pending};
pub use id::{IdText, StreamId};

/// The groups of a stream by their names.
pub type Groups = BTreeMap<Box<[u8]>, Group>;

/// Entries and consumer groups. It stays when it has no entry left, as in Redis.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// What was added and is still there.
    pub entries: Entries,
    /// Who reads it.
    pub groups: Groups,
}

impl Stream {
    /// About how many allocations it takes in Redis, which looks at the first group only.
    pub fn allocations(&self) -> usize {
        let groups = self
            .groups
            .values()
            .next()
            .map_or(0, |first| self.groups.len() * (1 + first.pending_len()));
        self.entries.radix_tree_nodes() as usize + groups
    }

    /// A rough count of bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let groups: usize = self
            .groups
            .iter()
            .map(|(name, group)| name.len() + size_of::<Group>() + group.heap_bytes())
            .sum();
        self.entries.heap_bytes() + groups
    }
}
