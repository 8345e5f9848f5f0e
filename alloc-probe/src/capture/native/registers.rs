//! The registers that unwinding starts from.

use std::arch::asm;

/// How DWARF numbers the registers of x86-64.
pub(super) const RBP: usize = 6;
pub(super) const RSP: usize = 7;
/// Stands for the return address.
pub(super) const RA: usize = 16;
/// As many registers as unwinding follows: the general ones, and the return address.
pub(super) const COUNT: usize = 17;

/// What locates a frame: where its code goes on, its stack pointer and its frame pointer.
///
/// That is all which unwinding needs but for the rarest frames, whose rules refer to other registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registers {
    pub(super) pc: u64,
    pub(super) sp: u64,
    pub(super) bp: u64,
}

impl Registers {
    /// Those of the function that this is inlined into.
    ///
    /// The first frame recorded is the one that *that* function returns to. So it must be `#[inline(never)]`: with
    /// link-time optimisation, even a global allocator's methods are inlined into the functions that allocate, and it's
    /// these that would be missing then. And it must not end in a tail call of what takes the stack.
    #[inline(always)]
    pub(crate) fn here() -> Registers {
        let (pc, sp, bp): (u64, u64, u64);
        // SAFETY: only reads registers. The three belong to one instant, so they're a state of unwinding whatever
        // the compiler does around them.
        unsafe {
            asm!(
                "lea {pc}, [rip]",
                "mov {sp}, rsp",
                "mov {bp}, rbp",
                pc = out(reg) pc,
                sp = out(reg) sp,
                bp = out(reg) bp,
                options(nomem, nostack, preserves_flags),
            );
        }
        Registers { pc, sp, bp }
    }
}

#[cfg(any(test, feature = "checked-stacks"))]
impl Registers {
    /// Lies in the frame of the function that these are of, so below its caller's.
    pub(in crate::capture) fn stack_pointer(&self) -> u64 {
        self.sp
    }
}

/// All registers that a function preserves for its caller, in DWARF's numbers, and which of them they are as bits.
///
/// Inlined, so that they are its caller's; the rest are unknown.
#[inline(always)]
pub(super) fn preserved_here() -> ([u64; COUNT], u32) {
    let mut registers = [0_u64; COUNT];
    // SAFETY: writes only to the array, whose seventeen words are indexed by DWARF's numbers times eight.
    unsafe {
        asm!(
            "mov [{to} + 3 * 8], rbx",
            "mov [{to} + 6 * 8], rbp",
            "mov [{to} + 7 * 8], rsp",
            "mov [{to} + 12 * 8], r12",
            "mov [{to} + 13 * 8], r13",
            "mov [{to} + 14 * 8], r14",
            "mov [{to} + 15 * 8], r15",
            "lea {pc}, [rip]",
            "mov [{to} + 16 * 8], {pc}",
            to = in(reg) registers.as_mut_ptr(),
            pc = out(reg) _,
            options(nostack, preserves_flags),
        );
    }
    (registers, 1 << 3 | 1 << RBP | 1 << RSP | 0b1111 << 12 | 1 << RA)
}
