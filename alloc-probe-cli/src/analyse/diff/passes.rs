//! The passes of the matching, the surest first.
//!
//! An optimised build loses frames (inlined without a record, tail calls, merged functions), shifts lines and drops
//! whole allocations; it never invents a caller. So what is looked for is:
//!
//! 1. one and the same chain of functions;
//! 2. one chain that is the other with frames missing;
//! 3. the same allocating function, under callers that do not contradict each other.

use super::group::{Group, Step};
use super::judge::Judge;
use super::pair::MatchKind;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// How many of the innermost functions may be missing from a chain.
pub(super) const MAX_LOST_INNER: usize = 3;

/// One pass.
pub(super) struct Pass {
    /// What its pairs are.
    pub(super) kind: MatchKind,
    /// The keys by which a group is looked for.
    pub(super) probe: Keys,
    /// The keys by which it is found, where these are others.
    pub(super) index: Option<Keys>,
    /// How good a pair a group of the base and one of the new build are; none where they can be no pair.
    pub(super) score: fn(&Judge, &Group, &Group) -> Option<f32>,
}

/// Calls back with keys of a group.
pub(super) type Keys = fn(&Judge, &Group, &mut dyn FnMut(u64));

/// All passes, in their order. Where two have one score, the first finds most of the pairs in little time.
pub(super) const PASSES: [Pass; 7] = [
    Pass { kind: MatchKind::Exact, probe: chain, index: None, score: Judge::exact },
    Pass { kind: MatchKind::Subsequence, probe: shared_chain, index: None, score: Judge::subsequence },
    Pass { kind: MatchKind::Subsequence, probe: rarest, index: Some(callers), score: Judge::subsequence },
    Pass {
        kind: MatchKind::Subsequence,
        probe: chain,
        index: Some(outer_chains),
        score: Judge::without_inner,
    },
    Pass { kind: MatchKind::Site, probe: shared_chain, index: None, score: Judge::same_site },
    Pass { kind: MatchKind::Site, probe: rarest, index: Some(callers), score: Judge::same_site },
    Pass { kind: MatchKind::Site, probe: site, index: None, score: Judge::same_site },
];

/// The chain's functions.
pub(super) fn chain(_: &Judge, group: &Group, emit: &mut dyn FnMut(u64)) {
    emit(hash(&group.chain));
}

/// Those of them that both builds know.
fn shared_chain(judge: &Judge, group: &Group, emit: &mut dyn FnMut(u64)) {
    emit(hash(group.chain.iter().filter(|step| judge.is_shared(**step))));
}

/// The allocating function, with the caller that the fewest chains have.
fn rarest(judge: &Judge, group: &Group, emit: &mut dyn FnMut(u64)) {
    let Some((site, callers)) = group.chain.split_first() else { return };
    if let Some(rarest) = judge.rarest(callers.iter().filter(|step| judge.is_shared(**step))) {
        emit(hash([site, &rarest]));
    }
}

/// The allocating function, with any of the callers.
fn callers(_: &Judge, group: &Group, emit: &mut dyn FnMut(u64)) {
    let Some((site, callers)) = group.chain.split_first() else { return };
    callers.iter().for_each(|caller| emit(hash([site, caller])));
}

/// The chain without the functions that allocate, a few of them.
fn outer_chains(_: &Judge, group: &Group, emit: &mut dyn FnMut(u64)) {
    (1..=MAX_LOST_INNER)
        .filter(|lost| *lost < group.chain.len())
        .for_each(|lost| emit(hash(&group.chain[lost..])));
}

/// The allocating function.
pub(super) fn site(_: &Judge, group: &Group, emit: &mut dyn FnMut(u64)) {
    emit(hash(group.chain.first()));
}

/// A hash of the steps' functions, the same in every run. Numbers go in from 1, so that a recursion of the first function
/// has another hash at each depth.
fn hash<'a>(steps: impl IntoIterator<Item = &'a Step>) -> u64 {
    let mut hasher = FxHasher::default();
    steps.into_iter().for_each(|step| hasher.write_u64(u64::from(step.function.0) + 1));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::diff::key::FunctionId;
    use std::collections::HashSet;

    #[test]
    fn a_recursion_has_another_hash_at_each_depth_whatever_its_number() {
        for function in [0, 1, u32::MAX] {
            let chain = vec![Step { function: FunctionId(function), line: 0 }; 1000];
            let hashes: HashSet<u64> = (0..=chain.len()).map(|depth| hash(&chain[..depth])).collect();
            assert_eq!(hashes.len(), chain.len() + 1, "{function}");
        }
    }
}
