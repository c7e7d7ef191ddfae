//! The list commands, at random.

use super::Family;

pub const FAMILY: Family = Family {
    name: "lists",
    templates: &[],
    slot: |_| None,
};
