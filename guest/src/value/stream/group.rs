//! Consumer groups of a stream: how far a group has read, and which entries were delivered to which
//! consumer and not acknowledged yet. Knows no entry but by its id.

use super::consumers::{Consumer, ConsumerNumber, Consumers};
use super::{ById, Entries, StreamId};

/// An entry that was delivered and is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// To whom.
    pub consumer: ConsumerNumber,
    /// When, the last time, in milliseconds since the Unix epoch.
    pub delivered_ms: i64,
    /// How often.
    pub deliveries: u64,
}

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The last id that was delivered.
    pub last_id: StreamId,
    /// How many entries were read, if that is known.
    pub entries_read: Option<i64>,
    consumers: Consumers,
    pending: ById<Pending>,
}

impl Group {
    /// A group that begins to read after an id.
    pub fn new(last_id: StreamId, entries_read: Option<i64>) -> Self {
        Group {
            last_id,
            entries_read,
            ..Group::default()
        }
    }

    /// Adds a consumer from outside, with the entries that are pending to it: when each was
    /// delivered, and how often. `None` if there is one of that name, or if an entry is pending
    /// already.
    pub fn restore_consumer(
        &mut self,
        name: &[u8],
        seen_ms: i64,
        active_ms: Option<i64>,
        pending: impl IntoIterator<Item = (StreamId, i64, u64)>,
    ) -> Option<()> {
        if self.consumers.find(name).is_some() {
            return None;
        }
        let number = self.consumers.add(name, seen_ms);
        self.consumers.get_mut(number).active_ms = active_ms;
        for (id, delivered_ms, deliveries) in pending {
            let pending = Pending {
                consumer: number,
                delivered_ms,
                deliveries,
            };
            if self.pending.insert(id, pending).is_some() {
                return None;
            }
            self.consumers.get_mut(number).pending.insert(id, ());
        }
        Some(())
    }

    // ---- consumers

    /// The consumer of that name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerNumber> {
        self.consumers.find(name)
    }

    /// A consumer.
    #[inline]
    pub fn consumer(&self, number: ConsumerNumber) -> &Consumer {
        self.consumers.get(number)
    }

    /// All consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.consumers.iter()
    }

    /// Adds a consumer of a name that no other has.
    pub fn add_consumer(&mut self, name: &[u8], now_ms: i64) -> ConsumerNumber {
        self.consumers.add(name, now_ms)
    }

    /// Removes a consumer and what is pending to it; returns how much that is.
    pub fn remove_consumer(&mut self, number: ConsumerNumber) -> usize {
        let pending = self.consumers.remove(number).pending;
        for (id, ()) in pending.iter() {
            self.pending.remove(id);
        }
        pending.len()
    }

    /// The consumer of that name, who now tries something, and whether it was added just for that.
    pub fn enlist(&mut self, name: &[u8], now_ms: i64) -> (ConsumerNumber, bool) {
        match self.find(name) {
            Some(number) => {
                self.consumers.get_mut(number).seen_ms = now_ms;
                (number, false)
            }
            None => (self.add_consumer(name, now_ms), true),
        }
    }

    /// The consumer got something.
    pub fn was_active(&mut self, number: ConsumerNumber, now_ms: i64) {
        self.consumers.get_mut(number).active_ms = Some(now_ms);
    }

    // ---- reading

    /// How many entries are still to be read, as far as that can be told.
    pub fn lag(&self, entries: &Entries) -> Option<i64> {
        entries.lag(self.entries_read, self.last_id)
    }

    /// An entry is read: none before it will be delivered as new.
    #[inline]
    pub fn advance(&mut self, id: StreamId, entries: &Entries) {
        if id > self.last_id {
            self.entries_read = entries.read_until(self.entries_read, self.last_id, id);
            self.last_id = id;
        }
    }

    // ---- what is pending

    /// How much is pending.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// All that is pending, in the order of ids.
    pub fn pending(&self) -> impl Iterator<Item = (StreamId, &Pending)> {
        self.pending.iter()
    }

    /// The last id that is pending.
    pub fn last_pending(&self) -> Option<StreamId> {
        self.pending.last()
    }

    /// What is pending from one id to another, both included.
    pub fn pending_in(
        &self,
        first: StreamId,
        last: StreamId,
    ) -> impl Iterator<Item = (StreamId, &Pending)> {
        self.pending.range(first, last)
    }

    /// What is pending to one consumer, from one id to another, both included.
    pub fn pending_to(
        &self,
        consumer: &Consumer,
        first: StreamId,
        last: StreamId,
    ) -> impl Iterator<Item = (StreamId, &Pending)> {
        let own = consumer.pending.range(first, last);
        own.filter_map(|(id, _)| Some((id, self.pending.get(id)?)))
    }

    /// The first id from `first` on that is pending.
    pub fn next_pending(&self, first: StreamId) -> Option<StreamId> {
        let mut later = self.pending.range(first, StreamId::MAX);
        later.next().map(|(id, _)| id)
    }

    /// The first id from `first` on that is pending to a consumer.
    pub fn next_pending_to(&self, number: ConsumerNumber, first: StreamId) -> Option<StreamId> {
        let own = &self.consumers.get(number).pending;
        let mut later = own.range(first, StreamId::MAX);
        later.next().map(|(id, _)| id)
    }

    /// The pending entry with that id.
    pub fn find_pending(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(id)
    }

    /// A pending entry is delivered once more, to the same consumer.
    pub fn deliver_again(&mut self, id: StreamId, now_ms: i64) {
        if let Some(pending) = self.pending.get_mut(id) {
            pending.delivered_ms = now_ms;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }

    /// The entry is pending to that consumer from now on, whoever had it.
    pub fn assign(&mut self, id: StreamId, pending: Pending) {
        let before = self.pending.insert(id, pending);
        match before {
            Some(before) if before.consumer == pending.consumer => return,
            Some(before) => {
                self.consumers.get_mut(before.consumer).pending.remove(id);
            }
            None => {}
        }
        self.consumers
            .get_mut(pending.consumer)
            .pending
            .insert(id, ());
    }

    /// The entry is not pending any more; false if it was not.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(id) else {
            return false;
        };
        self.consumers.get_mut(pending.consumer).pending.remove(id);
        true
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.consumers.heap_bytes() + self.pending.heap_bytes()
    }
}
