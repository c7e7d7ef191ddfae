//! The keyspace: databases, expiry, memory, and the guard through which every write goes. Knows no
//! client and no protocol.

mod access;
mod eviction;
#[cfg(test)]
mod field_tests;
mod foresight;
mod journal;
mod propagation;
mod recency;
mod restoring;
mod slot;
mod table;

pub use access::{Access, Accounting, Pace};
pub use eviction::Candidates;
pub use foresight::Foresight;
pub use journal::{Cause, Change, Event, EventClass, Journal};
pub use propagation::{Propagation, Telling, Told};
pub use restoring::Restored;
pub use slot::Slot;
pub use table::Entry;

use table::{Due, Table};

use crate::value::Value;
use crate::value::afar::Afar;
use crate::value::dense::Keyed as _;
use crate::value::hash::Seed;

/// A value of more allocations than this is left to another thread to free, where one may.
const LAZY_ALLOCATIONS: usize = 64;

/// Counters that INFO shows.
#[derive(Clone, Debug, Default)]
pub struct KeyspaceStats {
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Keys gone because their time was up.
    pub expired: u64,
    /// Fields of hashes gone because their time was up.
    pub expired_fields: u64,
    /// Keys gone to make room.
    pub evicted: u64,
    /// Values that Redis would have left to another thread to free.
    pub freed_lazily: u64,
}

/// What one SCAN step found.
#[derive(Debug)]
pub struct ScanStep {
    /// The cursor for the next step; 0 when the iteration is complete.
    pub cursor: u64,
    /// Positions of what to look at, see [`Keyspace::entry_at`].
    pub positions: std::ops::Range<usize>,
}

/// All databases of an engine.
#[derive(Debug)]
pub struct Keyspace {
    databases: Vec<Table>,
    seed: Seed,
    now_us: u64,
    /// Later than `now_us` only while a script takes long.
    told_us: u64,
    /// How many vector sets were ever made.
    vector_sets: u64,
    memory_ceiling: usize,
    /// Off while `DEBUG SET-ACTIVE-EXPIRE 0`: then keys go only when somebody looks.
    active_expiry: bool,
    /// Off while clients are paused: then no key goes, whatever the time.
    expiring: bool,
    /// Whether reads mark keys as accessed (`CLIENT NO-TOUCH`).
    touching: bool,
    /// What is remembered of accesses.
    accounting: Accounting,
    /// Whether the exact order of last use is kept.
    in_order: bool,
    /// Whether an access makes a counter grow.
    rng: fastrand::Rng,
    /// What happened since the gate last looked.
    pub journal: Journal,
    /// Counters.
    pub stats: KeyspaceStats,
}

impl Keyspace {
    /// Empty databases.
    pub fn new(databases: usize, seed: u64, memory_ceiling: usize) -> Self {
        let mut tables = Vec::new();
        tables.resize_with(databases, Table::default);
        Keyspace {
            databases: tables,
            seed: Seed::new(seed),
            now_us: 0,
            told_us: 0,
            vector_sets: 0,
            memory_ceiling,
            active_expiry: true,
            expiring: true,
            touching: true,
            accounting: Accounting::default(),
            in_order: false,
            // Another sequence than the one that hashing begins with.
            rng: fastrand::Rng::with_seed(!seed),
            journal: Journal::default(),
            stats: KeyspaceStats::default(),
        }
    }

    // ---- time

    /// Microseconds since the Unix epoch, the same for the length of a command.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Milliseconds since the Unix epoch.
    #[inline]
    pub fn now_ms(&self) -> i64 {
        (self.now_us / 1000) as i64
    }

    /// Seconds since the Unix epoch.
    #[inline]
    pub fn now_s(&self) -> u32 {
        (self.now_us / 1_000_000) as u32
    }

    /// Tells the time, which never runs backwards.
    pub fn set_now_us(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
        self.told_us = self.now_us;
    }

    /// The number of a vector set that is made now.
    pub fn number_vector_set(&mut self) -> u64 {
        self.vector_sets += 1;
        self.vector_sets - 1
    }

    /// The time that TIME tells.
    pub fn told_us(&self) -> u64 {
        self.told_us
    }

    /// Has TIME tell another time than keys see, until that moves on.
    pub fn tell_us(&mut self, now_us: u64) {
        self.told_us = self.told_us.max(now_us);
    }

    /// Removes every key and every field of a hash whose time is up, the earliest deadline first.
    /// A step that comes late does and tells the same as several that come in time.
    pub fn expire_due(&mut self) {
        if !self.active_expiry || !self.expiring {
            return;
        }
        let now_ms = self.now_ms();
        for db in 0..self.databases.len() {
            while let Some((at_ms, due)) = self.databases[db].next_deadline() {
                if at_ms > now_ms {
                    break;
                }
                match due {
                    Due::Key(position) => self.expire_at(db, position),
                    Due::Fields(position) => self.expire_fields_at(db, position, at_ms),
                }
            }
        }
    }

    /// The earliest deadline of all keys and fields, in milliseconds since the Unix epoch.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        if !self.active_expiry || !self.expiring {
            return None;
        }
        self.databases
            .iter()
            .filter_map(|table| table.next_deadline())
            .map(|(at_ms, _)| at_ms)
            .min()
    }

    /// Turns the removal of keys that nobody looks at on or off (`DEBUG SET-ACTIVE-EXPIRE`).
    pub fn set_active_expiry(&mut self, on: bool) {
        self.active_expiry = on;
    }

    /// Whether keys go when their time is up (not while clients are paused). They are not found either
    /// way.
    pub fn set_expiring(&mut self, on: bool) {
        self.expiring = on;
    }

    /// Whether the next commands mark keys as accessed.
    pub fn set_touching(&mut self, on: bool) {
        self.touching = on;
    }

    /// Says what is to be remembered of accesses from now on.
    pub fn set_accounting(&mut self, accounting: Accounting) {
        self.accounting = accounting;
    }

    /// What is remembered of accesses.
    pub fn accounting(&self) -> Accounting {
        self.accounting
    }

    /// The entry at a position, marked as used if uses are to be marked.
    #[inline(always)]
    fn touch(&mut self, db: usize, position: usize) -> &Entry {
        let (accounting, now_s) = (self.accounting, self.now_s());
        let table = &mut self.databases[db];
        if !self.touching {
            return table.entry(position);
        }
        let rng = &mut self.rng;
        table.touch(position, |access| access.again(accounting, now_s, rng))
    }

    fn expire_at(&mut self, db: usize, position: usize) {
        let entry = self.databases[db].entry(position);
        let (hash, key): (u32, Box<[u8]>) = (entry.hash(), entry.key().into());
        self.databases[db].remove(position);
        self.stats.expired += 1;
        let unlinked = self.journal.propagation.unlinks_expired;
        self.journal.propagation.gone(db, &key, unlinked);
        self.journal.changed_itself(db, hash, &key);
        self.journal.event(EventClass::EXPIRED, "expired", db, &key);
    }

    /// Removes the fields of the hash at a position that are due until then, and the key with the
    /// last of them.
    fn expire_fields_at(&mut self, db: usize, position: usize, until_ms: i64) {
        let table = &mut self.databases[db];
        let entry = table.entry(position);
        let (hash, key): (u32, Box<[u8]>) = (entry.hash(), entry.key().into());
        let Value::Hash(fields) = table.value_mut(position) else {
            return;
        };
        let propagation = &mut self.journal.propagation;
        let removed = fields.remove_due(until_ms, |name| propagation.field_gone(db, &key, name));
        self.stats.expired_fields += removed as u64;
        let is_empty = fields.is_empty();
        if is_empty {
            table.remove(position);
        } else {
            table.schedule(position);
        }
        self.journal.changed_itself(db, hash, &key);
        self.journal.event(EventClass::HASH, "hexpired", db, &key);
        if is_empty {
            self.journal.event(EventClass::GENERIC, "del", db, &key);
        }
    }

    // ---- memory

    /// True if `bytes` more would still fit in the instance.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        crate::memory::has_room_for(bytes, self.memory_ceiling)
    }

    /// How many bytes are missing for `bytes` more to fit in the instance.
    pub fn lacking_for(&self, bytes: usize) -> usize {
        let needed = crate::memory::used().saturating_add(bytes);
        needed.saturating_sub(self.memory_ceiling)
    }

    /// Bytes that the index of a database takes on top when `more` keys come: none, but at the few
    /// moments when it grows.
    #[inline]
    pub fn index_growth(&self, db: usize, more: usize) -> usize {
        self.databases[db].index_growth(more)
    }

    /// Bytes that may be filled in all.
    pub fn memory_ceiling(&self) -> usize {
        self.memory_ceiling
    }

    // ---- foreseeing

    /// To look ahead for keys of a database; `None` where that would gain nothing.
    #[inline]
    pub fn foresight(&self, db: usize) -> Option<Foresight<'_, Table>> {
        Foresight::of(&self.databases[db], &self.seed)
    }

    /// To look ahead for members of what a key holds; `None` where that would gain nothing.
    #[inline]
    pub fn foresight_in(&self, db: usize, key: &[u8]) -> Option<Foresight<'_, dyn Afar + '_>> {
        Foresight::of_members(&self.databases[db], &self.seed, key)
    }

    // ---- reading

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    /// How many keys a database holds, those included whose time is up but that are still there.
    pub fn len(&self, db: usize) -> usize {
        self.databases[db].len()
    }

    /// How many keys of a database expire.
    pub fn expiring(&self, db: usize) -> usize {
        self.databases[db].expiring()
    }

    /// How many hashes of a database have fields that expire.
    pub fn with_expiring_fields(&self, db: usize) -> usize {
        self.databases[db].with_expiring_fields()
    }

    /// How long the keys of a database that expire have left, on average, in milliseconds.
    pub fn average_ttl_ms(&self, db: usize) -> i64 {
        self.databases[db]
            .average_deadline_ms()
            .map_or(0, |at_ms| (at_ms - self.now_ms()).max(0))
    }

    /// The value of a key, for a command that only reads: counts a hit or a miss and marks the
    /// access. A key whose time is up is removed and not found.
    #[inline]
    pub fn read(&mut self, db: usize, key: &[u8]) -> Option<&Value> {
        match self.live(db, key) {
            Some(position) => {
                self.stats.hits += 1;
                Some(self.touch(db, position).value())
            }
            None => {
                self.stats.misses += 1;
                self.journal.event(EventClass::KEY_MISS, "keymiss", db, key);
                None
            }
        }
    }

    /// The entry of a key, leaving no trace: neither a hit nor an access.
    pub fn peek(&mut self, db: usize, key: &[u8]) -> Option<&Entry> {
        self.live(db, key)
            .map(|position| self.databases[db].entry(position))
    }

    /// What a key holds, for a second look at several keys within the command that has read them:
    /// leaves no trace and removes nothing.
    #[inline]
    pub fn value(&self, db: usize, key: &[u8]) -> Option<&Value> {
        let position = self.databases[db].find(self.seed.hash(key), key)?;
        (!self.is_due(db, position)).then(|| self.databases[db].entry(position).value())
    }

    /// What is kept under a key, though its time may be up. Leaves no trace and removes nothing.
    pub fn kept(&self, db: usize, key: &[u8]) -> Option<&Entry> {
        let position = self.databases[db].find(self.seed.hash(key), key)?;
        Some(self.databases[db].entry(position))
    }

    /// What members and fields are hashed with.
    pub fn seed(&self) -> Seed {
        self.seed.clone()
    }

    /// True for a key that is still there though its time is up. Leaves it.
    pub fn is_overdue(&self, db: usize, key: &[u8]) -> bool {
        self.databases[db]
            .find(self.seed.hash(key), key)
            .is_some_and(|position| self.is_due(db, position))
    }

    /// When a key expires: `None` if there is no such key, `Some(None)` if it does not expire.
    /// Leaves no trace.
    pub fn deadline_ms(&mut self, db: usize, key: &[u8]) -> Option<Option<i64>> {
        self.live(db, key)
            .map(|position| self.databases[db].deadline_ms(position))
    }

    /// True if there is such a key. Counts a hit or a miss, but no access.
    pub fn exists(&mut self, db: usize, key: &[u8]) -> bool {
        self.look(db, key).is_some()
    }

    /// The entry of a key, for a command that asks about the key and does not use it (TTL, TYPE):
    /// counts a hit or a miss, but no access.
    pub fn look(&mut self, db: usize, key: &[u8]) -> Option<&Entry> {
        match self.live(db, key) {
            Some(position) => {
                self.stats.hits += 1;
                Some(self.databases[db].entry(position))
            }
            None => {
                self.stats.misses += 1;
                self.journal.event(EventClass::KEY_MISS, "keymiss", db, key);
                None
            }
        }
    }

    /// As [`Keyspace::look`], but nobody is told of a miss (OBJECT).
    pub fn inspect(&mut self, db: usize, key: &[u8]) -> Option<&Entry> {
        let position = self.live(db, key);
        self.count(position.is_some());
        position.map(|position| self.databases[db].entry(position))
    }

    fn count(&mut self, found: bool) {
        let counter = if found {
            &mut self.stats.hits
        } else {
            &mut self.stats.misses
        };
        *counter += 1;
    }

    /// All entries of a database whose time is not up, in no particular order.
    pub fn entries(&self, db: usize) -> impl Iterator<Item = &Entry> {
        self.records(db).map(|(entry, _)| entry)
    }

    /// All entries of a database whose time is not up, with when they expire.
    pub fn records(&self, db: usize) -> impl Iterator<Item = (&Entry, Option<i64>)> {
        let (table, now_ms) = (&self.databases[db], self.now_ms());
        (0..table.len()).filter_map(move |position| {
            let deadline_ms = table.deadline_ms(position);
            let live = deadline_ms.is_none_or(|at_ms| at_ms > now_ms);
            live.then(|| (table.entry(position), deadline_ms))
        })
    }

    /// The entry at a position that [`Keyspace::scan`] named, unless its time is up.
    pub fn entry_at(&self, db: usize, position: usize) -> Option<&Entry> {
        let table = &self.databases[db];
        let live = table
            .deadline_ms(position)
            .is_none_or(|at_ms| at_ms > self.now_ms());
        live.then(|| table.entry(position))
    }

    /// One step of an iteration over a database that sees at least `count` positions, and every key
    /// that is there throughout at least once. `cursor` 0 begins.
    pub fn scan(&self, db: usize, cursor: u64, count: usize) -> ScanStep {
        let (cursor, positions) = self.databases[db].scan(cursor, count);
        ScanStep { cursor, positions }
    }

    /// The key at a position that [`Keyspace::scan`] named, whether its time is up or not.
    pub fn key_at(&self, db: usize, position: usize) -> &[u8] {
        self.databases[db].entry(position).key()
    }

    /// The entry at a position that [`Keyspace::scan`] named. If its time is up it is removed and
    /// the last entry takes its place: positions are to be visited from the last to the first.
    pub fn live_at(&mut self, db: usize, position: usize) -> Option<&Entry> {
        if self.is_due(db, position) {
            self.expire_if_expiring(db, position);
            return None;
        }
        Some(self.databases[db].entry(position))
    }

    /// As [`Keyspace::live_at`], and counts a hit or a miss.
    pub fn inspect_at(&mut self, db: usize, position: usize) -> Option<&Entry> {
        let due = self.is_due(db, position);
        self.count(!due);
        self.live_at(db, position)
    }

    /// A key at random, each as likely as any other.
    pub fn random_key(&mut self, db: usize, rng: &mut fastrand::Rng) -> Option<&[u8]> {
        loop {
            let len = self.databases[db].len();
            if len == 0 {
                return None;
            }
            let position = rng.usize(0..len);
            if self.is_due(db, position) {
                self.expire_at(db, position);
            } else {
                return Some(self.databases[db].entry(position).key());
            }
        }
    }

    /// Where the key is, once it is removed if its time is up.
    #[inline(always)]
    fn live(&mut self, db: usize, key: &[u8]) -> Option<usize> {
        let position = self.databases[db].find(self.seed.hash(key), key)?;
        if self.is_due(db, position) {
            self.expire_if_expiring(db, position);
            return None;
        }
        Some(position)
    }

    #[cold]
    fn expire_if_expiring(&mut self, db: usize, position: usize) {
        if self.expiring {
            self.expire_at(db, position);
        }
    }

    #[inline(always)]
    fn is_due(&self, db: usize, position: usize) -> bool {
        self.databases[db]
            .deadline_ms(position)
            .is_some_and(|at_ms| at_ms <= self.now_ms())
    }

    // ---- writing

    /// The key to write to, whether it exists or not. Everything that has to be known of the write
    /// (who watches, who waits, what is counted) is told by the guard when it goes.
    #[inline]
    pub fn write<'k>(&'k mut self, db: usize, key: &'k [u8]) -> Slot<'k> {
        Slot::new(self, db, key)
    }

    /// Removes a key and tells `event`; false if there was none.
    pub fn remove(&mut self, db: usize, key: &[u8]) -> bool {
        let mut slot = self.write(db, key);
        let existed = slot.remove().is_some();
        if existed {
            slot.event(EventClass::GENERIC, "del");
        }
        existed
    }

    /// As [`Keyspace::remove`], and counts a value that Redis would leave to another thread to free.
    pub fn unlink(&mut self, db: usize, key: &[u8]) -> bool {
        let is_much = self
            .value(db, key)
            .is_some_and(|value| value.allocations() > LAZY_ALLOCATIONS);
        self.stats.freed_lazily += u64::from(is_much);
        self.remove(db, key)
    }

    /// Moves what a key holds to another key, another database or both, over whatever is there; its
    /// deadline goes with it. Tells `events` of the two keys, the old one first, and counts as one
    /// change. False if there is no such key.
    pub fn relocate(
        &mut self,
        from: (usize, &[u8]),
        to: (usize, &[u8]),
        events: [&'static str; 2],
    ) -> bool {
        let mut source = self.write(from.0, from.1);
        let (deadline_ms, access) = (source.deadline_ms(), source.access());
        let Some(value) = source.remove() else {
            return false;
        };
        drop(source);
        let mut target = self.write(to.0, to.1);
        // To Redis the key that takes another's place is a new one.
        target.replace(value);
        if let Some(at_ms) = deadline_ms {
            target.expire_at_ms(at_ms);
        }
        if let Some(access) = access {
            target.set_access(access);
        }
        drop(target);
        // Two guards have counted what is one change.
        self.journal.dirty -= 1;
        self.journal
            .event(EventClass::GENERIC, events[0], from.0, from.1);
        self.journal
            .event(EventClass::GENERIC, events[1], to.0, to.1);
        true
    }

    /// Empties a database; returns how many keys it held.
    pub fn clear(&mut self, db: usize) -> usize {
        self.tell_wanted(db, None);
        let table = std::mem::take(&mut self.databases[db]);
        self.keep_order(self.in_order);
        self.journal.flushed = true;
        self.journal.dirty += table.len() as u64;
        table.len()
    }

    /// Exchanges the contents of two databases.
    pub fn swap(&mut self, one: usize, other: usize) {
        self.journal.dirty += 1;
        if one == other {
            return;
        }
        self.tell_wanted(one, Some(other));
        self.tell_wanted(other, Some(one));
        self.databases.swap(one, other);
    }

    /// Tells of the wanted keys of a database, whose place another one is to take, if one does, that
    /// they changed: those that are there, and those that are in the other.
    fn tell_wanted(&mut self, db: usize, other: Option<usize>) {
        let cause = |hash: u32, key: &[u8]| {
            if self.databases[db].find(hash, key).is_some() {
                return Some(Cause::Database);
            }
            let position = self.databases[other?].find(hash, key)?;
            Some(if self.is_due(other?, position) {
                Cause::Overdue
            } else {
                Cause::Database
            })
        };
        let wanted = self.journal.interest.keys_of(db);
        let changed: Vec<Change> = wanted
            .filter_map(|(hash, key)| {
                Some(Change {
                    db,
                    key: key.into(),
                    cause: cause(hash, key)?,
                })
            })
            .collect();
        self.journal.changes.extend(changed);
    }

    // ---- listening

    /// From now on the journal tells when this key changes, for one more who wants to know.
    pub fn want(&mut self, db: usize, key: &[u8]) {
        let hash = self.seed.hash(key);
        self.journal.interest.add(db, hash, key);
    }

    /// Takes one [`Keyspace::want`] back.
    pub fn no_longer_want(&mut self, db: usize, key: &[u8]) {
        let hash = self.seed.hash(key);
        self.journal.interest.remove(db, hash, key);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::value::StringValue;

    fn put(keyspace: &mut Keyspace, key: &str) {
        keyspace
            .write(0, key.as_bytes())
            .put(StringValue::new(b"value"));
    }

    /// Random writes, removals and deadlines against a map that keeps the same books naively.
    #[test]
    fn agrees_with_a_naive_model() {
        let mut keyspace = Keyspace::new(1, 7, usize::MAX);
        let mut model: BTreeMap<String, Option<i64>> = BTreeMap::new();
        let mut rng = fastrand::Rng::with_seed(11);
        for step in 0..60_000_u64 {
            keyspace.set_now_us(step * 1000);
            keyspace.expire_due();
            model.retain(|_, at_ms| at_ms.is_none_or(|at_ms| at_ms > step as i64));
            let key = format!("key{}", rng.u32(0..1500));
            match rng.u32(0..6) {
                0 | 1 => {
                    put(&mut keyspace, &key);
                    model.insert(key, None);
                }
                2 | 3 => {
                    let at_ms = step as i64 + rng.i64(1..4000);
                    keyspace.write(0, key.as_bytes()).expire_at_ms(at_ms);
                    if let Some(deadline) = model.get_mut(&key) {
                        *deadline = Some(at_ms);
                    }
                }
                4 => {
                    let existed = keyspace.remove(0, key.as_bytes());
                    assert_eq!(existed, model.remove(&key).is_some());
                }
                _ => {
                    let persisted = keyspace.write(0, key.as_bytes()).persist();
                    let expected = model.get_mut(&key).and_then(Option::take).is_some();
                    assert_eq!(persisted, expected);
                }
            }
            assert_eq!(keyspace.len(0), model.len());
        }
        for (key, at_ms) in &model {
            assert_eq!(
                keyspace.deadline_ms(0, key.as_bytes()),
                Some(*at_ms),
                "{key}"
            );
        }
        assert_eq!(
            keyspace.next_deadline_ms(),
            model.values().flatten().copied().min()
        );
    }

    /// Whatever is there from the first step of a SCAN to the last is returned, while other keys
    /// come and go in between, or take the place of one that is there.
    #[test]
    fn a_scan_returns_what_stays() {
        let mut rng = fastrand::Rng::with_seed(3);
        for round in 0..50 {
            let mut keyspace = Keyspace::new(1, round, usize::MAX);
            let stays: BTreeSet<String> =
                (0..rng.u32(1..600)).map(|n| format!("stays{n}")).collect();
            for key in &stays {
                put(&mut keyspace, key);
                put(&mut keyspace, &format!("{key}-goes"));
            }
            let mut seen = BTreeSet::new();
            let mut cursor = 0;
            loop {
                let step = keyspace.scan(0, cursor, 10);
                for position in step.positions.clone() {
                    if let Some(entry) = keyspace.entry_at(0, position) {
                        seen.insert(String::from_utf8_lossy(entry.key()).into_owned());
                    }
                }
                for _ in 0..rng.u32(0..20) {
                    let stays = format!("stays{}", rng.usize(0..stays.len()));
                    let goes = format!("stays{}-goes", rng.u32(0..600));
                    let (from, to) = ((0, goes.as_bytes()), (0, stays.as_bytes()));
                    match rng.u32(0..4) {
                        0 => {
                            keyspace.remove(0, goes.as_bytes());
                        }
                        1 => {
                            keyspace.relocate(from, to, ["rename_from", "rename_to"]);
                        }
                        _ => put(&mut keyspace, &goes),
                    }
                }
                cursor = step.cursor;
                if cursor == 0 {
                    break;
                }
            }
            assert!(stays.is_subset(&seen), "round {round}");
        }
    }

    /// Chi-squared over a thousand keys: far from even would be a biased RANDOMKEY.
    #[test]
    fn a_random_key_is_any_key() {
        let mut keyspace = Keyspace::new(1, 1, usize::MAX);
        let mut rng = fastrand::Rng::with_seed(5);
        let mut counts = BTreeMap::new();
        for key in 0..1000 {
            put(&mut keyspace, &key.to_string());
        }
        for _ in 0..100_000 {
            let key = keyspace.random_key(0, &mut rng).map(<[u8]>::to_vec);
            *counts.entry(key).or_insert(0_u32) += 1;
        }
        let chi: f64 = counts
            .values()
            .map(|n| (f64::from(*n) - 100.0).powi(2) / 100.0)
            .sum();
        assert_eq!(counts.len(), 1000);
        // 999 degrees of freedom: mean 999, standard deviation 45.
        assert!((800.0..1200.0).contains(&chi), "chi squared {chi}");
    }
}
