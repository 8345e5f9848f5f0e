//! What findings say of sites, held against the truth, sentence by sentence: *more work* and *lifetimes*, which speak of
//! blocks that two builds of one program have as often, and for as long.

use super::claims::{Facts, Figure, Side};
use super::recording::Recording;
use alloc_probe_cli::analyse::diff::Diff;
use alloc_probe_cli::analyse::diff::findings::finding::{Finding, Kind};
use alloc_probe_format::metric::Metric;

/// A sentence is so if as much of the difference that it names is.
const SO: f64 = 0.5;

/// How many sentences there are, and those that are false, each with the pair that it is about, if it is about one.
pub(super) fn judge(
    diff: &Diff,
    facts: &Facts,
    recordings: [&Recording; 2],
) -> (usize, Vec<(Option<usize>, String)>) {
    let mut count = 0;
    let mut wrong = Vec::new();
    let judged =
        diff.findings.iter().filter(|finding| matches!(finding.kind, Kind::MoreWork | Kind::Lifetimes));
    for finding in judged {
        let is_so = |pair: usize, bytes: i64| match finding.kind {
            Kind::MoreWork => is_more_work(diff, facts, pair),
            _ => is_longer(diff, facts, pair, bytes),
        };
        // The evidence is about the first of its sites, one by one.
        count += 1 + finding.evidence.len();
        for ((pair, bytes), sentence) in finding.sites.iter().zip(&finding.evidence) {
            if !is_so(*pair, *bytes) {
                wrong.push((Some(*pair), format!("a false sentence: {sentence}")));
            }
        }
        let sum = |of: &dyn Fn(usize, i64) -> bool| -> u64 {
            let parts = finding.sites.iter().filter(|(pair, bytes)| of(*pair, *bytes));
            parts.map(|(_, bytes)| bytes.unsigned_abs()).sum()
        };
        if (sum(&is_so) as f64) < sum(&|_, _| true) as f64 * SO || says_nothing(finding, recordings) {
            wrong.push((None, format!("a false sentence: {}", finding.sentence)));
        }
    }
    (count, wrong)
}

/// Whether a finding names no site, and both runs allocated the same.
fn says_nothing(finding: &Finding, [base, new]: [&Recording; 2]) -> bool {
    let blocks = |recording: &Recording| recording.profile.dump.totals.total_blocks as f64;
    finding.sites.is_empty() && (blocks(new) / blocks(base) - 1.0).abs() < 0.05
}

/// Whether the side of a pair that has more blocks has some that the other build lacks.
fn is_more_work(diff: &Diff, facts: &Facts, pair: usize) -> bool {
    let (base, new) = diff.pairs[pair].of(Metric::TotalBlocks);
    let [base_side, new_side] = &facts.pairs[pair];
    let more: &Side = if base > new { base_side } else { new_side };
    (more.missing + more.unknown) as f64 >= base.abs_diff(new) as f64 * SO
}

/// Whether as many more bytes are live at the instant that a finding is about, by where the blocks are in the other
/// build.
fn is_longer(diff: &Diff, facts: &Facts, pair: usize, bytes: i64) -> bool {
    let (base, new) = diff.pairs[pair].of(Metric::PeakBytes);
    let of: fn(&Side) -> &Figure =
        if new as i64 - base as i64 == bytes { |side| &side.peak_bytes } else { |side| &side.end_bytes };
    let (claimed, so) = facts.difference(pair, of);
    so as f64 * bytes.signum() as f64 >= claimed.abs() as f64 * SO
}
