//! A walk by SCAN or one of its kind through what changes meanwhile: whatever is there whenever one looks
//! is returned, and nothing that is not there. Knows neither keys nor members.

use std::collections::BTreeSet;

use super::strings;

/// A walk, from its first step to the last.
#[derive(Default)]
pub struct Walk {
    cursor: Vec<u8>,
    /// What was there when it was looked last.
    now: BTreeSet<Vec<u8>>,
    /// What was there whenever it was looked since the first step.
    throughout: BTreeSet<Vec<u8>>,
    found: BTreeSet<Vec<u8>>,
    steps: usize,
}

/// A walk that came to its end.
pub struct Walked {
    /// How many were there all the time.
    pub stayed: usize,
    /// In how many steps they were found.
    pub steps: usize,
}

impl Walk {
    /// Is told what is there after a change.
    pub fn look(&mut self, now: BTreeSet<Vec<u8>>) {
        self.throughout.retain(|name| now.contains(name));
        self.now = now;
    }

    /// One step more. `scan` is told the cursor and gives the reply, in which every so many strings one
    /// is a name. Tells of a walk that has come to its end; the next step begins another.
    pub fn go_on(
        &mut self,
        every: usize,
        scan: impl FnOnce(&[u8]) -> Result<Vec<u8>, String>,
    ) -> Result<Option<Walked>, String> {
        if self.cursor.is_empty() {
            let now = std::mem::take(&mut self.now);
            *self = Walk {
                cursor: b"0".to_vec(),
                throughout: now.clone(),
                now,
                ..Walk::default()
            };
        }
        self.steps += 1;
        let reply = strings(&scan(&self.cursor)?);
        let (cursor, found) = reply.split_first().ok_or("no cursor")?;
        for name in found.iter().step_by(every) {
            if !self.now.contains(name) {
                return Err(format!("{name:?} is found and is not there"));
            }
            self.found.insert(name.clone());
        }
        self.cursor.clone_from(cursor);
        if self.cursor != b"0" {
            return Ok(None);
        }
        let missed: Vec<_> = self.throughout.difference(&self.found).collect();
        if !missed.is_empty() {
            return Err(format!("there all the time and not found: {missed:?}"));
        }
        self.cursor.clear();
        Ok(Some(Walked {
            stayed: self.throughout.len(),
            steps: self.steps,
        }))
    }
}
