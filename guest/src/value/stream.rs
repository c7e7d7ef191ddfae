//! The stream type: entries in the order of their ids, and the consumer groups that read them. Knows
//! no key and no command.

/// Entries and consumer groups. It stays when it has no entry left, as in Redis.
#[derive(Clone, Debug, Default)]
pub struct Stream {}

impl Stream {
    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        0
    }
}
