//! Making the rule of a code address that is met for the first time.

use super::rule::Rule;
use super::{cfi, objects, rule_cache, step};
use crate::images;

/// The rule of `address`, which isn't in the cache yet. About a microsecond.
#[cold]
#[inline(never)]
pub(super) fn learn(address: u64) -> Rule {
    let object = objects::find(address);
    if let Some(object) = &object {
        if let Some(unlisted) = images::find_unlisted(object.start, object.path()) {
            rule_cache::clear();
            unlisted.list();
        }
    }
    let rule = object.and_then(|object| cfi::with_row(&object, address, |found| step::simplify(&found)));
    let rule = rule.unwrap_or(Rule::FRAME_POINTER);
    rule_cache::insert(address, rule);
    rule
}
