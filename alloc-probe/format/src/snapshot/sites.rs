//! The allocation sites. A site is made when it is written, from what the spool has of it: no list of them is in memory.

use super::ages::Ages;
use super::blocks::sites_at_a_time;
use super::clock::ClockScale;
use super::pages::{PagesOfSites, Window};
use super::peak::Peak;
use super::tally::SiteTally;
use super::tree::Rows;
use super::words::load;
use crate::dump::{Figures, Site, SitePages};
use crate::spool::{PAGE_RECORDS, Section, Spool, counter};
use std::cell::RefCell;

/// The sites of a spool, in the order in which they were first seen; what has no stack comes last.
pub(super) struct Sites<'a, S> {
    spool: &'a S,
    clock: ClockScale,
    peak: Peak,
    pages: &'a dyn PagesOfSites,
    /// The first site of each page of counters, and the page's number, in order.
    counters: Vec<(u32, u32)>,
    /// How many sites there were when the snapshot began.
    count: usize,
    /// What the threads counted, where the sites have to add up to it.
    process: Option<Figures>,
    /// The sum of the sites that were made last.
    sum: RefCell<Figures>,
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
        clock: ClockScale,
        peak: Peak,
        pages: &'a dyn PagesOfSites,
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
        Sites { spool, clock, peak, pages, counters, count, process, sum: RefCell::default() }
    }

    /// The numbers of the sites that any thread has a counter for, ascending.
    fn numbers(&self) -> impl Iterator<Item = usize> {
        let pages = self.counters.chunk_by(|a, b| a.0 == b.0).map(|same| same[0].0 as usize);
        pages.flat_map(|first| first..first + PAGE_RECORDS).filter(|site| *site < self.count)
    }

    fn row(&self, rows: &Rows<'_>, site: usize) -> u32 {
        rows.row(load(self.spool.words(Section::SITES), site) as usize)
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

    /// Calls `f` with each site that has anything, and with its number; the site without a stack has none. The same site is
    /// filled in again and again: a dump is written where memory is short. Without ages, the table of live blocks is not read.
    pub(super) fn for_each(&self, rows: &Rows<'_>, with_ages: bool, mut f: impl FnMut(&Site, Option<u32>)) {
        let (mut sum, mut of_pages) = (Figures::default(), SitePages::default());
        let mut without_stack = None;
        let at_a_time = sites_at_a_time(self.spool);
        let (mut site, mut ages, mut pages) = (Site::default(), Ages::new(at_a_time), Window::new(at_a_time));
        let mut tally = SiteTally::EMPTY;
        for number in self.numbers() {
            if with_ages {
                ages.reach(number, self.count, self.spool, &self.clock);
            }
            tally.clone_from(&SiteTally::EMPTY);
            self.tally(number, &mut tally);
            site.pages = pages.of(number, self.count, self.pages);
            site.stack = self.row(rows, number);
            if !tally.fill(&mut site, &ages.of(number), &self.clock) {
                continue;
            }
            sum.add(&site.figures);
            of_pages.add(&site.pages);
            match site.stack {
                0 => without_stack = Some(site.clone()),
                _ => f(&site, Some(number as u32)),
            }
        }
        if let Some(process) = &self.process {
            let rest = rest(process, &sum);
            let pages = self.pages.sum().beyond(&of_pages);
            if rest != Figures::default() || pages != SitePages::default() {
                let site = without_stack.get_or_insert_default();
                site.figures.add(&rest);
                site.pages.add(&pages);
                sum.add(&rest);
            }
        }
        without_stack.iter().for_each(|site| f(site, None));
        self.sum.replace(sum);
    }

    /// The sum of the sites when they were last made.
    pub(super) fn sum(&self) -> Figures {
        *self.sum.borrow()
    }
}

/// What the threads counted and no site has goes to the site without a stack: blocks from before stacks were
/// recorded, and those for whose stack there was no space. So the sites always add up to the process.
///
/// Threads go on allocating between the moment when they are read and the one when the sites are. Whatever they freed
/// meanwhile looks as if it was live and no site had it. No more can be live than was ever allocated without a site, and
/// of that, the later reading of the sites has none too much.
fn rest(process: &Figures, sum: &Figures) -> Figures {
    let (total_bytes, total_blocks) = (
        process.total_bytes.saturating_sub(sum.total_bytes),
        process.total_blocks.saturating_sub(sum.total_blocks),
    );
    Figures {
        total_bytes,
        total_blocks,
        peak_bytes: process.peak_bytes.saturating_sub(sum.peak_bytes),
        peak_blocks: process.peak_blocks.saturating_sub(sum.peak_blocks),
        end_bytes: process.end_bytes.saturating_sub(sum.end_bytes).min(total_bytes),
        end_blocks: process.end_blocks.saturating_sub(sum.end_blocks).min(total_blocks),
        realloc_calls: process.realloc_calls.saturating_sub(sum.realloc_calls),
        ..Figures::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(total_bytes: u64, total_blocks: u64, end_bytes: u64, end_blocks: u64) -> Figures {
        Figures { total_bytes, total_blocks, end_bytes, end_blocks, ..Figures::default() }
    }

    #[test]
    fn what_is_freed_while_sites_are_read_is_not_live_without_a_stack() {
        let process = figures(1_000, 100, 500, 50);
        assert_eq!(rest(&process, &figures(1_000, 100, 430, 50)), Figures::default());
        assert_eq!(rest(&process, &figures(1_200, 120, 430, 48)), Figures::default(), "they went on");
    }

    #[test]
    fn what_was_allocated_without_a_stack_is_all_there() {
        let process = figures(1_000, 100, 500, 50);
        assert_eq!(rest(&process, &figures(900, 90, 450, 45)), figures(100, 10, 50, 5));
        assert_eq!(
            rest(&process, &figures(990, 99, 450, 45)),
            figures(10, 1, 10, 1),
            "it freed others since"
        );
    }
}
