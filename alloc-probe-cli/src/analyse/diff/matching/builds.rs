//! What the parts of the matching know of both builds, and what comes of it.

use super::likeness::Likeness;
use super::tree::Tree;
use crate::analyse::diff::chain::{Group, Grouped};
use crate::analyse::diff::key::Functions;
use crate::analyse::diff::lines::Lines;
use crate::analyse::diff::pair::MatchKind;
use crate::profile::Profile;
use std::cmp::Ordering;

/// Groups of both builds that are the same, or groups that have no counterpart.
#[derive(Clone, Debug)]
pub(in crate::analyse::diff) struct Matched {
    /// How they were matched; none where one side is empty.
    pub(in crate::analyse::diff) kind: Option<MatchKind>,
    /// Groups of the base.
    pub(in crate::analyse::diff) base: Vec<u32>,
    /// Groups of the new build.
    pub(in crate::analyse::diff) new: Vec<u32>,
    /// The innermost place that all of them are at or below.
    pub(in crate::analyse::diff) place: u32,
}

/// How two builds were matched.
#[derive(Clone, Debug)]
pub(in crate::analyse::diff) struct Matching {
    /// Each group of either build is in one of these.
    pub(in crate::analyse::diff) matched: Vec<Matched>,
    /// For each place, where it was called from. Each comes after its caller's; the first is its own.
    pub(in crate::analyse::diff) callers: Vec<u32>,
}

/// One build: its groups, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub(in crate::analyse::diff) struct Build<'a> {
    pub(in crate::analyse::diff) grouped: &'a Grouped,
    pub(in crate::analyse::diff) profile: &'a Profile,
    /// Whether it may have lost frames that the other one has, as it's optimised, and more than the other one or in another
    /// way.
    pub(in crate::analyse::diff) may_lose: bool,
}

/// How the code of both builds is related.
#[derive(Clone, Copy, Debug)]
pub(in crate::analyse::diff) struct Code {
    /// How much more the new build of one version is optimised; equal where the code may be another.
    pub(in crate::analyse::diff) order: Ordering,
    /// Whether both are runs of one binary.
    pub(in crate::analyse::diff) is_one_binary: bool,
}

/// What the parts of the matching know.
pub(super) struct Builds<'a> {
    pub(super) groups: [&'a [Group]; 2],
    pub(super) trees: [&'a Tree; 2],
    pub(super) may_lose: [bool; 2],
    /// Whether a frame that a build lost can only have been lost to the optimiser: where both are optimised alike, the code
    /// may be another.
    pub(super) is_by_optimiser: bool,
    /// Whether both are runs of one binary: then a call is at its position, and nowhere else.
    pub(super) is_one_binary: bool,
    /// Whether a block has the same size in both builds: they are of one code, and every block was recorded with its size.
    pub(super) sizes_tell: bool,
    pub(super) functions: &'a Functions,
    pub(super) lines: &'a Lines,
    pub(super) likeness: Likeness,
}
