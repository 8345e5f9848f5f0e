//! Adding up what the threads counted. Sums wrap: a damaged file may claim anything.

use super::ClockScale;
use crate::dump::{Figures, Histogram, Site};
use crate::spool::{LINE_CELLS, SAMPLE_BLOCK, counter, tally};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A word, or 0 behind the end.
pub(super) fn load(words: &[AtomicU64], index: usize) -> u64 {
    words.get(index).map_or(0, |word| word.load(Relaxed))
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
    /// The figures that seven words of a counter or a thread hold.
    pub(super) fn read(words: &[AtomicU64], epoch: u64) -> Sums {
        let word = |index: usize| load(words, index);
        let live_bytes = word(counter::TOTAL_BYTES).wrapping_sub(word(counter::FREED_BYTES)) as i64;
        let live_blocks = word(counter::TOTAL_BLOCKS).wrapping_sub(word(counter::FREED_BLOCKS)) as i64;
        let at_peak = word(counter::EPOCH) == epoch;
        Sums {
            total_bytes: word(counter::TOTAL_BYTES),
            total_blocks: word(counter::TOTAL_BLOCKS),
            live_bytes,
            live_blocks,
            peak_bytes: if at_peak { word(counter::PEAK_BYTES) as i64 } else { live_bytes },
            peak_blocks: if at_peak { word(counter::PEAK_BLOCKS) as i64 } else { live_blocks },
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
    pub(super) fn add_counter(&mut self, words: &[AtomicU64], tallies: &[AtomicU64], epoch: u64) {
        self.sums.add(Sums::read(words, epoch));
        self.lifetime_units = self.lifetime_units.wrapping_add(load(words, counter::LIFETIME_SUM));
        let mut line = words.get(counter::CELLS..).unwrap_or_default();
        // A chain is as long as there are keys at the most; the bound holds for damaged files too.
        for _ in 0..256 / LINE_CELLS {
            for cell in line.iter().take(LINE_CELLS) {
                let cell = cell.load(Relaxed);
                let sum = &mut self.cells[(cell & 0xff) as usize];
                *sum = sum.wrapping_add(cell >> tally::COUNT_SHIFT);
            }
            let next = load(line, LINE_CELLS) as usize;
            if next == 0 {
                break;
            }
            line =
                next.checked_mul(LINE_CELLS + 1).and_then(|start| tallies.get(start..)).unwrap_or_default();
        }
    }

    /// The site that the tally amounts to; none where nothing was counted.
    pub(super) fn site(&self, stack: u32, live: Option<&LiveBlocks>, clock: &ClockScale) -> Option<Site> {
        let sums = Sums {
            total_blocks: whole_blocks(self.sums.total_blocks as i64) as u64,
            live_blocks: whole_blocks(self.sums.live_blocks),
            peak_blocks: whole_blocks(self.sums.peak_blocks),
            ..self.sums
        };
        if sums.total_blocks == 0 && sums.live_blocks == 0 && sums.peak_blocks == 0 {
            return None;
        }
        let cell = |key: u64| self.cells[key as usize];
        let figures = Figures {
            temporary_blocks: cell(tally::TEMPORARY),
            realloc_calls: cell(tally::REALLOC),
            realloc_moves: cell(tally::MOVED),
            moved_bytes: cell(tally::MOVED_BYTES),
            lifetime_sum_ns: (self.lifetime_units as f64 * clock.unit_ns()) as u64,
            long_lived_bytes: live.map_or(0, |live| live.long_lived_bytes),
            long_lived_blocks: live.map_or(0, |live| whole_blocks(live.long_lived_parts as i64) as u64),
            ..sums.figures()
        };
        Some(Site {
            stack,
            figures,
            sizes: histogram(&self.cells[tally::SIZE as usize..tally::LIFETIME as usize]),
            lifetimes: histogram(&self.cells[tally::LIFETIME as usize..tally::REALLOC as usize]),
            ages: live.map_or_else(Vec::new, LiveBlocks::ages),
        })
    }
}

/// The buckets that are not empty, in a vector of just their size.
fn histogram(counts: &[u64]) -> Histogram {
    let mut histogram = Vec::with_capacity(counts.iter().filter(|&&count| count > 0).count());
    histogram.extend((0u8..).zip(counts.iter().copied()).filter(|&(_, count)| count > 0));
    histogram
}

/// A site's live blocks, from the tables. Blocks are counted in parts.
#[derive(Clone)]
pub(super) struct LiveBlocks {
    pub(super) long_lived_bytes: u64,
    pub(super) long_lived_parts: u64,
    ages: [u64; 64],
}

impl LiveBlocks {
    pub(super) const NONE: LiveBlocks =
        LiveBlocks { long_lived_bytes: 0, long_lived_parts: 0, ages: [0; 64] };

    /// A block that stands for so many parts of blocks has lived for `units` of the clock.
    pub(super) fn add_age(&mut self, units: u64, parts: u64) {
        if let Some(count) = self.ages.get_mut(tally::time_bucket(units) as usize) {
            *count = count.wrapping_add(parts);
        }
    }

    fn ages(&self) -> Histogram {
        histogram(&self.ages.map(|parts| whole_blocks(parts as i64).max(0) as u64))
    }
}
