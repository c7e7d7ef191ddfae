//! Keys that come from a saved image. They are no change: nobody is told, nothing is counted.

use super::{Access, Accounting, Keyspace};
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
    /// How often it was used, if that was counted.
    pub frequency: Option<u8>,
}

impl Keyspace {
    /// Adds a saved key; one of that name is replaced or, unless `replaces`, stays. False if it
    /// stays.
    pub fn restore(&mut self, db: usize, key: &[u8], saved: Restored, replaces: bool) -> bool {
        let hash = self.seed.hash(key);
        let access = match (self.accounting, saved.frequency) {
            (Accounting::Frequency(_), Some(frequency)) => Access::counted(frequency, self.now_s()),
            (Accounting::Frequency(_), None) => Access::new(self.accounting, self.now_s()),
            (Accounting::Recency, _) => Access::idle(saved.idle_s, self.now_s()),
        };
        let table = &mut self.databases[db];
        let position = match table.find(hash, key) {
            Some(_) if !replaces => return false,
            Some(position) => {
                table.replace(position, saved.value, access);
                position
            }
            None => table.insert(hash, key, saved.value, access),
        };
        table.schedule(position);
        if let Some(at_ms) = saved.deadline_ms {
            table.set_deadline(position, at_ms);
        }
        true
    }
}
