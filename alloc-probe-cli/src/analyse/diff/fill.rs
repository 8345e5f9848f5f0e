//! What is left over on one side and just fills what a pair lacks there.
//!
//! The optimiser merges two calls into one, or says one line of both: then one build has two groups where the
//! other has one with the figures of both. The figures alone give that away, so they must fit closely, and be no
//! small numbers that could fit by chance.

use super::group::Group;
use super::judge::{Judge, TELLING_BLOCKS, TELLING_BYTES};
use super::matching::{Matched, Side};
use super::pair::MatchKind;
use super::passes::{Keys, chain, site};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;

/// How much of a lack may stay after it is filled: one in so many.
const CLOSELY: u64 = 10;

/// How many left-over groups are tried for one pair.
const MAX_TRIES: usize = 256;

/// Gives left-over groups to the pairs that lack just them.
pub(super) fn fill_up(judge: &Judge, base: &mut Side<'_>, new: &mut Side<'_>, matched: &mut [Matched]) {
    fill_side(judge, base, new, matched, |pair| (&mut pair.base, &mut pair.new));
    fill_side(judge, new, base, matched, |pair| (&mut pair.new, &mut pair.base));
    join_side(judge, (base, true), new, matched, |pair| (&mut pair.base, &mut pair.new));
    join_side(judge, (new, false), base, matched, |pair| (&mut pair.new, &mut pair.base));
}

/// Where code of several places was merged, the compiler keeps no line: then one group stands for several of the other
/// build, which differ from it in nothing else. A left-over group joins the only pair with such a one.
fn join_side(
    judge: &Judge,
    (side, side_is_base): (&mut Side<'_>, bool),
    other: &Side<'_>,
    matched: &mut [Matched],
    members: Members,
) {
    let has_no_line = |group: &Group| group.chain.iter().any(|step| step.line == 0);
    let mut by_chain: FxHashMap<u64, Vec<(usize, u32)>> = FxHashMap::default();
    for (at, pair) in matched.iter_mut().enumerate() {
        for group in members(pair).1.iter().filter(|group| has_no_line(&other.groups[**group as usize])) {
            chain(judge, &other.groups[*group as usize], &mut |key| {
                by_chain.entry(key).or_default().push((at, *group))
            });
        }
    }
    for group in side.left().collect::<Vec<_>>() {
        let mut joined = None;
        chain(judge, &side.groups[group as usize], &mut |key| {
            let pairs = by_chain.get(&key).into_iter().flatten().take(MAX_TRIES);
            let mut fitting = pairs.filter(|(_, partner)| {
                judge.agree(
                    &side.groups[group as usize].chain,
                    &other.groups[*partner as usize].chain,
                    side_is_base,
                )
            });
            joined = fitting.next().filter(|_| fitting.next().is_none()).map(|(at, _)| *at);
        });
        if let Some(at) = joined {
            side.free[group as usize] = false;
            members(&mut matched[at]).0.push(group);
            matched[at].kind = matched[at].kind.max(Some(MatchKind::Subsequence));
        }
    }
}

/// A pair's groups, those of the side that is filled first.
pub(super) type Members = fn(&mut Matched) -> (&mut Vec<u32>, &mut Vec<u32>);

fn fill_side(
    judge: &Judge,
    side: &mut Side<'_>,
    other: &Side<'_>,
    matched: &mut [Matched],
    members: Members,
) {
    let mut lacking = Vec::new();
    for (at, pair) in matched.iter_mut().enumerate() {
        let (ours, theirs) = members(pair);
        let lack = Sum::of(theirs, other.groups).less(Sum::of(ours, side.groups));
        lacking.extend(lack.filter(Sum::is_telling).map(|lack| (lack, at)));
    }
    lacking.sort_by_key(|(lack, at)| (Reverse(lack.bytes), *at));
    for keys in [chain as Keys, site] {
        let mut left: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
        for group in side.left() {
            keys(judge, &side.groups[group as usize], &mut |key| left.entry(key).or_default().push(group));
        }
        lacking.retain(|(lack, at)| {
            let (ours, theirs) = members(&mut matched[*at]);
            let partner = &other.groups[theirs[0] as usize];
            let mut filling = Vec::new();
            keys(judge, partner, &mut |key| {
                let Some(left) = left.get_mut(&key) else { return };
                filling = lack.filling(
                    left,
                    |group| judge.may_be_part(&side.groups[group as usize], partner),
                    side,
                );
                left.retain(|group| !filling.contains(group));
            });
            filling.iter().for_each(|group| side.free[*group as usize] = false);
            let unfilled = filling.is_empty();
            ours.append(&mut filling);
            if !unfilled {
                matched[*at].kind = matched[*at].kind.max(Some(MatchKind::Subsequence));
            }
            unfilled
        });
    }
}

/// Blocks and bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    blocks: u64,
    bytes: u64,
}

impl Sum {
    /// What some groups have together.
    pub(super) fn of(members: &[u32], groups: &[Group]) -> Sum {
        members.iter().map(|group| &groups[*group as usize].figures).fold(Sum::default(), |sum, figures| {
            Sum {
                blocks: sum.blocks.saturating_add(figures.total_blocks),
                bytes: sum.bytes.saturating_add(figures.total_bytes),
            }
        })
    }

    /// What `other` lacks to be `self`; none where it is not less in both.
    fn less(self, other: Sum) -> Option<Sum> {
        let blocks = self.blocks.checked_sub(other.blocks)?;
        let bytes = self.bytes.checked_sub(other.bytes)?;
        Some(Sum { blocks, bytes })
    }

    fn is_telling(&self) -> bool {
        self.blocks > 0 && self.bytes > 0 && (self.blocks >= TELLING_BLOCKS || self.bytes >= TELLING_BYTES)
    }

    /// Whether another sum is this one, but for one in so many.
    pub(super) fn is_filled_by(self, sum: Sum, one_in: u64) -> bool {
        self.blocks.abs_diff(sum.blocks) <= self.blocks / one_in
            && self.bytes.abs_diff(sum.bytes) <= self.bytes / one_in
    }

    /// Those left-over groups that fill the lack: all the possible ones together, or else one of them; or none.
    fn filling(self, left: &[u32], possible: impl Fn(u32) -> bool, side: &Side<'_>) -> Vec<u32> {
        let possible: Vec<u32> =
            left.iter().copied().take(MAX_TRIES).filter(|group| possible(*group)).collect();
        if self.is_filled_by(Sum::of(&possible, side.groups), CLOSELY) {
            return possible;
        }
        possible
            .into_iter()
            .filter(|group| self.is_filled_by(Sum::of(&[*group], side.groups), CLOSELY))
            .take(1)
            .collect()
    }
}
