//! aarch64: the return address is nearly always the word above the caller's frame pointer.

use crate::capture::native::arch::aarch64::{FP, RA, SP};
use crate::capture::native::cfi::Found;
use crate::capture::native::rule::{Kind, Rule};
use gimli::{CfaRule, Register, RegisterRule};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::native::arch::aarch64::{VENDOR, code_address};
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
