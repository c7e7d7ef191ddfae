//! The set commands, at random.

use super::Family;

pub const FAMILY: Family = Family {
    name: "sets",
    templates: &[],
    slot: |_| None,
};
