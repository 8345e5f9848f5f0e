//! Ages of the blocks that are live, by site, for as many sites at a time as there is memory for.

use super::blocks::for_each_live_block;
use super::clock::ClockScale;
use crate::sampling::sample_weight;
use crate::spool::block::{self, Block};
use crate::spool::{SAMPLE_BLOCK, Spool, header, tally};
use std::ops::Range;

/// Cells of a site: one for each age, and two for what is long-lived. There are fewer ages than bits of a time.
const CELLS: u32 = 64;
const LONG_LIVED_BYTES: u32 = 62;
const LONG_LIVED_PARTS: u32 = 63;

/// What is known of the live blocks of a range of sites. Blocks are counted in parts.
pub(super) struct Ages {
    at_a_time: usize,
    sites: Range<usize>,
    /// The first site behind these of which a block was seen: up to it, the tables need not be read again.
    next: usize,
    /// While the tables are read, a hash table in which a cell of number 0 is an empty place; then in order.
    cells: Vec<Cell>,
    used: usize,
}

/// A cell's number, from 1, and its count. There are many: nothing is between them.
#[derive(Clone, Copy, Default)]
#[repr(C, packed(4))]
struct Cell {
    number: u32,
    count: u64,
}

/// The cells of one site.
pub(super) struct SiteAges<'a> {
    first: u32,
    cells: &'a [Cell],
}

impl Ages {
    /// Of none yet, and of so many at a time.
    pub(super) fn new(at_a_time: usize) -> Ages {
        Ages { at_a_time, sites: 0..0, next: 0, cells: Vec::new(), used: 0 }
    }

    /// Reads the tables for a site of `count` and those behind it, unless that was done.
    pub(super) fn reach(&mut self, site: usize, count: usize, spool: &impl Spool, clock: &ClockScale) {
        if self.sites.contains(&site) || site < self.next {
            return;
        }
        self.next = usize::MAX;
        self.sites = site..count.min(site + self.at_a_time);
        self.cells.clear();
        self.used = 0;
        let now = clock.now_ticks >> block::UNIT_SHIFT;
        let long_lived_units = (spool.header(header::LONG_LIVED_NS) as f64 / clock.unit_ns()) as u64;
        let sample_bytes = spool.header(header::SAMPLE_BYTES);
        for_each_live_block(spool, |Block { size, site, allocated_at, sampled, .. }| {
            let site = site as usize;
            if !self.sites.contains(&site) {
                if site >= self.sites.end {
                    self.next = self.next.min(site);
                }
                return;
            }
            let mut age = now.wrapping_sub(allocated_at) & block::TIME_MASK;
            if age > block::TIME_MASK / 2 {
                age = 0; // Allocated after `now` was read.
            }
            let (bytes, parts) =
                if sampled { sample_weight(size, sample_bytes) } else { (size, SAMPLE_BLOCK) };
            let first = (site - self.sites.start) as u32 * CELLS;
            self.add(first + tally::time_bucket(age) as u32, parts);
            if age >= long_lived_units {
                self.add(first + LONG_LIVED_BYTES, bytes);
                self.add(first + LONG_LIVED_PARTS, parts);
            }
        });
        self.cells.retain(|cell| cell.number != 0);
        self.cells.sort_unstable_by_key(|cell| cell.number);
    }

    fn add(&mut self, cell: u32, count: u64) {
        if (self.used + 1) * 4 > self.cells.len() * 3 {
            self.grow();
        }
        let place = place(&self.cells, cell + 1);
        let Cell { number, count: before } = self.cells[place];
        self.used += usize::from(number == 0);
        self.cells[place] = Cell { number: cell + 1, count: before.wrapping_add(count) };
    }

    /// Twice as many places, in the same memory where it is the last that was taken.
    fn grow(&mut self) {
        let places = (self.cells.len() * 2).max(1 << 10);
        self.cells.retain(|cell| cell.number != 0);
        let full = self.cells.len();
        self.cells.resize(places, Cell::default());
        // Those that were there go to their places one by one; each that is displaced goes on.
        let mut waiting = self.cells[..full].to_vec();
        self.cells[..full].fill(Cell::default());
        while let Some(cell) = waiting.pop() {
            let place = place(&self.cells, cell.number);
            self.cells[place] = cell;
        }
    }

    /// Those of a site; none unless it was reached.
    pub(super) fn of(&self, site: usize) -> SiteAges<'_> {
        if !self.sites.contains(&site) {
            return SiteAges { first: 0, cells: &[] };
        }
        let first = (site - self.sites.start) as u32 * CELLS + 1;
        let from = self.cells.partition_point(|cell| cell.number < first);
        let rest = &self.cells[from..];
        SiteAges { first, cells: &rest[..rest.partition_point(|cell| cell.number < first + CELLS)] }
    }
}

/// Where the cell of a key is, or may go.
fn place(cells: &[Cell], number: u32) -> usize {
    let mask = cells.len() - 1;
    let mut place = (number.wrapping_mul(0x9e37_79b1) >> 7) as usize & mask;
    while cells[place].number != 0 && cells[place].number != number {
        place = (place + 1) & mask;
    }
    place
}

impl SiteAges<'_> {
    fn count(&self, of: u32) -> u64 {
        let cell = self.cells.iter().rev().find(|cell| cell.number == self.first + of);
        cell.map_or(0, |cell| cell.count)
    }

    pub(super) fn long_lived_bytes(&self) -> u64 {
        self.count(LONG_LIVED_BYTES)
    }

    pub(super) fn long_lived_parts(&self) -> u64 {
        self.count(LONG_LIVED_PARTS)
    }

    /// The ages that any block has, ascending, with the parts of each.
    pub(super) fn ages(&self) -> impl Iterator<Item = (u8, u64)> {
        let ages = self.cells.iter().map(|cell| (cell.number - self.first, cell.count));
        ages.filter(|age| age.0 < LONG_LIVED_BYTES).map(|(age, parts)| (age as u8, parts))
    }
}
