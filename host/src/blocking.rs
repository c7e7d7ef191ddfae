//! The server for code that is not async.
//!
//! Owns nothing but the waiting: everything else is [`crate::Server`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::Error;
use crate::faults::Fault;
use crate::inspect::{Database, LoggedCommand};
use crate::park;
use crate::snapshot::Snapshot;

/// A running Redis server. Stops when it is dropped.
///
/// ```
/// # fn main() -> Result<(), petridis::Error> {
/// let server = petridis::blocking::Server::start()?;
/// let connection = std::net::TcpStream::connect(server.addr());
/// assert!(connection.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    inner: crate::Server,
}

/// Settings of a [`Server`] that is not started yet.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ServerBuilder {
    inner: crate::ServerBuilder,
}

impl ServerBuilder {
    /// The TCP port; 0, which is the default, for any free one.
    pub fn port(self, port: u16) -> Self {
        Self {
            inner: self.inner.port(port),
        }
    }

    /// The addresses to listen on, separated by spaces; 127.0.0.1 without it.
    pub fn bind(self, addresses: impl Into<String>) -> Self {
        Self {
            inner: self.inner.bind(addresses),
        }
    }

    /// Listens for TLS too; see [`crate::ServerBuilder::tls`].
    pub fn tls(self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        Self {
            inner: self.inner.tls(certificate, key),
        }
    }

    /// Listens for TLS too, with a certificate made at the start; see
    /// [`crate::ServerBuilder::tls_self_signed`].
    pub fn tls_self_signed(self) -> Self {
        Self {
            inner: self.inner.tls_self_signed(),
        }
    }

    /// Listens on a Unix socket too.
    pub fn unixsocket(self, path: impl AsRef<Path>) -> Self {
        Self {
            inner: self.inner.unixsocket(path),
        }
    }

    /// All chance in the engine comes from this number; without it, from a random one.
    pub fn seed(self, seed: u64) -> Self {
        Self {
            inner: self.inner.seed(seed),
        }
    }

    /// Where the time comes from; without it, from the system.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        Self {
            inner: self.inner.clock(clock),
        }
    }

    /// A parameter as in redis.conf. Later ones win.
    pub fn config(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            inner: self.inner.config(name, value),
        }
    }

    /// Begins with the data of an image in the format of Redis's `dump.rdb`.
    pub fn load(self, image: impl Into<Arc<[u8]>>) -> Self {
        Self {
            inner: self.inner.load(image),
        }
    }

    /// Bytes of memory that the engine may fill; see [`crate::ServerBuilder::memory_ceiling`].
    pub fn memory_ceiling(self, bytes: u64) -> Self {
        Self {
            inner: self.inner.memory_ceiling(bytes),
        }
    }

    /// Runs these requests before anybody can connect; see [`crate::ServerBuilder::commands`].
    pub fn commands(self, requests: impl Into<Arc<[u8]>>) -> Self {
        Self {
            inner: self.inner.commands(requests),
        }
    }

    /// Gives each user an instance of their own; see [`crate::ServerBuilder::per_user_instances`].
    pub fn per_user_instances(self, most: usize, stays: Option<Duration>) -> Self {
        Self {
            inner: self.inner.per_user_instances(most, stays),
        }
    }

    /// Whether clients may use `PETRIDIS`; see [`crate::ServerBuilder::control`].
    pub fn control(self, allowed: bool) -> Self {
        Self {
            inner: self.inner.control(allowed),
        }
    }

    /// Begins as a fork of a snapshot; see [`crate::ServerBuilder::snapshot`].
    pub fn snapshot(self, snapshot: &Snapshot) -> Self {
        Self {
            inner: self.inner.snapshot(snapshot),
        }
    }

    /// Records every call into the engine; see [`crate::ServerBuilder::record`].
    pub fn record(self, path: impl Into<PathBuf>) -> Self {
        Self {
            inner: self.inner.record(path),
        }
    }

    /// Records for a test that may fail; see [`crate::ServerBuilder::record_on_panic`].
    pub fn record_on_panic(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            inner: self.inner.record_on_panic(folder),
        }
    }

    /// Starts the server. It accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// As [`crate::ServerBuilder::start`].
    pub fn start(self) -> Result<Server, Error> {
        Ok(Server {
            inner: park::run(self.inner.start())?,
        })
    }
}

impl Server {
    /// Starts a server with Redis's default configuration on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// As [`crate::ServerBuilder::start`].
    pub fn start() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// A server with settings of one's own.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// What clients connect to: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.inner.url()
    }

    /// What clients connect to by TLS, `rediss://127.0.0.1:PORT`, if it listens for that.
    pub fn tls_url(&self) -> Option<String> {
        self.inner.tls_url()
    }

    /// The first address where it listens for TLS.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.inner.tls_addr()
    }

    /// The certificate that was made for it, in PEM form.
    pub fn tls_certificate(&self) -> Option<&str> {
        self.inner.tls_certificate()
    }

    /// The first address that it listens on; loopback where it listens on all.
    pub fn addr(&self) -> SocketAddr {
        self.inner.addr()
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.inner.port()
    }

    /// The Unix socket that it listens on.
    pub fn unixsocket(&self) -> Option<&Path> {
        self.inner.unixsocket()
    }

    /// The number that all chance in this server comes from.
    pub fn seed(&self) -> u64 {
        self.inner.seed()
    }

    /// A server that begins with what a snapshot holds, on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// As [`crate::ServerBuilder::start`].
    pub fn fork(snapshot: &Snapshot) -> Result<Self, Error> {
        Self::builder().snapshot(snapshot).start()
    }

    /// Where its time comes from; see [`crate::Server::clock`].
    pub fn clock(&self) -> &Clock {
        self.inner.clock()
    }

    /// An image of everything that the engine holds; see [`crate::Server::snapshot`].
    ///
    /// # Errors
    ///
    /// As [`crate::Server::snapshot`].
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        park::run(self.inner.snapshot())
    }

    /// Goes back to a snapshot; see [`crate::Server::restore`].
    ///
    /// # Errors
    ///
    /// As [`crate::Server::restore`].
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), Error> {
        park::run(self.inner.restore(snapshot))
    }

    /// As [`Server::restore`], but time goes on.
    ///
    /// # Errors
    ///
    /// As [`crate::Server::restore`].
    pub fn restore_keeping_clock(&self, snapshot: &Snapshot) -> Result<(), Error> {
        park::run(self.inner.restore_keeping_clock(snapshot))
    }

    /// Looks at a database; see [`crate::Server::look`].
    ///
    /// # Errors
    ///
    /// As [`crate::Server::look`].
    pub fn look<R: Send + 'static>(
        &self,
        db: u32,
        look: impl FnOnce(&mut Database<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        park::run(self.inner.look(db, look))
    }

    /// Keeps the commands that are received from now on; see [`crate::Instance::log_commands`].
    ///
    /// # Errors
    ///
    /// As [`crate::Server::log_commands`].
    pub fn log_commands(&self, most: usize) -> Result<(), Error> {
        park::run(self.inner.log_commands(most))
    }

    /// The commands received, oldest first, since [`Server::log_commands`].
    ///
    /// # Errors
    ///
    /// As [`crate::Server::logged_commands`].
    pub fn logged_commands(&self) -> Result<Vec<LoggedCommand>, Error> {
        park::run(self.inner.logged_commands())
    }

    /// Has something go wrong from now on; see [`crate::Instance::order_fault`].
    ///
    /// # Errors
    ///
    /// As [`crate::Server::order_fault`].
    pub fn order_fault(&self, fault: &Fault) -> Result<u64, Error> {
        park::run(self.inner.order_fault(fault))
    }

    /// Takes a fault back; see [`crate::Instance::remove_fault`].
    ///
    /// # Errors
    ///
    /// As [`crate::Server::remove_fault`].
    pub fn remove_fault(&self, number: u64) -> Result<bool, Error> {
        park::run(self.inner.remove_fault(number))
    }

    /// Takes all faults back.
    ///
    /// # Errors
    ///
    /// As [`crate::Server::clear_faults`].
    pub fn clear_faults(&self) -> Result<(), Error> {
        park::run(self.inner.clear_faults())
    }

    /// The files that it and its forks are recorded to; see [`crate::Server::recordings`].
    pub fn recordings(&self) -> Vec<PathBuf> {
        self.inner.recordings()
    }

    /// Asks it to end as SIGTERM asks a Redis; see [`crate::Server::terminate`].
    pub fn terminate(&self) {
        self.inner.terminate();
    }

    /// Stops it, without saving, and waits until its sockets are closed.
    pub fn shutdown(self) {
        park::run(self.inner.shutdown());
    }

    /// Waits until it has ended, by `SHUTDOWN` for example.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] if it could not go on.
    pub fn wait(&self) -> Result<(), Error> {
        park::run(self.inner.wait())
    }
}
