//! The wire: bytes to requests, replies to bytes. Knows no command and no key.

mod args;
mod quote;
mod reply;
mod request;

pub use args::{Args, OwnedArgs};
pub use quote::quote;
pub use reply::{Aggregate, Mark, Protocol, Sink, Wire};
pub use request::{Decoded, Decoder, Limits, ProtocolError, split_words};
