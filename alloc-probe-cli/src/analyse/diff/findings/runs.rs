//! What findings are made from: two runs with their pairs, and what is worth to be said of them.

use crate::analyse::account::is_free_known;
use crate::analyse::diff::key::Functions;
use crate::analyse::diff::pair::{Pair, Sites};
use crate::analyse::signed::signed;
use crate::profile::{Profile, Site};
use std::cmp::Reverse;

/// What findings are made from.
#[derive(Clone, Copy, Debug)]
pub(in crate::analyse::diff) struct Runs<'a> {
    pub(in crate::analyse::diff) base: &'a Profile,
    pub(in crate::analyse::diff) new: &'a Profile,
    pub(in crate::analyse::diff) pairs: &'a [Pair],
    pub(in crate::analyse::diff) functions: &'a Functions,
}

/// What is smaller than this is nothing to speak of, however small the process: an allocator takes as much at once.
const LEAST_BYTES: u64 = 256 << 10;
/// Neither is what is smaller than this share of the resident memory of the larger run.
const LEAST_SHARE: f64 = 0.02;
/// What both runs have is large from this part of the resident memory on.
const LARGE_PART: i64 = 4;

/// The program's own resident memory; 0 where it is not known. A recording of millions of stacks takes many times as much, and
/// next to that, nothing would be worth to be said.
fn own_bytes(profile: &Profile) -> u64 {
    profile.dump.memory.rss_bytes.saturating_sub(profile.dump.probe.resident_bytes)
}

impl<'a> Runs<'a> {
    /// Whether what holds no block is known to be free in both.
    pub(super) fn is_free_known(&self) -> bool {
        [self.base, self.new].iter().all(|profile| is_free_known(&profile.dump))
    }

    /// Whether both are moments of one run, and not two runs.
    pub(in crate::analyse::diff) fn is_one(&self) -> bool {
        // A file that doesn't tell when its process began says nothing of which it was.
        self.base.dump.process.start_unix_ns > 0 && self.base.is_same_run(self.new)
    }

    /// The run that has more of something, by the sign of the difference, with its name.
    pub(super) fn larger(&self, difference: i64) -> (&'a Profile, &'static str) {
        if difference < 0 { (self.base, "the base") } else { (self.new, "the new run") }
    }

    /// From how many bytes on something is worth a finding: 256 KiB, and 2% of the larger run's resident memory (of its
    /// peak of live bytes, where the resident memory is not known).
    pub(in crate::analyse::diff) fn notable_bytes(&self) -> i64 {
        let size = |profile: &Profile| match own_bytes(profile) {
            0 => profile.dump.totals.peak_bytes,
            resident => resident,
        };
        let share = size(self.base).max(size(self.new)) as f64 * LEAST_SHARE;
        signed(LEAST_BYTES.max(share as u64))
    }

    /// From how many bytes on it's worth to be said that both runs have as much of something, where that is no property
    /// of a site that could be changed: a quarter of the larger run's resident memory.
    pub(in crate::analyse::diff) fn large_bytes(&self) -> i64 {
        let resident = |profile: &Profile| signed(own_bytes(profile));
        (resident(self.base).max(resident(self.new)) / LARGE_PART).max(signed(LEAST_BYTES))
    }

    /// What a figure of both runs is worth as a finding, and whether both have it: the difference where that is notable,
    /// else what both have where that is large.
    pub(in crate::analyse::diff) fn weigh(&self, (base, new): (u64, u64)) -> Option<(i64, bool)> {
        let (difference, common) = (signed(new) - signed(base), signed(new.min(base)));
        if difference.abs() >= self.notable_bytes() {
            Some((difference, false))
        } else {
            (common >= self.large_bytes()).then_some((common, true))
        }
    }

    /// The base's sites of a pair.
    pub(in crate::analyse::diff) fn base_sites(&self, pair: &Pair) -> impl Iterator<Item = &'a Site> {
        sites(self.base, pair.base.as_ref())
    }

    /// The new run's sites of a pair.
    pub(in crate::analyse::diff) fn new_sites(&self, pair: &Pair) -> impl Iterator<Item = &'a Site> {
        sites(self.new, pair.new.as_ref())
    }

    /// How much more of something the new run's sites have than the base's, pair by pair: those that differ, the
    /// furthest apart first.
    pub(in crate::analyse::diff) fn by_pair(&self, of: impl Fn(&Site) -> u64) -> Vec<(usize, i64)> {
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
pub(in crate::analyse::diff) fn largest_first(mut parts: Vec<(usize, i64)>) -> Vec<(usize, i64)> {
    parts.retain(|(_, bytes)| *bytes != 0);
    parts.sort_by_key(|(_, bytes)| Reverse(bytes.unsigned_abs()));
    parts
}

fn sites<'a>(profile: &'a Profile, sites: Option<&Sites>) -> impl Iterator<Item = &'a Site> {
    let indices = sites.map(|sites| sites.sites.clone()).unwrap_or_default();
    indices.into_iter().filter_map(|site| profile.sites.get(site as usize))
}
