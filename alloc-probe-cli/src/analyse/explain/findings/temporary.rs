//! *Temporary work*: a site that allocates and frees at once, again and again.

use crate::analyse::evidence::activity::Activity;
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::{Run, largest_first};
use crate::analyse::sampling::{error_of_sum, estimated_blocks, tells_of_blocks};
use crate::units::{bytes, count, duration, percent, plural};
use alloc_probe_format::metric::Metric;

/// What an allocation and its free take at the least and at the most, by the allocators in use: nanoseconds.
const COST_NS: (u64, u64) = (10, 100);
/// It is worth to be said where that may be more than this part of the time in which the run allocated.
const PART: u64 = 20;
/// And where it may be as long as this, which is a part of a tenth of a second.
const LEAST_COST_NS: u64 = 100_000_000 / PART;
/// An estimate that may be further off than this share of it is no evidence.
const LARGEST_ERROR: f64 = 0.25;
/// Sites that have less than this part of all temporary blocks are not listed.
const LISTED: u64 = 20;

/// So many temporary blocks that they may cost a part of the run's time.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let Some(activity) = Activity::of(&run.profile.dump) else { return Vec::new() };
    let active_ns = activity.active_ns();
    let totals = &run.profile.dump.totals;
    let blocks = totals.temporary_blocks;
    let error = error_of_sum(run.profile, |figures| figures.temporary_blocks, false);
    // A few small blocks that happened to be drawn are no finding.
    let is_known = error.is_none_or(|error| error <= blocks as f64 * LARGEST_ERROR);
    if !is_known || !tells_of_blocks(run.profile) {
        return Vec::new();
    }
    if blocks.saturating_mul(COST_NS.1) < LEAST_COST_NS.max(active_ns / PART) {
        return Vec::new();
    }
    let temporary = run.sites.iter().map(|site| site.of(Metric::TemporaryBlocks)).enumerate();
    let mut sites = largest_first(temporary.collect());
    sites.retain(|(_, of_site)| *of_site > 0 && *of_site >= blocks / LISTED);
    // What they had asked for, where all of a site's blocks are of a size.
    let asked = |(site, of_site): &(usize, u64)| {
        let figures = &run.sites.get(*site).figures();
        let mean = figures.total_bytes as f64 / figures.total_blocks.max(1) as f64;
        (*site, (mean * *of_site as f64) as u64)
    };
    let by_bytes: Vec<(usize, u64)> = sites.iter().map(asked).collect();
    let all = by_bytes.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    let described = || sites.iter().take(2);
    let places = run.places(described().map(|(site, _)| *site));
    let mut evidence: Vec<String> = (described().zip(&places))
        .map(|((site, of_site), place)| {
            let figures = &run.sites.get(*site).figures();
            format!(
                "{} of {} from {place} are freed before the thread allocates again",
                percent(*of_site, figures.total_blocks),
                plural(figures.total_blocks, "block")
            )
        })
        .collect();
    evidence.push(format!(
        "at {} to {} ns for an allocation and its free, as allocators take, that is {} to {} of the {} in which the run \
         allocated; how long it took was not measured",
        COST_NS.0,
        COST_NS.1,
        duration(blocks.saturating_mul(COST_NS.0)),
        duration(blocks.saturating_mul(COST_NS.1)),
        duration(active_ns)
    ));
    let error = error.map_or_else(String::new, |error| format!(" ±{}", count(error.round() as u64)));
    vec![Finding {
        kind: Kind::TemporaryWork,
        bytes: all,
        short: format!("{} temporary blocks", count(blocks)),
        sentence: format!(
            "{}{error} temporary blocks, {} of all, were allocated and freed at once: about {} in all. That costs time, not memory.",
            count(blocks),
            percent(blocks, estimated_blocks(run.profile)),
            bytes(all)
        ),
        evidence,
        sites: by_bytes,
        advice: "Use a buffer again (`clear` in place of a new `Vec` or `String`), write to it (`write!` in place of \
                 `format!`), or borrow instead of cloning."
            .to_owned(),
    }]
}
