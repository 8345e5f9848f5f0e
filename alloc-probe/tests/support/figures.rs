//! What holds for the figures of every dump.

use super::child::Outcome;
use super::truth::Counted;
use alloc_probe_format::dump::{Dump, Figures, Histogram, Mode, Site};

/// Fails where a dump's figures do not agree with each other.
#[track_caller]
pub(crate) fn agree(dump: &Dump) {
    let mut sum = Figures::default();
    dump.sites.iter().for_each(|site| sum.add(&site.figures));
    if dump.mode == Mode::Full {
        assert_eq!(sum, dump.totals, "the sites add up to the process");
        for site in dump.sites.iter().filter(|site| site.stack != 0) {
            let Figures { total_blocks, end_blocks, long_lived_blocks, .. } = site.figures;
            assert!(total_blocks >= end_blocks && end_blocks >= long_lived_blocks, "{site:?}");
            assert_eq!(count(&site.sizes), total_blocks, "every block has a size: {site:?}");
            assert_eq!(
                count(&site.lifetimes),
                total_blocks - end_blocks,
                "every ended block had a life: {site:?}"
            );
            assert_eq!(count(&site.ages), end_blocks, "every live block has an age: {site:?}");
        }
    }
    let of_threads =
        |figure: fn(&alloc_probe_format::dump::Thread) -> u64| dump.threads.iter().map(figure).sum::<u64>();
    let (bytes, freed_bytes) =
        (of_threads(|thread| thread.total_bytes), of_threads(|thread| thread.freed_bytes));
    let (blocks, freed_blocks) =
        (of_threads(|thread| thread.total_blocks), of_threads(|thread| thread.freed_blocks));
    assert_eq!((bytes, blocks), (dump.totals.total_bytes, dump.totals.total_blocks), "the threads' totals");
    assert_eq!(
        (bytes - freed_bytes, blocks - freed_blocks),
        (dump.totals.end_bytes, dump.totals.end_blocks),
        "what the threads did not free is what is live"
    );
    assert!(dump.totals.peak_bytes >= dump.totals.end_bytes, "{:?}", dump.totals);
}

/// Fails where a dump differs from what the inner allocator counted, by a byte; but for the peak.
#[track_caller]
pub(crate) fn are_true_but_for_the_peak(dump: &Dump, truth: Counted) {
    agree(dump);
    let lost = &dump.lost;
    assert_eq!((lost.blocks, lost.unattributed_blocks, lost.unknown_frees), (0, 0, 0), "{lost:?}");
    assert_eq!(of_dump(dump), Counted { peak_bytes: dump.totals.peak_bytes, ..truth });
}

/// The same with the peak, which is exact with one thread.
#[track_caller]
pub(crate) fn are_true(outcome: &Outcome) -> Dump {
    let dump = outcome.dump();
    agree(&dump);
    assert_eq!(of_dump(&dump), Counted::told(outcome), "lost: {:?}", dump.lost);
    dump
}

/// A dump's figures in the words of the reference.
pub(crate) fn of_dump(dump: &Dump) -> Counted {
    Counted {
        total_bytes: dump.totals.total_bytes,
        total_blocks: dump.totals.total_blocks,
        live_bytes: dump.totals.end_bytes,
        live_blocks: dump.totals.end_blocks,
        peak_bytes: dump.totals.peak_bytes,
        reallocs: dump.totals.realloc_calls,
    }
}

pub(crate) fn count(histogram: &Histogram) -> u64 {
    histogram.iter().map(|(_, count)| count).sum()
}

/// The sites all of whose blocks are of at least 2^`bucket` bytes and less than twice that: a scenario's own, if it
/// chose a size that nobody else has.
pub(crate) fn sites_of_size(dump: &Dump, bucket: u8) -> Vec<&Site> {
    dump.sites.iter().filter(|site| matches!(site.sizes.as_slice(), [(own, _)] if *own == bucket)).collect()
}

/// The figures of these sites, added up.
pub(crate) fn figures_of_size(dump: &Dump, bucket: u8) -> Figures {
    let mut sum = Figures::default();
    sites_of_size(dump, bucket).iter().for_each(|site| sum.add(&site.figures));
    sum
}
