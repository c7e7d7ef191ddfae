//! The HyperLogLog commands, at random.

use super::Family;

pub const FAMILY: Family = Family {
    name: "hyperloglog",
    templates: &[],
    slot: |_| None,
};
