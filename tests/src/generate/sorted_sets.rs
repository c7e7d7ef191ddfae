//! The sorted set commands, at random.

use super::Family;

pub const FAMILY: Family = Family {
    name: "sorted_sets",
    templates: &[],
    slot: |_| None,
};
