//! Looking ahead for what requests that came together are about to ask for, see [`crate::value::afar`].

use super::table::Table;
use crate::value::afar::{self, Afar};
use crate::value::hash::Seed;

/// As many entries are looked at together; more would push each other out again.
const AT_ONCE: usize = 64;

/// Entries of a table that are about to be asked for: keys of a database, or members of a value.
pub struct Foresight<'k, T: Afar + ?Sized> {
    table: &'k T,
    seed: &'k Seed,
    /// Where they most likely are: the first so many.
    positions: [u32; AT_ONCE],
    expected: usize,
}

impl<'k> Foresight<'k, dyn Afar + 'k> {
    /// Of what a key holds; `None` where that would gain nothing.
    #[inline]
    pub(super) fn of_members(table: &'k Table, seed: &'k Seed, key: &[u8]) -> Option<Self> {
        let position = table.find(seed.hash(key), key)?;
        Foresight::of(table.entry(position).value().afar()?, seed)
    }
}

impl<'k, T: Afar + ?Sized> Foresight<'k, T> {
    /// Of what is in a table; `None` where that would gain nothing.
    #[inline]
    pub(super) fn of(table: &'k T, seed: &'k Seed) -> Option<Self> {
        if !table.is_far() {
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
    pub fn expect(&mut self, name: &[u8]) {
        if let Some(free) = self.positions.get_mut(self.expected)
            && let Some(position) = self.table.likely(self.seed.hash(name))
        {
            *free = position as u32;
            self.expected += 1;
        }
    }

    /// Looks at all of them. Changes nothing.
    #[inline]
    pub fn look(self) {
        let positions = &self.positions[..self.expected];
        afar::look(
            positions
                .iter()
                .map(|position| self.table.glance(*position as usize)),
        );
    }
}
