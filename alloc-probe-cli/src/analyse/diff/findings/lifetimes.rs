//! Longer or shorter lives: sites that allocated the same in both runs, but whose blocks end earlier in one of them.
//!
//! Runs differ in speed, so a life is measured by the run that it is part of. It is a cause only where more was live
//! for it, at the peak or at the end. A peak can come at another instant, too: then other blocks are live there, but as
//! many in the mean over the run.
//!
//! What another finding says more of is left to that: what never ends is [growth](super::growth), what has the size that
//! it once needed is [capacity](super::capacity), and a peak that is over and whose pages the allocator still holds is
//! [retained](super::retained) or [fragmented](super::fragmentation).

use super::finding::{Finding, Kind};
use super::measure::LIVE;
use super::runs::{Runs, largest_first};
use super::{capacity, fragmentation, growth, place, retained};
use crate::analyse::diff::class::{TELLING_BLOCKS, has_threads};
use crate::analyse::diff::pair::Sites;
use crate::analyse::signed::signed;
use crate::profile::{Profile, Site};
use crate::units;
use alloc_probe_format::dump::Histogram;
use alloc_probe_format::metric::Metric;

/// Two runs allocated the same at a site where blocks and bytes differ by less than this factor.
const SAME: f64 = 1.1;
/// Lives that differ by less than this factor are the same.
const NOTABLE: f64 = 1.5;
/// What is live in the mean over the run must change by this share of what the sides differ by at an instant.
const LASTING: f64 = 0.1;
/// So much of a peak is left to the finding of what the allocator holds of it.
const HELD: f64 = 0.5;
/// So many sites are described.
const DESCRIBED: usize = 5;

/// How long the blocks of some sites lived.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// The mean, in nanoseconds: of those that are live, as far as they have come.
    mean_ns: f64,
    /// The mean as a share of the run.
    of_run: f64,
}

/// A pair whose blocks live longer or shorter in the new run.
#[derive(Clone, Copy, Debug)]
struct Moved {
    pair: usize,
    base: Life,
    new: Life,
    /// How many more bytes are live in the new run, in the mean over its time.
    mean_bytes: f64,
}

/// Where blocks live longer in the new run, and where they live shorter, as far as it changes what is live.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let mut told: Vec<usize> = growth::pairs(runs);
    told.extend(capacity::find(runs).iter().flat_map(|finding| finding.sites.iter().map(|(pair, _)| *pair)));
    told.sort_unstable();
    let moved: Vec<Moved> = (0..runs.pairs.len())
        .filter(|pair| told.binary_search(pair).is_err())
        .filter_map(|pair| moved(runs, pair))
        .collect();
    let directions = [true, false];
    directions.into_iter().filter_map(|longer| finding(runs, &moved, longer)).collect()
}

/// A pair that allocated the same in both runs, if its blocks' lives are not the same.
fn moved(runs: &Runs<'_>, pair: usize) -> Option<Moved> {
    let (base, new) = (runs.pairs[pair].base.as_ref()?, runs.pairs[pair].new.as_ref()?);
    let same = |base: u64, new: u64| {
        let (least, most) = (base.min(new) as f64, base.max(new) as f64);
        least > 0.0 && most < least * SAME
    };
    // What threads make few of that share their work is live together as it happens.
    let least = base.figures.total_blocks.min(new.figures.total_blocks);
    if least < TELLING_BLOCKS && has_threads([runs.base, runs.new]) {
        return None;
    }
    let same_work = same(base.figures.total_blocks, new.figures.total_blocks)
        && same(base.figures.total_bytes, new.figures.total_bytes);
    if !same_work {
        return None;
    }
    let (base, new) = (Life::of(runs.base, base)?, Life::of(runs.new, new)?);
    let ratio = new.of_run / base.of_run;
    let (base_bytes, new_bytes) = runs.pairs[pair].of(Metric::TotalBytes);
    let mean_bytes = new_bytes as f64 * new.of_run - base_bytes as f64 * base.of_run;
    (ratio >= NOTABLE || ratio * NOTABLE <= 1.0).then_some(Moved { pair, base, new, mean_bytes })
}

/// What is said of all that moved in one direction: by the peak where that is notable, by the end otherwise.
fn finding(runs: &Runs<'_>, moved: &[Moved], longer: bool) -> Option<Finding> {
    let parts = |metric: Metric| {
        let part = |moved: &Moved| {
            let (base, new) = runs.pairs[moved.pair].of(metric);
            let bytes = signed(new) - signed(base);
            // Longer lives are no reason for less.
            let is_reason = (bytes > 0) == longer && (moved.mean_bytes > 0.0) == longer;
            let lasts = moved.mean_bytes.abs() >= bytes.abs() as f64 * LASTING;
            (is_reason && lasts).then_some((moved.pair, bytes))
        };
        largest_first(moved.iter().filter_map(part).collect())
    };
    let sum = |parts: &[(usize, i64)]| parts.iter().map(|(_, bytes)| bytes).sum::<i64>();
    let (metric, when, sites) = LIVE
        .into_iter()
        .map(|(metric, when)| (metric, when, parts(metric)))
        .find(|(_, _, sites)| sum(sites).abs() >= runs.notable_bytes())?;
    let bytes = sum(&sites);
    if metric == Metric::PeakBytes && is_held(runs, bytes, sum(&parts(Metric::EndBytes))) {
        return None;
    }
    let describe = |(pair, _): &(usize, i64)| {
        let moved = moved.iter().find(|moved| moved.pair == *pair)?;
        Some(describe(runs, moved, metric, when))
    };
    let (more, longer) = if longer { ("more", "longer part") } else { ("less", "shorter part") };
    Some(Finding {
        kind: Kind::Lifetimes,
        sentence: format!(
            "{} {more} is live {when}, as the blocks of {} live for a {longer} of the run.",
            units::bytes(bytes.unsigned_abs()),
            units::plural(sites.len() as u64, "site")
        ),
        bytes,
        in_both: false,
        evidence: sites.iter().take(DESCRIBED).filter_map(describe).collect(),
        sites,
        advice: "Compare where their owners are dropped. A value lives to the end of its scope unless it is moved; a \
                 narrower scope, or a `drop` before the next large step, ends it earlier."
            .to_owned(),
    })
}

/// Whether what was live at the peak is no more, and the allocator holds on to its pages.
fn is_held(runs: &Runs<'_>, at_peak: i64, at_end: i64) -> bool {
    let held =
        retained::find(runs).into_iter().chain(fragmentation::find(runs)).filter(|finding| !finding.in_both);
    let held: i64 = held.map(|finding| finding.bytes).sum();
    // Both in the direction of the peak.
    let over = (at_peak - at_end) * at_peak.signum();
    let held = held * at_peak.signum();
    over.min(held) as f64 >= at_peak.abs() as f64 * HELD
}

fn describe(runs: &Runs<'_>, moved: &Moved, metric: Metric, when: &str) -> String {
    let pair = &runs.pairs[moved.pair];
    let life = |life: Life| {
        format!("{} ({:.1}% of the run)", units::duration(life.mean_ns as u64), life.of_run * 100.0)
    };
    let (base, new) = pair.of(metric);
    let blocks = pair.of(Metric::TotalBlocks).1;
    format!(
        "{}: its {} live for {} in the mean, {} in the base; {} of them are live {when}, {} in the base",
        place::of_pair(runs, pair),
        units::plural(blocks, "block"),
        life(moved.new),
        life(moved.base),
        units::bytes(new),
        units::bytes(base),
    )
}

impl Life {
    /// Of all blocks of some sites. None where it is not known, as of a file that has no lifetimes.
    fn of(profile: &Profile, sites: &Sites) -> Option<Life> {
        let run_ns = profile.dump.process.duration_ns as f64;
        let of_site = |site: &Site| {
            site.figures.lifetime_sum_ns as f64 + ages_ns(&site.ages, profile.dump.clock.unit_ns, run_ns)
        };
        let known = sites.sites.iter().filter_map(|site| profile.sites.get(*site as usize));
        let mean_ns = known.map(of_site).sum::<f64>() / sites.figures.total_blocks as f64;
        (mean_ns > 0.0 && mean_ns.is_finite() && run_ns > 0.0)
            .then_some(Life { mean_ns, of_run: (mean_ns / run_ns).min(1.0) })
    }
}

/// The ages of live blocks added up, as if each were in the middle of its bucket. None is older than the run.
fn ages_ns(ages: &Histogram, unit_ns: f64, run_ns: f64) -> f64 {
    let of_bucket = |(bucket, blocks): &(u8, u64)| {
        let end = (2_f64.powi(i32::from(*bucket)) * unit_ns).min(run_ns);
        let start =
            if *bucket == 0 { 0.0 } else { (2_f64.powi(i32::from(*bucket) - 1) * unit_ns).min(run_ns) };
        (start + end) / 2.0 * *blocks as f64
    };
    ages.iter().map(of_bucket).sum()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, profile, run};
    use super::*;
    use alloc_probe_format::dump::{Figures, Heap};

    const MIB: u64 = 1 << 20;

    /// Sixteen blocks of 1 MiB that live for so many milliseconds each, of which so many are live at the peak.
    fn batches(lifetime_ms: u64, at_peak: u64) -> Site {
        let figures = Figures {
            total_blocks: 16,
            total_bytes: 16 * MIB,
            peak_blocks: at_peak,
            peak_bytes: at_peak * MIB,
            lifetime_sum_ns: 16 * lifetime_ms * 1_000_000,
            ..Figures::default()
        };
        Site { figures, ..Site::default() }
    }

    fn of(base_ms: u64, base: Site, new_ms: u64, new: Site) -> Vec<Finding> {
        let profile = |ms, site| profile(run(ms), vec![("app::read:7 < app::main:3", site)]);
        found(find, &profile(base_ms, base), &profile(new_ms, new))
    }

    #[test]
    fn blocks_that_live_longer_are_found() {
        // In the base, one at a time; in the new run, all of them at once, which is over in a tenth of the time.
        let findings = of(1_000, batches(10, 1), 100, batches(50, 16));
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.kind, finding.bytes), (Kind::Lifetimes, signed(15 * MIB)));
        assert_eq!(finding.sites, [(0, signed(15 * MIB))]);
        assert_eq!(
            finding.sentence,
            "15.0 MiB more is live at the peak, as the blocks of 1 site live for a longer part of the run."
        );
        assert_eq!(
            finding.evidence,
            [
                "`app::read` (src/main.rs:7): its 16 blocks live for 50.0 ms (50.0% of the run) in the mean, 10.0 ms \
              (1.0% of the run) in the base; 16.0 MiB of them are live at the peak, 1.0 MiB in the base"
            ]
        );
        let findings = of(100, batches(50, 16), 1_000, batches(10, 1));
        assert_eq!(findings[0].bytes, -signed(15 * MIB));
        assert!(findings[0].sentence.starts_with("15.0 MiB less is live at the peak"), "{findings:?}");
    }

    #[test]
    fn blocks_that_outlive_the_run_are_found() {
        // Freed after 10 ms in the base; never in the new run, where they are 256 to 512 ms old.
        let kept =
            Figures { lifetime_sum_ns: 0, end_blocks: 16, end_bytes: 16 * MIB, ..batches(0, 16).figures };
        let kept = Site { figures: kept, ages: vec![(9, 16)].into(), ..Site::default() };
        let findings = of(1_000, batches(10, 16), 1_000, kept);
        assert_eq!(findings[0].bytes, signed(16 * MIB));
        assert!(findings[0].sentence.starts_with("16.0 MiB more is live at the end"), "{findings:?}");
    }

    #[test]
    fn the_same_lives_in_a_faster_run_are_the_same() {
        assert!(of(1_000, batches(500, 16), 100, batches(50, 16)).is_empty());
        assert!(
            of(1_000, batches(500, 15), 100, batches(50, 16)).is_empty(),
            "the peak is at another instant"
        );
    }

    #[test]
    fn a_peak_at_another_instant_is_another_peak() {
        // Twice as long, but still for a moment: 0.2% of the run instead of 0.1%.
        assert!(of(1_000, batches(1, 0), 1_000, batches(2, 16)).is_empty());
    }

    #[test]
    fn a_peak_that_the_allocator_holds_is_told_as_that() {
        let with_retained = |site, retained_bytes| {
            let mut profile = profile(run(1_000), vec![("app::read:7", site)]);
            profile.dump.memory.heap = Some(Heap { retained_bytes, ..Heap::default() });
            profile
        };
        let (base, new) = (with_retained(batches(10, 1), 0), batches(500, 16));
        assert!(found(find, &base, &with_retained(new.clone(), 12 * MIB)).is_empty());
        assert_eq!(found(find, &base, &with_retained(new.clone(), 3 * MIB)).len(), 1);
        let mut kept = new;
        (kept.figures.end_blocks, kept.figures.end_bytes) = (16, 16 * MIB);
        assert_eq!(found(find, &base, &with_retained(kept, 12 * MIB)).len(), 1, "it is not over");
    }

    #[test]
    fn lives_that_change_no_memory_are_no_cause() {
        assert!(of(1_000, batches(10, 1), 1_000, batches(30, 1)).is_empty());
        assert!(of(1_000, batches(10, 2), 1_000, batches(30, 1)).is_empty(), "longer, but fewer");
    }

    #[test]
    fn other_work_is_another_cause() {
        let mut twice = batches(50, 16);
        twice.figures.total_blocks = 32;
        assert!(of(1_000, batches(10, 1), 1_000, twice).is_empty());
        assert!(of(1_000, batches(10, 1), 1_000, Site::default()).is_empty(), "only in one of them");
    }
}
