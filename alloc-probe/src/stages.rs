//! The stages of recording a block, each by itself, for the repository's own benchmarks. It is no part of the crate's
//! interface, and there only with the feature `stages`.
//!
//! All of it is to be called in a process that records everything. The figures of its profile mean nothing afterwards.

use crate::capture::{CachedStack, FrameKey, Registers, Tree};
use crate::os;
use crate::profile::tree::{self, StackTree};
use crate::profile::{blocks, peak};
use crate::record::site;
use crate::thread::{self, Thread};
use alloc_probe_format::spool::SAMPLE_BLOCK;
use alloc_probe_format::spool::block::Block;
use std::hint::black_box;
use std::ptr::NonNull;

/// Takes stacks, as a thread does for its blocks, but looks none of their frames up.
#[derive(Debug)]
pub struct Capture {
    cached_stack: NonNull<CachedStack>,
}

impl Capture {
    /// With memory of its own, which is never given back. None where there is none.
    #[allow(clippy::new_without_default, reason = "it may fail")]
    pub fn new() -> Option<Capture> {
        Some(Capture { cached_stack: os::reserve(size_of::<CachedStack>())?.cast() })
    }

    /// Takes the stack of the caller. The thread has to be the same each time.
    #[inline(never)]
    pub fn take(&mut self) -> u32 {
        let start = Registers::here();
        // SAFETY: the registers are this function's, which does not return before the call does, and the cached stack is
        // this value's alone, in zeroed memory that stays.
        let captured = unsafe { self.cached_stack.as_mut().capture(&NoTree, start) };
        // Not the last thing that is done, so that the call is no jump.
        black_box(captured.node)
    }
}

/// Has a node for every frame without looking.
struct NoTree;

impl Tree for NoTree {
    const ROOT: u32 = 0;

    fn child(&self, _: u32, frame: FrameKey) -> Option<u32> {
        Some(frame.0 as u32 | 1)
    }

    /// Every node is one frame below the root: with that feature, stacks of this tree are found to be wrong.
    #[cfg(any(test, feature = "checked-stacks"))]
    fn parent(&self, node: u32) -> (u32, FrameKey) {
        (Self::ROOT, FrameKey::call(node.into()))
    }
}

/// The node of a frame below another's; 0 is the root. It is added where it isn't there. None where there is no space.
#[inline(never)]
pub fn intern(parent: u32, frame: u64) -> Option<u32> {
    StackTree.child(parent, FrameKey::call(frame))
}

/// The site of a node, numbered when it is first asked for. None where there is no space.
pub fn site(node: u32) -> Option<u32> {
    tree::site(node)
}

/// Records a live block. The address should be one that no allocator gives out. False where there is no space.
#[inline(never)]
pub fn insert_block(address: u64, size: u64, site: u32) -> bool {
    blocks::prefetch(address, size);
    blocks::insert(own(), Block { address, size, site, allocated_at: 0, sampled: false })
}

/// Takes the record of a block away. False where there is none.
#[inline(never)]
pub fn remove_block(address: u64, size: u64) -> bool {
    blocks::remove(own(), address, size).is_some()
}

/// Counts a block of a site that was allocated.
#[inline(never)]
pub fn count_alloc(site: u32, size: u64) {
    let thread = own();
    if let Some(counter) = site::counter(thread, site) {
        counter.add(thread, size, SAMPLE_BLOCK, peak::epoch(thread));
        counter.tally_size(thread, size);
    }
}

/// Counts a block of a site that ended.
#[inline(never)]
pub fn count_end(site: u32, size: u64) {
    let thread = own();
    if let Some(counter) = site::counter(thread, site) {
        counter.remove(thread, size, SAMPLE_BLOCK, peak::epoch(thread));
        counter.tally_lifetime(thread, 1);
    }
}

/// The calling thread's state.
#[inline(always)]
fn own() -> &'static Thread {
    thread::current().expect("a thread that has allocated, in a process that records")
}
