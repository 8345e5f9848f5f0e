//! The frames of a stack that two builds can be expected to agree on: those of the program's own functions.

use super::key::{FunctionId, Functions, Key};
use crate::profile::{FrameId, Profile, Site};
use crate::source::roles::{Test, telling};

/// A call by one of the program's functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
pub(super) fn program_frames(profile: &Profile, site: &Site, keys: &[Key]) -> Vec<FrameId> {
    let mut frames: Vec<FrameId> = profile.frames_of(site).collect();
    let wanted = program_roles(&frames, keys);
    frames.retain(|frame| wanted(keys[frame.0 as usize].role));
    frames
}

/// Whether a frame of a stack is one of the program's, by whose code it is. Of a stack without any, the standard library's
/// say most of what it is.
pub(super) fn program_roles(frames: &[FrameId], keys: &[Key]) -> Test {
    telling(frames.iter().map(|frame| keys[frame.0 as usize].role))
}

/// The number of a function by its type, where it can be seen to recur.
pub(super) fn recurring(functions: &Functions, function: FunctionId, of_type: u32) -> Option<u32> {
    functions.known[function.0 as usize].is_named.then_some(of_type)
}
