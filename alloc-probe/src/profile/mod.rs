//! What is kept of the program's allocations.

pub(crate) mod blocks;
pub(crate) mod counters;
pub(crate) mod marks;
mod names;
pub(crate) mod operations;
pub(crate) mod peak;
pub(crate) mod resident;
pub(crate) mod stack_depth;
pub(crate) mod timeline;
pub(crate) mod totals;
pub(crate) mod tree;
