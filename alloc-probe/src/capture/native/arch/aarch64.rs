//! aarch64. A call leaves its return address in a register, x30, which functions that call store where they like; nearly
//! always in the word above the caller's frame pointer, x29. It may be signed: the bits above an address then hold a
//! signature, and stay as they are as long as the word does.

use crate::capture::native::cfi::Found;
use crate::capture::native::rule::{Kind, Rule};
use gimli::{CfaRule, Register, RegisterRule, Vendor};

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

/// Where the return address is stored of a frame whose CFA is known.
#[inline(always)]
pub(in super::super) fn pc_slot(rule: Rule, cfa: u64) -> u64 {
    cfa - rule.bp_bytes() + if restores_bp(rule) { 8 } else { 0 }
}

/// Whether the frame stores its caller's frame pointer.
#[inline(always)]
pub(in super::super) fn restores_bp(rule: Rule) -> bool {
    matches!(rule.kind(), Kind::Sp | Kind::Bp)
}

/// What the tables say, if it fits into a rule.
pub(in super::super) fn simplify(found: &Found<'_>) -> Rule {
    let register = |number: usize| found.row.register(Register(number as u16));
    if found.signal || !matches!(register(SP), RegisterRule::Undefined | RegisterRule::SameValue) {
        return Rule::UNUSUAL;
    }
    let CfaRule::RegisterAndOffset { register: base, offset } = *found.row.cfa() else {
        return Rule::UNUSUAL;
    };
    let kind = match usize::from(base.0) {
        SP => Kind::Sp,
        FP => Kind::Bp,
        _ => return Rule::UNUSUAL,
    };
    match (kind, register(RA), register(FP)) {
        // It has called, and so would have stored what it returns to.
        (_, RegisterRule::Undefined, _) => Rule::END,
        (_, RegisterRule::Offset(pc), RegisterRule::Offset(bp)) if pc == bp + 8 => {
            Rule::simple(kind, offset, Some(-bp))
        }
        (Kind::Sp, RegisterRule::Offset(pc), RegisterRule::Undefined | RegisterRule::SameValue) => {
            Rule::simple(Kind::Alone, offset, Some(-pc))
        }
        _ => Rule::UNUSUAL,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::native::cfi::with_recorded_row;

    /// The `.eh_frame` of a library that GCC 12 made for aarch64, with `-O2 -fPIC -mbranch-protection=pac-ret`, which signs
    /// return addresses, and the last with `-O2 -fPIC -fomit-frame-pointer -momit-leaf-frame-pointer`:
    ///
    /// ```c
    /// void pair(void (*f)(void)) { f(); f(); }
    /// void dynamic(void (*f)(void), unsigned n) {
    ///     volatile char *a = __builtin_alloca(n); a[0] = 1; f(); a[n - 1] = a[0];
    /// }
    /// void large(void (*f)(void)) { volatile char a[2000]; a[0] = 1; f(); a[1999] = a[0]; }
    /// void start(void (*f)(void)) { asm volatile(".cfi_undefined x30"); f(); asm volatile(""); f(); }
    /// void alone(void (*f)(void)) { f(); asm volatile(""); }
    /// ```
    #[rustfmt::skip]
    static TABLES: [u8; 212] = [
        0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x7a, 0x52, 0x00, 0x04, 0x78, 0x1e, 0x01,
        0x1b, 0x0c, 0x1f, 0x00, 0x24, 0x00, 0x00, 0x00, 0x18, 0x00, 0x00, 0x00, 0x9c, 0xfe, 0xff, 0xff,
        0x2c, 0x00, 0x00, 0x00, 0x00, 0x41, 0x2d, 0x41, 0x0e, 0x20, 0x9d, 0x04, 0x9e, 0x03, 0x42, 0x93,
        0x02, 0x45, 0xde, 0xdd, 0xd3, 0x0e, 0x00, 0x41, 0x2d, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00,
        0x40, 0x00, 0x00, 0x00, 0xa4, 0xfe, 0xff, 0xff, 0x58, 0x00, 0x00, 0x00, 0x00, 0x41, 0x2d, 0x41,
        0x0e, 0x20, 0x9d, 0x04, 0x9e, 0x03, 0x42, 0x0d, 0x1d, 0x41, 0x93, 0x02, 0x94, 0x01, 0x4f, 0xde,
        0xdd, 0xd3, 0xd4, 0x0c, 0x1f, 0x00, 0x41, 0x2d, 0x24, 0x00, 0x00, 0x00, 0x6c, 0x00, 0x00, 0x00,
        0xd8, 0xfe, 0xff, 0xff, 0x38, 0x00, 0x00, 0x00, 0x00, 0x41, 0x2d, 0x41, 0x0e, 0xe0, 0x0f, 0x42,
        0x9d, 0xfc, 0x01, 0x9e, 0xfb, 0x01, 0x48, 0xdd, 0xde, 0x0e, 0x00, 0x41, 0x2d, 0x00, 0x00, 0x00,
        0x24, 0x00, 0x00, 0x00, 0x94, 0x00, 0x00, 0x00, 0xf0, 0xfe, 0xff, 0xff, 0x2c, 0x00, 0x00, 0x00,
        0x00, 0x41, 0x2d, 0x41, 0x0e, 0x20, 0x9d, 0x04, 0x9e, 0x03, 0x42, 0x93, 0x02, 0x41, 0x07, 0x1e,
        0x44, 0xde, 0xdd, 0xd3, 0x0e, 0x00, 0x41, 0x2d, 0x18, 0x00, 0x00, 0x00, 0xbc, 0x00, 0x00, 0x00,
        0xf8, 0xfe, 0xff, 0xff, 0x10, 0x00, 0x00, 0x00, 0x00, 0x41, 0x0e, 0x10, 0x9e, 0x02, 0x42, 0xde,
        0x0e, 0x00, 0x00, 0x00,
    ];

    /// Where the tables lie in it.
    const START: u64 = 0x3c8;

    fn rule(return_address: u64) -> Rule {
        with_recorded_row(&TABLES, START, VENDOR, return_address - 1, |found| simplify(&found)).unwrap()
    }

    /// What the rule at a return address says: its kind, where the CFA is, and how far below it the return address and the
    /// frame pointer are stored.
    fn step(return_address: u64) -> (Kind, u64, u64, Option<u64>) {
        let (rule, cfa) = (rule(return_address), 0x7000);
        let bp = restores_bp(rule).then_some(rule.bp_bytes());
        (rule.kind(), rule.cfa_bytes(), cfa - pc_slot(rule, cfa), bp)
    }

    #[test]
    fn rules_of_recorded_tables() {
        // `stp x29, x30, [sp, -32]!` at 0x284; the call is at 0x294.
        assert_eq!(step(0x298), (Kind::Sp, 32, 24, Some(32)), "pair");
        // The same, but the stack pointer moves on; `mov x29, sp` at 0x2bc; the call is at 0x2e4.
        assert_eq!(step(0x2e8), (Kind::Bp, 32, 24, Some(32)), "dynamic");
        // `str x30, [sp, -16]!` at 0x380; the call is at 0x384.
        assert_eq!(step(0x388), (Kind::Alone, 16, 16, None), "alone");
        // `stp x29, x30, [sp]` 2016 bytes below the CFA; the call is at 0x328.
        assert_eq!(rule(0x32c), Rule::UNUSUAL, "large");
        assert_eq!(rule(0x368), Rule::END, "start");
    }

    #[test]
    fn signatures_are_no_part_of_an_address() {
        assert_eq!(code_address(0x002b_aaaa_5555_1234), 0xaaaa_5555_1234);
        assert_eq!(code_address(0xaaaa_5555_1234), 0xaaaa_5555_1234);
    }
}
