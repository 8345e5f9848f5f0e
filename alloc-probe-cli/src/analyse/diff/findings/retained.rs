//! *Retained, not used*: resident pages that hold nothing, and that the allocator has not given back.

use super::finding::{Finding, Kind};
use super::runs::{Runs, largest_first};
use super::words::both;
use crate::analyse::evidence::advice;
use crate::analyse::evidence::spike::Spike;
use crate::analyse::evidence::words::{Allocator, size};
use crate::analyse::sampling;
use crate::analyse::signed::signed;
use crate::profile::{Profile, Site};
use crate::units;

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
    let spike = Spike::behind(profile, base.max(new));
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
            _ if !runs.is_free_known() => format!(
                "{} {}{} of resident heap pages that hold no block: free memory that was not given back, or memory \
                 that C code or the allocator itself uses.",
                if in_both {
                    "Both runs have"
                } else if bytes < 0 {
                    "The base has"
                } else {
                    "The new run has"
                },
                size(bytes),
                if in_both { "" } else { " more" }
            ),
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
        advice: advice::retained(Allocator::of(profile), spike.is_some()),
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
    let told = sampling::told_bytes(&if difference < 0 { runs.base } else { runs.new }.dump);
    let least = (whole / LISTED).max(signed(told)).max(1);
    parts.retain(|(_, bytes)| bytes.abs() >= least);
    parts
}
