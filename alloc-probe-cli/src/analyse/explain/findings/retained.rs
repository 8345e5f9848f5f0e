//! *Retained, not used*: resident pages that hold nothing, and that the allocator has not given back.

use crate::analyse::evidence::advice;
use crate::analyse::evidence::spike::Spike;
use crate::analyse::evidence::words::Allocator;
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::{Run, largest_first};
use crate::units::{bytes, duration};

/// Parts of a spike that are less than this part of it are not listed.
const LISTED: u64 = 100;

/// A large part of the program's memory is of this kind.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let memory = &run.profile.dump.memory;
    let Some(heap) = &memory.heap else { return by_allocator(run).into_iter().collect() };
    let retained = heap.retained_bytes;
    if retained < run.large_bytes() {
        return Vec::new();
    }
    let allocator = Allocator::of(run.profile);
    let name = memory.allocator.as_ref().map_or("the allocator", |facts| &facts.name);
    let spike = Spike::behind(run.profile, retained);
    let mut evidence = vec![format!(
        "{} of the heap are resident: {} hold blocks in use, {} hold none",
        bytes(heap.resident_bytes),
        bytes(heap.resident_bytes.saturating_sub(retained)),
        bytes(retained)
    )];
    evidence.extend(spike.as_ref().map(Spike::sentence));
    if let Some(facts) = &memory.allocator {
        evidence.extend(facts.trimmed_bytes.map(|trimmed| {
            format!("told to give back what it could, {} gave back {}", facts.name, bytes(trimmed))
        }));
    }
    let since = match &spike {
        Some(spike) => {
            format!(" since a spike of {} at {}", bytes(spike.peak_bytes), duration(spike.peak_ns))
        }
        None => String::new(),
    };
    vec![Finding {
        kind: Kind::Retained,
        bytes: retained,
        short: format!("{} that {name} keeps{since}", bytes(retained)),
        sentence: format!(
            "{} of free pages are resident, which nothing uses: {name} has not given them back{since}.",
            bytes(retained)
        ),
        evidence,
        sites: if spike.is_some() { spike_sites(run) } else { Vec::new() },
        advice: advice::retained(allocator, spike.is_some()),
    }]
}

/// Where not every block was recorded, the allocator's own figures say what of its resident memory is free: what is
/// beyond the memory that it has in use. Other mappings may be in that, and live memory that was never touched is not, so
/// it is said to be about that much, and never more than the allocator has free.
fn by_allocator(run: &Run<'_>) -> Option<Finding> {
    let dump = &run.profile.dump;
    let facts = dump.memory.allocator.as_ref().filter(|facts| facts.in_use_bytes > 0)?;
    let resident = run.account?.bytes("heap beyond them").max(0).unsigned_abs() + dump.totals.end_bytes;
    let free = resident.saturating_sub(facts.in_use_bytes).min(facts.free_bytes);
    if free < run.large_bytes() {
        return None;
    }
    let spike = Spike::behind(run.profile, free);
    let mut evidence = vec![format!(
        "{} has {} in use and {} free; {} of memory without a file are resident",
        facts.name,
        bytes(facts.in_use_bytes),
        bytes(facts.free_bytes),
        bytes(resident)
    )];
    evidence.extend(spike.as_ref().map(Spike::sentence));
    evidence.push("what of it lies on pages with blocks in use, only `full` knows".to_owned());
    let name = &facts.name;
    Some(Finding {
        kind: Kind::Retained,
        bytes: free,
        short: format!("about {} free that {name} keeps", bytes(free)),
        sentence: format!("About {} of free memory is resident: {name} has not given it back.", bytes(free)),
        evidence,
        sites: if spike.is_some() { spike_sites(run) } else { Vec::new() },
        advice: advice::retained(Allocator::of(run.profile), spike.is_some()),
    })
}

/// What was live at the peak and is no more: it was on these pages, as far as can be known.
fn spike_sites(run: &Run<'_>) -> Vec<(usize, u64)> {
    let over =
        run.sites.iter().map(|site| site.sum.figures.peak_bytes.saturating_sub(site.sum.figures.end_bytes));
    let mut parts = largest_first(over.enumerate().collect());
    let whole: u64 = parts.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    parts.retain(|(_, bytes)| *bytes > 0 && *bytes >= whole / LISTED);
    parts
}
