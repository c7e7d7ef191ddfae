//! Room for data: `maxmemory` and `max-keys`, and that keys go when there is too much. Which key goes
//! first is the keyspace's to say.
//!
//! There is no clock to stop eviction after half a millisecond, as Redis does: it stops after so many
//! keys, and goes on in the next step.

use super::Server;
use crate::config::{Config, MaxmemoryPolicy};
use crate::keyspace::{Accounting, Candidates, Pace};

/// At the least so many keys go in one round.
const SMALLEST_ROUND: usize = 16;

/// Whether a command that needs memory may have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is room.
    Enough,
    /// There will be: keys are going.
    Soon,
    /// There is none, and nothing that may go.
    Lacking,
}

/// How far eviction has come.
#[derive(Debug, Default)]
pub struct Eviction {
    candidates: Candidates,
    /// There is too much, and more keys are to go in the next step.
    pub is_under_way: bool,
    /// Since when there is too much, in microseconds since the Unix epoch.
    over_since_us: Option<u64>,
    /// For how long there was too much before that.
    over_us: u64,
}

impl Eviction {
    fn note(&mut self, room: Room, now_us: u64) {
        match room {
            Room::Enough => {
                self.over_us += self.over_now_us(now_us);
                self.over_since_us = None;
            }
            Room::Soon | Room::Lacking => {
                self.over_since_us.get_or_insert(now_us);
            }
        }
    }

    fn over_now_us(&self, now_us: u64) -> u64 {
        self.over_since_us
            .map_or(0, |since_us| now_us.saturating_sub(since_us))
    }

    /// For how long there has been too much, in milliseconds: in all, and by now without a break.
    pub fn over_ms(&self, now_us: u64) -> (u64, u64) {
        let now = self.over_now_us(now_us);
        ((self.over_us + now) / 1000, now / 1000)
    }

    /// CONFIG RESETSTAT
    pub fn reset_stats(&mut self) {
        (self.over_since_us, self.over_us) = (None, 0);
    }
}

/// How many keys may go at once under a `maxmemory-eviction-tenacity`: about one for each microsecond
/// that Redis takes.
fn round(config: &Config) -> usize {
    match config.maxmemory_eviction_tenacity {
        tenacity @ ..=10 => (50 * tenacity.max(0) as usize).max(SMALLEST_ROUND),
        tenacity @ 11..=99 => (500.0 * 1.15_f64.powi(tenacity - 10)) as usize,
        _ => usize::MAX,
    }
}

fn counts_accesses(policy: MaxmemoryPolicy) -> bool {
    matches!(
        policy,
        MaxmemoryPolicy::AllkeysLfu | MaxmemoryPolicy::VolatileLfu
    )
}

impl Server {
    /// Has the keyspace remember of accesses what the parameters want.
    pub fn remember_accesses(&mut self) {
        let config = &self.config;
        self.keyspace
            .set_accounting(if counts_accesses(config.maxmemory_policy) {
                Accounting::Frequency(Pace {
                    log_factor: config.lfu_log_factor.max(0) as u32,
                    decay_minutes: config.lfu_decay_time.max(0) as u32,
                })
            } else {
                Accounting::Recency
            });
        self.keyspace.keep_order(config.max_keys > 0);
    }

    /// Bytes in use: the engine's, and what clients have not taken, which the host holds for it. What
    /// replies and messages are written in is no data.
    pub fn used_memory(&self) -> u64 {
        let own = crate::memory::used().saturating_sub(self.step_bytes + self.mail.capacity());
        own as u64 + crate::memory::held_elsewhere(self.clients.unsent_bytes())
    }

    /// True if there was no room left when the command that runs began.
    pub(super) fn is_short_of_memory(&self) -> bool {
        self.lacks_memory && self.has_limits()
    }

    /// True if there is a limit to be kept.
    #[inline]
    pub(super) fn has_limits(&self) -> bool {
        self.config.maxmemory > 0 || self.config.max_keys > 0
    }

    /// How many bytes there are too many if `growth` come.
    fn excess(&self, growth: usize) -> u64 {
        let limit = self.config.maxmemory;
        if limit == 0 {
            return 0;
        }
        // What waits for replicas is no reason to let go of data: it would make more of it.
        let counted = self.used_memory().saturating_sub(self.bytes_for_replicas());
        let beyond = self.keyspace.lacking_for(growth) as u64;
        counted.saturating_sub(limit).max(beyond)
    }

    /// Removes keys until `growth` bytes more are not too much, or it is enough for now.
    #[cold]
    pub(super) fn make_room(&mut self, growth: usize) -> Room {
        let leaves_it_to_the_master = self.master.is_some() && self.config.replica_ignore_maxmemory;
        if leaves_it_to_the_master || self.pause.is_some() {
            return Room::Enough;
        }
        self.bound_keys();
        let room = self.free_memory(growth);
        self.eviction.is_under_way = room == Room::Soon;
        let now_us = self.now_us();
        self.eviction.note(room, now_us);
        // What went is told of before the command that it made room for.
        self.propagate_singly();
        self.read_journal(None);
        self.mail.comes_before_the_reply();
        room
    }

    fn free_memory(&mut self, growth: usize) -> Room {
        let (policy, samples) = (
            self.config.maxmemory_policy,
            self.config.maxmemory_samples.max(1) as usize,
        );
        let mut left = round(&self.config);
        // Counted by what the keys took: who hears that they go is sent messages, and room for those would
        // take more keys.
        let mut excess = self.excess(growth);
        while excess > 0 {
            if left == 0 {
                return Room::Soon;
            }
            left -= 1;
            let candidates = &mut self.eviction.candidates;
            let freed = self
                .keyspace
                .evict(policy, samples, candidates, &mut self.rng);
            match freed {
                Some(freed) => excess = excess.saturating_sub(freed as u64),
                None => return Room::Lacking,
            }
        }
        Room::Enough
    }

    /// Removes the keys used longest ago until there are no more than `max-keys`.
    fn bound_keys(&mut self) {
        let most = match usize::try_from(self.config.max_keys) {
            Ok(0) | Err(_) => return,
            Ok(most) => most,
        };
        for _ in most..self.keyspace.total_len() {
            self.keyspace.evict_least_recent();
        }
    }

    /// Goes on making room where it stopped.
    pub fn go_on_evicting(&mut self) {
        if self.eviction.is_under_way {
            self.make_room(0);
        }
    }
}
