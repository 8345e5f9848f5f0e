//! What the live blocks of each site mean for resident memory, for as many sites at a time as there is memory for.

use crate::dump::SitePages;
use std::ops::Range;

/// Who knows what the live blocks of each site mean for resident memory, by the site's number in the spool.
pub trait PagesOfSites {
    /// Adds those of the sites of a range to as many that are empty. Each range is asked for once.
    fn add_range(&self, sites: Range<usize>, to: &mut [SitePages]);

    /// The sum over all sites, when all ranges with any were asked for.
    fn sum(&self) -> SitePages;
}

/// Nothing is known of it.
impl PagesOfSites for () {
    fn add_range(&self, _sites: Range<usize>, _to: &mut [SitePages]) {}

    fn sum(&self) -> SitePages {
        SitePages::default()
    }
}

/// Those of each site, from the first on.
impl PagesOfSites for Vec<SitePages> {
    fn add_range(&self, sites: Range<usize>, to: &mut [SitePages]) {
        to.iter_mut().zip(self.iter().skip(sites.start)).for_each(|(to, pages)| to.add(pages));
    }

    fn sum(&self) -> SitePages {
        sum(self.iter())
    }
}

/// Those of some sites, in parts.
impl PagesOfSites for Vec<(u32, SitePages)> {
    fn add_range(&self, sites: Range<usize>, to: &mut [SitePages]) {
        for (site, pages) in self {
            if sites.contains(&(*site as usize)) {
                to[*site as usize - sites.start].add(pages);
            }
        }
    }

    fn sum(&self) -> SitePages {
        sum(self.iter().map(|(_, pages)| pages))
    }
}

fn sum<'a>(all: impl Iterator<Item = &'a SitePages>) -> SitePages {
    all.fold(SitePages::default(), |mut sum, pages| {
        sum.add(pages);
        sum
    })
}

/// The sites that were asked for last. Their memory is the same from range to range.
pub(super) struct Window {
    at_a_time: usize,
    sites: Range<usize>,
    pages: Vec<SitePages>,
}

impl Window {
    /// None yet, of so many at a time.
    pub(super) fn new(at_a_time: usize) -> Window {
        Window { at_a_time, sites: 0..0, pages: Vec::new() }
    }

    /// Those of a site of `count`, which come in ascending order.
    pub(super) fn of(&mut self, site: usize, count: usize, all: &dyn PagesOfSites) -> SitePages {
        if !self.sites.contains(&site) {
            // The first range has what is without a site, by the number 0.
            let start = site - site % self.at_a_time;
            self.sites = start..count.min(start + self.at_a_time);
            self.pages.clear();
            self.pages.resize(self.sites.len(), SitePages::default());
            all.add_range(self.sites.clone(), &mut self.pages);
        }
        self.pages[site - self.sites.start]
    }
}
