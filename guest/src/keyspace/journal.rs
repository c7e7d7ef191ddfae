//! What happened to keys, for those who asked: keyspace events, and which keys changed. Guards
//! write it; the gate reads it after each command. Costs one comparison where nobody asked.

use std::ops::BitOr;

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

/// What happened since it was last read.
#[derive(Debug, Default)]
pub struct Journal {
    /// Which classes somebody listens to.
    pub listening: EventClass,
    /// Whether somebody wants to know which keys change.
    pub watching: bool,
    /// Events, in order.
    pub events: Vec<Event>,
    /// Keys that changed, with their database.
    pub changes: Vec<(usize, Box<[u8]>)>,
    /// Keys, with their database, that nobody sees changed, but that who waits for them has to look at
    /// again (a stream lost a group).
    pub stirred: Vec<(usize, Box<[u8]>)>,
    /// Databases that were emptied or exchanged as a whole.
    pub replacements: Vec<usize>,
    /// Changes since the start: INFO's `rdb_changes_since_last_save`.
    pub dirty: u64,
}

impl Journal {
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

    #[inline]
    pub(super) fn changed(&mut self, db: usize, key: &[u8]) {
        if self.watching {
            self.changes.push((db, key.into()));
        }
    }

    pub(super) fn stirred(&mut self, db: usize, key: &[u8]) {
        if self.watching {
            self.stirred.push((db, key.into()));
        }
    }

    pub(super) fn replaced(&mut self, db: usize) {
        if self.watching {
            self.replacements.push(db);
        }
    }
}
