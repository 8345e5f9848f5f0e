//! Why the memory of two runs differs, in words: findings, each with its evidence, its size, its sites and what to do.
//!
//! Each kind has a file of its own. It looks at both profiles, at the pairs and at the account of their memory, and says
//! nothing where there is no evidence, or where what it would say is not notable (`Runs::notable_bytes`).

mod activity;
mod births;
mod capacity;
mod ended_early;
mod fragmentation;
mod growth;
mod lifetimes;
#[cfg(test)]
mod made_up;
mod measure;
mod more_work;
mod no_concern;
mod panics;
mod place;
mod pools;
mod reserved;
mod retained;
mod stack_growth;
#[cfg(test)]
mod tests;
mod threads;
mod words;

use super::key::Functions;
use super::{Pair, Sites};
use crate::profile::{Profile, Site};
use std::cmp::Reverse;

/// What a finding says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The allocator holds resident memory that nothing uses.
    Retained,
    /// Free memory that can't be given back, as something lives on its pages.
    Fragmentation,
    /// Blocks that grew by realloc stay as large as they ever were.
    CapacityKept,
    /// Stacks are deeper in one build.
    StackGrowth,
    /// Blocks live longer in one build.
    Lifetimes,
    /// One run did more of the same.
    MoreWork,
    /// There are more threads or arenas.
    Threads,
    /// What is live grows and does not settle.
    Growth,
    /// Address space was reserved, and never used.
    Reserved,
    /// The higher figure is the price of fewer allocations, and does not grow.
    NoConcern,
}

impl Kind {
    /// The word for it in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Retained => "retained",
            Kind::Fragmentation => "fragmentation",
            Kind::CapacityKept => "capacity-kept",
            Kind::StackGrowth => "stack-growth",
            Kind::Lifetimes => "lifetimes",
            Kind::MoreWork => "more-work",
            Kind::Threads => "threads",
            Kind::Growth => "growth",
            Kind::Reserved => "reserved",
            Kind::NoConcern => "no-concern",
        }
    }

    /// The words for it on a page.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Retained => "Retained, not used",
            Kind::Fragmentation => "Fragmentation",
            Kind::CapacityKept => "Capacity kept",
            Kind::StackGrowth => "Stack growth",
            Kind::Lifetimes => "Lifetimes",
            Kind::MoreWork => "More work",
            Kind::Threads => "Threads",
            Kind::Growth => "Growth",
            Kind::Reserved => "Reserved, not used",
            Kind::NoConcern => "No concern",
        }
    }
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it says happened.
    pub kind: Kind,
    /// The finding in a sentence with its figure.
    pub headline: String,
    /// How many bytes of the difference it explains: less than zero where the base has more of it. Where it holds of
    /// [both](Finding::in_both) runs, how many bytes of the new run's memory.
    pub bytes: i64,
    /// Whether both runs have about as much of it, so that it's no cause of their difference, but worth to be known.
    pub in_both: bool,
    /// What it was concluded from: a sentence for each fact, with its figures.
    pub evidence: Vec<String>,
    /// The sites that it is about, those with most of it first: indices into [`Diff::pairs`](super::Diff::pairs), each
    /// with its part of the bytes.
    pub sites: Vec<(usize, i64)>,
    /// What to do about it, in a sentence.
    pub advice: String,
}

/// What findings are made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs<'a> {
    pub(super) base: &'a Profile,
    pub(super) new: &'a Profile,
    pub(super) pairs: &'a [Pair],
    pub(super) functions: &'a Functions,
}

/// What is smaller than this is nothing to speak of, however small the process: an allocator takes as much at once.
const LEAST_BYTES: u64 = 256 << 10;
/// Neither is what is smaller than this share of the resident memory of the larger run.
const LEAST_SHARE: f64 = 0.02;
/// What both runs have is large from this part of the resident memory on.
const LARGE_PART: i64 = 4;

impl<'a> Runs<'a> {
    /// From how many bytes on something is worth a finding: 256 KiB, and 2% of the larger run's resident memory (of its
    /// peak of live bytes, where the resident memory is not known).
    pub(super) fn notable_bytes(&self) -> i64 {
        let size = |profile: &Profile| match profile.dump.memory.rss_bytes {
            0 => profile.dump.totals.peak_bytes,
            resident => resident,
        };
        let share = size(self.base).max(size(self.new)) as f64 * LEAST_SHARE;
        signed(LEAST_BYTES.max(share as u64))
    }

    /// From how many bytes on it's worth to be said that both runs have as much of something, where that is no property
    /// of a site that could be changed: a quarter of the larger run's resident memory.
    pub(super) fn large_bytes(&self) -> i64 {
        let resident = |profile: &Profile| signed(profile.dump.memory.rss_bytes);
        (resident(self.base).max(resident(self.new)) / LARGE_PART).max(signed(LEAST_BYTES))
    }

    /// What a figure of both runs is worth as a finding, and whether both have it: the difference where that is notable,
    /// else what both have where that is large.
    pub(super) fn weigh(&self, (base, new): (u64, u64)) -> Option<(i64, bool)> {
        let (difference, common) = (signed(new) - signed(base), signed(new.min(base)));
        if difference.abs() >= self.notable_bytes() {
            Some((difference, false))
        } else {
            (common >= self.large_bytes()).then_some((common, true))
        }
    }

    /// The base's sites of a pair.
    pub(super) fn base_sites(&self, pair: &Pair) -> impl Iterator<Item = &'a Site> {
        sites(self.base, pair.base.as_ref())
    }

    /// The new run's sites of a pair.
    pub(super) fn new_sites(&self, pair: &Pair) -> impl Iterator<Item = &'a Site> {
        sites(self.new, pair.new.as_ref())
    }

    /// How much more of something the new run's sites have than the base's, pair by pair: those that differ, the
    /// furthest apart first.
    pub(super) fn by_pair(&self, of: impl Fn(&Site) -> u64) -> Vec<(usize, i64)> {
        let sum =
            |sites: &mut dyn Iterator<Item = &'a Site>| signed(sites.map(&of).fold(0, u64::saturating_add));
        let differences =
            self.pairs.iter().enumerate().map(|(index, pair)| {
                (index, sum(&mut self.new_sites(pair)) - sum(&mut self.base_sites(pair)))
            });
        largest_first(differences.collect())
    }
}

/// Parts without those that are nothing, the largest first, whatever their signs.
pub(super) fn largest_first(mut parts: Vec<(usize, i64)>) -> Vec<(usize, i64)> {
    parts.retain(|(_, bytes)| *bytes != 0);
    parts.sort_by_key(|(_, bytes)| Reverse(bytes.unsigned_abs()));
    parts
}

fn sites<'a>(profile: &'a Profile, sites: Option<&Sites>) -> impl Iterator<Item = &'a Site> {
    let indices = sites.map(|sites| sites.sites.clone()).unwrap_or_default();
    indices.into_iter().filter_map(|site| profile.sites.get(site as usize))
}

/// Leaves room for sums and differences. No process has so much memory that this would cut it; a damaged file may say
/// so.
pub(super) fn signed(bytes: u64) -> i64 {
    bytes.min(1 << 56) as i64
}

/// What finds one kind.
type Finder = fn(&Runs<'_>) -> Vec<Finding>;

const FINDERS: &[Finder] = &[
    retained::find,
    fragmentation::find,
    capacity::find,
    stack_growth::find,
    lifetimes::find,
    more_work::find,
    threads::find,
    growth::find,
    reserved::find,
    no_concern::find,
];

/// Everything that can be said: first what the runs differ by, then what both have, each the largest first.
pub(super) fn findings(runs: &Runs<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = FINDERS.iter().flat_map(|find| find(runs)).collect();
    findings.sort_by_key(|finding| (finding.in_both, Reverse(finding.bytes.unsigned_abs())));
    findings
}
