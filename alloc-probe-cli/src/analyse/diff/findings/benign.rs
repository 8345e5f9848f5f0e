//! *No concern*: more is live, but it's kept to be used again, and does not grow.

use super::finding::{Finding, Kind};
use super::runs::Runs;
use crate::analyse::diff::work;
use crate::analyse::evidence::words::size;
use crate::analyse::signed::signed;
use crate::units::{bytes, count, duration};
use alloc_probe_format::dump::{Dump, Figures, TimelineSample};

/// From this share of the base's allocations downwards, the new run makes far fewer.
const FEWER: f64 = 0.5;
/// Of so few blocks nothing can be concluded.
const LEAST_BLOCKS: u64 = 1_000;
/// A timeline with fewer samples does not tell whether the heap has settled.
const LEAST_SAMPLES: usize = 8;
/// By how much the rest of a run may exceed its first half.
const SETTLED: f64 = 1.05;
/// By how much the units of work of two runs may differ that did the same.
const SAME_WORK: f64 = 0.05;

/// The new run has notably more live at its end, has allocated far less for the same work, and has settled.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let (base, new) = (&runs.base.dump, &runs.new.dump);
    let difference = signed(new.totals.end_bytes) - signed(base.totals.end_bytes);
    let fewer = fewer(&base.totals, &new.totals);
    if difference < runs.notable_bytes() || fewer.is_empty() || !is_same_work(runs) || !has_settled(new) {
        return Vec::new();
    }
    let sites: Vec<(usize, i64)> =
        runs.by_pair(|site| site.figures.end_bytes).into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    let mut evidence = fewer;
    evidence.push(format!(
        "its live bytes never exceeded those of its first half by more than {:.0}% in its {}: {} at most, {} at the end",
        (SETTLED - 1.0) * 100.0,
        duration(new.process.duration_ns),
        bytes(new.totals.peak_bytes),
        bytes(new.totals.end_bytes)
    ));
    vec![Finding {
        kind: Kind::NoConcern,
        sentence: format!(
            "The new run keeps {} more, uses it again and again, and does not grow: that is the price of fewer \
             allocations.",
            size(difference)
        ),
        bytes: difference,
        in_both: false,
        evidence,
        sites,
        advice: "Nothing, unless the memory is needed elsewhere: then keep less for re-use.".to_owned(),
    }]
}

/// In what the new run is far more frugal than the base, in sentences.
fn fewer(base: &Figures, new: &Figures) -> Vec<String> {
    let is_fewer = |base: u64, new: u64| base > 0 && new as f64 <= base as f64 * FEWER;
    let mut found = Vec::new();
    if base.total_blocks < LEAST_BLOCKS {
        return found;
    }
    for (what, base, new) in [
        ("blocks", base.total_blocks, new.total_blocks),
        ("temporary blocks", base.temporary_blocks, new.temporary_blocks),
    ] {
        if base >= LEAST_BLOCKS && is_fewer(base, new) {
            found.push(format!("it allocates {} {what}, the base {}", count(new), count(base)));
        }
    }
    if is_fewer(base.total_bytes, new.total_bytes) {
        found.push(format!(
            "it allocates {} in all, the base {}",
            bytes(new.total_bytes),
            bytes(base.total_bytes)
        ));
    }
    found
}

/// Whether both did as much, as far as can be told: by the unit of work that both marked, else by the counts of most sites.
fn is_same_work(runs: &Runs<'_>) -> bool {
    match work::units(&runs.base.dump, &runs.new.dump).first() {
        Some(unit) => (unit.factor() - 1.0).abs() <= SAME_WORK,
        None => work::factor(runs.pairs).is_none(),
    }
}

/// Whether the heap was as large in the first half of the run as it ever came to be: half of the blocks, for time may pass
/// without any work.
fn has_settled(dump: &Dump) -> bool {
    let samples = &dump.timeline.samples;
    let half = samples.last().map_or(0, |last| last.total_blocks / 2);
    let (beginning, rest) = samples.split_at(samples.partition_point(|sample| sample.total_blocks <= half));
    let most =
        |part: &[TimelineSample]| part.iter().map(|sample| sample.live_bytes).max().unwrap_or(0) as f64;
    samples.len() >= LEAST_SAMPLES && most(rest) <= most(beginning) * SETTLED
}
