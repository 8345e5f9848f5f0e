//! Sites as two builds can be expected to agree on them.
//!
//! What the allocator, the runtime and the standard library put between the program's own frames differs with
//! the optimisation level and says nothing of where a block comes from. Without those frames, and with recursion folded,
//! many stacks become one: such a group is what gets matched.

use super::key::{FunctionId, Functions, Key};
use super::lost::Lost;
use super::step::{Step, program_frames, program_roles};
use crate::analyse::fold::Detail;
use crate::analyse::fold::turns::{Folding, Turns};
use crate::profile::{FrameId, Site};
use alloc_probe_format::dump::Figures;
use rustc_hash::FxHashMap;

/// All sites of one profile that share the program's part of their stack, once recursion is folded.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The program's frames, from the outermost to the one that allocates. Never empty where the stack was not.
    pub(super) chain: Box<[Step]>,
    /// The sites, as indices into the profile's.
    pub(super) sites: Vec<u32>,
    /// The sites' figures added up.
    pub(super) figures: Figures,
    /// How many turns of recursion were folded, least and most.
    pub(super) turns: Turns,
    /// Whether it has frames that were put back.
    pub(super) is_restored: bool,
}

/// Groups a profile's sites, in the order of each group's first.
pub(super) fn groups(sites: &[Site], keys: &[Key], functions: &Functions, lost: &Lost) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut by_chain: FxHashMap<Box<[Step]>, usize> = FxHashMap::default();
    let mut folding = Folding::new(functions.types);
    let (mut stack, mut chain) = (Vec::new(), Vec::new());
    for (index, site) in sites.iter().enumerate() {
        let is_restored = read_stack(site, keys, lost, &mut stack);
        let turns = folding.fold(
            stack.iter().copied(),
            |(step, of_type)| recurring(functions, step.function, *of_type),
            |kept| {
                chain.clear();
                chain.extend(kept.iter().map(|(step, _)| *step));
            },
        );
        let at = by_chain.get(chain.as_slice()).copied().unwrap_or_else(|| {
            by_chain.insert(chain.as_slice().into(), groups.len());
            groups.push(Group {
                chain: chain.as_slice().into(),
                sites: Vec::new(),
                figures: Figures::default(),
                turns: Turns::of(turns),
                is_restored: false,
            });
            groups.len() - 1
        });
        let group = &mut groups[at];
        group.turns.add(turns);
        group.is_restored |= is_restored;
        group.sites.push(index as u32);
        group.figures.add(&site.figures);
    }
    groups
}

/// The program's part of a stack, from the outermost frame inwards, with what was lost put back: each call with its
/// function by type. Whether anything was.
fn read_stack(site: &Site, keys: &[Key], lost: &Lost, stack: &mut Vec<(Step, u32)>) -> bool {
    stack.clear();
    let mut is_restored = false;
    let mut outer: Option<FrameId> = None;
    for frame in program_frames(site, keys).rev() {
        if let Some(between) = outer.and_then(|outer| lost.between(outer.0, frame.0)) {
            stack.extend_from_slice(between);
            is_restored = true;
        }
        let key = keys[frame.0 as usize];
        stack.push((Step { function: key.function, line: key.line, column: key.column }, key.of_type));
        outer = Some(frame);
    }
    is_restored
}

/// The number of a function by its type, where it can be seen to recur.
fn recurring(functions: &Functions, function: FunctionId, of_type: u32) -> Option<u32> {
    functions.known[function.0 as usize].is_named.then_some(of_type)
}

/// The program's frames of a stack, or all of them, from the allocation outwards; with recursion folded, unless each stack
/// is shown by itself.
pub(super) fn shown_frames(site: &Site, keys: &[Key], functions: &Functions, detail: Detail) -> Vec<FrameId> {
    let wanted = program_roles(site, keys);
    let is_shown = |frame: &FrameId| detail.all_frames || wanted(keys[frame.0 as usize].role);
    let shown = site.frames.iter().copied().filter(is_shown);
    if detail.all_stacks {
        return shown.collect();
    }
    // PERF: numbers of this stack alone: there are thousands of functions, and room for all of them would be had each time.
    let mut numbers: FxHashMap<u32, u32> = FxHashMap::default();
    let with_numbers = shown.rev().map(|frame| {
        let key = &keys[frame.0 as usize];
        let function = recurring(functions, key.function, key.of_type).filter(|_| wanted(key.role));
        let next = numbers.len() as u32;
        (frame, function.map(|function| *numbers.entry(function).or_insert(next)))
    });
    let with_numbers: Vec<(FrameId, Option<u32>)> = with_numbers.collect();
    let mut folded = Vec::new();
    Folding::new(numbers.len()).fold(
        with_numbers.into_iter(),
        |(_, number)| *number,
        |frames| folded.extend(frames.iter().rev().map(|(frame, _)| *frame)),
    );
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::functions::Function;
    use crate::profile::Role;

    fn key(function: u32, line: u32, role: Role) -> Key {
        Key { function: FunctionId(function), of_type: function, line, column: 0, role }
    }

    fn site(frames: &[u32], total_bytes: u64) -> Site {
        Site {
            frames: frames.iter().copied().map(FrameId).collect(),
            figures: Figures { total_bytes, ..Figures::default() },
            ..Site::default()
        }
    }

    fn functions(count: usize) -> Functions {
        let known = vec![Function { file: None, is_named: true, is_known: true }; count];
        Functions { base: Vec::new(), new: Vec::new(), count, types: count, known }
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
        let groups = groups(&sites, &keys, &functions(4), &Lost::default());
        let sums: Vec<(usize, u64)> =
            groups.iter().map(|group| (group.sites.len(), group.figures.total_bytes)).collect();
        assert_eq!(sums, [(2, 3), (1, 4), (1, 8), (1, 16)]);
        let lines: Vec<u32> = groups.iter().filter_map(|group| Some(group.chain.last()?.line)).collect();
        assert_eq!(lines, [3, 9, 4, 1]);
    }

    #[test]
    fn all_depths_of_a_recursion_are_one_group() {
        let program = |function, line| key(function, line, Role::Program);
        // frames: leaf:1, f:2, g:3, main:4
        let keys = [program(0, 1), program(1, 2), program(2, 3), program(3, 4)];
        let sites = [site(&[0, 1, 3], 1), site(&[0, 1, 2, 1, 3], 2), site(&[0, 1, 1, 2, 1, 3], 4)];
        let groups = groups(&sites, &keys, &functions(4), &Lost::default());
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].turns.least, groups[0].turns.most), (0, 2));
        let shown = |detail| shown_frames(&sites[2], &keys, &functions(4), detail);
        assert_eq!(shown(Detail::default()), [0, 1, 3].map(FrameId));
        assert_eq!(shown(Detail { all_stacks: true, all_frames: false }), sites[2].frames);
    }
    #[test]
    fn functions_of_one_name_and_two_types_are_no_recursion() {
        let program = |function, line| key(function, line, Role::Program);
        // frames: leaf:1, Ident::fmt:2, write:3, Statement::fmt:4
        let keys = [program(0, 1), program(1, 2), program(2, 3), Key { of_type: 3, ..program(1, 4) }];
        let functions = Functions { types: 4, ..functions(3) };
        let group = |frames: &[u32]| {
            let groups = groups(&[site(frames, 1)], &keys, &functions, &Lost::default());
            (groups[0].chain.len(), groups[0].turns.most)
        };
        assert_eq!(group(&[0, 1, 2, 3]), (4, 0));
        assert_eq!(group(&[0, 1, 2, 1, 2, 3]), (4, 1));
        let shown = shown_frames(&site(&[0, 1, 2, 3], 1), &keys, &functions, Detail::default());
        assert_eq!(shown, [0, 1, 2, 3].map(FrameId));
    }
}
