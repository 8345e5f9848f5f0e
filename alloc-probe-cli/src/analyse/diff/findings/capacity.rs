//! *Capacity kept*: collections that grew, and have been as large ever since.
//!
//! The recording sees how large a block is, not how much of it a collection uses. What can be told is: the block came from a
//! `realloc` that made it larger with room to spare, nobody has touched its size for most of the run, and how much of it
//! is on pages that were never written to. So it's a candidate, and the finding says so.

use super::finding::{Finding, Kind};
use super::place;
use super::runs::{Runs, largest_first};
use crate::analyse::evidence::capacity::{ADVICE, CANDIDATES, Grown};
use crate::analyse::evidence::words::size;
use crate::analyse::signed::signed;

/// Notably more of it in one run, or else notably much in both.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let sides: Vec<(Grown, Grown)> = runs
        .pairs
        .iter()
        .map(|pair| (Grown::of(runs.base, runs.base_sites(pair)), Grown::of(runs.new, runs.new_sites(pair))))
        .collect();
    let parts =
        |of: fn(&(Grown, Grown)) -> i64| largest_first(sides.iter().map(of).enumerate().collect::<Vec<_>>());
    let differences = parts(difference);
    let whole: i64 = differences.iter().map(|(_, bytes)| bytes).sum();
    let (bytes, in_both, sites) = if whole.abs() >= runs.notable_bytes() {
        (
            whole,
            false,
            differences.into_iter().filter(|(_, bytes)| bytes.signum() == whole.signum()).collect(),
        )
    } else {
        let common: Vec<(usize, i64)> = parts(|(base, new)| base.grown_bytes.min(new.kept_bytes));
        (common.iter().map(|(_, bytes)| bytes).sum(), true, common)
    };
    if bytes.abs() < runs.notable_bytes() {
        return Vec::new();
    }
    vec![finding(runs, bytes, in_both, sites, &sides)]
}

fn finding(
    runs: &Runs<'_>,
    bytes: i64,
    in_both: bool,
    sites: Vec<(usize, i64)>,
    sides: &[(Grown, Grown)],
) -> Finding {
    let (profile, side) = runs.larger(bytes);
    let of_side = |pair: usize| if bytes < 0 { &sides[pair].0 } else { &sides[pair].1 };
    let described = || sites.iter().take(2).map(|(pair, _)| *pair);
    let mut evidence: Vec<String> = (described().zip(place::of_pairs(runs, described())))
        .map(|(pair, place)| of_side(pair).sentence(profile, &place))
        .collect();
    let untouched: u64 = sites.iter().map(|(pair, _)| of_side(*pair).untouched_bytes).sum();
    if untouched > 0 {
        evidence.push(format!(
            "{} more of these blocks were never touched, so at least that much of them is not used",
            size(signed(untouched))
        ));
    }
    evidence.push(CANDIDATES.to_owned());
    let whose = if in_both { "both runs" } else { side };
    Finding {
        kind: Kind::CapacityKept,
        sentence: format!(
            "Up to {} of {whose} is capacity of collections that grew and did not change since.",
            size(bytes)
        ),
        bytes,
        in_both,
        evidence,
        sites,
        advice: ADVICE.to_owned(),
    }
}

/// How much more the new run keeps. What is old in one run only, but has grown as much in the other, is no difference.
fn difference((base, new): &(Grown, Grown)) -> i64 {
    let more = (new.kept_bytes - base.grown_bytes).max(0);
    let less = (base.kept_bytes - new.grown_bytes).max(0);
    more - less
}
