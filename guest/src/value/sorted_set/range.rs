//! What a range of a sorted set is given by: scores or members, each end included or not. Knows no
//! set.

use std::ops::Bound;

/// The lowest or the highest end of a sorted set, from which it is gone through or popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where the lowest score is.
    Lowest,
    /// Where the highest score is.
    Highest,
}

/// Scores between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lowest score.
    pub min: Bound<f64>,
    /// The highest score.
    pub max: Bound<f64>,
}

impl ScoreRange {
    /// True if a score is not below the range.
    #[inline]
    pub fn reaches(&self, score: f64) -> bool {
        match self.min {
            Bound::Included(min) => score >= min,
            Bound::Excluded(min) => score > min,
            Bound::Unbounded => true,
        }
    }

    /// True if a score is not above the range.
    #[inline]
    pub fn within_max(&self, score: f64) -> bool {
        match self.max {
            Bound::Included(max) => score <= max,
            Bound::Excluded(max) => score < max,
            Bound::Unbounded => true,
        }
    }
}

/// One end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every member: `-`.
    Lowest,
    /// Behind every member: `+`.
    Highest,
    /// This member included: `[member`.
    Included(&'a [u8]),
    /// This member excluded: `(member`.
    Excluded(&'a [u8]),
}

/// Members between two bounds, in the order of their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The first member.
    pub min: LexBound<'a>,
    /// The last member.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// True if a member is not before the range.
    #[inline]
    pub fn reaches(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => true,
            LexBound::Highest => false,
            LexBound::Included(min) => member >= min,
            LexBound::Excluded(min) => member > min,
        }
    }

    /// True if a member is not behind the range.
    #[inline]
    pub fn within_max(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Included(max) => member <= max,
            LexBound::Excluded(max) => member < max,
        }
    }

    /// True if no member whatever can be in it.
    pub fn is_empty(&self) -> bool {
        use LexBound::{Excluded, Highest, Included, Lowest};
        match (self.min, self.max) {
            (Highest, _) | (_, Lowest) => true,
            (Lowest, _) | (_, Highest) => false,
            (Included(min), Included(max)) => min > max,
            (Included(min) | Excluded(min), Included(max) | Excluded(max)) => min >= max,
        }
    }
}
