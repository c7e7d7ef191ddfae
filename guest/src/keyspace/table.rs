//! One database's keys: densely packed entries, and the order of their deadlines.
//!
//! Knows no time and no guard; keeps no promise about bookkeeping. That is `slot`'s.

use std::ops::Range;

use super::access::Access;
use super::recency::Recency;
use crate::value::Value;
use crate::value::dense::{Dense, Keyed};

const NO_DEADLINE: u32 = u32::MAX;

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

/// A deadline, and whose it is.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    at_ms: i64,
    position: u32,
}

/// The keys of one database.
#[derive(Debug, Default)]
pub struct Table {
    entries: Dense<Entry>,
    /// A binary heap, the earliest first. Each entry knows its place here, each place its entry.
    deadlines: Vec<Deadline>,
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

    /// The value at a position, to change in place.
    #[inline]
    pub fn value_mut(&mut self, position: usize) -> &mut Value {
        &mut self.entry_mut(position).value
    }

    /// Marks the entry as used: `again` makes of what is known of its accesses what is known then.
    #[inline]
    pub fn touch(&mut self, position: usize, again: impl FnOnce(Access) -> Access) {
        let entry = self.entry_mut(position);
        entry.access = again(entry.access);
        if let Some(recency) = &mut self.recency {
            recency.touch(position);
        }
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

    /// Takes the entry at `position` out; the last entry takes its place.
    pub fn remove(&mut self, position: usize) -> Value {
        self.clear_deadline(position);
        if let Some(recency) = &mut self.recency {
            recency.remove(position);
        }
        let gone = self.entries.remove(position);
        if let Some(moved) = self.entries.get(position)
            && moved.deadline != NO_DEADLINE
        {
            self.deadlines[moved.deadline as usize].position = position as u32;
        }
        gone.value
    }

    /// When the entry expires, in milliseconds since the Unix epoch.
    #[inline]
    pub fn deadline_ms(&self, position: usize) -> Option<i64> {
        match self.entry(position).deadline {
            NO_DEADLINE => None,
            place => Some(self.deadlines[place as usize].at_ms),
        }
    }

    /// The earliest deadline and the position of its entry.
    #[inline]
    pub fn next_deadline(&self) -> Option<(i64, usize)> {
        self.deadlines
            .first()
            .map(|first| (first.at_ms, first.position as usize))
    }

    /// The position of one of those that expire; `place` is below [`Table::expiring`].
    pub fn expiring_at(&self, place: usize) -> usize {
        self.deadlines[place].position as usize
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

    /// The mean of all deadlines.
    pub fn average_deadline_ms(&self) -> Option<i64> {
        let sum: i128 = self
            .deadlines
            .iter()
            .map(|deadline| i128::from(deadline.at_ms))
            .sum();
        let mean = sum.checked_div(self.deadlines.len() as i128)?;
        i64::try_from(mean).ok()
    }

    /// Gives the entry a deadline, or another one.
    pub fn set_deadline(&mut self, position: usize, at_ms: i64) {
        let place = match self.entry(position).deadline {
            NO_DEADLINE => {
                let place = self.deadlines.len();
                self.deadlines.push(Deadline {
                    at_ms,
                    position: position as u32,
                });
                self.entry_mut(position).deadline = place as u32;
                place
            }
            place => {
                self.deadlines[place as usize].at_ms = at_ms;
                place as usize
            }
        };
        self.settle(place);
    }

    /// Takes the entry's deadline away; true if it had one.
    pub fn clear_deadline(&mut self, position: usize) -> bool {
        let place = self.entry(position).deadline;
        if place == NO_DEADLINE {
            return false;
        }
        self.entry_mut(position).deadline = NO_DEADLINE;
        self.deadlines.swap_remove(place as usize);
        if (place as usize) < self.deadlines.len() {
            self.settle(place as usize);
        }
        true
    }

    /// Moves the deadline at `place` up or down until the heap is one again.
    fn settle(&mut self, mut place: usize) {
        let moving = self.deadlines[place];
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.deadlines[parent].at_ms <= moving.at_ms {
                break;
            }
            self.put_deadline(place, self.deadlines[parent]);
            place = parent;
        }
        loop {
            let left = 2 * place + 1;
            let Some(first) = self.deadlines.get(left) else {
                break;
            };
            let child = match self.deadlines.get(left + 1) {
                Some(second) if second.at_ms < first.at_ms => left + 1,
                _ => left,
            };
            if moving.at_ms <= self.deadlines[child].at_ms {
                break;
            }
            self.put_deadline(place, self.deadlines[child]);
            place = child;
        }
        self.put_deadline(place, moving);
    }

    fn put_deadline(&mut self, place: usize, deadline: Deadline) {
        self.deadlines[place] = deadline;
        self.entry_mut(deadline.position as usize).deadline = place as u32;
    }
}
