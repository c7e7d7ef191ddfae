//! One database's keys: densely packed entries, the order of their deadlines, and the order in which
//! hashes lose fields.
//!
//! Knows no time and no guard; keeps no promise about bookkeeping. That is `slot`'s.

use std::ops::Range;

use super::access::Access;
use super::recency::Recency;
use crate::value::Value;
use crate::value::afar::Afar;
use crate::value::deadlines::{Deadlines, NO_DEADLINE};
use crate::value::dense::{Dense, Keyed};

/// A key and all that is known of it. 32 bytes on wasm32.
#[derive(Debug)]
pub struct Entry {
    hash: u32,
    key: Box<[u8]>,
    value: Value,
    access: Access,
    /// Where its deadline is in the order of deadlines.
    deadline: u32,
}

impl Entry {
    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// What it holds.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// What is known of the accesses to it.
    pub fn access(&self) -> Access {
        self.access
    }
}

impl Keyed for Entry {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }

    #[inline]
    fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Afar for Table {
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn likely(&self, hash: u32) -> Option<usize> {
        self.entries.likely(hash)
    }

    #[inline]
    fn glance(&self, position: usize) -> u8 {
        let afar = match self.entry(position).value() {
            Value::String(string) => string.first_afar().unwrap_or(0),
            _ => 0,
        };
        afar ^ self.entries.glance(position)
    }
}

/// What is due next in a database, and at which position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A key.
    Key(usize),
    /// Fields of a hash.
    Fields(usize),
}

/// The keys of one database.
#[derive(Debug, Default)]
pub struct Table {
    entries: Dense<Entry>,
    /// When keys expire. Each entry knows the place of its deadline.
    deadlines: Deadlines,
    /// When the first field of each hash expires. Each hash knows the place.
    field_deadlines: Deadlines,
    /// The order of last use, once somebody has asked for it.
    recency: Option<Recency>,
}

impl Table {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many of them expire.
    pub fn expiring(&self) -> usize {
        self.deadlines.len()
    }

    /// How many hashes have fields that expire.
    pub fn with_expiring_fields(&self) -> usize {
        self.field_deadlines.len()
    }

    /// Bytes that the index needs for `more` keys beyond what it has.
    #[inline]
    pub fn index_growth(&self, more: usize) -> usize {
        self.entries.index_growth(more)
    }

    /// Where the key is.
    #[inline]
    pub fn find(&self, hash: u32, key: &[u8]) -> Option<usize> {
        self.entries.find(hash, key)
    }

    /// The entry at a position below [`Table::len`].
    #[inline]
    pub fn entry(&self, position: usize) -> &Entry {
        self.entries.at(position)
    }

    #[inline]
    fn entry_mut(&mut self, position: usize) -> &mut Entry {
        self.entries.at_mut(position)
    }

    /// One step of an iteration, see [`Dense::scan`].
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Range<usize>) {
        self.entries.scan(cursor, count)
    }

    /// The value at a position, to change in place or to replace. A hash stands in no order until
    /// [`Table::schedule`], which has to follow.
    #[inline]
    pub fn value_mut(&mut self, position: usize) -> &mut Value {
        self.unschedule(position);
        &mut self.entry_mut(position).value
    }

    /// Puts a hash where it belongs in the order of first fields to expire, if it has any.
    #[inline(always)]
    pub fn schedule(&mut self, position: usize) {
        if matches!(self.entry(position).value(), Value::Hash(_)) {
            self.schedule_hash(position);
        }
    }

    fn schedule_hash(&mut self, position: usize) {
        let Value::Hash(fields) = self.entry(position).value() else {
            return;
        };
        if let Some(at_ms) = fields.next_deadline_ms() {
            let (place, entries) = (fields.place(), &mut self.entries);
            self.field_deadlines
                .set(place, position, at_ms, |position, place| {
                    place_hash(entries, position, place);
                });
        }
    }

    #[inline(always)]
    fn unschedule(&mut self, position: usize) {
        if matches!(self.entry(position).value(), Value::Hash(_)) {
            self.unschedule_hash(position);
        }
    }

    fn unschedule_hash(&mut self, position: usize) {
        let Value::Hash(fields) = &mut self.entry_mut(position).value else {
            return;
        };
        let place = fields.place();
        if place != NO_DEADLINE {
            fields.set_place(NO_DEADLINE);
            let entries = &mut self.entries;
            self.field_deadlines.remove(place, |position, place| {
                place_hash(entries, position, place);
            });
        }
    }

    /// Marks the entry as used: `again` makes of what is known of its accesses what is known then.
    #[inline(always)]
    pub fn touch(&mut self, position: usize, again: impl FnOnce(Access) -> Access) -> &Entry {
        if let Some(recency) = &mut self.recency {
            recency.touch(position);
        }
        let entry = self.entry_mut(position);
        entry.access = again(entry.access);
        entry
    }

    /// Sets what is known of the accesses to the entry; that is no use of it.
    pub fn set_access(&mut self, position: usize, access: Access) {
        self.entry_mut(position).access = access;
    }

    /// Adds a key that is not there yet, at the end; returns its position.
    pub fn insert(&mut self, hash: u32, key: &[u8], value: Value, access: Access) -> usize {
        if let Some(recency) = &mut self.recency {
            recency.push();
        }
        self.entries.insert(Entry {
            hash,
            key: key.into(),
            value,
            access,
            deadline: NO_DEADLINE,
        })
    }

    /// Makes a new key of the same name of the entry at a position. A hash stands in no order until
    /// [`Table::schedule`], which has to follow.
    pub fn replace(&mut self, position: usize, value: Value, access: Access) {
        self.clear_deadline(position);
        *self.value_mut(position) = value;
        self.touch(position, |_| access);
    }

    /// Takes the entry at `position` out; the last entry takes its place.
    pub fn remove(&mut self, position: usize) -> Value {
        self.clear_deadline(position);
        self.unschedule(position);
        if let Some(recency) = &mut self.recency {
            recency.remove(position);
        }
        let gone = self.entries.remove(position);
        if let Some(moved) = self.entries.get(position) {
            self.deadlines.moved(moved.deadline, position);
            if let Value::Hash(fields) = &moved.value {
                self.field_deadlines.moved(fields.place(), position);
            }
        }
        gone.value
    }

    /// When the entry expires, in milliseconds since the Unix epoch.
    #[inline]
    pub fn deadline_ms(&self, position: usize) -> Option<i64> {
        match self.entry(position).deadline {
            NO_DEADLINE => None,
            place => self.deadlines.at_ms(place),
        }
    }

    /// The earliest deadline, and what is due then. Of a key and a field due together the field
    /// comes first, as in Redis.
    #[inline]
    pub fn next_deadline(&self) -> Option<(i64, Due)> {
        let key = self.deadlines.first();
        let fields = self.field_deadlines.first();
        match (key, fields) {
            (Some((at_ms, position)), None) => Some((at_ms, Due::Key(position))),
            (Some((at_ms, position)), Some((fields_ms, _))) if at_ms < fields_ms => {
                Some((at_ms, Due::Key(position)))
            }
            (_, fields) => fields.map(|(at_ms, position)| (at_ms, Due::Fields(position))),
        }
    }

    /// The earliest deadline of a key, and its position.
    pub fn next_key_deadline(&self) -> Option<(i64, usize)> {
        self.deadlines.first()
    }

    /// The position of one of those that expire; `place` is below [`Table::expiring`].
    pub fn expiring_at(&self, place: usize) -> usize {
        self.deadlines.position(place)
    }

    /// Keeps the order of last use from now on, or not. Of the time before it knows what
    /// `idle_s` tells of each access.
    pub fn keep_order(&mut self, keep: bool, idle_s: impl Fn(Access) -> u32) {
        if !keep {
            self.recency = None;
        } else if self.recency.is_none() {
            let mut positions: Vec<usize> = (0..self.len()).collect();
            positions.sort_by_key(|position| u32::MAX - idle_s(self.entry(*position).access));
            self.recency = Some(Recency::of(positions));
        }
    }

    /// The position of the entry used longest ago, where the order is kept.
    pub fn least_recent(&self) -> Option<usize> {
        self.recency.as_ref()?.oldest()
    }

    /// The mean of all deadlines of keys.
    pub fn average_deadline_ms(&self) -> Option<i64> {
        self.deadlines.mean_ms()
    }

    /// Gives the entry a deadline, or another one.
    pub fn set_deadline(&mut self, position: usize, at_ms: i64) {
        let (place, entries) = (self.entry(position).deadline, &mut self.entries);
        self.deadlines
            .set(place, position, at_ms, |position, place| {
                entries.at_mut(position).deadline = place;
            });
    }

    /// Takes the entry's deadline away; true if it had one.
    #[inline]
    pub fn clear_deadline(&mut self, position: usize) -> bool {
        let place = std::mem::replace(&mut self.entry_mut(position).deadline, NO_DEADLINE);
        if place == NO_DEADLINE {
            return false;
        }
        self.remove_deadline(place);
        true
    }

    fn remove_deadline(&mut self, place: u32) {
        let entries = &mut self.entries;
        self.deadlines.remove(place, |position, place| {
            entries.at_mut(position).deadline = place;
        });
    }
}

/// Tells the hash at a position the place of its deadline.
fn place_hash(entries: &mut Dense<Entry>, position: usize, place: u32) {
    if let Value::Hash(fields) = &mut entries.at_mut(position).value {
        fields.set_place(place);
    }
}
