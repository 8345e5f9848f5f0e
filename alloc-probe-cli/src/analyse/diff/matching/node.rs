//! A call in a tree of calls.

use super::few::Few;
use crate::analyse::diff::key::FunctionId;
use crate::analyse::diff::step::Step;

/// The function of a tree's root, which is none.
pub(super) const NOBODY: FunctionId = FunctionId(u32::MAX);

/// A call in the tree. The root is none, and stands for who called the outermost functions.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Who calls it; the root's is itself.
    pub(super) caller: u32,
    /// The function, and the line of the call in it, as the new build numbers its lines.
    pub(super) step: Step,
    /// Whom it calls.
    pub(super) children: Few,
    /// The groups whose blocks it allocates itself.
    pub(super) groups: Few,
    /// Blocks that are allocated here and below.
    pub(super) blocks: u64,
}

/// The number of the root.
pub(super) const ROOT: u32 = 0;
