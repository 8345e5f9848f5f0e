//! x86-64: the return address is the word below the CFA.

use crate::capture::native::arch::{FP, RA, SP};
use crate::capture::native::cfi::Found;
use crate::capture::native::rule::{Kind, Rule};
use gimli::{CfaRule, Operation, Register, RegisterRule};

/// Where the return address is stored of a frame whose CFA is known.
#[inline(always)]
pub(in super::super) fn pc_slot(_: Rule, cfa: u64) -> u64 {
    cfa - 8
}

/// Whether the frame stores its caller's frame pointer.
#[inline(always)]
pub(in super::super) fn restores_bp(rule: Rule) -> bool {
    rule.bp_bytes() != 8
}

/// What the tables say, if it fits into a rule.
pub(in super::super) fn simplify(found: &Found<'_>) -> Rule {
    let register = |number: usize| found.row.register(Register(number as u16));
    if found.signal || !matches!(register(SP), RegisterRule::Undefined | RegisterRule::SameValue) {
        return Rule::UNUSUAL;
    }
    match register(RA) {
        RegisterRule::Offset(-8) => {}
        RegisterRule::Undefined => return Rule::END,
        _ => return Rule::UNUSUAL,
    }
    match *found.row.cfa() {
        CfaRule::RegisterAndOffset { register: base, offset } => {
            let kind = match usize::from(base.0) {
                SP => Kind::Sp,
                FP => Kind::Bp,
                _ => return Rule::UNUSUAL,
            };
            match register(FP) {
                RegisterRule::Undefined | RegisterRule::SameValue => Rule::simple(kind, offset, None),
                RegisterRule::Offset(bp) => Rule::simple(kind, offset, Some(-bp)),
                _ => Rule::UNUSUAL,
            }
        }
        CfaRule::Expression(expression) => stored_cfa(found, &expression, &register(FP)),
    }
}

/// Recognises the frames that GCC realigns: the CFA is stored some words below the frame pointer, and the caller's
/// frame pointer where the frame pointer points.
fn stored_cfa(found: &Found<'_>, cfa: &gimli::UnwindExpression<usize>, bp: &RegisterRule<usize>) -> Rule {
    let RegisterRule::Expression(bp) = bp else { return Rule::UNUSUAL };
    match (address_of(found, bp, false), address_of(found, cfa, true)) {
        (Some(0), Some(offset)) if offset < 0 => Rule::simple(Kind::Stored, -offset, Some(16)),
        _ => Rule::UNUSUAL,
    }
}

/// The offset from the frame pointer that an expression computes, if it does nothing else but read there.
fn address_of(found: &Found<'_>, expression: &gimli::UnwindExpression<usize>, read: bool) -> Option<i64> {
    let mut operations = found.section.expression(expression)?.operations(found.section.encoding());
    let mut next = || operations.next().ok();
    let Some(Some(Operation::RegisterOffset { register, offset, .. })) = next() else { return None };
    if read && !matches!(next()?, Some(Operation::Deref { size: 8, space: false, .. })) {
        return None;
    }
    (usize::from(register.0) == FP && next()?.is_none()).then_some(offset)
}
