//! SORT and SORT_RO, at random.

use super::Family;

pub const FAMILY: Family = Family {
    name: "sort",
    templates: &[],
    slot: |_| None,
};
