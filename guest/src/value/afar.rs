//! Tables so large that most of what they hold is far from the processor. Each entry is waited for
//! several times there: for its place in the index, itself, its bytes. The processor waits for several
//! entries at a time, if it is asked for them one right after the other; commands, each with all that
//! belongs to it, are too far apart. So who knows several entries looks at all of them first.

use super::Value;

/// With fewer entries than this, all of them are near the processor anyway.
pub const WORTH_IT: usize = 8192;

/// A table whose entries one may look at beforehand. Nothing is changed.
pub trait Afar {
    /// Where an entry with that hash most likely is, if there is one; nothing of any entry is looked at.
    fn likely(&self, hash: u32) -> Option<usize>;

    /// Something of all that is going to be asked of the entry at a position.
    fn glance(&self, position: usize) -> u8;
}

impl Value {
    /// The table of a value with many members, to look at some beforehand.
    #[inline]
    pub fn afar(&self) -> Option<&dyn Afar> {
        match self {
            Value::Set(set) => set.afar(),
            Value::Hash(fields) => fields.afar(),
            Value::SortedSet(set) => set.afar(),
            Value::String(_) | Value::List(_) | Value::Stream(_) | Value::Vectors(_) => None,
        }
    }
}
