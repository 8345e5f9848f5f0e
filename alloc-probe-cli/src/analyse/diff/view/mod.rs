//! A diff as people look at it: the stacks of both builds side by side, under one spelling, and as one tree.

pub mod merged;
pub mod stack;
pub mod tree;
