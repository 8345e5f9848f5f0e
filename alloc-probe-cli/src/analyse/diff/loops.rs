//! Recursions that the optimiser made loops of.
//!
//! A function that ends in a call of itself becomes a loop: what it allocates at every depth has one and the same stack.
//! The other build has a stack for each depth. What gives a loop away is that a build shows the turns of the recursion
//! nowhere, and that its one stack has the figures of all the depths together.

use super::fill::{Members, Sum};
use super::group::{Group, Step};
use super::judge::Judge;
use super::key::FunctionId;
use super::matching::{Matched, Side};
use super::pair::MatchKind;
use std::collections::{BTreeMap, HashSet};

/// How far the figures of all depths may be from those of the loop: one in so many.
const CLOSELY: u64 = 100;

/// Gives the depths of a recursion that have no partner to the group of the build in which it is a loop.
pub(super) fn join_depths(
    judge: &Judge,
    base: &mut Side<'_>,
    new: &mut Side<'_>,
    matched: &mut Vec<Matched>,
) {
    join_side(judge, (base, true), new, matched, |pair| (&mut pair.base, &mut pair.new));
    join_side(judge, (new, false), base, matched, |pair| (&mut pair.new, &mut pair.base));
}

fn join_side(
    judge: &Judge,
    (side, side_is_base): (&mut Side<'_>, bool),
    other: &mut Side<'_>,
    matched: &mut Vec<Matched>,
    members: Members,
) {
    if !judge.may_lose(!side_is_base) {
        return;
    }
    let line = |step: &Step, of_base: bool| if of_base { judge.line_in_new(*step) } else { step.line };
    let turns = Turns::of(other.groups, |step| line(step, !side_is_base));
    let mut depths: BTreeMap<Vec<FunctionId>, Vec<Depth>> = BTreeMap::new();
    for group in side.left() {
        if let Some(chain) =
            turns.without_lost(&side.groups[group as usize].chain, |step| line(step, side_is_base))
        {
            depths.entry(functions(&chain)).or_default().push(Depth { group, chain, loops: Vec::new() });
        }
    }
    if depths.is_empty() {
        return;
    }
    // Groups without a partner are pairs of one side for now.
    let paired = matched.len();
    for group in other.left() {
        let mut pair = Matched { kind: None, base: vec![], new: vec![] };
        members(&mut pair).1.push(group);
        matched.push(pair);
    }
    for (at, pair) in matched.iter_mut().enumerate() {
        let &mut [partner] = &mut members(pair).1[..] else { continue };
        let chain = &other.groups[partner as usize].chain;
        for depth in depths.get_mut(&functions(chain)).into_iter().flatten() {
            if judge.agree(&depth.chain, chain, side_is_base) {
                depth.loops.push(at);
            }
        }
    }
    let mut joining: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for depth in depths.into_values().flatten() {
        if let [at] = depth.loops[..] {
            joining.entry(at).or_default().push(depth.group);
        }
    }
    for (at, mut depths) in joining {
        let (ours, theirs) = members(&mut matched[at]);
        depths.sort_unstable();
        let all: Vec<u32> = ours.iter().chain(&depths).copied().collect();
        if Sum::of(theirs, other.groups).is_filled_by(Sum::of(&all, side.groups), CLOSELY) {
            theirs.iter().for_each(|group| other.free[*group as usize] = false);
            depths.iter().for_each(|group| side.free[*group as usize] = false);
            *ours = all;
            matched[at].kind = matched[at].kind.max(Some(MatchKind::Subsequence));
        }
    }
    let mut at = 0;
    matched.retain(|pair| {
        at += 1;
        at <= paired || pair.kind.is_some()
    });
}

/// A group of which the other build may have made a loop's.
struct Depth {
    group: u32,
    /// Its chain without the turns that the other build does not show.
    chain: Vec<Step>,
    /// The pairs whose other side may be that loop.
    loops: Vec<usize>,
}

/// The turns of recursions that a build shows: the callers between a function and itself, with the lines from which they
/// call. Lines are those of the new build, for either.
struct Turns(HashSet<Vec<(FunctionId, u32)>>);

impl Turns {
    fn of(groups: &[Group], line: impl Fn(&Step) -> u32) -> Turns {
        let mut turns = HashSet::new();
        for chain in groups.iter().map(|group| &group.chain) {
            for at in 0..chain.len() {
                if let Some(inner) = inner_end(&chain[..=at]) {
                    turns.insert(turn(&chain[inner..=at], &line));
                }
            }
        }
        Turns(turns)
    }

    /// A chain without the turns that are not among these; none where it has no such turn. The innermost step stays:
    /// it is the callers that the jump replaced.
    fn without_lost(&self, chain: &[Step], line: impl Fn(&Step) -> u32) -> Option<Vec<Step>> {
        let mut kept: Vec<Step> = Vec::with_capacity(chain.len());
        for step in chain {
            kept.push(*step);
            let inner = inner_end(&kept);
            if let Some(inner) = inner.filter(|inner| !self.0.contains(&turn(&kept[*inner..], &line))) {
                kept.truncate(inner + 1);
            }
        }
        (kept.len() < chain.len()).then_some(kept)
    }
}

/// Where the turn begins that the outermost step of a chain ends: at the next step inside of it in the same function.
fn inner_end(chain: &[Step]) -> Option<usize> {
    let (outermost, inner) = chain.split_last()?;
    inner.iter().rposition(|step| step.function == outermost.function)
}

/// The callers of a turn.
fn turn(steps: &[Step], line: impl Fn(&Step) -> u32) -> Vec<(FunctionId, u32)> {
    steps.iter().skip(1).map(|step| (step.function, line(step))).collect()
}

fn functions(chain: &[Step]) -> Vec<FunctionId> {
    chain.iter().map(|step| step.function).collect()
}
