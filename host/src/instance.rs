//! One engine in one sandbox: started, stepped, called, taken back to a snapshot, and replaced when it
//! fails.
//!
//! Owns the order of calls and the time. Knows nothing of sockets.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use crate::bindings::{Continuation, Effects, Event, LogLevel, LogLine, Options};
use crate::calls::{Again, Call, Conversations, Execute, Load, Look, Resume, Save, Start, Step};
use crate::clock::{Clock, ManualClock, Timepiece};
use crate::error::Error;
use crate::files;
use crate::image;
use crate::live::Live;
use crate::memory::Still;
use crate::recorder::{Destination, Head, Provisional, Recorder, Recording};
use crate::reply::Reply;
use crate::rooms::PerUser;
use crate::snapshot::Snapshot;

/// Bytes of linear memory that an engine may fill if nothing else is said: 3584 MiB.
pub const DEFAULT_MEMORY_CEILING: u64 = 3584 << 20;

/// Microseconds that the clock must have moved on before [`Instance::execute`] tells the engine.
const TICK_US: u64 = 1000;

/// A Redis without sockets: requests in, replies out.
///
/// Every instance has a keyspace of its own and shares nothing with others. Making one takes some
/// tens of microseconds.
///
/// ```
/// # fn main() -> Result<(), petridis::Error> {
/// let mut redis = petridis::Instance::new()?;
/// assert_eq!(redis.execute(b"PING\r\n")?, b"+PONG\r\n");
/// # Ok(())
/// # }
/// ```
pub struct Instance {
    setup: Setup,
    time: Timepiece,
    seed: u64,
    /// None after the engine failed, until the next call.
    live: Option<Live>,
    /// The time the engine was last told.
    told_us: u64,
    /// How long the last step took, by the engine's own clock.
    took_us: u64,
    recorder: Option<Box<Recorder>>,
    /// Removes the recording again; behind the recorder, which ends it.
    _provisional: Option<Provisional>,
}

/// What an engine is started with, each time.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The system's without it, or one like the origin's.
    pub(crate) clock: Option<Clock>,
    /// The origin's without it, or a random one.
    pub(crate) seed: Option<u64>,
    pub(crate) memory_ceiling: u64,
    pub(crate) config: Vec<(String, String)>,
    pub(crate) facts: Vec<(String, String)>,
    /// Parameters that the host has come to heed since the start: where it listens now does not change
    /// with the engine's memory.
    pub(crate) heeded: Vec<(String, String)>,
    /// Data to begin with.
    pub(crate) image: Option<Arc<[u8]>>,
    /// Requests to begin with.
    pub(crate) commands: Option<Arc<[u8]>>,
    /// Instances for each user, where it is a server's.
    pub(crate) per_user: Option<PerUser>,
    /// What it is a fork of.
    pub(crate) origin: Option<Snapshot>,
    /// Where its calls are to be recorded, by its own order.
    pub(crate) record: Option<Destination>,
    /// What names it among the recordings of forks.
    pub(crate) known_as: Option<String>,
    /// Where its calls are recorded, once that is settled. Not where what is forked from it is.
    pub(crate) recording: Option<Recording>,
    /// Who is told of a `loglevel` that a client sets. Not for what is forked from it either.
    pub(crate) on_log_level: Option<fn(&str)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            clock: None,
            seed: None,
            memory_ceiling: DEFAULT_MEMORY_CEILING,
            config: Vec::new(),
            facts: Vec::new(),
            heeded: Vec::new(),
            image: None,
            commands: None,
            per_user: None,
            origin: None,
            record: None,
            known_as: None,
            recording: None,
            on_log_level: None,
        }
    }
}

impl Setup {
    /// Has it begin as a fork.
    pub(crate) fn fork(&mut self, origin: &Snapshot) {
        self.memory_ceiling = origin.memory_ceiling();
        if self.record.is_none() {
            self.record = origin.destination().cloned();
        }
        self.origin = Some(origin.clone());
    }

    /// Whether an instance is there within some tens of microseconds: a fork, and nothing more.
    pub(crate) fn is_quick(&self) -> bool {
        self.origin.is_some()
            && self.image.is_none()
            && self.commands.is_none()
            && self.per_user.is_none()
            && self.record.is_none()
            && self.recording.as_ref().is_none_or(Recording::is_a_forks)
    }

    /// Settles where it is recorded: where it was ordered, or beside what it is a fork of. Gives who removes
    /// the recording again.
    pub(crate) fn settle_recording(&mut self) -> Result<Option<Provisional>, Error> {
        if self.recording.is_some() {
            return Ok(None);
        }
        if let Some(destination) = self.record.take() {
            let (recording, provisional) = Recording::ordered(destination)?;
            self.recording = Some(recording);
            return Ok(provisional);
        }
        let recorded = self.origin.as_ref().and_then(Snapshot::recorded);
        let name = self.known_as.as_deref();
        self.recording = recorded.and_then(|recorded| Recording::of_a_fork(recorded, name));
        Ok(None)
    }
}

/// A seed that nobody chose.
fn random_seed() -> u64 {
    RandomState::new().hash_one(())
}

/// Settings of an [`Instance`] that is not made yet.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct InstanceBuilder {
    setup: Setup,
}

impl InstanceBuilder {
    /// All chance in the engine comes from this number; without it, from a random one.
    pub fn seed(mut self, seed: u64) -> Self {
        self.setup.seed = Some(seed);
        self
    }

    /// Where the time comes from; without it, from the system.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.setup.clock = Some(clock.into());
        self
    }

    /// A parameter as in redis.conf. Later ones win.
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.setup.config.push((name.into(), value.into()));
        self
    }

    /// Bytes of memory that the engine may fill; a write that would not fit is answered with
    /// Redis's out-of-memory error. At most 4 GiB; [`DEFAULT_MEMORY_CEILING`] without it.
    pub fn memory_ceiling(mut self, bytes: u64) -> Self {
        self.setup.memory_ceiling = bytes;
        self
    }

    /// Begins with the data of an image in the format of Redis's `dump.rdb`.
    pub fn load(mut self, image: impl Into<Arc<[u8]>>) -> Self {
        self.setup.image = Some(image.into());
        self
    }

    /// Runs these requests first: inline commands, a line each, or RESP. All have to succeed.
    pub fn commands(mut self, requests: impl Into<Arc<[u8]>>) -> Self {
        self.setup.commands = Some(requests.into());
        self
    }

    /// Begins as a fork of a snapshot: with its data, its parameters but for those given here, and, if no
    /// clock is given, at its instant.
    pub fn snapshot(mut self, snapshot: &Snapshot) -> Self {
        self.setup.fork(snapshot);
        self
    }

    /// Records every call into the engine to this file, for [`Replay`](crate::Replay). What is forked from it
    /// is recorded beside it: to files of the same name and `.fork-1`, `.fork-2`, ….
    pub fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.setup.record = Some(Destination::File(path.into()));
        self
    }

    /// As [`record`](Self::record), to a file in this folder that stays only if the instance is dropped
    /// because of a panic: a test that fails leaves its recording.
    pub fn record_on_panic(mut self, folder: impl Into<PathBuf>) -> Self {
        self.setup.record = Some(Destination::Folder(folder.into()));
        self
    }

    /// Makes the instance.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it can't be recorded, [`Error::Config`] for a parameter that is unknown or out of range, [`Error::Load`] for an
    /// image that is none.
    pub fn build(self) -> Result<Instance, Error> {
        Instance::with(self.setup)
    }
}

impl Instance {
    /// An instance with Redis's default configuration, the system's clock and a random seed.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] if the embedded code does not run on this machine.
    pub fn new() -> Result<Self, Error> {
        Self::with(Setup::default())
    }

    /// An instance with settings of one's own.
    pub fn builder() -> InstanceBuilder {
        InstanceBuilder::default()
    }

    pub(crate) fn with(mut setup: Setup) -> Result<Self, Error> {
        let provisional = setup.settle_recording()?;
        let origin = setup.origin.take();
        let time = match (setup.clock.take(), &origin) {
            (Some(clock), _) => Timepiece::new(clock),
            (None, Some(origin)) => origin.time(),
            (None, None) => Timepiece::new(Clock::System),
        };
        let seed = setup.seed.or(origin.as_ref().map(Snapshot::seed));
        let seed = seed.unwrap_or_else(random_seed);
        let mut recorder = None;
        if let Some(recording) = setup.recording.take() {
            let head = Head::new(seed, time.now_us(), setup.memory_ceiling, &setup.config);
            let begins = match &origin {
                Some(origin) if recording.is_a_forks() => Some(origin.still()),
                _ => None,
            };
            let is_a_forks = recording.is_a_forks();
            match Recorder::create(recording, head, &image::shared()?.initial, begins) {
                Ok(created) => recorder = Some(Box::new(created)),
                // Nobody ordered this one, so nobody goes without the fork.
                Err(error) if is_a_forks => tracing::error!("A fork is not recorded: {error}"),
                Err(error) => return Err(error),
            }
        }
        let mut instance = Self {
            time,
            seed,
            setup,
            live: None,
            told_us: 0,
            took_us: 0,
            recorder,
            _provisional: provisional,
        };
        match &origin {
            None => instance.revive()?,
            Some(origin) => instance.begin_as(origin)?,
        }
        if let Some(image) = instance.setup.image.take() {
            let keys = instance.load(&image)?;
            tracing::info!("{keys} keys loaded");
        }
        if let Some(commands) = instance.setup.commands.take() {
            instance.prepare(&commands)?;
        }
        Ok(instance)
    }

    /// One that is only to make the calls of a recording again.
    pub(crate) fn to_replay(seed: u64, now_us: u64, memory_ceiling: u64) -> Self {
        Self {
            setup: Setup {
                memory_ceiling,
                ..Setup::default()
            },
            time: Timepiece::new(ManualClock::at_us(now_us).into()),
            seed,
            live: None,
            told_us: now_us,
            took_us: 0,
            recorder: None,
            _provisional: None,
        }
    }

    /// The number that all chance in this engine comes from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Where its time comes from. A fork of an instance with a manual clock has one of its own.
    pub fn clock(&self) -> &Clock {
        self.time.clock()
    }

    /// The time that the engine knows of: none earlier counts.
    pub(crate) fn least_us(&self) -> u64 {
        self.told_us
    }

    pub(crate) fn time(&self) -> &Timepiece {
        &self.time
    }

    pub(crate) fn time_mut(&mut self) -> &mut Timepiece {
        &mut self.time
    }

    /// Answers every complete request in `request`, which is RESP: arrays of bulk strings, or
    /// inline commands.
    ///
    /// All calls are one connection, so `SELECT`, `MULTI` or `HELLO` in one call hold in the next.
    /// A request that is cut off is kept and completed by the next call.
    ///
    /// # Errors
    ///
    /// [`Error::Trapped`] if the engine failed. All data is gone then; the next call is answered
    /// by a clean engine. What a command answers, errors included, is no error here.
    pub fn execute(&mut self, request: &[u8]) -> Result<Vec<u8>, Error> {
        let now_us = self.time.now_us();
        self.revive_at(now_us)?;
        if now_us >= self.told_us.saturating_add(TICK_US) {
            let effects = self.step(now_us, &[], &[])?;
            effects.logs.iter().for_each(log);
        }
        let request = Cow::Borrowed(request);
        self.call(&Execute { request })
    }

    /// An image of all data, in the format of Redis's `dump.rdb`: a real Redis 8.0 loads it, and so
    /// does [`Instance::load`].
    ///
    /// # Errors
    ///
    /// [`Error::Save`] where there is no memory for it beside the data.
    pub fn save(&mut self) -> Result<Vec<u8>, Error> {
        self.revive()?;
        self.call(&Save)?.map_err(Error::Save)
    }

    /// Puts the data of an image in place of what is there; returns how many keys it is. The image
    /// may come from [`Instance::save`] or from any Redis up to 8.0.
    ///
    /// # Errors
    ///
    /// [`Error::Load`] if it is no whole image; what was read before the fault is there then.
    pub fn load(&mut self, image: &[u8]) -> Result<u64, Error> {
        self.revive()?;
        let image = Cow::Borrowed(image);
        self.call(&Load { image })?.map_err(Error::Load)
    }

    /// Tells the time and what happened; returns what to do.
    #[doc(hidden)]
    pub fn step(&mut self, now_us: u64, events: &[Event], bytes: &[u8]) -> Result<Effects, Error> {
        self.revive_at(now_us)?;
        self.told_us = now_us;
        let start_us = self.time.now_us();
        let effects = self.call(&Step {
            now_us,
            took_us: self.took_us,
            events: Cow::Borrowed(events),
            bytes: Cow::Borrowed(bytes),
        });
        self.took_us = self.time.now_us().saturating_sub(start_us);
        effects
    }

    /// The host heeds these parameters from now on, whatever becomes of the engine.
    pub(crate) fn heed(&mut self, parameters: Vec<(String, String)>) {
        let setup = &mut self.setup;
        for (name, value) in parameters {
            setup.heeded.retain(|(known, _)| *known != name);
            if name == "port" {
                setup.facts.retain(|(fact, _)| fact != "tcp_port");
                setup.facts.push(("tcp_port".to_owned(), value.clone()));
            }
            setup.heeded.push((name, value));
        }
    }

    /// Puts a clean engine in place of one that failed; does nothing if there is one.
    pub(crate) fn revive(&mut self) -> Result<(), Error> {
        self.revive_at(self.time.now_us())
    }

    fn revive_at(&mut self, now_us: u64) -> Result<(), Error> {
        if self.live.is_some() {
            return Ok(());
        }
        self.lay(&image::shared()?.initial, self.setup.memory_ceiling)?;
        self.told_us = now_us;
        let setup = &self.setup;
        let config = [&setup.config[..], &setup.heeded].concat();
        let acl_file = files::users(&config).map(|(name, read)| {
            read.map_err(|refusal| {
                let why = refusal.why;
                Error::Config(format!("Error loading ACLs, opening file '{name}': {why}"))
            })
        });
        let acl_file = acl_file.transpose().inspect_err(|_| self.live = None)?;
        let setup = &self.setup;
        let options = Options {
            now_us,
            seed: self.seed,
            memory_ceiling: setup.memory_ceiling,
            config,
            facts: setup.facts.clone(),
            acl_file,
        };
        let options = Cow::Borrowed(&options);
        let started = self.call(&Start { options })?;
        started.map_err(|sentence| {
            self.live = None;
            Error::Config(sentence)
        })
    }

    /// Has an engine begin with that memory, or the one that there is go back to it.
    pub(crate) fn lay(&mut self, still: &Arc<Still>, memory_ceiling: u64) -> Result<(), Error> {
        // Of a step of the other memory.
        self.took_us = 0;
        if let Some(recorder) = &mut self.recorder {
            recorder.lays(still, memory_ceiling);
        }
        if !self.live.as_mut().is_some_and(|live| live.rewind(still)) {
            self.live = Some(Live::begin(still, memory_ceiling)?);
        }
        Ok(())
    }

    /// What its memory holds now.
    pub(crate) fn keep(&mut self) -> Result<Arc<Still>, Error> {
        let Some(live) = &mut self.live else {
            return Err(Error::Trapped("it was not started again".to_owned()));
        };
        let still = live.still();
        let still = still.map_err(|error| Error::Snapshot(error.to_string()))?;
        let still = Arc::new(still);
        if let Some(recorder) = &mut self.recorder {
            recorder.keeps(&still);
        }
        Ok(still)
    }

    /// An image of everything: data, parameters, functions, statistics, time and chance. What it holds is
    /// never changed again; any number of instances can go back to it or begin with it.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] where there is no memory for it.
    pub fn snapshot(&mut self) -> Result<Snapshot, Error> {
        self.revive()?;
        let still = self.keep()?;
        let setup = Setup {
            seed: Some(self.seed),
            ..self.setup.clone()
        };
        Ok(Snapshot::new(
            still.clone(),
            self.time.apart(self.told_us),
            self.told_us,
            setup,
            self.recorder
                .as_ref()
                .and_then(|recorder| recorder.recorded(&still)),
        ))
    }

    /// The files that it is recorded to, and that its forks are, and theirs, in the order in which they
    /// began. Empty where nothing is recorded.
    pub fn recordings(&self) -> Vec<PathBuf> {
        self.recorder
            .as_ref()
            .map_or_else(Vec::new, |recorder| recorder.family().paths())
    }

    /// Goes back to a snapshot, of this instance or another one. The time is the snapshot's again, so that
    /// times to live mean the same after each restore.
    ///
    /// Conversations go on: a connection keeps its protocol version, database, name, what it listens to
    /// and what it has queued. Who watches a key will not have their `EXEC`; who waits for one looks again.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] where there is no memory for it; everything is as it was then.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.go_back(snapshot, None)
    }

    /// As [`Instance::restore`], but time goes on.
    ///
    /// # Errors
    ///
    /// As [`Instance::restore`].
    pub fn restore_keeping_clock(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.go_back(snapshot, Some(self.time.now_us()))
    }

    fn go_back(&mut self, snapshot: &Snapshot, now_us: Option<u64>) -> Result<(), Error> {
        let mut conversations = Vec::new();
        if self.live.is_some() {
            conversations = self.call(&Conversations)?;
        }
        let continuation = Continuation {
            now_us: now_us.unwrap_or(snapshot.now_us()),
            seed: None,
            conversations,
            config: self.setup.heeded.clone(),
            facts: self.setup.facts.clone(),
        };
        self.setup.memory_ceiling = snapshot.memory_ceiling();
        self.go_on_with(snapshot, &continuation)?;
        if now_us.is_none() {
            self.time.put(snapshot.now_us());
        }
        Ok(())
    }

    fn begin_as(&mut self, origin: &Snapshot) -> Result<(), Error> {
        if let Clock::Manual(clock) = self.time.clock() {
            // It would stand still until the clock is where the snapshot was taken.
            clock.put_forward(origin.now_us());
        }
        let continuation = Continuation {
            now_us: self.time.now_us().max(origin.now_us()),
            seed: self.setup.seed,
            conversations: Vec::new(),
            config: std::mem::take(&mut self.setup.config),
            facts: self.setup.facts.clone(),
        };
        self.go_on_with(origin, &continuation)?;
        // What a clean engine would be started with, should this one fail.
        self.setup.config.clone_from(origin.config());
        self.setup.config.extend(continuation.config);
        Ok(())
    }

    fn go_on_with(&mut self, origin: &Snapshot, how: &Continuation) -> Result<(), Error> {
        self.lay(origin.still(), self.setup.memory_ceiling)?;
        self.told_us = how.now_us;
        let continuation = Cow::Borrowed(how);
        let resumed = self.call(&Resume { continuation })?;
        resumed.map_err(|sentence| {
            self.live = None;
            Error::Config(sentence)
        })
    }

    /// Runs requests on a connection that nobody gets to know of. All have to succeed.
    pub(crate) fn prepare(&mut self, requests: &[u8]) -> Result<(), Error> {
        let replies = self.look(0, requests)?;
        let mut replies = replies.as_slice();
        let mut number = 0;
        while let Some(reply) = Reply::take(&mut replies) {
            number += 1;
            if let Reply::Error(text) = reply {
                return Err(Error::Load(format!("command {number}: {text}")));
            }
        }
        Ok(())
    }

    /// False after the engine failed: everything is gone.
    pub(crate) fn is_alive(&self) -> bool {
        self.live.is_some()
    }

    /// Runs requests that only look; the replies are in RESP3.
    pub(crate) fn look(&mut self, db: u32, request: &[u8]) -> Result<Vec<u8>, Error> {
        self.revive()?;
        let request = Cow::Borrowed(request);
        self.call(&Look { db, request })
    }

    /// Makes a call of a recording again: what comes of it, as bytes.
    pub(crate) fn call_again(&mut self, call: &dyn Again) -> Result<Vec<u8>, Error> {
        self.attempt(|live| call.again(live))
    }

    /// Has what is recorded so far be in its file.
    pub(crate) fn flush_recording(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.flush();
        }
    }

    /// Calls into the engine: the one place where that is done, but to replay a recording.
    fn call<C: Call>(&mut self, call: &C) -> Result<C::Outcome, Error> {
        if let Some(recorder) = &mut self.recorder {
            recorder.calls(call);
        }
        let outcome = self.attempt(|live| call.run(live));
        if let Some(recorder) = &mut self.recorder {
            match &outcome {
                Ok(outcome) => recorder.came_of_it(outcome),
                Err(error) => recorder.failed(&error.to_string()),
            }
        }
        outcome
    }

    /// Does something with the engine. One that failed is dropped: wasmtime does not let anyone in again.
    fn attempt<R>(
        &mut self,
        call: impl FnOnce(&mut Live) -> wasmtime::Result<R>,
    ) -> Result<R, Error> {
        let Some(live) = &mut self.live else {
            return Err(Error::Trapped("it was not started again".to_owned()));
        };
        match call(live) {
            Ok(result) => Ok(result),
            Err(error) => {
                let mut reason = live.last_words();
                if reason.is_empty() {
                    reason = format!("{error:#}");
                }
                self.live = None;
                tracing::error!(
                    "The engine failed, a clean one takes its place, all data is gone: {reason}"
                );
                Err(Error::Trapped(reason))
            }
        }
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("setup", &self.setup)
            .finish_non_exhaustive()
    }
}

/// Hands a line of the engine's log to whoever listens.
pub(crate) fn log(line: &LogLine) {
    let text = &line.text;
    match line.level {
        LogLevel::Debug => tracing::trace!(target: "engine", "{text}"),
        LogLevel::Verbose => tracing::debug!(target: "engine", "{text}"),
        LogLevel::Notice => tracing::info!(target: "engine", "{text}"),
        LogLevel::Warning => tracing::warn!(target: "engine", "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_move_between_threads() {
        let mut redis = Instance::new().expect("an instance");
        let reply = std::thread::spawn(move || redis.execute(b"PING\r\n")).join();
        assert_eq!(reply.expect("no panic").expect("a reply"), b"+PONG\r\n");
    }

    #[test]
    fn a_parameter_that_does_not_exist_is_refused() {
        let refused = Instance::builder().config("no-such-parameter", "1").build();
        assert!(matches!(refused, Err(Error::Config(_))), "{refused:?}");
    }

    #[test]
    fn a_request_that_is_cut_off_is_completed_by_the_next_call() {
        let mut redis = Instance::new().expect("an instance");
        assert_eq!(redis.execute(b"*1\r\n$4\r\nPI").expect("a reply"), b"");
        assert_eq!(redis.execute(b"NG\r\n").expect("a reply"), b"+PONG\r\n");
    }
}
