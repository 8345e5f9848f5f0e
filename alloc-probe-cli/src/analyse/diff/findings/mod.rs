//! Why the memory of two runs differs, in words: findings, each with its evidence, its size, its sites and what to do.
//!
//! Each kind has a file of its own. It looks at both profiles, at the pairs and at the account of their memory, and says
//! nothing where there is no evidence.

use super::Pair;
use super::causes::Account;
use crate::profile::Profile;
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
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it says happened.
    pub kind: Kind,
    /// The finding in a sentence with its figure.
    pub headline: String,
    /// How many bytes of the new run's memory it explains: less than zero where the base has more of it.
    pub bytes: i64,
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
    pub(super) account: Option<&'a Account>,
}

/// What finds one kind.
type Finder = fn(&Runs<'_>) -> Vec<Finding>;

const FINDERS: [Finder; 0] = [];

/// Everything that can be said, the largest first.
pub(super) fn findings(runs: &Runs<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = FINDERS.iter().flat_map(|find| find(runs)).collect();
    findings.sort_by_key(|finding| Reverse(finding.bytes.unsigned_abs()));
    findings
}
