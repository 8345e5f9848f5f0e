//! What taking a stack needs, and what comes of it.

use super::frame::FrameKey;

/// Where frames become nodes: a tree of stacks that grows from the outermost frame inwards.
pub(crate) trait Tree {
    /// The node of the empty stack outside any operation.
    const ROOT: u32;

    /// The child of `parent` for `frame`, found or added. `None` where there's no space for it.
    fn child(&self, parent: u32, frame: FrameKey) -> Option<u32>;

    /// The parent of a node other than the root, and its frame.
    #[cfg(any(test, feature = "checked-stacks"))]
    fn parent(&self, node: u32) -> (u32, FrameKey);
}

/// A stack taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// The node of its innermost frame; [`Tree::ROOT`] where the tree had no space for it.
    pub(crate) node: u32,
    pub(crate) flags: CaptureFlags,
}

/// What is unusual about a stack: nothing, for nearly all.
// PERF: one byte beside the node, so that the two are returned in registers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CaptureFlags(u8);

impl CaptureFlags {
    pub(crate) const NONE: CaptureFlags = CaptureFlags(0);

    #[inline(always)]
    pub(super) fn new(truncated: bool, deepest: bool) -> CaptureFlags {
        CaptureFlags(u8::from(truncated) | u8::from(deepest) << 1)
    }

    /// Whether frames are missing.
    pub(crate) fn truncated(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether the thread's stack never reached as far at a capture: [`CachedStack::own_stack`](super::CachedStack::own_stack) tells how far.
    pub(crate) fn deepest(self) -> bool {
        self.0 & 2 != 0
    }
}

/// The calling thread's own stack, and how far it has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnStack {
    /// Where it ends at the most: it grows downwards.
    pub(crate) low: u64,
    /// Where it begins.
    pub(crate) high: u64,
    /// The lowest stack pointer at any capture.
    pub(crate) lowest: u64,
}
