//! What of a stack is worth showing.
//!
//! A whole stack begins with the allocator's machinery and ends with the runtime's, which are the same in every
//! stack and tell nothing. What is between is shown, but for the runtime's frames there: an executor may stand
//! between two of the program's functions with ten of its own.

pub mod chains;
pub mod stacks;
pub mod turns;

use crate::profile::{Frame, FrameId, Profile, Role, Site};
use crate::source::paths::Origin;

/// How much of the stacks is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Whether the frames of the allocator and the runtime are shown as well.
    pub all_frames: bool,
    /// Whether each stack is shown by itself, with every turn of a recursion.
    pub all_stacks: bool,
}

/// The frames of a site to show, from the allocation outwards: all of them, or those that tell something.
pub fn visible(profile: &Profile, site: &Site, all_frames: bool) -> Vec<FrameId> {
    let frames: Vec<FrameId> = profile.frames_of(site).collect();
    if all_frames {
        return frames;
    }
    let roles: Vec<Role> = frames.iter().map(|id| frame(profile, *id).role).collect();
    keep(&roles).into_iter().map(|index| frames[index]).collect()
}

/// The index of the frame a stack is named after: the innermost of the project's own functions; else of a
/// dependency's, and be it an executor's; else the outermost, which says best what the standard library was doing
/// on its own account. None in an empty stack.
pub fn headline(frames: &[&Frame]) -> Option<usize> {
    let operations = frames.iter().rev().take_while(|frame| frame.role == Role::Operation).count();
    let frames = if operations < frames.len() { &frames[..frames.len() - operations] } else { frames };
    let innermost = |wanted: fn(&Frame) -> bool| frames.iter().position(|frame| wanted(frame));
    innermost(is_own)
        .or_else(|| innermost(|frame| frame.role == Role::Program && is_rust(frame)))
        .or_else(|| innermost(|frame| frame.role == Role::Program))
        .or_else(|| innermost(|frame| matches!(origin(frame), Some(Origin::Package(_)))))
        .or(frames.len().checked_sub(1))
}

/// Whether a frame's code is the project's, and not from a registry or a git checkout.
pub fn is_own(frame: &Frame) -> bool {
    frame.role == Role::Program && is_rust(frame) && matches!(origin(frame), Some(Origin::Project(_)))
}

/// Whether a frame is of a Rust function, by its file, or else by its path: a library in C may lie anywhere, with its
/// files beside the project's, and without any.
pub fn is_rust(frame: &Frame) -> bool {
    match &frame.file {
        Some(file) => file.ends_with(".rs"),
        None => frame.function.contains("::"),
    }
}

fn origin(frame: &Frame) -> Option<Origin<'_>> {
    frame.source().map(|source| source.origin)
}

/// The frame that an id of the same profile stands for.
pub fn frame(profile: &Profile, id: FrameId) -> &Frame {
    &profile.frames[id.0 as usize]
}

/// The indices of the frames that tell something, by their roles from the allocation outwards.
fn keep(roles: &[Role]) -> Vec<usize> {
    let operations = roles.iter().rev().take_while(|role| **role == Role::Operation).count();
    let (roles, operations) = roles.split_at(roles.len() - operations);
    let mut kept = keep_calls(roles);
    kept.extend(roles.len()..roles.len() + operations.len());
    kept
}

/// The same, of the frames inward of operations.
fn keep_calls(roles: &[Role]) -> Vec<usize> {
    let start = roles.iter().position(|role| *role != Role::Allocator).unwrap_or(0);
    let Some(innermost) = roles.iter().position(|role| *role == Role::Program) else {
        // The runtime's own allocation. How it came to run tells nothing, but something must be left.
        let is_runtime = |index: &usize| roles[*index] == Role::Runtime;
        let end = (start + 1..roles.len()).rev().find(|index| !is_runtime(index)).unwrap_or(start);
        return (start..roles.len().min(end + 1)).collect();
    };
    // Whatever the innermost of the program's functions called says what it was doing: the runtime's as well.
    let mut kept: Vec<usize> = (start..=innermost).collect();
    // The standard library's frames outside of it belong to whoever called them.
    let mut caller = Role::Runtime;
    let mut outer: Vec<usize> = Vec::new();
    for index in (innermost + 1..roles.len()).rev() {
        if roles[index] != Role::Standard {
            caller = roles[index];
        }
        if caller == Role::Program || caller == Role::Allocator {
            outer.push(index);
        }
    }
    kept.extend(outer.into_iter().rev());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roles by letter, innermost first: a(llocator), s(tandard), p(rogram), r(untime).
    fn kept(roles: &str) -> String {
        let parsed: Vec<Role> = roles
            .chars()
            .map(|letter| match letter {
                'a' => Role::Allocator,
                's' => Role::Standard,
                'r' => Role::Runtime,
                'o' => Role::Operation,
                _ => Role::Program,
            })
            .collect();
        keep(&parsed).into_iter().map(|index| roles.as_bytes()[index] as char).collect()
    }

    #[test]
    fn both_ends_are_folded_away() {
        assert_eq!(kept("aaasppsprr"), "sppsp");
        assert_eq!(kept("aasp"), "sp");
        assert_eq!(kept("pr"), "p");
        assert_eq!(kept("aaasppsprroo"), "sppspoo");
        assert_eq!(kept("aasrro"), "so");
        assert_eq!(kept("o"), "o");
    }

    #[test]
    fn the_runtime_between_the_programs_functions_is_folded_away_with_its_helpers() {
        assert_eq!(kept("aaprrsrsprr"), "psp");
        assert_eq!(kept("aapsprsrr"), "psp");
    }

    #[test]
    fn what_the_innermost_function_called_is_kept_whoever_wrote_it() {
        assert_eq!(kept("aasrsrprr"), "srsrp");
    }

    #[test]
    fn an_allocation_while_the_collector_grows_inside_is_kept() {
        assert_eq!(kept("aaspappr"), "spapp");
    }

    #[test]
    fn a_stack_is_named_after_the_projects_own_function() {
        let check = |frames: &[(Role, Option<&str>)], expected: Option<usize>| {
            let frames: Vec<Frame> = frames
                .iter()
                .map(|(role, file)| Frame {
                    function: "f".into(),
                    path_guessed: false,
                    file: file.map(str::to_owned),
                    author: None,
                    line: None,
                    column: None,
                    inlined: false,
                    image: None,
                    role: *role,
                })
                .collect();
            assert_eq!(headline(&frames.iter().collect::<Vec<_>>()), expected);
        };
        let (std, own) = (Some("/rustc/1/library/alloc/src/vec/mod.rs"), Some("/w/orders/src/main.rs"));
        let dependency = Some("/root/.cargo/registry/src/i/serde_json-1.0.140/src/de.rs");
        check(&[(Role::Standard, std), (Role::Program, dependency), (Role::Program, own)], Some(2));
        check(&[(Role::Standard, std), (Role::Program, dependency), (Role::Program, None)], Some(1));
        check(&[(Role::Standard, std), (Role::Runtime, dependency), (Role::Runtime, std)], Some(1));
        check(&[(Role::Standard, std), (Role::Standard, std)], Some(1));
        check(&[], None);
        // Code in C is nobody's own, be it beside the project's; where there is nothing else, it says most.
        let c = Some("/w/orders/vendor/zlib/deflate.c");
        check(&[(Role::Program, c), (Role::Program, own)], Some(1));
        check(&[(Role::Program, None), (Role::Program, c), (Role::Program, dependency)], Some(2));
        check(&[(Role::Standard, std), (Role::Program, c)], Some(1));
    }

    #[test]
    fn something_is_always_left() {
        assert_eq!(kept("aassrr"), "ss");
        assert_eq!(kept("aarrsrr"), "rrs");
        assert_eq!(kept("aarr"), "r");
        assert_eq!(kept("aaa"), "aaa");
        assert_eq!(kept(""), "");
    }
}
