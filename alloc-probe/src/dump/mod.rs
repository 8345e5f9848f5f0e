//! Writing dumps, and what they say of the process's memory.

mod instant;
mod last;
pub(crate) mod memory;
pub(crate) mod output;
pub(crate) mod target;
mod write;

#[cfg(feature = "pprof")]
pub(crate) use instant::Instant;
pub(crate) use last::leave_dump;
#[cfg(feature = "pprof")]
pub(crate) use write::one_at_a_time;
pub(crate) use write::{reset_after_fork, save, write};
