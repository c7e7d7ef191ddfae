//! The linear memory of engines: where it comes from, what it holds at one moment, and how another
//! memory begins with that.
//!
//! Owns all mapping of memory. Knows nothing of what the bytes mean. On Linux what a memory begins
//! with is mapped, not copied: pages are shared by all memories that begin with it, until written.
//!
//! wasmtime asks for a memory when it instantiates the engine ([`Memories`]), without a word about
//! what for; so whoever instantiates says so beforehand ([`make`]).

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mm::{self, MapFlags, MprotectFlags, ProtFlags};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

include!(concat!(env!("OUT_DIR"), "/layout.rs"));

/// What is in an engine's memory before it first runs: its constants. They lie in the program, and
/// not in the component's code, which would copy them into every new memory.
static CONSTANTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/constants.bin"));

/// Bytes that are written, or left out, at a time.
const PAGE: usize = 4096;

/// Bytes that are copied at a time between a still and a file.
const BLOCK: usize = 64 * PAGE;

/// Where more bytes were written to than this, another memory is made faster than they are written back.
const MOST_WRITTEN_BACK: usize = 4 << 20;

/// Tells stills of one build of the engine from those of another, to which they would mean nothing.
pub(crate) fn fingerprint() -> u64 {
    FINGERPRINT
}

/// What a memory held at one moment.
pub(crate) struct Still {
    /// How large the memory was. 0 for one that has not run yet, which is as large as the engine wants.
    size: usize,
    /// Where in it the bytes of `backing` begin: a multiple of the page's size.
    start: usize,
    backing: backing::Backing,
}

impl Still {
    /// What a memory holds before the engine first runs.
    pub(crate) fn initial() -> io::Result<Self> {
        let mut draft = backing::Draft::new(CONSTANTS.len())?;
        draft.write(0, CONSTANTS)?;
        Ok(Self {
            size: 0,
            start: CONSTANTS_START,
            backing: draft.finish()?,
        })
    }

    /// Bytes of the memory.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    fn bytes(&self) -> &[u8] {
        self.backing.bytes()
    }

    /// What a memory holds now.
    fn of(bytes: &[u8]) -> io::Result<Self> {
        let mut draft = backing::Draft::new(bytes.len())?;
        let mut at = 0;
        // Runs of pages that hold anything; what was never used stays nowhere.
        let mut pages = bytes.chunks(PAGE).map(is_zero).peekable();
        while let Some(zero) = pages.next() {
            let mut end = at + PAGE;
            while pages.next_if_eq(&zero).is_some() {
                end += PAGE;
            }
            let end = end.min(bytes.len());
            if !zero {
                draft.write(at, &bytes[at..end])?;
            }
            at = end;
        }
        Ok(Self {
            size: bytes.len(),
            start: 0,
            backing: draft.finish()?,
        })
    }

    /// Writes it: blocks, each with where it begins, without those that hold nothing.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&(self.size as u64).to_le_bytes())?;
        for (number, block) in self.bytes().chunks(BLOCK).enumerate() {
            if !is_zero(block) {
                out.write_all(&((number * BLOCK) as u64).to_le_bytes())?;
                out.write_all(block)?;
            }
        }
        out.write_all(&u64::MAX.to_le_bytes())
    }

    /// Reads what [`Still::write`] wrote.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let number = |from: &mut dyn Read| -> io::Result<u64> {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)?;
            Ok(u64::from_le_bytes(bytes))
        };
        let cut = || io::Error::from(io::ErrorKind::InvalidData);
        let size = usize::try_from(number(from)?).map_err(|_| cut())?;
        if size == 0 || !size.is_multiple_of(PAGE) || size as u64 > LARGEST {
            return Err(cut());
        }
        let mut draft = backing::Draft::new(size)?;
        let mut block = vec![0; BLOCK];
        loop {
            let at = number(from)?;
            if at == u64::MAX {
                break;
            }
            let at = usize::try_from(at).ok().filter(|at| *at < size);
            let at = at.ok_or_else(cut)?;
            let block = &mut block[..BLOCK.min(size - at)];
            from.read_exact(block)?;
            draft.write(at, block)?;
        }
        Ok(Self {
            size,
            start: 0,
            backing: draft.finish()?,
        })
    }
}

impl std::fmt::Debug for Still {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Still").field("size", &self.size).finish()
    }
}

/// All that 32 bits address.
const LARGEST: u64 = 4 << 30;

fn is_zero(bytes: &[u8]) -> bool {
    // SAFETY: any sixteen bytes are a number.
    let (head, numbers, tail) = unsafe { bytes.align_to::<u128>() };
    numbers.iter().all(|number| *number == 0) && head.iter().chain(tail).all(|byte| *byte == 0)
}

/// The bytes of a still in a file that is nowhere but in memory, to be mapped.
#[cfg(target_os = "linux")]
mod backing {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;
    use std::ptr::NonNull;

    use rustix::fs::{MemfdFlags, SealFlags};
    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

    pub(super) struct Draft {
        file: File,
        length: usize,
    }

    impl Draft {
        pub(super) fn new(length: usize) -> io::Result<Self> {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let file = File::from(rustix::fs::memfd_create(c"petridis", flags)?);
            file.set_len(length as u64)?;
            Ok(Self { file, length })
        }

        pub(super) fn write(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
            self.file.write_all_at(bytes, at as u64)
        }

        pub(super) fn finish(self) -> io::Result<Backing> {
            let Self { file, length } = self;
            // That nobody can write any more: it is not mapped anywhere yet. (`WRITE` says the same, but fails
            // while the system happens to hold a page, to move it elsewhere; older systems know only that.)
            let sealed = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
            rustix::fs::fcntl_add_seals(&file, sealed | SealFlags::FUTURE_WRITE)
                .or_else(|_| rustix::fs::fcntl_add_seals(&file, sealed | SealFlags::WRITE))?;
            let (anywhere, protection) = (std::ptr::null_mut(), ProtFlags::READ);
            // SAFETY: a new mapping, where the system likes.
            let view = unsafe { mmap(anywhere, length, protection, MapFlags::PRIVATE, &file, 0)? };
            let view = NonNull::new(view.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
            Ok(Backing { file, view, length })
        }
    }

    /// Sealed: whatever it is mapped into can rely on it.
    pub(super) struct Backing {
        file: File,
        view: NonNull<u8>,
        length: usize,
    }

    // SAFETY: nobody can write to it any more, wherever they are.
    unsafe impl Send for Backing {}
    // SAFETY: as above.
    unsafe impl Sync for Backing {}

    impl Backing {
        pub(super) fn bytes(&self) -> &[u8] {
            // SAFETY: mapped and readable as long as `self` is there; the file can neither shrink nor change.
            unsafe { std::slice::from_raw_parts(self.view.as_ptr(), self.length) }
        }

        /// Has its bytes lie at `place`.
        ///
        /// # Safety
        ///
        /// As many bytes there belong to the caller, and nobody refers to them.
        pub(super) unsafe fn lay(&self, place: NonNull<u8>) -> io::Result<()> {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
            let place = place.as_ptr().cast();
            // SAFETY: the caller's. The file can neither shrink nor change.
            unsafe { mmap(place, self.length, protection, flags, &self.file, 0)? };
            Ok(())
        }
    }

    impl Drop for Backing {
        fn drop(&mut self) {
            // SAFETY: it was mapped in one piece, and nobody refers to it any more.
            let _ = unsafe { munmap(self.view.as_ptr().cast(), self.length) };
        }
    }
}

/// The bytes of a still, to be copied.
#[cfg(not(target_os = "linux"))]
mod backing {
    use std::io;
    use std::ptr::NonNull;

    pub(super) struct Draft(Vec<u8>);

    impl Draft {
        pub(super) fn new(length: usize) -> io::Result<Self> {
            Ok(Self(vec![0; length]))
        }

        pub(super) fn write(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
            self.0[at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        }

        pub(super) fn finish(self) -> io::Result<Backing> {
            Ok(Backing(self.0))
        }
    }

    pub(super) struct Backing(Vec<u8>);

    impl Backing {
        pub(super) fn bytes(&self) -> &[u8] {
            &self.0
        }

        /// Has its bytes lie at `place`.
        ///
        /// # Safety
        ///
        /// As many bytes there belong to the caller and may be written, and nobody refers to them.
        pub(super) unsafe fn lay(&self, place: NonNull<u8>) -> io::Result<()> {
            // SAFETY: the caller's.
            unsafe {
                std::ptr::copy_nonoverlapping(self.0.as_ptr(), place.as_ptr(), self.0.len());
            }
            Ok(())
        }
    }
}

/// Which pages of a memory that was laid from a still were written to since: those that are no longer the
/// file's.
#[cfg(target_os = "linux")]
mod written {
    use std::fs::File;
    use std::ops::Range;
    use std::sync::OnceLock;

    use rustix::ioctl::{Updater, ioctl, opcode};

    /// The kernel's `struct pm_scan_arg`.
    #[repr(C)]
    #[derive(Default)]
    struct Scan {
        size: u64,
        flags: u64,
        start: u64,
        end: u64,
        walk_end: u64,
        regions: u64,
        regions_length: u64,
        max_pages: u64,
        inverted: u64,
        all_of: u64,
        any_of: u64,
        told: u64,
    }

    /// The kernel's `struct page_region`.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Region {
        start: u64,
        end: u64,
        categories: u64,
    }

    const FILE: u64 = 1 << 2;
    const PRESENT: u64 = 1 << 3;
    const SWAPPED: u64 = 1 << 4;
    const PAGEMAP_SCAN: rustix::ioctl::Opcode = opcode::read_write::<Scan>(b'f', 16);

    /// More pieces than this are too many to be written back one by one.
    const MOST_REGIONS: usize = 2048;

    /// The ranges of addresses within `memory` that were written to. `None` where there are many, or the
    /// system does not tell (Linux before 6.7).
    pub(super) fn ranges(memory: Range<usize>) -> Option<Vec<Range<usize>>> {
        // What a process that was forked from this one inherits tells of this one.
        static PAGES: OnceLock<Option<(u32, File)>> = OnceLock::new();
        let open = || Some((std::process::id(), File::open("/proc/self/pagemap").ok()?));
        let (process, pages) = PAGES.get_or_init(open).as_ref()?;
        if *process != std::process::id() {
            return None;
        }
        let mut regions = vec![Region::default(); MOST_REGIONS];
        let mut scan = Scan {
            size: size_of::<Scan>() as u64,
            start: memory.start as u64,
            end: memory.end as u64,
            regions: regions.as_mut_ptr() as u64,
            regions_length: MOST_REGIONS as u64,
            inverted: FILE,
            all_of: FILE,
            any_of: PRESENT | SWAPPED,
            told: PRESENT | SWAPPED,
            ..Scan::default()
        };
        // SAFETY: the argument is as the kernel has it (`Updater` makes it read and written in place), and the
        // room for regions is there for as many as it says.
        let found = unsafe { ioctl(pages, Updater::<PAGEMAP_SCAN, Scan>::new(&mut scan)).is_ok() };
        if !found || scan.walk_end < scan.end {
            return None;
        }
        // Filled from the front; the others are empty.
        let filled = regions.iter().take_while(|region| region.end > 0);
        Some(
            filled
                .map(|region| region.start as usize..region.end as usize)
                .collect(),
        )
    }
}

#[cfg(not(target_os = "linux"))]
mod written {
    use std::ops::Range;

    /// The system does not tell.
    pub(super) fn ranges(_memory: Range<usize>) -> Option<Vec<Range<usize>>> {
        None
    }
}

/// What a memory grows to in large pages: one that holds a million keys would otherwise be slow for the
/// time it takes to find where its pages lie.
#[cfg(target_os = "linux")]
mod large {
    use std::ops::Range;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustix::mm::{Advice, madvise};

    const PAGE: usize = 2 << 20;

    /// A memory that has not grown by more than this, as that of most forks, is left in small pages.
    const SMALL: usize = 8 << 20;

    /// In force since Linux 6.1; the crates that name it do so for some systems only.
    const MADV_COLLAPSE: libc::c_int = 25;

    pub(super) struct Pages {
        /// The first address of those that the memory grew to, and the end of those that were used and are
        /// in large pages by now, as far as the system had any. Multiples of the page's size.
        first: usize,
        done: AtomicUsize,
    }

    impl Pages {
        /// For a memory that ends at the address `end` when it is made.
        pub(super) fn new(end: usize) -> Self {
            let first = end.next_multiple_of(PAGE);
            Self {
                first,
                done: AtomicUsize::new(first),
            }
        }

        /// Has the system use large pages for a memory that has just grown to `grown`, which is not used
        /// yet. No loss if it has none, or does not know the advice.
        ///
        /// # Safety
        ///
        /// The addresses from where the memory ended when it was made up to the end of `grown` are mapped.
        pub(super) unsafe fn grown(&self, grown: Range<usize>) {
            if grown.end.saturating_sub(self.first) <= SMALL {
                return;
            }
            // It grew because what it had before is in use: that is moved to large pages. In steps of less
            // than one, so that most of the time there is nothing to move.
            let done = self.done.load(Ordering::Relaxed);
            let used = grown.start & !(PAGE - 1);
            if used > done {
                // SAFETY: mapped, by the caller's word; what is there stays what it is.
                unsafe { libc::madvise(done as *mut _, used - done, MADV_COLLAPSE) };
                self.done.store(used, Ordering::Relaxed);
            }
            // What is new will be in large pages from the start.
            let new = grown.start.max(self.first).next_multiple_of(PAGE)..grown.end & !(PAGE - 1);
            if !new.is_empty() {
                // SAFETY: as above.
                let _ = unsafe { madvise(new.start as *mut _, new.len(), Advice::LinuxHugepage) };
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod large {
    use std::ops::Range;

    pub(super) struct Pages;

    impl Pages {
        pub(super) fn new(_end: usize) -> Self {
            Self
        }

        /// The system decides.
        ///
        /// # Safety
        ///
        /// Nothing can go wrong.
        pub(super) unsafe fn grown(&self, _grown: Range<usize>) {}
    }
}

/// Address space that holds a linear memory, and behind it nothing, so that any access that 32 bits
/// and the guard's size can express stays within or fails. Given back when nobody refers to it.
struct Space {
    base: NonNull<u8>,
    reserved: usize,
    /// Bytes of it that are memory by now.
    size: AtomicUsize,
    large: large::Pages,
}

// SAFETY: it is a piece of address space, the same for all threads. Who may touch what is in it is
// wasmtime's to know: it belongs to a store, and one who has no exclusive access to that touches nothing.
unsafe impl Send for Space {}
// SAFETY: as above.
unsafe impl Sync for Space {}

impl Space {
    fn new(minimum: usize, reserved: usize, guard: usize, still: &Still) -> io::Result<Self> {
        let size = minimum.max(still.size);
        let reserved = reserved.max(size) + guard;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping, where the system likes.
        let base = unsafe {
            mm::mmap_anonymous(std::ptr::null_mut(), reserved, ProtFlags::empty(), flags)?
        };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let space = Self {
            base,
            reserved,
            size: AtomicUsize::new(0),
            large: large::Pages::new(base.as_ptr() as usize + size),
        };
        space.grow(size)?;
        if still.start + still.bytes().len() > size {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: within the space, which nobody else knows yet.
        unsafe { still.backing.lay(space.base.add(still.start))? };
        Ok(space)
    }

    fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// Writes back what was written since the space was laid from `still`, all of it. False if it is too
    /// much, or can't be told.
    ///
    /// # Safety
    ///
    /// Nobody reads or writes it meanwhile.
    unsafe fn write_back(&self, still: &Still) -> bool {
        let start = self.base.as_ptr() as usize;
        let Some(ranges) = written::ranges(start..start + self.size()) else {
            return false;
        };
        if ranges.iter().map(ExactSizeIterator::len).sum::<usize>() > MOST_WRITTEN_BACK {
            return false;
        }
        for range in ranges {
            let (from, to) = (range.start - start, range.end - start);
            let Some(bytes) = still.bytes().get(from..to) else {
                return false;
            };
            // SAFETY: within the space, and nobody else's by the caller's word.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    bytes.as_ptr(),
                    self.base.add(from).as_ptr(),
                    bytes.len(),
                );
            }
        }
        true
    }

    fn grow(&self, to: usize) -> io::Result<()> {
        let size = self.size();
        if to > size {
            let flags = MprotectFlags::READ | MprotectFlags::WRITE;
            // SAFETY: within the space, and of no use to anybody before.
            unsafe { mm::mprotect(self.base.add(size).as_ptr().cast(), to - size, flags)? };
            self.size.store(to, Ordering::Relaxed);
            let base = self.base.as_ptr() as usize;
            // SAFETY: all of it up to `to` was made accessible.
            unsafe { self.large.grown(base + size..base + to) };
        }
        Ok(())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // SAFETY: it was mapped in one piece, and nobody refers to it any more. It can't fail then.
        let _ = unsafe { mm::munmap(self.base.as_ptr().cast(), self.reserved) };
    }
}

/// Wasmtime's end of a memory.
struct Linear {
    space: Arc<Space>,
    capacity: usize,
}

// SAFETY: the memory begins at a page, grows by pages, never moves, and behind what it may grow to lies
// as much inaccessible space as wasmtime asked for.
unsafe impl LinearMemory for Linear {
    fn byte_size(&self) -> usize {
        self.space.size()
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        if new_size > self.capacity {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory).into());
        }
        Ok(self.space.grow(new_size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.space.base.as_ptr()
    }
}

/// The host's end of the memory of one engine.
pub(crate) struct Memory {
    space: Arc<Space>,
    /// What it began with.
    still: Arc<Still>,
}

impl Memory {
    /// Has it hold what it began with again, if that is `still`, and if that is the least work. False if
    /// another memory has to be made; what this one holds is not to be relied on then. The `_store` is its
    /// own, see [`Memory::still`].
    pub(crate) fn rewind<T>(&self, still: &Arc<Still>, _store: &mut wasmtime::Store<T>) -> bool {
        // One that has grown can't shrink.
        Arc::ptr_eq(&self.still, still)
            && self.space.size() == still.size
            // SAFETY: nothing runs in it, as above.
            && unsafe { self.space.write_back(still) }
    }

    /// What it holds now. `_store` is the one it belongs to: who has it for themselves knows that
    /// nothing runs in it.
    pub(crate) fn still<T>(&self, _store: &mut wasmtime::Store<T>) -> io::Result<Still> {
        // SAFETY: mapped and readable up to its size; nothing runs that could write to it, as above.
        let bytes =
            unsafe { std::slice::from_raw_parts(self.space.base.as_ptr(), self.space.size()) };
        Still::of(bytes)
    }
}

thread_local! {
    /// What the next memory made on this thread begins with.
    static ORDERED: RefCell<Option<Arc<Still>>> = const { RefCell::new(None) };
    /// The memory that was made.
    static MADE: RefCell<Option<Arc<Space>>> = const { RefCell::new(None) };
}

/// Has an engine made whose memory begins with `still`.
pub(crate) fn make<R>(
    still: &Arc<Still>,
    instantiate: impl FnOnce() -> wasmtime::Result<R>,
) -> wasmtime::Result<(R, Memory)> {
    ORDERED.set(Some(still.clone()));
    let made = instantiate();
    ORDERED.take();
    let space = MADE.take();
    let space = space.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
    let still = still.clone();
    Ok((
        made?,
        Memory {
            space: space?,
            still,
        },
    ))
}

/// Makes the memories of engines, for wasmtime.
pub(crate) struct Memories;

// SAFETY: see `Linear`. A memory is not zero-filled, as wasmtime asks: it holds what the component's data
// segments would have written, which the build script has taken out of it, or what a memory of the same
// component held.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        _type: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let still = ORDERED.take().ok_or("nobody said what for")?;
        let capacity = reserved.unwrap_or(minimum).max(minimum);
        let space = Space::new(minimum, capacity, guard, &still);
        let space = Arc::new(space.map_err(|error| error.to_string())?);
        MADE.set(Some(space.clone()));
        Ok(Box::new(Linear { space, capacity }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(still: &Still) -> Space {
        Space::new(4 * PAGE, 64 * PAGE, 16 * PAGE, still).expect("address space")
    }

    fn bytes(space: &Space) -> &[u8] {
        // SAFETY: nobody else knows of it.
        unsafe { std::slice::from_raw_parts(space.base.as_ptr(), space.size()) }
    }

    fn striped() -> Vec<u8> {
        let mut bytes = vec![0; 6 * PAGE];
        bytes[..10].fill(1);
        bytes[2 * PAGE..3 * PAGE].fill(2);
        bytes[6 * PAGE - 1] = 3;
        bytes
    }

    #[test]
    fn a_memory_begins_with_what_another_held_and_changes_on_its_own() {
        let still = Still::of(&striped()).expect("memory");
        let (one, other) = (space(&still), space(&still));
        assert_eq!(bytes(&one), striped());
        // SAFETY: nobody else knows of it.
        unsafe { one.base.write(7) };
        // SAFETY: as above.
        assert!(cfg!(not(target_os = "linux")) || unsafe { one.write_back(&still) });
        assert_eq!(bytes(&one), striped());
        // SAFETY: as above.
        unsafe { one.base.write(7) };
        one.grow(8 * PAGE).expect("room");
        assert_eq!((bytes(&one)[0], bytes(&one).len()), (7, 8 * PAGE));
        assert!(is_zero(&bytes(&one)[6 * PAGE..]));
        assert_eq!(bytes(&other), striped());
    }

    #[test]
    fn a_memory_that_grows_far_keeps_what_it_held() {
        const MEGABYTE: usize = 1 << 20;
        let still = Still::of(&striped()).expect("memory");
        let space = Space::new(4 * PAGE, 64 * MEGABYTE, 16 * PAGE, &still).expect("address space");
        let mut marks = vec![];
        // By little, by much, and by little again.
        for step in [64 << 10; 200]
            .into_iter()
            .chain([20 * MEGABYTE])
            .chain([64 << 10; 100])
        {
            let before = space.size();
            space.grow(before + step).expect("room");
            for at in [before, before + step - 1] {
                // SAFETY: within it, and nobody else knows of it.
                unsafe { space.base.add(at).write(marks.len() as u8 | 1) };
                marks.push(at);
            }
        }
        let bytes = bytes(&space);
        assert_eq!(bytes[..6 * PAGE], striped());
        for (mark, at) in marks.into_iter().enumerate() {
            assert_eq!(bytes[at], mark as u8 | 1, "{at}");
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_what_is_cut_is_refused() {
        let still = Still::of(&striped()).expect("memory");
        let mut file = Vec::new();
        still.write(&mut file).expect("memory");
        let read = Still::read(&mut file.as_slice()).expect("whole");
        assert_eq!(bytes(&space(&read)), striped());
        for length in [0, 7, 8, 16, file.len() - 1] {
            assert!(Still::read(&mut &file[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn nothing_but_zeros_is_zero() {
        let mut bytes = vec![0; 3 * PAGE + 5];
        assert!(is_zero(&bytes[3..]));
        for at in [3, 20, PAGE, bytes.len() - 1] {
            bytes[at] = 1;
            assert!(!is_zero(&bytes[3..]));
            bytes[at] = 0;
        }
    }
}
