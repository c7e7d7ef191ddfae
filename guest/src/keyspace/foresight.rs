//! Looking ahead for keys. Where there are many, each is waited for several times: for its place in the
//! index, its entry, its bytes. The processor waits for several keys at a time, if it is asked for them
//! one right after the other; commands, each with all that belongs to it, are too far apart.

use super::table::Table;
use crate::value::Value;
use crate::value::hash::Seed;

/// With fewer keys than this in a database, all of them are near the processor anyway.
const WORTH_IT: usize = 8192;

/// As many keys are looked at together; more would push each other out again.
const AT_ONCE: usize = 64;

/// Keys that are about to be asked for.
pub struct Foresight<'k> {
    table: &'k Table,
    seed: &'k Seed,
    /// Where they most likely are: the first so many.
    positions: [u32; AT_ONCE],
    expected: usize,
}

impl<'k> Foresight<'k> {
    #[inline]
    pub(super) fn of(table: &'k Table, seed: &'k Seed) -> Option<Self> {
        if table.len() < WORTH_IT {
            return None;
        }
        Some(Foresight {
            table,
            seed,
            positions: [0; AT_ONCE],
            expected: 0,
        })
    }

    /// One more. What there is no room for is not looked at.
    #[inline]
    pub fn expect(&mut self, key: &[u8]) {
        if let Some(free) = self.positions.get_mut(self.expected)
            && let Some(position) = self.table.likely(self.seed.hash(key))
        {
            *free = position as u32;
            self.expected += 1;
        }
    }

    /// Looks at all of them. Changes nothing.
    #[inline]
    pub fn look(self) {
        let mut seen = 0;
        for position in &self.positions[..self.expected] {
            let entry = self.table.entry(*position as usize);
            seen ^= entry.key().first().unwrap_or(&0);
            if let Value::String(string) = entry.value() {
                seen ^= string.first_afar().unwrap_or(0);
            }
        }
        // Nobody wants to know it, but the compiler can't tell.
        std::hint::black_box(seen);
    }
}
