//! Many fields: a hash table of them, and the order in which they expire where some do.

use crate::value::deadlines::{Deadlines, NO_DEADLINE};
use crate::value::dense::{Dense, Keyed};
use crate::value::hash::Seed;

/// A field with its value, both in one block. 16 bytes on wasm32.
#[derive(Clone, Debug)]
pub struct Pair {
    hash: u32,
    name_len: u32,
    bytes: Box<[u8]>,
}

impl Pair {
    fn new(hash: u32, name: &[u8], value: &[u8]) -> Self {
        Pair {
            hash,
            name_len: name.len() as u32,
            bytes: [name, value].concat().into_boxed_slice(),
        }
    }

    /// The field.
    #[inline]
    pub fn name(&self) -> &[u8] {
        &self.bytes[..self.name_len as usize]
    }

    /// Its value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        &self.bytes[self.name_len as usize..]
    }

    fn set_value(&mut self, value: &[u8]) {
        let start = self.name_len as usize;
        if self.bytes.len() - start == value.len() {
            self.bytes[start..].copy_from_slice(value);
            return;
        }
        let mut bytes = std::mem::take(&mut self.bytes).into_vec();
        bytes.truncate(start);
        bytes.reserve_exact(value.len());
        bytes.extend_from_slice(value);
        self.bytes = bytes.into_boxed_slice();
    }
}

impl Keyed for Pair {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.name()
    }
}

/// Fields, each at a position.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pairs: Dense<Pair>,
    /// Of all names and values together.
    bytes: usize,
    deadlines: Deadlines,
    /// The places of deadlines by position. Empty while no field expires.
    places: Vec<u32>,
}

impl Table {
    /// How many fields there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// All fields with their values.
    #[inline]
    pub fn pairs(&self) -> &Dense<Pair> {
        &self.pairs
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.bytes
            + self.pairs.heap_bytes()
            + self.deadlines.heap_bytes()
            + self.places.capacity() * size_of::<u32>()
    }

    /// Where the field is.
    #[inline]
    pub fn find(&self, name: &[u8], seed: &Seed) -> Option<usize> {
        self.pairs.find(seed.hash(name), name)
    }

    /// When the field at a position expires.
    #[inline]
    pub fn deadline_ms(&self, position: usize) -> Option<i64> {
        let place = self.places.get(position)?;
        self.deadlines.at_ms(*place)
    }

    /// The earliest deadline.
    #[inline]
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.deadlines.first().map(|(at_ms, _)| at_ms)
    }

    /// Gives a field a value and returns where it is, and whether it is new.
    #[inline]
    pub fn set(&mut self, name: &[u8], value: &[u8], seed: &Seed) -> (usize, bool) {
        let hash = seed.hash(name);
        match self.pairs.find(hash, name) {
            Some(position) => {
                self.set_value(position, value);
                (position, false)
            }
            None => {
                self.bytes += name.len() + value.len();
                if !self.places.is_empty() {
                    self.places.push(NO_DEADLINE);
                }
                (self.pairs.insert(Pair::new(hash, name, value)), true)
            }
        }
    }

    /// Gives the field at a position another value.
    #[inline]
    pub fn set_value(&mut self, position: usize, value: &[u8]) {
        let pair = self.pairs.at_mut(position);
        self.bytes -= pair.bytes.len();
        pair.set_value(value);
        self.bytes += pair.bytes.len();
    }

    /// Gives the field at a position another deadline, or none.
    pub fn set_deadline(&mut self, position: usize, at_ms: Option<i64>) {
        match at_ms {
            Some(at_ms) => {
                if self.places.is_empty() {
                    self.places.resize(self.pairs.len(), NO_DEADLINE);
                }
                let (place, places) = (self.places[position], &mut self.places);
                self.deadlines
                    .set(place, position, at_ms, |position, place| {
                        places[position] = place;
                    });
            }
            None => self.clear_deadline(position),
        }
    }

    fn clear_deadline(&mut self, position: usize) {
        let Some(place) = self.places.get_mut(position) else {
            return;
        };
        let place = std::mem::replace(place, NO_DEADLINE);
        if place == NO_DEADLINE {
            return;
        }
        let places = &mut self.places;
        self.deadlines.remove(place, |position, place| {
            places[position] = place;
        });
        if self.deadlines.is_empty() {
            self.places = Vec::new();
        }
    }

    /// Removes the field at a position; the last one takes its place.
    pub fn remove(&mut self, position: usize) {
        self.clear_deadline(position);
        self.bytes -= self.pairs.remove(position).bytes.len();
        if !self.places.is_empty() {
            self.places.swap_remove(position);
            if let Some(place) = self.places.get(position) {
                self.deadlines.moved(*place, position);
            }
        }
    }

    /// Removes all fields that expire until a time, and names each before; returns how many.
    pub fn remove_due(&mut self, until_ms: i64, mut gone: impl FnMut(&[u8])) -> usize {
        let before = self.len();
        while let Some((at_ms, position)) = self.deadlines.first()
            && at_ms <= until_ms
        {
            gone(self.pairs.at(position).name());
            self.remove(position);
        }
        before - self.len()
    }
}
