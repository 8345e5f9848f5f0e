//! Writing dumps, and what they say of the process's memory.

mod last;
pub(crate) mod memory;
pub(crate) mod output;
pub(crate) mod target;
mod write;

pub(crate) use last::leave_dump;
pub(crate) use write::{reset_after_fork, save, write};
