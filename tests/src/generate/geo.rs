//! The geo commands, at random.

use super::Family;

pub const FAMILY: Family = Family {
    name: "geo",
    templates: &[],
    slot: |_| None,
};
