//! *Retained, not used*: resident pages that hold nothing, and that the allocator has not given back.

use super::finding::{Finding, Kind};
use super::runs::{Runs, largest_first};
use super::words::{Allocator, both, size};
use crate::analyse::diff::signed::signed;
use crate::profile::{Profile, Site};
use crate::units::{self, duration};

/// Parts of a spike that are less than this part of it are not listed.
const LISTED: i64 = 100;

/// One run's allocator holds notably more of such pages, or those of both hold a large part of their memory.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let retained = |profile: &Profile| Some(profile.dump.memory.heap.as_ref()?.retained_bytes);
    let (Some(base), Some(new)) = (retained(runs.base), retained(runs.new)) else {
        return Vec::new();
    };
    let Some((bytes, in_both)) = runs.weigh((base, new)) else {
        return Vec::new();
    };
    let (profile, side) = runs.larger(bytes);
    let dump = &profile.dump;
    let heap = dump.memory.heap.as_ref().map_or(0, |heap| heap.resident_bytes);
    let mut evidence = vec![
        format!("resident heap pages that hold no block: {}", both((base, new))),
        format!(
            "of {side}'s heap {} are resident, and {} of them are blocks in use",
            units::bytes(heap),
            units::bytes(dump.memory.heap.as_ref().map_or(0, |heap| heap.live_bytes))
        ),
    ];
    let spike = Spike::of(profile);
    evidence.extend(spike.as_ref().map(Spike::sentence));
    if let Some(facts) = &dump.memory.allocator {
        evidence.extend(facts.trimmed_bytes.map(|trimmed| {
            format!("told to give back what it could, {} gave back {}", facts.name, units::bytes(trimmed))
        }));
    }
    let sites = if spike.is_some() { spike_sites(runs, bytes) } else { Vec::new() };
    vec![Finding {
        kind: Kind::Retained,
        sentence: match in_both {
            false => format!(
                "The allocator of {side} keeps {} more of free pages resident, which nothing uses.",
                size(bytes)
            ),
            true => format!(
                "In both runs the allocator keeps {} of free pages resident, which nothing uses.",
                size(bytes)
            ),
        },
        bytes,
        in_both,
        evidence,
        sites,
        advice: advice(Allocator::of(profile), spike.is_some()),
    }]
}

/// What was live at the peak and is no more, of the run that keeps more: it was on these pages, as far as can be known.
fn spike_sites(runs: &Runs<'_>, difference: i64) -> Vec<(usize, i64)> {
    let over = |site: &Site| site.figures.peak_bytes.saturating_sub(site.figures.end_bytes);
    let parts = runs.pairs.iter().map(|pair| match difference {
        ..0 => -signed(runs.base_sites(pair).map(over).fold(0, u64::saturating_add)),
        _ => signed(runs.new_sites(pair).map(over).fold(0, u64::saturating_add)),
    });
    let mut parts = largest_first(parts.enumerate().collect());
    let whole: i64 = parts.iter().map(|(_, bytes)| bytes.abs()).sum();
    parts.retain(|(_, bytes)| bytes.abs() >= whole / LISTED);
    parts
}

/// A peak of live bytes that is over.
struct Spike {
    peak_bytes: u64,
    peak_ns: u64,
    end_bytes: u64,
    /// From when on less than half of what the peak had beyond the end was live.
    over_ns: u64,
    run_ns: u64,
}

impl Spike {
    /// None where the end is not much below the peak.
    fn of(profile: &Profile) -> Option<Spike> {
        let dump = &profile.dump;
        let (peak_bytes, end_bytes) = (dump.totals.peak_bytes, dump.totals.end_bytes);
        let middle = end_bytes + peak_bytes.saturating_sub(end_bytes) / 2;
        if peak_bytes < end_bytes + end_bytes / 4 {
            return None;
        }
        let samples = &dump.timeline.samples;
        let last_high = samples.iter().rposition(|sample| sample.live_bytes > middle);
        let first_low = last_high.map_or(0, |last| last + 1);
        // A sample is taken where something is allocated. After the last one there was none.
        let over_ns = samples.get(first_low).map_or(dump.process.duration_ns, |sample| sample.time_ns);
        Some(Spike {
            peak_bytes,
            peak_ns: dump.peak_time_ns,
            end_bytes,
            over_ns: over_ns.max(dump.peak_time_ns),
            run_ns: dump.process.duration_ns,
        })
    }

    fn sentence(&self) -> String {
        format!(
            "live bytes were {} at their peak after {}, and nearer to the {} of the end from {} on, in a run of {}",
            units::bytes(self.peak_bytes),
            duration(self.peak_ns),
            units::bytes(self.end_bytes),
            duration(self.over_ns),
            duration(self.run_ns)
        )
    }
}

fn advice(allocator: Allocator, has_spike: bool) -> String {
    let spike =
        if has_spike { "Make the spike smaller (in parts, streamed, re-used), or have" } else { "Have" };
    let means = match allocator {
        Allocator::Glibc => {
            "it given back: `malloc_trim(0)` where a burst of work is over, or an allocator that gives pages back by \
             itself, as Jemalloc does. `M_TRIM_THRESHOLD` is only about what lies above the last block in use."
        }
        Allocator::Jemalloc => {
            "it given back sooner: a lower `dirty_decay_ms` (10 s by default), and `background_thread:true` for when \
             nothing is allocated any more."
        }
        Allocator::Mimalloc => {
            "it given back sooner: `mi_collect` where a burst of work is over, or a lower `MIMALLOC_PURGE_DELAY`."
        }
        Allocator::Other => "it given back, by whatever the allocator has for that.",
    };
    format!("{spike} {means}")
}
