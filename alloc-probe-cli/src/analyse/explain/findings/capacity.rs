//! *Capacity kept*: collections that grew, and have been as large ever since. They are candidates, and the finding says so.

use crate::analyse::evidence::capacity::{ADVICE, CANDIDATES, Grown};
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::{Run, largest_first};
use crate::units::bytes;

/// Sites that are described.
const DESCRIBED: usize = 2;

/// A large part of the program's memory may be of this kind.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let grown: Vec<Grown> =
        (0..run.sites.len()).map(|site| Grown::of(run.profile, run.members(site))).collect();
    let kept = |grown: &Grown| grown.kept_bytes.max(0).unsigned_abs();
    let sites: Vec<(usize, u64)> =
        largest_first(grown.iter().map(kept).enumerate().filter(|(_, bytes)| *bytes > 0).collect());
    let all: u64 = sites.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    if all < run.large_bytes() {
        return Vec::new();
    }
    let described = || sites.iter().take(DESCRIBED).map(|(site, _)| *site);
    let mut evidence: Vec<String> = (described().zip(run.places(described())))
        .map(|(site, place)| grown[site].sentence(run.profile, &place))
        .collect();
    let untouched: u64 = sites.iter().map(|(site, _)| grown[*site].untouched_bytes).sum();
    if untouched > 0 {
        evidence.push(format!(
            "{} more of these blocks were never touched, so at least that much of them is not used",
            bytes(untouched)
        ));
    }
    evidence.push(CANDIDATES.to_owned());
    vec![Finding {
        kind: Kind::CapacityKept,
        bytes: all,
        short: format!("up to {} of capacity kept", bytes(all)),
        sentence: format!(
            "Up to {} is capacity of collections that grew and did not change since.",
            bytes(all)
        ),
        evidence,
        sites,
        advice: ADVICE.to_owned(),
    }]
}
