//! DUMP and RESTORE, at random.

use super::Family;

pub const FAMILY: Family = Family {
    name: "dump",
    templates: &[],
    slot: |_| None,
};
