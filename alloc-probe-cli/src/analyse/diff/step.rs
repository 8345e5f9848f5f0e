//! The frames of a stack that two builds can be expected to agree on: those of the program's own functions.

use super::key::{FunctionId, Key};
use crate::profile::{FrameId, Role, Site};
use crate::source::roles::telling;

/// A call by one of the program's functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Step {
    /// The function.
    pub(super) function: FunctionId,
    /// The line of the call in it; 0 where it is not known.
    pub(super) line: u32,
    /// The column of the call; 0 where it is not known.
    pub(super) column: u32,
}

/// The program's frames of a stack, from the allocation outwards. Where it has none, as for what the runtime allocates
/// before `main`: those that are not the allocator's.
pub(super) fn program_frames<'a>(
    site: &'a Site,
    keys: &'a [Key],
) -> impl DoubleEndedIterator<Item = FrameId> + 'a {
    let wanted = program_roles(site, keys);
    site.frames.iter().copied().filter(move |frame| wanted(keys[frame.0 as usize].role))
}

/// Whether a frame of a stack is one of the program's, by whose code it is. Of a stack without any, the standard library's
/// say most of what it is.
pub(super) fn program_roles(site: &Site, keys: &[Key]) -> fn(Role) -> bool {
    telling(|wanted| site.frames.iter().any(|frame| wanted(keys[frame.0 as usize].role)))
}
