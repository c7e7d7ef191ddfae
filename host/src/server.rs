//! A server: one engine, its sockets, and the thread they live on.
//!
//! Owns the thread and what the public API shows of it. Knows nothing of command lines and of what
//! parameters mean to the engine; where it listens is `listen`'s.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot, watch};

use crate::bindings::Signal;
use crate::clock::Clock;
use crate::control::{Desk, Starting};
use crate::driver::{Driver, Errand, Errands};
use crate::error::Error;
use crate::instance::{Instance, Setup};
use crate::listen::{Listeners, Sockets};
use crate::net::Hub;
use crate::park;
use crate::recorder::{Destination, Family, Provisional};
use crate::rooms::{PerUser, Rooms};
use crate::snapshot::Snapshot;
use crate::tls;

/// How long dropping a server waits for its thread. It ends at once unless the engine is busy.
const DROP_LIMIT: Duration = Duration::from_secs(1);

/// How long a thread looks for the fork that is being made for it.
const MOMENT: Duration = Duration::from_micros(300);

/// How many tasks run before the operating system is asked for events again: enough for a batch of
/// many connections to be complete before the engine is told.
const EVENT_INTERVAL: u32 = 256;

/// A running Redis server. Stops when it is dropped.
///
/// It runs on a thread of its own and works in any async runtime, or none.
///
/// ```
/// # async fn demo() -> Result<(), petridis::Error> {
/// let server = petridis::Server::start().await?;
/// println!("{}", server.url()); // redis://127.0.0.1:43210
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    bound: Bound,
    errands: mpsc::UnboundedSender<Errand>,
    stop: watch::Sender<Stop>,
    outcome: watch::Receiver<Option<Result<(), String>>>,
    thread: Option<JoinHandle<()>>,
    /// Its recording, and those of its forks.
    family: Option<Arc<Family>>,
    recording: Option<PathBuf>,
    /// Removes the recording again, once all else has ended.
    _provisional: Option<Provisional>,
}

/// Settings of a [`Server`] that is not started yet.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ServerBuilder {
    setup: Setup,
}

impl ServerBuilder {
    /// The TCP port; 0, which is the default, for any free one.
    pub fn port(self, port: u16) -> Self {
        self.config("port", port.to_string())
    }

    /// Has somebody told of every `loglevel` that a client sets with `CONFIG SET`: the engine's own lines
    /// follow it, what the library says through `tracing` is for the caller to filter.
    pub fn on_log_level(mut self, tell: fn(&str)) -> Self {
        self.setup.on_log_level = Some(tell);
        self
    }

    /// The addresses to listen on, separated by spaces; 127.0.0.1 without it.
    pub fn bind(self, addresses: impl Into<String>) -> Self {
        self.config("bind", addresses)
    }

    /// Listens for TLS too, on any free port unless [`config`](Self::config) says `tls-port`, with
    /// this certificate (and those that vouch for it) and its key, both in PEM form. Clients need no
    /// certificate unless `tls-auth-clients` and `tls-ca-cert-file` say so.
    pub fn tls(self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        self.config("tls-cert-file", text(certificate.as_ref()))
            .config("tls-key-file", text(key.as_ref()))
            .config("tls-auth-clients", "no")
            .config(tls::ANY_PORT, "yes")
    }

    /// Listens for TLS too, on any free port unless [`config`](Self::config) says `tls-port`, with a
    /// certificate that is made at the start and vouches for itself: clients are to trust
    /// [`Server::tls_certificate`].
    pub fn tls_self_signed(self) -> Self {
        self.config(tls::SELF_SIGNED, "yes")
    }

    /// Listens on a Unix socket too.
    pub fn unixsocket(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_string_lossy().into_owned();
        self.config("unixsocket", path)
    }

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

    /// Begins with the data of an image in the format of Redis's `dump.rdb`.
    pub fn load(mut self, image: impl Into<Arc<[u8]>>) -> Self {
        self.setup.image = Some(image.into());
        self
    }

    /// What `INFO` shows of the process beyond what the server knows of itself, by `INFO`'s name
    /// of the field: `config_file`, for example.
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.setup.facts.push((name.into(), value.into()));
        self
    }

    /// Bytes of memory that the engine may fill; a write that would not fit is answered with
    /// Redis's out-of-memory error. At most 4 GiB;
    /// [`DEFAULT_MEMORY_CEILING`](crate::DEFAULT_MEMORY_CEILING) without it.
    pub fn memory_ceiling(mut self, bytes: u64) -> Self {
        self.setup.memory_ceiling = bytes;
        self
    }

    /// Runs these requests before anybody can connect: inline commands, a line each, or RESP.
    pub fn commands(mut self, requests: impl Into<Arc<[u8]>>) -> Self {
        self.setup.commands = Some(requests.into());
        self
    }

    /// Gives each user an instance of their own: a fork of this one, made when the first connection comes
    /// that begins with the user's name (`redis://name:@host:port`), with any password if there is no
    /// `requirepass`. There are `most` at a time; one that nobody is connected to stays for as long as
    /// `stays` says, or for ever.
    pub fn per_user_instances(mut self, most: usize, stays: Option<Duration>) -> Self {
        self.setup.per_user = Some(PerUser { most, stays });
        self
    }

    /// Whether clients may use the command `PETRIDIS`: they may without it, if they are on the same machine
    /// or have logged in with a password.
    pub fn control(mut self, allowed: bool) -> Self {
        let value = if allowed { "yes" } else { "no" };
        self.setup
            .facts
            .push(("control".to_owned(), value.to_owned()));
        self
    }

    /// Begins as a fork of a snapshot: with its data, its parameters but for those given here, and, if no
    /// clock is given, at its instant.
    pub fn snapshot(mut self, snapshot: &Snapshot) -> Self {
        self.setup.fork(snapshot);
        self
    }

    /// Records every call into the engine to this file: from the seed and the parameters on, what every
    /// client sent, at which time, and what was answered. [`Replay`](crate::Replay) and `petridis replay`
    /// run it again. Its forks are recorded beside it: to files of the same name and `.fork-1`, `.fork-2`, …,
    /// and [instances of users](Self::per_user_instances) to those with `.user-NAME`.
    /// [`Server::recordings`] names them all.
    pub fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.setup.record = Some(Destination::File(path.into()));
        self
    }

    /// As [`record`](Self::record), to a file in this folder that stays only if the server is dropped
    /// because of a panic: a test that fails leaves its recording, and says where.
    ///
    /// ```
    /// # fn main() -> Result<(), petridis::Error> {
    /// # let folder = tempfile::tempdir().expect("a folder");
    /// # let folder = folder.path();
    /// let server = petridis::blocking::Server::builder().record_on_panic(folder).start()?;
    /// // … the test, which may fail …
    /// # Ok(())
    /// # }
    /// ```
    pub fn record_on_panic(mut self, folder: impl Into<PathBuf>) -> Self {
        self.setup.record = Some(Destination::Folder(folder.into()));
        self
    }

    /// Starts the server. It accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a parameter that is unknown or out of range, [`Error::Listen`] when a
    /// socket cannot be opened, [`Error::Load`] for an image that is none, [`Error::Io`] where it can't be
    /// recorded.
    pub async fn start(self) -> Result<Server, Error> {
        let mut setup = self.setup;
        // By the thread whose panic decides what becomes of it.
        let provisional = setup.settle_recording()?;
        let (family, recording) = match &setup.recording {
            Some(recording) => (Some(recording.family.clone()), Some(recording.path.clone())),
            None => (None, None),
        };
        let (errands, wanted) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(Stop::NotYet);
        let (ended, outcome) = watch::channel(None);
        let (ready, mut is_ready) = oneshot::channel();
        // A fork is made here while its thread starts. What takes longer is done there.
        let (beginning, fork) = if setup.is_quick() {
            let (hand_over, given) = oneshot::channel();
            (Beginning::Given(given), Some((setup, hand_over)))
        } else {
            (Beginning::Own(Box::new(setup)), None)
        };
        let thread = std::thread::Builder::new()
            .name("petridis".to_owned())
            .spawn(move || {
                let result = run(beginning, ready, wanted, stopped);
                ended.send_replace(Some(result.map_err(|error| error.to_string())));
            })
            .map_err(|reason| Error::Io {
                what: "starting a thread".to_owned(),
                reason,
            })?;
        let bound = match fork {
            Some((setup, hand_over)) => {
                let prepared = Prepared::new(setup)?;
                let bound = prepared.bound();
                // Nobody is waited for: what the thread can't do after this, `wait` tells.
                if let Ok(Err(error)) = is_ready.try_recv() {
                    return Err(error);
                }
                let _ = hand_over.send(prepared);
                bound
            }
            // The thread answers, or panics and drops its end.
            None => match is_ready.await {
                Ok(bound) => bound?,
                Err(_) => return Err(Error::Ended("it failed while it started".to_owned())),
            },
        };
        Ok(Server {
            bound,
            errands,
            stop,
            outcome,
            thread: Some(thread),
            family,
            recording,
            _provisional: provisional,
        })
    }
}

impl Server {
    /// Starts a server with Redis's default configuration on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`].
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// A server with settings of one's own.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// What clients connect to: `redis://127.0.0.1:PORT`; [`tls_url`](Self::tls_url) where it only
    /// listens for TLS.
    pub fn url(&self) -> String {
        match self.tls_url() {
            Some(url) if self.bound.addresses.is_empty() => url,
            _ => format!("redis://{}", self.addr()),
        }
    }

    /// What clients connect to by TLS, `rediss://127.0.0.1:PORT`, if it listens for that.
    pub fn tls_url(&self) -> Option<String> {
        self.tls_addr().map(|address| format!("rediss://{address}"))
    }

    /// The first address that it listens on; loopback where it listens on all.
    pub fn addr(&self) -> SocketAddr {
        let first = self.bound.addresses.first().copied();
        first
            .map(reachable)
            .or_else(|| self.tls_addr())
            .unwrap_or((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// The first address where it listens for TLS; loopback where it does so on all.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.bound.tls_addresses.first().copied().map(reachable)
    }

    /// The certificate that was made for it, in PEM form; see [`ServerBuilder::tls_self_signed`].
    pub fn tls_certificate(&self) -> Option<&str> {
        self.bound.certificate.as_deref()
    }

    /// All addresses that it listens on without TLS.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.bound.addresses
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.addr().port()
    }

    /// The Unix socket that it listens on.
    pub fn unixsocket(&self) -> Option<&Path> {
        self.bound.unix_socket.as_deref()
    }

    /// The number that all chance in this server comes from.
    pub fn seed(&self) -> u64 {
        self.bound.seed
    }

    /// Where its time comes from. A fork of a server with a manual clock has one of its own.
    pub fn clock(&self) -> &Clock {
        &self.bound.clock
    }

    /// The files that it is recorded to, and that its forks are, and theirs, in the order in which they
    /// began. Empty where nothing is recorded.
    pub fn recordings(&self) -> Vec<PathBuf> {
        self.family
            .as_ref()
            .map_or_else(Vec::new, |family| family.paths())
    }

    /// Does something with the engine between two turns.
    pub(crate) async fn with_instance<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Instance) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let gone = || {
            let outcome = self.outcome.borrow();
            let why = outcome.as_ref().and_then(|ended| ended.as_ref().err());
            Error::Ended(
                why.map_or("it no longer answers", String::as_str)
                    .to_owned(),
            )
        };
        let (told, result) = oneshot::channel();
        let errand: Errand = Box::new(move |instance| {
            // Nobody waits for it any more: then nobody needs to know.
            let _ = told.send(act(instance));
        });
        self.errands.send(errand).map_err(|_| gone())?;
        result.await.map_err(|_| gone())
    }

    /// Asks it to end as SIGTERM asks a Redis: if there are save points (or `shutdown-on-sigterm` says
    /// so), data is saved first; if that fails, it goes on. [`wait`](Self::wait) tells when it is over.
    pub fn terminate(&self) {
        self.stop.send_replace(Stop::Asked(Signal::Terminate));
    }

    /// Asks it to end as SIGINT asks a Redis; see [`terminate`](Self::terminate).
    pub fn interrupt(&self) {
        self.stop.send_replace(Stop::Asked(Signal::Interrupt));
    }

    /// Stops it, without saving, and waits until its sockets are closed.
    pub async fn shutdown(self) {
        self.stop.send_replace(Stop::Now);
        // What it ended with was of interest to `wait`.
        let _ = self.wait().await;
    }

    /// Waits until it has ended, by `SHUTDOWN` for example.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] if it could not go on.
    pub async fn wait(&self) -> Result<(), Error> {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Err(reason))) => Err(Error::Ended(reason.clone())),
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Ended("its thread failed".to_owned())),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(Stop::Now);
        let ended = park::within(DROP_LIMIT, self.wait()).is_some();
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            // A panic was told by whoever panicked.
            let _ = thread.join();
        }
    }
}

/// Whether a server is to end.
#[derive(Clone, Copy, Debug)]
enum Stop {
    NotYet,
    /// The engine decides, and saves what is to be saved.
    Asked(Signal),
    Now,
}

/// What a server got to listen on.
#[derive(Debug)]
struct Bound {
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    /// The certificate, where one was made.
    certificate: Option<String>,
    unix_socket: Option<PathBuf>,
    seed: u64,
    clock: Clock,
}

/// Where to connect to for an address that is listened on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// What a server's thread begins with.
enum Beginning {
    /// It sees to everything.
    Own(Box<Setup>),
    /// All else is done by somebody else meanwhile. Where that fails, nothing comes.
    Given(oneshot::Receiver<Prepared>),
}

/// Told whoever starts a server: what it is bound to, or why it can't be.
type Ready = oneshot::Sender<Result<Bound, Error>>;

/// A server that is ready but for its thread: connections may queue up already.
struct Prepared {
    instance: Instance,
    sockets: Sockets,
    /// Where each user is to have an instance: what this one was started with.
    per_user: Option<(PerUser, Setup)>,
    /// Who is told of a `loglevel` that a client sets.
    on_log_level: Option<fn(&str)>,
}

impl Prepared {
    /// Opens the sockets and starts the engine.
    fn new(mut setup: Setup) -> Result<Self, Error> {
        let on_log_level = setup.on_log_level.take();
        let sockets = Sockets::open(&mut setup.config)?;
        let [addresses, tls_addresses] = sockets.addresses();
        let first = addresses.first().or(tls_addresses.first());
        if setup.origin.is_none() && !setup.config.iter().any(|(name, _)| name == "save") {
            // What lives for a test leaves no file behind that nobody asked for.
            setup.config.push(("save".to_owned(), String::new()));
        }
        setup.config.extend(sockets.told());
        // What the caller said of the process wins.
        let mut facts = facts(first.map_or(0, SocketAddr::port));
        facts.append(&mut setup.facts);
        setup.facts = facts;
        let per_user = setup.per_user.map(|how| (how, setup.clone()));
        Ok(Self {
            instance: Instance::with(setup)?,
            sockets,
            per_user,
            on_log_level,
        })
    }

    fn bound(&self) -> Bound {
        let [addresses, tls_addresses] = self.sockets.addresses();
        Bound {
            addresses,
            tls_addresses,
            certificate: self.sockets.certificate(),
            unix_socket: self.sockets.unix_socket(),
            seed: self.instance.seed(),
            clock: self.instance.clock().clone(),
        }
    }

    /// Begins to accept, on the thread that it lives on from now on.
    fn open(mut self, hub: &Rc<Hub>, errands: &Rc<Errands>) -> Result<Driver, Error> {
        let mut listeners = Listeners::of(self.sockets, hub)?;
        if let Some((how, setup)) = &self.per_user {
            Rooms::new(*how, &mut self.instance, setup, fork)?.open(hub);
        }
        listeners.accept();
        let desk = Desk::new(fork);
        let driver = Driver::new(self.instance, hub.clone(), errands.clone(), desk);
        Ok(driver.at(listeners).telling(self.on_log_level))
    }
}

/// The whole life of a server's thread.
fn run(
    beginning: Beginning,
    ready: Ready,
    wanted: mpsc::UnboundedReceiver<Errand>,
    stopped: watch::Receiver<Stop>,
) -> Result<(), Error> {
    let runtime = match Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .event_interval(EVENT_INTERVAL)
        .build_local(LocalOptions::default())
    {
        Ok(runtime) => runtime,
        Err(reason) => {
            let what = "starting the server".to_owned();
            return refuse(ready, Error::Io { what, reason });
        }
    };
    runtime.block_on(async {
        match beginning {
            Beginning::Own(setup) => match Prepared::new(*setup) {
                Ok(prepared) => serve(prepared, Some(ready), wanted, stopped).await,
                Err(error) => refuse(ready, error),
            },
            Beginning::Given(given) => match soon(given).await {
                Ok(prepared) => serve(prepared, None, wanted, stopped).await,
                Err(_) => Ok(()),
            },
        }
    })
}

/// What is given within a moment, for which it is not worth to fall asleep.
async fn soon<T>(mut given: oneshot::Receiver<T>) -> Result<T, oneshot::error::RecvError> {
    let start = Instant::now();
    while start.elapsed() < MOMENT {
        match given.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => std::thread::yield_now(),
            Err(oneshot::error::TryRecvError::Closed) => break,
            Ok(given) => return Ok(given),
        }
    }
    given.await
}

/// Reports a failed start to the one who waits for it.
fn refuse(ready: Ready, error: Error) -> Result<(), Error> {
    let sentence = error.to_string();
    // Nobody waits any more: then nobody needs to know.
    let _ = ready.send(Err(error));
    Err(Error::Ended(sentence))
}

async fn serve(
    prepared: Prepared,
    ready: Option<Ready>,
    wanted: mpsc::UnboundedReceiver<Errand>,
    stopped: watch::Receiver<Stop>,
) -> Result<(), Error> {
    let hub = Rc::new(Hub::default());
    let errands = Rc::new(Errands::default());
    let bound = prepared.bound();
    let driver = match (prepared.open(&hub, &errands), ready) {
        (Ok(driver), None) => driver,
        (Ok(driver), Some(ready)) => {
            if ready.send(Ok(bound)).is_err() {
                return Ok(());
            }
            driver
        }
        (Err(error), None) => {
            tracing::error!("A server does not start: {error}");
            return Err(error);
        }
        (Err(error), Some(ready)) => return refuse(ready, error),
    };
    tokio::task::spawn_local(stop_when_told(hub.clone(), stopped));
    tokio::task::spawn_local(run_errands(hub.clone(), errands, wanted));
    // As a task of its own, so that it queues up behind the connections' tasks.
    match tokio::task::spawn_local(driver.run()).await {
        Ok(result) => result,
        Err(error) => Err(Error::Ended(error.to_string())),
    }
}

async fn stop_when_told(hub: Rc<Hub>, mut stopped: watch::Receiver<Stop>) {
    // Forgotten means the end too.
    while stopped.changed().await.is_ok() {
        match *stopped.borrow_and_update() {
            Stop::NotYet => {}
            Stop::Asked(signal) => hub.signal(signal),
            Stop::Now => break,
        }
    }
    hub.stop();
}

async fn run_errands(
    hub: Rc<Hub>,
    errands: Rc<Errands>,
    mut wanted: mpsc::UnboundedReceiver<Errand>,
) {
    while let Some(errand) = wanted.recv().await {
        errands.push(errand);
        hub.wake();
    }
}

/// Starts a server that somebody asked for with `PETRIDIS FORK`.
fn fork(snapshot: Snapshot) -> Starting {
    Box::pin(async move {
        let server = snapshot.fork_server().await?;
        let url = server.url();
        if let Some(path) = &server.recording {
            tracing::info!("{url} is recorded in {}", path.display());
        }
        let server: Box<dyn Any> = Box::new(server);
        Ok((url, server))
    })
}

/// What only the host knows and `INFO` shows.
fn facts(port: u16) -> Vec<(String, String)> {
    let executable = std::env::current_exe()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let uname = rustix::system::uname();
    let part = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let os = [
        part(uname.sysname()),
        part(uname.release()),
        part(uname.machine()),
    ]
    .join(" ");
    let multiplexing = if cfg!(any(target_os = "linux", target_os = "android")) {
        "epoll"
    } else {
        "kqueue"
    };
    [
        ("process_id", std::process::id().to_string()),
        ("executable", executable),
        ("os", os),
        ("tcp_port", port.to_string()),
        ("arch_bits", usize::BITS.to_string()),
        ("multiplexing_api", multiplexing.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::TcpStream;

    use super::*;

    fn ping(mut connection: impl io::Read + io::Write) -> io::Result<()> {
        connection.write_all(b"PING\r\n")?;
        let mut reply = [0; 7];
        connection.read_exact(&mut reply)?;
        assert_eq!(&reply, b"+PONG\r\n");
        Ok(())
    }

    #[test]
    fn servers_live_side_by_side_and_end_when_dropped() {
        let one = park::run(Server::start()).expect("a server");
        let other = park::run(Server::start()).expect("a server");
        assert_ne!(one.port(), other.port());
        let address = one.addr();
        ping(TcpStream::connect(address).expect("a connection")).expect("a reply");
        drop(one);
        assert!(TcpStream::connect(address).is_err());
        ping(TcpStream::connect(other.addr()).expect("a connection")).expect("a reply");
        park::run(other.shutdown());
    }

    #[test]
    fn a_port_in_use_is_said() {
        let server = park::run(Server::start()).expect("a server");
        let error = park::run(Server::builder().port(server.port()).start()).expect_err("in use");
        let said = matches!(&error, Error::Listen { reason, .. }
            if reason.kind() == io::ErrorKind::AddrInUse);
        assert!(said, "{error}");
    }

    #[test]
    fn what_came_before_the_end_is_answered() {
        let server = park::run(Server::start()).expect("a server");
        let mut connection = TcpStream::connect(server.addr()).expect("a connection");
        io::Write::write_all(&mut connection, &b"PING\r\n".repeat(1000)).expect("taken");
        connection
            .shutdown(std::net::Shutdown::Write)
            .expect("half closed");
        let mut replies = Vec::new();
        io::Read::read_to_end(&mut connection, &mut replies).expect("an end");
        assert_eq!(replies, b"+PONG\r\n".repeat(1000));
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_comes_and_goes_with_its_server() {
        use std::os::unix::net::UnixStream;

        let path = std::env::temp_dir().join(format!("petridis-{}.sock", std::process::id()));
        let builder = Server::builder().unixsocket(&path);
        let server = park::run(builder.clone().start()).expect("a server");
        ping(UnixStream::connect(&path).expect("a connection")).expect("a reply");
        assert!(
            park::run(builder.clone().start()).is_err(),
            "the path is in use"
        );
        drop(server);
        assert!(!path.exists());
        // One that was left behind is no obstacle; a file of someone else's is.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
        drop(park::run(builder.clone().start()).expect("a server"));
        std::fs::write(&path, "mine").expect("a file");
        assert!(park::run(builder.start()).is_err());
        assert_eq!(std::fs::read(&path).expect("still there"), b"mine");
        std::fs::remove_file(&path).expect("removable");
    }
}
