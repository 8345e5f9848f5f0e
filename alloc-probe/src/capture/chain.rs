//! From the frames of a whole stack to its node.

use super::{Captured, FRAMES_RECORDED, FrameKey, Tree};

/// Of a stack deeper than [`FRAMES_RECORDED`], how many outer frames are recorded. Inward of them comes the cut, and
/// then as many inner frames as make up the rest.
pub(super) const OUTER: usize = FRAMES_RECORDED / 2;
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
    fn recorded(self) -> impl DoubleEndedIterator<Item = FrameKey> {
        let depth = self.depth();
        let frame = move |i: usize| self.keys.get(depth - 1 - i).copied().unwrap_or(FrameKey::CUT);
        (0..depth.min(FRAMES_RECORDED)).map(move |i| match i {
            _ if depth <= FRAMES_RECORDED || i < OUTER => frame(i),
            OUTER => FrameKey::CUT,
            _ => frame(depth - FRAMES_RECORDED + i),
        })
    }

    /// Finds or adds its node.
    pub(super) fn capture<T: Tree>(self, tree: &T) -> Captured {
        let node = self.recorded().try_fold(T::ROOT, |node, frame| tree.child(node, frame));
        let truncated = !self.whole || self.depth() > FRAMES_RECORDED;
        Captured { node: node.unwrap_or(T::ROOT), truncated }
    }

    /// Whether `node` stands for it. `parent` tells a node's parent and frame.
    #[cfg(all(test, target_os = "linux", target_arch = "x86_64", not(feature = "portable-unwinder")))]
    pub(super) fn is_at<T: Tree>(self, node: u32, parent: impl Fn(u32) -> (u32, FrameKey)) -> bool {
        let outside = self.recorded().rev().try_fold(node, |node, frame| {
            (node != T::ROOT).then(|| parent(node)).filter(|&(_, key)| key == frame).map(|(outer, _)| outer)
        });
        outside == Some(T::ROOT)
    }
}
