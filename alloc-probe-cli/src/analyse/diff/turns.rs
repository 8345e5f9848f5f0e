//! Recursions that are not as deep in one build's stacks as in the other's.
//!
//! Where code of several calls was merged and one of them was a recursive one, neither frames nor lines are what they
//! were. Two such groups are the same where their figures are, and nobody else's that could be meant.

use super::group::{Group, Step};
use super::judge::{Judge, TELLING_BLOCKS, TELLING_BYTES};
use super::matching::{Matched, Side};
use super::pair::MatchKind;
use std::collections::BTreeMap;

/// With more groups of one build that have the same figures, these tell nothing.
const MAX_ALIKE: usize = 32;

/// Pairs left-over groups that have the same figures, and the same chain but for turns of recursions.
pub(super) fn pair_turns(judge: &Judge, base: &mut Side<'_>, new: &mut Side<'_>, matched: &mut Vec<Matched>) {
    let mut alike: BTreeMap<(u64, u64), [Vec<u32>; 2]> = BTreeMap::new();
    for (at, side) in [&*base, &*new].into_iter().enumerate() {
        for group in side.left() {
            let Group { figures, .. } = &side.groups[group as usize];
            if figures.total_blocks >= TELLING_BLOCKS || figures.total_bytes >= TELLING_BYTES {
                let key = (figures.total_blocks, figures.total_bytes);
                alike.entry(key).or_default()[at].push(group);
            }
        }
    }
    for [bases, news] in alike.into_values().filter(|sides| sides.iter().all(|side| side.len() <= MAX_ALIKE))
    {
        let is_pair = |b: u32, n: u32| {
            let (base, new) = (&base.groups[b as usize], &new.groups[n as usize]);
            judge.is_without_turns(base, new, true) || judge.is_without_turns(new, base, false)
        };
        let mut pairs = Vec::new();
        for &b in &bases {
            let mut partners = news.iter().filter(|n| is_pair(b, **n));
            if let (Some(n), None) = (partners.next(), partners.next()) {
                if bases.iter().filter(|b| is_pair(**b, *n)).count() == 1 {
                    pairs.push((b, *n));
                }
            }
        }
        for (b, n) in pairs {
            (base.free[b as usize], new.free[n as usize]) = (false, false);
            matched.push(Matched { kind: Some(MatchKind::Subsequence), base: vec![b], new: vec![n] });
        }
    }
}

/// Whether one chain is the other without some turns of recursions. `same` says whether two steps of one function, which is
/// in no turn, are the same.
pub(super) fn is_without_turns(long: &[Step], short: &[Step], same: impl Fn(Step, Step) -> bool) -> bool {
    if long.len() < short.len() || short.is_empty() {
        return false;
    }
    let meets = |l: usize, s: usize| {
        let (l, s) = (long[l], short[s]);
        let recursive = || long.iter().filter(|step| step.function == l.function).count() > 1;
        l.function == s.function && (same(l, s) || recursive())
    };
    // For a step of each, whether all inside of them can be laid on each other, and so can they.
    let mut reached = vec![false; short.len() * long.len()];
    reached[0] = long[0].function == short[0].function;
    for l in 0..long.len() {
        for s in 0..short.len().min(l + 1) {
            if !reached[l * short.len() + s] {
                continue;
            }
            for turn in (l + 1..long.len()).filter(|turn| long[*turn].function == long[l].function) {
                reached[turn * short.len() + s] = true;
            }
            if l + 1 < long.len() && s + 1 < short.len() && meets(l + 1, s + 1) {
                reached[(l + 1) * short.len() + s + 1] = true;
            }
        }
    }
    reached[reached.len() - 1]
}
