//! The time that an engine is told: the system's, or one that a test moves by hand.
//!
//! Knows nothing of engines and timers. All numbers are microseconds since the Unix epoch.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// Where an engine's time comes from.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Clock {
    /// The operating system's clock.
    #[default]
    System,
    /// A clock that stands still until its owner moves it.
    Manual(ManualClock),
}

impl Clock {
    /// The time, in microseconds since the Unix epoch.
    pub fn now_us(&self) -> u64 {
        match self {
            Self::System => since_epoch_us(SystemTime::now()),
            Self::Manual(clock) => *clock.now_us.borrow(),
        }
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self::Manual(clock)
    }
}

/// A clock that moves only when it is told to.
///
/// Clones are the same clock: hand one to a server and keep the other. Moving it wakes every server
/// that runs on it, so that keys expire and blocked commands time out without waiting.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now_us: Arc<watch::Sender<u64>>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: SystemTime) -> Self {
        Self {
            now_us: Arc::new(watch::Sender::new(since_epoch_us(start))),
        }
    }

    /// What the clock shows.
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(*self.now_us.borrow())
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by_us = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.now_us
            .send_modify(|now_us| *now_us = now_us.saturating_add(by_us));
    }

    /// Puts the clock to a time. An engine's time never runs backwards: to an earlier time it
    /// stands still until the clock has caught up.
    pub fn set(&self, to: SystemTime) {
        self.now_us.send_replace(since_epoch_us(to));
    }

    /// Wakes whoever waits on it each time the clock is moved.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.now_us.subscribe()
    }
}

impl Default for ManualClock {
    /// A clock that stands at noon (UTC) on 1 January 2025.
    fn default() -> Self {
        Self::new(UNIX_EPOCH + Duration::from_secs(1_735_732_800))
    }
}

/// A time before the epoch counts as the epoch.
fn since_epoch_us(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_moved() {
        let clock = ManualClock::new(UNIX_EPOCH + Duration::from_secs(10));
        let shared = Clock::from(clock.clone());
        assert_eq!(shared.now_us(), 10_000_000);
        clock.advance(Duration::from_millis(5));
        assert_eq!(shared.now_us(), 10_005_000);
        clock.set(UNIX_EPOCH);
        assert_eq!(clock.now(), UNIX_EPOCH);
        clock.advance(Duration::MAX);
        assert_eq!(shared.now_us(), u64::MAX);
    }

    #[test]
    fn moving_a_clock_wakes_its_watchers() {
        let clock = ManualClock::default();
        let watcher = clock.watch();
        assert!(!watcher.has_changed().expect("the clock lives"));
        clock.advance(Duration::from_secs(1));
        assert!(watcher.has_changed().expect("the clock lives"));
    }

    #[test]
    fn the_system_clock_runs() {
        assert!(Clock::System.now_us() > 1_700_000_000_000_000);
    }
}
