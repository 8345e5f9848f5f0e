//! *Reserved, not used*: what the program asked for and never touched. It is live, and takes no memory.

use crate::analyse::evidence::advice;
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::Run;
use crate::units::{bytes, plural};

/// Notably much of it.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let dump = &run.profile.dump;
    let untouched = dump.memory.heap.as_ref().map_or(0, |heap| heap.untouched_bytes);
    if untouched < run.large_bytes() {
        return Vec::new();
    }
    let sites = run.by_site(|site| site.pages.untouched_bytes);
    let mut evidence = vec![format!(
        "{} are live, and {} of them are resident",
        bytes(dump.totals.end_bytes),
        bytes(dump.totals.end_bytes.saturating_sub(untouched))
    )];
    evidence.extend(sites.first().map(|(site, untouched)| {
        let figures = &run.sites.get(*site).figures();
        format!(
            "{} of {} together, from {}: {} of them resident",
            plural(figures.end_blocks, "live block"),
            bytes(figures.end_bytes),
            run.place(*site),
            bytes(figures.end_bytes.saturating_sub(*untouched))
        )
    }));
    vec![Finding {
        kind: Kind::Reserved,
        bytes: untouched,
        short: format!("{} asked for and never touched", bytes(untouched)),
        sentence: format!(
            "{} are live, but were never touched: they take no memory, only address space.",
            bytes(untouched)
        ),
        evidence,
        sites,
        advice: advice::RESERVED.to_owned(),
    }]
}
