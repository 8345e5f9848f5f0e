//! From the frames of a whole stack to its node.

use super::{Captured, FRAMES_RECORDED, FrameKey, Tree};

/// Of a stack deeper than [`FRAMES_RECORDED`], how many outer frames are kept…
pub(super) const OUTER: usize = FRAMES_RECORDED / 2;
/// … and how many inner ones, so that with the cut between them it's as many as of a stack that just fits.
pub(super) const INNER: usize = FRAMES_RECORDED - OUTER - 1;

/// The node of a stack of `depth` frames, of which `frame` tells each, from 0 for the outermost. `None` where the
/// tree has no space.
pub(super) fn node_of<T: Tree>(tree: &T, depth: usize, frame: impl Fn(usize) -> FrameKey) -> Option<u32> {
    let child = |node: u32, i: usize| tree.child(node, frame(i));
    if depth <= FRAMES_RECORDED {
        return (0..depth).try_fold(T::ROOT, child);
    }
    let outer = (0..OUTER).try_fold(T::ROOT, child)?;
    let cut = tree.child(outer, FrameKey::CUT)?;
    (depth - INNER..depth).try_fold(cut, child)
}

/// The stack that [`node_of`] finds in `keys`, which are ordered from the innermost frame outwards. `whole` tells
/// whether the last of them is where the stack begins.
pub(super) fn capture_of<T: Tree>(tree: &T, keys: &[FrameKey], whole: bool) -> Captured {
    let cut = usize::from(!whole);
    let depth = keys.len() + cut;
    let frame = |i: usize| if i < cut { FrameKey::CUT } else { keys[depth - 1 - i] };
    Captured { node: node_of(tree, depth, frame).unwrap_or(T::ROOT), truncated: !whole || depth > FRAMES_RECORDED }
}
