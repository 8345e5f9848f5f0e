//! The allocation sites. A site is made when it is written, from what the spool has of it: no list of them is in memory.

use super::ages::Ages;
use super::clock::ClockScale;
use super::peak::Peak;
use super::tally::SiteTally;
use super::tree::Rows;
use super::words::load;
use crate::dump::{Figures, Site, SitePages};
use crate::spool::{PAGE_RECORDS, Section, Spool, counter};
use std::cell::RefCell;
use std::collections::HashMap;

/// The sites of a spool, in the order in which they were first seen; what has no stack comes last.
pub(super) struct Sites<'a, S> {
    spool: &'a S,
    clock: ClockScale,
    peak: Peak,
    /// What the live blocks of each site mean for resident memory.
    pages: &'a [SitePages],
    /// The first site of each page of counters, and the page's number, in order.
    counters: Vec<(u32, u32)>,
    /// How many sites there were when the snapshot began.
    count: usize,
    twins: Twins,
    /// What the threads counted, where the sites have to add up to it.
    process: Option<Figures>,
    /// The sum of the sites that were made last.
    sum: RefCell<Figures>,
}

/// Sites of one stack: threads that added the stack at once have made several.
#[derive(Default)]
struct Twins {
    /// The first site of the stack of each that is not the first.
    first_of: HashMap<u32, u32>,
    /// These, by the first, in order.
    others: Vec<(u32, u32)>,
}

/// The nodes of the innermost frames of a spool's sites.
pub(super) fn nodes(spool: &impl Spool) -> impl Iterator<Item = usize> {
    let nodes = spool.words(Section::SITES);
    let count = (spool.count(Section::SITES) as usize).min(nodes.len());
    (0..count).map(|site| load(nodes, site) as usize)
}

impl<'a, S: Spool> Sites<'a, S> {
    pub(super) fn of(
        spool: &'a S,
        rows: &Rows<'a>,
        clock: ClockScale,
        peak: Peak,
        pages: &'a [SitePages],
        process: Option<Figures>,
    ) -> Sites<'a, S> {
        let count = (spool.count(Section::SITES) as usize).min(spool.words(Section::SITES).len());
        let owners = spool.words(Section::PAGES);
        // Page 0 is never used: as a page's number, 0 means none.
        let page_count = (spool.count(Section::PAGES) as usize).min(owners.len());
        let mut counters: Vec<(u32, u32)> = Vec::with_capacity(page_count);
        let first_sites = (1..page_count as u32).map(|page| (load(owners, page as usize) as u32, page));
        // In a damaged file, a page may begin anywhere.
        counters.extend(first_sites.filter(|(first, _)| *first as usize % PAGE_RECORDS == 0));
        counters.sort_unstable();
        let (twins, sum) = Default::default();
        let mut sites = Sites { spool, clock, peak, pages, counters, count, twins, process, sum };
        sites.twins = sites.twins(rows);
        sites
    }

    /// The numbers of the sites that any thread has a counter for, ascending.
    fn numbers(&self) -> impl Iterator<Item = usize> {
        let pages = self.counters.chunk_by(|a, b| a.0 == b.0).map(|same| same[0].0 as usize);
        pages.flat_map(|first| first..first + PAGE_RECORDS).filter(|site| *site < self.count)
    }

    fn row(&self, rows: &Rows<'_>, site: usize) -> u32 {
        rows.row(load(self.spool.words(Section::SITES), site) as usize)
    }

    fn twins(&self, stacks: &Rows<'_>) -> Twins {
        let mut seen = vec![0u64; stacks.count().div_ceil(64)];
        let mut twins = Twins::default();
        let mut rows = Vec::new();
        for site in self.numbers() {
            let row = self.row(stacks, site) as usize;
            match seen[row / 64] >> (row % 64) & 1 {
                0 => seen[row / 64] |= 1 << (row % 64),
                _ => rows.push((row as u32, site as u32)),
            }
        }
        if rows.is_empty() {
            return twins;
        }
        let mut first_of_row: HashMap<u32, Option<u32>> = rows.iter().map(|(row, _)| (*row, None)).collect();
        for site in self.numbers() {
            if let Some(first) = first_of_row.get_mut(&self.row(stacks, site)) {
                first.get_or_insert(site as u32);
            }
        }
        for (row, site) in rows {
            if let Some(first) = first_of_row[&row] {
                twins.first_of.insert(site, first);
                twins.others.push((first, site));
            }
        }
        twins.others.sort_unstable();
        twins
    }

    /// What all threads counted of a site.
    fn tally(&self, site: usize, tally: &mut SiteTally) {
        let (first, record) = ((site - site % PAGE_RECORDS) as u32, site % PAGE_RECORDS);
        let (counters, tallies) = (self.spool.words(Section::COUNTERS), self.spool.words(Section::TALLIES));
        let from = self.counters.partition_point(|page| page.0 < first);
        for &(_, page) in self.counters[from..].iter().take_while(|page| page.0 == first) {
            let start = (page as usize * PAGE_RECORDS + record) * counter::WORDS;
            let words = counters.get(start..start + counter::WORDS).unwrap_or_default();
            tally.add_counter(words, tallies, &self.peak);
        }
    }

    /// Calls `f` with each site that has anything, and with its numbers, of which the first is that of the first of its twins.
    /// The same site is filled in again and again: a dump is written where memory is short. Without ages, the table of live
    /// blocks is not read.
    pub(super) fn for_each(&self, rows: &Rows<'_>, with_ages: bool, mut f: impl FnMut(&Site, &[u32])) {
        let (mut sum, mut of_pages) = (Figures::default(), SitePages::default());
        let mut without_stack = None;
        let (mut site, mut ages) = (Site::default(), Ages::default());
        let mut tally = SiteTally::EMPTY;
        let mut numbers: Vec<u32> = Vec::new();
        for number in self.numbers() {
            if self.twins.first_of.contains_key(&(number as u32)) {
                continue;
            }
            if with_ages {
                ages.reach(number, self.count, self.spool, &self.clock, &|site| {
                    self.twins.first_of.get(&site).copied().unwrap_or(site)
                });
            }
            tally.clone_from(&SiteTally::EMPTY);
            self.tally(number, &mut tally);
            site.pages = self.pages.get(number).copied().unwrap_or_default();
            numbers.clear();
            numbers.push(number as u32);
            let from = self.twins.others.partition_point(|twin| twin.0 < number as u32);
            for &(_, other) in self.twins.others[from..].iter().take_while(|twin| twin.0 == number as u32) {
                self.tally(other as usize, &mut tally);
                site.pages.add(&self.pages.get(other as usize).copied().unwrap_or_default());
                numbers.push(other);
            }
            site.stack = self.row(rows, number);
            if !tally.fill(&mut site, &ages.of(number), &self.clock) {
                continue;
            }
            sum.add(&site.figures);
            of_pages.add(&site.pages);
            match site.stack {
                0 => without_stack = Some(site.clone()),
                _ => f(&site, &numbers),
            }
        }
        if let Some(process) = &self.process {
            let rest = rest(process, &sum);
            let mut pages = SitePages::default();
            self.pages.iter().for_each(|of_site| pages.add(of_site));
            let pages = pages.beyond(&of_pages);
            if rest != Figures::default() || pages != SitePages::default() {
                let site = without_stack.get_or_insert_default();
                site.figures.add(&rest);
                site.pages.add(&pages);
                sum.add(&rest);
            }
        }
        without_stack.iter().for_each(|site| f(site, &[]));
        self.sum.replace(sum);
    }

    /// The sum of the sites when they were last made.
    pub(super) fn sum(&self) -> Figures {
        *self.sum.borrow()
    }
}

/// What the threads counted and no site has goes to the site without a stack: blocks from before stacks were
/// recorded, and those for whose stack there was no space. So the sites always add up to the process.
fn rest(process: &Figures, sum: &Figures) -> Figures {
    Figures {
        total_bytes: process.total_bytes.saturating_sub(sum.total_bytes),
        total_blocks: process.total_blocks.saturating_sub(sum.total_blocks),
        peak_bytes: process.peak_bytes.saturating_sub(sum.peak_bytes),
        peak_blocks: process.peak_blocks.saturating_sub(sum.peak_blocks),
        end_bytes: process.end_bytes.saturating_sub(sum.end_bytes),
        end_blocks: process.end_blocks.saturating_sub(sum.end_blocks),
        realloc_calls: process.realloc_calls.saturating_sub(sum.realloc_calls),
        ..Figures::default()
    }
}
