//! How findings name the pairs that they are about.

use super::runs::Runs;
use crate::analyse::diff::pair::{Pair, Sites};
use crate::analyse::evidence::place::told_apart;
use crate::profile::{FrameId, Profile};
use alloc_probe_format::metric::Metric;

/// Where a pair's blocks come from, in the new build if it has them: `` `orders::cache::insert` (src/cache.rs:31) ``.
pub(super) fn of_pair(runs: &Runs<'_>, pair: &Pair) -> String {
    told_apart(&[stack(runs, pair)]).concat()
}

/// The same of several pairs, by their indices, each told apart from the others.
pub(super) fn of_pairs(runs: &Runs<'_>, pairs: impl Iterator<Item = usize>) -> Vec<String> {
    told_apart(&pairs.map(|pair| stack(runs, &runs.pairs[pair])).collect::<Vec<_>>())
}

/// The stack that a pair is named after.
fn stack<'a>(runs: &Runs<'a>, pair: &Pair) -> (&'a Profile, Vec<FrameId>) {
    let shown = |sites: &Option<Sites>, profile: &'a Profile| {
        let site = sites.as_ref()?.shown(profile, Metric::TotalBytes)?;
        Some((profile, profile.frames_of(site).collect()))
    };
    shown(&pair.new, runs.new).or_else(|| shown(&pair.base, runs.base)).unwrap_or((runs.new, Vec::new()))
}
