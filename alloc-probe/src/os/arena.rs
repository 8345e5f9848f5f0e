//! Memory for library code that the probe runs itself: building and writing a dump, and anything `std` does for it.
//!
//! While a thread is marked as the probe's own, its allocations are served from here instead of from the wrapped
//! allocator, which therefore sees exactly the calls it would see without the probe. Memory may be given back
//! later and elsewhere (`std` keeps some things for good), so whether a block is the arena's is told by its address.
//!
//! Signals are put off on such a thread: a handler's allocations are not the probe's.
//!
//! A bump allocator: a dump is built, written and dropped. When the last block is gone, the memory goes back too.

use super::lock::{Lock, LockGuard};
use super::memory::{PAGE, make_zero, reserve};
use super::proc::PageMap;
use super::process::limit;
use std::alloc::Layout;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Address space of the arena. Only what is used becomes memory.
const SPACE: usize = 16 << 30;

/// First address, and length. Side by side, as every free looks at both.
static RANGE: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
static STATE: Lock = Lock::new();
static USED: AtomicUsize = AtomicUsize::new(0);
static BLOCKS: AtomicUsize = AtomicUsize::new(0);

/// Whether signals are blocked on the calling thread. Where they are not, they must be while it holds the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signals {
    Blocked,
    Open,
}

/// In the child of a fork: the thread that held the lock does not exist.
pub(crate) fn reset_after_fork() {
    STATE.reset();
}

/// Whether a block came from the arena.
#[inline(always)]
pub(crate) fn owns(block: *mut u8) -> bool {
    (block as usize).wrapping_sub(RANGE[0].load(Relaxed)) < RANGE[1].load(Relaxed)
}

/// A block of zeroed memory, or null where there is none.
#[cold]
pub(crate) fn alloc(layout: Layout, signals: Signals) -> *mut u8 {
    let _held = enter(signals);
    if RANGE[1].load(Relaxed) == 0 && !make() {
        return null_mut();
    }
    let (base, length) = (RANGE[0].load(Relaxed), RANGE[1].load(Relaxed));
    let align = layout.align().max(16);
    let Some(start) = (base + USED.load(Relaxed)).checked_next_multiple_of(align) else { return null_mut() };
    let offset = start - base;
    let Some(end) = offset.checked_add(layout.size()).filter(|&end| end <= length) else { return null_mut() };
    USED.store(end, Relaxed);
    BLOCKS.fetch_add(1, Relaxed);
    start as *mut u8
}

/// How much of it is in use.
pub(crate) fn used_bytes() -> usize {
    USED.load(Relaxed)
}

/// How much of what is in use is resident, where that is more than a little.
pub(crate) fn resident_bytes() -> u64 {
    const LITTLE: usize = 64 << 10;
    let used = used_bytes() as u64;
    if used <= LITTLE as u64 { 0 } else { touched_bytes(used) }
}

#[cold]
#[inline(never)]
fn touched_bytes(used: u64) -> u64 {
    let base = RANGE[0].load(Relaxed) as u64;
    PageMap::open().map_or(0, |map| map.touched_bytes(base, base + used))
}

/// How much there is room for.
pub(crate) fn room() -> u64 {
    let _held = STATE.lock_with_signals_blocked();
    if RANGE[1].load(Relaxed) == 0 && !make() {
        return 0;
    }
    (RANGE[1].load(Relaxed) - USED.load(Relaxed)) as u64
}

fn make() -> bool {
    let mut space = SPACE.min(limit(libc::RLIMIT_AS) as usize / 16);
    loop {
        if let Some(base) = reserve(space) {
            RANGE[0].store(base.as_ptr() as usize, Relaxed);
            RANGE[1].store(space, Relaxed);
            return true;
        }
        space /= 4;
        if space < 1 << 20 {
            return false;
        }
    }
}

/// Holds the lock, on a thread that may be any by now: `signals` is whether they are blocked on it.
fn enter(signals: Signals) -> LockGuard<'static> {
    match signals {
        Signals::Blocked => STATE.lock_with_signals_blocked(),
        Signals::Open => STATE.lock(),
    }
}

/// Takes a block back.
///
/// # Safety
///
/// The block came from [`alloc`] and is not used any more.
#[cold]
pub(crate) unsafe fn dealloc(block: *mut u8, layout: Layout, signals: Signals) {
    let _held = enter(signals);
    let (base, used) = (RANGE[0].load(Relaxed), USED.load(Relaxed));
    let offset = block as usize - base;
    if BLOCKS.fetch_sub(1, Relaxed) == 1 {
        USED.store(0, Relaxed);
        let pages = used.next_multiple_of(PAGE);
        // SAFETY: no block is left, so nobody needs the content of the arena; fresh blocks must be zero.
        unsafe { make_zero(base as *mut u8, pages) };
    } else if offset + layout.size() == used {
        // SAFETY: the block is the caller's to write to until it is taken back, and its place will be handed
        // out again, as zeroed memory.
        unsafe { block.write_bytes(0, layout.size()) };
        USED.store(offset, Relaxed);
    }
}

/// Grows or shrinks a block, in place where it is the last one.
///
/// # Safety
///
/// As for `GlobalAlloc::realloc`, for a block of the arena.
#[cold]
pub(crate) unsafe fn realloc(block: *mut u8, layout: Layout, size: usize, signals: Signals) -> *mut u8 {
    {
        let _held = enter(signals);
        let offset = block as usize - RANGE[0].load(Relaxed);
        let last = offset + layout.size() == USED.load(Relaxed);
        if last
            && size >= layout.size()
            && offset.checked_add(size).is_some_and(|end| end <= RANGE[1].load(Relaxed))
        {
            USED.store(offset + size, Relaxed);
            return block;
        }
    }
    let Ok(new_layout) = Layout::from_size_align(size, layout.align()) else { return null_mut() };
    let Some(new) = NonNull::new(alloc(new_layout, signals)) else { return null_mut() };
    // SAFETY: both blocks are at least as long as the smaller size and do not overlap: the new one was just made.
    unsafe {
        std::ptr::copy_nonoverlapping(block, new.as_ptr(), layout.size().min(size));
        dealloc(block, layout, signals);
    }
    new.as_ptr()
}
