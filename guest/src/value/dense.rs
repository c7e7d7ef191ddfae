//! A hash table without gaps: entries lie one after the other, an index finds them by their bytes.
//! What the keyspace, sets, hashes and sorted sets are made of.
//!
//! Removing an entry moves the last into its place. Two things follow. An entry at random is one
//! position away. And an iteration that goes from the end downwards meets everything that stays: an
//! entry that moves comes from the part already seen, across any growth of the index.

use std::ops::Range;

use hashbrown::HashTable;

use super::afar::Afar;
use super::hash::spread;

/// Entries are allocated in pages: growing copies none of them.
const PAGE: usize = 256;

/// What an entry is found by.
pub trait Keyed {
    /// The hash of [`Keyed::key`], as [`super::hash::Seed`] makes it.
    fn hash(&self) -> u32;
    /// The bytes, different for each entry of a table.
    fn key(&self) -> &[u8];
}

/// Entries, each with a position below [`Dense::len`].
#[derive(Clone, Debug)]
pub struct Dense<T> {
    index: HashTable<u32>,
    pages: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Dense<T> {
    fn default() -> Self {
        Dense {
            index: HashTable::new(),
            pages: Vec::new(),
            len: 0,
        }
    }
}

impl<T: Keyed> Dense<T> {
    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that the index takes on top when `more` entries come: none, but at the few moments when
    /// it grows.
    #[inline]
    pub fn index_growth(&self, more: usize) -> usize {
        // A slot is a position and a tag; there are up to 16/7 slots an entry.
        const SLOT_BYTES: usize = size_of::<u32>() + 1;
        if self.len + more <= self.index.capacity() {
            return 0;
        }
        (self.len + more) * SLOT_BYTES * 16 / 7
    }

    /// Bytes on the heap, without what entries point to.
    pub fn heap_bytes(&self) -> usize {
        let pages: usize = self.pages.iter().map(Vec::capacity).sum();
        pages * size_of::<T>()
            + self.pages.capacity() * size_of::<Vec<T>>()
            + self.index.allocation_size()
    }

    /// Where the entry with that hash and those bytes is.
    #[inline]
    pub fn find(&self, hash: u32, key: &[u8]) -> Option<usize> {
        self.index
            .find(spread(hash), |position| {
                let entry = self.at(*position as usize);
                entry.hash() == hash && entry.key() == key
            })
            .map(|position| *position as usize)
    }

    /// The entry at a position, where there is one.
    #[inline]
    pub fn at(&self, position: usize) -> &T {
        &self.pages[position / PAGE][position % PAGE]
    }

    /// The entry at a position, to change in place; what it is found by stays.
    #[inline]
    pub fn at_mut(&mut self, position: usize) -> &mut T {
        &mut self.pages[position / PAGE][position % PAGE]
    }

    /// The entry at a position, if there are that many.
    #[inline]
    pub fn get(&self, position: usize) -> Option<&T> {
        self.pages.get(position / PAGE)?.get(position % PAGE)
    }

    /// All entries, from the first position to the last.
    #[inline]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter {
            pages: self.pages.iter(),
            page: [].iter(),
            left: self.len,
        }
    }

    /// One step of an iteration that sees at least `count` entries, and every entry that is there
    /// throughout at least once: the next cursor, and the positions to look at, from the last to the
    /// first if any is removed meanwhile. `cursor` 0 begins and ends.
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Range<usize>) {
        let end = match cursor {
            0 => self.len,
            // Entries beyond the cursor are new, or were seen.
            cursor => usize::try_from(cursor).map_or(self.len, |at| at.min(self.len)),
        };
        let start = end.saturating_sub(count);
        (start as u64, start..end)
    }

    /// Adds an entry that is not there yet, at the end; returns its position.
    pub fn insert(&mut self, entry: T) -> usize {
        let (position, hash) = (self.len, entry.hash());
        if position / PAGE == self.pages.len() {
            // The first page starts small: most tables stay small.
            self.pages.push(if position == 0 {
                Vec::new()
            } else {
                Vec::with_capacity(PAGE)
            });
        }
        self.pages[position / PAGE].push(entry);
        self.len += 1;
        let pages = &self.pages;
        self.index
            .insert_unique(spread(hash), position as u32, |position| {
                spread(hash_at(pages, *position))
            });
        position
    }

    /// Takes the entry at a position out; the last one, if it is another, takes its place.
    pub fn remove(&mut self, position: usize) -> T {
        let hash = self.at(position).hash();
        if let Ok(slot) = self
            .index
            .find_entry(spread(hash), |at| *at as usize == position)
        {
            slot.remove();
        }
        self.len -= 1;
        let last = self.len;
        let page = last / PAGE;
        let Some(moved) = self.pages[page].pop() else {
            unreachable!("a table of {last} entries has a last one")
        };
        // One empty page stays, so that an entry coming and going at the edge costs nothing.
        self.pages.truncate(page + 1);
        let gone = if position == last {
            moved
        } else {
            if let Some(at) = self
                .index
                .find_mut(spread(moved.hash()), |at| *at as usize == last)
            {
                *at = position as u32;
            }
            std::mem::replace(self.at_mut(position), moved)
        };
        if self.index.capacity() > 8 * self.len + PAGE {
            let pages = &self.pages;
            self.index
                .shrink_to(2 * self.len, |position| spread(hash_at(pages, *position)));
        }
        gone
    }
}

impl<T: Keyed> Afar for Dense<T> {
    #[inline]
    fn count(&self) -> usize {
        self.len
    }

    #[inline]
    fn likely(&self, hash: u32) -> Option<usize> {
        let position = self.index.iter_hash(spread(hash)).next();
        position.map(|position| *position as usize)
    }

    #[inline]
    fn glance(&self, position: usize) -> u8 {
        *self.at(position).key().first().unwrap_or(&0)
    }
}

#[inline]
fn hash_at<T: Keyed>(pages: &[Vec<T>], position: u32) -> u32 {
    let position = position as usize;
    pages[position / PAGE][position % PAGE].hash()
}

/// All entries of a [`Dense`] table.
#[derive(Clone)]
pub struct Iter<'a, T> {
    pages: std::slice::Iter<'a, Vec<T>>,
    page: std::slice::Iter<'a, T>,
    left: usize,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(entry) = self.page.next() {
                self.left -= 1;
                return Some(entry);
            }
            self.page = self.pages.next()?.iter();
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::value::hash::Seed;

    struct Pair(u32, Vec<u8>, u32);

    impl Keyed for Pair {
        fn hash(&self) -> u32 {
            self.0
        }
        fn key(&self) -> &[u8] {
            &self.1
        }
    }

    /// Random insertions and removals against a map of the standard library.
    #[test]
    fn agrees_with_a_naive_map() {
        let seed = Seed::new(3);
        let mut rng = fastrand::Rng::with_seed(4);
        let mut table: Dense<Pair> = Dense::default();
        let mut model: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        for step in 0..40_000 {
            let key = rng.u32(0..2000).to_string().into_bytes();
            let hash = seed.hash(&key);
            let found = table.find(hash, &key);
            assert_eq!(found.map(|at| table.at(at).2), model.get(&key).copied());
            // Grows to about a thousand, then shrinks to nearly none.
            match found {
                Some(position) if rng.u32(0..40_000) < step => {
                    assert_eq!(Some(table.remove(position).2), model.remove(&key));
                }
                None if rng.u32(0..40_000) > step => {
                    let position = table.insert(Pair(hash, key.clone(), step));
                    assert_eq!(position + 1, table.len());
                    model.insert(key, step);
                }
                _ => {}
            }
            assert_eq!(table.len(), model.len());
        }
        let left: BTreeMap<Vec<u8>, u32> = table.iter().map(|p| (p.1.clone(), p.2)).collect();
        assert_eq!(left, model);
    }
}
