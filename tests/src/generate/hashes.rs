//! The hash commands, at random.

use super::Family;

pub const FAMILY: Family = Family {
    name: "hashes",
    templates: &[],
    slot: |_| None,
};
