//! Sites of one build for which the other has nothing that could stand for them.

use crate::analyse::diff::key::{FunctionId, Functions, Key};
use crate::analyse::diff::pair::{Pair, Sites};
use crate::analyse::diff::step::program_frames;
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
    let runs = [(base, &functions.base), (new, &functions.new)];
    let mut known = [vec![false; functions.count], vec![false; functions.count]];
    let mut alone = [vec![0_u64; functions.count], vec![0_u64; functions.count]];
    for pair in pairs {
        for (side, sites) in [&pair.base, &pair.new].into_iter().enumerate() {
            let Some(sites) = sites else { continue };
            for function in chain(runs[side], sites) {
                known[side][function.0 as usize] = true;
                if pair.kind.is_none() {
                    // A function that calls itself counts the same blocks twice, which only makes it less sure.
                    let sum = &mut alone[side][function.0 as usize];
                    *sum = sum.saturating_add(sites.figures.total_blocks);
                }
            }
        }
    }
    let missing = |pair: &Pair| {
        let (side, sites) = match (&pair.kind, &pair.base, &pair.new) {
            (None, Some(base), _) => (0, base),
            (None, None, Some(new)) => (1, new),
            _ => return false,
        };
        let anchor = chain(runs[side], sites).find(|function| known[1 - side][function.0 as usize]);
        let (base, new) = pair.of(Metric::TotalBlocks);
        anchor.is_some_and(|anchor| {
            (alone[1 - side][anchor.0 as usize] as f64) < base.max(new) as f64 * COUNTERPART
        })
    };
    pairs.iter().map(missing).collect()
}

/// The program's functions on the stack of a pair's side.
fn chain<'a>(
    (profile, keys): (&'a Profile, &'a Vec<Key>),
    sites: &Sites,
) -> impl Iterator<Item = FunctionId> + use<'a> {
    let site = sites.sites.first().and_then(|site| profile.sites.get(*site as usize));
    let frames = site.into_iter().flat_map(|site| program_frames(site, keys));
    frames.map(|frame| keys[frame.0 as usize].function)
}
