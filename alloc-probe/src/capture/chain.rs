//! From the frames of a whole stack to its node.

use super::captured::{CaptureFlags, Captured, Tree};
use super::frame::{FRAMES_RECORDED, FrameKey};

/// Of a stack deeper than [`FRAMES_RECORDED`], how many outer frames are recorded. Inward of them comes the cut, and
/// then as many inner frames as make up the rest.
pub(super) const OUTER: usize = FRAMES_RECORDED / 2;

/// Frames that walkers write down. Of a deeper stack the outermost are missing.
pub(super) const FRAMES_WALKED: usize = 32_768;

/// The frames of a stack, as a walk from the inside wrote them down.
#[derive(Clone, Copy)]
pub(super) struct Frames<'a> {
    /// The innermost first.
    pub(super) keys: &'a [FrameKey],
    /// Whether the last of them is where the stack begins.
    pub(super) whole: bool,
}

impl Frames<'_> {
    /// How many frames the stack has, with a cut at its outer end if it isn't whole.
    fn depth(self) -> usize {
        self.keys.len() + usize::from(!self.whole)
    }

    /// What is recorded of it, from the outermost frame inwards.
    pub(super) fn recorded(self) -> impl DoubleEndedIterator<Item = FrameKey> + ExactSizeIterator {
        let depth = self.depth();
        let frame = move |i: usize| self.keys.get(depth - 1 - i).copied().unwrap_or(FrameKey::CUT);
        (0..depth.min(FRAMES_RECORDED)).map(move |i| match i {
            _ if depth <= FRAMES_RECORDED || i < OUTER => frame(i),
            OUTER => FrameKey::CUT,
            _ => frame(depth - FRAMES_RECORDED + i),
        })
    }

    /// Finds or adds its node, inward of `root`.
    pub(super) fn capture<T: Tree>(self, tree: &T, root: u32) -> Captured {
        let node = self.recorded().try_fold(root, |node, frame| tree.child(node, frame));
        Captured { node: node.unwrap_or(T::ROOT), flags: CaptureFlags::new(self.truncated(), false) }
    }

    /// Whether frames are missing in what is recorded of it.
    pub(super) fn truncated(self) -> bool {
        !self.whole || self.depth() > FRAMES_RECORDED
    }
}
