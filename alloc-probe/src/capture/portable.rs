//! Taking stacks by the `backtrace` crate: right wherever that is, at some microseconds a stack.
//!
//! Nothing is kept from one stack to the next, and a frame that a signal interrupted is taken for a call.

use super::chain::Frames;
use super::{Captured, FrameKey, Tree};
use std::hint::black_box;

/// Frames that are walked; of deeper stacks the outermost are missing.
const FRAMES: usize = 32_768;

/// What tells the frame of a function from its callers'.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    /// An address in the frame.
    mark: usize,
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
        Registers { mark: black_box(&raw const local) as usize }
    }
}

/// Room for the frames of a stack. All-zero bytes are valid; pages that no stack was deep enough for aren't touched.
#[repr(C)]
pub(crate) struct KeptStack {
    keys: [FrameKey; FRAMES],
    /// How often a walker other than the usual had to be used: there's no other.
    #[cfg(test)]
    pub(super) careful_walks: u32,
}

impl KeptStack {
    /// Takes the stack outwards from the function whose registers `start` are. That function's own frame isn't part
    /// of it: the innermost frame is the one that it returns to.
    ///
    /// # Safety
    ///
    /// `start` must be from [`Registers::here`] in a function that hasn't returned, on this thread, and `self` must
    /// be this thread's.
    #[inline(never)]
    pub(crate) unsafe fn capture<T: Tree>(&mut self, tree: &T, start: Registers) -> Captured {
        let (mut depth, mut whole, mut outside) = (0, true, false);
        trace(&mut |pc, sp| {
            outside |= sp > start.mark;
            if outside && pc != 0 {
                whole = depth < FRAMES;
                if whole {
                    self.keys[depth] = FrameKey::call(pc as u64);
                    depth += 1;
                }
            }
            whole
        });
        // Where the platform doesn't tell stack pointers, no frame is known to be the program's.
        Frames { keys: &self.keys[..depth], whole: whole && outside }.capture(tree)
    }

    /// Forgets everything. To be called before another thread uses it.
    pub(crate) fn reset(&mut self) {}
}

/// Calls `f` with the address and the stack pointer of each frame, from the innermost outwards, while it returns true.
fn trace(f: &mut dyn FnMut(usize, usize) -> bool) {
    let mut visit = |frame: &backtrace::Frame| f(frame.ip() as usize, frame.sp() as usize);
    // SAFETY: on Unix the unwinder is safe to use by several threads at once. The other function takes a lock and may
    // allocate for that.
    #[cfg(unix)]
    unsafe {
        backtrace::trace_unsynchronized(&mut visit)
    };
    #[cfg(not(unix))]
    backtrace::trace(&mut visit);
}

pub(super) fn prepare() {}

pub(super) fn forget_rules() {}

#[cfg(test)]
impl Registers {
    /// Lies in the frame of the function that these are of, so below its caller's.
    pub(super) fn stack_pointer(&self) -> u64 {
        self.mark as u64
    }
}
