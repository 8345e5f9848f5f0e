//! What only a build with debug assertions does.
//!
//! Such a build has functions that the other one has not. That a stack shows one says little by itself, as the optimiser may
//! have removed all that a function allocates. But it can't remove a block that grows: the code for that is a call, which it
//! keeps. So a function of which the other build shows nothing, neither under its own name nor under another, and which
//! makes blocks grow, was not called there.

use crate::analyse::diff::key::Functions;
use crate::analyse::diff::pair::Pair;
use crate::analyse::diff::step::program_frames;
use crate::profile::{Frame, FrameId, Profile, Role};
use crate::source::names;
use alloc_probe_format::dump::Build;
use rustc_hash::FxHashMap;

/// Whether two builds are of one version of a program.
pub(super) fn is_one_version(base: &Build, new: &Build) -> bool {
    (&base.crate_name, &base.crate_version) == (&new.crate_name, &new.crate_version)
}

/// What is known of a function that one build alone shows.
#[derive(Default)]
struct Found {
    /// Whether blocks grow below it.
    grows: bool,
    /// Whether the other build has part of what is below it, under whatever name.
    has_counterpart: bool,
}

/// For each pair, whether its blocks are made by what only the build with debug assertions calls. `shown` says of each
/// function whether either build shows it.
pub(super) fn debug_only(
    builds: [&Profile; 2],
    functions: &Functions,
    pairs: &[Pair],
    shown: &[Vec<bool>; 2],
) -> Vec<bool> {
    let mut debug_only = vec![false; pairs.len()];
    let [base, new] = builds.map(|profile| &profile.dump.build);
    let side = usize::from(new.debug_assertions);
    if base.debug_assertions == new.debug_assertions || !is_one_version(base, new) {
        return debug_only;
    }
    let (profile, keys) = (builds[side], [&functions.base, &functions.new][side]);
    let grows: Vec<bool> = profile.frames.iter().map(is_growth).collect();
    let grows = profile.stacks.rows_with(|frame| grows[frame.0 as usize]);
    // The outermost function that the other build doesn't show, called by one that it does.
    let function = |site: u32| {
        let mut frames = program_frames(profile, &profile.sites[site as usize], keys).into_iter().rev();
        let is_shown = |frame: &FrameId| shown[1 - side][keys[frame.0 as usize].function.0 as usize];
        let _caller = frames.next().filter(is_shown)?;
        let function = keys[frames.find(|frame| !is_shown(frame))?.0 as usize].function;
        functions.known[function.0 as usize].is_named.then_some(function.0)
    };
    let mut found: FxHashMap<u32, Found> = FxHashMap::default();
    for pair in pairs {
        for site in sites(pair, side) {
            let Some(function) = function(*site) else { continue };
            let of = found.entry(function).or_default();
            let site = &profile.sites[*site as usize];
            of.has_counterpart |= pair.kind.is_some();
            of.grows |= site.figures.realloc_calls > 0 || grows[site.stack as usize];
        }
    }
    let is_so = |site: &u32| {
        function(*site).is_some_and(|function| found[&function].grows && !found[&function].has_counterpart)
    };
    for (pair, debug_only) in pairs.iter().zip(&mut debug_only).filter(|(pair, _)| pair.kind.is_none()) {
        let sites = sites(pair, side);
        *debug_only = !sites.is_empty() && sites.iter().all(is_so);
    }
    debug_only
}

/// The sites that a pair has on one side.
fn sites(pair: &Pair, side: usize) -> &[u32] {
    let sites = if side == 0 { &pair.base } else { &pair.new };
    sites.as_ref().map_or(&[], |sites| &sites.sites)
}

/// Whether a frame is of the standard library's function by which collections grow.
fn is_growth(frame: &Frame) -> bool {
    frame.role == Role::Allocator && names::own_name(&names::short_name(&frame.function)) == "finish_grow"
}
