//! The owner of one engine: takes what happened, tells the engine, carries out what it wants done.
//!
//! Owns the order of a turn and the time of the next one. Knows nothing of sockets and RESP.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Instant as TokioInstant, Sleep};

use crate::bindings::{Control, Effects, Errand as Wish, Event, Image, Refusal};
use crate::clock::{Clock, Timepiece};
use crate::control::{Answer, Desk};
use crate::error::Error;
use crate::files;
use crate::instance::{Instance, log};
use crate::listen::Listeners;
use crate::net::{Batch, Hub};

/// What every client hears when the engine has failed.
const FAREWELL: &[u8] =
    b"-ERR Petridis: the engine failed and was replaced by a clean one; all data is gone\r\n";

/// How long the last replies may take when the engine wants to end, and how often that is looked at.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);
const FLUSH_LOOK: Duration = Duration::from_millis(2);

/// Bytes of an image that are written while everybody waits.
const SMALL_IMAGE: usize = 4 << 20;

/// The longest time to sleep without looking at the clock again.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// How long the driver looks for the next request before it lets its thread sleep. Falling asleep and
/// being woken takes both sides longer than most requests take.
const ATTENTION: Duration = Duration::from_micros(50);

/// Runs one engine for the connections of a hub.
pub(crate) struct Driver {
    instance: Instance,
    hub: Rc<Hub>,
    /// What the server's owner wants done between two turns.
    errands: Rc<Errands>,
    /// Where clients ask for what only the host can do.
    desk: Desk,
    /// Where connections come in; None where that is somebody else's affair.
    listeners: Option<Listeners>,
    /// Who is told of a `loglevel` that a client sets.
    on_log_level: Option<fn(&str)>,
    /// The batch of the current turn; its buffers and the hub's alternate.
    batch: Batch,
    /// When the engine wants the next turn at the latest.
    wake_at_us: Option<u64>,
    alarm: Alarm,
    /// Whether the last pause was so short that looking for its end was worth it. An idle server
    /// sleeps: its pauses are long.
    is_attentive: bool,
}

/// Something to do with the engine between two turns.
pub(crate) type Errand = Box<dyn FnOnce(&mut Instance) + Send>;

/// Errands that wait for the next turn.
#[derive(Default)]
pub(crate) struct Errands(RefCell<Vec<Errand>>);

impl Errands {
    pub(crate) fn push(&self, errand: Errand) {
        self.0.borrow_mut().push(errand);
    }

    fn take(&self) -> Vec<Errand> {
        self.0.take()
    }
}

/// What follows a turn.
enum Next {
    Wait,
    Again,
    Exit,
}

impl Driver {
    pub(crate) fn new(instance: Instance, hub: Rc<Hub>, errands: Rc<Errands>, desk: Desk) -> Self {
        Self {
            instance,
            hub,
            errands,
            desk,
            listeners: None,
            on_log_level: None,
            batch: Batch::default(),
            wake_at_us: None,
            alarm: Alarm::default(),
            // Whoever starts a server connects to it.
            is_attentive: true,
        }
    }

    /// Has it see to where connections come in.
    pub(crate) fn at(mut self, listeners: Listeners) -> Self {
        self.listeners = Some(listeners);
        self
    }

    /// Has somebody told of every `loglevel` that a client sets.
    pub(crate) fn telling(mut self, on_log_level: Option<fn(&str)>) -> Self {
        self.on_log_level = on_log_level;
        self
    }

    /// Runs until the engine or the hub's owner wants it to end.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        if let Clock::Manual(clock) = self.instance.clock() {
            let mut moved = clock.watch();
            let hub = self.hub.clone();
            tokio::task::spawn_local(async move {
                while moved.changed().await.is_ok() {
                    hub.wake();
                }
            });
        }
        // The first turn tells when the next one is wanted.
        self.hub.wake();
        while !self.hub.is_stopping() {
            match self.turn()? {
                Next::Wait => self.wait().await,
                // Sockets are served in between: this yields to the operating system's events.
                Next::Again => tokio::task::yield_now().await,
                Next::Exit => {
                    self.flush().await;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Waits until something happened or the time has come: awake at first if that was worth it last
    /// time.
    async fn wait(&mut self) {
        let start = Instant::now();
        while self.is_attentive && !self.hub.is_due() {
            // Whatever else is ready runs first; then the operating system is asked for events.
            tokio::task::yield_now().await;
            if start.elapsed() > ATTENTION {
                break;
            }
            std::thread::yield_now();
        }
        poll_fn(|cx| self.poll_due(cx)).await;
        self.is_attentive = start.elapsed() < ATTENTION;
    }

    /// Ready when something happened or the time has come.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.hub.poll_due(cx).is_ready() {
            return Poll::Ready(());
        }
        match self.wake_at_us {
            None => Poll::Pending,
            Some(at_us) => self.alarm.poll(cx, at_us, self.instance.time()),
        }
    }

    /// Does what the server's owner wants done.
    fn run_errands(&mut self) -> Result<(), Error> {
        for errand in self.errands.take() {
            errand(&mut self.instance);
            // It may be another time now.
            self.alarm = Alarm::default();
            if !self.instance.is_alive() {
                self.begin_anew()?;
            }
        }
        Ok(())
    }

    /// Does what a client asks for.
    fn control(&mut self, control: &Control) -> Result<(), Error> {
        let Control {
            number,
            connection,
            db,
            arguments,
        } = control;
        let answer = self.desk.answer(&mut self.instance, *db, arguments);
        // It may be another time now.
        self.alarm = Alarm::default();
        if !self.instance.is_alive() {
            return self.begin_anew();
        }
        match answer {
            Answer::Now(reply) => self.hub.controlled(*number, *connection, reply),
            Answer::Later(answer) => {
                let (hub, number, connection) = (self.hub.clone(), *number, *connection);
                tokio::task::spawn_local(async move {
                    hub.controlled(number, connection, answer.await);
                });
            }
        }
        Ok(())
    }

    /// The engine has failed, and with it everything that its clients knew.
    fn begin_anew(&mut self) -> Result<(), Error> {
        self.hub.close_all(FAREWELL);
        self.wake_at_us = None;
        self.instance.revive()
    }

    fn turn(&mut self) -> Result<Next, Error> {
        self.run_errands()?;
        self.hub.take(&mut self.batch);
        loop {
            let (next, wish) = self.step()?;
            let Some(wish) = wish else {
                return Ok(next);
            };
            // Nothing else happens before the engine hears of it.
            let done = self.fulfil(wish);
            self.batch.events.push(Event::Done(done));
        }
    }

    fn step(&mut self) -> Result<(Next, Option<Wish>), Error> {
        let now_us = self.instance.time().now_us();
        let stepped = self
            .instance
            .step(now_us, &self.batch.events, &self.batch.bytes);
        // Before anybody hears of it: whoever is killed has recorded what was answered.
        self.instance.flush_recording();
        match stepped {
            Ok(mut effects) => {
                let controls = std::mem::take(&mut effects.controls);
                let wish = effects.errand.take();
                let next = self.carry_out(effects, now_us);
                self.batch.clear();
                for control in &controls {
                    self.control(control)?;
                }
                Ok((next, wish))
            }
            Err(Error::Trapped(_)) => {
                self.batch.clear();
                self.begin_anew()?;
                Ok((Next::Again, None))
            }
            Err(error) => Err(error),
        }
    }

    fn carry_out(&mut self, effects: Effects, now_us: u64) -> Next {
        effects.logs.iter().for_each(log);
        if let Some(image) = effects.image {
            self.save(image);
        }
        for (name, value) in effects.settings {
            match (name.as_str(), self.on_log_level) {
                ("tcp-keepalive", _) => self.hub.set_keepalive(value.parse().unwrap_or(0)),
                ("loglevel", Some(tell)) => tell(&value),
                _ => {}
            }
        }
        if !effects.sends.is_empty() {
            self.hub.send_all(&effects.bytes.into(), &effects.sends);
        }
        for close in effects.closes {
            self.hub.close(close.connection, close.flush);
        }
        // A number is free again only now: what the engine sent in this turn was meant for the
        // connection that had it.
        for event in &self.batch.events {
            if let Event::Closed(connection) = event {
                self.hub.forget(*connection);
            }
        }
        self.wake_at_us = effects.wake_at_us;
        if effects.exit {
            Next::Exit
        } else if effects.wake_at_us.is_some_and(|at_us| at_us <= now_us) {
            Next::Again
        } else {
            Next::Wait
        }
    }

    /// Does what a command waits for.
    fn fulfil(&mut self, wish: Wish) -> Result<Vec<u8>, Refusal> {
        match wish {
            Wish::Read(path) => files::read(&path),
            Wish::Write(draft) => files::write_draft(&draft),
            Wish::Configure(parameters) => {
                match &mut self.listeners {
                    Some(listeners) => listeners.configure(&parameters)?,
                    None => {
                        // A room has no sockets of its own.
                        let about = parameters.into_iter().next().map(|(name, _)| name);
                        return Err(Refusal {
                            about: about.unwrap_or_default(),
                            why: String::new(),
                        });
                    }
                }
                self.instance.heed(parameters);
                Ok(Vec::new())
            }
        }
    }

    /// Writes an image: a small one at once, another one on a thread, while clients are served.
    fn save(&self, image: Image) {
        if image.bytes.len() <= SMALL_IMAGE {
            let written = files::write(&image);
            self.hub.saved(image.number, told(written));
            return;
        }
        let hub = self.hub.clone();
        tokio::task::spawn_local(async move {
            let number = image.number;
            let written = tokio::task::spawn_blocking(move || files::write(&image)).await;
            hub.saved(
                number,
                told(written.unwrap_or_else(|error| Err(error.into()))),
            );
        });
    }

    /// Gives the last replies a moment to leave.
    async fn flush(&self) {
        let limit = TokioInstant::now() + FLUSH_LIMIT;
        while self.hub.has_backlog() && TokioInstant::now() < limit {
            tokio::time::sleep(FLUSH_LOOK).await;
        }
    }
}

/// Whether an image was written; if not, the log says why.
fn told(written: std::io::Result<()>) -> bool {
    if let Err(error) = &written {
        tracing::warn!("Error saving DB on disk: {error}");
    }
    written.is_ok()
}

/// A timer that is moved only when the engine wants to be woken earlier than it rings: most turns
/// do not touch it.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    rings_at_us: Option<u64>,
}

impl Alarm {
    fn poll(&mut self, cx: &mut Context<'_>, at_us: u64, time: &Timepiece) -> Poll<()> {
        loop {
            if self
                .rings_at_us
                .is_none_or(|rings_at_us| at_us < rings_at_us)
            {
                if at_us <= time.now_us() {
                    return Poll::Ready(());
                }
                let Some(delay) = time.delay_until(at_us) else {
                    // Whoever moves it wakes the driver.
                    return Poll::Pending;
                };
                let deadline = TokioInstant::now() + delay.min(LONGEST_SLEEP);
                match &mut self.sleep {
                    Some(sleep) => sleep.as_mut().reset(deadline),
                    None => self.sleep = Some(Box::pin(tokio::time::sleep_until(deadline))),
                }
                self.rings_at_us = Some(at_us);
            }
            let Some(sleep) = &mut self.sleep else {
                return Poll::Pending;
            };
            if pin!(sleep).as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // Rung, maybe for an earlier wish: the clock decides.
            self.rings_at_us = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, LocalOptions};

    use super::*;
    use crate::clock::ManualClock;
    use crate::instance::Setup;

    fn on_a_runtime<R>(test: impl Future<Output = R>) -> R {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build_local(LocalOptions::default())
            .expect("a runtime");
        runtime.block_on(test)
    }

    #[test]
    fn a_manual_clock_that_is_moved_wakes_an_idle_engine() {
        on_a_runtime(async {
            let clock = ManualClock::default();
            let setup = Setup {
                clock: Some(clock.clone().into()),
                ..Setup::default()
            };
            let instance = Instance::with(setup).expect("an instance");
            let hub = Rc::new(Hub::default());
            let driver = Driver::new(
                instance,
                hub.clone(),
                Rc::default(),
                Desk::new(|_| unreachable!("nobody asks for a fork")),
            );
            let running = tokio::task::spawn_local(driver.run());
            tokio::time::sleep(Duration::from_millis(20)).await;
            let idle = hub.turns();
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(hub.turns(), idle, "an idle engine is left alone");
            // From another thread, as a test would.
            let moved = std::thread::spawn(move || clock.advance(Duration::from_secs(1)));
            moved.join().expect("no panic");
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(hub.turns() > idle);
            hub.stop();
            running.await.expect("no panic").expect("a clean end");
        });
    }

    #[test]
    fn an_alarm_rings_in_time_also_when_it_is_moved() {
        on_a_runtime(async {
            let clock = Timepiece::new(Clock::System);
            let mut alarm = Alarm::default();
            let start = Instant::now();
            let later_us = clock.now_us() + 60_000_000;
            let sooner_us = clock.now_us() + 30_000;
            poll_fn(|cx| {
                assert!(alarm.poll(cx, later_us, &clock).is_pending());
                Poll::Ready(())
            })
            .await;
            poll_fn(|cx| alarm.poll(cx, sooner_us, &clock)).await;
            let took = start.elapsed();
            assert!(took >= Duration::from_millis(29), "{took:?}");
            assert!(took < Duration::from_secs(10), "{took:?}");
        });
    }
}
