//! Redis as a deterministic state machine.
//!
//! Bytes, the time and a seed go in; bytes come out. Nothing in this crate reads a clock, a random
//! source or the environment, so the same calls give the same bytes everywhere. It is compiled
//! twice: to a WebAssembly component, which is how it runs, and natively, for fast tests.
//!
//! Layers, each knowing only those before it:
//! `resp`, `value`, `config` → `keyspace` → `rdb` → `commands` → `lua` → `session` → `engine` →
//! `component`.

#[cfg(target_arch = "wasm32")]
mod component;

pub mod commands;
pub mod config;
pub mod engine;
pub mod keyspace;
pub mod lua;
pub mod memory;
pub mod rdb;
pub mod resp;
pub mod session;
pub mod value;

pub use session::commands_markdown;
