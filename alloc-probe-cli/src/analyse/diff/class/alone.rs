//! Sites of one build for which the other has nothing that could stand for them.

use crate::analyse::diff::group::program_frames;
use crate::analyse::diff::key::{FunctionId, Functions, Key};
use crate::analyse::diff::{Pair, Sites};
use crate::profile::Profile;
use alloc_probe_format::metric::Metric;

/// What one build has alone below a function is no counterpart of what the other has alone there, if it is less than
/// this share of its blocks.
const COUNTERPART: f64 = 0.1;

/// For each pair of one side, whether the other build has nothing of its own that could stand for it: below the nearest
/// function that both builds have, it has next to nothing alone.
pub(super) fn without_counterpart(
    base: &Profile,
    new: &Profile,
    functions: &Functions,
    pairs: &[Pair],
) -> Vec<bool> {
    let chains = |profile: &Profile, keys: &[Key], sites: &Option<Sites>| -> Vec<FunctionId> {
        let first = sites.iter().flat_map(|sites| &sites.sites).next();
        let site = first.and_then(|site| profile.sites.get(*site as usize));
        let frames = site.map(|site| program_frames(site, keys)).unwrap_or_default();
        frames.into_iter().map(|frame| keys[frame.0 as usize].function).collect()
    };
    let chains: Vec<[Vec<FunctionId>; 2]> = pairs
        .iter()
        .map(|pair| [chains(base, &functions.base, &pair.base), chains(new, &functions.new, &pair.new)])
        .collect();
    let mut known = [vec![false; functions.count], vec![false; functions.count]];
    let mut alone = [vec![0_u64; functions.count], vec![0_u64; functions.count]];
    for (pair, chains) in pairs.iter().zip(&chains) {
        let blocks = |sites: &Option<Sites>| sites.as_ref().map_or(0, |sites| sites.figures.total_blocks);
        for (side, blocks) in [blocks(&pair.base), blocks(&pair.new)].into_iter().enumerate() {
            for function in &chains[side] {
                known[side][function.0 as usize] = true;
                if pair.kind.is_none() {
                    // A function that calls itself counts the same blocks twice, which only makes it less sure.
                    let sum = &mut alone[side][function.0 as usize];
                    *sum = sum.saturating_add(blocks);
                }
            }
        }
    }
    let missing = |(pair, chains): (&Pair, &[Vec<FunctionId>; 2])| {
        let side = usize::from(pair.base.is_none());
        let anchor = chains[side].iter().find(|function| known[1 - side][function.0 as usize]);
        let (base, new) = pair.of(Metric::TotalBlocks);
        pair.kind.is_none()
            && anchor.is_some_and(|anchor| {
                (alone[1 - side][anchor.0 as usize] as f64) < base.max(new) as f64 * COUNTERPART
            })
    };
    pairs.iter().zip(&chains).map(missing).collect()
}
