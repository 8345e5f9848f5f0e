//! An allocator that counts what reaches it: what the probe around it ought to find.

use super::child::Outcome;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};

/// Counts, and hands on to another allocator.
pub(crate) struct Truth<A = System>(pub(crate) A);

/// While set, every allocation and reallocation fails.
pub(crate) static FAIL: AtomicBool = AtomicBool::new(false);

static TOTAL_BYTES: AtomicU64 = AtomicU64::new(0);
static TOTAL_BLOCKS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static LIVE_BLOCKS: AtomicI64 = AtomicI64::new(0);
static PEAK_BYTES: AtomicI64 = AtomicI64::new(0);
static REALLOCS: AtomicU64 = AtomicU64::new(0);

fn count(born: usize, born_blocks: u64, ended: usize, ended_blocks: i64) {
    TOTAL_BYTES.fetch_add(born as u64, SeqCst);
    TOTAL_BLOCKS.fetch_add(born_blocks, SeqCst);
    LIVE_BLOCKS.fetch_add(born_blocks as i64 - ended_blocks, SeqCst);
    let change = born as i64 - ended as i64;
    PEAK_BYTES.fetch_max(LIVE_BYTES.fetch_add(change, SeqCst) + change, SeqCst);
}

// SAFETY: every call is handed on as it is, or fails as it may.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Truth<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those asked for.
        let block = if FAIL.load(SeqCst) { null_mut() } else { unsafe { self.0.alloc(layout) } };
        if !block.is_null() {
            count(layout.size(), 1, 0, 0);
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those asked for.
        let block = if FAIL.load(SeqCst) { null_mut() } else { unsafe { self.0.alloc_zeroed(layout) } };
        if !block.is_null() {
            count(layout.size(), 1, 0, 0);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, 0, layout.size(), 1);
        // SAFETY: the caller's promises are those asked for.
        unsafe { self.0.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promises are those asked for.
        let new = if FAIL.load(SeqCst) { null_mut() } else { unsafe { self.0.realloc(block, layout, size) } };
        if !new.is_null() {
            count(size, 1, layout.size(), 1);
            REALLOCS.fetch_add(1, SeqCst);
        }
        new
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) total_bytes: u64,
    pub(crate) total_blocks: u64,
    pub(crate) live_bytes: u64,
    pub(crate) live_blocks: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) reallocs: u64,
}

impl Counted {
    pub(crate) fn now() -> Counted {
        Counted {
            total_bytes: TOTAL_BYTES.load(SeqCst),
            total_blocks: TOTAL_BLOCKS.load(SeqCst),
            live_bytes: LIVE_BYTES.load(SeqCst) as u64,
            live_blocks: LIVE_BLOCKS.load(SeqCst) as u64,
            peak_bytes: PEAK_BYTES.load(SeqCst) as u64,
            reallocs: REALLOCS.load(SeqCst),
        }
    }

    /// Tells the check, without allocating. To be the last thing that a scenario does.
    pub(crate) fn tell(&self) {
        super::tell("total_bytes", self.total_bytes);
        super::tell("total_blocks", self.total_blocks);
        super::tell("live_bytes", self.live_bytes);
        super::tell("live_blocks", self.live_blocks);
        super::tell("peak_bytes", self.peak_bytes);
        super::tell("reallocs", self.reallocs);
    }

    /// Tells the check at the end of the process: after `std` has freed what it does, and before the probe's dump.
    pub(crate) fn tell_at_exit() {
        extern "C" fn at_exit() {
            Counted::now().tell();
        }
        // SAFETY: the function lives as long as the program.
        unsafe { libc::atexit(at_exit) };
    }

    /// What the scenario told.
    pub(crate) fn told(outcome: &Outcome) -> Counted {
        Counted {
            total_bytes: outcome.told("total_bytes"),
            total_blocks: outcome.told("total_blocks"),
            live_bytes: outcome.told("live_bytes"),
            live_blocks: outcome.told("live_blocks"),
            peak_bytes: outcome.told("peak_bytes"),
            reallocs: outcome.told("reallocs"),
        }
    }
}
