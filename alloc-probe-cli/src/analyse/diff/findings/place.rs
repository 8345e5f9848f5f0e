//! How findings name the pairs that they are about.

use super::runs::Runs;
use crate::analyse::diff::pair::Pair;
use crate::analyse::evidence::place::{UNKNOWN, of_stack};
use alloc_probe_format::metric::Metric;

/// Where a pair's blocks come from, in the new build if it has them: `` `orders::cache::insert` (src/cache.rs:31) ``.
pub(super) fn of_pair(runs: &Runs<'_>, pair: &Pair) -> String {
    let shown = |sites: &Option<crate::analyse::diff::pair::Sites>, profile| {
        let site = sites.as_ref()?.shown(profile, Metric::TotalBytes)?;
        Some(of_stack(profile, &profile.frames_of(site).collect::<Vec<_>>()))
    };
    let place = shown(&pair.new, runs.new).or_else(|| shown(&pair.base, runs.base));
    place.unwrap_or_else(|| UNKNOWN.to_owned())
}
