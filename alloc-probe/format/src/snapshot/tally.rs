//! Adding up what the threads counted. Sums wrap: a damaged file may claim anything.

use super::ages::SiteAges;
use super::clock::ClockScale;
use super::peak::Peak;
use super::words::load;
use crate::dump::{Figures, Histogram, Site};
use crate::site_figures::site_figures;
use crate::spool::{LINE_CELLS, SAMPLE_BLOCK, counter, line, tally, thread};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The line of a number; empty for 0, and behind the end.
fn line_at(lines: &[AtomicU64], number: u64) -> &[AtomicU64] {
    let start = usize::try_from(number).ok().filter(|&number| number != 0);
    start.and_then(|start| lines.get(start.checked_mul(LINE_CELLS + 1)?..)).unwrap_or_default()
}

/// Figures of the totals, of what is live, and of what was live at the peak. Live figures are signed until all
/// threads are added: one may have freed what another allocated.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) total_bytes: u64,
    pub(super) total_blocks: u64,
    pub(super) live_bytes: i64,
    pub(super) live_blocks: i64,
    pub(super) peak_bytes: i64,
    pub(super) peak_blocks: i64,
}

impl Sums {
    /// The figures of a thread.
    pub(super) fn of_thread(words: &[AtomicU64], epoch: u64) -> Sums {
        let word = |index: usize| load(words, index);
        let totals = [thread::TOTAL_BYTES, thread::TOTAL_BLOCKS].map(word);
        let freed = [thread::FREED_BYTES, thread::FREED_BLOCKS].map(word);
        let peak =
            (word(thread::EPOCH) == epoch).then(|| [thread::PEAK_BYTES, thread::PEAK_BLOCKS].map(word));
        Sums::of(totals, freed, peak)
    }

    /// From bytes and blocks in total and freed, and live at the peak unless that is what is live now.
    fn of(totals: [u64; 2], freed: [u64; 2], peak: Option<[u64; 2]>) -> Sums {
        let live = [totals[0].wrapping_sub(freed[0]), totals[1].wrapping_sub(freed[1])];
        let peak = peak.unwrap_or(live);
        Sums {
            total_bytes: totals[0],
            total_blocks: totals[1],
            live_bytes: live[0] as i64,
            live_blocks: live[1] as i64,
            peak_bytes: peak[0] as i64,
            peak_blocks: peak[1] as i64,
        }
    }

    pub(super) fn add(&mut self, other: Sums) {
        self.total_bytes = self.total_bytes.wrapping_add(other.total_bytes);
        self.total_blocks = self.total_blocks.wrapping_add(other.total_blocks);
        self.live_bytes = self.live_bytes.wrapping_add(other.live_bytes);
        self.live_blocks = self.live_blocks.wrapping_add(other.live_blocks);
        self.peak_bytes = self.peak_bytes.wrapping_add(other.peak_bytes);
        self.peak_blocks = self.peak_blocks.wrapping_add(other.peak_blocks);
    }

    /// What is live is a peak that is not over.
    pub(super) fn peak_is_now(&mut self) {
        (self.peak_bytes, self.peak_blocks) = (self.live_bytes, self.live_blocks);
    }

    /// As the dump says it. Live figures are below zero only for an instant: a free is seen before the allocation
    /// by another thread.
    pub(super) fn figures(self) -> Figures {
        let positive = |figure: i64| figure.max(0) as u64;
        Figures {
            total_bytes: self.total_bytes,
            total_blocks: self.total_blocks,
            peak_bytes: positive(self.peak_bytes),
            peak_blocks: positive(self.peak_blocks),
            end_bytes: positive(self.live_bytes),
            end_blocks: positive(self.live_blocks),
            ..Figures::default()
        }
    }
}

/// What is known of a site beside its live blocks, over all threads.
#[derive(Clone)]
pub(super) struct SiteTally {
    pub(super) sums: Sums,
    lifetime_units: u64,
    /// Tally cells by key.
    cells: [u64; 256],
}

/// From parts of blocks to blocks: samples stand for fractions of blocks more.
pub(super) fn whole_blocks(parts: i64) -> i64 {
    parts.saturating_add(SAMPLE_BLOCK as i64 / 2).div_euclid(SAMPLE_BLOCK as i64)
}

impl SiteTally {
    pub(super) const EMPTY: SiteTally = SiteTally {
        sums: Sums {
            total_bytes: 0,
            total_blocks: 0,
            live_bytes: 0,
            live_blocks: 0,
            peak_bytes: 0,
            peak_blocks: 0,
        },
        lifetime_units: 0,
        cells: [0; 256],
    };

    /// Adds what one thread counted.
    pub(super) fn add_counter(&mut self, words: &[AtomicU64], lines: &[AtomicU64], peak: &Peak) {
        let word = |index: usize| load(words, index);
        let read = || {
            let chain = word(counter::CHAIN_AND_EPOCH);
            let totals = [counter::TOTAL_BYTES, counter::TOTAL_BLOCKS].map(word);
            (chain, totals, [counter::FREED_BYTES, counter::FREED_BLOCKS].map(word))
        };
        let (mut chain, mut totals, mut freed) = read();
        if word(counter::CHAIN_AND_EPOCH) != chain {
            // A peak was over just then: what is live is no longer what was.
            (chain, totals, freed) = read();
        }
        let mut line = line_at(lines, chain >> 32);
        let kept = peak.has_kept_peak(chain as u32);
        let at_peak = kept.then(|| [line::PEAK_BYTES, line::PEAK_BLOCKS].map(|at| load(line, at)));
        self.sums.add(Sums::of(totals, freed, at_peak));
        self.lifetime_units = self.lifetime_units.wrapping_add(word(counter::LIFETIME_SUM));
        let (keys, counts) = (word(counter::KEYS), word(counter::COUNTS));
        for (key, count) in keys.to_le_bytes().into_iter().zip(counts.to_le_bytes()) {
            self.add_tally(key, count.into());
        }
        let mut first = line::FIRST_CELL;
        // A chain is as long as there are keys at the most; the bound holds for damaged files too.
        for _ in 0..=256 / LINE_CELLS {
            for cell in line.iter().take(LINE_CELLS).skip(first) {
                let cell = cell.load(Relaxed);
                self.add_tally(cell as u8, cell >> tally::COUNT_SHIFT);
            }
            line = line_at(lines, load(line, LINE_CELLS));
            first = 0;
        }
    }

    fn add_tally(&mut self, key: u8, count: u64) {
        let sum = &mut self.cells[usize::from(key)];
        *sum = sum.wrapping_add(count);
    }

    /// Fills in the site that the tally amounts to, but for its stack and pages. False where nothing was counted.
    pub(super) fn fill(&self, site: &mut Site, live: &SiteAges<'_>, clock: &ClockScale) -> bool {
        let sums = Sums {
            total_blocks: whole_blocks(self.sums.total_blocks as i64) as u64,
            live_blocks: whole_blocks(self.sums.live_blocks),
            peak_blocks: whole_blocks(self.sums.peak_blocks),
            ..self.sums
        };
        if sums.total_blocks == 0 && sums.live_blocks == 0 && sums.peak_blocks == 0 {
            return false;
        }
        let cell = |key: u64| self.cells[key as usize];
        site.figures = Figures {
            lifetime_sum_ns: (self.lifetime_units as f64 * clock.unit_ns()) as u64,
            long_lived_bytes: live.long_lived_bytes(),
            long_lived_blocks: whole_blocks(live.long_lived_parts() as i64) as u64,
            ..with_tallies(sums.figures(), cell)
        };
        let cells = |from: u64, to: u64| (0u8..).zip(self.cells[from as usize..to as usize].iter().copied());
        fill(&mut site.sizes, cells(tally::SIZE, tally::LIFETIME));
        fill(&mut site.lifetimes, cells(tally::LIFETIME, tally::HISTOGRAMS_END));
        fill(&mut site.ages, live.ages().map(|(age, parts)| (age, whole_blocks(parts as i64).max(0) as u64)));
        true
    }
}

macro_rules! tallies {
    ($(#[doc = $meaning:literal] $name:ident [$($source:tt)+] $($metric:ident = $by:literal, $words:literal)?;)+) => {
        /// The figures with those that tallies count, whose cells are given by key.
        fn with_tallies(mut figures: Figures, cell: impl Fn(u64) -> u64) -> Figures {
            $(tallies!(@$name figures cell $($source)+);)+
            figures
        }
    };
    (@$name:ident $figures:ident $cell:ident tally $key:ident = $number:literal $(, counted)?) => {
        $figures.$name = $cell(tally::$key);
    };
    (@$name:ident $figures:ident $cell:ident $other:ident) => {};
}

site_figures!(tallies);

/// Fills a histogram with the buckets that are not empty.
fn fill(histogram: &mut Histogram, counts: impl Iterator<Item = (u8, u64)>) {
    histogram.clear();
    histogram.extend(counts.filter(|&(_, count)| count > 0));
}
