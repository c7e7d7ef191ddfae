//! Keys that come from a saved image. They are no change: nobody is told, nothing is counted.

use super::Keyspace;
use crate::value::Value;

/// What a saved key held.
#[derive(Debug)]
pub struct Restored {
    /// Its value.
    pub value: Value,
    /// When it expires, in milliseconds since the Unix epoch.
    pub deadline_ms: Option<i64>,
    /// For how many seconds nobody had used it.
    pub idle_s: u64,
}

impl Keyspace {
    /// Adds a saved key; one of that name is replaced or, unless `replaces`, stays. False if it
    /// stays.
    pub fn restore(&mut self, db: usize, key: &[u8], saved: Restored, replaces: bool) -> bool {
        let hash = self.seed.hash(key);
        let idle_s = u32::try_from(saved.idle_s).unwrap_or(u32::MAX);
        let accessed_s = self.now_s().saturating_sub(idle_s);
        let table = &mut self.databases[db];
        if let Some(position) = table.find(hash, key) {
            if !replaces {
                return false;
            }
            table.remove(position);
        }
        let position = table.insert(hash, key, saved.value, accessed_s);
        table.schedule(position);
        if let Some(at_ms) = saved.deadline_ms {
            table.set_deadline(position, at_ms);
        }
        true
    }
}
