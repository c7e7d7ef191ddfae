//! Looking ahead for what requests that came together are about to ask for, see [`crate::value::afar`].

use super::table::{Entry, Table};
use crate::value::Value;
use crate::value::afar::{Afar, WORTH_IT};
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

impl<'k> Foresight<'k, Table> {
    /// Of keys; `None` where that would gain nothing.
    #[inline]
    pub(super) fn of_keys(table: &'k Table, seed: &'k Seed) -> Option<Self> {
        (table.len() >= WORTH_IT).then(|| Foresight::new(table, seed))
    }
}

impl<'k> Foresight<'k, dyn Afar + 'k> {
    /// Of what a key holds; `None` where that would gain nothing.
    #[inline]
    pub(super) fn of_members(table: &'k Table, seed: &'k Seed, key: &[u8]) -> Option<Self> {
        let position = table.find(seed.hash(key), key)?;
        let members = table.entry(position).value().afar()?;
        Some(Foresight::new(members, seed))
    }
}

impl<'k, T: Afar + ?Sized> Foresight<'k, T> {
    fn new(table: &'k T, seed: &'k Seed) -> Self {
        Foresight {
            table,
            seed,
            positions: [0; AT_ONCE],
            expected: 0,
        }
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
        let mut seen = 0;
        for position in &self.positions[..self.expected] {
            seen ^= self.table.glance(*position as usize);
        }
        // Nobody wants to know it, but the compiler can't tell.
        std::hint::black_box(seen);
    }
}

impl Afar for Table {
    #[inline]
    fn likely(&self, hash: u32) -> Option<usize> {
        Table::likely(self, hash)
    }

    #[inline]
    fn glance(&self, position: usize) -> u8 {
        let entry: &Entry = self.entry(position);
        let afar = match entry.value() {
            Value::String(string) => string.first_afar().unwrap_or(0),
            _ => 0,
        };
        afar ^ entry.key().first().unwrap_or(&0)
    }
}
