//! The hash type: fields with values, in a listpack or a hash table, each of which may have a time
//! at which it goes. Knows no key and no command.

/// The fields of a hash.
#[derive(Clone, Debug, Default)]
pub struct Fields {}

impl Fields {
    /// How many fields there are, those included whose time is up but that are still there.
    pub fn len(&self) -> usize {
        0
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `listpack`, `listpackex` or `hashtable`.
    pub fn encoding(&self) -> &'static str {
        "listpack"
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        0
    }
}
