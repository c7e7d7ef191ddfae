//! Tables so large that most of what they hold is far from the processor. Each entry is waited for
//! several times there: for its place in the index, itself, its bytes. The processor waits for several
//! entries at a time, if it is asked for them one right after the other; commands, each with all that
//! belongs to it, are too far apart. So who knows several entries looks at all of them first.

use super::Value;

/// With fewer entries than this, all of them are near the processor anyway.
const FAR: usize = 8192;

/// A table whose entries one may look at beforehand. Nothing is changed.
pub trait Afar {
    /// How many entries there are.
    fn count(&self) -> usize;

    /// True if looking at entries beforehand gains anything.
    #[inline]
    fn is_far(&self) -> bool {
        self.count() >= FAR
    }

    /// Where an entry with that hash most likely is, if there is one; nothing of any entry is looked at.
    fn likely(&self, hash: u32) -> Option<usize>;

    /// Something of all that is going to be asked of the entry at a position.
    fn glance(&self, position: usize) -> u8;
}

/// Looks at what glances see, one right after the other.
#[inline]
pub fn look(glances: impl Iterator<Item = u8>) {
    // Nobody wants to know it, but the compiler can't tell.
    std::hint::black_box(glances.fold(0, |seen, glance| seen ^ glance));
}

impl Value {
    /// The table of a value that has one, to look at some of its members beforehand.
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
