//! The contract in `wit/` as Rust types, generated.
//!
//! Nothing here is written by hand, and nothing outside `live`, `calls`, `instance` and `driver` uses it.

// What wasmtime's macro generates implements its unsafe traits.
#![allow(unsafe_code)]
#![allow(missing_docs)]

wasmtime::component::bindgen!({ world: "redis", path: "../wit" });

pub use exports::petridis::engine::server::{
    Close, Continuation, Control, Controlled, Delivery, Draft, Effects, Errand, Event,
    Guest as ServerCalls, Image, LogLevel, LogLine, Opened, Options, Received, Refusal, Saved,
    Signal, Transport, Unsent,
};
