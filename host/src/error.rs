//! What can go wrong on the host's side, as its callers see it.
//!
//! An error that a command answers is not here: it is part of the reply.

use std::io;

/// Why an instance or a server could not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is unknown or out of range; the sentence says which one.
    #[error("{0}")]
    Config(String),
    /// The engine failed and everything that was stored is gone; the next call meets a clean one.
    #[error("the engine failed and is replaced by a clean one, all data is gone: {0}")]
    Trapped(String),
    /// The embedded native code does not run on this machine.
    #[error("the embedded engine does not run on this machine: {0}")]
    Image(String),
    /// Data that was to be loaded is no image of a Redis up to 8.0; the sentence says what is wrong.
    #[error("the data can't be loaded: {0}")]
    Load(String),
    /// An image of the data could not be made; the sentence says why.
    #[error("the data can't be saved: {0}")]
    Save(String),
    /// The engine answers an error to who looks at its data: what it says.
    #[error("{0}")]
    Refused(String),
    /// A snapshot could not be made, saved or read; the sentence says why.
    #[error("snapshot: {0}")]
    Snapshot(String),
    /// A recording could not be read, or not be run again; the sentence says why.
    #[error("recording: {0}")]
    Recording(String),
    /// A listening socket could not be opened.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// `address:port`, or the path of a Unix socket.
        address: String,
        /// What the operating system said.
        reason: io::Error,
    },
    /// The server's thread, its runtime or a file could not be set up.
    #[error("{what}: {reason}")]
    Io {
        /// What was being done.
        what: String,
        /// What the operating system said.
        reason: io::Error,
    },
    /// The server is no longer there; the sentence says why.
    #[error("the server has ended: {0}")]
    Ended(String),
}
