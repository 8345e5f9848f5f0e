//! From a stack to its site, and the counter of a site: what the recording of every mode needs.

use crate::capture::{CaptureFlags, Captured, Registers, Tree};
use crate::os::clock;
use crate::profile::counters::{self, Counter};
use crate::profile::stack_depth;
use crate::profile::tree::{self, StackTree};
use crate::spool;
use crate::thread::Thread;
use alloc_probe_format::spool::block::{Block, TIME_MASK, UNIT_SHIFT};
use alloc_probe_format::spool::header;
use std::sync::atomic::Ordering::Relaxed;

/// The site of the caller's stack; 0 where there is no space to keep it. The thread is marked as recording.
#[inline(always)]
pub(crate) fn of_caller(thread: &'static Thread, registers: Registers) -> u32 {
    let Some(captured) = capture(thread, registers) else { return 0 };
    if captured.flags != CaptureFlags::NONE {
        note_unusual(thread, captured);
    }
    let site = if captured.node == StackTree::ROOT { None } else { tree::site(captured.node) };
    if site.is_none() {
        spool::header()[header::UNATTRIBUTED].fetch_add(1, Relaxed);
    }
    site.unwrap_or(0)
}

/// The node of the caller's stack, for which no site is made; 0 where there is no space to keep it. The thread is marked
/// as recording.
pub(crate) fn node_of_caller(thread: &'static Thread, registers: Registers) -> u32 {
    let Some(captured) = capture(thread, registers) else { return 0 };
    if captured.flags.deepest() {
        stack_depth::note_deepest(thread, captured);
    }
    captured.node
}

/// Takes the caller's stack. None where there is no memory for it.
#[inline(always)]
fn capture(thread: &'static Thread, registers: Registers) -> Option<Captured> {
    let mut cached = thread.cached_stack.get();
    if cached.is_null() {
        if !thread.make_private() {
            return None;
        }
        cached = thread.cached_stack.get();
        // SAFETY: it is there now, and the thread's own, as below.
        unsafe { (*cached).set_root(thread.root.get()) };
    }
    // SAFETY: the cached stack is the thread's own, in memory that stays; the thread is marked as recording, so that no
    // other reference to it exists. The registers are those of a frame that lives until this call returns.
    Some(unsafe { (*cached).capture(&StackTree, registers) })
}

/// A stack that was cut, or deeper than all before.
#[cold]
#[inline(never)]
fn note_unusual(thread: &Thread, captured: Captured) {
    if captured.flags.truncated() {
        spool::header()[header::TRUNCATED].fetch_add(1, Relaxed);
    }
    if captured.flags.deepest() {
        stack_depth::note_deepest(thread, captured);
    }
}

/// The thread's counter of a site, unless the site stands for no stack.
#[inline(always)]
pub(crate) fn counter(thread: &Thread, site: u32) -> Option<&'static Counter> {
    if site == 0 { None } else { counters::of_site(thread, site) }
}

/// How old a block is, in clock units.
#[inline(always)]
pub(crate) fn age(block: Block) -> u64 {
    let age = (clock::ticks() >> UNIT_SHIFT).wrapping_sub(block.allocated_at) & TIME_MASK;
    // Another processor's counter may be a little behind.
    if age > TIME_MASK / 2 { 0 } else { age }
}

/// Counts a block that could not be recorded.
#[cold]
#[inline(never)]
pub(crate) fn lose_block(size: u64) {
    spool::header()[header::LOST_BLOCKS].fetch_add(1, Relaxed);
    spool::header()[header::LOST_BYTES].fetch_add(size, Relaxed);
}
