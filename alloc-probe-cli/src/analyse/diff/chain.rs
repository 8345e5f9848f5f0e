//! Sites as two builds can be expected to agree on them.
//!
//! What the allocator, the runtime and the standard library put between the program's own frames differs with
//! the optimisation level and says nothing of where a block comes from. Without those frames, and with recursion folded,
//! many stacks become one: such a group is what gets matched.

use super::key::{Functions, Key};
use super::lost::Lost;
use super::step::{Step, program_roles, recurring};
use crate::analyse::fold::Detail;
use crate::analyse::fold::chains::{Chains, Link, Links, Place, Reading};
use crate::analyse::fold::turns::{Folding, Turns};
use crate::profile::{FrameId, Profile, Site};
use crate::source::roles::{TELLING, Test};
use alloc_probe_format::dump::Figures;
use rustc_hash::FxHashMap;

/// All sites of one profile that share the program's part of their stack, once recursion is folded.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The innermost call of that part, in the tree of all. The root only where a stack has no frames.
    pub(super) call: u32,
    /// The sites, as indices into the profile's.
    pub(super) sites: Vec<u32>,
    /// The sites' figures added up.
    pub(super) figures: Figures,
    /// How many turns of recursion were folded, least and most.
    pub(super) turns: Turns,
    /// Whether it has frames that were put back.
    pub(super) is_restored: bool,
}

/// The groups of a profile, and the calls that led to them.
#[derive(Debug)]
pub(super) struct Grouped {
    /// The calls of the program, from the outermost inwards, as a tree.
    pub(super) chains: Chains<Step>,
    /// The groups, in the order of each one's first site.
    pub(super) groups: Vec<Group>,
}

/// How the program's part of a stack is read, with what was lost put back.
struct Program<'l> {
    links: Links<Step>,
    lost: &'l Lost,
}

impl Reading<Step> for Program<'_> {
    fn link(&self, frame: FrameId) -> Option<Link<Step>> {
        self.links.link(frame)
    }

    fn between(&self, outer: FrameId, inner: FrameId) -> &[Link<Step>] {
        self.lost.between(outer.0, inner.0).unwrap_or_default()
    }
}

/// Groups a profile's sites.
pub(super) fn group(profile: &Profile, keys: &[Key], functions: &Functions, lost: &Lost) -> Grouped {
    let (sites, stacks) = (&profile.sites, &profile.stacks);
    let mut chains = Chains::default();
    let mut places = vec![Place::default(); sites.len()];
    let mut left: Vec<u32> = (0..sites.len() as u32).collect();
    let any: (Test, Test) = (|_| true, |_| true);
    for (is_of, tells) in TELLING.into_iter().chain([any]) {
        let has_any = stacks.rows_with(|frame| is_of(keys[frame.0 as usize].role));
        let row = |site: &u32| sites[*site as usize].stack;
        let (of, others): (Vec<u32>, Vec<u32>) =
            left.into_iter().partition(|site| has_any[row(site) as usize]);
        left = others;
        if of.is_empty() {
            continue;
        }
        let links = Links(keys.iter().map(|key| tells(key.role).then(|| link(*key, functions))).collect());
        let read = chains.read_rows(stacks, of.iter().map(row), &Program { links, lost });
        of.iter().for_each(|site| places[*site as usize] = read[row(site) as usize]);
    }
    if Links(keys.iter().map(|key| Some(link(*key, functions))).collect()).have_twins() {
        let same = chains.join_twins();
        places.iter_mut().for_each(|place| place.call = same[place.call as usize]);
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut of_calls = vec![u32::MAX; chains.calls.len()];
    for (index, (site, place)) in (0..).zip(sites.iter().zip(places)) {
        let of_call = &mut of_calls[place.call as usize];
        if *of_call == u32::MAX {
            *of_call = groups.len() as u32;
            groups.push(Group {
                call: place.call,
                sites: Vec::new(),
                figures: Figures::default(),
                turns: Turns::of(place.turns),
                is_restored: false,
            });
        }
        let group = &mut groups[*of_call as usize];
        group.turns.add(place.turns);
        group.is_restored |= place.is_restored;
        group.sites.push(index);
        group.figures.add(&site.figures);
    }
    Grouped { chains, groups }
}

/// What a call by a function of the program is in chains.
fn link(key: Key, functions: &Functions) -> Link<Step> {
    let Key { function, of_type, line, column, .. } = key;
    Link { step: Step { function, line, column }, function: recurring(functions, function, of_type) }
}

/// The program's frames of a stack, or all of them, from the allocation outwards; with recursion folded, unless each stack
/// is shown by itself.
pub(super) fn shown_frames(
    profile: &Profile,
    site: &Site,
    (keys, functions): (&[Key], &Functions),
    detail: Detail,
) -> Vec<FrameId> {
    let mut shown: Vec<FrameId> = profile.frames_of(site).collect();
    let wanted = program_roles(&shown, keys);
    shown.retain(|frame| detail.all_frames || wanted(keys[frame.0 as usize].role));
    if detail.all_stacks {
        return shown;
    }
    // PERF: numbers of this stack alone: there are thousands of functions, and room for all of them would be had each time.
    let mut numbers: FxHashMap<u32, u32> = FxHashMap::default();
    let with_numbers = shown.into_iter().rev().map(|frame| {
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
    use crate::analyse::diff::key::FunctionId;
    use crate::analyse::fold::chains::ROOT;
    use crate::analyse::functions::Function;
    use crate::profile::Role;

    fn key(function: u32, line: u32, role: Role) -> Key {
        Key { function: FunctionId(function), of_type: function, line, column: 0, role }
    }

    /// A profile with a site for each of these stacks, with so many bytes.
    fn profile(stacks: &[(&[u32], u64)]) -> Profile {
        let mut profile = Profile::default();
        for (frames, total_bytes) in stacks {
            let stack = profile.stacks.add(frames.iter().copied().map(FrameId));
            let figures = Figures { total_bytes: *total_bytes, ..Figures::default() };
            profile.sites.push(Site { stack, figures, ..Site::default() });
        }
        profile
    }

    fn functions(count: usize) -> Functions {
        let known = vec![Function { file: None, is_named: true, is_known: true }; count];
        Functions { count, known, ..Functions::default() }
    }

    /// The steps of a group's chain, the innermost first.
    fn chain(grouped: &Grouped, group: usize) -> Vec<Step> {
        let calls = &grouped.chains.calls;
        let mut at = grouped.groups[group].call;
        let mut steps = Vec::new();
        while at != ROOT {
            steps.push(calls[at as usize].step);
            at = calls[at as usize].caller;
        }
        steps
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
        let stacks: [(&[u32], u64); 5] =
            [(&[0, 1, 2, 3], 1), (&[0, 2, 3], 2), (&[0, 4, 3], 4), (&[0, 3], 8), (&[0], 16)];
        let grouped = group(&profile(&stacks), &keys, &functions(4), &Lost::default());
        let groups = grouped.groups.iter();
        let sums: Vec<(usize, u64)> =
            groups.map(|group| (group.sites.len(), group.figures.total_bytes)).collect();
        assert_eq!(sums, [(2, 3), (1, 4), (1, 8), (1, 16)]);
        let lines: Vec<u32> = (0..4).filter_map(|group| Some(chain(&grouped, group).first()?.line)).collect();
        assert_eq!(lines, [3, 9, 4, 1]);
    }

    #[test]
    fn all_depths_of_a_recursion_are_one_group() {
        let program = |function, line| key(function, line, Role::Program);
        // frames: leaf:1, f:2, g:3, main:4
        let keys = [program(0, 1), program(1, 2), program(2, 3), program(3, 4)];
        let profile = profile(&[(&[0, 1, 3], 1), (&[0, 1, 2, 1, 3], 2), (&[0, 1, 1, 2, 1, 3], 4)]);
        let functions = functions(4);
        let groups = group(&profile, &keys, &functions, &Lost::default()).groups;
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].turns.least, groups[0].turns.most), (0, 2));
        let shown = |detail| shown_frames(&profile, &profile.sites[2], (&keys, &functions), detail);
        assert_eq!(shown(Detail::default()), [0, 1, 3].map(FrameId));
        assert_eq!(shown(Detail { all_stacks: true, all_frames: false }), [0, 1, 1, 2, 1, 3].map(FrameId));
    }

    #[test]
    fn functions_of_one_name_and_two_types_are_no_recursion() {
        let program = |function, line| key(function, line, Role::Program);
        // frames: leaf:1, Ident::fmt:2, write:3, Statement::fmt:4
        let keys = [program(0, 1), program(1, 2), program(2, 3), Key { of_type: 3, ..program(1, 4) }];
        let functions = functions(3);
        let profile = profile(&[(&[0, 1, 2, 3], 1), (&[0, 1, 2, 1, 2, 3], 1)]);
        let grouped = group(&profile, &keys, &functions, &Lost::default());
        assert_eq!((grouped.groups.len(), chain(&grouped, 0).len()), (1, 4));
        assert_eq!((grouped.groups[0].turns.least, grouped.groups[0].turns.most), (0, 1));
        let shown = shown_frames(&profile, &profile.sites[0], (&keys, &functions), Detail::default());
        assert_eq!(shown, [0, 1, 2, 3].map(FrameId));
    }
}
