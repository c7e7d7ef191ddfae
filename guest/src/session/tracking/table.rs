//! Which client may hold a copy of which key. Knows nothing of what clients are told.
//!
//! As in Redis a key is its name alone, whatever the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::session::Connection;
use crate::value::dense::{Dense, Keyed};
use crate::value::hash::Seed;

/// A key, and who has read it since it last changed.
#[derive(Debug)]
struct Read {
    hash: u32,
    key: Arc<[u8]>,
    by: Vec<Connection>,
}

impl Keyed for Read {
    fn hash(&self) -> u32 {
        self.hash
    }

    fn key(&self) -> &[u8] {
        &self.key
    }
}

/// Keys and their readers, found from both sides.
#[derive(Debug)]
pub struct Table {
    seed: Seed,
    keys: Dense<Read>,
    by_client: BTreeMap<Connection, BTreeSet<Arc<[u8]>>>,
    items: usize,
}

/// Bytes that a key may take beside its own.
pub const OVERHEAD: usize = 256;

impl Table {
    /// An empty table that hashes with this seed.
    pub fn new(seed: Seed) -> Self {
        Table {
            seed,
            keys: Dense::default(),
            by_client: BTreeMap::new(),
            items: 0,
        }
    }

    /// How many keys somebody has read.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True if nobody has read anything.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many readers all keys have, taken together.
    pub fn items(&self) -> usize {
        self.items
    }

    /// A client has read a key.
    pub fn add(&mut self, key: &[u8], by: Connection) {
        let hash = self.seed.hash(key);
        let position = self.keys.find(hash, key).unwrap_or_else(|| {
            self.keys.insert(Read {
                hash,
                key: key.into(),
                by: Vec::new(),
            })
        });
        let read = self.keys.at_mut(position);
        if self
            .by_client
            .entry(by)
            .or_default()
            .insert(read.key.clone())
        {
            read.by.push(by);
            self.items += 1;
        }
    }

    /// A key has changed: nobody has read what it holds now. Returns who had read it.
    pub fn take(&mut self, key: &[u8]) -> Vec<Connection> {
        let Some(position) = self.keys.find(self.seed.hash(key), key) else {
            return Vec::new();
        };
        let read = self.keys.remove(position);
        for connection in &read.by {
            if let Some(keys) = self.by_client.get_mut(connection) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_client.remove(connection);
                }
            }
        }
        self.items -= read.by.len();
        read.by
    }

    /// A client is gone.
    pub fn forget(&mut self, connection: Connection) {
        for key in self.by_client.remove(&connection).unwrap_or_default() {
            let Some(position) = self.keys.find(self.seed.hash(&key), &key) else {
                continue;
            };
            let by = &mut self.keys.at_mut(position).by;
            by.retain(|other| *other != connection);
            if by.is_empty() {
                self.keys.remove(position);
            }
            self.items -= 1;
        }
    }

    /// All keys have changed.
    pub fn clear(&mut self) {
        self.keys = Dense::default();
        self.by_client.clear();
        self.items = 0;
    }

    /// One of the keys, each as likely as any other.
    pub fn random_key(&self, rng: &mut fastrand::Rng) -> Option<Arc<[u8]>> {
        if self.is_empty() {
            return None;
        }
        Some(self.keys.at(rng.usize(0..self.len())).key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random reads, changes and departures against a naive set of pairs.
    #[test]
    fn agrees_with_a_naive_model() {
        let mut table = Table::new(Seed::new(1));
        let mut model: BTreeSet<(Vec<u8>, Connection)> = BTreeSet::new();
        let mut rng = fastrand::Rng::with_seed(2);
        for _ in 0..20_000 {
            let key = rng.u32(0..300).to_string().into_bytes();
            let connection = rng.u32(0..20);
            match rng.u32(0..100) {
                0..80 => {
                    table.add(&key, connection);
                    model.insert((key, connection));
                }
                80..98 => {
                    let mut by = table.take(&key);
                    by.sort_unstable();
                    let known = model.iter().filter(|(known, _)| *known == key);
                    let expected: Vec<_> = known.map(|(_, by)| *by).collect();
                    assert_eq!(by, expected);
                    model.retain(|(known, _)| *known != key);
                }
                _ => {
                    table.forget(connection);
                    model.retain(|(_, by)| *by != connection);
                }
            }
            assert_eq!(table.items(), model.len());
            let keys: BTreeSet<_> = model.iter().map(|(key, _)| key).collect();
            assert_eq!(table.len(), keys.len());
            let key = table.random_key(&mut rng);
            assert!(key.is_none_or(|key| keys.contains(&key.to_vec())));
        }
    }
}
