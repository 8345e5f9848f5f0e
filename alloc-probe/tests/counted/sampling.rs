//! Estimates by sampling are right on average. Each check compares with what is known, in standard errors: with the
//! six allowed, one of them fails by chance once in some hundred million runs.

use crate::support::child::Child;
use crate::support::figures::{are_true_but_for_the_peak, count, sites_of_size};
use crate::support::truth::Counted;
use crate::support::{Cases, cases};
use alloc_probe_format::dump::{Dump, Figures, Site};
use std::hint::black_box;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        estimates_of_every_size_are_unbiased,
        the_first_blocks_of_threads_are_drawn_like_any_other,
        what_lives_is_found_when_it_is_freed,
    ],
    scenarios: cases![sizes, short_threads, lives],
};

const MEAN: u64 = 4096;

/// Sizes, each alone in its bucket, and how many blocks there are of it: some 64 MB in all.
const SIZES: [(usize, usize); 10] = [
    (1, 2_000_000),
    (9, 2_000_000),
    (24, 1_000_000),
    (100, 300_000),
    (1000, 20_000),
    (4096, 4000),
    (10_000, 1000),
    (70_000, 200),
    (300_000, 50),
    (3_000_000, 8),
];

fn sizes() {
    for (size, blocks) in SIZES {
        allocate_many(size, blocks);
    }
    Counted::tell_at_exit();
}

/// A fourth of the blocks stays.
fn allocate_many(size: usize, blocks: usize) {
    for number in 0..blocks {
        let block = allocate(size);
        if number % 4 == 0 {
            block.leak();
        }
    }
}

#[inline(never)]
fn allocate(size: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(size))
}

/// Blocks of one size, as they are known to be.
struct Known {
    size: f64,
    total: f64,
    live: f64,
}

impl Known {
    /// The variance of an estimate of as many blocks: one is drawn with probability *p*, and then stands for 1/*p*.
    fn variance(&self, blocks: f64) -> f64 {
        let drawn = 1.0 - (-self.size / MEAN as f64).exp();
        blocks * (1.0 - drawn) / drawn
    }

    /// By how many standard errors an estimate of as many blocks is off. What a block stands for is rounded to whole
    /// blocks by chance, which adds up to a fourth for each that is drawn.
    fn errors(&self, estimate: u64, blocks: f64) -> f64 {
        let drawn = 1.0 - (-self.size / MEAN as f64).exp();
        (estimate as f64 - blocks).abs() / (self.variance(blocks) + 0.25 * (drawn * blocks + 1.0)).sqrt()
    }

    #[track_caller]
    fn is_estimated_by(&self, figures: &Figures) {
        let blocks = [(figures.total_blocks, self.total), (figures.end_blocks, self.live)];
        let bytes = [(figures.total_bytes, self.total), (figures.end_bytes, self.live)];
        for (estimate, known) in blocks {
            assert!(self.errors(estimate, known) < 6.0, "{estimate} blocks of {known}, size {}", self.size);
        }
        for (estimate, known) in bytes {
            // What a drawn block stands for is rounded to bytes.
            let estimate = (estimate as f64 / self.size).round() as u64;
            assert!(
                self.errors(estimate, known) < 6.0,
                "{estimate} blocks' bytes of {known}, size {}",
                self.size
            );
        }
    }
}

/// Of the sites that allocate blocks of about that size by the thousand: the harness, too, has a few of any size.
fn figures(dump: &Dump, size: usize) -> Figures {
    let mut sum = Figures::default();
    let sites = sites_of_size(dump, size.ilog2() as u8);
    let sites = sites.iter().filter(|site| site.figures.total_blocks >= 1000);
    sites.for_each(|site| sum.add(&site.figures));
    sum
}

fn estimates_of_every_size_are_unbiased() {
    for _ in 0..2 {
        let outcome = Child::new("sizes", &format!("sample={MEAN}")).succeed();
        let dump = outcome.dump();
        // The process's own figures are no estimates.
        are_true_but_for_the_peak(&dump, Counted::told(&outcome));
        // All sizes are allocated in one place: the histograms of sizes tell them apart. Nobody else has as many.
        let mut site = Site::default();
        for other in &dump.sites {
            site.figures.add(&other.figures);
            site.sizes.extend_from_slice(&other.sizes);
        }
        for (size, blocks) in SIZES {
            let known = known(size, blocks);
            let estimates = site.sizes.iter().filter(|(bucket, _)| u32::from(*bucket) == size.ilog2());
            let estimate = estimates.map(|(_, count)| count).sum();
            // Here each sample is rounded to whole blocks, by chance.
            assert!(
                known.errors(estimate, known.total) < 6.0,
                "{estimate} blocks of {size} bytes, not {blocks}"
            );
        }
        let sum =
            |of: fn(&Known) -> f64| SIZES.iter().map(|&(size, blocks)| of(&known(size, blocks))).sum::<f64>();
        let variance = sum(|known| known.size.powi(2) * known.variance(known.total));
        let (bytes, expected) = (site.figures.total_bytes as f64, sum(|known| known.size * known.total));
        assert!(
            (bytes - expected).abs() < 6.0 * variance.sqrt() + 0.001 * expected,
            "{bytes} bytes, not {expected}"
        );
        let variance = sum(|known| known.size.powi(2) * known.variance(known.live));
        let (bytes, expected) = (site.figures.end_bytes as f64, sum(|known| known.size * known.live));
        assert!(
            (bytes - expected).abs() < 6.0 * variance.sqrt() + 0.001 * expected,
            "{bytes} bytes, not {expected}"
        );
    }
}

fn known(size: usize, blocks: usize) -> Known {
    Known { size: size as f64, total: blocks as f64, live: blocks.div_ceil(4) as f64 }
}

/// Ten blocks each in threads that then end: a thread's stream begins with its first block.
fn short_threads() {
    for _ in 0..THREADS {
        let work = || (0..10).for_each(|_| drop(allocate(SHORT)));
        std::thread::spawn(work).join().expect("it returns");
    }
    Counted::tell_at_exit();
}

const THREADS: usize = 3000;

/// No size of `std`'s own for threads, of which a block stays, has the same bucket.
const SHORT: usize = 1500;

fn the_first_blocks_of_threads_are_drawn_like_any_other() {
    let outcome = Child::new("short_threads", &format!("sample={MEAN}")).succeed();
    let dump = outcome.dump();
    are_true_but_for_the_peak(&dump, Counted::told(&outcome));
    let known = Known { size: SHORT as f64, total: 10.0 * THREADS as f64, live: 0.0 };
    known.is_estimated_by(&figures(&dump, SHORT));
}

/// Blocks of one site, freed in another order and by another thread, some after they were moved.
fn lives() {
    let mut blocks: Vec<Vec<u8>> = (0..100_000).map(|_| allocate(1000)).collect();
    let rest = blocks.split_off(60_000);
    std::thread::spawn(move || drop(black_box(blocks))).join().expect("it returns");
    rest.into_iter().enumerate().filter(|(number, _)| number % 2 == 0).for_each(|(_, block)| {
        black_box(block.leak());
    });
    Counted::tell_at_exit();
}

fn what_lives_is_found_when_it_is_freed() {
    let outcome = Child::new("lives", &format!("sample={MEAN}")).succeed();
    let dump = outcome.dump();
    are_true_but_for_the_peak(&dump, Counted::told(&outcome));
    let known = Known { size: 1000.0, total: 100_000.0, live: 20_000.0 };
    known.is_estimated_by(&figures(&dump, 1000));
    for site in sites_of_size(&dump, 9) {
        // The samples that live are those that were not freed: ages are of the live ones, lives of the others.
        assert!(count(&site.ages).abs_diff(site.figures.end_blocks) <= 1, "{site:?}");
        let ended = site.figures.total_blocks - site.figures.end_blocks;
        let lives = count(&site.lifetimes);
        assert!(lives.abs_diff(ended) as f64 <= 6.0 * (ended as f64).sqrt(), "{lives} of {ended}");
    }
}
