//! x86-64. A call stores its return address just below the stack pointer that it's returned to with: the word below the
//! CFA.

use gimli::Vendor;
use std::arch::asm;

/// How DWARF numbers the registers.
pub(in super::super) const FP: usize = 6;
pub(in super::super) const SP: usize = 7;
/// Stands for the return address.
pub(in super::super) const RA: usize = 16;
/// Where a frame goes on: when its callee is left, that is the return address.
pub(in super::super) const PC: usize = RA;
/// As many registers as unwinding follows: the general ones, and the return address.
pub(in super::super) const COUNT: usize = 17;

/// As many registers may have rules at once.
///
/// Functions describe the six general registers that they preserve, the return address, and rarely one more. Only
/// returns from signal handlers describe all seventeen; these are too many, and are recognised by their code.
pub(in super::super) const RULES: usize = 12;

/// Whose extensions tables use.
pub(in super::super) const VENDOR: Vendor = Vendor::Default;

/// From the stack pointer of what returns from a signal handler to the interrupted registers, and DWARF's numbers in
/// the order of `mcontext_t`.
pub(in super::super) const CONTEXT: (u64, [usize; COUNT]) =
    (40, [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, FP, 3, 1, 0, 2, SP, RA]);

/// The address that a return address means.
pub(in super::super) fn code_address(pc: u64) -> u64 {
    pc
}

/// pc, stack pointer and frame pointer of the function that this is inlined into.
#[inline(always)]
pub(in super::super) fn registers_here() -> [u64; 3] {
    let (pc, sp, bp): (u64, u64, u64);
    // SAFETY: only reads registers. The three belong to one instant, so they're a state of unwinding whatever the
    // compiler does around them.
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
    [pc, sp, bp]
}

/// All registers that a function preserves for its caller, in DWARF's numbers, and which of them they are as bits.
///
/// Inlined, so that they are its caller's; the rest are unknown.
#[inline(always)]
pub(in super::super) fn preserved_here() -> ([u64; COUNT], u64) {
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
    (registers, 1 << 3 | 1 << FP | 1 << SP | 0b1111 << 12 | 1 << RA)
}
