//! The two stacks of a pair, side by side.

use crate::analyse::diff::Diff;
use crate::analyse::diff::chain::shown_frames;
use crate::analyse::diff::key::{FunctionId, Functions, Key};
use crate::analyse::fold::Detail;
use crate::profile::{FrameId, Profile, Role, Site};

/// Longer stacks are not aligned: nobody reads that far.
const MAX_ALIGNED: usize = 512;

/// The stacks of two sites, or that of one, from the allocation outwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// What the allocating function called, where that is the standard library: `Vec::push`.
    pub called: Option<Step>,
    /// The frames. The first is the allocating function.
    pub steps: Vec<Step>,
}

/// A frame that is in both stacks, or in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The base's frame.
    pub base: Option<FrameId>,
    /// The new build's.
    pub new: Option<FrameId>,
}

/// A site of a profile; none where the profile has no counterpart.
type SiteOf<'a> = (&'a Profile, Option<&'a Site>);

impl Diff {
    /// The stacks of two sites side by side, one of each profile: the program's frames, or all of them.
    pub fn stack(&self, base: SiteOf<'_>, new: SiteOf<'_>, detail: Detail) -> Stack {
        Stack::of(&self.functions, base, new, detail)
    }
}

impl Stack {
    /// Lays the two side by side: the program's frames, or all of them.
    fn of(functions: &Functions, base: SiteOf<'_>, new: SiteOf<'_>, detail: Detail) -> Stack {
        let frames = |(profile, site): SiteOf<'_>, keys: &[Key]| -> Vec<FrameId> {
            match site {
                Some(site) => shown_frames(profile, site, (keys, functions), detail),
                None => Vec::new(),
            }
        };
        let (base_frames, new_frames) = (frames(base, &functions.base), frames(new, &functions.new));
        let called = Step { base: called(base, &functions.base), new: called(new, &functions.new) };
        Stack {
            called: (!detail.all_frames && (called.base.is_some() || called.new.is_some())).then_some(called),
            steps: align(functions, &base_frames, &new_frames),
        }
    }
}

/// The frame of the standard library that the innermost of the program's functions called.
fn called((profile, site): SiteOf<'_>, keys: &[Key]) -> Option<FrameId> {
    let role = |frame: &FrameId| keys[frame.0 as usize].role;
    let frames: Vec<FrameId> = profile.frames_of(site?).collect();
    let program = frames.iter().position(|frame| role(frame) == Role::Program)?;
    let inner = frames[..program].last()?;
    (role(inner) == Role::Standard).then_some(*inner)
}

/// Puts the frames of one function next to each other, as many as can be without changing either's order.
fn align(functions: &Functions, base: &[FrameId], new: &[FrameId]) -> Vec<Step> {
    let function = |keys: &[Key], frame: FrameId| -> FunctionId { keys[frame.0 as usize].function };
    let is_same =
        |base: FrameId, new: FrameId| function(&functions.base, base) == function(&functions.new, new);
    if base.len().max(new.len()) > MAX_ALIGNED {
        let base = base.iter().map(|frame| Step { base: Some(*frame), new: None });
        return base.chain(new.iter().map(|frame| Step { base: None, new: Some(*frame) })).collect();
    }
    // Nearly all stacks of a pair are the same as far as that.
    let common = base.iter().zip(new).take_while(|(base, new)| is_same(**base, **new)).count();
    let both = base.iter().zip(new).take(common);
    let mut steps: Vec<Step> = both.map(|(base, new)| Step { base: Some(*base), new: Some(*new) }).collect();
    let (base, new) = (&base[common..], &new[common..]);
    let same = |b: usize, n: usize| is_same(base[b], new[n]);
    // `longest[b][n]`: the most frames that the stacks share from there outwards.
    let mut longest = vec![vec![0_u32; new.len() + 1]; base.len() + 1];
    for b in (0..base.len()).rev() {
        for n in (0..new.len()).rev() {
            longest[b][n] =
                if same(b, n) { longest[b + 1][n + 1] + 1 } else { longest[b + 1][n].max(longest[b][n + 1]) };
        }
    }
    let (mut b, mut n) = (0, 0);
    while b < base.len() || n < new.len() {
        let both = b < base.len() && n < new.len();
        let take_both = both && same(b, n);
        let take_base = take_both || n == new.len() || (both && longest[b + 1][n] >= longest[b][n + 1]);
        let take_new = take_both || !take_base;
        steps.push(Step { base: take_base.then(|| base[b]), new: take_new.then(|| new[n]) });
        b += usize::from(take_base);
        n += usize::from(take_new);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(base: &[u32], new: &[u32]) -> Functions {
        let keys = |ids: &[u32]| -> Vec<Key> {
            ids.iter()
                .map(|id| Key {
                    function: FunctionId(*id),
                    of_type: *id,
                    line: 0,
                    column: 0,
                    role: Role::Program,
                })
                .collect()
        };
        Functions { base: keys(base), new: keys(new), count: 9, ..Functions::default() }
    }

    /// Aligns two stacks of functions; frames are written by their place in their own stack.
    fn aligned(base: &[u32], new: &[u32]) -> String {
        let ids = |stack: &[u32]| (0..stack.len() as u32).map(FrameId).collect::<Vec<_>>();
        let steps = align(&functions(base, new), &ids(base), &ids(new));
        let frame = |frame: Option<FrameId>| frame.map_or("-".to_owned(), |frame| frame.0.to_string());
        steps.iter().map(|step| frame(step.base) + &frame(step.new)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn frames_of_one_function_stand_side_by_side() {
        assert_eq!(aligned(&[1, 2, 3], &[1, 2, 3]), "00 11 22");
        assert_eq!(aligned(&[1, 2, 3], &[1, 3]), "00 1- 21");
        assert_eq!(aligned(&[1, 3], &[1, 2, 3]), "00 -1 12");
        assert_eq!(aligned(&[1, 2, 3], &[1, 4, 3]), "00 1- -1 22");
        assert_eq!(aligned(&[], &[1, 2]), "-0 -1");
        assert_eq!(aligned(&[5, 5, 1], &[5, 1]), "00 1- 21");
    }
}
