//! *Many small blocks*: what the allocator adds to each takes as much as a large part of the memory.

use crate::analyse::evidence::words::{bucket, heaviest};
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::{Run, largest_first};
use crate::units::{bytes, count, percent};
use alloc_probe_format::metric::Metric;

/// Sites that are described.
const DESCRIBED: usize = 2;
/// A site has many blocks from this number on.
const MANY: u64 = 1_000;
/// Sites that have less than this part of it are not listed.
const LISTED: u64 = 20;

/// Rounding and headers of the live blocks of sites with many of them are a large part of the program's memory.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let slack = run.by_site(|site| site.pages.slack_bytes);
    let mut sites = largest_first(
        slack.into_iter().filter(|(site, _)| run.sites.get(*site).of(Metric::EndBlocks) >= MANY).collect(),
    );
    let all: u64 = sites.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    if all < run.large_bytes() {
        return Vec::new();
    }
    sites.retain(|(_, bytes)| *bytes >= all / LISTED);
    let describe = |(site, slack): &(usize, u64)| {
        let shown = &run.sites.get(*site);
        let figures = &shown.figures();
        let mean = figures.end_bytes / figures.end_blocks.max(1);
        let mut text = format!(
            "{} live blocks of {} in the mean, from {}: {} asked for, {} added",
            count(figures.end_blocks),
            bytes(mean),
            run.place(*site),
            bytes(figures.end_bytes),
            bytes(*slack)
        );
        if let Some((size, blocks)) = heaviest(&shown.histogram(|site| &site.sizes))
            .filter(|(_, blocks)| *blocks > figures.total_blocks / 2)
        {
            text +=
                &format!("; {} of its blocks have {}", percent(blocks, figures.total_blocks), bucket(size));
        }
        text
    };
    vec![Finding {
        kind: Kind::SmallBlocks,
        bytes: all,
        short: format!("{} added to small blocks", bytes(all)),
        sentence: format!(
            "{} is what the allocator adds to many small blocks: headers and rounding.",
            bytes(all)
        ),
        evidence: sites.iter().take(DESCRIBED).map(describe).collect(),
        sites,
        advice: "Keep such data in fewer and larger blocks: one `Vec` of them, indices in place of boxes, an arena, \
                 or one copy of those that are equal. What blocks hold is not recorded, so whether they are equal is not \
                 known."
            .to_owned(),
    }]
}
