//! Redis in a dish.
//!
//! A real Redis server whose whole inside, keyspace and commands, is one WebAssembly component.
//! This crate is what runs it: it owns the sockets and the clock, and everything that a client
//! can do stays inside a sandbox without files, network or environment.
//!
//! A server for a test, on a free port, gone when it is dropped:
//!
//! ```
//! use std::io::{Read, Write};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = petridis::blocking::Server::start()?;
//! let mut connection = std::net::TcpStream::connect(server.addr())?;
//! connection.write_all(b"PING\r\n")?;
//! let mut reply = [0; 7];
//! connection.read_exact(&mut reply)?;
//! assert_eq!(&reply, b"+PONG\r\n");
//! # Ok(())
//! # }
//! ```
//!
//! [`Server`] is the same for async code, whichever runtime it uses. [`Instance`] is a Redis
//! without sockets: bytes in, bytes out. A [`ManualClock`] makes time stand still until a test
//! moves it, and a seed makes all chance repeatable.
//!
//! What happens inside is told through `tracing`; lines of the engine's own log have the target
//! `engine`.
//!
//! Layers, each knowing only those before it: `tuning`, `sandbox`, `bindings`, `image` → `live`, `calls`,
//! `recorder` → `clock`, `files`, `instance` → `replay`, `socket`, `net`, `ciphers`, `tls`,
//! `descriptors` → `listen` → `driver` → `park`, `server` → `blocking`. The program's `conf`, `log` and
//! `cli` use what is public here.

mod bindings;
pub mod blocking;
mod calls;
mod ciphers;
mod clock;
mod coding;
mod control;
mod descriptors;
mod dish;
mod driver;
mod error;
mod faults;
mod files;
mod image;
mod inspect;
mod instance;
mod listen;
mod live;
mod memory;
mod net;
mod park;
mod recorder;
mod replay;
mod reply;
mod rooms;
mod sandbox;
mod server;
mod snapshot;
mod socket;
mod tls;
mod tuning;

pub use clock::{Clock, ManualClock, ScaledClock};
#[doc(hidden)]
pub use descriptors::make_room_for;
pub use error::Error;
pub use faults::Fault;
pub use image::component;
pub use inspect::{Database, Diff, LoggedCommand};
pub use instance::{DEFAULT_MEMORY_CEILING, Instance, InstanceBuilder};
pub use replay::{Difference, ForkedFrom, Replay, Replayed};
pub use server::{Server, ServerBuilder};
pub use snapshot::{Snapshot, Template};

/// What [`Instance::step`] takes and gives, for this crate's own benchmarks. Not part of the
/// public interface.
#[doc(hidden)]
pub mod contract {
    pub use crate::bindings::{
        Close, Delivery, Effects, Event, Opened, Received, Transport, Unsent,
    };
}
