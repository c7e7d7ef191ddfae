//! When a key was last used, or how often: 24 bits as Redis packs them, which mean the one or the
//! other by the policy in force. Knows no key and no policy.
//!
//! ```text
//! recency     24 bits   seconds since the Unix epoch, which wrap after 194 days
//! frequency   16 bits   minutes since the Unix epoch, which wrap after 45 days
//!              8 bits   a counter that grows ever more slowly, and less with time
//! ```
//!
//! After a change of policy the same bits mean something else until the key is used again. So it is
//! in Redis, and its errors say so.

/// The largest number that 24 bits hold.
const MOST: u32 = (1 << 24) - 1;

/// What the counter of a new key begins with, so that it is not the first to go.
const NEW_COUNTER: u8 = 5;

/// What is remembered of accesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accounting {
    /// When the last one was.
    #[default]
    Recency,
    /// About how many there are.
    Frequency(Pace),
}

/// How fast a counter grows and shrinks: `lfu-log-factor` and `lfu-decay-time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The higher it is, the less accesses count.
    pub log_factor: u32,
    /// After how many minutes without an access the counter loses one; never, for 0.
    pub decay_minutes: u32,
}

/// What is known of the accesses to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(u32);

impl Access {
    /// Of a key that is made now.
    pub fn new(accounting: Accounting, now_s: u32) -> Self {
        match accounting {
            Accounting::Recency => Access(now_s & MOST),
            Accounting::Frequency(_) => Access::counted(NEW_COUNTER, now_s),
        }
    }

    /// Of a key that nobody has used for so many seconds.
    pub fn idle(idle_s: u64, now_s: u32) -> Self {
        let clock = now_s & MOST;
        match u32::try_from(idle_s)
            .ok()
            .and_then(|idle_s| clock.checked_sub(idle_s))
        {
            Some(at) => Access(at),
            // Before the last time the clock wrapped: as far back as can be told.
            None => Access((clock + MOST / 2) % MOST),
        }
    }

    /// Of a key with that counter.
    pub fn counted(counter: u8, now_s: u32) -> Self {
        Access(minutes(now_s) << 8 | u32::from(counter))
    }

    /// The 24 bits.
    pub fn raw(self) -> u32 {
        self.0
    }

    /// For how many seconds nobody has used the key.
    pub fn idle_s(self, now_s: u32) -> u32 {
        let clock = now_s & MOST;
        if clock >= self.0 {
            clock - self.0
        } else {
            clock + (MOST - self.0)
        }
    }

    /// The counter, less what time has taken off it.
    pub fn frequency(self, pace: Pace, now_s: u32) -> u8 {
        let (then, counter) = (self.0 >> 8, self.0 as u8);
        let now = minutes(now_s);
        let elapsed = if now >= then {
            now - then
        } else {
            0xffff - then + now
        };
        let periods = elapsed.checked_div(pace.decay_minutes).unwrap_or(0);
        counter.saturating_sub(u8::try_from(periods).unwrap_or(u8::MAX))
    }

    /// The same, once the key was used again.
    #[inline]
    pub fn again(self, accounting: Accounting, now_s: u32, rng: &mut fastrand::Rng) -> Self {
        match accounting {
            Accounting::Recency => Access(now_s & MOST),
            Accounting::Frequency(pace) => self.counted_again(pace, now_s, rng),
        }
    }

    #[inline(never)]
    fn counted_again(self, pace: Pace, now_s: u32, rng: &mut fastrand::Rng) -> Self {
        let counter = self.frequency(pace, now_s);
        Access::counted(grown(counter, pace, rng), now_s)
    }
}

/// A counter after one more access: the larger it is, the less likely it grows.
fn grown(counter: u8, pace: Pace, rng: &mut fastrand::Rng) -> u8 {
    let beyond = f64::from(counter.saturating_sub(NEW_COUNTER));
    let odds = 1.0 / (beyond * f64::from(pace.log_factor) + 1.0);
    if rng.f64() < odds {
        counter.saturating_add(1)
    } else {
        counter
    }
}

fn minutes(now_s: u32) -> u32 {
    (now_s / 60) & 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u32 = 1_700_000_000;
    const PACE: Pace = Pace {
        log_factor: 10,
        decay_minutes: 1,
    };

    #[test]
    fn idle_seconds_come_back_across_the_clocks_wrap() {
        for idle_s in [0, 1, 59, 3_600, 86_400] {
            assert_eq!(u64::from(Access::idle(idle_s, NOW_S).idle_s(NOW_S)), idle_s);
        }
        let access = Access::new(Accounting::Recency, MOST);
        // Redis takes the largest number for the number of numbers, and so loses a second.
        assert_eq!(access.idle_s(MOST + 11), 10);
        // Longer than the clock tells: half of what it tells.
        assert_eq!(Access::idle(1 << 30, NOW_S).idle_s(NOW_S), MOST / 2 + 1);
    }

    #[test]
    fn a_counter_loses_one_a_period() {
        let access = Access::counted(100, NOW_S);
        assert_eq!(access.frequency(PACE, NOW_S), 100);
        assert_eq!(access.frequency(PACE, NOW_S + 5 * 60), 95);
        assert_eq!(access.frequency(PACE, NOW_S + 1000 * 60), 0);
        let never = Pace {
            decay_minutes: 0,
            ..PACE
        };
        assert_eq!(access.frequency(never, NOW_S + 1000 * 60), 100);
    }

    /// The table in redis.conf: about 10, 18, 142 and 255 after 100, 1000, 100,000 and 1,000,000
    /// accesses.
    #[test]
    fn a_counter_grows_with_the_logarithm_of_accesses() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut counters = Vec::new();
        let mut counter = NEW_COUNTER;
        for access in 1..=1_000_000 {
            counter = grown(counter, PACE, &mut rng);
            if [100, 1000, 100_000, 1_000_000].contains(&access) {
                counters.push(counter);
            }
        }
        let expected = [8..=12, 15..=22, 130..=155, 255..=255];
        for (counter, range) in counters.iter().zip(expected) {
            assert!(range.contains(counter), "{counters:?}");
        }
    }
}
