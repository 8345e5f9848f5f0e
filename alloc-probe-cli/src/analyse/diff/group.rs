//! Sites as two builds can be expected to agree on them.
//!
//! What the allocator, the runtime and the standard library put between the program's own frames differs with
//! the optimisation level and says nothing of where a block comes from. Without those frames, and with generic
//! arguments gone, many stacks become one: such a group is what gets matched.

use super::key::{FunctionId, Key};
use crate::profile::{FrameId, Role, Site};
use alloc_probe_format::dump::Figures;
use rustc_hash::FxHashMap;

/// A frame of a group's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Step {
    /// The function.
    pub(super) function: FunctionId,
    /// The line in it; 0 where it is not known.
    pub(super) line: u32,
}

/// All sites of one profile that share the program's part of their stack.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The program's frames, from the allocation outwards. Never empty where the stack was not.
    pub(super) chain: Box<[Step]>,
    /// For each of them, whether the next one out has another frame on the machine's stack: it was called from there,
    /// and not inlined.
    pub(super) called: Box<[bool]>,
    /// The sites, as indices into the profile's.
    pub(super) sites: Vec<u32>,
    /// The sites' figures added up.
    pub(super) figures: Figures,
}

impl Group {
    /// The function that allocates.
    pub(super) fn site(&self) -> Option<Step> {
        self.chain.first().copied()
    }

    /// The functions of the chain, from the allocation outwards.
    pub(super) fn functions(&self) -> impl Iterator<Item = FunctionId> + '_ {
        self.chain.iter().map(|step| step.function)
    }
}

/// Groups a profile's sites, in the order of each group's first.
pub(super) fn groups(sites: &[Site], keys: &[Key]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut by_chain: FxHashMap<Box<[Step]>, usize> = FxHashMap::default();
    let (mut chain, mut called) = (Vec::new(), Vec::new());
    for (index, site) in sites.iter().enumerate() {
        read_chain(site, keys, &mut chain, &mut called);
        let at = by_chain.get(chain.as_slice()).copied().unwrap_or_else(|| {
            by_chain.insert(chain.as_slice().into(), groups.len());
            groups.push(Group {
                chain: chain.as_slice().into(),
                called: vec![false; chain.len()].into(),
                sites: Vec::new(),
                figures: Figures::default(),
            });
            groups.len() - 1
        });
        groups[at].called.iter_mut().zip(&called).for_each(|(any, one)| *any |= one);
        groups[at].sites.push(index as u32);
        groups[at].figures.add(&site.figures);
    }
    groups
}

/// The program's part of a stack, frame by frame, and where it was called and not inlined.
fn read_chain(site: &Site, keys: &[Key], chain: &mut Vec<Step>, called: &mut Vec<bool>) {
    chain.clear();
    called.clear();
    let wanted = program_roles(site, keys);
    for frame in &site.frames {
        let key = keys[frame.0 as usize];
        if wanted(key.role) {
            chain.push(Step { function: key.function, line: key.line });
            called.push(false);
        }
        if let Some(last) = called.last_mut() {
            *last |= !key.inlined;
        }
    }
}

/// The program's frames of a stack. Where it has none, as for what the runtime allocates before `main`: those that
/// are not the allocator's.
pub(super) fn program_frames<'a>(site: &'a Site, keys: &'a [Key]) -> impl Iterator<Item = FrameId> + 'a {
    let wanted = program_roles(site, keys);
    site.frames.iter().copied().filter(move |frame| wanted(keys[frame.0 as usize].role))
}

/// Whether a frame of a stack is one of the program's, by whose code it is.
fn program_roles(site: &Site, keys: &[Key]) -> fn(Role) -> bool {
    let wanted: [fn(Role) -> bool; 2] = [|role| role == Role::Program, |role| role != Role::Allocator];
    let is_there =
        |wanted: &fn(Role) -> bool| site.frames.iter().any(|frame| wanted(keys[frame.0 as usize].role));
    wanted.into_iter().find(is_there).unwrap_or(|_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(function: u32, line: u32, role: Role) -> Key {
        Key { function: FunctionId(function), line, role, inlined: false }
    }

    fn site(frames: &[u32], total_bytes: u64) -> Site {
        Site {
            frames: frames.iter().copied().map(FrameId).collect(),
            figures: Figures { total_bytes, ..Figures::default() },
            ..Site::default()
        }
    }

    #[test]
    fn stacks_that_differ_in_glue_alone_are_one_group() {
        let keys = [
            key(0, 1, Role::Allocator),
            key(1, 2, Role::Standard),
            key(2, 3, Role::Program),
            key(3, 4, Role::Runtime),
            key(2, 9, Role::Program),
        ];
        // frames: grow, Vec::push, parse:3, start, parse:9
        let sites = [
            site(&[0, 1, 2, 3], 1),
            site(&[0, 2, 3], 2),
            site(&[0, 4, 3], 4),
            site(&[0, 3], 8),
            site(&[0], 16),
        ];
        let groups = groups(&sites, &keys);
        let sums: Vec<(usize, u64)> =
            groups.iter().map(|group| (group.sites.len(), group.figures.total_bytes)).collect();
        assert_eq!(sums, [(2, 3), (1, 4), (1, 8), (1, 16)]);
        let lines: Vec<u32> = groups.iter().filter_map(Group::site).map(|step| step.line).collect();
        assert_eq!(lines, [3, 9, 4, 1]);
    }
}
