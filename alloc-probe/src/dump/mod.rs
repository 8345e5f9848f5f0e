//! Writing dumps, and what they say of the process's memory.

pub(crate) mod memory;
pub(crate) mod output;
pub(crate) mod target;
mod write;

pub(crate) use write::*;
