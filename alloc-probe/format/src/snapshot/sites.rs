//! The allocation sites.

use super::blocks::live_blocks;
use super::clock::ClockScale;
use super::facts::Facts;
use super::peak::Peak;
use super::tally::SiteTally;
use super::tree::Rows;
use super::words::load;
use crate::dump::{Figures, Site, SitePages};
use crate::spool::{PAGE_RECORDS, Section, Spool, counter};

/// The sites, in the order in which they were first seen, and the tree of their stacks, and of those of other nodes.
pub(super) fn sites(
    spool: &impl Spool,
    facts: &Facts,
    clock: &ClockScale,
    peak: &Peak,
    pages: &[SitePages],
    others: impl Iterator<Item = usize>,
) -> (Rows, Vec<Site>) {
    let site_nodes = spool.words(Section::SITES);
    let count = (spool.count(Section::SITES) as usize).min(site_nodes.len());
    let nodes = (0..count).map(|site| load(site_nodes, site) as usize);
    let rows = Rows::of(spool, facts, nodes.chain(others));
    let live = live_blocks(spool, count, clock);
    let mut sites: Vec<Site> = Vec::with_capacity(count);
    for_each_site(spool, count, peak, |site, tally| {
        let stack = rows.row(load(site_nodes, site) as usize);
        let row = tally.site(stack, live.get(site).and_then(Option::as_deref), clock);
        sites.extend(row.map(|row| Site { pages: pages.get(site).copied().unwrap_or_default(), ..row }));
    });
    merge_twins(&mut sites);
    (rows, sites)
}

/// Calls `f` with the number and the tally of each site that any thread has a counter for, by ascending number.
fn for_each_site(spool: &impl Spool, count: usize, peak: &Peak, mut f: impl FnMut(usize, &mut SiteTally)) {
    let (owners, counters) = (spool.words(Section::PAGES), spool.words(Section::COUNTERS));
    let tallies = spool.words(Section::TALLIES);
    // Page 0 is never used: as a page's number, 0 means none.
    let page_count = (spool.count(Section::PAGES) as usize).min(owners.len());
    let mut pages: Vec<(u32, u32)> = Vec::with_capacity(page_count);
    pages.extend((1..page_count as u32).map(|page| (load(owners, page as usize) as u32, page)));
    pages.sort_unstable();
    for same_sites in pages.chunk_by(|a, b| a.0 == b.0) {
        let first_site = same_sites[0].0 as usize;
        for record in 0..PAGE_RECORDS {
            let site = first_site + record;
            if site >= count {
                break;
            }
            let mut tally = SiteTally::EMPTY;
            for &(_, page) in same_sites {
                let start = (page as usize * PAGE_RECORDS + record) * counter::WORDS;
                let words = counters.get(start..start + counter::WORDS).unwrap_or_default();
                tally.add_counter(words, tallies, peak);
            }
            f(site, &mut tally);
        }
    }
}

/// Sites of twin nodes become one: all blocks of a stack are one site.
fn merge_twins(sites: &mut Vec<Site>) {
    let mut by_stack: Vec<(u32, u32)> = Vec::with_capacity(sites.len());
    by_stack.extend((0u32..).zip(sites.iter()).map(|(index, site)| (site.stack, index)));
    by_stack.sort_unstable();
    let mut merged = false;
    for twins in by_stack.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        merged = true;
        let first = twins[0].1 as usize;
        for &(_, other) in &twins[1..] {
            let other = std::mem::take(&mut sites[other as usize]);
            sites[first].absorb(&other);
        }
    }
    if merged {
        sites.retain(|site| site.figures != Figures::default());
    }
}

/// What the threads counted and no site has goes to the site without a stack: blocks from before stacks were
/// recorded, and those for whose stack there was no space. So the sites always add up to the process.
pub(super) fn add_unattributed(sites: &mut Vec<Site>, process: &Figures, pages: &[SitePages]) {
    let (mut all, mut had) = (SitePages::default(), SitePages::default());
    pages.iter().for_each(|pages| all.add(pages));
    sites.iter().for_each(|site| had.add(&site.pages));
    let pages = all.beyond(&had);
    let mut sum = Figures::default();
    for site in sites.iter() {
        sum.add(&site.figures);
    }
    let rest = Figures {
        total_bytes: process.total_bytes.saturating_sub(sum.total_bytes),
        total_blocks: process.total_blocks.saturating_sub(sum.total_blocks),
        peak_bytes: process.peak_bytes.saturating_sub(sum.peak_bytes),
        peak_blocks: process.peak_blocks.saturating_sub(sum.peak_blocks),
        end_bytes: process.end_bytes.saturating_sub(sum.end_bytes),
        end_blocks: process.end_blocks.saturating_sub(sum.end_blocks),
        realloc_calls: process.realloc_calls.saturating_sub(sum.realloc_calls),
        ..Figures::default()
    };
    if rest == Figures::default() && pages == SitePages::default() {
        return;
    }
    match sites.iter_mut().find(|site| site.stack == 0) {
        Some(none) => {
            none.figures.add(&rest);
            none.pages.add(&pages);
        }
        None => sites.push(Site { stack: 0, figures: rest, pages, ..Site::default() }),
    }
}
