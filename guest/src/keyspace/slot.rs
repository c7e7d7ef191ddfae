//! The guard of a write. Handlers change a key through it and do no bookkeeping by hand: what has
//! to follow a change is done when the guard goes.

use super::journal::Journal;
use super::table::Table;
use super::{Access, Accounting, EventClass, Keyspace, KeyspaceStats};
use crate::resp::OwnedArgs;
use crate::value::{
    Fields, List, Set, SortedSet, Stream, StringValue, Value, VectorSet, WrongType,
};

/// A key that a command is about to write, existing or not.
pub struct Slot<'k> {
    table: &'k mut Table,
    journal: &'k mut Journal,
    stats: &'k mut KeyspaceStats,
    accounting: Accounting,
    now_us: u64,
    memory_ceiling: usize,
    db: usize,
    key: &'k [u8],
    hash: u32,
    position: Option<usize>,
    /// The key existed when the command came to it. Who waits for a list or a sorted set is woken when there
    /// is one under a key that did not exist; whatever else becomes one is no news, as in Redis.
    was_there: bool,
    changed: bool,
    /// Whether what the key holds may have been left empty, or in no order of what expires.
    unsettled: bool,
    /// As how many changes it counts, if it is changed.
    changes: u64,
    /// Who hears that it is changed.
    told: Told,
}

/// Who hears of a change beside those who count it.
enum Told {
    /// Who watches the key, and who waits for it.
    Everyone,
    /// Who waits for it.
    Waiters,
    Nobody,
}

impl<'k> Slot<'k> {
    #[inline]
    pub(super) fn new(keyspace: &'k mut Keyspace, db: usize, key: &'k [u8]) -> Self {
        let hash = keyspace.seed.hash(key);
        let mut position = keyspace.databases[db].find(hash, key);
        if let Some(found) = position {
            if keyspace.is_due(db, found) {
                keyspace.expire_at(db, found);
                position = None;
            } else {
                keyspace.touch(db, found);
            }
        }
        Slot {
            table: &mut keyspace.databases[db],
            journal: &mut keyspace.journal,
            stats: &mut keyspace.stats,
            accounting: keyspace.accounting,
            now_us: keyspace.now_us,
            memory_ceiling: keyspace.memory_ceiling,
            db,
            key,
            hash,
            position,
            was_there: position.is_some(),
            changed: false,
            unsettled: false,
            changes: 1,
            told: Told::Everyone,
        }
    }

    /// True if the key exists.
    #[inline]
    pub fn exists(&self) -> bool {
        self.position.is_some()
    }

    /// What the key holds.
    #[inline]
    pub fn value(&self) -> Option<&Value> {
        self.position
            .map(|position| self.table.entry(position).value())
    }

    /// Counts a hit or a miss, as [`Keyspace::read`] does: for a command that answers what the key
    /// held before it writes (GETDEL, GETSET…).
    #[inline]
    pub fn count_read(&mut self) {
        if self.exists() {
            self.stats.hits += 1;
        } else {
            self.stats.misses += 1;
            self.event(EventClass::KEY_MISS, "keymiss");
        }
    }

    /// What the key holds, to change in place. Counts as a change.
    #[inline]
    pub fn value_mut(&mut self) -> Option<&mut Value> {
        let position = self.position?;
        self.changed = true;
        let value = self.table.value_mut(position);
        self.unsettled |= value.is_aggregate();
        Some(value)
    }

    /// Stores a value, whatever was there; it does not expire.
    #[inline]
    pub fn put(&mut self, value: impl Into<Value>) {
        self.put_keeping_expiry(value);
        if let Some(position) = self.position {
            self.table.clear_deadline(position);
        }
    }

    /// Stores a value in place of another; when it expires stays as it was.
    #[inline]
    pub fn put_keeping_expiry(&mut self, value: impl Into<Value>) {
        self.changed = true;
        let value = value.into();
        self.unsettled |= value.is_aggregate();
        match self.position {
            Some(position) => *self.table.value_mut(position) = value,
            None => {
                let access = Access::new(self.accounting, self.now_s());
                let table = &mut *self.table;
                self.position = Some(table.insert(self.hash, self.key, value, access));
                self.journal
                    .event(EventClass::NEW, "new", self.db, self.key);
            }
        }
    }

    /// Stores a value as that of a new key: whatever is known of one that was there is forgotten, and
    /// events say that the key is new. Only its place it keeps, so that a SCAN under way does not miss
    /// a name that was there all the time.
    pub fn replace(&mut self, value: impl Into<Value>) {
        let Some(position) = self.position else {
            return self.put(value);
        };
        self.changed = true;
        (self.unsettled, self.was_there) = (true, false);
        let access = Access::new(self.accounting, self.now_s());
        self.table.replace(position, value.into(), access);
        self.event(EventClass::NEW, "new");
    }

    /// What is known of the accesses to the key, this one included.
    pub fn access(&self) -> Option<Access> {
        let entry = |position| self.table.entry(position);
        self.position.map(|position| entry(position).access())
    }

    /// Makes it what was known of the accesses to another key that this one was.
    pub fn set_access(&mut self, access: Access) {
        if let Some(position) = self.position {
            self.table.set_access(position, access);
        }
    }

    /// Makes a change of several members count as that many: INFO shows it.
    pub fn count_changes(&mut self, changes: usize) {
        self.changes = changes as u64;
    }

    /// Takes back that the key counts as changed: it was only laid out differently, and who reads or
    /// watches it sees no difference.
    pub fn only_laid_out_differently(&mut self) {
        self.changed = false;
    }

    /// Counts fields that went because their time was up: INFO shows them.
    pub fn count_expired_fields(&mut self, fields: usize) {
        self.stats.expired_fields += fields as u64;
    }

    /// Tells who follows the changes that a field is gone whose time was up, before anything else.
    pub fn propagate_field_gone(&mut self, name: &[u8]) {
        let propagation = &mut self.journal.propagation;
        propagation.field_gone(self.db, self.key, name);
    }

    /// Removes all fields of the hash whose time is up, counts them and tells who follows; returns how
    /// many.
    pub fn remove_due_fields(&mut self) -> usize {
        let (now_ms, db, key) = (self.now_ms(), self.db, self.key);
        let Some(position) = self.position else {
            return 0;
        };
        self.unsettled = true;
        let propagation = &mut self.journal.propagation;
        let Value::Hash(fields) = self.table.value_mut(position) else {
            return 0;
        };
        let removed = fields.remove_due(now_ms, |name| propagation.field_gone(db, key, name));
        self.changed |= removed > 0;
        self.count_expired_fields(removed);
        removed
    }

    /// Makes the change one that only counts: who watches the key is not told. So it is with a
    /// stream's groups, which to Redis are no part of what the key holds.
    pub fn tell_nobody(&mut self) {
        self.told = Told::Nobody;
    }

    /// As [`Slot::tell_nobody`], but who waits for the key has to look again.
    pub fn tell_waiters_only(&mut self) {
        self.told = Told::Waiters;
    }

    /// Removes the key and hands out what it held.
    pub fn remove(&mut self) -> Option<Value> {
        let position = self.position.take()?;
        self.changed = true;
        self.was_there = false;
        Some(self.table.remove(position))
    }

    /// When the key expires, in milliseconds since the Unix epoch.
    pub fn deadline_ms(&self) -> Option<i64> {
        self.table.deadline_ms(self.position?)
    }

    /// Makes an existing key expire at that time, in milliseconds since the Unix epoch. A time that
    /// is not after now has to be handled before: it would be gone at the next look.
    pub fn expire_at_ms(&mut self, at_ms: i64) {
        if let Some(position) = self.position {
            self.changed = true;
            self.table.set_deadline(position, at_ms);
        }
    }

    /// Makes the key stay; true if it was to expire.
    pub fn persist(&mut self) -> bool {
        let Some(position) = self.position else {
            return false;
        };
        let expired = self.table.clear_deadline(position);
        self.changed |= expired;
        expired
    }

    /// Makes an existing key look as if nobody had used it for so many seconds, unless accesses are
    /// counted.
    pub fn unused_for_s(&mut self, seconds: u64) {
        if self.accounting == Accounting::Recency {
            self.set_access(Access::idle(seconds, self.now_s()));
        }
    }

    /// Makes an existing key look as if it were used that often, where accesses are counted.
    pub fn used_as_often(&mut self, frequency: u8) {
        if self.accounting != Accounting::Recency {
            self.set_access(Access::counted(frequency, self.now_s()));
        }
    }

    /// True if somebody follows the changes, and has to be told.
    pub fn is_followed(&self) -> bool {
        self.journal.propagation.is_followed()
    }

    /// Tells who follows the changes this command instead of the one that runs.
    #[inline]
    pub fn propagate_as(&mut self, words: impl FnOnce(&mut OwnedArgs)) {
        self.journal.propagation.tell_instead(self.db, words);
    }

    /// Tells who follows the changes these commands instead of the one that runs, or nothing if there
    /// are none.
    pub fn propagate_all_as(&mut self, commands: Vec<OwnedArgs>) {
        let db = self.db;
        let propagation = &mut self.journal.propagation;
        propagation.tell_all_instead(db, commands);
    }

    /// Tells who follows the changes that the key is gone, instead of the command that runs.
    pub fn propagate_removal(&mut self, unlinked: bool) {
        let key = self.key;
        self.propagate_as(|command| {
            command.push(if unlinked { b"UNLINK" } else { b"DEL" });
            command.push(key);
        });
    }

    /// Tells subscribers of keyspace events what happened to this key. Several in the order told.
    pub fn event(&mut self, class: EventClass, name: &'static str) {
        self.journal.event(class, name, self.db, self.key);
    }

    /// True if `bytes` more would fit in the instance.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        crate::memory::has_room_for(bytes, self.memory_ceiling)
    }

    /// The time of this command, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        (self.now_us / 1000) as i64
    }

    fn now_s(&self) -> u32 {
        (self.now_us / 1_000_000) as u32
    }
}

impl Slot<'_> {
    /// Sees to an aggregate that was handed out: a hash is in no order, and what is empty has to go.
    fn settle(&mut self) {
        let Some(position) = self.position else {
            return;
        };
        self.table.schedule(position);
        if self.changed && self.table.entry(position).value().is_empty_aggregate() {
            self.table.remove(position);
            self.journal
                .event(EventClass::GENERIC, "del", self.db, self.key);
        }
    }
}

/// What a key holds, as the one type that a command works on.
macro_rules! types {
    ($($type:ty: $get:ident $get_mut:ident $as:ident $as_mut:ident;)*) => {
        impl Slot<'_> {
            $(
                #[doc = concat!("The [`", stringify!($type), "`] the key holds; `None` if there is no such key.")]
                #[inline]
                pub fn $get(&self) -> Result<Option<&$type>, WrongType> {
                    self.value().map(Value::$as).transpose()
                }

                #[doc = concat!("The [`", stringify!($type), "`] the key holds, to change in place. Counts as a change.")]
                #[inline]
                pub fn $get_mut(&mut self) -> Result<Option<&mut $type>, WrongType> {
                    // Looked at first: a wrong type is no change.
                    if self.$get()?.is_none() {
                        return Ok(None);
                    }
                    self.value_mut().map(Value::$as_mut).transpose()
                }
            )*
        }
    };
}

types! {
    StringValue: string string_mut as_string as_string_mut;
    List: list list_mut as_list as_list_mut;
    Set: set set_mut as_set as_set_mut;
    Fields: fields fields_mut as_fields as_fields_mut;
    SortedSet: sorted_set sorted_set_mut as_sorted_set as_sorted_set_mut;
    Stream: stream stream_mut as_stream as_stream_mut;
    VectorSet: vectors vectors_mut as_vectors as_vectors_mut;
}

impl Drop for Slot<'_> {
    #[inline]
    fn drop(&mut self) {
        // Looked at before what is empty goes.
        let is_no_news = self.changed
            && self.was_there
            && self.journal.is_followed()
            && matches!(self.value(), Some(Value::List(_) | Value::SortedSet(_)));
        if self.unsettled {
            self.settle();
        }
        if !self.changed {
            return;
        }
        self.journal.dirty += self.changes;
        match self.told {
            Told::Everyone if is_no_news => {
                self.journal.changed_further(self.db, self.hash, self.key);
            }
            Told::Everyone => self.journal.changed(self.db, self.hash, self.key),
            Told::Waiters => self.journal.stirred(self.db, self.hash, self.key),
            Told::Nobody => {}
        }
    }
}
