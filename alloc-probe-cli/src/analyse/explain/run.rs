//! What findings about one run are made from, and what is worth to be said of it.

use crate::analyse::account::Account;
use crate::analyse::evidence::growing::{Growing, Growth};
use crate::analyse::evidence::place;
use crate::analyse::explain::series::Series;
use crate::analyse::fold;
use crate::analyse::sites::{ShownSite, ShownSites};
use crate::profile::{Profile, Site};
use std::cmp::Reverse;

/// What is smaller than this is nothing to speak of, however small the process: an allocator takes as much at once.
const LEAST_BYTES: u64 = 256 << 10;
/// Neither is what is smaller than this part of the program's own resident memory: every process has some of everything.
const LARGE_PART: u64 = 10;

/// What findings are made from.
pub(super) struct Run<'a> {
    pub(super) profile: &'a Profile,
    pub(super) sites: &'a ShownSites<'a>,
    pub(super) account: Option<&'a Account>,
    /// What verdicts on growth rest on; none of a run that is too short.
    pub(super) growth: Option<Growth<'a>>,
    /// Earlier dumps of the same run.
    pub(super) series: Option<&'a Series>,
    /// The sites that grow without end, by the ages of their blocks.
    pub(super) growing: Vec<(usize, Growing)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        profile: &'a Profile,
        sites: &'a ShownSites<'a>,
        account: Option<&'a Account>,
        series: Option<&'a Series>,
    ) -> Run<'a> {
        let growth = Growth::of(profile);
        let verdict = |(index, site): (usize, ShownSite<'_>)| {
            Some((index, growth.as_ref()?.growing(site.members(), site.figures())?))
        };
        let growing = sites.iter().enumerate().filter_map(verdict).collect();
        Run { profile, sites, account, growth, series, growing }
    }

    /// The program's own resident memory, without what recording took; its peak of live bytes where that is not known.
    pub(super) fn own_bytes(&self) -> u64 {
        match self.account {
            Some(account) => (account.resident - account.bytes("probe")).max(0).unsigned_abs(),
            None => self.profile.dump.totals.peak_bytes,
        }
    }

    /// From how many bytes on something is worth a finding.
    pub(super) fn large_bytes(&self) -> u64 {
        LEAST_BYTES.max(self.own_bytes() / LARGE_PART)
    }

    /// The sites of the dump that are shown as one.
    pub(super) fn members(&self, site: usize) -> impl Iterator<Item = &'a Site> {
        self.sites.get(site).sites()
    }

    /// What each site has of something, the largest first; none that has nothing.
    pub(super) fn by_site(&self, of: impl Fn(&Site) -> u64) -> Vec<(usize, u64)> {
        let sum = |site: usize| self.members(site).map(&of).fold(0, u64::saturating_add);
        let parts = (0..self.sites.len()).map(|site| (site, sum(site))).filter(|(_, bytes)| *bytes > 0);
        largest_first(parts.collect())
    }

    /// Where a site's blocks come from: `` `orders::cache::insert` (src/cache.rs:31) ``.
    pub(super) fn place(&self, site: usize) -> String {
        place::of_stack(self.profile, &self.sites.get(site).frames())
    }

    /// The same of several sites, each told apart from the others.
    pub(super) fn places(&self, sites: impl Iterator<Item = usize>) -> Vec<String> {
        let stacks: Vec<_> = sites.map(|site| (self.profile, self.sites.get(site).frames())).collect();
        place::told_apart(&stacks)
    }

    /// The same in short: the function's name.
    pub(super) fn name(&self, site: usize) -> String {
        let frames: Vec<_> =
            self.sites.get(site).frames().iter().map(|frame| fold::frame(self.profile, *frame)).collect();
        fold::headline(&frames).map_or_else(
            || place::UNKNOWN.to_owned(),
            |frame| format!("`{}`", crate::source::names::display_name(&frames[frame].function)),
        )
    }
}

/// The largest first.
pub(super) fn largest_first(mut parts: Vec<(usize, u64)>) -> Vec<(usize, u64)> {
    parts.sort_by_key(|(_, bytes)| Reverse(*bytes));
    parts
}
