//! What types a value may have: a set, small enough to be joined in passing.

use std::ops::BitOr;

/// A set of types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// No type: nothing was seen yet.
    pub const NONE: Kinds = Kinds(0);
    /// nil
    pub const NIL: Kinds = Kinds(1);
    /// A boolean.
    pub const BOOL: Kinds = Kinds(2);
    /// A number.
    pub const NUMBER: Kinds = Kinds(4);
    /// A string.
    pub const STRING: Kinds = Kinds(8);
    /// A table.
    pub const TABLE: Kinds = Kinds(16);
    /// A function.
    pub const FUNCTION: Kinds = Kinds(32);
    /// Anything.
    pub const ANY: Kinds = Kinds(127);
    /// A number, or nothing: what `tonumber` gives.
    pub const MAYBE_NUMBER: Kinds = Kinds(1 | 4);
    /// What concatenates and, mostly, calculates.
    pub const TEXT: Kinds = Kinds(4 | 8);

    /// True if all types are among `other`'s, and there is one.
    pub fn is(self, other: Kinds) -> bool {
        self.0 & !other.0 == 0 && self.0 != 0
    }

    /// True if some type is among `other`'s.
    pub fn may_be(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// Without those.
    pub fn without(self, other: Kinds) -> Kinds {
        Kinds(self.0 & !other.0)
    }

    /// What is left where the value is true.
    pub fn truthy(self) -> Kinds {
        self.without(Kinds::NIL)
    }

    /// What is left where the value is false.
    pub fn falsy(self) -> Kinds {
        Kinds(self.0 & (1 | 2))
    }

    /// Both sets.
    pub const fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }
}

impl BitOr for Kinds {
    type Output = Kinds;

    fn bitor(self, other: Kinds) -> Kinds {
        self.or(other)
    }
}
