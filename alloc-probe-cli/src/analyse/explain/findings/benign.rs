//! *No concern*: nothing stands out, and what is live has settled.

use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::{Run, largest_first};
use crate::units::{bytes, duration};
use alloc_probe_format::dump::TimelineSample;

/// A timeline with fewer samples does not tell whether the heap has settled.
const LEAST_SAMPLES: usize = 8;
/// By how much the rest of a run may exceed its first half.
const SETTLED: f64 = 1.05;

/// The heap was as large in the first half of the run as it ever came to be: half of the blocks, for time may pass
/// without any work.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let dump = &run.profile.dump;
    let samples = &dump.timeline.samples;
    let half = samples.last().map_or(0, |last| last.total_blocks / 2);
    let (beginning, rest) = samples.split_at(samples.partition_point(|sample| sample.total_blocks <= half));
    let most = |part: &[TimelineSample]| part.iter().map(|sample| sample.live_bytes).max().unwrap_or(0);
    let (first, then) = (most(beginning), most(rest));
    if samples.len() < LEAST_SAMPLES || then as f64 > first as f64 * SETTLED || dump.totals.end_bytes == 0 {
        return Vec::new();
    }
    let live = run.sites.iter().map(|site| site.sum.figures.end_bytes).enumerate();
    let sites = largest_first(live.filter(|(_, bytes)| *bytes > 0).collect());
    let mut evidence = vec![format!(
        "at most {} were live while the first half of the blocks was allocated, and {} after that, in {}",
        bytes(first),
        bytes(then),
        duration(dump.process.duration_ns)
    )];
    evidence.extend(
        sites.first().map(|(site, live)| format!("most of it is at {}: {}", run.place(*site), bytes(*live))),
    );
    vec![Finding {
        kind: Kind::NoConcern,
        bytes: dump.totals.end_bytes,
        short: format!("{} live, which does not grow", bytes(dump.totals.end_bytes)),
        sentence: format!(
            "Nothing stands out: {} are live, and that does not grow.",
            bytes(dump.totals.end_bytes)
        ),
        evidence,
        sites,
        advice: "Nothing. If it is too much, look at what is live: `alloc-probe show --by end-bytes`."
            .to_owned(),
    }]
}
