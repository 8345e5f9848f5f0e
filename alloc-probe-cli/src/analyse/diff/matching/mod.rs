//! Which sites of two builds are the same.
//!
//! The calls of each build are a tree ([`tree`]), and the two trees are laid on each other from the outermost function
//! inwards (`align`): calls of one name at one position are one call; a call that has no such counterpart is one of another
//! name, or at another line, or one that the other build lost, whichever explains best where the blocks below it are in
//! the other build. What is left over is moved to what the other side has too much, below the innermost callers that both
//! have in common (`residue`). So all blocks of one side go to those of the other, one site to several and several to one,
//! and nothing is counted twice.

mod align;
mod amount;
mod likeness;
mod residue;
mod tree;

use super::chain::{Group, Step};
use super::key::{FunctionId, Functions};
use super::lines::Lines;
use super::pair::MatchKind;
use crate::join::join;
use crate::profile::Profile;
use align::Alignment;
use likeness::Likeness;
use std::cmp::Ordering;
use tree::Tree;

/// The function of a tree's root, which is none.
const NOBODY: FunctionId = FunctionId(u32::MAX);

/// Groups of both builds that are the same, or groups that have no counterpart.
#[derive(Clone, Debug)]
pub(super) struct Matched {
    /// How they were matched; none where one side is empty.
    pub(super) kind: Option<MatchKind>,
    /// Groups of the base.
    pub(super) base: Vec<u32>,
    /// Groups of the new build.
    pub(super) new: Vec<u32>,
}

/// One build: its groups, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Build<'a> {
    pub(super) groups: &'a [Group],
    pub(super) profile: &'a Profile,
    /// Whether it may have lost frames that the other one has, as it's optimised, and more than the other one or in another
    /// way.
    pub(super) may_lose: bool,
}

/// What the parts of the matching know.
struct Builds<'a> {
    groups: [&'a [Group]; 2],
    trees: [&'a Tree; 2],
    may_lose: [bool; 2],
    /// Whether a frame that a build lost can only have been lost to the optimiser: where both are optimised alike, the code
    /// may be another.
    is_by_optimiser: bool,
    functions: &'a Functions,
    likeness: Likeness<'a>,
}

/// Matches the groups of two builds. Each group is in exactly one of the results.
pub(super) fn match_groups(
    base: Build<'_>,
    new: Build<'_>,
    order: Ordering,
    functions: &Functions,
    lines: &Lines,
) -> Vec<Matched> {
    let (base_tree, new_tree) = join(
        || {
            Tree::of(base.groups, base.profile, functions.count, |step: Step| {
                lines.in_new(step.function, step.line)
            })
        },
        || Tree::of(new.groups, new.profile, functions.count, |step: Step| step.line),
    );
    let builds = Builds {
        groups: [base.groups, new.groups],
        trees: [&base_tree, &new_tree],
        may_lose: [base.may_lose, new.may_lose],
        is_by_optimiser: order != Ordering::Equal,
        functions,
        likeness: Likeness::of([base.groups, new.groups], functions, lines),
    };
    let alignment = Alignment::of(&builds);
    residue::settle(&builds, &alignment)
}
