//! The stream commands, at random.

use super::Family;

pub const FAMILY: Family = Family {
    name: "streams",
    templates: &[],
    slot: |_| None,
};
