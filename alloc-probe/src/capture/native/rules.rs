//! Making the rule of a code address that is met for the first time.

use super::cfi::{self, Found};
use super::objects;
use super::registers::{RA, RBP, RSP};
use super::rule::{Kind, Rule};
use super::rule_cache;
use crate::capture::images;
use gimli::{CfaRule, Operation, Register, RegisterRule};

/// The rule of `address`, which isn't in the cache yet. About a microsecond.
#[cold]
#[inline(never)]
pub(super) fn learn(address: u64) -> Rule {
    let object = objects::find(address);
    if let Some(object) = &object {
        images::met(object.start, object.path());
    }
    let rule = object.and_then(|object| cfi::with_row(&object, address, |found| simplify(&found)));
    let rule = rule.unwrap_or(Rule::GUESS);
    rule_cache::insert(address, rule);
    rule
}

fn simplify(found: &Found<'_>) -> Rule {
    let register = |number: usize| found.row.register(Register(number as u16));
    if found.signal || !matches!(register(RSP), RegisterRule::Undefined | RegisterRule::SameValue) {
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
                RSP => Kind::Sp,
                RBP => Kind::Bp,
                _ => return Rule::UNUSUAL,
            };
            match register(RBP) {
                RegisterRule::Undefined | RegisterRule::SameValue => Rule::simple(kind, offset, None),
                RegisterRule::Offset(bp) => Rule::simple(kind, offset, Some(-bp)),
                _ => Rule::UNUSUAL,
            }
        }
        CfaRule::Expression(expression) => stored_cfa(found, &expression, &register(RBP)),
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
    (usize::from(register.0) == RBP && next()?.is_none()).then_some(offset)
}
