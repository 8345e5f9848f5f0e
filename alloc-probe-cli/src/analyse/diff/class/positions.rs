//! What both runs allocate at one position of the code, whoever calls it.
//!
//! Of builds of one code, a site that one run has alone may still be at a position where the other allocates, too, below callers
//! that look otherwise there: an inlined one, or a thread that took over work. Nobody can say then that only one run has
//! these blocks.

use crate::analyse::diff::key::{Functions, Key};
use crate::analyse::diff::pair::Pair;
use crate::analyse::diff::step::program_frames;
use crate::profile::{FrameId, Profile, Role};
use alloc_probe_format::metric::Metric;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;

/// A function and a line in it.
type Position = (u32, u32);

/// The blocks of both runs, by position.
pub(super) struct Positions {
    /// For each pair that one run has alone, its position.
    of_pairs: FxHashMap<usize, Position>,
    blocks: FxHashMap<Position, [u64; 2]>,
}

impl Positions {
    pub(super) fn of(profiles: [&Profile; 2], functions: &Functions, pairs: &[Pair]) -> Positions {
        let keys = [&functions.base, &functions.new];
        let mut of_pairs = FxHashMap::default();
        for (index, pair) in pairs.iter().enumerate() {
            let (side, sites) = match (&pair.base, &pair.new) {
                (Some(sites), None) => (0, sites),
                (None, Some(sites)) => (1, sites),
                _ => continue,
            };
            let position = position(profiles[side], sites.sites.first().copied(), keys[side]);
            of_pairs.extend(position.map(|position| (index, position)));
        }
        let mut blocks: FxHashMap<Position, [u64; 2]> =
            of_pairs.values().map(|position| (*position, [0; 2])).collect();
        if blocks.is_empty() {
            return Positions { of_pairs, blocks };
        }
        for (side, profile) in profiles.into_iter().enumerate() {
            for (number, site) in (0..).zip(&profile.sites) {
                let position = position(profile, Some(number), keys[side]);
                if let Some(sums) = position.and_then(|position| blocks.get_mut(&position)) {
                    sums[side] = sums[side].saturating_add(site.figures.total_blocks);
                }
            }
        }
        Positions { of_pairs, blocks }
    }

    /// Whether the run that lacks a pair allocates at its position, too.
    pub(super) fn have_both(&self, pair: usize) -> bool {
        self.at(pair).is_some_and(|sums| !sums.contains(&0))
    }

    /// The function that a pair which one run has alone is allocated in.
    pub(super) fn function(&self, pair: usize) -> Option<u32> {
        self.of_pairs.get(&pair).map(|(function, _)| *function)
    }

    /// Whether the new run did more at the position of such a pair, or less, where the position as a whole says so, by so many
    /// blocks at least.
    pub(super) fn work(&self, index: usize, pair: &Pair, least: u64) -> Option<Ordering> {
        let [base, new] = self.at(index).filter(|sums| !sums.contains(&0))?;
        let (was, is) = pair.of(Metric::TotalBlocks);
        let is_telling = base.abs_diff(new) >= was.abs_diff(is).max(least) / 2;
        match (is_telling, base < new, was < is) {
            (true, true, true) => Some(Ordering::Greater),
            (true, false, false) => Some(Ordering::Less),
            _ => None,
        }
    }

    fn at(&self, pair: usize) -> Option<[u64; 2]> {
        self.blocks.get(self.of_pairs.get(&pair)?).copied()
    }
}

/// Where a site allocates: the innermost of the program's frames.
fn position(profile: &Profile, site: Option<u32>, keys: &[Key]) -> Option<Position> {
    let site = profile.sites.get(site? as usize)?;
    // PERF: nearly all stacks have a frame of the program's, and it is near.
    let is_program = |frame: &FrameId| keys[frame.0 as usize].role == Role::Program;
    let innermost = profile.frames_of(site).find(is_program);
    let frame = innermost.or_else(|| program_frames(profile, site, keys).first().copied())?;
    let Key { function, line, .. } = keys[frame.0 as usize];
    Some((function.0, line))
}
