//! What changed from one profile to another, matched across optimisation levels.
//!
//! The way: `name`s without what differs from build to build, and what they may stand for (`resolve`) → a `key` for
//! each frame, by one numbering for both builds → `group`s of sites without glue → `matching`, pass by pass (`passes`,
//! `judge`, `lines`, `calls`, `candidates`, `loops`, `turns`, `fill`) → how much was matched ([`share`]), what stood in the way ([`obstacles`]),
//! whether both did the same [`work`], and why their memory differs: an account of it ([`account`]), and what stands out
//! ([`findings`]). What became of each pair's blocks has a [`class`].

pub mod account;
pub mod class;
pub mod findings;
pub mod merged;
pub mod obstacles;
pub mod share;
pub mod stack;
pub mod threshold;
pub mod tree;
pub mod work;

mod calls;
mod candidates;
mod fill;
mod group;
mod judge;
mod key;
mod lines;
mod loops;
mod matching;
mod name;
mod passes;
mod resolve;
mod turns;

use crate::at_once::at_once;
use crate::profile::{Profile, Site};
use account::Account;
use alloc_probe_format::dump::Figures;
use alloc_probe_format::metric::Metric;
use class::Class;
use findings::{Finding, Runs, findings};
use key::Functions;
use share::Matched;
use stack::Stack;
use std::cmp::{Ordering, Reverse};
use work::Unit;

/// What changed from one profile to another.
#[derive(Debug)]
pub struct Diff {
    /// Every site of both, matched or not: each side adds up to the sites of its profile.
    pub pairs: Vec<Pair>,
    /// How much was matched.
    pub matched: Matched,
    /// What stands in the way of matching more, in sentences; what is not said is not known to be wrong.
    pub obstacles: Vec<String>,
    /// How many times the base's work the new run seems to have done, where that is not once.
    pub work: Option<f64>,
    /// The units of work that both marked, the most often passed first.
    pub units: Vec<Unit>,
    /// What the resident memory of both consists of; none where one of the dumps does not know it.
    pub account: Option<Account>,
    /// Why their memory differs, the largest cause first.
    pub findings: Vec<Finding>,
    /// What became of the blocks of each pair, by its place in `pairs`; none where nothing did, or can be told.
    pub classes: Vec<Option<Class>>,
    /// How much more the new build is optimised than the base: greater where it is, equal where nothing can be told.
    pub optimisation: Ordering,
    functions: Functions,
}

/// How two groups of sites were matched, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchKind {
    /// The program's functions are the same from the allocation outwards.
    Exact,
    /// They are, apart from some that one of the builds does not show.
    Subsequence,
    /// The allocating function is the same, and its callers don't contradict each other.
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
#[derive(Clone, Debug)]
pub struct Sites {
    /// Indices into [`Profile::sites`].
    pub sites: Vec<u32>,
    /// Their figures added up.
    pub figures: Figures,
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

impl Diff {
    /// The pairs by their places in `pairs`, those first whose sides are furthest apart; of a class, if one is given.
    pub fn by_distance(&self, metric: Metric, only: Option<Class>) -> Vec<usize> {
        let wanted = |index: &usize| only.is_none() || self.classes[*index] == only;
        let mut pairs: Vec<usize> = (0..self.pairs.len()).filter(wanted).collect();
        pairs.sort_by_key(|index| Reverse(self.pairs[*index].distance(metric)));
        pairs
    }

    /// The unit of work to show figures by: that of a name, or else the most often passed one, if it was passed more than
    /// once.
    pub fn unit(&self, name: Option<&str>) -> Option<&Unit> {
        match name {
            Some(name) => self.units.iter().find(|unit| unit.name == name),
            None => self.units.first().filter(|unit| unit.base.max(unit.new) > 1),
        }
    }

    /// The classes that occur, with the figures of their pairs.
    pub fn sums(&self) -> Vec<class::Sum> {
        class::sums(&self.pairs, &self.classes)
    }

    /// The stacks of two sites side by side, one of each profile: the program's frames, or all of them.
    pub fn stack(&self, base: Option<&Site>, new: Option<&Site>, all_frames: bool) -> Stack {
        Stack::of(&self.functions, base, new, all_frames)
    }
}

/// Compares two profiles.
pub fn diff(base: &Profile, new: &Profile) -> Diff {
    let functions = Functions::of(&base.frames, &new.frames);
    let (base_groups, new_groups) =
        at_once(|| group::groups(&base.sites, &functions.base), || group::groups(&new.sites, &functions.new));
    let matches = matching::match_groups(&base_groups, &new_groups, &functions);
    let pairs: Vec<Pair> = matches
        .into_iter()
        .map(|matched| Pair {
            kind: matched.kind,
            base: sites(&matched.base, &base_groups),
            new: sites(&matched.new, &new_groups),
        })
        .collect();
    let matched = Matched::of(&pairs);
    let (classes, findings) = at_once(
        || class::classes(base, new, &functions, &pairs, &matched),
        || findings(&Runs { base, new, pairs: &pairs, functions: &functions }),
    );
    Diff {
        classes,
        optimisation: class::optimisation(&base.dump.build, &new.dump.build),
        findings,
        obstacles: obstacles::obstacles(base, new, &matched),
        work: work::factor(&pairs),
        units: work::units(&base.dump.marks, &new.dump.marks),
        account: Account::of(&base.dump, &new.dump),
        matched,
        pairs,
        functions,
    }
}

/// The sites of some groups; none of no group.
fn sites(members: &[u32], groups: &[group::Group]) -> Option<Sites> {
    let (first, rest) = members.split_first()?;
    let first = &groups[*first as usize];
    let mut sites = Sites { sites: first.sites.clone(), figures: first.figures };
    for group in rest.iter().map(|group| &groups[*group as usize]) {
        sites.sites.extend(&group.sites);
        sites.figures.add(&group.figures);
    }
    Some(sites)
}

#[cfg(test)]
mod tests;
