//! How wasmtime is to run the engine: the one description that the build script compiles for and
//! the program runs with.
//!
//! Knows nothing of the component itself. Included by `build.rs` too, so it uses only what
//! wasmtime offers with and without a compiler.

use wasmtime::{Config, WasmBacktraceDetails};

/// Bytes of address space for a linear memory: all that 32 bits reach, so that no access needs a
/// bounds check and growing never moves the memory.
const MEMORY_RESERVATION: u64 = 4 << 30;

/// Bytes of unmapped address space behind it, for the constant offsets of loads and stores.
const MEMORY_GUARD: u64 = 32 << 20;

/// Bytes of native stack for the engine; scripts and deep documents recurse.
pub const MAX_WASM_STACK: usize = 2 << 20;

/// The configuration both sides share. Code that was compiled with another one is refused when it
/// is loaded.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .memory_reservation(MEMORY_RESERVATION)
        .memory_guard_size(MEMORY_GUARD)
        .memory_may_move(false)
        // The host lays constants into memories itself, see `memory`.
        .memory_init_cow(false)
        .max_wasm_stack(MAX_WASM_STACK)
        // The component is stripped, so a backtrace would be numbers only; the message of a panic
        // arrives over its standard error. Said explicitly, because the default of the second
        // reads an environment variable.
        .wasm_backtrace_max_frames(None)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .generate_address_map(false)
        // Plain calls in and out: no fibers, no tasks inside.
        .concurrency_support(false);
    config
}
