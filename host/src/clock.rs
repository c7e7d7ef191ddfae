//! The time that an engine is told: the system's, a faster or slower one, or one that a test moves by
//! hand.
//!
//! Knows nothing of engines and timers. All numbers are microseconds since the Unix epoch.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
    /// A clock that runs faster or slower than the system's.
    Scaled(ScaledClock),
}

impl Clock {
    /// The time, in microseconds since the Unix epoch.
    pub fn now_us(&self) -> u64 {
        match self {
            Self::System => since_epoch_us(SystemTime::now()),
            Self::Manual(clock) => *clock.now_us.borrow(),
            Self::Scaled(clock) => clock.now_us(),
        }
    }

    /// How long it takes to move on by so much. `None` for a clock that moves when somebody moves it.
    fn delay(&self, by_us: u64) -> Option<Duration> {
        match self {
            Self::System => Some(Duration::from_micros(by_us)),
            Self::Manual(_) => None,
            Self::Scaled(clock) => clock.delay(by_us),
        }
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self::Manual(clock)
    }
}

impl From<ScaledClock> for Clock {
    fn from(clock: ScaledClock) -> Self {
        Self::Scaled(clock)
    }
}

/// A clock that runs so many times as fast as the system's.
///
/// ```
/// # use std::time::SystemTime;
/// // A minute a second.
/// let clock = petridis::ScaledClock::new(SystemTime::now(), 60.0);
/// # let _ = clock.now();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ScaledClock {
    start_us: u64,
    factor: f64,
    since: Instant,
}

impl ScaledClock {
    /// A clock that shows `start` now and runs `factor` times as fast as the system's: slower below 1,
    /// and not at all where it is no positive number.
    pub fn new(start: SystemTime, factor: f64) -> Self {
        Self {
            start_us: since_epoch_us(start),
            factor: if factor > 0.0 { factor } else { 0.0 },
            since: Instant::now(),
        }
    }

    /// What the clock shows.
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.now_us())
    }

    fn now_us(&self) -> u64 {
        // A product that is too large saturates.
        let passed_us = self.since.elapsed().as_secs_f64() * self.factor * 1e6;
        self.start_us.saturating_add(passed_us as u64)
    }

    fn delay(&self, by_us: u64) -> Option<Duration> {
        Duration::try_from_secs_f64(by_us as f64 / 1e6 / self.factor).ok()
    }
}

/// The time of one engine: a clock's, unless it was put to another one or stopped.
#[derive(Clone, Debug)]
pub(crate) struct Timepiece {
    clock: Clock,
    /// What is added to the clock's time.
    shift_us: i64,
    /// The time at which it was stopped.
    stopped_us: Option<u64>,
}

impl Timepiece {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            shift_us: 0,
            stopped_us: None,
        }
    }

    /// One that shows that time, and goes on from there as this one does. A clock that somebody moves
    /// is another one then: it belongs to whoever moves it.
    pub(crate) fn apart(&self, now_us: u64) -> Self {
        let clock = match &self.clock {
            Clock::Manual(_) => ManualClock::at_us(now_us).into(),
            clock => clock.clone(),
        };
        let mut apart = Self {
            clock,
            ..self.clone()
        };
        apart.put(now_us);
        apart
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The time, in microseconds since the Unix epoch.
    pub(crate) fn now_us(&self) -> u64 {
        match self.stopped_us {
            Some(stopped_us) => stopped_us,
            None => self.clock.now_us().saturating_add_signed(self.shift_us),
        }
    }

    /// How long it takes to show that time. `None` for never, unless somebody moves it.
    pub(crate) fn delay_until(&self, at_us: u64) -> Option<Duration> {
        match self.stopped_us {
            Some(_) => None,
            None => self.clock.delay(at_us.saturating_sub(self.now_us())),
        }
    }

    /// Puts it to a time.
    pub(crate) fn put(&mut self, to_us: u64) {
        match (&mut self.stopped_us, &self.clock) {
            (Some(stopped_us), _) => *stopped_us = to_us,
            (None, Clock::Manual(clock)) => {
                self.shift_us = 0;
                clock.now_us.send_replace(to_us);
            }
            (None, clock) => self.shift_us = to_us.wrapping_sub(clock.now_us()) as i64,
        }
    }

    pub(crate) fn advance(&mut self, by_us: u64) {
        self.put(self.now_us().saturating_add(by_us));
    }

    /// Stops it where it is.
    pub(crate) fn stop(&mut self) {
        self.stopped_us = Some(self.now_us());
    }

    /// Has it go on from where it is.
    pub(crate) fn go_on(&mut self) {
        if let Some(stopped_us) = self.stopped_us.take() {
            self.put(stopped_us);
        }
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

    pub(crate) fn at_us(now_us: u64) -> Self {
        Self {
            now_us: Arc::new(watch::Sender::new(now_us)),
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

    /// Puts the clock to a time, unless it is later already.
    pub(crate) fn put_forward(&self, to_us: u64) {
        self.now_us.send_if_modified(|now_us| {
            let is_earlier = *now_us < to_us;
            *now_us = to_us.max(*now_us);
            is_earlier
        });
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
    /// A clock that stands at noon (UTC) on 1 January 2025. A fork that is given it puts it forward to
    /// when its snapshot was taken.
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
    fn a_timepiece_is_put_stopped_and_goes_on() {
        for clock in [
            Clock::System,
            ManualClock::default().into(),
            ScaledClock::new(SystemTime::now(), 1.0).into(),
        ] {
            let runs = !matches!(clock, Clock::Manual(_));
            let mut time = Timepiece::new(clock);
            time.put(5_000_000);
            assert!((5_000_000..6_000_000).contains(&time.now_us()));
            assert_eq!(time.delay_until(9_000_000).is_some(), runs);
            time.stop();
            let stopped_us = time.now_us();
            time.advance(1_000_000);
            assert_eq!(time.now_us(), stopped_us + 1_000_000);
            assert_eq!(time.delay_until(9_000_000), None);
            time.go_on();
            assert!((6_000_000..8_000_000).contains(&time.now_us()));
            let mut apart = time.apart(7_000_000);
            apart.advance(2_000_000);
            assert!((9_000_000..10_000_000).contains(&apart.now_us()));
            assert!((6_000_000..8_000_000).contains(&time.now_us()));
        }
    }

    #[test]
    fn a_scaled_clock_runs_as_fast_as_it_is_told() {
        let clock = ScaledClock::new(UNIX_EPOCH, 1e6);
        std::thread::sleep(Duration::from_millis(2));
        assert!(clock.now() >= UNIX_EPOCH + Duration::from_secs(2000));
        assert_eq!(clock.delay(3_000_000), Some(Duration::from_micros(3)));
        let stands = ScaledClock::new(UNIX_EPOCH, f64::NAN);
        assert_eq!((stands.now(), stands.delay(1)), (UNIX_EPOCH, None));
    }

    #[test]
    fn the_system_clock_runs() {
        assert!(Clock::System.now_us() > 1_700_000_000_000_000);
    }
}
