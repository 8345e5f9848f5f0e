//! Tells the repository's own tests which site each block was given, as it is recorded. It is no part of the crate's
//! interface, and there only with the feature `truth`.
//!
//! The tests of the diff need to know which blocks of two builds are the same ones, from something else than their
//! stacks. A program that does the same in both allocates in the same order, so its log of blocks gives that away:
//! with the site of each in it, what the diff says of sites can be held against what is so of blocks.

use std::mem::transmute;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;

/// Called by the thread that allocates a block, after it was recorded in mode `full`: with the number of its site, the
/// size of the block that it replaces if it was reallocated, and its size.
///
/// It must not allocate. Sites are in the dump in the order of their numbers, but for those of which it has no blocks.
pub type Recorded = fn(site: u32, old_size: Option<u64>, size: u64);

static RECORDED: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// From now on each block is told to `recorded`.
pub fn on_recorded(recorded: Recorded) {
    RECORDED.store(recorded as *mut (), Relaxed);
}

/// A block was recorded.
#[inline(never)]
pub(crate) fn recorded(site: u32, old_size: Option<u64>, size: u64) {
    let recorded = RECORDED.load(Relaxed);
    if !recorded.is_null() {
        // SAFETY: what was stored is null or a function of this type.
        unsafe { transmute::<*mut (), Recorded>(recorded)(site, old_size, size) };
    }
}
