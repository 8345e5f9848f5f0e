//! Which sites of two builds are the same.
//!
//! The calls of each build are a tree ([`tree`]), and the two trees are laid on each other from the outermost function
//! inwards (`align`, and `compared` at each place): calls of one name at one position are one call; a call that has no such counterpart is one of another
//! name, or at another line, or one that the other build lost, whichever explains best where the blocks below it are in
//! the other build. What is left over is moved to what the other side has too much, below the innermost callers that both
//! have in common (`residue`). So all blocks of one side go to those of the other, one site to several and several to one,
//! and nothing is counted twice.

mod align;
mod amount;
mod below;
mod builds;
mod compared;
mod few;
mod likeness;
mod node;
mod relation;
mod residue;
mod tree;

use super::key::Functions;
use super::lines::Lines;
use super::step::Step;
use crate::join::join;
use crate::profile::Profile;
use align::Alignment;
use alloc_probe_format::dump::Mode;
use builds::Builds;
pub(super) use builds::{Build, Code, Matching};
use likeness::Likeness;
use std::cmp::Ordering;
use tree::Tree;

/// Matches the groups of two builds. Each group is in exactly one of the results.
pub(super) fn match_groups(
    base: Build<'_>,
    new: Build<'_>,
    Code { order, is_one_binary }: Code,
    functions: &Functions,
    lines: &Lines,
) -> Matching {
    let (base_tree, new_tree) = join(
        || {
            Tree::of(base.grouped, base.profile, functions.count, |step: Step| {
                lines.in_new(step.function, step.line)
            })
        },
        || Tree::of(new.grouped, new.profile, functions.count, |step: Step| step.line),
    );
    let builds = Builds {
        groups: [&base.grouped.groups, &new.grouped.groups],
        trees: [&base_tree, &new_tree],
        may_lose: [base.may_lose, new.may_lose],
        is_by_optimiser: order != Ordering::Equal,
        is_one_binary,
        sizes_tell: order != Ordering::Equal && [base, new].iter().all(|build| has_sizes(build.profile)),
        functions,
        lines,
        likeness: Likeness::of([&base_tree, &new_tree], functions),
    };
    let alignment = Alignment::of(&builds);
    let callers = alignment.places.iter().map(|place| place.parent).collect();
    Matching { matched: residue::settle(&builds, &alignment), callers }
}

/// Whether a profile has the size of every block, and not of a sample.
fn has_sizes(profile: &Profile) -> bool {
    profile.dump.mode == Mode::Full && profile.sites.iter().any(|site| !site.sizes.is_empty())
}
