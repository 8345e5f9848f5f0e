//! *Fragmentation*: free memory on pages that blocks in use keep from being given back.

use super::finding::{Finding, Kind};
use super::place;
use super::runs::{Runs, largest_first};
use super::words::both;
use crate::analyse::account::unknown::moved;
use crate::analyse::diff::pair::Pair;
use crate::analyse::evidence::advice;
use crate::analyse::evidence::words::{Allocator, holes, size};
use crate::analyse::signed::signed;
use crate::profile::Profile;
use crate::units::{bytes, count};

/// Sites that are named for holding the pages.
const NAMED: usize = 2;

/// One run has notably more of it, or it's a large part of the memory of both.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let fragmented = |profile: &Profile| {
        let heap = profile.dump.memory.heap.as_ref().filter(|_| moved(&profile.dump).is_none());
        Some(heap?.fragmented_bytes)
    };
    let (Some(base), Some(new)) = (fragmented(runs.base), fragmented(runs.new)) else {
        return Vec::new();
    };
    let Some((whole, in_both)) = runs.weigh((base, new)) else {
        return Vec::new();
    };
    let (profile, side) = runs.larger(whole);
    let Some(heap) = &profile.dump.memory.heap else { return Vec::new() };
    let mut evidence = vec![format!("free bytes on pages that hold a block in use: {}", both((base, new)))];
    evidence.extend(holes(&heap.holes, &format!("{side}'s")));
    let mut sites: Vec<(usize, i64)> = match in_both {
        false => runs.by_pair(|site| site.pages.fragmented_bytes),
        true => {
            let of_new = runs.pairs.iter().map(|pair| {
                runs.new_sites(pair).map(|site| site.pages.fragmented_bytes).fold(0, u64::saturating_add)
            });
            largest_first(of_new.map(signed).enumerate().collect())
        }
    };
    sites.retain(|(_, bytes)| bytes.signum() == whole.signum());
    let named = || sites.iter().take(NAMED).map(|(pair, _)| *pair);
    for (pair, place) in named().zip(place::of_pairs(runs, named())) {
        evidence.extend(holders(runs, &runs.pairs[pair], &place, whole));
    }
    let live = profile.dump.totals.end_bytes;
    evidence.push(format!("{} are live in {side}", bytes(live)));
    let (of, more) = if in_both { ("both runs'".to_owned(), "") } else { (format!("{side}'s"), " more") };
    vec![Finding {
        kind: Kind::Fragmentation,
        sentence: format!(
            "{}{more} of {of} resident memory is free{}, but on pages that blocks in use hold.",
            size(whole),
            if runs.is_free_known() { "" } else { ", or C code's" }
        ),
        bytes: whole,
        in_both,
        evidence,
        sites,
        advice: advice::fragmentation(Allocator::of(profile)),
    }]
}

/// Which blocks of a pair hold the pages.
fn holders(runs: &Runs<'_>, pair: &Pair, place: &str, difference: i64) -> Option<String> {
    let (mut blocks, mut live, mut free) = (0_u64, 0_u64, 0_u64);
    let mut add = |site: &crate::profile::Site| {
        blocks = blocks.saturating_add(site.figures.end_blocks);
        live = live.saturating_add(site.figures.end_bytes);
        free = free.saturating_add(site.pages.fragmented_bytes);
    };
    if difference < 0 {
        runs.base_sites(pair).for_each(&mut add);
    } else {
        runs.new_sites(pair).for_each(&mut add);
    }
    let mean = live.checked_div(blocks)?;
    Some(format!(
        "{} live blocks of {} in the mean, from {place}, keep {} of free memory around them",
        count(blocks),
        bytes(mean),
        bytes(free)
    ))
}
