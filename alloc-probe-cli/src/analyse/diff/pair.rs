//! Sites of two profiles that belong together.

use crate::analyse::fold::turns::Turns;
use crate::profile::{Profile, Site};
use alloc_probe_format::dump::Figures;
use alloc_probe_format::metric::Metric;

/// How two groups of sites were matched, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchKind {
    /// The same functions of the program at the same positions, but for frames that the optimiser lost or merged.
    Exact,
    /// They are, apart from a line, or from frames that one of the builds does not show.
    Subsequence,
    /// Some function has another name; callers, what is below them, and sizes say that it's the same.
    Site,
}

impl MatchKind {
    /// The word for it in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            MatchKind::Exact => "exact",
            MatchKind::Subsequence => "subsequence",
            MatchKind::Site => "site",
        }
    }
}

/// Sites of both profiles that are the same to the program, or sites that only one has.
#[derive(Clone, Debug)]
pub struct Pair {
    /// How they were matched; none where only one side has them.
    pub kind: Option<MatchKind>,
    /// The base's, if it has them.
    pub base: Option<Sites>,
    /// The new build's, if it has them. One of the two always does.
    pub new: Option<Sites>,
}

/// Sites of one profile.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    /// Indices into [`Profile::sites`].
    pub sites: Vec<u32>,
    /// Their figures added up.
    pub figures: Figures,
    /// How many turns of a recursion their stacks have, where it is folded.
    pub turns: Turns,
}

impl Pair {
    /// What both sides have of a figure, 0 where there is no such side.
    pub fn of(&self, metric: Metric) -> (u64, u64) {
        let side = |sites: &Option<Sites>| sites.as_ref().map_or(0, |sites| metric.of(&sites.figures));
        (side(&self.base), side(&self.new))
    }

    /// How far apart the two sides are.
    pub fn distance(&self, metric: Metric) -> u64 {
        let (base, new) = self.of(metric);
        base.abs_diff(new)
    }
}

impl Sites {
    /// The site to show for all of them: that which has most of the metric.
    pub fn shown<'a>(&self, profile: &'a Profile, metric: Metric) -> Option<&'a Site> {
        let sites = self.sites.iter().filter_map(|site| profile.sites.get(*site as usize));
        // Of several equal ones the first.
        sites.rev().max_by_key(|site| (metric.of(&site.figures), site.figures.total_bytes))
    }
}
