//! Making room: which key goes first under each policy, and that it goes. Knows no limit: when there
//! is too much, others decide.
//!
//! The key used longest ago, or least, is not looked for among all: as in Redis a few at random are
//! looked at each time, and the best of all that were seen are remembered.

use super::{Access, Accounting, EventClass, Keyspace};
use crate::config::MaxmemoryPolicy;
use crate::value::dense::Keyed as _;

/// How many of the best candidates are remembered.
const POOL: usize = 16;

/// A key that may go.
#[derive(Debug)]
struct Candidate {
    /// The higher, the sooner it goes.
    score: u64,
    db: usize,
    key: Box<[u8]>,
}

/// Keys that were seen and may go, the best last; and where to go on at random.
#[derive(Debug, Default)]
pub struct Candidates {
    pool: Vec<Candidate>,
    next_db: usize,
}

impl Candidates {
    /// Remembers a key, if it is better than the worst of those remembered or there is room.
    fn offer(&mut self, score: u64, db: usize, key: &[u8]) {
        let place = self.pool.partition_point(|known| known.score < score);
        let candidate = || Candidate {
            score,
            db,
            key: key.into(),
        };
        if self.pool.len() < POOL {
            self.pool.insert(place, candidate());
        } else if place > 0 {
            self.pool[..place].rotate_left(1);
            self.pool[place - 1] = candidate();
        }
    }
}

/// Which keys may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    /// Those that expire.
    Volatile,
}

/// In which order they go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// The one used longest ago, or least, whichever is remembered.
    Use,
    Random,
    /// The one that expires next.
    Deadline,
}

/// `None` where none goes.
fn rule(policy: MaxmemoryPolicy) -> Option<(Scope, Order)> {
    Some(match policy {
        MaxmemoryPolicy::AllkeysLru | MaxmemoryPolicy::AllkeysLfu => (Scope::All, Order::Use),
        MaxmemoryPolicy::VolatileLru | MaxmemoryPolicy::VolatileLfu => {
            (Scope::Volatile, Order::Use)
        }
        MaxmemoryPolicy::AllkeysRandom => (Scope::All, Order::Random),
        MaxmemoryPolicy::VolatileRandom => (Scope::Volatile, Order::Random),
        MaxmemoryPolicy::VolatileTtl => (Scope::Volatile, Order::Deadline),
        MaxmemoryPolicy::NoEviction => return None,
    })
}

impl Keyspace {
    /// Removes the key that is to go first under a policy, and returns how many bytes it took; `None` if
    /// none may go. `samples` keys of each database are looked at.
    pub fn evict(
        &mut self,
        policy: MaxmemoryPolicy,
        samples: usize,
        candidates: &mut Candidates,
        rng: &mut fastrand::Rng,
    ) -> Option<usize> {
        let (scope, order) = rule(policy)?;
        let chosen = match order {
            Order::Use => self.least_used(scope, samples, candidates, rng),
            Order::Random => self.any(scope, candidates, rng),
            Order::Deadline => self.next_to_expire(),
        };
        chosen.map(|(db, position)| self.evict_at(db, position))
    }

    /// Removes the key used longest ago, exactly; false if there is none, or the order is not kept.
    pub fn evict_least_recent(&mut self) -> bool {
        let oldest = (0..self.databases.len())
            .filter_map(|db| Some((db, self.databases[db].least_recent()?)))
            .max_by_key(|(db, position)| {
                let access = self.databases[*db].entry(*position).access();
                // Of two databases the first one, if it is the same second.
                (self.idleness(access), usize::MAX - db)
            });
        match oldest {
            Some((db, position)) => {
                self.evict_at(db, position);
                true
            }
            None => false,
        }
    }

    /// Keeps the exact order of last use from now on, or not.
    pub fn keep_order(&mut self, keep: bool) {
        self.in_order = keep;
        let now_s = self.now_s();
        for table in &mut self.databases {
            table.keep_order(keep, |access| access.idle_s(now_s));
        }
    }

    /// How many keys there are in all databases.
    pub fn total_len(&self) -> usize {
        self.databases.iter().map(|table| table.len()).sum()
    }

    /// How far a key is from being used, by what is remembered of accesses.
    fn idleness(&self, access: Access) -> u64 {
        match self.accounting {
            Accounting::Recency => access.idle_s(self.now_s()).into(),
            Accounting::Frequency(pace) => {
                u64::from(u8::MAX - access.frequency(pace, self.now_s()))
            }
        }
    }

    fn in_scope(&self, db: usize, scope: Scope) -> usize {
        match scope {
            Scope::All => self.databases[db].len(),
            Scope::Volatile => self.databases[db].expiring(),
        }
    }

    /// The position of one of those in scope.
    fn nth_in_scope(&self, db: usize, scope: Scope, index: usize) -> usize {
        match scope {
            Scope::All => index,
            Scope::Volatile => self.databases[db].expiring_at(index),
        }
    }

    /// The best of some keys of every database and of those remembered.
    fn least_used(
        &self,
        scope: Scope,
        samples: usize,
        candidates: &mut Candidates,
        rng: &mut fastrand::Rng,
    ) -> Option<(usize, usize)> {
        loop {
            let mut total = 0;
            for db in 0..self.databases.len() {
                let len = self.in_scope(db, scope);
                total += len;
                for sample in 0..samples.min(len) {
                    let index = if len > samples {
                        rng.usize(0..len)
                    } else {
                        sample
                    };
                    let position = self.nth_in_scope(db, scope, index);
                    let entry = self.databases[db].entry(position);
                    candidates.offer(self.idleness(entry.access()), db, entry.key());
                }
            }
            if total == 0 {
                return None;
            }
            while let Some(Candidate { db, key, .. }) = candidates.pool.pop() {
                // It may be gone by now, or not expire any more.
                let found = self.databases[db].find(self.seed.hash(&key), &key);
                let is_in_scope = |position: &usize| {
                    scope == Scope::All || self.databases[db].deadline_ms(*position).is_some()
                };
                if let Some(position) = found.filter(is_in_scope) {
                    return Some((db, position));
                }
            }
        }
    }

    /// Any key of the next database that has one.
    fn any(
        &self,
        scope: Scope,
        candidates: &mut Candidates,
        rng: &mut fastrand::Rng,
    ) -> Option<(usize, usize)> {
        for _ in 0..self.databases.len() {
            candidates.next_db = (candidates.next_db + 1) % self.databases.len();
            let db = candidates.next_db;
            let len = self.in_scope(db, scope);
            if len > 0 {
                return Some((db, self.nth_in_scope(db, scope, rng.usize(0..len))));
            }
        }
        None
    }

    /// Exactly, since the order of deadlines is kept anyway.
    fn next_to_expire(&self) -> Option<(usize, usize)> {
        (0..self.databases.len())
            .filter_map(|db| {
                let (at_ms, position) = self.databases[db].next_key_deadline()?;
                Some((at_ms, db, position))
            })
            .min()
            .map(|(_, db, position)| (db, position))
    }

    fn evict_at(&mut self, db: usize, position: usize) -> usize {
        let entry = self.databases[db].entry(position);
        let (hash, key): (u32, Box<[u8]>) = (entry.hash(), entry.key().into());
        let before = crate::memory::used();
        self.databases[db].remove(position);
        let freed = before.saturating_sub(crate::memory::used());
        self.stats.evicted += 1;
        let unlinked = self.journal.propagation.unlinks_evicted;
        self.journal.propagation.gone(db, &key, unlinked);
        self.journal.changed_itself(db, hash, &key);
        self.journal.event(EventClass::EVICTED, "evicted", db, &key);
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::Pace;
    use crate::value::StringValue;

    /// Keys 0 to `len`, each used a second after the one before; every other one expires, the first
    /// ones last.
    fn filled(len: u32, accounting: Accounting) -> Keyspace {
        let mut keyspace = Keyspace::new(2, 7, usize::MAX);
        keyspace.set_accounting(accounting);
        for number in 0..len {
            keyspace.set_now_us(u64::from(1_000 + number) * 1_000_000);
            let (db, key) = ((number % 2) as usize, number.to_string());
            let mut slot = keyspace.write(db, key.as_bytes());
            slot.put(StringValue::new(b"value"));
            if number % 4 < 2 {
                slot.expire_at_ms(10_000_000_000 - i64::from(number));
            }
        }
        keyspace
    }

    fn left(keyspace: &Keyspace) -> Vec<u32> {
        let mut left: Vec<u32> = (0..2)
            .flat_map(|db| keyspace.entries(db))
            .filter_map(|entry| std::str::from_utf8(entry.key()).ok()?.parse().ok())
            .collect();
        left.sort_unstable();
        left
    }

    fn evict(keyspace: &mut Keyspace, policy: MaxmemoryPolicy, times: usize) -> usize {
        let (mut candidates, mut rng) = (Candidates::default(), fastrand::Rng::with_seed(3));
        (0..times)
            .filter(|_| {
                let freed = keyspace.evict(policy, 10, &mut candidates, &mut rng);
                freed.is_some()
            })
            .count()
    }

    #[test]
    fn what_was_not_used_for_long_goes_first() {
        let mut keyspace = filled(2000, Accounting::Recency);
        assert_eq!(
            evict(&mut keyspace, MaxmemoryPolicy::AllkeysLru, 1000),
            1000
        );
        let old = left(&keyspace).iter().filter(|key| **key < 1000).count();
        // With all luck it would be none, without any 500. Ten samples come close to none.
        assert!(old < 60, "{old} of the old half are left");
        assert_eq!(keyspace.stats.evicted, 1000);
    }

    #[test]
    fn what_is_used_little_goes_first() {
        let pace = Pace {
            log_factor: 1,
            decay_minutes: 0,
        };
        let mut keyspace = filled(1000, Accounting::Frequency(pace));
        for number in 0..500 {
            for _ in 0..50 {
                keyspace.read((number % 2) as usize, number.to_string().as_bytes());
            }
        }
        assert_eq!(evict(&mut keyspace, MaxmemoryPolicy::AllkeysLfu, 500), 500);
        let often = left(&keyspace).iter().filter(|key| **key < 500).count();
        assert!(often > 450, "{often} of those used often are left");
    }

    #[test]
    fn volatile_policies_leave_what_does_not_expire() {
        for policy in [
            MaxmemoryPolicy::VolatileLru,
            MaxmemoryPolicy::VolatileLfu,
            MaxmemoryPolicy::VolatileRandom,
            MaxmemoryPolicy::VolatileTtl,
        ] {
            let mut keyspace = filled(400, Accounting::Recency);
            assert_eq!(evict(&mut keyspace, policy, 500), 200, "{policy:?}");
            assert!(left(&keyspace).iter().all(|key| key % 4 >= 2), "{policy:?}");
        }
        let mut keyspace = filled(400, Accounting::Recency);
        assert_eq!(evict(&mut keyspace, MaxmemoryPolicy::NoEviction, 1), 0);
        assert_eq!(
            evict(&mut keyspace, MaxmemoryPolicy::AllkeysRandom, 500),
            400
        );
    }

    #[test]
    fn what_expires_next_goes_first() {
        let mut keyspace = filled(400, Accounting::Recency);
        evict(&mut keyspace, MaxmemoryPolicy::VolatileTtl, 100);
        let volatile: Vec<u32> = left(&keyspace)
            .into_iter()
            .filter(|key| key % 4 < 2)
            .collect();
        assert_eq!(volatile.iter().max(), Some(&197));
    }

    #[test]
    fn in_order_it_is_exactly_the_oldest() {
        let mut keyspace = filled(100, Accounting::Recency);
        keyspace.keep_order(true);
        keyspace.read(0, b"0");
        keyspace.read(1, b"3");
        for _ in 0..3 {
            assert!(keyspace.evict_least_recent());
        }
        let expected: Vec<u32> = (0..100).filter(|key| ![1, 2, 4].contains(key)).collect();
        assert_eq!(left(&keyspace), expected);
    }
}
