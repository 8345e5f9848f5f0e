//! The registers that unwinding starts from.

use super::arch;

/// What locates a frame: where its code goes on, its stack pointer and its frame pointer.
///
/// That is all which unwinding needs but for the rarest frames, whose rules refer to other registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registers {
    /// As it's stored: on aarch64, it may be signed.
    pub(super) pc: u64,
    pub(super) sp: u64,
    pub(super) bp: u64,
    /// Where the frame inward of it has stored `pc`. On x86-64 that is told by `sp`.
    #[cfg(target_arch = "aarch64")]
    pc_slot: u64,
}

impl Registers {
    /// Those of the function that this is inlined into.
    ///
    /// The first frame recorded is the one that *that* function returns to. So it must be `#[inline(never)]`: with
    /// link-time optimisation, even a global allocator's methods are inlined into the functions that allocate, and it's
    /// these that would be missing then. And it must not end in a tail call of what takes the stack.
    #[inline(always)]
    pub(crate) fn here() -> Registers {
        let [pc, sp, bp] = arch::registers_here();
        // No frame has stored this pc, and nobody looks for it.
        Registers::new(pc, sp, bp, sp.wrapping_sub(8))
    }

    /// Those of a frame whose pc is stored at `pc_slot`.
    #[inline(always)]
    #[cfg_attr(target_arch = "x86_64", allow(unused_variables, reason = "the stack pointer tells it"))]
    pub(super) fn new(pc: u64, sp: u64, bp: u64, pc_slot: u64) -> Registers {
        Registers {
            pc,
            sp,
            bp,
            #[cfg(target_arch = "aarch64")]
            pc_slot,
        }
    }

    /// Where `pc` is stored.
    #[inline(always)]
    pub(super) fn pc_slot(&self) -> u64 {
        #[cfg(target_arch = "aarch64")]
        return self.pc_slot;
        #[cfg(target_arch = "x86_64")]
        return self.sp - 8;
    }

    /// Lies in the frame of the function that these are of, so below its caller's.
    #[cfg(any(test, feature = "checked-stacks"))]
    pub(in crate::capture) fn stack_pointer(&self) -> u64 {
        self.sp
    }
}
