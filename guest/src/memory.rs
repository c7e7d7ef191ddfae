//! How much memory the engine holds: every allocation is counted, exactly.
//!
//! Natively, where several engines may share a process, the figure is the process's.

use cap::Cap;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: Cap<dlmalloc::GlobalDlmalloc> = Cap::new(dlmalloc::GlobalDlmalloc, usize::MAX);

#[cfg(not(target_arch = "wasm32"))]
#[global_allocator]
static ALLOCATOR: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

/// Bytes allocated and not freed.
#[inline]
pub fn used() -> usize {
    ALLOCATOR.allocated()
}

/// True if `bytes` more come to no more than the ceiling.
#[inline]
pub fn has_room_for(bytes: usize, ceiling: usize) -> bool {
    used().saturating_add(bytes) <= ceiling
}

/// Bytes of linear memory, which never shrinks. Natively the same as [`used`].
pub fn resident() -> usize {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0) * 65536;
    #[cfg(not(target_arch = "wasm32"))]
    used()
}

/// What the host holds for the engine, as far as [`used`] does not count it: natively it does.
pub fn held_elsewhere(bytes: u64) -> u64 {
    if cfg!(target_arch = "wasm32") {
        bytes
    } else {
        0
    }
}
