//! What happened to keys, for those who asked: keyspace events, and which keys changed. Guards
//! write it; the session reads it after each command. Costs one comparison where nobody asked.

use std::ops::BitOr;

use hashbrown::HashTable;

use super::Propagation;
use crate::value::hash::spread;

/// The classes of keyspace events, as the letters of `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventClass(u32);

impl EventClass {
    /// `g`: DEL, EXPIRE, RENAME …
    pub const GENERIC: EventClass = EventClass(1 << 0);
    /// `$`
    pub const STRING: EventClass = EventClass(1 << 1);
    /// `l`
    pub const LIST: EventClass = EventClass(1 << 2);
    /// `s`
    pub const SET: EventClass = EventClass(1 << 3);
    /// `h`
    pub const HASH: EventClass = EventClass(1 << 4);
    /// `z`
    pub const SORTED_SET: EventClass = EventClass(1 << 5);
    /// `x`
    pub const EXPIRED: EventClass = EventClass(1 << 6);
    /// `e`
    pub const EVICTED: EventClass = EventClass(1 << 7);
    /// `t`
    pub const STREAM: EventClass = EventClass(1 << 8);
    /// `m`
    pub const KEY_MISS: EventClass = EventClass(1 << 9);
    /// `n`
    pub const NEW: EventClass = EventClass(1 << 10);

    /// No class at all.
    pub const NONE: EventClass = EventClass(0);

    /// True if the two share a class.
    #[inline]
    pub fn intersects(self, other: EventClass) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for EventClass {
    type Output = EventClass;

    fn bitor(self, other: EventClass) -> EventClass {
        EventClass(self.0 | other.0)
    }
}

/// Something that happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its class.
    pub class: EventClass,
    /// Its name, such as `set` or `expired`.
    pub name: &'static str,
    /// The database.
    pub db: usize,
    /// The key.
    pub key: Box<[u8]>,
}

/// Why a key is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A command wrote to it.
    Write,
    /// A command did, and it is a list or a sorted set under a key that was there before: no news to who
    /// waits for one.
    Further,
    /// Nobody did: its time was up, or that of a field, or there was no room for it.
    Itself,
    /// All of its database was emptied, or exchanged for another.
    Database,
    /// The same, and where there was no key there is one now whose time is up.
    Overdue,
}

/// A key that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The database.
    pub db: usize,
    /// The key.
    pub key: Box<[u8]>,
    /// Why.
    pub cause: Cause,
}

/// A key that somebody watches or waits for.
#[derive(Debug)]
struct Wanted {
    hash: u32,
    db: usize,
    key: Box<[u8]>,
    /// By how many.
    by: u32,
}

/// Which keys somebody wants to hear of when they change.
#[derive(Debug, Default)]
pub struct Interest {
    wanted: HashTable<Wanted>,
    /// How many want to hear of every key.
    in_all: u32,
}

impl Interest {
    #[inline]
    fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.in_all == 0
    }

    #[inline]
    fn has(&self, db: usize, hash: u32, key: &[u8]) -> bool {
        self.in_all > 0
            || self
                .wanted
                .find(spread(hash), |known| known.db == db && *known.key == *key)
                .is_some()
    }

    pub(super) fn add(&mut self, db: usize, hash: u32, key: &[u8]) {
        let known = self
            .wanted
            .find_mut(spread(hash), |known| known.db == db && *known.key == *key);
        match known {
            Some(known) => known.by += 1,
            None => {
                let wanted = Wanted {
                    hash,
                    db,
                    key: key.into(),
                    by: 1,
                };
                self.wanted
                    .insert_unique(spread(hash), wanted, |wanted| spread(wanted.hash));
            }
        }
    }

    pub(super) fn remove(&mut self, db: usize, hash: u32, key: &[u8]) {
        let known = self
            .wanted
            .find_entry(spread(hash), |known| known.db == db && *known.key == *key);
        if let Ok(mut known) = known {
            known.get_mut().by -= 1;
            if known.get().by == 0 {
                known.remove();
            }
        }
    }

    /// Begins or ends to want all keys.
    pub fn want_all(&mut self, more: bool) {
        self.in_all = if more {
            self.in_all + 1
        } else {
            self.in_all.saturating_sub(1)
        };
    }

    /// The wanted keys of a database.
    pub(super) fn keys_of(&self, db: usize) -> impl Iterator<Item = (u32, &[u8])> {
        self.wanted
            .iter()
            .filter(move |wanted| wanted.db == db)
            .map(|wanted| (wanted.hash, &*wanted.key))
    }
}

/// What happened since it was last read.
#[derive(Debug, Default)]
pub struct Journal {
    /// Which classes somebody listens to.
    pub listening: EventClass,
    /// Who wants to know which keys change.
    pub interest: Interest,
    /// Events, in order.
    pub events: Vec<Event>,
    /// Wanted keys that changed, in order.
    pub changes: Vec<Change>,
    /// Keys, with their database, that nobody sees changed, but that who waits for them has to look at
    /// again (a stream lost a group).
    pub stirred: Vec<(usize, Box<[u8]>)>,
    /// Databases were emptied, for who keeps copies of their keys.
    pub flushed: bool,
    /// Changes as commands, for who follows them.
    pub propagation: Propagation,
    /// Changes since the start: INFO's `rdb_changes_since_last_save`.
    pub dirty: u64,
}

impl Journal {
    /// True if there is nothing to read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.changes.is_empty()
            && self.stirred.is_empty()
            && !self.flushed
    }

    #[inline]
    pub(super) fn event(&mut self, class: EventClass, name: &'static str, db: usize, key: &[u8]) {
        if self.listening.intersects(class) {
            self.events.push(Event {
                class,
                name,
                db,
                key: key.into(),
            });
        }
    }

    /// A command wrote to a key.
    #[inline]
    pub(super) fn changed(&mut self, db: usize, hash: u32, key: &[u8]) {
        self.change(db, hash, key, Cause::Write);
    }

    /// A command wrote to a key, and that is no news to who waits for it.
    #[inline]
    pub(super) fn changed_further(&mut self, db: usize, hash: u32, key: &[u8]) {
        self.change(db, hash, key, Cause::Further);
    }

    /// True if somebody wants to hear of changes.
    #[inline]
    pub(super) fn is_followed(&self) -> bool {
        !self.interest.is_empty()
    }

    /// A key changed, or went, though no command wrote to it.
    #[inline]
    pub(super) fn changed_itself(&mut self, db: usize, hash: u32, key: &[u8]) {
        self.change(db, hash, key, Cause::Itself);
    }

    #[inline]
    fn change(&mut self, db: usize, hash: u32, key: &[u8], cause: Cause) {
        if !self.interest.is_empty() && self.interest.has(db, hash, key) {
            let key = key.into();
            self.changes.push(Change { db, key, cause });
        }
    }

    #[inline]
    pub(super) fn stirred(&mut self, db: usize, hash: u32, key: &[u8]) {
        if !self.interest.is_empty() && self.interest.has(db, hash, key) {
            self.stirred.push((db, key.into()));
        }
    }
}
