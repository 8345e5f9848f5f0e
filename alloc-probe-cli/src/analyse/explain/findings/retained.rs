//! *Retained, not used*: resident pages that hold nothing, and that the allocator has not given back.

use crate::analyse::account::is_free_known;
use crate::analyse::evidence::advice;
use crate::analyse::evidence::spike::Spike;
use crate::analyse::evidence::words::Allocator;
use crate::analyse::explain::finding::{Finding, Kind};
use crate::analyse::explain::run::{Run, largest_first};
use crate::analyse::sampling;
use crate::units::{bytes, duration};
use alloc_probe_format::dump::TimelineSample;
use alloc_probe_format::metric::Metric;

/// Parts of a spike that are less than this part of it are not listed.
const LISTED: u64 = 100;

/// A large part of the program's memory is of this kind.
pub(super) fn find(run: &Run<'_>) -> Vec<Finding> {
    let memory = &run.profile.dump.memory;
    let Some(heap) = &memory.heap else {
        let other = if run.account.is_some() { by_allocator(run) } else { by_timeline(run) };
        return other.into_iter().collect();
    };
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
    let advice = advice::retained(allocator, spike.is_some());
    let (short, sentence, advice) = match is_free_known(&run.profile.dump) {
        true => (
            format!("{} that {name} keeps{since}", bytes(retained)),
            format!(
                "{} of free pages are resident, which nothing uses: {name} has not given them back{since}.",
                bytes(retained)
            ),
            advice,
        ),
        false => (
            format!("at most {} that {name} keeps", bytes(retained)),
            format!(
                "{} of the heap's resident pages hold no block: free memory that {name} has not given back, or memory \
                 that C code or {name} itself uses.",
                bytes(retained)
            ),
            match allocator {
                Allocator::Other => advice,
                _ => format!("{} {advice}", advice::FROM_INSIDE),
            },
        ),
    };
    vec![Finding {
        kind: Kind::Retained,
        bytes: retained,
        short,
        sentence,
        evidence,
        sites: if spike.is_some() { spike_sites(run) } else { Vec::new() },
        advice,
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

/// So many samples after a spike show what it left behind.
const SOON: usize = 20;

/// Of a process that could not say what it had, as one that was killed, the timeline may: what was resident beyond live bytes
/// soon after the first burst, and at the end, against what was before it. All that the recording has by the end is taken
/// off, as it may have come in between.
fn by_timeline(run: &Run<'_>) -> Option<Finding> {
    let dump = &run.profile.dump;
    let spike = Spike::behind(run.profile, 0)?;
    let samples: Vec<_> = dump.timeline.samples.iter().filter(|sample| sample.resident_bytes > 0).collect();
    let is_low =
        |sample: &TimelineSample| sample.live_bytes.saturating_sub(spike.end_bytes) <= spike.height() / 2;
    let beyond = |sample: &TimelineSample| sample.resident_bytes.saturating_sub(sample.live_bytes);
    let first = samples.iter().position(|sample| !is_low(sample))?;
    let (earlier, later) = samples.split_at(first);
    let before = earlier.iter().map(|sample| beyond(sample)).max()?;
    let after = later.iter().filter(|sample| is_low(sample)).take(SOON).map(|sample| beyond(sample)).max()?;
    let last = later.last().filter(|sample| is_low(sample))?;
    let stayed = after.min(beyond(last)).saturating_sub(before.saturating_add(dump.probe.spool_bytes));
    if stayed < run.large_bytes() {
        return None;
    }
    let spike = Spike::behind(run.profile, stayed)?;
    let since = format!("since a spike of {} at {}", bytes(spike.peak_bytes), duration(spike.peak_ns));
    Some(Finding {
        kind: Kind::Retained,
        bytes: stayed,
        short: format!("about {} more beyond live blocks {since}", bytes(stayed)),
        sentence: format!(
            "About {} more were resident beyond live blocks {since}: free memory that was not given back, most likely.",
            bytes(stayed)
        ),
        evidence: vec![
            format!(
                "by the timeline, {} were resident beyond live blocks before the first burst, {} soon after it, and {} at \
                 {}; the recording has {} at the most",
                bytes(before),
                bytes(after),
                bytes(beyond(last)),
                duration(last.time_ns),
                bytes(dump.probe.spool_bytes)
            ),
            spike.sentence(),
            "whether the allocator has it free, or on pages with blocks in use, only a dump of the running process tells"
                .to_owned(),
        ],
        sites: spike_sites(run),
        advice: advice::retained(Allocator::of(run.profile), true),
    })
}

/// What was live at the peak and is no more: it was on these pages, as far as can be known.
fn spike_sites(run: &Run<'_>) -> Vec<(usize, u64)> {
    let over =
        run.sites.iter().map(|site| site.of(Metric::PeakBytes).saturating_sub(site.of(Metric::EndBytes)));
    let mut parts = largest_first(over.enumerate().collect());
    let whole: u64 = parts.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    let least = sampling::told_bytes(&run.profile.dump).max(whole / LISTED).max(1);
    parts.retain(|(_, bytes)| *bytes >= least);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::{profile, run};
    use crate::analyse::fold::Detail;
    use crate::analyse::sites::shown;
    use crate::profile::{Profile, Site};
    use alloc_probe_format::dump::{Dump, Figures, Heap, HeapBasis, Mode};

    const MIB: u64 = 1 << 20;

    /// A run of a second with a megabyte live, and 40 more from 300 to 400 ms. `extra` is resident beyond live blocks at each
    /// of its milliseconds.
    fn found(extra: impl Fn(u64) -> u64, change: impl Fn(&mut Dump)) -> Vec<Finding> {
        let mut dump = run(1_000);
        for (ms, sample) in dump.timeline.samples.iter_mut().enumerate() {
            sample.live_bytes = if (300..400).contains(&ms) { 41 * MIB } else { MIB };
            sample.resident_bytes = sample.live_bytes + extra(ms as u64);
        }
        (dump.totals.peak_bytes, dump.totals.end_bytes, dump.peak_time_ns) = (41 * MIB, MIB, 300_000_000);
        change(&mut dump);
        let profile = profile(dump, Vec::new());
        let sites = shown(&profile, Metric::EndBytes, Detail::default());
        find(&Run::new(&profile, &sites, None, None))
    }

    #[test]
    fn what_may_be_of_c_code_is_not_called_free() {
        let of = |basis, metadata_bytes| {
            let mut profile = profile(run(1_000), Vec::new());
            profile.dump.build.allocator = "std::alloc::System".to_owned();
            profile.dump.build.target = "x86_64-unknown-linux-gnu".to_owned();
            profile.dump.memory.heap = Some(Heap {
                basis,
                metadata_bytes,
                resident_bytes: 30 * MIB,
                retained_bytes: 29 * MIB,
                ..Heap::default()
            });
            let sites = shown(&profile, Metric::EndBytes, Detail::default());
            find(&Run::new(&profile, &sites, None, None)).remove(0)
        };
        for (basis, metadata_bytes) in [(HeapBasis::Pages, 0), (HeapBasis::Classes, 0)] {
            let finding = of(basis, metadata_bytes);
            assert_eq!(
                finding.sentence,
                "29.0 MiB of the heap's resident pages hold no block: free memory that the allocator has not given back, \
                 or memory that C code or the allocator itself uses."
            );
            assert!(finding.advice.starts_with("A dump that the process writes itself tells them apart"));
        }
        for (basis, metadata_bytes) in [(HeapBasis::Chunks, 0), (HeapBasis::Classes, 11_328)] {
            let finding = of(basis, metadata_bytes);
            assert!(finding.sentence.starts_with("29.0 MiB of free pages are resident, which nothing uses"));
        }
    }

    #[test]
    fn what_two_samples_say_of_a_spike_is_chance() {
        let site =
            |peak_bytes| Site { figures: Figures { peak_bytes, ..Figures::default() }, ..Site::default() };
        let sites = vec![("app::spike:1", site(40 * MIB)), ("app::chance:2", site(MIB))];
        let mut profile = profile(run(1_000), sites);
        let parts = |profile: &Profile| {
            let sites = shown(profile, Metric::PeakBytes, Detail::default());
            spike_sites(&Run::new(profile, &sites, None, None))
        };
        assert_eq!(parts(&profile), [(0, 40 * MIB), (1, MIB)]);
        (profile.dump.mode, profile.dump.sample_bytes) = (Mode::Sample, Some(512 << 10));
        assert_eq!(parts(&profile), [(0, 40 * MIB)]);
    }

    #[test]
    fn what_a_spike_left_is_seen_in_the_timeline() {
        let stays = |ms| if ms < 400 { 3 * MIB } else { 39 * MIB };
        let [finding] = found(stays, |dump| dump.probe.spool_bytes = MIB).try_into().unwrap();
        assert_eq!(finding.bytes, 35 * MIB);
        assert!(
            finding.sentence.starts_with(
                "About 35.0 MiB more were resident beyond live blocks since a spike of 41.0 MiB"
            ),
            "{}",
            finding.sentence
        );
        let nothing =
            |extra: &dyn Fn(u64) -> u64, why: &str| assert!(found(extra, |_| ()).is_empty(), "{why}");
        nothing(&|ms| if ms < 400 { 3 * MIB } else { 5 * MIB }, "it was given back");
        nothing(
            &|ms| if (400..900).contains(&ms) { 39 * MIB } else { 3 * MIB },
            "it was given back in the end",
        );
        nothing(&|ms| if ms < 600 { 3 * MIB } else { 39 * MIB }, "it came long after the spike");
        nothing(&|_| 39 * MIB, "it was there before");
        nothing(&|ms| if ms < 400 { 3 * MIB } else { 90 * MIB }, "more than the spike could leave");
        assert!(found(stays, |dump| dump.probe.spool_bytes = 40 * MIB).is_empty(), "it may be the recording");
        let unread =
            |dump: &mut Dump| dump.timeline.samples.iter_mut().for_each(|sample| sample.resident_bytes = 0);
        assert!(found(stays, unread).is_empty(), "nobody read it");
    }
}
