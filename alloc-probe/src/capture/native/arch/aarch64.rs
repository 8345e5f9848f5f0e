//! aarch64. A call leaves its return address in a register, x30, which functions that call store where they like; nearly
//! always in the word above the caller's frame pointer, x29. It may be signed: the bits above an address then hold a
//! signature, and stay as they are as long as the word does.

use gimli::Vendor;

/// How DWARF numbers the registers.
pub(in super::super) const FP: usize = 29;
pub(in super::super) const RA: usize = 30;
pub(in super::super) const SP: usize = 31;

/// Whose extensions tables use: of functions that sign their return address.
pub(in super::super) const VENDOR: Vendor = Vendor::AArch64;

/// The address that a return address means, without its signature.
pub(in super::super) fn code_address(pc: u64) -> u64 {
    pc & ((1 << 48) - 1)
}

#[cfg(target_arch = "aarch64")]
pub(in super::super) use host::*;

#[cfg(target_arch = "aarch64")]
mod host {
    use super::SP;
    use std::arch::asm;

    /// Where a frame goes on.
    pub(in super::super::super) const PC: usize = 32;
    /// As many registers as unwinding follows: the general ones, the stack pointer, and the pc.
    pub(in super::super::super) const COUNT: usize = 33;

    /// As many registers may have rules at once: the twelve that functions preserve, the eight halves of vector
    /// registers, whether the return address is signed, and one more.
    pub(in super::super::super) const RULES: usize = 22;

    /// From the stack pointer of what returns from a signal handler to the interrupted registers, and DWARF's numbers in
    /// the order of `mcontext_t`.
    pub(in super::super::super) const CONTEXT: (u64, [usize; COUNT]) = {
        let mut order = [0; COUNT];
        let mut number = 0;
        while number < COUNT {
            order[number] = number;
            number += 1;
        }
        // 128 bytes of `siginfo_t`, and of `ucontext_t` 176 before `mcontext_t`, which begins with a word of its own.
        (128 + 176 + 8, order)
    };

    /// pc, stack pointer and frame pointer of the function that this is inlined into.
    #[inline(always)]
    pub(in super::super::super) fn registers_here() -> [u64; 3] {
        let (pc, sp, bp): (u64, u64, u64);
        // SAFETY: only reads registers. The three belong to one instant, so they're a state of unwinding whatever the
        // compiler does around them.
        unsafe {
            asm!(
                "adr {pc}, .",
                "mov {sp}, sp",
                "mov {bp}, x29",
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
    pub(in super::super::super) fn preserved_here() -> ([u64; COUNT], u64) {
        let mut registers = [0_u64; COUNT];
        // SAFETY: writes only to the array, whose 33 words are indexed by DWARF's numbers times eight.
        unsafe {
            asm!(
                "stp x19, x20, [{to}, #19 * 8]",
                "stp x21, x22, [{to}, #21 * 8]",
                "stp x23, x24, [{to}, #23 * 8]",
                "stp x25, x26, [{to}, #25 * 8]",
                "stp x27, x28, [{to}, #27 * 8]",
                "stp x29, x30, [{to}, #29 * 8]",
                "mov {other}, sp",
                "str {other}, [{to}, #31 * 8]",
                "adr {other}, .",
                "str {other}, [{to}, #32 * 8]",
                to = in(reg) registers.as_mut_ptr(),
                other = out(reg) _,
                options(nostack, preserves_flags),
            );
        }
        (registers, 0xfff << 19 | 1 << SP | 1 << PC)
    }
}
