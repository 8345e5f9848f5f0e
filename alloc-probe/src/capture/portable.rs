//! Taking stacks by the `backtrace` crate.
//!
//! Nothing is kept from one stack to the next.

use super::captured::{Captured, OwnStack, Tree};
use super::chain::FRAMES_WALKED;
use super::frame::FrameKey;
use super::trace;
use std::hint::black_box;

/// What tells the frame of a function from its callers'.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    /// An address in the frame.
    mark: u64,
}

impl Registers {
    /// Those of the function that this is inlined into.
    ///
    /// The first frame recorded is the one that *that* function returns to. So it must be `#[inline(never)]`: with
    /// link-time optimisation, even a global allocator's methods are inlined into the functions that allocate, and it's
    /// these that would be missing then. And it must not end in a tail call of what takes the stack.
    #[inline(always)]
    pub(crate) fn here() -> Registers {
        let local = 0_u8;
        Registers { mark: black_box(&raw const local) as u64 }
    }

    /// Lies in the frame of the function that these are of, so below its caller's.
    #[cfg(any(test, feature = "checked-stacks"))]
    pub(super) fn stack_pointer(&self) -> u64 {
        self.mark
    }
}

/// Room for the frames of a stack. All-zero bytes are valid; pages that no stack was deep enough for aren't touched.
#[repr(C)]
pub(crate) struct CachedStack {
    /// The node that stacks begin at.
    root: u32,
    keys: [FrameKey; FRAMES_WALKED],
    /// How often a walker other than the usual had to be used: there's no other.
    #[cfg(test)]
    pub(super) slow_walks: u32,
}

impl CachedStack {
    /// Takes the stack outwards from the function whose registers `start` are. That function's own frame isn't part
    /// of it: the innermost frame is the one that it returns to.
    ///
    /// # Safety
    ///
    /// `start` must be from [`Registers::here`] in a function that hasn't returned, on this thread, and `self` must
    /// be this thread's.
    #[inline(never)]
    pub(crate) unsafe fn capture<T: Tree>(&mut self, tree: &T, start: Registers) -> Captured {
        trace::walk(&mut self.keys, start.mark).capture(tree, self.root)
    }

    /// The thread's own stack: this walker has no need to know it.
    pub(crate) fn own_stack(&self) -> Option<OwnStack> {
        None
    }

    /// From now on, stacks begin at this node.
    pub(crate) fn set_root(&mut self, root: u32) {
        self.root = root;
    }

    /// Forgets everything. To be called before another thread uses it.
    pub(crate) fn reset(&mut self) {
        self.root = 0;
    }
}

pub(super) fn prepare() {}

pub(super) fn clear_rules() {}
