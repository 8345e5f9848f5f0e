//! *Fragmentation*: free memory on pages that blocks in use keep from being given back.

use crate::analyse::account::is_free_known;
use crate::analyse::account::unknown::moved;
use crate::analyse::evidence::advice;
use crate::analyse::evidence::words::{Allocator, holes};
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::Run;
use crate::units::{bytes, count};

/// Sites that are named for holding the pages.
const NAMED: usize = 2;

/// A large part of the program's memory is of this kind.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let dump = &run.profile.dump;
    let Some(heap) = dump.memory.heap.as_ref().filter(|_| moved(dump).is_none()) else { return Vec::new() };
    let fragmented = heap.fragmented_bytes;
    if fragmented < run.large_bytes() {
        return Vec::new();
    }
    let sites = run.by_site(|site| site.pages.fragmented_bytes);
    let named = || sites.iter().take(NAMED);
    let places = run.places(named().map(|(site, _)| *site));
    let mut evidence: Vec<String> = (named().zip(&places))
        .filter_map(|((site, free), place)| holders(run, *site, place, *free))
        .collect();
    evidence.extend(holes(&heap.holes, "it"));
    vec![Finding {
        kind: Kind::Fragmentation,
        bytes: fragmented,
        short: format!("{} free on pages that blocks hold", bytes(fragmented)),
        sentence: format!(
            "{} of the resident memory is free{}, but on pages that blocks in use hold.",
            bytes(fragmented),
            if is_free_known(dump) { "" } else { ", or C code's" }
        ),
        evidence,
        sites,
        advice: advice::fragmentation(Allocator::of(run.profile)),
    }]
}

/// Which blocks of a site hold the pages.
fn holders(run: &Run<'_>, site: usize, place: &str, free: u64) -> Option<String> {
    let figures = &run.sites.get(site).figures();
    let mean = figures.end_bytes.checked_div(figures.end_blocks)?;
    Some(format!(
        "{} live blocks of {} in the mean, from {place}, keep {} of free memory around them",
        count(figures.end_blocks),
        bytes(mean),
        bytes(free)
    ))
}
